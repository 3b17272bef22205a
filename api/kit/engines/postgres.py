"""PostgreSQL: a cluster made complete before it is first seen, private sockets only, SCRAM always."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

from api.kit.engines import launch
from api.kit.engines.binaries import PostgresBinaries
from api.kit.engines.engine import TAIL_LINES, Engine
from api.kit.engines.faults import EngineFault
from api.kit.engines.identity import Identity, has_own_account
from api.kit.engines.layout import ADMIN, NAME, OWNER, PORT, Layout, Passwords, open_private
from api.kit.engines.spawn import run

BUILTIN_LOCALES_SINCE = 17
INITDB_TIMEOUT = 120.0
PROTOCOL_3 = 196_608
_ENTRY = (
    f"REVOKE ALL ON DATABASE {NAME} FROM PUBLIC;",
    f"GRANT CONNECT, TEMPORARY ON DATABASE {NAME} TO {NAME};",
)


class Postgres(Engine):
    name = "postgres"
    title = "PostgreSQL"
    # Immediate shutdown: always over within seconds, and the log it leaves behind is replayed.
    death_signal = signal.SIGQUIT
    farewell = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 6.0))

    def __init__(
        self,
        layout: Layout,
        identity: Identity,
        binaries: PostgresBinaries,
        passwords: Passwords,
        *,
        small: bool,
        ownerless: bool = False,
    ) -> None:
        """`ownerless`: the cluster was made when the program's role owned everything; that is mended first."""
        super().__init__(layout, identity)
        self._binaries = binaries
        self._passwords = passwords
        self._small = small
        self._ownerless = ownerless

    @property
    def home(self) -> Path:
        return self.layout.cluster

    def prepare(self, lock: int) -> None:
        if cluster_version(self.layout) is None:
            self._create(lock)
        made_by = cluster_version(self.layout)
        if made_by != self._binaries.version:
            raise EngineFault(
                f"{self.home} 由 PostgreSQL {made_by} 建立，找到的程序却是 {self._binaries.version}。",
                f"请装回 PostgreSQL {made_by}；若要升级，请先用旧版本 pg_dump 导出，换新数据目录后再导入。",
            )
        self.identity.own_all(self.home)
        self._remove_stale_pid_files()
        if self._ownerless:
            self._single(
                self.home, NAME, (*self._make_owner(), f"REASSIGN OWNED BY {NAME} TO {OWNER};", *_ENTRY), lock
            )
            self._ownerless = False

    def command(self) -> list[str]:
        settings = {
            "unix_socket_directories": '"' + str(self.layout.sockets).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "listen_addresses": "",
            "port": PORT,
            "max_connections": 200,
            "shared_buffers": "32MB" if self._small else "256MB",
            "max_wal_size": "256MB" if self._small else "1GB",
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "jit": "off",  # compiling costs more than any of our statements takes
            "random_page_cost": "1.1",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_destination": "stderr",
            "log_line_prefix": "%m [%p] ",
            # Statements and details quote values, and values are people's: neither goes into the log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        # On the command line they win over postgresql.conf and ALTER SYSTEM.
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._binaries.postgres), "-D", str(self.home), *options]

    def answers(self) -> bool:
        return answers(self.layout)

    def cure(self) -> str:
        return f"请查看 {self.log_file}；磁盘已满、内存不足是最常见的原因，处理后再启动。"

    def _create(self, lock: int) -> None:
        """Make the cluster beside its place and move it there whole: an interrupted first start leaves none."""
        if self.home.exists() and any(self.home.iterdir()):
            raise EngineFault(
                f"{self.home} 里有别的内容，却不是 PostgreSQL 的数据。", "请移走它，或换一个数据目录。"
            )
        draft = self.layout.run / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self.identity.own(draft)
        secret = self.layout.run / "postgres.password"
        try:
            descriptor = open_private(secret, os.O_WRONLY | os.O_TRUNC, self.identity)
            with os.fdopen(descriptor, "w") as file:
                file.write(self._passwords.admin)
            self._initdb(draft, secret, lock)
            self._make_database(draft, lock)
            self._tool([str(self._binaries.initdb), "--sync-only", "-D", str(draft)], draft, lock)
        finally:
            secret.unlink(missing_ok=True)
        draft.rename(self.home)
        for folder in (self.layout.run, self.layout.data):
            _sync_folder(folder)

    def _initdb(self, draft: Path, secret: Path, lock: int) -> None:
        words = [
            *(str(self._binaries.initdb), "-D", str(draft), "-U", ADMIN, f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--no-instructions"),
        ]
        if self._binaries.version >= BUILTIN_LOCALES_SINCE:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            locale = ["--locale=C.UTF-8" if _has_locale("C.UTF-8") else "--locale=C"]
        self._tool([*words, *locale], draft, lock)

    def _make_database(self, draft: Path, lock: int) -> None:
        """Neither role can make roles or read files; the program's cannot even change the tables it works on."""
        program = (
            f"CREATE ROLE {NAME} LOGIN PASSWORD '{self._passwords.application}';",
            f"CREATE DATABASE {NAME} OWNER {OWNER};",
        )
        self._single(draft, "postgres", (*self._make_owner(), *program, *_ENTRY), lock, "-c", "fsync=off")

    def _make_owner(self) -> tuple[str, ...]:
        """Also where an interrupted start has made it already."""
        missing = f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}')"
        return (
            f"DO $$ BEGIN IF {missing} THEN CREATE ROLE {OWNER}; END IF; END $$;",
            f"ALTER ROLE {OWNER} LOGIN PASSWORD '{self._passwords.owner}';",
        )

    def _single(self, home: Path, database: str, statements: tuple[str, ...], lock: int, *more: str) -> None:
        """Run statements, a line each, while nobody else can be there."""
        options = ["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", *more]
        self._tool(
            [str(self._binaries.postgres), "--single", "-D", str(home), *options, database],
            home,
            lock,
            send="\n".join((*statements, "")),
        )

    def _tool(self, argv: list[str], folder: Path, lock: int, send: str = "") -> None:
        identity = self.identity
        try:
            done = run(
                argv,
                drop=identity.drop,
                inside=identity.inside,
                folders=[folder],
                lock=lock,
                send=send,
                timeout=INITDB_TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise EngineFault(
                f"建立数据库超过 {INITDB_TIMEOUT:.0f} 秒仍未完成。", "请检查磁盘后再启动。"
            ) from error
        if done.returncode == 0:
            return
        if done.returncode == launch.FOLDER_CLOSED:
            raise self.folder_closed(done.stdout)
        tail = "\n".join(done.stdout.splitlines()[-TAIL_LINES:])
        if identity == Identity() and not has_own_account():
            raise EngineFault(
                f"当前用户（uid {os.geteuid()}）没有账户，PostgreSQL 不肯为它建立数据库。",
                "请在 /etc/passwd 里为该用户加一行（容器里可用 useradd），或设置 DATABASE_URL。",
                log=tail,
            )
        raise EngineFault(
            f"没能建立数据库：{Path(argv[0]).name} 退出码 {done.returncode}。",
            f"请确认磁盘未满，且 {folder.parent} 对运行用户可写，然后再启动。",
            log=tail,
        )

    def _remove_stale_pid_files(self) -> None:
        """The lock says that they are stale; PostgreSQL would believe them where the pid is in use again."""
        files = [self.home / "postmaster.pid", self.layout.postgres_socket.with_name(f".s.PGSQL.{PORT}.lock")]
        left = [file for file in files if file.exists()]
        if left and (strangers := self.inhabitants()):
            pids = "、".join(str(process.pid) for process in strangers)
            raise EngineFault(
                f"另有程序直接打开了数据库目录 {self.home}（进程 {pids}）。", "请先停止它，再启动。"
            )
        for file in left:
            file.unlink(missing_ok=True)


def cluster_version(layout: Layout) -> int | None:
    """The major version that made the cluster, None where there is none yet."""
    try:
        return int((layout.cluster / "PG_VERSION").read_text())
    except (FileNotFoundError, ValueError):
        return None


def answers(layout: Layout) -> bool:
    """Whether PostgreSQL would let us log in: it asks for a password, rather than "starting up" or nothing."""
    words = f"user\0{NAME}\0database\0{NAME}\0\0".encode()
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(layout.postgres_socket))
            connection.sendall(struct.pack("!II", len(words) + 8, PROTOCOL_3) + words)
            return connection.recv(1024)[:1] == b"R"
    except OSError:
        return False


def _has_locale(name: str) -> bool:
    """Asked in a process of its own: setlocale changes the whole process."""
    ask = f"import locale; locale.setlocale(locale.LC_ALL, {name!r})"
    return subprocess.run([sys.executable, "-I", "-c", ask], capture_output=True, check=False).returncode == 0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
