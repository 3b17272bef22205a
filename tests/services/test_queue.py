"""The queue on a real PostgreSQL: one effect for each event, whatever fails."""

import asyncio
import re
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from api.kit import clock
from api.kit.db import Database
from api.kit.events import Delivery, Event
from api.kit.metrics import HANDLED
from api.kit.queue import ATTEMPTS, NoSuchDelivery, Queue, State, retry, state
from tests.effects import effects, events, happen, leave, prepare


@pytest.fixture(autouse=True)
async def _table(owner_url: str) -> None:
    await prepare(owner_url)


async def drain(queue: Queue) -> int:
    done = 0
    while await queue.run_one():
        done += 1
    return done


async def delivery(db: Database, event_id: UUID) -> Delivery | None:
    async with db.reading() as tx:
        return await tx.get(Delivery, event_id)


def waits(row: Delivery | None) -> float:
    """Seconds until the row is due."""
    assert row is not None
    return (row.next_at - clock.now()).total_seconds()


def handled(move: str, outcome: str) -> float:
    return HANDLED.labels(move, outcome)._value.get()


def failing(error: Exception, times: int = 10**9) -> Any:
    """A consequence that leaves its effect, then raises, so many times."""
    left = [times]

    async def follow(tx: AsyncSession, event: Event) -> None:
        await leave(tx, event)
        if left[0] > 0:
            left[0] -= 1
            raise error

    return follow


async def test_an_event_has_its_consequence_once_and_leaves_the_queue(db: Database) -> None:
    [event_id] = await events(db, 1, move="once")
    before = handled("once", "done")
    queue = Queue(db, leave)
    assert await queue.run_one() is True
    assert await queue.run_one() is False
    assert await effects(db) == {event_id: 1}
    assert await delivery(db, event_id) is None
    assert handled("once", "done") == before + 1


async def test_a_change_that_is_rolled_back_queues_nothing(db: Database) -> None:
    async def change() -> None:
        async with db.transaction() as tx:
            happen(tx)
            await tx.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    assert await Queue(db, leave).run_one() is False


async def test_consumers_share_the_work_and_no_event_is_followed_twice(db: Database) -> None:
    ids = await events(db, 120)
    queue = Queue(db, leave)
    done = await asyncio.gather(*(drain(queue) for _ in range(6)))
    assert sum(done) == 120
    assert sum(share > 0 for share in done) > 1
    assert await effects(db) == Counter(ids)


async def test_a_consumer_at_work_does_not_keep_the_others_waiting(db: Database) -> None:
    first, second = await events(db, 2)
    busy, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: AsyncSession, event: Event) -> None:
        await leave(tx, event)
        if event.id == first:
            busy.set()
            await go_on.wait()

    queue = Queue(db, slow)
    working = asyncio.create_task(queue.run_one())
    await busy.wait()
    assert await drain(queue) == 1
    assert await effects(db) == {second: 1}
    go_on.set()
    assert await working is True
    assert await effects(db) == {first: 1, second: 1}


async def test_a_failed_consequence_leaves_only_the_note_that_it_failed(db: Database) -> None:
    [event_id] = await events(db, 1)
    assert await Queue(db, failing(ValueError("张三 13812345678"))).run_one() is True
    row = await delivery(db, event_id)
    assert await effects(db) == {}
    assert row is not None
    assert (row.attempts, row.dead) == (1, False)
    assert re.fullmatch(r"ValueError at api/kit/queue\.py:\d+", row.error or "")


async def test_a_refusal_of_the_database_is_told_without_the_row_it_refused(db: Database) -> None:
    [event_id] = await events(db, 1)

    async def follow(tx: AsyncSession, event: Event) -> None:
        await tx.execute(text("insert into jobs (name, next_at) values ('张三', now()), ('张三', now())"))

    await Queue(db, follow).run_one()
    row = await delivery(db, event_id)
    assert row is not None
    assert re.fullmatch(r"UniqueViolationError 23505 pk_jobs at api/kit/queue\.py:\d+", row.error or "")


async def test_what_fails_only_when_it_is_written_counts_as_failed_too(db: Database) -> None:
    [event_id] = await events(db, 1)

    async def follow(tx: AsyncSession, event: Event) -> None:
        await leave(tx, event)
        tx.add(Delivery(event_id=uuid4(), next_at=clock.now()))  # of no event: refused at the flush

    await Queue(db, follow).run_one()
    row = await delivery(db, event_id)
    assert row is not None
    assert row.attempts == 1
    assert await effects(db) == {}


async def test_it_is_tried_again_after_its_wait_and_succeeds(db: Database) -> None:
    [event_id] = await events(db, 1)
    queue = Queue(db, failing(RuntimeError(), times=1))
    assert await drain(queue) == 1
    clock.move(timedelta(seconds=1.5))
    assert await drain(queue) == 1
    assert await effects(db) == {event_id: 1}
    assert await delivery(db, event_id) is None


async def test_the_waits_grow(db: Database) -> None:
    ids = await events(db, 5)
    queue = Queue(db, failing(RuntimeError()))
    for middle in (1, 4, 16, 64, 256, 600, 600):
        assert await drain(queue) == 5
        found = [waits(await delivery(db, event_id)) for event_id in ids]
        assert all(0.8 * middle - 2 <= wait <= 1.2 * middle for wait in found)
        clock.move(timedelta(minutes=15))


async def test_after_eight_attempts_it_is_dead_until_somebody_revives_it(db: Database) -> None:
    [event_id] = await events(db, 1, move="doomed")
    before = handled("doomed", "failed"), handled("doomed", "dead")
    queue = Queue(db, failing(RuntimeError(), times=ATTEMPTS))
    for _ in range(ATTEMPTS):
        assert await drain(queue) == 1
        clock.move(timedelta(minutes=15))
    assert await drain(queue) == 0
    async with db.reading() as tx:
        assert (await state(tx)).dead == 1
    after = handled("doomed", "failed"), handled("doomed", "dead")
    assert after == (before[0] + ATTEMPTS - 1, before[1] + 1)

    async with db.transaction() as tx:
        await retry(tx, event_id)
    assert await drain(queue) == 1
    assert await effects(db) == {event_id: 1}
    async with db.transaction() as tx:
        with pytest.raises(NoSuchDelivery):
            await retry(tx, event_id)


async def test_a_poisonous_event_holds_up_no_other_not_even_of_its_own_subject(db: Database) -> None:
    subject = uuid4()
    [poison] = await events(db, 1, subject_id=subject)
    others = [*await events(db, 3, subject_id=subject), *await events(db, 3)]

    async def follow(tx: AsyncSession, event: Event) -> None:
        if event.id == poison:
            raise RuntimeError
        await leave(tx, event)

    assert await drain(Queue(db, follow)) == 7
    assert await effects(db) == Counter(others)


async def test_a_lock_that_cannot_be_had_is_no_attempt_but_the_row_steps_aside(db: Database) -> None:
    contested, other = await events(db, 2)

    async def follow(tx: AsyncSession, event: Event) -> None:
        if event.id == contested:
            await tx.execute(text("set local lock_timeout = '20ms'"))
            await tx.execute(text("lock table jobs in exclusive mode"))
        await leave(tx, event)

    queue = Queue(db, follow)
    async with db.transaction() as holder:
        await holder.execute(text("lock table jobs in exclusive mode"))
        assert await drain(queue) == 2
    row = await delivery(db, contested)
    assert row is not None
    assert (row.attempts, row.dead) == (0, False)
    assert waits(row) > 5
    assert await effects(db) == {other: 1}
    clock.move(timedelta(seconds=13))
    assert await drain(queue) == 1
    assert await effects(db) == {contested: 1, other: 1}


async def test_a_missing_file_is_a_fault_of_the_consequence_not_of_an_engine(db: Database) -> None:
    [event_id] = await events(db, 1)
    await Queue(db, failing(FileNotFoundError("template"))).run_one()
    row = await delivery(db, event_id)
    assert row is not None
    assert row.attempts == 1


async def test_a_consequence_that_hangs_has_failed(db: Database) -> None:
    [event_id] = await events(db, 1)

    async def follow(tx: AsyncSession, event: Event) -> None:
        await leave(tx, event)
        await tx.execute(text("select pg_sleep(30)"))

    await Queue(db, follow, limit=0.2).run_one()
    row = await delivery(db, event_id)
    assert row is not None
    assert row.attempts == 1
    assert await effects(db) == {}


async def test_a_lost_connection_is_no_attempt(db: Database) -> None:
    [event_id] = await events(db, 1)

    async def follow(tx: AsyncSession, event: Event) -> None:
        await leave(tx, event)
        await tx.execute(text("select pg_terminate_backend(pg_backend_pid())"))

    await Queue(db, follow).run_one()
    row = await delivery(db, event_id)
    assert row is not None
    assert row.attempts == 0
    assert await effects(db) == {}


async def test_events_of_a_consequence_are_queued_with_it_or_not_at_all(db: Database) -> None:
    await events(db, 1)
    left = [1]

    async def follow(tx: AsyncSession, event: Event) -> None:
        await leave(tx, event)
        if event.move == "submit":
            happen(tx, event.subject_id, "dispatch")
            await tx.flush()
            if left[0]:
                left[0] -= 1
                raise RuntimeError

    queue = Queue(db, follow)
    assert await drain(queue) == 1
    async with db.reading() as tx:
        assert list((await tx.execute(select(Event.move))).scalars()) == ["submit"]
    clock.move(timedelta(seconds=2))
    assert await drain(queue) == 2
    assert sorted((await effects(db)).values()) == [1, 1]


async def test_what_waits_and_for_how_long_is_told(db: Database) -> None:
    async with db.reading() as tx:
        assert await state(tx) == State(waiting=0, oldest=None, dead=0)
    await events(db, 3)
    clock.move(timedelta(minutes=7))
    await events(db, 2)
    async with db.reading() as tx:
        found = await state(tx)
    assert (found.waiting, found.dead) == (5, 0)
    assert found.oldest is not None
    assert timedelta(minutes=7) <= found.oldest < timedelta(minutes=8)


BACKLOG = """insert into events (id, subject_kind, subject_id, move, actor_kind, actor_title, data, at)
             select gen_random_uuid(), 'sample', gen_random_uuid(), 'submit', 'system', '系统', '{}', :at
             from generate_series(1, 3000)"""
READ = """select seq_tup_read + coalesce((select sum(idx_tup_read) from pg_stat_user_indexes
                                          where relname = 'deliveries'), 0)
          from pg_stat_user_tables where relname = 'deliveries'"""


async def test_a_backlog_is_not_read_again_for_each_event(database_url: str, db: Database) -> None:
    """Not even by a worker that idled long enough for its plans to have settled on an empty table, nor when all
    of the backlog came at one moment."""
    worker = Database(database_url, pool_size=1, replan=True)
    queue = Queue(worker, leave)
    async with db.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(
            text("vacuum analyze deliveries")
        )
    for _ in range(10):
        assert await queue.run_one() is False
    async with db.transaction() as tx:
        await tx.execute(text(BACKLOG), {"at": clock.now()})
    async with worker.transaction() as tx:
        before = (await tx.execute(text(READ))).scalar_one()
    for _ in range(40):
        assert await queue.run_one() is True
    async with worker.transaction() as tx:
        await tx.execute(text("select pg_stat_force_next_flush()"))
    async with worker.transaction() as tx:
        after = (await tx.execute(text(READ))).scalar_one()
    await worker.close()
    assert after - before < 40 * 100
