"""The member's live counter: the row every claim passes through, and what three releases do to it."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import case, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import Claim, Claimant
from api.rules.need_words import ClaimState
from api.rules.needs import LIMITED_DAYS, LIMITED_TO, LIVE_LIMIT, RELEASES_COUNTED, RELEASES_DAYS, LiveLimit


async def take(tx: AsyncSession, person_id: UUID) -> None:
    """One more claim in work, by one conditional statement. Raises LiveLimit."""
    now = clock.now()
    allowed = case((col(Claimant.limited_until) > now, LIMITED_TO), else_=LIVE_LIMIT)
    taken = await tx.execute(
        insert(Claimant)
        .values(person_id=person_id, live=1)
        .on_conflict_do_update(
            index_elements=["person_id"],
            set_={"live": col(Claimant.live) + 1},
            where=col(Claimant.live) < allowed,
        )
        .returning(col(Claimant.live))
    )
    if taken.first() is None:
        raise LiveLimit


async def resume(tx: AsyncSession, person_id: UUID) -> None:
    """Work that comes back (重做) is no new claim: it counts, and the limit does not stop it."""
    await tx.execute(
        update(Claimant).where(col(Claimant.person_id) == person_id).values(live=col(Claimant.live) + 1)
    )


async def give_back(tx: AsyncSession, person_id: UUID) -> None:
    """One claim less in work."""
    await tx.execute(
        update(Claimant).where(col(Claimant.person_id) == person_id).values(live=col(Claimant.live) - 1)
    )


async def given_up(tx: AsyncSession, person_id: UUID) -> None:
    """A release or timeout: the third within 90 days lets the member hold one claim at a time for 30 days.

    Giving back first locks the counter, so of two releases at once the second sees the first.
    """
    await give_back(tx, person_id)
    now = clock.now()
    releases = (
        select(func.count())
        .select_from(Claim)
        .where(
            col(Claim.member_id) == person_id,
            col(Claim.state).in_([ClaimState.released, ClaimState.timed_out]),
            col(Claim.ended_at) > now - timedelta(days=RELEASES_DAYS),
        )
        .scalar_subquery()
    )
    await tx.execute(
        update(Claimant)
        .where(col(Claimant.person_id) == person_id, releases >= RELEASES_COUNTED)
        .values(limited_until=literal(now + timedelta(days=LIMITED_DAYS)))
    )
