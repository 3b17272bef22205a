"""Role × route × subject here and there, on both doors: what each gets is what tests/routers/matrix.py says."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.db import Database
from tests.conformance import specification, told
from tests.routers import matrix, matrix_topics
from tests.routers.matrix import ASKERS, LOGS_IN, PUBLIC, SIGNED, Asker, Line
from tests.routers.matrix_world import World
from tests.town import Town

TABLE: dict[str, Line | list[Line]] = {**matrix.TABLE, **matrix_topics.TABLE}
APART = (LOGS_IN, SIGNED, PUBLIC)
"""None asks whose session it is."""
DOORS = {"/v1": False, "/admin/v1": True}
"""Prefix → whether a console session opens it."""


def routes() -> Iterator[tuple[str, str]]:
    """(door, "METHOD /path") of everything the API answers to, documented or not."""
    for route in iter_route_contexts(told().routes):
        door = next((d for d in DOORS if str(route.path).startswith(f"{d}/")), None)
        if door is not None and isinstance(route.original_route, APIRoute):
            for method in sorted(route.methods or ()):
                yield door, f"{method} {str(route.path).removeprefix(door)}"


def test_every_route_has_its_line_and_every_line_its_route(app: FastAPI) -> None:
    assert {key for _, key in routes()} == set(TABLE)


@pytest.fixture
async def world(
    town: Town, app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> World:
    """Filled; from then on every unit of work is rolled back, so that nobody finds what another did."""
    made = World(app, client)
    await made.fill(town)
    db: Database = app.state.db

    @asynccontextmanager
    async def rolled_back() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(db.engine, expire_on_commit=False) as session:
            yield session
            await session.rollback()

    monkeypatch.setattr(db, "transaction", rolled_back)
    return made


def _lines(key: str) -> list[Line]:
    found = TABLE[key]
    return found if isinstance(found, list) else [found]


async def _fault(world: World, door: str, key: str, line: Line, asker: Asker, here: bool) -> str | None:
    """What is wrong with the answer to one question, or None."""
    answer = await world.ask(door, key, line, world.tokens[asker.name, DOORS[door]], here)
    told = f"{door} {key} {line.subject} by {asker.name} {'here' if here else 'there'}"
    expected = line.expected(asker, here)
    if answer.status_code != expected:
        return f"{told}: {answer.status_code} instead of {expected}"
    if line.listed and expected == line.ok:
        ids = {item["id"] for item in answer.json()["items"]}
        if (world.subjects[here][line.listed] in ids) != line.see(asker, here):
            return f"{told}: {line.listed} is {'not ' if line.see(asker, here) else ''}in the list"
    return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("door", DOORS)
async def test_everybody_gets_what_the_map_of_roles_says(world: World, app: FastAPI, door: str) -> None:
    keys = sorted(key for d, key in routes() if d == door and not any(TABLE[key] is apart for apart in APART))
    faults = [
        await _fault(world, door, key, line, asker, here)
        for key in keys
        for line in _lines(key)
        for asker in ASKERS
        for here in (True, False)
    ]
    assert [fault for fault in faults if fault] == []


@pytest.mark.parametrize("door", DOORS)
async def test_nobody_gets_in_without_a_session_or_through_the_other_door(
    world: World, app: FastAPI, door: str
) -> None:
    other = world.tokens["operator", not DOORS[door]]
    faults = [
        (door, key, answer.status_code)
        for d, key in routes()
        if d == door and not any(TABLE[key] is apart for apart in APART)
        for token in (None, other, "a_forged", "c_forged")
        if (answer := await world.ask(door, key, _lines(key)[0], token, True)).status_code != 401
    ]
    assert faults == []


async def test_every_refusal_is_documented_where_it_happens(world: World, app: FastAPI) -> None:
    """Asked by those who are refused for different reasons: an auditor, a stranger, a console user without roles."""
    faults = []
    documents = {door: specification(console)["paths"] for door, console in DOORS.items()}
    for door, key in routes():
        if any(TABLE[key] is apart for apart in APART):
            continue
        method, _, path = key.partition(" ")
        responses = documents[door][door + path][method.lower()]["responses"]
        for line in _lines(key):
            for name in ("auditor", "operator", "stranger"):
                answer = await world.ask(door, key, line, world.tokens[name, DOORS[door]], False)
                if answer.is_success:
                    continue
                code = answer.json()["code"]
                told = responses.get(str(answer.status_code), {}).get("content", {})
                if code not in told.get("application/problem+json", {}).get("examples", {}):
                    faults.append(f"{door} {key}: {answer.status_code} {code}")
    assert sorted(set(faults)) == []


OPEN = {
    "POST /sessions",
    "GET /sessions",
    "GET /sessions/current",
    "GET /me",
    "PATCH /me",
    "POST /me/phone",
    "POST /notices/read",
    "POST /subscriptions",
    "GET /places",
    "GET /places/{place_id}",
    "GET /places/{place_id}/homes",
    "GET /estates",
    "GET /branches",
    "GET /secretaries",
    "GET /secretaries/{person_id}",
    "GET /contacts",
    "GET /secretaries/{person_id}/slots",
    "GET /secretaries/{person_id}/statistics",
    "GET /secretaries/{person_id}/office-hours",
    "GET /secretaries/{person_id}/delegations",
    "POST /appointments",
    "POST /cases",
    "POST /residencies",
    "POST /memberships",
    "GET /permissions",
    "GET /me/preferences",
    "POST /me/consents",
    "GET /me/consents",
    "POST /me/export",
    "DELETE /me",
    "GET /codes/{kind}/{subject_id}",
    "PATCH /me/preferences",
    "POST /uploads",
    "GET /uploads/{upload_id}/content",
    "GET /case-categories",
    "GET /assets",
    "GET /merchants",
    "GET /me/points",
    "PATCH /me/points",
    "GET /need-statistics",
    "GET /rankings",
    "GET /rewards",
    "GET /seals",
    "GET /statistics",
    "GET /statistics/export",
    "GET /polls/{poll_id}/proof",
    "POST /polls/{poll_id}/ballots",
    "POST /rewards/{reward_id}/redemptions",
    "GET /activities",
    "GET /activities/{activity_id}",
    "GET /activities/{activity_id}/events",
    "GET /activities/{activity_id}/publicity",
    "POST /activities/{activity_id}/checkins",
    "POST /me/certificates",
    "GET /certificates/{number}",
    "GET /disclosures",
    "GET /disclosures/{disclosure_id}",
    "GET /disclosures/{disclosure_id}/events",
    "GET /disclosures/{disclosure_id}/questions",
    "GET /teams",
    "GET /teams/{team_id}",
    "GET /teams/{team_id}/events",
}
"""About oneself, or public to everybody signed in."""


def _open_to_all(line: Line) -> bool:
    return all(
        line.expected(asker, here) == line.ok and (not line.listed or line.see(asker, here))
        for asker in ASKERS
        for here in (True, False)
    )


def test_a_line_is_open_to_everybody_only_on_purpose() -> None:
    assert {key for key in TABLE if any(map(_open_to_all, _lines(key)))} == OPEN
