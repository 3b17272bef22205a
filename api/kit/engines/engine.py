"""A server process of ours: started, watched, stopped. Its lock certifies that nothing of it is left.

The engine and all its children inherit an flock'ed descriptor. Whoever gets the lock knows, from the
kernel and not from a pid in a file, that no process of an earlier run lives on the same data.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import psutil

from api.kit.engines import launch
from api.kit.engines.faults import EngineFault
from api.kit.engines.identity import Identity
from api.kit.engines.layout import Layout, open_private
from api.kit.engines.spawn import Child, start

log = logging.getLogger(__name__)

LOG_LIMIT = 5_000_000
"""Bytes of a log file, after which it is set aside as `<name>.log.1`; one such copy is kept."""
TAIL_LINES = 15
START_TIMEOUT = 120.0
"""Seconds; recovery after a crash is part of a start."""
DEPARTURE = 6.0
"""Seconds an earlier run has to vanish after its parent died: PostgreSQL kills its own after five."""


class Engine(ABC):
    """One server over one folder. Not thread-safe; EmbeddedEngines serialises the calls."""

    name: str
    """In file names."""
    title: str
    """As people know it."""
    death_signal: signal.Signals
    """What it gets from the kernel when we die without stopping it."""
    farewell: Sequence[tuple[signal.Signals, float]]
    """What it gets when we stop it, and the seconds it has to obey before the next; SIGKILL comes last."""

    def __init__(self, layout: Layout, identity: Identity) -> None:
        self.layout = layout
        self.identity = identity
        self._child: Child | None = None
        self._log_start = 0

    @property
    @abstractmethod
    def home(self) -> Path:
        """The folder of its data, which is also its working directory."""

    @abstractmethod
    def prepare(self, lock: int) -> None:
        """Make the data folder ready, the lock being held. EngineFault where that cannot be done."""

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes requests now, found out by connecting."""

    @abstractmethod
    def cure(self) -> str:
        """What a person can do when it does not come up."""

    @property
    def pid(self) -> int | None:
        return self._child.process.pid if self._child else None

    @property
    def log_file(self) -> Path:
        return self.layout.logs / f"{self.name}.log"

    def died(self) -> bool:
        """Whether it is not running, be it that it ended or that a restart failed."""
        return self._child is None or self._child.process.poll() is not None

    def start(self) -> None:
        """Start it; `wait_until_ready` sees it through. May be called again after `died()`."""
        lock = self._take_lock(patience=1.0 if self._child else DEPARTURE)
        try:
            self.forget()
            self.prepare(lock)
            self.trim_log()
            output = open_private(self.log_file, os.O_WRONLY | os.O_APPEND, self.identity)
            self._log_start = os.fstat(output).st_size
            with os.fdopen(output, "ab") as file:
                self._child = start(
                    self.command(),
                    drop=self.identity.drop,
                    inside=self.identity.inside,
                    death_signal=self.death_signal,
                    folders=[self.home, self.layout.sockets],
                    lock=lock,
                    output=file,
                )
        finally:
            os.close(lock)  # the engine's own copy keeps it locked

    def wait_until_ready(self) -> None:
        """Return once it answers; EngineFault with the log's tail when it ends or time runs out."""
        assert self._child is not None
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            code = self._child.process.poll()
            if code is not None:
                raise self._not_up(code)
            if time.monotonic() > deadline:
                raise EngineFault(
                    f"{self.title} 在 {START_TIMEOUT:.0f} 秒内没有就绪。", self.cure(), log=self.tail()
                )
            time.sleep(0.01)

    def stop(self) -> None:
        """Ask it to end, then insist. Returns when it is gone; nothing happens when it is not running."""
        if self._child is None:
            return
        process = self._child.process
        for number, seconds in (*self.farewell, (signal.SIGKILL, DEPARTURE)):
            if process.poll() is not None:
                break
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                break
            log.warning("%s ignored %s for %.0f s", self.name, number.name, seconds)
        if process.poll() != 0 and self.layout.run.exists():  # see that its children are gone too
            os.close(self._take_lock(patience=1.0))
        self.forget()

    def forget(self) -> None:
        """Let go of a process that is gone."""
        if self._child is not None and self._child.process.poll() is not None:
            self._child.release()
            self._child = None

    def trim_log(self) -> None:
        """Set a log that has grown too long aside. What is written in the meantime may be lost."""
        with contextlib.suppress(OSError, EngineFault):  # never a reason to stop
            if self.log_file.stat().st_size > LOG_LIMIT:
                self._set_log_aside()

    def _set_log_aside(self) -> None:
        aside = open_private(self.log_file.with_suffix(".log.1"), os.O_WRONLY | os.O_TRUNC, self.identity)
        grown = open_private(self.log_file, os.O_RDWR, self.identity)
        with os.fdopen(grown, "rb+") as source, os.fdopen(aside, "wb") as copy:
            with contextlib.suppress(OSError):  # a full disk is no reason to let the log grow
                shutil.copyfileobj(source, copy)
            source.truncate(0)  # the engine appends, so it goes on at the new end
        self._log_start = 0

    def tail(self) -> str:
        """The last lines written since the last start."""
        with contextlib.suppress(OSError), self.log_file.open("rb") as file:
            file.seek(max(self._log_start, file.seek(0, os.SEEK_END) - 20_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
        return ""

    def inhabitants(self) -> list[psutil.Process]:
        """Every process of this program whose working directory is our data folder."""
        ours = {"cwd": str(self.home), "name": Path(self.command()[0]).name}
        return [process for process in psutil.process_iter(list(ours)) if process.info == ours]

    def _take_lock(self, patience: float) -> int:
        """Our lock, once nothing of an earlier run is left; what does not go within `patience` is killed."""
        lock = open_private(self.layout.run / f"{self.name}.lock", os.O_RDWR, self.identity)
        begun = time.monotonic()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = time.monotonic() - begun
            else:
                return lock
            if waited > patience:  # a backend in a long computation does not notice that its postmaster died
                for process in self.inhabitants():
                    with contextlib.suppress(psutil.Error):
                        log.warning("killing %s process %d, left by an earlier run", self.name, process.pid)
                        process.kill()
            if waited > patience + DEPARTURE:
                os.close(lock)
                raise EngineFault(
                    f"上次运行的 {self.title} 进程没有退出，仍占用 {self.home}。",
                    f"请用 fuser {self.layout.run / self.name}.lock 找到并结束该进程后再启动。",
                )
            time.sleep(0.02)

    def folder_closed(self, said: str) -> EngineFault:
        whom = f"uid {self.identity.drop[0]}" if self.identity.drop else "当前用户"
        return EngineFault(
            f"{self.title} 以 {whom} 运行，而该用户不能使用目录 {said.strip()}（或不能进入其上级目录）。",
            "请换一个该用户能进入的数据目录（例如 /var/lib 下新建的目录），或直接用普通用户运行。",
        )

    def _not_up(self, code: int) -> EngineFault:
        tail = self.tail()
        if code == launch.FOLDER_CLOSED:
            return self.folder_closed(tail)
        return EngineFault(f"{self.title} 没有启动成功（退出码 {code}）。", self.cure(), log=tail)
