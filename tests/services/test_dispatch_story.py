"""社区派单 over HTTP: a batch is worked out in the background, looked at, applied, answered; the clock is moved."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from api.kit import clock
from api.models import Home
from api.models.places import HomeId
from api.rules.people import MembershipKind
from api.services.dispatch import schedule
from api.services.dispatch.planning import Applier, Dispatcher
from tests.moments import MONDAY
from tests.neighbours import lives, member, move, published, scalar, somebody
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]
HELP = "/help-requests"


@pytest.fixture
def work(town: Town, pump: Pump) -> Pump:
    """The worker's part: batches worked out, applied ones offered, and what follows from it."""
    db = town.app.state.db
    dispatcher, applier = Dispatcher(db), Applier(db)

    async def until_quiet() -> None:
        while await dispatcher.run_one() or await applier.run_one():
            pass
        await pump()

    return until_quiet


_rooms = iter(range(600, 10_000))


async def flat(town: Town) -> HomeId:
    """Another home of the building here."""
    home = Home(building_id=town.here.building, room=str(next(_rooms)))
    async with town.app.state.db.transaction() as tx:
        tx.add(home)
    return home.id


async def order(town: Town, who: Actor | None = None, **more: Any) -> str:
    made = await (who or town.here.worker).post(
        "/dispatch-batches", {"place_id": str(town.here.place), **more}
    )
    assert made.status_code == 201, made.text
    assert made.json()["state"] == "queued"
    return str(made.json()["id"])


async def batch(town: Town, batch_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await town.here.worker.get(f"/dispatch-batches/{batch_id}")).json()
    return found


async def lines(town: Town, batch_id: str) -> dict[str, dict[str, Any]]:
    found = await town.here.worker.get(f"/dispatch-batches/{batch_id}/lines?limit=100")
    return {line["need"]["id"]: line for line in found.json()["items"]}


async def act(who: Actor, batch_id: str, name: str, code: int = 200, **body: Any) -> dict[str, Any]:
    answer = await who.post(f"/dispatch-batches/{batch_id}/moves/{name}", body)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def offers(who: Actor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await who.get("/me/offers")).json()["items"]
    return found


async def test_a_batch_is_worked_out_looked_at_applied_and_answered(town: Town, work: Pump) -> None:
    clock.set_to(MONDAY)
    near = await member(town, "楼里的老王")
    await lives(town, near, await flat(town))
    far = await member(town, "会修的老李", skills=["电工"], times=["weekend"])
    upstairs = await published(town, place_id=str(town.here.building))
    lamp = await published(town, title="换灯管", skills=["电工"])
    made = await order(town)
    assert (await batch(town, made))["moves"] == ["discard"]
    assert await offers(near) == []

    await work()
    ready = await batch(town, made)
    assert (ready["state"], ready["moves"]) == ("ready", ["apply", "discard"])
    assert (ready["needs"], ready["matched"], ready["unmatched"], ready["gini"]) == (2, 2, 0, 0.0)
    seen = await lines(town, made)
    assert {need: line["member"]["name"] for need, line in seen.items()} == {
        upstairs: "楼里的老王",
        lamp: "会修的老李",
    }
    assert seen[upstairs]["reasons"] == ["同楼栋", "本月还没接过单"]
    assert seen[lamp]["reasons"] == ["同社区", "会电工", "周末有空", "本月还没接过单"]
    assert await offers(near) == []

    await act(town.here.worker, made, "apply")
    await work()
    done = await batch(town, made)
    assert (done["state"], done["offered"], done["stale"], done["moves"]) == ("applied", 2, 0, [])
    assert [o["reasons"] for o in await offers(near)] == [seen[upstairs]["reasons"]]
    assert (await move(near, upstairs, "accept"))["state"] == "claimed"
    assert [e["text"] for e in (await town.here.worker.get(f"/dispatch-batches/{made}/events")).json()["items"]] == [
        "申请社区派单", "拟派 2 件，0 件无人可派", "按方案派出", "派单完毕",
    ]  # fmt: skip
    titles = [n["title"] for n in (await town.here.worker.get("/notices")).json()["items"]]
    assert {"派单方案已算好", "派单完毕"} <= set(titles)
    assert far.id


async def test_who_passes_or_keeps_silent_is_followed_by_the_next_best_until_there_is_none(
    town: Town, work: Pump
) -> None:
    clock.set_to(MONDAY)
    able = await member(town, "会修的", skills=["电工"])
    plain = await member(town, "老李")
    busy = await member(town, "忙的")
    for _ in range(3):
        other = await wished_elsewhere(town)
        await move(busy, other, "claim")
    need = await published(town, skills=["电工"])
    made = await order(town)
    await work()
    await act(town.here.worker, made, "apply")
    await work()
    assert len(await offers(able)) == 1
    await move(able, need, "pass")
    await work()
    assert await offers(able) == []
    assert [o["reasons"][0] for o in await offers(plain)] == ["上一位未接"]
    notices = (await town.here.worker.get("/notices")).json()["items"]
    assert "派单被婉拒" not in [n["title"] for n in notices]

    clock.move(timedelta(hours=12, minutes=1))
    await work()
    assert await offers(plain) == await offers(busy) == []
    assert (await town.here.worker.get(f"/wishes/{need}")).json()["state"] == "published"
    notices = (await town.here.worker.get("/notices")).json()["items"]
    assert "派单逾期" in [n["title"] for n in notices]
    again = await order(town)
    await work()
    line = (await lines(town, again))[need]
    assert (line["state"], line["cause"]) == ("unmatched", "busy")
    assert line["note"] == "符合条件的 1 人手上的单都已满"


async def wished_elsewhere(town: Town) -> str:
    """A wish of another household here."""
    neighbour = await somebody(town, "邻居")
    await lives(town, neighbour, await flat(town))
    made = await neighbour.post(
        "/wishes",
        {"title": "老花镜", "text": "三百度", "category": "goods", "place_id": str(town.here.place)},
    )
    assert made.status_code == 201, made.text
    screened = await town.here.worker.post(f"/wishes/{made.json()['id']}/moves/publish")
    assert screened.status_code == 200, screened.text
    return str(made.json()["id"])


async def test_two_apply_at_once_and_one_does_what_has_changed_is_named(town: Town, work: Pump) -> None:
    await member(town)
    li = await member(town, "老李")
    kept, gone, left_out = await published(town), await wished_elsewhere(town), await wished_elsewhere(town)
    made = await order(town)
    await work()
    proposed = await lines(town, made)
    assert {line["state"] for line in proposed.values()} == {"proposed"}
    await move(li, gone, "claim")
    answers = await asyncio.gather(
        *(
            who.post(f"/dispatch-batches/{made}/moves/apply", {"without": [left_out]})
            for who in (town.here.worker, town.here.second_worker, town.operator)
        )
    )
    assert sorted(a.status_code for a in answers) == [200, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"wrong_moment"}
    await work()
    seen = await lines(town, made)
    assert {need: seen[need]["state"] for need in (kept, gone, left_out)} == {
        kept: "offered", gone: "stale", left_out: "dropped",
    }  # fmt: skip
    assert seen[gone]["note"] == "当前状态不能进行“派单”"
    assert await scalar(town, "select count(*) from offers") == 1
    done = await batch(town, made)
    assert (done["offered"], done["stale"], done["state"]) == (1, 1, "applied")


async def test_each_need_nobody_can_take_says_why(town: Town, work: Pump) -> None:
    clock.set_to(MONDAY)
    son = await member(town, "儿子", MembershipKind.volunteer, times=["weekend"])
    await lives(town, son, town.here.home)
    wishing = await published(town)
    asked: dict[str, dict[str, Any]] = {
        "own_household": {},
        "qualification": {"qualifications": ["电工证"], "due_on": "2026-11-27"},
        "age": {"min_age": 30},
        "insurance": {"insured": True},
        "time": {"due_on": "2026-11-27", "skills": ["陪诊"]},
    }
    own = await published(town, HELP)
    made = await order(town)
    await work()
    seen = await lines(town, made)
    assert (seen[wishing]["cause"], seen[wishing]["note"]) == ("nobody", "本社区还没有已核实报到的党员")
    assert seen[own]["note"] == "1 名志愿者都是提出人本户的人或已认领这件"

    await member(town, "小陈", MembershipKind.volunteer, times=["weekend"])
    needs = {cause: await published(town, HELP, **more) for cause, more in asked.items() if more}
    made = await order(town)
    await work()
    seen = await lines(town, made)
    assert {cause: seen[need]["cause"] for cause, need in needs.items()} == {c: c for c in needs}
    assert seen[needs["qualification"]]["note"] == "周五（11月27日）前1 名志愿者中没有人有有效的电工证"
    assert (
        seen[needs["time"]]["note"] == "周五（11月27日）前无有空的人（陪诊）：符合其他条件的 1 人都另有时间"
    )


async def test_nobody_is_offered_more_than_he_may_take_and_the_load_is_even(town: Town, work: Pump) -> None:
    people = [await member(town, f"党员{i}") for i in range(3)]
    needs = [await wished_elsewhere(town) for _ in range(10)]
    made = await order(town)
    await work()
    seen = await lines(town, made)
    took = [line["member"]["name"] for line in seen.values() if line["member"]]
    assert sorted(took.count(f"党员{i}") for i in range(3)) == [3, 3, 3]
    left = [line for line in seen.values() if line["state"] == "unmatched"]
    assert [(line["cause"], line["note"]) for line in left] == [
        ("outbid", "符合条件的 3 人本次都派给了更急或更合适的需求")
    ]
    assert len(needs) == len(people) * 3 + len(left)
    await act(town.here.worker, made, "apply")
    await work()
    assert [len(await offers(who)) for who in people] == [3, 3, 3]
    again = await order(town)
    await work()
    assert [line["cause"] for line in (await lines(town, again)).values()] == ["busy"]


async def test_who_took_enough_since_the_preview_is_not_offered_more(town: Town, work: Pump) -> None:
    wang = await member(town)
    need = await published(town)
    made = await order(town)
    await work()
    for _ in range(3):
        await move(wang, await wished_elsewhere(town), "claim")
    await act(town.here.worker, made, "apply")
    await work()
    line = (await lines(town, made))[need]
    assert (line["state"], line["note"]) == ("stale", "这位成员手上的单已满")
    assert await offers(wang) == []


async def test_a_plan_nobody_applies_expires_and_one_given_up_is_not_applied(town: Town, work: Pump) -> None:
    clock.set_to(MONDAY)
    await member(town)
    await published(town)
    first, second = await order(town), await order(town)
    await act(town.here.worker, second, "discard")
    await work()
    assert [(await batch(town, made))["state"] for made in (first, second)] == ["ready", "discarded"]
    assert (await act(town.here.worker, second, "apply", 409))["code"] == "wrong_moment"
    clock.move(timedelta(hours=24, minutes=1))
    await work()
    assert (await batch(town, first))["state"] == "expired"
    assert (await act(town.here.worker, first, "apply", 409))["moves"] == []
    assert await scalar(town, "select count(*) from offers") == 0


async def test_a_place_sets_its_weights_and_hours_and_batches_come_by_schedule_once(
    town: Town, work: Pump
) -> None:
    clock.set_to(MONDAY)  # 09:30 here
    near = await member(town, "楼里的", times=["weekday"])
    await lives(town, near, await flat(town))
    able = await member(town, "会修的", skills=["电工"], times=["weekday"])
    need = await published(town, place_id=str(town.here.building), skills=["电工"])
    town_wide = {
        "place_id": str(town.place),
        "version": 0,
        "weights": {"skill": 0},
        "mode": "off",
        "hours": [],
    }
    assert (await town.operator.post("/dispatch-settings", town_wide)).status_code == 201
    read = (await town.here.worker.get(f"/dispatch-settings?place={town.here.place}")).json()
    assert (read["source"]["id"], read["version"], read["weights"]["skill"]) == (str(town.place), 0, 0)
    made = await order(town)
    await work()
    assert (await lines(town, made))[need]["member"]["name"] == "楼里的"

    own = {"place_id": str(town.here.place), "version": 0, "mode": "apply", "hours": [15, 9, 9]}
    assert (await town.here.worker.post("/dispatch-settings", own)).json()["hours"] == [9, 15]
    late = await town.here.second_worker.post("/dispatch-settings", own)
    assert (late.status_code, late.json()["code"]) == (409, "settings_changed")
    db = town.app.state.db
    for _ in range(3):
        async with db.transaction() as tx:
            await schedule.make_due(tx)
    await work()
    assert len(await offers(able)) == 1
    assert await offers(near) == []
    made_by_clock = (await town.here.worker.get("/dispatch-batches?state=applied")).json()["items"]
    assert [(b["slot"] is not None, b["settings_version"]) for b in made_by_clock] == [(True, 1)]
    clock.move(timedelta(hours=6))
    async with db.transaction() as tx:
        await schedule.make_due(tx)
    assert await scalar(town, "select count(*) from dispatch_batches where slot is not null") == 2


async def test_out_of_reach_is_not_there_and_without_the_permission_nothing_is_ordered(
    town: Town, work: Pump
) -> None:
    made = await order(town)
    for path in ("", "/lines", "/events"):
        assert (await town.there.worker.get(f"/dispatch-batches/{made}{path}")).status_code == 404
        assert (await town.here.resident.get(f"/dispatch-batches/{made}{path}")).status_code == 404
    body = {"place_id": str(town.here.place)}
    for who in (town.here.resident, town.there.worker, town.auditor):
        assert (await who.post("/dispatch-batches", body)).status_code == 403
    assert (await town.there.worker.get("/dispatch-batches")).json()["items"] == []
    assert (await act(town.here.worker, made, "finish", 403))["code"] == "not_allowed"
    await work()
