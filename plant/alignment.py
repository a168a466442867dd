"""Metrics that are sampled at different rates on one time base (S0's "timestamp synchronization"). Pure numpy.

The base are the instants of the densest metric asked for; every other metric gives its newest sample that is not in the future and
not older than the tolerance, else nothing. Nothing is interpolated: each number was said by the device.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

Instants = np.ndarray[Any, np.dtype[np.int64]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]

TOLERANCE = 60_000
"""How old a sample may be that still stands for an instant [ms], where no ALIGN_TOLERANCE_S says otherwise."""


def densest(values: Mapping[str, Numbers]) -> str | None:
    """The metric with the most samples, the first of equals; None when all are silent. Columns as for `aligned`."""
    counts = {name: int(np.count_nonzero(_spoken(column))) for name, column in values.items()}
    return max(counts, key=lambda name: counts[name]) if any(counts.values()) else None


def aligned(at: Instants, values: Mapping[str, Numbers], tolerance: int = TOLERANCE) -> tuple[Instants, dict[str, Numbers]]:
    """Readings on the instants of the densest of them.

    `at` int64 [n] ascending [epoch ms]; each of `values` float64 [n], or [n, width] for a vector, NaN for silent: what a store's
    `columns` gives for several metrics. `tolerance` [ms], inclusive. Returns the instants [m] and the columns on them, in the same
    order.

    >>> volts, celsius = np.array([1, np.nan, 2, 3]), np.array([np.nan, 9, np.nan, np.nan])
    >>> at, columns = aligned(np.array([0, 500, 1000, 2000]), {"v": volts, "t": celsius}, tolerance=1000)
    >>> at.tolist(), columns["t"].tolist()
    ([0, 1000, 2000], [nan, 9.0, nan])
    """
    base = densest(values)
    if base is None:
        return at[:0], {name: column[:0] for name, column in values.items()}
    instants = at[_spoken(values[base])]
    return instants, {name: carried(instants, *_samples(at, column), tolerance) for name, column in values.items()}


def carried(base: Instants, at: Instants, values: Numbers, tolerance: int = TOLERANCE) -> Numbers:
    """For each instant of `base` [m] the newest of the samples `at` [n] ascending, `values` [n] or [n, width], that is not after it
    and at most `tolerance` [ms] before it; NaN where there is none."""
    found = np.full((len(base), *values.shape[1:]), np.nan)
    if len(at):
        place = np.searchsorted(at, base, side="right") - 1
        near = (place >= 0) & (base - at[np.maximum(place, 0)] <= tolerance)
        found[near] = values[place[near]]
    return found


def _spoken(column: Numbers) -> Any:
    return ~np.isnan(column) if column.ndim == 1 else (~np.isnan(column)).any(axis=1)


def _samples(at: Instants, column: Numbers) -> tuple[Instants, Numbers]:
    told = _spoken(column)
    return at[told], column[told]
