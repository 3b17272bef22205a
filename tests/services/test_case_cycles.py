"""Cycles and clocks of a case: what happens to the clocks of one cycle in the next, and by which calendar."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from api.kit import clock
from api.models import Unit
from api.rules.calendar import DayKind, SpecialDay
from api.rules.places import UnitKind
from api.services import calendars
from tests.moments import MONDAY
from tests.town import Town

Pump = Callable[[], Awaitable[None]]


async def _signed(town: Town, pump: Pump) -> str:
    case = str((await town.submit())["id"])
    await pump()
    assert (await town.here.worker.move(case, "sign")).status_code == 200
    return case


async def _finish(town: Town, case: str) -> None:
    worker = town.here.worker
    await worker.post(f"/cases/{case}/messages", {"kind": "reply", "text": "正在处理。"})
    done = await worker.move(case, "finish", outcome="solved", reply="已处理。")
    assert done.status_code == 200, done.text


async def _finish_clocks(town: Town, case: str) -> list[Any]:
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(
            text(
                "select cycle, met_at from deadlines where subject_id = :case and kind = 'finish' order by cycle"
            ),
            {"case": UUID(case)},
        )
        return [tuple(row) for row in found]


async def test_a_failed_check_in_the_second_cycle_leaves_the_first_as_it_was(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await _signed(town, pump)
    await _finish(town, case)
    await town.here.secretary.move(case, "pass_check")
    await town.here.resident.post(f"/cases/{case}/ratings", {"overall": 1})
    (first, _) = await _finish_clocks(town, case)
    clock.move(timedelta(days=20))
    await _finish(town, case)
    assert (await town.here.secretary.move(case, "fail_check", reason="照片不清楚")).status_code == 200
    first_now, second = await _finish_clocks(town, case)
    assert first_now == first
    assert first[1] is not None
    assert second == (2, None)
    await _finish(town, case)
    assert (await _finish_clocks(town, case))[0] == first


async def test_a_dispatcher_chooses_a_unit_where_the_community_has_no_desk(town: Town, pump: Pump) -> None:
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update units set active = false where id = :desk"), {"desk": town.here.desk})
        above = Unit(kind=UnitKind.secretary_desk, place_id=town.place, name="街道书记台")
        tx.add(above)
    case = str((await town.submit())["id"])
    await pump()
    seen = (await town.here.secretary.get(f"/cases/{case}")).json()
    assert (seen["state"], seen["moves"]) == ("submitted", ["dispatch", "refer", "mark_hazard", "merge"])
    nobody = await town.here.secretary.move(case, "dispatch")
    assert (nobody.status_code, nobody.json()["code"]) == (409, "no_unit")
    sent = await town.here.secretary.move(case, "dispatch", unit_id=str(above.id))
    assert (sent.status_code, sent.json()["unit"]["name"]) == (200, "街道书记台")


async def test_who_may_not_dispatch_learns_nothing_about_units(town: Town) -> None:
    case = str((await town.submit())["id"])
    for unit in (town.here.desk, town.there.desk):
        refused = await town.here.resident.move(case, "dispatch", unit_id=str(unit))
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


async def test_a_pause_gives_its_time_back_by_the_calendar_the_clock_began_with(
    town: Town, pump: Pump
) -> None:
    clock.set_to(MONDAY)
    case = await _signed(town, pump)
    await town.here.worker.move(case, "ask", question="哪一层？")
    async with town.app.state.db.transaction() as tx:
        before = await calendars.current(tx)
        days = dict(before.exceptions) | {date(2026, 11, 30): SpecialDay(DayKind.holiday, "临时放假")}
        days = {day: special for day, special in days.items() if day.year == 2026}
        await calendars.add_version(tx, days, "测试", None, "系统")
    clock.move(timedelta(hours=24))
    answered = (await town.here.resident.move(case, "answer", text="二层")).json()
    assert str(answered["due"]["finish"]["due_at"]).startswith("2026-12-01T01:30:")


async def test_the_ten_thousandth_case_of_a_day_has_a_number_of_its_own(town: Town) -> None:
    first = await town.submit()
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("update case_numbers set last = 9999"))
    assert (await town.submit())["number"] == first["number"][:-4] + "10000"
