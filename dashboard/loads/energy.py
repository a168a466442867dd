"""Energy into and out of the batteries since midnight, and what came back of what went in; remembered for a minute."""

import threading
from dataclasses import dataclass

import numpy as np

from dashboard.loads.fleet import Fleet, batteries, capacity
from dashboard.loads.power import converters
from datastore.store import Store
from plant.analysis import energy as of_power
from plant.analysis import fleet as of_fleet
from plant.analysis.efficiency import round_trip
from plant.analysis.energy import Energies
from plant.analysis.outcome import Figure, missing
from plant.model import DAY, HOUR, MINUTE, Window
from plant.timeline import day_start

CYCLE_DAYS = 7
"""Days over which the round trip is taken: a day alone rarely returns to the state of charge it began with."""


@dataclass(frozen=True, slots=True)
class Today:
    """Energies since the site's midnight [kWh], the share of that time observed, the newest instant in them, and the AC-AC round-trip
    efficiency [%] of the last days (None = not assessable)."""

    charged: float
    discharged: float
    coverage: float
    at: int
    efficiency: Figure


_kept: dict[int, tuple[object, int, Today | None]] = {}
_gate = threading.Lock()
BEHIND_MS = 2 * MINUTE
RETRY_MS = 5_000
"""While the newest energies are further behind than that, as after a restart until the gap is filled, they are asked for this often."""


def today(store: Store, plant: Fleet) -> Today | None:
    """The energies of today, at most a minute old (as old as the plant's newest minute); None when no converter spoke today."""
    minute = plant.now - plant.now % MINUTE
    with _gate:
        known = _kept.get(id(store.telemetry))
        if known is None or known[0] is not store.telemetry or plant.now >= known[1] or plant.now < known[1] - MINUTE:
            if len(_kept) >= 4:
                _kept.clear()
            found = _today(store, plant, minute)
            is_behind = found is None or minute - found.at > BEHIND_MS
            until = min(minute + MINUTE, plant.now + RETRY_MS) if is_behind else minute + MINUTE
            known = _kept[id(store.telemetry)] = (store.telemetry, until, found)
    return known[2]


def _today(store: Store, plant: Fleet, minute: int) -> Today | None:
    midnight = day_start(minute, store.zone)
    if minute <= midnight:
        return None
    window = Window(midnight, minute)
    used, newest = throughput(store, plant, window)
    if used.charged is None or used.discharged is None:
        return None
    share = used.coverage_of(window.length / 1000 * len(converters(plant)[0]))
    return Today(used.charged, used.discharged, share, newest, efficiency(store, plant, minute))


def throughput(store: Store, plant: Fleet, window: Window) -> tuple[Energies, int]:
    """Energies of all converters together and the end of their newest minute [epoch ms].

    Minute means are taken unit by unit, so that one unit's charge never hides another's discharge; minutes nobody measured add nothing
    and lower the coverage."""
    devices, metric = converters(plant)
    series = store.telemetry.series([(d.device_id, d.kind) for d in devices], [metric], window, resolution=MINUTE) if devices else {}
    parts = [of_power.from_means(one.at, one.mean, MINUTE / 1000) for one in series.values()]
    newest = [int(one.at[np.isfinite(one.mean)][-1]) + MINUTE for one in series.values() if np.isfinite(one.mean).any()]
    return of_power.together(parts), min(max(newest, default=window.start), window.end)


def efficiency(store: Store, plant: Fleet, now: int) -> Figure:
    """AC-AC round-trip efficiency of the last days [%], corrected for the difference in stored energy; or why it is not assessable."""
    units = batteries(plant)
    rated = [kwh for device in units if (kwh := capacity(device))]
    if not rated or len(rated) < len(units):
        return missing("the capacity is not known")
    window = Window(now - CYCLE_DAYS * DAY, now)
    used, _ = throughput(store, plant, window)
    ends = soc_ends(store, plant, window)
    health = [said.value for said in plant.all(units, "soh")]
    usable = sum(rated) * (sum(health) / len(health) / 100 if health else 1.0)
    return round_trip(used.charged, used.discharged, usable, soc_start=ends[0] if ends else None, soc_end=ends[1] if ends else None)


def soc_ends(store: Store, plant: Fleet, window: Window) -> tuple[float, float] | None:
    """Energy-weighted state of charge [%] in the first and the last hour in which the units spoke; None when one never did."""
    units = batteries(plant)
    series = store.telemetry.series([(d.device_id, d.kind) for d in units], ["soc"], window, resolution=HOUR)
    ends = []
    for device in units:
        one = series.get((device.device_id, device.kind, "soc"))
        heard = np.flatnonzero(np.isfinite(one.mean)) if one is not None else np.empty(0, dtype=np.int64)
        if one is None or not heard.size:
            return None
        kwh = capacity(device)
        ends.append((of_fleet.Battery(float(one.mean[heard[0]]), kwh), of_fleet.Battery(float(one.last[heard[-1]]), kwh)))
    first, last = of_fleet.soc([a for a, _ in ends]).value, of_fleet.soc([b for _, b in ends]).value
    return None if first is None or last is None else (first, last)
