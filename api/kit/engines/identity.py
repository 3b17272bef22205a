"""Whose rights the engines have. PostgreSQL refuses to run as root, and initdb wants an account.

No account is made and no permission widened: root is called by another number inside a user namespace
while the kernel goes on seeing root, so root's private folders stay private.
"""

import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from api.kit.engines import launch
from api.kit.engines.faults import EngineFault
from api.kit.engines.spawn import run

NOBODY = "nobody"


@dataclass(frozen=True)
class Identity:
    """(uid, gid) pairs: whom to change to, and what that one is called inside a user namespace."""

    drop: tuple[int, int] | None = None
    inside: tuple[int, int] | None = None

    def own(self, *paths: Path) -> None:
        """Give what we made ourselves to the one who must use it. Links are not followed."""
        if self.drop:
            for path in paths:
                os.chown(path, *self.drop, follow_symlinks=False)

    def own_all(self, folder: Path) -> None:
        """Give a whole folder of ours, e.g. one that an earlier run made under another identity."""
        if not self.drop or folder.lstat().st_uid == self.drop[0]:
            return
        for root, folders, files in os.walk(folder, topdown=False):
            self.own(*(Path(root, name) for name in (*folders, *files)))
        self.own(folder)  # last, so that an interrupted hand-over is begun again


def choose(program: Path, folder: Path) -> Identity:
    """The first identity under which `program` runs and that suits the owner of `folder`."""
    refusals: list[str] = []
    for identity in _candidates(folder):
        try:
            done = run([str(program), "--version"], drop=identity.drop, inside=identity.inside, timeout=20)
        except subprocess.TimeoutExpired:
            refusals.append(f"{program} --version 没有回应")
            continue
        if done.returncode == 0:
            return identity
        refusals.append(_reason(done))
    raise EngineFault(
        f"找不到能运行 {program.name} 的身份（{'；'.join(refusals)}）。",
        "请改用普通用户运行；若必须用 root，请允许创建用户命名空间，"
        "或把程序和虚拟环境放在所有用户可读的目录（不要放在 /root 下）。",
    )


def _candidates(folder: Path) -> Iterator[Identity]:
    if os.geteuid() != 0:
        if not has_own_account():
            yield Identity(inside=_some_account())
        yield Identity()
        return
    made = folder.stat() if folder.exists() else None
    if made is not None and made.st_uid != 0:  # somebody's folder stays theirs, also when root starts us
        owner = (made.st_uid, made.st_gid)
        if not _has_account(made.st_uid):
            yield Identity(drop=owner, inside=_some_account())
        yield Identity(drop=owner)
        return
    yield Identity(inside=_some_account() or (65534, 65534))
    if nobody := _account(NOBODY):
        yield Identity(drop=nobody)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    said = done.stdout.strip().splitlines()[-1:] or [""]
    kinds = {
        launch.NAMESPACE_REFUSED: "系统不允许创建用户命名空间",
        launch.IDENTITY_REFUSED: "系统不允许切换用户",
        launch.NOT_EXECUTABLE: "程序对该用户不可读或不可执行",
    }
    return f"{kinds.get(done.returncode, f'退出码 {done.returncode}')}：{said[0]}"


def has_own_account() -> bool:
    """Whether the user we run as is known to the system: initdb refuses one who is not."""
    return _has_account(os.geteuid())


def _has_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _account(name: str) -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


def _some_account() -> tuple[int, int] | None:
    """Any account but root's, nobody's by preference: inside the namespace the number means nothing."""
    others = ((entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall() if entry.pw_uid != 0)
    return _account(NOBODY) or next(others, None)
