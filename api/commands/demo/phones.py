"""The phones of the demo's people: the hand on the WeChat simulator that stands in for the WeChat app."""

from typing import Any

import httpx

from api.commands.demo.guide import Broken


class Phones:
    """`http` speaks to the simulator."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def login(self, phone: str) -> tuple[str, str]:
        """wx.login on the phone the simulator knows by this name: (code, openid)."""
        minted = self._order("codes", name=phone)
        return minted["code"], minted["openid"]

    def agree(self, openid: str, template: str) -> None:
        """The person taps “允许” for one message of `template`."""
        self._order("consents", openid=openid, choices={template: "accept"})

    def messages(self, openid: str) -> list[dict[str, Any]]:
        """Subscription messages that arrived on the phone."""
        found = self._answer(self._http.get("/_control/messages"))["messages"]
        return [message for message in found if message["openid"] == openid]

    def _order(self, what: str, **order: Any) -> dict[str, Any]:
        return self._answer(self._http.post(f"/_control/{what}", json=order))

    def _answer(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code != 200:
            raise Broken(f"微信模拟器 {answer.request.url.path}", 200, f"{answer.status_code} {answer.text}")
        content: dict[str, Any] = answer.json()
        return content
