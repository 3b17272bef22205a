"""As whom the engines run: as a user, as a user without an account, as root with and without namespaces."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from api.kit.engines import EmbeddedEngines, EngineFault, binaries
from tests.engine_owner import Owner, owner, processes_of, seconds_until_gone

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")

NOBODY = 65534
STRANGER = 54321
"""A uid without an account, as container platforms hand them out."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may pass through, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="engines-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def homestead(folder: Path, uid: int) -> Path:
    data = folder / "data"
    data.mkdir(mode=0o700)
    os.chown(data, uid, uid)
    return data


async def assert_alive(started: Owner, uid: int) -> None:
    """The engines answer, run as `uid` in the kernel's eyes, and so do all their children."""
    assert "fault" not in started.told
    connection = await asyncpg.connect(started.told["owner_url"])
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS visit (at timestamptz DEFAULT now())")
        await connection.execute("INSERT INTO visit DEFAULT VALUES")
    finally:
        await connection.close()
    assert redis.from_url(started.told["redis_url"]).ping()
    for pid in started.engine_pids:
        engine = psutil.Process(pid)
        assert {process.uids().real for process in (engine, *engine.children(recursive=True))} == {uid}


def capabilities(pid: int) -> int:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "CapEff" in line)
    return int(line.split()[1], base=16)


def owners_in(data: Path) -> set[int]:
    return {path.lstat().st_uid for path in (data, *data.rglob("*"))}


async def test_an_ordinary_user_runs_them_as_itself(folder: Path) -> None:
    data = homestead(folder, NOBODY)
    with owner(data, uid=NOBODY) as started:
        await assert_alive(started, NOBODY)
    seconds_until_gone(data)
    assert owners_in(data) == {NOBODY}


async def test_a_user_without_an_account_runs_them_all_the_same(folder: Path) -> None:
    data = homestead(folder, STRANGER)
    with owner(data, uid=STRANGER) as started:
        await assert_alive(started, STRANGER)
    seconds_until_gone(data)
    assert owners_in(data) == {STRANGER}


async def test_root_runs_them_in_a_namespace_behind_closed_folders(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    with owner(folder / "data") as started:
        await assert_alive(started, 0)
        assert capabilities(started.told["postgres_pid"]) == 0  # root in number only
    seconds_until_gone(folder)
    assert owners_in(folder) == {0}


@pytest.mark.parametrize("uid", [NOBODY, STRANGER])
async def test_root_leaves_a_users_folder_to_that_user(folder: Path, uid: int) -> None:
    data = homestead(folder, uid)
    for who in (uid, -1, uid):
        with owner(data, uid=who) as started:
            await assert_alive(started, uid)
        seconds_until_gone(data)
        assert owners_in(data) == {uid}


async def test_root_may_be_the_first_in_a_users_folder(folder: Path) -> None:
    data = homestead(folder, NOBODY)
    for who in (-1, NOBODY):
        with owner(data, uid=who) as started:
            await assert_alive(started, NOBODY)
        seconds_until_gone(data)
    assert owners_in(data) == {NOBODY}


async def test_root_without_namespaces_becomes_nobody(folder: Path) -> None:
    for _ in range(2):
        with owner(folder / "data", no_namespaces=True) as started:
            await assert_alive(started, NOBODY)
        seconds_until_gone(folder)


async def test_root_without_namespaces_takes_a_folder_that_is_there(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    data.chmod(0o755)  # a mounted volume
    with owner(data, no_namespaces=True) as started:
        await assert_alive(started, NOBODY)
    seconds_until_gone(data)
    assert data.stat().st_uid == 0
    assert data.stat().st_mode & 0o777 == 0o755


async def test_what_was_made_in_a_namespace_goes_on_without_one(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    data.chmod(0o711)
    for without in (False, True, True, False):
        with owner(data, no_namespaces=without) as started:
            await assert_alive(started, NOBODY if without or (data / "postgres").stat().st_uid else 0)
            connection = await asyncpg.connect(started.told["owner_url"])
            visits = await connection.fetchval("SELECT count(*) FROM visit")
            await connection.close()
        seconds_until_gone(data)
    assert visits == 4


def test_a_folder_that_nobody_may_enter_is_a_fault_and_is_not_opened(folder: Path) -> None:
    folder.chmod(0o700)
    with owner(folder / "data", no_namespaces=True) as started:
        fault = started.told["fault"]
    assert f"uid {NOBODY}" in fault
    assert str(folder / "data") in fault
    assert "请换一个该用户能进入的数据目录" in fault
    assert folder.stat().st_mode & 0o777 == 0o700
    assert processes_of(folder) == []


def test_another_users_data_is_refused_with_a_cure(folder: Path) -> None:
    data = homestead(folder, NOBODY)
    with owner(data, uid=STRANGER) as started:
        assert f"属于 uid {NOBODY}，当前用户（uid {STRANGER}）不能使用" in started.told["fault"]


def test_programs_that_the_user_may_not_run_are_a_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root over a user's data, with programs only root can reach: as in a virtual environment in /root."""
    data = homestead(folder, NOBODY)
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    real = binaries.find_postgres()
    for program in ("postgres", "initdb"):
        (closed / program).symlink_to(real.folder / program)
    monkeypatch.setattr(
        "api.kit.engines.embedded.find_postgres",
        lambda wanted: binaries.PostgresBinaries(closed, real.version),
    )
    with pytest.raises(EngineFault, match=r"程序对该用户不可读或不可执行.*请改用普通用户运行"):
        EmbeddedEngines(data, small=True).start()
    assert processes_of(data) == []
