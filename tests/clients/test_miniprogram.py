"""The mini-program's client against the running API: generated from the OpenAPI document, typed, and tried in Node."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from tests.town import Town
from tests.wechat_fixture import Simulator

CLIENT = Path(__file__).parents[2] / "clients" / "miniprogram"
NPM = shutil.which("npm")
pytestmark = pytest.mark.skipif(
    NPM is None, reason="Node.js with npm is not on the PATH: the client cannot be built"
)


def _npm(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    assert NPM is not None
    return subprocess.run(
        [NPM, "--silent", *arguments],
        cwd=CLIENT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def packages() -> None:
    """What package-lock.json names, installed as it says."""
    lock, installed = CLIENT / "package-lock.json", CLIENT / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = _npm("ci", "--no-audit", "--no-fund")
        if done.returncode != 0 and "network" in done.stderr.lower():
            pytest.skip(f"the packages of the client cannot be fetched: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr


@asynccontextmanager
async def _listening(town: Town) -> AsyncIterator[str]:
    """The town's own API on a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(town.app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@pytest.mark.usefixtures("packages")
async def test_it_keeps_its_promises_on_a_bad_network(town: Town, wechat_platform: Simulator) -> None:
    async with _listening(town) as address:
        done = await asyncio.to_thread(
            _npm,
            "test",
            LINLI_API=address,
            LINLI_SIMULATOR=wechat_platform.base,
            LINLI_PLACE=str(town.here.place),
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout
    assert "warning" not in (done.stdout + done.stderr).lower()


def test_its_lock_names_no_address() -> None:
    packages = json.loads((CLIENT / "package-lock.json").read_text())["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)
    assert not any("resolved" in package for package in packages.values())
