"""What must hold of every deadline, whatever the start, the limit, the pauses and the extensions."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.kit.clock import CHINA
from api.rules.calendar import Hours, WorkingCalendar
from api.rules.calendar_seed import SEED_2024_2026 as SEED
from api.rules.clocks import Clock, Limit, hours, natural_days, service_hours, working_days, working_hours
from api.rules.deadlines import (
    BrokenSegments,
    Deadline,
    Pause,
    compute,
    elapsed,
    extend,
    from_json,
    recompute,
    to_json,
)

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)

moments = st.integers(0, 4 * 366 * 24 * 60 * 60 * 1000).map(lambda ms: FIRST + timedelta(milliseconds=ms))
clocks = st.sampled_from(list(Clock))


@st.composite
def limits(draw: st.DrawFn, kinds: st.SearchStrategy[Clock] = clocks) -> Limit:
    clock = draw(kinds)
    most = 12 if clock in (Clock.working_days, Clock.natural_days) else 5000
    return Limit(draw(st.integers(1, most)), clock)


@st.composite
def pauses(draw: st.DrawFn, start: datetime) -> list[Pause]:
    """Up to four pauses around and after `start`, in any order, overlapping or not, the last perhaps open."""
    found: list[Pause] = []
    for _ in range(draw(st.integers(0, 4))):
        begins = start + draw(st.integers(-3 * 24 * 60, 20 * 24 * 60)) * MINUTE
        found.append((begins, begins + draw(st.integers(0, 6 * 24 * 60)) * MINUTE))
    if draw(st.integers(0, 4)) == 0:
        found.append((start + draw(st.integers(-60, 20 * 24 * 60)) * MINUTE, None))
    return found


@st.composite
def situations(draw: st.DrawFn) -> tuple[datetime, Limit, list[Pause], list[Limit]]:
    start = draw(moments)
    return start, draw(limits()), draw(pauses(start)), draw(st.lists(limits(), max_size=2))


def counted(segments: Sequence[tuple[datetime, datetime]]) -> timedelta:
    return sum((end - start for start, end in segments), timedelta())


@given(situations())
@settings(max_examples=400)
def test_segments_are_ordered_apart_inside_and_sum_to_what_was_allowed(
    situation: tuple[datetime, Limit, list[Pause], list[Limit]],
) -> None:
    start, limit, held, extensions = situation
    deadline = compute(start, limit, SEED, held, extensions=extensions)
    assert deadline.allowed == sum((each.counted(SEED) for each in deadline.limits), timedelta())
    previous = start - timedelta(microseconds=1)
    for begins, ends in deadline.segments:
        assert previous < begins < ends
        assert begins.tzinfo is UTC
        assert not any(p < ends and (q is None or begins < q) and p != q for p, q in held)
        previous = ends
    if deadline.due_at is None:
        assert held[-1][1] is None
        assert counted(deadline.segments) < deadline.allowed
    else:
        assert counted(deadline.segments) == deadline.allowed
        assert deadline.segments[-1][1] == deadline.due_at
    assert recompute(deadline) == deadline.due_at


@given(situations(), pauses(datetime(2026, 1, 1, tzinfo=UTC)))
@settings(max_examples=400)
def test_another_pause_never_makes_it_due_earlier(
    situation: tuple[datetime, Limit, list[Pause], list[Limit]], more: list[Pause]
) -> None:
    start, limit, held, extensions = situation
    shift = start - datetime(2026, 1, 1, tzinfo=UTC)
    more = [(p + shift, q + shift if q else None) for p, q in more]
    before = compute(start, limit, SEED, held, extensions=extensions).due_at
    after = compute(start, limit, SEED, held + more, extensions=extensions).due_at
    assert after is None or (before is not None and before <= after)


@given(situations(), st.integers(0, 10 * 24 * 3600))
@settings(max_examples=400)
def test_who_starts_later_is_never_due_earlier(
    situation: tuple[datetime, Limit, list[Pause], list[Limit]], later: int
) -> None:
    start, limit, held, extensions = situation
    before = compute(start, limit, SEED, held, extensions=extensions).due_at
    after = compute(start + timedelta(seconds=later), limit, SEED, held, extensions=extensions).due_at
    assert after is None or (before is not None and before <= after)


@given(moments, st.integers(1, 5000), st.data())
def test_a_pause_moves_a_natural_due_time_by_exactly_its_length(
    start: datetime, amount: int, data: st.DataObject
) -> None:
    limit = Limit(amount, Clock.natural)
    begins = start + data.draw(st.integers(0, amount * 60_000 - 1)) * timedelta(milliseconds=1)
    length = data.draw(st.integers(0, 10_000_000)) * timedelta(milliseconds=1)
    plain, held = compute(start, limit, SEED), compute(start, limit, SEED, [(begins, begins + length)])
    assert plain.due_at is not None
    assert plain.segments == ((start, start + amount * MINUTE),)
    assert held.due_at == plain.due_at + length
    assert len(held.segments) <= 2


@given(situations())
def test_elapsed_time_is_used_up_exactly_at_the_due_moment(
    situation: tuple[datetime, Limit, list[Pause], list[Limit]],
) -> None:
    start, limit, held, _ = situation
    deadline = compute(start, limit, SEED, held)
    for end in {start, *(end for _, end in deadline.segments)}:
        assert elapsed(start, end, limit.clock, SEED, held) == deadline.used(end)
        assert deadline.used(end) + deadline.remaining(end) == deadline.allowed


@given(situations(), st.integers(1, 100))
def test_the_moment_of_a_percentage_has_that_percentage_used(
    situation: tuple[datetime, Limit, list[Pause], list[Limit]], percent: int
) -> None:
    start, limit, held, extensions = situation
    deadline = compute(start, limit, SEED, held, extensions=extensions)
    moment = deadline.moment_at(percent)
    if moment is None:
        assert deadline.due_at is None
    else:
        assert deadline.used(moment) == deadline.allowed * percent / 100


@given(situations())
def test_a_deadline_survives_being_stored(
    situation: tuple[datetime, Limit, list[Pause], list[Limit]],
) -> None:
    start, limit, held, extensions = situation
    deadline = compute(start, limit, SEED, held, extensions=extensions)
    assert from_json(json.loads(json.dumps(to_json(deadline)))) == deadline


@given(situations(), limits())
def test_an_extension_gives_its_whole_amount_and_takes_nothing_back(
    situation: tuple[datetime, Limit, list[Pause], list[Limit]], by: Limit
) -> None:
    start, limit, held, extensions = situation
    deadline = compute(start, limit, SEED, held, extensions=extensions)
    longer = extend(deadline, by, SEED, held)
    assert longer.allowed == deadline.allowed + by.counted(SEED)
    assert longer.limits == (*deadline.limits, by)
    assert longer.due_at is None or (deadline.due_at is not None and longer.due_at > deadline.due_at)


def minute_by_minute(start: datetime, limit: Limit, calendar: WorkingCalendar, held: list[Pause]) -> datetime:
    """The slow reference: walk a wall clock in minutes and count those that count."""
    wall = start.astimezone(CHINA).replace(tzinfo=None)
    left = limit.amount
    if limit.clock in (Clock.working_days, Clock.natural_days):
        wall = datetime.combine(wall.date() + DAY, datetime.min.time())
        left *= 24 * 60 if limit.clock is Clock.natural_days else 7 * 60
    stops = [
        (p.astimezone(CHINA).replace(tzinfo=None), q.astimezone(CHINA).replace(tzinfo=None))
        for p, q in held
        if q is not None
    ]
    while left:
        if limit.clock in (Clock.working, Clock.working_days):
            open_now = calendar.is_workday(wall.date()) and (9 <= wall.hour < 12 or 14 <= wall.hour < 18)
        else:
            open_now = limit.clock is not Clock.service or 8 <= wall.hour < 20
        left -= open_now and not any(p <= wall < q for p, q in stops)
        wall += MINUTE
    return wall.replace(tzinfo=CHINA)


@given(st.integers(0, 4 * 366 * 24 * 60), st.data())
@settings(max_examples=150, deadline=None)
def test_it_is_the_same_as_counting_minutes_on_a_wall_clock(minute: int, data: st.DataObject) -> None:
    start = FIRST + minute * MINUTE
    clock = data.draw(clocks)
    most = 4 if clock in (Clock.working_days, Clock.natural_days) else 1500
    limit = Limit(data.draw(st.integers(1, most)), clock)
    held: list[Pause] = [(p, q) for p, q in data.draw(pauses(start)) if q is not None]
    assert compute(start, limit, SEED, held).due_at == minute_by_minute(start, limit, SEED, held)


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
        "nothing allowed": replace(sound, allowed=timedelta(0), segments=(), due_at=None),
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
