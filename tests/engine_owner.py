"""A process that owns engines, for tests to kill; and the test's handle on it.

Run as `python -m tests.engine_owner '<options as JSON>'`: prints one JSON line once the engines answer
(or the fault), then stops them at the end of its input.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from api.kit.engines import EmbeddedEngines, EngineFault, spawn

CLONE_NEWUSER = 0x10000000
ROOT = Path(__file__).resolve().parents[1]
PACKAGES = Path(find_spec("psutil").origin).parents[1]  # type: ignore[union-attr, arg-type]


def main() -> None:
    options = json.loads(sys.argv[1])
    if options["no_namespaces"]:
        forbid_user_namespaces()
    if options["watchdog"]:
        spawn.kernel_tells_of_death = False
    if options["polite"]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with EmbeddedEngines(Path(options["data_dir"]), small=True) as engines:
            told = asdict(engines.addresses)
            told |= {"postgres_pid": engines.postgres_pid, "redis_pid": engines.redis_pid}
            print(json.dumps(told), flush=True)
            sys.stdin.read()
    except EngineFault as fault:
        print(json.dumps({"fault": str(fault)}), flush=True)


def forbid_user_namespaces() -> None:
    """Become root of a place where no user namespace may be made, as in most containers. Needs root."""
    here, there = os.pipe()
    done, finished = os.pipe()
    process = os.getpid()
    if os.fork() == 0:  # the child stays outside, where it has the right to map every id to itself
        os.read(here, 1)
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{process}/{kind}").write_text("0 0 70000")
        os.write(finished, b"!")
        os._exit(0)
    assert ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0
    os.write(there, b"!")
    os.read(done, 1)
    os.wait()
    Path("/proc/sys/user/max_user_namespaces").write_text("0")  # counts in this namespace only


@dataclass
class Owner:
    process: "subprocess.Popen[str]"
    told: dict[str, Any]
    """Addresses and pids, or `fault`."""

    @property
    def engine_pids(self) -> list[int]:
        return [self.told["postgres_pid"], self.told["redis_pid"]]


def begin(
    data_dir: Path,
    *,
    watchdog: bool = False,
    polite: bool = False,
    no_namespaces: bool = False,
    uid: int = -1,
) -> "subprocess.Popen[str]":
    """Start an owner, in a session of its own, as `uid`; a `polite` one turns SIGTERM into an orderly end."""
    python = sys.executable if uid < 0 else interpreter_for(uid)
    options = {
        "data_dir": str(data_dir),
        "watchdog": watchdog,
        "polite": polite,
        "no_namespaces": no_namespaces,
    }
    who: dict[str, Any] = {"user": uid, "group": uid, "extra_groups": []} if uid >= 0 else {}
    return subprocess.Popen(
        [python, "-m", "tests.engine_owner", json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{PACKAGES}", "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
        **who,
    )


@contextmanager
def owner(data_dir: Path, **how: Any) -> Iterator[Owner]:
    """An owner whose engines answer (or whose fault is told); in the end told to stop, at worst killed."""
    process = begin(data_dir, **how)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Owner(process, json.loads(process.stdout.readline()))
        process.stdin.close()
        process.wait(60)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def interpreter_for(uid: int) -> str:
    """A Python of our version that `uid` may run; the test is skipped where the machine has none."""
    ask = f"import sys, psutil; assert sys.version_info[:2] == {sys.version_info[:2]}"
    for python in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if python and _runs([python, "-c", ask], uid):
            return python
    pytest.skip(f"no Python {sys.version_info[0]}.{sys.version_info[1]} that uid {uid} may run")


def _runs(argv: list[str], uid: int) -> bool:
    environment = {"PYTHONPATH": f"{ROOT}:{PACKAGES}", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            argv,
            user=uid,
            group=uid,
            extra_groups=[],
            cwd="/",
            env=environment,
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Every process that works in the data folder or was told of it, the owner's own command aside."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        words = process.info["cmdline"] or []
        if "tests.engine_owner" not in words and str(data_dir) in " ".join(
            [process.info["cwd"] or "", *words]
        ):
            found.append(process)
    return found


def seconds_until_gone(data_dir: Path, within: float = 12.0) -> float:
    """How long it takes until no process of these engines is left; fails when that is too long."""
    begun = time.monotonic()
    while left := processes_of(data_dir):
        if time.monotonic() - begun > within:
            pytest.fail(f"left behind: {left}")
        time.sleep(0.02)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
