"""The clocks of a case can be computed again by anybody, from what the API says and nothing else."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from api.kit import clock
from api.rules.calendar import DayKind, SpecialDay
from api.rules.calendar_seed import SEED_2024_2026
from api.services import calendars
from tests.moments import MONDAY
from tests.services.test_case_requests import asked, decide, signed
from tests.town import Town

Pump = Callable[[], Awaitable[None]]
CHINA = timezone(timedelta(hours=8))


@pytest.fixture(autouse=True)
def _calendars_of_this_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions never change within a database; each test has its own."""
    monkeypatch.setattr(calendars, "_known", {SEED_2024_2026.version: SEED_2024_2026})


def _moment(said: str) -> datetime:
    return datetime.fromisoformat(said)


def by_hand(found: dict[str, Any], calendars: list[dict[str, Any]]) -> datetime | None:
    """The due time of a clock of office hours, counted minute by minute: no code of the program is used.

    Hours count from their moment, days from the next midnight in China; what was paused does not count.
    """
    calendar = next(c for c in calendars if c["version"] == found["calendar_version"])
    worked = {date.fromisoformat(d["date"]): d["worked"] for d in calendar["days"]}
    runs = []
    for run in calendar["office_hours"].replace("–", "-").replace("、", ",").replace(" ", ",").split(","):
        if run:
            opens, closes = (int(t[:2]) * 60 + int(t[3:5]) for t in run.split("-"))
            runs.append((opens, closes))
    at = _moment(found["started_at"]).astimezone(CHINA)
    if found["limits"][0]["clock"] == "working_days":
        at = datetime.combine(at.date() + timedelta(days=1), datetime.min.time(), CHINA)
    pauses = [(_moment(a), _moment(b) if b else None) for a, b in found["pauses"]]
    left, step = timedelta(seconds=found["allowed"]), timedelta(minutes=1)
    for _ in range(60 * 24 * 120):
        day, minute = at.date(), at.hour * 60 + at.minute
        open_day = worked.get(day, day.weekday() < 5)
        held = next(((a, b) for a, b in pauses if a <= at and (b is None or at < b)), None)
        if held is not None:
            if held[1] is None:
                return None
            at = held[1].astimezone(CHINA)
            continue
        ends = next((c for o, c in runs if o <= minute < c), None) if open_day else None
        if ends is None:
            at = at.replace(second=0, microsecond=0) + step
            continue
        until = min(
            [at.replace(second=0, microsecond=0) + step]
            + [a.astimezone(CHINA) for a, _ in pauses if at < a < at + step]
        )
        if until - at >= left:
            return at + left
        left -= until - at
        at = until
    raise AssertionError("it never ends")


def check(answer: dict[str, Any]) -> set[str]:
    """Every clock by hand and by its segments; the kinds that were counted in office hours."""
    counted = set()
    for found in answer["clocks"]:
        spans = [(_moment(a), _moment(b)) for a, b in found["segments"]]
        total = sum((b - a for a, b in spans), timedelta())
        due = _moment(found["due_at"]) if found["due_at"] else None
        if due is not None:
            assert total == timedelta(seconds=found["allowed"])
            assert spans[-1][1] == due
            assert found["overdue"] or found["used"] + found["remaining"] in (
                found["allowed"],
                found["allowed"] - 1,
            )
        for a, b in found["pauses"]:
            for opens, closes in spans:
                assert closes <= _moment(a) or (b is not None and opens >= _moment(b)), "paused time counted"
        if {limit["clock"] for limit in found["limits"]} <= {"working", "working_days"}:
            assert by_hand(found, answer["calendars"]) == due, found
            counted.add(found["kind"])
    return counted


async def test_anybody_counts_the_clocks_again_through_pauses_and_an_extension(
    town: Town, pump: Pump
) -> None:
    clock.set_to(datetime(2026, 12, 21, 1, 30, tzinfo=UTC))  # a Monday; 元旦 lies ahead
    here = town.here
    case = await signed(town, pump)
    assert (await here.worker.move(case, "ask", question="哪一层？")).status_code == 200
    paused = (await here.resident.get(f"/cases/{case}/clock")).json()
    assert {c["kind"] for c in paused["clocks"] if c["due_at"] is None} == {"contact", "finish", "unit"} - {
        "contact"
    }
    check(paused)
    clock.move(timedelta(hours=25, minutes=17))
    assert (await here.resident.move(case, "answer", text="三层")).status_code == 200
    request = await asked(here.worker, case, "extend", days=4)
    assert (await decide(here.secretary, case, request)).status_code == 200
    hold = await asked(here.secretary, case, "suspend", days=5, suspend_reason="third_party")
    assert (await decide(town.supervisor, case, hold)).status_code == 200
    clock.move(timedelta(days=2, hours=3))
    assert (await town.supervisor.move(case, "resume")).status_code == 200
    answer = (await here.resident.get(f"/cases/{case}/clock")).json()
    assert check(answer) >= {"screening", "sign", "contact", "finish", "unit"}
    finish = next(c for c in answer["clocks"] if c["kind"] == "finish")
    assert [limit["text"] for limit in finish["limits"]] == ["5 个工作日", "4 个工作日"]
    assert len(finish["pauses"]) == 2
    assert finish["whose"] == "resident"


async def test_a_stranger_learns_nothing_of_a_private_cases_clocks(town: Town) -> None:
    case = (await town.submit())["id"]
    assert (await town.stranger.get(f"/cases/{case}/clock")).status_code == 404


async def test_provisional_due_times_are_counted_again_when_the_new_year_is_published(
    town: Town, pump: Pump
) -> None:
    clock.set_to(datetime(2026, 12, 29, 1, 30, tzinfo=UTC))  # Tuesday
    here = town.here
    case = await signed(town, pump)
    before = (await here.resident.get(f"/cases/{case}")).json()["due"]["finish"]
    # Wed 30, Thu 31, Fri 1, Mon 4, Tue 5 January while nobody knows of 元旦.
    assert (before["due_at"], before["provisional"]) == ("2027-01-05T10:00:00Z", True)
    done = str((await town.submit())["id"])
    assert (await here.resident.move(done, "withdraw")).status_code == 200
    days = {
        date(2027, 1, 1): SpecialDay(DayKind.holiday, "元旦"),
        date(2027, 1, 3): SpecialDay(DayKind.makeup, "元旦"),
    }
    async with town.app.state.db.transaction() as tx:
        after = await calendars.add_version(tx, days, "2027 年", None, "系统")
    await pump()
    # Wed 30, Thu 31, Sun 3 (worked), Mon 4, Tue 5: the holiday and its make-up day cancel out; sign is untouched.
    answer = (await here.resident.get(f"/cases/{case}/clock")).json()
    finish = next(c for c in answer["clocks"] if c["kind"] == "finish")
    assert (finish["due_at"], finish["provisional"]) == ("2027-01-05T10:00:00Z", False)
    assert finish["calendar_version"] == after.version
    check(answer)
    assert "2027-01-03" in [d["date"] for c in answer["calendars"] for d in c["days"]]
    async with town.app.state.db.reading() as tx:
        ended = await tx.execute(
            text("select distinct calendar_version from deadlines where subject_id = :case"),
            {"case": UUID(done)},
        )
        assert list(ended.scalars()) == [1], "what is over keeps the calendar it was counted by"


async def test_the_new_year_moves_a_due_time_by_the_days_off_alone(town: Town, pump: Pump) -> None:
    clock.set_to(datetime(2026, 12, 29, 1, 30, tzinfo=UTC))
    case = await signed(town, pump)
    days = {date(2027, 1, day): SpecialDay(DayKind.holiday, "元旦") for day in (1, 4)}
    async with town.app.state.db.transaction() as tx:
        await calendars.add_version(tx, days, "2027 年", None, "系统")
    await pump()
    # Wed 30, Thu 31, Tue 5, Wed 6, Thu 7.
    seen = (await town.here.resident.get(f"/cases/{case}")).json()["due"]["finish"]
    assert (seen["due_at"], seen["provisional"]) == ("2027-01-07T10:00:00Z", False)


async def test_the_clock_says_when_it_was_met(town: Town, pump: Pump) -> None:
    clock.set_to(MONDAY)
    case = await signed(town, pump)
    found = (await town.here.worker.get(f"/cases/{case}/clock")).json()["clocks"]
    sign = next(c for c in found if c["kind"] == "sign")
    assert sign["met_at"] is not None
    assert sign["remaining"] > 0
