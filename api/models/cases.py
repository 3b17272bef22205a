"""诉求: the case, what was said on it, how it was rated, and where it can be seen."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Double, Index, Integer, SmallInteger, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import code_column, flag, key, link, moment, sealed, text_column, version, word
from api.models.merchants import MerchantId
from api.models.people import PersonId
from api.models.places import AssetId, EstateId, HomeId, PlaceId, UnitId
from api.models.settings import SettingId
from api.rules.case_requests import RejectReason
from api.rules.cases import CaseCategory, CaseKind, CaseState, Channel, Outcome, Visibility
from api.rules.content import ContentState

CaseId = NewType("CaseId", UUID)

NOT_CLOSED = "state <> 'closed'"
"""Few of all in each state, so that a list of one of them over a county is one short range."""


def _count(default: int = 0) -> Any:
    return Field(
        default=default,
        sa_type=SmallInteger,
        nullable=False,
        sa_column_kwargs={"server_default": sql(str(default))},
    )


class Case(SQLModel, table=True):
    """诉求/工单: a matter that somebody must handle. Only moves write `state`."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint(
            "unit_id is not null or state not in "
            "('dispatched', 'in_progress', 'waiting_resident', 'suspended', 'handled')",
            name="active_has_unit",
        ),
        CheckConstraint("state <> 'submitted' or unit_id is null", name="submitted_has_none"),
        CheckConstraint("(state = 'merged') = (merged_into_id is not null)", name="merged_points"),
        CheckConstraint("home_id is null or visibility = 'private'", name="household_private"),
        CheckConstraint("cycle between 1 and 9", name="cycle_range"),
        CheckConstraint("passed_at is null or content = 'pass'", name="shown_passed"),
        CheckConstraint("level between 0 and 4", name="level_range"),
        CheckConstraint("suspended_days between 0 and 90", name="suspended_at_most"),
        CheckConstraint("tasks_open >= 0", name="tasks_counted"),
        CheckConstraint(
            "state <> 'referred' or (outside_system is not null and outside_number is not null)",
            name="referred_where",
        ),
        CheckConstraint("state <> 'rejected' or reject_reason is not null", name="rejected_why"),
        CheckConstraint(
            "behalf_phone_index is null or (recorder_id is not null and behalf_phone_sealed is not null"
            " and behalf_name_sealed is not null and consent is not null)",
            name="entered_whole",
        ),
        CheckConstraint("(latitude is null) = (longitude is null)", name="position_whole"),
        CheckConstraint(
            "channel <> 'found' or (kind = 'grid' and recorder_id is not null and latitude is not null)",
            name="found_whole",
        ),
        CheckConstraint("not self_handled or channel = 'found'", name="handled_by_finder"),
        Index(
            "ix_cases_unclaimed",
            "behalf_phone_index",
            postgresql_where=sql("behalf_phone_index is not null and reporter_id is null"),
        ),
        Index("ix_cases_reporter", "reporter_id", "id"),
        Index("ix_cases_asset", "asset_id", "created_at", postgresql_where=sql("asset_id is not null")),
        Index("ix_cases_merged", "merged_into_id", postgresql_where=sql("merged_into_id is not null")),
        Index(
            "ix_cases_unit_live",
            "unit_id",
            "id",
            postgresql_where=sql(
                "state in ('dispatched', 'in_progress', 'waiting_resident', 'suspended', 'handled')"
            ),
        ),
        Index("ix_cases_state", "state", "path", "id", postgresql_where=sql(NOT_CLOSED)),
        Index("uq_cases_continues", "continues_id", unique=True),
    )

    id: CaseId = key()
    number: str = text_column()
    """回执号: the community's code, the local day, a serial."""
    kind: CaseKind = word(CaseKind)
    category: CaseCategory = word(CaseCategory)
    title: str = text_column()
    text: str = text_column()
    visibility: Visibility = word(Visibility, default=Visibility.private)
    anonymous: bool = flag()
    channel: Channel = word(Channel, default=Channel.miniprogram)
    state: CaseState = word(CaseState, default=CaseState.submitted)
    cycle: int = Field(default=1, sa_type=SmallInteger, nullable=False)
    level: int = Field(default=0, sa_type=SmallInteger, nullable=False)
    """Rung of the ladder L0–L4; adds people, never resets time."""
    place_id: PlaceId = link("places.id")
    path: str = code_column()
    """The place's path, copied: reach is decided without a join."""
    community_id: PlaceId = link("places.id")
    home_id: HomeId | None = link("homes.id", optional=True)
    estate_id: EstateId | None = link("estates.id", optional=True)
    asset_id: AssetId | None = link("assets.id", optional=True)
    merchant_id: MerchantId | None = link("merchants.id", optional=True)
    reporter_id: PersonId | None = link("people.id", optional=True)
    """None for an imported case whose author has no login here."""
    reporter_alias: str | None = text_column(optional=True)
    recorder_id: PersonId | None = link("people.id", optional=True)
    """代录人: who entered it for somebody else, or found it on the round."""
    behalf_name_sealed: bytes | None = sealed()
    behalf_phone_sealed: bytes | None = sealed()
    behalf_phone_index: bytes | None = sealed()
    """As the phones of people are: by it the person's own login finds the case (docs/adr/0018)."""
    consent: str | None = text_column(optional=True)
    """How the person agreed to its being entered."""
    latitude: float | None = Field(default=None, sa_type=Double, nullable=True)
    longitude: float | None = Field(default=None, sa_type=Double, nullable=True)
    """GCJ-02, as the mini-program gives positions."""
    self_handled: bool = flag()
    """自行处置: found by a grid worker who deals with it himself; no rule routes it."""
    setting_id: SettingId | None = link("place_settings.id", optional=True)
    """The version of the place's settings it was opened under; None: the defaults."""
    unit_id: UnitId | None = link("units.id", optional=True)
    handler_id: PersonId | None = link("people.id", optional=True)
    routing_rule: str | None = text_column(optional=True)
    """Which rule, in which version, dispatched it; "manual" for a dispatcher."""
    asks: int = _count()
    transfers: int = _count()
    returns: int = _count()
    tasks_open: int = _count()
    """协同 tasks neither finished nor waived."""
    suspended_days: int = _count()
    """挂账 days granted in all."""
    contacted_cycle: int = _count(1)
    """The last cycle in which a person contacted the reporter, once there is a first contact."""
    confirm_owed: bool = flag()
    """A dispute waits for the community's word."""
    callback_owed: bool = flag()
    """Low marks wait for a call by another unit."""
    hazard: bool = flag()
    """安全隐患: goes on even when its reporter withdraws."""
    owner_id: PersonId | None = link("people.id", optional=True)
    """责任人 of the plan, named when the case reached the community's rung."""
    plan: str | None = text_column(optional=True)
    plan_passed_at: datetime | None = moment(optional=True)
    reject_reason: RejectReason | None = word(RejectReason, optional=True)
    outside_system: str | None = text_column(optional=True)
    outside_number: str | None = text_column(optional=True)
    """Where it was referred to, or reported up to, and its number there."""
    continues_id: CaseId | None = link("cases.id", optional=True)
    """The withdrawn hazard that goes on as this case."""
    outcome: Outcome | None = word(Outcome, optional=True)
    merged_into_id: CaseId | None = link("cases.id", optional=True)
    merged_at: datetime | None = moment(optional=True)
    first_contact_at: datetime | None = moment(optional=True)
    dispatched_at: datetime | None = moment(optional=True)
    handled_at: datetime | None = moment(optional=True)
    closed_at: datetime | None = moment(optional=True)
    content: ContentState = word(ContentState, default=ContentState.pending)
    passed_at: datetime | None = moment(optional=True)
    """When the content check passed; nobody but the parties sees it before."""
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Audience(StrEnum):
    """谁能在列表中看到：工作人员、居民"""

    staff = "s"
    residents = "r"


class CaseReach(SQLModel, table=True):
    """可见范围: one row for each place from which a case is seen, so that every list is one index range."""

    __tablename__ = "case_reach"

    place_id: PlaceId = link("places.id", primary_key=True)
    audience: Audience = Field(sa_type=Text, primary_key=True)
    case_id: CaseId = link("cases.id", primary_key=True, index=True)


class CaseNumber(SQLModel, table=True):
    """回执号流水: the last serial of a community and day."""

    __tablename__ = "case_numbers"

    community_id: PlaceId = link("places.id", primary_key=True)
    day: date = Field(sa_type=Date, primary_key=True)
    last: int = Field(sa_type=Integer, nullable=False)


class MessageKind(StrEnum):
    """留言种类：公开答复、询问、补充、联系记录、内部备注"""

    reply = "reply"
    question = "question"
    answer = "answer"
    contact = "contact"
    note = "note"


class CaseMessage(SQLModel, table=True):
    """往来: what was said on a case. A note is for staff only; everything else is for the reporter too."""

    __tablename__ = "case_messages"
    __table_args__ = (Index("ix_case_messages_case", "case_id", "id"),)

    id: UUID = key()
    case_id: CaseId = link("cases.id")
    kind: MessageKind = word(MessageKind)
    author_id: PersonId | None = link("people.id", optional=True)
    author_title: str = text_column()
    text: str = text_column()
    content: ContentState = word(ContentState, default=ContentState.pending)
    """What staff writes has passed; a resident's words wait for their check."""
    created_at: datetime = moment(now=True)


class CaseRating(SQLModel, table=True):
    """评价: one a reporter and cycle."""

    __tablename__ = "case_ratings"
    __table_args__ = (
        UniqueConstraint("case_id", "cycle", "reporter_id"),
        CheckConstraint("overall between 1 and 5", name="stars"),
    )

    id: UUID = key()
    case_id: CaseId = link("cases.id")
    cycle: int = Field(sa_type=SmallInteger, nullable=False)
    reporter_id: PersonId = link("people.id")
    overall: int = Field(sa_type=SmallInteger, nullable=False)
    result: int | None = Field(default=None, sa_type=SmallInteger)
    attitude: int | None = Field(default=None, sa_type=SmallInteger)
    speed: int | None = Field(default=None, sa_type=SmallInteger)
    text: str | None = text_column(optional=True)
    content: ContentState = word(ContentState, default=ContentState.pending)
    """Of the words; stars alone have passed."""
    created_at: datetime = moment(now=True)
