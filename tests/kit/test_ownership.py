"""Two roles: the program works in the tables, and cannot take down what guards them (S6)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api import migrations
from api.kit.db import Database
from api.kit.engines import EmbeddedEngines
from api.kit.ownership import look

AsOwner = Callable[[str], Awaitable[None]]
GUARDED = ("events", "points_entries", "privacy_consents", "subscription_consents")


@pytest.mark.parametrize(
    "attempt",
    [
        "alter table events disable trigger events_append_only",
        "drop trigger events_append_only on events",
        "alter table cases add column x int",
        "drop table cases",
        "create table x (i int)",
        "create or replace function forbid_change() returns trigger language plpgsql as 'begin return new; end'",
        "drop function forbid_change()",
        "truncate deliveries",
        "update alembic_version set version_num = '0000'",
        "update events set text = ''",
        "set role linli_owner",
        "alter role linli superuser",
    ],
)
async def test_the_programs_role_cannot_touch_the_schema_or_its_guards(db: Database, attempt: str) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with db.transaction() as tx:
            await tx.execute(text(attempt))
    assert getattr(refused.value.orig, "sqlstate", None) == "42501", refused.value  # insufficient_privilege


async def test_every_guarded_table_and_no_other_is_closed_to_changes(db: Database, owner_url: str) -> None:
    connection = await asyncpg.connect(db.url)
    owner = await asyncpg.connect(owner_url)
    try:
        standing = await look(connection)
        assert (standing.superuser, standing.owns, standing.rewritable, standing.closed) == (
            False,
            False,
            (),
            (),
        )
        for right, bit, known in (("update", 16, GUARDED), ("delete", 8, {*GUARDED, "event_words"})):
            closed = await connection.fetch(
                "select c.oid::regclass::text as name from pg_class c "
                "where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'alembic_version' "
                "and not has_table_privilege(c.oid, $1) order by 1",
                right,
            )
            guarded = await owner.fetch(
                "select distinct tgrelid::regclass::text as name from pg_trigger "
                "where tgfoid = 'forbid_change'::regproc and tgtype & $1 > 0 order by 1",
                bit,
            )
            assert closed == guarded
            assert {r["name"] for r in guarded} >= set(known)
        assert (await look(owner)).owns
    finally:
        await connection.close()
        await owner.close()


async def test_a_role_that_may_too_much_or_too_little_is_seen_and_migrating_mends_it(
    db: Database, as_owner: AsOwner, owner_url: str
) -> None:
    connection = await asyncpg.connect(db.url)
    try:
        await as_owner("grant update on events to linli; revoke insert on cases from linli")
        standing = await look(connection)
        assert (standing.rewritable, standing.closed) == (("events",), ("cases",))
        await asyncio.to_thread(migrations.upgrade, db.url, owner=owner_url)
        standing = await look(connection)
        assert (standing.rewritable, standing.closed) == ((), ())
    finally:
        await connection.close()


@pytest.fixture
async def spare(engines: EmbeddedEngines, template: str) -> AsyncIterator[tuple[str, str]]:
    """A database where one role did everything, and another with an awkward name: the addresses of both."""
    name = f"spare_{uuid4().hex[:8]}"
    role = f'it\'s a \\ "{name}"'
    addresses = engines.addresses
    admin = await asyncpg.connect(addresses.admin_url)
    quoted = '"' + role.replace('"', '""') + '"'
    await admin.execute(f"create role {quoted} login password 'spare'")
    await admin.execute(f"create database {name} template {template} owner linli_owner")
    tail = addresses.owner_url.partition("@")[2].replace("/linli?", f"/{name}?")
    head = addresses.owner_url.partition("@")[0]
    yield f"{head}@{tail}", f"postgresql://{quote(role, safe='')}:spare@{tail}"
    await admin.execute(f"drop database {name} with (force)")
    await admin.execute(f"drop role {quoted}")
    await admin.close()


async def test_one_role_alone_owns_everything_and_a_second_one_is_let_in_later(
    spare: tuple[str, str],
) -> None:
    owner_url, program_url = spare
    await asyncio.to_thread(migrations.upgrade, owner_url)
    alone = await asyncpg.connect(owner_url)
    program = await asyncpg.connect(program_url)
    try:
        assert (await look(alone)).owns
        assert "cases" in (await look(program)).closed
        await asyncio.to_thread(migrations.upgrade, program_url, owner=owner_url)
        standing = await look(program)
        assert (standing.superuser, standing.owns, standing.rewritable, standing.closed) == (
            False,
            False,
            (),
            (),
        )
        await program.execute("create temporary table t (i int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await program.execute("delete from events")
    finally:
        await alone.close()
        await program.close()


async def test_an_owner_of_another_database_migrates_nothing(db: Database, engines: EmbeddedEngines) -> None:
    with pytest.raises(SystemExit, match="不是同一个数据库"):
        await asyncio.to_thread(migrations.upgrade, db.url, owner=engines.addresses.owner_url)
