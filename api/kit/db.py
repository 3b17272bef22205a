"""PostgreSQL: transactions for use-cases, and bare connections for statements built once.

One request is one transaction, and this is the only module that commits. Two pools a process: SQLAlchemy's
for units of work, and a plain asyncpg one for hot paths, where a whole use-case is a single prebuilt
statement (docs/adr/0003).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import BindParameter
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.sql.elements import ClauseElement

from api.kit.problems import Unavailable
from api.kit.wire import dumps, loads

LOCK_TIMEOUT_MS = 3_000
ACQUIRE_TIMEOUT_S = 3.0


def _dumps(value: Any) -> str:
    return dumps(value).decode()


async def _keep(_: asyncpg.Connection) -> None:
    """Nothing we run leaves session state behind, so the pool's RESET round trip buys nothing."""


async def _speak_json(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=_dumps, decoder=loads, schema="pg_catalog")


class _Inlining(PGCompiler_asyncpg):
    """Writes the values known at build time into the SQL, so that only true parameters are bound."""

    def visit_bindparam(self, bindparam: BindParameter[Any], **kw: Any) -> str:  # type: ignore[override]
        kw["literal_binds"] = bindparam.value is not None
        return str(super().visit_bindparam(bindparam, **kw))  # type: ignore[no-untyped-call]


class _Dialect(PGDialect_asyncpg):
    statement_compiler = _Inlining
    supports_statement_cache = False


_DIALECT = _Dialect()  # type: ignore[no-untyped-call]


class Statement:
    """A SQLAlchemy statement compiled once and run with named parameters on a bare connection.

    Rows are asyncpg Records: ids are `UUID`, enums their text, jsonb decoded. Building an expression in a
    handler costs more than the rest of a hot request, hence: build at import, bind at run time.
    """

    __slots__ = ("names", "sql")

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """The positional arguments for named `values`. Raises KeyError for a forgotten one."""
        return [values[name] for name in self.names]


class Lent:
    """A bare connection, lent by `Database.lending`: every statement is a transaction of its own, one round trip."""

    __slots__ = ("_connection",)

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement, /, **values: Any) -> list[asyncpg.Record]:
        """All rows."""
        rows: list[asyncpg.Record] = await self._connection.fetch(statement.sql, *statement.arguments(values))
        return rows

    async def fetch_one(self, statement: Statement, /, **values: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self._connection.fetchrow(statement.sql, *statement.arguments(values))


class Database:
    """The pools of one process. `open()` before use, `close()` at the end."""

    def __init__(
        self, url: str, *, pool_size: int = 8, statement_timeout_ms: int = 5_000, replan: bool = False
    ) -> None:
        """`replan`: plan each statement for the tables as they are now. For the worker: a plan kept from when
        its queue was empty reads all of a full one at every step (measured: 16 ms instead of 1.3)."""
        self.url = url
        self._pool_size = pool_size
        self._settings = {
            "application_name": "linli",
            "timezone": "UTC",
            "jit": "off",
            "statement_timeout": str(statement_timeout_ms),
            "lock_timeout": str(LOCK_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": "15000",
            "plan_cache_mode": "force_custom_plan" if replan else "auto",
        }
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=ACQUIRE_TIMEOUT_S,
            pool_use_lifo=True,
            hide_parameters=True,
            json_serializer=_dumps,
            json_deserializer=loads,
            connect_args={"server_settings": self._settings, "timeout": ACQUIRE_TIMEOUT_S},
        )
        self._reader = self.engine.execution_options(postgresql_readonly=True)
        self._bare: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Prepare the bare pool without connecting: a process may start before its engine does."""
        self._bare = asyncpg.create_pool(
            self.url,
            min_size=0,
            max_size=self._pool_size,
            max_inactive_connection_lifetime=300,
            init=_speak_json,
            reset=_keep,
            server_settings=self._settings,
            command_timeout=30,
            timeout=ACQUIRE_TIMEOUT_S,
        )
        await self._bare

    async def close(self) -> None:
        if self._bare is not None:
            self._bare.terminate()
            self._bare = None
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A unit of work: committed when the block ends well, rolled back otherwise."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session
            await session.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A READ ONLY transaction; PostgreSQL refuses any write in it."""
        async with AsyncSession(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    async def fetch(self, statement: Statement, /, **values: Any) -> list[asyncpg.Record]:
        """All rows of a prebuilt statement, in its own transaction: one round trip."""
        async with self.lending() as connection:
            return await connection.fetch(statement, **values)

    async def fetch_one(self, statement: Statement, /, **values: Any) -> asyncpg.Record | None:
        """The first row of a prebuilt statement, or None; one round trip."""
        async with self.lending() as connection:
            return await connection.fetch_one(statement, **values)

    @asynccontextmanager
    async def lending(self) -> AsyncIterator[Lent]:
        """A bare connection for a use-case of several prebuilt statements. Raises Unavailable when all are taken."""
        assert self._bare is not None, "Database.open() was not awaited"
        try:
            connection = await self._bare.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable("服务繁忙，请稍后再试") from None
        try:
            yield Lent(connection)
        except (asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError) as error:
            if _is_lost(error):
                connection.terminate()  # nobody gets it again
            raise
        finally:
            await self._bare.release(connection)


def _is_lost(error: Exception) -> bool:
    """Whether the driver has lost the thread of a connection, or the server has just ended it: the driver
    may not have seen it closed yet, and the next to use it would fail as well."""
    return not isinstance(error, asyncpg.PostgresError) or error.severity_en in ("FATAL", "PANIC")


def sqlalchemy_url(url: str) -> str:
    """The address in SQLAlchemy's words: its asyncpg driver named."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("DATABASE_URL 必须以 postgresql:// 开头")
    return f"postgresql+asyncpg://{rest}"
