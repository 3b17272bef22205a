"""However the owner of the engines ends, they end with it, and the next start finds everything written."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from api.kit.engines import EmbeddedEngines, is_running, launch
from api.kit.engines.spawn import run
from tests.engine_owner import ROOT, begin, owner, processes_of, seconds_until_gone

pytestmark = pytest.mark.fault

Ending = Callable[["subprocess.Popen[str]"], None]


def terminate(process: "subprocess.Popen[str]") -> None:
    process.terminate()


def hang_up(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGHUP)


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()


def press_ctrl_c(process: "subprocess.Popen[str]") -> None:
    """A terminal sends it to the whole foreground group, not to the owner alone."""
    os.killpg(process.pid, signal.SIGINT)


def write(told: dict[str, str], value: str) -> None:
    async def insert() -> None:
        connection = await asyncpg.connect(told["owner_url"])
        await connection.execute("CREATE TABLE IF NOT EXISTS written (value text)")
        await connection.execute("INSERT INTO written VALUES ($1)", value)
        await connection.close()

    asyncio.run(insert())
    redis.from_url(told["redis_url"]).set(value, value)


def read(told: dict[str, str]) -> tuple[set[str], set[str]]:
    async def select() -> set[str]:
        connection = await asyncpg.connect(told["owner_url"])
        rows = await connection.fetch("SELECT value FROM written")
        await connection.close()
        return {row["value"] for row in rows}

    keys = redis.from_url(told["redis_url"]).keys("*")
    return asyncio.run(select()), {key.decode() for key in keys}


@pytest.mark.parametrize("watchdog", [False, True], ids=["kernel", "watchdog"])
def test_no_engine_outlives_its_owner_and_the_next_finds_everything(tmp_path: Path, watchdog: bool) -> None:
    if not watchdog and sys.platform != "linux":
        pytest.skip("only Linux tells a child of its parent's death")
    data = tmp_path / "data"
    written: set[str] = set()
    endings: list[Ending] = [terminate, press_ctrl_c, hang_up, kill]
    for end in endings:
        with owner(data, watchdog=watchdog) as current:
            write(current.told, end.__name__)
            written.add(end.__name__)
            assert read(current.told) == (written, written)
            assert processes_of(data)
            end(current.process)
            current.process.wait(30)
            seconds_until_gone(data)
        assert is_running(data) is None
    with owner(data, watchdog=watchdog) as last:
        assert read(last.told) == (written, written)
    seconds_until_gone(data)


@pytest.mark.parametrize("watchdog", [False, True], ids=["kernel", "watchdog"])
def test_the_next_start_need_not_wait_for_the_last_to_be_gone(tmp_path: Path, watchdog: bool) -> None:
    data = tmp_path / "data"
    written = set()
    for round_ in range(4):
        with owner(data, watchdog=watchdog) as current:
            write(current.told, f"round {round_}")
            written.add(f"round {round_}")
            assert read(current.told) == (written, written)
            current.process.kill()
            current.process.wait()
    seconds_until_gone(data)


@pytest.mark.parametrize("ending", [terminate, press_ctrl_c])
def test_an_owner_that_unwinds_stops_them_in_order(tmp_path: Path, ending: Ending) -> None:
    data = tmp_path / "data"
    with owner(data, polite=True) as started:
        ending(started.process)
        started.process.wait(30)
        assert processes_of(data) == []  # gone before the owner, not after it
    log = (data / "logs" / "postgres.log").read_text()
    assert "received fast shutdown request" in log
    assert "database system is shut down" in log
    assert "ready to exit" in (data / "logs" / "valkey.log").read_text()


@pytest.mark.parametrize("watchdog", [False, True], ids=["kernel", "watchdog"])
@pytest.mark.parametrize("after", [0.15, 0.4, 0.7, 1.1])
def test_a_first_start_may_be_killed_at_any_moment(tmp_path: Path, after: float, watchdog: bool) -> None:
    data = tmp_path / "data"
    process = begin(data, watchdog=watchdog)
    time.sleep(after)
    process.kill()
    process.communicate()
    with owner(data, watchdog=watchdog) as started:
        write(started.told, "after all")
        assert read(started.told) == ({"after all"}, {"after all"})
    seconds_until_gone(data)


def test_engines_outlive_the_thread_that_started_them(tmp_path: Path) -> None:
    """The kernel's signal comes when the forking *thread* ends; ours never does."""
    engines = EmbeddedEngines(tmp_path / "data", small=True)
    thread = threading.Thread(target=engines.start)
    thread.start()
    thread.join()
    try:
        time.sleep(0.5)
        assert engines.poll() == ()
        assert is_running(tmp_path / "data") == engines.addresses
    finally:
        engines.stop()


def test_a_launch_whose_parent_is_gone_already_comes_to_nothing() -> None:
    spec = launch.Spec(
        argv=["/bin/echo", "became"],
        drop=None,
        inside=None,
        folders=[],
        parent=os.getpid() + 1,
        death_signal=signal.SIGKILL,
        lifeline=None,
        lock=None,
    )
    code = "import json, sys; from api.kit.engines.launch import become; become(json.loads(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(spec)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == launch.PARENT_GONE
    assert "became" not in done.stdout


def test_the_owners_deafness_is_not_inherited() -> None:
    """nohup ignores SIGHUP, threads of servers block SIGTERM: an engine must still hear both."""
    script = """
import signal
from api.kit.engines.spawn import run
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print(run(["/bin/cat", "/proc/self/status"], drop=None, inside=None, timeout=10).stdout)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    masks = {
        line.split()[0]: int(line.split()[1], 16)
        for line in done.stdout.splitlines()
        if line.startswith(("SigBlk", "SigIgn"))
    }
    deaf = masks["SigBlk:"] | masks["SigIgn:"]
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):  # what engines listen to
        assert not deaf & 1 << number - 1, number.name


def test_the_owners_environment_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    monkeypatch.setenv("LINLI_MASTER_KEY", "secret")
    said = run(["/usr/bin/env"], drop=None, inside=None, timeout=10).stdout
    assert "LC_ALL=C" in said
    assert "PGDATA" not in said
    assert "secret" not in said


def test_engines_are_in_a_session_of_their_own(tmp_path: Path) -> None:
    with EmbeddedEngines(tmp_path / "data", small=True) as engines:
        for pid in (engines.postgres_pid, engines.redis_pid):
            assert pid is not None
            assert os.getsid(pid) == pid
            assert psutil.Process(pid).ppid() == os.getpid()
