"""`linli wechat-simulator`: the platform's stand-in as a process."""

import typer

from api.account import wechat_config
from api.kit import clock, lifeline
from api.settings import Settings
from api.wechat.simulator.server import serve_simulator

commands = typer.Typer()


@commands.command(name="wechat-simulator")
def wechat_simulator(
    host: str = typer.Option("127.0.0.1", help="监听地址"),
    port: int = typer.Option(8001, help="监听端口"),
) -> None:
    """启动微信平台模拟器（仅供开发与演示）。"""
    lifeline.tie()
    settings = Settings()
    if settings.clock_file is not None:
        clock.follow(settings.clock_file)  # its watermarks are of the demo's afternoon, too
    serve_simulator(host, port, wechat_config(settings))
