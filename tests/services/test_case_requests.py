"""What is asked for on a case: by one person, decided by another, and done with the approval."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from api.kit import clock
from api.models import Unit
from api.models.people import PersonId
from api.rules.places import UnitKind
from tests.moments import MONDAY
from tests.town import Actor, Town

Pump = Callable[[], Awaitable[None]]


async def signed(town: Town, pump: Pump, **changes: object) -> str:
    case = str((await town.submit(**changes))["id"])
    await pump()
    assert (await town.here.worker.move(case, "sign")).status_code == 200
    return case


async def ask(who: Actor, case: str, kind: str, **fields: Any) -> Any:
    return await who.post(f"/cases/{case}/requests", {"kind": kind, "reason": "确有必要", **fields})


async def asked(who: Actor, case: str, kind: str, **fields: Any) -> str:
    """The id of a request that was accepted."""
    answer = await ask(who, case, kind, **fields)
    assert answer.status_code == 201, answer.text
    return str(
        next(r["id"] for r in answer.json()["requests"] if r["kind"] == kind and r["state"] == "pending")
    )


async def decide(who: Actor, case: str, request: str, move: str = "approve") -> Any:
    return await who.post(f"/cases/{case}/requests/{request}/moves/{move}", {"text": "已阅"})


async def finish_due(who: Actor, case: str) -> str | None:
    found: str | None = (await who.get(f"/cases/{case}")).json()["due"]["finish"]["due_at"]
    return found


async def finished(town: Town, case: str, who: Actor | None = None) -> Any:
    worker = who or town.here.worker
    said = await worker.post(f"/cases/{case}/messages", {"kind": "contact", "text": "已电话联系。"})
    assert said.status_code == 201, said.text
    return await worker.move(case, "finish", outcome="solved", reply="已处理。")


async def closed(town: Town, pump: Pump, stars: dict[str, int]) -> str:
    case = await signed(town, pump)
    assert (await finished(town, case)).status_code == 200
    assert (await town.here.secretary.move(case, "pass_check")).status_code == 200
    assert (await town.here.resident.post(f"/cases/{case}/ratings", stars)).status_code == 200
    return case


async def test_an_extension_moves_the_due_time_once_a_level_and_the_resident_reads_why(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    here = town.here
    case = await signed(town, pump)
    assert await finish_due(here.resident, case) == "2026-11-30T10:00:00Z"
    request = await asked(here.worker, case, "extend", days=3)
    assert await finish_due(here.resident, case) == "2026-11-30T10:00:00Z"
    twice = await ask(here.worker, case, "extend", days=2)
    assert (twice.status_code, twice.json()["code"]) == (409, "request_pending")
    own = await decide(here.worker, case, request)
    assert (own.status_code, own.json()["code"]) == (409, "own_request")
    assert (await decide(here.resident, case, request)).status_code == 403
    assert (await decide(here.secretary, case, request)).status_code == 200
    assert await finish_due(here.resident, case) == "2026-12-03T10:00:00Z"
    waiting = (await here.resident.get(f"/cases/{case}")).json()["requests"]
    assert [(r["state"], r["reason"]) for r in waiting] == [("approved", None)]
    assert [r["reason"] for r in (await here.second_worker.get(f"/cases/{case}")).json()["requests"]] == [
        "确有必要"
    ]
    told = (await here.resident.get(f"/cases/{case}/events")).json()["items"]
    assert "社区批准延期 3 个工作日" in [e["text"] for e in told]
    await pump()
    shown = (await here.resident.get(f"/cases/{case}")).json()["requests"]
    assert [(r["kind"], r["state"], r["reason"], r["level"]) for r in shown] == [
        ("extend", "approved", "确有必要", "community")
    ]
    # The community has granted its one: the next, however short, is the town's, and a third is nobody's.
    second = await asked(here.worker, case, "extend", days=2)
    assert (await decide(here.secretary, case, second)).status_code == 403
    assert (await decide(town.supervisor, case, second)).status_code == 200
    assert await finish_due(here.resident, case) == "2026-12-07T10:00:00Z"
    third = await ask(here.worker, case, "extend", days=1)
    assert (third.status_code, third.json()["code"]) == (409, "extended_enough")


async def test_no_extension_is_asked_for_or_approved_after_the_due_time(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await signed(town, pump)
    request = await asked(town.here.worker, case, "extend", days=3)
    clock.set_to(datetime(2026, 11, 30, 10, 0, 1, tzinfo=UTC))
    late = await decide(town.here.secretary, case, request)
    assert (late.status_code, late.json()["code"]) == (409, "asked_too_late")
    assert await finish_due(town.here.resident, case) == "2026-11-30T10:00:00Z"
    other = await signed(town, pump)
    clock.move(timedelta(days=30))
    asked_late = await ask(town.here.worker, other, "extend", days=3)
    assert (asked_late.status_code, asked_late.json()["code"]) == (409, "asked_too_late")


async def test_a_unit_gives_a_case_back_and_the_residents_clock_never_notices(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    case = await signed(town, pump)
    due = await finish_due(here.resident, case)
    request = await asked(here.worker, case, "return", unit_id=str(here.desk))
    clock.move(timedelta(hours=3))
    back = await decide(here.secretary, case, request)
    assert (back.json()["state"], back.json()["unit"]) == ("submitted", None)
    assert await finish_due(here.resident, case) == due
    sent = await here.secretary.move(case, "dispatch", unit_id=str(here.desk))
    assert sent.status_code == 200
    clocks = {c["kind"]: c for c in (await here.resident.get(f"/cases/{case}/clock")).json()["clocks"]}
    assert clocks["unit"]["used"] == 0
    assert clocks["finish"]["started_at"] < clocks["unit"]["started_at"]
    # A second one brings it to the community.
    again = await asked(here.worker, case, "return")
    assert (await decide(here.second_worker, case, again)).json()["level"] == 2


async def test_a_unit_asks_to_give_back_within_a_working_day_of_the_arrival(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await signed(town, pump)
    clock.set_to(datetime(2026, 11, 24, 9, 59, tzinfo=UTC))  # Tuesday 17:59, the last minute
    last = await ask(town.here.worker, case, "return")
    assert last.status_code == 201
    other = await signed(town, pump)
    clock.move(timedelta(days=2))
    late = await ask(town.here.worker, other, "return")
    assert (late.status_code, late.json()["code"]) == (409, "asked_too_late")


async def test_nobody_decides_in_four_working_hours_and_the_community_answers_for_it(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    case = await signed(town, pump)
    await asked(town.here.worker, case, "return")
    clock.move(timedelta(hours=6, minutes=1))  # 15:31
    await pump()
    seen = (await town.here.resident.get(f"/cases/{case}")).json()
    assert (seen["state"], seen["level"]) == ("in_progress", 2)


async def test_a_suspended_case_stands_still_until_its_review(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    here = town.here
    case = await signed(town, pump)
    request = await asked(here.secretary, case, "suspend", days=10, suspend_reason="season")
    assert (await decide(here.worker, case, request)).status_code == 403
    held = await decide(town.supervisor, case, request)
    assert held.json()["state"] == "suspended"
    assert held.json()["due"]["finish"]["due_at"] is None
    clock.move(timedelta(days=11))
    await pump()
    seen = (await here.resident.get(f"/cases/{case}")).json()
    assert seen["state"] == "in_progress"
    # 35 h from Tuesday on; suspended on Monday before the first counted hour, resumed on 4 December at 09:30:
    # that Friday 2.5 and 4 h (6.5), Monday to Thursday 28 (34.5), Friday 11 December 09:00 and half an hour.
    assert str(seen["due"]["finish"]["due_at"]).startswith("2026-12-11T01:30:")
    events = (await here.resident.get(f"/cases/{case}/events?limit=50")).json()["items"]
    assert any(e["move"] == "suspend" and "季节" in e["text"] for e in events)
    assert not any("确有必要" in e["text"] for e in events), "words that wait for a check are in no event"


async def test_ninety_days_of_suspension_are_all_there_are(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await signed(town, pump)
    for _ in range(3):
        request = await asked(town.here.secretary, case, "suspend", days=30, suspend_reason="legacy")
        assert (await decide(town.supervisor, case, request)).status_code == 200
        assert (await town.supervisor.move(case, "resume")).status_code == 200
    more = await ask(town.here.secretary, case, "suspend", days=1, suspend_reason="legacy")
    assert (more.status_code, more.json()["code"]) == (409, "suspended_enough")


async def test_a_rejection_takes_two_people_and_the_town_hears_one_appeal(town: Town, pump: Pump) -> None:
    here = town.here
    async with town.app.state.db.transaction() as tx:  # no desk: it waits for a dispatcher
        await tx.execute(text("update units set active = false where id = :desk"), {"desk": here.desk})
    clock.set_to(MONDAY)
    case = str((await town.submit())["id"])
    await pump()
    assert (await here.worker.move(case, "reject")).status_code == 403
    request = await asked(here.worker, case, "reject", reject_reason="in_court")
    assert (await here.resident.get(f"/cases/{case}")).json()["requests"] == []
    assert (await decide(here.worker, case, request)).json()["code"] == "own_request"
    rejected = (await decide(here.second_worker, case, request)).json()
    assert (rejected["state"], rejected["reject_reason"]) == ("rejected", "in_court")
    told = (await here.resident.get(f"/cases/{case}/events")).json()["items"][-1]["text"]
    assert "法院" in told
    appeal = await asked(here.resident, case, "appeal")
    assert (await decide(here.secretary, case, appeal)).status_code == 403
    assert (await decide(town.supervisor, case, appeal, "refuse")).status_code == 200
    again = await ask(here.resident, case, "appeal")
    assert (again.status_code, again.json()["code"]) == (409, "appealed_before")
    other = str((await town.submit())["id"])
    assert (
        await decide(
            here.worker, other, await asked(here.secretary, other, "reject", reject_reason="unclear")
        )
    ).status_code == 200
    heard = await asked(here.resident, other, "appeal")
    back = (await decide(town.supervisor, other, heard)).json()
    assert (back["state"], back["reject_reason"]) == ("submitted", None)
    assert back["due"]["finish"]["due_at"] == "2026-11-30T10:00:00Z"
    third = str((await town.submit())["id"])
    proposal = await asked(here.secretary, third, "reject", reject_reason="unclear")
    assert (await decide(here.worker, third, proposal)).status_code == 200
    clock.move(timedelta(days=8))
    late = await ask(here.resident, third, "appeal")
    assert (late.status_code, late.json()["code"]) == (409, "asked_too_late")


async def test_a_case_is_not_finished_while_another_unit_owes_its_part(town: Town, pump: Pump) -> None:
    here = town.here
    async with town.app.state.db.transaction() as tx:
        grid = Unit(kind=UnitKind.grid_team, place_id=here.place, name="网格队")
        tx.add(grid)
    case = await signed(town, pump)
    units = [{"unit_id": str(grid.id), "text": "清理楼道"}, {"unit_id": str(here.desk), "text": "张贴通知"}]
    request = await asked(here.worker, case, "assist", units=units)
    granted = (await decide(here.secretary, case, request)).json()
    tasks = granted["requests"][0]["tasks"]
    early = await finished(town, case)
    assert (early.status_code, early.json()["code"]) == (409, "tasks_open")
    path = f"/cases/{case}/tasks/{tasks[0]['id']}/moves"
    assert (await here.worker.post(f"{path}/finish", {"text": "不是本单位"})).status_code == 403
    assert (await here.resident.post(f"{path}/waive", {"text": "不用了"})).status_code == 404
    assert (await here.secretary.post(f"{path}/waive", {"text": "已无必要"})).status_code == 200
    done = await here.worker.post(f"/cases/{case}/tasks/{tasks[1]['id']}/moves/finish", {"text": "已张贴"})
    assert [t["state"] for t in done.json()["requests"][0]["tasks"]] == ["waived", "finished"]
    again = await here.worker.post(f"/cases/{case}/tasks/{tasks[1]['id']}/moves/finish", {"text": "再来"})
    assert again.status_code == 409
    assert (await finished(town, case)).status_code == 200


async def test_what_was_asked_for_lapses_when_the_case_moves_on(town: Town, pump: Pump) -> None:
    case = await signed(town, pump)
    await asked(town.here.worker, case, "extend", days=2)
    assert (await finished(town, case)).status_code == 200
    await pump()
    found = (await town.here.worker.get(f"/cases/{case}")).json()["requests"]
    assert [r["state"] for r in found] == ["lapsed"]
    notices = (await town.here.worker.get("/notices")).json()["items"]
    assert any("延期申请失效" in n["title"] for n in notices)


async def test_an_account_that_was_blocked_does_nothing_more_with_its_session(town: Town, pump: Pump) -> None:
    case = await signed(town, pump)
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update people set state = 'blocked' where id = any(:ids)"),
            {"ids": [PersonId(a.id) for a in (town.here.worker, town.here.resident)]},
        )
    answers = [
        await town.here.worker.move(case, "ask", question="哪一层？"),
        await town.here.resident.move(case, "withdraw"),
        await town.here.resident.post(f"/cases/{case}/urges"),
        await town.here.resident.post(f"/cases/{case}/messages", {"kind": "reply", "text": "快一点"}),
        await ask(town.here.worker, case, "extend", days=2),
    ]
    assert [(a.status_code, a.json()["detail"]) for a in answers] == [(403, "该账号已停用")] * 5
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update people set state = 'active'"))
        await tx.execute(
            text("update grants set until = :now where person_id = :id"),
            {"id": town.here.worker.id, "now": clock.now()},
        )
    assert (await town.here.worker.move(case, "ask", question="哪一层？")).status_code == 404


async def test_nothing_is_submitted_to_a_place_out_of_use(town: Town) -> None:
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update places set active = false where id = :id"), {"id": UUID(str(town.here.building))}
        )
    body = {"category": "help", "title": "路灯不亮", "text": "东门", "place_id": str(town.here.building)}
    assert (await town.here.resident.post("/cases", body)).status_code == 404
    assert (
        await town.here.resident.post("/cases", {**body, "place_id": str(town.here.place)})
    ).status_code == 201
