"""`linli worker`: one background process."""

import asyncio
from argparse import ArgumentParser
from collections.abc import Sequence

from api import worker
from api.commands.alone import begin

TELLS = "只启动一个后台进程：事件的后续、到期的期限、定时任务、订阅消息。"


def main(arguments: Sequence[str]) -> None:
    """Work until told to stop."""
    ArgumentParser("linli worker", description=TELLS, allow_abbrev=False).parse_args(arguments)
    asyncio.run(worker.run(begin()))
