"""Hot endpoints resolve and refuse exactly as the framework does, and their lane finds them and nothing else."""

import json
import re
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import anyio
import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.kit.hot import HotRoute, Lane, compile_endpoint
from api.kit.http import Edge, install, json_response
from api.kit.problems import NotAllowed
from api.main import DOORS
from api.openapi import hot_routes


class Colour(StrEnum):
    red = "red"
    green = "green"


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=2, max_length=5)
    colour: Colour = Colour.red
    kind: Literal["a", "b"] = "a"
    who: UUID | None = None
    stars: list[Annotated[int, Field(ge=1, le=5)]] = Field([], max_length=2)
    at: AwareDatetime | None = None
    sure: bool = False


async def who_asks(request: Request) -> str:
    if request.headers.get("x-blocked"):
        raise NotAllowed
    return request.headers.get("x-who", "nobody")


Who = Annotated[str, Depends(who_asks)]
Number = Annotated[int, Query(ge=1, le=100)]
ThingId = Annotated[UUID, Path()]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


async def look(
    thing_id: ThingId,
    who: Who,
    needed: Annotated[Colour, Query()],
    limit: Number = 20,
    after: Annotated[str | None, Query(max_length=4)] = None,
    mine: Annotated[bool, Query()] = False,
    x_trace: Annotated[int, Header()] = 7,
    key: Key = None,
) -> Response:
    return json_response([thing_id, who, needed, limit, after, mine, x_trace, key])


async def wish(body: Wish, thing_id: ThingId, request: Request, who: Who, limit: Number = 20) -> Response:
    return json_response([body.model_dump(mode="json"), thing_id, request.method, who, limit])


def _app(route_class: type[APIRoute]) -> FastAPI:
    router = APIRouter(route_class=route_class)
    for path, method, endpoint in (("/{thing_id}", "GET", look), ("/{thing_id}/wish", "POST", wish)):
        router.add_api_route(path, endpoint, methods=[method], response_model=None)
    app = FastAPI()
    app.include_router(router)
    install(app)
    app.add_middleware(Edge, max_body=100_000, limit=10, lane=Lane([]))
    return app


HOT, PLAIN = _app(HotRoute), _app(APIRoute)


def _ask(app: FastAPI, method: str, url: str, **how: Any) -> tuple[int, Any]:
    """Status and body; of errors where and the words, for which pydantic may have two names."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://kit.test") as client:
            return await client.request(method, url, **how)

    answer = anyio.run(ask)
    found = answer.json()
    if answer.is_success:
        return answer.status_code, found
    errors = sorted((e["loc"], e["msg"]) for e in found.get("errors", ()))
    return answer.status_code, [found["code"], errors]


def agree(method: str, url: str, **how: Any) -> tuple[int, Any]:
    """The answer of both; fails when they differ."""
    hot, plain = _ask(HOT, method, url, **how), _ask(PLAIN, method, url, **how)
    assert hot == plain, (url, how)
    return hot


SOME_ID = "01938f2a-6f00-7000-8000-0123456789ab"
ids = st.sampled_from([SOME_ID, SOME_ID.upper(), SOME_ID.replace("-", ""), "x", "1", SOME_ID[:-1] + "g"])
words = st.sampled_from(
    ["", "0", "1", "20", "100", "101", "-3", "1.0", "1.5", "1e2", " 5 ", "٣", "9" * 30, "true", "no", "2", "red",
     "green", "Red", "null", "abcd", "abcde", "梅园", "a b", "%"]
)  # fmt: skip
query = st.lists(st.tuples(st.sampled_from(["needed", "limit", "after", "mine", "other"]), words), max_size=5)
headers = st.dictionaries(
    st.sampled_from(["x-trace", "idempotency-key", "x-who", "x-blocked", "x_trace"]),
    st.sampled_from(["", "1", "x", " 12", "9" * 30, "k-1"]),
    max_size=3,
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 7), st.floats(allow_nan=False, allow_infinity=False),
    st.just(10**20), st.text(max_size=7), st.sampled_from([
        "red", "a", SOME_ID, "2026-01-05T09:00:00+08:00", "2026-01-05T09:00:00", "2026-01-05", "1736038800", "true"
    ]),
)  # fmt: skip
members = st.sampled_from([*Wish.model_fields, "unknown", "Title"])
bodies = st.one_of(
    st.dictionaries(members, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=5),
    st.builds(lambda more: {"title": "abc", **more}, st.dictionaries(members, scalars, max_size=2)),
    scalars,
    st.lists(scalars, max_size=2),
)


@settings(max_examples=250, deadline=None)
@given(ids, query, headers)
def test_paths_queries_and_headers_are_read_as_the_framework_reads_them(
    thing: str, asked: list[tuple[str, str]], sent: dict[str, str]
) -> None:
    agree("GET", f"/{thing}?{urlencode(asked)}", headers=sent)


@settings(max_examples=250, deadline=None)
@given(ids, bodies, query)
def test_bodies_are_read_as_the_framework_reads_them(
    thing: str, body: Any, asked: list[tuple[str, str]]
) -> None:
    content = json.dumps(body).encode()
    agree(
        "POST",
        f"/{thing}/wish?{urlencode(asked)}",
        content=content,
        headers={"content-type": "application/json"},
    )


def test_the_good_ones_get_through() -> None:
    """Lest the two agree only in refusing."""
    status, found = agree("GET", f"/{SOME_ID}?needed=green&limit=5&mine=true", headers={"x-who": "me"})
    assert (status, found) == (200, [SOME_ID, "me", "green", 5, None, True, 7, None])
    status, found = agree("POST", f"/{SOME_ID}/wish", json={"title": "abc", "who": SOME_ID, "stars": [5, 1]})
    assert status == 200
    assert (found[0]["stars"], found[2:]) == ([5, 1], ["POST", "nobody", 20])


def test_all_that_is_wrong_is_told_at_once() -> None:
    status, found = agree("POST", "/x/wish?limit=0", json={"title": "x", "colour": "blue", "extra": 1})
    assert status == 422
    assert found[0] == "malformed"
    assert len(found[1]) == 5


def test_who_may_not_is_told_before_what_is_wrong() -> None:
    status, found = agree("GET", "/x?limit=0", headers={"x-blocked": "1"})
    assert (status, found[0]) == (403, "not_allowed")


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"title": "\xc3\x28"}', b"null", b"nonsense", b"[" * 5000, b'{"a":1} x']
)
def test_what_is_no_json_is_malformed_for_both(content: bytes) -> None:
    for app in (HOT, PLAIN):
        status, found = _ask(
            app, "POST", f"/{SOME_ID}/wish", content=content, headers={"content-type": "application/json"}
        )
        assert (status, found[0]) == (422, "malformed")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x=1"],
)
def test_json_by_any_spelling_is_json(kind: str) -> None:
    agree("POST", f"/{SOME_ID}/wish", content=b'{"title": "abc"}', headers={"content-type": kind})


@pytest.mark.parametrize("kind", ["", "text/plain", "application/jsonx", "application/x-www-form-urlencoded"])
def test_what_is_not_called_json_is_refused_by_name(kind: str) -> None:
    """Here the framework would say that the bytes are no object; a person is helped more by the true reason."""
    how = {"content": b'{"title": "abc"}', "headers": {"content-type": kind} if kind else {}}
    assert _ask(HOT, "POST", f"/{SOME_ID}/wish", **how) == (415, ["unsupported_media", []])
    assert _ask(PLAIN, "POST", f"/{SOME_ID}/wish", **how)[0] == 422


async def _with_dependency_of_dependency(deep: Annotated[str, Depends(lambda who: who)]) -> Response:
    return Response()


async def _unmarked(limit: int) -> Response:
    return Response()


@pytest.mark.parametrize("endpoint", [_with_dependency_of_dependency, _unmarked])
def test_an_endpoint_that_asks_for_more_is_refused_when_it_is_declared(endpoint: Any) -> None:
    with pytest.raises(TypeError):
        compile_endpoint(endpoint)


def _lane(*templates: str) -> Lane:
    async def answer() -> Response:
        return Response()

    return Lane([(t, HotRoute(t, answer, methods=["GET"], response_model=None)) for t in templates])


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/v1/cases", ("/v1/cases", {})),
        ("GET", f"/v1/cases/{SOME_ID}", ("/v1/cases/{case_id}", {"case_id": SOME_ID})),
        ("GET", "/v1/cases/" + "x" * 36, ("/v1/cases/{case_id}", {"case_id": "x" * 36})),
        ("GET", "/v1/codes/abc", ("/v1/codes/{code}", {"code": "abc"})),
        ("GET", f"/v1/cases/{SOME_ID}/similar/{SOME_ID}", None),
        ("GET", "/v1/cases/similar", None),
        ("GET", "/v1/cases/", None),
        ("GET", "/v1/codes/", None),
        ("GET", "/v1/cases/{case_id}", None),
        ("GET", "/v1//cases", None),
        ("GET", "/v1/Cases", None),
        ("GET", "v1/cases", None),
        ("GET", "", None),
        ("POST", "/v1/cases", None),
        ("HEAD", "/v1/cases", None),
        ("get", "/v1/cases", None),
    ],
)
def test_the_lane_finds_its_templates_and_leaves_the_rest(method: str, path: str, found: Any) -> None:
    hit = _lane("/v1/cases", "/v1/cases/{case_id}", "/v1/codes/{code}").find(method, path)
    assert (hit and hit[:2]) == found


def test_every_hot_route_of_the_product_is_found_under_both_prefixes() -> None:
    routes = hot_routes(DOORS)
    lane = Lane(routes)
    assert {path.split("/v1/")[0] for path, _ in routes} == {"", "/admin"}
    for path, route in routes:
        for method in route.methods or ():
            hit = lane.find(method, re.sub(r"\{\w+\}", SOME_ID, path))
            assert hit is not None
            assert hit[0] == path
