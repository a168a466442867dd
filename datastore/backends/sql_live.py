"""Minutes that are still open, accumulated in the writer's memory so that closing one needs no look at its rows."""

import struct
from collections.abc import Sequence
from itertools import starmap
from typing import Any

import numpy as np

from datastore import rollup
from datastore.backends.sql_latest import Row
from datastore.ports import Instants, Numbers
from plant.metrics import scalars_of
from plant.model import MINUTE

_FOLD_AT = 8192
_JOIN_AT = 24


class OpenMinutes:
    """The open minutes of one kind: rows wait as they are until there are enough to reduce together; memory stays bounded."""

    def __init__(self, kind: str) -> None:
        self._scalars = scalars_of(kind)
        self._waiting: dict[tuple[str, ...], list[Row]] = {}
        self._count = 0
        self._parts: list[tuple[Instants, Instants, Any]] = []  # device [n], minute [n], STATS [n, scalars of the kind]

    def add(self, metrics: tuple[str, ...], rows: Sequence[Row]) -> None:
        """`rows` carry scalars only."""
        self._waiting.setdefault(metrics, []).extend(rows)
        self._count += len(rows)
        if self._count >= _FOLD_AT:
            self._fold()

    def _fold(self) -> None:
        for metrics, rows in self._waiting.items():
            self._parts.append(self._reduced(metrics, rows))
        self._waiting.clear()
        self._count = 0
        if len(self._parts) > _JOIN_AT:
            self._parts = [self._joined(self._parts)]

    def _reduced(self, metrics: tuple[str, ...], rows: Sequence[Row]) -> tuple[Instants, Instants, Any]:
        heads, numbers = _arrays(rows, len(metrics))
        minutes = heads[:, 1] // MINUTE * MINUTE
        order = np.lexsort((heads[:, 1], heads[:, 0]))
        heads, minutes, numbers = heads[order], minutes[order], numbers[order]
        firsts = np.flatnonzero(np.r_[True, (np.diff(heads[:, 0]) != 0) | (np.diff(minutes) != 0)])
        stats = rollup.grouped(heads[:, 1], numbers, firsts, MINUTE)
        full = rollup.empty(len(firsts), len(self._scalars))
        full[:, [self._scalars.index(name) for name in metrics]] = stats
        return heads[firsts, 0], minutes[firsts], full

    def _joined(self, parts: Sequence[tuple[Instants, Instants, Any]]) -> tuple[Instants, Instants, Any]:
        devices = np.concatenate([part[0] for part in parts])
        minutes = np.concatenate([part[1] for part in parts])
        stats = np.concatenate([part[2] for part in parts])
        # stable: of equal (device, minute) the part that came later stays later, so its `last` wins
        order = np.lexsort((minutes, devices))
        devices, minutes, stats = devices[order], minutes[order], stats[order]
        firsts = np.flatnonzero(np.r_[True, (np.diff(devices) != 0) | (np.diff(minutes) != 0)])
        bounds = np.r_[firsts, len(devices)]
        joined = rollup.combine(np.arange(len(devices)), stats, bounds)
        # the bounds above count rows, not milliseconds
        joined["coverage"] = np.fmin(np.add.reduceat(stats["coverage"], firsts, axis=0), MINUTE / 1000)
        return devices[firsts], minutes[firsts], joined

    def take(self, before: int) -> dict[int, tuple[Instants, Any]]:
        """Minutes that start before `before`, given up: minute → (devices [n], STATS [n, scalars of the kind])."""
        self._fold()
        if not self._parts:
            return {}
        devices, minutes, stats = self._joined(self._parts)
        # a device heard once a minute is heard throughout
        stats["coverage"][stats["n"] == 1] = MINUTE / 1000
        due = minutes < before
        self._parts = [] if due.all() else [(devices[~due], minutes[~due], stats[~due])]
        found = {}
        for minute in np.unique(minutes[due]).tolist():
            mine = minutes == minute
            found[minute] = (devices[mine], stats[mine])
        return found


def _arrays(rows: Sequence[Row], metrics: int) -> tuple[Instants, Numbers]:
    """Rows → heads int64 [n, 4] and numbers float64 [n, metrics]. Packing each row in C is twice as quick as np.array."""
    record = struct.Struct(f"<qqqq{metrics}d")
    try:
        packed = b"".join(starmap(record.pack, rows))
    except struct.error:  # some value is silent
        packed = b"".join(record.pack(*row[:4], *[np.nan if value is None else value for value in row[4:]]) for row in rows)
    found = np.frombuffer(packed, dtype=np.dtype([("heads", "<i8", 4), ("numbers", "<f8", metrics)]))
    return found["heads"], found["numbers"].reshape(len(rows), metrics)
