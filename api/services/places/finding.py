"""One place by its id."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import NotFound, Problem
from api.models import Place
from api.rules.places import LEVEL_TITLES, Level


class WrongLevel(Problem):
    status, code, title = 422, "wrong_level", "地域的层级不对"


async def find_place(tx: AsyncSession, place_id: UUID, *levels: Level) -> Place:
    """The place, of one of `levels` where any are named. Raises NotFound, WrongLevel."""
    found = await tx.execute(select(Place).where(col(Place.id) == place_id))
    place = found.scalar_one_or_none()
    if place is None:
        raise NotFound("没有这个地域")
    if levels and place.level not in levels:
        raise WrongLevel(f"请选择{'、'.join(LEVEL_TITLES[level] for level in levels)}")
    return place
