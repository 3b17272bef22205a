"""Deadlines 期限: when a promised time runs out, and which stretches of time counted.

A limit counted in hours runs from its very moment; a limit counted in days leaves the first day out and ends
with the last one (民法典 arts. 201 and 203): N 工作日 end at the close of business of the N-th working day after
the day of the start, N 自然日 at 24:00 of the N-th day after it. A pause gives back exactly the counted time it
covered, to the microsecond, so N working days end in the middle of a day when part of a day was paused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TypedDict

from api.kit.clock import CHINA, local
from api.rules.calendar import Run, WorkingCalendar
from api.rules.clocks import OF_DAYS, OF_OFFICE, Clock, Limit

Pause = tuple[datetime, datetime | None]
"""Time that does not count, [start, end), aware; without an end it lasts until further notice."""

_NOTHING = timedelta()
_TICK = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A limit (with its extensions, each running on from the one before) worked out from a start.

    `due_at` is the end of the last segment, and being at that moment is still in time; None while an open-ended
    pause holds the clock: nothing is due until it is computed again. Segments are ordered, never touch, and sum
    to `allowed`, or to less while paused. `provisional`: it rests on a year whose holidays are not known yet.
    """

    start: datetime
    limits: tuple[Limit, ...]
    allowed: timedelta
    due_at: datetime | None
    segments: tuple[Run, ...]
    calendar_version: int
    provisional: bool

    def used(self, now: datetime) -> timedelta:
        """Counted time up to `now`; never more than allowed (how late it is: `now - due_at`, or elapsed())."""
        return sum((min(end, now) - start for start, end in self.segments if start < now), _NOTHING)

    def remaining(self, now: datetime) -> timedelta:
        """Counted time left at `now`; zero from the due time on."""
        return self.allowed - self.used(now)

    def fraction_used(self, now: datetime) -> float:
        """0 to 1, to be shown; a step of the ladder is a moment and comes from moment_at()."""
        return self.used(now) / self.allowed

    def moment_at(self, percent: int) -> datetime | None:
        """When `percent` (1 to 100) of the allowed time is used; None when a pause holds it before that."""
        if not 0 < percent <= 100:
            raise ValueError("percent is 1 to 100")
        left = self.allowed * percent / 100
        for start, end in self.segments:
            if end - start >= left:
                return start + left
            left -= end - start
        return None

    def is_overdue(self, now: datetime) -> bool:
        return self.due_at is not None and now > self.due_at


def compute(
    start: datetime,
    limit: Limit,
    calendar: WorkingCalendar,
    pauses: Sequence[Pause] = (),
    *,
    extensions: Sequence[Limit] = (),
) -> Deadline:
    """The deadline of `limit` from `start`, less `pauses` (any order, overlaps allowed), plus `extensions`.

    Raises ValueError for moments without a zone and for pauses that end before they begin.
    """
    start = _utc(start)
    stops = _stops(pauses) if pauses else []
    allowed, provisional = _NOTHING, False
    due: datetime | None = start
    segments: list[Run] = []
    before: Clock | None = None
    for each in (limit, *extensions):
        amount = each.counted(calendar)
        allowed += amount
        if due is None:
            continue
        begins = due if each.clock is before else _begins(each.clock, due, extends=before is not None)
        due = _spend(amount, _counting(each.clock, begins, calendar, stops), segments)
        if each.clock in OF_OFFICE:
            last = segments[-1][1] - _TICK if segments else begins
            provisional = provisional or _guessed(calendar, begins) or _guessed(calendar, last)
        before = each.clock
    return Deadline(start, (limit, *extensions), allowed, due, tuple(segments), calendar.version, provisional)


def extend(
    deadline: Deadline, by: Limit, calendar: WorkingCalendar, pauses: Sequence[Pause] = ()
) -> Deadline:
    """The same deadline with `by` more after it 延期, worked out anew; `pauses` are all pauses since its start.

    On the same clock the amounts add up; days on another clock count from the day after the due day.
    """
    return compute(
        deadline.start, deadline.limits[0], calendar, pauses, extensions=(*deadline.limits[1:], by)
    )


def elapsed(
    start: datetime, until: datetime, clock: Clock, calendar: WorkingCalendar, pauses: Sequence[Pause] = ()
) -> timedelta:
    """Time that counted on `clock` between two moments, past any due time too; zero when `until` is earlier."""
    until, total = _utc(until), _NOTHING
    for opens, closes in _counting(clock, _begins(clock, _utc(start)), calendar, _stops(pauses)):
        if opens >= until:
            break
        total += min(closes, until) - opens
    return total


def recompute(deadline: Deadline) -> datetime | None:
    """The due time told by start, allowed time and segments alone, as anybody can do it with a pencil.

    Raises BrokenSegments when they contradict each other.
    """
    left, previous = deadline.allowed, deadline.start - _TICK
    for start, end in deadline.segments:
        if not previous < start < end:
            raise BrokenSegments(
                f"segment {start.isoformat()} is empty, out of order or touches the one before"
            )
        left -= end - start
        previous = end
    if left < _NOTHING or deadline.allowed <= _NOTHING:
        raise BrokenSegments("more time was counted than allowed")
    return None if left else previous


class BrokenSegments(ValueError):
    """Stored segments that cannot have come from compute()."""


class DeadlineJson(TypedDict):
    """A deadline as stored and shown: RFC 3339 moments in UTC, allowed time in seconds."""

    start: str
    limits: list[tuple[int, str]]
    allowed: int
    due_at: str | None
    segments: list[tuple[str, str]]
    calendar_version: int
    provisional: bool


def to_json(deadline: Deadline) -> DeadlineJson:
    return {
        "start": _text(deadline.start),
        "limits": [(limit.amount, limit.clock.value) for limit in deadline.limits],
        "allowed": deadline.allowed // _SECOND,
        "due_at": _text(deadline.due_at) if deadline.due_at is not None else None,
        "segments": [(_text(start), _text(end)) for start, end in deadline.segments],
        "calendar_version": deadline.calendar_version,
        "provisional": deadline.provisional,
    }


def from_json(stored: DeadlineJson) -> Deadline:
    """The inverse of to_json(). Raises BrokenSegments when the due time is not what the segments say."""
    deadline = Deadline(
        start=_moment(stored["start"]),
        limits=tuple(Limit(amount, Clock(clock)) for amount, clock in stored["limits"]),
        allowed=stored["allowed"] * _SECOND,
        due_at=_moment(stored["due_at"]) if stored["due_at"] is not None else None,
        segments=tuple((_moment(start), _moment(end)) for start, end in stored["segments"]),
        calendar_version=stored["calendar_version"],
        provisional=stored["provisional"],
    )
    if recompute(deadline) != deadline.due_at:
        raise BrokenSegments("the due time is not the one the segments lead to")
    return deadline


def _begins(clock: Clock, moment: datetime, *, extends: bool = False) -> datetime:
    """When a limit from `moment` starts to count: at once in hours, at the next local midnight in days."""
    if clock not in OF_DAYS:
        return moment
    # A term that ended at 24:00 belongs to the day that ended, so its extension runs on from that midnight.
    day = local(moment - _TICK if extends else moment).date()
    return datetime.combine(day + _DAY, time.min, CHINA).astimezone(UTC)


def _open(clock: Clock, begins: datetime, calendar: WorkingCalendar) -> Iterator[Run]:
    """The stretches from `begins` on in which `clock` runs, without end."""
    if clock in (Clock.natural, Clock.natural_days):
        yield begins, _FOREVER
        return
    runs_on = calendar.office_runs if clock in OF_OFFICE else calendar.service_runs
    day = local(begins).date()
    for opens, closes in runs_on(day):
        if closes > begins:
            yield max(opens, begins), closes
    while True:
        day += _DAY
        yield from runs_on(day)


def _counting(clock: Clock, begins: datetime, calendar: WorkingCalendar, stops: list[Run]) -> Iterator[Run]:
    """The stretches from `begins` on that count: the open ones less the pauses."""
    runs = _open(clock, begins, calendar)
    return _between(runs, stops) if stops else runs


def _between(runs: Iterator[Run], stops: list[Run]) -> Iterator[Run]:
    """What the stops leave of the runs; ends at a stop without end."""
    for opens, closes in runs:
        for stop, goes_on in stops:
            if stop >= closes:
                break
            if goes_on > opens:
                if stop > opens:
                    yield opens, stop
                opens = goes_on
        if opens == _FOREVER:
            return
        if opens < closes:
            yield opens, closes


def _spend(amount: timedelta, runs: Iterator[Run], segments: list[Run]) -> datetime | None:
    """Use `amount` of the runs, noting each stretch; the moment it is used up, or None when they end first."""
    for opens, closes in runs:
        length = closes - opens
        end = closes if length < amount else opens + amount
        if segments and segments[-1][1] == opens:
            segments[-1] = (segments[-1][0], end)
        else:
            segments.append((opens, end))
        if length >= amount:
            return end
        amount -= length
    return None


def _stops(pauses: Sequence[Pause]) -> list[Run]:
    """Pauses in order of their beginning, those without end lasting forever."""
    stops = sorted((_utc(start), _FOREVER if end is None else _utc(end)) for start, end in pauses)
    if any(end < start for start, end in stops):
        raise ValueError("a pause cannot end before it begins")
    return stops


def _guessed(calendar: WorkingCalendar, moment: datetime) -> bool:
    return calendar.is_provisional(local(moment).date())


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its zone")
    return moment.astimezone(UTC)


@lru_cache(maxsize=8192)  # most moments are a day's opening or closing, met again and again
def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return _utc(datetime.fromisoformat(text))
