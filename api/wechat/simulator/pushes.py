"""What the platform pushes to our callback: when, in which format, how often, and how damaged."""

import asyncio
import json
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from api.kit import clock
from api.wechat.errors import WeChatError
from api.wechat.simulator.platform import Platform
from api.wechat.simulator.sealing import Damage, sealed, signature
from api.wechat.transport import Transport

_ATTEMPTS = 3
_PAUSE = 0.2
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_running: set[asyncio.Task[None]] = set()

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Style:
    """How a message travels."""

    format: Literal["json", "xml"] = "json"
    plain: bool = False
    damage: Damage | None = None
    copies: int = 1
    """Each sealed anew, as the platform does when it has lost count."""
    verbatim: bool = False
    """Copies are the very same request: a replay."""


def message(kind: str, sender: str, **members: Any) -> Message:
    head = {
        "ToUserName": "gh_0123456789ab",
        "FromUserName": sender,
        "CreateTime": int(clock.now().timestamp()),
    }
    return {**head, "MsgType": "event", "Event": kind, **members}


async def media_checked(platform: Platform, url: str, trace_id: str) -> Message:
    """wxa_media_check in the version set; addresses on this machine are really fetched (−1008 if that fails)."""
    missing = urlsplit(url).hostname in _LOOPBACK and not await _fetchable(url)
    suggest, label = platform.verdict(url)
    if platform.behaviour.media_version == 1:
        return message(
            "wxa_media_check",
            "oPlatformAccount",
            isrisky=int(suggest == "risky"),
            extra_info_json="",
            appid=platform.config.appid,
            trace_id=trace_id,
            status_code=4294966288 if missing else 0,
        )
    shared = {"suggest": suggest, "label": label}
    outcome = {"errcode": -1008, "errmsg": "download error"} if missing else {"errcode": 0, "errmsg": "ok"}
    return message(
        "wxa_media_check",
        "oPlatformAccount",
        appid=platform.config.appid,
        trace_id=trace_id,
        version=2,
        detail=[] if missing else [{"strategy": "content_model", "errcode": 0, **shared, "prob": 90}],
        **outcome,
        **({} if missing else {"result": shared}),
    )


async def message_sent(platform: Platform, openid: str, template: str, message_id: str) -> Message:
    item = {"TemplateId": template, "MsgID": message_id, "ErrorCode": "0", "ErrorStatus": "success"}
    return message("subscribe_msg_sent_event", openid, List=item)


def answered(openid: str, choices: dict[str, str], *, changed: bool = False) -> Message:
    """The person's choices (template_id → accept, reject …): an object for one template, an array for several."""
    items = [
        {"TemplateId": key, "SubscribeStatusString": value, "PopupScene": "0"}
        for key, value in choices.items()
    ]
    kind = "subscribe_msg_change_event" if changed else "subscribe_msg_popup_event"
    return message(kind, openid, List=items[0] if len(items) == 1 else items)


def privacy(platform: Platform, kind: str, openid: str, revoked: str = "") -> Message:
    members = {"OpenID": openid, "AppID": platform.config.appid, "PluginID": "", "OpenPID": ""}
    return message(kind, "oPlatformAccount", **members, **({"RevokeInfo": revoked} if revoked else {}))


def later(platform: Platform, made: Coroutine[Any, Any, Message]) -> None:
    """Push what comes of a call, now, when released, or never."""

    async def push() -> None:
        content = await made
        match platform.behaviour.pushes:
            case "hold":
                platform.outbox.append(content)
            case "now":
                await deliver(platform, content, usual(platform))
            case _:
                return

    task = asyncio.get_running_loop().create_task(push())
    _running.add(task)
    task.add_done_callback(_running.discard)


def usual(platform: Platform) -> Style:
    return Style(platform.behaviour.push_format, platform.behaviour.push_plain)


async def deliver(platform: Platform, content: Message, style: Style) -> list[dict[str, Any]]:
    """Send to the callback; each copy up to three times until it is answered 200. Returns the last answers."""
    callback = platform.behaviour.callback
    if callback is None:
        return []
    parts = urlsplit(callback)
    answers = []
    async with Transport(f"{parts.scheme}://{parts.netloc}", timeout=5.0) as transport:
        packed = pack(platform, content, style)
        for copy in range(style.copies):
            if copy and not style.verbatim:
                packed = pack(platform, content, style)
            answers.append(await _sent(transport, parts.path, *packed))
    return answers


async def _sent(
    transport: Transport, path: str, query: dict[str, str], body: bytes, kind: str
) -> dict[str, Any]:
    answer: dict[str, Any] = {"status": None, "body": ""}
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_PAUSE)
        try:
            got = await transport.post_bytes("push", path, query, body, kind)
        except WeChatError:
            continue
        answer = {"status": got.status, "body": got.body.decode("utf-8", "replace")}
        if got.status < 500:
            break
    return answer


def pack(platform: Platform, content: Message, style: Style) -> tuple[dict[str, str], bytes, str]:
    """Query, body and media type of a push."""
    config = platform.config
    aged = 3600 if style.damage == "stale" else 0
    timestamp, nonce = str(int(clock.now().timestamp()) - aged), str(secrets.randbelow(10**10))
    text = _written(content, style.format)
    if style.damage == "entity":
        text = '<!DOCTYPE xml [<!ENTITY a "event">]><xml><MsgType>&a;</MsgType></xml>'
    query = {
        "signature": signature(config.push_token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "openid": str(content.get("FromUserName", "")),
    }
    if not style.plain:
        encrypted = sealed(config, text, style.damage)
        text = _written({"ToUserName": content.get("ToUserName", ""), "Encrypt": encrypted}, style.format)
        told = signature(config.push_token, timestamp, nonce, encrypted)
        query |= {"encrypt_type": "aes", "msg_signature": told[::-1] if style.damage == "signature" else told}
    elif style.damage == "signature":
        query["signature"] = query["signature"][::-1]
    return query, text.encode(), "application/json" if style.format == "json" else "text/xml"


async def _fetchable(url: str) -> bool:
    parts = urlsplit(url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    try:
        async with Transport(f"{parts.scheme}://{parts.netloc}", timeout=5.0) as transport:
            return (await transport.get("media", parts.path, query)).status == 200
    except WeChatError:
        return False


def _written(content: Message, form: Literal["json", "xml"]) -> str:
    if form == "json":
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    members = dict(content)
    if "List" in members:  # in XML the list lies below the event's own element
        wrapper = "".join(word.capitalize() for word in str(members["Event"]).split("_"))
        members[wrapper] = {"List": members.pop("List")}
    return f"<xml>{_elements(members)}</xml>"


def _elements(members: Message) -> str:
    written = []
    for key, value in members.items():
        for item in value if isinstance(value, list) else [value]:
            inner = _elements(item) if isinstance(item, dict) else _leaf(item)
            written.append(f"<{key}>{inner}</{key}>")
    return "".join(written)


def _leaf(value: object) -> str:
    return (
        str(value)
        if isinstance(value, int)
        else f"<![CDATA[{value}]]>"
        if "]]>" not in str(value)
        else escape(str(value))
    )
