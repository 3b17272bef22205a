"""设施: what an estate has in common, for the resident who reports it broken and for the console that lists it."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.events import record
from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import NotFound
from api.models import Asset, Estate, EstateBuilding, Place
from api.models.places import EstateId, PlaceId
from api.rules.places import Level
from api.rules.property import ASSET_TITLES, AssetKind
from api.rules.roles import Permission, capacity
from api.services.access import Viewer, require, require_anywhere, under
from api.services.places.finding import find_place
from api.services.places.settling import AlreadyThere, note_creation, write_new

Community, Building = aliased(Place, name="community"), aliased(Place, name="building")


def _rows() -> Select[*tuple[Any, ...]]:
    return (
        select(Asset, Estate, Building, col(Community.path).label("path"))
        .join(Estate, col(Estate.id) == col(Asset.estate_id))
        .join(Community, col(Community.id) == col(Estate.place_id))
        .outerjoin(Building, col(Building.id) == col(Asset.building_id))
    )


def asset_view(asset: Asset, estate: Estate, building: Place | None) -> dict[str, Any]:
    """An asset with its estate and, where it stands in one, its building."""
    return {
        **{f: getattr(asset, f) for f in ("id", "kind", "name", "active")},
        "kind_title": ASSET_TITLES[AssetKind(asset.kind)],
        "estate": {"id": estate.id, "name": estate.name},
        "building": {"id": building.id, "name": building.name} if building is not None else None,
    }


async def assets(
    tx: AsyncSession, place_id: UUID, *, kind: AssetKind | None, limit: int, after: str | None
) -> dict[str, Any]:
    """Assets in use: of a building its own and those of its whole estate, of anything wider all in it.

    Raises NotFound.
    """
    place = await find_place(tx, place_id)
    wanted: list[Any] = [col(Asset.active), col(Asset.id) > read_cursor(after, LAST)]
    if place.level is Level.building:
        estate = select(col(EstateBuilding.estate_id)).where(col(EstateBuilding.building_id) == place_id)
        here = col(Asset.building_id).is_(None) | (col(Asset.building_id) == place_id)
        wanted += [col(Asset.estate_id).in_(estate), here]
    else:
        wanted.append(under(col(Community.path), [place.path]))
    if kind is not None:
        wanted.append(col(Asset.kind) == kind)
    found = await tx.execute(_rows().where(*wanted).order_by(col(Asset.id)).limit(limit + 1))
    return page([asset_view(row[0], row[1], row[2]) for row in found], limit)


async def add_asset(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    estate_id: UUID,
    building_id: UUID | None,
    kind: AssetKind,
    name: str,
) -> dict[str, Any]:
    """An asset of an estate or of one of its buildings. Raises NotFound, NotAllowed, AlreadyThere."""
    found = await tx.execute(
        select(Estate, Place)
        .join(Place, col(Place.id) == col(Estate.place_id))
        .where(col(Estate.id) == estate_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这个小区")
    estate, place = row
    roles = await require(tx, viewer, Permission.home_write, place.path)
    building = await _building_of(tx, estate, building_id) if building_id is not None else None
    asset = Asset(
        estate_id=EstateId(estate.id),
        building_id=PlaceId(building.id) if building is not None else None,
        kind=kind,
        name=name,
    )
    await write_new(tx, asset, f"{estate.name}已有{name}")
    note_creation(tx, viewer, roles, "asset", asset.id, f"新增{estate.name}{name}")
    return asset_view(asset, estate, building)


async def _building_of(tx: AsyncSession, estate: Estate, building_id: UUID) -> Place:
    found = await tx.execute(
        select(Place)
        .join(
            EstateBuilding,
            and_(
                col(EstateBuilding.building_id) == col(Place.id), col(EstateBuilding.estate_id) == estate.id
            ),
        )
        .where(col(Place.id) == building_id)
    )
    building = found.scalar_one_or_none()
    if building is None:
        raise NotFound("没有这栋楼，或不属于这个小区")
    return building


async def change_asset(
    tx: AsyncSession, viewer: Viewer, asset_id: UUID, changes: dict[str, Any]
) -> dict[str, Any]:
    """Its name, its kind, in use or not; cases keep pointing to it. Raises NotFound, NotAllowed, AlreadyThere."""
    tops = await require_anywhere(tx, viewer, Permission.home_write)
    found = await tx.execute(_rows().where(col(Asset.id) == asset_id, under(col(Community.path), tops)))
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这项设施，或不在您的查看范围内")
    roles = await require(tx, viewer, Permission.home_write, row.path)
    try:
        async with tx.begin_nested():
            changed = await tx.execute(
                update(Asset)
                .where(col(Asset.id) == asset_id)
                .values(**changes)
                .returning(Asset)
                .execution_options(populate_existing=True)
            )
            asset = changed.scalar_one()
    except IntegrityError:
        raise AlreadyThere(f"{row[1].name}已有{changes.get('name')}") from None
    record(
        tx,
        subject_kind="asset",
        subject_id=asset_id,
        move="change",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text=f"变更{asset.name}",
        data={"fields": sorted(changes)},
    )
    return asset_view(asset, row[1], row[2])
