"""Members of a unit: who holds a serving role at it, or at its place where the unit is a public one."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotFound
from api.models import Case, Grant, Official, Person, Place, Unit
from api.models.people import PersonId
from api.rules.cases import ACTIVE
from api.rules.people import PersonState
from api.rules.places import UnitKind
from api.rules.roles import OWN_UNIT_ONLY, SERVES, Permission, Role, permissions_of
from api.services.access import Viewer, live, of_place, roles_at


def members_of(unit: Unit, by: Mapping[UnitKind, frozenset[Role]] = SERVES) -> Select[PersonId]:
    """The active members of `unit` now, in an order that a new member only joins at the end."""
    kind = UnitKind(unit.kind)
    at_unit = col(Grant.unit_id) == unit.id
    at_place = and_(of_place(), col(Grant.place_id) == unit.place_id)
    return (
        select(col(Grant.person_id))
        .join(Person, col(Person.id) == col(Grant.person_id))
        .where(
            at_unit if kind in OWN_UNIT_ONLY else or_(at_unit, at_place),
            col(Grant.role).in_(by[kind]),
            col(Person.state) == PersonState.active,
            live(literal(clock.now())),
        )
        .group_by(col(Grant.person_id))
        .order_by(func.min(col(Grant.since)), col(Grant.person_id))
    )


async def members(
    tx: AsyncSession, unit: Unit, by: Mapping[UnitKind, frozenset[Role]] = SERVES
) -> list[PersonId]:
    """Their ids; of those only who holds a role `by` names, such as HEADS."""
    return list((await tx.execute(members_of(unit, by))).scalars())


async def listing(tx: AsyncSession, viewer: Viewer, unit_id: UUID) -> list[dict[str, Any]]:
    """The members with how much each has in hand, for who hands out work and for the members themselves.

    Raises NotFound, also for units out of reach.
    """
    found = await tx.execute(
        select(Unit, col(Place.path))
        .join(Place, col(Place.id) == col(Unit.place_id))
        .where(col(Unit.id) == unit_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这个单位，或不在您的查看范围内")
    unit, path = row
    able = permissions_of(await roles_at(tx, viewer, path))
    if Permission.case_dispatch not in able and not await is_member(tx, unit, viewer.person_id):
        raise NotFound("没有这个单位，或不在您的查看范围内")
    in_hand = (
        select(func.count())
        .where(
            col(Case.unit_id) == unit_id,
            col(Case.handler_id) == col(Person.id),
            col(Case.state).in_(ACTIVE),
        )
        .correlate(Person)
        .scalar_subquery()
    )
    people = await tx.execute(
        select(col(Person.id), func.coalesce(col(Official.name), col(Person.nickname)), in_hand)
        .outerjoin(Official, col(Official.person_id) == col(Person.id))
        .where(col(Person.id).in_(members_of(unit).order_by(None)))
        .order_by(col(Person.id))
    )
    return [{"id": person_id, "name": name, "in_hand": count} for person_id, name, count in people]


async def is_member(tx: AsyncSession, unit: Unit, person_id: UUID) -> bool:
    """Whether this person serves the unit now."""
    found = await tx.execute(members_of(unit).where(col(Grant.person_id) == person_id))
    return found.first() is not None
