"""Answers made from raw readings a slab of time at a time, for whoever has no rollups for a question."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from datastore import rollup
from datastore.backends.common import chosen_width, scalar_pairs
from datastore.ports import Columns, Extent, Instants, Series
from plant.model import DAY, Window

Key = tuple[str, str]
"""(device_id, kind)."""


class Reader(Protocol):
    """What `series_by_slabs` needs to know of readings."""

    def columns(
        self, device_id: str, kind: str, metrics: Sequence[str], window: Window, limit: int | None = None, as_of: int | None = None
    ) -> Columns:
        """As `Telemetry.columns`."""

    def extent(self, device_id: str, kind: str) -> Extent | None:
        """As `Telemetry.extent`; only `first` and `last` are looked at."""


def series_by_slabs(
    reader: Reader,
    keys: Sequence[Key],
    metrics: Sequence[str],
    window: Window,
    *,
    points: int | None = None,
    resolution: int | None = None,
    zone: str = "UTC",
    as_of: int | None = None,
    slab: int = DAY,
) -> dict[tuple[str, str, str], Series]:
    """The answer of `Telemetry.series`, made from raw readings of which at most `slab` [ms] of one device are in memory at a time
    (a series that is answered raw is whole in memory, it is the answer)."""
    width, may_be_raw = chosen_width(window, points, resolution)
    bounds = rollup.edges(window, width, zone) if width else np.empty(0, np.int64)
    asked: dict[Key, list[str]] = {}
    answer: dict[tuple[str, str, str], Series] = {}
    for device_id, kind, name in scalar_pairs(keys, metrics):
        answer[device_id, kind, name] = rollup.raw(device_id, name, np.empty(0, np.int64), np.empty(0), window)
        if width:
            found = reader.columns(device_id, kind, [name], window, limit=may_be_raw + 1, as_of=as_of) if may_be_raw else None
            if found is None or len(found.at) > may_be_raw:
                asked.setdefault((device_id, kind), []).append(name)
                continue
        else:
            found = reader.columns(device_id, kind, [name], window, as_of=as_of)
        answer[device_id, kind, name] = rollup.raw(device_id, name, found.at, found.values[name], window)
    for (device_id, kind), wanted in asked.items():
        names = list(dict.fromkeys(wanted))
        stats = _reduced(reader, device_id, kind, names, window, bounds, slab, as_of)
        for column, name in enumerate(names):
            answer[device_id, kind, name] = rollup.bucketed(device_id, name, width, bounds[:-1], stats, column, window)
    return answer


def _reduced(
    reader: Reader, device_id: str, kind: str, names: Sequence[str], window: Window, bounds: Instants, slab: int, as_of: int | None
) -> rollup.Stats:
    """STATS [buckets, names] of the buckets between `bounds`, one slab after the other."""
    extent = reader.extent(device_id, kind)
    starts, parts = [np.empty(0, np.int64)], [rollup.empty(0, len(names))]
    if extent is not None:
        for part in slabs(Window(window.start, window.end), extent.first, extent.last, slab):
            found = reader.columns(device_id, kind, names, part, as_of=as_of)
            if len(found.at):
                inner = bounds[(bounds > part.start) & (bounds < part.end)]
                fine = np.concatenate([[part.start], inner, [part.end]]).astype(np.int64)
                starts.append(fine[:-1])
                parts.append(rollup.reduce(found.at, np.column_stack([found.values[name] for name in names]), fine))
    return rollup.combine(np.concatenate(starts), np.concatenate(parts), bounds)


def slabs(window: Window, first: int, last: int, width: int = DAY) -> Iterator[Window]:
    """The part of `window` between the instants `first` and `last`, cut at multiples of `width` [ms]; nothing when they do not meet."""
    start, end = max(window.start, first), min(window.end, last + 1)
    while start < end:
        stop = min(start // width * width + width, end)
        yield Window(start, stop)
        start = stop
