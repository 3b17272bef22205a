"""`linli api`: one API process."""

from argparse import ArgumentParser
from collections.abc import Sequence

import uvicorn

from api.commands.alone import begin
from api.main import create_app

TELLS = "只启动一个 API 进程（须设置 DATABASE_URL 与 REDIS_URL）；收到 SIGTERM 后处理完手中的请求再退出。"
DRAIN_S = 20


def main(arguments: Sequence[str]) -> None:
    """Serve until told to stop."""
    wanted = ArgumentParser("linli api", description=TELLS, allow_abbrev=False)
    wanted.add_argument("--host", help="监听地址")
    wanted.add_argument("--port", type=int, help="监听端口")
    asked = wanted.parse_args(arguments)
    settings = begin()
    uvicorn.run(
        create_app(settings),
        host=asked.host or settings.host,
        port=settings.port if asked.port is None else asked.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        proxy_headers=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN_S,
    )
