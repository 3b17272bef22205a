"""Where the token lies in Redis, and the atomic steps on it. All of it may be lost at any moment.

Moments are Redis' own, in milliseconds: processes whose clocks differ, or are moved, agree on them.
"""

from dataclasses import dataclass, field

from redis.asyncio import Redis

from api.wechat.errors import WeChatError

_REFRESH_BEFORE_MS = 240_000
_SPACING_MS = 30_000
"""Never two refreshes of a living token within this time, whatever expires_in says."""
_LOCK_MS = 12_000
"""Longer than a fetch may take; only a killed holder lets it run out."""

_NOW = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function number(value) return tonumber(value or 0) or 0 end
"""

_READ = (
    _NOW
    + """
local h = redis.call('HMGET', KEYS[1], 'token', 'generation', 'expires_at', 'refresh_at', 'dead', 'probation',
  'open_until', 'failures', 'errcode', 'rid')
return {h[1] or '', number(h[2]), number(h[3]) - now, number(h[4]) - now, number(h[5]), number(h[6]),
  number(h[7]) - now, number(h[8]), h[9] or '', h[10] or ''}
"""
)

# ARGV: generation the caller saw, token, lifetime in ms, refresh margin, spacing, probation
_PUT = (
    _NOW
    + """
if number(redis.call('HGET', KEYS[1], 'generation')) ~= tonumber(ARGV[1]) then return 0 end
local ends = now + tonumber(ARGV[3])
local refresh = math.max(ends - tonumber(ARGV[4]), now + tonumber(ARGV[5]))
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'generation', tonumber(ARGV[1]) + 1, 'expires_at', ends,
  'refresh_at', refresh, 'dead', 0, 'probation', ARGV[6])
if ARGV[6] == '0' then redis.call('HDEL', KEYS[1], 'open_until', 'failures', 'errcode', 'rid') end
redis.call('PEXPIRE', KEYS[1], 86400000)
return 1
"""
)

_MARK_DEAD = """
local h = redis.call('HMGET', KEYS[1], 'token', 'dead')
if h[1] ~= ARGV[1] or h[2] == '1' then return 0 end
redis.call('HSET', KEYS[1], 'dead', 1)
return 1
"""

_CONFIRM = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'probation', 'open_until', 'failures', 'errcode', 'rid')
return 1
"""

# ARGV: first pause in ms, longest in ms, errcode, rid
_TRIP = (
    _NOW
    + """
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local pause = math.min(tonumber(ARGV[1]) * 2 ^ math.min(failures - 1, 20), tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'open_until', now + pause, 'errcode', ARGV[3], 'rid', ARGV[4])
redis.call('PEXPIRE', KEYS[1], 86400000)
return pause
"""
)

_UNLOCK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The state at one moment; spans in milliseconds from then."""

    token: str = field(repr=False)
    generation: int
    left_ms: int
    fresh_ms: int
    dead: bool
    on_probation: bool
    open_ms: int
    failures: int
    errcode: int | None
    rid: str | None

    @property
    def usable(self) -> bool:
        return bool(self.token) and not self.dead and self.left_ms > 0

    @property
    def fresh(self) -> bool:
        return self.fresh_ms > 0

    @property
    def breaker_open(self) -> bool:
        return self.open_ms > 0


class TokenStore:
    """The atomic steps; each is one round trip."""

    def __init__(self, redis: Redis, appid: str) -> None:
        self._redis = redis
        self._key = f"linli:wechat:{{{appid}}}:token"
        self._lock_key = f"{self._key}:lock"
        self._force_key = f"{self._key}:forced"
        self._read, self._put, self._dead, self._confirm, self._trip, self._unlock = (
            redis.register_script(script) for script in (_READ, _PUT, _MARK_DEAD, _CONFIRM, _TRIP, _UNLOCK)
        )

    async def read(self) -> Seen:
        token, generation, left, fresh, dead, probation, opened, failures, errcode, rid = await self._read(
            keys=[self._key]
        )
        code = _text(errcode)
        return Seen(
            token=_text(token),
            generation=generation,
            left_ms=left,
            fresh_ms=fresh,
            dead=bool(dead),
            on_probation=bool(probation),
            open_ms=opened,
            failures=failures,
            errcode=int(code) if code else None,
            rid=_text(rid) or None,
        )

    async def put(
        self, seen_generation: int, token: str, lifetime: int, *, on_probation: bool = False
    ) -> bool:
        """Store a token living `lifetime` seconds as the next generation; False when somebody was faster."""
        numbers: list[str | int] = [lifetime * 1000, _REFRESH_BEFORE_MS, _SPACING_MS, int(on_probation)]
        return bool(await self._put(keys=[self._key], args=[seen_generation, token, *numbers]))

    async def mark_dead(self, token: str) -> bool:
        """True for the one caller who marks `token`; False when it is marked or replaced already."""
        return bool(await self._dead(keys=[self._key], args=[token]))

    async def confirm(self, token: str) -> None:
        await self._confirm(keys=[self._key], args=[token])

    async def trip(self, pause: float, longest: float, fault: WeChatError) -> int:
        """Open the breaker for `pause` seconds, doubled for each failure before this. Returns the seconds."""
        code = "" if fault.errcode is None else str(fault.errcode)
        arguments: list[str | int] = [int(pause * 1000), int(longest * 1000), code, fault.rid or ""]
        milliseconds: int = await self._trip(keys=[self._key], args=arguments)
        return max(1, -(-milliseconds // 1000))

    async def lock(self, holder: str) -> bool:
        return bool(await self._redis.set(self._lock_key, holder, nx=True, px=_LOCK_MS))

    async def unlock(self, holder: str) -> None:
        await self._unlock(keys=[self._lock_key], args=[holder])

    async def space_out(self, seconds: int) -> int:
        """0 for the first within `seconds`; for the others the seconds to wait."""
        if await self._redis.set(self._force_key, "1", nx=True, ex=seconds):
            return 0
        return max(1, int(await self._redis.ttl(self._force_key)))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
