"""The clock that acts: due rows of `deadlines`, fired once, whatever else goes on."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.kit.db import Database
from api.kit.ids import new_id
from api.kit.metrics import FIRED
from api.models import Deadline
from api.services import due
from api.services.due import DueClock


async def deadline(db: Database, *, kind: str = "sign", **columns: Any) -> UUID:
    """A deadline, due in a minute unless `columns` say otherwise."""
    row = Deadline(
        subject_kind="sample",
        subject_id=new_id(),
        kind=kind,
        limits=[],
        allowed=60,
        calendar_version=1,
        started_at=clock.now(),
        **{"due_at": clock.now() + timedelta(minutes=1), **columns},
    )
    async with db.transaction() as tx:
        tx.add(row)
    return row.id


async def fired(db: Database, deadline_id: UUID) -> datetime | None:
    async with db.reading() as tx:
        row = await tx.get(Deadline, deadline_id)
        assert row is not None
        return row.fired_at


class Acting:
    """Notes on whom it acted; raises for those in `poison`."""

    def __init__(self, *poison: UUID) -> None:
        self.acted: list[UUID] = []
        self.poison = set(poison)

    async def __call__(self, tx: AsyncSession, deadline: Deadline) -> None:
        await tx.execute(
            text("insert into jobs (name, next_at) values (:name, now())"), {"name": str(deadline.id)}
        )
        if deadline.id in self.poison:
            raise ValueError("张三")
        self.acted.append(deadline.id)


async def drain(running: DueClock) -> int:
    done = 0
    while await running.run_one():
        done += 1
    return done


async def test_a_deadline_fires_when_its_time_has_come_and_once(db: Database) -> None:
    acting = Acting()
    running = DueClock(db, acting)
    late = await deadline(db, kind="finish", due_at=clock.now() + timedelta(minutes=2))
    soon = await deadline(db)
    before = FIRED.labels("sign")._value.get()
    assert await drain(running) == 0
    clock.move(timedelta(seconds=61))
    assert await drain(running) == 1
    clock.move(timedelta(days=1))
    assert await drain(running) == 1
    assert acting.acted == [soon, late]
    assert await fired(db, soon) is not None
    assert FIRED.labels("sign")._value.get() == before + 1


@pytest.mark.parametrize("over", ["met_at", "cancelled_at", "fired_at", "paused"])
async def test_what_is_over_or_paused_does_not_fire(db: Database, over: str) -> None:
    await deadline(db, **({"due_at": None} if over == "paused" else {over: clock.now()}))
    clock.move(timedelta(days=1))
    assert await drain(DueClock(db, Acting())) == 0


async def test_workers_share_the_deadlines_and_each_fires_once(db: Database) -> None:
    ids = [await deadline(db) for _ in range(20)]
    clock.move(timedelta(minutes=2))
    acting = Acting()
    done = await asyncio.gather(*(drain(DueClock(db, acting)) for _ in range(5)))
    assert sum(done) == 20
    assert sorted(acting.acted) == sorted(ids)


async def test_one_that_cannot_be_acted_on_holds_up_no_other_and_leaves_nothing(db: Database) -> None:
    poison = await deadline(db, due_at=clock.now())
    others = [await deadline(db) for _ in range(3)]
    clock.move(timedelta(minutes=2))
    acting = Acting(poison)
    assert await drain(DueClock(db, acting)) == 4
    assert acting.acted == others
    assert await fired(db, poison) is None
    async with db.reading() as tx:
        assert (await tx.execute(text("select count(*) from jobs"))).scalar_one() == 3


async def test_one_that_failed_is_tried_again_after_a_rest(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "FIRST_REST", 0.2)
    poison = await deadline(db, due_at=clock.now())
    acting = Acting(poison)
    running = DueClock(db, acting)
    assert await drain(running) == 1
    assert await drain(running) == 0
    acting.poison.clear()
    await asyncio.sleep(0.3)
    assert await drain(running) == 1
    assert acting.acted == [poison]


async def test_the_clock_yields_to_the_person_who_is_acting_on_the_same_subject(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person locks the subject, then its deadlines; the clock the other way round: one must give way."""
    monkeypatch.setattr(due, "FIRST_REST", 0.1)
    deadline_id = await deadline(db, due_at=clock.now())
    async with db.transaction() as tx:
        await tx.execute(text("insert into jobs (name, next_at) values ('subject', now())"))
    change = text("update jobs set error = :who where name = 'subject'")
    took_subject = asyncio.Event()

    async def person() -> None:
        async with db.transaction() as tx:
            await tx.execute(change, {"who": "person"})
            took_subject.set()
            await asyncio.sleep(1.3)  # longer than PostgreSQL waits before it looks for a deadlock
            await tx.execute(text("update deadlines set met_at = now() where id = :id"), {"id": deadline_id})

    async def act(tx: AsyncSession, deadline: Deadline) -> None:
        await tx.execute(change, {"who": "clock"})

    moving = asyncio.create_task(person())
    await took_subject.wait()
    running = DueClock(db, act)
    while not moving.done():
        await running.run_one()
        await asyncio.sleep(0.02)
    await moving
    assert await drain(running) == 0
    assert await fired(db, deadline_id) is None
