"""Fixtures shared by all tests: real engines once a run, a fresh migrated database for each test that asks."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from api import migrations
from api.censor import Censor
from api.kit import cache, clock
from api.kit.cache import Redis
from api.kit.db import Database
from api.kit.engines import EmbeddedEngines
from api.kit.queue import Queue
from api.main import create_app
from api.services import clockwork, consequences
from api.services.content.checking import Moderator
from api.services.due import DueClock
from api.settings import Settings
from tests.compiled import Engines
from tests.conformance import conforms
from tests.databases import Databases, execute, named
from tests.engines_fixture import engines  # noqa: F401  (fixtures are found by being here)
from tests.mold import Mold, cast, keep
from tests.moments import NOON, SETTLED, among_processes
from tests.secrecy import Secrecy
from tests.town import VISITORS, Town, build_town
from tests.wechat_fixture import Simulator, wechat_platform, wechat_simulator  # noqa: F401

for _deaf in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_deaf) is signal.SIG_IGN:  # a run without a terminal; children would inherit it
        signal.signal(_deaf, signal.default_int_handler)

TEMPLATE, TOWN = "linli_template", "linli_town"
ROOT = Path(__file__).parent
LONG = (
    "routers/test_matrix",
    "e2e",
    "faults",
    "clients",
    "commands/test_s",
    "services/test_nothing_leaks",
    "services/test_case_",
    "test_secrecy",
    "kit/test_engines",
)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Secrecy(), "secrecy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What keeps a worker for minutes comes first: at the end the workers have equally little left."""
    items.sort(key=lambda item: not item.path.relative_to(ROOT).as_posix().startswith(LONG))


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> Iterator[None]:
    """Statements are compiled once a run, not once a test."""
    with pytest.MonkeyPatch.context() as patches:
        Engines().install(patches)
        yield


@pytest.fixture(scope="session")
def template(engines: EmbeddedEngines) -> str:
    """A migrated database that every test's own is a copy of."""
    admin = engines.addresses.admin_url
    asyncio.run(execute(admin, f"create database {TEMPLATE} owner linli_owner"))
    program, owner = (
        named(url, TEMPLATE) for url in (engines.addresses.database_url, engines.addresses.owner_url)
    )
    migrations.upgrade(program, owner=owner)
    return TEMPLATE


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run keeps pictures: of its own, whoever else tests on this machine."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="session")
def mold(engines: EmbeddedEngines, template: str, wechat_platform: Simulator, uploads: Path) -> Mold:
    """The town of tests/town.py, built once, an hour before any test that gets a copy."""
    clock.set_to(SETTLED)
    admin = engines.addresses.admin_url
    url = named(engines.addresses.database_url, TOWN)

    async def build() -> Mold:
        await execute(admin, f"create database {TOWN} template {template} owner linli_owner")
        redis = cache.connect(engines.addresses.redis_url)
        await redis.flushall()
        app = create_app(_settings(url, engines, wechat_platform, uploads))
        async with running(app) as client:
            town = await build_town(app, client, wechat_platform)
        found = Mold(TOWN, town, await keep(redis))
        await redis.aclose()
        return found

    return asyncio.run(build())


@pytest.fixture
def origin(request: pytest.FixtureRequest, template: str) -> str:
    """What a test's database is copied from: with the town in it for a test that asks for a copy of the town."""
    if "town" not in request.fixturenames or among_processes(request.path):
        return template
    mold: Mold = request.getfixturevalue("mold")
    return mold.database


@pytest.fixture(scope="session")
def databases(engines: EmbeddedEngines) -> Databases:
    """Where every test's own comes from."""
    return Databases(engines.addresses.admin_url)


@pytest.fixture
async def database_url(engines: EmbeddedEngines, databases: Databases, origin: str) -> AsyncIterator[str]:
    """A fresh migrated database of this test's own, as the program's role: it owns nothing there."""
    name = await databases.lend(origin)
    yield named(engines.addresses.database_url, name)
    await databases.take_back(name, origin)


@pytest.fixture
def owner_url(engines: EmbeddedEngines, database_url: str) -> str:
    """The same database as the owner of its schema."""
    return named(engines.addresses.owner_url, urlsplit(database_url).path[1:])


@pytest.fixture
def as_owner(owner_url: str) -> Callable[[str], Awaitable[None]]:
    """Run SQL that only the owner may: tables for a test alone, a constraint that breaks something."""
    return partial(execute, owner_url)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open Database on it."""
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def redis(engines: EmbeddedEngines) -> AsyncIterator[Redis]:
    """An empty Redis."""
    client = cache.connect(engines.addresses.redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture(autouse=True)
def _moment(request: pytest.FixtureRequest) -> None:
    """Every test's clock starts at noon of the same day; among other processes it is the real one."""
    if among_processes(request.path):
        clock.reset()
    else:
        clock.set_to(NOON)


@pytest.fixture
def settings(
    database_url: str, engines: EmbeddedEngines, redis: Redis, wechat_simulator: Simulator, uploads: Path
) -> Settings:
    """Development settings on this test's engines and the simulator."""
    return _settings(database_url, engines, wechat_simulator, uploads)


def _settings(database_url: str, engines: EmbeddedEngines, simulator: Simulator, uploads: Path) -> Settings:
    return Settings(
        _env_file=None,
        database_url=database_url,
        redis_url=engines.addresses.redis_url,
        wechat_base=simulator.base,
        wechat_appid=simulator.config.appid,
        wechat_secret=simulator.config.secret,
        wechat_push_token=simulator.config.push_token,
        wechat_push_aes_key=simulator.config.push_aes_key,
        pool_size=16,
        upload_dir=uploads,
    )


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The app with its lifespan, and a client that speaks ASGI to it."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport,
            base_url="http://linli.test",
            event_hooks={"response": [conforms()]},
        ) as client,
    ):
        yield client


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with running(app) as opened:
        yield opened


@pytest.fixture
async def town(
    request: pytest.FixtureRequest,
    app: FastAPI,
    client: httpx.AsyncClient,
    redis: Redis,
    wechat_simulator: Simulator,
) -> Town:
    """Two communities of one town, their people logged in; see tests/town.py.

    Tests with engines or processes of their own build it there; the others get a copy.
    """
    if "own_engines" in request.fixturenames or among_processes(request.path):
        return await build_town(app, client, wechat_simulator)
    wechat_simulator.order("visits", names=VISITORS)
    return await cast(request.getfixturevalue("mold"), app, client, redis)


@pytest.fixture
def pump(app: FastAPI, client: httpx.AsyncClient) -> Callable[[], Awaitable[None]]:
    """Do by hand what the worker does: fire what is due, carry out all consequences, have all words judged, until
    nothing is left."""
    del client  # opens the app's database
    due = DueClock(app.state.db, clockwork.ran_out)
    queue = Queue(app.state.db, consequences.follow)
    censor = Censor(app.state.wechat, app.state.pictures)
    moderator = Moderator(app.state.db, censor.ask)

    async def until_quiet() -> None:
        while await due.run_one() or await queue.run_one() or await moderator.run_one():
            pass

    return until_quiet
