"""The public timeline of a subject and the audit trail of everything, both read from the events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event, EventWords, whole
from api.kit.paging import FIRST, LAST, page, read_cursor

_WITH_WORDS = select(Event, EventWords).outerjoin(EventWords, col(EventWords.event_id) == col(Event.id))


async def timeline(tx: AsyncSession, subject_id: UUID, *, limit: int, after: str | None) -> dict[str, Any]:
    """The events with a public text, oldest first. The caller has checked that the subject is in reach."""
    found = await tx.execute(
        _WITH_WORDS.where(
            col(Event.subject_id) == subject_id,
            col(Event.text).is_not(None),
            col(Event.id) > read_cursor(after, LAST),
        )
        .order_by(col(Event.id))
        .limit(limit + 1)
    )
    return page([_public(whole(*e)) for e in found], limit)


async def audit(
    tx: AsyncSession,
    readable: ColumnElement[bool],
    *,
    limit: int,
    after: str | None,
    subject_id: UUID | None = None,
    actor_id: UUID | None = None,
    move: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """The readable events, newest first, with their private data: for auditors only."""
    wanted = [readable, col(Event.id) < read_cursor(after, FIRST)]
    for column, value in ((Event.subject_id, subject_id), (Event.actor_id, actor_id), (Event.move, move)):
        if value is not None:
            wanted.append(col(column) == value)
    if since is not None:
        wanted.append(col(Event.at) >= since)
    if until is not None:
        wanted.append(col(Event.at) < until)
    found = await tx.execute(_WITH_WORDS.where(*wanted).order_by(col(Event.id).desc()).limit(limit + 1))
    return page([{**_public(e), **_private(e)} for e in (whole(*row) for row in found)], limit)


def _public(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "move": event.move,
        "from": event.from_state,
        "to": event.to_state,
        "by": event.actor_title,
        "text": event.text,
        "at": event.at,
    }


def _private(event: Event) -> dict[str, Any]:
    return {
        "subject_kind": event.subject_kind,
        "subject_id": event.subject_id,
        "actor_id": event.actor_id,
        "data": event.data,
    }
