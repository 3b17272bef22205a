"""代录: entered for somebody who called, kept under his number, claimed by his own login, seen and rated by him."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from api.kit import clock
from api.rules.roles import Role
from api.services.cases import claiming
from tests.estates import log_in
from tests.neighbours import lives
from tests.town import Actor, Town, grant
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]
NUMBER = "13955550018"
BEHALF = {"name": "王秀英", "phone": NUMBER, "consent": "电话中同意", "channel": "phone"}
MATTER = {"category": "help", "title": "楼道扶手松动", "text": "三单元二楼的扶手一碰就晃。"}


async def grid_worker(town: Town, simulator: Simulator, place: Any = None) -> Actor:
    """Somebody who walks the grid of the community here."""
    found = await log_in(town, simulator, "网格员")
    return await grant(town, found, Role.grid_worker, place=place)


async def _enter(town: Town, who: Actor, **changes: Any) -> dict[str, Any]:
    return await town.submit(who, **{**MATTER, "on_behalf_of": BEHALF, **changes})


async def _bind(who: Actor, simulator: Simulator, number: str = NUMBER) -> None:
    bound = await who.post("/me/phone", {"code": simulator.phone_code(who.name, number)})
    assert bound.status_code == 200, bound.text


async def _kept(town: Town, case: dict[str, Any]) -> Any:
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(text("select c.*, c::text as dump from cases c where id = :id"), case)
        return found.one()


async def test_a_call_is_entered_handled_and_claimed_by_the_callers_own_login(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    here, caller = town.here, town.stranger
    walker = await grid_worker(town, wechat_simulator)
    case = await _enter(town, walker, visibility="public")
    assert case == (await walker.get(f"/cases/{case['id']}")).json()
    assert (case["channel"], case["recorded"], case["consent"]) == ("phone", True, "电话中同意")
    assert case["reporter"] == {"name": "王**", "mine": False}
    row = await _kept(town, case)
    assert (row.recorder_id, row.reporter_id) == (walker.id, None)
    assert NUMBER not in row.dump
    assert BEHALF["name"] not in row.dump

    await pump()
    neighbour = (await here.resident.get(f"/cases/{case['id']}")).json()
    assert (neighbour["reporter"]["name"], neighbour["consent"]) == ("王**", None)
    assert (await caller.get("/cases?mine=true")).json()["items"] == []
    await here.worker.move(case["id"], "sign")
    called = await here.worker.post(f"/cases/{case['id']}/contact", {"reason": "电话联系居民"})
    assert called.json() == {"name": "王秀英", "phone": NUMBER}
    said = {"kind": "contact", "text": "已电话联系。"}
    assert (await here.worker.post(f"/cases/{case['id']}/messages", said)).status_code == 201

    await _bind(caller, wechat_simulator)
    await pump()
    mine = (await caller.get(f"/cases/{case['id']}")).json()
    assert mine["reporter"]["mine"] is True
    assert [c["id"] for c in (await caller.get("/cases?mine=true")).json()["items"]] == [case["id"]]
    told = [n["title"] for n in (await caller.get("/notices")).json()["items"]]
    assert "代您登记的诉求" in told
    assert (await _kept(town, case)).recorder_id == walker.id

    await here.worker.move(case["id"], "finish", outcome="solved", reply="已加固。")
    await here.secretary.move(case["id"], "pass_check")
    await pump()
    assert "请您评价" in [n["title"] for n in (await caller.get("/notices")).json()["items"]]
    rated = await caller.post(f"/cases/{case['id']}/ratings", {"overall": 5})
    assert (rated.json()["state"], rated.json()["rating"]) == ("closed", 5)
    async with town.app.state.db.reading() as tx:
        looked = await tx.execute(
            text(
                "select actor_id, words->>'reason' from events join event_words on event_id = id"
                " where move = 'view_contact'"
            )
        )
        assert looked.all() == [(here.worker.id, "电话联系居民")]
        kept = await tx.execute(
            text("select string_agg(convert_from(body, 'UTF8'), '') from idempotency_answers")
        )
        assert NUMBER not in kept.scalar_one()


async def _asked_about(town: Town, pump: Pump, recorder: Actor) -> str:
    """Entered by `recorder` for somebody without a login, and the handler asks."""
    case = str((await _enter(town, recorder))["id"])
    await pump()
    await town.here.worker.move(case, "sign")
    asked = await town.here.worker.move(case, "ask", question="是哪一层？")
    assert asked.status_code == 200, asked.text
    await pump()
    return case


async def _told(who: Actor) -> list[str]:
    return [notice["title"] for notice in (await who.get("/notices?limit=50")).json()["items"]]


async def test_who_entered_it_answers_for_who_has_no_login_and_nobody_rates_for_him(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    here = town.here
    walker = await grid_worker(town, wechat_simulator)
    other_walker = await grant(town, await log_in(town, wechat_simulator, "另一位网格员"), Role.grid_worker)
    case = await _asked_about(town, pump, walker)
    assert "请代为补充" in await _told(walker)
    assert "请代为补充" not in await _told(here.secretary)
    said = {"text": "三层", "channel": "phone"}
    for nobody, status in (
        (here.worker, 403),  # who asks does not answer
        (other_walker, 403),
        (town.auditor, 403),
        (here.resident, 404),
        (town.there.worker, 404),
        (town.stranger, 404),
    ):
        assert (await nobody.move(case, "answer", **said)).status_code == status, nobody.name
    how = await walker.move(case, "answer", text="三层")
    assert (how.status_code, how.json()["code"]) == (422, "malformed")
    answered = await walker.move(case, "answer", **said)
    assert (answered.status_code, answered.json()["state"]) == (200, "in_progress")
    await pump()
    assert "情况已补充" in await _told(here.worker)
    events = (await here.worker.get(f"/cases/{case}/events?limit=50")).json()["items"]
    [told] = [e for e in events if e["move"] == "answer"]
    assert (told["by"], told["text"]) == ("网格员", "已电话核实，代为补充")
    async with town.app.state.db.reading() as tx:
        kept = await tx.execute(text("select actor_id, data->>'channel' from events where move = 'answer'"))
        assert kept.all() == [(walker.id, "phone")]

    for supporter in (walker, here.worker, here.second_worker):
        assert (await supporter.post(f"/cases/{case}/supports")).status_code == 201
    await here.worker.move(case, "finish", outcome="solved", reply="已加固。")
    await here.secretary.move(case, "pass_check")
    for staff in (walker, here.secretary, here.worker, here.second_worker, town.supervisor):
        offered = (await staff.get(f"/cases/{case}")).json()["moves"]
        assert not {"rate", "dispute"} & set(offered), staff.name
        for move, stars in (("rate", 5), ("dispute", 1)):
            refused = await staff.move(case, move, stars={"overall": stars})
            assert refused.status_code == 403, staff.name
        mark = await staff.post(f"/cases/{case}/ratings", {"overall": 5})
        assert (mark.status_code, mark.json()["code"]) == (403, "not_allowed"), staff.name
    clock.move(timedelta(days=8))
    await pump()
    ended = (await walker.get(f"/cases/{case}")).json()
    assert (ended["state"], ended["rating"]) == ("closed", None)


async def test_a_word_he_cannot_read_is_no_contact_with_who_has_no_login(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    """Neither a public reply nor a question reaches him; that somebody rang him up does, whoever it was."""
    here = town.here
    walker = await grid_worker(town, wechat_simulator)
    case = await _asked_about(town, pump, walker)
    reply = {"kind": "reply", "text": "已安排人员查看。"}
    assert (await here.worker.post(f"/cases/{case}/messages", reply)).status_code == 201

    async def contact() -> dict[str, Any]:
        seen = (await walker.get(f"/cases/{case}")).json()
        assert (seen["first_contact_at"] is None) is (seen["due"]["contact"]["met_at"] is None)
        found: dict[str, Any] = seen["due"]["contact"]
        return found

    assert (await contact())["met_at"] is None
    clock.move(timedelta(minutes=10))
    answered = await walker.move(case, "answer", text="三层", channel="phone")
    assert answered.status_code == 200, answered.text
    assert (await contact())["met_at"] is not None

    other = str((await _enter(town, walker))["id"])
    await pump()
    await here.worker.move(other, "sign")
    assert (await here.worker.post(f"/cases/{other}/messages", reply)).status_code == 201
    early = await here.worker.move(other, "finish", outcome="solved", reply="已加固。")
    assert early.status_code == 409, early.text
    said = {"kind": "contact", "text": "已电话联系。"}
    assert (await here.worker.post(f"/cases/{other}/messages", said)).status_code == 201
    done = await here.worker.move(other, "finish", outcome="solved", reply="已加固。")
    assert done.status_code == 200, done.text


async def test_where_the_recorder_is_gone_a_dispatcher_answers_and_the_person_himself_once_he_is_there(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    here, caller = town.here, town.stranger
    walker = await grid_worker(town, wechat_simulator)
    case = await _asked_about(town, pump, walker)
    async with town.app.state.db.transaction() as tx:
        ended = {"who": walker.id, "now": clock.now()}
        await tx.execute(text("update grants set until = :now where person_id = :who"), ended)
    said = {"text": "三层", "channel": "recorded"}
    assert (await walker.move(case, "answer", **said)).status_code == 404
    assert (await here.second_worker.move(case, "answer", **said)).status_code == 200
    again = await here.worker.move(case, "ask", question="几单元？")
    assert again.status_code == 200, again.text
    await pump()
    assert "请代为补充" in await _told(here.secretary)
    await _bind(caller, wechat_simulator)
    await pump()
    late = await here.second_worker.move(case, "answer", **said)
    assert late.status_code == 403, "the person is there himself"
    wrong = await caller.move(case, "answer", **said)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "malformed")
    own = await caller.move(case, "answer", text="三单元")
    assert (own.status_code, own.json()["state"]) == (200, "in_progress")


async def test_what_is_entered_for_a_number_already_bound_is_the_persons_at_once(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    await _bind(town.stranger, wechat_simulator)
    await pump()
    case = await _enter(town, town.here.worker)
    await pump()
    assert (await town.stranger.get(f"/cases/{case['id']}")).json()["reporter"]["mine"] is True
    for other in (town.there.resident, town.there.worker):
        assert (await other.get(f"/cases/{case['id']}")).status_code == 404


async def test_entered_and_bound_at_the_same_moment_is_claimed_once(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    entered, _ = await asyncio.gather(_enter(town, town.here.worker), _bind(town.stranger, wechat_simulator))
    await pump()
    async with town.app.state.db.transaction() as tx:
        await claiming.claim(tx, person_id=town.stranger.id)
        made = await tx.execute(text("select count(*) from events where move = 'claim'"))
        assert made.scalar_one() == 1
    assert (await _kept(town, entered)).reporter_id == town.stranger.id


async def test_a_number_that_may_have_changed_hands_claims_nothing(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    case = await _enter(town, town.here.worker)
    await pump()
    clock.move(claiming.REMEMBERED + timedelta(days=1))
    await _bind(town.stranger, wechat_simulator)
    await pump()
    assert (await _kept(town, case)).reporter_id is None


async def test_only_who_may_enter_enters_and_only_who_works_on_it_sees_the_number(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    here = town.here
    walker = await grid_worker(town, wechat_simulator)
    body = {**MATTER, "place_id": str(here.place), "on_behalf_of": BEHALF}
    for nobody in (here.resident, town.there.worker, town.stranger):
        answer = await nobody.post("/cases", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    home = await walker.post("/cases", {**body, "place_id": None, "home_id": str(here.home)})
    assert (home.status_code, home.json()["room"]) == (201, "301")
    case = await _enter(town, here.worker, visibility="public")
    own = await town.submit(visibility="public")
    await pump()
    for asker in (walker, here.resident, town.auditor):
        answer = await asker.post(f"/cases/{case['id']}/contact", {"reason": "想知道"})
        assert answer.status_code == 403, asker.name
    assert (
        await walker.post(f"/cases/{home.json()['id']}/contact", {"reason": "再问一次地址"})
    ).status_code == 200
    entered = await _enter(town, walker, visibility="public")
    await pump()
    await lives(town, walker, here.home)
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update grants set until = :now where person_id = :p"), {"now": clock.now(), "p": walker.id}
        )
    left = await walker.post(f"/cases/{entered['id']}/contact", {"reason": "想起一件事"})
    assert left.status_code == 403, "a neighbour who once entered it, and serves no more"
    none = await here.worker.post(f"/cases/{own['id']}/contact", {"reason": "联系居民"})
    assert (none.status_code, none.json()["code"]) == (404, "no_contact")
    async with town.app.state.db.reading() as tx:
        told = await tx.execute(text("select count(*) from events where move = 'view_contact'"))
        assert told.scalar_one() == 1


async def test_who_is_forgotten_leaves_no_number_with_what_was_entered(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    case = await _enter(town, town.here.worker)
    await _bind(town.stranger, wechat_simulator)
    await pump()
    due = (await town.stranger.call("DELETE", "/me")).json()["due_at"]
    clock.set_to(datetime.fromisoformat(due) + timedelta(seconds=1))
    await pump()
    row = await _kept(town, case)
    assert (row.behalf_phone_index, row.behalf_phone_sealed, row.behalf_name_sealed, row.consent) == (
        None,
    ) * 4
    assert MATTER["text"] not in row.dump


async def test_nothing_is_handed_in_where_a_place_is_closed(town: Town) -> None:
    here = town.here
    for closed, where in (
        (here.building, {"home_id": str(here.home)}),
        (here.place, {"place_id": str(here.place)}),
    ):
        async with town.app.state.db.transaction() as tx:
            await tx.execute(text("update places set active = false where id = :id"), {"id": closed})
        for who, more in ((here.resident, {}), (here.worker, {"on_behalf_of": BEHALF})):
            answer = await who.post("/cases", {**MATTER, **where, **more})
            assert answer.status_code == 404, who.name


@pytest.mark.parametrize("wrong", [{"phone": "王"}, {"name": ""}, {"consent": ""}, {"channel": "found"}])
async def test_what_is_known_of_the_person_must_be_whole(town: Town, wrong: dict[str, str]) -> None:
    body = {**MATTER, "place_id": str(town.here.place), "on_behalf_of": {**BEHALF, **wrong}}
    assert (await town.here.worker.post("/cases", body)).status_code == 422
