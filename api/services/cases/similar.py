"""Cases like the one somebody is about to submit: offered before it is, so that one matter stays one case."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.kit.problems import NotFound
from api.models import Case, CaseReach, CaseSupport, EstateBuilding, Home, Place
from api.models.cases import Audience
from api.rules.joining import PARENTS
from api.rules.places import PREFIX_LENGTHS, Level
from api.rules.similarity import OFFERED, WINDOW, Matter, compare
from api.services.access import Viewer, params
from api.services.cases.reading import readable_cases

LOOKED_AT, SHOWN = 200, 5


async def similar(
    tx: AsyncSession,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    home_id: UUID | None,
    category: str,
    asset: str | None,
    asset_id: UUID | None,
    text: str,
) -> list[dict[str, Any]]:
    """Open cases of the last 72 hours in the same community that the viewer may read, nearest first, with reasons.

    Raises NotFound for no such place or home.
    """
    place = await _where(tx, place_id, home_id)
    now = clock.now()
    new = Matter(
        home_id,
        place.id,
        place.estate_id,
        category,
        text,
        now,
        is_building=place.level == Level.building,
        asset_id=asset_id,
    )
    supports = (
        select(func.count()).where(col(CaseSupport.case_id) == col(Case.id)).correlate(Case).scalar_subquery()
    )
    found: Any = await tx.execute(
        select(Case, col(Place.name), col(EstateBuilding.estate_id), supports)
        .join(CaseReach, col(CaseReach.case_id) == col(Case.id))
        .join(Place, col(Place.id) == col(Case.place_id))
        .outerjoin(EstateBuilding, col(EstateBuilding.building_id) == col(Case.place_id))
        .where(
            col(CaseReach.place_id) == place.community_id,
            col(CaseReach.audience) == Audience.staff.value,
            col(CaseReach.case_id) > new_id(now - WINDOW),
            col(Case.state).in_(PARENTS),
            col(Case.reporter_id).is_distinct_from(viewer.person_id),
            readable_cases(),
        )
        .order_by(col(CaseReach.case_id).desc())
        .limit(LOOKED_AT),
        params(viewer),
    )
    offered = []
    for case, name, estate_id, count in found:
        old = Matter(
            case.home_id,
            case.place_id,
            case.estate_id or estate_id,
            case.category,
            f"{case.title} {case.text}",
            case.created_at,
            asset_id=case.asset_id,
        )
        like = compare(new, old, asset)
        if like.score >= OFFERED:
            offered.append(
                {
                    **{f: getattr(case, f) for f in ("id", "number", "title", "state", "created_at")},
                    "place": {"id": case.place_id, "name": name},
                    "supports": count,
                    "score": like.score,
                    "reasons": like.reasons,
                }
            )
    return sorted(offered, key=lambda o: (-o["score"], str(o["id"])))[:SHOWN]


async def _where(tx: AsyncSession, place_id: UUID | None, home_id: UUID | None) -> Any:
    community = aliased(Place)
    if home_id is not None:
        wanted = (
            col(Place.id) == select(col(Home.building_id)).where(col(Home.id) == home_id).scalar_subquery()
        )
    else:
        wanted = col(Place.id) == place_id
    found: Any = await tx.execute(
        select(
            col(Place.id),
            col(Place.level),
            col(community.id).label("community_id"),
            col(EstateBuilding.estate_id),
        )
        .join(community, col(community.path) == func.left(col(Place.path), PREFIX_LENGTHS[-1]))
        .outerjoin(EstateBuilding, col(EstateBuilding.building_id) == col(Place.id))
        .where(wanted)
    )
    row = found.first()
    if row is None:
        raise NotFound("没有这个地域或房屋，或范围大于村（社区）")
    return row
