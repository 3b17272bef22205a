"""The real `linli` as a process of its own, in a folder of its own, with an empty home; and who is left of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import typer

from api.cli import app


@dataclass
class Linli:
    """A running command; everything it prints goes to `folder`/output.txt."""

    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text("utf-8", errors="replace")

    def until_it_says(self, words: str, within: float = 180.0) -> str:
        """The output once it contains `words`; fails when it ends or takes too long first."""
        end = time.monotonic() + within
        while words not in self.output:
            if self.process.poll() is not None and words not in self.output:
                pytest.fail(f"ended with {self.process.returncode} before saying {words!r}:\n{self.output}")
            if time.monotonic() > end:
                pytest.fail(f"did not say {words!r} within {within} s:\n{self.output}")
            time.sleep(0.05)
        return self.output

    def told(self, name: str) -> str:
        """What it printed behind `name` on a line."""
        lines = (line.strip() for line in self.output.splitlines())
        return next(line.removeprefix(name).strip() for line in lines if line.startswith(f"{name} "))

    def end(self, within: float = 180.0) -> int:
        """Wait for its end: the exit status."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still runs after {within} s:\n{self.output}")

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.end()


def commands() -> set[str]:
    """Every command there is: `api`, `admin`, `admin create`, …"""

    def walk(group: Any, above: str) -> Iterator[str]:
        for name in group.list_commands(None):
            yield f"{above}{name}"
            command = group.get_command(None, name)
            if hasattr(command, "list_commands"):
                yield from walk(command, f"{above}{name} ")

    return set(walk(typer.main.get_command(app), ""))


@contextmanager
def linli(folder: Path, *arguments: str, module: str = "api.program", **settings: str) -> Iterator[Linli]:
    """`linli ARGUMENTS` with its data under `folder`; killed at the end if it still runs."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    ours = {key: value for key, value in os.environ.items() if not key.startswith("LINLI_")}
    environment = {**ours, "HOME": str(home), "LINLI_DATA_DIR": str(folder / "data"), **settings}
    for key in {"DATABASE_URL", "REDIS_URL"} - set(settings):
        environment.pop(key, None)
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Linli(folder, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        seconds_until_gone(folder, 30)


def inhabitants(folder: Path) -> list[psutil.Process]:
    """Every living process that works in the folder, or was told of it by its command or environment."""
    return [p for p in psutil.process_iter(["status"]) if _speaks_of(p, str(folder))]


def _speaks_of(process: psutil.Process, folder: str) -> bool:
    if process.info["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
        return False
    try:
        words: list[Any] = [process.cwd(), *process.cmdline(), *process.environ().values()]
    except psutil.Error:
        return False
    return any(folder in word for word in words)


def seconds_until_gone(folder: Path, within: float = 15.0) -> float:
    """How long it takes until nobody is left; fails when that is too long."""
    begun = time.monotonic()
    while left := inhabitants(folder):
        if time.monotonic() - begun > within:
            pytest.fail(f"left behind: {[(p, p.cmdline()) for p in left]}")
        time.sleep(0.05)
    return time.monotonic() - begun


def child_of(process: "subprocess.Popen[bytes]", *words: str) -> psutil.Process:
    """The living child whose command contains all of `words`."""
    children = psutil.Process(process.pid).children(recursive=True)
    found = [child for child in children if set(words) <= set(_command(child))]
    assert len(found) == 1, (words, children)
    return found[0]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it ended meanwhile
        return []
