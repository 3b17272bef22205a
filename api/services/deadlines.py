"""Deadlines of subjects as rows: started, met, paused, resumed, cancelled. The arithmetic is api/rules/deadlines.py."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.models import Deadline
from api.rules.calendar import WorkingCalendar
from api.rules.clocks import OF_DAYS, Clock, Limit
from api.rules.deadlines import Deadline as Worked
from api.rules.deadlines import Pause, compute, to_json
from api.rules.limits import LADDER_PERCENTS
from api.services import calendars


def row_of(
    subject_kind: str,
    subject_id: UUID,
    kind: str,
    limit: Limit,
    calendar: WorkingCalendar,
    start: datetime,
    cycle: int,
    *,
    rungs: bool = False,
) -> dict[str, Any]:
    """The columns of a new deadline, for an insert by hand on a hot path.

    With `rungs` the clock also acts when 50% and 80% of it are used.
    """
    if limit.clock in OF_DAYS:  # the day of the start is left out, so all of one day end alike
        key = limit, clock.local(start).date()
        worked_out = calendar.remembered(key, lambda: _columns(limit, calendar, start))
    else:
        worked_out = _columns(limit, calendar, start)
    return {
        "id": new_id(),
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "kind": kind,
        "cycle": cycle,
        "started_at": start,
        "rungs": rungs,
        "pauses": [],
        **worked_out,
        "warn_at": worked_out["warn_at"] if rungs else None,
    }


def _columns(limit: Limit, calendar: WorkingCalendar, start: datetime) -> dict[str, Any]:
    """The columns that come from the arithmetic."""
    worked = compute(start, limit, calendar)
    columns = to_json(worked)
    return {
        "limits": columns["limits"],
        "allowed": columns["allowed"],
        "calendar_version": columns["calendar_version"],
        "service_hours": str(calendar.service_hours) if limit.clock is Clock.service else None,
        "provisional": columns["provisional"],
        "due_at": columns["due_at"],
        "warn_at": worked.moment_at(LADDER_PERCENTS[0]),
        "segments": columns["segments"],
    }


def start(
    tx: AsyncSession,
    subject_kind: str,
    subject_id: UUID,
    kind: str,
    limit: Limit,
    calendar: WorkingCalendar,
    *,
    at: datetime | None = None,
    cycle: int = 1,
    rungs: bool = False,
) -> Deadline:
    """Begin a clock in this transaction."""
    columns = row_of(subject_kind, subject_id, kind, limit, calendar, at or clock.now(), cycle, rungs=rungs)
    columns["due_at"] = datetime.fromisoformat(columns["due_at"])
    deadline = Deadline(**columns)
    tx.add(deadline)
    return deadline


async def replace(
    tx: AsyncSession,
    subject_kind: str,
    subject_id: UUID,
    kind: str,
    limit: Limit,
    calendar: WorkingCalendar,
    cycle: int,
) -> None:
    """Begin a clock that may have run before in this cycle: its row is begun anew."""
    columns = row_of(subject_kind, subject_id, kind, limit, calendar, clock.now(), cycle)
    columns["due_at"] = datetime.fromisoformat(columns["due_at"])
    anew = {
        k: v for k, v in columns.items() if k not in ("id", "subject_kind", "subject_id", "kind", "cycle")
    }
    await tx.execute(
        insert(Deadline)
        .values(columns)
        .on_conflict_do_update(
            index_elements=["subject_id", "kind", "cycle"],
            set_={**anew, "met_at": None, "cancelled_at": None, "fired_at": None, "warned": 0},
        )
    )


async def start_once(
    tx: AsyncSession, subject_kind: str, subject_id: UUID, kind: str, limit: Limit, cycle: int
) -> None:
    """Begin a clock unless it has begun in this cycle already."""
    calendar = await calendars.current(tx)
    columns = row_of(subject_kind, subject_id, kind, limit, calendar, clock.now(), cycle)
    columns["due_at"] = datetime.fromisoformat(columns["due_at"])
    await tx.execute(
        insert(Deadline)
        .values(columns)
        .on_conflict_do_nothing(index_elements=["subject_id", "kind", "cycle"])
    )


async def reopen(tx: AsyncSession, subject_id: UUID, kinds: Iterable[str], cycle: int) -> None:
    """What was taken for done in this cycle is not: the clock counts as if it had never stopped."""
    await tx.execute(
        update(Deadline)
        .where(
            col(Deadline.subject_id) == subject_id,
            col(Deadline.kind).in_(list(kinds)),
            col(Deadline.cycle) == cycle,
            col(Deadline.cancelled_at).is_(None),
        )
        .values(met_at=None)
    )


async def revive(tx: AsyncSession, subject_id: UUID, cycle: int) -> None:
    """The end of the subject is undone: what was cancelled with it runs again, as if it had never stopped."""
    await tx.execute(
        update(Deadline)
        .where(
            col(Deadline.subject_id) == subject_id,
            col(Deadline.cycle) == cycle,
            col(Deadline.cancelled_at).is_not(None),
        )
        .values(cancelled_at=None)
    )


def running() -> ColumnElement[bool]:
    """Deadlines neither met nor cancelled; one that fired still runs: late is not done."""
    return and_(col(Deadline.met_at).is_(None), col(Deadline.cancelled_at).is_(None))


async def meet(
    tx: AsyncSession, subject_id: UUID, kinds: Iterable[str], *, at: datetime | None = None
) -> None:
    """What was promised has been done."""
    await tx.execute(
        update(Deadline)
        .where(col(Deadline.subject_id) == subject_id, col(Deadline.kind).in_(list(kinds)), running())
        .values(met_at=at or clock.now())
    )


async def cancel(tx: AsyncSession, subject_id: UUID, kinds: Iterable[str] | None = None) -> None:
    """Nobody waits for it any more: all running clocks of the subject, or those of `kinds`."""
    which = [col(Deadline.subject_id) == subject_id, running()]
    if kinds is not None:
        which.append(col(Deadline.kind).in_(list(kinds)))
    await tx.execute(update(Deadline).where(*which).values(cancelled_at=clock.now()))


async def pause(tx: AsyncSession, subject_id: UUID, kinds: Iterable[str]) -> None:
    """Stop running clocks until resumed: nothing is due meanwhile."""
    for deadline in await held(tx, subject_id, kinds):
        deadline.pauses = [*deadline.pauses, [_text(clock.now()), None]]
        _work_out(deadline, await calendars.of_version(tx, deadline.calendar_version))


async def resume(tx: AsyncSession, subject_id: UUID, kinds: Iterable[str]) -> None:
    """Let paused clocks go on; exactly the counted time that the pause covered is given back."""
    for deadline in await held(tx, subject_id, kinds):
        if deadline.pauses and deadline.pauses[-1][1] is None:
            deadline.pauses = [*deadline.pauses[:-1], [deadline.pauses[-1][0], _text(clock.now())]]
            _work_out(deadline, await calendars.of_version(tx, deadline.calendar_version))


async def extend(tx: AsyncSession, subject_id: UUID, kinds: Iterable[str], by: Limit) -> list[Deadline]:
    """延期: `by` more after the running clocks of `kinds`, counted by the calendars they began with.

    Returns them as they are now; the caller has looked whether there was time left.
    """
    found = await held(tx, subject_id, kinds)
    for deadline in found:
        deadline.limits = [*deadline.limits, [by.amount, by.clock.value]]
        _work_out(deadline, await calendars.of_version(tx, deadline.calendar_version))
    return found


async def recount(tx: AsyncSession, calendar: WorkingCalendar, *, at_most: int) -> int:
    """Work provisional running clocks out again by a newer calendar; how many were. The others keep theirs."""
    found = await tx.execute(
        select(Deadline)
        .where(col(Deadline.provisional), col(Deadline.calendar_version) < calendar.version, running())
        .order_by(col(Deadline.subject_id), col(Deadline.kind))
        .limit(at_most)
        .with_for_update()
    )
    count = 0
    for deadline in found.scalars():
        deadline.calendar_version = calendar.version
        _work_out(deadline, calendar)
        count += 1
    return count


async def held(tx: AsyncSession, subject_id: UUID, kinds: Iterable[str]) -> list[Deadline]:
    """The running clocks of `kinds`, locked: nobody else moves them in this transaction."""
    found = await tx.execute(
        select(Deadline)
        .where(col(Deadline.subject_id) == subject_id, col(Deadline.kind).in_(list(kinds)), running())
        .order_by(col(Deadline.kind))
        .with_for_update()
    )
    return list(found.scalars())


def worked_out(deadline: Deadline, calendar: WorkingCalendar) -> Worked:
    """The row's clock from its start, its limits and its pauses, in the service hours it began with."""
    if deadline.service_hours is not None:
        calendar = calendars.serving(calendar, deadline.service_hours)
    limits = [Limit(amount, Clock(kind)) for amount, kind in deadline.limits]
    pauses: list[Pause] = [
        (datetime.fromisoformat(str(a)), datetime.fromisoformat(b) if b else None) for a, b in deadline.pauses
    ]
    return compute(deadline.started_at, limits[0], calendar, pauses, extensions=limits[1:])


def _work_out(deadline: Deadline, calendar: WorkingCalendar) -> None:
    """By the calendar the clock began with: a due time moves by its pauses and extensions alone."""
    worked = worked_out(deadline, calendar)
    deadline.due_at = worked.due_at
    deadline.allowed = int(worked.allowed.total_seconds())
    deadline.segments = [list(pair) for pair in to_json(worked)["segments"]]
    deadline.provisional = worked.provisional
    if deadline.rungs:
        deadline.warn_at = next_rung(deadline, worked)


async def reached(tx: AsyncSession, deadline: Deadline) -> int:
    """Take the rung that a running clock with rungs has reached; it waits for the next. Returns the percent used."""
    worked = worked_out(deadline, await calendars.of_version(tx, deadline.calendar_version))
    percent = rung_above(deadline.warned)
    assert percent is not None
    deadline.warned = percent
    deadline.warn_at = next_rung(deadline, worked)
    return percent


def next_rung(deadline: Deadline, worked: Worked) -> datetime | None:
    """When the next rung above the last told is reached; None when a pause holds it, or there is none."""
    percent = rung_above(deadline.warned)
    return worked.moment_at(percent) if percent is not None and worked.due_at is not None else None


def rung_above(warned: int) -> int | None:
    return next((percent for percent in LADDER_PERCENTS if percent > warned), None)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
