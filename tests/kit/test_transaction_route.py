"""One request, one transaction: the answer leaves when its effect is durable, or it says that there is none."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.db import Database
from api.kit.hot import Lane
from api.kit.http import Edge, TransactionRoute, install
from api.kit.idempotency import Pending
from api.kit.ids import new_id
from api.kit.problems import NotAllowed

PERSON = new_id()
INSIDES = ("Traceback", "asyncpg", "sqlalchemy", "insert", "select", "things_other_fkey", "things")


async def _tx(request: Request) -> AsyncSession:
    tx: AsyncSession = request.state.tx
    return tx


Tx = Annotated[AsyncSession, Depends(_tx)]
router = APIRouter(route_class=TransactionRoute)


@router.post("/things/{number}")
async def add(number: int, tx: Tx, other: int | None = None) -> dict[str, int]:
    await tx.execute(text("insert into things values (:id, :other)"), {"id": number, "other": other})
    return {"added": number}


@router.post("/refused/{number}")
async def add_and_refuse(number: int, tx: Tx) -> dict[str, int]:
    await add(number, tx)
    raise NotAllowed


@router.post("/misshapen/{number}")
async def add_and_answer_nonsense(number: int, tx: Tx) -> list[int]:
    return await add(number, tx)  # type: ignore[return-value]


@router.post("/kept/{number}")
async def add_with_key(request: Request, number: int, tx: Tx, other: int | None = None) -> dict[str, int]:
    request.state.pending = Pending(PERSON, f"key-{number}", b"print")
    return await add(number, tx, other)


@router.get("/things/{number}")
async def add_by_reading(number: int, tx: Tx) -> dict[str, int]:
    return await add(number, tx)


@pytest.fixture
async def app(db: Database, as_owner: Callable[[str], Awaitable[None]]) -> FastAPI:
    """A small app of its own on a table whose reference is looked at only when the transaction commits."""
    await as_owner(
        "create table things (id integer primary key,"
        " other integer references things deferrable initially deferred)"
    )
    made = FastAPI()
    made.state.db = db
    made.include_router(router)
    install(made)
    made.add_middleware(Edge, max_body=1000, limit=10, lane=Lane([]))
    return made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kit.test") as opened:
        yield opened


async def _count(db: Database, table: str = "things") -> int:
    async with db.reading() as tx:
        return int((await tx.execute(text(f"select count(*) from {table}"))).scalar_one())


async def test_what_was_answered_is_there(client: httpx.AsyncClient, db: Database) -> None:
    answer = await client.post("/things/1")
    assert (answer.status_code, answer.json()) == (200, {"added": 1})
    assert await _count(db) == 1


async def test_a_commit_that_fails_is_never_answered_with_success(
    client: httpx.AsyncClient, db: Database
) -> None:
    answer = await client.post("/things/1?other=7")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert not any(word in answer.text for word in INSIDES)
    assert await _count(db) == 0
    assert (await client.post("/things/1?other=1")).status_code == 200


async def test_nobody_is_told_before_the_commit(app: FastAPI, db: Database) -> None:
    """Another connection sees the row at the moment the first byte of the answer leaves."""
    seen: list[tuple[str, int]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        seen.append((message["type"], await _count(db)))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "POST",
        "path": "/things/1",
        "raw_path": b"/things/1",
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)
    assert seen == [("http.response.start", 1), ("http.response.body", 1)]


@pytest.mark.parametrize(("path", "status"), [("/refused/1", 403), ("/misshapen/1", 500)])
async def test_who_is_refused_after_writing_has_written_nothing(
    client: httpx.AsyncClient, db: Database, path: str, status: int
) -> None:
    assert (await client.post(path)).status_code == status
    assert await _count(db) == 0


async def test_a_read_cannot_write(client: httpx.AsyncClient, db: Database) -> None:
    answer = await client.get("/things/1")
    assert answer.status_code == 500
    assert not any(word in answer.text for word in INSIDES)
    assert await _count(db) == 0


async def test_the_kept_answer_is_the_one_that_was_sent(client: httpx.AsyncClient, db: Database) -> None:
    answer = await client.post("/kept/1")
    async with db.reading() as tx:
        kept = (await tx.execute(text("select status, body from idempotency_answers"))).one()
    assert (kept.status, bytes(kept.body)) == (answer.status_code, answer.content)


async def test_a_key_is_kept_with_its_effect_or_not_at_all(client: httpx.AsyncClient, db: Database) -> None:
    assert (await client.post("/kept/1?other=7")).status_code == 500
    assert (await _count(db), await _count(db, "idempotency_keys")) == (0, 0)
    assert (await client.post("/kept/1")).status_code == 200
    assert (await _count(db), await _count(db, "idempotency_keys")) == (1, 1)
