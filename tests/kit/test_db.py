"""Transactions, prebuilt statements and the pools, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Integer, Uuid, bindparam, func, literal, literal_column, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlmodel import col

from api.kit import db as kit_db
from api.kit.db import Database, Statement, sqlalchemy_url
from api.kit.faults import Overloaded, as_problem
from api.kit.ids import new_id
from api.kit.problems import Unavailable
from api.models import Case
from api.rules.cases import CaseState

DRIVER_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
PID = Statement(select(func.pg_backend_pid().label("pid")))


@pytest.fixture(autouse=True)
async def _table(as_owner: Callable[[str], Awaitable[None]]) -> None:
    await as_owner("create table things (id integer primary key, name text)")


@pytest.fixture
async def narrow(database_url: str) -> AsyncIterator[Database]:
    """A Database with one connection in each pool."""
    database = Database(database_url, pool_size=1)
    await database.open()
    yield database
    await database.close()


async def _names(db: Database) -> list[str]:
    async with db.reading() as tx:
        return list((await tx.execute(text("select name from things order by id"))).scalars())


async def _insert(db: Database, name: str = "one") -> None:
    async with db.transaction() as tx:
        await tx.execute(text("insert into things values (1, :name)"), {"name": name})


def test_a_statement_writes_what_it_knows_and_binds_only_parameters() -> None:
    statement = Statement(
        select(col(Case.id)).where(
            col(Case.state) == CaseState.submitted,
            col(Case.cycle) > 1,
            col(Case.title) == "it's; --",
            col(Case.id) == bindparam("case_id", type_=Uuid()),
            col(Case.id) != bindparam("case_id", type_=Uuid()),
        )
    )
    assert statement.names == ("case_id",)
    assert "'submitted'" in statement.sql
    assert "> 1" in statement.sql
    assert "'it''s; --'" in statement.sql
    assert statement.sql.count("$1") == 2
    assert "$2" not in statement.sql


def test_a_forgotten_parameter_is_an_error_and_a_superfluous_one_is_ignored() -> None:
    statement = Statement(select(bindparam("a", type_=Integer()) - bindparam("b", type_=Integer())))
    assert statement.arguments({"b": 1, "a": 2, "c": 3}) == [2, 1]
    with pytest.raises(KeyError, match="b"):
        statement.arguments({"a": 2})


async def test_a_list_known_at_build_time_is_written_out(db: Database) -> None:
    statement = Statement(select(literal(CaseState.closed.value).in_([s.value for s in CaseState])))
    assert statement.names == ()
    row = await db.fetch_one(statement)
    assert row is not None
    assert row[0] is True


async def test_rows_come_back_as_ids_json_and_records(db: Database) -> None:
    made = new_id()
    asked = Statement(
        select(
            bindparam("id", type_=Uuid()).label("id"),
            func.jsonb_build_object("name", "灯", "on", literal_column("true")).label("data"),
        )
    )
    row = await db.fetch_one(asked, id=made)
    assert row is not None
    assert (row["id"], row["data"]) == (made, {"name": "灯", "on": True})
    assert isinstance(row["id"], UUID)
    assert await db.fetch_one(Statement(select(1).where(literal_column("false")))) is None
    assert len(await db.fetch(Statement(select(func.generate_series(1, 3))))) == 3


async def test_a_transaction_that_ends_well_is_there(db: Database) -> None:
    await _insert(db)
    assert await _names(db) == ["one"]


@pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError()])
async def test_a_transaction_that_raises_leaves_nothing(db: Database, error: BaseException) -> None:
    async def change() -> None:
        async with db.transaction() as tx:
            await tx.execute(text("insert into things values (1, 'one')"))
            raise error

    with pytest.raises(type(error)):
        await change()
    assert await _names(db) == []


async def test_a_read_may_not_write(db: Database) -> None:
    async with db.reading() as tx:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await tx.execute(text("insert into things values (1, 'one')"))
    assert await _names(db) == []


async def test_a_connection_that_read_may_write_again(narrow: Database) -> None:
    assert await _names(narrow) == []
    await _insert(narrow)
    assert await _names(narrow) == ["one"]


async def test_what_a_reader_changed_in_memory_is_not_written(db: Database) -> None:
    async with db.reading() as tx:
        tx.add(Case(title="nobody's"))
    async with db.reading() as tx:
        assert (await tx.execute(text("select count(*) from cases"))).scalar_one() == 0


async def test_a_failure_shows_no_parameters(db: Database) -> None:
    await _insert(db)
    with pytest.raises(DBAPIError) as failed:
        await _insert(db, "13900001234")
    assert "13900001234" not in str(failed.value)
    assert "hidden" in str(failed.value)


async def test_when_all_connections_are_taken_the_next_is_told_to_come_again(
    narrow: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await narrow.fetch(PID)
    monkeypatch.setattr(kit_db, "ACQUIRE_TIMEOUT_S", 0.3)
    asleep = asyncio.create_task(narrow.fetch(Statement(select(func.pg_sleep(1.5)))))
    await asyncio.sleep(0.1)
    with pytest.raises(Unavailable) as refused:
        await narrow.fetch(PID)
    assert (refused.value.status, refused.value.retry_after) == (503, 2)
    await asleep
    assert await narrow.fetch(PID)


async def test_the_other_pool_says_the_same(narrow: Database) -> None:
    async with AsyncExitStack() as stack:
        held = await stack.enter_async_context(narrow.transaction())
        await held.execute(text("select 1"))
        with pytest.raises(NoneFree) as refused:
            await _names(narrow)
        assert isinstance(as_problem(refused.value), Overloaded)
    assert await _names(narrow) == []


async def _pid(db: Database) -> int:
    row = await db.fetch_one(PID)
    assert row is not None
    return int(row["pid"])


@pytest.mark.parametrize("error", [asyncpg.InternalClientError("lost"), asyncpg.InterfaceError("lost")])
async def test_a_connection_the_driver_lost_track_of_is_given_to_nobody(
    narrow: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    before = await _pid(narrow)
    assert await _pid(narrow) == before

    async def lose(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetch", lose)
        with pytest.raises(type(error)):
            await narrow.fetch(PID)
    assert await _pid(narrow) != before


async def test_a_refused_statement_costs_no_connection(narrow: Database) -> None:
    before = await _pid(narrow)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await narrow.fetch(Statement(select(literal_column("1/0"))))
    assert await _pid(narrow) == before


async def _pid_of_session(db: Database) -> int:
    async with db.reading() as tx:
        return int((await tx.execute(text("select pg_backend_pid()"))).scalar_one())


@pytest.mark.parametrize("ask", [_pid, _pid_of_session], ids=["bare", "session"])
async def test_a_killed_connection_fails_at_most_once_with_503_and_is_replaced(
    narrow: Database, db: Database, ask: Callable[[Database], Awaitable[int]]
) -> None:
    for _ in range(10):
        before = await ask(narrow)
        await db.fetch(Statement(select(func.pg_terminate_backend(literal_column(str(before))))))
        try:
            assert await ask(narrow) != before
        except (DBAPIError, *DRIVER_FAILURES) as error:
            problem = as_problem(error)
            assert problem is not None
            assert problem.status == 503
        assert await ask(narrow) != before


async def test_a_caller_who_went_away_leaves_a_connection_that_works(narrow: Database) -> None:
    asking = asyncio.create_task(narrow.fetch(Statement(select(func.pg_sleep(30)))))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await narrow.fetch(PID)


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(database_url: str) -> None:
    database = Database(database_url, pool_size=1, statement_timeout_ms=100)
    await database.open()
    with pytest.raises(asyncpg.QueryCanceledError) as slow:
        await database.fetch(Statement(select(func.pg_sleep(30))))
    assert isinstance(as_problem(slow.value), Overloaded)
    with pytest.raises(DBAPIError) as slow_too:
        async with database.reading() as tx:
            await tx.execute(text("select pg_sleep(30)"))
    assert isinstance(as_problem(slow_too.value), Overloaded)
    await database.close()


@pytest.mark.parametrize(
    "given", ["postgresql://u@h/d", "postgres://u@h/d", "postgresql+asyncpg://u@h/d?host=/run"]
)
def test_the_address_gets_its_driver(given: str) -> None:
    assert sqlalchemy_url(given).startswith("postgresql+asyncpg://u@h/d")


@pytest.mark.parametrize("given", ["mysql://u@h/d", "u@h/d", "", "sqlite:///x"])
def test_another_database_is_refused_in_a_sentence(given: str) -> None:
    with pytest.raises(ValueError, match="必须以 postgresql:// 开头"):
        sqlalchemy_url(given)
