"""The platform's pushes: let in only what is signed, fresh, new, for us, and of a sane size.

No router here: it hands over the query and the body, queues the event, and answers within five seconds.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from redis.asyncio import Redis

from api.kit import clock
from api.wechat.config import WeChatConfig
from api.wechat.crypto import CryptoRejected, PushCrypto, parse_json
from api.wechat.events import MalformedPush, PushEvent, event_of, read_xml

PUSH_LIMIT = 64 * 1024
"""Bytes of body; a push is some hundred."""
SUCCESS = "success"
"""The answer (text/plain) that ends a push; anything else makes the platform send it again."""
_WINDOW = timedelta(minutes=5)
_TIMESTAMP = re.compile(r"[0-9]{10}")
_NONCE = re.compile(r"[0-9A-Za-z_-]{1,64}")

Format = Literal["json", "xml"]


class PushRejected(Exception):
    """Answer 403 and do nothing. `reason` is one word for the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class PushReplayed(Exception):
    """Seen before: answer `success` and do nothing."""


@dataclass(frozen=True, slots=True)
class Push:
    """One accepted push."""

    event: PushEvent
    format: Format
    seen_key: str


class PushGate:
    """The checks, and the memory of what was seen in the last minutes (Redis, shared by all processes)."""

    def __init__(self, config: WeChatConfig, redis: Redis) -> None:
        self._redis = redis
        self._plain = config.push_plain
        self._crypto = PushCrypto(config.push_token, config.push_aes_key, config.appid)
        self._prefix = f"linli:wechat:{{{config.appid}}}:push"

    def echo(self, query: Mapping[str, str]) -> str:
        """The GET check: the echostr to answer with (as text/plain). PushRejected unless signed and fresh."""
        timestamp, nonce = self._fresh(query)
        self._verified(query.get("signature", ""), timestamp, nonce)
        return query.get("echostr", "")

    async def open(self, query: Mapping[str, str], body: bytes) -> Push:
        """The event in a POST. PushRejected, or PushReplayed for one accepted before.

        Durable deduplication is the event's `key`: this memory lasts minutes and may be lost.
        """
        if len(body) > PUSH_LIMIT:
            raise PushRejected("size")
        timestamp, nonce = self._fresh(query)
        try:
            message, form = self._message(query, timestamp, nonce, body)
            event = event_of(message)
        except (CryptoRejected, MalformedPush) as fault:
            reason = str(fault)
        else:
            key = self._seen_key(query, body)
            if not await self._redis.set(key, "1", nx=True, ex=2 * int(_WINDOW.total_seconds())):
                raise PushReplayed
            return Push(event, form, key)
        raise PushRejected(reason)

    async def forget(self, push: Push) -> None:
        """The work could not be queued: let the platform's next attempt in."""
        await self._redis.delete(push.seen_key)

    def reply(self, message: str, query: Mapping[str, str], form: Format) -> str:
        """`message` sealed as a passive reply to an accepted push, in its format."""
        timestamp, nonce = int(clock.now().timestamp()), query.get("nonce", "")
        if not _NONCE.fullmatch(nonce):
            raise PushRejected("query")
        sealed = self._crypto.seal(message)
        signature = self._crypto.signature(str(timestamp), nonce, sealed)
        if form == "json":
            return json.dumps(
                {"Encrypt": sealed, "MsgSignature": signature, "TimeStamp": timestamp, "Nonce": nonce},
                separators=(",", ":"),
            )
        return (
            f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt><MsgSignature>{signature}</MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce>{nonce}</Nonce></xml>"
        )

    def _fresh(self, query: Mapping[str, str]) -> tuple[str, str]:
        """Timestamp and nonce of the right shape, at most five minutes from now.

        The signature concatenates without separators, so the shapes are what keeps digits from moving
        between the two.
        """
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not _TIMESTAMP.fullmatch(timestamp) or not _NONCE.fullmatch(nonce):
            raise PushRejected("query")
        if abs(clock.now() - datetime.fromtimestamp(int(timestamp), UTC)) > _WINDOW:
            raise PushRejected("stale")
        return timestamp, nonce

    def _verified(self, signature: str, timestamp: str, nonce: str) -> None:
        try:
            self._crypto.verify(signature, timestamp, nonce)
        except CryptoRejected as fault:
            reason = fault.reason
        else:
            return
        raise PushRejected(reason)

    def _message(
        self, query: Mapping[str, str], timestamp: str, nonce: str, body: bytes
    ) -> tuple[Mapping[str, object], Format]:
        """The decrypted message. In safe mode only msg_signature counts: `signature` does not cover the body."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise MalformedPush("utf-8") from None
        form: Format = "xml" if text.lstrip().startswith("<") else "json"
        envelope = _members(text, form)
        sealed = envelope.get("Encrypt")
        if sealed is None and self._plain and query.get("encrypt_type", "raw") == "raw":
            self._crypto.verify(query.get("signature", ""), timestamp, nonce)
            return envelope, form
        if not isinstance(sealed, str):
            raise MalformedPush("plain")
        message = self._crypto.open(sealed, query.get("msg_signature", ""), timestamp, nonce)
        return _members(message, form), form

    def _seen_key(self, query: Mapping[str, str], body: bytes) -> str:
        """By the signature, which no shift between timestamp and nonce changes (plain mode: with the body)."""
        signature = query.get("msg_signature") or query.get("signature", "")
        content = b"" if query.get("msg_signature") else body
        return f"{self._prefix}:{hashlib.sha256(signature.encode() + content).hexdigest()}"


def _members(text: str, form: Format) -> Mapping[str, object]:
    return read_xml(text) if form == "xml" else parse_json(text)
