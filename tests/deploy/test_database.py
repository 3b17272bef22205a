"""What deploy/ and docs/operations.md do with PostgreSQL, done: the role of the first start, a dump and back."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from api.kit.engines import EmbeddedEngines
from api.kit.engines.binaries import find_postgres
from tests.deploy.shipped import DEPLOY, ROOT, spoiled
from tests.town import Town

PASSWORD = 'it\'s a \\ "quoted" $password'


def tools() -> Path:
    """The folder of psql, pg_dump and pg_restore of the PostgreSQL that the tests run."""
    folder = find_postgres().folder
    if not (folder / "psql").exists() or not (folder / "pg_restore").exists():
        pytest.skip(f"the client programs are not beside {folder}")
    return folder


def environment(url: str) -> dict[str, str]:
    """libpq's variables for a connection over a unix socket."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "PATH": f"{tools()}:{os.environ['PATH']}",
        "PGHOST": query["host"],
        "PGPORT": query.get("port", "5432"),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
    }


def run(argv: list[str | Path], env: dict[str, str], **how: object) -> None:
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr


# -- the first start


@pytest.fixture
def named(engines: EmbeddedEngines) -> Iterator[str]:
    """A name for role and database that is gone after the test."""
    name = f"first_{uuid4().hex[:8]}"
    yield name
    for statement in (
        f"drop database if exists {name} with (force)",
        f"drop role if exists {name}, {name}_owner",
    ):
        run(["psql", "--quiet", "--command", statement], environment(engines.addresses.admin_url))


async def test_the_first_start_makes_an_owner_and_a_role_that_owns_nothing(
    engines: EmbeddedEngines, named: str, tmp_path: Path
) -> None:
    admin = environment(engines.addresses.admin_url)
    script = (DEPLOY / "postgres-init.sh").read_text()
    for secret in ("linli_password", "linli_owner_password"):
        (tmp_path / secret).write_text(PASSWORD + "\n")
        script = spoiled(script, f"/run/secrets/{secret}", str(tmp_path / secret))
    script = re.sub(r"\b(role|database|owner|to) linli(_owner)?\b", rf"\1 {named}\2", script)
    assert "linli " not in script.partition("SQL")[2]
    run(["sh", "-s"], {**admin, "POSTGRES_USER": admin["PGUSER"]}, input=script)

    for role, owns in ((f"{named}_owner", True), (named, False)):
        connection = await asyncpg.connect(
            host=admin["PGHOST"], port=int(admin["PGPORT"]), user=role, password=PASSWORD, database=named
        )
        try:
            rights = await connection.fetchrow(
                "select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_roles where rolname = $1",
                role,
            )
            assert not any(rights)
            others = "select has_database_privilege('public', $1, 'connect')"
            assert await connection.fetchval(others, named) is False
            await connection.execute("create temporary table own (i int)")
            with nullcontext() if owns else pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("create table t (i int)")
        finally:
            await connection.close()


# -- backup and restore as docs/operations.md says


async def test_a_dump_restored_is_the_same_and_its_audit_trail_is_still_guarded(
    town: Town, owner_url: str, database_url: str, engines: EmbeddedEngines, tmp_path: Path
) -> None:
    await town.submit()
    guide = (ROOT / "docs/operations.md").read_text()
    dump, restore = (
        re.findall(r"(pg_dump -\S+)", guide)[0].split(),
        re.findall(r"(pg_restore [^|<\n]*?) -d", guide),
    )
    assert shutil.which(dump[0], path=str(tools()))
    copy, file = f"copy_{uuid4().hex[:8]}", tmp_path / "linli.dump"
    owner = environment(owner_url)
    run([*dump, "-f", file], owner)
    run(
        ["psql", "--quiet", "--command", f"create database {copy} owner linli_owner"],
        environment(engines.addresses.admin_url),
    )
    try:
        run([*restore[0].split(), "-d", copy, file], owner)
        was, now = [
            await asyncpg.connect(
                host=owner["PGHOST"], user=owner["PGUSER"], password=owner["PGPASSWORD"], database=name
            )
            for name in (owner["PGDATABASE"], copy)
        ]
        try:
            tables = [
                r[0] for r in await was.fetch("select tablename from pg_tables where schemaname = 'public'")
            ]
            assert {"events", "cases", "deliveries", "alembic_version"} <= set(tables)
            for table in tables:
                content = (
                    f"select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from {table} t"
                )
                assert await was.fetchval(content) == await now.fetchval(content), table
            assert await now.fetchval("select count(*) from events") > 0
            with pytest.raises(asyncpg.RestrictViolationError):
                await now.execute("delete from events")
            program = await asyncpg.connect(urlsplit(database_url)._replace(path=f"/{copy}").geturl())
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await program.execute("delete from events")
            assert await program.fetchval("select count(*) from cases") > 0
            await program.close()
        finally:
            await asyncio.gather(was.close(), now.close())
    finally:
        run(
            ["psql", "--quiet", "--command", f"drop database {copy} with (force)"],
            environment(engines.addresses.admin_url),
        )
