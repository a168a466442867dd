"""Vectors of one device (cells, sensors) over a window, in buckets: read whole where that is little, else a few readings of each bucket."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datastore.ports import Columns, Instants, Numbers
from datastore.store import Store
from plant.model import Device, Window

MOST_READINGS = 3_000
"""So many readings are read whole: 252 cells each of them are 6 MB."""
SAMPLED, ENOUGH = 60, 4
"""Buckets of a window that holds more, as each costs a question to the store, and readings looked at in each."""


@dataclass(frozen=True, slots=True)
class Elements:
    """`at` [k] starts of the buckets somebody spoke in (epoch ms UTC, `width` ms wide), `mean` [k, elements] with NaN for silent ones,
    `newest` the last instant read."""

    at: Instants
    width: int
    mean: Numbers
    newest: int


def elements(store: Store, device: Device, name: str, window: Window, buckets: int) -> Elements | None:
    """The means of a vector metric in at most `buckets` buckets; None when nobody spoke of it in the window."""
    parts: Sequence[Columns] = [store.telemetry.columns(device.device_id, device.kind, [name], window, MOST_READINGS + 1)]
    if len(parts[0].at) > MOST_READINGS:
        buckets = min(buckets, SAMPLED)
        probes = _probes(window, -(-window.length // buckets), int(parts[0].at[0]))
        parts = [store.telemetry.columns(device.device_id, device.kind, [name], probe, ENOUGH) for probe in probes]
    return _bucketed([part for part in parts if len(part.at)], name, window, max(1, -(-window.length // buckets)))


def _probes(window: Window, width: int, first: int) -> list[Window]:
    """The buckets in which there may be readings: those from the `first` one on."""
    starts = range(window.start, window.end, width)
    return [Window(at, min(at + width, window.end)) for at in starts if at + width > first]


def _bucketed(parts: Sequence[Columns], name: str, window: Window, width: int) -> Elements | None:
    if not parts:
        return None
    widest = max(part.values[name].shape[1] for part in parts)
    sides = [widest - part.values[name].shape[1] for part in parts]
    values = np.concatenate(
        [np.pad(p.values[name], ((0, 0), (0, more)), constant_values=np.nan) for p, more in zip(parts, sides, strict=True)]
    )
    at = np.concatenate([part.at for part in parts])
    which, starts = np.unique((at - window.start) // width, return_index=True)
    sums: Any = np.add.reduceat(values, starts, axis=0)
    mean = sums / np.diff([*starts, len(at)])[:, None]
    for k in np.flatnonzero(np.isnan(sums).any(axis=1)).tolist():  # buckets with silent elements, in which the others spoke
        part = values[starts[k] : starts[k + 1] if k + 1 < len(starts) else len(at)]
        told = np.isfinite(part)
        counts = told.sum(axis=0)
        mean[k] = np.where(counts > 0, np.where(told, part, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)
    if not np.isfinite(mean).any():
        return None
    return Elements(window.start + which * width, width, mean, int(at[-1]))


def middle(matrix: Numbers) -> Numbers:
    """The median over the elements at each instant, [k]; NaN where all are silent."""
    found: Numbers = np.median(matrix, axis=1)  # NaN where one is silent: those again without it
    for k in np.flatnonzero(np.isnan(found)).tolist():
        told = matrix[k][np.isfinite(matrix[k])]
        found[k] = np.median(told) if told.size else np.nan
    return found
