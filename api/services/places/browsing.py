"""Looking around in the tree of places: children, search within a subtree, homes of a building."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import Problem
from api.models import Asset, Branch, Company, Estate, EstateBuilding, Home, Place, Unit
from api.rules.places import Level, ancestor_paths
from api.services.access import under
from api.services.places import bounds
from api.services.places.finding import find_place

ABOVE_TOWNS = (Level.province, Level.city, Level.county)
"""3,600 places in all; everything below is only looked for inside something."""


class ParentNeeded(Problem):
    status, code, title = 422, "parent_needed", "请先选择上级地域"
    advice = "街道（乡镇）及以下的地域须带 parent 查询。"


async def search(
    tx: AsyncSession,
    *,
    parent_id: UUID | None,
    level: Level | None,
    q: str | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """Active places by code: children of `parent_id`, or what matches `level` and `q` anywhere under it.

    Without a parent only provinces, cities and counties are looked at. Raises NotFound, ParentNeeded.
    """
    wanted: list[Any] = [col(Place.active)]
    children = parent_id is not None and level is None and q is None
    if parent_id is None:
        wanted.append(_above_towns(level, q))
    else:
        parent = await find_place(tx, parent_id)
        if children:
            wanted.append(col(Place.parent_id) == parent_id)
        else:
            wanted += [under(col(Place.path), [parent.path]), col(Place.id) != parent_id]
    if level is not None:
        wanted.append(col(Place.level) == level)
    if q is not None:
        wanted.append(col(Place.name).contains(q, autoescape=True))
    # Paths sort as codes do; children are read in the order of one index, subtrees in that of the other.
    order = "code" if children else "path"
    if after is not None:
        last = aliased(Place)
        seen = select(getattr(last, order)).where(col(last.id) == read_cursor(after)).scalar_subquery()
        wanted.append(getattr(Place, order) > seen)
    found = await tx.execute(select(Place).where(*wanted).order_by(getattr(Place, order)).limit(limit + 1))
    return page([brief(place) for place in found.scalars()], limit)


def _above_towns(level: Level | None, q: str | None) -> ColumnElement[bool]:
    """Provinces, cities and counties, from the root down by the index of parents."""
    if level is not None and level not in ABOVE_TOWNS:
        raise ParentNeeded
    if level is None and q is None:
        return col(Place.parent_id).is_(None)
    province, city, county = (aliased(Place) for _ in ABOVE_TOWNS)
    provinces = select(col(province.id)).where(col(province.parent_id).is_(None))
    cities = select(col(city.id)).where(col(city.parent_id).in_(provinces))
    counties = select(col(county.id)).where(col(county.parent_id).in_(cities))
    return col(Place.id).in_(union_all(provinces, cities, counties))


def brief(place: Place) -> dict[str, Any]:
    """A place in a list."""
    return {f: getattr(place, f) for f in ("id", "code", "level", "name", "parent_id")}


async def read(tx: AsyncSession, place_id: UUID) -> dict[str, Any]:
    """A place with everything above it, the province first, and its estate. Raises NotFound."""
    place = await find_place(tx, place_id)
    above = await tx.execute(
        select(Place).where(col(Place.path).in_(ancestor_paths(place.path)[:-1])).order_by(col(Place.path))
    )
    estate = await tx.execute(
        select(Estate)
        .join(EstateBuilding, col(EstateBuilding.estate_id) == col(Estate.id))
        .where(col(EstateBuilding.building_id) == place_id)
    )
    found = estate.scalar_one_or_none()
    return {
        **brief(place),
        "active": place.active,
        "ancestors": [brief(p) for p in above.scalars()],
        "estate": {"id": found.id, "name": found.name} if found is not None else None,
        "bounds": await bounds.of(tx, place_id),
    }


async def homes(tx: AsyncSession, building_id: UUID, *, limit: int, after: str | None) -> dict[str, Any]:
    """The dwellings of a building by room; nothing about who lives there. Raises NotFound, WrongLevel."""
    await find_place(tx, building_id, Level.building)
    wanted = [col(Home.building_id) == building_id]
    if after is not None:
        last = aliased(Home)
        wanted.append(
            col(Home.room)
            > select(col(last.room)).where(col(last.id) == read_cursor(after)).scalar_subquery()
        )
    found = await tx.execute(select(Home).where(*wanted).order_by(col(Home.room)).limit(limit + 1))
    common = await _around(tx, building_id)
    return page([{"id": home.id, "room": home.room, **common} for home in found.scalars()], limit)


async def _around(tx: AsyncSession, building_id: UUID) -> dict[str, Any]:
    """What all homes of a building have in common: estate, company, assets."""
    found = await tx.execute(
        select(Estate)
        .join(EstateBuilding, col(EstateBuilding.estate_id) == col(Estate.id))
        .where(col(EstateBuilding.building_id) == building_id)
    )
    estate = found.scalar_one_or_none()
    if estate is None:
        return {"estate": None, "company": None, "assets": []}
    companies, assets = await _serving(tx, [estate.id])
    return {
        "estate": {"id": estate.id, "name": estate.name},
        "company": companies.get(estate.id),
        "assets": [_named(a) for a in assets if a.building_id in (None, building_id)],
    }


async def _serving(tx: AsyncSession, estate_ids: list[Any]) -> tuple[dict[Any, Any], list[Asset]]:
    """The company of each estate, by its active unit, and the assets in use of all of them."""
    units = await tx.execute(
        select(col(Unit.estate_id), col(Company.id), col(Company.name))
        .join(Company, col(Company.id) == col(Unit.company_id))
        .where(col(Unit.estate_id).in_(estate_ids), col(Unit.active))
    )
    assets = await tx.execute(
        select(Asset)
        .where(col(Asset.estate_id).in_(estate_ids), col(Asset.active))
        .order_by(col(Asset.name), col(Asset.id))
    )
    companies = {estate_id: {"id": company_id, "name": name} for estate_id, company_id, name in units}
    return companies, list(assets.scalars())


def _named(asset: Asset) -> dict[str, Any]:
    return {"id": asset.id, "name": asset.name}


async def estates(tx: AsyncSession, place_id: UUID, *, limit: int, after: str | None) -> dict[str, Any]:
    """The estates in a place with their buildings, in the order they were set up. Raises NotFound."""
    place = await find_place(tx, place_id)
    found = await tx.execute(
        select(Estate, col(Place.name))
        .join(Place, col(Place.id) == col(Estate.place_id))
        .where(under(col(Place.path), [place.path]), col(Estate.id) > read_cursor(after, LAST))
        .order_by(col(Estate.id))
        .limit(limit + 1)
    )
    rows: list[dict[str, Any]] = [
        {
            "id": estate.id,
            "name": estate.name,
            "place": {"id": estate.place_id, "name": name},
            "buildings": [],
        }
        for estate, name in found
    ]
    by_id: dict[UUID, Any] = {row["id"]: row for row in rows}
    buildings = await tx.execute(
        select(col(EstateBuilding.estate_id), col(Place.id), col(Place.name))
        .join(Place, col(Place.id) == col(EstateBuilding.building_id))
        .where(col(EstateBuilding.estate_id).in_(list(by_id)))
        .order_by(col(Place.code))
    )
    for estate_id, building_id, name in buildings:
        by_id[estate_id]["buildings"].append({"id": building_id, "name": name})
    companies, assets = await _serving(tx, list(by_id))
    for row in rows:
        row["company"] = companies.get(row["id"])
        row["assets"] = [_named(a) for a in assets if a.estate_id == row["id"]]
    return page(rows, limit)


async def branches(tx: AsyncSession, place_id: UUID, *, limit: int, after: str | None) -> dict[str, Any]:
    """The party branches of a place and what lies under it. Raises NotFound."""
    place = await find_place(tx, place_id)
    found = await tx.execute(
        select(Branch, col(Place.name))
        .join(Place, col(Place.id) == col(Branch.place_id))
        .where(under(col(Place.path), [place.path]), col(Branch.id) > read_cursor(after, LAST))
        .order_by(col(Branch.id))
        .limit(limit + 1)
    )
    return page([branch_view(branch, name) for branch, name in found], limit)


def branch_view(branch: Branch, place_name: str) -> dict[str, Any]:
    return {"id": branch.id, "name": branch.name, "place": {"id": branch.place_id, "name": place_name}}
