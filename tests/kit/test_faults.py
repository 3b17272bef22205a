"""Each failure of an engine is the problem it means: come again, or our own fault."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
import redis.exceptions
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError, NoResultFound
from sqlalchemy.exc import TimeoutError as NoneFree

from api.kit import cache
from api.kit.db import Database
from api.kit.faults import DatabaseAway, Overloaded, RedisAway, as_problem
from api.kit.problems import Problem, Unavailable
from tests.e2e.topology import free_port

AWAY = [
    ConnectionRefusedError(111, "refused"),
    ConnectionResetError(104, "reset"),
    FileNotFoundError(2, "no such socket"),
    BrokenPipeError(),
    TimeoutError(),
    asyncpg.ConnectionDoesNotExistError("gone"),
    asyncpg.ConnectionFailureError("broken"),
    asyncpg.CannotConnectNowError("starting up"),
    asyncpg.AdminShutdownError("terminating"),
    asyncpg.CrashShutdownError("terminating"),
    asyncpg.TooManyConnectionsError("sorry, too many clients"),
    asyncpg.DiskFullError("no space left on device"),
    asyncpg.OutOfMemoryError("out of memory"),
    asyncpg.PostgresIOError("could not read block"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("cannot switch to state"),
]
BUSY = [
    asyncpg.QueryCanceledError("statement timeout"),
    asyncpg.LockNotAvailableError("lock timeout"),
    asyncpg.DeadlockDetectedError("deadlock detected"),
    asyncpg.SerializationError("could not serialize access"),
    NoneFree("QueuePool limit"),
]
REDIS_AWAY = [
    redis.exceptions.ConnectionError("refused"),
    redis.exceptions.TimeoutError("slow"),
    redis.exceptions.BusyLoadingError("loading the dataset"),
    redis.exceptions.MaxConnectionsError("too many connections"),
    redis.exceptions.OutOfMemoryError("used memory > 'maxmemory'"),
    redis.exceptions.ReadOnlyError("a replica"),
]
OURS = [
    asyncpg.UniqueViolationError("twice"),
    asyncpg.CheckViolationError("not so"),
    asyncpg.UndefinedTableError("no such table"),
    asyncpg.PostgresSyntaxError("syntax"),
    asyncpg.ReadOnlySQLTransactionError("cannot insert"),
    asyncpg.InvalidPasswordError("wrong"),
    asyncpg.InvalidCatalogNameError("no such database"),
    redis.exceptions.ResponseError("unknown command"),
    redis.exceptions.DataError("no such type"),
    NoResultFound(),
    InvalidRequestError("session is closed"),
    ValueError("x"),
    KeyError("x"),
]


def _named(error: BaseException) -> str:
    return type(error).__name__


def wrapped(error: BaseException, *, invalidated: bool = False) -> DBAPIError:
    """The error of the driver as SQLAlchemy passes it on."""
    adapted = Exception(str(error))
    adapted.__cause__ = error
    return DBAPIError("select 1", {}, adapted, connection_invalidated=invalidated)


@pytest.mark.parametrize("error", AWAY, ids=_named)
def test_what_is_away_is_a_503_of_the_database(error: Exception) -> None:
    assert type(as_problem(error)) is DatabaseAway
    if not isinstance(error, OSError):
        assert type(as_problem(wrapped(error))) is DatabaseAway


@pytest.mark.parametrize("error", BUSY, ids=_named)
def test_what_is_busy_is_a_503_of_its_own(error: Exception) -> None:
    assert type(as_problem(error)) is Overloaded
    if isinstance(error, asyncpg.PostgresError):
        assert type(as_problem(wrapped(error))) is Overloaded


@pytest.mark.parametrize("error", REDIS_AWAY, ids=_named)
def test_redis_away_is_a_503_of_sessions(error: Exception) -> None:
    assert type(as_problem(error)) is RedisAway


@pytest.mark.parametrize("error", OURS, ids=_named)
def test_our_own_fault_is_no_outage(error: Exception) -> None:
    assert as_problem(error) is None
    assert as_problem(wrapped(error)) is None


def test_a_connection_that_sqlalchemy_gave_up_is_away_whatever_it_says() -> None:
    assert type(as_problem(wrapped(ValueError(), invalidated=True))) is DatabaseAway
    assert as_problem(DBAPIError("select 1", {}, None)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [DatabaseAway, RedisAway, Overloaded])
def test_each_says_when_to_come_again(kind: type[Problem]) -> None:
    problem = kind()
    assert isinstance(problem, Unavailable)
    assert (problem.status, problem.retry_after) == (503, 2)
    assert len({DatabaseAway.code, RedisAway.code, Overloaded.code}) == 3


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A Database where none listens."""
    database = Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none", pool_size=1)
    await database.open()
    yield database
    await database.close()


async def test_a_database_that_is_not_there_is_away(nowhere: Database) -> None:
    with pytest.raises(OSError) as failed:
        async with nowhere.reading() as tx:
            await tx.execute(text("select 1"))
    assert type(as_problem(failed.value)) is DatabaseAway


async def test_a_redis_that_is_not_there_is_away() -> None:
    client = cache.connect(f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(redis.exceptions.RedisError) as failed:
        await client.get("x")
    assert type(as_problem(failed.value)) is RedisAway
    await client.aclose()


async def test_two_that_lock_each_other_end_as_busy(
    db: Database, as_owner: Callable[[str], Awaitable[None]]
) -> None:
    await as_owner("create table things (id integer primary key)")
    async with db.transaction() as tx:
        await tx.execute(text("insert into things values (1), (2)"))

    async def lock(first: int, then: int, met: asyncio.Barrier) -> None:
        async with db.transaction() as tx:
            await tx.execute(text(f"select from things where id = {first} for update"))
            await met.wait()
            await tx.execute(text(f"select from things where id = {then} for update"))

    met = asyncio.Barrier(2)
    ended = await asyncio.gather(lock(1, 2, met), lock(2, 1, met), return_exceptions=True)
    [failed] = [error for error in ended if error is not None]
    assert type(as_problem(failed)) is Overloaded
