"""The deployed topology by ordinary processes: nginx with the shipped configuration, programs behind it.

Everything listens on loopback, writes into a folder of the test, is stopped by its pid, and dies with the
test run. What a story needs is put together from `Nginx`, `Program`, `rolling_restart` and `Traffic`.
"""

import asyncio
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

import httpx
import pytest

from tests import secrecy

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
LOGS = "/var/log/nginx/"
Edit = Callable[[str], str]
Ask = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]
"""How a client asks: with the number of its question, for keys and texts that differ."""

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
# A child's death signal comes when the thread that forked it ends: one thread, that of the whole run.
_forker = ThreadPoolExecutor(1, "forker")


def nginx_program() -> str:
    """Where nginx is; the test is skipped where there is none."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("nginx is not on this machine (Debian: apt-get install nginx)")
    return found


def nginx_version(program: str) -> tuple[int, ...]:
    """As (1, 22, 1)."""
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    numbers = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    assert numbers, said
    return tuple(map(int, numbers.groups()))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def replace(text: str, old: str, new: str) -> str:
    """`text` with `old` replaced; fails when it is not there, so that no edit silently does nothing."""
    assert old in text, f"not in the text: {old!r}"
    return text.replace(old, new)


def die_with_parent() -> None:
    if _prctl is not None:
        _prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Running(Protocol):
    """What a `Program` asks of its process, as of a Popen."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: signal.Signals) -> None: ...


@dataclass
class Program:
    """One process: a command, what the environment adds, and the address that answers once it is ready."""

    name: str
    argv: Sequence[str]
    folder: Path
    """Where its output goes, as <name>.log, appended over restarts."""
    ready: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    process: Running | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was not started"
        return self.process.pid

    @property
    def output(self) -> str:
        return (self.folder / f"{self.name}.log").read_text(errors="replace")

    def start(self, within: float = 30.0) -> Self:
        """Launch it and wait until it is ready."""
        return self.launch().wait_until_ready(within)

    def launch(self) -> Self:
        """Start the process and wait for nothing."""
        secrecy.watch(self.folder / f"{self.name}.log")
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = _forker.submit(
                subprocess.Popen,
                list(self.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **self.env},
                start_new_session=True,
                preexec_fn=die_with_parent,
            ).result()
        return self

    def wait_until_ready(self, within: float = 30.0) -> Self:
        """Until `ready` answers 200; fails, with what the process said, when it does not in time."""
        assert self.process is not None
        end = time.monotonic() + within
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                pytest.fail(f"{self.name} did not become ready:\n{self.output[-4000:]}")
            time.sleep(0.02)
        return self

    def is_ready(self) -> bool:
        return self.ready is None or _answers(self.ready)

    def tell(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 70.0) -> int:
        """Ask it to end and wait: its exit status. Kills it, and fails, when it does not end in time."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.name} did not end within {within} s of {number.name}:\n{self.output[-4000:]}")

    def kill(self) -> None:
        """SIGKILL for it and what it forked (it leads a session of its own); does nothing when it is gone."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _answers(url: str) -> bool:
    where = urlsplit(url)
    assert where.hostname is not None
    connection = HTTPConnection(where.hostname, where.port, timeout=2)
    try:
        connection.request("GET", where.path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def running(*programs: Program) -> Iterator[tuple[Program, ...]]:
    """All of them launched in this order and ready; none is left at the end."""
    try:
        for program in programs:
            program.launch()
        for program in programs:
            program.wait_until_ready()
        yield programs
    finally:
        for program in reversed(programs):
            program.kill()


def rolling_restart(programs: Sequence[Program]) -> None:
    """One after the other: drain, wait for the end, start, wait until ready (docs/operations.md)."""
    for program in programs:
        program.stop()
        program.start()


class Nginx(Program):
    """The shipped nginx.conf before `upstreams` (ports), plain HTTP on a loopback port of its own.

    Only places are changed: the log folder, and the files of nginx.d/ that name addresses. `private` are the
    ranges taken for the administration's network. `edit` spoils the configuration, to see a check fail.
    """

    def __init__(
        self,
        folder: Path,
        upstreams: Sequence[int],
        *,
        port: int | None = None,
        private: Sequence[str] = ("127.0.0.1/32",),
        listen: Edit | None = None,
        edit: Edit = lambda text: text,
    ) -> None:
        program = nginx_program()
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        config = render(folder, self.port, upstreams, private=private, listen=listen, edit=edit)
        owner = " user root;" if os.geteuid() == 0 else ""
        argv = [program, "-e", "stderr", "-p", str(folder), "-c", str(config)]
        directives = f"daemon off; pid {folder}/nginx.pid;{owner}"
        super().__init__("nginx", [*argv, "-g", directives], folder)

    def is_ready(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it and its workers: SIGTERM lets the master take them along, SIGKILL for all when it does not."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        super().kill()

    def check(self) -> str:
        """What is wrong with the configuration (`nginx -t`); empty when nothing is, not even a warning."""
        done = subprocess.run(
            [*self.argv, "-t"], cwd=self.folder, capture_output=True, text=True, check=False
        )
        complaints = [line for line in done.stderr.splitlines() if re.search(r"\[\w+\]", line)]
        return "\n".join(complaints) if complaints or done.returncode == 0 else done.stderr

    @property
    def access_log(self) -> list[dict[str, object]]:
        """One entry a request; written a moment after the answer."""
        return [json.loads(line) for line in (self.folder / "log/access.log").read_text().splitlines()]

    @property
    def everything_logged(self) -> str:
        return self.output + "".join(p.read_text() for p in sorted((self.folder / "log").iterdir()))


def render(
    folder: Path,
    port: int,
    upstreams: Sequence[int],
    *,
    private: Sequence[str],
    listen: Edit | None,
    edit: Edit,
) -> Path:
    """Write the configuration for `Nginx` into `folder`; the path of its main file."""
    parts = folder / "nginx.d"
    shutil.rmtree(parts, ignore_errors=True)
    shutil.copytree(DEPLOY / "nginx.d", parts)
    for name in ("log", "spool"):
        (folder / name).mkdir(exist_ok=True)
    main = folder / "nginx.conf"
    main.write_text(edit(replace((DEPLOY / "nginx.conf").read_text(), LOGS, f"{folder}/log/")))
    shipped = (parts / "upstream.conf").read_text()
    servers = "".join(f"    server 127.0.0.1:{p} max_fails=0;\n" for p in upstreams)
    spool = "".join(
        f"{kind}_temp_path {folder}/spool/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (parts / "upstream.conf").write_text(spool + re.sub(r"( *server [^;]+;\n)+", servers, shipped, count=1))
    plain = f"listen 127.0.0.1:{port};\n"
    (parts / "listen.conf").write_text(listen((parts / "listen.conf").read_text()) if listen else plain)
    ranges = "".join(f"    {r} 1;\n" for r in private)
    (parts / "private.conf").write_text(f"geo $linli_private {{\n    default 0;\n{ranges}}}\n")
    return main


@dataclass
class Traffic:
    """Clients that ask one after another until told to stop, and count what they were answered."""

    base_url: str
    ask: Ask
    clients: int = 8
    answers: Counter[str] = field(default_factory=Counter)
    """By status, or by the kind of failure when there was no answer."""
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _number: int = 0

    async def _client(self) -> None:
        async with httpx.AsyncClient(base_url=self.base_url, timeout=60, trust_env=False) as client:
            while not self._stop.is_set():
                self._number += 1
                try:
                    answer = await self.ask(client, self._number)
                    self.answers[str(answer.status_code)] += 1
                except httpx.TransportError as error:
                    self.answers[type(error).__name__] += 1

    async def during(self, work: Callable[[], None]) -> Counter[str]:
        """Ask while `work` (blocking) is done in a thread, and a little before and after; the counts."""
        asking = [asyncio.create_task(self._client()) for _ in range(self.clients)]
        await asyncio.sleep(0.3)
        try:
            await asyncio.to_thread(work)
            await asyncio.sleep(0.3)
        finally:
            self._stop.set()
            await asyncio.gather(*asking)
        return self.answers
