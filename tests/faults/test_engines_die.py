"""An engine that dies is noticed and started again, at the same address, with every acknowledged write."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis
import redis.asyncio

from api.kit.engines import EmbeddedEngines, EngineFault, engine, is_running, spawn
from api.kit.engines.postgres import Postgres
from api.kit.engines.valkey import Valkey
from tests.engine_owner import owner, processes_of, seconds_until_gone

pytestmark = pytest.mark.fault

WRITERS = 8
CUT_OFF = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises in the middle of a statement when its server is killed: any of these."""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[EmbeddedEngines]:
    with EmbeddedEngines(tmp_path / "data", small=True) as engines:
        yield engines


async def poll_until(engines: EmbeddedEngines, *names: str) -> None:
    deadline = time.monotonic() + 10
    while engines.poll() != names:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def killed(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def lives(pid: int) -> bool:
    """A zombie does not: it only waits for whoever inherited it to take note."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_no_acknowledged_row_is_lost_when_postgres_is_killed(started: EmbeddedEngines) -> None:
    url = started.addresses.owner_url
    setup = await asyncpg.connect(url)
    await setup.execute("CREATE TABLE ledger (writer int, number int, PRIMARY KEY (writer, number))")
    await setup.close()
    acknowledged: set[tuple[int, int]] = set()

    async def keep_writing(writer: int) -> None:
        number = max((n for w, n in acknowledged if w == writer), default=0) + 1000
        connection = await asyncpg.connect(url)
        while True:
            await connection.execute("INSERT INTO ledger VALUES ($1, $2)", writer, number)
            acknowledged.add((writer, number))
            number += 1

    for _ in range(3):
        writers = [asyncio.create_task(keep_writing(writer)) for writer in range(WRITERS)]
        await asyncio.sleep(0.3)
        killed(started.postgres_pid)
        assert acknowledged
        ended = await asyncio.gather(*writers, return_exceptions=True)
        assert all(isinstance(error, CUT_OFF) for error in ended)
        await poll_until(started, "postgres")
        old = started.postgres_pid
        assert await asyncio.to_thread(started.restart_dead) == ("postgres",)
        assert started.postgres_pid != old
        connection = await asyncpg.connect(url)
        stored = {(row[0], row[1]) for row in await connection.fetch("SELECT writer, number FROM ledger")}
        await connection.close()
        assert acknowledged - stored == set()


async def test_no_acknowledged_key_is_lost_when_valkey_is_killed(started: EmbeddedEngines) -> None:
    acknowledged: set[str] = set()
    for round_ in range(3):
        client = redis.asyncio.from_url(started.addresses.redis_url, retry=None)
        for number in range(500):
            key = f"{round_}:{number}"
            await client.set(key, "x")
            acknowledged.add(key)
        killed(started.redis_pid)
        await client.aclose()
        await poll_until(started, "valkey")
        assert await asyncio.to_thread(started.restart_dead) == ("valkey",)
        async with redis.asyncio.from_url(started.addresses.redis_url) as again:
            assert {key.decode() for key in await again.keys("*")} == acknowledged


async def test_both_may_die_at_once(started: EmbeddedEngines, tmp_path: Path) -> None:
    addresses = started.addresses
    killed(started.redis_pid)
    killed(started.postgres_pid)
    await poll_until(started, "postgres", "valkey")
    assert is_running(tmp_path / "data") is None
    assert started.restart_dead() == ("postgres", "valkey")
    assert started.restart_dead() == ()
    assert is_running(tmp_path / "data") == started.addresses == addresses


async def test_a_backend_that_does_not_notice_its_postmasters_death_is_ended(
    started: EmbeddedEngines,
) -> None:
    """A long computation never looks up; while it lives, no new postmaster may touch the data."""
    connection = await asyncpg.connect(started.addresses.database_url)
    backend = psutil.Process(connection.get_server_pid())
    computing = asyncio.create_task(
        connection.fetchval(
            "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b"
        )
    )
    await asyncio.sleep(0.3)
    killed(started.postgres_pid)
    await asyncio.sleep(0.5)
    assert lives(backend.pid), "the premise: it goes on without its postmaster"
    begun = time.monotonic()
    assert await asyncio.to_thread(started.restart_dead) == ("postgres",)
    assert time.monotonic() - begun < 10
    assert not lives(backend.pid)
    with pytest.raises(CUT_OFF):
        await computing
    again = await asyncpg.connect(started.addresses.database_url)
    await again.close()


def test_a_restart_that_fails_is_reported_and_may_be_tried_again(
    started: EmbeddedEngines, tmp_path: Path
) -> None:
    killed(started.postgres_pid)
    for name, broken in (("PG_VERSION", "12\n"), ("postgresql.conf", "nonsense = yes\n")):
        killed(started.redis_pid)  # need not wait for the one that cannot be mended
        while started.poll() != ("postgres", "valkey"):
            time.sleep(0.02)
        file = tmp_path / "data" / "postgres" / name
        sound = file.read_text()
        file.write_text(broken)
        with pytest.raises(EngineFault, match=r"PostgreSQL 12|nonsense"):
            started.restart_dead()
        assert started.poll() == ("postgres",)
        file.write_text(sound)
    assert started.restart_dead() == ("postgres",)
    assert is_running(tmp_path / "data") == started.addresses


def test_a_pid_file_whose_pid_is_in_use_again_is_not_believed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedEngines(data, small=True) as engines:
        pid_file, lock_file = data / "postgres" / "postmaster.pid", data / "run" / ".s.PGSQL.5432.lock"
        stale = pid_file.read_text(), lock_file.read_text()
        pid = str(engines.postgres_pid)
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        for file, content in zip((pid_file, lock_file), stale, strict=True):
            file.write_text(content.replace(pid, str(bystander.pid), 1))
        with EmbeddedEngines(data, small=True):
            assert is_running(data)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_postgres_started_by_hand_is_not_trodden_upon(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedEngines(data, small=True) as engines:
        command = engines._engines["postgres"].command()
        identity = engines._engines["postgres"].identity
    by_hand = spawn.start(command, drop=identity.drop, inside=identity.inside)
    try:
        deadline = time.monotonic() + 20
        while not is_running(data):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(EngineFault, match=f"另有程序直接打开了数据库目录.*{by_hand.process.pid}"):
            EmbeddedEngines(data, small=True).start()
        assert by_hand.process.poll() is None
    finally:
        by_hand.process.send_signal(signal.SIGINT)
        by_hand.process.wait(20)
        by_hand.release()
    with EmbeddedEngines(data, small=True):
        pass


def test_an_engine_deaf_to_its_farewell_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Postgres, "farewell", ((signal.SIGINT, 0.3), (signal.SIGQUIT, 0.3)))
    monkeypatch.setattr(Valkey, "farewell", ((signal.SIGTERM, 0.3),))
    data = tmp_path / "data"
    with EmbeddedEngines(data, small=True) as engines:
        for pid in (engines.postgres_pid, engines.redis_pid):
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
    assert processes_of(data) == []
    assert "valkey ignored SIGTERM" in caplog.text
    assert "killing valkey" not in caplog.text  # it was ended itself, not found as a left-over
    with EmbeddedEngines(data, small=True):
        assert is_running(data)


def test_what_an_earlier_run_left_stuck_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "DEPARTURE", 1.0)
    data = tmp_path / "data"
    with owner(data) as first:
        for pid in first.engine_pids:
            os.kill(pid, signal.SIGSTOP)
        first.process.kill()
        first.process.wait()
    assert processes_of(data)
    with EmbeddedEngines(data, small=True) as engines:
        assert is_running(data) == engines.addresses
        assert not [pid for pid in first.engine_pids if lives(pid)]
    seconds_until_gone(data)


def test_a_shell_in_the_data_folder_is_nobodys_engine(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedEngines(data, small=True):
        pass
    (data / "postgres" / "postmaster.pid").write_text("1\n")
    shell = subprocess.Popen(["sleep", "60"], cwd=data / "postgres")
    try:
        with EmbeddedEngines(data, small=True) as engines:
            killed(engines.postgres_pid)
            while engines.poll() != ("postgres",):
                time.sleep(0.02)
            engines.restart_dead()
        assert shell.poll() is None
    finally:
        shell.kill()
        shell.wait()
