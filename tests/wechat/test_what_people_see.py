"""Each way the platform can misbehave, and what a person in front of the mini-program sees of it, over HTTP.

A fault of the simulator that has no line in SEEN fails here, and so does a way to damage a push without one.
"""

from collections.abc import Awaitable, Callable
from typing import Any, get_args

import httpx
import pytest
from sqlalchemy import text

from api.services.content import deciding
from api.wechat.simulator import pushes
from api.wechat.simulator.faults import FaultName
from api.wechat.simulator.sealing import Damage
from tests.town import Town
from tests.wechat_fixture import Simulator

LOGIN, PHONE = "/sns/jscode2session", "/wxa/business/getuserphonenumber"
TEXT, DRAW, FETCH = "/wxa/msg_sec_check", "/wxa/getwxacodeunlimit", "/cgi-bin/stable_token"
Pump = Callable[[], Awaitable[None]]
Story = tuple[str, str, dict[str, Any]]
"""What the person does, the call that fails, and how."""

AWAY = (503, "wechat_unavailable", "微信服务暂时不可用")
LOST = (401, "wechat_code_invalid", "与微信的通信中断")
TAP_AGAIN = (422, "wechat_phone_code_invalid", "请重新授权")
HIDDEN, IN_REVIEW, SHOWN = ("pending", 404), ("review", 404), ("pass", 200)
SEEN: dict[FaultName, tuple[Story, tuple[Any, ...]]] = {
    FaultName.busy: (("log in", LOGIN, {}), AWAY),
    FaultName.error: (("log in", LOGIN, {"errcode": 40226}), (403, "wechat_user_blocked", "存在风险")),
    FaultName.minute_limit: (("log in", LOGIN, {}), (503, "wechat_unavailable", "当前使用人数较多")),
    FaultName.day_quota: (("log in", LOGIN, {}), AWAY),
    FaultName.omit_errcode: (("log in", LOGIN, {}), (201, "", "")),
    FaultName.errcode_as_text: (("log in", LOGIN, {}), (201, "", "")),
    FaultName.code_expired: (("log in", LOGIN, {}), (401, "wechat_code_invalid", "已过期")),
    FaultName.lost_answer: (("log in", LOGIN, {}), LOST),
    FaultName.hung_answer: (("log in", LOGIN, {}), LOST),
    FaultName.slow_drip: (("log in", LOGIN, {"seconds": 0.05}), LOST),
    FaultName.gateway_page: (("log in", LOGIN, {}), LOST),
    FaultName.cut_off: (("log in", LOGIN, {}), LOST),
    FaultName.phone_mismatch: (("give the phone number", PHONE, {}), TAP_AGAIN),
    FaultName.foreign_watermark: (("give the phone number", PHONE, {}), TAP_AGAIN),
    FaultName.old_watermark: (("give the phone number", PHONE, {}), TAP_AGAIN),
    FaultName.wrong_type: (("look at a code", DRAW, {}), (200, "image/png")),
    FaultName.label_as_text: (("write", TEXT, {}), SHOWN),
    FaultName.short_expiry: (("write", FETCH, {}), SHOWN),
    FaultName.early_rotation: (("write", FETCH, {}), SHOWN),
    FaultName.stuck_token: (("write", FETCH, {}), HIDDEN),
    FaultName.not_visited: (("write", TEXT, {}), IN_REVIEW),
}
DAMAGED: tuple[Damage, ...] = ("appid", "padding", "length", "signature", "base64", "stale", "entity")
"""A verdict that came so is turned away: the picture goes on waiting."""


async def _does(town: Town, simulator: Simulator, pump: Pump, what: str, person: str) -> tuple[Any, ...]:
    """What the person sees when doing `what`."""
    match what:
        case "log in":
            code = simulator.login_code(person)
            answer = await town.client.post("/v1/sessions", json={"code": code})
        case "give the phone number":
            code = simulator.phone_code(town.here.resident.name)
            answer = await town.here.resident.post("/me/phone", {"code": code})
        case "look at a code":
            answer = await town.stranger.get(f"/codes/community/{town.here.place}")
            return answer.status_code, answer.headers["content-type"]
        case _:
            case = await town.submit(visibility="public")
            await pump()
            mine = (await town.here.resident.get(f"/cases/{case['id']}")).json()
            return mine["content"], (await town.stranger.get(f"/cases/{case['id']}")).status_code
    found = answer.json()
    return answer.status_code, found.get("code", ""), _words(answer, found)


def _words(answer: httpx.Response, found: dict[str, Any]) -> str:
    return "" if answer.is_success else f"{found['title']} {found['detail']}"


async def test_each_fault_of_the_platform_and_what_a_person_sees_of_it(
    town: Town, pump: Pump, wechat_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SEEN.keys() == set(FaultName), "say in SEEN what a person sees of it"
    monkeypatch.setattr(deciding, "drawn_for_sampling", lambda _: False)
    monkeypatch.setattr(town.app.state.wechat._transport, "_timeout", 0.5)
    wrong = {}
    for name, ((what, path, how), expected) in SEEN.items():
        for key in await town.app.state.redis.keys("linli:wechat:*"):  # what an earlier one has used up
            await town.app.state.redis.delete(key)
        if name is FaultName.stuck_token:
            await town.app.state.wechat.tokens.current()
            wechat_simulator.order("tokens", action="kill")
        wechat_simulator.fault(name, path=path, **how)
        before = len(wechat_simulator.calls(LOGIN))
        seen = await _does(town, wechat_simulator, pump, what, f"来人-{name}")
        if what == "log in" and len(wechat_simulator.calls(LOGIN)) - before != 1:
            wrong[name] = "a code was tried twice"
        if seen[:-1] != expected[:-1] or str(expected[-1]) not in str(seen[-1]):
            wrong[name] = str(seen)
        wechat_simulator.http.delete("/_control/faults")
    assert wrong == {}


async def test_a_verdict_that_comes_damaged_shows_no_picture(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    assert set(DAMAGED) == set(get_args(Damage)), "put it into DAMAGED"
    who = town.here.resident
    wechat_simulator.behave(pushes="never")
    await who.call("PATCH", "/me", json={"avatar": "https://example.org/a.jpg"})
    await pump()
    async with town.app.state.db.reading() as tx:
        asked = text("select trace_id from content_checks where what = 'picture' order by id desc limit 1")
        trace_id = (await tx.execute(asked)).scalar_one()
    verdict = pushes.message(
        "wxa_media_check", "oPlatformAccount", trace_id=trace_id, errcode=0, version=2,
        result={"suggest": "pass", "label": 100},
    )  # fmt: skip
    for damage in DAMAGED:
        form = "xml" if damage == "entity" else "json"
        style = pushes.Style(format=form, damage=damage)  # type: ignore[arg-type]
        query, body, kind = pushes.pack(wechat_simulator.platform, verdict, style)
        answer = await town.client.post(
            "/wechat/push", params=query, content=body, headers={"content-type": kind}
        )
        await pump()
        assert (answer.status_code, (await who.get("/me")).json()["avatar"]) == (403, None), damage
    query, body, kind = pushes.pack(wechat_simulator.platform, verdict, pushes.Style())
    answer = await town.client.post(
        "/wechat/push", params=query, content=body, headers={"content-type": kind}
    )
    await pump()
    assert (answer.status_code, (await who.get("/me")).json()["avatar"]) == (200, "https://example.org/a.jpg")
