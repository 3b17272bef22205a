"""No content is visible before it passed, in any route: one marker in everything a resident writes, every GET asked.

The routes are the app's own. A path or a required query parameter that this test does not know fails it, and so
does a table with residents' words into which nobody has put the marker: new ones are caught, or name themselves.
"""

import itertools
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import text

from api.kit import clock
from api.models import metadata
from api.models.people import PersonId
from api.rules.codes import SceneKind, scene_of
from api.rules.content import ContentState
from api.rules.people import Relation, ResidencyState
from tests.asgi import call
from tests.conformance import specification, told
from tests.services.leak_writers import MARK, WRITERS, World
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]
DOORS = ("/v1", "/admin/v1")
_PARAMETER = re.compile(r"\{(\w+)\}")
ROWS = {
    "check_id": "content_checks",
    "residency_id": "residencies",
    "membership_id": "memberships",
    "grant_id": "grants limit 3",
    "event_id": "events limit 3",
}
"""By parameter, where what may stand for it is found; the other ids the writers bring."""

LINKS = frozenset({"/v1/exports/{export_id}"})
"""Signed addresses outside the document: what they show is the bearer's own."""


def residents_tables() -> set[str]:
    """Those whose rows wait for a check."""
    return {
        table.name
        for table in metadata.sorted_tables
        if "content" in table.columns and getattr(table.c.content.type, "enum_class", None) is ContentState
    }


@pytest.fixture
async def world(town: Town) -> World:
    """Everything written, nothing judged. A neighbour lives next door, a stranger elsewhere."""
    made = World(town)
    for write in WRITERS:
        await write(made)
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text(
                "insert into residencies (id, person_id, home_id, community_id, relation, is_registered, state,"
                " created_at, updated_at) values (gen_random_uuid(), :who, :home, :at, :relation, true, :state,"
                " now(), now())"
            ),
            {
                "who": PersonId(town.there.resident.id),
                "home": town.here.home,
                "at": town.here.place,
                "relation": Relation.tenant,
                "state": ResidencyState.verified,
            },
        )
        for parameter, rows in ROWS.items():
            found = (await tx.execute(text(f"select id from {rows}"))).scalars()
            made.ids[parameter] = [str(i) for i in found]
            assert made.ids[parameter], f"no {parameter} to ask for"
        unread = (await tx.execute(text("select id from topics where content = 'pending'"))).scalars().all()
    made.ids |= {
        "place_id": [str(town.here.place), str(town.here.building)],
        "place": [str(town.here.place), str(town.place)],
        "parent": [str(town.here.place)],
        "person_id": [str(town.here.resident.id), str(town.here.secretary.id)],
        "home_id": [str(town.here.home)],
        "unit_id": [str(town.here.desk)],
        "near": [str(town.here.building)],
        "topic": made.ids["topic_id"][:1],
        "kind": ["community", "topic"],
        "subject_id": [str(town.here.place), *map(str, unread)],
        "scene": ["c", *(scene_of(SceneKind.topic, topic) for topic in unread)],
        "q": [MARK, MARK[:2]],
        # Of the case like the one somebody writes; of merchants.
        "category": ["help", "repair"],
        "title": [f"{MARK}标题"],
        "text": [f"{MARK}内容"],
        # Of the rankings; of the statistics.
        "period": ["year", str(clock.local(clock.now()).year)],
        "leaf": ["0" * 64],
        "mine": ["true", "false", "author", "claimant"],
        # A signed address nobody was given.
        "size": ["full"],
        "audience": ["i", "e"],
        "expires": ["4000000000"],
        "signature": ["0" * 64],
    }
    return made


def _gets(door: str) -> Iterator[str]:
    for route in iter_route_contexts(told().routes):
        path = str(route.path)
        if (
            path.startswith(f"{door}/")
            and isinstance(route.original_route, APIRoute)
            and "GET" in route.methods
        ):
            yield path


def _addresses(world: World, spec: dict[str, Any], path: str) -> Iterator[str]:
    """The path with every known value of its parameters, and each query parameter we know a value of."""
    declared = [p for p in spec["paths"][path]["get"].get("parameters", []) if p["in"] == "query"]
    missing = {m[1] for m in _PARAMETER.finditer(path)} - world.ids.keys()
    missing |= {p["name"] for p in declared if p.get("required")} - world.ids.keys()
    assert not missing, f"GET {path}: say in {__name__} what may stand for {sorted(missing)}"
    needed = [p["name"] for p in declared if p.get("required")]
    queries: list[dict[str, str]] = [
        dict(zip(needed, values, strict=True))
        for values in itertools.product(*(world.ids[n] for n in needed))
    ]
    for known in (p["name"] for p in declared if p["name"] in world.ids and not p.get("required")):
        queries += [{**queries[0], known: value} for value in world.ids[known]]
    names = [m[1] for m in _PARAMETER.finditer(path)]
    for values in itertools.product(*(world.ids[name] for name in names)):
        filled = dict(zip(names, values, strict=True))
        address = _PARAMETER.sub(lambda m, filled=filled: filled[m[1]], path)  # type: ignore[misc]
        for query in queries:
            yield address + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")


async def _leaks(world: World, door: str, who: Actor) -> tuple[list[str], int]:
    """The addresses under which `who` finds the marker or a picture, and how many answered at all."""
    spec = specification(door != "/v1")
    found, answered = [], 0
    for path in _gets(door):
        if path in LINKS:
            continue
        assert path in spec["paths"], f"GET {path} is not documented"
        for address in _addresses(world, spec, path):
            answer = await call(world.town.app, "GET", address, who.headers)
            assert answer.status_code < 500, f"{address}: {answer.text}"
            answered += answer.is_success
            shown = answer.text
            pictured = any(picture in shown for picture in world.pictures) or "xuanniao" in shown
            if answer.is_success and (MARK in shown or pictured):
                found.append(f"{path} ({address})")
    return found, answered


def test_every_table_with_residents_words_is_written_to(world: World) -> None:
    tables = residents_tables()
    assert world.marked == tables, "write the marker into it in WRITERS"


@pytest.mark.parametrize("state", ["pending", "review", "risky"])
async def test_before_it_passed_nobody_else_sees_a_word_in_any_route(world: World, state: str) -> None:
    town = world.town
    async with town.app.state.db.transaction() as tx:
        for table in world.marked:
            await tx.execute(
                text(f"update {table} set content = :state where content <> 'pass'"), {"state": state}
            )
    assert world.refused is not None
    for who in (town.there.resident, town.stranger, world.refused):
        found, answered = await _leaks(world, "/v1", who)
        assert found == []
        assert answered > 20


async def test_staff_of_another_place_sees_none_of_it_in_the_console(world: World) -> None:
    there = world.town.there.secretary
    opened = await world.town.app.state.sessions.open(PersonId(there.id), "test", console=True)
    found, answered = await _leaks(
        world, "/admin/v1", Actor(there.name, there.id, there.client, opened.token)
    )
    assert found == []
    assert answered > 20


async def test_the_author_sees_it_and_so_does_everybody_once_it_has_passed(
    world: World, pump: Pump, wechat_simulator: Simulator
) -> None:
    """The proof that the search above would find a leak: the same search finds what is meant to be seen."""
    mine, _ = await _leaks(world, "/v1", world.town.here.resident)
    seen = {address.partition(" ")[0] for address in mine}
    assert {"/v1/me", "/v1/cases", "/v1/cases/{case_id}", "/v1/cases/{case_id}/uploads"} <= seen
    assert {"/v1/wishes/{need_id}", "/v1/help-requests", "/v1/appointments/{appointment_id}"} <= seen
    wechat_simulator.behave(pushes="never")
    await pump()
    neighbours, _ = await _leaks(world, "/v1", world.town.there.resident)
    there = world.town.there.resident
    cases = [(await there.get(f"/cases/{case_id}")).json() for case_id in world.ids["case_id"]]
    reasons = [asked["reason"] for case in cases for asked in case.get("requests", ())]
    assert reasons == [f"{MARK}理由"]
    assert (await there.get(f"/wishes/{world.ids['need_id'][-1]}")).json()["rating_text"] == f"{MARK}评语"
    seen = {address.partition(" ")[0] for address in neighbours}
    assert {"/v1/cases", "/v1/cases/{case_id}", "/v1/cases/similar", "/v1/cases/{case_id}/ratings"} <= seen
    assert {"/v1/activities/{activity_id}", "/v1/seats/{seat_id}"} <= seen
    assert world.refused is not None
    refused, _ = await _leaks(world, "/v1", world.refused)
    assert "/v1/teams/{team_id}/members" in {address.partition(" ")[0] for address in refused}
    assert "/v1/memberships/{membership_id}" not in seen
    assert {"/v1/wishes/{need_id}", "/v1/help-requests", "/v1/me/offers"} <= seen
