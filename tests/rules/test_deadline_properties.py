"""What must hold of every deadline, whatever the start, the limit, the pauses and the extensions."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from api.kit.clock import CHINA
from api.rules.calendar import WorkingCalendar
from api.rules.calendar_seed import SEED_2024_2026 as SEED
from api.rules.clocks import Clock, Limit
from api.rules.deadlines import (
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
