"""找商家: the merchants of a neighbourhood."""

from datetime import datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import SQLModel

from api.kit.columns import flag, key, link, moment, text_column, version, word
from api.models.places import PlaceId, UnitId
from api.rules.property import MerchantCategory

MerchantId = NewType("MerchantId", UUID)


class Merchant(SQLModel, table=True):
    """商家: entered by the community, shown to everybody; online orders go to its unit."""

    __tablename__ = "merchants"
    __table_args__ = (
        UniqueConstraint("place_id", "name"),
        Index("ix_merchants_place", "place_id", "category", "id"),
    )

    id: MerchantId = key()
    place_id: PlaceId = link("places.id")
    """The community it serves."""
    category: MerchantCategory = word(MerchantCategory)
    name: str = text_column()
    phone: str | None = text_column(optional=True)
    address: str | None = text_column(optional=True)
    hours: str | None = text_column(optional=True)
    introduction: str | None = text_column(optional=True)
    unit_id: UnitId | None = link("units.id", optional=True)
    """Who takes its orders; None for one that is only listed."""
    active: bool = flag(default=True)
    version: int = version()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)
