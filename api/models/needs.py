"""需求: wishes and help requests, who claimed them, and what the community proposed to whom."""

from datetime import date, datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Date, Index, SmallInteger
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import (
    code_column,
    flag,
    key,
    link,
    moment,
    reference,
    sealed,
    text_column,
    texts,
    version,
    whole,
    word,
)
from api.models.people import PersonId
from api.models.places import HomeId, PlaceId
from api.rules.content import ContentState
from api.rules.need_words import (
    HOLDING,
    OPEN,
    ClaimState,
    NeedCategory,
    NeedKind,
    NeedState,
    OfferState,
    Urgency,
)
from api.rules.needs import MOST_SEATS, OPEN_WISHES

NeedId = NewType("NeedId", UUID)
ClaimId = NewType("ClaimId", UUID)
OfferId = NewType("OfferId", UUID)


def _in(states: tuple[ClaimState | NeedState, ...]) -> str:
    return "(" + ", ".join(f"'{state.value}'" for state in states) + ")"


class Need(SQLModel, table=True):
    """需求: something a neighbour can do; kind wish 微心愿 or help 志愿求助. Only moves write `state`."""

    __tablename__ = "needs"
    __table_args__ = (
        CheckConstraint("kind <> 'help' or risks is not null", name="help_states_risks"),
        CheckConstraint(f"seats between 1 and {MOST_SEATS}", name="seats_range"),
        CheckConstraint("cardinality(free_seats) <= seats", name="free_in_seats"),
        CheckConstraint(
            "state not in ('published', 'offered') or cardinality(free_seats) > 0", name="waiting_has_seat"
        ),
        CheckConstraint(
            "state not in ('claimed', 'contacted') or cardinality(free_seats) = 0", name="taken_is_full"
        ),
        CheckConstraint("(state = 'merged') = (merged_into_id is not null)", name="merged_points"),
        CheckConstraint("(kind = 'wish') = (place_in_household is not null)", name="wish_has_place"),
        CheckConstraint(f"place_in_household between 1 and {OPEN_WISHES}", name="wishes_of_household"),
        CheckConstraint("author_id is not null or recorder_id is not null", name="from_somebody"),
        CheckConstraint("rating between 1 and 5", name="stars"),
        CheckConstraint("transfers between 0 and 2", name="transfers_range"),
        Index(
            "uq_needs_household",
            "household",
            "place_in_household",
            unique=True,
            postgresql_where=sql(f"state in {_in(OPEN)}"),
        ),
        Index("ix_needs_path", "path", "id"),
        Index("ix_needs_author", "author_id", "id"),
        Index("ix_needs_recorder", "recorder_id", "id", postgresql_where=sql("recorder_id is not null")),
        Index(
            "ix_needs_published",
            "community_id",
            "kind",
            "id",
            postgresql_where=sql("state = 'published'"),
        ),
    )

    id: NeedId = key()
    kind: NeedKind = word(NeedKind)
    category: NeedCategory = word(NeedCategory)
    title: str = text_column()
    text: str = text_column()
    urgency: Urgency = word(Urgency, default=Urgency.normal)
    skills: list[str] = texts()
    """Wished for: they order and explain, they exclude nobody."""
    qualifications: list[str] = texts()
    """Required: who lacks one cannot claim."""
    min_age: int | None = whole(small=True, optional=True)
    insured: bool = flag()
    """The claimant must be insured on the day of claiming."""
    risks: str | None = text_column(optional=True)
    """风险告知 of a help request (志愿服务条例 art. 13)."""
    due_on: date | None = Field(default=None, sa_type=Date)
    content: ContentState = word(ContentState, default=ContentState.pending)
    state: NeedState = word(NeedState, default=NeedState.submitted)
    seats: int = whole(1, small=True)
    free_seats: list[int] = Field(default_factory=lambda: [1], sa_type=ARRAY(SmallInteger), nullable=False)
    """Numbers of the seats nobody holds: the row itself knows, so that a claim needs to read no other."""
    last_seat: int | None = whole(small=True, optional=True)
    """Scratch of the claiming statement: the seat it has just taken."""
    round: int = whole(0, small=True)
    """How often it has been published; numbers its clocks."""
    place_id: PlaceId = link("places.id")
    path: str = code_column()
    """The place's path, copied: reach and distance are decided without a join."""
    community_id: PlaceId = link("places.id")
    home_id: HomeId | None = link("homes.id", optional=True)
    household: UUID = reference()
    """The home, or the person where none is known: whose neighbours may claim, and whose wishes are counted."""
    place_in_household: int | None = whole(small=True, optional=True)
    """1 or 2 of a wish: the household's third open one finds no place."""
    author_id: PersonId | None = link("people.id", optional=True)
    """The wisher; None for somebody without an account, whose need was recorded (代录)."""
    recorder_id: PersonId | None = link("people.id", optional=True)
    behalf_name_sealed: bytes | None = sealed()
    behalf_phone_sealed: bytes | None = sealed()
    consent: str | None = text_column(optional=True)
    """How the person agreed to being recorded."""
    merged_into_id: NeedId | None = link("needs.id", optional=True)
    transfers: int = whole(0, small=True)
    extension_to: date | None = Field(default=None, sa_type=Date)
    """Asked for by a claimant, waiting for the wisher's consent."""
    extended: bool = flag()
    disputed: bool = flag()
    rating: int | None = whole(small=True, optional=True)
    rating_text: str | None = text_column(optional=True)
    rating_passed_at: datetime | None = moment(optional=True)
    confirmed_by_call: bool = flag()
    escalated: bool = flag()
    """Not screened in time: the town has been told."""
    published_at: datetime | None = moment(optional=True)
    """First publication: its age survives every release."""
    done_at: datetime | None = moment(optional=True)
    closed_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Claim(SQLModel, table=True):
    """认领/接单: one person's taking of a need; the evidence of the work hangs here."""

    __tablename__ = "claims"
    __table_args__ = (
        Index(
            "uq_claims_seat",
            "need_id",
            "seat",
            unique=True,
            postgresql_where=sql(f"state in {_in(HOLDING)}"),
        ),
        Index(
            "uq_claims_member",
            "need_id",
            "member_id",
            unique=True,
            postgresql_where=sql(f"state in {_in(HOLDING)}"),
        ),
        Index("ix_claims_member", "member_id", "id"),
        Index("ix_claims_need", "need_id", "id"),
        CheckConstraint("minutes between 0 and 1440", name="minutes_range"),
    )

    id: ClaimId = key()
    need_id: NeedId = link("needs.id")
    member_id: PersonId = link("people.id")
    seat: int = whole(small=True)
    state: ClaimState = word(ClaimState, default=ClaimState.claimed)
    in_house: bool = flag()
    """社区兜底: staff did it; it counts for nobody's limit and earns no points."""
    release_reason: str | None = text_column(optional=True)
    release_asked_at: datetime | None = moment(optional=True)
    """After contact a release waits for the dispatcher."""
    transfer_to_id: PersonId | None = link("people.id", optional=True)
    """Who was asked to take it over and has not answered."""
    text: str | None = text_column(optional=True)
    content: ContentState = word(ContentState, default=ContentState.pending)
    minutes: int | None = whole(small=True, optional=True)
    claimed_at: datetime = moment(now=True)
    contacted_at: datetime | None = moment(optional=True)
    warned_at: datetime | None = moment(optional=True)
    done_at: datetime | None = moment(optional=True)
    ended_at: datetime | None = moment(optional=True)


class Claimant(SQLModel, table=True):
    """认领计数: how many claims a member is working on; the row every claim of his passes through."""

    __tablename__ = "claimants"
    __table_args__ = (CheckConstraint("live >= 0", name="live_counts"),)

    person_id: PersonId = link("people.id", primary_key=True)
    live: int = whole(0, small=True)
    limited_until: datetime | None = moment(optional=True)
    """After three releases or timeouts in 90 days: one claim at a time until then."""


class Offer(SQLModel, table=True):
    """派单: the community's proposal of a need to a member, with an expiry."""

    __tablename__ = "offers"
    __table_args__ = (
        Index("uq_offers_open", "need_id", unique=True, postgresql_where=sql("state = 'open'")),
        Index("ix_offers_need", "need_id", "id"),
        Index("ix_offers_member", "member_id", "state", "id"),
    )

    id: OfferId = key()
    need_id: NeedId = link("needs.id")
    member_id: PersonId = link("people.id")
    state: OfferState = word(OfferState, default=OfferState.open)
    reasons: list[str] = texts()
    """Why this member, in words for a person: 同楼栋 · 会电工 · 本月只接过 1 单."""
    batch_id: UUID | None = reference(optional=True)
    """The dispatch batch it came from; None for a single offer by hand."""
    made_by: PersonId | None = link("people.id", optional=True)
    expires_at: datetime = moment()
    answered_at: datetime | None = moment(optional=True)
    created_at: datetime = moment(now=True)
