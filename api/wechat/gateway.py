"""One call, done properly: within its limits, with the retries its nature allows, its answer told apart.

Knows the calls, the envelope of the answers and the errors; not the token (client) and not HTTP (transport).
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.kit.backoff import backoff
from api.wechat.calls import Call
from api.wechat.errors import (
    AccountFault,
    Ambiguous,
    Busy,
    CodeLost,
    MinuteLimited,
    NotSent,
    QuotaSpent,
    Unreadable,
    WeChatError,
    error_of,
    rid_of,
)
from api.wechat.limits import Limits
from api.wechat.transport import Answer, Transport

_log = logging.getLogger("linli.wechat")
_RETRIES = 2
_IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}


@dataclass(frozen=True, slots=True)
class Image:
    """A picture the platform drew: bytes and the type its first bytes tell."""

    content: bytes = field(repr=False)
    media_type: str


class Gateway:
    """`ask` for calls that answer JSON, `draw` for those that answer a picture."""

    def __init__(self, transport: Transport, limits: Limits) -> None:
        self._transport = transport
        self._limits = limits

    async def ask(
        self, call: Call, params: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The members of a successful JSON answer. Any other outcome is a WeChatError."""
        answer = await self._patiently(call, params, body)
        if isinstance(answer, Image):
            raise Unreadable(call.name)
        return answer

    async def draw(self, call: Call, params: Mapping[str, str], body: Mapping[str, Any]) -> Image:
        """The picture of a successful answer. Any other outcome is a WeChatError."""
        answer = await self._patiently(call, params, body)
        if isinstance(answer, Image):
            return answer
        raise Unreadable(call.name)

    async def _patiently(
        self, call: Call, params: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> dict[str, Any] | Image:
        """Once, and up to twice more: when nothing was sent, or when busy and the call may be repeated."""
        for attempt in range(_RETRIES + 1):
            try:
                return await self._once(call, params, body)
            except (NotSent, Busy) as error:
                if attempt == _RETRIES or (isinstance(error, Busy) and not call.idempotent):
                    raise
            await asyncio.sleep(backoff(attempt + 1, first=0.1, longest=1.0, factor=3.0))
        raise AssertionError("the last attempt returns or raises")

    async def _once(
        self, call: Call, params: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> dict[str, Any] | Image:
        await self._limits.admit(call)
        began = time.perf_counter()
        error: WeChatError
        try:
            if call.method == "GET":
                answer = await self._transport.get(call.name, call.path, params)
            else:
                answer = await self._transport.post(call.name, call.path, params, body or {})
            read = _read(call, answer)
        except Ambiguous as lost:
            error = CodeLost(call.name) if call.spends_code else lost
        except WeChatError as refusal:
            error = refusal
            await self._remember(call, refusal)
        else:
            _log.debug("%s ok in %d ms", call.name, _since(began))
            return read
        level = logging.ERROR if isinstance(error, AccountFault) else logging.WARNING
        _log.log(level, "%s after %d ms", error, _since(began))
        raise error

    async def _remember(self, call: Call, refusal: WeChatError) -> None:
        """Write down for all processes that an allowance is used up."""
        if isinstance(refusal, QuotaSpent):
            refusal.retry_after = await self._limits.spend(call)
        elif isinstance(refusal, MinuteLimited):
            refusal.retry_after = 60 if call.limit_is_personal else await self._limits.pause(call)


def _read(call: Call, answer: Answer) -> dict[str, Any] | Image:
    """Tell a picture from JSON by both the type and the first bytes; raise what errcode says."""
    if answer.status != 200:
        raise Unreadable(call.name)
    picture = next((kind for magic, kind in _IMAGES.items() if answer.body.startswith(magic)), None)
    if picture is None and answer.media_type.startswith("image/") and not answer.body.startswith(b"{"):
        picture = answer.media_type
    if picture is not None:
        return Image(answer.body, picture)
    members = _members(call, answer.body)
    errcode = _integer(members.get("errcode", 0))
    if errcode is None:
        raise Unreadable(call.name)
    if errcode != 0:
        raise error_of(call.name, errcode, members.get("errmsg"), bears_token=call.bears_token)
    if _log.isEnabledFor(logging.DEBUG) and (rid := rid_of(members.get("errmsg"))):
        _log.debug("%s rid %s", call.name, rid)
    return members


def _members(call: Call, body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; the platform lets control characters through, so they are let in."""
    members: object = None
    try:
        members = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise Unreadable(call.name)
    return members


def _integer(value: object) -> int | None:
    """errcode drifts between number and string."""
    try:
        return int(value) if isinstance(value, (int, str)) else None
    except ValueError:
        return None


def _since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
