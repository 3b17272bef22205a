"""预约接待: when secretaries receive, who acts for them, and who comes."""

from datetime import date, datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, SmallInteger, text
from sqlmodel import Field, SQLModel

from api.kit.columns import code_column, key, link, moment, reference, text_column, version, word
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.appointments import AppointmentState
from api.rules.content import ContentState

AppointmentId = NewType("AppointmentId", UUID)


class OfficeHours(SQLModel, table=True):
    """接待时间: a stretch of one weekday, cut into slots; holidays are left out when slots are worked out."""

    __tablename__ = "office_hours"
    __table_args__ = (
        Index("ix_office_hours_secretary", "secretary_id", "weekday"),
        CheckConstraint("weekday between 1 and 7", name="weekday"),
        CheckConstraint("0 <= opens and opens < closes and closes <= 1440", name="stretch"),
        CheckConstraint("minutes between 5 and closes - opens", name="slot"),
        CheckConstraint("until is null or until >= since", name="order"),
    )

    id: UUID = key()
    secretary_id: PersonId = link("people.id")
    place_id: PlaceId = link("places.id")
    """Where the post is held that is received in."""
    weekday: int = Field(sa_type=SmallInteger, nullable=False)
    """ISO: 1 is Monday."""
    opens: int = Field(sa_type=SmallInteger, nullable=False)
    """Minutes after local midnight."""
    closes: int = Field(sa_type=SmallInteger, nullable=False)
    minutes: int = Field(sa_type=SmallInteger, nullable=False)
    """Length of a slot."""
    since: date = Field(sa_type=Date, nullable=False)
    until: date | None = Field(default=None, sa_type=Date, nullable=True)
    """The last day, inclusive."""
    created_at: datetime = moment(now=True)


class Delegation(SQLModel, table=True):
    """代理: who acts for a secretary, from–until; both names stay on everything done so."""

    __tablename__ = "delegations"
    __table_args__ = (
        Index("ix_delegations_secretary", "secretary_id", "place_id"),
        Index("ix_delegations_delegate", "delegate_id"),
        CheckConstraint("until is null or until >= since", name="order"),
        CheckConstraint("secretary_id <> delegate_id", name="other"),
    )

    id: UUID = key()
    secretary_id: PersonId = link("people.id")
    delegate_id: PersonId = link("people.id")
    place_id: PlaceId = link("places.id")
    since: datetime = moment(now=True)
    until: datetime | None = moment(optional=True)
    created_at: datetime = moment(now=True)


class Appointment(SQLModel, table=True):
    """预约接待: one resident, one secretary, one slot. Only moves write `state`."""

    __tablename__ = "appointments"
    __table_args__ = (
        Index(
            "uq_appointments_slot",
            "secretary_id",
            "starts_at",
            unique=True,
            postgresql_where=text("state in ('requested', 'proposed', 'confirmed', 'accepted')"),
        ),
        Index("ix_appointments_person", "person_id", "id"),
        Index("ix_appointments_place", "place_id", "id"),
        CheckConstraint("ends_at > starts_at", name="stretch"),
    )

    id: AppointmentId = key()
    secretary_id: PersonId = link("people.id")
    place_id: PlaceId = link("places.id")
    path: str = code_column()
    """The place's path, copied: reach is decided without a join."""
    person_id: PersonId = link("people.id")
    topic: str = text_column()
    content: ContentState = word(ContentState, default=ContentState.pending)
    slot_id: UUID = reference()
    """The slot it stands on now: the one asked for, or the one proposed instead."""
    starts_at: datetime = moment()
    ends_at: datetime = moment()
    state: AppointmentState = word(AppointmentState, default=AppointmentState.requested)
    level: int = Field(
        default=0, sa_type=SmallInteger, nullable=False, sa_column_kwargs={"server_default": text("0")}
    )
    """Rung of the ladder it climbed while nobody answered."""
    reason: str | None = text_column(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)
