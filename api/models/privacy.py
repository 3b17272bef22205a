"""What a person consented to, asked to be told, and asked to be forgotten."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from api.kit.columns import flag, key, link, moment, text_column, version, word
from api.models.people import PersonId
from api.rules.privacy import ErasureSource, ErasureState, ExportState, Purpose


class PrivacyConsent(SQLModel, table=True):
    """同意记录: one answer to one version of one purpose. Append-only; the last one counts."""

    __tablename__ = "privacy_consents"
    __table_args__ = (Index("ix_privacy_consents_of", "person_id", "purpose", "id"),)

    id: UUID = key()
    person_id: PersonId = link("people.id")
    purpose: Purpose = word(Purpose)
    version: str = text_column()
    """Of the text the person was shown."""
    granted: bool = flag()
    at: datetime = moment(now=True)


class DataExport(SQLModel, table=True):
    """个人信息导出: everything about a person as one zip, made by the worker, kept for a day."""

    __tablename__ = "data_exports"
    __table_args__ = (
        Index(
            "uq_data_exports_pending", "person_id", unique=True, postgresql_where=text("state = 'pending'")
        ),
        Index("ix_data_exports_person", "person_id", "id"),
    )

    id: UUID = key()
    person_id: PersonId = link("people.id")
    state: ExportState = word(ExportState, default=ExportState.pending)
    content: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    created_at: datetime = moment(now=True)
    ready_at: datetime | None = moment(optional=True)


class Erasure(SQLModel, table=True):
    """注销: a person's wish to be forgotten, carried out when its days of grace are over."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index("uq_erasures_live", "person_id", unique=True, postgresql_where=text("state = 'requested'")),
    )

    id: UUID = key()
    person_id: PersonId = link("people.id")
    source: ErasureSource = word(ErasureSource)
    state: ErasureState = word(ErasureState, default=ErasureState.requested)
    due_at: datetime = moment()
    signed_out_at: datetime | None = moment(optional=True)
    """When the sessions of the person, which live in Redis, were ended after it was done."""
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)
