"""The only clock. `now()` is aware UTC; tests and the demo move it, production cannot.

A moved clock can be shared by several processes: `follow(path)` reads an offset in seconds
from an eight-byte file, so that the demo's API and worker live in the same afternoon.
"""

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")
"""Where working hours and days are counted."""

_OFFSET = struct.Struct("<d")


class _Clock:
    shared: mmap.mmap | None = None
    offset: float = 0.0


_clock = _Clock()


def now() -> datetime:
    """This moment, aware, in UTC."""
    shift = _OFFSET.unpack_from(_clock.shared)[0] if _clock.shared is not None else _clock.offset
    real = datetime.now(UTC)
    return real + timedelta(seconds=shift) if shift else real


def shift() -> timedelta:
    """How far `now()` is from the real time: for statements that must ask the engine's own clock."""
    by = _OFFSET.unpack_from(_clock.shared)[0] if _clock.shared is not None else _clock.offset
    return timedelta(seconds=by)


def local(moment: datetime) -> datetime:
    """`moment` as the people of the place read it on the wall."""
    return moment.astimezone(CHINA)


def move(by: timedelta) -> None:
    """Shift this clock (and every process following the same file) by `by`."""
    if _clock.shared is not None:
        _OFFSET.pack_into(_clock.shared, 0, _OFFSET.unpack_from(_clock.shared)[0] + by.total_seconds())
    else:
        _clock.offset += by.total_seconds()


def set_to(moment: datetime) -> None:
    """Make `now()` start from `moment` and go on from there."""
    move(moment - now())


def reset() -> None:
    """Back to the real time."""
    _clock.offset = 0.0
    if _clock.shared is not None:
        _OFFSET.pack_into(_clock.shared, 0, 0.0)


def follow(path: Path) -> None:
    """Share the clock's offset through `path`, made with a zero offset where it does not exist."""
    if not path.exists() or path.stat().st_size != _OFFSET.size:
        path.write_bytes(_OFFSET.pack(0.0))
    with path.open("r+b") as file:
        _clock.shared = mmap.mmap(file.fileno(), _OFFSET.size)


def wall() -> float:
    """Real seconds since 1970, never moved: for what belongs to the outside world, such as one-time codes."""
    return datetime.now(UTC).timestamp()
