"""定时任务: when each scheduled job runs next; the row is the lock, so one worker runs it."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from api.kit.columns import moment, text_column


class Job(SQLModel, table=True):
    """One scheduled job of the worker."""

    __tablename__ = "jobs"

    name: str = Field(sa_type=Text, primary_key=True)
    next_at: datetime = moment()
    last_at: datetime | None = moment(optional=True)
    error: str | None = text_column(optional=True)
