"""The login throttle of several processes: failures are counted in Redis, in one question an attempt."""

import secrets
from collections.abc import Callable
from typing import Any

from datastore.backends.redis_link import RedisLink
from plant.errors import Unavailable
from services.accounts import LoginThrottle, Throttle, too_many_logins

# KEYS: sorted sets of failures by time. ARGV: now [ms], window [ms], this attempt's name, the limit of each key.
_ATTEMPT = """
local now, window, wait = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
  local limit = tonumber(ARGV[3 + i])
  if redis.call('ZCARD', key) >= limit then
    local first = tonumber(redis.call('ZRANGE', key, -limit, -limit, 'WITHSCORES')[2])
    wait = math.max(wait, first + window - now)
  end
end
if wait > 0 then return wait end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now, ARGV[3])
  redis.call('PEXPIRE', key, window)
end
return 0
"""
_FORGIVE = """
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do redis.call('ZPOPMAX', KEYS[i]) end
return 1
"""


class RedisThrottle:
    """Implements `LoginThrottle` with the limits of a `Throttle` that counts in this process while Redis is away."""

    def __init__(self, link: RedisLink, clock: Callable[[], int], alone: Throttle | None = None) -> None:
        self._link, self._clock = link, clock
        self._alone = alone or Throttle(clock)

    def attempt(self, username: str, address: str) -> None:
        """Count an attempt as failed until `forgive` says otherwise. Raises TooMany with the seconds to wait."""
        limits = self._alone.limits(username, address)
        said = (self._clock(), self._alone.window_ms, secrets.token_hex(8), *limits.values())
        try:
            wait = self._ask(_ATTEMPT, username, address, *said)
        except Unavailable:
            self._alone.attempt(username, address)
            return
        if wait:
            raise too_many_logins(float(wait))

    def forgive(self, username: str, address: str) -> None:
        """The password was right: this pair starts from nothing, and the attempt does not count against the wider limits."""
        self._alone.forgive(username, address)
        try:
            self._ask(_FORGIVE, username, address)
        except Unavailable:
            return

    def _ask(self, script: str, username: str, address: str, *said: Any) -> Any:
        keys = [f"{self._link.prefix}login:{name}:{place}" for name, place in self._alone.limits(username, address)]
        return self._link.ask(lambda client: client.eval(script, len(keys), *keys, *said))


def open_throttle(link: RedisLink | None, clock: Callable[[], int]) -> LoginThrottle:
    """The login throttle of this process: shared through Redis when there is one."""
    return Throttle(clock) if link is None else RedisThrottle(link, clock)
