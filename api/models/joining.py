"""附和: who else has met the same."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import SQLModel

from api.kit.columns import key, link, moment
from api.models.cases import CaseId
from api.models.people import PersonId


class CaseSupport(SQLModel, table=True):
    """我也遇到 (+1): one a person and case."""

    __tablename__ = "case_supports"
    __table_args__ = (UniqueConstraint("case_id", "person_id"), Index("ix_case_supports_person", "person_id"))

    id: UUID = key()
    case_id: CaseId = link("cases.id")
    person_id: PersonId = link("people.id")
    created_at: datetime = moment(now=True)
