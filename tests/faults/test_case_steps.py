"""Cases over kill -9 of the worker and a flushed Redis: requests, ladder, appointments, merges, each acted on once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from api.kit.cache import Redis
from api.settings import Settings
from tests.faults.killing import SlowWorker
from tests.faults.often import PATIENCE_S, often
from tests.neighbours import scalar
from tests.services.case_laws import Laws
from tests.services.test_appointment_story import _ask, _receives
from tests.services.test_case_requests import asked, decide, finished, signed
from tests.town import Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(PATIENCE_S)]
Pump = Callable[[], Awaitable[None]]
KILLS = often(2)
LATER = timedelta(days=12)
WAITING = """select (select count(*) from deliveries) + (select count(*) from deadlines
  where fired_at is null and met_at is null and cancelled_at is null and due_at < now() + interval '12 days')"""
TWICE = """select subject_id, move, from_state, data->>'clock', data->>'level', data->>'percent', count(*)
           from events where actor_kind = 'system' and subject_kind <> 'calendar' and at > now() + interval '6 days'
           group by 1, 2, 3, 4, 5, 6 having count(*) > 1"""


async def _begun(town: Town, pump: Pump) -> dict[str, str]:
    """One case for each thing that the worker does by itself, just before it does it."""
    here, town_hall = town.here, town.supervisor
    found = {
        name: await signed(town, pump, title=name)
        for name in ("waits", "held", "back", "pending", "rated", "child")
    }
    found["consult"] = await signed(town, pump, category="consult", title="consult")
    found["parent"] = await signed(town, pump, title="parent")
    assert (await here.worker.move(found["waits"], "ask", question="是哪一层？")).status_code == 200
    held = await asked(here.secretary, found["held"], "suspend", days=5, suspend_reason="season")
    assert (await decide(town_hall, found["held"], held)).status_code == 200
    await asked(here.worker, found["pending"], "extend", days=2)
    for name in ("consult", "rated"):
        assert (await finished(town, found[name])).status_code == 200
    assert (await here.secretary.move(found["rated"], "pass_check")).status_code == 200
    assert (await here.worker.move(found["child"], "merge", parent_id=found["parent"])).status_code == 200
    assert (await here.resident.move(found["parent"], "withdraw")).status_code == 200
    back = await asked(here.worker, found["back"], "return")
    assert (await decide(here.secretary, found["back"], back)).status_code == 200
    found["new"] = (await town.submit(title="new"))["id"]
    slots = await _receives(town)
    assert (await _ask(town, here.resident, slots[0])).status_code == 201
    return found


async def test_every_step_of_a_case_is_made_once_over_kills_of_the_worker_and_a_flushed_redis(
    town: Town, settings: Settings, redis: Redis, tmp_path: Path, pump: Pump
) -> None:
    cases = await _begun(town, pump)
    worker = SlowWorker(settings, tmp_path, seconds=0.15, ahead=LATER, also="events")
    interrupted = await worker.through(town, WAITING, KILLS, between=redis.flushall)
    assert interrupted >= min(KILLS, 2), "the kills interrupted nothing"
    await Laws().hold(town.app.state.db, [UUID(case) for case in cases.values()])
    async with town.app.state.db.reading() as tx:
        assert (await tx.execute(text(TWICE))).all() == []
        rows = await tx.execute(text("select title, state, level from cases"))
        states = {row.title: row.state for row in rows}
        told = await tx.execute(
            text(
                "select person_id, event_id, kind, count(*) from notices group by 1, 2, 3 having count(*) > 1"
            )
        )
        assert told.all() == []
        dead = (await tx.execute(text("select count(*) from deliveries where dead"))).scalar_one()
    assert dead == 0
    assert states.pop("consult") in ("handled", "awaiting_rating")  # one in ten is left to a person
    assert states == {
        "waits": "in_progress",
        "held": "in_progress",
        "pending": "in_progress",
        "rated": "closed",
        "child": "dispatched",
        "parent": "withdrawn",
        "back": "submitted",
        "new": "dispatched",
    }
    moves = "select count(*) from events where actor_kind = 'system' and move = '{}'"
    for move, least in (("overdue", 4), ("climb", 3), ("expire", 2), ("resume", 1), ("unmerge", 1)):
        assert await scalar(town, moves.format(move)) >= least, move
