"""议题: the topic, the places it concerns, its stages, who was invited, and its meetings."""

from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint
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
    version,
    word,
)
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.content import ContentState
from api.rules.topic_templates import TopicTemplate
from api.rules.topics import ConsultationKind, GuestKind, StageKind, StageOutcome, TopicBody, TopicState

TopicId = NewType("TopicId", UUID)
StageId = NewType("StageId", UUID)


def _count(start: int) -> Any:
    return Field(
        default=start,
        sa_type=SmallInteger,
        nullable=False,
        sa_column_kwargs={"server_default": sql(str(start))},
    )


class Topic(SQLModel, table=True):
    """议题: a matter under consultation. Only moves write `state` and `position`."""

    __tablename__ = "topics"
    __table_args__ = (
        CheckConstraint("(state = 'merged') = (merged_into_id is not null)", name="merged_points"),
        CheckConstraint("merged_into_id <> id", name="merged_elsewhere"),
        Index("ix_topics_path", "path", "id"),
        Index("ix_topics_author", "author_id", "id"),
    )

    id: TopicId = key()
    template: TopicTemplate = word(TopicTemplate)
    title: str = text_column()
    text: str = text_column()
    state: TopicState = word(TopicState, default=TopicState.running)
    position: int = _count(0)
    """Ordinal of the current stage."""
    level: int = _count(0)
    """Rung of the ladder; adds people, never resets time."""
    place_id: PlaceId = link("places.id")
    """Where it belongs: the lowest common ancestor of the places it concerns."""
    path: str = code_column()
    author_id: PersonId = link("people.id")
    by_resident: bool = flag()
    content: ContentState = word(ContentState, default=ContentState.pending)
    merged_into_id: TopicId | None = link("topics.id", optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class TopicPlace(SQLModel, table=True):
    """涉及地域: whose residents take part; several for a topic of the town."""

    __tablename__ = "topic_places"
    __table_args__ = (Index("ix_topic_places_path", "path", "topic_id"),)

    topic_id: TopicId = link("topics.id", primary_key=True)
    place_id: PlaceId = link("places.id", primary_key=True)
    path: str = code_column()


class TopicStage(SQLModel, table=True):
    """环节: one stage of a topic, copied from its template, so that a later template changes nothing."""

    __tablename__ = "topic_stages"
    __table_args__ = (UniqueConstraint("topic_id", "position"),)

    id: StageId = key()
    topic_id: TopicId = link("topics.id")
    position: int = Field(sa_type=SmallInteger, nullable=False)
    kind: StageKind = word(StageKind)
    title: str = text_column()
    body: TopicBody = word(TopicBody)
    consultation: ConsultationKind | None = word(ConsultationKind, optional=True)
    optional: bool = flag()
    voters: str = text_column(default="")
    limits: list[Any] = json_column()
    """`[amount, clock]` of its limit."""
    round: int = _count(0)
    """How often it has been entered."""
    opened_at: datetime | None = moment(optional=True)
    closed_at: datetime | None = moment(optional=True)
    outcome: StageOutcome | None = word(StageOutcome, optional=True)
    result: str | None = text_column(optional=True)
    """The outcome in words, for everybody in reach."""
    poll_id: UUID | None = reference(optional=True)


class TopicGuest(SQLModel, table=True):
    """受邀人: an expert or stakeholder who takes part without living there."""

    __tablename__ = "topic_guests"
    __table_args__ = (Index("ix_topic_guests_person", "person_id"),)

    topic_id: TopicId = link("topics.id", primary_key=True)
    person_id: PersonId = link("people.id", primary_key=True)
    kind: GuestKind = word(GuestKind)
    name: str = text_column()
    """As the public sees it: who, and of what field or side."""
    invited_by: PersonId = link("people.id")
    created_at: datetime = moment(now=True)


class TopicMeeting(SQLModel, table=True):
    """会议: when and where, and its minutes once it was held."""

    __tablename__ = "topic_meetings"
    __table_args__ = (
        CheckConstraint("(minutes is null) = (recorded_at is null)", name="minutes_dated"),
        Index("ix_topic_meetings_topic", "topic_id", "id"),
    )

    id: UUID = key()
    topic_id: TopicId = link("topics.id")
    stage_id: StageId = link("topic_stages.id")
    kind: ConsultationKind = word(ConsultationKind)
    title: str = text_column()
    venue: str = text_column()
    held_at: datetime = moment()
    minutes: str | None = text_column(optional=True)
    conclusion: str | None = text_column(optional=True)
    recorded_at: datetime | None = moment(optional=True)
    recorded_by: PersonId | None = link("people.id", optional=True)
    created_at: datetime = moment(now=True)


class TopicAttendance(SQLModel, table=True):
    """到会: who came, in which capacity."""

    __tablename__ = "topic_attendances"

    id: UUID = key()
    meeting_id: UUID = link("topic_meetings.id", index=True)
    person_id: PersonId | None = link("people.id", optional=True)
    """None for somebody without a login here."""
    name: str = text_column()
    capacity: str = text_column()
    expert: bool = flag()
    """An invited expert of the topic."""
