"""Finding an activity or a seat to act on: what it is, what the actor is to it, what the guards look at.

Locks are taken in one order: the activity, the person's row, the seats. Who frees a seat holds the activity, so the
next of the queue is found by one at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import Activity, Seat
from api.rules.activities import ACTIVITIES, SEATS, ActivityFacts, DoubleBooked, SeatFacts
from api.rules.activity_words import (
    ActivityStanding,
    ActivityState,
    SeatStanding,
    SeatState,
)
from api.rules.roles import Role, capacity
from api.services.access import Viewer
from api.services.activities.reading import row_of, seat_row
from api.services.activities.view import Row, facts, organises, seat_facts, seat_standings, standings
from api.services.moves import Subject

ActivitySubject = Subject[ActivityState, ActivityStanding, ActivityFacts]
SeatSubject = Subject[SeatState, SeatStanding, SeatFacts]
_EXCLUSION = "23P01"
SELF, ORGANISER, SYSTEM = "本人", "组织者", "系统"


def _title(row: Row, actor: Viewer) -> str:
    roles = frozenset(Role(r) for r in row["roles"] or ())
    return capacity(roles) if roles else ORGANISER if organises(row, actor) else SELF


async def find(tx: AsyncSession, actor: Viewer | None, activity_id: UUID) -> ActivitySubject:
    """The activity as `actor` reaches it; None is the system. Raises NotFound."""
    row = await row_of(tx, actor, activity_id)

    async def look_again() -> list[str]:
        return (await find(tx, actor, activity_id)).moves() if actor is not None else []

    return ActivitySubject(
        ACTIVITIES,
        Activity,
        activity_id,
        ActivityState(row["state"]),
        row["version"],
        standings(row, actor) if actor is not None else frozenset({ActivityStanding.system}),
        facts(row),
        actor.person_id if actor is not None else None,
        _title(row, actor) if actor is not None else SYSTEM,
        look_again,
        row,
    )


async def find_seat(tx: AsyncSession, actor: Viewer | None, seat_id: UUID) -> SeatSubject:
    """The seat as `actor` reaches it; None is the system. Raises NotFound."""
    row = await seat_row(tx, actor, seat_id)

    async def look_again() -> list[str]:
        return (await find_seat(tx, actor, seat_id)).moves() if actor is not None else []

    return SeatSubject(
        SEATS,
        Seat,
        seat_id,
        SeatState(row["state"]),
        row["version"],
        seat_standings(row, actor) if actor is not None else frozenset({SeatStanding.system}),
        seat_facts(row, actor),
        actor.person_id if actor is not None else None,
        _seat_title(row, actor),
        look_again,
        row,
    )


def _seat_title(row: Row, actor: Viewer | None) -> str:
    if actor is None:
        return SYSTEM
    return SELF if row["person_id"] == actor.person_id else _title(row, actor)


@contextmanager
def nowhere_else() -> Iterator[None]:
    """What makes a seat somebody's presence: the constraint's word for being elsewhere is DoubleBooked."""
    try:
        yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _EXCLUSION:
            raise DoubleBooked from None
        raise


async def lock(tx: AsyncSession, activity_id: UUID) -> None:
    """Hold the activity until this transaction ends."""
    await tx.execute(
        select(col(Activity.id)).where(col(Activity.id) == activity_id).with_for_update(key_share=True)
    )


async def count(tx: AsyncSession, activity_id: UUID, *, free: int = 0, waiting: int = 0) -> None:
    """Move the activity's counters by so much; its CHECKs are the proof that they stay right."""
    values: dict[str, Any] = {
        "free": col(Activity.free) + free,
        "waiting": col(Activity.waiting) + waiting,
    }
    await tx.execute(update(Activity).where(col(Activity.id) == activity_id).values(**values))
