"""Steps that repeat for as long as the process lives."""

import asyncio
import logging
import time

import asyncpg
import pytest

from api.kit.loops import Loops


async def stopped_after(loops: Loops, seconds: float) -> bool:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await loops.run(stop)


async def test_idle_hands_together_look_out_no_more_often_than_one() -> None:
    asked = 0

    async def step() -> bool:
        nonlocal asked
        asked += 1
        return False

    loops = Loops()
    loops.add("idle", step, idle=0.05, hands=8)
    await stopped_after(loops, 0.5)
    assert asked <= 8 + 10 + 8  # once each at first, ten turns, once each at the stop


async def test_a_hand_that_is_held_up_leaves_the_lookout_to_the_others() -> None:
    work = ["hang", "a", "b", "c"]
    done = []

    async def step() -> bool:
        if not work:
            return False
        item = work.pop(0)
        if item == "hang":
            await asyncio.sleep(30)
        done.append(item)
        work.extend(["later"] if item == "c" else [])
        return False

    loops = Loops(grace=0.0)
    loops.add("work", step, idle=0.02, hands=2)
    assert await stopped_after(loops, 0.5) is False
    assert done == ["a", "b", "c", "later"]


async def test_work_is_not_interrupted_by_pauses_while_there_is_more() -> None:
    left = 50

    async def step() -> bool:
        nonlocal left
        left -= 1
        await asyncio.sleep(0)
        return left > 0

    loops = Loops()
    loops.add("work", step, idle=10.0)
    await stopped_after(loops, 0.2)
    assert left == 0


async def test_a_step_that_fails_is_tried_again_and_an_outage_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = [
        ConnectionRefusedError(),
        asyncpg.CannotConnectNowError("starting up"),
        ConnectionResetError(),
    ]
    reached = asyncio.Event()

    async def step() -> bool:
        if failures:
            raise failures.pop(0)
        reached.set()
        return False

    loops = Loops()
    loops.add("flaky", step, idle=0.01)
    with caplog.at_level(logging.INFO, "linli.loops"):
        await stopped_after(loops, 1.5)
    assert reached.is_set()
    assert [record.getMessage() for record in caplog.records] == ["flaky waits", "flaky goes on"]


async def test_a_step_that_waits_on_a_dead_connection_is_given_up() -> None:
    tries = 0

    async def step() -> bool:
        nonlocal tries
        tries += 1
        await asyncio.sleep(30 if tries == 1 else 0)
        return False

    loops = Loops()
    loops.add("stuck", step, idle=0.01, limit=0.1)
    await stopped_after(loops, 0.6)
    assert tries > 1


async def test_stopping_waits_for_what_is_under_way() -> None:
    finished = False

    async def step() -> bool:
        nonlocal finished
        await asyncio.sleep(0.3)
        finished = True
        return False

    loops = Loops(grace=5.0)
    loops.add("slow", step, idle=0.01)
    assert await stopped_after(loops, 0.1) is True
    assert finished


async def test_stopping_waits_no_longer_than_its_grace() -> None:
    async def step() -> bool:
        await asyncio.sleep(30)
        return False

    loops = Loops(grace=0.2)
    loops.add("endless", step, idle=0.01)
    begun = time.monotonic()
    assert await stopped_after(loops, 0.1) is False
    assert time.monotonic() - begun < 2


async def test_steps_do_not_outlive_a_cancelled_run() -> None:
    cancelled = asyncio.Event()

    async def step() -> bool:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return False

    loops = Loops()
    loops.add("slow", step, idle=0.01)
    running = asyncio.create_task(loops.run(asyncio.Event()))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cancelled.is_set()
