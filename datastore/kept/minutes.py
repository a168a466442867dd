"""Minutes that are still open, accumulated in the writer's memory so that closing one needs no look at its rows."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datastore import rollup
from datastore.kept.newest import Row
from datastore.kept.packing import Packed, packed, record
from datastore.ports import Instants
from plant.metrics import scalars_of
from plant.model import MINUTE

_FOLD_AT = 4 << 20
"""Bytes of packed rows after which they are reduced: some 45,000 readings of seven metrics."""
_JOIN_AT = 24

Part = tuple[Instants, Instants, Any]
"""Device [n], minute [n], STATS [n, metrics]: what was heard of these devices in these minutes."""


class OpenMinutes:
    """The open minutes of one kind: rows wait, packed, until there are enough to reduce together; memory stays bounded.
    `add` and `take` are called under the write lock, `prepare` by anyone."""

    def __init__(self, kind: str) -> None:
        self._scalars = scalars_of(kind)
        self._lock = threading.Lock()
        self._folding = threading.Lock()
        self._waiting: dict[tuple[str, ...], list[bytes]] = {}
        self._bytes = 0
        self._parts: dict[tuple[str, ...], list[Part]] = {}
        self._earliest = 2**63

    def add(self, metrics: tuple[str, ...], rows: Sequence[Row], known: Packed | None = None) -> bytes | None:
        """`rows` carry scalars only, ascending by time; `known` are the same packed, where somebody has them. Returns the records, None
        when some value is silent."""
        # packed while the rows are in the processor's cache: later it takes five times as long
        records, whole = known or packed(rows, len(metrics))
        with self._lock:
            self._waiting.setdefault(metrics, []).append(records)
            self._bytes += len(records)
            self._earliest = min(self._earliest, rows[0][1] // MINUTE * MINUTE)
        if self._bytes >= _FOLD_AT:
            self.fold()
        return records if whole else None

    def fold(self) -> None:
        """Reduce what waits."""
        with self._folding:
            with self._lock:
                waiting, self._waiting, self._bytes = self._waiting, {}, 0
            for metrics, records in waiting.items():
                parts = self._parts.setdefault(metrics, [])
                parts.append(_reduced(b"".join(records), len(metrics)))
                if len(parts) > _JOIN_AT:
                    parts[:] = [_joined(parts)]

    def prepare(self, before: int) -> None:
        """Do what `take` can have done before it is called under the lock."""
        if self._earliest < before:
            self.fold()

    def take(self, before: int) -> dict[int, tuple[Instants, Any]]:
        """Minutes that start before `before`, given up: minute → (devices [n], STATS [n, scalars of the kind])."""
        if self._earliest >= before:
            return {}
        self.fold()
        with self._folding:
            due = [self._full(metrics, part) for metrics, part in self._split(before).items()]
            self._earliest = min((int(part[1].min()) for parts in self._parts.values() for part in parts), default=2**63)
        if not due:
            return {}
        devices, minutes, stats = due[0] if len(due) == 1 else _joined(due)
        # a device heard once a minute is heard throughout
        stats["coverage"][stats["n"] == 1] = MINUTE / 1000
        found = {}
        for minute in np.unique(minutes).tolist():
            mine = minutes == minute
            found[minute] = (devices[mine], stats[mine])
        return found

    def _split(self, before: int) -> Mapping[tuple[str, ...], Part]:
        """What starts before `before`, per set of metrics; the rest stays."""
        due = {}
        for metrics, parts in list(self._parts.items()):
            devices, minutes, stats = _joined(parts)
            now = minutes < before
            if now.any():
                due[metrics] = (devices[now], minutes[now], stats[now])
            if now.all():
                del self._parts[metrics]
            else:
                self._parts[metrics] = [(devices[~now], minutes[~now], stats[~now])]
        return due

    def _full(self, metrics: tuple[str, ...], part: Part) -> Part:
        """The part with a column for every scalar of the kind."""
        devices, minutes, stats = part
        full = rollup.empty(len(devices), len(self._scalars))
        full[:, [self._scalars.index(name) for name in metrics]] = stats
        return devices, minutes, full


def _reduced(records: bytes, metrics: int) -> Part:
    found = np.frombuffer(records, dtype=record(metrics))
    devices, at = found["heads"][:, 0], found["heads"][:, 1]
    order = np.lexsort((at, devices))
    devices, at, numbers = devices[order], at[order], found["numbers"].reshape(len(found), metrics)[order]
    minutes = at // MINUTE * MINUTE
    firsts = _starts(devices, minutes)
    return devices[firsts], minutes[firsts], rollup.grouped(at, numbers, firsts, MINUTE)


def _joined(parts: Sequence[Part]) -> Part:
    """One part of several, with each (device, minute) once."""
    if len(parts) == 1:
        return parts[0]
    devices = np.concatenate([part[0] for part in parts])
    minutes = np.concatenate([part[1] for part in parts])
    stats = np.concatenate([part[2] for part in parts])
    # stable: of equal (device, minute) the part that came later stays later, so its `last` wins
    order = np.lexsort((minutes, devices))
    devices, minutes, stats = devices[order], minutes[order], stats[order]
    firsts = _starts(devices, minutes)
    joined = rollup.combine(np.arange(len(devices)), stats, np.r_[firsts, len(devices)])
    # the bounds above count rows, not milliseconds
    joined["coverage"] = np.fmin(np.add.reduceat(stats["coverage"], firsts, axis=0), MINUTE / 1000)
    return devices[firsts], minutes[firsts], joined


def _starts(devices: Instants, minutes: Instants) -> Instants:
    """Where each (device, minute) of sorted ones begins."""
    return np.flatnonzero(np.r_[True, (np.diff(devices) != 0) | (np.diff(minutes) != 0)])
