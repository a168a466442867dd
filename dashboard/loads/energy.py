"""Energy into and out of the batteries since midnight, and what came back of what went in; remembered for a minute."""

import threading
from dataclasses import dataclass

import numpy as np

from dashboard.loads.fleet import Fleet, batteries, capacity
from dashboard.loads.power import converters
from datastore.ports import Series
from datastore.store import Store
from plant.model import DAY, HOUR, MINUTE, Window
from plant.timeline import day_start

CYCLE_DAYS = 7
LEAST_CYCLES = 0.2
"""Below this share of a full cycle an efficiency would be noise (DOMAIN 3.2: not assessable)."""
SOC_TOLERANCE = 1.0
"""A window whose ends differ by more state of charge [%] than this gets the difference added (DOMAIN 3.2)."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Energies of a window [kWh] on the AC side and how much of the window was observed, 0…1."""

    charged: float
    discharged: float
    coverage: float
    newest: int


@dataclass(frozen=True, slots=True)
class Today:
    """Energies since the site's midnight [kWh], the share of that time observed, the newest instant in them, and the AC-AC round-trip
    efficiency [%] of the last days (None = not assessable)."""

    charged: float
    discharged: float
    coverage: float
    at: int
    efficiency: float | None


_kept: dict[int, tuple[object, int, Today | None]] = {}
_gate = threading.Lock()


def today(store: Store, plant: Fleet) -> Today | None:
    """The energies of today, at most a minute old; None when no converter spoke today."""
    minute = plant.now - plant.now % MINUTE
    with _gate:
        known = _kept.get(id(store.telemetry))
        if known is None or known[0] is not store.telemetry or known[1] != minute:
            if len(_kept) >= 4:
                _kept.clear()
            known = _kept[id(store.telemetry)] = (store.telemetry, minute, _today(store, plant, minute))
    return known[2]


def _today(store: Store, plant: Fleet, minute: int) -> Today | None:
    midnight = day_start(minute, store.zone)
    if minute <= midnight:
        return None
    since = throughput(store, plant, Window(midnight, minute))
    return None if since is None else Today(since.charged, since.discharged, since.coverage, since.newest, efficiency(store, plant, minute))


def throughput(store: Store, plant: Fleet, window: Window) -> Throughput | None:
    """Charged and discharged energy of all converters; None when none spoke in the window.

    Minute means are integrated unit by unit, so that one unit's charge never hides another's discharge; minutes nobody measured add
    nothing and lower the coverage."""
    devices, metric = converters(plant)
    if not devices:
        return None
    series = store.telemetry.series([(d.device_id, d.kind) for d in devices], [metric], window, resolution=MINUTE)
    spoken = [one for one in series.values() if np.isfinite(one.mean).any()]
    if not spoken:
        return None
    charged = sum(_kwh(np.maximum(-one.mean, 0.0)) for one in spoken)
    discharged = sum(_kwh(np.maximum(one.mean, 0.0)) for one in spoken)
    minutes = sum(int(np.isfinite(one.mean).sum()) for one in spoken)
    coverage = min(1.0, minutes * MINUTE / (len(devices) * window.length))
    return Throughput(charged, discharged, coverage, max(_newest(one) for one in spoken))


def _kwh(kilowatts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(np.nansum(kilowatts)) * MINUTE / HOUR


def _newest(one: Series) -> int:
    return int(one.at[np.isfinite(one.mean)][-1]) + MINUTE


def efficiency(store: Store, plant: Fleet, now: int) -> float | None:
    """AC-AC round-trip efficiency of the last days [%] (PNNL-22010 Rev 2, IEC 62933-2-1), corrected for the difference in stored energy;
    None when not assessable: too little throughput, unknown capacity, or too much of the time unobserved."""
    window = Window(now - CYCLE_DAYS * DAY, now)
    used = throughput(store, plant, window)
    rated = [capacity(device) for device in batteries(plant)]
    known = [kwh for kwh in rated if kwh]
    if used is None or len(known) < len(rated) or not known or used.charged <= 0:
        return None
    if (used.charged + used.discharged) / (2 * sum(known)) < LEAST_CYCLES:
        return None
    ends = _soc_ends(store, plant, window)
    if ends is None:
        return None
    return corrected(
        used.charged, used.discharged, (ends[1] - ends[0]) / 100 * sum(known) if abs(ends[1] - ends[0]) > SOC_TOLERANCE else 0.0
    )


def corrected(charged: float, discharged: float, stored: float) -> float:
    """Efficiency [%] of a window that ends with `stored` kWh more in the batteries than it began with, iterated twice (DOMAIN 3.2).

    >>> round(corrected(480.2, 450.5, 0.0), 1)
    93.8
    """
    eta = discharged / charged
    for _ in range(2):
        root = max(eta, 0.01) ** 0.5
        eta = (discharged + stored * root) / charged if stored > 0 else discharged / (charged - stored / root)
    return 100 * eta


def _soc_ends(store: Store, plant: Fleet, window: Window) -> tuple[float, float] | None:
    """Energy-weighted state of charge [%] in the first and last hour in which the units spoke."""
    units = batteries(plant)
    series = store.telemetry.series([(d.device_id, d.kind) for d in units], ["soc"], window, resolution=HOUR)
    first = last = weight = 0.0
    for device in units:
        one = series.get((device.device_id, device.kind, "soc"))
        spoken = one.mean[np.isfinite(one.mean)] if one is not None else np.empty(0)
        if len(spoken) < 2:
            return None
        share = capacity(device) or 1.0
        first, last, weight = first + share * float(spoken[0]), last + share * float(spoken[-1]), weight + share
    return (first / weight, last / weight) if weight else None
