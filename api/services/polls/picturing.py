"""表决结果图 as PNG: ordered with the count, drawn by the worker, for mini-programs, which neither show nor share SVG."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import Problem
from api.models import Paper, Poll
from api.rules.papers import PaperState
from api.rules.poll_picture import drawn
from api.services.access import Viewer
from api.services.polls.finding import read_row
from api.services.polls.reading import NotCounted

SUBJECT = "poll"


class NotDrawn(Problem):
    status, code, title = 409, "not_drawn", "图片正在绘制"
    advice = "计票之后几秒之内完成，请稍后再试。"


async def order(tx: AsyncSession, poll_id: UUID) -> None:
    """Have the result drawn; after a recount it is drawn anew."""
    wanted: dict[str, Any] = {
        "state": PaperState.pending,
        "content": None,
        "missing": [],
        "created_at": clock.now(),
    }
    await tx.execute(
        insert(Paper)
        .values(subject_id=poll_id, subject_kind=SUBJECT, **wanted)
        .on_conflict_do_update(index_elements=["subject_id"], set_={**wanted, "ready_at": None})
    )


async def result_of(tx: AsyncSession, poll_id: UUID) -> str:
    """The SVG of a counted poll, for the worker."""
    found = await tx.execute(
        select(col(Poll.title), col(Poll.options), col(Poll.outcome)).where(col(Poll.id) == poll_id)
    )
    title, options, outcome = found.one()
    assert outcome is not None
    return drawn(title, options, outcome)


async def png(tx: AsyncSession, viewer: Viewer, poll_id: UUID) -> bytes:
    """The result as PNG. Raises NotFound, NotCounted, NotDrawn."""
    if (await read_row(tx, viewer, poll_id))["outcome"] is None:
        raise NotCounted
    found = await tx.execute(select(col(Paper.content)).where(col(Paper.subject_id) == poll_id))
    content = found.scalar_one_or_none()
    if content is None:
        raise NotDrawn
    return bytes(content)
