"""Processes for tests to kill that are there at once: forked from one that has the program loaded already.

Each is a process of its own, with its own session, environment and output, as `python -m MODULE` would be; what it does
not do again is read a thousand modules. Where the start itself is the story, a `Program` is started as ever.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self

from tests import secrecy
from tests.e2e.topology import ROOT, Program, die_with_parent

_nest = multiprocessing.get_context("forkserver")
_nest.set_forkserver_preload(["api.main", "api.worker", "api.services.consequences", "tests.forked"])


def _become(argv: Sequence[str], environment: dict[str, str], log: Path) -> None:
    """In the child: what it would find had it been started with `python -m`."""
    os.setsid()
    die_with_parent()
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = list(argv)
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


@dataclass
class _Child:
    """As much of a Popen as a `Program` asks for."""

    process: ForkServerProcess

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return self.process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Forked(Program):
    """A `Program` whose command is `python -m MODULE …`, given as [MODULE, …]."""

    def launch(self) -> Self:
        log = self.folder / f"{self.name}.log"
        secrecy.watch(log)
        environment = {**os.environ, **self.env}
        process = _nest.Process(target=_become, args=(list(self.argv), environment, log), daemon=True)
        process.start()
        self.process = _Child(process)
        return self

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)  # itself first: it may not lead its session yet
            self.process.wait()
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
