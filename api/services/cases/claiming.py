"""认领代录: a case entered for somebody becomes the person's own once a login has verified the same number.

Asked from both sides, by the worker: when a number is bound, and when a case was entered. Each sees what the other
has committed, so whichever comes last finds both; the reporter is written once.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event, record
from api.models import Case, Person
from api.rules.people import PersonState

REMEMBERED = timedelta(days=90)
"""An operator hands a number on after 90 days at the earliest: what was entered before may be another's."""


async def claim(tx: AsyncSession, *, person_id: UUID | None = None, case_id: UUID | None = None) -> None:
    """Give unclaimed cases, of one person's number or one of them, to whom the number belongs now."""
    now = clock.now()
    theirs = [
        col(Person.id) == person_id if person_id is not None else col(Case.id) == case_id,
        col(Case.reporter_id).is_(None),
        col(Case.behalf_phone_index) == col(Person.phone_index),
        col(Case.created_at) > now - REMEMBERED,
        col(Person.state) == PersonState.active,
    ]
    # In the order in which everybody locks several cases (api/services/cases/merging.py).
    held = await tx.execute(
        select(col(Case.id))
        .select_from(Case)
        .join(Person, literal(True))
        .where(*theirs)
        .order_by(col(Case.id))
        .with_for_update(of=Case, key_share=True)
    )
    ids = held.scalars().all()
    if not ids:
        return
    claimed = await tx.execute(
        update(Case)
        .where(*theirs, col(Case.id).in_(ids))
        .values(reporter_id=col(Person.id), version=col(Case.version) + 1, updated_at=now)
        .returning(col(Case.id))
        .execution_options(synchronize_session=False)
    )
    for one in claimed.scalars().all():
        record(tx, subject_kind="case", subject_id=one, move="claim", actor_id=None, actor_title="系统")


async def follow(tx: AsyncSession, event: Event) -> None:
    """A number was bound."""
    if event.move == "bind_phone":
        await claim(tx, person_id=event.subject_id)
