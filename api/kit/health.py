"""Whether a process can serve: engines answering, migrations at head."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypedDict

import asyncpg
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.kit.cache import Redis
from api.kit.db import Database

CHECK_S = 2.0
_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What comes unwrapped while a connection is being made: starting up, wrong password, no such database."""


class Part(TypedDict):
    """One thing a process depends on; `needed` parts decide readiness."""

    ok: bool
    needed: bool
    detail: str


class Health:
    """Asks the engines; remembers nothing."""

    def __init__(self, db: Database, redis: Redis, revisions: Sequence[str]) -> None:
        """`revisions`: the migrations this program knows, oldest first."""
        self._db = db
        self._redis = redis
        self._revisions = tuple(revisions)

    async def report(self) -> dict[str, Part]:
        """The parts by name; each asked at most two seconds."""
        names = ("postgresql", "redis")
        found = await asyncio.gather(*(self._ask(c) for c in (self._postgresql(), self._ping())))
        return dict(zip(names, found, strict=True))

    async def _ask(self, question: Awaitable[Part]) -> Part:
        try:
            return await asyncio.wait_for(question, CHECK_S)
        except (TimeoutError, OSError, RedisError, SQLAlchemyError, *_DRIVER) as error:
            return {"ok": False, "needed": True, "detail": type(error).__name__}

    async def _postgresql(self) -> Part:
        async with self._db.reading() as tx:
            try:
                found: Any = (
                    await tx.execute(text("select version_num from alembic_version"))
                ).scalar_one_or_none()
            except SQLAlchemyError as error:
                if "UndefinedTable" not in str(error):
                    raise
                found = None
        head = self._revisions[-1]
        if found is None or (found != head and found in self._revisions):
            return {"ok": False, "needed": True, "detail": f"迁移版本 {found or '无'}，应为 {head}"}
        # A revision we do not know is newer: during a roll-out the old program goes on over the new schema.
        return {"ok": True, "needed": True, "detail": f"迁移版本 {found}"}

    async def _ping(self) -> Part:
        await self._redis.ping()
        return {"ok": True, "needed": True, "detail": "应答正常"}
