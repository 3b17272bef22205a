"""Pushes from the simulator to a callback over real HTTP, behaving and misbehaving."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.kit import cache, clock
from api.wechat.client import WeChat
from api.wechat.events import (
    AuthorizationCancelled,
    AuthorizationRevoked,
    MediaChecked,
    MessageSent,
    SubscriptionAnswered,
    UserInfoModified,
)
from api.wechat.push import PushGate
from api.wechat.results import Scene, Suggest
from tests.wechat import oracle
from tests.wechat.receiver import Receiver, receiving
from tests.wechat_fixture import Simulator

FORMATS = pytest.mark.parametrize("form", ["json", "xml"])


@pytest.fixture
async def receiver(wechat_simulator: Simulator, redis: cache.Redis) -> AsyncIterator[Receiver]:
    async with receiving(PushGate(wechat_simulator.config, redis)) as receiver:
        wechat_simulator.behave(callback=receiver.url)
        yield receiver
        wechat_simulator.behave(callback=None)


async def order(simulator: Simulator, path: str, /, **how: Any) -> list[dict[str, Any]]:
    """An order that makes the simulator call back into this loop."""
    answers: list[dict[str, Any]] = (await asyncio.to_thread(simulator.order, path, **how)).get("answers", [])
    return answers


@FORMATS
async def test_a_picture_is_checked_and_the_verdict_comes_by_push(
    wechat: WeChat, wechat_simulator: Simulator, receiver: Receiver, form: str
) -> None:
    wechat_simulator.behave(push_format=form)
    openid = wechat_simulator.visitor("张三")
    good = await wechat.check_media("https://a.example/p.jpg", openid=openid, scene=Scene.forum)
    bad = await wechat.check_media("https://a.example/risky.jpg", openid=openid, scene=Scene.forum)
    verdicts = {e.trace_id: e for e in await receiver.until(2) if isinstance(e, MediaChecked)}
    assert (verdicts[good].suggest, verdicts[good].label, verdicts[good].version) == (Suggest.passed, 100, 2)
    assert (verdicts[bad].suggest, verdicts[bad].label) == (Suggest.risky, 20002)


@pytest.mark.parametrize("version", [1, 2])
async def test_a_picture_that_cannot_be_downloaded_goes_to_a_person(
    wechat: WeChat, wechat_simulator: Simulator, receiver: Receiver, version: int
) -> None:
    wechat_simulator.behave(media_version=version)
    openid = wechat_simulator.visitor("张三")
    gone = receiver.url.removesuffix("/push") + "/gone.jpg"
    await wechat.check_media(gone, openid=openid, scene=Scene.forum)
    [event] = await receiver.until(1)
    assert isinstance(event, MediaChecked)
    assert (event.errcode, event.suggest, event.version) == (-1008, Suggest.review, version)


@FORMATS
async def test_verdicts_in_the_old_shape_are_read(
    wechat: WeChat, wechat_simulator: Simulator, receiver: Receiver, form: str
) -> None:
    wechat_simulator.behave(push_format=form, media_version=1)
    openid = wechat_simulator.visitor("张三")
    for picture in ("fine.jpg", "risky.jpg"):
        await wechat.check_media(f"https://a.example/{picture}", openid=openid, scene=Scene.forum)
    events = [event for event in await receiver.until(2) if isinstance(event, MediaChecked)]
    assert {event.suggest for event in events} == {Suggest.passed, Suggest.risky}
    assert {event.version for event in events} == {1}


async def test_verdicts_that_come_late_twice_and_out_of_order_count_once_each(
    wechat: WeChat, wechat_simulator: Simulator, receiver: Receiver
) -> None:
    wechat_simulator.behave(pushes="hold")
    openid = wechat_simulator.visitor("张三")
    traces = [
        await wechat.check_media(f"https://a.example/{n}.jpg", openid=openid, scene=Scene.forum)
        for n in range(3)
    ]
    assert receiver.events == []
    answers = await order(wechat_simulator, "release", order="reverse", copies=2)
    assert [answer["status"] for answer in answers] == [200] * 6
    assert [event.trace_id for event in receiver.events if isinstance(event, MediaChecked)] == traces[::-1]


async def test_verdicts_that_never_come_leave_nothing_behind(
    wechat: WeChat, wechat_simulator: Simulator, receiver: Receiver
) -> None:
    wechat_simulator.behave(pushes="never")
    openid = wechat_simulator.visitor("张三")
    trace = await wechat.check_media("https://a.example/p.jpg", openid=openid, scene=Scene.forum)
    assert trace
    assert await order(wechat_simulator, "release") == []
    assert receiver.events == []


@FORMATS
async def test_one_template_and_several_are_read_alike(
    wechat_simulator: Simulator, receiver: Receiver, form: str
) -> None:
    wechat_simulator.behave(push_format=form)
    openid = wechat_simulator.visitor("张三")
    await order(wechat_simulator, "consents", openid=openid, choices={"one": "accept"})
    await order(wechat_simulator, "consents", openid=openid, choices={"one": "accept", "two": "reject"})
    await order(wechat_simulator, "consents", openid=openid, choices={"one": "reject"}, changed=True)
    told = [
        (event.kind, [(choice.template_id, choice.accepted) for choice in event.choices])
        for event in receiver.events
        if isinstance(event, SubscriptionAnswered) and event.sender == openid
    ]
    assert told == [
        ("subscribe_msg_popup_event", [("one", True)]),
        ("subscribe_msg_popup_event", [("one", True), ("two", False)]),
        ("subscribe_msg_change_event", [("one", False)]),
    ]


@FORMATS
async def test_what_became_of_a_message_is_told_by_its_id(
    wechat: WeChat, wechat_simulator: Simulator, receiver: Receiver, form: str
) -> None:
    wechat_simulator.behave(push_format=form, credits_needed=False)
    openid = wechat_simulator.visitor("张三")
    message_id = await wechat.send_message(openid, "one", {"thing1": "已答复"})
    [event] = await receiver.until(1)
    assert isinstance(event, MessageSent)
    [outcome] = event.outcomes
    assert (outcome.template_id, outcome.message_id, outcome.errcode) == ("one", message_id, 0)


@FORMATS
async def test_privacy_events_name_the_person_and_not_the_sender(
    wechat_simulator: Simulator, receiver: Receiver, form: str
) -> None:
    wechat_simulator.behave(push_format=form)
    openid = wechat_simulator.visitor("张三")
    for event, revoked in (
        ("user_authorization_revoke", "8"),
        ("user_authorization_cancellation", ""),
        ("user_info_modified", ""),
    ):
        [answer] = await order(wechat_simulator, "privacy", event=event, openid=openid, revoked=revoked)
        assert answer == {"status": 200, "body": "success"}
    revoke, cancel, modified = receiver.events
    assert isinstance(revoke, AuthorizationRevoked)
    assert (revoke.openid, revoke.scopes) == (openid, (8,))
    assert isinstance(cancel, AuthorizationCancelled)
    assert isinstance(modified, UserInfoModified)
    assert cancel.openid == modified.openid == openid != cancel.sender


@FORMATS
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("appid", "appid"),
        ("padding", "padding"),
        ("length", "length"),
        ("signature", "signature"),
        ("base64", "base64"),
        ("stale", "stale"),
    ],
)
async def test_a_damaged_push_is_turned_away(
    wechat_simulator: Simulator, receiver: Receiver, form: str, damage: str, reason: str
) -> None:
    [answer] = await order(wechat_simulator, "pushes", event="debug_demo", damage=damage, format=form)
    assert answer["status"] == 403
    assert (receiver.events, receiver.rejections) == ([], [reason])


async def test_xml_with_entities_is_turned_away(wechat_simulator: Simulator, receiver: Receiver) -> None:
    [answer] = await order(wechat_simulator, "pushes", event="debug_demo", damage="entity", format="xml")
    assert answer["status"] == 403
    assert receiver.rejections == ["xml"]


async def test_a_replayed_request_is_answered_and_does_nothing(
    wechat_simulator: Simulator, receiver: Receiver
) -> None:
    answers = await order(wechat_simulator, "pushes", event="debug_demo", copies=3, verbatim=True)
    assert [answer["body"] for answer in answers] == ["success"] * 3
    assert (len(receiver.events), receiver.replays) == (1, 2)


async def test_a_push_that_could_not_be_queued_gets_in_at_the_next_attempt(
    wechat_simulator: Simulator, receiver: Receiver
) -> None:
    receiver.failing = 1
    [answer] = await order(wechat_simulator, "pushes", event="debug_demo")
    assert answer == {"status": 200, "body": "success"}
    assert (len(receiver.events), receiver.replays) == (1, 0)


async def test_an_unencrypted_push_is_turned_away(
    wechat_simulator: Simulator, receiver: Receiver, redis: cache.Redis
) -> None:
    [answer] = await order(wechat_simulator, "pushes", event="debug_demo", plain=True)
    assert answer["status"] == 403
    assert receiver.rejections == ["plain"]
    receiver.gate = PushGate(replace(wechat_simulator.config, push_plain=True), redis)
    [answer] = await order(wechat_simulator, "pushes", event="debug_demo", plain=True)
    assert answer["status"] == 200
    [answer] = await order(wechat_simulator, "pushes", event="debug_demo", plain=True, damage="signature")
    assert answer["status"] == 403


async def test_the_address_check_is_answered_with_the_echo(
    wechat_simulator: Simulator, receiver: Receiver
) -> None:
    timestamp = str(int(clock.now().timestamp()))
    good = oracle.sha1(wechat_simulator.config.push_token, timestamp, "1514711492")
    query = {
        "signature": good,
        "timestamp": timestamp,
        "nonce": "1514711492",
        "echostr": "4375120948345356249",
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        right = await http.get(receiver.url, params=query)
        wrong = await http.get(receiver.url, params=query | {"signature": good[::-1]})
        old = await http.get(receiver.url, params=query | {"timestamp": "1714036504"})
    assert (right.status_code, right.text) == (200, "4375120948345356249")
    assert (wrong.status_code, old.status_code) == (403, 403)
    assert receiver.rejections == ["signature", "stale"]
