"""内容审核与附件: what is being checked, what the platform said, and the pictures people hand in."""

from datetime import datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, SmallInteger, Text
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import key, link, moment, reference, text_column, texts, version, word
from api.models.people import PersonId
from api.rules.content import CheckKind, CheckScene, CheckState, ContentState, UploadPurpose, UploadState

UploadId = NewType("UploadId", UUID)


class Upload(SQLModel, table=True):
    """附件: one picture (or staff's PDF). `writing` until its files lie in the store, attached at most once."""

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint("(subject_kind is null) = (subject_id is null)", name="attached_whole"),
        CheckConstraint("(subject_id is null) = (purpose is null)", name="attached_for"),
        CheckConstraint("subject_id is null or state <> 'writing'", name="attached_stored"),
        Index("ix_uploads_subject", "subject_id", "id", postgresql_where=sql("subject_id is not null")),
        Index("ix_uploads_loose", "created_at", postgresql_where=sql("subject_id is null")),
        Index("ix_uploads_owner", "owner_id"),
    )

    id: UploadId = key()
    owner_id: PersonId = link("people.id")
    state: UploadState = word(UploadState, default=UploadState.writing)
    content: ContentState = word(ContentState, default=ContentState.pending)
    media_type: str = text_column()
    size: int = Field(sa_type=BigInteger, nullable=False)
    """Bytes of the stored file, not of what was sent."""
    width: int | None = Field(default=None, sa_type=Integer)
    height: int | None = Field(default=None, sa_type=Integer)
    purpose: UploadPurpose | None = word(UploadPurpose, optional=True)
    subject_kind: str | None = text_column(optional=True)
    subject_id: UUID | None = reference(optional=True)
    attached_at: datetime | None = moment(optional=True)
    created_at: datetime = moment(now=True)


class ContentCheck(SQLModel, table=True):
    """内容审核: one text or picture on its way from pending to a verdict. Only moves write `state`."""

    __tablename__ = "content_checks"
    __table_args__ = (
        Index(
            "uq_content_checks_live",
            "subject_kind",
            "subject_id",
            unique=True,
            postgresql_where=sql("state in ('pending', 'review', 'sampled')"),
        ),
        Index("ix_content_checks_due", "next_at", "id", postgresql_where=sql("state = 'pending'")),
        Index("ix_content_checks_review", "id", postgresql_where=sql("state in ('review', 'sampled')")),
        Index("ix_content_checks_trace", "trace_id", postgresql_where=sql("trace_id is not null")),
        Index("ix_content_checks_author", "author_id"),
    )

    id: UUID = key()
    subject_kind: str = text_column()
    subject_id: UUID = reference()
    what: CheckKind = word(CheckKind)
    scene: CheckScene = word(CheckScene)
    author_id: PersonId | None = link("people.id", optional=True)
    openid: str | None = text_column(optional=True)
    """Of the author at that time; without one a person judges."""
    path: str | None = Field(default=None, sa_type=Text(collation="C"), nullable=True)
    """Where it belongs, for the reach of those who review; None for what belongs to no place."""
    texts: list[str] = texts()
    """What is judged; emptied when it passed, kept while somebody may have to look at it."""
    upload_id: UploadId | None = link("uploads.id", optional=True)
    state: CheckState = word(CheckState, default=CheckState.pending)
    suggest: str | None = text_column(optional=True)
    label: int | None = Field(default=None, sa_type=Integer)
    trace_id: str | None = text_column(optional=True)
    attempts: int = Field(
        default=0, sa_type=SmallInteger, nullable=False, sa_column_kwargs={"server_default": sql("0")}
    )
    next_at: datetime = moment(now=True)
    """When it is asked (again), or given up to a person where the platform owes an answer."""
    error: str | None = text_column(optional=True)
    reason: str | None = text_column(optional=True)
    """Why it was refused, as the author is told."""
    decided_by: PersonId | None = link("people.id", optional=True)
    decided_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class MediaVerdict(SQLModel, table=True):
    """平台推送的图片结果: kept once by its trace, whenever it comes, also before we know whose it is."""

    __tablename__ = "media_verdicts"
    __table_args__ = (Index("ix_media_verdicts_heard", "heard_at"),)

    trace_id: str = Field(sa_type=Text, primary_key=True)
    suggest: str = text_column()
    label: int = Field(sa_type=Integer, nullable=False)
    errcode: int = Field(sa_type=Integer, nullable=False)
    heard_at: datetime = moment(now=True)


class RiskRating(SQLModel, table=True):
    """用户风险等级: what the platform last said of a person (0–4). A signal for those who review, never a verdict."""

    __tablename__ = "risk_ratings"
    __table_args__ = (
        CheckConstraint("rank between 0 and 4", name="rank_range"),
        Index("ix_risk_ratings_due", "next_at", postgresql_where=sql("next_at is not null")),
    )

    person_id: PersonId = link("people.id", primary_key=True)
    openid: str = text_column()
    client_ip: str = text_column()
    """Of the last login; the platform asks for it."""
    rank: int | None = Field(default=None, sa_type=SmallInteger)
    rated_at: datetime | None = moment(optional=True)
    attempts: int = Field(
        default=0, sa_type=SmallInteger, nullable=False, sa_column_kwargs={"server_default": sql("0")}
    )
    next_at: datetime | None = moment(optional=True)
