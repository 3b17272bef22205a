"""Dispatch over kill -9 of the worker, while it works a batch out and while it offers: one plan, one offer a need."""

from datetime import timedelta
from pathlib import Path

import pytest

from api.rules.people import MembershipKind
from api.services.dispatch.planning import LEASE
from api.settings import Settings
from tests.faults.killing import SlowWorker
from tests.faults.often import PATIENCE_S, often
from tests.neighbours import member, published, scalar
from tests.services.test_dispatch_story import act, batch, lines, order
from tests.town import Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(PATIENCE_S)]
KILLS = often(2)
IN_PLANNING = KILLS // 2
IN_OFFERING = KILLS - IN_PLANNING
BATCHES, NEEDS, EACH = IN_PLANNING + 1, IN_OFFERING + 2, 3
"""Each life of the worker gets on by one at least; a member is offered no more than three."""
TAKEN = "select sum(tries) from dispatch_batches"
PLANNING = "select count(*) from dispatch_batches where state = 'queued'"
OFFERING = "select (select count(*) from dispatch_batches where state = 'applying') + (select count(*) from deliveries)"


async def test_a_killed_worker_leaves_no_half_plan_and_no_second_offer(
    town: Town, settings: Settings, tmp_path: Path
) -> None:
    needs = {await published(town, "/help-requests") for _ in range(NEEDS)}
    for n in range(-(-NEEDS // EACH)):
        await member(town, f"志愿者{n}", MembershipKind.volunteer)
    ordered = [await order(town) for _ in range(BATCHES)]
    worker = SlowWorker(settings, tmp_path, seconds=0.3, ahead=timedelta(), also="dispatch")
    lives = 0

    async def lease_over() -> None:
        nonlocal lives
        lives += 1
        worker.ahead(lives * (LEASE + timedelta(seconds=1)))

    interrupted = await worker.through(town, PLANNING, IN_PLANNING, between=lease_over, begun=TAKEN)
    assert interrupted == IN_PLANNING, "the kills interrupted nothing"
    assert {(await batch(town, made))["state"] for made in ordered} == {"ready"}
    assert await scalar(town, "select count(*) from events where move = 'compute'") == BATCHES
    assert (
        await scalar(town, "select count(*) from deadlines where subject_kind = 'dispatch_batch'") == BATCHES
    )
    assert await scalar(town, "select sum(tries) from dispatch_batches") == BATCHES + IN_PLANNING
    for made in ordered:
        assert {need: line["state"] for need, line in (await lines(town, made)).items()} == dict.fromkeys(
            needs, "proposed"
        )

    await act(town.here.worker, ordered[0], "apply")
    assert await worker.through(town, OFFERING, IN_OFFERING) == IN_OFFERING, "the kills interrupted nothing"
    done = await batch(town, ordered[0])
    assert (done["state"], done["offered"], done["stale"]) == ("applied", NEEDS, 0)
    assert await scalar(town, "select count(*) from offers where state = 'open'") == NEEDS
    assert await scalar(town, "select count(*) from offers") == NEEDS
    for move, times in (("apply", 1), ("offer", NEEDS), ("finish", 1)):
        assert await scalar(town, "select count(*) from events where move = :m", m=move) == times, move
    told = "select count(*) from notices where kind = 'need.offer.offeree'"
    assert await scalar(town, told) == NEEDS
    most = "select max(n) from (select count(*) as n from offers group by member_id) x"
    assert await scalar(town, most) <= EACH
