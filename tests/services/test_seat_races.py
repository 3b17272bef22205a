"""Many at once for the seats of an activity: never one too many, in the order they came, and one tap counted once.

Twenty rounds of two hundred over two API processes are tests/faults/test_seat_race.py.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.kit import clock
from api.services.activities import signing_up
from tests.activities import START, published, seat_move, sign_up, volunteer
from tests.moments import MONDAY
from tests.neighbours import scalar, somebody
from tests.services.test_case_races import counted
from tests.town import Actor, Town


async def people(town: Town, many: int) -> list[Actor]:
    return [await somebody(town, f"志愿者{n}") for n in range(many)]


BROKEN = """select count(*) from activities a where seats <> free + (select count(*) from seats s
  where s.activity_id = a.id and s.state in ('offered', 'confirmed'))
  or waiting <> (select count(*) from seats s where s.activity_id = a.id and s.state = 'waitlisted')
  or (free > 0 and waiting > 0)"""
"""Activities before their beginning whose counters do not tell the truth, or where somebody waits beside a free seat."""


async def test_forty_at_once_find_five_seats_and_ten_places_in_order(town: Town) -> None:
    clock.set_to(MONDAY)
    activity = await published(town, seats=5, queue=10)
    racers = await people(town, 40)
    answers = await asyncio.gather(*(who.post(f"/activities/{activity}/seats") for who in racers))
    assert Counter(a.status_code for a in answers) == {201: 15, 409: 25}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"activity_full"}
    given = sorted((a.json() for a in answers if a.status_code == 201), key=lambda s: s["ticket"])
    assert [s["state"] for s in given] == ["confirmed"] * 5 + ["waitlisted"] * 10
    assert [s["position"] for s in given[5:]] == list(range(1, 11))
    assert await scalar(town, BROKEN) == 0
    # All who hold a seat leave at once: each seat goes to one who waits, and nobody is passed over.
    holders = {s["person"]["id"]: s["id"] for s in given[:5]}
    leaving = [(who, holders[str(who.id)]) for who in racers if str(who.id) in holders]
    left = await asyncio.gather(*(who.post(f"/seats/{seat}/moves/cancel", {}) for who, seat in leaving))
    assert {a.status_code for a in left} == {200}
    offered = "select array_agg(ticket order by ticket) from seats where state = 'offered'"
    assert await scalar(town, offered) == [6, 7, 8, 9, 10]
    assert await scalar(town, BROKEN) == 0


async def test_one_person_at_two_places_at_once_gets_one_and_one_tap_repeated_is_one_seat(town: Town) -> None:
    clock.set_to(MONDAY)
    chen = await volunteer(town, "小陈")
    clashing = [await published(town, starts=START + timedelta(minutes=n)) for n in range(6)]
    answers = await asyncio.gather(*(chen.post(f"/activities/{a}/seats") for a in clashing))
    assert Counter(a.status_code for a in answers) == {201: 1, 409: 5}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"double_booked"}
    other = await published(town, starts=START + timedelta(days=1))
    taps = await asyncio.gather(*(chen.post(f"/activities/{other}/seats", key="tap") for _ in range(12)))
    assert {a.status_code for a in taps} == {201}
    assert len({a.content for a in taps}) == 1
    assert await scalar(town, BROKEN) == 0


async def test_many_hands_on_one_activity_leave_its_counters_true(town: Town) -> None:
    """Signing up, leaving, answering and enlarging at the same time, until nobody moves any more."""
    clock.set_to(MONDAY)
    activity = await published(town, seats=3, queue=20)
    racers = await people(town, 12)

    async def restless(n: int, who: Actor) -> None:
        for step in range(3):
            answer = await who.post(f"/activities/{activity}/seats")
            if answer.status_code != 201:
                continue
            seat = answer.json()["id"]
            now = (await who.get(f"/seats/{seat}")).json()["state"]
            wanted = {"confirmed": "cancel", "waitlisted": "cancel", "offered": ("accept", "decline")[n % 2]}
            if (n + step) % 3:
                await who.post(f"/seats/{seat}/moves/{wanted[now]}", {})

    async def enlarging() -> None:
        for _ in range(2):
            await town.here.worker.post(f"/activities/{activity}/moves/enlarge", {"more": 1})

    await asyncio.gather(enlarging(), *(restless(n, who) for n, who in enumerate(racers)))
    assert await scalar(town, BROKEN) == 0
    assert await scalar(town, "select seats from activities") == 5


async def test_the_constraint_alone_keeps_a_person_in_one_place(
    town: Town, as_owner: Callable[[str], Awaitable[None]]
) -> None:
    clock.set_to(MONDAY)
    chen = await volunteer(town, "小陈")
    nine, same = await published(town), await published(town)
    await sign_up(chen, nine)
    await as_owner("alter table seats drop constraint ex_seats_one_place_at_a_time")
    second = await sign_up(chen, same)
    assert second["state"] == "confirmed", "nothing else refuses it"


GONE = {
    "looked at again": "content = 'risky'",
    "cancelled": "state = 'cancelled'",
    "begun": "starts_at = cast(:now as timestamptz), ends_at = cast(:now as timestamptz) + interval '2 hours'",
}


async def test_what_is_no_longer_so_when_the_seat_is_taken_gives_no_seat(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the taking: the look found nothing wrong, the statement itself asks again."""
    clock.set_to(MONDAY)
    monkeypatch.setattr(signing_up, "_check", lambda row: None)
    for what, change in GONE.items():
        activity = await published(town)
        async with town.app.state.db.transaction() as tx:
            now = {"now": clock.now()} if ":now" in change else {}
            await tx.execute(text(f"update activities set {change} where id = :id"), {"id": activity, **now})
        # Who drew it up sees it in any state.
        answer = await town.here.worker.post(f"/activities/{activity}/seats")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_moment"), what
    assert await scalar(town, "select count(*) from seats") == 0


async def test_signing_up_takes_two_statements_and_who_comes_too_late_one(
    town: Town, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.set_to(MONDAY)
    chen, li = await volunteer(town, "小陈"), await volunteer(town, "老李")
    warm, activity = (
        await published(town),
        await published(town, starts=START + timedelta(days=1), seats=1, queue=0),
    )
    await sign_up(chen, warm)
    async with counted(app, monkeypatch) as seen:
        assert (await chen.post(f"/activities/{activity}/seats", key="k1")).status_code == 201
    assert seen == {"redis": 1, "postgresql": 2}
    async with counted(app, monkeypatch) as seen:
        assert (await li.post(f"/activities/{activity}/seats", key="k2")).status_code == 409
    assert seen == {"redis": 1, "postgresql": 1}
    await seat_move(chen, (await chen.get("/me/seats")).json()["items"][0]["id"], "cancel")
