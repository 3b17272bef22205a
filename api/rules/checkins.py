"""签到: codes that change every half minute, and how far somebody is from the place of an activity."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from uuid import UUID

from api.kit.problems import Problem

STEP = timedelta(seconds=30)
"""How long a code is shown; it is accepted while the next one is shown too."""
_MAC = 12
"""Bytes of the signature: 96 bits, guessed in a minute by nobody."""
_EARTH_M = 6_371_000

Sign = Callable[[str], bytes]
"""A keyed hash of a text."""


class CheckinCodeRefused(Problem):
    status, code, title = 422, "checkin_code_refused", "二维码无效或已过期"
    advice = "请扫描现场正在显示的二维码；它每半分钟更换一次。"


class TooFar(Problem):
    status, code, title = 409, "too_far", "您不在活动地点附近"


class NoPosition(Problem):
    status, code, title = 409, "no_position", "这个活动不能用定位签到"


def _step(at: datetime) -> int:
    return int(at.timestamp() // STEP.total_seconds())


def _signature(sign: Sign, activity_id: UUID, step: int) -> bytes:
    return sign(f"{activity_id}/{step}")[:_MAC]


def code_at(sign: Sign, activity_id: UUID, at: datetime) -> tuple[str, datetime]:
    """The code of an activity shown at `at`, and when the next one takes its place."""
    step = _step(at)
    until = datetime.fromtimestamp((step + 1) * STEP.total_seconds(), UTC)
    return _spelled(step.to_bytes(5) + _signature(sign, activity_id, step)), until


def _spelled(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def check_code(sign: Sign, activity_id: UUID, code: str, at: datetime) -> None:
    """Raises CheckinCodeRefused for a forged or old one, or one of another activity."""
    try:
        raw = urlsafe_b64decode(code.encode() + b"=" * (-len(code) % 4))
    except (Error, ValueError):
        raise CheckinCodeRefused from None
    step, given = int.from_bytes(raw[:5]), raw[5:]
    fresh = _step(at) - 1 <= step <= _step(at)
    signed = hmac.compare_digest(given, _signature(sign, activity_id, step))
    # The last letter has two bits to spare, and strange letters are passed over: a code has one spelling.
    if not signed or not fresh or code != _spelled(raw):
        raise CheckinCodeRefused


def metres(here: tuple[float, float], there: tuple[float, float]) -> int:
    """Between two (latitude, longitude) in degrees, over the sphere."""
    (a, b), (c, d) = here, there
    half = sin(radians(c - a) / 2) ** 2 + cos(radians(a)) * cos(radians(c)) * sin(radians(d - b) / 2) ** 2
    return round(2 * _EARTH_M * asin(min(1.0, sqrt(half))))
