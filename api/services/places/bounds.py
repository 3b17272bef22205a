"""地域范围: the box a place lies in, and whether a position lies there."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.problems import Problem
from api.models import Place, PlaceBounds
from api.rules.places import ancestor_paths
from api.rules.roles import Permission, capacity
from api.services.access import Viewer, require
from api.services.places.finding import find_place

_EDGES = ("south", "west", "north", "east")


class PositionElsewhere(Problem):
    status, code, title = 422, "position_elsewhere", "位置不在所选地域的范围内"
    advice = "请核对位置，或改选事发地所在的网格、社区。"


async def check(tx: AsyncSession, path: str, latitude: float, longitude: float) -> None:
    """Within the bounds of the place, or of the nearest above it that has any. Raises PositionElsewhere."""
    found = await tx.execute(
        select(PlaceBounds)
        .join(Place, col(Place.id) == col(PlaceBounds.place_id))
        .where(col(Place.path).in_(ancestor_paths(path)))
        .order_by(func.length(col(Place.path)).desc())
        .limit(1)
    )
    box = found.scalar_one_or_none()
    if box is not None and not (box.south <= latitude <= box.north and box.west <= longitude <= box.east):
        raise PositionElsewhere


async def of(tx: AsyncSession, place_id: UUID) -> dict[str, float] | None:
    """The place's own box."""
    found = await tx.execute(select(PlaceBounds).where(col(PlaceBounds.place_id) == place_id))
    box = found.scalar_one_or_none()
    return {edge: getattr(box, edge) for edge in _EDGES} if box is not None else None


async def draw(tx: AsyncSession, viewer: Viewer, place_id: UUID, **edges: float) -> dict[str, Any]:
    """Set the place's box, or another one. Raises NotFound, NotAllowed."""
    place = await find_place(tx, place_id)
    roles = await require(tx, viewer, Permission.place_write, place.path)
    await tx.execute(
        insert(PlaceBounds)
        .values(place_id=place.id, **edges)
        .on_conflict_do_update(index_elements=["place_id"], set_=edges)
    )
    record(
        tx,
        subject_kind="place",
        subject_id=place_id,
        move="draw",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        text=f"划定{place.name}的范围",
        data=edges,
    )
    return edges
