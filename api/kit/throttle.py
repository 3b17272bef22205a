"""How often somebody may do something, counted in Redis for all processes together.

One script call checks all counters of a request and counts in all or in none. A window begins with its first
event and Redis' own time decides. All of it may be lost: then counting begins anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.kit.cache import Redis
from api.kit.problems import TooMany
from api.kit.secrets import token_hash

_TAKE = """
local wait = 0
for i, key in ipairs(KEYS) do
  local count = tonumber(redis.call('GET', key) or '0')
  if count >= tonumber(ARGV[2 * i - 1]) then
    wait = math.max(wait, redis.call('PTTL', key), 1)
  end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[2 * i]) end
end
return 0
"""

_STRIKE = """
local count = redis.call('INCR', KEYS[1])
if count > tonumber(ARGV[1]) then return math.max(redis.call('PTTL', KEYS[1]), 1) end
redis.call('EXPIRE', KEYS[1], count == tonumber(ARGV[1]) and ARGV[2] or 86400)
return 0
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` times in `seconds`, from the first time on."""

    most: int
    seconds: int


class Throttle:
    """The counters of this deployment. Whose they are is kept as a hash: addresses and names are personal."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)
        self._strike = redis.register_script(_STRIKE)

    async def take(self, what: str, whose: Sequence[tuple[str, Rate]]) -> None:
        """Count one `what` for each of `whose`. Raises TooMany, and nothing is counted, where one has no more."""
        wait = await self._take(
            keys=[_key(what, who) for who, _ in whose],
            args=[number for _, rate in whose for number in (rate.most, rate.seconds)],
        )
        if wait:
            raise TooMany(retry_after=-(-int(wait) // 1000))

    async def strike(self, what: str, who: str, rate: Rate) -> int | None:
        """Count one failure; the seconds still to wait for who has failed `most` times, else None.

        Nothing is forgiven by waiting before the last failure; from it on the lock lasts `seconds`.
        """
        wait = int(await self._strike(keys=[_key(what, who)], args=[rate.most, rate.seconds]))
        return -(-wait // 1000) if wait else None


def _key(what: str, who: str) -> str:
    return f"linli:throttle:{what}:{token_hash(who)[:32]}"
