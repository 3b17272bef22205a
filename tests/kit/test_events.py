"""The history can only grow, and what happened is queued with it: PostgreSQL itself sees to both."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from api.kit import clock
from api.kit.db import Database
from api.kit.events import ActorKind, Delivery, Event, record
from api.kit.ids import new_id
from tests.effects import events

AsOwner = Callable[[str], Awaitable[None]]


async def _all(db: Database, table: Any) -> list[Any]:
    async with db.reading() as tx:
        return list((await tx.execute(select(table))).scalars())


@pytest.fixture
async def event(db: Database) -> UUID:
    """One event, committed."""
    [made] = await events(db, 1)
    return made


@pytest.mark.parametrize(
    "change",
    [
        "update events set text = 'another'",
        "update events set data = '{}'",
        "update events set at = now()",
        "update events set actor_id = null where false or true",
        "delete from events",
        "truncate events, deliveries cascade",
        "insert into events select * from events on conflict (id) do update set text = 'another'",
        "merge into events e using (select 1) one on true when matched then delete",
        "with gone as (delete from events returning 1) select 1 from gone",
    ],
)
async def test_an_event_cannot_be_changed_or_removed(
    db: Database, as_owner: AsOwner, event: UUID, change: str
) -> None:
    """The program has no right to, and its owner meets the trigger."""
    before = (await _all(db, Event))[0].model_dump()
    with pytest.raises(DBAPIError, match="permission denied for table events"):
        async with db.transaction() as tx:
            await tx.execute(text(change))
    forbidden = r"append-only: (UPDATE|DELETE|TRUNCATE) on events is forbidden"
    with pytest.raises(asyncpg.RestrictViolationError, match=forbidden):
        await as_owner(change)
    assert [found.model_dump() for found in await _all(db, Event)] == [before]
    assert before["id"] == event


async def test_events_cannot_be_emptied_from_under_their_deliveries(
    db: Database, as_owner: AsOwner, event: UUID
) -> None:
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="cannot truncate"):
        await as_owner("truncate events")
    assert [row.id for row in await _all(db, Event)] == [event]


async def test_the_application_cannot_switch_the_guard_off_for_its_session(db: Database, event: UUID) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db.transaction() as tx:
            await tx.execute(text("set session_replication_role = replica"))
    async with db.reading() as tx:
        role = (
            await tx.execute(text("select rolsuper from pg_roles where rolname = current_user"))
        ).scalar_one()
    assert role is False
    assert len(await _all(db, Event)) == 1


async def test_each_event_is_queued_once_with_its_insert(db: Database) -> None:
    made = await events(db, 3)
    queued = {row.event_id: row for row in await _all(db, Delivery)}
    assert set(queued) == set(made)
    happened = {row.id: row.at for row in await _all(db, Event)}
    for event_id, row in queued.items():
        assert (row.attempts, row.dead, row.error) == (0, False, None)
        assert row.next_at == happened[event_id]


async def test_events_written_by_hand_are_queued_too(db: Database, event: UUID) -> None:
    async with db.transaction() as tx:
        await tx.execute(
            text(
                "insert into events (id, subject_kind, subject_id, move, actor_kind, actor_title, data, at)"
                " select gen_random_uuid(), subject_kind, subject_id, move, actor_kind, actor_title, data, at"
                " from events, generate_series(1, 4)"
            )
        )
    assert len(await _all(db, Delivery)) == 5


async def test_what_is_rolled_back_neither_happened_nor_is_queued(db: Database) -> None:
    async def change() -> None:
        async with db.transaction() as tx:
            record(tx, subject_kind="x", subject_id=new_id(), move="m", actor_id=None, actor_title="系统")
            await tx.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    assert await _all(db, Event) == []
    assert await _all(db, Delivery) == []


async def test_an_event_cannot_be_queued_twice_nor_lost_from_under_its_delivery(
    db: Database, event: UUID
) -> None:
    with pytest.raises(DBAPIError, match="pk_deliveries"):
        async with db.transaction() as tx:
            await tx.execute(text("insert into deliveries (event_id, next_at) select id, at from events"))
    with pytest.raises(DBAPIError, match="fk_deliveries"):
        async with db.transaction() as tx:
            await tx.execute(
                text("insert into deliveries (event_id, next_at) values (gen_random_uuid(), now())")
            )
    assert [row.event_id for row in await _all(db, Delivery)] == [event]


async def test_the_actor_is_a_person_or_the_system(db: Database) -> None:
    somebody = new_id()
    async with db.transaction() as tx:
        for who, title in ((somebody, "书记"), (None, "系统")):
            record(tx, subject_kind="x", subject_id=new_id(), move="m", actor_id=who, actor_title=title)
    found = {row.actor_title: row for row in await _all(db, Event)}
    assert (found["书记"].actor_kind, found["书记"].actor_id) == (ActorKind.person, somebody)
    assert (found["系统"].actor_kind, found["系统"].actor_id) == (ActorKind.system, None)
    assert all(abs((clock.now() - row.at).total_seconds()) < 30 for row in found.values())
    assert all(row.data == {} for row in found.values())
