"""积分: an append-only ledger with balances, the caps on it, and what points are exchanged for."""

from datetime import date, datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import flag, key, link, moment, reference, text_column, version, whole, word
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.points import EntryKind, RedemptionState

RewardId = NewType("RewardId", UUID)


class PointsAccount(SQLModel, table=True):
    """积分账户: the balance beside its ledger, and the person's consent to being named in rankings."""

    __tablename__ = "points_accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="never_below_nothing"),)

    person_id: PersonId = link("people.id", primary_key=True)
    balance: int = whole(0)
    """May be spent; hours served are kept apart and stay."""
    named: bool = flag()
    """Agreed to stand in rankings by name."""
    updated_at: datetime = moment(now=True)


class PointsEntry(SQLModel, table=True):
    """积分流水: one line of the ledger; never changed, taken back by a counter-entry."""

    __tablename__ = "points_entries"
    __table_args__ = (
        UniqueConstraint("source_id", "kind"),
        Index("ix_points_entries_person", "person_id", "id"),
        Index("ix_points_entries_place", "place_id", "day", postgresql_where=sql("place_id is not null")),
    )

    id: UUID = key()
    person_id: PersonId = link("people.id")
    kind: EntryKind = word(EntryKind)
    amount: int = whole()
    """Points, negative for what goes out. Zero where a cap left nothing: the source is spent all the same."""
    source_kind: str = text_column()
    source_id: UUID = reference()
    """What it is for: a claim, a service record, a redemption; each counts once a kind."""
    counters_id: UUID | None = link("points_entries.id", optional=True)
    place_id: PlaceId | None = link("places.id", optional=True)
    """The community served; rankings are by it."""
    minutes: int = whole(0)
    day: date = Field(sa_type=Date, nullable=False)
    reason: str = text_column()
    created_at: datetime = moment(now=True)


class PointsDay(SQLModel, table=True):
    """每日上限: what a person earned on a local day."""

    __tablename__ = "points_days"

    person_id: PersonId = link("people.id", primary_key=True)
    day: date = Field(sa_type=Date, primary_key=True)
    earned: int = whole(0)


class PointsPair(SQLModel, table=True):
    """每对住户上限: what two households earned from one another in a month, whoever served."""

    __tablename__ = "points_pairs"

    low: UUID = Field(primary_key=True)
    high: UUID = Field(primary_key=True)
    month: date = Field(sa_type=Date, primary_key=True)
    earned: int = whole(0)


class Reward(SQLModel, table=True):
    """积分兑换品: what a community gives for points."""

    __tablename__ = "rewards"
    __table_args__ = (
        CheckConstraint("stock >= 0", name="stock_counts"),
        CheckConstraint("cost > 0", name="costs_something"),
        Index("ix_rewards_place", "place_id", "id"),
    )

    id: RewardId = key()
    place_id: PlaceId = link("places.id")
    title: str = text_column()
    text: str | None = text_column(optional=True)
    cost: int = whole()
    stock: int = whole()
    active: bool = flag(default=True)
    made_by: PersonId | None = link("people.id", optional=True)
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Redemption(SQLModel, table=True):
    """积分兑换: one piece for points; handed over by staff, or cancelled with a counter-entry."""

    __tablename__ = "redemptions"
    __table_args__ = (
        Index("ix_redemptions_person", "person_id", "id"),
        Index("ix_redemptions_reward", "reward_id", "id"),
    )

    id: UUID = key()
    reward_id: RewardId = link("rewards.id")
    person_id: PersonId = link("people.id")
    cost: int = whole()
    state: RedemptionState = word(RedemptionState, default=RedemptionState.reserved)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)
