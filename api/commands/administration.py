"""`linli admin create`, `linli grant`: the first people of a deployment, before anybody can sign in."""

import sys
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from api.commands.base import database, run
from api.kit import clock
from api.kit.secrets import Vault
from api.rules.roles import CONSOLE_ROLES, ROLE_TITLES, Role
from api.services import setup
from api.services.setup import Administrator
from api.settings import Settings

commands = typer.Typer()
admin = typer.Typer(no_args_is_help=True)
commands.add_typer(admin, name="admin", help="控制台管理员。")
console = Console()

_ROLES = "、".join(f"{role.value} {ROLE_TITLES[role]}" for role in Role if role in CONSOLE_ROLES)


@admin.command()
def create(
    username: Annotated[str, typer.Option(help="用户名")],
    place: Annotated[str, typer.Option(help="管辖地域的 12 位代码")],
    role: Annotated[Role, typer.Option(help=f"角色：{_ROLES}", show_choices=False)] = Role.operator,
    nickname: Annotated[str | None, typer.Option(help="显示的名字；不填即用户名")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="从标准输入读一行作为密码，不询问")
    ] = False,
) -> None:
    """新建控制台登录。动态口令（TOTP）密钥只显示这一次。"""
    password = _password(password_stdin)

    async def work() -> Administrator:
        settings = Settings()
        vault = Vault(settings.master_key.get_secret_value())
        async with database(settings) as db, db.transaction() as tx:
            return await setup.create_administrator(
                tx,
                vault,
                username=username,
                password=password,
                nickname=nickname or username,
                role=role,
                place_code=place,
            )

    made = run(work())
    for name, value in (
        ("用户名", made.username),
        ("TOTP 密钥", made.totp_secret),
        ("otpauth 地址", made.totp_uri),
    ):
        console.print(f"{name}：{value}", markup=False, highlight=False, soft_wrap=True)
    console.print("请立即存入动态口令应用：密钥不会再显示。", style="yellow")


def _password(from_stdin: bool) -> str:
    """Asked twice without echo, or the first line of stdin."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("这里没有终端可以输入密码，请用 --password-stdin")
    return str(typer.prompt("密码", hide_input=True, confirmation_prompt="再输入一次"))


@commands.command()
def grant(
    username: Annotated[str, typer.Argument(help="控制台用户名")],
    role: Annotated[Role, typer.Argument(help="角色", show_choices=True)],
    place_code: Annotated[str, typer.Argument(help="地域代码")],
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="最后一天，当天仍然有效；不填即长期")
    ] = None,
) -> None:
    """给有控制台登录的人再授予一个角色。"""
    end = None
    if until is not None:
        end = until.replace(tzinfo=clock.CHINA) + timedelta(days=1)
        if end <= clock.now():
            raise typer.BadParameter("截止日期已经过去", param_hint="--until")

    async def work() -> None:
        async with database(Settings()) as db, db.transaction() as tx:
            await setup.grant_to_username(tx, username=username, role=role, place_code=place_code, until=end)

    run(work())
    console.print(
        f"已授予 {username}：{ROLE_TITLES[role]}（{place_code}）",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
