"""公职信息: how secretaries and workers are shown to the public."""

from typing import Any
from uuid import UUID

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import NotFound
from api.models import Grant, Official, Place
from api.rules.roles import Permission
from api.services.access import Viewer, live, require_anywhere, under
from api.services.people.accounts import title_of


def official_view(official: Official) -> dict[str, Any]:
    return {f: getattr(official, f) for f in ("person_id", "name", "title", "hours", "introduction")}


async def describe(
    tx: AsyncSession,
    viewer: Viewer,
    person_id: UUID,
    *,
    name: str,
    title: str,
    hours: str | None,
    introduction: str | None,
) -> dict[str, Any]:
    """Write how somebody with a role within reach is shown to the public. Raises NotAllowed, NotFound."""
    tops = await require_anywhere(tx, viewer, Permission.grant_write)
    held = await tx.execute(
        select(1)
        .select_from(Grant)
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(col(Grant.person_id) == person_id, live(literal(clock.now())), under(col(Place.path), tops))
        .limit(1)
    )
    if held.first() is None:
        raise NotFound("这个人在您的范围内没有职务")
    shown = {"name": name, "title": title, "hours": hours, "introduction": introduction}
    written = await tx.execute(
        insert(Official)
        .values(person_id=person_id, **shown)
        .on_conflict_do_update(index_elements=["person_id"], set_=shown)
        .returning(Official)
        .execution_options(populate_existing=True)
    )
    official = written.scalar_one()
    record(
        tx,
        subject_kind="person",
        subject_id=person_id,
        move="describe",
        actor_id=viewer.person_id,
        actor_title=await title_of(tx, viewer),
        data={"fields": sorted(k for k, v in shown.items() if v is not None)},
    )
    return official_view(official)
