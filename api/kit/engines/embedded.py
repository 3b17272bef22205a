"""PostgreSQL and Valkey of our own, for as long as this process lives."""

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from api.kit.engines import postgres as postgres_engine
from api.kit.engines import valkey as valkey_engine
from api.kit.engines.binaries import find_postgres, find_valkey
from api.kit.engines.engine import Engine
from api.kit.engines.faults import EngineFault
from api.kit.engines.identity import choose
from api.kit.engines.layout import (
    Addresses,
    Layout,
    keep_passwords,
    new_password,
    open_private,
    read_passwords,
    store_passwords,
)
from api.kit.engines.postgres import Postgres
from api.kit.engines.valkey import Valkey

log = logging.getLogger(__name__)


class EmbeddedEngines:
    """The engines over one data folder. One owner at a time; they end with it however it ends.

    `with EmbeddedEngines(Path(".linli")) as engines: connect(engines.addresses.database_url)`.
    All methods block and may be called from any thread; every failure is an EngineFault.
    """

    def __init__(
        self, data_dir: Path, *, postgres: bool = True, redis: bool = True, small: bool = False
    ) -> None:
        """`small` takes a tenth of the memory: for tests and demonstrations."""
        self._layout = Layout.of(data_dir)
        self._wants_postgres = postgres
        self._wants_redis = redis
        self._small = small
        self._engines: dict[str, Engine] = {}
        self._addresses: Addresses | None = None
        self._lock: int | None = None
        self._owner = 0
        self._calls = threading.RLock()

    @property
    def addresses(self) -> Addresses:
        """Where to connect; the same after a restart of an engine. RuntimeError before `start()`."""
        if self._addresses is None:
            raise RuntimeError("the engines are not started")
        return self._addresses

    @property
    def postgres_pid(self) -> int | None:
        """The postmaster's process id; None where it is not embedded or not started."""
        return self._pid(Postgres.name)

    @property
    def redis_pid(self) -> int | None:
        return self._pid(Valkey.name)

    def start(self) -> Addresses:
        """Start both and wait until they answer: under 3 s the first time, under 1 s later."""
        with self._calls:
            if self._addresses is not None:
                return self._addresses
            try:
                with _told():
                    return self._start()
            except BaseException:
                self._stop()
                raise

    def stop(self) -> None:
        """PostgreSQL first, then Valkey. May be called at any time, any number of times."""
        with self._calls:
            if self._ours():
                self._stop()

    def poll(self) -> tuple[str, ...]:
        """Names ("postgres", "valkey") of engines that died. Call it each second or so: it also trims logs."""
        with self._calls:
            if not self._ours():
                return ()
            for engine in self._engines.values():
                engine.trim_log()
            return tuple(name for name, engine in self._engines.items() if engine.died())

    def restart_dead(self) -> tuple[str, ...]:
        """Start those again, at the same addresses, and wait until they answer. Returns their names.

        Each is tried, whatever happens to the other; then the first EngineFault is raised.
        """
        with self._calls:
            dead, faults = self.poll(), []
            for name in dead:
                log.warning("%s died, starting it again", name)
                try:
                    with _told():
                        self._engines[name].start()
                        self._engines[name].wait_until_ready()
                except EngineFault as fault:
                    faults.append(fault)
            if faults:
                raise faults[0]
            return dead

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ours(self) -> bool:
        """Not in a forked copy of the owner: there they seem dead, and are not to be stopped or replaced."""
        return self._owner == os.getpid()

    def _pid(self, name: str) -> int | None:
        engine = self._engines.get(name)
        return engine.pid if engine else None

    def _start(self) -> Addresses:
        layout, self._owner = self._layout, os.getpid()
        if layout.data.exists() and not os.access(layout.data, os.R_OK | os.W_OK | os.X_OK):
            raise EngineFault(
                f"数据目录 {layout.data} 属于 uid {layout.data.stat().st_uid}，当前用户（uid {os.geteuid()}）不能使用。",
                "请用它所属的用户运行，或换一个数据目录。",
            )
        binaries = find_postgres(postgres_engine.cluster_version(layout)) if self._wants_postgres else None
        valkey = find_valkey() if self._wants_redis else None
        program = binaries.postgres if binaries else valkey
        if program is None:
            raise ValueError("neither engine is wanted")
        kept = next((folder for folder in (layout.cluster, layout.valkey) if folder.exists()), layout.data)
        identity = choose(program, kept)
        layout.make_folders(identity)
        self._lock = self._take_lock(open_private(layout.run / "owner.lock", os.O_RDWR, identity))
        passwords = keep_passwords(layout, identity)
        ownerless = binaries is not None and not passwords.owner
        if ownerless:
            passwords = replace(passwords, owner=new_password())
        engines: list[Engine] = []
        if binaries:
            engines.append(
                Postgres(layout, identity, binaries, passwords, small=self._small, ownerless=ownerless)
            )
        if valkey:
            engines.append(Valkey(layout, identity, valkey, passwords, small=self._small))
        for engine in engines:
            self._engines[engine.name] = engine
            engine.start()
        if ownerless:  # only now: an interrupted start begins this again
            store_passwords(layout, identity, passwords)
        for engine in engines:
            engine.wait_until_ready()
        self._addresses = layout.addresses(passwords, postgres=bool(binaries), redis=bool(valkey))
        return self._addresses

    def _take_lock(self, lock: int) -> int:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 20).decode(errors="replace").strip()
            os.close(lock)
            raise EngineFault(
                f"数据目录 {self._layout.data} 正由另一个运行中的程序使用（进程 {owner or '未知'}）。",
                "请先停止它，或换一个数据目录。",
            ) from None
        except OSError:  # e.g. a network file system without locks
            os.close(lock)
            raise
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())  # for the message above, never for a decision
        return lock

    def _stop(self) -> None:
        try:
            with contextlib.ExitStack() as stack:  # each is stopped whatever happens to the one before
                for engine in reversed(self._engines.values()):
                    stack.callback(engine.stop)
        finally:
            self._engines.clear()
            self._addresses = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None
                if self._layout.sockets != self._layout.run:
                    with contextlib.suppress(OSError):
                        self._layout.sockets.rmdir()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the system refuses (a full disk, a missing right) is a fault that a person can read, too."""
    try:
        yield
    except OSError as error:
        raise EngineFault(f"内置数据库没有启动成功：{error}。", "请按提示处理后再启动。") from error


def is_running(data_dir: Path) -> Addresses | None:
    """The addresses of the engines over `data_dir` that answer (empty for one that does not), or None.

    EngineFault where the password file is there but is not ours to read.
    """
    layout = Layout.of(data_dir)
    passwords = read_passwords(layout)
    if passwords is None:
        return None
    postgres, redis = postgres_engine.answers(layout), valkey_engine.answers(layout, passwords)
    return layout.addresses(passwords, postgres=postgres, redis=redis) if postgres or redis else None
