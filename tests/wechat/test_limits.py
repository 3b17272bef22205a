"""Minutes and days counted in Redis, together for all processes."""

import asyncio

import pytest

from api.kit import cache
from api.wechat.calls import Call
from api.wechat.errors import MinuteLimited, QuotaSpent
from api.wechat.limits import Limits

KEY = "linli:wechat:{wx0}:limit:try"


def call(per_minute: int | None = None, per_day: int | None = None) -> Call:
    return Call("try", "GET", "/try", idempotent=True, per_minute=per_minute, per_day=per_day)


async def tried(limits: list[Limits], what: Call, times: int) -> list[type[BaseException] | None]:
    outcomes = await asyncio.gather(
        *(limits[n % len(limits)].admit(what) for n in range(times)), return_exceptions=True
    )
    return [type(outcome) if isinstance(outcome, BaseException) else None for outcome in outcomes]


async def test_no_more_than_the_minutes_allowance_passes_however_many_ask(redis: cache.Redis) -> None:
    limits = [Limits(redis, "wx0") for _ in range(4)]
    outcomes = await tried(limits, call(per_minute=50), 200)
    # The minute may turn over meanwhile, once.
    assert outcomes.count(None) in range(50, 101)
    assert set(outcomes) == {None, MinuteLimited}


async def test_no_more_than_the_days_allowance_passes(redis: cache.Redis) -> None:
    outcomes = await tried([Limits(redis, "wx0")], call(per_day=7), 30)
    assert outcomes.count(None) == 7
    assert outcomes.count(QuotaSpent) == 23


async def test_a_call_without_allowance_is_never_held_back(redis: cache.Redis) -> None:
    assert await tried([Limits(redis, "wx0")], call(), 100) == [None] * 100


async def test_a_pause_ends_with_the_minute(redis: cache.Redis) -> None:
    limits = Limits(redis, "wx0")
    assert 0 < await limits.pause(call()) <= 60
    with pytest.raises(MinuteLimited):
        await limits.admit(call())
    until = int(await redis.hget(KEY, "paused_until") or 0)
    assert until % 60_000 == 0
    await redis.hset(KEY, "paused_until", until - 60_000)
    await limits.admit(call())


async def test_a_spent_day_ends_at_midnight_in_china(redis: cache.Redis) -> None:
    limits = Limits(redis, "wx0")
    left = await limits.spend(call())
    seconds, _ = await redis.time()
    assert (seconds + left + 8 * 3600) % 86400 in (0, 1, 86399)
    with pytest.raises(QuotaSpent):
        await limits.admit(call())
    await redis.hincrby(KEY, "spent_day", -1)
    await limits.admit(call())


async def test_yesterdays_and_last_minutes_counts_do_not_count(redis: cache.Redis) -> None:
    limits = Limits(redis, "wx0")
    await limits.admit(call(per_minute=1, per_day=1))
    await redis.hincrby(KEY, "minute", -1)
    await redis.hincrby(KEY, "day", -1)
    await limits.admit(call(per_minute=1, per_day=1))


async def test_the_accounts_of_one_redis_do_not_share_allowances(redis: cache.Redis) -> None:
    await Limits(redis, "wx0").admit(call(per_day=1))
    await Limits(redis, "wx1").admit(call(per_day=1))


async def test_counts_are_forgotten_after_two_days(redis: cache.Redis) -> None:
    await Limits(redis, "wx0").admit(call())
    assert 0 < await redis.ttl(KEY) <= 172_800
