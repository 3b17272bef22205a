"""The ledger's only writers: what is earned, within the caps, and what is taken back by a counter-entry."""

from datetime import date
from uuid import UUID

from sqlalchemy import Date, DateTime, Integer, Text, Uuid, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.models import PointsAccount, PointsEntry
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

    Two round trips: one takes the rows of the account, the day and the pair, made where there are none, so that a
    person's grants stand in a queue and the caps are exact; one writes the line and all it changes, or nothing
    where the source has been counted.
    """
    day = on or clock.local(clock.now()).date()
    low = high = None
    if households is not None and households[0] != households[1]:
        low, high = pair_of(*households)
    whose = {"person": person_id, "day": day, "low": low, "high": high, "month": month_of(day)}
    today, with_them = (await tx.execute(_STAND, {**whose, "now": clock.now()})).one()
    left = max(0, min(amount, DAILY_CAP - today, PAIR_CAP - with_them))
    entry = PointsEntry(
        person_id=PersonId(person_id),
        kind=kind,
        amount=left,
        source_kind=source_kind,
        source_id=source_id,
        place_id=PlaceId(place_id) if place_id is not None else None,
        minutes=minutes,
        day=day,
        reason=reason,
    )
    written = await tx.execute(_EARN, {**whose, **entry.model_dump(), "kind": kind.value, "now": clock.now()})
    return left if written.first() is not None else 0


_IDS = [bindparam(name, type_=Uuid()) for name in ("person", "low", "high")]
_DAYS = [bindparam(name, type_=Date()) for name in ("day", "month")]
_NOW = bindparam("now", type_=DateTime(timezone=True))
_STAND = text("""
with account as (
  insert into points_accounts (person_id, balance, updated_at) values (:person, 0, :now)
  on conflict (person_id) do update set balance = points_accounts.balance returning person_id),
today as (
  insert into points_days (person_id, day, earned) select person_id, :day, 0 from account
  on conflict (person_id, day) do update set earned = points_days.earned returning earned),
pair as (
  insert into points_pairs (low, high, month, earned) select :low, :high, :month, 0 from today where :low is not null
  on conflict (low, high, month) do update set earned = points_pairs.earned returning earned)
select today.earned, coalesce(pair.earned, 0) from today left join pair on true
""").bindparams(*_IDS, *_DAYS, _NOW)
"""Each row is taken after the one before it, in the same order by everybody."""
_EARN = text("""
with entry as (
  insert into points_entries (id, person_id, kind, amount, source_kind, source_id, counters_id, place_id, minutes,
    day, reason, created_at)
  values (:id, :person, :kind, :amount, :source_kind, :source_id, null, :place_id, :minutes, :day, :reason, :now)
  on conflict (source_id, kind) do nothing returning amount),
today as (
  update points_days d set earned = d.earned + entry.amount from entry where d.person_id = :person and d.day = :day),
pair as (
  update points_pairs p set earned = p.earned + entry.amount from entry
  where p.low = :low and p.high = :high and p.month = :month),
account as (
  update points_accounts a set balance = a.balance + entry.amount, updated_at = :now from entry
  where a.person_id = :person)
select amount from entry
""").bindparams(
    *_IDS,
    *_DAYS,
    _NOW,
    *(bindparam(name, type_=Uuid()) for name in ("id", "source_id", "place_id")),
    *(bindparam(name, type_=Integer()) for name in ("amount", "minutes")),
    *(bindparam(name, type_=Text()) for name in ("kind", "source_kind", "reason")),
)


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
