"""服务记录 and 证明: minutes served, automatic and added kept apart, and the certificates written from them."""

from datetime import date, datetime
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, LargeBinary
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import (
    flag,
    json_column,
    key,
    link,
    moment,
    sealed,
    text_column,
    texts,
    version,
    whole,
    word,
)
from api.models.activities import ActivityId, SeatId
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.activity_words import AddingState, RecordKind
from api.rules.certificates import CertificateState, IdKind

AddedHoursId = NewType("AddedHoursId", UUID)
CertificateId = NewType("CertificateId", UUID)


class AddedHours(SQLModel, table=True):
    """补录时长: minutes somebody of the community proposes, and a second person confirms."""

    __tablename__ = "added_hours"
    __table_args__ = (
        CheckConstraint("minutes > 0", name="minutes_count"),
        CheckConstraint("proposed_by <> person_id", name="not_for_oneself"),
        CheckConstraint(
            "decided_by is null or decided_by not in (proposed_by, person_id)", name="second_person"
        ),
        CheckConstraint("(state = 'proposed') = (decided_by is null)", name="decided_by_somebody"),
        Index("uq_added_hours_waiting", "seat_id", unique=True, postgresql_where=sql("state = 'proposed'")),
        Index("ix_added_hours_activity", "activity_id", "id"),
    )

    id: AddedHoursId = key()
    activity_id: ActivityId = link("activities.id")
    seat_id: SeatId = link("seats.id")
    person_id: PersonId = link("people.id")
    minutes: int = whole(small=True)
    reason: str = text_column()
    state: AddingState = word(AddingState, default=AddingState.proposed)
    proposed_by: PersonId = link("people.id")
    decided_by: PersonId | None = link("people.id", optional=True)
    refusal: str | None = text_column(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class ServiceRecord(SQLModel, table=True):
    """服务记录: one line of the ledger of minutes; never changed, corrected by a counter-entry with its reason."""

    __tablename__ = "service_records"
    __table_args__ = (
        Index(
            "uq_service_records_automatic", "seat_id", unique=True, postgresql_where=sql("kind = 'automatic'")
        ),
        Index(
            "uq_service_records_added", "added_id", unique=True, postgresql_where=sql("added_id is not null")
        ),
        Index(
            "uq_service_records_counters",
            "counters_id",
            unique=True,
            postgresql_where=sql("counters_id is not null"),
        ),
        CheckConstraint("(kind = 'added') = (added_id is not null)", name="added_has_its_proposal"),
        CheckConstraint("(kind = 'counter') = (counters_id is not null)", name="counter_has_its_entry"),
        CheckConstraint("(kind = 'counter') = (reason is not null)", name="counter_has_its_reason"),
        CheckConstraint("case when kind = 'counter' then minutes < 0 else minutes > 0 end", name="sign"),
        CheckConstraint("(kind = 'automatic') = (recorded_by is null)", name="automatic_by_nobody"),
        Index("ix_service_records_person", "person_id", "id"),
        Index("ix_service_records_community", "person_id", "community_id", "day"),
        Index("ix_service_records_activity", "activity_id", "id"),
    )

    id: UUID = key()
    person_id: PersonId = link("people.id")
    activity_id: ActivityId = link("activities.id")
    seat_id: SeatId = link("seats.id")
    community_id: PlaceId = link("places.id")
    """Organised, hence recorded, hence certifies."""
    kind: RecordKind = word(RecordKind)
    minutes: int = whole(small=True)
    day: date = Field(sa_type=Date, nullable=False)
    """Of the service, not of the entry."""
    added_id: AddedHoursId | None = link("added_hours.id", optional=True)
    counters_id: UUID | None = link("service_records.id", optional=True)
    recorded_by: PersonId | None = link("people.id", optional=True)
    """Who confirmed or countered; of automatic minutes nobody."""
    reason: str | None = text_column(optional=True)
    created_at: datetime = moment(now=True)


class Certificate(SQLModel, table=True):
    """志愿服务记录证明: what one community recorded of one person in a period, under a public number."""

    __tablename__ = "certificates"
    __table_args__ = (
        CheckConstraint("until >= since", name="period"),
        CheckConstraint("minutes > 0", name="minutes_count"),
        CheckConstraint("issued_by is null or issued_by <> person_id", name="not_for_oneself"),
        CheckConstraint("state not in ('issued', 'revoked') or issued_at is not null", name="issued_once"),
        Index(
            "uq_certificates_requested",
            "person_id",
            "community_id",
            unique=True,
            postgresql_where=sql("state = 'requested'"),
        ),
        Index("ix_certificates_person", "person_id", "id"),
        Index("ix_certificates_community", "community_id", "id"),
        Index(
            "ix_certificates_unprinted",
            "id",
            postgresql_where=sql("state = 'issued' and printed_at is null"),
        ),
    )

    id: CertificateId = key()
    number: str = text_column(unique=True)
    person_id: PersonId = link("people.id")
    community_id: PlaceId = link("places.id")
    name_sealed: bytes | None = sealed()
    name_masked: str = text_column()
    id_kind: IdKind = word(IdKind)
    id_masked: str = text_column()
    """The number itself is kept nowhere."""
    identity_index: bytes | None = sealed()
    """Keyed hash of name and number: the issuer has checked this identity before."""
    volunteer_number: str | None = text_column(optional=True)
    since: date = Field(sa_type=Date, nullable=False)
    until: date = Field(sa_type=Date, nullable=False)
    minutes: int = whole()
    lines: list[dict[str, Any]] = json_column(default=list)
    """What was served, frozen with the issue: day, title, minutes."""
    contact: str | None = text_column(optional=True)
    """Of the issuer, as printed."""
    handler_name: str | None = text_column(optional=True)
    """经办人, as printed."""
    state: CertificateState = word(CertificateState, default=CertificateState.requested)
    reason: str | None = text_column(optional=True)
    issued_by: PersonId | None = link("people.id", optional=True)
    issued_at: datetime | None = moment(optional=True)
    again: bool = flag()
    """Issued by the system: the identity had been checked for an earlier one."""
    pdf: bytes | None = Field(default=None, sa_type=LargeBinary)
    missing: list[str] = texts()
    """Characters the font does not have, printed as code points."""
    printed_at: datetime | None = moment(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)
