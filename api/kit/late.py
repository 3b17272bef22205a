"""Modules that are loaded when they are first used, or never: heavy ones, in processes that seldom need them."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _Late(ModuleType):
    """Stands where a module will be; what was once looked up in it is found here without a detour."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self.__name__), name)
        setattr(self, name, found)
        return found


def late(name: str) -> Any:
    """The module `name`, whose code runs at the first look at one of its attributes.

    Raises ModuleNotFoundError where nothing of the kind is installed.
    """
    if find_spec(name.partition(".")[0]) is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return _Late(name)


def never(name: str) -> None:
    """Let a library do without the part `name` of its own or another's, as it does where that is not installed.

    For parts that are tried and not asked for, and that nothing here uses. Whoever imports one gets ImportError.
    """
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # what the import system calls absent


@contextmanager
def loading() -> Iterator[None]:
    """Modules load without a search for garbage at every turn, a quarter of the time; it is searched for once, and
    what was loaded never again."""
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
