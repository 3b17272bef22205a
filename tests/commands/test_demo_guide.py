"""The demo's guide: what is not as it should be ends the tour, with what was expected and what was got."""

import io
from collections.abc import Callable

import httpx
import pytest
from rich.console import Console

from api.commands.demo.guide import Actor, Broken, Chapter, Guide
from api.commands.demo.phones import Phones
from tests.wechat_fixture import Simulator

ANYBODY = Actor("某人", token="t")
CASE = "01938f2a-6f00-7000-8000-0123456789ab"


class Audience:
    """A guide before an API that answers as told, and what the audience reads."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.asked: list[httpx.Request] = []

        def note(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return answer(request)

        self._screen = io.StringIO()
        client = httpx.Client(base_url="http://linli.test", transport=httpx.MockTransport(note))
        self.guide = Guide(client, Console(file=self._screen, width=100))

    @property
    def read(self) -> str:
        return self._screen.getvalue()

    def sees(self, play: Callable[[], None]) -> bool:
        return self.guide.conduct([Chapter("某一步", "说明", play), Chapter("下一步", "说明", lambda: None)])


@pytest.fixture
def audience() -> Audience:
    return Audience(lambda request: httpx.Response(200, json={"state": "submitted"}))


def test_a_tour_that_keeps_its_word_goes_on_to_the_end(audience: Audience) -> None:
    def play() -> None:
        answer = audience.guide.call(ANYBODY, "GET", f"/cases/{CASE}", why="看一看")
        audience.guide.expect("状态", "submitted", answer.json()["state"])

    assert audience.sees(play)
    assert "2. 下一步" in audience.read
    assert "某人     GET /v1/cases/…89ab → 200" in audience.read
    assert audience.guide.checks == 2


@pytest.mark.parametrize(
    ("play", "wanted", "got"),
    [
        (lambda g: g.expect("状态", "dispatched", "submitted"), "dispatched", "submitted"),
        (lambda g: g.require("在时限内", False, "超时"), "成立", "超时"),
        (lambda g: g.call(ANYBODY, "POST", "/cases", wanted=201, why="提交"), "201", "200"),
        (lambda g: g.call(ANYBODY, "GET", "/me", why="我").json()["grants"], "能按接口文档读取", "grants"),
        (
            lambda g: g.wait(ANYBODY, "/me", why="派单", seen=lambda it: it["state"] == "x", seconds=0.2),
            "发生",
            "submitted",
        ),
    ],
    ids=["unequal", "untrue", "status", "content", "too late"],
)
def test_what_is_not_as_it_should_be_ends_the_tour(
    audience: Audience, play: Callable[[Guide], None], wanted: str, got: str
) -> None:
    assert not audience.sees(lambda: play(audience.guide))
    assert "✗ 第 1. 某一步 没有做到" in audience.read
    assert f"应为：{wanted}" in audience.read
    assert got in audience.read.partition("实为：")[2]
    assert "2. 下一步" not in audience.read


def test_no_answer_at_all_ends_the_tour() -> None:
    def silence(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    audience = Audience(silence)
    assert not audience.sees(lambda: audience.guide.call(ANYBODY, "GET", "/me", why="我") and None)
    assert "ReadTimeout" in audience.read


def test_waiting_ends_as_soon_as_it_is_seen() -> None:
    states = iter(["submitted", "submitted", "dispatched"])
    audience = Audience(lambda request: httpx.Response(200, json={"state": next(states)}))
    seen = audience.guide.wait(
        ANYBODY, "/me", why="派单", seen=lambda it: it["state"] == "dispatched", seconds=5
    )
    assert seen == {"state": "dispatched"}
    assert "问了 3 次" in audience.read


def test_posts_of_somebody_signed_in_carry_a_key_of_their_own(audience: Audience) -> None:
    for _ in range(2):
        audience.guide.call(ANYBODY, "POST", "/cases", why="提交")
    audience.guide.call(ANYBODY, "POST", "/cases", key="same", why="重试")
    keys = [request.headers["idempotency-key"] for request in audience.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "same"


def test_the_report_counts_calls_by_their_kind_and_only_successful_ones() -> None:
    audience = Audience(
        lambda request: httpx.Response(404 if request.url.path.endswith("/me") else 200, json={})
    )
    audience.guide.call(ANYBODY, "GET", f"/cases/{CASE}", why="一件")
    audience.guide.call(ANYBODY, "GET", f"/cases/{CASE[:-1]}c?x=1", why="又一件")
    audience.guide.call(ANYBODY, "GET", "/me", wanted=404, why="没有")
    audience.guide.report()
    line = next(line for line in audience.read.splitlines() if "GET /v1/cases/{id}" in line)
    assert line.split()[2] == "2"
    assert "GET /v1/me " not in audience.read.partition("调用")[2]


def test_the_phone_gives_codes_and_shows_messages_of_its_own(wechat_simulator: Simulator) -> None:
    phones = Phones(wechat_simulator.http)
    code, openid = phones.login("xiaoman")
    assert code != phones.login("xiaoman")[0]
    assert openid == wechat_simulator.openid("xiaoman")
    assert phones.messages(openid) == []


def test_a_simulator_that_refuses_ends_the_tour() -> None:
    http = httpx.Client(
        base_url="http://sim.test", transport=httpx.MockTransport(lambda _: httpx.Response(500))
    )
    with pytest.raises(Broken, match="500"):
        Phones(http).login("xiaoman")
