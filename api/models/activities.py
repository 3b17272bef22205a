"""志愿活动: activities, the seats in them, and who came and left when."""

from datetime import date, datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Date, Double, Index, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlmodel import Field, SQLModel

from api.kit.columns import (
    code_column,
    flag,
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
from api.models.people import PersonId
from api.models.places import PlaceId
from api.models.teams import TeamId
from api.rules.activities import LONGEST, MOST_SEATS, MOST_WAITING, PAIRS_A_DAY
from api.rules.activity_words import LIVE, PRESENT, ActivityState, CheckedBy, OpenTo, SeatState
from api.rules.content import ContentState

ActivityId = NewType("ActivityId", UUID)
SeatId = NewType("SeatId", UUID)


def _in(states: tuple[SeatState, ...]) -> str:
    return "(" + ", ".join(f"'{state.value}'" for state in states) + ")"


class Activity(SQLModel, table=True):
    """志愿活动: what a community or its team invites to. Only moves write `state`.

    `free` and `waiting` are of the row itself, so that one statement takes a seat or a place in the queue.
    """

    __tablename__ = "activities"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="stretch"),
        CheckConstraint(f"ends_at <= starts_at + interval '{LONGEST.days} day'", name="length"),
        CheckConstraint(f"seats between 1 and {MOST_SEATS}", name="seats_range"),
        CheckConstraint("free between 0 and seats", name="free_in_seats"),
        CheckConstraint(f"waiting between 0 and {MOST_WAITING}", name="waiting_range"),
        CheckConstraint("(latitude is null) = (longitude is null)", name="whole_position"),
        CheckConstraint("max_age is null or min_age is null or max_age >= min_age", name="ages"),
        Index("ix_activities_path", "path", "starts_at", "id"),
        Index("ix_activities_author", "author_id", "id"),
        Index(
            "ix_activities_series", "series_id", "starts_at", postgresql_where=sql("series_id is not null")
        ),
        Index(
            "ix_activities_coming",
            "starts_at",
            "id",
            postgresql_where=sql("state = 'published'"),
        ),
    )

    id: ActivityId = key()
    title: str = text_column()
    text: str = text_column()
    spot: str = text_column()
    """Where to meet, in words."""
    content: ContentState = word(ContentState, default=ContentState.pending)
    state: ActivityState = word(ActivityState, default=ActivityState.draft)
    place_id: PlaceId = link("places.id")
    path: str = code_column()
    """The place's path, copied: reach and distance are decided without a join."""
    community_id: PlaceId = link("places.id")
    """Organises and records, hence certifies."""
    team_id: TeamId | None = link("teams.id", optional=True)
    author_id: PersonId = link("people.id")
    series_id: UUID | None = reference(optional=True)
    """The first of the series it repeats, or is."""
    starts_at: datetime = moment()
    ends_at: datetime = moment()
    open_to: OpenTo = word(OpenTo, default=OpenTo.community)
    registered: bool = flag()
    """Only for registered volunteers."""
    qualifications: list[str] = texts()
    min_age: int | None = whole(small=True, optional=True)
    max_age: int | None = whole(small=True, optional=True)
    insured: bool = flag()
    latitude: float | None = Field(default=None, sa_type=Double)
    longitude: float | None = Field(default=None, sa_type=Double)
    radius: int = whole(500, small=True)
    """Metres around the position within which one may check in."""
    seats: int = whole(small=True)
    free: int = whole(small=True)
    """Seats nobody holds; while there is one, nobody waits."""
    queue: int = whole(0, small=True)
    """How many may wait."""
    waiting: int = whole(0, small=True)
    last_ticket: int = whole(0)
    """Numbers the sign-ups in their order."""
    last_seated: bool = flag()
    """Scratch of the signing-up statement: whether it has just taken a seat."""
    reason: str | None = text_column(optional=True)
    """Why it was cancelled."""
    reason_passed_at: datetime | None = moment(optional=True)
    """When it was judged fit for others."""
    published_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Seat(SQLModel, table=True):
    """名额: one person's place in an activity or in its queue. Only moves write `state`; rows are kept."""

    __tablename__ = "seats"
    __table_args__ = (
        Index(
            "uq_seats_live",
            "activity_id",
            "person_id",
            unique=True,
            postgresql_where=sql(f"state in {_in(LIVE)}"),
        ),
        ExcludeConstraint(
            (func.uuidrange(Column("person_id"), Column("person_id"), sql("'[]'")), "&&"),
            (Column("during"), "&&"),
            name="ex_seats_one_place_at_a_time",
            using="gist",
            where=sql(f"state in {_in(PRESENT)}"),
        ),
        UniqueConstraint("activity_id", "ticket"),
        CheckConstraint("minutes_automatic >= 0 and minutes_added >= 0", name="minutes_count"),
        CheckConstraint(
            "(minutes_automatic + minutes_added) * interval '1 minute' <= upper(during) - lower(during)",
            name="minutes_in_length",
        ),
        Index("ix_seats_person", "person_id", "id"),
        Index("ix_seats_queue", "activity_id", "ticket", postgresql_where=sql("state = 'waitlisted'")),
    )

    id: SeatId = key()
    activity_id: ActivityId = link("activities.id")
    person_id: PersonId = link("people.id")
    ticket: int = whole()
    state: SeatState = word(SeatState, default=SeatState.confirmed)
    during: Range[datetime] = Field(sa_type=TSTZRANGE, nullable=False)
    """The activity's time, half open: two back to back do not overlap."""
    offered_until: datetime | None = moment(optional=True)
    reason: str | None = text_column(optional=True)
    """Why somebody cancelled, was removed or excused."""
    reason_passed_at: datetime | None = moment(optional=True)
    minutes_automatic: int = whole(0, small=True)
    minutes_added: int = whole(0, small=True)
    ended_at: datetime | None = moment(optional=True)
    """When it came to nothing."""
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Attendance(SQLModel, table=True):
    """签到签退: one pair of coming and leaving. No position is kept, only how far it was."""

    __tablename__ = "attendances"
    __table_args__ = (
        UniqueConstraint("seat_id", "day", "ordinal"),
        Index("uq_attendances_open", "seat_id", unique=True, postgresql_where=sql("left_at is null")),
        CheckConstraint(f"ordinal between 1 and {PAIRS_A_DAY}", name="pairs_a_day"),
        CheckConstraint("left_at is null or left_at >= came_at", name="order"),
        CheckConstraint("left_by in ('qr', 'position')", name="left_how"),
    )

    id: UUID = key()
    seat_id: SeatId = link("seats.id")
    day: date = Field(sa_type=Date, nullable=False)
    ordinal: int = whole(small=True)
    came_at: datetime = moment()
    came_by: CheckedBy = word(CheckedBy)
    came_metres: int | None = whole(optional=True)
    left_at: datetime | None = moment(optional=True)
    left_by: str | None = text_column(optional=True)
    """In the words of CheckedBy."""
    left_metres: int | None = whole(optional=True)


class Attendant(SQLModel, table=True):
    """报名人: the row every sign-up of a person passes through, so that of two at once one waits for the other."""

    __tablename__ = "attendants"

    person_id: PersonId = link("people.id", primary_key=True)
    suspended_until: datetime | None = moment(optional=True)
    """After three no-shows or late cancellations in 90 days."""
