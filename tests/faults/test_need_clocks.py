"""The clocks of needs over kill -9 of the worker: every timeout is acted on, and acted on once."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from api.rules.people import MembershipKind
from api.settings import Settings
from tests.faults.killing import SlowWorker
from tests.faults.often import PATIENCE_S, often
from tests.neighbours import member, move, published, scalar
from tests.town import Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(PATIENCE_S)]
EACH, KILLS = 4, often(2)
LATER = timedelta(days=9)
WAITING = """select (select count(*) from deliveries) + (select count(*) from deadlines
  where fired_at is null and met_at is null and cancelled_at is null and due_at < now() + interval '9 days')"""


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
    worker = SlowWorker(settings, tmp_path, seconds=0.2, ahead=LATER)
    interrupted = await worker.through(town, WAITING, KILLS)
    async with town.app.state.db.reading() as tx:
        rows = await tx.execute(text("select subject_id, move from events where actor_kind = 'system'"))
        acted = Counter((row[0], row[1]) for row in rows if row[1] != "calendar")
    assert max(acted.values()) == 1
    moves = Counter(name for _, name in acted)
    wanted = {"time_out": EACH, "expire": EACH, "take_over": 3 * EACH, "lapse": EACH}
    assert {name: moves[name] for name in wanted} == wanted
    assert interrupted >= min(KILLS, 2), "the kills interrupted nothing"
    assert await scalar(town, "select count(*) from points_entries") == EACH
    assert await scalar(town, "select sum(live) from claimants") == 0
    assert await scalar(town, "select count(*) from notices where kind = 'need.call_back.callers'") > 0
