"""`linli …`: every command, each loaded when it is asked for: who supervises carries nothing of who serves."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

_WHERE = {
    "serve": "serve",
    "migrate": "serve",
    "wechat-simulator": "simulator",
    "api": "processes",
    "worker": "processes",
    "demo": "demo",
    "grant": "administration",
    "doctor": "doctor",
    "wechat": "wechat",
    "docs": "pages",
    "verify": "verify",
    "admin": "administration",
    "import": "imports",
}
"""Command → its module in api/commands, in the order of `linli --help`."""


class _Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(_WHERE)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _WHERE:
            return None
        module = import_module(f"api.commands.{_WHERE[cmd_name]}")
        return get_group(module.commands).get_command(ctx, cmd_name)


app = typer.Typer(
    cls=_Commands,
    name="linli",
    help="邻里：居民参与社区（村）治理的小程序后端。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _linli() -> None:
    """What stands before a command: nothing."""
