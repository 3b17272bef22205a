"""派单设置: versioned by place; a place without any goes by the nearest above it, and that by the defaults."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.problems import Problem
from api.models import DispatchSettings, Place
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.dispatch import DispatchMode, Weights
from api.rules.places import ancestor_paths
from api.rules.roles import Permission, capacity
from api.services.access import Viewer, require
from api.services.places.finding import find_place

SUBJECT = "dispatch_settings"
SHOWN = 20
"""Earlier versions that are listed."""


class SettingsChanged(Problem):
    status, code, title = 409, "settings_changed", "别人刚刚改过派单设置"
    advice = "请按最新版本再改一次。"


async def in_force(tx: AsyncSession, path: str) -> DispatchSettings | None:
    """The latest settings of the place with `path`, or of the nearest above it that has any."""
    found = await tx.execute(
        select(DispatchSettings)
        .join(Place, col(Place.id) == col(DispatchSettings.place_id))
        .where(col(Place.path).in_(ancestor_paths(path)))
        .order_by(func.length(col(Place.path)).desc(), col(DispatchSettings.version).desc())
        .limit(1)
    )
    return found.scalar_one_or_none()


def weights_of(settings: DispatchSettings | None) -> Weights:
    """A name the version does not have, has its default."""
    known = asdict(Weights())
    kept = settings.weights if settings is not None else {}
    return Weights(**{name: int(kept.get(name, default)) for name, default in known.items()})


async def read(tx: AsyncSession, viewer: Viewer, place_id: UUID) -> dict[str, Any]:
    """What holds at a place, where it comes from, and the place's own versions. Raises NotFound, NotAllowed."""
    place = await find_place(tx, place_id)
    await require(tx, viewer, Permission.need_dispatch, place.path)
    holds = await in_force(tx, place.path)
    source = await find_place(tx, holds.place_id) if holds is not None else None
    versions = await tx.execute(
        select(DispatchSettings)
        .where(col(DispatchSettings.place_id) == place_id)
        .order_by(col(DispatchSettings.version).desc())
        .limit(SHOWN)
    )
    own = versions.scalars().all()
    return {
        "place": {"id": place.id, "name": place.name},
        "source": {"id": source.id, "name": source.name} if source is not None else None,
        "version": own[0].version if own else 0,
        "weights": asdict(weights_of(holds)),
        "mode": holds.mode if holds is not None else DispatchMode.off,
        "hours": holds.hours if holds is not None else [],
        "versions": [{f: getattr(v, f) for f in ("version", "mode", "hours", "created_at")} for v in own],
    }


async def write(
    tx: AsyncSession,
    viewer: Viewer,
    place_id: UUID,
    *,
    version: int,
    weights: Weights,
    mode: DispatchMode,
    hours: list[int],
) -> None:
    """The next version after `version`, the one the writer has seen. Raises SettingsChanged when there is a later one."""
    place = await find_place(tx, place_id)
    roles = await require(tx, viewer, Permission.need_dispatch, place.path)
    new = DispatchSettings(
        place_id=PlaceId(place.id),
        version=version + 1,
        weights=asdict(weights),
        mode=mode,
        hours=sorted(set(hours)),
        made_by=PersonId(viewer.person_id),
    )
    last = select(func.coalesce(func.max(DispatchSettings.version), 0)).where(
        col(DispatchSettings.place_id) == place.id
    )
    if (await tx.execute(last)).scalar_one() != version:
        raise SettingsChanged
    written = await tx.execute(
        insert(DispatchSettings)
        .values(new.model_dump())
        .on_conflict_do_nothing(index_elements=["place_id", "version"])
        .returning(col(DispatchSettings.id))
    )
    if written.first() is None:
        raise SettingsChanged
    record(
        tx,
        subject_kind=SUBJECT,
        subject_id=new.id,
        move="set",
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        data={"place_id": str(place.id), "version": new.version, "mode": mode.value, "hours": new.hours},
    )
