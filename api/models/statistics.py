"""统计剔除: a case left out of the rates, by two persons, before it was rated."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import SQLModel

from api.kit.columns import link, moment, word
from api.models.cases import CaseId
from api.models.people import PersonId
from api.rules.statistics import ExclusionReason


class CaseExclusion(SQLModel, table=True):
    """剔除: proposed by one, in force once another has confirmed it."""

    __tablename__ = "case_exclusions"
    __table_args__ = (
        CheckConstraint("confirmed_by is null or confirmed_by <> proposed_by", name="two_persons"),
        CheckConstraint("(confirmed_by is null) = (confirmed_at is null)", name="confirmed_whole"),
    )

    case_id: CaseId = link("cases.id", primary_key=True)
    reason: ExclusionReason = word(ExclusionReason)
    proposed_by: PersonId = link("people.id")
    proposed_at: datetime = moment(now=True)
    confirmed_by: PersonId | None = link("people.id", optional=True)
    confirmed_at: datetime | None = moment(optional=True)
