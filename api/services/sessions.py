"""Sessions: opaque 256-bit tokens, kept hashed in Redis, sliding; losing Redis means logging in again.

Keys: `session:<hash of token>` → who; `devices:<person>` → hash of session id → what the device list shows;
`linli:throttle:write:<person>` → how often the person has written in this minute.
Whatever signs a person out goes by that list, so it must outlive every session in it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from api.kit import clock
from api.kit.cache import Redis
from api.kit.problems import NotFound, SessionExpired, TooMany
from api.kit.secrets import new_token, token_hash
from api.kit.throttle import Rate
from api.models.people import PersonId
from api.services.access import Viewer

APP, CONSOLE = "a", "c"
_DAY_S = 86_400
_WRITES = "linli:throttle:write:"

# The session and its person's count in one round trip: who it is stands in the session. ARGV: life, prefix, most, seconds
_GET_AND_COUNT = """
local raw = redis.call('GETEX', KEYS[1], 'EX', ARGV[1])
if not raw then return {'', 0} end
local counter = ARGV[2] .. string.match(raw, '"p":"(%x+)"')
if tonumber(redis.call('GET', counter) or '0') >= tonumber(ARGV[3]) then
  return {raw, math.max(redis.call('PTTL', counter), 1)}
end
if redis.call('INCR', counter) == 1 then redis.call('EXPIRE', counter, ARGV[4]) end
return {raw, 0}
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session; the token is shown once and stored nowhere."""

    token: str
    expires_at: datetime
    session_id: str


@dataclass(frozen=True, slots=True)
class Device:
    """One line of the device list."""

    id: str
    device: str
    console: bool
    created_at: datetime
    current: bool


class Sessions:
    """The session store of a process."""

    def __init__(
        self, redis: Redis, *, app_days: int, console_idle_minutes: int, console_life_hours: int
    ) -> None:
        self._redis = redis
        self._get_and_count = redis.register_script(_GET_AND_COUNT)
        self._idle = {APP: app_days * 86_400, CONSOLE: console_idle_minutes * 60}
        self._console_life = timedelta(hours=console_life_hours)
        self._listed_for = max(self._idle.values()) + 2 * _DAY_S

    async def open(self, person_id: PersonId, device: str, *, console: bool = False) -> Opened:
        """Begin a session for a person whose identity was just proven."""
        kind = CONSOLE if console else APP
        token = f"{kind}_{new_token()}"
        key, idle = token_hash(token), self._idle[kind]
        session_id = key[:16]
        now = datetime.fromtimestamp(clock.wall(), UTC)
        ends = now + self._console_life if console else None
        value = {
            "p": person_id.hex,
            "i": session_id,
            "e": int(ends.timestamp()) if ends else None,
            "d": int(now.timestamp()) // _DAY_S,
        }
        shown = {"k": key, "d": device[:120], "c": kind, "t": int(now.timestamp())}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(f"session:{key}", orjson.dumps(value), ex=idle)
            pipe.hset(f"devices:{person_id.hex}", session_id, orjson.dumps(shown).decode())
            pipe.expire(f"devices:{person_id.hex}", self._listed_for)
            await pipe.execute()
        return Opened(token, now + timedelta(seconds=idle), session_id)

    async def viewer(self, token: str, *, console: bool = False, writing: Rate | None = None) -> Viewer:
        """Whose token this is, with its life renewed: one round trip, a second on the first use of a day.

        `writing`: this is a write, counted for its person in the same round trip. Raises SessionExpired, TooMany.
        """
        kind = token[:1]
        if kind != (CONSOLE if console else APP):
            raise SessionExpired
        key = token_hash(token)
        place, idle, wait = f"session:{key}", self._idle[kind], 0
        if writing is None:
            raw = await self._redis.getex(place, ex=idle)
        else:
            raw, wait = await self._get_and_count(
                keys=[place], args=[idle, _WRITES, writing.most, writing.seconds]
            )
        if not raw:
            raise SessionExpired
        value = orjson.loads(raw)
        if value["e"] is not None and value["e"] < clock.wall():
            await self._redis.delete(f"session:{key}")
            raise SessionExpired("控制台登录已超过最长时限，请重新登录")
        if wait:
            raise TooMany(retry_after=-(-int(wait) // 1000))
        today = int(clock.wall()) // _DAY_S
        if value.get("d") != today:
            await self._keep_listed(key, {**value, "d": today})
        return Viewer(PersonId(UUID(hex=value["p"])), value["i"], console)

    async def _keep_listed(self, key: str, value: dict[str, Any]) -> None:
        """Renew the list beside the session, and note the day; a session ended meanwhile stays ended."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.expire(f"devices:{value['p']}", self._listed_for)
            pipe.set(f"session:{key}", orjson.dumps(value), xx=True, keepttl=True)
            await pipe.execute()

    async def devices(self, viewer: Viewer) -> list[Device]:
        """The live sessions of a person, newest first; what expired is forgotten on the way."""
        place = f"devices:{viewer.person_id.hex}"
        listed = {_str(k): orjson.loads(v) for k, v in (await self._redis.hgetall(place)).items()}
        async with self._redis.pipeline(transaction=False) as pipe:
            for shown in listed.values():
                pipe.exists(f"session:{shown['k']}")
            alive = dict(zip(listed, await pipe.execute(), strict=True))
        if gone := [session_id for session_id in listed if not alive[session_id]]:
            await self._redis.hdel(place, *gone)
        found = [
            Device(
                session_id,
                shown["d"],
                shown["c"] == CONSOLE,
                datetime.fromtimestamp(shown["t"], UTC),
                session_id == viewer.session_id,
            )
            for session_id, shown in listed.items()
            if alive[session_id]
        ]
        return sorted(found, key=lambda d: d.created_at, reverse=True)

    async def close(self, viewer: Viewer, which: str) -> int:
        """Sign out "current", "others" or one session id; returns how many. Raises NotFound."""
        devices = await self.devices(viewer)
        if which == "current":
            chosen = [d.id for d in devices if d.current]
        elif which == "others":
            chosen = [d.id for d in devices if not d.current]
        else:
            chosen = [d.id for d in devices if d.id == which]
            if not chosen:
                raise NotFound("没有这个登录设备")
        for session_id in chosen:
            await self._forget(viewer.person_id, session_id)
        return len(chosen)

    async def close_all(self, person_id: PersonId, *, console_only: bool = False) -> None:
        """Sign a person out everywhere, or of the console, at once."""
        for raw, shown in (await self._redis.hgetall(f"devices:{person_id.hex}")).items():
            if not console_only or orjson.loads(shown)["c"] == CONSOLE:
                await self._forget(person_id, _str(raw))

    async def _forget(self, person_id: PersonId, session_id: str) -> None:
        place = f"devices:{person_id.hex}"
        raw = await self._redis.hget(place, session_id)
        if raw is not None:
            await self._redis.delete(f"session:{orjson.loads(raw)['k']}")
            await self._redis.hdel(place, session_id)


def _str(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
