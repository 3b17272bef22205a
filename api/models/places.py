"""Places, estates, homes and the units that handle what happens there."""

from datetime import datetime
from decimal import Decimal
from typing import NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, UniqueConstraint
from sqlmodel import Field, SQLModel

from api.kit.columns import code_column, computed, flag, key, link, moment, text_column, word
from api.rules.places import PATH_END, Level, UnitKind

PlaceId = NewType("PlaceId", UUID)
EstateId = NewType("EstateId", UUID)
HomeId = NewType("HomeId", UUID)
UnitId = NewType("UnitId", UUID)


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


class Unit(SQLModel, table=True):
    """承办单位: who owns a case. Its members are those whose grant at its place serves its kind."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("place_id", "kind", "name"),)

    id: UnitId = key()
    kind: UnitKind = word(UnitKind)
    place_id: PlaceId = link("places.id")
    name: str = text_column()
    phone: str | None = text_column(optional=True)
    """The desk's public number, not a person's."""
    address: str | None = text_column(optional=True)
    hours: str | None = text_column(optional=True)
    active: bool = flag(default=True)
    created_at: datetime = moment(now=True)
