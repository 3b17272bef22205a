"""期限: every deadline is a row with a due time, and enough beside it that anyone can compute it again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, SmallInteger, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from api.kit.columns import flag, json_column, key, moment, reference, text_column


class Deadline(SQLModel, table=True):
    """One clock of one subject. Live until met, cancelled or fired; a pause clears `due_at` until it resumes."""

    __tablename__ = "deadlines"
    __table_args__ = (
        UniqueConstraint("subject_id", "kind", "cycle"),
        Index(
            "ix_deadlines_due",
            text("least(warn_at, due_at)"),
            postgresql_where=text("met_at is null and cancelled_at is null and fired_at is null"),
        ),
        Index("ix_deadlines_cohort", "due_at", postgresql_where=text("kind = 'finish' and cycle = 1")),
    )

    id: UUID = key()
    subject_kind: str = text_column()
    subject_id: UUID = reference()
    kind: str = text_column()
    """sign, contact, finish, answer, verify, rate …"""
    cycle: int = Field(default=1, sa_type=SmallInteger, nullable=False)
    limits: list[Any] = json_column()
    """`[amount, clock]` of the limit and its extensions, as api/rules/deadlines.py writes them."""
    allowed: int = Field(nullable=False)
    """The counted time they amount to, in seconds."""
    calendar_version: int = Field(nullable=False)
    service_hours: str | None = text_column(optional=True)
    """The company's hours a clock of service time was worked out by; None for any other clock."""
    provisional: bool = flag()
    """Computed beyond the last published holiday plan, Monday to Friday taken for granted."""
    started_at: datetime = moment()
    due_at: datetime | None = moment(optional=True)
    rungs: bool = flag()
    """It acts before its due time too, when 50% and 80% of it are used."""
    warn_at: datetime | None = moment(optional=True)
    """When the next rung of the ladder before the due time is reached; None: no more, or none at all."""
    warned: int = Field(
        default=0, sa_type=SmallInteger, nullable=False, sa_column_kwargs={"server_default": text("0")}
    )
    """Percent used at the last rung told."""
    pauses: list[list[str | None]] = json_column(default=list)
    segments: list[list[str]] = json_column(default=list)
    """The intervals that count: RFC 3339 pairs whose sum is the limit."""
    met_at: datetime | None = moment(optional=True)
    cancelled_at: datetime | None = moment(optional=True)
    fired_at: datetime | None = moment(optional=True)
