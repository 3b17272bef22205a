"""公示与执行: objections with their answers, milestones, reports of progress."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import key, link, moment, text_column, version, word
from api.models.people import PersonId
from api.models.topics import StageId, TopicId
from api.rules.content import ContentState
from api.rules.objections import ObjectionState


class Objection(SQLModel, table=True):
    """异议: raised while a result is on show; until it is dealt with nothing is carried out."""

    __tablename__ = "objections"
    __table_args__ = (
        Index(
            "uq_objections_live",
            "stage_id",
            "round",
            "person_id",
            unique=True,
            postgresql_where=sql("state in ('raised', 'upheld')"),
        ),
        CheckConstraint("state not in ('answered', 'upheld') or answer is not null", name="answered_says"),
        Index("ix_objections_topic", "topic_id", "id"),
    )

    id: UUID = key()
    topic_id: TopicId = link("topics.id")
    stage_id: StageId = link("topic_stages.id")
    round: int = Field(sa_type=SmallInteger, nullable=False)
    person_id: PersonId = link("people.id")
    text: str = text_column()
    content: ContentState = word(ContentState, default=ContentState.pending)
    state: ObjectionState = word(ObjectionState, default=ObjectionState.raised)
    answer: str | None = text_column(optional=True)
    answered_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Milestone(SQLModel, table=True):
    """执行事项: one thing to be done by a time."""

    __tablename__ = "milestones"
    __table_args__ = (Index("ix_milestones_topic", "topic_id", "id"),)

    id: UUID = key()
    topic_id: TopicId = link("topics.id")
    stage_id: StageId = link("topic_stages.id")
    round: int = Field(sa_type=SmallInteger, nullable=False)
    title: str = text_column()
    due_at: datetime = moment()
    done_at: datetime | None = moment(optional=True)
    created_at: datetime = moment(now=True)


class Progress(SQLModel, table=True):
    """进展: what was done, told to everybody; the photos are uploads attached to it."""

    __tablename__ = "progress"
    __table_args__ = (Index("ix_progress_topic", "topic_id", "id"),)

    id: UUID = key()
    topic_id: TopicId = link("topics.id")
    stage_id: StageId = link("topic_stages.id")
    milestone_id: UUID | None = link("milestones.id", optional=True)
    author_id: PersonId = link("people.id")
    author_title: str = text_column()
    text: str = text_column()
    created_at: datetime = moment(now=True)
