"""`linli wechat refresh-token`: a new access_token by force, for when the platform goes on handing out a dead one."""

import asyncio
from typing import NoReturn

import typer
from redis.exceptions import RedisError
from rich.console import Console

from api.account import wechat_config
from api.commands.base import errors
from api.kit import cache
from api.kit.engines import is_running
from api.settings import Settings
from api.wechat.calls import FORCED_TOKEN
from api.wechat.client import WeChat
from api.wechat.errors import (
    AccountFault,
    Ambiguous,
    MinuteLimited,
    NotSent,
    QuotaSpent,
    WeChatError,
)

commands = typer.Typer()
wechat = typer.Typer(no_args_is_help=True)
commands.add_typer(wechat, name="wechat", help="微信平台。")
console = Console()


@wechat.command(name="refresh-token")
def refresh_token() -> None:
    """强制换取新的 access_token，旧的立即失效。

    平时不需要：程序自会刷新。只在密钥泄露，或平台一直拒绝它自己给出的令牌时使用。平台每天只允许 20 次，两次至少间隔 30 秒。
    """
    settings = Settings()
    url = settings.redis_url
    if url is None:
        running = is_running(settings.data_dir)
        url = running.redis_url if running is not None else ""
    if not url:
        _refuse(
            "令牌由各进程共用，放在 Redis 中；现在没有 Redis。", "请先运行 linli serve，或设置 REDIS_URL。"
        )
    try:
        generation = asyncio.run(_refresh(settings, url))
    except WeChatError as error:
        _refuse(*_said(error))
    except RedisError as error:
        _refuse(f"连不上 Redis（{type(error).__name__}）。", "请检查 REDIS_URL，或用 linli doctor 检查。")
    console.print(
        f"已换取新的 access_token（第 {generation} 代），旧的已失效，各进程随即改用新的。",
        highlight=False,
        soft_wrap=True,
    )


async def _refresh(settings: Settings, url: str) -> int:
    """The new generation; the token itself goes nowhere but to Redis."""
    redis = cache.connect(url)
    try:
        async with WeChat(wechat_config(settings), redis) as client:
            return (await client.tokens.force_refresh()).generation
    finally:
        await redis.aclose()


def _said(error: WeChatError) -> tuple[str, str]:
    """What happened, and what to do about it."""
    code = f"（errcode {error.errcode}）" if error.errcode is not None else ""
    match error:
        case QuotaSpent():
            return (
                f"今天的强制刷新已经用完：微信平台每天只允许 {FORCED_TOKEN.per_day} 次{code}。",
                "请在北京时间零点之后再试；在那之前程序照常取用平台给出的令牌。",
            )
        case MinuteLimited():
            return (
                f"强制刷新过于频繁{code}：两次至少间隔 30 秒。",
                f"请在 {error.retry_after or 60} 秒后再试。",
            )
        case AccountFault():
            return (
                f"微信平台不接受这个账号{code}。",
                "请核对 LINLI_WECHAT_APPID、LINLI_WECHAT_SECRET，以及平台上登记的服务器 IP。",
            )
        case NotSent():
            return "连不上微信平台。", "请检查网络和 LINLI_WECHAT_BASE。"
        case Ambiguous():
            return (
                "没有收到微信平台的回答，令牌可能已经换过。",
                "程序会自己取得可用的令牌；仍有问题时请在 30 秒后再试。",
            )
    return f"微信平台没有给出新的令牌{code}。", "请稍后再试。"


def _refuse(what: str, cure: str) -> NoReturn:
    errors.print(f"[red]{what}[/red]{cure}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)
