"""Databases for tests: copied from a template once, and put back as they were after each test.

Copying a database costs PostgreSQL half a second of files, putting rows back a few milliseconds. Which tables to put
back its counters of written rows tell. Where a test changed more than rows (a table, a trigger, the planner's
statistics) or left much behind, the database is dropped and the next test gets a new copy.
"""

from dataclasses import dataclass
from io import BytesIO
from uuid import uuid4

import asyncpg

ROOMY = 2 * 1024 * 1024
"""Bytes a table may have grown to before its database is dropped: rows deleted still cost whoever looks past them."""
_MADE = {
    "pg_attrdef": "oid",
    "pg_attribute": "attrelid",
    "pg_class": "oid",
    "pg_constraint": "oid",
    "pg_db_role_setting": "setrole",
    "pg_index": "indexrelid",
    "pg_policy": "oid",
    "pg_proc": "oid",
    "pg_rewrite": "oid",
    "pg_statistic": "starelid",
    "pg_trigger": "oid",
    "pg_type": "oid",
}
"""Catalogues, and the object that a row of them defines."""
_OURS = 16384
"""PostgreSQL's own objects have lower numbers."""
_TABLES = f"""
select format('%I.%I', n.nspname, c.relname) as name, n.nspname as schema, c.relname as table,
  array_agg(a.attname order by a.attnum) filter (where a.attgenerated = '') as columns
from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind = 'r' and c.oid >= {_OURS} group by n.nspname, c.relname
"""
_WRITTEN = f"""
select format('%I.%I', n.nspname, c.relname) as name,
  pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid) as rows
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and c.oid >= {_OURS}
"""
_FLUSH = "select pg_stat_force_next_flush()"


def named(url: str, database: str) -> str:
    """The same server, another database."""
    head, separator, query = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{database}{separator}{query}"


async def execute(url: str, statement: str) -> None:
    """One statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@dataclass(frozen=True)
class _Table:
    schema: str
    name: str
    columns: list[str]
    """Those that can be written to."""
    rows: bytes
    """As COPY writes them; nothing for a table without rows."""


@dataclass(frozen=True)
class _Pristine:
    """A copy as it was before any test had it."""

    definitions: str
    tables: dict[str, _Table]


class Databases:
    """Copies of templates on one server, each lent to one test at a time."""

    def __init__(self, admin_url: str) -> None:
        self._admin = admin_url
        self._pristine: dict[str, _Pristine] = {}
        self._free: dict[str, list[str]] = {}
        self._written: dict[str, dict[str, int]] = {}
        """How many rows were ever written, table by table, when the database was last as the template."""

    async def lend(self, template: str) -> str:
        """The name of a database that is as the template was."""
        if free := self._free.get(template):
            return free.pop()
        name = f"t_{uuid4().hex[:12]}"
        await execute(self._admin, f"create database {name} template {template} owner linli_owner")
        if template not in self._pristine:
            connection = await asyncpg.connect(named(self._admin, name))
            try:
                self._pristine[template] = await _look(connection)
            finally:
                await connection.close()
        return name

    async def take_back(self, name: str, template: str) -> None:
        """Put it back for the next test, or drop it."""
        connection = await asyncpg.connect(named(self._admin, name))
        try:
            await connection.fetch(  # they have counted what they wrote when they are gone
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            again = await self._put_back(connection, name, self._pristine[template])
        finally:
            await connection.close()
        if again:
            self._free.setdefault(template, []).append(name)
        else:
            await execute(self._admin, f"drop database {name} with (force)")

    async def _put_back(self, connection: asyncpg.Connection, name: str, pristine: _Pristine) -> bool:
        """False: not to be had with rows alone."""
        if await _definitions(connection) != pristine.definitions:
            return False
        before = self._written.get(name, {})
        written = await _written(connection)
        if any(written[table] < rows for table, rows in before.items()):
            return False  # the counters began anew: the server has crashed
        changed = [table for table, rows in written.items() if rows != before.get(table, 0)]
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")  # no trigger is asked
            for table in changed:
                await connection.execute(f"delete from {table}")
                kept = pristine.tables[table]
                if kept.rows:
                    await connection.copy_to_table(
                        kept.name, schema_name=kept.schema, columns=kept.columns,
                        source=BytesIO(kept.rows), format="binary",
                    )  # fmt: skip
        await connection.execute(_FLUSH)
        self._written[name] = await _written(connection)
        largest = await connection.fetchval(
            "select max(pg_table_size(cast(t as regclass))) from unnest(cast($1 as text[])) t", changed
        )
        return (largest or 0) <= ROOMY


async def _look(connection: asyncpg.Connection) -> _Pristine:
    tables = {}
    for name, schema, table, columns in await connection.fetch(_TABLES):
        file = BytesIO()
        if await connection.fetchval(f"select exists (select from {name})"):
            await connection.copy_from_table(
                table, schema_name=schema, columns=columns, output=file, format="binary"
            )
        tables[name] = _Table(schema, table, columns, file.getvalue())
    return _Pristine(await _definitions(connection), tables)


async def _written(connection: asyncpg.Connection) -> dict[str, int]:
    return dict(map(tuple, await connection.fetch(_WRITTEN)))


async def _definitions(connection: asyncpg.Connection) -> str:
    """Changes with every definition that is made, changed or gone, with statistics and with sequences."""
    newest = " union all ".join(
        f"select count(*), max(cast(cast(xmin as text) as bigint)) from {table} where {condition}"
        for table, condition in (
            ("pg_namespace", "true"),
            *((t, f"{oid} >= {_OURS}") for t, oid in _MADE.items()),
        )
    )
    rows = await connection.fetch(newest)
    sequences = await connection.fetch("select sequencename, last_value from pg_sequences order by 1")
    return repr([*map(tuple, rows), *map(tuple, sequences)])
