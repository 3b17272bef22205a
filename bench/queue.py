"""Draining the queue: ours against loops written by hand, over the same events, one after the other in one process.

Each event's effect is one row. `by hand, PostgreSQL` is our own design on bare asyncpg: what the product costs
above it is SQLAlchemy, the session and the counting. `by hand, Redis Streams` is the design not taken: a relay
moves due events to a stream, consumers take them from it, and the effect is made exactly once by deleting the
delivery in its transaction. `no-op on Redis Streams` is the transport alone: nothing durable, nothing done.
"""

import asyncio
import gc
import os
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import cache
from api.kit.cache import Redis
from api.kit.db import Database
from api.kit.events import Event
from api.kit.queue import Queue
from bench.harness import Ratio

ROUNDS, EVENTS, HANDS = 15, 240, 4
STREAM, GROUP = "bench:queue", "workers"
OURS, BY_HAND, STREAMS, NOTHING = (
    "linli",
    "by hand, PostgreSQL",
    "by hand, Redis Streams",
    "no-op on Redis Streams",
)

_SCHEMA = """create schema if not exists bench;
             drop table if exists bench.effects;
             create table bench.effects (event_id uuid not null);
             grant usage on schema bench to linli;
             grant select, insert on bench.effects to linli"""
_HAPPEN = """insert into events (id, subject_kind, subject_id, move, actor_kind, actor_title, data, at)
             select gen_random_uuid(), 'bench', gen_random_uuid(), 'submit', 'system', '系统', '{}', clock_timestamp()
             from generate_series(1, $1)"""
_DUE = """select event_id from deliveries where not dead and next_at <= now()
          order by next_at, event_id limit {} for update skip locked"""
_TAKE = f"""with due as ({_DUE.format(1)}),
                 taken as (delete from deliveries d using due where d.event_id = due.event_id
                           returning d.event_id, d.attempts)
            select e.*, attempts from taken join events e on e.id = taken.event_id"""
_RELAY = f"""with due as ({_DUE.format(100)})
             update deliveries d set next_at = now() + interval '30 s' from due where d.event_id = due.event_id
             returning d.event_id::text"""
_TAKE_ONE = """with taken as (delete from deliveries where event_id = $1 returning event_id)
               select e.* from taken join events e on e.id = taken.event_id"""
_EFFECT = "insert into bench.effects values ($1)"
_EFFECT_OF_OURS = text("insert into bench.effects values (:event)")

Drain = Callable[[], Awaitable[int]]


async def run(database_url: str, owner_url: str, redis_url: str, *, rounds: int = ROUNDS) -> dict[str, Ratio]:
    """What our drain costs against each of the three, and one design by hand against the other.

    The database must have nothing else in its queue, and is left with the events that were made.
    """
    db = Database(database_url, pool_size=HANDS + 1, replan=True)
    pool = await asyncpg.create_pool(database_url, min_size=HANDS + 1, max_size=HANDS + 1)
    redis = cache.connect(redis_url)
    owner = await asyncpg.connect(owner_url)
    await owner.execute(_SCHEMA)
    await owner.close()
    await redis.delete(STREAM)
    await redis.xgroup_create(STREAM, GROUP, "0", mkstream=True)
    ways: dict[str, Drain] = {
        OURS: lambda: _ours(Queue(db, _follow)),
        BY_HAND: lambda: _by_hand(pool),
        STREAMS: lambda: _streams(pool, redis),
        NOTHING: lambda: _nothing(redis),
    }
    try:
        return _ratios(*await _measure(pool, redis, ways, rounds))
    finally:
        await redis.delete(STREAM)
        await redis.aclose()
        await pool.close()
        await db.close()


async def _measure(
    pool: asyncpg.Pool, redis: Redis, ways: dict[str, Drain], rounds: int
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, Counter[int]]]:
    """(CPU, elapsed) in microseconds an event for each way and round, and how many each way drained."""
    cost: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    drained: dict[str, Counter[int]] = {name: Counter() for name in ways}
    for round_ in range(-1, rounds):  # the first warms up
        names = list(ways) if round_ % 2 else list(reversed(ways))
        for name in names:
            if name == NOTHING:
                pipe = redis.pipeline(transaction=False)
                for _ in range(EVENTS):
                    pipe.xadd(STREAM, {"job": "noop"})
                await pipe.execute()
            else:
                await pool.execute(_HAPPEN, EVENTS)
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            done = await ways[name]()
            spent = (time.process_time() - cpu) / EVENTS * 1e6, (time.perf_counter() - wall) / EVENTS * 1e6
            if done != EVENTS:
                raise RuntimeError(f"{name} drained {done} of {EVENTS}")
            if round_ >= 0:
                cost[name].append(spent)
                drained[name][done] += 1
    return cost, drained


def _ratios(cost: dict[str, list[tuple[float, float]]], drained: dict[str, Counter[int]]) -> dict[str, Ratio]:
    found = {}
    for mine, limit in ((OURS, BY_HAND), (OURS, STREAMS), (OURS, NOTHING), (BY_HAND, STREAMS)):
        pairs = list(zip(cost[mine], cost[limit], strict=True))
        ratios = sorted(m[0] / t[0] for m, t in pairs)
        found[f"drain: {mine} ÷ {limit}"] = Ratio(
            ratios[0],
            statistics.median(ratios),
            ratios[-1],
            statistics.median(cpu for cpu, _ in cost[limit]),
            statistics.median(m[1] / t[1] for m, t in pairs),
            {"product": drained[mine], "limit": drained[limit]},
        )
    return found


async def _hands(one: Callable[[], Awaitable[int]]) -> int:
    return sum(await asyncio.gather(*(one() for _ in range(HANDS))))


async def _follow(tx: AsyncSession, event: Event) -> None:
    await tx.execute(_EFFECT_OF_OURS, {"event": event.id})


async def _ours(queue: Queue) -> int:
    async def one() -> int:
        done = 0
        while await queue.run_one():
            done += 1
        return done

    return await _hands(one)


async def _by_hand(pool: asyncpg.Pool) -> int:
    async def one() -> int:
        done = 0
        async with pool.acquire() as connection:
            while True:
                async with connection.transaction():
                    event = await connection.fetchrow(_TAKE)
                    if event is None:
                        return done
                    await connection.execute(_EFFECT, event["id"])
                done += 1

    return await _hands(one)


async def _streams(pool: asyncpg.Pool, redis: Redis) -> int:
    left = EVENTS

    async def relay() -> int:
        relayed = 0
        while relayed < EVENTS:
            rows = await pool.fetch(_RELAY)
            pipe = redis.pipeline(transaction=False)
            for row in rows:
                pipe.xadd(STREAM, {"event": row[0]})
            await pipe.execute()
            relayed += len(rows)
        return 0

    async def one() -> int:
        nonlocal left
        done = 0
        async with pool.acquire() as connection:
            while left > 0:
                items = await _read(redis, str(id(connection)), 25)
                for _, fields in items:
                    async with connection.transaction():
                        event = await connection.fetchrow(_TAKE_ONE, fields[b"event"].decode())
                        if event is not None:
                            await connection.execute(_EFFECT, event["id"])
                            done += 1
                left -= len(items)
                await _forget(redis, [key for key, _ in items])
        return done

    _, done = await asyncio.gather(relay(), _hands(one))
    return done


async def _nothing(redis: Redis) -> int:
    done = 0
    while done < EVENTS:
        items = await _read(redis, "one", 100)
        await _forget(redis, [key for key, _ in items])
        done += len(items)
    return done


async def _read(redis: Redis, consumer: str, count: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
    fresh: Any = await redis.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count, block=5)
    if isinstance(fresh, dict):  # RESP3
        return [item for batches in fresh.values() for batch in batches for item in batch]
    return list(fresh[0][1]) if fresh else []


async def _forget(redis: Redis, keys: list[bytes]) -> None:
    if keys:
        pipe = redis.pipeline(transaction=False)
        pipe.xack(STREAM, GROUP, *keys)
        pipe.xdel(STREAM, *keys)
        await pipe.execute()


async def _main() -> None:
    addresses = (os.environ[name] for name in ("DATABASE_URL", "LINLI_OWNER_URL", "REDIS_URL"))
    found = await run(*addresses)
    print("| of ÷ against | against, CPU µs an event | CPU min | median | max | elapsed |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, r in found.items():
        print(f"| {name} | {r.limit_us:.0f} | {r.low:.2f} | {r.median:.2f} | {r.high:.2f} | {r.wall:.2f} |")


if __name__ == "__main__":
    asyncio.run(_main())
