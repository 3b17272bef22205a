"""`linli doctor`: says what is wrong with a deployment, and how to mend it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import typer
from redis.exceptions import RedisError, ResponseError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from api import revisions
from api.commands.faults import SETTING_ERRORS, setting_faults
from api.kit import cache, clock, ownership
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
LEAST_POSTGRES = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; a fault names its cure. What is sound and could be better names it, too."""

    what: str
    ok: bool
    detail: str
    cure: str = ""


_RESULTS = {
    (True, False): "正常",
    (True, True): "[yellow]可改进[/yellow]",
    (False, True): "[red]有问题[/red]",
    (False, False): "[red]有问题[/red]",
}


@commands.command()
def doctor() -> None:
    """检查部署：每个问题都说明怎样修复。有问题时退出码为 1。"""
    found = asyncio.run(examine())
    table = Table(title="邻里 · 体检")
    for head in ("项目", "结果", "说明", "怎样修复"):
        table.add_column(head)
    for finding in found:
        table.add_row(
            finding.what,
            _RESULTS[finding.ok, bool(finding.cure)],
            escape(finding.detail),
            escape(finding.cure),
        )
    console.print(table)
    raise typer.Exit(0 if all(f.ok for f in found) else 1)


async def examine() -> list[Finding]:
    """Everything that can be looked at from here, in the order in which things depend on each other."""
    try:
        settings = Settings()
    except SETTING_ERRORS as error:
        return [
            Finding("设置", False, "；".join(setting_faults(error)), "更正环境变量（见 deploy/env.example）")
        ]
    if settings.clock_file is not None:
        clock.follow(settings.clock_file)
    found = [Finding("设置", True, f"{settings.mode.value} 模式")]
    if settings.database_url is None or settings.redis_url is None:
        found.append(_disk(settings))
    database_url, redis_url = settings.database_url, settings.redis_url
    if database_url is None or redis_url is None:
        try:
            running = is_running(settings.data_dir)
        except EngineFault as fault:
            return [
                *found,
                Finding("内置引擎", False, fault.what, f"用启动它的用户运行 linli doctor；{fault.cure}"),
            ]
        postgres = running.database_url if running else ""
        valkey = running.redis_url if running else ""
        found += [
            Finding(
                f"内置 {name}", bool(at), "正在运行" if at else "没有运行", "" if at else "运行 linli serve"
            )
            for name, given, at in (("PostgreSQL", database_url, postgres), ("Valkey", redis_url, valkey))
            if given is None
        ]
        database_url, redis_url = database_url or postgres, redis_url or valkey
    if redis_url:
        found.append(await _redis(redis_url))
    if database_url:
        found += [f async for f in _database(database_url)]
    return found


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding(
        "磁盘",
        free > LEAST_DISK,
        f"剩余 {free >> 20} MB",
        "" if free > LEAST_DISK else f"清理或扩充 {folder} 所在的磁盘",
    )


async def _redis(url: str) -> Finding:
    try:
        client = cache.connect(url)
    except ValueError as error:
        return Finding("Redis", False, f"地址有误：{error}", "更正 REDIS_URL（redis://… 或 unix://…）")
    try:
        await client.ping()
        policy = await _policy(client)
    except (RedisError, OSError) as error:
        return Finding(
            "Redis",
            False,
            f"没有应答（{type(error).__name__}）",
            "启动 Redis/Valkey，核对 REDIS_URL；其间无人能登录，数据不会丢失",
        )
    finally:
        await client.aclose()
    if policy not in ("noeviction", None):
        return Finding(
            "Redis", False, f"maxmemory-policy 为 {policy}", "设为 noeviction，否则内存不足时会话会被清掉"
        )
    return Finding("Redis", True, "应答正常" if policy else "应答正常；不许查看 maxmemory-policy，请自行核对")


async def _policy(client: cache.Redis) -> str | None:
    """What Redis does when its memory is full; None where we may not ask, as on many hosted ones."""
    try:
        return str((await client.config_get("maxmemory-policy"))["maxmemory-policy"])
    except (ResponseError, KeyError):
        return None


async def _database(url: str) -> AsyncIterator[Finding]:
    cure = "启动 PostgreSQL，核对 DATABASE_URL 的地址、用户和口令"
    try:
        connection = await asyncpg.connect(url, timeout=3)
    except (ValueError, asyncpg.InterfaceError) as error:
        yield Finding("PostgreSQL", False, f"地址有误：{error}", "更正 DATABASE_URL（postgresql://…）")
        return
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        yield Finding("PostgreSQL", False, f"连不上（{type(error).__name__}）", cure)
        return
    try:
        version = (
            int(await connection.fetchval("select current_setting('server_version_num')::int")) // 10_000
        )
        exists = await connection.fetchval("select to_regclass('alembic_version')")
        at = await connection.fetchval("select version_num from alembic_version") if exists else None
        standing = await ownership.look(connection)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        yield Finding("PostgreSQL", False, f"查询失败（{type(error).__name__}）", cure)
        return
    finally:
        await connection.close()
    new_enough = version >= LEAST_POSTGRES
    yield Finding(
        "PostgreSQL",
        new_enough,
        f"版本 {version}",
        "" if new_enough else f"升级到 {LEAST_POSTGRES} 或更高版本",
    )
    *older, head = revisions.known()
    behind = at is None or at in older
    newer = "" if behind or at == head else "（比本程序新，请把本机的程序也升级）"
    yield Finding(
        "数据库迁移",
        not behind,
        f"{at or '空库'}，本程序为 {head}{newer}",
        "运行 linli migrate" if behind else "",
    )
    if at is not None:
        yield _standing(standing)
    if not behind and not standing.closed:
        try:
            async for finding in _work(url):
                yield finding
        except (OSError, DBAPIError, TimeoutError) as error:
            yield Finding("PostgreSQL", False, f"查询失败（{type(error).__name__}）", cure)


def _standing(standing: ownership.Standing) -> Finding:
    """Whether the program's role could take down what guards the history."""
    what, mend = "数据库账号", "设置 LINLI_OWNER_URL 后运行 linli migrate"
    if standing.superuser:
        return Finding(
            what, False, "程序用的是超级用户，任何保护都拦不住它", "改用普通账号连接（docs/operations.md）"
        )
    if standing.owns:
        return Finding(
            what,
            True,
            "只有一个账号：程序自己就是表的所有者，能改表结构，也能停用留痕表的触发器；留痕只由触发器保护",
            "另建所有者账号，由它迁移，程序的账号不拥有任何表（docs/operations.md）",
        )
    if standing.closed:
        return Finding(what, False, f"程序的账号用不了这些表：{'、'.join(standing.closed)}", mend)
    if standing.rewritable:
        return Finding(what, False, f"程序的账号能改动留痕表：{'、'.join(standing.rewritable)}", mend)
    return Finding(what, True, "程序的账号不能改表，留痕表只能追加")


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
