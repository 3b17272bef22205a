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
from api.rules.clocks import Clock, Limit
from api.rules.deadlines import Pause, compute, to_json
from api.services import calendars


def row_of(
    subject_kind: str,
    subject_id: UUID,
    kind: str,
    limit: Limit,
    calendar: WorkingCalendar,
    start: datetime,
    cycle: int,
) -> dict[str, Any]:
    """The columns of a new deadline, for an insert by hand on a hot path."""
    worked_out = to_json(compute(start, limit, calendar))
    return {
        "id": new_id(),
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "kind": kind,
        "cycle": cycle,
        "limits": worked_out["limits"],
        "allowed": worked_out["allowed"],
        "calendar_version": worked_out["calendar_version"],
        "provisional": worked_out["provisional"],
        "started_at": start,
        "due_at": worked_out["due_at"],
        "pauses": [],
        "segments": worked_out["segments"],
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
) -> Deadline:
    """Begin a clock in this transaction."""
    columns = row_of(subject_kind, subject_id, kind, limit, calendar, at or clock.now(), cycle)
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
            set_={**anew, "met_at": None, "cancelled_at": None, "fired_at": None},
        )
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
    for deadline in await _running(tx, subject_id, kinds):
        deadline.pauses = [*deadline.pauses, [_text(clock.now()), None]]
        _work_out(deadline, await calendars.of_version(tx, deadline.calendar_version))


async def resume(tx: AsyncSession, subject_id: UUID, kinds: Iterable[str]) -> None:
    """Let paused clocks go on; exactly the counted time that the pause covered is given back."""
    for deadline in await _running(tx, subject_id, kinds):
        if deadline.pauses and deadline.pauses[-1][1] is None:
            deadline.pauses = [*deadline.pauses[:-1], [deadline.pauses[-1][0], _text(clock.now())]]
            _work_out(deadline, await calendars.of_version(tx, deadline.calendar_version))


async def _running(tx: AsyncSession, subject_id: UUID, kinds: Iterable[str]) -> list[Deadline]:
    found = await tx.execute(
        select(Deadline)
        .where(col(Deadline.subject_id) == subject_id, col(Deadline.kind).in_(list(kinds)), running())
        .order_by(col(Deadline.kind))
        .with_for_update()
    )
    return list(found.scalars())


def _work_out(deadline: Deadline, calendar: WorkingCalendar) -> None:
    """By the calendar the clock began with: a due time moves by its pauses alone."""
    limits = [Limit(amount, Clock(kind)) for amount, kind in deadline.limits]
    pauses: list[Pause] = [
        (datetime.fromisoformat(str(a)), datetime.fromisoformat(b) if b else None) for a, b in deadline.pauses
    ]
    worked_out = compute(deadline.started_at, limits[0], calendar, pauses, extensions=limits[1:])
    deadline.due_at = worked_out.due_at
    deadline.segments = [list(pair) for pair in to_json(worked_out)["segments"]]
    deadline.provisional = worked_out.provisional


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
