"""会议纪要的文书: ordered with the minutes, read once the worker has printed it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotFound, Problem
from api.models import Paper, TopicMeeting
from api.rules.papers import PaperState
from api.services.access import Viewer
from api.services.topics.finding import read_row

SUBJECT = "topic_meeting"


class NotPrinted(Problem):
    status, code, title = 409, "not_printed", "会议纪要正在排版"
    advice = "一般几秒之内完成，请稍后再试。"


async def order(tx: AsyncSession, meeting_id: UUID) -> None:
    """Have the minutes printed; ordered twice they are printed once."""
    wanted = {"subject_kind": SUBJECT, "state": PaperState.pending, "missing": [], "created_at": clock.now()}
    await tx.execute(insert(Paper).values(subject_id=meeting_id, **wanted).on_conflict_do_nothing())


async def read(tx: AsyncSession, viewer: Viewer, topic_id: UUID, meeting_id: UUID) -> bytes:
    """The PDF of the minutes. Raises NotFound, NotPrinted."""
    await read_row(tx, viewer, topic_id)
    found = await tx.execute(
        select(col(TopicMeeting.recorded_at), col(Paper.content))
        .outerjoin(Paper, col(Paper.subject_id) == col(TopicMeeting.id))
        .where(col(TopicMeeting.id) == meeting_id, col(TopicMeeting.topic_id) == topic_id)
    )
    row = found.first()
    if row is None or row.recorded_at is None:
        raise NotFound("没有这次会议，或尚无纪要")
    if row.content is None:
        raise NotPrinted
    return bytes(row.content)
