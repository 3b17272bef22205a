"""One token for everybody: fetched once, refreshed by one, never chased in a loop."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from api.kit import cache
from api.kit.engines import EmbeddedEngines
from api.wechat import errors
from api.wechat.client import WeChat
from api.wechat.gateway import Gateway
from api.wechat.limits import Limits
from api.wechat.token import Token, TokenService
from api.wechat.token_store import TokenStore
from api.wechat.transport import Transport
from tests.wechat_fixture import Simulator

FETCH = "/cgi-bin/stable_token"
RANK = "/wxa/getuserriskrank"
PAUSE = 0.4
LONG = 30.0  # these tests count calls; a busy machine must not turn a slow answer into a lost one

Service = Callable[..., TokenService]


@pytest.fixture
async def service(
    wechat_simulator: Simulator, engines: EmbeddedEngines, redis: cache.Redis
) -> AsyncIterator[Service]:
    """Makes token services that share nothing but Redis, as those of separate processes do."""
    async with contextlib.AsyncExitStack() as stack:

        def make(secret: str | None = None, base: str | None = None, pause: float = PAUSE) -> TokenService:
            config = replace(wechat_simulator.config, base=base or wechat_simulator.base)
            if secret is not None:
                config = replace(config, secret=secret)
            transport = Transport(config.base, timeout=LONG)
            own = cache.connect(engines.addresses.redis_url)
            stack.push_async_callback(transport.aclose)
            stack.push_async_callback(own.aclose)
            return TokenService(config, Gateway(transport, Limits(own, config.appid)), own, pause=pause)

        yield make


def client(wechat_simulator: Simulator, redis: cache.Redis, service: Service) -> WeChat:
    return WeChat(replace(wechat_simulator.config, timeout=LONG), redis, tokens=service())


async def near_its_end(redis: cache.Redis, wechat_simulator: Simulator, seconds: int = 200) -> None:
    """Let the stored token be within the refresh window, and the platform have the next one ready."""
    wechat_simulator.order("clock", seconds=7200 - seconds)
    store = TokenStore(redis, wechat_simulator.config.appid)
    seen = await store.read()
    for field, ahead in (("expires_at", seconds * 1000), ("refresh_at", -1)):
        spent = seen.left_ms if field == "expires_at" else seen.fresh_ms
        await redis.hincrby(key(wechat_simulator), field, ahead - spent)


def key(wechat_simulator: Simulator) -> str:
    return f"linli:wechat:{{{wechat_simulator.config.appid}}}:token"


async def test_64_cold_tasks_make_one_fetch(service: Service, wechat_simulator: Simulator) -> None:
    tokens = await asyncio.gather(*(service().current() for _ in range(64)))
    assert len({token.value for token in tokens}) == 1
    assert wechat_simulator.calls(FETCH) == [0]


async def test_64_cold_clients_in_four_processes_make_one_fetch(
    engines: EmbeddedEngines, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    order = json.dumps({"base": wechat_simulator.base, "redis": engines.addresses.redis_url, "clients": 16})
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.wechat.cold_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(4)
    ]
    answers = await asyncio.gather(*(worker.communicate(order.encode()) for worker in workers))
    prints = [line for out, _ in answers for line in out.split()]
    assert len(prints) == 64
    assert len(set(prints)) == 1
    assert wechat_simulator.calls(FETCH) == [0]


async def test_a_dead_secret_costs_one_call_and_then_none_until_half_open(
    service: Service, wechat_simulator: Simulator
) -> None:
    services = [service(secret="not-the-secret", pause=1.5) for _ in range(64)]
    first = await asyncio.gather(*(one.current() for one in services), return_exceptions=True)
    again = await asyncio.gather(*(one.current() for one in services), return_exceptions=True)
    assert all(isinstance(outcome, errors.WeChatError) for outcome in first)
    assert all(isinstance(outcome, errors.BreakerOpen) and outcome.errcode == 40125 for outcome in again)
    assert wechat_simulator.calls(FETCH) == [40125]
    await asyncio.sleep(1.6)
    half_open = await asyncio.gather(*(one.current() for one in services), return_exceptions=True)
    assert all(isinstance(outcome, errors.WeChatError) for outcome in half_open)
    assert wechat_simulator.calls(FETCH) == [40125, 40125]


async def test_the_breaker_stays_open_longer_after_each_failure(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    one = service(secret="not-the-secret", pause=5.0)
    waits = []
    for _ in range(10):
        with pytest.raises(errors.AccountFault):
            await one.current()
        waits.append((await TokenStore(redis, wechat_simulator.config.appid).read()).open_ms)
        await redis.hset(key(wechat_simulator), "open_until", "0")
    assert [round(wait / 1000) for wait in waits] == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]


async def test_a_mended_secret_works_again_after_the_pause(
    service: Service, wechat_simulator: Simulator
) -> None:
    with pytest.raises(errors.AccountFault):
        await service(secret="not-the-secret").current()
    with pytest.raises(errors.BreakerOpen) as refused:
        await service().current()
    assert refused.value.retry_after == 1
    await asyncio.sleep(PAUSE + 0.1)
    assert (await service().current()).generation == 1
    assert (await service().current()).generation == 1


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


async def test_the_same_token_again_is_a_fault_and_not_a_loop(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    async with client(wechat_simulator, redis, service) as wechat:
        await wechat.risk_rank(openid, "127.0.0.1")
        wechat_simulator.order("tokens", action="kill")
        wechat_simulator.fault("stuck_token")
        before = len(wechat_simulator.calls())
        with pytest.raises(errors.CredentialFault):
            await wechat.risk_rank(openid, "127.0.0.1")
        assert len(wechat_simulator.calls()) - before == 2  # the rejected call and one fetch
        for _ in range(20):
            with pytest.raises(errors.BreakerOpen):
                await wechat.risk_rank(openid, "127.0.0.1")
        assert len(wechat_simulator.calls()) - before == 2


async def test_a_rejection_that_passes_is_overcome_with_the_same_token(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    """After the pause the same token is tried on probation; without that the outage would last two hours."""
    openid = wechat_simulator.visitor("张三")
    async with client(wechat_simulator, redis, service) as wechat:
        await wechat.risk_rank(openid, "127.0.0.1")
        wechat_simulator.fault("error", path=RANK, errcode=40001, times=1)
        with pytest.raises(errors.CredentialFault):
            await wechat.risk_rank(openid, "127.0.0.1")
        await asyncio.sleep(PAUSE + 0.1)
        await wechat.risk_rank(openid, "127.0.0.1")
        await wechat.risk_rank(openid, "127.0.0.1")
        state = await TokenStore(redis, wechat_simulator.config.appid).read()
        assert (state.failures, state.on_probation, state.usable) == (0, False, True)


async def test_a_token_on_probation_that_fails_opens_the_breaker_for_longer(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    async with client(wechat_simulator, redis, service) as wechat:
        await wechat.risk_rank(openid, "127.0.0.1")
        wechat_simulator.order("tokens", action="kill")
        wechat_simulator.fault("stuck_token")
        with pytest.raises(errors.CredentialFault):
            await wechat.risk_rank(openid, "127.0.0.1")
        await asyncio.sleep(PAUSE + 0.1)
        before = len(wechat_simulator.calls())
        with pytest.raises(errors.BreakerOpen):
            await wechat.risk_rank(openid, "127.0.0.1")
        assert len(wechat_simulator.calls()) - before == 2
        assert (await TokenStore(redis, wechat_simulator.config.appid).read()).failures == 2


async def test_a_second_rejection_in_one_call_stops_all_calls(
    service: Service, redis: cache.Redis, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault("error", path=RANK, errcode=42001)
    wechat_simulator.fault("early_rotation")
    async with client(wechat_simulator, redis, service) as wechat:
        with pytest.raises(errors.TokenRejected):
            await wechat.risk_rank(openid, "127.0.0.1")
        assert wechat_simulator.calls(RANK) == [42001, 42001]
        with pytest.raises(errors.BreakerOpen):
            await wechat.risk_rank(openid, "127.0.0.1")
        assert wechat_simulator.calls(RANK) == [42001, 42001]


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


async def test_an_unreachable_platform_is_not_asked_by_everybody(
    service: Service, wechat_simulator: Simulator
) -> None:
    base = "http://127.0.0.1:9"
    outcomes = await asyncio.gather(
        *(service(base=base).current() for _ in range(16)), return_exceptions=True
    )
    assert all(isinstance(outcome, errors.NotSent | errors.BreakerOpen) for outcome in outcomes)
    assert sum(isinstance(outcome, errors.NotSent) for outcome in outcomes) == 1
    assert wechat_simulator.calls() == []


@pytest.mark.parametrize("name", ["cut_off", "gateway_page"])
async def test_an_answer_without_a_token_is_no_token(
    service: Service, wechat_simulator: Simulator, name: str
) -> None:
    wechat_simulator.fault(name, path=FETCH, times=1)
    with pytest.raises(errors.Unreadable):
        await service().current()


def test_a_token_does_not_show_itself() -> None:
    assert "hidden" not in repr(Token("hidden-value", 1))
