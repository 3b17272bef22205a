"""The embedded engines as the program meets them: addresses, rights, settings, folders."""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from api.kit.engines import EmbeddedEngines, EngineFault, is_running
from api.kit.engines.engine import Engine
from tests.engine_owner import owner, seconds_until_gone


def data_dir_of(engines: EmbeddedEngines) -> Path:
    return engines._layout.data


async def test_the_database_address_serves_asyncpg_and_sqlalchemy(engines: EmbeddedEngines) -> None:
    url = engines.addresses.database_url
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT current_user || '@' || current_database()") == "linli@linli"
    finally:
        await connection.close()
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as session:
            assert await session.scalar(text("SHOW TimeZone")) == "UTC"
    finally:
        await engine.dispose()


async def test_the_redis_address_serves_redis_py(engines: EmbeddedEngines) -> None:
    async with redis.asyncio.from_url(engines.addresses.redis_url) as client:
        await client.set("greeting", "邻里")
        assert (await client.get("greeting")).decode() == "邻里"
        wanted = {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        assert await client.config_get(*wanted) == wanted


async def test_the_environment_of_another_postgres_does_not_lead_us_astray(
    engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6000", "PGHOST": "nowhere", "PGDATABASE": "other", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    connection = await asyncpg.connect(engines.addresses.database_url)
    await connection.close()


async def test_the_programs_role_owns_nothing_and_its_owner_nothing_more(engines: EmbeddedEngines) -> None:
    connection = await asyncpg.connect(engines.addresses.owner_url)
    try:
        rights = await connection.fetchrow(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles "
            "WHERE rolname = current_user"
        )
        assert not any(rights.values())
        await connection.execute("CREATE TABLE of_its_own (id int); DROP TABLE of_its_own")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SET session_replication_role = replica")  # would switch triggers off
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SELECT pg_read_file('/etc/hostname')")
    finally:
        await connection.close()
    connection = await asyncpg.connect(engines.addresses.database_url)
    try:
        assert (
            await connection.fetchval("SELECT count(*) FROM pg_database WHERE datdba = current_user::regrole")
            == 0
        )
        for statement in ("CREATE TABLE of_its_own (id int)", "CREATE SCHEMA own", "SET ROLE linli_owner"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_admin_makes_and_drops_databases(engines: EmbeddedEngines) -> None:
    connection = await asyncpg.connect(engines.addresses.admin_url)
    try:
        await connection.execute("CREATE DATABASE for_a_test OWNER linli")
        await connection.execute("DROP DATABASE for_a_test")
    finally:
        await connection.close()


async def test_the_database_is_utf8_with_the_same_order_on_every_machine(engines: EmbeddedEngines) -> None:
    connection = await asyncpg.connect(engines.addresses.database_url)
    try:
        row = await connection.fetchrow(
            "SELECT pg_encoding_to_char(encoding) AS encoding, row_to_json(d)->>'datlocale' AS locale "
            "FROM pg_database d WHERE datname = current_database()"
        )
        assert row["encoding"] == "UTF8"
        assert row["locale"] in ("C.UTF-8", None)  # None: PostgreSQL before 17 knows no built-in locales
        assert await connection.fetchval("SELECT lower('ÄÖ'), upper('ß')") == "äö"
    finally:
        await connection.close()


async def test_a_wrong_password_opens_nothing(engines: EmbeddedEngines) -> None:
    addresses = engines.addresses
    for url in (addresses.database_url, addresses.owner_url, addresses.admin_url):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url, password="guess")
    once = Retry(NoBackoff(), 0)
    socket = str(engines._layout.valkey_socket)
    for password in ("guess", None):
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(unix_socket_path=socket, password=password, retry=once).ping()


async def test_the_stored_passwords_are_scram_verifiers(engines: EmbeddedEngines) -> None:
    connection = await asyncpg.connect(engines.addresses.admin_url)
    try:
        stored = await connection.fetch("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")
        rules = await connection.fetch("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    finally:
        await connection.close()
    assert len(stored) == 3
    assert all(row["rolpassword"].startswith("SCRAM-SHA-256$") for row in stored)
    assert [row["auth_method"] for row in rules] == ["scram-sha-256"]


def test_nothing_listens_on_the_network(engines: EmbeddedEngines) -> None:
    for pid in (engines.postgres_pid, engines.redis_pid):
        assert pid is not None
        engine = psutil.Process(pid)
        for process in (engine, *engine.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a backend may end while it is looked at
                assert process.net_connections(kind="inet") == []


def test_passwords_are_on_no_command_line_and_in_no_print(engines: EmbeddedEngines) -> None:
    passwords = [url.split(":")[2].split("@")[0] for url in vars(engines.addresses).values()]
    assert len(set(passwords)) == 4
    for pid in (engines.postgres_pid, engines.redis_pid):
        words = " ".join(psutil.Process(pid).cmdline())
        assert not [password for password in passwords if password in words]
    assert not [password for password in passwords if password in repr(engines.addresses)]


def test_everything_made_is_private_to_its_owner(engines: EmbeddedEngines) -> None:
    data = data_dir_of(engines)
    opened = [path for path in (data, *data.rglob("*")) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    assert opened == []


def test_no_account_is_made_and_no_parent_folder_is_opened(tmp_path: Path) -> None:
    def outside() -> list[tuple[str, int, int]]:
        watched = (*tmp_path.parents, tmp_path, Path("/etc/passwd"), Path("/etc/group"), Path("/etc/shadow"))
        states = [(path, path.stat()) for path in watched if path.exists()]
        return [(str(path), state.st_mode, state.st_ino) for path, state in states]

    before, accounts = outside(), Path("/etc/passwd").read_bytes()
    with EmbeddedEngines(tmp_path / "data", small=True):
        assert outside() == before
    assert outside() == before
    assert Path("/etc/passwd").read_bytes() == accounts


async def test_durability_cannot_be_switched_off_in_the_configuration(tmp_path: Path) -> None:
    with EmbeddedEngines(tmp_path / "data", redis=False, small=True) as engines:
        admin = await asyncpg.connect(engines.addresses.admin_url)
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            await admin.execute(f"ALTER SYSTEM SET {name} = off")
        await admin.execute("ALTER SYSTEM SET listen_addresses = '127.0.0.1'")
        await admin.close()
    with EmbeddedEngines(tmp_path / "data", redis=False, small=True) as engines:
        connection = await asyncpg.connect(engines.addresses.database_url)
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert await connection.fetchval(f"SHOW {name}") == "on"
        assert await connection.fetchval("SHOW listen_addresses") == ""
        await connection.close()


async def test_a_folder_from_before_the_owner_gets_one_and_keeps_everything(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedEngines(data, redis=False, small=True) as engines:
        admin = await asyncpg.connect(urlsplit(engines.addresses.admin_url)._replace(path="/linli").geturl())
        await admin.execute("ALTER DATABASE linli OWNER TO linli; CREATE TABLE kept (word text)")
        await admin.execute("ALTER TABLE kept OWNER TO linli; INSERT INTO kept VALUES ('still here')")
        await admin.execute("DROP OWNED BY linli_owner; DROP ROLE linli_owner")
        await admin.close()
    stored = json.loads((data / "passwords.json").read_text())
    del stored["owner"]
    (data / "passwords.json").write_text(json.dumps(stored))
    for _ in range(2):  # the second start finds nothing to do
        with EmbeddedEngines(data, redis=False, small=True) as engines:
            assert is_running(data) == engines.addresses
            owner = await asyncpg.connect(engines.addresses.owner_url)
            assert await owner.fetchval("SELECT word FROM kept") == "still here"
            owned = "SELECT tableowner FROM pg_tables WHERE tablename = 'kept'"
            assert await owner.fetchval(owned) == "linli_owner"
            await owner.close()
            program = await asyncpg.connect(engines.addresses.database_url)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await program.execute("DROP TABLE kept")
            await program.close()


async def test_the_log_does_not_quote_what_people_wrote(tmp_path: Path) -> None:
    with EmbeddedEngines(tmp_path / "data", redis=False, small=True) as engines:
        connection = await asyncpg.connect(engines.addresses.owner_url)
        await connection.execute("CREATE TABLE person (phone text UNIQUE)")
        await connection.execute("INSERT INTO person VALUES ('13800138000')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO person VALUES ('13800138000')")
        await connection.close()
    log = (tmp_path / "data" / "logs" / "postgres.log").read_text()
    assert "duplicate key value" in log
    assert "13800138000" not in log


def test_one_engine_may_be_had_without_the_other(tmp_path: Path) -> None:
    with EmbeddedEngines(tmp_path / "data", postgres=False, small=True) as engines:
        assert engines.addresses.database_url == engines.addresses.admin_url == ""
        assert engines.postgres_pid is None
        assert redis.from_url(engines.addresses.redis_url).ping()
        assert is_running(tmp_path / "data") == engines.addresses


def test_starting_and_stopping_again_changes_nothing(tmp_path: Path) -> None:
    engines = EmbeddedEngines(tmp_path / "data", small=True)
    engines.stop()
    assert is_running(tmp_path / "data") is None
    first = engines.start()
    pids = engines.postgres_pid, engines.redis_pid
    assert engines.start() is first
    assert (engines.postgres_pid, engines.redis_pid) == pids
    assert is_running(tmp_path / "data") == first
    engines.stop()
    engines.stop()
    assert is_running(tmp_path / "data") is None
    assert engines.start() == first
    engines.stop()


def test_postgres_is_gone_before_valkey_is_asked_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    stop = Engine.stop
    engines = EmbeddedEngines(tmp_path / "data", small=True)

    def watched(engine: Engine) -> None:
        alive = [pid for pid in (engines.postgres_pid, engines.redis_pid) if pid and psutil.pid_exists(pid)]
        seen.append((engine.name, len(alive)))
        stop(engine)

    monkeypatch.setattr(Engine, "stop", watched)
    with engines:
        pass
    assert seen == [("postgres", 2), ("valkey", 1)]
    log = (tmp_path / "data" / "logs" / "postgres.log").read_text()
    assert "received fast shutdown request" in log
    assert "database system is shut down" in log


@pytest.mark.parametrize(
    "name", ["深" * 40, "with, comma", "空 格/'quote\"/%41+#?&=", "d" * 200 + "/" + "e" * 200]
)
async def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    with EmbeddedEngines(data, small=True) as engines:
        connection = await asyncpg.connect(engines.addresses.database_url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        engine = create_async_engine(engines.addresses.database_url.replace("://", "+asyncpg://", 1))
        async with engine.connect() as session:
            assert await session.scalar(text("SELECT 1")) == 1
        await engine.dispose()
        assert redis.from_url(engines.addresses.redis_url).ping()
        assert is_running(data) == engines.addresses
        sockets = engines._layout.sockets
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert sockets.is_relative_to(data) or not sockets.exists()


def test_a_second_owner_is_refused_and_disturbs_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedEngines(data, small=True) as engines:
        with owner(data) as second:
            assert f"正由另一个运行中的程序使用（进程 {os.getpid()}）" in second.told["fault"]
        with pytest.raises(EngineFault, match="另一个运行中的程序"):
            EmbeddedEngines(data, small=True).start()
        assert is_running(data) == engines.addresses
        assert engines.poll() == ()
    with owner(data) as second:
        assert "fault" not in second.told
    seconds_until_gone(data)


def test_a_forked_copy_of_the_owner_leaves_its_engines_alone(tmp_path: Path) -> None:
    with EmbeddedEngines(tmp_path / "data", small=True) as engines:
        child = os.fork()
        if child == 0:
            engines.restart_dead()
            engines.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert engines.poll() == ()
        assert is_running(tmp_path / "data")


def test_a_log_that_grew_too_long_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.kit.engines.engine.LOG_LIMIT", 10_000)
    with EmbeddedEngines(tmp_path / "data", postgres=False, small=True) as engines:
        log = tmp_path / "data" / "logs" / "valkey.log"
        with log.open("a") as file:
            file.write("x" * 20_000)
        engines.poll()
        assert log.stat().st_size < 10_000
        assert log.with_suffix(".log.1").stat().st_size > 20_000
        assert stat.S_IMODE(log.with_suffix(".log.1").stat().st_mode) == 0o600
    assert "ready to exit" in log.read_text()  # the engine goes on writing at the new end
