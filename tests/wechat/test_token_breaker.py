"""A token or secret the platform rejects: never chased in a loop, and overcome when it can be."""

import asyncio

import pytest

from api.kit import cache
from api.wechat import errors
from api.wechat.token_store import TokenStore
from tests.wechat.token_world import FETCH, PAUSE, RANK, Service, client, key
from tests.wechat_fixture import Simulator


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
