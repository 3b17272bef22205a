"""封存: batches of hashed leaves whose heads are chained and signed, so that nothing sealed can change unseen."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Date, Index, Integer, LargeBinary, Uuid, text
from sqlmodel import Field, SQLModel

from api.kit.columns import key, moment, reference, text_column


class Seal(SQLModel, table=True):
    """封存批次: one signed head of one log. The key (log, number) lets one sealer through."""

    __tablename__ = "seals"
    __table_args__ = (Index("uq_seals_number", "log_id", "number", unique=True),)

    id: UUID = key()
    log_id: UUID = reference()
    """A poll, or the nil id for the log of events."""
    number: int = Field(sa_type=Integer, nullable=False)
    size: int = Field(sa_type=Integer, nullable=False)
    total: int = Field(sa_type=Integer, nullable=False)
    """Leaves in this batch, and in the log up to its end."""
    root: str = text_column()
    previous: str = text_column()
    hash: str = text_column()
    """SHA-256 of the canonical head, in hex: the next head's `previous`."""
    signature: str = text_column()
    day: date = Field(sa_type=Date, nullable=False)


class SealedLeaf(SQLModel, table=True):
    """封存的叶: where a leaf stands: log, batch, place in the batch."""

    __tablename__ = "sealed_leaves"

    log_id: UUID = Field(sa_type=Uuid, primary_key=True)
    leaf: bytes = Field(sa_type=LargeBinary, primary_key=True)
    number: int = Field(sa_type=Integer, nullable=False)
    position: int = Field(sa_type=Integer, nullable=False)

    __table_args__ = (Index("ix_sealed_leaves_batch", "log_id", "number", "position"),)


class PollRecord(SQLModel, table=True):
    """表决记录: the declarations of a poll that are sealed beside its ballots: opening, closing, outcome."""

    __tablename__ = "poll_records"
    __table_args__ = (Index("ix_poll_records_unsealed", "poll_id", postgresql_where=text("batch is null")),)

    id: UUID = key()
    poll_id: UUID = reference(index=True)
    content: str = text_column()
    """Canonical JSON with its salt."""
    leaf: bytes = Field(sa_type=LargeBinary, nullable=False)
    batch: int | None = Field(default=None, sa_type=Integer, nullable=True)


class EventLeaf(SQLModel, table=True):
    """事件的叶: the salt by which a sealed event can be shown to be the one that was sealed."""

    __tablename__ = "event_leaves"

    event_id: UUID = Field(sa_type=Uuid, primary_key=True)
    salt: bytes = Field(sa_type=LargeBinary, nullable=False)
    leaf: bytes = Field(sa_type=LargeBinary, nullable=False)
    sealed_at: datetime = moment(now=True)
