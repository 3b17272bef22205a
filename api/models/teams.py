"""服务队: volunteers' teams and who belongs to them; what members are qualified for."""

from datetime import date, datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from api.kit.columns import flag, key, link, moment, text_column, version, word
from api.models.people import PersonId
from api.models.places import PlaceId
from api.rules.teams import TeamMemberState

TeamId = NewType("TeamId", UUID)


class Team(SQLModel, table=True):
    """服务队: set up by the community's staff."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("place_id", "name"),)

    id: TeamId = key()
    place_id: PlaceId = link("places.id")
    name: str = text_column()
    introduction: str | None = text_column(optional=True)
    leader_id: PersonId | None = link("people.id", optional=True)
    active: bool = flag(default=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class TeamMember(SQLModel, table=True):
    """队员: person × team, from–until. Only moves write `state`."""

    __tablename__ = "team_members"
    __table_args__ = (
        Index(
            "uq_team_members_live",
            "team_id",
            "person_id",
            unique=True,
            postgresql_where=sql("left_at is null"),
        ),
        CheckConstraint("(left_at is null) = (state in ('pending', 'member'))", name="left_has_its_time"),
        Index("ix_team_members_person", "person_id"),
    )

    id: UUID = key()
    team_id: TeamId = link("teams.id")
    person_id: PersonId = link("people.id")
    state: TeamMemberState = word(TeamMemberState, default=TeamMemberState.pending)
    reason: str | None = text_column(optional=True)
    reason_passed_at: datetime | None = moment(optional=True)
    joined_at: datetime = moment(now=True)
    left_at: datetime | None = moment(optional=True)
    version: int = version()
    updated_at: datetime = moment(now=True)


class Qualification(SQLModel, table=True):
    """资质: what somebody may do by a certificate, until it ends; verified with the membership it hangs on."""

    __tablename__ = "qualifications"
    __table_args__ = (UniqueConstraint("membership_id", "name"),)

    id: UUID = key()
    membership_id: UUID = link("memberships.id")
    name: str = text_column()
    expires_on: date | None = Field(default=None, sa_type=Date)
    """The last day it holds; None for ever."""
