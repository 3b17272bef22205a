"""The working calendar against the published arrangements, day by day."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import chinese_calendar
import pytest

from api.kit.clock import CHINA
from api.rules.calendar import (
    OFFICE_HOURS,
    SERVICE_HOURS,
    DayKind,
    Hours,
    SpecialDay,
    WorkingCalendar,
    provisional_warning,
)
from api.rules.calendar_seed import SEED_2024_2026 as SEED

DAY = timedelta(days=1)


def days(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]


def test_every_day_of_three_years_is_worked_or_off_as_published() -> None:
    every = days(date(2024, 1, 1), date(2026, 12, 31))
    assert len(every) == 366 + 365 + 365
    wrong = [day for day in every if SEED.is_workday(day) != chinese_calendar.is_workday(day)]
    assert wrong == []


def test_a_year_has_as_many_workdays_as_the_law_leaves() -> None:
    # Days less weekends less statutory holidays: 11 in 2024, 13 since 2025; make-up days balance the rest.
    worked = Counter(day.year for day in days(date(2024, 1, 1), date(2026, 12, 31)) if SEED.is_workday(day))
    assert worked == {2024: 366 - 104 - 11, 2025: 365 - 104 - 13, 2026: 365 - 104 - 13}


def test_a_named_day_tells_its_kind_and_holiday() -> None:
    assert (SEED.kind(date(2026, 2, 17)), SEED.name(date(2026, 2, 17))) == (DayKind.holiday, "春节")
    assert (SEED.kind(date(2025, 9, 28)), SEED.name(date(2025, 9, 28))) == (DayKind.makeup, "国庆节、中秋节")
    assert (SEED.kind(date(2026, 3, 7)), SEED.name(date(2026, 3, 7))) == (DayKind.weekend, "")
    assert SEED.kind(date(2026, 3, 9)) is DayKind.workday


def test_new_years_eve_of_2024_was_worked_but_the_one_of_2025_was_not() -> None:
    assert SEED.is_workday(date(2024, 2, 9))  # employers were only encouraged to give it off
    assert not SEED.is_workday(date(2025, 1, 28))


def test_outside_the_known_years_monday_to_friday_is_assumed_and_said_so() -> None:
    assert [SEED.is_workday(day) for day in days(date(2027, 1, 1), date(2027, 1, 4))] == [
        True,
        False,
        False,
        True,
    ]
    assert SEED.is_provisional(date(2027, 1, 1))
    assert not SEED.is_provisional(date(2026, 12, 31))
    assert not SEED.is_provisional(date(2024, 1, 1))
    assert SEED.is_provisional(date(2023, 12, 31))  # old cases are imported too


def test_the_admin_is_warned_from_sixty_days_before_the_known_years_end() -> None:
    assert provisional_warning(SEED, date(2026, 10, 31)) is None
    first = provisional_warning(SEED, date(2026, 11, 1))
    assert first is not None
    assert "还剩 60 天" in first
    assert "2027 年放假安排" in first
    last = provisional_warning(SEED, date(2026, 12, 31))
    assert last is not None
    assert "还剩 0 天" in last
    after = provisional_warning(SEED, date(2027, 1, 1))
    assert after is not None
    assert "已经用完" in after


def test_china_has_one_offset_so_a_day_is_always_twenty_four_hours() -> None:
    for day in days(date(1992, 1, 1), date(2099, 12, 31)):
        midnight = datetime.combine(day, time.min, CHINA)
        assert midnight.utcoffset() == timedelta(hours=8)
        assert (midnight.astimezone(UTC) + DAY).astimezone(CHINA).date() == day + DAY


def test_the_office_is_open_seven_hours_with_a_lunch_break_and_only_on_workdays() -> None:
    assert OFFICE_HOURS.length == timedelta(hours=7)
    wall = [
        tuple(f"{t.astimezone(CHINA):%d %H:%M}" for t in run) for run in SEED.office_runs(date(2026, 2, 28))
    ]
    assert wall == [("28 09:00", "28 12:00"), ("28 14:00", "28 18:00")]
    assert SEED.office_runs(date(2026, 2, 23)) == ()
    assert SERVICE_HOURS.length == timedelta(hours=12)
    assert len(SEED.service_runs(date(2026, 2, 23))) == 1


def test_a_unit_may_have_its_own_hours_under_the_same_days() -> None:
    unit = SEED.with_hours(office=Hours.parse("8:30-12:00，13:30–17:00"))
    assert str(unit.office_hours) == "08:30-12:00,13:30-17:00"
    assert unit.version == SEED.version
    assert unit.service_hours == SEED.service_hours
    opens, closes = unit.office_runs(date(2026, 3, 9))[0]
    assert (opens, closes) == (datetime(2026, 3, 9, 0, 30, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC))
    assert SEED.office_runs(date(2026, 3, 9))[0][0] == datetime(2026, 3, 9, 1, tzinfo=UTC)


def test_hours_may_end_at_midnight() -> None:
    night = Hours.parse("00:00-06:00,22:00-24:00")
    assert night.length == timedelta(hours=8)
    assert night.on(date(2026, 3, 9))[1][1] == datetime(2026, 3, 9, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "9-12", "09:00", "12:00-09:00", "09:00-09:00", "09:00-12:00,11:00-18:00", "14:00-18:00,09:00-12:00",
     "20:00-24:01", "09:60-12:00", "22:00-06:00"],
)  # fmt: skip
def test_impossible_hours_are_refused_in_chinese(text: str) -> None:
    with pytest.raises(ValueError, match="营业时间"):
        Hours.parse(text)


def test_a_desk_that_never_opens_has_no_hours() -> None:
    with pytest.raises(ValueError, match="不能为空"):
        Hours(())


def test_a_calendar_cannot_be_changed_behind_its_version() -> None:
    with pytest.raises(TypeError):
        SEED.exceptions[date(2026, 3, 9)] = SpecialDay(DayKind.holiday, "假")  # type: ignore[index]


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({date(2026, 3, 9): SpecialDay(DayKind.makeup, "春节")}, "worked anyway"),
        ({date(2026, 3, 9): SpecialDay(DayKind.workday, "")}, "only holidays"),
        ({date(2027, 1, 1): SpecialDay(DayKind.holiday, "元旦")}, "unknown year"),
    ],
)
def test_a_calendar_that_contradicts_itself_cannot_be_made(named: dict[date, SpecialDay], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        WorkingCalendar(2, named, date(2026, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 1, 2), date(2026, 12, 31)), (date(2026, 1, 1), date(2026, 12, 30)), (date(2027, 1, 1), date(2026, 12, 31))],
)  # fmt: skip
def test_a_calendar_knows_whole_years(first: date, last: date) -> None:
    with pytest.raises(ValueError, match="year"):
        WorkingCalendar(1, {}, first, last)


NEW_YEAR_2027 = {date(2027, 1, 1): SpecialDay(DayKind.holiday, "元旦")}


def test_a_new_version_knows_the_new_year_and_keeps_the_old_ones() -> None:
    newer = SEED.with_years(2, NEW_YEAR_2027)
    assert not newer.is_provisional(date(2027, 12, 31))
    assert not newer.is_workday(date(2027, 1, 1))
    assert newer.is_workday(date(2026, 2, 28))
    assert (SEED.version, SEED.known_through) == (1, date(2026, 12, 31))


def test_a_year_given_again_is_replaced_as_a_whole() -> None:
    newer = SEED.with_years(2, {date(2026, 1, 1): SpecialDay(DayKind.holiday, "元旦")})
    assert newer.is_workday(date(2026, 2, 17))
    assert not newer.is_workday(date(2026, 1, 1))
    assert not newer.is_workday(date(2025, 1, 29))


def test_the_last_days_of_december_belong_to_the_next_new_year() -> None:
    # As in 2018, when 29 December was worked and 30 and 31 December were off for 元旦 2019.
    eve = {
        date(2026, 12, 26): SpecialDay(DayKind.makeup, "元旦"),
        date(2026, 12, 31): SpecialDay(DayKind.holiday, "元旦"),
    }
    newer = SEED.with_years(2, NEW_YEAR_2027 | eve)
    assert not newer.is_workday(date(2026, 12, 31))
    assert newer.is_workday(date(2026, 12, 26))
    assert not newer.is_workday(date(2026, 2, 17))  # the arrangement of 2026 itself stands
    again = newer.with_years(3, NEW_YEAR_2027)
    assert again.is_workday(date(2026, 12, 31))


def test_a_version_must_be_newer_and_leave_no_gap() -> None:
    with pytest.raises(ValueError, match="not newer"):
        SEED.with_years(1, NEW_YEAR_2027)
    with pytest.raises(ValueError, match="missing"):
        SEED.with_years(2, {date(2028, 1, 1): SpecialDay(DayKind.holiday, "元旦")})
    with pytest.raises(ValueError, match="missing"):
        SEED.with_years(2, {date(2022, 1, 1): SpecialDay(DayKind.holiday, "元旦")})


def test_what_a_calendar_remembers_of_days_stays_small() -> None:
    calendar = SEED.with_hours()
    for day in days(date(2000, 1, 1), date(2030, 12, 31)):
        calendar.office_runs(day)
        calendar.service_runs(day)
    assert len(calendar._office) <= 4096
    assert len(calendar._service) <= 4096
    assert calendar.office_runs(date(2026, 2, 28)) == SEED.office_runs(date(2026, 2, 28))
