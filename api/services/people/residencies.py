"""居住关系: registering a home as one's own, and having it verified."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.events import record
from api.kit.paging import FIRST, page, read_cursor
from api.kit.problems import NotFound
from api.kit.secrets import Vault
from api.models import Home, Person, Place, Residency
from api.rules.people import RESIDENCIES, BelongingMove, BelongingStanding, Relation, ResidencyState
from api.rules.places import PREFIX_LENGTHS, Level
from api.rules.roles import Permission, Role, capacity
from api.services.access import VIEWER, Viewer, params, placed_under, reaches, roles_here, under
from api.services.moves import Subject
from api.services.people import belonging, households
from api.services.people.accounts import active
from api.services.people.belonging import SELF_TITLE, AlreadyRegistered
from api.services.places.finding import find_place

Building, Community = aliased(Place, name="building"), aliased(Place, name="community")
ResidencySubject = Subject[ResidencyState, BelongingStanding, None]
_FIELDS = ("id", "relation", "is_registered", "state", "reason", "version", "created_at", "updated_at")


def readable_residencies() -> ColumnElement[bool]:
    """One's own, and those within the reach of a role that sees people."""
    return or_(
        col(Residency.person_id) == VIEWER,
        reaches(Permission.person_read, col(Community.path)),
    )


def residency_rows() -> Select[Any]:
    """Everything a viewer is shown of residencies: bind `viewer`, `now`."""
    return (
        select(
            Residency,
            col(Home.room),
            col(Building.id).label("building_id"),
            col(Building.name).label("building_name"),
            col(Community.name).label("community_name"),
            col(Person.nickname),
            col(Person.phone_sealed),
            roles_here(col(Community.path)).scalar_subquery().label("roles"),
        )
        .join(Home, col(Home.id) == col(Residency.home_id))
        .join(Building, col(Building.id) == col(Home.building_id))
        .join(Community, col(Community.id) == col(Residency.community_id))
        .join(Person, col(Person.id) == col(Residency.person_id))
    )


def residency_view(vault: Vault, viewer: Viewer, row: Any) -> dict[str, Any]:
    """The wire shape of one residency."""
    it: Residency = row.Residency
    what = _standings(row, viewer)
    return {
        **{f: getattr(it, f) for f in _FIELDS},
        "person": belonging.brief(vault, it.person_id, row.nickname, row.phone_sealed),
        "home": {
            "id": it.home_id,
            "room": row.room,
            "building": {"id": row.building_id, "name": row.building_name},
        },
        "community": {"id": it.community_id, "name": row.community_name},
        "moves": RESIDENCIES.open(it.state, what, None),
    }


def _standings(row: Any, viewer: Viewer) -> frozenset[BelongingStanding]:
    return belonging.standings(row.Residency.person_id, row.roles, viewer, Permission.residency_verify)


async def _row(tx: AsyncSession, viewer: Viewer, residency_id: UUID) -> Any:
    statement = residency_rows().where(col(Residency.id) == residency_id, readable_residencies())
    found = await tx.execute(statement.execution_options(populate_existing=True), params(viewer))
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这条居住登记，或不在您的查看范围内")
    return row


async def read(tx: AsyncSession, vault: Vault, viewer: Viewer, residency_id: UUID) -> dict[str, Any]:
    """One residency as this viewer sees it. Raises NotFound."""
    return residency_view(vault, viewer, await _row(tx, viewer, residency_id))


async def listing(
    tx: AsyncSession,
    vault: Vault,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    state: ResidencyState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """One's own, newest first; with a place, all readable ones in it. Raises NotFound for no such place."""
    statement = residency_rows().where(col(Residency.id) < read_cursor(after, FIRST))
    if place_id is None:
        statement = statement.where(col(Residency.person_id) == VIEWER)
    else:
        place = await find_place(tx, place_id)
        if place.level in (Level.grid, Level.building):
            statement = statement.where(under(col(Building.path), [place.path]))
        else:
            statement = statement.where(placed_under(col(Residency.community_id), [place.path]))
        statement = statement.where(readable_residencies())
    if state is not None:
        statement = statement.where(col(Residency.state) == state)
    found = await tx.execute(statement.order_by(col(Residency.id).desc()).limit(limit + 1), params(viewer))
    return page([residency_view(vault, viewer, row) for row in found], limit)


async def register(
    tx: AsyncSession, viewer: Viewer, *, home_id: UUID, relation: Relation, is_registered: bool
) -> UUID:
    """Ask to be known as living there. Raises NotFound, AlreadyRegistered, NotAllowed for a blocked account."""
    await active(tx, viewer)
    where = await tx.execute(
        select(col(Place.path))
        .join(Home, col(Home.building_id) == col(Place.id))
        .where(col(Home.id) == home_id)
    )
    path = where.scalar_one_or_none()
    if path is None:
        raise NotFound("没有这套房屋")
    community = select(col(Place.id)).where(col(Place.path) == path[: PREFIX_LENGTHS[-1]])
    new = Residency(
        person_id=viewer.person_id,
        home_id=home_id,  # type: ignore[arg-type]
        community_id=(await tx.execute(community)).scalar_one(),
        relation=relation,
        is_registered=is_registered,
    )
    written = await tx.execute(
        insert(Residency)
        .values(new.model_dump())
        .on_conflict_do_nothing(
            index_elements=["person_id", "home_id"], index_where=text("state in ('pending', 'verified')")
        )
        .returning(col(Residency.id))
    )
    if written.first() is None:
        raise AlreadyRegistered("您已登记居住在这套房屋")
    record(
        tx,
        subject_kind="residency",
        subject_id=new.id,
        move="register",
        to_state=ResidencyState.pending,
        actor_id=viewer.person_id,
        actor_title=SELF_TITLE,
        text="申请登记居住关系",
    )
    await tx.flush()
    await households.match(tx, viewer.person_id)
    return new.id


async def find(tx: AsyncSession, viewer: Viewer, residency_id: UUID) -> ResidencySubject:
    """The residency as `viewer` reaches it. Raises NotFound."""
    row = await _row(tx, viewer, residency_id)
    mine = row.Residency.person_id == viewer.person_id

    async def look_again() -> list[str]:
        return (await find(tx, viewer, residency_id)).moves()

    return ResidencySubject(
        RESIDENCIES,
        Residency,
        residency_id,
        row.Residency.state,
        row.Residency.version,
        _standings(row, viewer),
        None,
        viewer.person_id,
        SELF_TITLE if mine else capacity(frozenset(Role(r) for r in row.roles or ())),
        look_again,
        row,
    )


async def move(
    tx: AsyncSession, viewer: Viewer, residency_id: UUID, name: BelongingMove, reason: str | None
) -> None:
    """Verify, refuse or end. Raises NotFound, NotAllowed, WrongMoment."""
    await belonging.decide(tx, await find(tx, viewer, residency_id), name, reason)
