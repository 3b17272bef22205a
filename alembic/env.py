"""Migrations run on one connection, with a lock time-out, so that they wait for nobody for long."""

import asyncio
import os

from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from alembic import context
from api.kit.db import sqlalchemy_url
from api.models import metadata

LOCK_TIMEOUT = "5s"


def _include(obj: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """The benchmarks' own schema is none of ours."""
    return getattr(obj, "schema", None) is None


def _migrate(connection: Connection) -> None:
    connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=_include,
        compare_type=True,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _connect_and_migrate() -> None:
    url = context.config.attributes.get("url") or os.environ["DATABASE_URL"]
    engine = create_async_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("linli 的迁移须连接数据库运行")
asyncio.run(_connect_and_migrate())
