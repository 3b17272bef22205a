"""Deadlines: what is provisional, what is refused, what is stored, and what it costs."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from api.kit.clock import CHINA
from api.rules.calendar import Hours, WorkingCalendar
from api.rules.calendar_seed import SEED_2024_2026 as SEED
from api.rules.clocks import Clock, Limit, hours, natural_days, service_hours, working_days, working_hours
from api.rules.deadlines import BrokenSegments, Deadline, compute, elapsed, extend, from_json, to_json

MINUTE = timedelta(minutes=1)
MONDAY = datetime(2026, 3, 9, 10, tzinfo=CHINA)


def test_a_clock_without_a_break_makes_one_segment() -> None:
    assert len(compute(MONDAY, natural_days(7), SEED).segments) == 1
    round_the_clock = SEED.with_hours(service=Hours.parse("00:00-24:00"))
    assert len(compute(MONDAY, service_hours(100), round_the_clock).segments) == 1
    assert len(extend(compute(MONDAY, hours(24), SEED), hours(24), SEED).segments) == 1


def test_the_first_instant_of_a_day_belongs_to_that_day() -> None:
    midnight = datetime(2026, 3, 10, tzinfo=CHINA)  # Tuesday 00:00, so Wednesday is the first day that counts
    assert compute(midnight, working_days(1), SEED).due_at == datetime(2026, 3, 11, 18, tzinfo=CHINA)
    assert compute(midnight, natural_days(1), SEED).due_at == datetime(2026, 3, 12, tzinfo=CHINA)


def test_a_limit_on_working_days_is_worth_the_units_own_hours() -> None:
    half_days = SEED.with_hours(office=Hours.parse("09:00-12:00"))
    deadline = compute(MONDAY, working_days(2), half_days)
    assert deadline.due_at == datetime(2026, 3, 11, 12, tzinfo=CHINA)
    assert deadline.allowed == timedelta(hours=6)


@pytest.mark.parametrize(
    ("start", "limit", "guess"),
    [
        (datetime(2026, 12, 31, 17, tzinfo=CHINA), working_hours(1), False),
        (datetime(2026, 12, 31, 17, 1, tzinfo=CHINA), working_hours(1), True),
        (datetime(2026, 12, 30, 17, tzinfo=CHINA), working_days(1), False),
        (datetime(2026, 12, 31, 1, tzinfo=CHINA), working_days(1), True),
        (datetime(2019, 4, 25, 9, 32, tzinfo=CHINA), working_days(5), True),
        (datetime(2023, 12, 31, 23, tzinfo=CHINA), working_days(1), False),  # counting begins in 2024
        (datetime(2023, 12, 29, 23, tzinfo=CHINA), working_days(1), True),  # but here with a Saturday of 2023
        (datetime(2027, 6, 1, 9, tzinfo=CHINA), natural_days(7), False),
        (datetime(2027, 6, 1, 9, tzinfo=CHINA), service_hours(4), False),
    ],
)
def test_only_what_rests_on_unknown_holidays_is_provisional(
    start: datetime, limit: Limit, guess: bool
) -> None:
    assert compute(start, limit, SEED).provisional is guess


def test_an_extension_into_the_unknown_year_is_provisional_even_while_paused() -> None:
    firm = compute(datetime(2026, 12, 20, 9, tzinfo=CHINA), natural_days(7), SEED)
    assert not firm.provisional
    assert extend(firm, working_days(10), SEED).provisional
    paused = [(datetime(2027, 1, 5, tzinfo=CHINA), None)]
    held = extend(firm, working_days(10), SEED, paused)
    assert (held.due_at, held.provisional) == (None, True)


def test_a_guess_in_the_first_part_stays_a_guess_however_it_was_extended() -> None:
    friday = datetime(2023, 12, 29, 9, tzinfo=CHINA)
    longer = compute(friday, working_hours(1), SEED, extensions=[natural_days(5), working_days(1)])
    assert longer.due_at == datetime(2024, 1, 4, 18, tzinfo=CHINA)
    assert longer.provisional


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 3, 9, 10)  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        compute(naive, hours(1), SEED)
    with pytest.raises(ValueError, match="zone"):
        compute(MONDAY, hours(1), SEED, [(naive, None)])
    with pytest.raises(ValueError, match="zone"):
        elapsed(MONDAY, naive, Clock.natural, SEED)


def test_a_pause_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="pause"):
        compute(MONDAY, hours(1), SEED, [(MONDAY, MONDAY - MINUTE)])


@pytest.mark.parametrize(
    ("amount", "clock"), [(0, Clock.natural), (-1, Clock.working_days), (3661, Clock.natural_days)]
)
def test_a_limit_is_a_promise_somebody_can_keep(amount: int, clock: Clock) -> None:
    with pytest.raises(ValueError, match="promise"):
        Limit(amount, clock)


@pytest.mark.parametrize("percent", [0, 101, -5])
def test_a_percentage_is_one_of_a_hundred(percent: int) -> None:
    with pytest.raises(ValueError, match="percent"):
        compute(MONDAY, hours(1), SEED).moment_at(percent)


def broken() -> dict[str, Deadline]:
    sound = compute(MONDAY, working_days(2), SEED)
    a, b, *rest = sound.segments
    lunch = (a[1] + MINUTE, a[1] + MINUTE)
    return {
        "out of order": replace(sound, segments=(b, a, *rest)),
        "before the start": replace(sound, start=a[0] + MINUTE),
        "touching": replace(sound, segments=((a[0], a[0] + MINUTE), (a[0] + MINUTE, a[1]), b, *rest)),
        "overlapping": replace(sound, segments=((a[0], b[0] + MINUTE), b, *rest)),
        "empty": replace(sound, segments=(a, lunch, b, *rest)),
        "one lost": replace(sound, segments=(b, *rest)),
        "too much": replace(sound, allowed=sound.allowed - MINUTE, due_at=None),
        "nothing allowed": replace(
            sound, allowed=timedelta(0), segments=(), due_at=sound.start - timedelta(microseconds=1)
        ),
        "due elsewhere": replace(sound, due_at=MONDAY),
        "not due": replace(sound, due_at=None),
    }


@pytest.mark.parametrize("deadline", broken().values(), ids=broken())
def test_a_stored_deadline_that_was_tampered_with_is_not_believed(deadline: Deadline) -> None:
    with pytest.raises(BrokenSegments):
        from_json(to_json(deadline))


def test_what_is_stored_is_plain_and_short() -> None:
    stored = to_json(compute(MONDAY, working_hours(5), SEED))
    assert stored == {
        "start": "2026-03-09T02:00:00Z",
        "limits": [(300, "working")],
        "allowed": 18000,
        "due_at": "2026-03-09T09:00:00Z",
        "segments": [
            ("2026-03-09T02:00:00Z", "2026-03-09T04:00:00Z"),
            ("2026-03-09T06:00:00Z", "2026-03-09T09:00:00Z"),
        ],
        "calendar_version": 1,
        "provisional": False,
    }
    ten_days = json.dumps(to_json(compute(MONDAY, working_days(10), SEED)), separators=(",", ":"))
    assert len(ten_days) < 1200


class Counting(WorkingCalendar):
    asked: int = 0

    def is_workday(self, day: date) -> bool:
        object.__setattr__(self, "asked", self.asked + 1)
        return super().is_workday(day)


def test_a_deadline_looks_at_each_day_once_and_never_again() -> None:
    calendar = Counting(1, SEED.exceptions, SEED.known_from, SEED.known_through)
    compute(MONDAY, working_days(10), calendar)
    assert calendar.asked == 14  # Tue 10 to Mon 23 March: days, not minutes
    compute(MONDAY + timedelta(hours=3), working_days(10), calendar)
    compute(MONDAY, working_hours(4), calendar)
    assert calendar.asked == 15  # only Mon 9 is new
