"""社区派单 by several workers and by dying ones: one batch an hour, no half of one, and none that kills them all."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from api.kit import clock
from api.services.dispatch import planning, schedule
from api.services.dispatch.planning import Applier, Dispatcher
from tests.moments import MONDAY
from tests.neighbours import member, scalar
from tests.services.test_dispatch_story import Pump, act, batch, lines, order, wished_elsewhere, work  # noqa: F401
from tests.town import Town


async def test_workers_that_see_the_hour_come_at_once_order_one_batch(town: Town) -> None:
    clock.set_to(MONDAY)  # 09:30 here
    hours = {"place_id": str(town.here.place), "version": 0, "mode": "preview", "hours": [9]}
    assert (await town.here.worker.post("/dispatch-settings", hours)).status_code == 201

    async def one_of_four() -> None:
        async with town.app.state.db.transaction() as tx:
            await schedule.make_due(tx)

    await asyncio.gather(*(one_of_four() for _ in range(4)))
    assert await scalar(town, "select count(*) from dispatch_batches") == 1
    assert await scalar(town, "select count(*) from events where move = 'order'") == 1


async def test_a_worker_that_dies_at_it_leaves_no_half_and_another_takes_over(
    town: Town, work: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.set_to(MONDAY)
    await member(town)
    needs = [await wished_elsewhere(town) for _ in range(2)]
    made = await order(town)
    dispatcher, applier = Dispatcher(town.app.state.db), Applier(town.app.state.db)

    offer = planning.offering.offer

    async def dies(*args: Any, **more: Any) -> None:
        await offer(*args, **more)
        raise SystemError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(planning.deadlines, "start", dies_at_once)
        with pytest.raises(SystemError):
            await dispatcher.run_one()
    assert (await batch(town, made))["state"] == "queued"
    assert await scalar(town, "select count(*) from dispatch_lines") == 0
    assert await dispatcher.run_one() is False, "leased"
    clock.move(planning.LEASE + timedelta(seconds=1))
    assert await dispatcher.run_one() is True
    assert await scalar(town, "select count(*) from dispatch_lines") == len(needs)

    await act(town.here.worker, made, "apply")
    assert await applier.run_one() is True
    with monkeypatch.context() as broken:
        broken.setattr(planning.offering, "offer", dies)
        with pytest.raises(SystemError):
            await applier.run_one()
    states = [line["state"] for line in (await lines(town, made)).values()]
    assert sorted(states) == ["offered", "proposed"]
    await work()
    assert (await batch(town, made))["offered"] == len(needs)
    assert await scalar(town, "select count(*) from offers") == len(needs)


def dies_at_once(*_: Any, **__: Any) -> None:
    raise SystemError("killed")


async def test_a_batch_that_kills_three_workers_is_given_up_and_can_be_tried_again(
    town: Town, work: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.set_to(MONDAY)
    made = await order(town)
    dispatcher = Dispatcher(town.app.state.db)
    with monkeypatch.context() as broken:
        broken.setattr(planning, "plan", dies_at_once)
        for _ in range(3):
            with pytest.raises(SystemError):
                await dispatcher.run_one()
            clock.move(planning.LEASE + timedelta(seconds=1))
        assert await dispatcher.run_one() is True
    await work()
    assert (await batch(town, made))["moves"] == ["retry", "discard"]
    await act(town.here.worker, made, "retry")
    await work()
    assert (await batch(town, made))["state"] == "ready"
