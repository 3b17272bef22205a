"""JSON as it goes over the wire and into jsonb."""

from typing import Any
from uuid import UUID

import orjson


def _plain(value: Any) -> str:
    """asyncpg's ids are a subclass of UUID, which orjson does not take for one."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def dumps(value: Any) -> bytes:
    """UTF-8 JSON; ids, aware times and enums in their wire form."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z)


loads = orjson.loads
