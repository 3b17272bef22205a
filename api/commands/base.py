"""What commands that work on the database share: an open Database, and faults said in one sentence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DBAPIError

from api import migrations
from api.kit import clock
from api.kit.db import Database
from api.kit.engines import EmbeddedEngines, is_running
from api.kit.problems import Problem
from api.settings import Settings

T = TypeVar("T")

errors = Console(stderr=True)

_UNDEFINED_TABLE = "42P01"
_UNDEFINED_COLUMN = "42703"
_NO_RIGHT = "42501"


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """An open Database: the one of DATABASE_URL, else the running embedded one, else one started for the block.

    Embedded engines that had to be started are migrated first. Raises EngineFault when they cannot be had.
    """
    async with AsyncExitStack() as stack:
        if settings.clock_file is not None:
            clock.follow(settings.clock_file)
        url = settings.database_url
        if url is None:
            running = await asyncio.to_thread(is_running, settings.data_dir)
            url = running.database_url if running is not None else ""
        if not url:
            found = stack.enter_context(EmbeddedEngines(settings.data_dir, redis=False)).addresses
            url = found.database_url
            await asyncio.to_thread(migrations.upgrade, url, owner=found.owner_url)
        db = Database(url, pool_size=2, statement_timeout_ms=settings.statement_timeout_ms)
        await db.open()
        stack.push_async_callback(db.close)
        yield db


def run(work: Awaitable[T]) -> T:
    """Do the work of a command; what went wrong is said on stderr and the program ends with status 1."""

    async def main() -> T:
        return await work

    try:
        return asyncio.run(main())
    except Problem as problem:
        _say(problem.detail, problem.advice)
    except (DBAPIError, asyncpg.PostgresError) as error:
        state = getattr(getattr(error, "orig", error), "sqlstate", None)
        if state in (_UNDEFINED_TABLE, _UNDEFINED_COLUMN):
            _say("数据库还没有建好这一版的表。", "请先运行 linli migrate。")
        elif state == _NO_RIGHT:
            _say(
                "数据库账号没有这个权限。", "改表要由所有者来做：设置 LINLI_OWNER_URL 后运行 linli migrate。"
            )
        else:
            _say(f"数据库出错（{state or type(error).__name__}）。", "请用 linli doctor 检查。")
    except OSError as error:
        _say(f"连不上数据库：{error}。", "请检查 DATABASE_URL，或用 linli doctor 检查。")
    raise typer.Exit(1)


def _say(what: str, cure: str) -> None:
    errors.print(f"[red]{escape(what.rstrip('。'))}。[/red]{cure}", highlight=False, soft_wrap=True)
