"""What may not be in the repository: loose lock files, a registry's address, a path of somebody's machine."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
FORBIDDEN_FILES = frozenset({"uv.lock"})

_PIN = re.compile(
    r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,._-]+\])?==[^\s;]+( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+"
)
_SOMEBODYS = re.compile(r"(?<![\w.$}~-])(/(?:home/[a-z]\w*/|Users/\w+/|root/\w)|[A-Z]:\\Users\\)")
_SHARED_BY_ALL = {"/", "/app", "/home", "/mnt", "/opt", "/root", "/srv", "/tmp", "/usr", "/usr/src", "/var"}  # noqa: S108


def lock_faults(text: str) -> list[str]:
    """Lines of a lock file that are not one exact pin with its hashes."""
    bare = "\n".join(line.partition("#")[0].rstrip() for line in text.splitlines())
    entries = [" ".join(entry.split()) for entry in bare.replace("\\\n", " ").splitlines() if entry.strip()]
    faults = [f"not a pin with hashes: {entry[:80]}" for entry in entries if not _PIN.fullmatch(entry)]
    return faults + ["an address"] * ("://" in text) + ["nothing is pinned"] * (not entries)


def machine_paths(text: str, own: Iterable[str] = ()) -> list[str]:
    """Absolute paths of a person's machine in `text`; `own` are further folders to look for."""
    found = {match[1] for match in _SOMEBODYS.finditer(text)}
    found |= {path for path in own if re.search(rf"(?<![\w.$}}~-]){re.escape(path)}(/|\b)", text)}
    return sorted(found)


def own_folders(root: Path = ROOT) -> list[str]:
    """The folder of this checkout and the one around it, unless that is a place everybody has."""
    return [str(path) for path in (root, root.parent) if str(path) not in _SHARED_BY_ALL]


def tracked_files(root: Path = ROOT) -> list[Path] | None:
    """Files git knows of or would add; None outside a git checkout."""
    if not (root / ".git").exists():
        return None
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=root,
        capture_output=True,
        check=True,
        text=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := root / name).is_file()]


def file_faults(files: Iterable[Path], root: Path = ROOT) -> list[str]:
    """Files that should not be there and files that name somebody's machine."""
    faults, own = [], own_folders(root)
    for path in files:
        name = path.relative_to(root).as_posix()
        if path.name in FORBIDDEN_FILES:
            faults.append(f"{name}: not kept here; the lock files are requirements*.lock")
        body = path.read_bytes()
        if b"\0" not in body:
            faults += [f"{name}: {path}" for path in machine_paths(body.decode("utf-8", "replace"), own)]
    return faults
