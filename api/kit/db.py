"""PostgreSQL: transactions for use-cases, and bare connections for statements built once.

One request is one transaction, and this is the only module that commits. Two pools a process: SQLAlchemy's
for units of work, and a plain asyncpg one for hot paths, where a whole use-case is a single prebuilt
statement (docs/adr/0003).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.sql import Executable
from sqlalchemy.sql.elements import ClauseElement

from api.kit.problems import Unavailable

LOCK_TIMEOUT_MS = 3_000
ACQUIRE_TIMEOUT_S = 3.0


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


async def _keep(_: asyncpg.Connection) -> None:
    """Nothing we run leaves session state behind, so the pool's RESET round trip buys nothing."""


async def _speak_json(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=_dumps, decoder=orjson.loads, schema="pg_catalog")


class Statement:
    """A SQLAlchemy statement compiled once and run with named parameters on a bare connection.

    Rows are asyncpg Records: ids are `UUID`, enums their text, jsonb decoded. Building an expression in a
    handler costs more than the rest of a hot request, hence: build at import, bind at run time.
    """

    __slots__ = ("_binds", "sql")

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=asyncpg_dialect(json_serializer=_identity))  # type: ignore[no-untyped-call]
        order: Sequence[str] = compiled.positiontup or ()  # type: ignore[attr-defined]
        processors = compiled._bind_processors  # type: ignore[attr-defined]
        fixed = {
            name: bind.value
            for name, bind in compiled.binds.items()  # type: ignore[attr-defined]
            if not bind.required and bind.value is not None
        }
        self.sql = str(compiled)
        self._binds = [(name, processors.get(name), fixed.get(name)) for name in order]

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """The positional arguments for named `values`. Raises KeyError for a forgotten one."""
        found = []
        for name, process, fixed in self._binds:
            value = values[name] if fixed is None else fixed
            found.append(value if process is None else process(value))
        return found


def _identity(value: Any) -> Any:
    return value


class Database:
    """The pools of one process. `open()` before use, `close()` at the end."""

    def __init__(self, url: str, *, pool_size: int = 8, statement_timeout_ms: int = 5_000) -> None:
        self.url = url
        self._pool_size = pool_size
        self._settings = {
            "application_name": "linli",
            "timezone": "UTC",
            "jit": "off",
            "statement_timeout": str(statement_timeout_ms),
            "lock_timeout": str(LOCK_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": "15000",
        }
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=ACQUIRE_TIMEOUT_S,
            pool_use_lifo=True,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
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
        async with self._connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(statement.sql, *statement.arguments(values))
            return rows

    async def fetch_one(self, statement: Statement, /, **values: Any) -> asyncpg.Record | None:
        """The first row of a prebuilt statement, or None; one round trip."""
        async with self._connection() as connection:
            return await connection.fetchrow(statement.sql, *statement.arguments(values))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        assert self._bare is not None, "Database.open() was not awaited"
        try:
            connection = await self._bare.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable("服务繁忙，请稍后再试") from None
        try:
            yield connection
        finally:
            await self._bare.release(connection)


def sqlalchemy_url(url: str) -> str:
    """The address in SQLAlchemy's words: its asyncpg driver named."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("DATABASE_URL 必须以 postgresql:// 开头")
    return f"postgresql+asyncpg://{rest}"
