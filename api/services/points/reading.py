"""Points as they are shown: one's own ledger, and rankings that begin with the distribution."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.paging import page, read_cursor
from api.models import Claim, Need, PointsAccount, PointsEntry
from api.rules.points import Period, starts_on
from api.services.access import Viewer
from api.services.places.finding import find_place

MOST_NAMED = 20


async def balance(tx: AsyncSession, viewer: Viewer) -> int:
    found = await tx.execute(
        select(col(PointsAccount.balance)).where(col(PointsAccount.person_id) == viewer.person_id)
    )
    return found.scalar_one_or_none() or 0


async def ledger(tx: AsyncSession, viewer: Viewer, *, limit: int, after: str | None) -> dict[str, Any]:
    """The balance, the consent, and the lines, newest first."""
    account = (
        await tx.execute(select(PointsAccount).where(col(PointsAccount.person_id) == viewer.person_id))
    ).scalar_one_or_none()
    found = await tx.execute(
        select(PointsEntry, col(Need.title))
        .outerjoin(Claim, col(Claim.id) == col(PointsEntry.source_id))
        .outerjoin(Need, col(Need.id) == col(Claim.need_id))
        .where(col(PointsEntry.person_id) == viewer.person_id, col(PointsEntry.id) < read_cursor(after))
        .order_by(col(PointsEntry.id).desc())
        .limit(limit + 1)
    )
    lines = page([_line(entry, served) for entry, served in found], limit)
    return {
        "balance": account.balance if account else 0,
        "named": account.named if account else False,
        **lines,
    }


def _line(entry: PointsEntry, served: str | None) -> dict[str, Any]:
    """The title of what was served is asked for anew: the ledger cannot forget, so no wisher's words stand in it."""
    fields = ("id", "kind", "amount", "minutes", "day", "created_at")
    reason = f"{entry.reason}：{served}" if served is not None else entry.reason
    return {**{f: getattr(entry, f) for f in fields}, "reason": reason}


async def be_named(tx: AsyncSession, viewer: Viewer, named: bool) -> None:
    """Consent to standing in rankings by name, or take it back."""
    await tx.execute(
        insert(PointsAccount)
        .values(person_id=viewer.person_id, balance=0, named=named, updated_at=clock.now())
        .on_conflict_do_update(index_elements=["person_id"], set_={"named": named, "updated_at": clock.now()})
    )


_SUMS = """
with sums as (
  select e.person_id, sum(e.amount)::int as points, sum(e.minutes)::int as minutes
  from points_entries e join places p on p.id = e.place_id
  where p.path >= :top and p.path < :end and e.day >= :since and e.day < :until
    and e.kind in ('service', 'bonus', 'counter', 'counter_bonus')
  group by e.person_id having sum(e.amount) > 0)
"""
_SPREAD_OF = """
select count(*)::int as people, coalesce(sum(points), 0)::int as points, coalesce(sum(minutes), 0)::int as minutes,
  percentile_disc(array[0.25, 0.5, 0.75]) within group (order by points) as quartiles, max(points) as most
from sums"""
_NAMED_OF = """
select * from (
  select s.person_id, pe.nickname as name, s.points, s.minutes, rank() over (order by s.points desc)::int as rank, a.named
  from sums s join people pe on pe.id = s.person_id join points_accounts a on a.person_id = s.person_id) r
where named or person_id = :viewer order by rank, person_id limit :most"""
_SPREAD, _NAMED = sql(_SUMS + _SPREAD_OF), sql(_SUMS + _NAMED_OF)


async def rankings(tx: AsyncSession, viewer: Viewer, place_id: UUID, period: Period) -> dict[str, Any]:
    """How service spreads in a place; then who agreed to be named, equal points sharing a rank. Raises NotFound.

    Quartiles only of five people or more: fewer would show single ones.
    """
    place = await find_place(tx, place_id)
    since = starts_on(period, clock.local(clock.now()).date())
    values: dict[str, Any] = {
        "top": place.path,
        "end": f"{place.path[:-1]}0",
        "since": since,
        "until": _tomorrow(),
    }
    spread = (await tx.execute(_SPREAD, values)).mappings().one()
    named = await tx.execute(_NAMED, {**values, "viewer": viewer.person_id, "most": MOST_NAMED + 1})
    shown = spread["people"] >= FEWEST
    return {
        "place": {"id": place.id, "name": place.name},
        "period": period,
        "since": since,
        "people": spread["people"],
        "points": spread["points"],
        "minutes": spread["minutes"],
        "quartiles": list(spread["quartiles"]) if shown else None,
        "most": spread["most"] if shown else None,
        "named": [
            {
                "rank": row["rank"],
                "name": row["name"],
                "points": row["points"],
                "minutes": row["minutes"],
                "mine": row["person_id"] == viewer.person_id,
            }
            for row in named.mappings()
        ],
    }


FEWEST = 5


def _tomorrow() -> date:
    return clock.local(clock.now()).date() + timedelta(days=1)
