"""Fixtures of the WeChat tests; after each one its logs are searched for everything secret."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from api.kit import cache
from api.wechat.client import WeChat
from tests.wechat.leaks import leaks
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
    found = [line for phase in PHASES for line in leaks(caplog.get_records(phase), secrets)]  # type: ignore[arg-type]
    assert found == []


@pytest.fixture
async def wechat(wechat_simulator: Simulator, redis: cache.Redis) -> AsyncIterator[WeChat]:
    """A client of the simulated platform."""
    async with WeChat(wechat_simulator.config, redis) as client:
        yield client
