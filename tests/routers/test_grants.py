"""Roles: given within one's own reach, taken back at once, never to or from oneself."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.kit import clock
from api.kit.db import Database
from api.models import Grant
from api.models.people import PersonId
from api.rules.roles import GRANTED, Role
from api.services.people import grants
from tests.town import Actor, Town, make_admin, sign_in
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]
PHONE = "13900001234"


async def _give(town: Town, whom: dict[str, str], role: str, place: Any, **more: Any) -> Any:
    return await town.operator.post("/grants", {**whom, "role": role, "place_id": str(place), **more})


def _id(who: Actor) -> dict[str, str]:
    return {"person_id": str(who.id)}


async def test_a_resident_becomes_a_worker_and_can_work_at_once(town: Town, pump: Pump) -> None:
    case = await town.submit(town.stranger)
    assert (await town.here.resident.get(f"/cases/{case['id']}")).status_code == 404
    given = await _give(town, _id(town.here.resident), "community_worker", town.here.place)
    assert given.status_code == 201, given.text
    grant = given.json()
    assert (grant["title"], grant["live"], grant["granted_by"]) == ("社区工作者", True, str(town.operator.id))
    assert (await town.here.resident.get(f"/cases/{case['id']}")).status_code == 200
    await pump()
    notices = (await town.here.resident.get("/notices")).json()["items"]
    assert ("您有了新的角色", "授予社区工作者（梅园新村社区）。") in [
        (n["title"], n["text"]) for n in notices
    ]

    ended = await town.operator.post(f"/grants/{grant['id']}/end")
    assert (ended.status_code, ended.json()["live"]) == (200, False)
    assert (await town.here.resident.get(f"/cases/{case['id']}")).status_code == 404


async def test_somebody_new_is_named_by_the_whole_phone_number(
    town: Town, wechat_simulator: Simulator
) -> None:
    who = town.stranger
    by_id = await _give(town, _id(who), "grid_worker", town.here.place)
    assert (by_id.status_code, by_id.json()["code"]) == (404, "not_found")
    await who.post("/me/phone", {"code": wechat_simulator.phone_code(who.name, PHONE)})
    by_number = await _give(town, {"phone": PHONE}, "grid_worker", town.here.place)
    assert (by_number.status_code, by_number.json()["person"]["id"]) == (201, str(who.id))
    assert (await _give(town, {"phone": "13900009999"}, "grid_worker", town.here.place)).status_code == 404


async def test_the_same_role_is_given_once_even_when_given_twice_at_once(town: Town, db: Database) -> None:
    answers = await asyncio.gather(
        *(_give(town, _id(town.here.resident), "grid_worker", town.here.place) for _ in range(5))
    )
    assert len([a for a in answers if a.status_code == 201]) == 1
    # They wait for each other; on a very busy machine somebody is told to come again instead.
    assert {a.json()["code"] for a in answers if a.status_code != 201} <= {"already_granted", "overloaded"}
    async with db.reading() as tx:
        count = await tx.execute(text("select count(*) from grants where role = 'grid_worker'"))
    assert count.scalar_one() == 1


async def test_a_role_until_a_day_ends_with_it(town: Town) -> None:
    soon = (clock.now() + timedelta(days=1)).isoformat()
    past = (clock.now() - timedelta(days=1)).isoformat()
    late = await _give(town, _id(town.here.resident), "grid_worker", town.here.place, until=past)
    assert (late.status_code, late.json()["code"]) == (422, "until_past")
    given = await _give(town, _id(town.here.resident), "grid_worker", town.here.place, until=soon)
    assert given.status_code == 201
    assert (await town.here.resident.get("/me")).json()["grants"] != []
    clock.move(timedelta(days=2))
    assert (await town.here.resident.get("/me")).json()["grants"] == []
    again = await _give(town, _id(town.here.resident), "grid_worker", town.here.place)
    assert again.status_code == 201


async def test_an_operator_grants_within_the_own_reach_only(town: Town) -> None:
    ours = await sign_in(await make_admin(town.app, town.client, "社区运营", Role.operator, town.here.place))
    body = {"person_id": str(town.here.resident.id), "role": "grid_worker"}
    outside = await ours.post("/grants", {**body, "place_id": str(town.there.place)})
    above = await ours.post("/grants", {**body, "place_id": str(town.place)})
    assert (outside.status_code, above.status_code) == (403, 403)
    assert (await ours.post("/grants", {**body, "place_id": str(town.here.building)})).status_code == 201
    everywhere = (await town.operator.get("/grants?limit=100")).json()["items"]
    theirs = next(g for g in everywhere if g["place"]["id"] == str(town.there.place))
    assert (await ours.post(f"/grants/{theirs['id']}/end")).status_code == 404
    assert {g["place"]["name"] for g in (await ours.get("/grants?limit=100")).json()["items"]} == {
        "梅园新村社区",
        "1 幢",
    }


async def test_nobody_changes_his_own_roles(town: Town) -> None:
    promote = await _give(town, _id(town.operator), "secretary", town.here.place)
    assert (promote.status_code, promote.json()["code"]) == (403, "own_grant")
    [mine] = (await town.operator.get(f"/grants?person={town.operator.id}")).json()["items"]
    resign = await town.operator.post(f"/grants/{mine['id']}/end")
    assert (resign.status_code, resign.json()["code"]) == (403, "own_grant")
    assert (await town.operator.get("/me")).json()["grants"] != []


async def test_who_may_only_look_at_grants_changes_none(town: Town, db: Database) -> None:
    async with db.transaction() as tx:  # may change them next door, which helps nothing here
        place, person = town.there.place, PersonId(town.supervisor.id)
        tx.add(Grant(person_id=person, role=Role.operator, place_id=place))
    [one] = (await town.supervisor.get(f"/grants?person={town.here.secretary.id}")).json()["items"]
    assert (await town.supervisor.post(f"/grants/{one['id']}/end")).status_code == 403
    body = {"person_id": str(town.here.resident.id), "role": "grid_worker", "place_id": str(town.here.place)}
    assert (await town.supervisor.post("/grants", body)).status_code == 403


async def test_losing_the_last_console_role_ends_the_console_session_at_once(town: Town) -> None:
    second = await _give(town, _id(town.supervisor), "town_supervisor", town.here.place)
    listed = (await town.operator.get(f"/grants?person={town.supervisor.id}")).json()["items"]
    first = next(g for g in listed if g["id"] != second.json()["id"])
    await town.operator.post(f"/grants/{first['id']}/end")
    assert (await town.supervisor.get("/me")).status_code == 200  # one role is left
    ended = await town.operator.post(f"/grants/{second.json()['id']}/end")
    assert ended.status_code == 200
    assert (await town.supervisor.get("/me")).status_code == 401


async def test_the_mini_program_session_of_somebody_without_roles_goes_on(town: Town) -> None:
    [one] = (await town.operator.get(f"/grants?person={town.here.worker.id}")).json()["items"]
    await town.operator.post(f"/grants/{one['id']}/end")
    me = await town.here.worker.get("/me")
    assert (me.status_code, me.json()["grants"]) == (200, [])


async def test_ending_again_changes_nothing_and_says_nothing_new(town: Town, db: Database) -> None:
    [one] = (await town.operator.get(f"/grants?person={town.here.worker.id}")).json()["items"]
    first = await town.operator.post(f"/grants/{one['id']}/end")
    clock.move(timedelta(hours=1))
    again = await town.operator.post(f"/grants/{one['id']}/end")
    assert (again.status_code, again.json()["until"]) == (200, first.json()["until"])
    async with db.reading() as tx:
        count = await tx.execute(
            text("select count(*) from events where subject_kind = 'grant' and move = 'end'")
        )
    assert count.scalar_one() == 1


async def test_of_two_operators_who_end_each_others_role_one_stays(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await sign_in(await make_admin(town.app, town.client, "运营乙", Role.operator, town.county))
    [mine] = (await town.operator.get(f"/grants?person={town.operator.id}")).json()["items"]
    [theirs] = (await town.operator.get(f"/grants?person={other.id}")).json()["items"]
    real, both, arrived = grants.works_in_console, asyncio.Event(), []

    async def together(*args: Any) -> bool:
        """Neither commits before the other has decided too, unless the other is made to wait."""
        arrived.append(1)
        if len(arrived) == 2:
            both.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(both.wait(), 1)
        return await real(*args)

    monkeypatch.setattr(grants, "works_in_console", together)
    answers = await asyncio.gather(
        town.operator.post(f"/grants/{theirs['id']}/end"), other.post(f"/grants/{mine['id']}/end")
    )
    assert sorted(a.status_code for a in answers) == [200, 403]
    async with town.app.state.db.reading() as tx:
        left = await tx.execute(text("select count(*) from grants where role = 'operator' and until is null"))
    assert left.scalar_one() == 1


async def test_who_loses_the_role_while_signing_in_does_not_slip_through(
    town: Town, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = await make_admin(town.app, town.client, "督办乙", Role.town_supervisor, town.place)
    [grant] = (await town.operator.get(f"/grants?person={late.id}")).json()["items"]
    real = app.state.sessions.open

    async def meanwhile(person_id: UUID, *args: Any, **kw: Any) -> Any:
        assert (await town.operator.post(f"/grants/{grant['id']}/end")).status_code == 200
        return await real(person_id, *args, **kw)

    monkeypatch.setattr(app.state.sessions, "open", meanwhile)
    with pytest.raises(AssertionError, match="控制台的角色"):
        await sign_in(late)
    assert await app.state.redis.hgetall(f"devices:{late.id.hex}") == {}


async def test_officials_are_shown_as_described(town: Town) -> None:
    body = {"name": "周敏", "title": "社区党委书记", "hours": "每周三上午"}
    path = f"/officials/{town.here.secretary.id}"
    assert (await town.operator.call("PUT", path, json=body)).status_code == 200
    changed = await town.operator.call("PUT", path, json={**body, "hours": None})
    assert changed.json()["hours"] is None
    [shown] = (await town.stranger.get(f"/secretaries?place={town.here.place}")).json()["items"]
    assert (shown["name"], shown["title"], shown["hours"]) == ("周敏", "社区党委书记", None)
    assert (await town.supervisor.call("PUT", path, json=body)).status_code == 403
    nobody = await town.operator.call("PUT", f"/officials/{town.here.resident.id}", json=body)
    assert nobody.status_code == 404


async def test_the_map_of_roles_is_shown_as_it_is(town: Town) -> None:
    shown = (await town.auditor.get("/permissions")).json()
    assert {r["role"]: {p["permission"] for p in r["permissions"]} for r in shown} == {
        role.value: {p.value for p in GRANTED[role]} for role in Role
    }
    assert [r["role"] for r in shown if not r["console"]] == [
        "property_staff",
        "property_manager",
        "merchant_staff",
    ]
