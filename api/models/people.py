"""People, how they log in, where they live, what they belong to, and what they were granted."""

from datetime import date, datetime
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, Index, SmallInteger, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from api.kit.columns import flag, json_column, key, link, moment, sealed, text_column, texts, version, word
from api.models.places import HomeId, PlaceId, UnitId
from api.rules.content import ContentState
from api.rules.people import MembershipKind, MembershipState, PersonState, Relation, ResidencyState
from api.rules.roles import Role

PersonId = NewType("PersonId", UUID)
BranchId = NewType("BranchId", UUID)


class Person(SQLModel, table=True):
    """个人: one human."""

    __tablename__ = "people"
    __table_args__ = (
        Index("ix_people_phone_index", "phone_index", unique=True),
        Index("ix_people_bigrams", text("bigrams(nickname)"), postgresql_using="gin"),
    )

    id: PersonId = key()
    state: PersonState = word(PersonState, default=PersonState.active)
    nickname: str = text_column()
    avatar: str | None = text_column(optional=True)
    phone_sealed: bytes | None = sealed()
    phone_index: bytes | None = sealed()
    """Keyed hash of the number: finds the same number again without revealing it."""
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class WechatIdentity(SQLModel, table=True):
    """微信身份: who this person is to one mini-program."""

    __tablename__ = "wechat_identities"
    __table_args__ = (UniqueConstraint("app", "openid"), Index("ix_wechat_identities_person", "person_id"))

    id: UUID = key()
    app: str = text_column()
    openid: str = text_column()
    unionid: str | None = text_column(optional=True)
    person_id: PersonId = link("people.id")
    created_at: datetime = moment(now=True)


class Credential(SQLModel, table=True):
    """控制台登录: username, password and second factor, with the count of failures."""

    __tablename__ = "credentials"
    __table_args__ = (UniqueConstraint("username"),)

    person_id: PersonId = link("people.id", primary_key=True)
    username: str = text_column()
    password_hash: str = text_column()
    totp_sealed: bytes = sealed(optional=False)
    totp_step: int = Field(default=0, sa_type=BigInteger, nullable=False)
    """The last accepted time step: a code is good once."""
    failures: int = Field(default=0, nullable=False, sa_column_kwargs={"server_default": text("0")})
    locked_until: datetime | None = moment(optional=True)
    created_at: datetime = moment(now=True)


class Official(SQLModel, table=True):
    """公职信息: how a secretary or worker is shown to the public."""

    __tablename__ = "officials"
    __table_args__ = (Index("ix_officials_bigrams", text("bigrams(name)"), postgresql_using="gin"),)

    person_id: PersonId = link("people.id", primary_key=True)
    name: str = text_column()
    title: str = text_column()
    hours: str | None = text_column(optional=True)
    introduction: str | None = text_column(optional=True)


class Grant(SQLModel, table=True):
    """授权: person × role × place, from–until; it reaches everything under the place."""

    __tablename__ = "grants"
    __table_args__ = (
        Index("ix_grants_person", "person_id"),
        Index("ix_grants_place", "place_id", "role"),
        Index("ix_grants_unit", "unit_id", postgresql_where=text("unit_id is not null")),
        CheckConstraint("until is null or until >= since", name="order"),
        CheckConstraint(
            "unit_id is null or role in ('property_staff', 'property_manager', 'merchant_staff')",
            name="unit_roles",
        ),
    )

    id: UUID = key()
    person_id: PersonId = link("people.id")
    role: Role = word(Role)
    place_id: PlaceId = link("places.id")
    unit_id: UnitId | None = link("units.id", optional=True)
    """Set: the role is held at this unit only and reaches nothing else of the place."""
    since: datetime = moment(now=True)
    until: datetime | None = moment(optional=True)
    granted_by: PersonId | None = link("people.id", optional=True)
    created_at: datetime = moment(now=True)


class Residency(SQLModel, table=True):
    """居住关系: person × home."""

    __tablename__ = "residencies"
    __table_args__ = (
        Index(
            "uq_residencies_live",
            "person_id",
            "home_id",
            unique=True,
            postgresql_where=text("state in ('pending', 'verified')"),
        ),
        Index("ix_residencies_community", "community_id", "state"),
        Index("ix_residencies_home", "home_id"),
        Index("ix_residencies_person", "person_id"),
    )

    id: UUID = key()
    person_id: PersonId = link("people.id")
    home_id: HomeId = link("homes.id")
    community_id: PlaceId = link("places.id")
    """The 村/社区 of the home, kept here because every look-up of reach asks for it."""
    relation: Relation = word(Relation)
    is_registered: bool = flag()
    """户籍 in this community; those without take part all the same."""
    state: ResidencyState = word(ResidencyState, default=ResidencyState.pending)
    decided_by: PersonId | None = link("people.id", optional=True)
    reason: str | None = text_column(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class HouseholdLine(SQLModel, table=True):
    """住户名册: that a number belongs to a home, as the community's own register says. No name and no number is
    kept, only what a bound number can be compared with."""

    __tablename__ = "household_lines"
    __table_args__ = (UniqueConstraint("phone_index", "home_id"), Index("ix_household_lines_home", "home_id"))

    id: UUID = key()
    home_id: HomeId = link("homes.id")
    phone_index: bytes = sealed(optional=False)
    relation: Relation = word(Relation)
    is_registered: bool = flag()
    created_at: datetime = moment(now=True)


class Branch(SQLModel, table=True):
    """党支部"""

    __tablename__ = "branches"
    __table_args__ = (UniqueConstraint("place_id", "name"),)

    id: BranchId = key()
    place_id: PlaceId = link("places.id")
    name: str = text_column()
    created_at: datetime = moment(now=True)


class Membership(SQLModel, table=True):
    """党员报到 / 志愿者登记"""

    __tablename__ = "memberships"
    __table_args__ = (
        Index(
            "uq_memberships_live",
            "person_id",
            "kind",
            "place_id",
            unique=True,
            postgresql_where=text("state in ('pending', 'verified')"),
        ),
        Index("ix_memberships_person", "person_id"),
        Index("ix_memberships_place", "place_id", "kind", "state"),
        CheckConstraint("birth_year between 1900 and 2200", name="birth_year_range"),
    )

    id: UUID = key()
    person_id: PersonId = link("people.id")
    kind: MembershipKind = word(MembershipKind)
    place_id: PlaceId = link("places.id")
    """The community reported to (双报到)."""
    branch_id: BranchId | None = link("branches.id", optional=True)
    work_unit: str | None = text_column(optional=True)
    skills: list[str] = texts()
    availability: str | None = text_column(optional=True)
    times: list[str] = texts(server_default=True)
    """When somebody can usually serve, in the words of api/rules/people.ServiceTime."""
    birth_year: int | None = Field(default=None, sa_type=SmallInteger)
    insured_until: date | None = Field(default=None, sa_type=Date)
    """The last day the volunteer's insurance holds."""
    ends_on: date | None = Field(default=None, sa_type=Date)
    """The last day of the membership; None until it is ended."""
    content: ContentState = word(ContentState, default=ContentState.pending)
    """Of what the person says of himself; what a roster says has passed."""
    state: MembershipState = word(MembershipState, default=MembershipState.pending)
    decided_by: PersonId | None = link("people.id", optional=True)
    reason: str | None = text_column(optional=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class MemberLine(SQLModel, table=True):
    """成员名册: what a community's roster says of the member behind a number, until and after it is bound. No name
    and no number is kept, only what a bound number can be compared with."""

    __tablename__ = "member_lines"
    __table_args__ = (
        UniqueConstraint("phone_index", "kind", "place_id"),
        CheckConstraint("birth_year between 1900 and 2200", name="birth_year_range"),
    )

    id: UUID = key()
    phone_index: bytes = sealed(optional=False)
    kind: MembershipKind = word(MembershipKind)
    place_id: PlaceId = link("places.id")
    branch_id: BranchId | None = link("branches.id", optional=True)
    work_unit: str | None = text_column(optional=True)
    skills: list[str] = texts()
    times: list[str] = texts()
    birth_year: int | None = Field(default=None, sa_type=SmallInteger)
    insured_until: date | None = Field(default=None, sa_type=Date)
    ends_on: date | None = Field(default=None, sa_type=Date)
    qualifications: dict[str, Any] = json_column(default=dict)
    """Name → the last day it holds, or null for ever."""
    created_at: datetime = moment(now=True)
