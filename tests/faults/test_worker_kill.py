"""The worker killed, drained, and deprived of its engines: each event has its effect, and has it once (R8, R6)."""

import asyncio
import os
import random
import signal
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from api.kit import cache, clock
from api.kit.db import Database
from api.kit.engines import EmbeddedEngines
from api.kit.events import Delivery, Event
from api.kit.faults import as_problem
from api.kit.ids import new_id
from api.models import Deadline
from api.services.jobs import last_beat
from tests.e2e.topology import Program
from tests.effects import effects, events, happen, prepare
from tests.faults.often import often
from tests.faults.own_engines import database_url, own_engines  # noqa: F401  (fixtures are found by being here)
from tests.forked import Forked

pytestmark = pytest.mark.fault

KILLS = often(4)
CLOCK = struct.Struct("<d")


@pytest.fixture
async def db(database_url: str, own_engines: EmbeddedEngines) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    await prepare(f"{own_engines.addresses.owner_url.partition('@')[0]}@{database_url.partition('@')[2]}")
    yield database
    await database.close()


@dataclass
class Crew:
    """Workers of one test."""

    folder: Path
    engines: EmbeddedEngines
    database_url: str
    workers: list[Program]

    def hire(self, seconds: float = 0.0, **environment: str) -> Program:
        """A worker whose effects stay uncommitted for `seconds`."""
        worker = Forked(
            f"worker-{len(self.workers)}",
            ["tests.faults.worker_main"],
            self.folder,
            env={
                "DATABASE_URL": self.database_url,
                "REDIS_URL": self.engines.addresses.redis_url,
                "EFFECT_SECONDS": str(seconds),
                "EFFECTS_BEGUN": str(self.begun_file),
                **environment,
            },
        )
        self.workers.append(worker)
        return worker.launch()

    @property
    def begun_file(self) -> Path:
        return self.folder / "begun"

    def begun(self) -> list[UUID]:
        return (
            [UUID(line) for line in self.begun_file.read_text().split()] if self.begun_file.exists() else []
        )


@pytest.fixture
def crew(tmp_path: Path, own_engines: EmbeddedEngines, database_url: str) -> Iterator[Crew]:
    crew = Crew(tmp_path, own_engines, database_url, [])
    yield crew
    for worker in crew.workers:
        worker.kill()


async def until(condition: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, f"not within {seconds} s: {what or condition}"
        await asyncio.sleep(0.02)


async def until_drained(db: Database, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while True:
        async with db.reading() as tx:
            left = (await tx.execute(text("select count(*) from deliveries"))).scalar_one()
            due = col(Deadline.fired_at).is_(None)
            left += len((await tx.execute(select(Deadline.id).where(due))).all())
        if left == 0:
            return
        assert time.monotonic() < end, f"{left} left after {seconds} s"
        await asyncio.sleep(0.05)


async def done_by(db: Database, worker: Program) -> int:
    async with db.reading() as tx:
        query = text("select count(*) from effects where worker = :pid")
        return int((await tx.execute(query, {"pid": worker.pid})).scalar_one())


async def all_of(db: Database) -> Counter[UUID]:
    """Every event and deadline of the tests, once. The worker's own warnings are none of theirs."""
    ours = select(Event.id).where(col(Event.subject_kind) != "calendar")
    async with db.reading() as tx:
        found = [(await tx.execute(query)).scalars() for query in (ours, select(Deadline.id))]
        return Counter(what for each in found for what in each)


@asynccontextmanager
async def flowing(db: Database, pause: float) -> AsyncIterator[None]:
    """Events and deadlines keep coming for as long as the block runs, whatever happens to PostgreSQL."""
    stop = asyncio.Event()

    async def flow() -> None:
        while not stop.is_set():
            try:
                async with db.transaction() as tx:
                    happen(tx)
                    if random.random() < 0.1:
                        tx.add(a_deadline())
            except Exception as error:
                if as_problem(error) is None:
                    raise
                await asyncio.sleep(0.1)
            await asyncio.sleep(pause)

    task = asyncio.create_task(flow())
    try:
        yield
    finally:
        stop.set()
        await task


def a_deadline(due_in: timedelta = timedelta()) -> Deadline:
    return Deadline(
        subject_kind="sample",
        subject_id=new_id(),
        kind="sign",
        limits=[],
        allowed=60,
        calendar_version=1,
        started_at=clock.now(),
        due_at=clock.now() + due_in,
    )


@pytest.mark.timeout(600)  # as many interpreters have to start
async def test_kills_lose_no_effect_and_double_none(db: Database, crew: Crew) -> None:
    async with flowing(db, pause=0.01):
        crew.hire(0.03)
        for n in range(KILLS):
            crew.hire(0.03)  # the next is on its way while this one works
            victim = crew.workers[n]
            end = time.monotonic() + 30
            while await done_by(db, victim) < 3:
                assert time.monotonic() < end, f"{victim.name} does nothing:\n{victim.output[-2000:]}"
                await asyncio.sleep(0.02)
            await asyncio.sleep(random.uniform(0, 0.05))
            victim.kill()
    await until_drained(db)
    last = crew.workers[-1]
    assert last.stop() == 0
    expected = await all_of(db)
    assert len(expected) > 5 * KILLS
    assert await effects(db) == expected
    assert len(crew.begun()) > len(expected), "the kills interrupted nothing"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_told_to_stop_finishes_what_it_began_and_takes_no_more(
    db: Database, crew: Crew, number: signal.Signals
) -> None:
    ids = await events(db, 12)
    worker = crew.hire(1.0, LINLI_WORKER_CONCURRENCY="3")
    await until(lambda: len(crew.begun()) == 3)
    assert worker.stop(number, within=8) == 0
    assert await effects(db) == Counter(crew.begun())
    assert len(crew.begun()) == 3
    async with db.reading() as tx:
        ours = select(Delivery).where(col(Delivery.event_id).in_(ids))
        waiting = list((await tx.execute(ours)).scalars())
    assert {row.event_id for row in waiting} == set(ids) - set(crew.begun())
    assert {row.attempts for row in waiting} == {0}


async def test_redis_flushed_stopped_and_back_makes_no_difference(db: Database, crew: Crew) -> None:
    engines = crew.engines
    crew.hire()
    async with flowing(db, pause=0.02):
        await asyncio.sleep(1.5)
        redis = cache.connect(engines.addresses.redis_url)
        await redis.flushall()
        await redis.aclose()
        assert engines.redis_pid is not None
        os.kill(engines.redis_pid, signal.SIGKILL)
        await until(lambda: "valkey" in engines.poll())
        without = set(await events(db, 20))
        end = time.monotonic() + 10
        while not without <= set(await effects(db)):
            assert time.monotonic() < end, "consequences waited for Redis"
            await asyncio.sleep(0.05)
        await asyncio.to_thread(engines.restart_dead)
    await until_drained(db)
    assert await effects(db) == await all_of(db)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
async def test_postgresql_restarted_under_a_worker_and_before_another(
    db: Database, crew: Crew, number: signal.Signals
) -> None:
    engines = crew.engines
    old = crew.hire(0.02)
    async with flowing(db, pause=0.01):
        end = time.monotonic() + 20
        while await done_by(db, old) < 10:
            assert time.monotonic() < end, old.output[-2000:]
            await asyncio.sleep(0.05)
        assert engines.postgres_pid is not None
        os.kill(engines.postgres_pid, number)
        await until(lambda: "postgres" in engines.poll())
        new = crew.hire(0.02)  # starts with nobody to talk to
        await asyncio.sleep(2.5)
        assert [worker.process.poll() for worker in (old, new) if worker.process] == [None, None]
        await asyncio.to_thread(engines.restart_dead)
        back = time.monotonic()
        before = await done_by(db, old)
        while await done_by(db, old) == before or await done_by(db, new) == 0:
            assert time.monotonic() - back < 10, "no recovery within ten seconds"
            await asyncio.sleep(0.05)
    await until_drained(db)
    assert await effects(db) == await all_of(db)
    assert [worker.stop() for worker in (old, new)] == [0, 0]


async def test_a_worker_lives_in_the_time_the_demonstration_moves_to(
    db: Database, crew: Crew, tmp_path: Path
) -> None:
    shared = tmp_path / "clock"
    shared.write_bytes(CLOCK.pack(0.0))
    later = a_deadline(timedelta(days=3))
    async with db.transaction() as tx:
        tx.add(later)
    crew.hire(LINLI_CLOCK_FILE=str(shared))
    [event_id] = await events(db, 1)
    end = time.monotonic() + 20
    while not await effects(db):
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    assert await effects(db) == {event_id: 1}
    with shared.open("r+b") as file:
        file.write(CLOCK.pack(timedelta(days=3).total_seconds()))
    await until_drained(db, 10)
    assert await effects(db) == {event_id: 1, later.id: 1}
    async with db.reading() as tx:
        age = await last_beat(tx)
    assert age is not None
    assert age < timedelta(seconds=15)
