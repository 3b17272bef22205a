"""Obligations come into being: of each period by the clock, of a major matter by hand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.models import Disclosure, Grant, Place
from api.rules.clocks import Limit
from api.rules.disclosures import (
    AFTER_PERIOD,
    AT_ONCE,
    KIND_TITLES,
    PACES,
    DisclosureClock,
    DisclosureKind,
    DisclosurePace,
    DisclosureState,
    last_period,
)
from api.rules.places import Level
from api.rules.roles import Permission, capacity, roles_with
from api.services import calendars, deadlines
from api.services.access import Viewer, require
from api.services.places.finding import find_place

SUBJECT = "disclosure"
_AT_ONCE = 500
"""Rows a statement."""


async def plan_due(tx: AsyncSession) -> None:
    """What each community owes of the periods that are over; run again, it adds nothing.

    A community owes from the first period whose end found somebody in office there.
    """
    today = clock.local(clock.now()).date()
    for kind, pace in PACES.items():
        period = last_period(pace, today)
        ends = datetime.combine(period.ends, datetime.min.time(), clock.CHINA)
        rows = [
            _row(place_id, path, kind, pace, period.name, f"{period.title}{KIND_TITLES[kind]}公开")
            for place_id, path in await _communities(tx, ends)
        ]
        for n in range(0, len(rows), _AT_ONCE):
            # From its last moment: the day that is left out in counting is the period's last.
            await _write(tx, rows[n : n + _AT_ONCE], AFTER_PERIOD, ends - timedelta(microseconds=1))


async def _communities(tx: AsyncSession, ends: datetime) -> Sequence[Any]:
    found = await tx.execute(
        select(col(Place.id), col(Place.path))
        .join(Grant, col(Grant.place_id) == col(Place.id))
        .where(
            col(Place.level) == Level.village,
            col(Grant.role).in_(roles_with(Permission.disclosure_write)),
            col(Grant.since) < ends,
        )
        .distinct()
        .order_by(col(Place.path))
    )
    return found.all()


def _row(
    place_id: UUID, path: str, kind: DisclosureKind, pace: DisclosurePace, period: str | None, title: str
) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": new_id(),
        "place_id": place_id,
        "path": path,
        "kind": kind,
        "pace": pace,
        "period": period,
        "title": title,
        "state": DisclosureState.planned,
        "created_at": now,
        "updated_at": now,
    }


async def _write(
    tx: AsyncSession,
    rows: list[dict[str, Any]],
    limit: Limit,
    start: datetime,
    actor: tuple[UUID | None, str] = (None, "系统"),
) -> None:
    made = await tx.execute(
        insert(Disclosure)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(col(Disclosure.id), col(Disclosure.title))
    )
    calendar = await calendars.current(tx)
    for disclosure_id, title in made.all():
        due = deadlines.start(
            tx, SUBJECT, disclosure_id, DisclosureClock.due, limit, calendar, at=start, rungs=True
        )
        assert due.due_at is not None
        record(
            tx,
            subject_kind=SUBJECT,
            subject_id=disclosure_id,
            move="plan",
            to_state=DisclosureState.planned.value,
            actor_id=actor[0],
            actor_title=actor[1],
            text=f"{title}，{clock.local(due.due_at):%Y-%m-%d} 前公开",
        )


async def plan(tx: AsyncSession, viewer: Viewer, place_id: UUID, kind: DisclosureKind, title: str) -> UUID:
    """重大事项随时公开: by hand, due in three working days. Raises NotFound, WrongLevel, NotAllowed."""
    place = await find_place(tx, place_id, Level.village)
    roles = await require(tx, viewer, Permission.disclosure_write, place.path)
    row = _row(place.id, place.path, kind, DisclosurePace.at_once, None, title)
    await _write(tx, [row], AT_ONCE, clock.now(), (viewer.person_id, capacity(roles)))
    await tx.flush()
    disclosure_id: UUID = row["id"]
    return disclosure_id
