"""The data folder: postgres/ valkey/ run/ logs/ and a password file. Delete it and everything is gone.

What we make is for its owner alone (0700, 0600); what is there already keeps its permissions.
"""

import hashlib
import json
import os
import secrets
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from api.kit.engines.faults import EngineFault
from api.kit.engines.identity import Identity

NAME = "linli"
"""The database and the role the program runs as, which owns nothing."""
OWNER = "linli_owner"
"""The role that owns the database and its schema: migrations run as it."""
ADMIN = "postgres"
PORT = 5432
"""Only part of the socket's name: nothing listens on TCP."""
SOCKET_PATH_LIMIT = 103
"""Bytes of a unix socket's path: 103 on macOS, 107 on Linux."""


@dataclass(frozen=True)
class Addresses:
    """Where the engines answer; empty for one that is not embedded. Holds passwords, so it does not print."""

    database_url: str = field(default="", repr=False)
    """postgresql://linli:…@/linli?host=<folder>&port=5432, for asyncpg and (another scheme) SQLAlchemy."""
    redis_url: str = field(default="", repr=False)
    """unix://:…@<socket>, for redis-py."""
    owner_url: str = field(default="", repr=False)
    """The same database as its owner: for migrations."""
    admin_url: str = field(default="", repr=False)
    """The superuser's, on the database `postgres`: for making and dropping databases and roles."""


@dataclass(frozen=True)
class Passwords:
    admin: str = field(repr=False)
    application: str = field(repr=False)
    valkey: str = field(repr=False)
    owner: str = field(default="", repr=False)
    """Empty in a folder made before the schema had an owner of its own."""


@dataclass(frozen=True)
class Layout:
    """Every path, from the data folder alone: the same in each process that asks."""

    data: Path

    @classmethod
    def of(cls, data_dir: Path) -> "Layout":
        return cls(data_dir.expanduser().resolve())

    @property
    def cluster(self) -> Path:
        return self.data / "postgres"

    @property
    def valkey(self) -> Path:
        return self.data / "valkey"

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def passwords(self) -> Path:
        return self.data / "passwords.json"

    @property
    def sockets(self) -> Path:
        """run/, or a folder of our own under the system's temporary one where that path cannot be used."""
        name = f".s.PGSQL.{PORT}"
        path = str(self.run)
        # asyncpg and PostgreSQL read a comma as the end of a path; what cannot be printed cannot be quoted.
        if len(os.fsencode(self.run / name)) <= SOCKET_PATH_LIMIT and path.isprintable() and "," not in path:
            return self.run
        temporary = Path("/tmp")  # noqa: S108  (TMPDIR may differ from shell to shell)
        if not os.access(temporary, os.W_OK | os.X_OK):
            temporary = Path(tempfile.gettempdir())
        return temporary / f"{NAME}-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:24]}"

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / f".s.PGSQL.{PORT}"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def addresses(self, passwords: Passwords, *, postgres: bool, redis: bool) -> Addresses:
        where = urlencode({"host": str(self.sockets), "port": PORT}, quote_via=quote)
        return Addresses(
            database_url=f"postgresql://{NAME}:{passwords.application}@/{NAME}?{where}" if postgres else "",
            redis_url=f"unix://:{passwords.valkey}@{quote(str(self.valkey_socket))}" if redis else "",
            owner_url=f"postgresql://{OWNER}:{passwords.owner}@/{NAME}?{where}"
            if postgres and passwords.owner
            else "",
            admin_url=f"postgresql://{ADMIN}:{passwords.admin}@/postgres?{where}" if postgres else "",
        )

    def make_folders(self, identity: Identity) -> None:
        """The data folder, logs/, run/ and the sockets' folder. EngineFault where one is not safely ours."""
        if make_folder(self.data):
            identity.own(self.data)
        for folder in dict.fromkeys((self.logs, self.run, self.sockets)):
            made = make_folder(folder)
            info = folder.lstat()
            # Under /tmp anybody may have been here first, with a link or an open folder.
            if info.st_uid not in (os.geteuid(), *(identity.drop or ())[:1]) or info.st_mode & 0o077:
                raise EngineFault(
                    f"目录 {folder} 不属于当前用户，或对其他用户开放，不能放心使用。",
                    "请确认它不是别人建立的，删除它后再启动。",
                )
            if made or info.st_uid == os.geteuid():
                identity.own(folder)


def make_folder(folder: Path) -> bool:
    """Make a private folder; False when it is there already. A link or a file in its place is a fault."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise EngineFault(f"{folder} 不是目录。", "请移走它后再启动。") from None
        return False
    except OSError as error:
        raise EngineFault(f"不能建立目录 {folder}：{error.strerror}。", "请换一个可写的数据目录。") from error
    return True


def open_private(path: Path, flags: int, identity: Identity) -> int:
    """A descriptor of one of our own files, made 0600 where absent; never through a link."""
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EngineFault(
            f"不能打开 {path}：{error.strerror}。", "请用数据目录所属的用户运行，或换一个数据目录。"
        ) from error
    if identity.drop:
        os.fchown(descriptor, *identity.drop)
    return descriptor


def read_passwords(layout: Layout) -> Passwords | None:
    """The stored passwords, None before the first start."""
    try:
        return Passwords(**json.loads(layout.passwords.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise EngineFault(
            f"密码文件 {layout.passwords} 无法读取（{error}）。",
            "请用数据目录所属的用户运行，或从备份恢复该文件；若数据可以不要，请删除整个数据目录。",
        ) from error


def keep_passwords(layout: Layout, identity: Identity) -> Passwords:
    """The stored passwords, or new ones stored first."""
    passwords = read_passwords(layout)
    if passwords is not None:
        return passwords
    if layout.cluster.exists():
        raise EngineFault(
            f"数据库还在，密码文件 {layout.passwords} 却不见了。",
            "请从备份恢复该文件；若数据可以不要，请删除整个数据目录。",
        )
    passwords = Passwords(*(new_password() for _ in range(4)))
    store_passwords(layout, identity, passwords)
    return passwords


def new_password() -> str:
    return secrets.token_urlsafe(24)


def store_passwords(layout: Layout, identity: Identity, passwords: Passwords) -> None:
    """Write the file whole or not at all."""
    draft = layout.passwords.with_suffix(".new")
    with os.fdopen(open_private(draft, os.O_WRONLY | os.O_TRUNC, identity), "w") as file:
        json.dump(asdict(passwords), file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(layout.passwords)
