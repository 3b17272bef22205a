"""The scan that follows every test here must find what it looks for; and nothing that fails may show it."""

import logging
import traceback
from dataclasses import replace

import httpx
import pytest

from api.kit import cache
from api.wechat import errors
from api.wechat.client import WeChat
from api.wechat.transport import Transport
from tests.wechat.leaks import leaks
from tests.wechat_fixture import ACCOUNT, Simulator


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("a", logging.INFO, "a.py", 1, message, arguments, None)


@pytest.mark.parametrize(
    "shown", ["the-secret", "GET /?js_code=the-secret HTTP", "dev%3A%E5%BC%A0%E4%B8%89%3A1"]
)
def test_the_scan_finds_secrets_as_they_are_and_as_in_a_url(shown: str) -> None:
    secrets = ["", "the-secret", "dev:张三:1"]
    assert list(leaks([record("%s", shown)], secrets))
    assert not list(leaks([record("quiet")], secrets))


def test_the_scan_looks_into_tracebacks() -> None:
    try:
        raise ValueError("the-secret")
    except ValueError as error:
        told = record("failed")
        told.exc_info = (ValueError, error, error.__traceback__)
    assert list(leaks([told], ["the-secret"]))


async def test_the_http_library_would_log_the_query_and_is_kept_from_it(
    wechat: WeChat, wechat_simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    library = logging.getLogger("httpx")
    kept = library.filters[:]
    async with httpx.AsyncClient(trust_env=False) as http:
        library.filters.clear()
        try:
            await http.get(wechat_simulator.base, params={"probe": "would-be-seen"})
        finally:
            library.filters[:] = kept
        await http.get(wechat_simulator.base, params={"probe": "is-not-seen"})
    assert any("would-be-seen" in told.getMessage() for told in caplog.records)
    assert not any("is-not-seen" in told.getMessage() for told in caplog.records)


@pytest.mark.parametrize("fault", ["lost_answer", "hung_answer", "gateway_page", "cut_off"])
async def test_a_failure_shows_neither_code_nor_secret_anywhere_in_its_traceback(
    wechat_simulator: Simulator, redis: cache.Redis, fault: str
) -> None:
    code = wechat_simulator.login_code("张三")
    wechat_simulator.fault(fault)
    async with WeChat(replace(wechat_simulator.config, timeout=0.5), redis) as wechat:
        with pytest.raises(errors.CodeLost) as lost:
            await wechat.code_to_session(code)
    told = "".join(traceback.format_exception(lost.value))
    assert code not in told
    assert ACCOUNT.secret not in told
    assert wechat_simulator.base not in told


async def test_an_unreachable_platform_shows_nothing_either(wechat_simulator: Simulator) -> None:
    query = {"secret": wechat_simulator.config.secret}
    async with Transport("http://127.0.0.1:9") as transport:
        with pytest.raises(errors.NotSent) as unsent:
            await transport.get("try", "/path", query)
    assert unsent.value.__cause__ is unsent.value.__context__ is None
    assert query["secret"] not in "".join(traceback.format_exception(unsent.value))


def test_the_account_does_not_show_its_secrets() -> None:
    shown = repr(ACCOUNT)
    assert ACCOUNT.appid in shown
    for secret in (ACCOUNT.secret, ACCOUNT.push_token, ACCOUNT.push_aes_key):
        assert secret not in shown
