"""`linli …`: the command line."""

import sys

import typer
from rich.console import Console

from api.commands import administration, demo, doctor, imports, pages, serve
from api.commands.faults import SETTING_ERRORS, setting_faults
from api.commands.supervise import StartFault
from api.kit.engines import EngineFault

app = typer.Typer(
    name="linli",
    help="邻里：居民参与社区（村）治理的小程序后端。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (serve, demo, administration, doctor, pages):
    app.registered_commands += part.commands.registered_commands
    app.registered_groups += part.commands.registered_groups
app.add_typer(imports.imports, name="import", help="批量导入：地域、历史诉求。")

_errors = Console(stderr=True)


def main() -> None:
    """Run a command; what a person can mend is said in one sentence, without a traceback."""
    try:
        app()
    except (EngineFault, StartFault) as stopped:
        _errors.print(str(stopped), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except SETTING_ERRORS as error:
        for fault in setting_faults(error):
            _errors.print(f"设置有误：{fault}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
