"""社区派单: batches, what each proposes line by line, and the versioned settings they are worked out with."""

from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Double, Index, SmallInteger, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import (
    code_column,
    flag,
    json_column,
    key,
    link,
    moment,
    reference,
    text_column,
    texts,
    version,
    whole,
    word,
)
from api.models.needs import NeedId, OfferId
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.dispatch import BatchState, Cause, DispatchMode, LineState
from api.rules.need_words import NeedKind

BatchId = NewType("BatchId", UUID)


class DispatchSettings(SQLModel, table=True):
    """派单设置: the weights and hours of a place and all under it that have none of their own. Never changed: a
    later version takes its place."""

    __tablename__ = "dispatch_settings"
    __table_args__ = (UniqueConstraint("place_id", "version"),)

    id: UUID = key()
    place_id: PlaceId = link("places.id")
    version: int = whole()
    weights: dict[str, Any] = json_column(default=dict)
    """Of api/rules/dispatch.Weights; a name that is missing has its default."""
    mode: DispatchMode = word(DispatchMode, default=DispatchMode.off)
    hours: list[int] = Field(default_factory=list, sa_type=ARRAY(SmallInteger), nullable=False)
    """Local hours of the day at which a batch is made."""
    made_by: PersonId = link("people.id")
    created_at: datetime = moment(now=True)


class DispatchBatch(SQLModel, table=True):
    """派单批次: all needs that wait in a place, matched at once. Only moves write `state`."""

    __tablename__ = "dispatch_batches"
    __table_args__ = (
        Index("ix_dispatch_batches_path", "path", "id"),
        Index(
            "ix_dispatch_batches_work",
            "state",
            "id",
            postgresql_where=sql("state in ('queued', 'applying')"),
        ),
        Index(
            "uq_dispatch_batches_slot",
            "place_id",
            "slot",
            unique=True,
            postgresql_where=sql("slot is not null"),
        ),
        CheckConstraint("(made_by is null) = (slot is not null)", name="by_somebody_or_schedule"),
        CheckConstraint(
            "state in ('queued', 'failed', 'discarded') or computed_at is not null", name="computed"
        ),
    )

    id: BatchId = key()
    place_id: PlaceId = link("places.id")
    path: str = code_column()
    """The place's path, copied: reach is decided without a join."""
    kind: NeedKind | None = word(NeedKind, optional=True)
    """None for wishes and help requests alike."""
    state: BatchState = word(BatchState, default=BatchState.queued)
    settings_version: int = whole(0)
    """The version worked with; 0 for the defaults."""
    slot: datetime | None = moment(optional=True)
    """When the schedule wanted it: one batch a place and slot."""
    at_once: bool = flag()
    """By schedule: applied as soon as it is worked out."""
    tries: int = whole(0, small=True)
    leased_until: datetime | None = moment(optional=True)
    """A worker is at it until then; one that died leaves it to another."""
    needs: int = whole(0)
    members: int = whole(0)
    matched: int = whole(0)
    cost: int = whole(0)
    gini: float = Field(
        default=0.0, sa_type=Double, nullable=False, sa_column_kwargs={"server_default": sql("0")}
    )
    made_by: PersonId | None = link("people.id", optional=True)
    applied_by: PersonId | None = link("people.id", optional=True)
    computed_at: datetime | None = moment(optional=True)
    finished_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class DispatchLine(SQLModel, table=True):
    """派单方案的一行: a need and the member proposed for it, or why there is none."""

    __tablename__ = "dispatch_lines"
    __table_args__ = (
        UniqueConstraint("batch_id", "need_id"),
        Index("ix_dispatch_lines_batch", "batch_id", "state", "id"),
        Index("ix_dispatch_lines_member", "member_id", postgresql_where=sql("member_id is not null")),
        CheckConstraint("(state = 'unmatched') = (member_id is null)", name="unmatched_has_nobody"),
        CheckConstraint("(state = 'unmatched') = (cause is not null)", name="unmatched_has_cause"),
        CheckConstraint("(state = 'offered') = (offer_id is not null)", name="offered_has_offer"),
    )

    id: UUID = key()
    batch_id: BatchId = link("dispatch_batches.id")
    need_id: NeedId = link("needs.id")
    member_id: PersonId | None = link("people.id", optional=True)
    state: LineState = word(LineState)
    cost: int = whole(0)
    reasons: list[str] = texts()
    cause: Cause | None = word(Cause, optional=True)
    note: str | None = text_column(optional=True)
    """Why nobody could be proposed, or why the proposal was stale."""
    offer_id: OfferId | None = reference(optional=True)
    created_at: datetime = moment(now=True)
