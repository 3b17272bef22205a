"""Runs the processes of one host: API, worker, and the embedded engines beneath them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType

import httpx

from api.kit import lifeline
from api.kit.engines import EmbeddedEngines

STOP_S = 25.0
"""Longer than a drain takes."""
RESTART_S = 1.0


@dataclass
class Child:
    """One process of ours: a `linli` command."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, **self.environment, lifeline.ENVIRONMENT: str(os.getpid())}
        self.process = subprocess.Popen(  # noqa: S603  (our own program)
            [sys.executable, "-m", "api.cli", *self.arguments], env=environment, stdin=subprocess.DEVNULL
        )

    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not drain in time."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Supervisor:
    """Keeps children and engines running until told to stop; stops in the order API → worker → engines."""

    children: list[Child]
    engines: EmbeddedEngines | None = None
    _stopping: bool = field(default=False, init=False)

    def start(self) -> None:
        signal.signal(signal.SIGTERM, self._hear)
        signal.signal(signal.SIGINT, self._hear)
        for child in self.children:
            child.start()

    def _hear(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    @property
    def stopping(self) -> bool:
        return self._stopping

    def watch(self) -> None:
        """Block until a signal; start again what died."""
        while not self._stopping:
            time.sleep(RESTART_S)
            if self.engines is not None and not self._stopping:
                self.engines.restart_dead()
            for child in self.children:
                if child.died() and not self._stopping:
                    child.start()

    def stop(self) -> None:
        self._stopping = True
        for child in self.children:
            child.stop()


def wait_until_ready(address: str, supervisor: Supervisor, seconds: float = 30.0) -> bool:
    """Whether /readyz answered in time; gives up at once when told to stop or when the API died."""
    until = time.monotonic() + seconds
    with httpx.Client(base_url=address, timeout=2, trust_env=False) as client:
        while time.monotonic() < until and not supervisor.stopping:
            if any(child.died() for child in supervisor.children):
                return False
            try:
                if client.get("/readyz").status_code == 200:
                    return True
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    return False
