"""The clocks of a need, started and stopped with its moves."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.models import Deadline
from api.rules.need_words import OFFER_CLOCK, NeedClock, Urgency
from api.rules.needs import ANSWER_IN, CLAIM_CLOCKS, CLOCKS
from api.services import calendars, deadlines


async def start(tx: AsyncSession, need_id: UUID, *kinds: NeedClock, at: datetime | None = None) -> None:
    """Begin clocks anew: an earlier run stays in the books, cancelled. `at` keeps a need's age."""
    names = [kind.value for kind in kinds]
    await deadlines.cancel(tx, need_id, names)
    last = await tx.execute(
        select(func.coalesce(func.max(col(Deadline.cycle)), literal(0))).where(
            col(Deadline.subject_id) == need_id, col(Deadline.kind).in_(names)
        )
    )
    cycle = int(last.scalar_one()) + 1
    calendar = await calendars.current(tx)
    for kind in kinds:
        deadlines.start(tx, "need", need_id, kind.value, CLOCKS[kind], calendar, at=at, cycle=cycle)


async def start_claim(tx: AsyncSession, claim_id: UUID) -> None:
    """48 hours to be warned, 72 to be released, while the other side has not been called."""
    calendar = await calendars.current(tx)
    for kind, limit in CLAIM_CLOCKS.items():
        deadlines.start(tx, "claim", claim_id, kind.value, limit, calendar)


async def start_offer(tx: AsyncSession, offer_id: UUID, urgency: Urgency) -> datetime:
    """When the offer expires."""
    started = deadlines.start(
        tx, "offer", offer_id, OFFER_CLOCK, ANSWER_IN[urgency], await calendars.current(tx)
    )
    assert started.due_at is not None
    return started.due_at


async def stop(tx: AsyncSession, *subjects: UUID) -> None:
    """Nobody waits any more."""
    for subject in subjects:
        await deadlines.cancel(tx, subject)
