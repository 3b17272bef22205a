"""Reach = role × place. Every list, get and count starts from a `readable_*` statement of this package.

What is not in it is a 404; what is in it but not allowed is a 403.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Uuid,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotAllowed
from api.models import Grant, Person, Place, Residency
from api.models.people import PersonId
from api.rules.people import PersonState, ResidencyState
from api.rules.places import PREFIX_LENGTHS
from api.rules.roles import PERMISSION_TITLES, Permission, Role, roles_with

Text = ColumnElement[str] | Mapped[str]
VIEWER = bindparam("viewer", type_=Uuid())
NOW = bindparam("now", type_=DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a person with a session, in the mini-program or in the console."""

    person_id: PersonId
    session_id: str
    console: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """One live grant of a viewer."""

    role: Role
    place_id: UUID
    path: str


def live(now: ColumnElement[Any] = NOW) -> ColumnElement[bool]:
    """Grants in force at `now`."""
    return and_(col(Grant.since) <= now, or_(col(Grant.until).is_(None), col(Grant.until) > now))


def of_place() -> ColumnElement[bool]:
    """Grants that reach a place; those held at one unit reach its cases and nothing else."""
    return col(Grant.unit_id).is_(None)


def covering(path: Text) -> ColumnElement[bool]:
    """Places that are, or lie above, the place with `path`."""
    return func.starts_with(path, col(Place.path))


def under(path: Text, tops: Iterable[str]) -> ColumnElement[bool]:
    """`path` is one of `tops` or lies under one: each a range of the index."""
    return or_(false(), *(and_(path >= top, path < f"{top[:-1]}0") for top in tops))


def is_wide(path: str) -> bool:
    """A county or more: there most rows are within reach, so a page asks each row whether it is.

    In anything smaller few are, and a page starts from the places. The planner cannot tell: it knows neither
    which part of a country's places is in use nor that only a page is wanted.
    """
    return len(path) <= PREFIX_LENGTHS[2]


def asked_of_each(rows: Select[*tuple[Any, ...]]) -> ColumnElement[bool]:
    """EXISTS, row by row: without OFFSET 0 PostgreSQL may gather all there is before it shows a page."""
    return rows.offset(literal_column("0")).exists()


def placed_under(
    place_id: Text | ColumnElement[Any] | Mapped[Any], tops: Sequence[str]
) -> ColumnElement[bool]:
    """The place `place_id` refers to is, or lies under, one of `tops`."""
    place = aliased(Place)
    inside = under(col(place.path), tops)
    if any(map(is_wide, tops)):
        return asked_of_each(select(1).where(col(place.id) == place_id, inside))
    return place_id.in_(select(col(place.id)).where(inside))


def narrowed(tops: Iterable[str], path: str) -> list[str]:
    """What of the subtrees `tops` lies within the subtree of `path`."""
    return [
        path if path.startswith(top) else top for top in tops if path.startswith(top) or top.startswith(path)
    ]


def prefixes(path: Text) -> ColumnElement[Any]:
    """The paths of a place and all above it, so that ancestors are found by index."""
    parts: list[Any] = [*(func.left(path, n) for n in PREFIX_LENGTHS), path]
    return array(parts)


def roles_here(path: Text) -> Select[Any]:
    """The viewer's live roles that reach `path`, as a text array."""
    return (
        select(func.array_agg(col(Grant.role).distinct()))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(col(Grant.person_id) == VIEWER, live(), of_place(), covering(path))
    )


def reaches(permission: Permission, path: Text) -> ColumnElement[bool]:
    """The viewer holds `permission` over `path`."""
    return (
        select(1)
        .select_from(Grant)
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(
            col(Grant.person_id) == VIEWER,
            col(Grant.role).in_(roles_with(permission)),
            live(),
            of_place(),
            covering(path),
        )
        .exists()
    )


def lives_in(community_id: Any) -> ColumnElement[bool]:
    """The viewer is a verified resident of the community."""
    return (
        select(1)
        .select_from(Residency)
        .where(
            col(Residency.person_id) == VIEWER,
            col(Residency.community_id) == community_id,
            col(Residency.state) == ResidencyState.verified,
        )
        .exists()
    )


def params(viewer: Viewer) -> dict[str, object]:
    """The bound values every `readable_*` statement needs."""
    return {"viewer": viewer.person_id, "now": clock.now()}


async def stand(tx: AsyncSession, viewer: Viewer) -> None:
    """The viewer's account is in use, and stays so until this transaction ends; raises NotAllowed.

    A session may outlive the account for a moment; what it does then must not count.
    """
    await stands(tx, viewer.person_id)


async def stands(tx: AsyncSession, person_id: UUID) -> None:
    """The same of a person by id."""
    found = await tx.execute(
        select(col(Person.id))
        .where(col(Person.id) == person_id, col(Person.state) == PersonState.active)
        .with_for_update(read=True)
    )
    if found.first() is None:
        raise NotAllowed("该账号已停用", moves=[])


async def reach_of(tx: AsyncSession, viewer: Viewer) -> list[Reach]:
    """All live grants of the viewer that reach a place."""
    found = await tx.execute(
        select(col(Grant.role), col(Grant.place_id), col(Place.path))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(col(Grant.person_id) == VIEWER, live(), of_place())
        .order_by(col(Place.path)),
        params(viewer),
    )
    return [Reach(Role(role), place_id, path) for role, place_id, path in found]


async def roles_at(tx: AsyncSession, viewer: Viewer, path: str) -> frozenset[Role]:
    """The viewer's roles that reach the place with `path`."""
    return frozenset(r.role for r in await reach_of(tx, viewer) if path.startswith(r.path))


async def require(tx: AsyncSession, viewer: Viewer, permission: Permission, path: str) -> frozenset[Role]:
    """The roles by which the viewer may; raises NotAllowed."""
    roles = await roles_at(tx, viewer, path)
    if not roles & set(roles_with(permission)):
        raise NotAllowed(f"您没有此处的权限：{PERMISSION_TITLES[permission]}")
    return roles


async def require_anywhere(tx: AsyncSession, viewer: Viewer, permission: Permission) -> list[str]:
    """The paths under which the viewer may; raises NotAllowed when there is none."""
    able = set(roles_with(permission))
    paths = [r.path for r in await reach_of(tx, viewer) if r.role in able]
    if not paths:
        raise NotAllowed(f"您没有此项权限：{PERMISSION_TITLES[permission]}")
    return paths
