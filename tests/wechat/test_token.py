"""One token for everybody: fetched once, refreshed by one, in the face of everything.

LINLI_TEST_PROCESSES=64 starts each of the 64 cold clients in a process of its own.
"""

import asyncio
import json
import os
import sys

import pytest

from api.kit import cache
from api.kit.engines import EmbeddedEngines
from api.wechat import errors
from api.wechat.token import Token
from api.wechat.token_store import TokenStore
from tests.wechat.token_world import FETCH, RANK, Service, client, key, near_its_end
from tests.wechat_fixture import Simulator

PROCESSES = int(os.environ.get("LINLI_TEST_PROCESSES", "4"))


async def test_64_cold_tasks_make_one_fetch(service: Service, wechat_simulator: Simulator) -> None:
    tokens = await asyncio.gather(*(service().current() for _ in range(64)))
    assert len({token.value for token in tokens}) == 1
    assert wechat_simulator.calls(FETCH) == [0]


async def test_64_cold_clients_in_processes_of_their_own_make_one_fetch(
    engines: EmbeddedEngines, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    each = {"clients": 64 // PROCESSES, "redis": engines.addresses.redis_url}
    order = json.dumps({"base": wechat_simulator.base, **each})
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.wechat.cold_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]
    answers = await asyncio.gather(*(worker.communicate(order.encode()) for worker in workers))
    prints = [line for out, _ in answers for line in out.split()]
    assert len(prints) == 64
    assert len(set(prints)) == 1
    assert wechat_simulator.calls(FETCH) == [0]


async def test_a_token_killed_under_200_requests_costs_one_refresh_and_fails_none(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    async with client(wechat_simulator, redis, service) as wechat:
        await wechat.risk_rank(openid, "127.0.0.1")

        done = 0

        async def ask() -> int:
            nonlocal done
            rank = (await wechat.risk_rank(openid, "127.0.0.1")).rank
            done += 1
            if done == 40:
                wechat_simulator.platform.current.killed = True  # type: ignore[union-attr]
            return rank

        outcomes = await asyncio.gather(*(ask() for _ in range(200)), return_exceptions=True)
    assert outcomes == [0] * 200
    assert wechat_simulator.calls(FETCH) == [0, 0]
    assert 40001 in wechat_simulator.calls(RANK)


async def test_invalidating_an_old_token_leaves_the_new_one_alone(
    service: Service, wechat_simulator: Simulator
) -> None:
    one, other = service(), service()
    old = await one.current()
    wechat_simulator.order("tokens", action="kill")
    await one.invalidate(old)
    new = await one.current()
    await other.invalidate(old)
    assert await other.current() == new
    assert new.generation == old.generation + 1
    assert wechat_simulator.calls(FETCH) == [0, 0]


async def test_near_its_end_one_refreshes_and_the_others_go_on_with_the_old(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    old = await service().current()
    await near_its_end(redis, wechat_simulator)
    wechat_simulator.fault("slow_drip", path=FETCH, times=1, seconds=0.002)
    tokens = await asyncio.gather(*(service().current() for _ in range(32)))
    values = [token.value for token in tokens]
    assert values.count(old.value) == 31
    assert wechat_simulator.calls(FETCH) == [0, 0]
    assert (await service().current()).value != old.value


async def test_a_refresh_that_fails_leaves_the_old_token_in_use(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    old = await service().current()
    await near_its_end(redis, wechat_simulator)
    wechat_simulator.fault("error", path=FETCH, errcode=40125)
    for _ in range(10):
        assert (await service().current()).value == old.value
    assert wechat_simulator.calls(FETCH) == [0, 40125]


async def test_a_life_of_300_seconds_always_is_no_refresh_on_every_call(
    service: Service, wechat_simulator: Simulator
) -> None:
    wechat_simulator.fault("short_expiry")
    for _ in range(20):
        await service().current()
    assert wechat_simulator.calls(FETCH) == [0]


async def test_a_life_below_the_refresh_window_is_no_storm_either(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    store = TokenStore(redis, wechat_simulator.config.appid)
    await store.put(0, "a-token", 100)
    for _ in range(20):
        assert (await service().current()).value == "a-token"
    assert wechat_simulator.calls(FETCH) == []


async def test_early_rotation_serves_the_new_token_and_the_old_one_still_works(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault("early_rotation")
    async with client(wechat_simulator, redis, service) as wechat:
        await wechat.risk_rank(openid, "127.0.0.1")
        await redis.hset(key(wechat_simulator), "refresh_at", "0")
        await asyncio.gather(*(wechat.risk_rank(openid, "127.0.0.1") for _ in range(20)))
    assert wechat_simulator.calls(FETCH) == [0, 0]
    assert set(wechat_simulator.calls(RANK)) == {0}


async def test_redis_may_forget_everything(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    before = await service().current()
    await redis.flushall()
    assert (await service().current()).value == before.value
    assert wechat_simulator.calls(FETCH) == [0, 0]


async def test_a_killed_lock_holder_does_not_hold_up_the_others_for_long(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    store = TokenStore(redis, wechat_simulator.config.appid)
    assert await store.lock("a process killed since")
    assert 0 < await redis.pttl(f"{key(wechat_simulator)}:lock") <= 12_000
    await redis.pexpire(f"{key(wechat_simulator)}:lock", 300)
    assert (await service().current()).generation == 1


async def test_a_cancelled_request_gives_the_lock_back(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    wechat_simulator.fault("hung_answer", path=FETCH, times=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await service().current()
    assert not await redis.exists(f"{key(wechat_simulator)}:lock")
    assert (await service().current()).generation == 1


async def test_whoever_gets_the_lock_looks_again_before_fetching(
    service: Service, wechat_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding no token and getting the lock, the last holder may have finished."""
    late, other = service(), service()
    lock = late._store.lock

    async def lock_after_the_other(holder: str) -> bool:
        await other.current()
        return await lock(holder)

    monkeypatch.setattr(late._store, "lock", lock_after_the_other)
    assert await late.current() == await other.current()
    assert wechat_simulator.calls(FETCH) == [0]


async def test_the_lock_of_another_is_not_given_back(redis: cache.Redis) -> None:
    store = TokenStore(redis, "wx0")
    assert await store.lock("first")
    assert not await store.lock("second")
    await store.unlock("second")
    assert not await store.lock("third")


async def test_a_late_holder_does_not_overwrite_a_newer_generation(redis: cache.Redis) -> None:
    store = TokenStore(redis, "wx0")
    assert await store.put(0, "first", 7200)
    assert not await store.put(0, "late", 7200)
    seen = await store.read()
    assert (seen.token, seen.generation) == ("first", 1)


async def test_an_operator_may_force_a_new_token_but_not_twice_in_30_seconds(
    service: Service, wechat_simulator: Simulator
) -> None:
    one = service()
    old = await one.current()
    new = await one.force_refresh()
    assert new.value != old.value
    with pytest.raises(errors.MinuteLimited) as refused:
        await service().force_refresh()
    assert 0 < (refused.value.retry_after or 0) <= 30
    assert (await service().current()).value == new.value
    assert wechat_simulator.calls(FETCH) == [0, 0]


async def test_twenty_forced_tokens_a_day_and_no_call_for_a_twenty_first(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    one = service()
    for _ in range(20):
        await one.force_refresh()
        await redis.delete(f"{key(wechat_simulator)}:forced")
        wechat_simulator.order("clock", seconds=31)
    with pytest.raises(errors.QuotaSpent) as spent:
        await one.force_refresh()
    assert 0 < (spent.value.retry_after or 0) <= 86_400
    assert wechat_simulator.calls(FETCH) == [0] * 20
    assert (await one.current()).generation == 20


def test_a_token_does_not_show_itself() -> None:
    assert "hidden" not in repr(Token("hidden-value", 1))
