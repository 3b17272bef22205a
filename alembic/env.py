"""Migrations run on one connection, with a lock time-out, so that they wait for nobody for long.

They run as the owner of the schema where one is named, and give the program's role its rights (api/kit/ownership.py).
"""

import asyncio
import os

from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from alembic import context
from api.kit.db import sqlalchemy_url
from api.kit.ownership import grants
from api.models import metadata

LOCK_TIMEOUT = "5s"


def _include(obj: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """The benchmarks' own schema is none of ours."""
    return getattr(obj, "schema", None) is None


def _migrate(connection: Connection, program: str | None) -> None:
    """`program`: the role to be let in, where it is not the one that owns the tables."""

    def let_in(**_: object) -> None:
        """In the transaction of each migration, and once more for tables that were there before the role."""
        if program is not None:
            version = connection.execute(
                text("select current_setting('server_version_num')::int")
            ).scalar_one()
            for statement in grants(program, version):
                connection.exec_driver_sql(statement)

    connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=_include,
        compare_type=True,
        compare_server_default=False,
        transaction_per_migration=True,
        on_version_apply=let_in,
    )
    with context.begin_transaction():
        context.run_migrations()
    if connection.execute(text("select to_regclass('alembic_version')")).scalar_one() is not None:
        let_in()
    connection.commit()


_WHERE = text("select current_user::text, current_database()::text, pg_postmaster_start_time()")


async def _program(owner: AsyncConnection, url: str) -> str | None:
    """The role at `url`, which must lead to the very database `owner` is on; None for one and the same role."""
    engine = create_async_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        role, *there = (await connection.execute(_WHERE)).one()
    await engine.dispose()
    name, *here = (await owner.execute(_WHERE)).one()
    if here != there:
        raise SystemExit("LINLI_OWNER_URL 与 DATABASE_URL 指向的不是同一个数据库，没有迁移。")
    return None if role == name else str(role)


async def _connect_and_migrate() -> None:
    given = context.config.attributes
    url = given.get("url") or os.environ["DATABASE_URL"]
    owner = given.get("owner") if given.get("url") else os.environ.get("LINLI_OWNER_URL")
    engine = create_async_engine(sqlalchemy_url(owner or url), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        program = await _program(connection, url) if owner else None
        await connection.run_sync(_migrate, program)
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("linli 的迁移须连接数据库运行")
asyncio.run(_connect_and_migrate())
