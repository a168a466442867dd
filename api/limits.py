"""How many requests a caller may send in a minute; one object serves both doors."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from plant.errors import TooMany
from plant.timeline import iso

WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Quota:
    """What a caller has left: `limit` per window, `reset` is the epoch second at which the window ends."""

    limit: int
    remaining: int
    reset: int
    refused: bool = False

    def headers(self) -> list[tuple[str, str]]:
        """S2's three headers; none where there is no limit."""
        if not self.limit:
            return []
        return [
            ("X-RateLimit-Limit", str(self.limit)),
            ("X-RateLimit-Remaining", str(self.remaining)),
            ("X-RateLimit-Reset", str(self.reset)),
        ]

    def error(self, now: int) -> TooMany:
        """The refusal, with S2's `rate_limit` object; `now` is epoch ms."""
        wait = max(1, self.reset - now // 1000)
        return TooMany(
            f"Rate limit of {self.limit} requests per {WINDOW_S} s is used up; try again in {wait} s",
            retry_after=wait,
            rate_limit={"limit": self.limit, "remaining": 0, "reset_time": iso(self.reset * 1000), "window_seconds": WINDOW_S},
        )


UNLIMITED = Quota(0, 0, 0)


class Limiter:
    """Fixed windows of a minute per (quota name, caller). Thread-safe; forgets everybody when the window ends."""

    def __init__(self, limits: dict[str, int], clock: Callable[[], int]) -> None:
        """`limits`: quota name → requests per window, 0 = none. `clock` answers epoch ms."""
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._window = 0
        self._used: dict[tuple[str, str], int] = {}

    def take(self, quota: str, caller: str) -> Quota:
        """Count one request of `caller` against `quota`."""
        limit = self._limits.get(quota, 0)
        if not limit:
            return UNLIMITED
        window = self._clock() // (WINDOW_S * 1000)
        with self._lock:
            if window != self._window:
                self._window = window
                self._used.clear()
            used = self._used.get((quota, caller), 0) + 1
            self._used[quota, caller] = used
        return Quota(limit, max(0, limit - used), (window + 1) * WINDOW_S, used > limit)
