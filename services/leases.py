"""Who does what only one process should do: sealing, judging alarms, the demo plant.

A lease spares work; it is not what keeps the store whole: sealing is a transaction and an alarm is raised at most once by the store.
So a process that stands alone, or whose Redis is away, holds every lease.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Protocol

from datastore.backends.redis_link import RedisLink
from plant.errors import Unavailable

log = logging.getLogger(__name__)

_TRUSTED = 0.7
"""The share of it in which the holder acts without having heard again: it stops before another may begin."""

# Renewed if it is ours, taken if it is free: one question, so that nothing comes between.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end
if holder then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Leases(Protocol):
    """What this process may do."""

    def held(self, name: str) -> bool:
        """Whether this process holds the lease `name` now. Answers at once; the first question also applies for it."""

    def watch(self, told: Callable[[], None]) -> None:
        """`told()` is called on another thread, and must return soon, whenever some lease may have come or gone."""

    def close(self) -> None:
        """Give up all leases; idempotent."""


class LocalLeases:
    """Implements `Leases` for a process that stands alone: it holds all of them."""

    def held(self, name: str) -> bool:
        """Always."""
        return True

    def watch(self, told: Callable[[], None]) -> None:
        """They never come or go."""

    def close(self) -> None:
        """Nothing to give up."""


class RedisLeases:
    """Implements `Leases` among processes that share a Redis. A thread applies for and renews them every third of `ttl_s` [s], which is
    how long a lease stays with a process that says nothing more."""

    def __init__(self, link: RedisLink, ttl_s: float) -> None:
        self._link = link
        self._ttl_s = ttl_s
        self._me = secrets.token_hex(8)
        self._until: dict[str, float] = {}
        self._alone = False
        self._watchers: list[Callable[[], None]] = []
        self._closed = threading.Event()
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def held(self, name: str) -> bool:
        """Whether this process holds the lease `name` now, or Redis is away."""
        until = self._until.get(name)
        if until is None:
            self._until[name] = 0.0
            self._due.set()
        return not self._closed.is_set() and (self._alone or time.monotonic() < self._until[name])

    def watch(self, told: Callable[[], None]) -> None:
        """`told()` is called on the renewing thread after every round that changed something."""
        self._watchers.append(told)

    def close(self) -> None:
        """Give up all leases, so that another process need not wait for them to run out; idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._due.set()
        self._thread.join(timeout=5)
        for name in self._until:
            try:
                self._run_script(_RELEASE, name)
            except Unavailable:
                return

    def _run_script(self, script: str, name: str, *said: int) -> bool:
        return bool(self._link.ask(lambda client: client.eval(script, 1, f"{self._link.prefix}lease:{name}", self._me, *said)))

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._round()
            except Exception:  # without this thread no lease would ever be renewed
                log.exception("the leases could not be renewed; it is tried again")
            self._due.wait(self._ttl_s / 3)
            self._due.clear()

    def _round(self) -> None:
        before = (self._alone, self._mine())
        for name in list(self._until):
            begun = time.monotonic()
            try:
                ours = self._run_script(_HOLD, name, int(self._ttl_s * 1000))
            except Unavailable:
                self._alone = True
                break
            self._until[name] = begun + _TRUSTED * self._ttl_s if ours else 0.0
        else:
            self._alone = False
        after = (self._alone, self._mine())
        if after != before:
            self._tell(before[1], after[1])

    def _mine(self) -> frozenset[str]:
        now = time.monotonic()
        return frozenset(name for name, until in list(self._until.items()) if now < until)

    def _tell(self, before: frozenset[str], after: frozenset[str]) -> None:
        for name in sorted(after - before):
            log.info("this process holds the lease '%s'", name)
        for name in sorted(before - after):
            log.info("this process no longer holds the lease '%s'", name)
        for told in self._watchers:
            told()


class Running(Protocol):
    """Something that was started."""

    def stop(self) -> None:
        """End it; returns when it has ended."""


class WhileHeld:
    """Runs something only while this process holds a lease: `begin()` starts it, anew each time the lease comes."""

    def __init__(self, leases: Leases, name: str, begin: Callable[[], Running], look_every_s: float = 1.0) -> None:
        self._leases, self._name, self._begin, self._look_every_s = leases, name, begin, look_every_s
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._running: Running | None = None
        self._thread = threading.Thread(target=self._run, name=f"lease-{name}", daemon=True)

    def start(self) -> "WhileHeld":
        """Begin to follow the lease; returns itself."""
        self._leases.watch(self._wake.set)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End what runs, and follow the lease no more."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow(self._leases.held(self._name))
            except Exception:
                log.exception("'%s' could not be started or stopped; it is tried again", self._name)
            self._wake.wait(self._look_every_s)
            self._wake.clear()
        self._follow(False)

    def _follow(self, held: bool) -> None:
        if held and self._running is None:
            self._running = self._begin()
        elif not held and self._running is not None:
            running, self._running = self._running, None
            running.stop()


def open_leases(link: RedisLink | None, ttl_s: float) -> Leases:
    """The leases of this process: shared through Redis when there is one."""
    return LocalLeases() if link is None else RedisLeases(link, ttl_s)
