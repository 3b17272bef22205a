"""小程序码: drawn by the platform once, kept; and what a scanned scene leads to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import NotFound
from api.models import Activity, Place, Poll, ProgramCode, Topic
from api.rules.codes import PAGES, SceneKind, read_scene, scene_of
from api.rules.places import Level
from api.services.access import Viewer, params
from api.services.activities.reading import readable_activities
from api.services.polls.finding import readable_polls
from api.services.topics.reading import readable_topics

NOTHING = "没有这个内容，或不在您的查看范围内"


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn code."""

    image: bytes
    media_type: str


async def _community(tx: AsyncSession, viewer: Viewer, subject_id: UUID) -> str | None:
    """Communities are public."""
    found = await tx.execute(
        select(col(Place.name)).where(
            col(Place.id) == subject_id, col(Place.level) == Level.village, col(Place.active)
        )
    )
    return found.scalar_one_or_none()


async def _poll(tx: AsyncSession, viewer: Viewer, subject_id: UUID) -> str | None:
    """Once announced, for who lives there or is on the roll; a draft for staff."""
    return await _readable(tx, viewer, Poll, subject_id, readable_polls())


async def _activity(tx: AsyncSession, viewer: Viewer, subject_id: UUID) -> str | None:
    """Those the viewer may see."""
    return await _readable(tx, viewer, Activity, subject_id, readable_activities())


async def _topic(tx: AsyncSession, viewer: Viewer, subject_id: UUID) -> str | None:
    """Once its words have passed, for neighbours and guests."""
    return await _readable(tx, viewer, Topic, subject_id, readable_topics())


async def _readable(
    tx: AsyncSession, viewer: Viewer, table: Any, subject_id: UUID, readable: ColumnElement[bool]
) -> str | None:
    statement = select(col(table.title)).where(col(table.id) == subject_id, readable)
    title: str | None = (await tx.execute(statement, params(viewer))).scalar_one_or_none()
    return title


Title = Callable[[AsyncSession, Viewer, UUID], Awaitable[str | None]]
TITLES: dict[SceneKind, Title] = {
    SceneKind.community: _community,
    SceneKind.activity: _activity,
    SceneKind.poll: _poll,
    SceneKind.topic: _topic,
}
"""What the viewer may see of a subject by kind: its title, or None. A kind without a line leads nowhere."""


async def title(tx: AsyncSession, viewer: Viewer, kind: SceneKind, subject_id: UUID) -> str:
    """Raises NotFound for what does not exist or is out of reach."""
    known = TITLES.get(kind)
    found = await known(tx, viewer, subject_id) if known is not None else None
    if found is None:
        raise NotFound(NOTHING)
    return found


async def kept(tx: AsyncSession, kind: SceneKind, subject_id: UUID) -> Picture | None:
    """The picture drawn before, if there is one."""
    found = await tx.execute(
        select(col(ProgramCode.image), col(ProgramCode.media_type)).where(
            col(ProgramCode.scene) == scene_of(kind, subject_id)
        )
    )
    row = found.first()
    return Picture(bytes(row[0]), row[1]) if row else None


async def keep(tx: AsyncSession, kind: SceneKind, subject_id: UUID, picture: Picture) -> None:
    """Keep it; of two drawn at once the first stays."""
    code = ProgramCode(
        scene=scene_of(kind, subject_id),
        kind=kind.value,
        subject_id=subject_id,
        media_type=picture.media_type,
        image=picture.image,
    )
    await tx.execute(insert(ProgramCode).values(code.model_dump()).on_conflict_do_nothing())


async def resolve(tx: AsyncSession, viewer: Viewer, scene: str) -> dict[str, Any]:
    """What a scanned scene leads to. Raises NotFound."""
    read = read_scene(scene)
    if read is None:
        raise NotFound("无法识别的小程序码")
    kind, subject_id = read
    return {
        "kind": kind,
        "id": subject_id,
        "title": await title(tx, viewer, kind, subject_id),
        "page": f"{PAGES[kind]}?id={subject_id}",
    }
