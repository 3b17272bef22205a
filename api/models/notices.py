"""通知: what a person is told, in the app always, and by subscription message where consent was given."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, SmallInteger, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import flag, json_column, key, link, moment, reference, text_column, texts, word
from api.models.people import PersonId
from api.rules.notices import ConsentEntry, ConsentSource


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


class SubscriptionConsent(SQLModel, table=True):
    """订阅账本: what a person answered, line by line. Append-only; the balance is worked out from it.

    An acceptance without `pairs_with` pays for one message; a second report of the same tap names the first.
    """

    __tablename__ = "subscription_consents"
    __table_args__ = (
        Index("ix_subscription_consents_of", "identity_id", "template", "id"),
        Index(
            "uq_subscription_consents_pair",
            "pairs_with",
            unique=True,
            postgresql_where=sql("pairs_with is not null"),
        ),
    )

    id: UUID = key()
    identity_id: UUID = link("wechat_identities.id")
    template: str = text_column()
    entry: ConsentEntry = word(ConsentEntry)
    source: ConsentSource = word(ConsentSource)
    pairs_with: UUID | None = link("subscription_consents.id", optional=True)
    at: datetime = moment(now=True)


class NoticePreference(SQLModel, table=True):
    """通知偏好: whether, for what and when a person wants subscription messages; the inbox gets everything."""

    __tablename__ = "notice_preferences"
    __table_args__ = (
        CheckConstraint("(quiet_from is null) = (quiet_until is null)", name="quiet_pair"),
        CheckConstraint("quiet_from between 0 and 1439 and quiet_until between 0 and 1439", name="quiet_day"),
    )

    person_id: PersonId = link("people.id", primary_key=True)
    messages: bool = flag(True)
    muted: list[str] = texts()
    quiet_from: int | None = Field(default=None, sa_type=SmallInteger, nullable=True)
    """Minutes of the local day."""
    quiet_until: int | None = Field(default=None, sa_type=SmallInteger, nullable=True)
    digest: bool = flag()
    digested_on: date | None = Field(default=None, sa_type=Date, nullable=True)
    """The local day of the last digest: one a day."""
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
        # One consent pays for one message, whatever the senders do.
        Index("uq_subscription_messages_consent", "consent_id", unique=True, postgresql_where=sql("spent")),
        Index(
            "uq_subscription_messages_platform_id",
            "platform_id",
            unique=True,
            postgresql_where=sql("platform_id is not null"),
        ),
    )

    id: UUID = key()
    notice_id: UUID = link("notices.id")
    person_id: PersonId = link("people.id")
    openid: str = text_column()
    consent_id: UUID | None = link("subscription_consents.id", optional=True)
    """What pays for it; None only for messages older than the ledger."""
    spent: bool = flag(True)
    """False once it is sure that the platform took nothing for it: the consent pays for another message."""
    platform_id: str | None = text_column(optional=True)
    """MsgID: by it the platform tells later what became of the message."""
    template: str = text_column()
    page: str = text_column()
    fields: dict[str, Any] = json_column(default=dict)
    state: SendState = word(SendState, default=SendState.pending)
    attempts: int = Field(default=0, nullable=False, sa_column_kwargs={"server_default": sql("0")})
    next_at: datetime = moment(now=True)
    error: str | None = text_column(optional=True)
    created_at: datetime = moment(now=True)
    sent_at: datetime | None = moment(optional=True)
