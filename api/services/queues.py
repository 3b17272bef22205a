"""The queue as administrators see it: how much waits, and what was given up and may be tried again."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import queue
from api.kit.events import Delivery, Event, record
from api.kit.paging import LAST, page, read_cursor
from api.rules.roles import Permission
from api.services.access import Viewer, require_anywhere
from api.services.people.accounts import title_of


async def state(tx: AsyncSession, viewer: Viewer, *, limit: int, after: str | None) -> dict[str, Any]:
    """Counts, the age of the oldest in seconds, and the dead letters, oldest first. Raises NotAllowed."""
    await require_anywhere(tx, viewer, Permission.queue_read)
    now = await queue.state(tx)
    found = await tx.execute(
        select(Delivery, Event)
        .join(Event, col(Event.id) == col(Delivery.event_id))
        .where(col(Delivery.dead), col(Delivery.event_id) > read_cursor(after, LAST))
        .order_by(col(Delivery.event_id))
        .limit(limit + 1)
    )
    letters = [
        {
            "id": event.id,
            "subject_kind": event.subject_kind,
            "subject_id": event.subject_id,
            "move": event.move,
            "at": event.at,
            "attempts": delivery.attempts,
            "error": delivery.error,
        }
        for delivery, event in found
    ]
    return {
        "waiting": now.waiting,
        "oldest_seconds": max(int(now.oldest.total_seconds()), 0) if now.oldest is not None else None,
        "dead": now.dead,
        **page(letters, limit),
    }


async def retry(tx: AsyncSession, viewer: Viewer, event_id: UUID) -> None:
    """Try a delivery again from the beginning. Raises NotAllowed, NoSuchDelivery."""
    await require_anywhere(tx, viewer, Permission.queue_retry)
    await queue.retry(tx, event_id)
    record(
        tx,
        subject_kind="queue",
        subject_id=event_id,
        move="retry",
        actor_id=viewer.person_id,
        actor_title=await title_of(tx, viewer),
    )
