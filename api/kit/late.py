"""Modules that are loaded when they are first used: heavy ones, in processes that seldom need them."""

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
