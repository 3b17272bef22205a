"""People as staff find them: those who live, belong or work within reach, numbers masked."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.paging import FIRST, page, read_cursor
from api.kit.problems import NotFound
from api.kit.secrets import Vault
from api.models import Credential, Grant, Membership, Official, Person, Place, Residency
from api.rules.people import PEOPLE, MembershipState, PersonStanding, ResidencyState
from api.rules.roles import ROLE_TITLES, Permission, Role, permissions_of
from api.services.access import (
    Viewer,
    asked_of_each,
    is_wide,
    live,
    narrowed,
    params,
    reach_of,
    require_anywhere,
    under,
)
from api.services.people import names
from api.services.people.belonging import PHONE, masked
from api.services.people.memberships import At, membership_rows, membership_view
from api.services.people.officials import official_view
from api.services.people.residencies import Community, residency_rows, residency_view
from api.services.places.finding import find_place
from api.services.uploads.pictures import Audience, Pictures

_NOBODY = "没有这个人，或不在您的查看范围内"
RESIDENT = (ResidencyState.pending, ResidencyState.verified)
MEMBER = (MembershipState.pending, MembershipState.verified)


def readable_people(tops: Sequence[str]) -> ColumnElement[bool]:
    """Who is tied to one of the subtrees: by a home, a membership or a live grant in it."""
    ties = _ties(tops)
    if any(map(is_wide, tops)):
        return or_(*(asked_of_each(tie.where(tie.selected_columns[0] == col(Person.id))) for tie in ties))
    return col(Person.id).in_(union(*ties))


def _ties(tops: Sequence[str]) -> list[Select[Any]]:
    inside = under(col(Place.path), tops)
    return [
        select(col(Residency.person_id))
        .join(Place, col(Place.id) == col(Residency.community_id))
        .where(col(Residency.state).in_(RESIDENT), inside),
        select(col(Membership.person_id))
        .join(Place, col(Place.id) == col(Membership.place_id))
        .where(col(Membership.state).in_(MEMBER), inside),
        select(col(Grant.person_id))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(live(literal(clock.now())), inside),
    ]


def _matches(q: str) -> ColumnElement[bool]:
    """By a part of the name, or the whole username. Numbers do not belong in an address: see lookup()."""
    named = union(
        select(col(Person.id)).where(_has_part(col(Person.nickname), q)),
        select(col(Official.person_id)).where(_has_part(col(Official.name), q)),
        select(col(Credential.person_id)).where(col(Credential.username) == q.lower()),
    )
    return col(Person.id).in_(named)


def _has_part(name: Any, q: str) -> ColumnElement[bool]:
    """By the index of pairs of characters; one character alone is in no pair."""
    part: ColumnElement[bool] = name.icontains(q, autoescape=True)
    if len(q) < 2:
        return part
    return and_(func.bigrams(name).op("@>", is_comparison=True)(func.bigrams(q)), part)


async def listing(
    tx: AsyncSession,
    vault: Vault,
    pictures: Pictures,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    q: str | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """People within reach, newest first. Raises NotAllowed, NotFound for no such place."""
    tops = await require_anywhere(tx, viewer, Permission.person_read)
    if place_id is not None:
        tops = narrowed(tops, (await find_place(tx, place_id)).path)
    wanted = [readable_people(tops), col(Person.id) < read_cursor(after, FIRST)]
    if q is not None:
        wanted.append(_matches(q))
    found = await tx.execute(
        select(Person, col(Official.name))
        .outerjoin(Official, col(Official.person_id) == col(Person.id))
        .where(*wanted)
        .order_by(col(Person.id).desc())
        .limit(limit + 1)
    )
    rows = [{**_brief(vault, pictures, person), "name": name} for person, name in found]
    await _add_grants(tx, rows, tops)
    return page(rows, limit)


def _brief(vault: Vault, pictures: Pictures, person: Person) -> dict[str, Any]:
    return {
        **{f: getattr(person, f) for f in ("id", "nickname", "state", "created_at")},
        "avatar": names.shown(pictures, person.avatar, Audience.everybody),
        "phone": masked(vault, person.phone_sealed),
    }


async def _add_grants(tx: AsyncSession, rows: list[dict[str, Any]], tops: Sequence[str]) -> None:
    by_id: dict[UUID, Any] = {row["id"]: row.setdefault("grants", []) for row in rows}
    found = await tx.execute(
        select(Grant, col(Place.name))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(
            col(Grant.person_id).in_(list(by_id)),
            live(literal(clock.now())),
            under(col(Place.path), tops),
        )
        .order_by(col(Place.path), col(Grant.id))
    )
    for grant, name in found:
        by_id[grant.person_id].append(
            {
                **{f: getattr(grant, f) for f in ("id", "role", "since", "until")},
                "title": ROLE_TITLES[Role(grant.role)],
                "place": {"id": grant.place_id, "name": name},
            }
        )


async def find_person(tx: AsyncSession, viewer: Viewer, person_id: UUID) -> tuple[Person, list[str]]:
    """A person within reach, and the subtrees the viewer sees people in. Raises NotAllowed, NotFound."""
    tops = await require_anywhere(tx, viewer, Permission.person_read)
    found = await tx.execute(
        select(Person)
        .where(col(Person.id) == person_id, readable_people(tops))
        .execution_options(populate_existing=True)
    )
    person = found.scalar_one_or_none()
    if person is None:
        raise NotFound(_NOBODY)
    return person, tops


async def lookup(
    tx: AsyncSession, vault: Vault, pictures: Pictures, viewer: Viewer, phone: str
) -> dict[str, Any]:
    """The person within reach with this whole number. Raises NotAllowed, NotFound."""
    found = await tx.execute(
        select(col(Person.id)).where(col(Person.phone_index) == vault.index(PHONE, phone))
    )
    person_id = found.scalar_one_or_none()
    if person_id is None:
        await require_anywhere(tx, viewer, Permission.person_read)
        raise NotFound(_NOBODY)
    return await read(tx, vault, pictures, viewer, person_id)


async def permissions_over(tx: AsyncSession, viewer: Viewer, person_id: UUID) -> frozenset[Permission]:
    """What the viewer may do where the person lives, belongs or works."""
    reach = await reach_of(tx, viewer)
    able = set()
    for path in {r.path for r in reach}:
        tied = await tx.execute(select(1).where(col(Person.id) == person_id, readable_people([path])))
        if tied.first() is not None:
            able |= {r.role for r in reach if r.path == path}
    return permissions_of(frozenset(able))


async def read(
    tx: AsyncSession, vault: Vault, pictures: Pictures, viewer: Viewer, person_id: UUID
) -> dict[str, Any]:
    """A person with all ties that lie within reach. Raises NotAllowed, NotFound."""
    person, tops = await find_person(tx, viewer, person_id)
    official = await tx.execute(select(Official).where(col(Official.person_id) == person_id))
    shown = official.scalar_one_or_none()
    homes = await tx.execute(
        residency_rows()
        .where(col(Residency.person_id) == person_id, under(col(Community.path), tops))
        .order_by(col(Residency.id).desc()),
        params(viewer),
    )
    belongs = await tx.execute(
        membership_rows()
        .where(col(Membership.person_id) == person_id, under(col(At.path), tops))
        .order_by(col(Membership.id).desc()),
        params(viewer),
    )
    console = await tx.execute(select(exists().where(col(Credential.person_id) == person_id)))
    view = {
        **_brief(vault, pictures, person),
        "name": shown.name if shown is not None else None,
        "official": official_view(shown) if shown is not None else None,
        "residencies": [residency_view(vault, viewer, row) for row in homes],
        "memberships": [membership_view(vault, viewer, row) for row in belongs],
        "has_console_login": console.scalar_one(),
        "moves": PEOPLE.open(person.state, await standings(tx, viewer, person_id), None),
        "version": person.version,
        "updated_at": person.updated_at,
    }
    await _add_grants(tx, [view], tops)
    return view


async def standings(tx: AsyncSession, viewer: Viewer, person_id: UUID) -> frozenset[PersonStanding]:
    """Administrator of the account: with the permission over a tie, of nobody whose roles reach farther."""
    reach = await reach_of(tx, viewer)
    tops = [r.path for r in reach if Permission.person_block in permissions_of(frozenset({r.role}))]
    if person_id == viewer.person_id or not tops:
        return frozenset()
    tied = await tx.execute(select(1).where(col(Person.id) == person_id, readable_people(tops)))
    farther = await tx.execute(
        select(1)
        .select_from(Grant)
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(
            col(Grant.person_id) == person_id,
            live(literal(clock.now())),
            ~under(col(Place.path), tops),
        )
    )
    if tied.first() is None or farther.first() is not None:
        return frozenset()
    return frozenset({PersonStanding.administrator})
