"""The case flow under kill -9 of PostgreSQL, of the API, and with Redis gone (R3, R4, R6, R7)."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.kit import cache
from api.kit.cache import Redis
from api.kit.engines import EmbeddedEngines
from api.settings import Settings
from tests.e2e.topology import Program, free_port
from tests.faults.often import PATIENCE_S, often
from tests.faults.own_engines import database_url, own_engines  # noqa: F401  (fixtures are found by being here)
from tests.forked import Forked
from tests.town import Actor, Town

pytestmark = [pytest.mark.fault, pytest.mark.timeout(PATIENCE_S)]

KILLS = often(3)
"""Of PostgreSQL and of the API each."""


@pytest.fixture
async def redis(own_engines: EmbeddedEngines) -> AsyncIterator[Redis]:
    client = cache.connect(own_engines.addresses.redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def settings(settings: Settings, own_engines: EmbeddedEngines) -> Settings:
    return settings.model_copy(update={"redis_url": own_engines.addresses.redis_url, "pool_size": 4})


def _api(settings: Settings, folder: Path, port: int, *how: str) -> Program:
    assert settings.database_url is not None
    assert settings.redis_url is not None
    return Forked(
        f"api-{port}",
        ["tests.faults.api_main", str(port), *how],
        folder,
        f"http://127.0.0.1:{port}/readyz",
        {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "LINLI_WECHAT_BASE": settings.wechat_base,
            "LINLI_WECHAT_APPID": settings.wechat_appid,
            "LINLI_WECHAT_SECRET": settings.wechat_secret.get_secret_value(),
            "LINLI_POOL_SIZE": "4",
        },
    )


@asynccontextmanager
async def _speaking(port: int, who: Actor) -> AsyncIterator[Actor]:
    """The same person over real HTTP."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
        yield Actor(who.name, who.id, client, who.token, who.prefix)


def _body(town: Town, n: int) -> dict[str, Any]:
    return {"category": "help", "title": f"第 {n} 件", "text": "路灯不亮", "place_id": str(town.here.place)}


def _bring_back(engines: EmbeddedEngines) -> None:
    """Start again what was killed, as soon as it is dead."""
    while not engines.restart_dead():
        time.sleep(0.02)


async def _submit_until_told(who: Actor, body: dict[str, Any], key: str, until: float) -> dict[str, Any]:
    """As the mini-program does: the same key again after every interruption, until there is an answer."""
    while True:
        try:
            answer = await who.post("/cases", body, key=key)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code == 201:
            found: dict[str, Any] = answer.json()
            return found
        if answer is not None:
            assert answer.status_code in (409, 503), answer.text
            assert "retry-after" in answer.headers
        assert time.monotonic() < until, "no answer in time"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("victim", ["postgresql", "api"])
async def test_no_acknowledged_case_is_lost_and_none_is_there_twice(
    town: Town, settings: Settings, own_engines: EmbeddedEngines, tmp_path: Path, victim: str
) -> None:
    port = free_port()
    api = _api(settings, tmp_path, port).start()
    told: dict[str, str] = {}
    going = True

    async def resident(client: Actor, name: int) -> None:
        n = 0
        while going:
            key = f"{name}-{n}"
            case = await _submit_until_told(client, _body(town, n), key, time.monotonic() + 60)
            told[key] = case["id"]
            n += 1

    try:
        async with _speaking(port, town.here.resident) as one, _speaking(port, town.there.resident) as two:
            posting = [asyncio.create_task(resident(who, n)) for n, who in enumerate((one, two, one, two))]
            for _ in range(KILLS):
                await asyncio.sleep(random.uniform(0.2, 0.6))
                if victim == "postgresql":
                    assert own_engines.postgres_pid is not None
                    os.kill(own_engines.postgres_pid, signal.SIGKILL)
                    await asyncio.to_thread(_bring_back, own_engines)
                else:
                    api.kill()
                    await asyncio.to_thread(api.start)
            await asyncio.sleep(0.5)
            going = False
            await asyncio.gather(*posting)
    finally:
        api.kill()
    assert len(told) >= KILLS
    await town.app.state.db.engine.dispose()  # this process' own connections died with the server
    async with town.app.state.db.reading() as tx:
        stored = {str(i) for i in (await tx.execute(text("select id from cases"))).scalars()}
        events = (await tx.execute(text("select count(*) from events where move = 'submit'"))).scalar_one()
        deadlines = (await tx.execute(text("select count(*) from deadlines"))).scalar_one()
    assert set(told.values()) <= stored, "an acknowledged case is gone"
    assert len(set(told.values())) == len(told)
    assert stored == set(told.values()), "a case nobody was told of stayed, or one is there twice"
    assert (events, deadlines) == (len(stored), 3 * len(stored))


async def test_a_crash_after_commit_and_a_retry_are_one_case_and_one_answer(
    town: Town, settings: Settings, tmp_path: Path
) -> None:
    port = free_port()
    dying = _api(settings, tmp_path, port, "die-after-commit").start()
    async with _speaking(port, town.here.resident) as who:
        with pytest.raises(httpx.TransportError):
            await who.post("/cases", _body(town, 1), key="once")
        assert dying.process is not None
        assert dying.process.wait(10) == 9
        api = _api(settings, tmp_path, port).start()
        try:
            again = await who.post("/cases", _body(town, 1), key="once")
            third = await who.post("/cases", _body(town, 1), key="once")
        finally:
            api.kill()
    assert again.status_code == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == third.content
    async with town.app.state.db.reading() as tx:
        assert (await tx.execute(text("select count(*) from cases"))).scalar_one() == 1


async def test_a_crash_after_a_move_and_a_retry_are_one_move(
    town: Town, settings: Settings, tmp_path: Path, pump: Any
) -> None:
    case = await town.submit()
    await pump()
    port = free_port()
    dying = _api(settings, tmp_path, port, "die-after-commit").start()
    async with _speaking(port, town.here.worker) as who:
        with pytest.raises(httpx.TransportError):
            await who.post(f"/cases/{case['id']}/moves/sign", {}, key="sign")
        assert dying.process is not None
        dying.process.wait(10)
        api = _api(settings, tmp_path, port).start()
        try:
            again = await who.post(f"/cases/{case['id']}/moves/sign", {}, key="sign")
            without = await who.post(f"/cases/{case['id']}/moves/sign", {})
        finally:
            api.kill()
    assert (again.status_code, again.json()["state"]) == (200, "in_progress")
    assert again.headers["idempotent-replayed"] == "true"
    assert without.status_code == 409


async def test_without_redis_sessions_say_so_and_the_worker_goes_on(
    town: Town, own_engines: EmbeddedEngines, pump: Any
) -> None:
    case = await town.submit()
    assert own_engines.redis_pid is not None
    os.kill(own_engines.redis_pid, signal.SIGKILL)
    try:
        away = await town.here.resident.get(f"/cases/{case['id']}")
        assert (away.status_code, away.json()["code"]) == (503, "sessions_unavailable")
        assert "retry-after" in away.headers
        assert (await town.client.get("/healthz")).status_code == 200
        assert (await town.client.get("/problems/not_found")).status_code == 200
        assert (await town.client.get("/openapi.json")).status_code == 200
        ready = await town.client.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["redis"]["ok"]) == (503, False)
        await pump()  # routing, notices and clocks need no Redis
    finally:
        await asyncio.to_thread(own_engines.restart_dead)
    back = await town.here.resident.get(f"/cases/{case['id']}")
    assert back.status_code in (200, 401)  # its append-only file may lack the last second
    async with town.app.state.db.reading() as tx:
        assert (await tx.execute(text("select state from cases"))).scalar_one() == "dispatched"


async def test_postgresql_restarted_under_load_gives_only_503_and_recovers(
    town: Town, own_engines: EmbeddedEngines
) -> None:
    case = await town.submit()
    seen: set[int] = set()
    going = True

    async def reader() -> None:
        while going:
            answer = await town.here.resident.get(f"/cases/{case['id']}")
            seen.add(answer.status_code)
            if answer.status_code != 200:
                assert answer.status_code == 503, answer.text
                assert "retry-after" in answer.headers
            await asyncio.sleep(0.005)

    readers = [asyncio.create_task(reader()) for _ in range(8)]
    await asyncio.sleep(0.3)
    assert own_engines.postgres_pid is not None
    os.kill(own_engines.postgres_pid, signal.SIGINT)
    await asyncio.to_thread(_bring_back, own_engines)
    back = time.monotonic()
    while (answer := await town.here.resident.get(f"/cases/{case['id']}")).status_code != 200:
        assert time.monotonic() - back < 10, answer.text
        await asyncio.sleep(0.05)
    going = False
    await asyncio.gather(*readers)
    assert seen == {200, 503}
