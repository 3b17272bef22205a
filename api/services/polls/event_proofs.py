"""That an event is the one that was sealed: a document anybody can check without the database."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import Event
from api.kit.problems import NotFound
from api.kit.secrets import Vault
from api.models import EventLeaf
from api.rules.roles import Permission
from api.rules.voting.records import EVENTS
from api.services.access import Viewer, require_anywhere
from api.services.audit import readable_events
from api.services.polls import sealing


async def prove(tx: AsyncSession, vault: Vault, viewer: Viewer, event_id: UUID) -> dict[str, Any]:
    """The event as it stands, what it was sealed as, and the way to the signed head: docs/bulletin.md.

    Raises NotAllowed, NotFound for one out of reach or not sealed yet.
    """
    tops = await require_anywhere(tx, viewer, Permission.audit_read)
    found = await tx.execute(
        select(Event, EventLeaf)
        .join(EventLeaf, col(EventLeaf.event_id) == col(Event.id))
        .where(col(Event.id) == event_id, readable_events(tops, anywhere=True))
    )
    row = found.first()
    if row is None:
        raise NotFound("没有这个事件，或尚未封存，或不在您的查看范围内")
    event, leaf = row
    place = await sealing.proof(tx, EVENTS, bytes(leaf.leaf))
    return {
        "version": 1,
        "type": "event_proof",
        "event": sealing.event_content(event, bytes(leaf.salt)),
        "shown": sealing.shown_of(event),
        **place,
        "public_key": sealing.public_key(vault),
    }
