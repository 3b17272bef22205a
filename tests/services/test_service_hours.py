"""服务时长: automatic minutes come from check-ins alone, added ones from two people, and nothing is ever changed."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.kit import clock
from tests.activities import START, Pump, attended, published, seat_of, sign_up, volunteer
from tests.moments import MONDAY
from tests.neighbours import member, scalar, somebody
from tests.routers import matrix_world
from tests.routers.matrix import ASKERS, TABLE, Line
from tests.town import Actor, Town

OURS = (
    "/activities",
    "/seats",
    "/added-hours",
    "/service-records",
    "/me/seats",
    "/me/service",
    "/me/certificates",
)


async def add(
    town: Town, who: Actor, activity: str, seat: str, minutes: int, code: int = 201
) -> dict[str, Any]:
    answer = await who.post(
        f"/activities/{activity}/added-hours", {"seat_id": seat, "minutes": minutes, "reason": "签名册为证"}
    )
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def decide(
    who: Actor, adding: str, move: str = "confirm", code: int = 200, **body: Any
) -> dict[str, Any]:
    answer = await who.post(f"/added-hours/{adding}/moves/{move}", body)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_added_minutes_need_a_second_person_and_fit_into_the_activity(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here, chen = town.here, await volunteer(town, "老奶奶")
    activity = await published(town)
    seat = (await sign_up(chen, activity))["id"]
    assert (await add(town, here.worker, activity, seat, 60, 409))["code"] == "not_served"
    clock.set_to(START + timedelta(hours=5))
    await pump()
    assert (await add(town, here.worker, activity, seat, 121, 409))["most"] == 120
    assert (await add(town, chen, activity, seat, 60, 403))["code"] == "not_allowed"
    proposed = await add(town, here.worker, activity, seat, 90)
    assert (proposed["state"], proposed["moves"]) == ("proposed", [])
    assert (await add(town, here.worker, activity, seat, 10, 409))["code"] == "adding_waits"
    assert (await decide(here.worker, proposed["id"], code=403))["code"] == "own_hours"
    assert await scalar(town, "select count(*) from service_records") == 0
    confirmed = await decide(here.second_worker, proposed["id"])
    assert (confirmed["state"], confirmed["moves"]) == ("confirmed", [])
    assert (await decide(here.second_worker, proposed["id"], code=409))["code"] == "wrong_moment"
    mine = (await chen.get("/me/service-records")).json()
    assert (mine["automatic_minutes"], mine["added_minutes"]) == (0, 90)
    assert (await add(town, here.worker, activity, seat, 31, 409))["most"] == 30
    refused = await add(town, here.worker, activity, seat, 30)
    assert (await decide(here.second_worker, refused["id"], "refuse", reason="没有签名"))[
        "state"
    ] == "refused"
    assert await scalar(town, "select sum(minutes) from service_records") == 90


async def test_nobody_adds_or_confirms_minutes_for_oneself(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    activity = await published(town)
    seat = (await sign_up(here.worker, activity))["id"]
    clock.set_to(START + timedelta(hours=5))
    await pump()
    assert (await add(town, here.worker, activity, seat, 60, 403))["code"] == "own_hours"
    proposed = await add(town, here.second_worker, activity, seat, 60)
    assert (await decide(here.worker, proposed["id"], code=403))["code"] == "own_hours"
    assert (await decide(here.secretary, proposed["id"]))["state"] == "confirmed"


async def test_a_correction_is_a_counter_entry_with_its_reason_and_takes_the_points(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    here, chen = town.here, await volunteer(town, "小陈")
    activity = await published(town)
    await sign_up(chen, activity)
    await attended(town, pump, chen, activity)
    [record] = (await chen.get("/me/service-records")).json()["items"]
    reason = {"reason": "中途离开"}
    assert (await chen.post(f"/service-records/{record['id']}/counter", reason)).status_code == 403
    countered = await here.worker.post(f"/service-records/{record['id']}/counter", reason)
    assert (countered.status_code, countered.json()["minutes"], countered.json()["reason"]) == (
        201,
        -120,
        "中途离开",
    )
    again = await here.second_worker.post(f"/service-records/{record['id']}/counter", reason)
    assert (again.status_code, again.json()["code"]) == (409, "already_countered")
    both = await here.worker.post(f"/service-records/{countered.json()['id']}/counter", reason)
    assert both.json()["code"] == "already_countered"
    mine = (await chen.get("/me/service-records")).json()
    assert (mine["automatic_minutes"], len(mine["items"])) == (0, 2)
    assert await scalar(town, "select balance from points_accounts where person_id = :p", p=chen.id) == 0
    # What is right is added anew, by two.
    seat = await seat_of(town, chen, activity)
    proposed = await add(town, here.worker, activity, seat, 60)
    await decide(here.second_worker, proposed["id"])
    mine = (await chen.get("/me/service-records")).json()
    assert (mine["automatic_minutes"], mine["added_minutes"]) == (0, 60)
    for statement in ("update service_records set minutes = 600", "delete from service_records"):
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
            async with town.app.state.db.transaction() as tx:
                await tx.execute(text(statement))
    await pump()
    assert "服务时长已冲正" in [n["title"] for n in (await chen.get("/notices")).json()["items"]]


async def test_no_role_writes_automatic_minutes_or_a_check_in_through_any_route(
    town: Town, app: FastAPI, client: httpx.AsyncClient
) -> None:
    """Every writing route of activities and hours, asked by every role at both doors, with the fields one would need."""
    world = matrix_world.World(app, client)
    await world.fill(town)
    automatic = (
        "select coalesce(sum(minutes), 0) || '/' || count(*) from service_records where kind = 'automatic'"
    )
    attendances = "select count(*) from attendances"
    kept = "select coalesce(sum(minutes_automatic), 0) from seats"
    before = [await scalar(town, sql) for sql in (automatic, attendances, kept)]
    greedy = {"minutes_automatic": 60, "minutes": 60, "kind": "automatic", "state": "credited"}
    asked = 0
    for key, lines in TABLE.items():
        method, _, path = key.partition(" ")
        if method == "GET" or not path.startswith(OURS):
            continue
        for line in lines if isinstance(lines, list) else [lines]:
            for body in (line.body, {**(line.body or {}), **greedy}):
                wanting = Line(body=body, subject=line.subject, query=line.query)
                for asker in ASKERS:
                    for door in ("/v1", "/admin/v1"):
                        if line.subject.get("move") == "counter" or path.endswith("/counter"):
                            continue
                        token = world.tokens[asker.name, door != "/v1"]
                        await world.ask(door, key, wanting, token, True)
                        asked += 1
    assert asked > 500
    assert [await scalar(town, sql) for sql in (automatic, attendances, kept)] == before


async def test_the_ledger_and_the_points_agree_with_what_was_served(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    chen = await member(town, "小陈")
    starts = [START + timedelta(days=7 * n) for n in range(2)]
    activities = [await published(town, starts=start) for start in starts]
    for activity, start in zip(activities, starts, strict=True):
        await sign_up(chen, activity)
        await attended(town, pump, chen, activity, start)
    sums = """select (select sum(minutes) from service_records where person_id = :p)
      = (select sum(minutes_automatic + minutes_added) from seats where person_id = :p)
      and (select sum(minutes) from points_entries where person_id = :p)
      = (select sum(minutes) from service_records where person_id = :p)
      and (select balance from points_accounts where person_id = :p)
      = (select sum(amount) from points_entries where person_id = :p)"""
    assert await scalar(town, sums, p=chen.id) is True
    stranger = await somebody(town, "路人")
    assert (await stranger.get(f"/activities/{activities[0]}/service-records")).json()["items"] == []
