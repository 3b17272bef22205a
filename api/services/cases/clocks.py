"""时钟: every clock of a case with all that anybody needs to compute it again."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Deadline
from api.rules.calendar import WorkingCalendar
from api.rules.cases import CLOCK_TITLES, RESIDENT_CLOCKS, CaseClock
from api.rules.clocks import Clock, Limit
from api.services import calendars
from api.services.access import Viewer
from api.services.cases.finding import find
from api.services.deadlines import worked_out

_OF_THE_UNIT = (CaseClock.sign, CaseClock.unit)


async def clocks(tx: AsyncSession, viewer: Viewer, case_id: UUID) -> dict[str, Any]:
    """All clocks of the case, oldest first, and the calendars they are counted by. Raises NotFound."""
    await find(tx, viewer, case_id)
    found = await tx.execute(
        select(Deadline).where(col(Deadline.subject_id) == case_id).order_by(col(Deadline.id))
    )
    rows = list(found.scalars())
    used = {row.calendar_version: await calendars.of_version(tx, row.calendar_version) for row in rows}
    return {
        "now": clock.now(),
        "clocks": [_shape(row, used[row.calendar_version]) for row in rows],
        "calendars": [_calendar(calendar, rows) for _, calendar in sorted(used.items())],
    }


def _shape(row: Deadline, calendar: WorkingCalendar) -> dict[str, Any]:
    """`remaining` counts up to now, or to the moment it was met or ended."""
    kind = CaseClock(row.kind)
    until = row.met_at or row.cancelled_at or clock.now()
    worked = worked_out(row, calendar)
    return {
        "kind": kind,
        "title": CLOCK_TITLES[kind],
        "whose": "resident" if kind in RESIDENT_CLOCKS else "unit" if kind in _OF_THE_UNIT else "step",
        "cycle": row.cycle,
        "calendar_version": row.calendar_version,
        "provisional": row.provisional,
        "limits": [
            {"amount": amount, "clock": counted, "text": Limit(amount, Clock(counted)).text}
            for amount, counted in row.limits
        ],
        "allowed": row.allowed,
        "started_at": row.started_at,
        "due_at": row.due_at,
        "segments": row.segments,
        "pauses": row.pauses,
        "used": int(worked.used(until).total_seconds()),
        "remaining": int(worked.remaining(until).total_seconds()),
        "met_at": row.met_at,
        "ended_at": row.cancelled_at,
        "overdue": row.due_at is not None and until > row.due_at,
    }


def _calendar(calendar: WorkingCalendar, rows: list[Deadline]) -> dict[str, Any]:
    """The version with the days that matter here: those it names between the first start and the last due time."""
    mine = [row for row in rows if row.calendar_version == calendar.version]
    first = clock.local(min(row.started_at for row in mine)).date()
    last = max(clock.local(row.due_at or clock.now()).date() for row in mine) + timedelta(days=1)
    return {
        "version": calendar.version,
        "known_through": calendar.known_through,
        "office_hours": str(calendar.office_hours),
        "service_hours": str(calendar.service_hours),
        "days": [
            {"date": day, "worked": calendar.is_workday(day), "name": special.name}
            for day, special in sorted(calendar.exceptions.items())
            if first <= day <= last
        ],
    }
