"""Keyset pages: `{"items": […], "next": "<cursor>" | null}`. A cursor is the last id seen, written short."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from api.kit.problems import Problem

T = TypeVar("T")

FIRST = UUID(int=2**128 - 1)
"""Where a newest-first list begins: above every id."""
LAST = UUID(int=0)
"""Where an oldest-first list begins: below every id."""


class BadCursor(Problem):
    status, code, title = 422, "bad_cursor", "翻页标记无效"
    advice = "after 只能使用上一页返回的 next 原值。"


class Page(BaseModel, Generic[T]):
    """一页内容"""

    model_config = ConfigDict(defer_build=True)

    items: list[T] = Field(description="本页内容")
    next: str | None = Field(None, description="下一页的标记；没有更多时为 null")


Limit = Annotated[int, Query(ge=1, le=100, description="每页条数")]
After = Annotated[str | None, Query(max_length=64, description="上一页返回的 next")]


def write_cursor(last: UUID) -> str:
    return urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def read_cursor(cursor: str | None, start: UUID = FIRST) -> UUID:
    """The id to go on from. Raises BadCursor."""
    if cursor is None:
        return start
    try:
        last = UUID(bytes=urlsafe_b64decode(cursor.encode() + b"=="))
    except (ValueError, binascii.Error):
        raise BadCursor from None
    if write_cursor(last) != cursor:  # the decoder passes over what it does not know
        raise BadCursor
    return last


def page(rows: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A page of `rows` fetched with `limit + 1`, each with an `id`."""
    more = len(rows) > limit
    items = rows[:limit]
    return {"items": items, "next": write_cursor(items[-1]["id"]) if more else None}
