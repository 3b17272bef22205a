"""The clocks of needs over kill -9 of the worker: every timeout is acted on, and acted on once."""

import asyncio
import struct
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from api.rules.people import MembershipKind
from api.settings import Settings
from tests.e2e.topology import Program
from tests.faults.often import often
from tests.neighbours import member, move, published, scalar
from tests.town import Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(420)]
EACH, KILLS = 4, often(2)
LATER = timedelta(days=9)


async def _waiting(town: Town) -> None:
    """Four needs with nobody, four claimed and not called, four offered, four done and not confirmed."""
    for n in range(EACH):
        await published(town, "/help-requests")
        who = await member(town, f"志愿者{n}", MembershipKind.volunteer)
        claimed, offered, done = [await published(town, "/help-requests") for _ in range(3)]
        await move(who, claimed, "claim")
        await move(town.here.worker, offered, "offer", person_id=str(who.id))
        await move(who, done, "claim")
        await move(who, done, "contact")
        await move(who, done, "finish", text="好了", minutes=30)


async def test_every_timeout_is_acted_on_once_over_kills_of_the_worker(
    town: Town, settings: Settings, tmp_path: Path
) -> None:
    await _waiting(town)
    shared, begun = tmp_path / "clock", tmp_path / "begun"
    shared.write_bytes(struct.pack("<d", LATER.total_seconds()))
    worker = Program(
        "need-worker",
        [sys.executable, "-m", "tests.faults.slow_worker_main"],
        tmp_path,
        env={
            "DATABASE_URL": str(settings.database_url),
            "REDIS_URL": str(settings.redis_url),
            "LINLI_WECHAT_BASE": settings.wechat_base,
            "LINLI_CLOCK_FILE": str(shared),
            "EFFECT_SECONDS": "0.2",
            "EFFECTS_BEGUN": str(begun),
        },
    )
    try:
        for _ in range(KILLS):
            before = _lines(begun)
            worker.launch()
            await _until(lambda before=before: _lines(begun) > before + 1, worker)  # type: ignore[misc]
            await asyncio.to_thread(worker.kill)  # in the middle of an effect that has not committed
        worker.launch()
        end = time.monotonic() + 120
        due = """select count(*) from deadlines where fired_at is null and met_at is null and cancelled_at is null
                 and due_at < now() + interval '9 days'"""
        while await scalar(town, due) or await scalar(town, "select count(*) from deliveries"):
            assert time.monotonic() < end, worker.output[-2000:]
            await asyncio.sleep(0.1)
    finally:
        worker.kill()
    async with town.app.state.db.reading() as tx:
        rows = await tx.execute(text("select subject_id, move from events where actor_kind = 'system'"))
        acted = Counter((row[0], row[1]) for row in rows if row[1] != "calendar")
        fired = (
            await tx.execute(text("select count(*) from deadlines where fired_at is not null"))
        ).scalar_one()
    assert max(acted.values()) == 1
    moves = Counter(name for _, name in acted)
    wanted = {"time_out": EACH, "expire": EACH, "take_over": 3 * EACH, "lapse": EACH}
    assert {name: moves[name] for name in wanted} == wanted
    assert _lines(begun) > fired, "the kills interrupted nothing"
    assert await scalar(town, "select count(*) from points_entries") == EACH
    assert await scalar(town, "select sum(live) from claimants") == 0
    assert await scalar(town, "select count(*) from notices where kind = 'need.call_back.callers'") > 0


def _lines(path: Path) -> int:
    return len(path.read_text().split()) if path.exists() else 0


async def _until(condition: object, worker: Program, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, worker.output[-2000:]
        await asyncio.sleep(0.02)
