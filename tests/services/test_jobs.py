"""Scheduled jobs on a real PostgreSQL, in a time that the test moves."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from api.kit import clock
from api.kit.db import Database
from api.kit.idempotency import IdempotencyKey
from api.models import Job
from api.services.jobs import Schedule, Scheduled, beat, following, last_beat
from api.worker import JOBS

HOUR = timedelta(hours=1)


class Counted:
    """A job that counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    async def run(self, tx: AsyncSession) -> None:
        self.runs += 1
        await tx.execute(text("select pg_sleep(0.05)"))


async def drain(schedule: Schedule) -> int:
    done = 0
    while await schedule.run_one():
        done += 1
    return done


async def job_row(db: Database, name: str) -> Job:
    async with db.reading() as tx:
        return (await tx.execute(select(Job).where(Job.name == name))).scalar_one()


async def test_a_job_runs_at_once_and_then_in_its_rhythm(db: Database) -> None:
    job = Counted()
    schedule = Schedule(db, [Scheduled("count", HOUR, job.run)])
    assert await drain(schedule) == 1
    clock.move(timedelta(minutes=59))
    assert await drain(schedule) == 0
    clock.move(timedelta(minutes=2))
    assert await drain(schedule) == 1
    assert job.runs == 2


async def test_what_was_missed_happens_once_and_the_rhythm_is_kept(db: Database) -> None:
    job = Counted()
    schedule = Schedule(db, [Scheduled("count", HOUR, job.run)])
    await drain(schedule)
    first = (await job_row(db, "count")).next_at
    clock.move(timedelta(hours=30, minutes=20))
    assert await drain(schedule) == 1
    assert (await job_row(db, "count")).next_at == first + 30 * HOUR


def test_the_next_run_is_the_first_step_after_now() -> None:
    due = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
    assert following(due, HOUR, due) == due + HOUR
    assert following(due, HOUR, due + timedelta(minutes=59)) == due + HOUR
    assert following(due, HOUR, due + HOUR) == due + 2 * HOUR


async def test_of_many_workers_one_runs_it(db: Database) -> None:
    job = Counted()
    schedules = [Schedule(db, [Scheduled("count", HOUR, job.run)]) for _ in range(6)]
    assert sum(await asyncio.gather(*(drain(schedule) for schedule in schedules))) == 1
    assert job.runs == 1


async def test_a_job_that_fails_leaves_nothing_but_its_name_and_place(db: Database) -> None:
    async def spoil(tx: AsyncSession) -> None:
        await tx.execute(text("insert into jobs (name, next_at) values ('trace', now())"))
        raise ValueError("张三")

    other = Counted()
    schedule = Schedule(db, [Scheduled("spoil", 6 * HOUR, spoil), Scheduled("count", HOUR, other.run)])
    assert await drain(schedule) == 2
    assert other.runs == 1
    row = await job_row(db, "spoil")
    assert row.error is not None
    assert row.error.startswith("ValueError at api/services/jobs.py:")
    assert row.last_at is None
    assert timedelta(minutes=4) < row.next_at - clock.now() <= timedelta(minutes=5)
    async with db.reading() as tx:
        assert await tx.get(Job, "trace") is None


async def test_a_job_that_recovers_forgets_its_error(db: Database) -> None:
    left = [1]

    async def sometimes(tx: AsyncSession) -> None:
        if left[0]:
            left[0] -= 1
            raise RuntimeError

    schedule = Schedule(db, [Scheduled("sometimes", HOUR, sometimes)])
    await drain(schedule)
    clock.move(timedelta(minutes=6))
    assert await drain(schedule) == 1
    row = await job_row(db, "sometimes")
    assert (row.error, row.last_at is not None) == (None, True)


async def test_a_job_made_more_frequent_does_not_wait_out_its_old_rhythm(db: Database) -> None:
    job = Counted()
    await drain(Schedule(db, [Scheduled("count", 24 * HOUR, job.run)]))
    schedule = Schedule(db, [Scheduled("count", HOUR, job.run)])
    assert await drain(schedule) == 0
    clock.move(timedelta(minutes=61))
    assert await drain(schedule) == 1


async def test_the_jobs_of_the_worker_do_what_they_say(db: Database) -> None:
    person = uuid4()
    async with db.transaction() as tx:
        for key, age in (("old", timedelta(hours=25)), ("young", timedelta(hours=23))):
            tx.add(IdempotencyKey(person_id=person, key=key, fingerprint=b"", created_at=clock.now() - age))
    assert await drain(Schedule(db, JOBS)) == len(JOBS)
    async with db.reading() as tx:
        assert list((await tx.execute(select(IdempotencyKey.key))).scalars()) == ["young"]
        assert [job.name for job in (await tx.execute(select(Job))).scalars() if job.error is not None] == []


async def test_a_worker_is_known_to_live_by_its_heartbeat_in_real_time(db: Database) -> None:
    async with db.reading() as tx:
        assert await last_beat(tx) is None
    clock.move(timedelta(days=400))
    for _ in range(2):
        async with db.transaction() as tx:
            await beat(tx)
    async with db.reading() as tx:
        age = await last_beat(tx)
    assert age is not None
    assert timedelta() <= age < timedelta(seconds=5)
