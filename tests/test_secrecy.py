"""The scan that ends every run finds what must not be shown, wherever it was shown."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.secrecy import Leak, leaks, told

ROOT = Path(__file__).resolve().parents[1]
SECRETS = {"": "nothing", "short": "short", "the-secret-word": "word", "dev:张三:1": "code"}

CONFTEST = """
from tests.secrecy import Secrecy

def pytest_configure(config):
    config.pluginmanager.register(Secrecy(), "secrecy")
"""
STORY = """
import asyncio, logging, sys
from pathlib import Path
from api.kit.ids import new_id
from api.kit.secrets import Vault
from api.services.login import hash_password
from api.services.sessions import Sessions
from tests import secrecy

MINTED = set()

class Redis:
    def pipeline(self, **_): return self
    def register_script(self, _): return None
    async def __aenter__(self): return self
    async def __aexit__(self, *_): pass
    def set(self, *_, **__): pass
    hset = expire = set
    async def execute(self): pass

def token():
    sessions = Sessions(Redis(), app_days=1, console_idle_minutes=1, console_life_hours=1)
    return asyncio.run(sessions.open(new_id(), "phone")).token

def sealed(purpose, plain):
    Vault("key").seal(purpose, plain)
    return plain

def phone(): return sealed("phone", "13900001234")
def totp(): return sealed("totp", "JBSWY3DPEHPK3PXP")

def password():
    hash_password("correct horse battery")
    return "correct horse battery"

def code():
    secrecy.keep_all("code", MINTED)
    MINTED.add("0a3bXyGa1Zk2mJ0")
    return "0a3bXyGa1Zk2mJ0"

def log(secret): logging.getLogger("linli.any").debug("seen %s", secret)
def log_extra(secret): logging.getLogger("linli.any").error("seen", extra={"what": secret})
def log_failure(secret):
    try:
        raise ValueError(secret)
    except ValueError:
        logging.getLogger("other").exception("failed")
def stderr(secret): sys.stderr.write('{"route": "/v1?x=' + secret + '"}\\n')
def stdout(secret): print("hello", secret)
def process(secret):
    path = Path(__file__).parent / "api.log"
    secrecy.watch(path)
    path.write_text("first\\n" + secret + "\\nlast")
def nowhere(secret): logging.getLogger("linli.any").error("seen nothing")

def test_first():
    logging.getLogger().handlers.clear()  # as a program does that configures its logs

"""
SHOWS = """
def test_{way}():
    {way}({kind}())
"""


def run(folder: Path, shown: dict[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    """A run of its own, with a test for each way in which a secret is `shown`; all of them pass."""
    (folder / "conftest.py").write_text(CONFTEST)
    tests = "".join(SHOWS.format(way=way, kind=kind) for way, kind in shown.items())
    (folder / "test_story.py").write_text(STORY + tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    return subprocess.run(
        [*command, "--rootdir", str(folder), *options, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_that_shows_secrets_fails_though_every_test_passes(tmp_path: Path) -> None:
    ways = {
        "log": ("token", "linli.any: session token in: seen <session token>"),
        "stderr": ("token", 'test_stderr: session token in: {"route": "/v1?x=<session token>"}'),
        "log_extra": ("password", "linli.any: password in: seen {'what': '<password>'}"),
        "log_failure": ("totp", "other: sealed totp in: "),
        "stdout": ("phone", "test_stdout: sealed phone in: hello <sealed phone>"),
        "process": ("code", "api.log: code in: <code>"),
    }
    done = run(tmp_path, {way: kind for way, (kind, _) in ways.items()})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "7 passed" in done.stdout
    assert "secrets were shown" in done.stdout
    assert [named for _, named in ways.values() if named not in done.stdout] == []
    for secret in ("13900001234", "JBSWY3DPEHPK3PXP", "correct horse battery", "0a3bXyGa1Zk2mJ0"):
        assert secret not in done.stdout


def test_workers_tell_what_they_found(tmp_path: Path) -> None:
    done = run(tmp_path, {"log": "token"}, "-n", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "linli.any: session token in: seen <session token>" in done.stdout


def test_a_run_that_shows_none_passes(tmp_path: Path) -> None:
    done = run(tmp_path, {"nowhere": "token"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secrets were shown" not in done.stdout


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("a", logging.INFO, "a.py", 1, message, arguments, None)


@pytest.mark.parametrize(
    "shown",
    [
        "the-secret-word",
        "before the-secret-wordafter",
        "GET /?js_code=the-secret-word HTTP",
        "dev%3A%E5%BC%A0%E4%B8%89%3A1",
        "line\nthe-secret-word\nline",
    ],
)
def test_secrets_are_found_as_they_are_and_as_in_a_url(shown: str) -> None:
    [leak] = leaks([("a", "quiet"), ("b", told(record("%s", shown)))], SECRETS)
    assert leak.where == "b"
    assert "the-secret-word" not in str(leak)


@pytest.mark.parametrize("shown", ["", "short", "the-secret-wor", "the secret word", "THE-SECRET-WORD"])
def test_what_is_no_secret_is_not_found(shown: str) -> None:
    assert list(leaks([("a", shown)], SECRETS)) == []


def test_tracebacks_and_extra_fields_are_searched() -> None:
    try:
        raise ValueError("the-secret-word")
    except ValueError as error:
        failed = record("failed")
        failed.exc_info = (ValueError, error, error.__traceback__)
    more = record("more")
    more.whole = {"row": ["the-secret-word"]}
    texts = [("a", told(failed)), ("b", told(more))]
    assert {leak.where for leak in leaks(texts, SECRETS)} == {"a", "b"}


def test_secrets_that_begin_alike_are_told_apart() -> None:
    found = leaks([("a", "the-secret-sauce")], {**SECRETS, "the-secret-sauce": "sauce"})
    assert list(found) == [Leak("sauce", "a", "<sauce>")]
