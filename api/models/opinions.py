"""观点与态度: one-sentence statements, one stance a person on each, and the map drawn from them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger, Uuid
from sqlmodel import Field, SQLModel

from api.kit.columns import json_column, key, link, moment, text_column, word
from api.models.people import PersonId
from api.models.topics import TopicId
from api.rules.content import ContentState


class Statement(SQLModel, table=True):
    """观点: one sentence, without replies."""

    __tablename__ = "statements"
    __table_args__ = (
        Index("ix_statements_topic", "topic_id", "id"),
        Index("ix_statements_author", "author_id"),
    )

    id: UUID = key()
    topic_id: TopicId = link("topics.id")
    author_id: PersonId = link("people.id")
    text: str = text_column()
    content: ContentState = word(ContentState, default=ContentState.pending)
    created_at: datetime = moment(now=True)


class Stance(SQLModel, table=True):
    """态度: agree 1, disagree -1, pass 0; the key is the guard of one a person and statement.

    No events and no foreign keys: docs/adr/0014. The statement that writes it has just read what they would guard.
    """

    __tablename__ = "stances"
    __table_args__ = (
        CheckConstraint("stance between -1 and 1", name="stance_range"),
        Index("ix_stances_topic", "topic_id"),
        {"postgresql_with": {"fillfactor": 90}},
    )

    statement_id: UUID = Field(sa_type=Uuid, primary_key=True)
    person_id: PersonId = Field(sa_type=Uuid, primary_key=True)
    topic_id: TopicId = Field(sa_type=Uuid, nullable=False)
    stance: int = Field(sa_type=SmallInteger, nullable=False)
    at: datetime = moment()


class OpinionJob(SQLModel, table=True):
    """待绘观点图: at least one stance came in this window of time. One row a topic and window."""

    __tablename__ = "opinion_jobs"

    topic_id: TopicId = Field(sa_type=Uuid, primary_key=True)
    due_at: datetime = Field(sa_type=DateTime(timezone=True), primary_key=True)


class OpinionMap(SQLModel, table=True):
    """观点图: the last map of a topic, as data and as a picture."""

    __tablename__ = "opinion_maps"

    topic_id: TopicId = link("topics.id", primary_key=True)
    data: dict[str, Any] = json_column()
    svg: str = text_column()
    drawn_at: datetime = moment()


class TopicRating(SQLModel, table=True):
    """居民评议: one mark a person and round of the evaluation."""

    __tablename__ = "topic_ratings"
    __table_args__ = (CheckConstraint("stars between 1 and 5", name="stars_range"),)

    stage_id: UUID = link("topic_stages.id", primary_key=True)
    round: int = Field(sa_type=SmallInteger, primary_key=True)
    person_id: PersonId = link("people.id", primary_key=True)
    stars: int = Field(sa_type=SmallInteger, nullable=False)
    at: datetime = moment(now=True)
