"""The gate alone: what it lets in, what it turns away, and with which word."""

import json
from datetime import timedelta
from typing import Any

import pytest

from api.kit import cache, clock
from api.wechat.crypto import PushCrypto
from api.wechat.events import (
    read_xml,
)
from api.wechat.push import PUSH_LIMIT, PushGate, PushRejected, PushReplayed
from api.wechat.simulator import pushes
from api.wechat.simulator.platform import Platform
from tests.wechat import oracle
from tests.wechat_fixture import Simulator

FORMATS = pytest.mark.parametrize("form", ["json", "xml"])


def packed(platform: Platform, **style: Any) -> tuple[dict[str, str], bytes]:
    query, body, _ = pushes.pack(platform, pushes.message("debug_demo", "oA"), pushes.Style(**style))
    return query, body


async def rejection(gate: PushGate, query: dict[str, str], body: bytes) -> str:
    with pytest.raises(PushRejected) as rejected:
        await gate.open(query, body)
    return rejected.value.reason


async def test_digits_cannot_move_between_timestamp_and_nonce(
    wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    """The signature joins its parts without separators, so the shifted pair has the same signature."""
    gate = PushGate(wechat_simulator.config, redis)
    query, body = packed(wechat_simulator.platform)
    moved = query | {"timestamp": query["timestamp"] + query["nonce"][0], "nonce": query["nonce"][1:]}
    assert await rejection(gate, moved, body) == "query"
    await gate.open(query, body)


async def test_a_replay_is_known_by_its_signature_whatever_the_query_says(
    wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    gate = PushGate(wechat_simulator.config, redis)
    query, body = packed(wechat_simulator.platform)
    await gate.open(query, body)
    with pytest.raises(PushReplayed):
        await gate.open(query | {"openid": "another", "signature": "x"}, body + b" ")


async def test_the_gate_judges_by_msg_signature_alone_in_safe_mode(
    wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    gate = PushGate(wechat_simulator.config, redis)
    query, body = packed(wechat_simulator.platform)
    assert await rejection(gate, query | {"msg_signature": query["signature"]}, body) == "signature"
    assert await rejection(gate, query | {"encrypt_type": "raw", "msg_signature": ""}, body) == "signature"


@pytest.mark.parametrize(
    ("query", "body", "reason"),
    [
        ({"timestamp": ""}, None, "query"),
        ({"timestamp": "1e9"}, None, "query"),
        ({"timestamp": "٣٣٣٣٣٣٣٣٣٣"}, None, "query"),
        ({"nonce": ""}, None, "query"),
        ({"nonce": "a b"}, None, "query"),
        ({}, b"x" * (PUSH_LIMIT + 1), "size"),
        ({}, b"\xff\xfe", "utf-8"),
        ({}, b"", "malformed"),
        ({}, b"[1]", "json"),
        ({}, b'{"a":' * 10_000, "malformed"),
        ({}, b"{}", "plain"),
        ({}, b'{"Encrypt": 5}', "plain"),
        ({}, b"<xml></xml>", "xml"),
        ({}, b"<xml><a></xml>", "xml"),
        ({}, b"<a>" * 20_000, "xml"),
        ({}, b'<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>', "xml"),
    ],
)
async def test_nonsense_is_turned_away_with_one_word(
    wechat_simulator: Simulator, redis: cache.Redis, query: dict[str, str], body: bytes | None, reason: str
) -> None:
    whole, packed_body = packed(wechat_simulator.platform)
    gate = PushGate(wechat_simulator.config, redis)
    assert await rejection(gate, whole | query, packed_body if body is None else body) == reason


async def test_a_push_older_than_five_minutes_is_stale_and_one_from_the_future_too(
    wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    gate = PushGate(wechat_simulator.config, redis)
    query, body = packed(wechat_simulator.platform)
    for shift in (timedelta(minutes=6), timedelta(minutes=-12)):
        clock.move(shift)
        assert await rejection(gate, query, body) == "stale"
    clock.move(timedelta(minutes=6))
    await gate.open(query, body)


async def test_the_memory_of_replays_outlives_the_window(
    wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    gate = PushGate(wechat_simulator.config, redis)
    push = await gate.open(*packed(wechat_simulator.platform))
    assert await redis.ttl(push.seen_key) > 590


@FORMATS
async def test_a_reply_can_be_opened_by_the_platform(
    wechat_simulator: Simulator, redis: cache.Redis, form: Any
) -> None:
    config = wechat_simulator.config
    written = PushGate(config, redis).reply("收到", {"nonce": "415670741"}, form)
    members = json.loads(written) if form == "json" else read_xml(written)
    assert set(members) == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
    assert members["TimeStamp"] == (
        int(members["TimeStamp"]) if form == "json" else str(members["TimeStamp"])
    )
    query = {
        "timestamp": str(members["TimeStamp"]),
        "nonce": members["Nonce"],
        "msg_signature": members["MsgSignature"],
    }
    opened = oracle.open_push(config.push_token, config.push_aes_key, config.appid, query, members["Encrypt"])
    assert opened == "收到"


def test_a_reply_repeats_no_nonce_that_could_not_have_been_accepted(
    wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    with pytest.raises(PushRejected):
        PushGate(wechat_simulator.config, redis).reply("收到", {"nonce": "1</Nonce>"}, "xml")


def test_a_gate_without_a_key_does_not_open() -> None:
    with pytest.raises(ValueError, match="EncodingAESKey"):
        PushCrypto("token", "", "wx0")
