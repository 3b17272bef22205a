"""Damaged messages: each ends in CryptoRejected, never in another exception, and none is let in.

LINLI_TEST_CORRUPTIONS=100000 damages as many; some thousands are enough for every day.
"""

import base64
import json
import os
import random
import string

import pytest

from api.wechat import crypto
from api.wechat.crypto import CryptoRejected, PushCrypto
from tests.wechat import oracle

TOKEN, KEY, APPID = "corruption-token", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wxb11529c136998cb6"
TIMESTAMP, NONCE = "1714112445", "415670741"
MESSAGE = json.dumps({"MsgType": "event", "Event": "wxa_media_check", "trace_id": "60ae120f", "备注": "测试"})
CORRUPTIONS = int(os.environ.get("LINLI_TEST_CORRUPTIONS", "6000"))
ANY = string.ascii_letters + string.digits + "+/=-_ \n\0é中😀\ud800"


def damaged(text: str, chance: random.Random) -> str:
    """`text` with something changed, lost, doubled, moved or cut."""
    at = chance.randrange(len(text))
    match chance.randrange(7):
        case 0:
            return text[:at] + chance.choice(ANY) + text[at + 1 :]
        case 1:
            return text[:at] + text[at + 1 :]
        case 2:
            return text[:at] + chance.choice(ANY) * chance.randrange(1, 5) + text[at:]
        case 3:
            return text[:at]
        case 4:
            return text[at:] + text[:at]
        case 5:
            return text + text[: chance.randrange(1, 9)]
        case _:
            return "".join(chance.choice(ANY) for _ in range(chance.randrange(64)))


def flipped(sealed: str, chance: random.Random) -> str:
    """The base64 of `sealed` with one to three bits of the bytes flipped, or whole blocks gone."""
    raw = bytearray(base64.b64decode(sealed))
    if chance.random() < 0.2:
        raw = raw[: 16 * chance.randrange(len(raw) // 16)]
    for _ in range(chance.randrange(1, 4) if raw else 0):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return base64.b64encode(raw).decode()


def test_no_damaged_push_is_ever_opened() -> None:
    """With the old signature: what is on the wire has been touched."""
    chance = random.Random(20260301)
    adapter = PushCrypto(TOKEN, KEY, APPID)
    sealed = oracle.seal_frame(KEY, "a8eedb185eb2fecf", MESSAGE, APPID)
    whole = [sealed, oracle.sha1(TOKEN, TIMESTAMP, NONCE, sealed), TIMESTAMP, NONCE]
    assert adapter.open(*whole) == MESSAGE
    tried = 0
    while tried < CORRUPTIONS:
        parts = list(whole)
        at = chance.randrange(4)
        parts[at] = (
            flipped(sealed, chance) if at == 0 and chance.random() < 0.5 else damaged(parts[at], chance)
        )
        if parts == whole:
            continue
        tried += 1
        with pytest.raises(CryptoRejected):
            adapter.open(*parts)


def test_a_damaged_frame_that_is_rightly_signed_ends_in_the_typed_error_or_in_text() -> None:
    """By someone who knows the token. CBC has no MAC: a flip in the filler cannot be seen."""
    chance = random.Random(20260302)
    adapter = PushCrypto(TOKEN, KEY, APPID)
    outcomes: dict[str, int] = {}
    for _ in range(CORRUPTIONS // 4):
        sealed = oracle.seal_frame(KEY, "a8eedb185eb2fecf", MESSAGE[: chance.randrange(len(MESSAGE))], APPID)
        text = flipped(sealed, chance)
        try:
            opened = adapter.open(text, oracle.sha1(TOKEN, TIMESTAMP, NONCE, text), TIMESTAMP, NONCE)
        except CryptoRejected as rejected:
            outcome = rejected.reason
        else:
            assert isinstance(opened, str)
            outcome = "opened"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert {"padding", "length", "appid", "malformed", "base64"} <= outcomes.keys()
    assert outcomes["opened"] < CORRUPTIONS // 20


def test_damaged_open_data_is_rejected_or_still_for_us() -> None:
    """Without a MAC a changed value can pass; another exception, or another account's data, never."""
    chance = random.Random(20260303)
    key, iv = base64.b64encode(b"k" * 16).decode(), base64.b64encode(b"i" * 16).decode()
    plain = json.dumps(
        {"purePhoneNumber": "0", "watermark": {"timestamp": 1477314187, "appid": APPID}}
    ).encode()
    count = 16 - len(plain) % 16
    encryptor = oracle._cbc(b"k" * 16, b"i" * 16).encryptor()
    sealed = base64.b64encode(
        encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
    ).decode()
    whole = (key, iv, sealed)
    assert crypto.open_data(*whole, APPID)["watermark"]["appid"] == APPID
    rejected = 0
    for _ in range(CORRUPTIONS // 4):
        parts = list(whole)
        at = chance.randrange(3)
        parts[at] = flipped(parts[at], chance) if chance.random() < 0.5 else damaged(parts[at], chance)
        key, iv, sealed = parts
        try:
            assert crypto.open_data(key, iv, sealed, APPID)["watermark"]["appid"] == APPID
        except CryptoRejected:
            rejected += 1
    assert rejected > CORRUPTIONS // 5


def sealed_data(plain: bytes, padding: bytes) -> tuple[str, str, str]:
    """session_key, iv and encryptedData of `plain` with any padding."""
    encryptor = oracle._cbc(b"k" * 16, b"i" * 16).encryptor()
    sealed = encryptor.update(plain + padding) + encryptor.finalize()
    return tuple(base64.b64encode(part).decode() for part in (b"k" * 16, b"i" * 16, sealed))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "padding", [b"", bytes([17]) * 17, bytes([32]) * 32, bytes([48]) * 48, b"\1\2\3", b" " * 15 + b"\x10"]
)
def test_open_data_padded_otherwise_than_by_the_rule_is_rejected(padding: bytes) -> None:
    """wechatpy itself takes most of these."""
    plain = json.dumps({"watermark": {"appid": APPID}}).encode()
    plain += b" " * (-(len(plain) + len(padding)) % 16)
    with pytest.raises(CryptoRejected, match="padding"):
        crypto.open_data(*sealed_data(plain, padding), APPID)


def test_a_push_padded_by_more_than_a_block_is_rejected() -> None:
    key = base64.b64decode(KEY + "=")
    frame = b"a8eedb185eb2fecf" + (2).to_bytes(4, "big") + b"{}" + APPID.encode()
    count = 64 - len(frame) % 32
    encryptor = oracle._cbc(key, key[:16]).encryptor()
    text = base64.b64encode(encryptor.update(frame + bytes([count]) * count) + encryptor.finalize()).decode()
    with pytest.raises(CryptoRejected, match="padding"):
        PushCrypto(TOKEN, KEY, APPID).open(text, oracle.sha1(TOKEN, TIMESTAMP, NONCE, text), TIMESTAMP, NONCE)


def test_base64_has_one_spelling() -> None:
    """The spare bits of the last character decode to nothing, so another spelling is another's."""
    plain = json.dumps({"watermark": {"appid": APPID}}).encode()
    count = 16 - len(plain) % 16
    key, iv, sealed = sealed_data(plain, bytes([count]) * count)
    assert crypto.open_data(key, iv, sealed, APPID)
    respelt = iv[:-3] + chr(ord(iv[-3]) + 1) + "=="
    assert base64.b64decode(respelt) == base64.b64decode(iv)
    for other in (respelt, iv + "\n", iv.rstrip("="), iv + "===="):
        with pytest.raises(CryptoRejected, match="base64"):
            crypto.open_data(key, other, sealed, APPID)


@pytest.mark.parametrize("key", ["", "A" * 42, "A" * 44, "A" * 42 + "*", "中" * 43])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="43 characters") as refused:
        PushCrypto(TOKEN, key, APPID)
    assert key == "" or key not in str(refused.value)


def test_a_rejection_carries_neither_a_cause_nor_the_text() -> None:
    sealed = oracle.seal_frame(KEY, "a8eedb185eb2fecf", MESSAGE, "wx-another")
    with pytest.raises(CryptoRejected) as rejected:
        PushCrypto(TOKEN, KEY, APPID).open(
            sealed, oracle.sha1(TOKEN, TIMESTAMP, NONCE, sealed), TIMESTAMP, NONCE
        )
    assert str(rejected.value) == "appid"
    assert rejected.value.__cause__ is rejected.value.__context__ is None


def test_json_of_any_depth_is_one_typed_error() -> None:
    for text in ("[" * 100_000, '{"a":' * 100_000, "[]", "1", "", "{", '{"a":' + "9" * 5000 + "}"):
        with pytest.raises(CryptoRejected):
            crypto.parse_json(text)


def test_the_filler_of_a_sealed_message_differs_each_time() -> None:
    adapter = PushCrypto(TOKEN, KEY, APPID)
    fillers = {oracle.open_frame(KEY, adapter.seal("same"))[0] for _ in range(50)}
    assert len(fillers) == 50
