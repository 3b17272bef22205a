"""Places, estates, homes and the units that handle what happens there."""

from datetime import datetime
from decimal import Decimal
from typing import NewType
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Double, Index, Numeric, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from api.kit.columns import code_column, computed, flag, key, link, moment, text_column, word
from api.rules.places import PATH_END, Level, UnitKind
from api.rules.property import AssetKind, AssignmentMode

PlaceId = NewType("PlaceId", UUID)
EstateId = NewType("EstateId", UUID)
HomeId = NewType("HomeId", UUID)
UnitId = NewType("UnitId", UUID)
CompanyId = NewType("CompanyId", UUID)
AssetId = NewType("AssetId", UUID)


class Place(SQLModel, table=True):
    """地域: a node of the tree 省 市 县 乡镇/街道 村/社区 网格 楼栋.

    `path` makes every subtree one index range [path, path_end); see docs/adr/0005.
    """

    __tablename__ = "places"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("path"),
        CheckConstraint("path like '%/'", name="path_shape"),
        CheckConstraint("(level = 'province') = (parent_id is null)", name="rooted"),
        Index("ix_places_parent", "parent_id", "code"),
    )

    id: PlaceId = key()
    code: str = code_column()
    """Twelve official digits down to 村/社区; below, the village's code and a local number."""
    level: Level = word(Level)
    name: str = text_column()
    parent_id: PlaceId | None = link("places.id", optional=True)
    path: str = code_column()
    path_end: str = computed(PATH_END)
    active: bool = flag(default=True)
    created_at: datetime = moment(now=True)


class PlaceBounds(SQLModel, table=True):
    """地域范围: the box a place lies in, degrees of GCJ-02; what is reported there must lie inside."""

    __tablename__ = "place_bounds"
    __table_args__ = (CheckConstraint("south < north and west < east", name="box"),)

    place_id: PlaceId = link("places.id", primary_key=True)
    south: float = Field(sa_type=Double, nullable=False)
    west: float = Field(sa_type=Double, nullable=False)
    north: float = Field(sa_type=Double, nullable=False)
    east: float = Field(sa_type=Double, nullable=False)


class Estate(SQLModel, table=True):
    """小区: a set of buildings with one property company."""

    __tablename__ = "estates"
    __table_args__ = (UniqueConstraint("place_id", "name"),)

    id: EstateId = key()
    place_id: PlaceId = link("places.id")
    """The community it lies in."""
    name: str = text_column()
    created_at: datetime = moment(now=True)


class EstateBuilding(SQLModel, table=True):
    """楼栋归属: which estate a building belongs to; at most one."""

    __tablename__ = "estate_buildings"

    building_id: PlaceId = link("places.id", primary_key=True)
    estate_id: EstateId = link("estates.id", index=True)


class Home(SQLModel, table=True):
    """户: a dwelling."""

    __tablename__ = "homes"
    __table_args__ = (
        UniqueConstraint("building_id", "room"),
        CheckConstraint("area_m2 > 0", name="area_positive"),
    )

    id: HomeId = key()
    building_id: PlaceId = link("places.id")
    room: str = text_column()
    area_m2: Decimal | None = Field(default=None, sa_type=Numeric(9, 2), nullable=True)
    created_at: datetime = moment(now=True)


class Company(SQLModel, table=True):
    """物业公司: it serves estates, each through a unit of its own."""

    __tablename__ = "companies"
    __table_args__ = (UniqueConstraint("place_id", "name"),)

    id: CompanyId = key()
    place_id: PlaceId = link("places.id")
    """Whose administration registered it: its town or county."""
    name: str = text_column()
    phone: str | None = text_column(optional=True)
    service_hours: str | None = text_column(optional=True)
    """`08:00-20:00`, as Hours.parse reads it; None for the default."""
    created_at: datetime = moment(now=True)


class Asset(SQLModel, table=True):
    """设施: what an estate has in common and can break: lift 2, the pump room, the gate."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("estate_id", "building_id", "name", postgresql_nulls_not_distinct=True),
    )

    id: AssetId = key()
    estate_id: EstateId = link("estates.id")
    building_id: PlaceId | None = link("places.id", optional=True)
    """None for what serves the whole estate."""
    kind: AssetKind = word(AssetKind)
    name: str = text_column()
    active: bool = flag(default=True)
    created_at: datetime = moment(now=True)


class Unit(SQLModel, table=True):
    """承办单位: who owns a case. Its members hold a role at the unit itself or, of the public ones, at its place."""

    __tablename__ = "units"
    __table_args__ = (
        UniqueConstraint("place_id", "kind", "name"),
        CheckConstraint("estate_id is null or kind = 'property_company'", name="estate_has_property"),
        Index(
            "uq_units_estate",
            "estate_id",
            unique=True,
            postgresql_where=text("active and estate_id is not null"),
        ),
    )

    id: UnitId = key()
    kind: UnitKind = word(UnitKind)
    place_id: PlaceId = link("places.id")
    name: str = text_column()
    phone: str | None = text_column(optional=True)
    """The desk's public number, not a person's."""
    address: str | None = text_column(optional=True)
    hours: str | None = text_column(optional=True)
    """As shown to people."""
    company_id: CompanyId | None = link("companies.id", optional=True)
    estate_id: EstateId | None = link("estates.id", optional=True)
    """The estate a property company's unit serves; one active unit each."""
    service_hours: str | None = text_column(optional=True)
    """The unit's own, as Hours.parse reads them; None for the company's, or the default."""
    assignment: AssignmentMode = word(AssignmentMode, default=AssignmentMode.taken)
    turn: int = Field(
        default=0, sa_type=BigInteger, nullable=False, sa_column_kwargs={"server_default": text("0")}
    )
    """How many cases the rotation has handed out."""
    active: bool = flag(default=True)
    created_at: datetime = moment(now=True)
