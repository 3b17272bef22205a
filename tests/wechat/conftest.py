"""Fixtures of the WeChat tests; after each one its logs are searched for everything secret."""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from api.kit import cache
from api.kit.engines import EmbeddedEngines
from api.wechat.client import WeChat
from api.wechat.gateway import Gateway
from api.wechat.limits import Limits
from api.wechat.token import TokenService
from api.wechat.transport import Transport
from tests.secrecy import leaks, told
from tests.wechat.token_world import LONG, PAUSE, Service
from tests.wechat_fixture import ACCOUNT, Simulator

PHASES = ("setup", "call", "teardown")


@pytest.fixture(autouse=True)
def logs_without_secrets(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[pytest.LogCaptureFixture]:
    """No secret, token, code, session_key or phone number in any record of any level."""
    caplog.set_level(logging.DEBUG)
    for name in ("linli.wechat", "linli.wechat.simulator", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    yield caplog
    secrets = {ACCOUNT.secret, ACCOUNT.push_token, ACCOUNT.push_aes_key}
    if "wechat_platform" in request.fixturenames:
        simulator: Simulator = request.getfixturevalue("wechat_platform")
        secrets |= simulator.platform.minted
    records = [record for phase in PHASES for record in caplog.get_records(phase)]  # type: ignore[arg-type]
    found = leaks(((r.name, told(r)) for r in records), dict.fromkeys(secrets, "secret"))
    assert [str(leak) for leak in found] == []


@pytest.fixture
async def wechat(wechat_simulator: Simulator, redis: cache.Redis) -> AsyncIterator[WeChat]:
    """A client of the simulated platform."""
    async with WeChat(wechat_simulator.config, redis) as client:
        yield client


@pytest.fixture
async def service(
    wechat_simulator: Simulator, engines: EmbeddedEngines, redis: cache.Redis
) -> AsyncIterator[Service]:
    """Makes token services that share nothing but Redis, as those of separate processes do."""
    async with contextlib.AsyncExitStack() as stack:

        def make(secret: str | None = None, base: str | None = None, pause: float = PAUSE) -> TokenService:
            config = replace(wechat_simulator.config, base=base or wechat_simulator.base)
            if secret is not None:
                config = replace(config, secret=secret)
            transport = Transport(config.base, timeout=LONG)
            own = cache.connect(engines.addresses.redis_url)
            stack.push_async_callback(transport.aclose)
            stack.push_async_callback(own.aclose)
            return TokenService(config, Gateway(transport, Limits(own, config.appid)), own, pause=pause)

        yield make
