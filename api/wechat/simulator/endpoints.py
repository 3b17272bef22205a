"""The platform's calls: what each asks for, refuses and answers."""

import asyncio
import hashlib
import hmac
import secrets
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from api.kit import clock
from api.wechat import fields
from api.wechat.simulator import pushes
from api.wechat.simulator.faults import FaultName
from api.wechat.simulator.platform import VISIT_LIFE, Person, Platform, Refusal

Query = Mapping[str, str]
Body = Mapping[str, Any]
Handler = Callable[[Platform, str, Query, Body], Awaitable[dict[str, Any] | bytes]]


def _account(platform: Platform, given: Mapping[str, Any]) -> None:
    if not given.get("appid"):
        raise Refusal(41002, "appid missing")
    if not given.get("secret"):
        raise Refusal(41004, "appsecret missing")
    if given["appid"] != platform.config.appid:
        raise Refusal(40013, "invalid appid")
    if given["secret"] != platform.config.secret:
        raise Refusal(40125, "invalid appsecret")


async def stable_token(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    if body.get("grant_type") != "client_credential":
        raise Refusal(40002, "invalid grant_type")
    _account(platform, body)
    value, left = platform.stable_token(force=body.get("force_refresh") is True, path=path)
    return {"access_token": value, "expires_in": left}


async def code_to_session(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    _account(platform, query)
    if query.get("grant_type") != "authorization_code":
        raise Refusal(40002, "invalid grant_type")
    code = platform.redeem("login", query.get("js_code", ""), path)
    person = platform.person(code.openid)
    if person.blocked:
        raise Refusal(40226, "code blocked")
    platform.visit(code.openid)
    answer = {"session_key": person.session_key, "openid": person.openid}
    return answer | ({"unionid": person.unionid} if person.unionid else {})


async def phone_number(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    code = platform.redeem("phone", str(body.get("code", "")), path)
    if body.get("openid", code.openid) != code.openid or platform.faults.strikes(
        FaultName.phone_mismatch, path
    ):
        raise Refusal(40003, "invalid openid")
    foreign = platform.faults.strikes(FaultName.foreign_watermark, path)
    old = platform.faults.strikes(FaultName.old_watermark, path)
    return {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": code.phone,
            "purePhoneNumber": code.phone,
            "countryCode": 86,
            "watermark": {
                "timestamp": int(clock.now().timestamp()) - (86400 if old else 0),
                "appid": "wxffffffffffffffff" if foreign else platform.config.appid,
            },
        },
    }


def _visitor(platform: Platform, path: str, body: Body) -> Person:
    if body.get("version") != 2 or body.get("scene") not in (1, 2, 3, 4):
        raise Refusal(40097, "invalid args")
    person = platform.people.get(str(body.get("openid", "")))
    if person is None:
        raise Refusal(40003, "invalid openid")
    away = person.visited_at is None or platform.now() - person.visited_at > VISIT_LIFE
    if away or platform.faults.strikes(FaultName.not_visited, path):
        raise Refusal(61010, "code is expired")
    return person


async def check_text(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    _visitor(platform, path, body)
    content = str(body.get("content", ""))
    if not content or len(content) > 2500:
        raise Refusal(40097, "invalid args")
    suggest, label = platform.verdict(content)
    shown: int | str = str(label) if platform.faults.strikes(FaultName.label_as_text, path) else label
    return {
        "errcode": 0,
        "errmsg": "ok",
        "result": {"suggest": suggest, "label": shown},
        "detail": [
            {"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": shown, "prob": 90}
        ],
        "trace_id": secrets.token_hex(16),
    }


async def check_media(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    _visitor(platform, path, body)
    url = str(body.get("media_url", ""))
    if body.get("media_type") not in (1, 2) or not url.startswith(("http://", "https://")):
        raise Refusal(40097, "invalid args")
    trace_id = secrets.token_hex(16)
    pushes.later(platform, pushes.media_checked(platform, url, trace_id))
    return {"errcode": 0, "errmsg": "ok", "trace_id": trace_id}


async def send_message(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    behaviour, openid = platform.behaviour, str(body.get("touser", ""))
    template, page = str(body.get("template_id", "")), str(body.get("page", ""))
    person = platform.people.get(openid)
    if person is None:
        raise Refusal(40003, "invalid openid")
    if not template or (behaviour.templates is not None and template not in behaviour.templates):
        raise Refusal(40037, "invalid template_id")
    if page and behaviour.pages is not None and page.partition("?")[0] not in behaviour.pages:
        raise Refusal(41030, "invalid page")
    values = _values(body.get("data"), None if behaviour.templates is None else behaviour.templates[template])
    if any(word in value for word in behaviour.sensitive for value in values.values()):
        raise Refusal(45168, "message contains sensitive words")
    if openid in platform.in_flight:
        raise Refusal(43108, "send message to the same user concurrently")
    if behaviour.credits_needed and person.credits.get(template, 0) < 1:
        raise Refusal(43101, "user refuse to accept the msg")
    platform.in_flight.add(openid)
    try:
        await asyncio.sleep(behaviour.send_seconds)
    finally:
        platform.in_flight.discard(openid)
    if behaviour.credits_needed:
        person.credits[template] -= 1
    message_id = str(secrets.randbelow(2**62))
    platform.messages.append(
        {
            "openid": openid,
            "template_id": template,
            "page": page,
            "values": values,
            "msgid": message_id,
            "state": body.get("miniprogram_state", "formal"),
            "lang": body.get("lang", "zh_CN"),
            "at": clock.now().isoformat(),
        }
    )
    pushes.later(platform, pushes.message_sent(platform, openid, template, message_id))
    return {"errcode": 0, "errmsg": "ok", "msgid": int(message_id)}


def _values(data: object, keys: list[str] | None) -> dict[str, str]:
    given = data if isinstance(data, dict) else {}
    values = {key: str(item.get("value", "")) for key, item in given.items() if isinstance(item, dict)}
    wanted = keys if keys is not None else sorted(given)
    bad = next((key for key in wanted if fields.fault(key, values.get(key, ""))), None)
    if bad or not values:
        raise Refusal(47003, f"argument invalid! data.{bad or 'thing1'}.value invalid")
    return values


async def program_code(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any] | bytes:
    scene, page = str(body.get("scene", "")), str(body.get("page", ""))
    if not 0 < len(scene) <= 32 or "%" in scene or not scene.isprintable():
        raise Refusal(40097, "invalid args")
    pages = platform.behaviour.pages
    if page and body.get("check_path", True) and pages is not None and page not in pages:
        raise Refusal(41030, "invalid page")
    return _png(hashlib.sha256(f"{platform.config.appid}:{page}:{scene}".encode()).digest())


def _png(bits: bytes) -> bytes:
    """A grey 16 × 16 picture of `bits` (32 bytes): different for each scene, openable by every program."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = b"".join(
        b"\0" + bytes(255 * (bits[2 * row + column // 8] >> (column % 8) & 1) for column in range(16))
        for row in range(16)
    )
    header = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


async def risk_rank(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    person = platform.people.get(str(body.get("openid", "")))
    if body.get("appid") != platform.config.appid:
        raise Refusal(40013, "invalid appid")
    if person is None:
        raise Refusal(40003, "invalid openid")
    return {
        "errcode": 0,
        "errmsg": "getuserriskrank succ",
        "risk_rank": person.risk_rank,
        "unoin_id": secrets.randbelow(2**32),
    }


def _session(platform: Platform, query: Query) -> Person:
    person = platform.people.get(query.get("openid", ""))
    if person is None:
        raise Refusal(40003, "invalid openid")
    expected = hmac.new(person.session_key.encode(), b"", hashlib.sha256).hexdigest()
    if query.get("sig_method") != "hmac_sha256" or query.get("signature") != expected:
        raise Refusal(87009, "invalid signature")
    return person


async def check_session(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    _session(platform, query)
    return {"errcode": 0, "errmsg": "ok"}


async def reset_session(platform: Platform, path: str, query: Query, body: Body) -> dict[str, Any]:
    person = _session(platform, query)
    person.session_key = Person(person.openid).session_key
    platform.minted.add(person.session_key)
    return {"errcode": 0, "errmsg": "ok", "openid": person.openid, "session_key": person.session_key}


CALLS: dict[tuple[str, str], tuple[Handler, bool]] = {
    ("POST", "/cgi-bin/stable_token"): (stable_token, False),
    ("GET", "/sns/jscode2session"): (code_to_session, False),
    ("POST", "/wxa/business/getuserphonenumber"): (phone_number, True),
    ("POST", "/wxa/msg_sec_check"): (check_text, True),
    ("POST", "/wxa/media_check_async"): (check_media, True),
    ("POST", "/cgi-bin/message/subscribe/send"): (send_message, True),
    ("POST", "/wxa/getwxacodeunlimit"): (program_code, True),
    ("POST", "/wxa/getuserriskrank"): (risk_rank, True),
    ("GET", "/wxa/checksession"): (check_session, True),
    ("GET", "/wxa/resetusersessionkey"): (reset_session, True),
}
"""(method, path) → handler, and whether it asks for an access_token."""
