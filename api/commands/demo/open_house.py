"""After the tour: the demo stays up, and says where to look and how to sign in, until Ctrl-C."""

import pyotp
from rich.console import Console
from rich.live import Live
from rich.text import Text

from api.commands.demo import town
from api.commands.demo.stage import Stage
from api.kit import clock
from api.services.login import STEP_S


def keep_open(stage: Stage, console: Console) -> None:
    """Print the ways in and start again whatever dies; returns only by KeyboardInterrupt."""
    login = stage.seeded.operator

    def line(name: str, value: str) -> None:
        console.print(f"  [bold]{name}[/bold]  {value}", highlight=False, soft_wrap=True)

    console.print("\n[bold]请进[/bold]")
    line("控制台", f"{stage.base}/console")
    line("用户名", login.username)
    line("密码", login.password)
    line("TOTP 密钥", login.totp_secret)
    line("otpauth", login.totp_uri)
    line("小程序登录", f'POST {stage.base}/v1/sessions，内容 {{"code": "dev:名字"}}，名字从下面选；')
    line("", f"每个 code 只能用一次，再次登录在后面加一个没有用过的词，例如 dev:{town.RESIDENT.login}:2。")
    for player in town.PLAYERS:
        line("", f"dev:{player.login}  {player.name}，{player.what}")
    line(
        "时钟",
        f"演示里现在是 {clock.local(clock.now()):%Y-%m-%d %H:%M}，为了看到超时被拨快过；时间不倒流，所以没有拨回。",
    )
    line("停止", "Ctrl-C。数据在下次演示时清空。")

    def code() -> Text:
        now = int(clock.wall())
        left = STEP_S - now % STEP_S
        return Text(
            f"  现在的动态口令  {pyotp.TOTP(login.totp_secret).at(now)}  （还有 {left} 秒）", style="bold"
        )

    if console.is_terminal:
        with Live(code(), console=console, refresh_per_second=2, transient=True) as live:
            stage.supervisor.watch(lambda: live.update(code()))
    else:
        console.print(code(), soft_wrap=True)
        stage.supervisor.watch()
