"""Events and a consequence whose effect can be counted: one row each time it is carried out, twice is seen as two."""

from collections import Counter
from os import getpid
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.db import Database
from api.kit.events import Event, record
from api.kit.ids import new_id

TABLE = "create table effects (event_id uuid not null, worker integer not null)"
_LEAVE = text("insert into effects values (:event, :worker)")


async def prepare(owner_url: str) -> None:
    """The table of effects: with no key, so that nothing but the queue keeps an effect from doubling."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(TABLE)
    finally:
        await connection.close()


def happen(tx: AsyncSession, subject_id: UUID | None = None, move: str = "submit") -> UUID:
    """An event of no kind the product knows."""
    event = record(
        tx,
        subject_kind="sample",
        subject_id=subject_id or new_id(),
        move=move,
        actor_id=None,
        actor_title="系统",
    )
    return event.id


async def events(
    db: Database, count: int, *, subject_id: UUID | None = None, move: str = "submit"
) -> list[UUID]:
    """`count` events, committed together."""
    async with db.transaction() as tx:
        return [happen(tx, subject_id, move) for _ in range(count)]


async def leave(tx: AsyncSession, event: Event) -> None:
    """The consequence: one row, with the process that wrote it. The worker's own warnings are none of ours."""
    if event.subject_kind != "calendar":
        await mark(tx, event.id)


async def mark(tx: AsyncSession, what: UUID) -> None:
    await tx.execute(_LEAVE, {"event": what, "worker": getpid()})


async def effects(db: Database) -> Counter[UUID]:
    """How often each event had its effect."""
    async with db.reading() as tx:
        return Counter((await tx.execute(text("select event_id from effects"))).scalars())
