"""The wire's common ground: strict bodies, clean text, aware times."""

import re
import unicodedata
import warnings
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.warnings import UnsupportedFieldAttributeWarning

# FastAPI gives every body an alias and keeps silent about it while it builds; here validators are built later.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""The control characters (category Cc) but for tab and line feed."""


def clean(value: Any) -> Any:
    """NFC, trimmed, without control characters; what is no text is left to the validator."""
    if not isinstance(value, str):
        return value
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROL.sub("", text).strip()


def clean_line(value: Any) -> Any:
    """The same on one line."""
    text = clean(value)
    return " ".join(text.split()) if isinstance(text, str) else text


Title = Annotated[str, StringConstraints(min_length=2, max_length=60), BeforeValidator(clean_line)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=120), BeforeValidator(clean_line)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=500), BeforeValidator(clean)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=4000), BeforeValidator(clean)]
Nickname = Annotated[str, StringConstraints(min_length=1, max_length=20), BeforeValidator(clean_line)]

Search = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=40)]
"""What somebody looks for."""
Moment = Annotated[
    AwareDatetime, Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))
]
"""A moment with an offset that every part of the program can count with: in UTC, year 1 may be year 0."""


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Out(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True, defer_build=True)


class Named(Out):
    """名称与标识"""

    id: UUID = Field(description="标识")
    name: str = Field(description="名称")


class Happened(Out):
    """公开时间线上的一条"""

    id: UUID
    move: str = Field(description="操作")
    from_: str | None = Field(None, alias="from", description="之前的状态")
    to: str | None = Field(None, description="之后的状态")
    by: str = Field(description="以什么身份操作")
    text: str | None = Field(None, description="说明")
    at: datetime = Field(description="时间")


__all__ = [
    "AwareDatetime",
    "Body",
    "Happened",
    "Line",
    "LongText",
    "Moment",
    "Named",
    "Nickname",
    "Out",
    "Search",
    "ShortText",
    "Title",
    "clean",
    "clean_line",
]
