"""观点图: as it was last drawn, for everybody who reads the topic."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import NotFound
from api.models import OpinionMap, Statement
from api.rules.content import ContentState
from api.services.access import Viewer
from api.services.topics.finding import read_row


async def read_map(tx: AsyncSession, viewer: Viewer, topic_id: UUID) -> dict[str, Any]:
    """The last map with the statements' texts. A statement taken down since is not shown. Raises NotFound."""
    kept = await _kept(tx, viewer, topic_id)
    found = await tx.execute(
        select(col(Statement.id), col(Statement.text)).where(
            col(Statement.topic_id) == topic_id, col(Statement.content) == ContentState.passed
        )
    )
    texts = {str(statement_id): text for statement_id, text in found}
    data = kept.data
    return {
        **data,
        "groups": [
            {**g, "typical": [t for t in g["typical"] if t["statement_id"] in texts]} for g in data["groups"]
        ],
        "statements": [
            {**s, "text": texts[s["statement_id"]]} for s in data["statements"] if s["statement_id"] in texts
        ],
        "agreed": [s for s in data["agreed"] if s in texts],
        "divided": [s for s in data["divided"] if s in texts],
        "drawn_at": kept.drawn_at,
    }


async def read_picture(tx: AsyncSession, viewer: Viewer, topic_id: UUID) -> str:
    """The last map as SVG. Raises NotFound."""
    return (await _kept(tx, viewer, topic_id)).svg


async def _kept(tx: AsyncSession, viewer: Viewer, topic_id: UUID) -> OpinionMap:
    await read_row(tx, viewer, topic_id)
    found = await tx.execute(select(OpinionMap).where(col(OpinionMap.topic_id) == topic_id))
    kept = found.scalar_one_or_none()
    if kept is None:
        raise NotFound("观点图尚未绘制：有人表态后很快会有")
    return kept
