"""`linli wechat refresh-token`, as an operator types it: what is printed, and what it costs at the platform."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app as program
from api.kit import cache
from api.kit.engines import EmbeddedEngines
from tests.wechat.token_world import FETCH, key
from tests.wechat_fixture import Simulator


class Operator:
    """Somebody at the command line of a server whose Redis and account are the test's."""

    def __init__(self, engines: EmbeddedEngines, simulator: Simulator) -> None:
        self.redis_url = engines.addresses.redis_url
        self.simulator = simulator

    def refresh(self) -> Result:
        return CliRunner().invoke(program, ["wechat", "refresh-token"])

    def redis(self, *words: str) -> bytes | None:
        """One command, in words."""

        async def ask() -> bytes | None:
            client = cache.connect(self.redis_url)
            found: bytes | None = await client.execute_command(*words)  # type: ignore[no-untyped-call]
            await client.aclose()
            return found

        return asyncio.run(ask())

    @property
    def token(self) -> str:
        found = self.redis("HGET", key(self.simulator), "token")
        return found.decode() if found is not None else ""


@pytest.fixture
def operator(
    engines: EmbeddedEngines, wechat_simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Operator:
    found = Operator(engines, wechat_simulator)
    found.redis("FLUSHALL")
    monkeypatch.setenv("REDIS_URL", found.redis_url)
    monkeypatch.setenv("LINLI_WECHAT_BASE", wechat_simulator.base)
    monkeypatch.setenv("LINLI_WECHAT_APPID", wechat_simulator.config.appid)
    monkeypatch.setenv("LINLI_WECHAT_SECRET", wechat_simulator.config.secret)
    monkeypatch.chdir(tmp_path)
    return found


def test_a_new_token_is_there_for_all_processes_and_printed_nowhere(operator: Operator) -> None:
    first = operator.refresh()
    assert (first.exit_code, "第 1 代" in first.output) == (0, True), first.output
    old = operator.token
    again = operator.refresh()
    assert (again.exit_code, operator.token) == (1, old)
    assert "至少间隔 30 秒" in again.output
    operator.redis("DEL", f"{key(operator.simulator)}:forced")
    operator.simulator.order("clock", seconds=31)
    second = operator.refresh()
    assert (second.exit_code, "第 2 代" in second.output) == (0, True), second.output
    assert old != operator.token != ""
    assert operator.simulator.calls(FETCH) == [0, 0]
    for shown in (first, again, second):
        assert not [token for token in (old, operator.token) if token in shown.output]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"name": "day_quota"}, ("每天只允许 20 次", "零点之后")),
        ({"name": "error", "errcode": 40125}, ("errcode 40125", "LINLI_WECHAT_SECRET")),
        ({"name": "lost_answer"}, ("没有收到微信平台的回答", "可能已经换过")),
    ],
)
def test_what_the_platform_refuses_is_said_with_its_cure_and_not_tried_again(
    operator: Operator, fault: dict[str, object], said: tuple[str, ...]
) -> None:
    operator.simulator.order("faults", path=FETCH, **fault)
    refused = operator.refresh()
    assert refused.exit_code == 1
    assert [words for words in said if words not in refused.output] == []
    assert "Traceback" not in refused.output
    assert operator.simulator.config.secret not in refused.output
    assert len(operator.simulator.calls(FETCH)) == 1


def test_without_redis_it_says_where_the_token_would_lie(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert "连不上 Redis" in operator.refresh().output
    monkeypatch.delenv("REDIS_URL")
    without = operator.refresh()
    assert (without.exit_code, "linli serve" in without.output) == (1, True)
    assert operator.simulator.calls(FETCH) == []
