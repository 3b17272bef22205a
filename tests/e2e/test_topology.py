"""The deployed topology: two API processes behind nginx, a worker, PostgreSQL and Valkey outside; R9."""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.kit import queue
from api.settings import Settings
from tests.e2e.topology import Nginx, Program, Traffic, free_port, rolling_restart, running
from tests.town import Town

pytestmark = [pytest.mark.topology, pytest.mark.timeout(600)]


@dataclass
class Deployed:
    """What runs: nginx, both API processes and the worker."""

    nginx: Nginx
    a: Program
    b: Program
    worker: Program


@pytest.fixture
def deployed(town: Town, settings: Settings, tmp_path: Path) -> Iterator[Deployed]:
    """The town's engines with processes of their own before them."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "LINLI_WECHAT_BASE": settings.wechat_base,
        "LINLI_WECHAT_APPID": settings.wechat_appid,
        "LINLI_WECHAT_SECRET": settings.wechat_secret.get_secret_value(),
        "LINLI_POOL_SIZE": "4",
    }
    linli = [sys.executable, "-m", "api.program"]
    ports = [free_port(), free_port()]
    a, b = (
        Program(
            f"api-{name}",
            [*linli, "api", "--port", str(port)],
            tmp_path,
            f"http://127.0.0.1:{port}/readyz",
            environment,
        )
        for name, port in zip("ab", ports, strict=True)
    )
    worker = Program("worker", [*linli, "worker"], tmp_path, None, environment)
    nginx = Nginx(tmp_path / "nginx", ports)
    with running(a, b, worker, nginx):
        yield Deployed(nginx, a, b, worker)


async def count(town: Town, table: str) -> int:
    async with town.app.state.db.reading() as tx:
        return int((await tx.execute(text(f"select count(*) from {table}"))).scalar_one())


async def until_nothing_waits(town: Town, within: float = 120.0) -> None:
    end = time.monotonic() + within
    while time.monotonic() < end:
        async with town.app.state.db.reading() as tx:
            state = await queue.state(tx)
        if state.waiting == 0:
            assert state.dead == 0
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"the worker has not carried out everything: {state}")


async def test_restarts_and_a_kill_cost_no_caller_anything_and_nginx_keeps_what_the_api_says(
    town: Town, deployed: Deployed
) -> None:
    await _nginx_keeps_what_the_api_says(deployed)
    await _a_rolling_restart_fails_no_request_and_each_case_is_there_once(town, deployed)
    await _a_process_killed_over_a_request_costs_the_caller_nothing(town, deployed)


async def _a_rolling_restart_fails_no_request_and_each_case_is_there_once(
    town: Town, deployed: Deployed
) -> None:
    resident = town.here.resident.headers
    case: dict[str, Any] = {
        "category": "help",
        "title": "三单元楼道灯不亮",
        "text": "三单元二楼到三楼的楼道灯坏了一周。",
        "place_id": str(town.here.place),
    }

    async def ask(client: httpx.AsyncClient, number: int) -> httpx.Response:
        if number % 5 == 0:
            key = {"idempotency-key": f"case-{number:08}"}
            return await client.post("/v1/cases", json=case, headers={**resident, **key})
        return await client.get("/v1/cases?mine=true", headers=resident)

    before = [program.pid for program in (deployed.a, deployed.b)]

    def restart_everything() -> None:
        rolling_restart([deployed.a, deployed.b])
        assert deployed.worker.stop() == 0
        deployed.worker.start()

    answers = await Traffic(deployed.nginx.url, ask, clients=4).during(restart_everything)

    assert set(answers) == {"200", "201"}, answers
    assert answers["201"] > 20
    assert not set(before) & {program.pid for program in (deployed.a, deployed.b)}
    assert await count(town, "cases") == answers["201"]
    await until_nothing_waits(town)


async def _a_process_killed_over_a_request_costs_the_caller_nothing(town: Town, deployed: Deployed) -> None:
    resident = town.here.resident.headers

    async def ask(client: httpx.AsyncClient, _: int) -> httpx.Response:
        return await client.get("/v1/cases?mine=true", headers=resident)

    def kill() -> None:
        deployed.a.kill()
        time.sleep(0.5)
        deployed.a.start()

    assert set(await Traffic(deployed.nginx.url, ask).during(kill)) == {"200"}


async def _nginx_keeps_what_the_api_says(deployed: Deployed) -> None:
    async with httpx.AsyncClient(base_url=deployed.nginx.url, trust_env=False) as client:
        refused = await client.get("/v1/cases", headers={"x-request-id": "a-plain-name"})
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers.get_list("x-request-id") == ["a-plain-name"]
        assert refused.json()["request_id"] == "a-plain-name"
        large = await client.post("/v1/cases", content=bytes(2_000_000))
        assert large.status_code == 413
        assert large.json().keys() >= {"type", "code", "title", "status", "detail", "request_id"}
        ready = await client.get("/readyz")
        assert ready.json()["ready"] is True
        for path in ("/console", "/metrics"):
            assert (await client.get(path, follow_redirects=True)).status_code == 200
