"""定时任务: what must happen every so often, in one worker at a time; a run missed while none was up happens once."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.db import Database
from api.kit.mishaps import told, trail
from api.models import Job

log = logging.getLogger("linli.jobs")

STATEMENT_TIMEOUT = "60s"
"""A job may take longer over one statement than a person would wait."""
AFTER_A_FAILURE = timedelta(minutes=5)
HEARTBEAT = "worker"
"""The row of `jobs` by which any worker says that it lives."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job by its name in the table, and what one run of it does in the transaction that holds its row."""

    name: str
    every: timedelta
    run: Callable[[AsyncSession], Awaitable[None]]


def following(due: datetime, every: timedelta, now: datetime) -> datetime:
    """The first moment after `now` in steps of `every` from `due`: the rhythm is kept, what was missed is not."""
    return due + every * ((now - due) // every + 1)


class Schedule:
    """Runs `jobs` when they are due; the row's lock lets one worker in."""

    def __init__(self, db: Database, jobs: Sequence[Scheduled]) -> None:
        self._db = db
        self._jobs = {job.name: job for job in jobs}
        self._registered = False
        self._next = (
            select(Job)
            .where(col(Job.name).in_(list(self._jobs)), col(Job.next_at) <= bindparam("now"))
            .order_by(col(Job.next_at))
            .limit(literal_column("1"))
            .with_for_update(skip_locked=True)
        )

    async def run_one(self) -> bool:
        """Run the job that has been due longest. False when none is. Raises only when PostgreSQL is not there."""
        if not self._registered:
            await self._register()
        due: tuple[Scheduled, datetime] | None = None
        try:
            async with self._db.transaction() as tx:
                row = (await tx.execute(self._next, {"now": clock.now()})).scalar_one_or_none()
                if row is None:
                    return False
                job = self._jobs[row.name]
                due = job, row.next_at
                await tx.execute(select(func.set_config("statement_timeout", STATEMENT_TIMEOUT, True)))
                await job.run(tx)
                now = clock.now()
                row.last_at, row.next_at, row.error = now, following(row.next_at, job.every, now), None
        except Exception as error:
            if due is None:
                raise
            await self._put_off(*due, error)
        return True

    async def _register(self) -> None:
        """New jobs are due at once; one that has become more frequent does not wait out its old rhythm."""
        now = clock.now()
        async with self._db.transaction() as tx:
            for job in self._jobs.values():
                row = insert(Job).values(name=job.name, next_at=now)
                sooner = func.least(col(Job.next_at), now + job.every)
                await tx.execute(row.on_conflict_do_update(index_elements=["name"], set_={"next_at": sooner}))
        self._registered = True

    async def _put_off(self, job: Scheduled, due: datetime, error: Exception) -> None:
        """In a transaction of its own, since the job's is gone; the moment guards against a run in between."""
        async with self._db.transaction() as tx:
            await tx.execute(
                update(Job)
                .where(col(Job.name) == job.name, col(Job.next_at) == due)
                .values(next_at=clock.now() + min(job.every, AFTER_A_FAILURE), error=told(error))
            )
        log.error("job %s failed", job.name, extra={"error": told(error), "trail": trail(error)})


_BEAT = text(
    """insert into jobs (name, next_at, last_at) values (:name, now(), now())
       on conflict (name) do update set next_at = excluded.next_at, last_at = excluded.last_at"""
)


_AGE = text("select now() - last_at from jobs where name = :name")


async def beat(tx: AsyncSession) -> None:
    """Say that a worker lives. By PostgreSQL's time: life is real, whatever the clock was moved to."""
    await tx.execute(_BEAT, {"name": HEARTBEAT})


async def last_beat(tx: AsyncSession) -> timedelta | None:
    """How long ago some worker last said that it lives; None when none ever did."""
    found = await tx.execute(_AGE, {"name": HEARTBEAT})
    age: timedelta | None = found.scalar_one_or_none()
    return age
