"""`linli worker`: one background process."""

import asyncio

import typer

from api import worker
from api.commands.alone import begin

app = typer.Typer()


@app.callback()
def _alone() -> None:
    """邻里的后台进程。"""


@app.command(name="worker")
def run_worker() -> None:
    """只启动一个后台进程：事件的后续、到期的期限、定时任务、订阅消息。"""
    asyncio.run(worker.run(begin()))
