"""The real API on a loopback port for the console's browser tests, and administrators to sign in there."""

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pyotp
import uvicorn

from api.kit.engines import EmbeddedEngines
from api.main import create_app
from api.models import Place
from api.models.places import PlaceId
from api.rules.places import Level, path_of
from api.rules.roles import Role
from api.settings import Settings
from tests.databases import execute, named
from tests.town import PASSWORD, make_admin

CODE = "320000000000"
NICKNAME = "周敏"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Administrator:
    """Somebody who may sign in; each one-time code is taken once, so every test has one of its own."""

    username: str
    password: str
    totp_secret: str
    nickname: str

    def otp(self, ahead: int = 0) -> str:
        """The one-time code of now, or of `ahead` steps of 30 s later (one is accepted)."""
        return pyotp.TOTP(self.totp_secret).at(int(time.time()) + 30 * ahead)


@dataclass(frozen=True)
class ConsoleServer:
    base_url: str
    settings: Settings
    place: PlaceId

    def asks(self, token: str, method: str = "GET") -> int:
        """The status with which the server answers of a token's session."""
        url = f"{self.base_url}/admin/v1/sessions/current"
        headers = {"authorization": f"Bearer {token}"}
        return httpx.request(method, url, headers=headers, trust_env=False).status_code

    def new_administrator(self) -> Administrator:
        return _elsewhere(_administrator(self.settings, self.place))


def _elsewhere(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it in a thread: Playwright's own event loop may be running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _found_place(settings: Settings) -> PlaceId:
    app = create_app(settings)
    async with app.router.lifespan_context(app), app.state.db.transaction() as tx:
        place = Place(code=CODE, level=Level.province, name="江苏省", path=path_of(CODE, Level.province))
        tx.add(place)
    return place.id


async def _administrator(settings: Settings, place: PlaceId) -> Administrator:
    app = create_app(settings)
    async with app.router.lifespan_context(app), httpx.AsyncClient() as nobody:
        made = await make_admin(app, nobody, NICKNAME, Role.operator, place)
    return Administrator(made.username, PASSWORD, made.totp, made.name)


@contextmanager
def fresh_database(engines: EmbeddedEngines, template: str) -> Iterator[str]:
    """A migrated database, gone at the end. Yields its address."""
    name, admin = f"console_{uuid4().hex[:12]}", engines.addresses.admin_url
    _elsewhere(execute(admin, f"create database {name} template {template} owner linli_owner"))
    yield named(engines.addresses.database_url, name)
    _elsewhere(execute(admin, f"drop database {name} with (force)"))


@contextmanager
def console_running(settings: Settings) -> Iterator[ConsoleServer]:
    """The API behind a real HTTP server in a thread, on a port nobody else has."""
    place = _elsewhere(_found_place(settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield ConsoleServer(f"http://127.0.0.1:{listener.getsockname()[1]}", settings, place)
        finally:
            server.should_exit = True
            thread.join()
