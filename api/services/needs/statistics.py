"""群众点单 in numbers, and what each party branch does: by the month in which a need was published."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.rules.need_words import NeedKind
from api.rules.points import Period, starts_on
from api.rules.roles import Permission
from api.services.access import Viewer, require
from api.services.places.finding import find_place

_NUMBERS = sql("""
select n.kind, count(*)::int as posted,
  count(*) filter (where first.claimed_at is not null)::int as claimed,
  count(*) filter (where n.state in ('done', 'confirmed', 'unconfirmed'))::int as done,
  count(*) filter (where n.state = 'confirmed')::int as confirmed,
  count(*) filter (where n.state = 'unconfirmed')::int as unconfirmed,
  count(*) filter (where n.state = 'in_house')::int as in_house,
  count(*) filter (where n.state in ('published', 'offered'))::int as waiting,
  (percentile_cont(0.5) within group (order by extract(epoch from first.claimed_at - n.published_at)))::float
    as seconds_to_claim,
  (percentile_cont(0.5) within group (order by extract(epoch from n.done_at - n.published_at)))::float
    as seconds_to_done,
  avg(n.rating)::float as rating
from needs n
left join lateral (select min(c.claimed_at) as claimed_at from claims c where c.need_id = n.id and not c.in_house) first on true
where n.path >= :top and n.path < :end and n.published_at >= :since
group by n.kind""")
_BRANCHES = sql("""
select b.id, b.name, count(distinct m.person_id)::int as members,
  count(distinct m.person_id) filter (where c.id is not null)::int as active,
  count(c.id)::int as claimed,
  count(c.id) filter (where c.state in ('confirmed', 'unconfirmed', 'done'))::int as done,
  coalesce(sum(c.minutes) filter (where c.state in ('confirmed', 'unconfirmed')), 0)::int as minutes
from branches b join places p on p.id = b.place_id
left join memberships m on m.branch_id = b.id and m.state = 'verified' and (m.ends_on is null or m.ends_on >= :today)
left join claims c on c.member_id = m.person_id and not c.in_house and c.claimed_at >= :since
  and exists (select 1 from needs n where n.id = c.need_id and n.community_id = b.place_id)
where p.path >= :top and p.path < :end
group by b.id, b.name order by claimed desc, b.name, b.id limit 200""")
_COUNTS = ("posted", "claimed", "done", "confirmed", "unconfirmed", "in_house", "waiting")


async def _values(tx: AsyncSession, place_id: UUID, period: Period) -> tuple[Any, date, dict[str, Any]]:
    place = await find_place(tx, place_id)
    now = clock.local(clock.now())
    since = starts_on(period, now.date())
    midnight = now.replace(
        year=since.year, month=since.month, day=since.day, hour=0, minute=0, second=0, microsecond=0
    )
    return place, since, {"top": place.path, "end": f"{place.path[:-1]}0", "since": midnight}


async def numbers(tx: AsyncSession, place_id: UUID, period: Period) -> dict[str, Any]:
    """Posted, claimed, done, unconfirmed, and median times, by kind: public, since nobody is named in it.

    Raises NotFound for no such place.
    """
    place, since, values = await _values(tx, place_id, period)
    found = {row["kind"]: row for row in (await tx.execute(_NUMBERS, values)).mappings()}
    return {
        "place": {"id": place.id, "name": place.name},
        "period": period,
        "since": since,
        "kinds": [_line(kind, found.get(kind.value)) for kind in NeedKind],
    }


def _line(kind: NeedKind, row: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        **{name: row[name] if row else 0 for name in _COUNTS},
        "hours_to_claim": _hours(row and row["seconds_to_claim"]),
        "hours_to_done": _hours(row and row["seconds_to_done"]),
        "rating": round(row["rating"], 2) if row and row["rating"] is not None else None,
    }


def _hours(seconds: float | None) -> float | None:
    return round(seconds / 3600, 1) if seconds is not None else None


async def branches(tx: AsyncSession, viewer: Viewer, place_id: UUID, period: Period) -> dict[str, Any]:
    """Members, who of them claimed, and what came of it, by branch. Raises NotFound, NotAllowed."""
    place, since, values = await _values(tx, place_id, period)
    await require(tx, viewer, Permission.need_read, place.path)
    today = clock.local(clock.now()).date()
    found = await tx.execute(_BRANCHES, {**values, "today": today})
    return {
        "place": {"id": place.id, "name": place.name},
        "period": period,
        "since": since,
        "branches": [dict(row) for row in found.mappings()],
    }
