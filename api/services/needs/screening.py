"""审核: a worker of the community, not of the wisher's household, reads what was handed in."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import Problem
from api.models import Need
from api.rules.content import ContentState
from api.rules.need_words import NeedClock, NeedState
from api.services import deadlines
from api.services.access import Viewer
from api.services.content import moderation
from api.services.needs import clocks
from api.services.needs.finding import find

PARENTS = (
    NeedState.published,
    NeedState.offered,
    NeedState.claimed,
    NeedState.contacted,
    NeedState.in_house,
)
"""Into which a like need may be merged: published ones never become submitted again, so a merge is one level deep."""


class NoParent(Problem):
    status, code, title = 422, "no_parent", "只能合并到同一社区、同一种类、已公开且未结束的需求"


async def give_back(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """退回修改."""
    need = await find(tx, actor, need_id)
    await need.move(tx, "return", text="退回修改", told=f"退回修改：{reason}")
    await deadlines.meet(tx, need_id, [NeedClock.screening])


async def decline(tx: AsyncSession, actor: Viewer, need_id: UUID, reason: str) -> None:
    """不予采纳."""
    need = await find(tx, actor, need_id)
    await need.move(tx, "decline", text="未采纳", told=f"未采纳：{reason}", closed_at=clock.now())
    await deadlines.meet(tx, need_id, [NeedClock.screening])


async def publish(tx: AsyncSession, actor: Viewer, need_id: UUID) -> None:
    """公开: a person has read it, so it passes and needs no other judge. Its week begins."""
    need = await find(tx, actor, need_id)
    columns: dict[str, Any] = {"content": ContentState.passed, "published_at": clock.now()}
    await need.move(tx, "publish", text="审核通过，公开认领", round=need.row["round"] + 1, **columns)
    await moderation.unwatch(tx, subject_kind="need", subject_id=need_id)
    await deadlines.meet(tx, need_id, [NeedClock.screening])
    await clocks.start(tx, need_id, NeedClock.unclaimed, NeedClock.finish)


async def merge(tx: AsyncSession, actor: Viewer, need_id: UUID, into: UUID) -> None:
    """合并: the parent stays open while this commits. Raises NoParent, NotFound for one out of reach."""
    need = await find(tx, actor, need_id)
    need.require("merge")
    await find(tx, actor, into)
    parent = await tx.execute(
        select(col(Need.id))
        .where(
            col(Need.id) == into,
            col(Need.id) != need_id,
            col(Need.kind) == need.row["kind"],
            col(Need.community_id) == need.row["community_id"],
            col(Need.state).in_(PARENTS),
        )
        .with_for_update(read=True)
    )
    if parent.first() is None:
        raise NoParent
    await need.move(tx, "merge", text="已合并到相同的需求", merged_into_id=into, closed_at=clock.now())
    await deadlines.meet(tx, need_id, [NeedClock.screening])
