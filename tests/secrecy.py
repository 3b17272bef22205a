"""No secret of a test in anything the program writes (S4): a pytest plugin that looks at the end of every run.

Secrets are taken where they are made (sessions, passwords, what is sealed, what the WeChat platform hands out);
what is searched is every log record, all that was written to stdout and stderr, and the logs of the processes
that tests start. Registered by tests/conftest.py; with pytest-xdist each worker looks at its own part.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from argon2 import PasswordHasher

from api.kit.secrets import Vault
from api.services import login
from api.services.people.belonging import PHONE
from api.services.sessions import Opened, Sessions

SHORTEST = 8
"""Shorter secrets would be found everywhere: six digits of a one-time password are no proof of a leak."""
_QUIET = ("httpx", "httpcore", "asyncio", "aiohttp")
"""Kept quiet by logging.configure, here too."""
_plain = logging.Formatter("%(message)s")
_standard = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime"}


@dataclass
class Kept:
    """What must appear nowhere, and where to look."""

    secrets: dict[str, str] = field(default_factory=dict)
    """The secret and its kind."""
    sets: list[tuple[str, set[str]]] = field(default_factory=list)
    """Sets that grow while the tests run."""
    texts: list[tuple[str, str]] = field(default_factory=list)
    """Where it was written, and what."""
    files: set[Path] = field(default_factory=set)

    def all_secrets(self) -> dict[str, str]:
        return self.secrets | {secret: kind for kind, found in self.sets for secret in found}

    def all_texts(self) -> Iterator[tuple[str, str]]:
        yield from self.texts
        for path in sorted(self.files):
            if path.exists():
                yield path.name, path.read_text("utf-8", errors="replace")


_kept = Kept()


def keep(kind: str, secret: str) -> None:
    """From now on `secret` must appear nowhere."""
    _kept.secrets[secret] = kind


def keep_all(kind: str, secrets: set[str]) -> None:
    """The same for all that is, or will be, in the set."""
    _kept.sets.append((kind, secrets))


def watch(path: Path) -> None:
    """A file, written by a process of the tests, in which no secret may appear."""
    _kept.files.add(path)


def told(record: logging.LogRecord) -> str:
    """Everything a record says: message, traceback and extra fields, before anything is redacted."""
    extra = {k: v for k, v in record.__dict__.items() if k not in _standard}
    return f"{_plain.format(record)} {extra}" if extra else _plain.format(record)


@dataclass(frozen=True)
class Leak:
    kind: str
    where: str
    line: str
    """The line of the text, the secret masked."""

    def __str__(self) -> str:
        return f"{self.where}: {self.kind} in: {self.line[:300]}"


def leaks(texts: Iterable[tuple[str, str]], secrets: dict[str, str]) -> Iterator[Leak]:
    """Where the `texts` (place, text) show one of the `secrets` (secret, kind), as it is or as in a URL."""
    forms: dict[str, dict[str, str]] = defaultdict(dict)
    for secret, kind in secrets.items():
        if len(secret) >= SHORTEST:
            for form in {secret, quote(secret), quote_plus(secret, safe="")}:
                forms[form[:SHORTEST]][form] = kind
    begins = frozenset(forms)  # one look-up for each place of the text, however many secrets there are
    for where, text in texts:
        for at in range(len(text) - SHORTEST + 1):
            if text[at : at + SHORTEST] not in begins:
                continue
            for form, kind in forms[text[at : at + SHORTEST]].items():
                if text.startswith(form, at):
                    begin, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
                    line = text[begin : end if end >= 0 else None]
                    yield Leak(kind, where, line.replace(form, f"<{kind}>"))


class Secrecy:
    """The plugin."""

    def __init__(self) -> None:
        self._patches = pytest.MonkeyPatch()
        self._handler = _Keeps()
        self._found: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        logging.getLogger().setLevel(logging.INFO)  # as in production
        logging.getLogger("linli").setLevel(logging.DEBUG)
        if (
            config.getoption("capture") == "no"
        ):  # what goes to the terminal is not seen here: spare the reader
            logging.getLogger("linli.http").setLevel(logging.WARNING)
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._take(Sessions, "open", _token_of)
        self._take(PasswordHasher, "hash", lambda _, password, **__: keep("password", password))
        for name in ("seal", "index"):
            self._take(Vault, name, lambda _, purpose, plain: _sealed(purpose, plain))

    def _take(self, owner: type, name: str, note: Callable[..., Any]) -> None:
        """Let `note` see every call of a method, or for a coroutine its result."""
        made = getattr(owner, name)

        @wraps(made)
        def calls(*args: Any, **kw: Any) -> Any:
            note(*args, **kw)
            return made(*args, **kw)

        @wraps(made)
        async def results(*args: Any, **kw: Any) -> Any:
            return note(await made(*args, **kw))

        self._patches.setattr(owner, name, results if note is _token_of else calls)

    def pytest_runtest_setup(self) -> None:
        root = logging.getLogger()
        if self._handler not in root.handlers:  # a test may have configured logging anew
            root.addHandler(self._handler)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":  # its sections are those of all phases
            _kept.texts += [
                (report.nodeid, text) for name, text in report.sections if not name.startswith("Captured log")
            ]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._found += sorted({str(leak) for leak in leaks(_kept.all_texts(), _kept.all_secrets())})
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["leaks"] = self._found
        elif self._found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """What a worker of pytest-xdist found, told in the process that began it."""
        self._found += getattr(node, "workeroutput", {}).get("leaks", [])

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._found:
            terminalreporter.section("secrets were shown", red=True, bold=True)
            for line in self._found[:50]:
                terminalreporter.line(line)

    def pytest_unconfigure(self) -> None:
        self._patches.undo()
        logging.getLogger().removeHandler(self._handler)


class _Keeps(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            _kept.texts.append((record.name, told(record)))
        except Exception:  # as every handler does: what cannot be formatted is told by logging itself
            self.handleError(record)


def _token_of(opened: Opened) -> Opened:
    keep("session token", opened.token)
    return opened


def _sealed(purpose: str, plain: str) -> None:
    if purpose == login.TOTP or (purpose == PHONE and re.fullmatch(r"\+?\d{7,15}", plain)):
        keep(f"sealed {purpose}", plain)
