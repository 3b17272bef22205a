"""The access_token all processes share: {token, generation, expires_at} in Redis, refreshed by one of them.

The platform's guarantee carries the design: stable_token repeats the same token until five minutes before
its end, then hands out the next one while the old still works. So a token within 240 s of its end is
refreshed by whoever holds the lock, and the others go on with the old one.

A token the platform rejects is marked dead, compare-and-set, and fetched once more. If the same one comes
back, fetching again cannot help: the breaker opens. After its pause one fetch is let through (half-open), and
even the same token may then be tried, on probation, since the rejection may have been a passing fault.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from api.wechat.calls import FORCED_TOKEN, STABLE_TOKEN
from api.wechat.config import WeChatConfig
from api.wechat.errors import (
    Ambiguous,
    BreakerOpen,
    Busy,
    CredentialFault,
    MinuteLimited,
    NotSent,
    Unreadable,
    WeChatError,
)
from api.wechat.gateway import Gateway
from api.wechat.token_store import Seen, TokenStore

_log = logging.getLogger("linli.wechat")
_jitter = random.SystemRandom()
_PATIENCE = 10.0
"""Seconds a caller without any token waits for the one who fetches, and the longest a fetch may take."""
_FORCE_SPACING = 30


@dataclass(frozen=True, slots=True)
class Token:
    """A token to use now. On probation, the client reports whether it worked."""

    value: str = field(repr=False)
    generation: int
    on_probation: bool = False


class TokenService:
    """`current()` before a call, `invalidate()` when the platform rejects what it gave."""

    def __init__(
        self,
        config: WeChatConfig,
        gateway: Gateway,
        redis: Redis,
        *,
        pause: float = 5.0,
        longest: float = 600.0,
    ) -> None:
        """`pause`: seconds the breaker stays open after a credential fault, doubling up to `longest`."""
        self._config = config
        self._gateway = gateway
        self._store = TokenStore(redis, config.appid)
        self._pause = pause
        self._longest = longest

    async def current(self) -> Token:
        """A token that should work. BreakerOpen while it is too early to try again, else what the fetch said."""
        waited_from = time.monotonic()
        while True:
            seen = await self._store.read()
            if seen.usable and (seen.fresh or seen.breaker_open):
                return _token(seen)
            if seen.breaker_open:
                raise self._refusal(seen)
            holder = secrets.token_hex(8)
            if await self._store.lock(holder):
                try:
                    return await self._refresh()
                finally:
                    await self._store.unlock(holder)
            if seen.usable:
                return _token(seen)
            if time.monotonic() - waited_from > _PATIENCE:
                raise BreakerOpen(STABLE_TOKEN.name, retry_after=2)
            await asyncio.sleep(_jitter.uniform(0.02, 0.06))

    async def invalidate(self, failed: Token) -> None:
        """The platform rejected `failed`. Does nothing when another token is stored by now."""
        if await self._store.mark_dead(failed.value):
            _log.warning("access_token of generation %d rejected", failed.generation)
            if failed.on_probation:
                await self._trip(CredentialFault(STABLE_TOKEN.name))

    async def give_up(self, failed: Token) -> None:
        """Even the token fetched after a rejection was rejected: no calls until the breaker half-opens."""
        if await self._store.mark_dead(failed.value):
            await self._trip(CredentialFault(STABLE_TOKEN.name))

    async def confirm(self, token: Token) -> None:
        """A token on probation worked: everybody may rely on it again."""
        await self._store.confirm(token.value)

    async def force_refresh(self) -> Token:
        """Throw the platform's token away and take a new one. An operator's command, never automatic.

        Closes the breaker too. MinuteLimited within 30 s of the last one, QuotaSpent after 20 a day.
        """
        if (wait := await self._store.space_out(_FORCE_SPACING)) > 0:
            raise MinuteLimited(FORCED_TOKEN.name, retry_after=wait)
        seen = await self._store.read()
        value, lifetime = await self._fetch(forced=True)
        await self._store.put(seen.generation, value, lifetime)
        return _token(await self._store.read())

    async def _refresh(self) -> Token:
        """With the lock held: look again, since the last holder may have just finished, then fetch."""
        seen = await self._store.read()
        if seen.usable and (seen.fresh or seen.breaker_open):
            return _token(seen)
        if seen.breaker_open:
            raise self._refusal(seen)
        try:
            value, lifetime = await self._fetch()
            same_again = seen.dead and value == seen.token
            if same_again and seen.failures == 0:
                raise CredentialFault(STABLE_TOKEN.name)
        except WeChatError as fault:
            await self._trip(fault)
            if seen.usable:
                return _token(seen)  # the old one works for minutes yet
            raise
        await self._store.put(seen.generation, value, lifetime, on_probation=same_again)
        return _token(await self._store.read(), STABLE_TOKEN.name)

    async def _fetch(self, *, forced: bool = False) -> tuple[str, int]:
        """A token and the seconds it lives."""
        call = FORCED_TOKEN if forced else STABLE_TOKEN
        body: dict[str, Any] = {
            "grant_type": "client_credential",
            "appid": self._config.appid,
            "secret": self._config.secret,
        }
        if forced:
            body["force_refresh"] = True
        answer: dict[str, Any] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                answer = await self._gateway.ask(call, {}, body)
        value, lifetime = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(value, str) or not value or not str(lifetime).isdecimal():
            raise Unreadable(call.name)
        return value, int(str(lifetime))

    async def _trip(self, fault: WeChatError) -> None:
        """Open the breaker: long for faults only an operator mends, short where the network may recover."""
        lasting = not isinstance(fault, (NotSent, Ambiguous, Busy, MinuteLimited))
        pause, longest = (self._pause, self._longest) if lasting else (min(1.0, self._pause), 30.0)
        seconds = await self._store.trip(pause, longest, fault)
        if fault.retry_after is None:
            fault.retry_after = seconds
        _log.error("no access_token for %d s: %s", seconds, fault)

    def _refusal(self, seen: Seen) -> BreakerOpen:
        return BreakerOpen(
            STABLE_TOKEN.name, seen.errcode, seen.rid, retry_after=max(1, -(-seen.open_ms // 1000))
        )


def _token(seen: Seen, call: str = STABLE_TOKEN.name) -> Token:
    if not seen.usable:  # flushed or replaced between two reads
        raise BreakerOpen(call, retry_after=1)
    return Token(seen.token, seen.generation, seen.on_probation)
