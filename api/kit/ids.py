"""Identifiers: UUIDv7 (RFC 9562), so that the order of ids is the order of births and a keyset cursor is one id."""

import os
from datetime import UTC, datetime
from uuid import UUID

from api.kit import clock


def new_id(at: datetime | None = None) -> UUID:
    """A UUIDv7 of the moment `at` (the clock's now by default).

    48 bits of milliseconds, 12 bits of the millisecond's fraction (RFC 9562, 6.2, method 3), 62 random bits.
    """
    moment = at or clock.now()
    milliseconds = int(moment.timestamp()) * 1000 + moment.microsecond // 1000
    fraction = moment.microsecond % 1000 * 4096 // 1000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


def born(id_: UUID) -> datetime:
    """The moment a UUIDv7 was made, aware UTC, to the millisecond."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)
