"""Nothing that fails may show what it was about (what is logged is searched after every test)."""

import logging
import traceback
from dataclasses import replace

import httpx
import pytest

from api.kit import cache
from api.wechat import errors
from api.wechat.client import WeChat
from api.wechat.transport import Transport
from tests.wechat_fixture import ACCOUNT, Simulator


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
