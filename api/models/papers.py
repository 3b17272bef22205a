"""文书: printed by the worker, kept until what it says changes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Uuid
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import moment, text_column, texts, word
from api.rules.papers import PaperState


class Paper(SQLModel, table=True):
    """文书: the PDF of a meeting's minutes, the PNG of a poll's result; ordered in the transaction that gave it
    something to say."""

    __tablename__ = "papers"
    __table_args__ = (
        CheckConstraint("(state = 'ready') = (content is not null)", name="ready_has_content"),
        Index("ix_papers_pending", "created_at", postgresql_where=sql("state = 'pending'")),
    )

    subject_id: UUID = Field(sa_type=Uuid, primary_key=True)
    subject_kind: str = text_column()
    state: PaperState = word(PaperState, default=PaperState.pending)
    content: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    missing: list[str] = texts()
    """Characters the font lacks: printed as their code points."""
    created_at: datetime = moment(now=True)
    ready_at: datetime | None = moment(optional=True)
