"""`linli api`: one API process."""

import typer
import uvicorn

from api.commands.alone import begin
from api.main import create_app

app = typer.Typer()
DRAIN_S = 20


@app.callback()
def _alone() -> None:
    """邻里的 API 进程。"""


@app.command()
def api(
    host: str | None = typer.Option(None, help="监听地址"),
    port: int | None = typer.Option(None, help="监听端口"),
) -> None:
    """只启动一个 API 进程（须设置 DATABASE_URL 与 REDIS_URL）；收到 SIGTERM 后处理完手中的请求再退出。"""
    settings = begin()
    uvicorn.run(
        create_app(settings),
        host=host or settings.host,
        port=settings.port if port is None else port,
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
