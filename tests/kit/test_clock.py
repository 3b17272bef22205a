"""The only clock: aware, movable, and the same in every process that follows one file."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.kit import clock

CHILD = """
import sys
from datetime import timedelta
from pathlib import Path
from api.kit import clock
clock.follow(Path(sys.argv[1]))
for order in sys.stdin:
    if float(order):
        clock.move(timedelta(seconds=float(order)))
    print(clock.now().isoformat(), clock.wall(), flush=True)
"""
NEAR = timedelta(seconds=5)
"""What a crowded machine may take between two looks at the clock."""


@pytest.fixture(autouse=True)
def _own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Following a file ends with the test."""
    monkeypatch.setattr(clock, "_clock", clock._Clock())


class Other:
    """Another process that follows `file`."""

    def __init__(self, file: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def told(self, move: float = 0.0) -> tuple[datetime, float]:
        """Its now and wall time, after moving the clock by so many seconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(move, file=self.process.stdin, flush=True)
        moment, wall = self.process.stdout.readline().split()
        return datetime.fromisoformat(moment), float(wall)


@pytest.fixture(autouse=True)
def _unmoved() -> None:
    clock.reset()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "clock"


@pytest.fixture
def other(file: Path) -> Iterator[Other]:
    made = Other(file)
    yield made
    assert made.process.stdin is not None
    made.process.stdin.close()
    assert made.process.wait(30) == 0


def test_now_is_the_real_time_aware_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta()
    assert abs(clock.now() - datetime.now(UTC)) < NEAR


def test_a_moved_clock_goes_on_from_there() -> None:
    clock.move(timedelta(days=3))
    assert timedelta() <= clock.now() - (datetime.now(UTC) + timedelta(days=3)) + NEAR < 2 * NEAR
    begun = clock.now()
    time.sleep(0.02)
    assert clock.now() > begun


def test_moves_add_up_and_reset_takes_them_back() -> None:
    clock.move(timedelta(hours=2))
    clock.move(-timedelta(hours=1))
    assert abs(clock.now() - datetime.now(UTC) - timedelta(hours=1)) < NEAR
    clock.reset()
    assert abs(clock.now() - datetime.now(UTC)) < NEAR


def test_it_can_be_set_to_a_moment() -> None:
    afternoon = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
    clock.set_to(afternoon)
    assert timedelta() <= clock.now() - afternoon < NEAR
    assert clock.local(afternoon).hour == 15


def test_the_wall_is_never_moved() -> None:
    clock.move(timedelta(days=365))
    assert abs(clock.wall() - time.time()) < NEAR.total_seconds()


def test_two_processes_live_in_the_same_afternoon(file: Path, other: Other) -> None:
    clock.follow(file)
    clock.set_to(datetime(2030, 1, 7, 6, 0, tzinfo=UTC))
    assert abs(other.told()[0] - clock.now()) < NEAR
    moved, wall = other.told(move=86_400)
    assert abs(moved - clock.now()) < NEAR
    assert clock.now() > datetime(2030, 1, 8, tzinfo=UTC)
    assert abs(wall - time.time()) < NEAR.total_seconds()
    clock.reset()
    assert abs(other.told()[0] - datetime.now(UTC)) < NEAR


def test_who_follows_later_is_where_the_others_are(file: Path, other: Other) -> None:
    other.told(move=7 * 86_400)
    clock.follow(file)
    assert abs(clock.now() - datetime.now(UTC) - timedelta(days=7)) < NEAR


def test_without_a_file_processes_do_not_move_each_other(tmp_path: Path, other: Other) -> None:
    clock.follow(tmp_path / "elsewhere")
    clock.move(timedelta(days=1))
    assert abs(other.told()[0] - datetime.now(UTC)) < NEAR


@pytest.mark.parametrize("left", [b"", b"\0" * 7, b"\0" * 9])
def test_a_file_of_another_size_is_begun_anew(file: Path, left: bytes) -> None:
    file.write_bytes(left)
    clock.follow(file)
    assert abs(clock.now() - datetime.now(UTC)) < NEAR
    clock.move(timedelta(days=1))
    assert file.stat().st_size == 8
