"""公开: what is owed to the public by a date, and the questions asked on it."""

from datetime import datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy import text as sql
from sqlmodel import SQLModel

from api.kit.columns import code_column, key, link, moment, text_column, version, whole, word
from api.models.cases import CaseId
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.disclosures import DisclosureKind, DisclosurePace, DisclosureState

DisclosureId = NewType("DisclosureId", UUID)


class Disclosure(SQLModel, table=True):
    """公开事项: an obligation with a due date, its draft, its review, and what was shown. Only moves write `state`."""

    __tablename__ = "disclosures"
    __table_args__ = (
        Index(
            "uq_disclosures_period",
            "place_id",
            "kind",
            "period",
            unique=True,
            postgresql_where=sql("period is not null"),
        ),
        Index("ix_disclosures_path", "path", "id"),
        CheckConstraint("(period is null) = (pace = 'at_once')", name="period_of_pace"),
        CheckConstraint(
            "state not in ('reviewed', 'published', 'questioned', 'archived')"
            " or (body is not null and reviewed_by is not null and reviewed_by <> drafted_by)",
            name="seen_by_two",
        ),
    )

    id: DisclosureId = key()
    place_id: PlaceId = link("places.id")
    path: str = code_column()
    kind: DisclosureKind = word(DisclosureKind)
    pace: DisclosurePace = word(DisclosurePace)
    period: str | None = text_column(optional=True)
    """The month or quarter it is about; none for a major matter."""
    title: str = text_column()
    body: str | None = text_column(optional=True)
    """What is shown; staff's words, which need no check."""
    state: DisclosureState = word(DisclosureState, default=DisclosureState.planned)
    level: int = whole(0, small=True)
    """Rung of the ladder; adds people, never resets time."""
    drafted_by: PersonId | None = link("people.id", optional=True)
    reviewed_by: PersonId | None = link("people.id", optional=True)
    opinion: str | None = text_column(optional=True)
    """What the supervisors said, shown with it."""
    published_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class DisclosureQuestion(SQLModel, table=True):
    """对公开事项的疑问: a case asked on a disclosure; its words live, and are checked, in the case."""

    __tablename__ = "disclosure_questions"

    disclosure_id: DisclosureId = link("disclosures.id", primary_key=True)
    case_id: CaseId = link("cases.id", primary_key=True)
    created_at: datetime = moment(now=True)
