"""Two small servers behind the real nginx, for the tests that look at nginx alone."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.topology import Nginx, Program, free_port, nginx_program


@dataclass
class Pair:
    """nginx, and the servers `a` and `b` behind it."""

    nginx: Nginx
    a: Program
    b: Program
    seen_file: Path

    @property
    def seen(self) -> list[str]:
        """What reached the servers, in order: `a POST /v1/cases 12`."""
        return self.seen_file.read_text().splitlines() if self.seen_file.exists() else []

    def logged(self, answer: httpx.Response) -> dict[str, object]:
        """The access log's entry for an answer; nginx may write it a moment after it answered."""
        name = answer.headers["x-request-id"]
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for entry in self.nginx.access_log:
                if entry["request_id"] == name:
                    return entry
            time.sleep(0.02)
        pytest.fail(f"not in the access log: {name}")

    def client(self, source: str = "127.0.0.1") -> httpx.Client:
        """A client that calls from the loopback address `source`."""
        transport = httpx.HTTPTransport(local_address=source)
        return httpx.Client(base_url=self.nginx.url, transport=transport, timeout=30, trust_env=False)


def _start(folder: Path, started: list[Program], how: dict[str, Any]) -> Pair:
    seen, servers = folder / "seen", []
    for name in ("a", "b"):
        port = free_port()
        argv = [sys.executable, "-m", "tests.e2e.upstream", name, str(port), str(seen)]
        servers.append(Program(name, argv, folder, f"http://127.0.0.1:{port}/readyz"))
    nginx = Nginx(folder / "nginx", [int(server.argv[4]) for server in servers], **how)
    started.extend(program.launch() for program in (*servers, nginx))
    for program in started:
        program.wait_until_ready()
    return Pair(nginx, servers[0], servers[1], seen)


@contextmanager
def _ended_after() -> Iterator[list[Program]]:
    nginx_program()
    started: list[Program] = []
    try:
        yield started
    finally:
        for program in reversed(started):
            program.kill()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    """Starts a `Pair` of the test's own; keyword arguments go to `Nginx`. All of it is gone after the test."""
    with _ended_after() as started:
        yield lambda **how: _start(tmp_path, started, how)


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A `Pair` as shipped, for tests that neither kill nor edit anything."""
    with _ended_after() as started:
        yield _start(tmp_path_factory.mktemp("nginx"), started, {})


@pytest.fixture
def here(common: Pair) -> Pair:
    """The common `Pair`, with what earlier tests sent forgotten."""
    common.seen_file.unlink(missing_ok=True)
    return common
