"""The processes that run for months, in the list of commands; each reads its own options."""

import typer

from api.commands import api_process, worker_process

commands = typer.Typer()
_OWN_OPTIONS = {"ignore_unknown_options": True, "allow_extra_args": True}


@commands.command("api", help=api_process.TELLS, context_settings=_OWN_OPTIONS, add_help_option=False)
def _api(context: typer.Context) -> None:
    api_process.main(context.args)


@commands.command("worker", help=worker_process.TELLS, context_settings=_OWN_OPTIONS, add_help_option=False)
def _worker(context: typer.Context) -> None:
    worker_process.main(context.args)
