"""通知: what a person is told, in the app always, and by subscription message where consent was given."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import json_column, key, link, moment, reference, text_column, word
from api.models.people import PersonId


class Notice(SQLModel, table=True):
    """通知: one line of somebody's inbox. One event tells one person one thing once."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("event_id", "person_id", "kind"),
        Index("ix_notices_person", "person_id", "id"),
        Index("ix_notices_unread", "person_id", postgresql_where=sql("read_at is null")),
    )

    id: UUID = key()
    person_id: PersonId = link("people.id")
    event_id: UUID = link("events.id")
    kind: str = text_column()
    title: str = text_column()
    text: str = text_column()
    subject_kind: str = text_column()
    subject_id: UUID = reference()
    created_at: datetime = moment(now=True)
    read_at: datetime | None = moment(optional=True)


class Subscription(SQLModel, table=True):
    """订阅余额: how often a person has agreed to one more message of a template."""

    __tablename__ = "subscriptions"
    __table_args__ = (CheckConstraint("credits >= 0", name="credits_not_negative"),)

    person_id: PersonId = link("people.id", primary_key=True)
    template: str = Field(sa_type=Text, primary_key=True)
    credits: int = Field(default=0, nullable=False, sa_column_kwargs={"server_default": sql("0")})
    updated_at: datetime = moment(now=True)


class SendState(StrEnum):
    """发送状态：待发、发送中、已送达平台、未发（平台拒绝）、不明（发出后没有回音，不再重发）"""

    pending = "pending"
    sending = "sending"
    sent = "sent"
    failed = "failed"
    unknown = "unknown"


class SubscriptionMessage(SQLModel, table=True):
    """订阅消息: one consent spent on one message; sent at most once."""

    __tablename__ = "subscription_messages"
    __table_args__ = (
        UniqueConstraint("notice_id"),
        Index("ix_subscription_messages_due", "next_at", "id", postgresql_where=sql("state = 'pending'")),
        Index(
            "ix_subscription_messages_live", "openid", postgresql_where=sql("state in ('pending', 'sending')")
        ),
        # One message to a person on its way at a time: the platform refuses a second (43108).
        Index(
            "uq_subscription_messages_in_flight",
            "openid",
            unique=True,
            postgresql_where=sql("state = 'sending'"),
        ),
    )

    id: UUID = key()
    notice_id: UUID = link("notices.id")
    person_id: PersonId = link("people.id")
    openid: str = text_column()
    template: str = text_column()
    page: str = text_column()
    fields: dict[str, Any] = json_column(default=dict)
    state: SendState = word(SendState, default=SendState.pending)
    attempts: int = Field(default=0, nullable=False, sa_column_kwargs={"server_default": sql("0")})
    next_at: datetime = moment(now=True)
    error: str | None = text_column(optional=True)
    created_at: datetime = moment(now=True)
    sent_at: datetime | None = moment(optional=True)
