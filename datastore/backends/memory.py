"""Telemetry in a dictionary: the reference meaning. Every other backend must answer as this one does."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from datastore import rollup
from datastore.backends.common import chosen_width, rows_of, scalar_pairs
from datastore.ports import Columns, Extent, Latest, Numbers, Outcome, Series
from datastore.seal import stack
from plant.metrics import metric as metric_of
from plant.model import Block, Value, Window


@dataclass(slots=True)
class _Instant:
    """What one device said at one instant: per metric every value it ever had, with the receive time of each, oldest first."""

    received: int
    quality: int
    told: dict[str, list[tuple[int, Value]]] = field(default_factory=dict)

    def value(self, metric: str, as_of: int | None = None) -> Value | None:
        """The value in force, or the one that was at receive time `as_of`."""
        history = self.told.get(metric, [])
        known = [value for received, value in history if as_of is None or received <= as_of]
        return known[-1] if known else None


class MemoryTelemetry:
    """Readings as they came, everything computed when asked."""

    def __init__(self, zone: str, clock: Callable[[], int]) -> None:
        self._zone = zone
        self._clock = clock
        self._kept: dict[tuple[str, str], dict[int, _Instant]] = {}
        self._lock = threading.RLock()

    def append(self, blocks: Sequence[Block]) -> list[Outcome]:
        with self._lock:
            return [self._append(block) for block in blocks]

    def _append(self, block: Block) -> Outcome:
        for name in block.metrics:
            metric_of(name, block.kind)
        counts = {"inserted": 0, "merged": 0, "revised": 0, "duplicates": 0}
        for device_id, at, received, quality, *values in block.rows:
            spoken = {name: value for name, value in zip(block.metrics, values, strict=True) if value is not None}
            counts[self._keep((device_id, block.kind), at, received, quality, spoken)] += 1
        return Outcome(**counts)

    def _keep(self, key: tuple[str, str], at: int, received: int, quality: int, spoken: Mapping[str, Value]) -> str:
        instants = self._kept.setdefault(key, {})
        known = instants.get(at)
        if known is None:
            instants[at] = _Instant(received, quality, {name: [(received, value)] for name, value in spoken.items()})
            return "inserted"
        fresh = {name for name in spoken if name not in known.told}
        changed = {name for name, value in spoken.items() if name in known.told and not same(known.told[name][-1][1], value)}
        for name in fresh | changed:
            known.told.setdefault(name, []).append((received, spoken[name]))
        if changed:
            known.quality = quality
            return "revised"
        if fresh:
            known.quality |= quality
            return "merged"
        return "duplicates"

    def load(self, device_id: str, kind: str, columns: Columns) -> int:
        names, rows = rows_of(device_id, columns)
        outcome = self.append([Block(kind, names, rows)])[0]
        return outcome.inserted

    def latest(self, devices: Sequence[tuple[str, str]] | None = None) -> dict[tuple[str, str], Latest]:
        with self._lock:
            keys = self._kept if devices is None else devices
            return {key: self._latest(key) for key in keys if self._kept.get(key)}

    def _latest(self, key: tuple[str, str]) -> Latest:
        instants = self._kept[key]
        newest = max(instants)
        values: dict[str, Value] = {}
        times: dict[str, int] = {}
        for at in sorted(instants):
            for name in instants[at].told:
                values[name] = instants[at].told[name][-1][1]
                times[name] = at
        return Latest(key[0], key[1], newest, instants[newest].received, instants[newest].quality, values, times)

    def columns(
        self, device_id: str, kind: str, metrics: Sequence[str], window: Window, limit: int | None = None, as_of: int | None = None
    ) -> Columns:
        with self._lock:
            instants = self._kept.get((device_id, kind), {})
            found = []
            for at in sorted(instants):
                known = instants[at]
                if window.start <= at < window.end and (as_of is None or known.received <= as_of):
                    values = [known.value(name, as_of) for name in metrics]
                    if any(value is not None for value in values):
                        found.append((at, known.received, known.quality, values))
            found = found[:limit]
        whole = np.array([row[:3] for row in found], dtype=np.int64).reshape(-1, 3)
        return Columns(
            whole[:, 0].copy(), whole[:, 1].copy(), whole[:, 2].copy(),
            {name: _column(name, kind, [row[3][j] for row in found]) for j, name in enumerate(metrics)},
        )  # fmt: skip

    def series(
        self,
        keys: Sequence[tuple[str, str]],
        metrics: Sequence[str],
        window: Window,
        *,
        points: int | None = None,
        resolution: int | None = None,
        zone: str = "UTC",
        as_of: int | None = None,
    ) -> dict[tuple[str, str, str], Series]:
        width, may_be_raw = chosen_width(window, points, resolution)
        answer = {}
        for device_id, kind, name in scalar_pairs(keys, metrics):
            kept = self.columns(device_id, kind, [name], window, as_of=as_of)
            values = kept.values[name]
            if not width or (may_be_raw and len(values) <= may_be_raw):
                answer[device_id, kind, name] = rollup.raw(device_id, name, kept.at, values, window)
                continue
            bounds = rollup.edges(window, width, zone)
            stats = rollup.reduce(kept.at, values[:, None], bounds)
            answer[device_id, kind, name] = rollup.bucketed(device_id, name, width, bounds[:-1], stats, 0, window)
        return answer

    def extent(self, device_id: str, kind: str) -> Extent | None:
        with self._lock:
            instants = self._kept.get((device_id, kind))
            if not instants:
                return None
            rows: dict[str, int] = {}
            for known in instants.values():
                for name in known.told:
                    rows[name] = rows.get(name, 0) + 1
            return Extent(device_id, kind, min(instants), max(instants), rows)

    def bounds(self, device_id: str, kind: str) -> tuple[int, int] | None:
        with self._lock:
            instants = self._kept.get((device_id, kind))
            return (min(instants), max(instants)) if instants else None

    def forget(self, kind: str, before: int) -> int:
        dropped = 0
        with self._lock:
            for key, instants in self._kept.items():
                old = [at for at in instants if at < before] if key[1] == kind else []
                dropped += len(old)
                for at in old:
                    del instants[at]
        return dropped

    def seal(self, before: int) -> int:
        """Nothing is packed here; the contract only asks that reads do not change."""
        return 0

    def maintain(self) -> None:
        """Nothing is cached here, so nothing is ever behind."""

    def ping(self) -> None:
        """Memory always answers."""

    def close(self) -> None:
        """Nothing to release."""


def same(one: Value, other: Value) -> bool:
    """Whether two values of one metric are identical as float64, element by element for vectors."""
    if isinstance(one, int | float) or isinstance(other, int | float):
        return isinstance(one, int | float) and isinstance(other, int | float) and float(one) == float(other)
    return list(one) == list(other)


def _column(name: str, kind: str, values: Sequence[Value | None]) -> Numbers:
    if not metric_of(name, kind).is_vector:
        return np.array(values, dtype=np.float64)
    return stack([None if value is None else np.array(value, dtype=np.float64) for value in values])
