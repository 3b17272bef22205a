"""排版: minutes of meetings as PDF and results of polls as PNG, made by the worker; the API's processes never load
what it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.printing import rastered, typeset
from api.models import Paper, Place, Topic, TopicAttendance, TopicMeeting
from api.rules.papers import MINUTES, PaperState
from api.rules.topics import CONSULTATION_TITLES
from api.services.polls import picturing
from api.services.topics import papers

Made = tuple[bytes, tuple[str, ...]]
"""The document, and what the font lacks."""


class Printer:
    """Prints what was ordered. Two at once may print the same: the same bytes, of which one is kept."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run_one(self) -> bool:
        """Print one paper, outside any transaction. False when none waits."""
        async with self._db.reading() as tx:
            waiting = await tx.execute(
                select(col(Paper.subject_kind), col(Paper.subject_id), col(Paper.created_at))
                .where(col(Paper.state) == PaperState.pending)
                .order_by(col(Paper.created_at))
                .limit(1)
            )
            order = waiting.first()
            if order is None:
                return False
            make = await _MAKERS[order.subject_kind](tx, order.subject_id)
        content, missing = await asyncio.to_thread(make)
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
                    content=content,
                    missing=list(missing),
                    ready_at=clock.now(),
                )
            )
        return True


async def _minutes_paper(tx: AsyncSession, meeting_id: UUID) -> Callable[[], Made]:
    said, recorded_at = await _minutes(tx, meeting_id)

    def make() -> Made:
        printed = typeset(MINUTES, said, at=recorded_at)
        return printed.pdf, printed.missing

    return make


async def _result_picture(tx: AsyncSession, poll_id: UUID) -> Callable[[], Made]:
    svg = await picturing.result_of(tx, poll_id)

    def make() -> Made:
        drawn = rastered(svg)
        return drawn.png, drawn.missing

    return make


_MAKERS: dict[str, Callable[[AsyncSession, UUID], Awaitable[Callable[[], Made]]]] = {
    papers.SUBJECT: _minutes_paper,
    picturing.SUBJECT: _result_picture,
}
"""By subject kind: looks up what to say, and gives what makes the document of it outside the transaction."""


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
