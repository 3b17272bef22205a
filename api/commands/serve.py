"""`linli serve`, `migrate`: the running program."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from api import migrations
from api.commands.base import run
from api.commands.supervise import (
    Child,
    NotReady,
    Supervisor,
    address,
    ended_by_signals,
    require_free,
    wait_until_ready,
)
from api.kit import logging
from api.kit.engines import EmbeddedEngines, is_running
from api.settings import Settings

commands = typer.Typer()
console = Console(stderr=True)


@contextmanager
def engines_for(
    settings: Settings, *, redis: bool = True, small: bool = False
) -> Iterator[tuple[Settings, EmbeddedEngines | None]]:
    """The settings with both addresses filled in, embedded engines running for those that were absent.

    Without `redis` only the database's address is looked after.
    """
    wants_postgres, wants_redis = settings.database_url is None, redis and settings.redis_url is None
    if not wants_postgres and not wants_redis:
        yield settings, None
        return
    with EmbeddedEngines(
        settings.data_dir, postgres=wants_postgres, redis=wants_redis, small=small
    ) as engines:
        found = engines.addresses
        yield (
            settings.model_copy(
                update={
                    "database_url": settings.database_url or found.database_url,
                    "redis_url": settings.redis_url or found.redis_url,
                    "owner_url": found.owner_url if wants_postgres else settings.owner_url,
                }
            ),
            engines,
        )


def environment_of(settings: Settings) -> dict[str, str]:
    """What a child must be told beyond the environment it inherits."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    metrics = settings.metrics_dir or settings.data_dir / "metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    for stale in metrics.glob("*.db"):
        stale.unlink()
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "LINLI_OWNER_URL": "",  # no business of theirs
        "PROMETHEUS_MULTIPROC_DIR": str(metrics.resolve()),
    }


def upgrade(url: str, owner: str | None, revision: str = "head") -> None:
    """Migrate, as the owner where there is one; what went wrong is said in a sentence, and the status is 1."""
    run(asyncio.to_thread(migrations.upgrade, url, revision, owner=owner or None))


@commands.command()
def serve(
    host: str | None = typer.Option(None, help="监听地址"),
    port: int | None = typer.Option(None, help="监听端口"),
) -> None:
    """启动 API 与后台进程；未设置 DATABASE_URL / REDIS_URL 时使用内置引擎。Ctrl-C 停止。"""
    settings = Settings()
    host = host or settings.host
    port = require_free(host, settings.port if port is None else port)
    logging.configure()
    with ended_by_signals(), engines_for(settings) as (ready, engines):
        assert ready.database_url is not None
        upgrade(ready.database_url, ready.owner_url)
        environment = environment_of(ready)
        supervisor = Supervisor(
            [
                Child("api", ("api", "--host", host, "--port", str(port)), environment),
                Child("worker", ("worker",), environment),
            ],
            engines,
        )
        try:
            supervisor.start()
            try:
                wait_until_ready(address(host, port), supervisor)
            except NotReady as fault:
                console.print(f"[yellow]{fault}[/yellow]", highlight=False)
            else:
                at = f"{address(host, port)}/console"
                console.print(f"邻里已启动：[bold]{at}[/bold]", highlight=False, soft_wrap=True)
            supervisor.watch()
        finally:
            supervisor.stop()


@commands.command()
def migrate(revision: str = typer.Argument("head", help="目标版本")) -> None:
    """把数据库升级到本程序的版本。"""
    settings = Settings()
    running = is_running(settings.data_dir) if settings.database_url is None else None
    if running is not None and running.database_url:
        upgrade(running.database_url, running.owner_url, revision)
    else:
        with engines_for(settings, redis=False) as (ready, _):
            assert ready.database_url is not None
            upgrade(ready.database_url, ready.owner_url, revision)
    console.print(f"数据库已是版本 {migrations.head() if revision == 'head' else revision}")
