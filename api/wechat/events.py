"""Pushed messages as typed events. JSON and XML, numbers as strings, `List` as object or array: read alike."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.kit.late import late
from api.wechat.results import Suggest

xmltodict = late("xmltodict")

_WORD = re.compile(r"[\x21-\x7e]{1,128}")  # every id and name the platform writes


class MalformedPush(Exception):
    """Not a message of the platform's shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """Anything pushed. `key` is the same for a repeated delivery: let it be unique where events are kept."""

    key: str
    kind: str
    """MsgType, or for events the Event, as the platform writes it."""
    sender: str
    """FromUserName: the person's openid for what they did, a platform account for privacy and media events."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaChecked(PushEvent):
    """wxa_media_check. `suggest` is `review` whenever the check itself failed."""

    trace_id: str
    suggest: Suggest
    label: int
    errcode: int
    """0, or why there is no verdict: −1008 the file could not be downloaded."""
    version: int


@dataclass(frozen=True, slots=True)
class TemplateChoice:
    template_id: str
    accepted: bool
    """False for reject, ban, filter and whatever else is not accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionAnswered(PushEvent):
    """subscribe_msg_popup_event (the person tapped) or subscribe_msg_change_event (changed in the settings)."""

    choices: tuple[TemplateChoice, ...]


@dataclass(frozen=True, slots=True)
class MessageOutcome:
    template_id: str
    message_id: str
    errcode: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(PushEvent):
    """subscribe_msg_sent_event: what became of messages sent."""

    outcomes: tuple[MessageOutcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRevoked(PushEvent):
    """user_authorization_revoke: the person takes back consents; `scopes` as RevokeInfo numbers them (8: phone)."""

    openid: str
    scopes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCancelled(PushEvent):
    """user_authorization_cancellation: the person closed the WeChat account; a deletion request."""

    openid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfoModified(PushEvent):
    """user_info_modified: the platform cleaned risky profile data; ours must be cleaned too."""

    openid: str


def read_xml(text: str) -> dict[str, Any]:
    """The members below <xml>; MalformedPush for a DOCTYPE, entities, or anything that is no such document."""
    members: object = None
    if "<!DOCTYPE" not in text and "<!ENTITY" not in text:
        try:
            members = xmltodict.parse(text, xml_attribs=False, disable_entities=True).get("xml")
        except Exception:
            members = None
    if not isinstance(members, dict):
        raise MalformedPush("xml")
    return members


def event_of(message: Mapping[str, Any]) -> PushEvent:
    """The typed event in a decrypted message; MalformedPush where a needed member is missing."""
    kind = _text(message, "Event") if message.get("MsgType") == "event" else _text(message, "MsgType")
    try:
        at = datetime.fromtimestamp(_number(message.get("CreateTime")), UTC)
    except (OverflowError, OSError, ValueError):
        raise MalformedPush("CreateTime") from None
    base: dict[str, Any] = {"kind": kind, "sender": _text(message, "FromUserName"), "at": at}
    moment = f"{base['sender']}:{int(at.timestamp())}"
    match kind:
        case "wxa_media_check":
            return _media(message, base)
        case "subscribe_msg_popup_event" | "subscribe_msg_change_event":
            choices = tuple(
                TemplateChoice(_text(item, "TemplateId"), item.get("SubscribeStatusString") == "accept")
                for item in _items(message, kind)
            )
            chosen = ",".join(f"{choice.template_id}={choice.accepted:d}" for choice in choices)
            return SubscriptionAnswered(**base, key=f"{kind}:{moment}:{chosen}", choices=choices)
        case "subscribe_msg_sent_event":
            outcomes = tuple(
                MessageOutcome(
                    _text(item, "TemplateId"),
                    _text(item, "MsgID"),
                    _number(item.get("ErrorCode")),
                    re.sub(r"[^\w ]", "", str(item.get("ErrorStatus") or ""))[:64],
                )
                for item in _items(message, kind)
            )
            return MessageSent(
                **base,
                key=f"{kind}:{','.join(outcome.message_id for outcome in outcomes)}",
                outcomes=outcomes,
            )
        case "user_authorization_revoke":
            openid = _text(message, "OpenID")
            scopes = tuple(
                int(number) for number in re.findall(r"\d{1,6}", str(message.get("RevokeInfo", "")))
            )
            told = ",".join(map(str, scopes))
            return AuthorizationRevoked(
                **base, key=f"{kind}:{openid}:{int(at.timestamp())}:{told}", openid=openid, scopes=scopes
            )
        case "user_authorization_cancellation":
            openid = _text(message, "OpenID")
            return AuthorizationCancelled(**base, key=f"{kind}:{openid}:{int(at.timestamp())}", openid=openid)
        case "user_info_modified":
            openid = _text(message, "OpenID")
            return UserInfoModified(**base, key=f"{kind}:{openid}:{int(at.timestamp())}", openid=openid)
        case _:
            return PushEvent(**base, key=f"{kind}:{moment}:{message.get('MsgId', '')}")


def _media(message: Mapping[str, Any], base: dict[str, Any]) -> MediaChecked:
    """Version 2 has result{suggest, label} and errcode; version 1 isrisky and an unsigned status_code."""
    trace_id = _text(message, "trace_id")
    result = message.get("result")
    if "isrisky" in message and not isinstance(result, dict):
        version, errcode = 1, _signed(_number(message.get("status_code", 0)))
        suggest = {"0": Suggest.passed, "1": Suggest.risky}.get(str(message["isrisky"]), Suggest.review)
        label = _v1_label(message.get("extra_info_json"))
    else:
        version, errcode = 2, _signed(_number(message.get("errcode", 0)))
        verdict = result if isinstance(result, dict) else {}
        suggest, label = Suggest.of(verdict.get("suggest")), _number(verdict.get("label", 0))
    if errcode != 0:
        suggest = Suggest.review
    return MediaChecked(
        **base,
        key=f"{base['kind']}:{trace_id}:{version}",
        trace_id=trace_id,
        suggest=suggest,
        label=label,
        errcode=errcode,
        version=version,
    )


def _v1_label(extra: object) -> int:
    """`{"label": 20002}` in a string that is usually empty."""
    try:
        return _number(json.loads(extra)["label"]) if isinstance(extra, str) and extra else 0
    except (ValueError, KeyError, TypeError, RecursionError, MalformedPush):
        return 0


def _items(message: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """`List` at the top (JSON) or below the event's own element (XML); an object for one, an array for several."""
    wrapped = message.get("".join(word.capitalize() for word in kind.split("_")))
    found = message.get("List", wrapped)
    if isinstance(found, dict) and "List" in found:
        found = found["List"]
    items = found if isinstance(found, list) else [found]
    if not items or not all(isinstance(item, dict) for item in items):
        raise MalformedPush("List")
    return items


def _text(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not _WORD.fullmatch(str(value)):
        raise MalformedPush(key)
    return str(value)


def _number(value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", str(value)):
        raise MalformedPush("number")
    return int(str(value))


def _signed(errcode: int) -> int:
    """Version 1 writes −1008 as 4294966288."""
    return errcode - 2**32 if errcode >= 2**31 else errcode
