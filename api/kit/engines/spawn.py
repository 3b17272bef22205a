"""Starts children that cannot outlive this process.

On Linux the kernel signals the child (PR_SET_PDEATHSIG) when the *thread* that forked it ends, so every
child is forked by one thread that lives as long as the process. Elsewhere a small watchdog holds a pipe.
"""

import json
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from api.kit.engines import launch

T = TypeVar("T")
Task = Callable[[], None]

kernel_tells_of_death = platform.system() == "Linux"
"""False: a pipe and a watchdog process do it."""
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass
class Child:
    """A started process; its lifeline is the pipe end whose closing is our death."""

    process: subprocess.Popen[str]
    lifeline: int | None

    def release(self) -> None:
        """Call once the process is gone."""
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None


class _LastingThread:
    """Runs tasks one after another; a forked copy of this process makes a new one for itself."""

    def __init__(self) -> None:
        self._process = 0
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._starting = threading.Lock()

    def call(self, function: Callable[[], T]) -> T:
        with self._starting:
            if self._process != os.getpid():
                self._process, self._tasks = os.getpid(), queue.SimpleQueue()
                threading.Thread(target=self._work, args=(self._tasks,), name="engines", daemon=True).start()
        answer: Future[T] = Future()

        def task() -> None:
            try:
                answer.set_result(function())
            except BaseException as error:
                answer.set_exception(error)

        self._tasks.put(task)
        return answer.result()

    @staticmethod
    def _work(tasks: "queue.SimpleQueue[Task]") -> None:
        while True:
            tasks.get()()


_lasting = _LastingThread()


def start(
    argv: Sequence[str],
    *,
    drop: tuple[int, int] | None,
    inside: tuple[int, int] | None,
    death_signal: signal.Signals = signal.SIGKILL,
    folders: Sequence[Path] = (),
    lock: int | None = None,
    stdin: int = subprocess.DEVNULL,
    output: IO[bytes] | int = subprocess.DEVNULL,
) -> Child:
    """Start `argv` in a session of its own (Ctrl-C is for us to hear, not for it), with a bare environment.

    `lock` is a descriptor the child keeps; stderr goes where stdout goes. The process id is the program's.
    """
    reader, writer = (None, None) if kernel_tells_of_death else os.pipe()
    spec: launch.Spec = {
        "argv": list(argv),
        "drop": drop,
        "inside": inside,
        "folders": [str(folder) for folder in folders],
        "parent": os.getpid(),
        "death_signal": death_signal,
        "lifeline": reader,
        "lock": lock,
    }
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        process = _lasting.call(
            lambda: subprocess.Popen(
                [sys.executable, "-I", "-S", launch.__file__, json.dumps(spec)],
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env={**environment, "LC_ALL": "C", "TZ": "UTC"},
                cwd="/",
                start_new_session=True,
                pass_fds=[fd for fd in (reader, lock) if fd is not None],
            )
        )
    except BaseException:
        if writer is not None:
            os.close(writer)
        raise
    finally:
        if reader is not None:
            os.close(reader)
    return Child(process, writer)


def run(
    argv: Sequence[str],
    *,
    drop: tuple[int, int] | None,
    inside: tuple[int, int] | None,
    folders: Sequence[Path] = (),
    lock: int | None = None,
    send: str = "",
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run `argv` to its end, `timeout` seconds at most; stdout holds all it said."""
    child = start(
        argv,
        drop=drop,
        inside=inside,
        folders=folders,
        lock=lock,
        stdin=subprocess.PIPE,
        output=subprocess.PIPE,
    )
    try:
        said, _ = child.process.communicate(send, timeout)
    except BaseException:
        child.process.kill()
        child.process.communicate()
        raise
    finally:
        child.release()
    return subprocess.CompletedProcess(list(argv), child.process.returncode, said)
