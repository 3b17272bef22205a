"""What a batch is worked out from: the needs that wait in a place, and everybody who might take one."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Date, DateTime, Integer, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.rules.calendar import DayKind, WorkingCalendar
from api.rules.dispatch import RECENT_DAYS, Asked, Served
from api.rules.dispatch_costs import Group
from api.rules.need_words import NeedKind, Urgency
from api.rules.needs import LIMITED_TO, LIVE_LIMIT
from api.rules.people import MembershipKind, ServiceTime
from api.services import calendars
from api.services.needs.view import CLAIMED_BY

HORIZON_DAYS = 7
"""A need without an end is to be done within its week."""
GOOD_STARS = 4
_ON_DAYS: dict[DayKind, frozenset[ServiceTime]] = {
    DayKind.workday: frozenset({ServiceTime.weekday, ServiceTime.evening}),
    DayKind.makeup: frozenset({ServiceTime.weekday, ServiceTime.evening}),
    DayKind.weekend: frozenset({ServiceTime.weekend}),
    DayKind.holiday: frozenset({ServiceTime.holiday}),
}

_IDS = bindparam("ids", type_=ARRAY(Uuid()))
_TODAY = bindparam("today", type_=Date())
_WAITING = """
  select id, kind, community_id, path, urgency, skills, qualifications, min_age, insured, due_on, household,
         published_at
  from needs where state = 'published' and content = 'pass'"""
_IN_PLACE = text(
    f"{_WAITING} and path >= :top and path < :end and (cast(:kind as text) is null or kind = :kind) order by id"
).bindparams(*(bindparam(name, type_=Text()) for name in ("top", "end", "kind")))
_ONE = text(f"{_WAITING} and id = :need").bindparams(bindparam("need", type_=Uuid()))

_MEMBERS = text("""
with mine as (
  select distinct on (m.person_id, m.kind, m.place_id) m.* from memberships m
  where m.place_id = any(:ids) and m.state = 'verified' and (m.ends_on is null or m.ends_on >= :today)
  order by m.person_id, m.kind, m.place_id, m.id),
able as (
  select q.membership_id, array_agg(q.name) as names from qualifications q join mine on mine.id = q.membership_id
  where q.expires_on is null or q.expires_on >= :today group by q.membership_id),
who as (select distinct person_id from mine),
month as (
  select c.member_id, count(*) as tasks from claims c join who on who.person_id = c.member_id
  where c.claimed_at >= :month and not c.in_house and c.state not in ('released', 'timed_out', 'transferred')
  group by c.member_id),
answers as (
  select o.member_id, count(*) filter (where o.state = 'open') as open,
         count(*) filter (where o.state = 'accepted' and o.created_at >= :recent) as taken,
         count(*) filter (where o.state in ('passed', 'expired') and o.created_at >= :recent) as refused
  from offers o join who on who.person_id = o.member_id group by o.member_id),
lives as (
  select distinct on (r.person_id) r.person_id, b.path
  from residencies r join who on who.person_id = r.person_id join homes h on h.id = r.home_id
  join places b on b.id = h.building_id
  where r.state = 'verified' order by r.person_id, r.id)
select m.person_id, m.kind, m.place_id, m.skills, m.times, m.birth_year, m.insured_until,
       coalesce(lives.path, at.path) as path, able.names as qualifications, coalesce(month.tasks, 0) as month,
       coalesce(answers.taken, 0) as taken, coalesce(answers.refused, 0) as refused,
       case when k.limited_until > :now then :limited_to else :live_limit end
         - coalesce(k.live, 0) - coalesce(answers.open, 0) as room
from mine m join people p on p.id = m.person_id and p.state = 'active' join places at on at.id = m.place_id
left join able on able.membership_id = m.id left join lives on lives.person_id = m.person_id
left join month on month.member_id = m.person_id left join answers on answers.member_id = m.person_id
left join claimants k on k.person_id = m.person_id
order by m.place_id, m.kind, m.person_id
""").bindparams(
    _IDS,
    _TODAY,
    *(bindparam(name, type_=DateTime(timezone=True)) for name in ("now", "month", "recent")),
    bindparam("limited_to", LIMITED_TO, type_=Integer()),
    bindparam("live_limit", LIVE_LIMIT, type_=Integer()),
)
_BARRED = text("""
select n.id, r.person_id from needs n join residencies r on r.home_id in (n.household, n.home_id)
 where n.id = any(:ids) and r.state = 'verified'
union select n.id, r.person_id from needs n
 join residencies theirs on theirs.person_id = n.author_id and theirs.state = 'verified'
 join residencies r on r.home_id = theirs.home_id and r.state = 'verified' where n.id = any(:ids)
union select n.id, n.author_id from needs n where n.id = any(:ids) and n.author_id is not null
union select c.need_id, c.member_id from claims c
 where c.need_id = any(:ids) and c.state in ('claimed', 'contacted', 'done')
""").bindparams(_IDS)
"""Of the wisher's household, or at work on it already."""
_ASKED = text("select distinct need_id, member_id from offers where need_id = any(:ids)").bindparams(_IDS)
_TIES = text("""
select n.id, c.member_id, max(done.rating) as stars
from needs n join needs done on done.household = n.household and done.state = 'confirmed' and done.rating >= :good
join claims c on c.need_id = done.id and c.state = 'confirmed' and not c.in_house
where n.id = any(:ids) group by n.id, c.member_id
""").bindparams(_IDS)


async def in_place(tx: AsyncSession, path: str, kind: NeedKind | None) -> list[Group]:
    """All needs that wait at or under a place."""
    found = await tx.execute(
        _IN_PLACE, {"top": path, "end": f"{path[:-1]}0", "kind": kind.value if kind is not None else None}
    )
    return await _groups(tx, found.mappings().all())


async def of_need(tx: AsyncSession, need_id: UUID) -> list[Group]:
    """One need, if it waits."""
    return await _groups(tx, (await tx.execute(_ONE, {"need": need_id})).mappings().all())


async def _groups(tx: AsyncSession, needs: Iterable[Any]) -> list[Group]:
    by_group: dict[tuple[UUID, NeedKind], list[Any]] = {}
    for need in needs:
        by_group.setdefault((need["community_id"], NeedKind(need["kind"])), []).append(need)
    if not by_group:
        return []
    now = clock.now()
    today = clock.local(now).date()
    members = await _members(tx, sorted({community for community, _ in by_group}), now, today)
    ids = [need["id"] for rows in by_group.values() for need in rows]
    barred = _by_need(await tx.execute(_BARRED, {"ids": ids}))
    asked = _by_need(await tx.execute(_ASKED, {"ids": ids}))
    ties = _by_need(await tx.execute(_TIES, {"ids": ids, "good": GOOD_STARS}))
    calendar = await calendars.current(tx)
    return [
        Group(
            [(need["id"], _asked(need, calendar, now, today)) for need in rows],
            members.get((community, CLAIMED_BY[kind]), []),
            *(
                [pair for need in rows for pair in found.get(need["id"], ())]
                for found in (barred, asked, ties)
            ),
        )
        for (community, kind), rows in by_group.items()
    ]


def _by_need(rows: Any) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(tuple(row))
    return found


async def _members(
    tx: AsyncSession, communities: list[UUID], now: datetime, today: date
) -> dict[tuple[UUID, MembershipKind], list[tuple[UUID, Served]]]:
    local = clock.local(now)
    month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = await tx.execute(
        _MEMBERS,
        {
            "ids": communities,
            "today": today,
            "now": now,
            "month": month,
            "recent": now - timedelta(days=RECENT_DAYS),
        },
    )
    found: dict[tuple[UUID, MembershipKind], list[tuple[UUID, Served]]] = {}
    for row in rows.mappings():
        group = found.setdefault((row["place_id"], MembershipKind(row["kind"])), [])
        group.append((row["person_id"], _served(row, today)))
    return found


def _served(row: Any, today: date) -> Served:
    born, insured = row["birth_year"], row["insured_until"]
    return Served(
        path=row["path"],
        skills=frozenset(row["skills"]),
        qualifications=frozenset(row["qualifications"] or ()),
        # By the year alone, as for a claim: the birthday may lie ahead.
        age=today.year - born - 1 if born is not None else None,
        insured=insured is not None and insured >= today,
        times=frozenset(ServiceTime(time) for time in row["times"]),
        month=row["month"],
        room=max(0, row["room"]),
        taken=row["taken"],
        refused=row["refused"],
    )


def _asked(row: Any, calendar: WorkingCalendar, now: datetime, today: date) -> Asked:
    end = row["due_on"] or today + timedelta(days=HORIZON_DAYS)
    ahead = min(max(0, (end - today).days), HORIZON_DAYS)
    days = (today + timedelta(days=n) for n in range(ahead + 1))
    published = row["published_at"] or now
    return Asked(
        kind=NeedKind(row["kind"]),
        urgency=Urgency(row["urgency"]),
        path=row["path"],
        skills=tuple(row["skills"]),
        qualifications=tuple(row["qualifications"]),
        min_age=row["min_age"],
        insured=row["insured"],
        due_on=row["due_on"],
        days=frozenset().union(*(_ON_DAYS[calendar.kind(day)] for day in days)),
        waited=max(0, (now - published).days),
    )
