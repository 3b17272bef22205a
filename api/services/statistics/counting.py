"""Counting cohorts: cases whose promised finish fell in a period, under a place, in one statement."""

from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, DateTime, String, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.rules.cases import CATEGORY_TITLES, CaseCategory
from api.rules.statistics import (
    COUNTED,
    EXCLUSION_TITLES,
    ExclusionReason,
    Grouping,
    counts_of,
    period_of,
    rates,
)
from api.services.places.finding import find_place

_KEYS: dict[Grouping, tuple[str, str]] = {
    Grouping.total: ("null::uuid", "null::text"),
    Grouping.unit: ("s.unit_id", "u.name"),
    Grouping.place: ("s.community_id", "p.name"),
    Grouping.category: ("null::uuid", "s.category"),
}
"""By grouping: what identifies a group, and what it is called."""

_COHORT = """
with seen as (
  select c.id, c.state, c.outcome, c.unit_id, c.community_id, c.category, c.first_contact_at,
         f.due_at, f.met_at, k.due_at as contact_due_at, x.reason,
         c.channel,
         x.case_id is null and c.channel <> 'found' and c.state not in ('merged', 'withdrawn', 'rejected', 'referred') as counted
  from deadlines f
  join cases c on c.id = f.subject_id
  left join deadlines k on k.subject_id = c.id and k.kind = 'contact' and k.cycle = 1
  left join case_exclusions x on x.case_id = c.id and x.confirmed_at is not null
  where f.kind = 'finish' and f.cycle = 1 and f.due_at >= :since and f.due_at < :until and f.due_at <= :now
    and c.path >= :top and c.path < :bottom)
"""
_COUNT = """
select {key} as id, {name} as name,
  count(*) filter (where counted) as cohort,
  count(*) filter (where counted and contact_due_at is not null) as contact_due,
  count(*) filter (where counted and s.first_contact_at <= contact_due_at) as contacted_in_time,
  count(*) filter (where counted and done and outcome = 'solved') as solved,
  count(*) filter (where counted and done and outcome = 'partly') as partly,
  count(*) filter (where counted and done and outcome = 'explained') as explained,
  count(*) filter (where counted and done and outcome = 'impossible') as impossible,
  count(*) filter (where counted and met_at <= due_at) as finished_in_time,
  coalesce(sum(r.rated) filter (where counted), 0)::int as rated,
  coalesce(sum(r.satisfied) filter (where counted), 0)::int as satisfied,
  coalesce(sum(r.pleased) filter (where counted), 0)::int as pleased,
  count(*) filter (where reason is not null) as excluded,
  count(*) filter (where reason is null and state = 'merged') as merged,
  count(*) filter (where reason is null and state = 'withdrawn') as withdrawn,
  count(*) filter (where reason is null and state = 'rejected') as rejected,
  count(*) filter (where reason is null and state = 'referred') as referred,
  count(*) filter (where reason is null and channel = 'found') as found
from (select *, state in ('handled', 'awaiting_rating', 'closed') as done from seen) s
left join units u on u.id = s.unit_id
left join places p on p.id = s.community_id
cross join lateral (
  select count(*) as rated, count(*) filter (where overall >= 3) as satisfied,
         count(*) filter (where overall >= 4) as pleased
  from (select distinct on (reporter_id) overall from case_ratings where case_id = s.id
        order by reporter_id, cycle desc) latest) r
group by 1, 2 order by 2, 1
"""
_EXCLUDED = """
select reason, count(*) from seen where reason is not null group by reason order by reason
"""
_BOUND: tuple[BindParameter[Any], ...] = (
    *(bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until", "now")),
    *(bindparam(name, type_=String()) for name in ("top", "bottom")),
)
_STATEMENTS = {
    by: text(_COHORT + _COUNT.format(key=key, name=name)).bindparams(*_BOUND)
    for by, (key, name) in _KEYS.items()
}
_REASONS = text(_COHORT + _EXCLUDED).bindparams(*_BOUND)


async def statistics(tx: AsyncSession, *, place_id: UUID, period: str, by: Grouping) -> dict[str, Any]:
    """The rates of a place and all under it, for a period up to now. Raises NotFound, BadPeriod."""
    since, until = period_of(period)
    place = await find_place(tx, place_id)
    bound = {
        "since": since,
        "until": until,
        "now": clock.now(),
        "top": place.path,
        "bottom": f"{place.path[:-1]}0",
    }
    rows = (await tx.execute(_STATEMENTS[by], bound)).mappings().all()
    reasons = (await tx.execute(_REASONS, bound)).all()
    return {
        "place": {"id": place.id, "name": place.name},
        "period": period,
        "since": since,
        "until": until,
        "by": by,
        "groups": [_group(by, row) for row in rows],
        "exclusions": [
            {"reason": reason, "title": EXCLUSION_TITLES[ExclusionReason(reason)], "count": count}
            for reason, count in reasons
        ],
    }


def _group(by: Grouping, row: Any) -> dict[str, Any]:
    counts = counts_of(row)
    name = row["name"]
    if by is Grouping.category and name in set(CaseCategory):
        name = CATEGORY_TITLES[CaseCategory(name)]
    return {
        "id": row["id"],
        "name": name or ("合计" if by is Grouping.total else "未派单"),
        "counts": {**{field: row[field] for field in COUNTED}, "answered": counts.answered},
        "rates": rates(counts),
    }
