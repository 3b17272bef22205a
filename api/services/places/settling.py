"""What an operator needs to set up a community by hand: grids and buildings, estates, homes, units, branches."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from api.kit.events import record
from api.kit.problems import NotFound, Problem
from api.models import Branch, Estate, EstateBuilding, Home, Place
from api.models.places import EstateId, PlaceId
from api.rules.places import PARENT, Level, path_of
from api.rules.roles import Permission, Role, capacity
from api.services.access import Viewer, require
from api.services.places.browsing import branch_view, brief
from api.services.places.finding import find_place


class AlreadyThere(Problem):
    status, code, title = 409, "already_there", "已经有同名或同号的了"


class BuildingTaken(Problem):
    status, code, title = 409, "building_taken", "楼栋已属于其他小区"


async def write_new(tx: AsyncSession, row: SQLModel, told: str) -> None:
    """Insert, or AlreadyThere where a unique constraint says so: never looked for first."""
    table: Any = type(row)
    values = row.model_dump(exclude=set(_computed(table)))
    written = await tx.execute(insert(table).values(values).on_conflict_do_nothing().returning(table.id))
    if written.first() is None:
        raise AlreadyThere(told)


def _computed(table: Any) -> list[str]:
    return [c.name for c in table.__table__.columns if c.computed is not None]


def note_creation(
    tx: AsyncSession, viewer: Viewer, roles: frozenset[Role], kind: str, subject_id: UUID, text: str
) -> None:
    record(
        tx,
        subject_kind=kind,
        subject_id=subject_id,
        move="create",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text=text,
    )


async def add_place(
    tx: AsyncSession, viewer: Viewer, *, parent_id: UUID, level: Level, number: str, name: str
) -> dict[str, Any]:
    """A grid or building of a community; its code is the community's and `number`.

    Raises NotFound, WrongLevel, NotAllowed, AlreadyThere.
    """
    parent = await find_place(tx, parent_id, PARENT[level])
    roles = await require(tx, viewer, Permission.place_write, parent.path)
    code = f"{parent.code}-{level.value[0]}{number}"
    place = Place(code=code, level=level, name=name, parent_id=PlaceId(parent.id), path=path_of(code, level))
    await write_new(tx, place, f"编号 {number} 已经使用")
    note_creation(tx, viewer, roles, "place", place.id, f"新增{parent.name}{name}")
    return brief(place)


async def add_estate(
    tx: AsyncSession, viewer: Viewer, *, place_id: UUID, name: str, building_ids: list[UUID]
) -> dict[str, Any]:
    """An estate of a community with some of its buildings; a building belongs to one at most.

    Raises NotFound, WrongLevel, NotAllowed, AlreadyThere, BuildingTaken.
    """
    place = await find_place(tx, place_id, Level.village)
    roles = await require(tx, viewer, Permission.home_write, place.path)
    found = await tx.execute(
        select(Place)
        .where(
            col(Place.id).in_(building_ids),
            col(Place.level) == Level.building,
            col(Place.parent_id) == place_id,
        )
        .order_by(col(Place.code))
    )
    buildings = list(found.scalars())
    if len(buildings) != len(set(building_ids)):
        raise NotFound("有的楼栋不存在，或不在这个社区")
    estate = Estate(place_id=PlaceId(place.id), name=name)
    await write_new(tx, estate, "这个社区已有同名小区")
    for building in buildings:
        belongs = {"building_id": building.id, "estate_id": EstateId(estate.id)}
        taken = await tx.execute(
            insert(EstateBuilding)
            .values(belongs)
            .on_conflict_do_nothing()
            .returning(col(EstateBuilding.building_id))
        )
        if taken.first() is None:
            raise BuildingTaken(f"{building.name}已属于其他小区", building_id=str(building.id))
    note_creation(tx, viewer, roles, "estate", estate.id, f"新增小区{name}")
    return {
        "id": estate.id,
        "name": name,
        "place": {"id": place.id, "name": place.name},
        "buildings": [{"id": b.id, "name": b.name} for b in buildings],
    }


async def add_home(
    tx: AsyncSession, viewer: Viewer, *, building_id: UUID, room: str, area_m2: Decimal | None
) -> dict[str, Any]:
    """A dwelling. Raises NotFound, WrongLevel, NotAllowed, AlreadyThere."""
    building = await find_place(tx, building_id, Level.building)
    roles = await require(tx, viewer, Permission.home_write, building.path)
    home = Home(building_id=PlaceId(building.id), room=room, area_m2=area_m2)
    await write_new(tx, home, f"{building.name}已有 {room}")
    note_creation(tx, viewer, roles, "home", home.id, f"新增{building.name} {room}")
    return {
        "id": home.id,
        "room": room,
        "area_m2": area_m2,
        "building": {"id": building.id, "name": building.name},
    }


async def add_branch(tx: AsyncSession, viewer: Viewer, *, place_id: UUID, name: str) -> dict[str, Any]:
    """A party branch of a community. Raises NotFound, WrongLevel, NotAllowed, AlreadyThere."""
    place = await find_place(tx, place_id, Level.village)
    roles = await require(tx, viewer, Permission.place_write, place.path)
    branch = Branch(place_id=PlaceId(place.id), name=name)
    await write_new(tx, branch, "这个社区已有同名党支部")
    note_creation(tx, viewer, roles, "branch", branch.id, f"新增{name}")
    return branch_view(branch, place.name)
