"""The append-only history: outbox, timeline and audit trail in one table.

Every change inserts one event in its own transaction. Triggers (made by the first migration) forbid changing,
deleting or truncating events and give each a row in `deliveries`, the queue of record that the worker empties
(docs/adr/0002).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel

from api.kit import clock
from api.kit.columns import flag, json_column, key, moment, reference, text_column, word


class ActorKind(StrEnum):
    """谁做的"""

    person = "person"
    system = "system"


class Event(SQLModel, table=True):
    """事件: one line of the history. `text` is public to all who reach the subject, `data` never leaves."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_subject", "subject_id", "id"),
        Index("ix_events_actor", "actor_id", "id"),
        Index("ix_events_move", "move", "id"),
    )

    id: UUID = key()
    subject_kind: str = text_column()
    subject_id: UUID = reference()
    move: str = text_column()
    from_state: str | None = text_column(optional=True)
    to_state: str | None = text_column(optional=True)
    actor_kind: ActorKind = word(ActorKind)
    actor_id: UUID | None = reference(optional=True)
    actor_title: str = text_column()
    """In which capacity: 居民, 社区工作者, 系统 …; what the public timeline shows instead of a name."""
    text: str | None = text_column(optional=True)
    data: dict[str, Any] = json_column(default=dict)
    at: datetime = moment()


class Delivery(SQLModel, table=True):
    """待办投递: an event whose consequences are not yet done. The row is deleted with their transaction."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_due", "next_at", "event_id", postgresql_where=text("not dead")),)

    event_id: UUID = Field(
        sa_type=Uuid, primary_key=True, sa_column_args=[ForeignKey("events.id", ondelete="RESTRICT")]
    )
    attempts: int = Field(default=0, nullable=False, sa_column_kwargs={"server_default": text("0")})
    next_at: datetime = moment()
    dead: bool = flag()
    error: str | None = Field(default=None, sa_type=Text)


def record(
    tx: AsyncSession,
    *,
    subject_kind: str,
    subject_id: UUID,
    move: str,
    actor_id: UUID | None,
    actor_title: str,
    from_state: str | None = None,
    to_state: str | None = None,
    text: str | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Write one event into the transaction; it becomes visible, and due, with the commit."""
    event = Event(
        subject_kind=subject_kind,
        subject_id=subject_id,
        move=move,
        from_state=from_state,
        to_state=to_state,
        actor_kind=ActorKind.system if actor_id is None else ActorKind.person,
        actor_id=actor_id,
        actor_title=actor_title,
        text=text,
        data=data or {},
        at=clock.now(),
    )
    tx.add(event)
    return event
