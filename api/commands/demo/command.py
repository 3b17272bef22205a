"""The command itself: set up, tour, report, and an open house until Ctrl-C."""

import time
from typing import Annotated

import httpx
import typer
from rich.console import Console

from api.commands.demo import stage as stages
from api.commands.demo.guide import Guide
from api.commands.demo.open_house import keep_open
from api.commands.demo.phones import Phones
from api.commands.demo.stage import Stage
from api.commands.demo.tour import Tour
from api.commands.supervise import ended_by_signals, require_free
from api.settings import Mode, Settings

commands = typer.Typer()
console = Console()

INTERRUPTED = 130
CALL_S = 30.0


@commands.command()
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="走完就退出；每一步都做到了才返回 0")] = False,
    port: Annotated[int | None, typer.Option(help="API 的端口，0 为任选一个空闲的")] = None,
) -> None:
    """一条命令看一个社区运转：内置引擎、微信模拟器、API、后台进程，再经真实 HTTP 走一遍找书记的全过程。"""
    settings = Settings(mode=Mode.development)
    port = require_free(stages.HOST, settings.port if port is None else port)
    begun = time.monotonic()
    status = INTERRUPTED
    console.print("[bold]邻里 · 演示[/bold]")
    with ended_by_signals(), stages.set_up(settings.data_dir, port, _tell) as stage:
        try:
            checked = tour(stage)
            status = 1 if checked is None else 0
            if checked is None:
                console.print(f"各进程的日志在 {stage.folder / 'processes'}", markup=False, soft_wrap=True)
            else:
                took = time.monotonic() - begun
                said = f"全部做到：{checked} 项检查，连同启动共 {took:.1f} 秒。"
                console.print(said, style="green", highlight=False)
            if status == 0 and not leave:
                keep_open(stage, console)
        finally:
            console.print("正在停止……")
    raise typer.Exit(status)


def tour(stage: Stage) -> int | None:
    """Lead through all of it; the number of things checked, None when one was not as it should be."""
    with (
        httpx.Client(base_url=stage.base, timeout=CALL_S, trust_env=False) as api,
        httpx.Client(base_url=stage.simulator, timeout=CALL_S, trust_env=False) as simulator,
    ):
        guide = Guide(api, console)
        done = guide.conduct(Tour(guide, Phones(simulator), stage.seeded).chapters())
        guide.report()
        return guide.checks if done else None


def _tell(what: str, seconds: float) -> None:
    console.print(f"  [green]✓[/green] {what} [dim]{seconds:.1f} 秒[/dim]", highlight=False, soft_wrap=True)
