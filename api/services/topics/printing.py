"""排版: the minutes of a meeting as a PDF, made by the worker; the API's processes never load what it takes."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.printing import typeset
from api.models import Paper, Place, Topic, TopicAttendance, TopicMeeting
from api.rules.papers import MINUTES, PaperState
from api.rules.topics import CONSULTATION_TITLES


class Printer:
    """Prints what was ordered. Two at once may print the same: the same bytes, of which one is kept."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run_one(self) -> bool:
        """Print one paper, outside any transaction. False when none waits."""
        async with self._db.reading() as tx:
            waiting = await tx.execute(
                select(col(Paper.subject_id), col(Paper.created_at))
                .where(col(Paper.state) == PaperState.pending)
                .order_by(col(Paper.created_at))
                .limit(1)
            )
            order = waiting.first()
            if order is None:
                return False
            said, recorded_at = await _minutes(tx, order.subject_id)
        printed = await asyncio.to_thread(typeset, MINUTES, said, at=recorded_at)
        async with self._db.transaction() as tx:
            await tx.execute(
                update(Paper)
                .where(
                    col(Paper.subject_id) == order.subject_id,
                    col(Paper.state) == PaperState.pending,
                    col(Paper.created_at) == order.created_at,  # ordered anew meanwhile: printed anew
                )
                .values(
                    state=PaperState.ready,
                    content=printed.pdf,
                    missing=list(printed.missing),
                    ready_at=clock.now(),
                )
            )
        return True


async def _minutes(tx: AsyncSession, meeting_id: UUID) -> tuple[dict[str, Any], datetime]:
    """What the paper says, and its moment."""
    found = await tx.execute(
        select(TopicMeeting, col(Topic.title), col(Place.name))
        .join(Topic, col(Topic.id) == col(TopicMeeting.topic_id))
        .join(Place, col(Place.id) == col(Topic.place_id))
        .where(col(TopicMeeting.id) == meeting_id)
    )
    meeting, topic, place = found.one()
    assert meeting.minutes is not None
    assert meeting.conclusion is not None
    assert meeting.recorded_at is not None
    came = await tx.execute(
        select(col(TopicAttendance.name), col(TopicAttendance.capacity))
        .where(col(TopicAttendance.meeting_id) == meeting_id)
        .order_by(col(TopicAttendance.id))
    )
    said = {
        "heading": f"{place}协商议事会议纪要",
        "topic": f"议题：{topic}",
        "title": meeting.title,
        "kind": CONSULTATION_TITLES[meeting.kind],
        "venue": meeting.venue,
        "held_at": _at(meeting.held_at),
        "minutes": meeting.minutes.splitlines(),
        "conclusion": meeting.conclusion.splitlines(),
        "attendants": [{"name": name, "capacity": capacity} for name, capacity in came],
        "recorded_at": _at(meeting.recorded_at),
    }
    return said, meeting.recorded_at


def _at(moment: datetime) -> str:
    return f"{clock.local(moment):%Y年%m月%d日 %H:%M}"
