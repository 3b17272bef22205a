"""The ledger's only writers: what is earned, within the caps, and what is taken back by a counter-entry."""

from datetime import date
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import PointsAccount, PointsDay, PointsEntry, PointsPair
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.points import DAILY_CAP, EARNING, PAIR_CAP, EntryKind, month_of, pair_of


async def grant(
    tx: AsyncSession,
    *,
    person_id: UUID,
    kind: EntryKind,
    amount: int,
    source_kind: str,
    source_id: UUID,
    place_id: UUID | None,
    minutes: int,
    reason: str,
    households: tuple[UUID, UUID] | None = None,
    on: date | None = None,
) -> int:
    """Points for a source, once a kind; what the day and the pair of households still allow. Returns how many.

    The account's row is taken first: a person's grants stand in a queue, and the caps are exact.
    """
    day = on or clock.local(clock.now()).date()
    await _open(tx, person_id)
    known = await tx.execute(
        select(col(PointsEntry.amount)).where(
            col(PointsEntry.source_id) == source_id, col(PointsEntry.kind) == kind
        )
    )
    if known.first() is not None:
        return 0
    left = min(amount, await _left_today(tx, person_id, day))
    if households is not None and households[0] != households[1]:
        left = await _of_pair(tx, *pair_of(*households), month_of(day), left)
    await tx.execute(
        update(PointsDay)
        .where(col(PointsDay.person_id) == person_id, col(PointsDay.day) == day)
        .values(earned=col(PointsDay.earned) + left)
    )
    await write(
        tx,
        PointsEntry(
            person_id=PersonId(person_id),
            kind=kind,
            amount=left,
            source_kind=source_kind,
            source_id=source_id,
            place_id=PlaceId(place_id) if place_id is not None else None,
            minutes=minutes,
            day=day,
            reason=reason,
        ),
    )
    return left


async def counter(tx: AsyncSession, *, source_id: UUID, reason: str) -> int:
    """Take back what a source earned: counter-entries, never a change. Returns the points taken back.

    Points already spent cannot be taken: the balance goes no lower than nothing, and the entry says how far.
    """
    found = await tx.execute(
        select(PointsEntry)
        .where(col(PointsEntry.source_id) == source_id, col(PointsEntry.kind).in_(EARNING))
        .order_by(col(PointsEntry.id))
    )
    taken = 0
    for entry in found.scalars().all():
        balance = await _open(tx, entry.person_id)
        kind = EntryKind.counter if entry.kind is EntryKind.service else EntryKind.counter_bonus
        done = await tx.execute(
            select(1).where(col(PointsEntry.source_id) == source_id, col(PointsEntry.kind) == kind)
        )
        if done.first() is not None:
            continue
        amount = min(entry.amount, balance)
        await write(
            tx,
            PointsEntry(
                person_id=entry.person_id,
                kind=kind,
                amount=-amount,
                source_kind=entry.source_kind,
                source_id=source_id,
                counters_id=entry.id,
                place_id=entry.place_id,
                minutes=-entry.minutes,
                day=clock.local(clock.now()).date(),
                reason=reason,
            ),
        )
        taken += amount
    return taken


async def write(tx: AsyncSession, entry: PointsEntry) -> None:
    """One line and its effect on the balance, together."""
    await tx.execute(insert(PointsEntry).values(entry.model_dump()))
    await tx.execute(
        update(PointsAccount)
        .where(col(PointsAccount.person_id) == entry.person_id)
        .values(balance=col(PointsAccount.balance) + entry.amount, updated_at=clock.now())
    )


async def _open(tx: AsyncSession, person_id: UUID) -> int:
    """The person's account, made where there is none, locked; its balance."""
    row = await tx.execute(
        insert(PointsAccount)
        .values(person_id=person_id, balance=0, updated_at=clock.now())
        .on_conflict_do_update(index_elements=["person_id"], set_={"balance": col(PointsAccount.balance)})
        .returning(col(PointsAccount.balance))
    )
    return int(row.scalar_one())


async def _left_today(tx: AsyncSession, person_id: UUID, day: date) -> int:
    row = await tx.execute(
        insert(PointsDay)
        .values(person_id=person_id, day=day, earned=0)
        .on_conflict_do_update(index_elements=["person_id", "day"], set_={"earned": col(PointsDay.earned)})
        .returning(col(PointsDay.earned))
    )
    return max(0, DAILY_CAP - int(row.scalar_one()))


async def _of_pair(tx: AsyncSession, low: UUID, high: UUID, month: date, wanted: int) -> int:
    """How much of `wanted` two households may still earn from each other this month, taken at once."""
    row = await tx.execute(
        insert(PointsPair)
        .values(low=low, high=high, month=month, earned=0)
        .on_conflict_do_update(
            index_elements=["low", "high", "month"], set_={"earned": col(PointsPair.earned)}
        )
        .returning(col(PointsPair.earned))
    )
    left = max(0, min(wanted, PAIR_CAP - int(row.scalar_one())))
    await tx.execute(
        update(PointsPair)
        .where(col(PointsPair.low) == low, col(PointsPair.high) == high, col(PointsPair.month) == month)
        .values(earned=col(PointsPair.earned) + left)
    )
    return left
