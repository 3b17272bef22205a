"""The part of `make check` that comes after format, lint and types: one heading a check, one exit code."""

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from alembic.config import Config
from alembic.util import CommandError
from rich.console import Console

from alembic import command
from api.kit.engines import EmbeddedEngines
from scripts import audit, hygiene, licences

ROOT = hygiene.ROOT


class Failed(Exception):
    """The check found something; the text says what, a line each."""


class Skipped(Exception):
    """The check cannot be made here; the text says why."""


def _run(*words: str) -> str:
    """The last line `words` printed. Raises Failed with all of it when it ended badly."""
    environment = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run(  # noqa: S603
        words,
        cwd=ROOT,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise Failed(done.stdout.strip() or f"{words[0]} ended with {done.returncode}")
    return (done.stdout.strip().splitlines() or ["ok"])[-1]


def import_law() -> str:
    return _run(sys.executable, "-m", "pytest", "tests/test_architecture.py")


def migrations() -> str:
    config = Config(ROOT / "alembic.ini", stdout=io.StringIO())
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedEngines(Path(folder) / "data", redis=False, small=True) as engines,
    ):
        config.attributes["url"] = engines.addresses.database_url
        config.attributes["owner"] = engines.addresses.owner_url
        command.upgrade(config, "head")
        try:
            command.check(config)
        except CommandError as error:
            raise Failed(str(error)) from error
        command.downgrade(config, "base")
    return "upgrade from nothing, no difference to the models, downgrade to nothing"


def generated_docs() -> str:
    return _run(str(Path(sys.executable).with_name("linli")), "docs", "--check")


def openapi() -> str:
    return _run(sys.executable, "-m", "scripts.openapi", "--check")


def vulnerabilities() -> str:
    found = audit.audit(ROOT / "requirements.lock")
    if isinstance(found, str):
        raise Skipped(f"no advisory source could be asked: {found}")
    if found.findings:
        raise Failed("\n".join(found.findings))
    if not found.looked_at:
        raise Skipped(f"no advisory source knows any of the {found.passed_over} packages")
    return f"{found.looked_at} packages without known vulnerabilities, {found.passed_over} could not be looked up"


def licence_terms() -> str:
    found = licences.runtime()
    if bad := licences.refused(found, licences.ALLOWED):
        raise Failed("\n".join(bad))
    return f"{len(found)} packages at run time, none of them copyleft"


def lock_files() -> str:
    faults = [
        f"{name}: {fault}"
        for name in hygiene.LOCKS
        for fault in hygiene.lock_faults((ROOT / name).read_text())
    ]
    if faults:
        raise Failed("\n".join(faults))
    return f"{len(hygiene.LOCKS)} files, every line a pin with hashes, no address"


def tracked_files() -> str:
    files = hygiene.tracked_files()
    if files is None:
        raise Skipped("not a git checkout")
    if faults := hygiene.file_faults(files):
        raise Failed("\n".join(faults))
    return f"{len(files)} files, no path of anybody's machine, no foreign lock file"


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("引用规则 · import law", import_law),
    ("迁移 · migrations", migrations),
    ("生成的文档 · generated docs", generated_docs),
    ("接口快照 · OpenAPI snapshot", openapi),
    ("依赖漏洞 · vulnerabilities", vulnerabilities),
    ("许可证 · licences", licence_terms),
    ("锁文件 · lock files", lock_files),
    ("仓库文件 · tracked files", tracked_files),
)


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    failed = 0
    for title, check in CHECKS:
        console.print(f"[bold]{title}[/bold]")
        begun = time.monotonic()
        try:
            said, mark = check(), "[green]通过 ok[/green]"
        except Skipped as reason:
            said, mark = str(reason), "[yellow]跳过 skipped[/yellow]"
        except Failed as found:
            said, mark = str(found), "[red]未通过 FAILED[/red]"
            failed += 1
        console.print(f"  {mark} {time.monotonic() - begun:.1f} s ", end="")
        console.print(said.replace("\n", "\n    "), markup=False)
    console.print(f"[bold]{len(CHECKS) - failed}/{len(CHECKS)}[/bold]")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
