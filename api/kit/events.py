"""The append-only history: outbox, timeline and audit trail in one table.

Every change inserts one event in its own transaction. Triggers (made by the first migration) forbid changing,
deleting or truncating events and give each a row in `deliveries`, the queue of record that the worker empties
(docs/adr/0002). What people wrote stands beside the event in `event_words`, where it can be forgotten: the event
itself holds only a salted hash of it, so that what is sealed verifies before and after (docs/adr/0023).
"""

import os
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import ForeignKey, Index, LargeBinary, Text, Uuid, text
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


COMMITMENT = "words"
"""The key in an event's `data` under which the hash of its words stands."""


class EventWords(SQLModel, table=True):
    """事件中的话: what people wrote, named or were called, kept beside the event as long as the person wants it.

    A trigger lets one change through: all emptied at once, with the request that asked for it.
    """

    __tablename__ = "event_words"
    __table_args__ = (
        Index("ix_event_words_about", "about_id", postgresql_where=text("about_id is not null")),
    )

    event_id: UUID = Field(
        sa_type=Uuid, primary_key=True, sa_column_args=[ForeignKey("events.id", ondelete="RESTRICT")]
    )
    about_id: UUID | None = reference(optional=True)
    """Whom the words name, where that is neither the actor nor whose the subject is."""
    told: str | None = text_column(optional=True)
    """What the timeline shows instead of the event's `text`."""
    words: dict[str, Any] | None = json_column(optional=True)
    """Joins the event's `data`."""
    salt: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    forgotten_for: UUID | None = reference(optional=True)
    """The request for which it was emptied."""


def commitment(told: str | None, words: dict[str, Any] | None, salt: bytes) -> str:
    """SHA-256, hex, of the canonical form (RFC 8785): what an event says of its words."""
    return sha256(rfc8785.dumps({"told": told, "words": words, "salt": salt.hex()})).hexdigest()


def whole(event: Event, kept: EventWords | None) -> Event:
    """The event with its words put in, as long as there are any; never to be written."""
    if kept is None:
        return event
    data = {name: value for name, value in event.data.items() if name != COMMITMENT} | (kept.words or {})
    return Event(**event.model_dump(exclude={"text", "data"}), text=kept.told or event.text, data=data)


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
    told: str | None = None,
    words: dict[str, Any] | None = None,
    about: UUID | None = None,
) -> Event:
    """Write one event into the transaction; it becomes visible, and due, with the commit.

    `text` and `data` stay for ever and hold our own words, ids and numbers. What people wrote or are called goes
    into `told` (shown instead of `text`) and `words` (joins `data`); `about`: whom it names, if not the actor.
    """
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
    if told or words:
        salt = os.urandom(16)
        event.data = {**event.data, COMMITMENT: commitment(told, words, salt)}
        tx.add(EventWords(event_id=event.id, about_id=about, told=told, words=words, salt=salt))
    return event
