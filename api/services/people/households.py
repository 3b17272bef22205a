"""住户名册: the community's register by number. Who binds a number that stands in it is verified as living there."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.kit.secrets import Vault
from api.models import HouseholdLine, Person, Residency
from api.models.people import PersonId
from api.models.places import HomeId
from api.rules.people import RESIDENCIES, BelongingMove, Relation, ResidencyState
from api.rules.places import PREFIX_LENGTHS
from api.services.people.belonging import PHONE

TITLE = "系统"
TOLD = "手机号与住户名册一致，自动核实"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the register."""

    home_id: HomeId
    phone: str
    """As numbers are kept: mainland ones bare, others with their country code."""
    relation: Relation
    is_registered: bool


async def add(tx: AsyncSession, vault: Vault, lines: Iterable[Line]) -> int:
    """Bring lines in; a line that is there already says what it says now. Returns how many.

    People who have bound the number before are verified at once.
    """
    rows = [
        {
            "id": new_id(),
            "home_id": line.home_id,
            "phone_index": vault.index(PHONE, line.phone),
            "relation": line.relation,
            "is_registered": line.is_registered,
            "created_at": clock.now(),
        }
        for line in lines
    ]
    if not rows:
        return 0
    into = insert(HouseholdLine)
    changed = {name: getattr(into.excluded, name) for name in ("relation", "is_registered")}
    await tx.execute(
        into.on_conflict_do_update(index_elements=["phone_index", "home_id"], set_=changed), rows
    )
    known = await tx.execute(
        select(col(Person.id)).where(col(Person.phone_index).in_([row["phone_index"] for row in rows]))
    )
    for person_id in known.scalars():
        await match(tx, person_id)
    return len(rows)


_LINES = text(
    """select l.home_id, l.relation, l.is_registered, community.id as community_id,
              exists (select from residencies r
                      where r.person_id = p.id and r.home_id = l.home_id) as known
       from people p
       join household_lines l on l.phone_index = p.phone_index
       join homes h on h.id = l.home_id
       join places building on building.id = h.building_id
       join places community on community.path = left(building.path, :length)
       where p.id = :person and p.state = 'active'
       order by l.home_id"""
)


async def match(tx: AsyncSession, person_id: PersonId) -> None:
    """Verify the person's residency in every home the register has the person's number for.

    A number that changes takes no home away: the person has not moved out of it. A home once left, or refused
    by a worker, is not entered again unless the person asks.
    """
    for row in (await tx.execute(_LINES, {"person": person_id, "length": PREFIX_LENGTHS[-1]})).all():
        verified = await _verify_asked(tx, person_id, row.home_id)
        if verified is None and not row.known:
            verified = await _enter(tx, person_id, row)
        if verified is not None:
            record(
                tx,
                subject_kind=RESIDENCIES.subject,
                subject_id=verified,
                move=BelongingMove.verify,
                from_state=ResidencyState.pending,
                to_state=ResidencyState.verified,
                actor_id=None,
                actor_title=TITLE,
                text=TOLD,
            )


_VERIFY = text(
    """update residencies set state = 'verified', version = version + 1, updated_at = :now
       where person_id = :person and home_id = :home and state = 'pending' returning id"""
)


async def _verify_asked(tx: AsyncSession, person_id: PersonId, home_id: UUID) -> UUID | None:
    """The residency the person asked for; one statement, so that a worker's decision at once is not undone."""
    found = await tx.execute(_VERIFY, {"person": person_id, "home": home_id, "now": clock.now()})
    return found.scalar_one_or_none()


async def _enter(tx: AsyncSession, person_id: PersonId, line: Any) -> UUID | None:
    """A residency nobody asked for; None where the person is known to live there already."""
    new = Residency(
        person_id=person_id,
        home_id=line.home_id,
        community_id=line.community_id,
        relation=Relation(line.relation),
        is_registered=line.is_registered,
        state=ResidencyState.verified,
    )
    written = await tx.execute(
        insert(Residency)
        .values(new.model_dump())
        .on_conflict_do_nothing(
            index_elements=["person_id", "home_id"], index_where=text("state in ('pending', 'verified')")
        )
        .returning(col(Residency.id))
    )
    found: UUID | None = written.scalar_one_or_none()
    return found
