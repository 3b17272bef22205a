"""成员名册: a community's roster by number. Who binds a number that stands in it is a verified member.

What the roster leaves empty, the member's own words fill. A membership once ended or refused is not begun again by
the roster: that takes the person.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.models import MemberLine, Membership, Person
from api.rules.content import ContentState
from api.rules.people import MEMBERSHIPS, BelongingMove, MembershipKind, MembershipState
from api.services.imports.bulk import copy_rows

TITLE = "系统"
TOLD = "手机号与成员名册一致，自动核实"
UPDATED = "按成员名册更新"
_SAID = (
    "branch_id", "work_unit", "skills", "times", "birth_year", "insured_until", "ends_on", "qualifications",
)  # fmt: skip
"""What a line says beside whose it is."""


async def add(
    tx: AsyncSession, lines: Sequence[MemberLine], actor_id: UUID | None, title: str = TITLE
) -> tuple[int, int]:
    """Bring lines in; how many are new, and how many say something else than before.

    People who have bound the number before are verified at once.
    """
    indexes = [line.phone_index for line in lines]
    found = await tx.execute(select(MemberLine).where(col(MemberLine.phone_index).in_(indexes)))
    before = {(bytes(old.phone_index), old.kind, old.place_id): _said(old) for old in found.scalars()}
    known = [before.get((line.phone_index, line.kind, line.place_id)) for line in lines]
    pairs = list(zip(lines, known, strict=True))
    fresh = [line for line, old in pairs if old is None]
    changed = [line for line, old in pairs if old is not None and old != _said(line)]
    if not fresh and not changed:
        return 0, 0
    await copy_rows(tx, MemberLine, [{**line.model_dump(), "kind": line.kind.value} for line in fresh])
    if changed:
        into = insert(MemberLine)
        says = {name: getattr(into.excluded, name) for name in _SAID}
        await tx.execute(
            into.on_conflict_do_update(index_elements=["phone_index", "kind", "place_id"], set_=says),
            [line.model_dump() for line in changed],
        )
    people = await tx.execute(select(col(Person.id)).where(col(Person.phone_index).in_(indexes)))
    await match(tx, list(people.scalars()), actor_id, title)
    return len(fresh), len(changed)


def _said(line: MemberLine) -> tuple[Any, ...]:
    return tuple(getattr(line, name) for name in _SAID)


_AT_ONCE = 1_000
"""Rows of an insert: its parameters are counted in sixteen bits."""
_LINES = """
with lines as (
  select l.*, p.id as person_id from member_lines l join people p on p.phone_index = l.phone_index
  where p.id = any(:people) and p.state = 'active')"""
_TOUCH = """
 set branch_id = coalesce(l.branch_id, m.branch_id), work_unit = coalesce(l.work_unit, m.work_unit),
   skills = case when l.skills = '{}' then m.skills else l.skills end,
   times = case when l.times = '{}' then m.times else l.times end,
   birth_year = coalesce(l.birth_year, m.birth_year), insured_until = coalesce(l.insured_until, m.insured_until),
   ends_on = coalesce(l.ends_on, m.ends_on), state = 'verified', version = m.version + 1, updated_at = :now
 from lines l where m.person_id = l.person_id and m.kind = l.kind and m.place_id = l.place_id"""
_PEOPLE = bindparam("people", type_=ARRAY(Uuid()))
_NOW = bindparam("now", type_=DateTime(timezone=True))
_VERIFY = text(f"{_LINES} update memberships m {_TOUCH} and m.state = 'pending' returning m.id").bindparams(
    _PEOPLE, _NOW
)
_UPDATE = text(
    f"""{_LINES} update memberships m {_TOUCH} and m.state = 'verified' and (
      coalesce(l.branch_id, m.branch_id) is distinct from m.branch_id
      or coalesce(l.work_unit, m.work_unit) is distinct from m.work_unit
      or (l.skills <> '{{}}' and l.skills <> m.skills) or (l.times <> '{{}}' and l.times <> m.times)
      or coalesce(l.birth_year, m.birth_year) is distinct from m.birth_year
      or coalesce(l.insured_until, m.insured_until) is distinct from m.insured_until
      or coalesce(l.ends_on, m.ends_on) is distinct from m.ends_on) returning m.id"""
).bindparams(_PEOPLE, _NOW)
_MISSING = text(
    f"""{_LINES} select l.* from lines l where not exists (
      select 1 from memberships m
      where m.person_id = l.person_id and m.kind = l.kind and m.place_id = l.place_id) order by l.id"""  # noqa: S608  (no value is written into it)
).bindparams(_PEOPLE)
_QUALIFY = text(
    f"""{_LINES} insert into qualifications (id, membership_id, name, expires_on)
    select gen_random_uuid(), m.id, q.key, cast(q.value as date)
    from lines l join memberships m on m.person_id = l.person_id and m.kind = l.kind and m.place_id = l.place_id
      and m.state = 'verified' cross join jsonb_each_text(l.qualifications) q
    on conflict (membership_id, name) do update set expires_on = excluded.expires_on"""  # noqa: S608  (likewise)
).bindparams(_PEOPLE)


async def match(
    tx: AsyncSession, people: Sequence[UUID], actor_id: UUID | None = None, title: str = TITLE
) -> None:
    """Make the memberships of these people what the rosters say; four statements and an insert however many they are."""
    if not people:
        return
    values: dict[str, Any] = {"people": list(people), "now": clock.now()}
    asked = [(i, MembershipState.pending) for i in (await tx.execute(_VERIFY, values)).scalars()]
    changed = list((await tx.execute(_UPDATE, values)).scalars())
    entered = [(i, None) for i in await _enter(tx, values["people"])]
    await tx.execute(_QUALIFY, {"people": values["people"]})
    for membership_id, state in [*asked, *entered]:
        record(
            tx,
            subject_kind=MEMBERSHIPS.subject,
            subject_id=membership_id,
            move=BelongingMove.verify,
            from_state=state,
            to_state=MembershipState.verified,
            actor_id=actor_id,
            actor_title=title,
            text=TOLD,
        )
    for membership_id in changed:
        record(
            tx,
            subject_kind=MEMBERSHIPS.subject,
            subject_id=membership_id,
            move="update",
            actor_id=actor_id,
            actor_title=title,
            text=UPDATED,
        )


async def _enter(tx: AsyncSession, people: list[UUID]) -> list[UUID]:
    """Memberships nobody asked for, where the person has had none of that kind there."""
    missing = (await tx.execute(_MISSING, {"people": people})).mappings().all()
    columns = ("person_id", "place_id", *(name for name in _SAID if name != "qualifications"))
    rows = [
        Membership(
            **{name: row[name] for name in columns},
            kind=MembershipKind(row["kind"]),
            content=ContentState.passed,
            state=MembershipState.verified,
        ).model_dump()
        for row in missing
    ]
    found: list[UUID] = []
    for start in range(0, len(rows), _AT_ONCE):
        written = await tx.execute(
            insert(Membership)
            .values(rows[start : start + _AT_ONCE])
            .on_conflict_do_nothing()
            .returning(col(Membership.id))
        )
        found += written.scalars()
    return found
