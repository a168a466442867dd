"""What every backend decides alike: which width a question gets, which pairs it asks about, columns as rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from datastore import rollup
from datastore.ports import Columns
from plant.errors import Invalid
from plant.metrics import metric as metric_of
from plant.model import Window

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
    """Columns as the rows of a Block (NaN becomes None; a vector row that is all NaN too)."""
    names = tuple(columns.values)
    lists = [_values(columns.values[name]) for name in names]
    heads = (columns.at.tolist(), columns.received.tolist(), columns.quality.tolist())
    return names, [(device_id, *row) for row in zip(*heads, *lists, strict=True)]


def _values(column: Any) -> list[Any]:
    silent = np.isnan(column)
    values: list[Any] = column.astype(object).tolist() if silent.any() else column.tolist()
    if column.ndim == 1:
        for i in np.flatnonzero(silent):
            values[i] = None
        return values
    return [
        None if silent[i].all() else [None if hole else float(x) for x, hole in zip(row, silent[i], strict=True)]
        for i, row in enumerate(values)
    ]
