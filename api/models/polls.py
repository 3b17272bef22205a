"""表决: the poll, its frozen roll, what was cast, and the two-person entries beside the electronic vote.

Casting touches the roll, one mark and one ballot; it updates no counter. A ballot is never changed: a later one
of the same elector gets the next turn, and the last counts.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, LargeBinary, Numeric, Uuid, text
from sqlmodel import Field, SQLModel

from api.kit.columns import (
    code_column,
    flag,
    json_column,
    key,
    link,
    moment,
    reference,
    sealed,
    text_column,
    version,
    word,
)
from api.models.people import PersonId
from api.models.places import HomeId, PlaceId
from api.rules.polls import EntryState, PollState, RollBasis, VoteChannel

PollId = NewType("PollId", UUID)
ElectorId = NewType("ElectorId", UUID)


class Poll(SQLModel, table=True):
    """表决: one question put to one roll under one rule. Only moves write `state`."""

    __tablename__ = "polls"
    __table_args__ = (
        CheckConstraint("closes_at > opens_at", name="order"),
        CheckConstraint("not (secret and basis = 'owner')", name="weights_are_open"),
        CheckConstraint("state in ('draft', 'announced', 'void') or roll_hash is not null", name="has_roll"),
        CheckConstraint("state <> 'counted' or outcome is not null", name="counted_has_outcome"),
        Index("ix_polls_path", "path", "id"),
        Index("ix_polls_topic", "topic_id", postgresql_where=text("topic_id is not null")),
        Index("ix_polls_unsealed", "id", postgresql_where=text("state in ('open', 'closed')")),
    )

    id: PollId = key()
    place_id: PlaceId = link("places.id")
    path: str = code_column()
    """The place's path, copied: reach is decided without a join."""
    topic_id: UUID | None = reference(optional=True)
    stage_id: UUID | None = reference(optional=True)
    """The stage of a topic this poll decides; none for a poll on its own."""
    title: str = text_column()
    text: str = text_column()
    state: PollState = word(PollState, default=PollState.draft)
    basis: RollBasis = word(RollBasis)
    source: dict[str, Any] = json_column(default=dict)
    """Whom the roll takes: `{"body", "branch_id", "excluded": [{"person_id", "reason"}]}`."""
    secret: bool = flag()
    """无记名: a pseudonym stands on the ballot, and its key is destroyed at close."""
    allow_change: bool = flag(default=True)
    options: list[dict[str, Any]] = json_column()
    """`{"id", "title", "cost"?, "group"?}` in the order shown."""
    rule: dict[str, Any] = json_column()
    """The decision rule as api/rules/voting/rule.py writes it; `rule_hash` is the SHA-256 of its canonical form."""
    rule_hash: str = text_column()
    opens_at: datetime = moment()
    closes_at: datetime = moment()
    opened_at: datetime | None = moment(optional=True)
    closed_at: datetime | None = moment(optional=True)
    counted_at: datetime | None = moment(optional=True)
    roll_size: int | None = Field(default=None, sa_type=Integer, nullable=True)
    roll_area: Decimal | None = Field(default=None, sa_type=Numeric(14, 2), nullable=True)
    roll_hash: str | None = text_column(optional=True)
    turnout_hash: str | None = text_column(optional=True)
    voted: int | None = Field(default=None, sa_type=Integer, nullable=True)
    """How many electors had voted at the close."""
    turnout: list[dict[str, Any]] | None = json_column(optional=True)
    """`[{"at", "voted"}]`: how many had voted by the end of each hour, of a secret poll of each day."""
    outcome: dict[str, Any] | None = json_column(optional=True)
    previous_id: PollId | None = link("polls.id", optional=True)
    """The voided poll this one repeats."""
    created_by: PersonId | None = link("people.id", optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Elector(SQLModel, table=True):
    """选民: one entry of a frozen roll, whose vote counts once."""

    __tablename__ = "electors"
    __table_args__ = (
        Index("uq_electors_number", "poll_id", "number", unique=True),
        CheckConstraint("persons > 0 and area_m2 >= 0", name="weight"),
    )

    id: ElectorId = key()
    poll_id: PollId = link("polls.id")
    number: int = Field(sa_type=Integer, nullable=False)
    label: str = text_column()
    """How staff know it: a room, a name."""
    home_id: HomeId | None = link("homes.id", optional=True)
    """The first of its homes; several of one owner count as one person with their areas added."""
    persons: int = Field(
        default=1, sa_type=Integer, nullable=False, sa_column_kwargs={"server_default": text("1")}
    )
    area_m2: Decimal = Field(
        default=Decimal(0),
        sa_type=Numeric(12, 2),
        nullable=False,
        sa_column_kwargs={"server_default": text("0")},
    )


class Caster(SQLModel, table=True):
    """投票人: who may cast for an elector: himself, anybody of the home, the representative, the proxy."""

    __tablename__ = "casters"
    __table_args__ = (
        Index("ix_casters_elector", "elector_id"),
        Index("ix_casters_person", "person_id", "poll_id"),
    )

    poll_id: PollId = link("polls.id", primary_key=True)
    person_id: PersonId = link("people.id", primary_key=True)
    elector_id: ElectorId = link("electors.id", primary_key=True)
    as_proxy: bool = flag()


class Mark(SQLModel, table=True):
    """已投标记: that an elector voted. Its key is the guard of one slot an elector; it carries no time.

    No foreign keys here and on ballots: the casting statement has just read and locked what they would look up.
    """

    __tablename__ = "marks"
    __table_args__ = {"postgresql_with": {"fillfactor": 80}}

    poll_id: PollId = Field(sa_type=Uuid, primary_key=True)
    elector_id: ElectorId = Field(sa_type=Uuid, primary_key=True)
    turn: int = Field(default=1, sa_type=Integer, nullable=False)
    """How many ballots the slot has had; 1 for all after the close of a secret poll."""


class Ballot(SQLModel, table=True):
    """选票: one cast ballot. Of a slot the last own electronic one counts, else the last of all."""

    __tablename__ = "ballots"
    __table_args__ = (
        Index("ix_ballots_unsealed", "poll_id", postgresql_where=text("batch is null")),
        Index("uq_ballots_once", "poll_id", "once", unique=True, postgresql_where=text("once is not null")),
    )

    poll_id: PollId = Field(sa_type=Uuid, primary_key=True)
    slot: bytes = Field(sa_type=LargeBinary, primary_key=True)
    """The elector's id; of a secret poll HMAC-SHA256(poll key, elector's id)."""
    turn: int = Field(sa_type=Integer, primary_key=True)
    own: bool = flag(default=True)
    """The elector's own electronic vote, which prevails over proxy and paper."""
    choices: str = text_column()
    """Canonical JSON."""
    salt: bytes = Field(sa_type=LargeBinary, nullable=False)
    leaf: bytes = Field(sa_type=LargeBinary, nullable=False)
    once: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    """The keyed hash of the caster's Idempotency-Key; none after the close of a secret poll."""
    cast_at: datetime | None = moment(optional=True)
    """For the receipt; none after the close of a secret poll."""
    batch: int | None = Field(default=None, sa_type=Integer, nullable=True)


class PollKey(SQLModel, table=True):
    """表决密钥: what pseudonyms of a secret poll are made with, under the master key; deleted at close."""

    __tablename__ = "poll_keys"

    poll_id: PollId = link("polls.id", primary_key=True)
    sealed: bytes = sealed(optional=False)


class Representative(SQLModel, table=True):
    """共有代表: who casts for a home with several owners."""

    __tablename__ = "representatives"

    poll_id: PollId = link("polls.id", primary_key=True)
    home_id: HomeId = link("homes.id", primary_key=True)
    person_id: PersonId = link("people.id")
    named_by: PersonId = link("people.id")
    created_at: datetime = moment(now=True)


class Proxy(SQLModel, table=True):
    """委托: one written proxy an elector, recorded by one person and confirmed by another."""

    __tablename__ = "proxies"
    __table_args__ = (
        Index(
            "uq_proxies_live",
            "elector_id",
            unique=True,
            postgresql_where=text("state in ('pending', 'confirmed')"),
        ),
        CheckConstraint("confirmed_by <> recorded_by", name="two_persons"),
    )

    id: UUID = key()
    poll_id: PollId = link("polls.id", index=True)
    elector_id: ElectorId = link("electors.id")
    holder_id: PersonId = link("people.id")
    state: EntryState = word(EntryState, default=EntryState.pending)
    recorded_by: PersonId = link("people.id")
    confirmed_by: PersonId | None = link("people.id", optional=True)
    created_at: datetime = moment(now=True)


class ProxyLoad(SQLModel, table=True):
    """受托数: how many electors a person holds proxies of in one poll; the CHECK is the limit."""

    __tablename__ = "proxy_loads"
    __table_args__ = (CheckConstraint("held between 0 and 2", name="held_range"),)

    poll_id: PollId = link("polls.id", primary_key=True)
    holder_id: PersonId = link("people.id", primary_key=True)
    held: int = Field(sa_type=Integer, nullable=False)


class PaperEntry(SQLModel, table=True):
    """代录选票: a paper or assisted vote, entered by one person and again by another; equal entries become a ballot."""

    __tablename__ = "paper_entries"
    __table_args__ = (
        Index(
            "uq_paper_entries_pending", "elector_id", unique=True, postgresql_where=text("state = 'pending'")
        ),
        CheckConstraint("second_by <> entered_by", name="two_persons"),
    )

    id: UUID = key()
    poll_id: PollId = link("polls.id", index=True)
    elector_id: ElectorId = link("electors.id")
    channel: VoteChannel = word(VoteChannel)
    choices: str | None = text_column(optional=True)
    """Canonical JSON of the first entry; erased when a secret poll closes."""
    state: EntryState = word(EntryState, default=EntryState.pending)
    entered_by: PersonId = link("people.id")
    second_by: PersonId | None = link("people.id", optional=True)
    created_at: datetime = moment(now=True)
