"""The readings twins are worked out of, read for many batteries at once: the day, its newest readings, and its most telling stretch.

The newest readings lie unsealed, by time, among those of all others: one pass serves a group. Older ones lie by battery.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datastore.ports import Instants, Numbers
from datastore.store import Store
from plant.analysis.twin import History, exciting, speaking, stretches
from plant.model import HOUR, SECOND, Device, Window
from services.pack_metrics import measured
from services.twins import MOST_READINGS, history_of

SPAN = 24 * HOUR
"""How far back [ms] readings are looked at."""
MOST = 200_000
"""Readings of a battery that are taken."""
TOGETHER = 7 * HOUR
"""How far back [ms] the readings of a group are read in one pass, by the second: a little more than what is not sealed."""
LEAST_TOGETHER = 600
"""Readings an hour from which that is worth while."""
_NAMES = ("voltage", "current", "soc", "temperature", "power")


@dataclass(frozen=True, slots=True)
class Told:
    """One battery: its `day`, the `newest` MOST_READINGS of it without a gap, and the as many in a row in which the current changes most
    (`telling`)."""

    day: History
    newest: History
    telling: History

    @property
    def mark(self) -> list[int]:
        """Stands for the telling stretch: as long as it stays, so does what was found on it."""
        at = self.telling.at
        return [int(at[0]), int(at[-1]), int(at.size)] if at.size else []


def told(store: Store, devices: Sequence[Device], now: int) -> dict[str, Told]:
    """Batteries of one kind by id, up to `now` [epoch ms]. Raises Unavailable."""
    window = Window(now - SPAN, now + 1)
    border = (now - TOGETHER) // HOUR * HOUR
    fast = _fast(store, devices, Window(border, now + 1)) if len(devices) > 1 else []
    newer = _by_second(store, fast, Window(border, -(-(now + 1) // SECOND) * SECOND))
    found = {}
    for device in devices:
        if device.device_id in newer:
            older = history_of(store, device, Window(window.start, border), MOST)
            found[device.device_id] = _told(_joined(older, newer[device.device_id]))
        else:
            found[device.device_id] = _told(history_of(store, device, window, MOST))
    return found


def _told(day: History) -> Told:
    parts = stretches(speaking(day))
    last = parts[-1] if parts else speaking(day)
    return Told(day, last.rows(slice(max(last.at.size - MOST_READINGS, 0), None)), exciting(day, MOST_READINGS))


def _joined(older: History, newer: History) -> History:
    columns = {
        name: np.concatenate([getattr(older, name), getattr(newer, name)]) for name in ("at", "voltage", "current", "soc", "temperature")
    }
    return History(**columns, interval=older.interval)


def _fast(store: Store, devices: Sequence[Device], window: Window) -> list[Device]:
    """Those that told so much lately that they are read together: at whole seconds, or nearly so."""
    names = measured(devices[0].kind)
    if "voltage" not in names:
        return []
    keys = [(device.device_id, device.kind) for device in devices]
    whole = Window(window.start, -(-window.end // HOUR) * HOUR)
    counts = store.telemetry.series(keys, [names["voltage"].metric], whole, resolution=HOUR)
    said = {device_id: float(np.nansum(one.n)) for (device_id, _, _), one in counts.items()}
    hours = TOGETHER // HOUR
    return [device for device in devices if LEAST_TOGETHER <= said.get(device.device_id, 0.0) / hours <= 1.1 * HOUR / SECOND]


def _by_second(store: Store, devices: Sequence[Device], window: Window) -> dict[str, History]:
    """Readings of the window by the second, an hour of all devices at a time."""
    if len(devices) < 2:
        return {}
    names = {name: one.metric for name, one in measured(devices[0].kind).items() if name in _NAMES}
    keys = [(device.device_id, device.kind) for device in devices]
    parts: dict[str, list[tuple[Instants, dict[str, Numbers]]]] = {device.device_id: [] for device in devices}
    for start in range(window.start, window.end, HOUR):
        hour = Window(start, min(start + HOUR, window.end))
        series = store.telemetry.series(keys, list(names.values()), hour, resolution=SECOND)
        for device_id, kind in keys:
            said = {name: one for name, metric in names.items() if (one := series.get((device_id, kind, metric))) is not None}
            if len(said) == len(names):
                heard = np.any([np.isfinite(one.mean) for one in said.values()], axis=0)
                at = next(iter(said.values())).at[heard]
                parts[device_id].append((at, {name: one.mean[heard] for name, one in said.items()}))
    found = {}
    for device in devices:
        mine = parts[device.device_id]
        at = np.concatenate([np.empty(0, np.int64), *(when for when, _ in mine)])
        columns = dict.fromkeys(_NAMES, np.full(at.size, np.nan))
        columns |= {name: np.concatenate([values[name] for _, values in mine]) for name in names if mine}
        found[device.device_id] = _history(at, columns, device.interval_s)
    return found


def _history(at: Instants, columns: Mapping[str, Numbers], interval: float) -> History:
    current, voltage = columns["current"], columns["voltage"]
    if not np.isfinite(current).any():  # kW over V; a voltage of 0 is no voltage
        current = 1000.0 * columns["power"] / np.where(voltage > 0, voltage, np.nan)
    return History(at, voltage, current, columns["soc"], columns["temperature"], interval)
