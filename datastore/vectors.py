"""Vectors (cells, strings, MPPTs) over time: as a heat map of elements and as a distribution, from readings of which one slab at a
time is in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datastore import rollup
from datastore.backends.common import chosen_width
from datastore.ports import Instants, Numbers, Telemetry
from datastore.slabs import slabs
from plant.errors import Invalid
from plant.metrics import metric as metric_of
from plant.model import HOUR, Window

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_SLAB = 6 * HOUR

Whole = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Heat:
    """One vector metric of one device in buckets of `resolution` [ms]: `at` [k] their starts, `n` [k] readings in each, `mean`, `min`,
    `max` [k, width] per element, NaN where it was silent."""

    device_id: str
    metric: str
    resolution: int
    at: Instants
    n: Whole
    mean: Numbers
    min: Numbers
    max: Numbers


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the elements of a vector metric are distributed: per bucket `n` [k] values and their `quantiles` [k, len(QUANTILES)], `mean`
    [k]; over the whole window `values` [m] ascending with how often each occurs, `counts` [m]. Values are rounded to the decimals of
    the catalogue, so quantiles are exact at what a sensor resolves."""

    device_id: str
    metric: str
    resolution: int
    at: Instants
    n: Whole
    mean: Numbers
    quantiles: Numbers
    values: Numbers
    counts: Whole


def heat(
    telemetry: Telemetry, device_id: str, kind: str, name: str, window: Window, *, points: int, zone: str, as_of: int | None = None
) -> Heat:
    """The heat map of at most `points` buckets. Raises MetricNotFound, or Invalid for a scalar."""
    width, bounds = _buckets(name, kind, window, points, zone)
    k = len(bounds) - 1
    n = np.zeros(k, np.int64)
    told = total = least = most = np.zeros((k, 0))
    for at, matrix in _read(telemetry, device_id, kind, name, window, as_of):
        if matrix.shape[1] > told.shape[1]:
            more = matrix.shape[1] - told.shape[1]
            told, total = _wider(told, more, 0.0), _wider(total, more, 0.0)
            least, most = _wider(least, more, np.inf), _wider(most, more, -np.inf)
        elements = slice(0, matrix.shape[1])
        cuts = np.searchsorted(at, bounds)
        full = np.flatnonzero(cuts[1:] > cuts[:-1])
        starts = cuts[:-1][full]
        spoken = ~np.isnan(matrix)
        n[full] += (cuts[1:] - cuts[:-1])[full]
        told[full, elements] += np.add.reduceat(spoken, starts, axis=0, dtype=np.int64)
        total[full, elements] += np.add.reduceat(np.where(spoken, matrix, 0.0), starts, axis=0)
        least[full, elements] = np.minimum(least[full, elements], np.minimum.reduceat(np.where(spoken, matrix, np.inf), starts, axis=0))
        most[full, elements] = np.maximum(most[full, elements], np.maximum.reduceat(np.where(spoken, matrix, -np.inf), starts, axis=0))
    silent = told == 0
    mean = np.divide(total, told, out=np.full(told.shape, np.nan), where=~silent)
    low, high = np.where(silent, np.nan, least), np.where(silent, np.nan, most)
    # a mean of equal numbers may leave their range by one rounding step
    return Heat(device_id, name, width, bounds[:-1], n, np.clip(mean, low, high), low, high)


def distribution(
    telemetry: Telemetry, device_id: str, kind: str, name: str, window: Window, *, points: int, zone: str, as_of: int | None = None
) -> Distribution:
    """The distribution in at most `points` buckets. Raises MetricNotFound, or Invalid for a scalar."""
    width, bounds = _buckets(name, kind, window, points, zone)
    k = len(bounds) - 1
    power = 10.0 ** metric_of(name, kind).decimals
    tallies: dict[int, tuple[Whole, Whole]] = {}
    for at, matrix in _read(telemetry, device_id, kind, name, window, as_of):
        cuts = np.searchsorted(at, bounds)
        for bucket in np.flatnonzero(cuts[1:] > cuts[:-1]).tolist():
            values = matrix[cuts[bucket] : cuts[bucket + 1]].reshape(-1)
            steps, counts = np.unique(np.rint(values[~np.isnan(values)] * power).astype(np.int64), return_counts=True)
            tallies[bucket] = _tallied([tallies[bucket], (steps, counts)]) if bucket in tallies else (steps, counts)
    n, mean, quantiles = np.zeros(k, np.int64), np.full(k, np.nan), np.full((k, len(QUANTILES)), np.nan)
    for bucket, (steps, counts) in tallies.items():
        n[bucket] = counts.sum()
        if n[bucket]:
            mean[bucket] = float((steps * counts).sum()) / n[bucket] / power
            quantiles[bucket] = _quantiles(steps, counts) / power
    steps, counts = _tallied(list(tallies.values())) if tallies else (np.empty(0, np.int64), np.empty(0, np.int64))
    return Distribution(device_id, name, width, bounds[:-1], n, mean, quantiles, steps / power, counts)


def _buckets(name: str, kind: str, window: Window, points: int, zone: str) -> tuple[int, Instants]:
    if not metric_of(name, kind).is_vector:
        raise Invalid(f"Metric '{name}' is a single number: ask for its series", field="metric", metric=name)
    width, _ = chosen_width(window, points, None)
    bounds = rollup.edges(window, width, zone)
    return width, bounds


def _read(
    telemetry: Telemetry, device_id: str, kind: str, name: str, window: Window, as_of: int | None
) -> Iterator[tuple[Instants, Numbers]]:
    extent = telemetry.extent(device_id, kind)
    if extent is not None:
        for part in slabs(window, extent.first, extent.last, _SLAB):
            found = telemetry.columns(device_id, kind, [name], part, as_of=as_of)
            if len(found.at):
                yield found.at, found.values[name]


def _wider(matrix: Numbers, more: int, fill: float) -> Numbers:
    return np.pad(matrix, ((0, 0), (0, more)), constant_values=fill)


def _tallied(parts: Sequence[tuple[Whole, Whole]]) -> tuple[Whole, Whole]:
    """(ascending steps, how often each) of several together."""
    steps, places = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts = np.zeros(len(steps), np.int64)
    np.add.at(counts, places, np.concatenate([part[1] for part in parts]))
    return steps, counts


def _quantiles(steps: Whole, counts: Whole) -> Numbers:
    """Linear between neighbours in rank, as numpy's default, for values given as a tally."""
    ends = np.cumsum(counts)
    ranks = np.array(QUANTILES) * (ends[-1] - 1)
    low, high = np.floor(ranks).astype(np.int64), np.ceil(ranks).astype(np.int64)
    below, above = steps[np.searchsorted(ends, low, side="right")], steps[np.searchsorted(ends, high, side="right")]
    found: Numbers = below + (above - below) * (ranks - low)
    return found
