"""Keeping processes running: they end with their parent, rest when they keep dying, stop when told."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from api.commands import supervise
from api.commands.supervise import Child, Supervisor, address, require_free
from api.kit import lifeline
from api.kit.start_fault import StartFault
from tests.e2e.topology import free_port
from tests.linli_process import linli

ROOT = Path(__file__).resolve().parents[2]


def failing(tmp_path: Path) -> Child:
    """A child that ends at once, with status 2: there is no such command."""
    return Child("failing", ("no-such-command",), {}, tmp_path / "failing.log")


@pytest.mark.timeout(120)
def test_a_child_that_keeps_dying_is_started_again_after_longer_and_longer_rests(tmp_path: Path) -> None:
    child = failing(tmp_path)
    rests = []
    child.start()
    for _ in range(3):
        assert child.process is not None
        child.process.wait()
        begun, pid = time.monotonic(), child.process.pid
        while child.process.pid == pid:
            child.mend()
            time.sleep(0.01)
        rests.append(time.monotonic() - begun)
    child.stop()
    assert rests[0] < rests[1] < rests[2]
    assert child.failures == 3
    assert "no-such-command" in (tmp_path / "failing.log").read_text()


def test_waiting_gives_up_at_once_when_a_child_dies(tmp_path: Path) -> None:
    child = failing(tmp_path)
    supervisor = Supervisor([child])
    child.start()
    begun = time.monotonic()
    with pytest.raises(StartFault, match=r"退出码 2.*failing\.log"):
        supervise.wait_until_ready(f"http://127.0.0.1:{free_port()}", supervisor, seconds=60)
    assert time.monotonic() - begun < 50


def test_a_child_that_does_not_hear_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "STOP_S", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    child = Child("deaf", (), {})
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        child.process = process
        child.stop()
        assert process.returncode == -signal.SIGKILL


def run_python(text: str, **more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=ROOT,
        env={**os.environ, **more},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_tied_process_ends_with_its_parent() -> None:
    child = "from api.kit import lifeline; lifeline.tie(); print(1, flush=True); import time; time.sleep(60)"
    parent = (
        "import os, subprocess, sys\n"
        f"environment = {{**os.environ, {lifeline.ENVIRONMENT!r}: str(os.getpid())}}\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], env=environment, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); sys.stdin.read()"
    )
    with run_python(parent) as process:
        assert process.stdout is not None
        orphan = psutil.Process(int(process.stdout.readline()))
        process.kill()
    psutil.wait_procs([orphan], timeout=10)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_a_tied_process_that_hangs_is_killed_when_patience_ends() -> None:
    hanging = (
        "import os, signal, time\n"
        "from api.kit import lifeline\n"
        "lifeline._PATIENCE_S = 0.2\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"os.environ[{lifeline.ENVIRONMENT!r}] = '1' if os.getppid() != 1 else '2'\n"
        "lifeline.tie()\n"
        "time.sleep(60)"
    )
    with run_python(hanging) as process:
        assert process.wait(20) == -signal.SIGKILL


def test_a_signal_in_a_moment_that_must_not_be_cut_is_heard_at_its_end() -> None:
    reached = []
    with supervise.ended_by_signals():
        with supervise.undisturbed():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
            reached.append("whole")
        reached.append("after")
    assert reached == ["whole"]


def test_the_second_signal_does_not_disturb_the_stopping() -> None:
    reached = []
    with supervise.ended_by_signals():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
            reached.append("not stopped")
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
            reached.append("stopped in peace")
    assert reached == ["stopped in peace"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(
    ("host", "at"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("linli.test", "http://linli.test:8000"),
    ],
)
def test_where_one_reaches_a_server_on_this_machine(host: str, at: str) -> None:
    assert address(host, 8000) == at


def test_a_port_is_free_or_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with pytest.raises(StartFault, match=f"端口 {port} 已被其他程序占用"):
            require_free("127.0.0.1", port)
    assert require_free("127.0.0.1", port) == port
    assert require_free("127.0.0.1", 0) > 0
    with pytest.raises(StartFault, match="70000"):
        require_free("127.0.0.1", 70_000)


def test_what_lies_in_the_current_folder_is_not_run_instead(tmp_path: Path) -> None:
    """A folder of one's own called `api` is no reason for `linli` to start something else."""
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "__init__.py").write_text("")
    (tmp_path / "api" / "cli.py").write_text("import sys; sys.exit(77)")
    child = Child("version", ("--help",), {}, tmp_path / "log")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        child.start()
        assert child.process is not None
        assert child.process.wait(60) == 0
    finally:
        os.chdir(here)


def test_the_helper_ends_what_it_started(tmp_path: Path) -> None:
    with linli(tmp_path, "wechat-simulator", "--port", "0") as simulator:
        assert simulator.process.poll() is None
    assert simulator.process.returncode == -signal.SIGKILL
