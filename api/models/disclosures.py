"""公开: obligations toward the public, and the questions asked about them, each of which is a case."""

from datetime import datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import code_column, key, link, moment, text_column, version, word
from api.models.cases import CaseId
from api.models.people import PersonId
from api.models.places import PlaceId
from api.models.topics import TopicId
from api.rules.disclosures import DisclosureKind, DisclosureState, Rhythm

DisclosureId = NewType("DisclosureId", UUID)


class Disclosure(SQLModel, table=True):
    """公开事项: something owed to the public by a date. Only moves write `state`."""

    __tablename__ = "disclosures"
    __table_args__ = (
        CheckConstraint("state = 'planned' or text is not null", name="drafted_has_text"),
        CheckConstraint(
            "state not in ('published', 'questioned', 'archived') or published_at is not null",
            name="published_dated",
        ),
        CheckConstraint("reviewed_by <> drafted_by", name="two_persons"),
        Index("ix_disclosures_path", "path", "id"),
        Index("uq_disclosures_next", "previous_id", unique=True),
    )

    id: DisclosureId = key()
    kind: DisclosureKind = word(DisclosureKind)
    rhythm: Rhythm = word(Rhythm)
    title: str = text_column()
    text: str | None = text_column(optional=True)
    state: DisclosureState = word(DisclosureState, default=DisclosureState.planned)
    place_id: PlaceId = link("places.id")
    path: str = code_column()
    level: int = Field(
        default=0, sa_type=SmallInteger, nullable=False, sa_column_kwargs={"server_default": sql("0")}
    )
    topic_id: TopicId | None = link("topics.id", optional=True)
    """The topic whose outcome it makes public."""
    previous_id: DisclosureId | None = link("disclosures.id", optional=True)
    """Of a rhythm: the one before."""
    drafted_by: PersonId | None = link("people.id", optional=True)
    reviewed_by: PersonId | None = link("people.id", optional=True)
    published_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class DisclosureQuestion(SQLModel, table=True):
    """质询: a question about something published; the case that answers it."""

    __tablename__ = "disclosure_questions"

    case_id: CaseId = link("cases.id", primary_key=True)
    disclosure_id: DisclosureId = link("disclosures.id", index=True)
    created_at: datetime = moment(now=True)
