"""Column types shared by all tables, so that every id, moment and enum looks the same in the database.

Tables are SQLModel classes with `table=True`: they do not validate and never face the wire.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    Computed,
    DateTime,
    Enum,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from api.kit import clock
from api.kit.ids import new_id

# Tables do not validate: the validators of all of them are never asked for.
SQLModel.model_config["defer_build"] = True

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def key() -> Any:
    """The primary key: a UUIDv7."""
    return Field(default_factory=new_id, sa_type=Uuid, primary_key=True)


def link(target: str, *, optional: bool = False, index: bool = False, primary_key: bool = False) -> Any:
    """A reference to `target` ("table.column"); rows referred to cannot be deleted."""
    required: dict[str, Any] = {} if not optional else {"default": None}
    return Field(
        **required,
        sa_type=Uuid,
        primary_key=primary_key,
        index=index,
        sa_column_args=[ForeignKey(target, ondelete="RESTRICT")],
        nullable=optional,
    )


def reference(*, optional: bool = False, index: bool = False) -> Any:
    """An id whose table is named by another column (subjects of events), hence no foreign key."""
    required: dict[str, Any] = {} if not optional else {"default": None}
    return Field(**required, sa_type=Uuid, index=index, nullable=optional)


def moment(*, optional: bool = False, now: bool = False, index: bool = False) -> Any:
    """An aware UTC timestamp; `now` fills in the clock's moment."""
    fill: dict[str, Any] = {}
    if optional:
        fill = {"default": None}
    elif now:
        fill = {"default_factory": clock.now}
    return Field(**fill, sa_type=DateTime(timezone=True), nullable=optional, index=index)


def word(kind: type[StrEnum], *, default: StrEnum | None = None, optional: bool = False) -> Any:
    """An enum stored as its text value, guarded by a CHECK."""
    values: Callable[[type[StrEnum]], list[str]] = lambda members: [m.value for m in members]  # noqa: E731
    column = Enum(
        kind,
        native_enum=False,
        values_callable=values,
        length=32,
        create_constraint=True,
        name=kind.__name__.lower(),
    )
    fill: dict[str, Any] = {"default": default} if (default is not None or optional) else {}
    return Field(**fill, sa_type=column, nullable=optional)


def text_column(
    *, optional: bool = False, default: str | None = None, unique: bool = False, index: bool = False
) -> Any:
    """Text without a length of its own: lengths are limits of the wire."""
    fill: dict[str, Any] = {"default": default} if (default is not None or optional) else {}
    return Field(**fill, sa_type=Text, nullable=optional, unique=unique, index=index)


def code_column(*, unique: bool = False) -> Any:
    """Codes and paths: compared byte by byte whatever the database's collation, so that a prefix is a range."""
    return Field(sa_type=Text(collation="C"), nullable=False, unique=unique)


def json_column(*, optional: bool = False, default: Callable[[], Any] | None = None) -> Any:
    """A JSONB document."""
    fill: dict[str, Any] = {"default": None} if optional else {}
    if default is not None:
        fill = {"default_factory": default}
    return Field(**fill, sa_type=JSONB(none_as_null=True), nullable=optional)


def texts(*, server_default: bool = False) -> Any:
    """A list of words; with a default on the server where a column joins a table that has rows."""
    fill: dict[str, Any] = {"sa_column_kwargs": {"server_default": text("'{}'")}} if server_default else {}
    return Field(default_factory=list, sa_type=ARRAY(Text), nullable=False, **fill)


def flag(default: bool = False) -> Any:
    """A boolean with a default on the server too, so that hand-built inserts may leave it out."""
    return Field(
        default=default,
        sa_type=Boolean,
        nullable=False,
        sa_column_kwargs={"server_default": text("true" if default else "false")},
    )


def whole(default: int | None = None, *, small: bool = False, optional: bool = False) -> Any:
    """A whole number; a default holds on the server too, so that hand-built inserts may leave it out."""
    fill: dict[str, Any] = {"default": default} if (default is not None or optional) else {}
    if default is not None:
        fill["sa_column_kwargs"] = {"server_default": text(str(default))}
    return Field(**fill, sa_type=SmallInteger if small else Integer, nullable=optional)


def sealed(*, optional: bool = True) -> Any:
    """Bytes sealed by kit/secrets; readable only with the master key."""
    return Field(default=None, sa_type=LargeBinary, nullable=optional)


def computed(expression: str) -> Any:
    """A text column PostgreSQL generates from others of its row."""
    column = Computed(expression, persisted=True)
    return Field(default=None, sa_type=Text(collation="C"), sa_column_args=[column], nullable=True)


def version() -> Any:
    """Counts the changes of a row; a move names the one it decided on."""
    return Field(default=1, nullable=False, sa_column_kwargs={"server_default": text("1")})
