"""Who is responsible where: secretaries and the public numbers of desks, the nearest first."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotFound
from api.models import Grant, Official, Person, Place, Unit
from api.rules.people import PersonState
from api.rules.places import Level, UnitKind, ancestor_paths
from api.rules.roles import LEADS, ROLE_TITLES, Role
from api.services.access import live
from api.services.places.finding import find_place

FARTHEST = (Level.province, Level.city)
"""Above the county nobody is a resident's own secretary."""


def _posts() -> Select[Grant, Person, Official, Place]:
    """Everybody who holds a post of a secretary now, with how they are shown; the nearest place first."""
    rank = case({role.value: n for n, role in enumerate(LEADS)}, value=col(Grant.role))
    return (
        select(Grant, Person, Official, Place)
        .join(Person, col(Person.id) == col(Grant.person_id))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .outerjoin(Official, col(Official.person_id) == col(Person.id))
        .where(
            col(Grant.role).in_(LEADS),
            col(Place.level).not_in(FARTHEST),
            col(Person.state) == PersonState.active,
            live(literal(clock.now())),
        )
        .order_by(func.length(col(Place.path)).desc(), rank, col(Grant.id))
    )


async def secretaries(tx: AsyncSession, place_id: UUID) -> list[dict[str, Any]]:
    """The secretaries and deputies of a place and of all above it up to the county. Raises NotFound."""
    place = await find_place(tx, place_id)
    found = await tx.execute(_posts().where(col(Place.path).in_(ancestor_paths(place.path))))
    return await _shown(tx, found.all())


async def secretary(tx: AsyncSession, person_id: UUID) -> dict[str, Any]:
    """One of them with all posts. Raises NotFound for anybody who holds none."""
    found = await tx.execute(_posts().where(col(Person.id) == person_id))
    shown = await _shown(tx, found.all())
    if not shown:
        raise NotFound("没有这位书记")
    posts = [{f: line[f] for f in ("role", "role_title", "place", "desk")} for line in shown]
    return {**{f: shown[0][f] for f in ("id", "name", "title", "hours", "introduction")}, "posts": posts}


async def _shown(
    tx: AsyncSession, posts: Iterable[tuple[Grant, Person, Official | None, Place]]
) -> list[dict[str, Any]]:
    rows: dict[tuple[UUID, UUID], tuple[Grant, Person, Official | None, Place]] = {}
    for post in posts:  # of two posts at one place the first in rank is shown
        rows.setdefault((post[1].id, post[3].id), post)
    desks = await _desks(tx, {place_id for _, place_id in rows})
    return [
        {
            "id": person.id,
            "name": official.name if official is not None else person.nickname,
            "title": official.title if official is not None else ROLE_TITLES[Role(grant.role)],
            "hours": official.hours if official is not None else None,
            "introduction": official.introduction if official is not None else None,
            "role": grant.role,
            "role_title": ROLE_TITLES[Role(grant.role)],
            "place": {"id": place.id, "name": place.name, "level": place.level},
            "desk": desks.get(place.id),
        }
        for grant, person, official, place in rows.values()
    ]


async def _desks(tx: AsyncSession, place_ids: set[UUID]) -> dict[UUID, dict[str, Any]]:
    """The secretary's desk of each place: the one that cases are routed to."""
    found = await tx.execute(
        select(Unit)
        .where(col(Unit.place_id).in_(place_ids), col(Unit.kind) == UnitKind.secretary_desk, col(Unit.active))
        .order_by(col(Unit.id).desc())
    )
    fields = ("id", "name", "phone", "address", "hours")
    return {unit.place_id: {f: getattr(unit, f) for f in fields} for unit in found.scalars()}


async def contacts(tx: AsyncSession, place_id: UUID) -> list[dict[str, Any]]:
    """Units at a place and above it with their public numbers, the nearest first. Raises NotFound."""
    place = await find_place(tx, place_id)
    found = await tx.execute(
        select(Unit, Place)
        .join(Place, col(Place.id) == col(Unit.place_id))
        .where(col(Place.path).in_(ancestor_paths(place.path)), col(Unit.active))
        .order_by(func.length(col(Place.path)).desc(), col(Unit.kind), col(Unit.id))
    )
    return [unit_view(unit, at) for unit, at in found]


def unit_view(unit: Unit, place: Place) -> dict[str, Any]:
    """A unit with the place it serves."""
    fields = (
        "id", "kind", "name", "phone", "address", "hours", "active",
        "company_id", "estate_id", "service_hours", "assignment",
    )  # fmt: skip
    return {
        **{f: getattr(unit, f) for f in fields},
        "place": {"id": place.id, "name": place.name, "level": place.level},
    }
