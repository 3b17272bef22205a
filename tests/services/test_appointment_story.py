"""预约接待 over HTTP: a slot is asked for, confirmed or moved in a working day, and belongs to one person."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from api.kit import clock
from tests.estates import log_in, made
from tests.moments import MONDAY
from tests.town import Actor, Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


async def _receives(town: Town, **changes: Any) -> list[dict[str, Any]]:
    """The secretary here receives on Thursday mornings; her coming slots."""
    body = {"place_id": str(town.here.place), "weekday": 4, "opens": "09:00", "closes": "11:00", **changes}
    secretary = town.here.secretary
    await made(secretary.post(f"/secretaries/{secretary.id}/office-hours", body))
    return await _slots(town)


async def _slots(town: Town) -> list[dict[str, Any]]:
    answer = await town.here.resident.get(f"/secretaries/{town.here.secretary.id}/slots")
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def _ask(town: Town, who: Actor, slot: dict[str, Any]) -> Any:
    body = {"secretary_id": str(town.here.secretary.id), "slot_id": slot["id"], "topic": "加装电梯"}
    return await who.post("/appointments", body)


async def _move(who: Actor, appointment: str, move: str, **body: Any) -> Any:
    return await who.post(f"/appointments/{appointment}/moves/{move}", body)


async def _titles(who: Actor) -> list[str]:
    return [n["title"] for n in (await who.get("/notices")).json()["items"]]


async def test_a_slot_is_asked_for_confirmed_and_kept(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town)
    assert slots[0]["starts_at"].startswith("2026-11-26T01:00:00")
    resident, secretary = town.here.resident, town.here.secretary
    booked = await made(_ask(town, resident, slots[0]))
    assert (booked["state"], booked["moves"]) == ("requested", ["cancel"])
    assert [s["free"] for s in (await _slots(town))[:2]] == [False, True]
    await pump()
    assert "新的预约" in await _titles(secretary)
    early = await _move(secretary, booked["id"], "meet")
    assert early.status_code == 409
    confirmed = await _move(secretary, booked["id"], "confirm")
    assert confirmed.json()["state"] == "confirmed"
    assert (await _move(secretary, booked["id"], "meet")).json()["code"] == "slot_ahead"
    await pump()
    assert "预约已确认" in await _titles(resident)
    clock.set_to(datetime(2026, 11, 26, 1, 5, tzinfo=UTC))
    met = await _move(secretary, booked["id"], "meet")
    assert (met.json()["state"], met.json()["moves"]) == ("met", [])


async def test_another_slot_is_proposed_and_accepted_and_the_first_is_free_again(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town)
    resident, secretary = town.here.resident, town.here.secretary
    booked = await made(_ask(town, resident, slots[0]))
    moved = await _move(secretary, booked["id"], "propose", slot_id=slots[2]["id"], reason="开会")
    assert (moved.json()["state"], moved.json()["slot_id"]) == ("proposed", slots[2]["id"])
    assert [s["free"] for s in (await _slots(town))[:3]] == [True, True, False]
    await pump()
    assert "书记另约了时间" in await _titles(resident)
    accepted = await _move(resident, booked["id"], "accept")
    assert accepted.json()["state"] == "accepted"
    clock.set_to(datetime(2026, 11, 26, 2, 30, tzinfo=UTC))
    missed = await _move(secretary, booked["id"], "miss")
    assert missed.json()["state"] == "no_show"


async def test_a_proposal_nobody_accepts_lapses_and_frees_its_slot(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town)
    booked = await made(_ask(town, town.here.resident, slots[0]))
    await _move(town.here.secretary, booked["id"], "propose", slot_id=slots[2]["id"])
    clock.set_to(datetime(2026, 11, 24, 10, 1, tzinfo=UTC))
    await pump()
    seen = (await town.here.resident.get(f"/appointments/{booked['id']}")).json()
    assert seen["state"] == "cancelled"
    assert all(s["free"] for s in await _slots(town))


async def test_unanswered_it_climbs_to_the_community_and_to_the_town(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town, weekday=5)
    booked = await made(_ask(town, town.here.resident, slots[0]))
    clock.set_to(datetime(2026, 11, 24, 9, 59, tzinfo=UTC))
    await pump()
    assert (await town.here.resident.get(f"/appointments/{booked['id']}")).json()["level"] == 0
    clock.set_to(datetime(2026, 11, 24, 10, 1, tzinfo=UTC))
    await pump()
    assert (await town.here.resident.get(f"/appointments/{booked['id']}")).json()["level"] == 1
    assert "预约逾期未确认" in await _titles(town.here.secretary)
    assert "预约逾期未确认" not in await _titles(town.supervisor)
    clock.set_to(datetime(2026, 11, 25, 10, 1, tzinfo=UTC))
    await pump()
    assert (await town.here.resident.get(f"/appointments/{booked['id']}")).json()["level"] == 2
    assert "预约逾期未确认" in await _titles(town.supervisor)
    assert (await _move(town.here.secretary, booked["id"], "confirm")).status_code == 200


async def test_of_many_who_want_one_slot_one_has_it(town: Town, wechat_simulator: Simulator) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town)
    people = [town.here.resident, town.there.resident, town.stranger]
    people += [await log_in(town, wechat_simulator, f"想来的人{n}") for n in range(5)]
    for slot in slots[:2]:
        answers = await asyncio.gather(*(_ask(town, who, slot) for who in people))
        assert sorted(a.status_code for a in answers) == [201] + [409] * 7
        assert {a.json()["code"] for a in answers if a.status_code == 409} == {"slot_taken"}


async def test_nobody_holds_a_whole_morning_even_asking_all_at_once(town: Town) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town)
    answers = await asyncio.gather(*(_ask(town, town.here.resident, slot) for slot in slots[:4]))
    assert sorted(a.status_code for a in answers) == [201, 201, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"booked_enough"}


async def test_a_proposal_cannot_take_what_somebody_else_has(town: Town) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town)
    mine = await made(_ask(town, town.here.resident, slots[0]))
    await made(_ask(town, town.stranger, slots[1]))
    taken = await _move(town.here.secretary, mine["id"], "propose", slot_id=slots[1]["id"])
    assert (taken.status_code, taken.json()["code"]) == (409, "slot_taken")
    seen = (await town.here.resident.get(f"/appointments/{mine['id']}")).json()
    assert (seen["state"], seen["slot_id"]) == ("requested", slots[0]["id"])


async def test_a_delegate_acts_for_the_secretary_under_both_names_and_no_longer_than_let(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town)
    secretary, worker = town.here.secretary, town.here.worker
    booked = await made(_ask(town, town.here.resident, slots[0]))
    refused = await _move(worker, booked["id"], "confirm")
    assert refused.status_code == 403
    letting = {"delegate_id": str(worker.id), "place_id": str(town.here.place)}
    own = await worker.post(f"/secretaries/{secretary.id}/delegations", letting)
    assert own.status_code == 403
    foreign = {**letting, "delegate_id": str(town.there.worker.id)}
    stranger = await secretary.post(f"/secretaries/{secretary.id}/delegations", foreign)
    assert (stranger.status_code, stranger.json()["code"]) == (409, "not_a_delegate")
    let = await made(secretary.post(f"/secretaries/{secretary.id}/delegations", letting))
    assert (await _move(worker, booked["id"], "confirm")).status_code == 200
    events = (await town.here.resident.get(f"/appointments/{booked['id']}/events")).json()["items"]
    names = [(await who.get("/me")).json()["nickname"] for who in (worker, secretary)]
    assert events[-1]["by"] == f"社区工作者 {names[0]}（代 书记 {names[1]}）"
    ended = await secretary.post(f"/delegations/{let['id']}/end")
    assert ended.json() == []
    assert (await _move(worker, booked["id"], "propose", slot_id=slots[1]["id"])).status_code == 403


async def test_hours_belong_to_who_holds_the_post_and_do_not_overlap(town: Town) -> None:
    clock.set_to(MONDAY)
    await _receives(town)
    secretary = town.here.secretary
    path = f"/secretaries/{secretary.id}/office-hours"
    body = {"place_id": str(town.here.place), "weekday": 4, "opens": "10:30", "closes": "12:00"}
    twice = await secretary.post(path, body)
    assert (twice.status_code, twice.json()["code"]) == (409, "hours_overlap")
    assert (await town.here.worker.post(path, {**body, "weekday": 5})).status_code == 403
    other = await secretary.post(path, {**body, "place_id": str(town.there.place)})
    assert (other.status_code, other.json()["code"]) == (404, "no_such_post")
    (hours,) = (await secretary.get(path)).json()
    assert (await secretary.post(f"/office-hours/{hours['id']}/end")).status_code == 200
    assert await _slots(town) == []


async def test_neighbours_and_strangers_do_not_see_who_comes_and_why(town: Town) -> None:
    clock.set_to(MONDAY)
    slots = await _receives(town)
    booked = await made(_ask(town, town.here.resident, slots[0]))
    for who in (town.stranger, town.there.resident, town.there.secretary):
        assert (await who.get(f"/appointments/{booked['id']}")).status_code == 404
        assert (await who.get("/appointments")).json()["items"] == []
        assert (await _move(who, booked["id"], "cancel")).status_code == 404


async def test_the_letterbox_tells_counts_and_the_median_of_five_and_no_less(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    path = f"/secretaries/{town.here.secretary.id}/statistics"
    for n in range(6):
        case = await town.submit(title=f"第 {n} 封信", category="consult")
        await pump()
        if n == 5:
            await town.here.resident.move(case["id"], "withdraw")
            break
        clock.move(timedelta(minutes=10 * (n + 1)))
        said = {"kind": "reply", "text": "已收到，正在了解。"}
        if n == 4:
            months = (await town.stranger.get(path)).json()["places"][0]["months"]
            assert [(m["received"], m["answered"], m["median_answer_seconds"]) for m in months] == [
                (5, 4, None)
            ]
        assert (await town.here.worker.post(f"/cases/{case['id']}/messages", said)).status_code == 201
    (month,) = (await town.stranger.get(path)).json()["places"][0]["months"]
    assert (month["month"], month["received"], month["answered"], month["closed"]) == ("2026-11", 5, 5, 0)
    # Answered after 10, 20, 30, 40 and 50 minutes, and the moments the test took.
    assert 1800 <= month["median_answer_seconds"] < 1830
