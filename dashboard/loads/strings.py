"""Strings of one inverter over time: how far each lies from the median of its neighbours at every instant."""

from typing import Any

import numpy as np

from dashboard.figures.timemap import TimeMap
from dashboard.loads import archive
from dashboard.loads.fleet import fleet
from dashboard.loads.inverter import KINDS, MISMATCH, chosen
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.ports import Columns
from datastore.store import Store
from plant.analysis import imbalance
from plant.model import DAY, HOUR, MINUTE, Device, Window
from plant.timeline import day_starts

ACROSS, SAMPLED = 96, 56
"""Columns of the map: quarters of an hour of a day; of a window that is sampled fewer, as each costs a question to the store."""
WHOLE = 2 * DAY
"""Up to this long a window is read whole; of a longer one a few readings per column."""
PROBE, ENOUGH = 2 * HOUR, 8
"""From the first so many ms of a column so many readings at most."""
BY_DAY = 6 * HOUR
"""Columns wider than this would hold day and night: then a column is whole days, looked at about noon."""


def mismatch_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per string and bucket: `at` (start of the bucket), `string` (1…), `current` [A] (mean), `mismatch` [%] from the
    median string of the same instants; NaN where it is too dark to judge. `more["map"]` says how it is drawn."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    if device is None:
        return Table({})
    window = scope.span(store.clock())
    width = width_of(window)
    read = _sampled(store, device, window, width)
    at, currents = (np.array([], np.int64), np.empty((0, 0))) if read is None else read
    if not np.isfinite(currents).any():
        return archive.untold(store, scope, device, ["string_currents"], "/inverter")
    starts, means = _buckets(at, currents, window, width)
    apart = np.array([100 * imbalance.string_mismatch(row) for row in means])
    shown = np.isfinite(apart).any(axis=1)
    if not shown.any():
        return Table({}, more={"kept": (word("inverter.dark", scope.lang), scope.link("/inverter", window="24h"))})
    count = means.shape[1]
    columns: dict[str, Any] = {
        "at": np.repeat(starts, count),
        "string": np.tile(np.arange(1, count + 1), len(starts)),
        "current": np.round(means.ravel(), 2),
        "mismatch": np.round(apart.ravel(), 1),
    }
    spec = TimeMap(
        "mismatch",
        "%",
        1,
        count,
        width,
        window.start,
        window.end,
        100 * MISMATCH,
        word("inverter.string", scope.lang, n="%{y}"),
        word("name.strings", scope.lang),
    )
    return Table(columns, int(at[-1]), plant.is_simulated([device]), {"map": spec})


def width_of(window: Window) -> int:
    """Width of a column [ms]: the window in ACROSS or SAMPLED, or whole days."""
    width = max(MINUTE, -(-window.length // (ACROSS if window.length <= WHOLE else SAMPLED)))
    return width if width <= BY_DAY else -(-width // DAY) * DAY


def _probes(store: Store, window: Window, width: int) -> list[Window]:
    """What is read of a long window: the beginning of each column, or noon of its first day."""
    if width <= BY_DAY:
        starts = list(range(window.start, window.end, width))
    else:
        noons = [day + DAY // 2 - PROBE // 2 for day in day_starts(window, store.zone)]
        starts = [noon for noon in noons[:: width // DAY] if window.start <= noon < window.end]
    return [Window(at, min(at + min(PROBE, width), window.end)) for at in starts]


def _sampled(store: Store, device: Device, window: Window, width: int) -> tuple[Any, Any] | None:
    """Instants [n] and string currents [n, strings]; of a long window only a few readings of each bucket."""
    if window.length <= WHOLE:
        found = _read(store, device, window)
        return None if found is None else (found.at, found.values["string_currents"])
    kept = store.telemetry.bounds(device.device_id, device.kind)
    if kept is None:
        return None
    probes = [probe for probe in _probes(store, window, width) if probe.end > kept[0] and probe.start <= kept[1]]
    parts = [part for probe in probes if (part := _read(store, device, probe, ENOUGH)) is not None]
    if not parts:
        return None
    widest = max(part.values["string_currents"].shape[1] for part in parts)
    rows = [
        np.pad(p.values["string_currents"], ((0, 0), (0, widest - p.values["string_currents"].shape[1])), constant_values=np.nan)
        for p in parts
    ]
    return np.concatenate([part.at for part in parts]), np.concatenate(rows)


def _read(store: Store, device: Device, window: Window, limit: int | None = None) -> Columns | None:
    found = store.telemetry.columns(device.device_id, device.kind, ["string_currents"], window, limit)
    return found if len(found.at) else None


def _buckets(at: Any, currents: Any, window: Window, width: int) -> tuple[Any, Any]:
    """Starts of the buckets somebody spoke in [k] and the mean current of each string in them [k, strings]."""
    which, place = np.unique((at - window.start) // width, return_inverse=True)
    told = np.isfinite(currents)
    sums, counts = (np.zeros((len(which), currents.shape[1])) for _ in range(2))
    np.add.at(sums, place, np.where(told, currents, 0.0))
    np.add.at(counts, place, told)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return window.start + which * width, means
