"""The import law and its neighbours, read from the syntax trees of the code; every clause is proven on a bad source."""

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 400

BELOW_SERVICES = frozenset({"kit", "rules", "models"})
BELOW_ROUTERS = BELOW_SERVICES | {"services", "schemas", "wechat", "settings"}
BELOW_ENTRIES = BELOW_ROUTERS | {"routers", "console", "migrations", "openapi", "revisions"}
MAY_IMPORT: dict[str, frozenset[str]] = {
    "kit": frozenset(),
    "settings": frozenset(),
    "rules": frozenset({"kit"}),
    "models": frozenset({"kit", "rules"}),
    "schemas": frozenset({"kit", "rules"}),
    "wechat": frozenset({"kit"}),
    "services": BELOW_SERVICES,
    "routers": BELOW_ROUTERS,
    "console": frozenset({"kit"}),
    "openapi": frozenset({"kit", "routers"}),
    "revisions": frozenset(),
    "migrations": frozenset({"revisions"}),
    "main": BELOW_ENTRIES | {"account", "censor"},
    "account": frozenset({"settings", "wechat"}),
    "censor": BELOW_ROUTERS,
    "worker": BELOW_ROUTERS | {"censor"},
    "commands": BELOW_ENTRIES | {"account", "main", "worker"},
    "cli": BELOW_ENTRIES | {"main", "worker", "commands"},
    "program": frozenset({"kit", "commands"}),
}
"""What each part of `api` may import of the others; its own modules always."""

WEB = frozenset({"fastapi", "starlette", "uvicorn"})
STORES = frozenset({"sqlalchemy", "sqlmodel", "asyncpg", "redis"})
FOREIGN: dict[str, frozenset[str]] = {
    "rules": WEB | STORES | {"httpx", "asyncio", "socket", "subprocess"},
    "models": WEB | {"httpx", "redis"},
    "schemas": WEB | STORES | {"httpx"},
    "services": WEB | {"httpx"},
}
"""Outside packages that would bring I/O, tables or HTTP where they do not belong."""

HOME_OF_CALLS = {
    "datetime.datetime.now": "api/kit/clock.py",
    "datetime.datetime.utcnow": "api/kit/clock.py",
    "datetime.datetime.today": "api/kit/clock.py",
    "datetime.date.today": "api/kit/clock.py",
    "time.time": "api/kit/clock.py",
}
HOME_OF_COMMIT = "api/kit/db.py"
MAY_NAME_HTTP_EXCEPTION = frozenset({"routers", "console", "main"})
HOME_OF_HTTP_EXCEPTION = "api/kit/http.py"  # where it is turned into a problem


@lru_cache(maxsize=1)
def _parsed(text: str) -> ast.Module:
    """One clause after the other asks for the tree of the same file."""
    return ast.parse(text)


class Source(NamedTuple):
    path: str
    """From the root of the repository, with slashes."""
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text)

    @property
    def part(self) -> str:
        """The part of `api` it belongs to: `kit`, `services`, `main` …; empty outside `api`."""
        head, _, rest = self.path.partition("/")
        return rest.partition("/")[0].removesuffix(".py") if head == "api" and rest != "__init__.py" else ""


def imported(source: Source) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported, relative imports made absolute."""
    package = source.path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def called(source: Source) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every call, names resolved through the imports of the file."""
    known: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            known |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom):
            known |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            head, dot, rest = ast.unparse(node.func).partition(".")
            yield node.lineno, known.get(head, head) + dot + rest


def imports_upward(source: Source) -> Iterator[str]:
    allowed = MAY_IMPORT.get(source.part)
    if source.part and allowed is None:
        yield f"api/{source.part} has no place in the import law"
        return
    for line, name in imported(source):
        words = name.split(".")
        if words[0] != "api" or len(words) < 2 or words[1] == source.part:
            continue
        if allowed is None or words[1] not in allowed:
            yield f"{line}: {source.part or 'api'} imports {name}"


def imports_foreign(source: Source) -> Iterator[str]:
    barred = FOREIGN.get(source.part, frozenset())
    yield from (f"{line}: imports {name}" for line, name in imported(source) if name.split(".")[0] in barred)


def imports_inside_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = {n.lineno for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)}
            yield from (f"{line}: an import inside {node.name}()" for line in sorted(inner))


def commits(source: Source) -> Iterator[str]:
    if source.path != HOME_OF_COMMIT:
        for line, name in called(source):
            if name.rpartition(".")[2] == "commit":
                yield f"{line}: {name}() outside {HOME_OF_COMMIT}"


def reads_the_clock(source: Source) -> Iterator[str]:
    for line, name in called(source):
        home = HOME_OF_CALLS.get(name)
        if home is not None and source.path != home:
            yield f"{line}: {name}() outside {home}"


def names_http_exception(source: Source) -> Iterator[str]:
    if source.part in MAY_NAME_HTTP_EXCEPTION or source.path == HOME_OF_HTTP_EXCEPTION:
        return
    for node in ast.walk(source.tree):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name == "HTTPException":
            yield f"{node.lineno}: HTTPException below the routers"  # type: ignore[attr-defined]


def awaits_in_rules(source: Source) -> Iterator[str]:
    if source.part == "rules":
        for node in ast.walk(source.tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
                yield f"{node.lineno}: rules are not asynchronous"


def postpones_annotations(source: Source) -> Iterator[str]:
    if source.part == "models":
        for line, name in imported(source):
            if name == "__future__.annotations":
                yield f"{line}: SQLModel reads annotations when the class is made"


def is_too_long(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > LONGEST:
        yield f"{lines} lines, more than {LONGEST}"


Clause = Callable[[Source], Iterator[str]]
LAW: tuple[Clause, ...] = (
    imports_upward,
    imports_foreign,
    imports_inside_functions,
    commits,
    reads_the_clock,
    names_http_exception,
    awaits_in_rules,
    postpones_annotations,
)
"""Clauses for `api`; the length of a file counts everywhere."""


def sources(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> list[Source]:
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")))
    return [
        Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        for path in paths
        if path.suffix in suffixes
    ]


def faults(clause: Clause, found: list[Source]) -> list[str]:
    return [f"{source.path}:{fault}" for source in found for fault in clause(source)]


def test_the_code_keeps_the_law() -> None:
    assert [
        f"{clause.__name__}: {fault}"
        for source in sources("api")
        for clause in LAW
        for fault in faults(clause, [source])
    ] == []


def test_no_file_is_too_long_to_read() -> None:
    own = sources("api", "tests", "scripts", "bench", suffixes=(".py", ".js", ".css", ".html"))
    assert faults(is_too_long, own) == []


BROKEN: list[tuple[Clause, str, str]] = [
    (imports_upward, "api/kit/paging.py", "from api.rules.cases import CASES"),
    (imports_upward, "api/kit/paging.py", "import api.rules.cases"),
    (imports_upward, "api/kit/paging.py", "from api import models"),
    (imports_upward, "api/kit/engines/layout.py", "from ...settings import Settings"),
    (imports_upward, "api/rules/cases.py", "from api.models.cases import Case"),
    (imports_upward, "api/models/cases.py", "from api.services.access import Viewer"),
    (imports_upward, "api/schemas/cases.py", "from api.models.cases import Case"),
    (imports_upward, "api/schemas/cases.py", "def f():\n    from api.services import access"),
    (imports_upward, "api/wechat/client.py", "from api.rules.cases import CASES"),
    (imports_upward, "api/services/login.py", "from api.settings import Settings"),
    (imports_upward, "api/services/login.py", "from api.routers.sessions import router"),
    (imports_upward, "api/services/login.py", "from api.schemas.sessions import SignIn"),
    (imports_upward, "api/routers/cases.py", "from api.main import create_app"),
    (imports_upward, "api/worker.py", "from api.routers.cases import router"),
    (imports_upward, "api/console/router.py", "from api.services.access import Viewer"),
    (imports_upward, "api/__init__.py", "from api.main import create_app"),
    (imports_upward, "api/helpers.py", "x = 1"),
    (imports_foreign, "api/rules/deadlines.py", "import asyncio"),
    (imports_foreign, "api/rules/deadlines.py", "from sqlalchemy.orm import Session"),
    (imports_foreign, "api/services/moves.py", "from fastapi import Request"),
    (imports_foreign, "api/schemas/cases.py", "from sqlmodel import SQLModel"),
    (imports_inside_functions, "api/kit/db.py", "def f():\n    import json"),
    (imports_inside_functions, "api/kit/db.py", "async def f():\n    if x:\n        from a import b"),
    (imports_inside_functions, "api/kit/db.py", "class A:\n    def f(self):\n        from a import b"),
    (commits, "api/services/moves.py", "async def f(tx):\n    await tx.commit()"),
    (commits, "api/services/moves.py", "commit(session)"),
    (reads_the_clock, "api/rules/cases.py", "from datetime import datetime, UTC\ndatetime.now(UTC)"),
    (reads_the_clock, "api/rules/cases.py", "import datetime as dt\ndt.datetime.utcnow()"),
    (reads_the_clock, "api/rules/cases.py", "from datetime import date as day\nday.today()"),
    (reads_the_clock, "api/kit/db.py", "import time\ntime.time()"),
    (names_http_exception, "api/services/moves.py", "raise HTTPException(409)"),
    (names_http_exception, "api/kit/db.py", "import fastapi\nraise fastapi.HTTPException(409)"),
    (awaits_in_rules, "api/rules/cases.py", "async def f(): ..."),
    (postpones_annotations, "api/models/cases.py", "from __future__ import annotations"),
    (is_too_long, "tests/test_all.py", "x = 1\n" * (LONGEST + 1)),
]


@pytest.mark.parametrize(("clause", "path", "text"), BROKEN)
def test_each_clause_finds_what_breaks_it(clause: Clause, path: str, text: str) -> None:
    assert list(clause(Source(path, text))) != []


def test_no_clause_is_without_proof() -> None:
    assert {clause for clause, _, _ in BROKEN} == {*LAW, is_too_long}


KEPT = [
    ("api/services/login.py", "from api.kit import clock\nfrom api.models import Person\nclock.now()"),
    ("api/kit/clock.py", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
    ("api/kit/db.py", "async def f(session):\n    await session.commit()"),
    ("api/kit/http.py", "from starlette.exceptions import HTTPException\nassert HTTPException"),
    ("api/kit/http.py", "import time\ntime.perf_counter()"),
    ("api/routers/cases.py", "from api.schemas.cases import NewCase\nfrom api.services import access"),
    ("api/wechat/push.py", "from .crypto import PushCrypto"),
    ("api/services/moves.py", "import json\nasync def f(tx):\n    return await tx.flush()"),
]


@pytest.mark.parametrize(("path", "text"), KEPT)
def test_what_is_allowed_passes_every_clause(path: str, text: str) -> None:
    source = Source(path, text)
    assert [fault for clause in (*LAW, is_too_long) for fault in clause(source)] == []
