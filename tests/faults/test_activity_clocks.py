"""The clocks of activities over kill -9 of the worker: freed seats go on, nobody's hours are lost or counted twice."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from api.kit import clock
from api.settings import Settings
from tests.activities import check_in, published, seat_move, sign_up, volunteer
from tests.faults.killing import SlowWorker
from tests.faults.often import PATIENCE_S, often
from tests.neighbours import scalar
from tests.town import Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(PATIENCE_S)]
KILLS = often(2)
EACH = 2 + KILLS // 5
ANSWERED, OVER, PUBLIC = timedelta(hours=13), timedelta(days=9), timedelta(days=13)
"""When the first who was asked has not answered, when all is over, and when the publicity is over too."""
WAITING = """select (select count(*) from deliveries) + (select count(*) from deadlines where fired_at is null
  and met_at is null and cancelled_at is null and due_at < now() + make_interval(hours => {}))"""
TWICE = """select string_agg(what, ' ') from (select distinct subject_kind || '.' || move as what from events
  where actor_kind = 'system' and subject_kind in ('activity', 'seat', 'service_record')
  group by subject_kind, subject_id, move having count(*) > 1) x"""
NOTICED_TWICE = (
    "select count(*) from (select 1 from notices group by person_id, event_id, kind having count(*) > 1) x"
)


def waiting(ahead: timedelta) -> str:
    return WAITING.format(int(ahead.total_seconds() // 3600))


async def _queues(town: Town, starts: datetime) -> None:
    """One seat each, whose holder leaves: the first of two who wait is asked and keeps silent."""
    for n in range(EACH):
        activity = await published(town, starts=starts, seats=1, queue=2)
        seats = [
            (who, await sign_up(who, activity))
            for who in [await volunteer(town, f"候补{n}{m}") for m in range(3)]
        ]
        await seat_move(seats[0][0], seats[0][1]["id"], "cancel")


async def _walks(town: Town, starts: datetime) -> None:
    """Two seats each: one comes for two hours, one does not come."""
    walks = [await published(town, starts=starts, seats=2, queue=0) for _ in range(EACH)]
    comers = [await volunteer(town, f"志愿者{n}") for n in range(EACH)]
    for who, walk in zip(comers, walks, strict=True):
        await sign_up(who, walk)
        await sign_up(await volunteer(town, "爽约"), walk)
    for at in (starts - timedelta(minutes=1), starts + timedelta(minutes=121)):
        clock.set_to(at)
        for who, walk in zip(comers, walks, strict=True):
            await check_in(who, walk)
    clock.reset()


async def test_every_clock_of_an_activity_is_acted_on_once_over_kills_of_the_worker(
    town: Town, settings: Settings, tmp_path: Path, pump: Callable[[], Awaitable[None]]
) -> None:
    await _queues(town, clock.now() + timedelta(days=4))
    await pump()  # so that what is killed is a clock, and no delivery of the setting up
    worker = SlowWorker(settings, tmp_path, seconds=0.15, ahead=ANSWERED, also="events")
    interrupted = await worker.through(town, waiting(ANSWERED), KILLS // 2)
    states = "select array_agg(state order by ticket) from seats s where s.activity_id = a.id"
    async with town.app.state.db.reading() as tx:
        found = (
            (await tx.execute(text(f"select ({states}) from activities a where queue > 0"))).scalars().all()
        )
    assert found == [["cancelled", "lapsed", "offered"]] * EACH

    await _walks(town, clock.now() + timedelta(days=2))
    await pump()
    for ahead, kills in ((OVER, KILLS // 4), (PUBLIC, KILLS - KILLS // 2 - KILLS // 4)):
        worker.ahead(ahead)
        interrupted += await worker.through(town, waiting(ahead), kills)
    assert interrupted >= min(KILLS, 2), "the kills interrupted nothing"
    assert (await scalar(town, TWICE), await scalar(town, NOTICED_TWICE)) == (None, 0)
    assert await scalar(town, "select count(*) from activities where state <> 'ended'") == 0
    async with town.app.state.db.reading() as tx:
        rows = await tx.execute(
            text("select move from events where subject_kind = 'seat' and actor_kind = 'system'")
        )
        moves = Counter(rows.scalars())
    wanted = {"offer": 2 * EACH, "expire": 2 * EACH, "no_show": EACH, "settle": EACH, "credit": EACH}
    assert {move: moves[move] for move in wanted} == wanted
    ledger = """select count(*) || ' ' || sum(minutes) || ' ' || count(distinct person_id) from service_records
      where kind = 'automatic'"""
    assert await scalar(town, ledger) == f"{EACH} {EACH * 120} {EACH}"
    assert await scalar(town, "select sum(minutes) from points_entries") == EACH * 120
    assert await scalar(town, "select sum(minutes_automatic) from seats") == EACH * 120
    assert await scalar(town, "select count(*) from deliveries where dead") == 0
