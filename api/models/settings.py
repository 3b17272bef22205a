"""地域设定: what a place promises instead of the defaults, version by version."""

from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import CheckConstraint, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from api.kit.columns import json_column, key, link, moment, reference, text_column
from api.models.places import PlaceId

SettingId = NewType("SettingId", UUID)


class PlaceSetting(SQLModel, table=True):
    """One version of a place's settings. Never changed: a later version takes its place from its own moment on."""

    __tablename__ = "place_settings"
    __table_args__ = (
        UniqueConstraint("place_id", "version"),
        CheckConstraint("version >= 1", name="version_counts"),
    )

    id: SettingId = key()
    place_id: PlaceId = link("places.id")
    version: int = Field(sa_type=Integer, nullable=False)
    valid_from: datetime = moment()
    terms: dict[str, Any] = json_column(default=dict)
    """`{class: {step: amount}}`: only what differs from the defaults; minutes or days, as the default counts."""
    note: str = text_column()
    created_by: UUID | None = reference(optional=True)
    created_at: datetime = moment(now=True)
