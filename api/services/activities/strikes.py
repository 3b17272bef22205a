"""未到场 and 临期取消: the third within 90 days keeps somebody from signing up for 30 days."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ScalarSelect, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Attendant, Seat
from api.rules.activities import STRIKES_ALLOWED, STRIKES_DAYS, SUSPENDED_DAYS
from api.rules.activity_words import STRIKES


async def pass_through(tx: AsyncSession, person_id: UUID) -> None:
    """Hold the person's row, made where there is none: of two at once one waits for the other."""
    await tx.execute(
        insert(Attendant)
        .values(person_id=person_id)
        .on_conflict_do_update(
            index_elements=["person_id"], set_={"suspended_until": col(Attendant.suspended_until)}
        )
    )


async def struck(tx: AsyncSession, person_id: UUID) -> None:
    """One more: the person's row is held first, so of two at once the second sees the first."""
    await pass_through(tx, person_id)
    now = clock.now()
    await tx.execute(
        update(Attendant)
        .where(col(Attendant.person_id) == person_id, _strikes(person_id) >= STRIKES_ALLOWED)
        .values(suspended_until=literal(now + timedelta(days=SUSPENDED_DAYS)))
    )


async def excused(tx: AsyncSession, person_id: UUID) -> None:
    """One less: who has too few left may sign up again."""
    await pass_through(tx, person_id)
    await tx.execute(
        update(Attendant)
        .where(col(Attendant.person_id) == person_id, _strikes(person_id) < STRIKES_ALLOWED)
        .values(suspended_until=None)
    )


def _strikes(person_id: UUID) -> ScalarSelect[int]:
    since = clock.now() - timedelta(days=STRIKES_DAYS)
    return (
        select(func.count())
        .select_from(Seat)
        .where(col(Seat.person_id) == person_id, col(Seat.state).in_(STRIKES), col(Seat.ended_at) > since)
        .scalar_subquery()
    )
