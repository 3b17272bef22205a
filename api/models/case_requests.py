"""单上的申请、协同任务与催单: what is asked for on a case, and who decided it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, SmallInteger
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import json_column, key, link, moment, text_column, version, word
from api.models.cases import CaseId
from api.models.people import PersonId
from api.models.places import UnitId
from api.rules.case_requests import RejectReason, RequestKind, RequestState, SuspendReason, TaskState
from api.rules.content import ContentState
from api.rules.limits import ExtensionLevel


class CaseRequest(SQLModel, table=True):
    """申请: 退单、延期、挂账、协同、督办、不予受理、申诉. Only moves write `state`."""

    __tablename__ = "case_requests"
    __table_args__ = (
        Index(
            "uq_case_requests_pending",
            "case_id",
            "kind",
            unique=True,
            postgresql_where=sql("state = 'pending'"),
        ),
        Index(
            "uq_case_requests_extended",
            "case_id",
            "level",
            unique=True,
            postgresql_where=sql("kind = 'extend' and state = 'approved'"),
        ),
        Index("uq_case_requests_appeal", "case_id", unique=True, postgresql_where=sql("kind = 'appeal'")),
        Index("ix_case_requests_case", "case_id", "id"),
        CheckConstraint("asker_id is null or asker_id <> decider_id", name="two_persons"),
        CheckConstraint("(kind = 'extend') = (level is not null)", name="extension_level"),
        CheckConstraint("(kind in ('extend', 'suspend')) = (days is not null)", name="days_counted"),
        CheckConstraint("level is null or days <= case level when 'town' then 10 else 5 end", name="most"),
        CheckConstraint("kind <> 'suspend' or days between 1 and 30", name="reviewed"),
        CheckConstraint("(kind = 'reject') = (reject_reason is not null)", name="reject_reason"),
        CheckConstraint("(kind = 'suspend') = (suspend_reason is not null)", name="suspend_reason"),
    )

    id: UUID = key()
    case_id: CaseId = link("cases.id")
    cycle: int = Field(sa_type=SmallInteger, nullable=False)
    kind: RequestKind = word(RequestKind)
    state: RequestState = word(RequestState, default=RequestState.pending)
    reason: str = text_column()
    """Why; once it has passed, shown to the resident where the request is about a promise made to him."""
    content: ContentState = word(ContentState, default=ContentState.pending)
    """Of the reason."""
    days: int | None = Field(default=None, sa_type=SmallInteger)
    level: ExtensionLevel | None = word(ExtensionLevel, optional=True)
    reject_reason: RejectReason | None = word(RejectReason, optional=True)
    suspend_reason: SuspendReason | None = word(SuspendReason, optional=True)
    unit_id: UnitId | None = link("units.id", optional=True)
    """退单: the unit proposed instead."""
    units: list[list[str]] = json_column(default=list)
    """协同: `[unit id, what it is asked to do]`."""
    asker_id: PersonId | None = link("people.id", optional=True)
    """None: the ladder opened it."""
    asker_title: str = text_column()
    decider_id: PersonId | None = link("people.id", optional=True)
    decider_title: str | None = text_column(optional=True)
    answer: str | None = text_column(optional=True)
    answer_passed_at: datetime | None = moment(optional=True)
    decided_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class CaseTask(SQLModel, table=True):
    """协同任务: what another unit was asked to do for a case. Only moves write `state`."""

    __tablename__ = "case_tasks"
    __table_args__ = (
        Index("ix_case_tasks_request", "request_id", "id"),
        Index("ix_case_tasks_open", "unit_id", postgresql_where=sql("state = 'open'")),
    )

    id: UUID = key()
    case_id: CaseId = link("cases.id", index=True)
    request_id: UUID = link("case_requests.id")
    unit_id: UnitId = link("units.id")
    text: str = text_column()
    state: TaskState = word(TaskState, default=TaskState.open)
    content: ContentState = word(ContentState, default=ContentState.pending)
    """Of what it is asked to do."""
    result: str | None = text_column(optional=True)
    result_passed_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class CaseUrge(SQLModel, table=True):
    """催单: one a case and day."""

    __tablename__ = "case_urges"

    case_id: CaseId = link("cases.id", primary_key=True)
    day: date = Field(sa_type=Date, primary_key=True)
    person_id: PersonId = link("people.id")
    created_at: datetime = moment(now=True)
