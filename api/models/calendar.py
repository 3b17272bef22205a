"""工作日历: each import is a new version; a deadline remembers the one it was computed from."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Integer
from sqlmodel import Field, SQLModel

from api.kit.columns import json_column, moment, reference, text_column


class CalendarVersion(SQLModel, table=True):
    """One version of the working-day table; the highest number is in force."""

    __tablename__ = "calendar_versions"

    version: int = Field(sa_type=Integer, primary_key=True)
    known_from: date = Field(sa_type=Date, nullable=False)
    known_through: date = Field(sa_type=Date, nullable=False)
    days: list[Any] = json_column(default=list)
    """`[date, kind, name]` for every day that is not what its weekday says."""
    note: str = text_column()
    created_by: UUID | None = reference(optional=True)
    created_at: datetime = moment(now=True)
