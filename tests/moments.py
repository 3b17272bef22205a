"""When the tests' stories are told: on days of their own, whatever day it is outside.

A test's clock starts at `NOON`. Tests among processes of their own keep the real time, which those processes live in.
"""

from datetime import UTC, datetime
from pathlib import Path

SETTLED = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
"""When the copied town was built."""
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""Friday 12:00 in China."""
MONDAY = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
"""Monday 9:30 in China."""

_AMONG_PROCESSES = {"clients", "deploy", "e2e", "faults"}


def among_processes(test: Path) -> bool:
    """Does the test stand in a folder whose tests start processes of their own?"""
    return test.parent.name in _AMONG_PROCESSES
