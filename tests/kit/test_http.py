"""The edge of every request: its id, its limits, its failures as problems, its line in the log."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
import redis.exceptions
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.types import Message

from api.kit.hot import HotRoute, Lane
from api.kit.http import Edge, install, json_response
from api.kit.ids import new_id
from api.kit.logging import request_id
from api.kit.problems import NotAllowed, SessionExpired, TooMany

TOKEN, PERSON, QUERY = "a_token-of-somebody", str(new_id()), "13900001234"
BODY = "what was sent"
EVERY_PROBLEM = {"type", "code", "title", "status", "detail", "request_id"}


class Gate:
    """Holds requests at `/wait` until opened; three fill it."""

    def __init__(self) -> None:
        self.open, self.full = asyncio.Event(), asyncio.Event()
        self.inside = 0

    async def wait(self) -> str:
        self.inside += 1
        if self.inside == 3:
            self.full.set()
        await self.open.wait()
        return "through"


async def _fail(request: Request) -> Response:
    failures: dict[str, Callable[[], Exception]] = {
        "value": lambda: ValueError("select secret from people where phone = '13900001234'"),
        "sql": lambda: asyncpg.UndefinedColumnError('column "secret" does not exist'),
        "away": lambda: ConnectionRefusedError(111, "no engine"),
        "redis": lambda: redis.exceptions.ConnectionError("no redis"),
        "refused": lambda: NotAllowed("不行", moves=["sign"]),
        "who": lambda: SessionExpired("请先登录"),
        "often": lambda: TooMany(retry_after=30),
    }
    raise failures[request.path_params["kind"]]()


def _app(gate: Gate, limit: int = 3) -> FastAPI:
    slow, fast = APIRouter(), APIRouter(route_class=HotRoute)

    @slow.get("/people/{person_id}")
    async def person(person_id: str) -> dict[str, str]:
        return {"id": person_id, "request": request_id.get()}

    @slow.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    @fast.post("/fast/read", response_model=None)
    async def fast_read(request: Request) -> Response:
        return json_response(len(await request.body()))

    @slow.get("/healthz")
    async def healthz() -> str:
        return "ok"

    slow.add_api_route("/wait", gate.wait)
    slow.add_api_route("/fail/{kind}", _fail, response_model=None)
    fast.add_api_route("/fast/fail/{kind}", _fail, response_model=None)
    app = FastAPI()
    for router in (slow, fast):
        app.include_router(router)
    install(app)
    lane = Lane([(r.path, r) for r in fast.routes if isinstance(r, HotRoute)])
    app.add_middleware(Edge, max_body=2048, limit=limit, lane=lane)
    return app


@asynccontextmanager
async def speaking(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kit.test") as client:
        yield client


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def client(gate: Gate) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking(_app(gate)) as opened:
        yield opened


def _problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert set(found) >= EVERY_PROBLEM
    assert found["request_id"] == answer.headers["x-request-id"]
    return found


async def test_a_request_keeps_the_id_it_came_with(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/people/{PERSON}", headers={"x-request-id": "from-nginx_1.2"})
    assert answer.headers["x-request-id"] == answer.json()["request"] == "from-nginx_1.2"


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "with space", "new\tline", '"quoted"', "中文的编号啊啊"]
)
async def test_a_strange_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get(f"/people/{PERSON}", headers={b"x-request-id": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 16


async def test_each_request_without_one_gets_its_own(client: httpx.AsyncClient) -> None:
    seen = {(await client.get("/people/1")).headers["x-request-id"] for _ in range(20)}
    assert len(seen) == 20
    assert request_id.get() == "-"


@pytest.mark.parametrize("path", ["/read", "/fast/read"])
async def test_a_body_may_be_as_long_as_the_limit_and_no_longer(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.post(path, content=b"x" * 2048)).json() == 2048
    found = _problem(await client.post(path, content=b"x" * 2049), 413, "too_large")
    assert (found["limit_bytes"], found["detail"]) == (2048, "请求内容不能超过 2 KB")


@pytest.mark.parametrize("path", ["/read", "/fast/read"])
async def test_a_body_in_pieces_is_counted_as_it_comes(client: httpx.AsyncClient, path: str) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 512

    assert (await client.post(path, content=pieces(4))).json() == 2048
    _problem(await client.post(path, content=pieces(5)), 413, "too_large")


async def test_a_length_that_lies_does_not_get_more_in(gate: Gate) -> None:
    """An honest server would not pass it on; what arrives is counted all the same."""
    sent: list[Message] = []
    body = iter([b"x" * 2000, b"x" * 2000])

    async def receive() -> Message:
        return {"type": "http.request", "body": next(body), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "method": "POST", "path": "/fast/read", "raw_path": b"/fast/read",
        "query_string": b"", "headers": [(b"content-length", b"10")],
    }  # fmt: skip
    await _app(gate)(scope, receive, send)
    assert sent[0]["status"] == 413


async def test_more_at_once_than_the_limit_are_told_to_come_again(
    client: httpx.AsyncClient, gate: Gate
) -> None:
    waiting = [asyncio.create_task(client.get("/wait")) for _ in range(3)]
    await gate.full.wait()
    refused = await client.get("/wait")
    _problem(refused, 503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert gate.inside == 3
    assert (await client.get("/healthz")).status_code == 200
    gate.open.set()
    assert {(await task).status_code for task in waiting} == {200}
    assert (await client.get("/wait")).status_code == 200


async def test_a_request_that_fails_gives_its_place_back(gate: Gate) -> None:
    gate.open.set()
    async with speaking(_app(gate, limit=1)) as client:
        for _ in range(3):
            assert (await client.get("/fail/value")).status_code == 500
        assert (await client.get("/wait")).status_code == 200


@pytest.mark.parametrize("prefix", ["", "/fast"])
@pytest.mark.parametrize("kind", ["value", "sql"])
async def test_an_unforeseen_error_shows_nothing_of_the_inside(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, prefix: str, kind: str
) -> None:
    answer = await client.get(f"{prefix}/fail/{kind}", headers={"x-request-id": "to-be-found"})
    found = _problem(answer, 500, "internal")
    assert set(found) == EVERY_PROBLEM
    assert not any(word in answer.text for word in ("select", "secret", "Traceback", "Error", "13900001234"))
    [record] = [r for r in caplog.records if r.name == "linli.http"]
    assert record.exc_info is None  # a traceback would quote the message
    told = f"{record.getMessage()} {record.__dict__['error']} {record.__dict__['trail']}"
    assert "Error" in told
    assert "_fail" in told
    assert "13900001234" not in told
    assert "secret" not in told


@pytest.mark.parametrize("prefix", ["", "/fast"])
@pytest.mark.parametrize(
    ("kind", "status", "code", "headers"),
    [
        ("away", 503, "database_unavailable", {"retry-after": "2"}),
        ("redis", 503, "sessions_unavailable", {"retry-after": "2"}),
        ("refused", 403, "not_allowed", {}),
        ("who", 401, "session_expired", {"www-authenticate": "Bearer"}),
        ("often", 429, "too_many_requests", {"retry-after": "30"}),
    ],
)
async def test_a_failure_is_the_problem_it_means(
    client: httpx.AsyncClient, prefix: str, kind: str, status: int, code: str, headers: dict[str, str]
) -> None:
    answer = await client.get(f"{prefix}/fail/{kind}")
    found = _problem(answer, status, code)
    assert {name: answer.headers.get(name) for name in ("retry-after", "www-authenticate")} == {
        "retry-after": None, "www-authenticate": None, **headers
    }  # fmt: skip
    assert found.get("moves") == (["sign"] if kind == "refused" else None)


async def test_an_answer_that_had_begun_is_not_begun_again(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async def halfway(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("halfway")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    await Edge(halfway, max_body=1, limit=1, lane=Lane([]))(scope, _nothing, send)
    assert [m["type"] for m in sent] == ["http.response.start"]
    assert "failed after the answer had begun" in caplog.text


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_the_access_log_has_no_person_no_token_and_no_query(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "linli.http")
    how = {"params": {"phone": QUERY}, "headers": {"authorization": f"Bearer {TOKEN}"}}
    await client.get(f"/people/{PERSON}", **how)
    await client.post("/fast/read", content=BODY.encode(), **how)
    await client.get(f"/nowhere/{PERSON}", **how)
    await client.get("/fail/refused", **how)
    written = capsys.readouterr().err
    assert not any(secret in written for secret in (TOKEN, PERSON, QUERY, "phone", BODY))
    lines = [json.loads(line) for line in written.splitlines()]
    assert [(x["method"], x["route"], x["status"]) for x in lines] == [
        ("GET", "/people/{person_id}", 200),
        ("POST", "/fast/read", 200),
        ("GET", "-", 404),
        ("GET", "/fail/{kind}", 403),
    ]
    for line in lines:
        assert set(line) == {"at", "level", "logger", "request_id", "method", "route", "status", "ms"}


async def test_a_quiet_process_writes_no_access_log(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "linli.http")
    await client.get("/healthz")
    assert capsys.readouterr().err == ""
