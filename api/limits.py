"""How many requests a caller may send in a minute; one object serves both doors, and all processes that share a Redis.

Processes share by portions: one that has none left for a caller takes the next portion of the minute from Redis, in one question, and
hands it out by itself. Together they never let more through than the limit; a hundredth of it may lie unused in another process.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from datastore.backends.redis_link import RedisLink
from plant.errors import TooMany, Unavailable
from plant.timeline import iso

WINDOW_S = 60
_PORTIONS = 100
"""Into how many portions a limit is cut: small limits are counted one by one, ingest is asked for once in 600 requests."""


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


class Counter(Protocol):
    """Counts for all processes."""

    def add(self, name: str, amount: int, keep_s: int) -> int:
        """The sum under `name` after adding; it is forgotten after `keep_s`. Raises Unavailable."""


class RedisCounter:
    """Implements `Counter`."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    def add(self, name: str, amount: int, keep_s: int) -> int:
        """The sum under `name` after adding, in one round trip. Raises Unavailable."""
        key = f"{self._link.prefix}limit:{name}"
        sums = self._link.ask(lambda client: client.pipeline(transaction=False).incrby(key, amount).expire(key, keep_s).execute())
        return int(sums[0])


@dataclass(slots=True)
class _Account:
    """One caller in this window: requests `taken` of `granted` ones (all processes together: `sum`); `spent` when there are no more."""

    granted: int = 0
    taken: int = 0
    sum: int = 0
    spent: bool = False


class Limiter:
    """Fixed windows of a minute per (quota name, caller). Thread-safe; forgets everybody when the window ends."""

    def __init__(self, limits: dict[str, int], clock: Callable[[], int], shared: Counter | None = None) -> None:
        """`limits`: quota name → requests per window, 0 = none. `clock` answers epoch ms. `shared` counts for all processes; while it
        does not answer, this process counts alone."""
        self._limits = limits
        self._clock = clock
        self._shared = shared
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._window = 0
        self._accounts: dict[tuple[str, str], _Account] = {}

    def take(self, quota: str, caller: str) -> Quota:
        """Count one request of `caller` against `quota`; may wait for one answer of the shared counter."""
        taken = self.take_at_once(quota, caller)
        if taken is not None:
            return taken
        with self._asking:  # who waited for another's question finds its portion
            while (taken := self.take_at_once(quota, caller)) is None:
                self._fetch(quota, caller)
        return taken

    def take_at_once(self, quota: str, caller: str) -> Quota | None:
        """As `take`, for the event loop: None, and nothing counted, when the shared counter has to be asked first."""
        limit = self._limits.get(quota, 0)
        if not limit:
            return UNLIMITED
        with self._lock:
            window, account = self._account(quota, caller, limit)
            if account.taken >= account.granted and not account.spent:
                return None
            refused = account.taken >= account.granted
            account.taken += not refused
            used = account.sum - (account.granted - account.taken)
        return Quota(limit, max(0, limit - used), (window + 1) * WINDOW_S, refused)

    def _account(self, quota: str, caller: str, limit: int) -> tuple[int, _Account]:
        """The window and the account of now; alone, the whole limit is granted at once. Under the lock."""
        window = self._clock() // (WINDOW_S * 1000)
        if window != self._window:
            self._window = window
            self._accounts.clear()
        account = self._accounts.get((quota, caller))
        if account is None:
            account = self._accounts[quota, caller] = _Account()
            if self._shared is None:
                account.granted = account.sum = limit
                account.spent = True
        return window, account

    def _fetch(self, quota: str, caller: str) -> None:
        """Take the next portion of this window from the shared counter."""
        assert self._shared is not None
        limit = self._limits[quota]
        portion = max(1, limit // _PORTIONS)
        window = self._clock() // (WINDOW_S * 1000)
        try:
            total = self._shared.add(f"{quota}:{caller}:{window}", portion, 2 * WINDOW_S)
        except Unavailable:
            total = None
        with self._lock:
            now, account = self._account(quota, caller, limit)
            if now != window:
                return  # the minute ended meanwhile: the portion was of the last one
            if total is None:  # alone: what this process has not used itself of the limit
                account.granted, account.sum, account.spent = limit, limit, True
            else:
                account.granted += max(0, min(portion, limit - (total - portion)))
                account.sum = min(total, limit)
                account.spent = total >= limit


def open_limiter(limits: dict[str, int], clock: Callable[[], int], link: RedisLink | None) -> Limiter:
    """The limiter of this process: shared through Redis when there is one."""
    return Limiter(limits, clock, None if link is None else RedisCounter(link))
