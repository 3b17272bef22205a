"""选民册: who is on it by each basis, looked at before it is frozen, and frozen with its fingerprint."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock, merkle
from api.kit.problems import Problem
from api.kit.wire import dumps
from api.models import Poll, TopicPlace
from api.rules.polls import Body, RollBasis

_LIVES = """residencies r join homes h on h.id = r.home_id join places b on b.id = h.building_id
  join people p on p.id = r.person_id and p.state = 'active'
  where r.state = 'verified' and b.path >= :path and b.path < :path_end
    and b.path ^@ any(cast(:places as text[]))"""

_BASES: dict[RollBasis, str] = {
    RollBasis.person: f"""
      select p.nickname as label, null::uuid as home_id, 1 as persons, 0::numeric as area, array[p.id] as casters,
             p.id::text as sort, false as no_area, false as no_owner, false as no_representative
      from people p where p.id in (select r.person_id from {_LIVES}) and p.id <> all(:excluded)""",  # noqa: S608
    RollBasis.household: f"""
      select b.name || h.room, h.id, 1, 0::numeric, array_agg(distinct p.id), b.path || lpad(h.room, 12, '0'),
             false, false, false
      from {_LIVES} and p.id <> all(:excluded) group by h.id, b.name, b.path, h.room""",  # noqa: S608
    RollBasis.owner: """
      select string_agg(u.label, '、' order by u.sort), (array_agg(u.id order by u.sort))[1], 1,
             sum(coalesce(u.area_m2, 0)),
             case when max(u.representative::text) is not null then array[max(u.representative::text)::uuid]
                  when cardinality(u.owners) = 1 then u.owners else '{}'::uuid[] end,
             min(u.sort), bool_or(u.area_m2 is null), cardinality(u.owners) = 0,
             cardinality(u.owners) > 1 and max(u.representative::text) is null
      from (
        select h.id, b.name || h.room as label, b.path || lpad(h.room, 12, '0') as sort, h.area_m2,
               a.person_id as representative,
               coalesce(array_agg(distinct p.id) filter (where p.id is not null), '{}') as owners
        from homes h join places b on b.id = h.building_id
        left join residencies r on r.home_id = h.id and r.state = 'verified' and r.relation = 'owner'
        left join people p on p.id = r.person_id and p.state = 'active' and p.id <> all(:excluded)
        left join representatives a on a.poll_id = :poll and a.home_id = h.id
        where b.path >= :path and b.path < :path_end and b.path ^@ any(cast(:places as text[]))
        group by h.id, b.name, b.path, h.room, a.person_id) u
      group by u.owners, case when cardinality(u.owners) = 0 then u.id end""",
    RollBasis.members: """
      select p.nickname, null::uuid, 1, 0::numeric, array[p.id], p.id::text, false, false, false
      from people p where p.state = 'active' and p.id <> all(:excluded) and (
        :body = 'party' and exists (
          select 1 from memberships m join places b on b.id = m.place_id
          where m.person_id = p.id and m.kind = 'party' and m.state = 'verified'
            and b.path >= :path and b.path < :path_end and b.path ^@ any(cast(:places as text[]))
            and (cast(:branch as uuid) is null or m.branch_id = cast(:branch as uuid)))
        or :body = 'committees' and exists (
          select 1 from grants g join places b on b.id = g.place_id
          where g.person_id = p.id and b.path = any(cast(:places as text[]))
            and g.role in ('secretary', 'deputy', 'community_worker')
            and g.since <= :now and (g.until is null or g.until > :now)))""",
    RollBasis.list: """
      select e.label, null::uuid, e.persons, e.area,
             case when e.person_id is null then '{}'::uuid[] else array[e.person_id] end,
             lpad(e.n::text, 9, '0'), false, e.person_id is null, false
      from rows from (jsonb_to_recordset(cast(:entries as jsonb))
             as (label text, person_id uuid, persons int, area numeric)) with ordinality
             as e(label, person_id, persons, area, n)""",
}
"""Of each basis the entries: `label, home_id, persons, area, casters, sort` and what is wanting."""

_ENTRIES = """with entries(label, home_id, persons, area, casters, sort, no_area, no_owner, no_representative) as ({})"""
_COUNT = """ select count(*) as size, coalesce(sum(persons), 0)::bigint as persons, coalesce(sum(area), 0) as area,
  count(*) filter (where no_area) as no_area, count(*) filter (where no_owner) as no_owner,
  count(*) filter (where no_representative) as no_representative,
  count(*) filter (where casters = '{}') as silent from entries"""
_SAMPLE = """ select label, persons, area, cardinality(casters) as casters, no_area, no_owner, no_representative
  from entries order by (no_area or no_owner or no_representative) desc, sort limit 50"""
_FREEZE = """, numbered as (
  select gen_random_uuid() as id, row_number() over (order by sort, label) as number, * from entries),
written as (
  insert into electors (id, poll_id, number, label, home_id, persons, area_m2)
  select id, cast(:poll as uuid), number, label, home_id, persons, area from numbered returning 1)
insert into casters (poll_id, person_id, elector_id, as_proxy)
select distinct cast(:poll as uuid), caster, id, false from numbered, unnest(casters) caster"""
LEAVES = text("""select sha256('\\x00'::bytea || convert_to(
  '{"area":"' || area_m2::text || '","elector":"' || encode(uuid_send(id), 'hex') || '","number":' || number
  || ',"persons":' || persons || ',"type":"elector"}', 'UTF8')) as leaf, persons, area_m2
  from electors where poll_id = :poll order by number""")
"""The roll's leaves in order: hashes of api/rules/voting/records.elector_content."""


class EmptyRoll(Problem):
    status, code, title = 409, "empty_roll", "选民册上没有人"
    advice = "先核实居住关系、业主或成员，或检查名单，再开始表决。"


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is known of a roll once it is frozen."""

    size: int
    persons: int
    area: Decimal
    hash: str


async def _places(tx: AsyncSession, poll: Poll) -> list[str]:
    """Paths of the places whose homes, members and committees vote: of a topic of several only those it concerns."""
    found = await tx.execute(select(col(TopicPlace.path)).where(col(TopicPlace.topic_id) == poll.topic_id))
    return [path for path in found.scalars() if path.startswith(poll.path)] or [poll.path]


async def _bound(tx: AsyncSession, poll: Poll) -> dict[str, Any]:
    """Every parameter any basis asks for; text() binds what stands in it."""
    source = poll.source
    return {
        "poll": poll.id,
        "places": await _places(tx, poll),
        "path": poll.path,
        "path_end": poll.path[:-1] + "0",
        "now": clock.now(),
        "excluded": [UUID(e["person_id"]) for e in source.get("excluded", ())],
        "body": source.get("body", Body.party.value),
        "branch": source.get("branch_id"),
        "entries": dumps(source.get("entries", [])).decode(),
    }


async def _run(tx: AsyncSession, poll: Poll, what: str) -> Any:
    sql = _ENTRIES.format(_BASES[poll.basis]) + what
    names = await _bound(tx, poll)
    return await tx.execute(text(sql), {n: v for n, v in names.items() if f":{n}" in sql})


async def preview(tx: AsyncSession, poll: Poll) -> dict[str, Any]:
    """What the roll would be now: sizes, what is wanting, and up to 50 entries, the wanting ones first."""
    counts = (await _run(tx, poll, _COUNT)).mappings().one()
    sample = (await _run(tx, poll, _SAMPLE)).mappings().all()
    return {**counts, "sample": [dict(row) for row in sample]}


async def freeze(tx: AsyncSession, poll: Poll) -> Frozen:
    """Write the roll as it is now. Raises EmptyRoll."""
    await _run(tx, poll, _FREEZE)
    rows = (await tx.execute(LEAVES, {"poll": poll.id})).all()
    if not rows:
        raise EmptyRoll
    return Frozen(
        len(rows),
        sum(row.persons for row in rows),
        sum((row.area_m2 for row in rows), Decimal(0)),
        merkle.root([bytes(row.leaf) for row in rows]).hex(),
    )
