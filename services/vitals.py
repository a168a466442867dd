"""How this process does: what comes in and how late, what is kept, who listens, how large it is. The System page reads it.

The composition root begins it (`begin`), for only that knows settings, streams and foreign doors; a store without one (a test, a tool)
has vitals that know the store alone.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from datastore.backends.redis_link import RedisLink
from datastore.kept.inspection import KindFigures
from datastore.kept.inspection import Table as Kept
from datastore.sources import own
from datastore.store import Store
from plant.model import Block
from services.config import Config
from services.foreign import Foreign
from services.reachability import Part, parts

REMEMBERED_S = 3_600
RECENT_S = 10
INSPECTED_FOR_S = 300.0
"""So long a look at what is kept is believed: on a large store it takes a while."""
REACHED_FOR_S = 5.0


@dataclass(slots=True)
class Second:
    """What was kept in one second [epoch s]: readings, and the delays of the last reading of each block added up [ms]."""

    at: int
    readings: int = 0
    blocks: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class Inflow:
    """The last ten whole seconds: readings a second, mean delay from a device's clock to receipt [ms], None when nothing came."""

    rate: float
    delay: float | None


@dataclass(slots=True)
class _Answer:
    """An answer that took its time, kept for a while; whoever asks meanwhile waits for the one under way."""

    seconds: float
    gate: threading.Lock = field(default_factory=threading.Lock)
    at: float = -1e12
    value: Any = None

    def get(self, ask: Callable[[], Any]) -> Any:
        with self.gate:
            if time.monotonic() - self.at > self.seconds:
                self.value = ask()
                self.at = time.monotonic()
            return self.value


class Vitals:
    """Counts what comes in, from now on. Thread-safe."""

    def __init__(
        self,
        store: Store,
        config: Config | None = None,
        redis: RedisLink | None = None,
        foreign: Foreign | None = None,
        streams: Callable[[], Mapping[str, int]] = dict,
        version: str = "",
    ) -> None:
        self.began = store.clock()
        self.config, self.foreign, self.version = config, foreign, version
        self._clock, self._redis, self._streams = store.clock, redis, streams
        self._seconds: deque[Second] = deque(maxlen=REMEMBERED_S + 1)
        self._lock = threading.Lock()
        self._inspected, self._reached = _Answer(INSPECTED_FOR_S), _Answer(REACHED_FOR_S)
        self._listening = store.live.subscribe("readings", self._hear)

    def _hear(self, _topic: str, blocks: list[Block]) -> None:
        """Called by the live bus, once per commit."""
        now = self._clock() // 1000
        with self._lock:
            if not self._seconds or self._seconds[-1].at < now:
                self._seconds.append(Second(now))
            second = self._seconds[-1]
            for block in blocks:
                second.readings += len(block)
                second.blocks += 1
                second.delay += max(0, block.rows[-1][2] - block.rows[-1][1])

    def close(self) -> None:
        """Count no more."""
        self._listening.close()

    def seconds(self) -> list[Second]:
        """Seconds of the last hour in which something came, oldest first."""
        since = self._clock() // 1000 - REMEMBERED_S
        with self._lock:
            return [Second(one.at, one.readings, one.blocks, one.delay) for one in self._seconds if one.at >= since]

    def inflow(self) -> Inflow:
        """The last ten whole seconds, or those since the beginning."""
        now = self._clock() // 1000
        span = max(1, min(RECENT_S, now - self.began // 1000))
        recent = [one for one in self.seconds() if now - span <= one.at < now]
        blocks = sum(one.blocks for one in recent)
        return Inflow(sum(one.readings for one in recent) / span, sum(one.delay for one in recent) / blocks if blocks else None)

    def streams(self) -> Mapping[str, int]:
        """Open live connections by kind."""
        return self._streams()

    def uptime_ms(self) -> int:
        """Since the beginning."""
        return max(0, self._clock() - self.began)

    def kept(self, store: Store) -> tuple[list[KindFigures], list[Kept]] | None:
        """What the store holds by kind and by table, at most five minutes old; None for one that cannot be looked into (in memory).
        Raises Unavailable."""
        main = own(store.telemetry)
        if not hasattr(main, "inspection"):
            return None
        found: tuple[list[KindFigures], list[Kept]] = self._inspected.get(lambda: (main.inspection.kinds(), main.inspection.tables()))
        return found

    def reachable(self, store: Store) -> list[Part]:
        """Servers and stores this process is configured to use, asked at most five seconds ago; empty without settings."""
        config = self.config
        if config is None:
            return []
        found: list[Part] = self._reached.get(lambda: parts(store, config, self._redis))
        return found


_OF: WeakKeyDictionary[Any, Vitals] = WeakKeyDictionary()
_GATE = threading.Lock()


def begin(store: Store, **known: Any) -> Vitals:
    """Vitals of this store's process, which `of` then answers; `known` as for Vitals."""
    with _GATE:
        before = _OF.get(store.live)
        if before is not None:
            before.close()
        made = _OF[store.live] = Vitals(store, **known)
        return made


def of(store: Store) -> Vitals:
    """The vitals begun for this store, else new ones that know the store alone."""
    with _GATE:
        found = _OF.get(store.live)
        if found is None:
            found = _OF[store.live] = Vitals(store)
        return found


def memory() -> int | None:
    """Resident memory of this process [bytes]; None where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None
