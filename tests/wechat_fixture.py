"""The WeChat simulator beside the tests: a real HTTP server on a free loopback port, and a hand on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.wechat.config import WeChatConfig
from api.wechat.simulator.platform import Platform
from api.wechat.simulator.server import simulator_running
from tests import secrecy

ACCOUNT = WeChatConfig(
    appid="wx0123456789abcdef",
    secret="simulated-secret-5f1e8d",
    push_token="simulated-push-token-93c2",
    push_aes_key="SimulatedEncodingAESKey0123456789abcdefghij",
    base="",
    timeout=3.0,
)
"""The simulated account; `Simulator.config` is the same with the address filled in."""


@dataclass(frozen=True)
class Simulator:
    """The running simulator: `config` for the program under test, the methods for the test."""

    base: str
    config: WeChatConfig
    platform: Platform
    """Its memory. Only for looking: it belongs to the server's thread."""
    http: httpx.Client

    def order(self, path: str, /, **order: Any) -> dict[str, Any]:
        """POST /_control/<path>; see api/wechat/simulator/control.py for the orders."""
        answer = self.http.post(f"/_control/{path}", json=order)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def login_code(self, name: str) -> str:
        """A wx.login code of the demo person `name`."""
        return str(self.order("codes", name=name)["code"])

    def phone_code(self, name: str, phone: str = "13900001234") -> str:
        return str(self.order("codes", name=name, kind="phone", phone=phone)["code"])

    def openid(self, name: str) -> str:
        return self.platform.openid_of(name)

    def visitor(self, name: str, **person: Any) -> str:
        """The openid of `name`, who has just opened the mini-program."""
        return str(self.order("people", openid=self.openid(name), **person)["openid"])

    def consent(self, openid: str, template_id: str, answer: str = "accept") -> dict[str, Any]:
        """The person answers the popup for one template: a credit, and a push where a callback is set."""
        return self.order("consents", openid=openid, choices={template_id: answer})

    def fault(self, name: str, /, **how: Any) -> None:
        self.order("faults", name=name, **how)

    def behave(self, **behaviour: Any) -> None:
        answer = self.http.patch("/_control/behaviour", json=behaviour)
        assert answer.status_code == 200, answer.text

    def messages(self) -> list[dict[str, Any]]:
        """Subscription messages that arrived."""
        return list(self.http.get("/_control/messages").json()["messages"])

    def calls(self, path: str = "") -> list[int | None]:
        """The errcodes of the calls made so far (to `path`), in order."""
        made = self.http.get("/_control/calls").json()["calls"]
        return [call["errcode"] for call in made if path in ("", call["path"])]

    def reset(self) -> None:
        self.order("reset")


@pytest.fixture(scope="session")
def wechat_platform() -> Iterator[Simulator]:
    """One simulator for the run; its memory is not cleared between tests."""
    with simulator_running(ACCOUNT) as (base, platform), httpx.Client(base_url=base, trust_env=False) as http:
        config = WeChatConfig(
            appid=ACCOUNT.appid,
            secret=ACCOUNT.secret,
            push_token=ACCOUNT.push_token,
            push_aes_key=ACCOUNT.push_aes_key,
            base=base,
            timeout=ACCOUNT.timeout,
        )
        for secret in (config.secret, config.push_token, config.push_aes_key):
            secrecy.keep("secret of the account", secret)
        secrecy.keep_all("secret of the platform", platform.minted)
        yield Simulator(base, config, platform, http)


@pytest.fixture
def wechat_simulator(wechat_platform: Simulator) -> Simulator:
    """The run's simulator as if it had just been started."""
    wechat_platform.reset()
    return wechat_platform
