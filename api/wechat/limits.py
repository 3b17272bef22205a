"""The platform's allowances, counted in Redis for all processes together.

One hash per call holds the minute's and the day's count and the pause the platform asked for. Redis' own
time decides, so that processes with different clocks agree. All of it may be lost: then the platform says
45011 or 45009 again, and it is written down again.
"""

from redis.asyncio import Redis

from api.wechat.calls import Call
from api.wechat.errors import MinuteLimited, QuotaSpent

_MOMENTS = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local minute = math.floor(now / 60000)
local day = math.floor((now + 28800000) / 86400000)
local next_minute = (minute + 1) * 60000
local next_day = (day + 1) * 86400000 - 28800000
"""

_ADMIT = (
    _MOMENTS
    + """
local h = redis.call('HMGET', KEYS[1], 'paused_until', 'spent_day', 'minute', 'minute_count', 'day', 'day_count')
if h[1] and tonumber(h[1]) > now then return {'minute', tonumber(h[1]) - now} end
if h[2] and tonumber(h[2]) == day then return {'day', next_day - now} end
local of_minute = (h[3] and tonumber(h[3]) == minute) and tonumber(h[4]) or 0
local of_day = (h[5] and tonumber(h[5]) == day) and tonumber(h[6]) or 0
local per_minute, per_day = tonumber(ARGV[1]), tonumber(ARGV[2])
if per_minute > 0 and of_minute >= per_minute then return {'minute', next_minute - now} end
if per_day > 0 and of_day >= per_day then return {'day', next_day - now} end
redis.call('HSET', KEYS[1], 'minute', minute, 'minute_count', of_minute + 1, 'day', day, 'day_count', of_day + 1)
redis.call('PEXPIRE', KEYS[1], 172800000)
return {'', 0}
"""
)

_REFUSED = (
    _MOMENTS
    + """
if ARGV[1] == 'day' then
  redis.call('HSET', KEYS[1], 'spent_day', day)
  redis.call('PEXPIRE', KEYS[1], 172800000)
  return next_day - now
end
redis.call('HSET', KEYS[1], 'paused_until', next_minute)
redis.call('PEXPIRE', KEYS[1], 172800000)
return next_minute - now
"""
)


class Limits:
    """Asked before each attempt of a call, told when the platform refuses one."""

    def __init__(self, redis: Redis, appid: str) -> None:
        self._prefix = f"linli:wechat:{{{appid}}}:limit"
        self._admit = redis.register_script(_ADMIT)
        self._refused = redis.register_script(_REFUSED)

    async def admit(self, call: Call) -> None:
        """Count one attempt of `call`; MinuteLimited or QuotaSpent, and nothing counted, where there is none left."""
        verdict, wait_ms = await self._admit(
            keys=[self._key(call)], args=[call.per_minute or 0, call.per_day or 0]
        )
        if isinstance(verdict, bytes):
            verdict = verdict.decode()
        if verdict == "minute":
            raise MinuteLimited(call.name, retry_after=_seconds(wait_ms))
        if verdict == "day":
            raise QuotaSpent(call.name, retry_after=_seconds(wait_ms))

    async def pause(self, call: Call) -> int:
        """No process makes `call` before the next minute. Returns the seconds until then."""
        return _seconds(await self._refused(keys=[self._key(call)], args=["minute"]))

    async def spend(self, call: Call) -> int:
        """No process makes `call` before midnight in China. Returns the seconds until then."""
        return _seconds(await self._refused(keys=[self._key(call)], args=["day"]))

    def _key(self, call: Call) -> str:
        return f"{self._prefix}:{call.name}"


def _seconds(milliseconds: int) -> int:
    return max(1, -(-milliseconds // 1000))
