"""Where `linli` begins."""

import sys
from importlib import import_module

from rich.console import Console

from api.commands.faults import SETTING_ERRORS, setting_faults
from api.commands.supervise import StartFault
from api.kit.engines import EngineFault

_ALONE = {"api": "api.commands.api_process", "worker": "api.commands.worker_process"}
"""Run for months and in numbers: they load what they run and no other command."""

_errors = Console(stderr=True)


def main() -> None:
    """Run a command; what a person can mend is said in one sentence, without a traceback."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        import_module(_ALONE.get(wanted, "api.cli")).app()
    except (EngineFault, StartFault) as stopped:
        _errors.print(str(stopped), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except SETTING_ERRORS as error:
        for fault in setting_faults(error):
            _errors.print(f"设置有误：{fault}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
