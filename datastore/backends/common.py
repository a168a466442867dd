"""What every backend decides alike: which width a question gets, which pairs it asks about, columns as rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import Any

import numpy as np

from datastore import rollup
from datastore.ports import Columns
from datastore.seal import elements
from plant.errors import DeviceNotFound, Invalid
from plant.metrics import metric as metric_of
from plant.model import Device, Window

POINTS = 1000
"""Buckets of a series when neither points nor resolution is asked for."""

MOST_BUCKETS = 2_000_000


def chosen_width(window: Window, points: int | None, resolution: int | None) -> tuple[int, int]:
    """(bucket width [ms], 0 = raw; with `points`, up to how many readings are handed out raw instead, else 0). Raises Invalid."""
    if resolution is None:
        wanted = POINTS if points is None else points
        if wanted < 1:
            raise Invalid("points must be at least 1", field="points", received_value=points)
        return rollup.width_for(window, wanted), wanted
    if resolution < 0:
        raise Invalid("resolution must not be negative", field="resolution", received_value=resolution)
    if resolution and window.length // resolution > MOST_BUCKETS:
        raise Invalid(f"more than {MOST_BUCKETS} buckets: take a shorter window or a wider resolution", field="resolution")
    return resolution, 0


def scalar_pairs(keys: Sequence[tuple[str, str]], metrics: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(device_id, kind, metric) for every metric the kind has. Raises MetricNotFound, or Invalid for a vector."""
    for name in metrics:
        if metric_of(name).is_vector:
            raise Invalid(f"Metric '{name}' is a vector: it has no series, read its columns", field="metrics", metric=name)
    for device_id, kind in keys:
        for name in metrics:
            if kind in metric_of(name).kinds:
                yield device_id, kind, name


def rows_of(device_id: str, columns: Columns) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns as the rows of a Block (NaN becomes None, a vector loses what pads it at its end, one that is all NaN becomes None)."""
    names = tuple(columns.values)
    lists = [_values(columns.values[name]) for name in names]
    heads = (columns.at.tolist(), columns.received.tolist(), columns.quality.tolist())
    return names, [(device_id, *row) for row in zip(*heads, *lists, strict=True)]


def _values(column: Any) -> list[Any]:
    if column.ndim == 2:
        return [elements(row) or None for row in column]
    silent = np.isnan(column)
    values: list[Any] = column.astype(object).tolist() if silent.any() else column.tolist()
    for i in np.flatnonzero(silent):
        values[i] = None
    return values


Registered = Mapping[str, Sequence[Device]]
"""Device id → its devices, one for each kind, ordered by id, then kind."""


def registered_of(devices: Iterable[Device]) -> Registered:
    """Devices in any order as they are looked up."""
    found = sorted(devices, key=lambda device: (device.device_id, device.kind))
    return {device_id: list(kinds) for device_id, kinds in groupby(found, key=lambda device: device.device_id)}


def listed(registered: Registered, kind: str | None, deleted: bool) -> list[Device]:
    """Devices ordered by id, then kind; `deleted` adds those that were deleted."""
    everything = chain.from_iterable(registered.values())
    return [d for d in everything if (kind is None or d.kind == kind) and (deleted or not d.deleted)]


def one_of(registered: Registered, device_id: str, kind: str | None) -> Device:
    """The device; of several kinds the first by name. Raises DeviceNotFound, also for a deleted one."""
    for device in registered.get(device_id, ()):
        if kind in (None, device.kind) and not device.deleted:
            return device
    raise DeviceNotFound(device_id)
