"""Where `linli` begins."""

import sys
from importlib import import_module

from api.commands.faults import SETTING_ERRORS, setting_faults
from api.kit.late import late, loading
from api.kit.start_fault import StartFault

_ALONE = {"api": "api.commands.api_process", "worker": "api.commands.worker_process"}
"""Run for months and in numbers: they load what they run and no other command."""

console = late("rich.console")


def main() -> None:
    """Run a command; what a person can mend is said in one sentence, without a traceback."""
    wanted, *arguments = sys.argv[1:] or [""]
    try:
        if wanted in _ALONE:
            with loading():
                process = import_module(_ALONE[wanted])
            process.main(arguments)
        else:
            import_module("api.cli").app()
    except StartFault as stopped:
        _tell(str(stopped))
        sys.exit(1)
    except SETTING_ERRORS as error:
        for fault in setting_faults(error):
            _tell(f"设置有误：{fault}")
        sys.exit(1)


def _tell(fault: str) -> None:
    errors = console.Console(stderr=True)
    errors.print(fault, style="red", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
