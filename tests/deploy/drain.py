"""How long the parts take to end, read from where each is decided, so that nothing is cut off by another."""

import re

from api import worker
from api.commands.api_process import DRAIN_S
from tests.deploy.shipped import DEPLOY

API_S = float(DRAIN_S)
WORKER_S = worker.GRACE

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(length: str) -> float:
    """`1m30s`, `75` or `60s` in seconds."""
    parts = re.findall(r"(\d+)([a-z]*)", length)
    assert parts, f"not a length of time: {length!r}"
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def nginx_seconds(directive: str) -> float:
    """What nginx.conf says for a directive that is there once."""
    (found,) = re.findall(rf"^\s*{directive} (\S+);", (DEPLOY / "nginx.conf").read_text(), re.M)
    return seconds(found)
