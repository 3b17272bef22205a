"""What the demo plays on: fresh engines, the WeChat simulator, API and worker, a shared clock, the seeded town."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import asyncpg
import httpx
from pydantic import SecretStr

from api import migrations
from api.account import wechat_config
from api.commands.demo import town
from api.commands.demo.seeding import Seeded, seed
from api.commands.serve import environment_of
from api.commands.supervise import (
    Child,
    Supervisor,
    address,
    require_free,
    wait_until_ready,
)
from api.kit import cache, clock
from api.kit.engines import Addresses, EmbeddedEngines
from api.kit.secrets import Vault
from api.kit.start_fault import StartFault
from api.settings import Mode, Settings
from api.wechat.simulator.platform import Platform

T = TypeVar("T")

HOST = "127.0.0.1"
APP = "wxdemo0000000000"
READY_S = 60.0
"""Seconds the simulator, and then the API, have to answer: a small busy machine is no fault."""

Tell = Callable[[str, float], None]
"""Told what was done, and in how many seconds."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running demo."""

    base: str
    """Where the API answers."""
    simulator: str
    """Where the WeChat simulator answers."""
    seeded: Seeded
    supervisor: Supervisor
    folder: Path
    """Data, logs and sockets of the demo alone."""


@contextmanager
def set_up(data_dir: Path, port: int, tell: Tell) -> Iterator[Stage]:
    """Everything running and seeded under `data_dir`/demo; all of it stopped at the end.

    What an earlier demo left is wiped, nothing else. Raises StartFault, EngineFault.
    """
    folder = (data_dir / "demo").resolve()
    with EmbeddedEngines(folder, small=True) as engines:
        watch = _Watch(tell)
        _aside(lambda: asyncio.run(_wipe(engines.addresses)))
        watch("内置 PostgreSQL 与 Valkey 已启动，演示库已清空")
        settings = _settings(folder, engines.addresses, port)
        supervisor = Supervisor(_children(folder, settings), engines)
        api, worker, simulator = supervisor.children
        try:
            api.start()
            simulator.start()
            assert settings.clock_file is not None
            clock.follow(settings.clock_file)
            clock.reset()
            _aside(lambda: _migrate(engines.addresses))
            watch(f"数据库已迁移到版本 {migrations.head()}")
            worker.start()
            seeded = _aside(lambda: asyncio.run(_seed(settings)))
            watch(f"已建立{_name(town.TOWN)}：9 个社区，{len(town.PLAYERS) + 2} 位虚构的人")
            _wait_for_simulator(settings.wechat_base, supervisor)
            wait_until_ready(settings.public_url, supervisor, READY_S)
            watch("微信模拟器、API 与后台进程已就绪")
            yield Stage(settings.public_url, settings.wechat_base, seeded, supervisor, folder)
        finally:
            supervisor.stop()


class _Watch:
    """Tells how long each part took."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._since = time.monotonic()

    def __call__(self, what: str) -> None:
        now = time.monotonic()
        self._tell(what, now - self._since)
        self._since = now


def _aside(work: Callable[[], T]) -> T:
    """Done in a thread: Ctrl-C interrupts this waiting, never an event loop in the middle of a step."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work).result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _name(code: str) -> str:
    return next(name for c, _, name in town.PLACES if c == code)


async def _wipe(addresses: Addresses) -> None:
    """The engines' lock is ours, so no other demo is using what is wiped."""
    connection = await asyncpg.connect(addresses.admin_url)
    try:
        await connection.execute("drop database if exists linli with (force)")
        await connection.execute("create database linli owner linli_owner")
    finally:
        await connection.close()
    redis = cache.connect(addresses.redis_url)
    try:
        await redis.flushall()
    finally:
        await redis.aclose()


def _migrate(addresses: Addresses) -> None:
    migrations.upgrade(addresses.database_url, owner=addresses.owner_url)


def _settings(folder: Path, addresses: Addresses, port: int) -> Settings:
    """Everything that matters is named here: what the environment says is for other deployments."""
    return Settings(
        _env_file=None,
        mode=Mode.development,
        database_url=addresses.database_url,
        redis_url=addresses.redis_url,
        data_dir=folder,
        clock_file=folder / "clock",
        metrics_dir=folder / "metrics",
        host=HOST,
        port=port,
        public_url=address(HOST, port),
        master_key=SecretStr(secrets.token_urlsafe(32)),
        wechat_base=address(HOST, require_free(HOST, 0)),
        wechat_appid=APP,
        wechat_secret=SecretStr(secrets.token_urlsafe(24)),
        wechat_push_token=SecretStr(secrets.token_urlsafe(24)),
    )


def _children(folder: Path, settings: Settings) -> list[Child]:
    logs = folder / "processes"
    logs.mkdir(mode=0o700, exist_ok=True)
    environment = {
        **environment_of(settings),
        "LINLI_MODE": settings.mode.value,
        "LINLI_DATA_DIR": str(settings.data_dir),
        "LINLI_CLOCK_FILE": str(settings.clock_file),
        "LINLI_PUBLIC_URL": settings.public_url,
        "LINLI_MASTER_KEY": settings.master_key.get_secret_value(),
        "LINLI_WECHAT_BASE": settings.wechat_base,
        "LINLI_WECHAT_APPID": settings.wechat_appid,
        "LINLI_WECHAT_SECRET": settings.wechat_secret.get_secret_value(),
        "LINLI_WECHAT_PUSH_TOKEN": settings.wechat_push_token.get_secret_value(),
        "LINLI_WECHAT_TEMPLATES": "{}",
    }
    simulator_port = settings.wechat_base.rpartition(":")[2]
    children = []
    for name, arguments in (
        ("api", ("api", "--host", HOST, "--port", str(settings.port))),
        ("worker", ("worker",)),
        ("wechat-simulator", ("wechat-simulator", "--host", HOST, "--port", simulator_port)),
    ):
        log = logs / f"{name}.log"
        log.unlink(missing_ok=True)
        children.append(Child(name, arguments, environment, log))
    return children


async def _seed(settings: Settings) -> Seeded:
    assert settings.database_url is not None
    phones = Platform(wechat_config(settings))
    return await seed(
        settings.database_url,
        Vault(settings.master_key.get_secret_value()),
        settings.wechat_appid,
        {player.login: phones.openid_of(player.login) for player in town.PLAYERS},
    )


def _wait_for_simulator(at: str, supervisor: Supervisor) -> None:
    until = time.monotonic() + READY_S
    with httpx.Client(base_url=at, timeout=2, trust_env=False) as client:
        while time.monotonic() < until:
            try:
                if client.get("/_control/calls").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if any(child.died() for child in supervisor.children):
                break
            time.sleep(0.05)
    raise StartFault(f"微信模拟器没有启动成功。日志见 {supervisor.children[-1].log_file}。")
