"""导入记录: how far a file has been brought in, so that an import goes on where it was stopped."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from api.kit.columns import json_column, key, moment, reference, text_column


class ImportRun(SQLModel, table=True):
    """One file of one kind, known by its content's hash."""

    __tablename__ = "import_runs"
    __table_args__ = (UniqueConstraint("kind", "sha256"),)

    id: UUID = key()
    kind: str = text_column()
    sha256: str = text_column()
    file_name: str = text_column()
    done: int = Field(default=0, sa_type=Integer, nullable=False)
    """Records brought in and committed so far, in the file's order."""
    total: int = Field(default=0, sa_type=Integer, nullable=False)
    faults: list[dict[str, Any]] = json_column(default=list)
    """`{"line", "reason"}` of each bad line."""
    started_by: UUID | None = reference(optional=True)
    started_at: datetime = moment(now=True)
    finished_at: datetime | None = moment(optional=True)
