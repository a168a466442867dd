"""What a device measured over a window, in S2's words and units: rows or buckets, and how the readings behind them lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datastore.ports import Instants, Numbers
from datastore.store import Store
from plant.analysis.energy import Energies
from plant.analysis.spread import Spread, of_buckets, spread, together
from plant.model import DAY, HOUR, MINUTE, Device, Window
from services import energy_days
from services.pack_metrics import Measured

MOST_READINGS = 4_000_000
"""Readings behind one answer's statistics: about a month and a half of a device that speaks every second, some seconds of work."""
_SLAB = 2 * DAY


@dataclass(frozen=True, slots=True)
class History:
    """`at` [epoch ms, n] ascending, `values` per measurement [n] in S2's units with NaN for silent. `following` is where the next page
    begins [epoch ms], None when there is none."""

    at: Instants
    values: dict[str, Numbers]
    following: int | None = None


def rows(store: Store, device: Device, asked: Sequence[Measured], window: Window, limit: int) -> History:
    """Readings as they came, the first `limit` of the window."""
    metrics = [one.metric for one in asked]
    found = store.telemetry.columns(device.device_id, device.kind, metrics, window, limit=limit + 1)
    count = min(len(found.at), limit)
    following = int(found.at[count]) if len(found.at) > count else None
    return History(found.at[:count], {one.name: shown(one, found.values[one.metric][:count]) for one in asked}, following)


def buckets(store: Store, device: Device, asked: Sequence[Measured], window: Window, width: int) -> History:
    """Means per bucket of `width` [ms] (calendar days of the site from a day on); buckets in which nothing was said are left out."""
    key = (device.device_id, device.kind)
    found = store.telemetry.series([key], [one.metric for one in asked], window, resolution=width, zone=store.zone.key)
    series = {one.name: found[(*key, one.metric)] for one in asked if (*key, one.metric) in found}
    if not series:
        return History(np.empty(0, np.int64), {one.name: np.empty(0) for one in asked})
    at = np.unique(np.concatenate([one.at for one in series.values()]))
    columns = {}
    for one in asked:
        column = np.full(len(at), np.nan)
        if one.name in series:
            column[np.searchsorted(at, series[one.name].at)] = series[one.name].mean
        columns[one.name] = column
    told = np.logical_not(np.all([np.isnan(column) for column in columns.values()], axis=0))
    return History(at[told], {one.name: shown(one, columns[one.name][told]) for one in asked})


def shown(one: Measured, values: NDArray[np.float64]) -> Numbers:
    """Stored numbers in S2's unit."""
    if one.factor == 1.0:
        return values
    return np.array([float(f"{value:.12g}") for value in (values * one.factor).tolist()], dtype=np.float64)


def told(store: Store, device: Device, window: Window) -> Window | None:
    """The part of the window from which there may be readings; None when there is none."""
    kept = store.telemetry.bounds(device.device_id, device.kind)
    if kept is None:
        return None
    start, end = max(window.start, kept[0]), min(window.end, kept[1] + 1)
    return Window(start, end) if start < end else None


def spreads(store: Store, device: Device, asked: Sequence[Measured], window: Window | None) -> dict[str, Spread]:
    """How the readings of the window lie, each measurement in S2's unit, from all the readings themselves. Where they are more than
    MOST_READINGS, least, most and mean come from the hours, and how they deviate is not known. Windows are those `told`."""
    found = {one.name: Spread() for one in asked}
    if window is None or not asked:
        return found
    if _readings(store, device, asked, window) > MOST_READINGS:
        return _of_hours(store, device, asked, window)
    for start in range(window.start, window.end, _SLAB):  # in parts that fit into memory
        slab = Window(start, min(start + _SLAB, window.end))
        columns = store.telemetry.columns(device.device_id, device.kind, [one.metric for one in asked], slab)
        for one in asked:
            found[one.name] = together(found[one.name], spread(columns.values[one.metric] * one.factor))
    return found


def _readings(store: Store, device: Device, asked: Sequence[Measured], window: Window) -> int:
    """How many readings the window holds, of the measurement that has most."""
    if window.length <= MOST_READINGS * 100:  # not even ten a second would be too many
        return 0
    key = (device.device_id, device.kind)
    found = store.telemetry.series([key], [one.metric for one in asked], window, resolution=HOUR)
    return max((int(np.nansum(one.n)) for one in found.values()), default=0)


def _of_hours(store: Store, device: Device, asked: Sequence[Measured], window: Window) -> dict[str, Spread]:
    key = (device.device_id, device.kind)
    found = store.telemetry.series([key], [one.metric for one in asked], window, resolution=HOUR)
    spreads = {}
    for one in asked:
        series = found.get((*key, one.metric))
        f = one.factor
        spreads[one.name] = Spread() if series is None else of_buckets(series.n, series.min * f, series.max * f, series.mean * f)
    return spreads


def energies(store: Store, device: Device, power: Measured, window: Window) -> tuple[Energies, float]:
    """Energy out and in over the window, from the readings of its power, and the share of the window in which it spoke, 0…1."""
    key = (device.device_id, device.kind)
    series = store.telemetry.series([key], [power.metric], window, resolution=MINUTE).get((*key, power.metric))
    heard = 0.0 if series is None else float(np.nansum(series.n))
    if series is None or heard < 2:
        return Energies(reason="one reading has no duration" if heard else "no readings"), 0.0
    return energy_days.of_device(store, device, power.metric, window), min(1.0, series.coverage)


def plain(values: NDArray[np.float64]) -> list[float | None]:
    """Numbers as JSON says them: None for silent."""
    listed: list[Any] = values.tolist()
    return [None if value != value else value for value in listed]
