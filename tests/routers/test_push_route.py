"""The platform's pushes at our door: kept once for good, answered at once, acted on from the queue."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.kit import clock
from api.kit.cache import Redis
from api.kit.db import Database
from api.models.notices import SendState
from api.services import ledger, sending
from api.services.sending import Outcome, Sender
from api.wechat.simulator import pushes
from tests.services.test_sending import person, row, tell
from tests.town import Actor, Town
from tests.wechat import oracle
from tests.wechat_fixture import Simulator

PATH = "/wechat/push"
FORMATS = pytest.mark.parametrize("form", ["json", "xml"])
Pump = Callable[[], Awaitable[None]]
Push = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def push(client: httpx.AsyncClient, wechat_simulator: Simulator) -> Push:
    """Send one event as the platform does."""

    async def send(message: dict[str, Any], **style: Any) -> httpx.Response:
        query, body, kind = pushes.pack(wechat_simulator.platform, message, pushes.Style(**style))
        return await client.post(PATH, params=query, content=body, headers={"content-type": kind})

    return send


async def count(db: Database, what: str) -> int:
    async with db.reading() as tx:
        return int((await tx.execute(text(f"select count(*) from {what}"))).scalar_one())


def privacy(simulator: Simulator, event: str, who: Actor, **members: Any) -> dict[str, Any]:
    return pushes.privacy(simulator.platform, event, simulator.openid(who.name), **members)


@FORMATS
async def test_a_push_is_kept_once_over_repeats_replays_and_a_redis_that_forgot(
    db: Database, push: Push, redis: Redis, wechat_simulator: Simulator, form: str
) -> None:
    message = pushes.answered(wechat_simulator.openid("张三"), {"one": "accept"})
    for _ in range(3):
        answer = await push(message, format=form)
        assert (answer.status_code, answer.text) == (200, "success")
        await redis.flushall()
    assert await count(db, "wechat_pushes") == 1
    assert await count(db, "events where subject_kind = 'wechat_push'") == 1


@FORMATS
@pytest.mark.parametrize("damage", ["signature", "stale", "appid", "padding", "length", "base64"])
async def test_a_damaged_push_is_turned_away_and_leaves_nothing(
    db: Database, push: Push, form: str, damage: str
) -> None:
    answer = await push(pushes.message("debug_demo", "oA"), format=form, damage=damage)
    assert (answer.status_code, answer.text) == (403, "")
    assert await count(db, "wechat_pushes") == 0


async def test_a_push_too_large_is_not_read_to_its_end(push: Push, client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, content=b"x" * 70_000)
    assert answer.status_code == 403


async def test_the_address_check_is_answered(client: httpx.AsyncClient, wechat_simulator: Simulator) -> None:
    moment = str(int(clock.now().timestamp()))
    right = oracle.sha1(wechat_simulator.config.push_token, moment, "15147114")
    query = {"signature": right, "timestamp": moment, "nonce": "15147114", "echostr": "437512"}
    assert (await client.get(PATH, params=query)).text == "437512"
    assert (await client.get(PATH, params=query | {"signature": "x"})).status_code == 403


async def test_a_push_that_cannot_be_kept_comes_again(
    db: Database, push: Push, app: FastAPI, wechat_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = pushes.answered(wechat_simulator.openid("张三"), {"one": "accept"})
    packed = pushes.pack(wechat_simulator.platform, message, pushes.Style())
    monkeypatch.setattr(pushes, "pack", lambda *_: packed)  # the very same request again
    whole = app.state.db
    app.state.db = Database("postgresql://nobody@127.0.0.1:1/none")
    assert (await push(message)).status_code == 503
    app.state.db = whole
    assert (await push(message)).text == "success"
    assert await count(db, "wechat_pushes") == 1


async def test_the_answer_does_not_wait_for_the_work(
    db: Database, push: Push, pump: Pump, wechat_simulator: Simulator
) -> None:
    began = time.monotonic()
    await push(pushes.answered(wechat_simulator.openid("张三"), {"one": "accept"}))
    assert time.monotonic() - began < 5
    assert await count(db, "wechat_pushes where done_at is null") == 1
    await pump()
    assert await count(db, "wechat_pushes where done_at is null") == 0


@FORMATS
async def test_one_tap_told_by_phone_and_platform_pays_once_and_the_settings_take_all(
    town: Town, push: Push, pump: Pump, wechat_simulator: Simulator, form: str
) -> None:
    who = town.here.resident
    openid = wechat_simulator.openid(who.name)

    async def balance() -> int:
        body = {"template": "case_progress", "result": "reject"}
        return int((await who.post("/subscriptions", body)).json()["credits"])

    await who.post("/subscriptions", {"template": "case_progress", "result": "accept"})
    await push(pushes.answered(openid, {"case_progress": "accept", "daily_digest": "reject"}), format=form)
    await pump()
    assert await balance() == 1
    clock.move(sending.STALE_AFTER)
    await push(pushes.answered(openid, {"case_progress": "accept"}), format=form)
    await pump()
    assert await balance() == 2
    await push(pushes.answered(openid, {"case_progress": "reject"}, changed=True), format=form)
    await pump()
    assert await balance() == 0


@pytest.mark.parametrize(
    ("known", "errcode", "state"),
    [(True, 0, "sent"), (True, 1, "failed"), (False, 0, "sent"), (False, 1, "failed")],
)
async def test_what_became_of_a_message_is_believed_by_its_id_or_else_by_whom_it_went_to(
    db: Database, push: Push, pump: Pump, wechat_simulator: Simulator, known: bool, errcode: int, state: str
) -> None:
    openid = wechat_simulator.visitor("张三")
    who = await person(db, openid, consents=2)
    message_id, other = await tell(db, who), await tell(db, who)

    async def deliver(message: Any) -> Outcome:
        if known:
            return Outcome(SendState.sent, platform_id=f"id-{message.id}")
        return Outcome(SendState.unknown, "no answer")

    sender = Sender(db, deliver)
    assert await sender.run_one()
    assert await sender.run_one()
    item = {"TemplateId": "case_progress", "MsgID": f"id-{message_id}", "ErrorCode": str(errcode),
            "ErrorStatus": "success" if errcode == 0 else "user block"}  # fmt: skip
    await push(pushes.message("subscribe_msg_sent_event", openid, List=item))
    await pump()
    found = await row(db, message_id)
    assert (found.state, found.platform_id, found.spent) == (state, f"id-{message_id}", True)
    assert (await row(db, other)).state == ("sent" if known else "unknown")
    async with db.reading() as tx:
        assert await ledger.balance(tx, who, "case_progress") == 0


async def test_a_closed_wechat_account_starts_the_same_way_out(
    town: Town, db: Database, push: Push, pump: Pump, wechat_simulator: Simulator
) -> None:
    who = town.here.resident
    await push(privacy(wechat_simulator, "user_authorization_cancellation", who))
    await pump()
    found = (await who.get("/me/erasure")).json()
    assert (found["state"], found["source"], found["moves"]) == ("requested", "platform", ["cancel"])
    assert "注销申请已受理" in [n["title"] for n in (await who.get("/notices")).json()["items"]]


async def test_a_phone_taken_back_in_wechats_settings_is_gone_here(
    town: Town, push: Push, pump: Pump, wechat_simulator: Simulator
) -> None:
    who = town.here.resident
    code = wechat_simulator.phone_code(who.name, "13900001234")
    assert (await who.post("/me/phone", {"code": code})).json()["phone"]
    await push(privacy(wechat_simulator, "user_authorization_revoke", who, revoked="1"))
    await pump()
    assert (await who.get("/me")).json()["phone"]
    await push(privacy(wechat_simulator, "user_authorization_revoke", who, revoked="8"))
    await pump()
    assert (await who.get("/me")).json()["phone"] is None
    [consent] = (await who.get("/me/consents")).json()["items"]
    assert (consent["purpose"], consent["granted"]) == ("phone", False)


async def test_a_profile_the_platform_cleaned_is_cleaned_here(
    town: Town, push: Push, pump: Pump, wechat_simulator: Simulator
) -> None:
    who = town.here.resident
    await who.call("PATCH", "/me", json={"nickname": "坏名字", "avatar": "https://example.org/a.png"})
    await push(privacy(wechat_simulator, "user_info_modified", who))
    await pump()
    me = (await who.get("/me")).json()
    assert (me["nickname"], me["avatar"]) == ("微信居民", None)


async def test_events_of_strangers_and_of_unknown_kinds_do_no_harm(
    db: Database, push: Push, pump: Pump, wechat_simulator: Simulator
) -> None:
    stranger = Actor("无人", None, None)  # type: ignore[arg-type]
    for event in ("user_authorization_cancellation", "user_authorization_revoke", "user_info_modified"):
        assert (await push(privacy(wechat_simulator, event, stranger, revoked="8"))).text == "success"
    await push(pushes.message("something_new", "oA"))
    await pump()
    assert await count(db, "wechat_pushes where done_at is null") == 0
    assert await count(db, "deliveries") == 0
