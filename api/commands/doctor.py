"""`linli doctor`: says what is wrong with a deployment, and how to mend it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import typer
from pydantic import ValidationError
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from api import migrations
from api.kit import cache, clock
from api.kit.db import Database
from api.kit.engines import EngineFault, is_running
from api.kit.queue import state
from api.rules.calendar import provisional_warning
from api.services import calendars, jobs
from api.settings import Settings

commands = typer.Typer()
console = Console()
STALE_S = 60.0
LEAST_DISK = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; a fault names its cure."""

    what: str
    ok: bool
    detail: str
    cure: str = ""


@commands.command()
def doctor() -> None:
    """检查部署：每个问题都说明怎样修复。有问题时退出码为 1。"""
    found = asyncio.run(examine())
    table = Table(title="邻里 · 体检")
    for head in ("项目", "结果", "说明", "怎样修复"):
        table.add_column(head)
    for finding in found:
        table.add_row(
            finding.what, "正常" if finding.ok else "[red]有问题[/red]", finding.detail, finding.cure
        )
    console.print(table)
    raise typer.Exit(0 if all(f.ok for f in found) else 1)


async def examine() -> list[Finding]:
    """Everything that can be looked at from here, in the order in which things depend on each other."""
    try:
        settings = Settings()
    except ValidationError as error:
        faults = "；".join(str(e["msg"]).removeprefix("Value error, ") for e in error.errors())
        return [Finding("设置", False, faults, "更正环境变量（见 deploy/env.example）")]
    found = [Finding("设置", True, f"{settings.mode.value} 模式"), _disk(settings)]
    database_url, redis_url = settings.database_url, settings.redis_url
    if database_url is None or redis_url is None:
        try:
            addresses = is_running(settings.data_dir)
        except EngineFault as fault:
            return [*found, Finding("内置引擎", False, str(fault), "用启动它的用户运行 linli doctor")]
        found.append(
            Finding(
                "内置引擎",
                addresses is not None,
                "正在运行" if addresses else "没有运行",
                "" if addresses else "运行 linli serve",
            )
        )
        if addresses is None:
            return found
        database_url, redis_url = database_url or addresses.database_url, redis_url or addresses.redis_url
    found.append(await _redis(redis_url))
    found += [f async for f in _database(database_url)]
    return found


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.absolute().parent
    free = shutil.disk_usage(folder).free
    return Finding(
        "磁盘",
        free > LEAST_DISK,
        f"剩余 {free >> 20} MB",
        "" if free > LEAST_DISK else "清理或扩充数据目录所在的磁盘",
    )


async def _redis(url: str) -> Finding:
    client = cache.connect(url)
    try:
        await client.ping()
        policy = (await client.config_get("maxmemory-policy")).get("maxmemory-policy", "noeviction")
    except (RedisError, OSError) as error:
        return Finding(
            "Redis",
            False,
            type(error).__name__,
            "启动 Redis/Valkey，核对 REDIS_URL；其间无人能登录，数据不会丢失",
        )
    finally:
        await client.aclose()
    if policy != "noeviction":
        return Finding(
            "Redis", False, f"maxmemory-policy 为 {policy}", "设为 noeviction，否则内存不足时会话会被清掉"
        )
    return Finding("Redis", True, "应答正常")


async def _database(url: str) -> AsyncIterator[Finding]:
    try:
        connection = await asyncpg.connect(url, timeout=3)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        yield Finding(
            "PostgreSQL", False, type(error).__name__, "启动 PostgreSQL，核对 DATABASE_URL 的地址、用户和口令"
        )
        return
    try:
        version = (
            int(await connection.fetchval("select current_setting('server_version_num')::int")) // 10_000
        )
        yield Finding(
            "PostgreSQL", version >= 15, f"版本 {version}", "" if version >= 15 else "升级到 15 或更高版本"
        )
        exists = await connection.fetchval("select to_regclass('alembic_version')")
        at = await connection.fetchval("select version_num from alembic_version") if exists else None
    finally:
        await connection.close()
    head = migrations.head()
    yield Finding(
        "数据库迁移", at == head, f"{at or '空库'}，应为 {head}", "" if at == head else "运行 linli migrate"
    )
    if at == head:
        async for finding in _work(url):
            yield finding


async def _work(url: str) -> AsyncIterator[Finding]:
    db = Database(url, pool_size=1)
    try:
        async with db.reading() as tx:
            queue = await state(tx)
            beat = await jobs.last_beat(tx)
            warning = provisional_warning(await calendars.current(tx), clock.local(clock.now()).date())
    finally:
        await db.close()
    alive = beat is not None and beat.total_seconds() < STALE_S
    yield Finding(
        "后台进程",
        alive,
        f"最近一次心跳在 {beat.total_seconds():.0f} 秒前" if beat is not None else "从未运行",
        "" if alive else "启动 linli worker",
    )
    late = queue.oldest is not None and queue.oldest.total_seconds() > STALE_S
    yield Finding(
        "待办投递",
        not late,
        f"等待 {queue.waiting} 条",
        "" if not late else "查看后台进程的日志，必要时增加一个 linli worker",
    )
    yield Finding(
        "失败的投递",
        queue.dead == 0,
        f"{queue.dead} 条",
        "" if queue.dead == 0 else "在控制台“队列”中查看原因并重投",
    )
    yield Finding(
        "工作日历",
        warning is None,
        warning or "足够",
        "" if warning is None else "在控制台导入下一年的放假安排",
    )
