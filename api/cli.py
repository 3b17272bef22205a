"""`linli …`: every command."""

import typer

from api.commands import (
    administration,
    demo,
    doctor,
    imports,
    pages,
    processes,
    serve,
    verify,
)

app = typer.Typer(
    name="linli",
    help="邻里：居民参与社区（村）治理的小程序后端。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (
    serve.commands,
    processes.commands,
    demo.commands,
    administration.commands,
    doctor.commands,
    pages.commands,
    verify.commands,
):
    app.registered_commands += part.registered_commands
    app.registered_groups += part.registered_groups
app.add_typer(imports.imports, name="import", help="批量导入：地域、历史诉求、参与式预算。")
