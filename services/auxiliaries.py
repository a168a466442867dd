"""What the plant itself consumes: the auxiliary feeder's power and energy, by its meter or else by the site's controller. Energy is what
the meter's registers counted, where it tells them; else it follows from the power.

A feeder of fans, pumps and lights only consumes. Meters count that as import (negative here) or as a plain positive number; both are
shown as what is consumed, a positive number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from datastore.ports import Numbers, Series
from datastore.store import Store
from plant.analysis.energy import Energies, cut, energies, from_register, gap_limit, together, usual_interval
from plant.model import SECOND, Device, Kind, Window
from services.units import meters

REGISTERS = ("energy_import", "energy_export")
"""A feeder that only consumes counts in one of them, whichever way its meter was wired."""
HEADROOM = 3.0
"""Registers that grow faster than this times the highest power seen (or the nameplate's) are not believed."""
PAD_LEAST = 2700
"""Seconds around a window in which a reading is looked for to draw the line across its bounds: three of the longest usual interval."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """`energy` [kWh] over the window, `mean` [kW] while observed, `highest` and `lowest` reading [kW], None when not assessable;
    `coverage` is the observed share of the window, 0…1; `quarters` the energy by start of the quarter of an hour [mWh]."""

    energy: float | None = None
    mean: float | None = None
    highest: float | None = None
    lowest: float | None = None
    coverage: float = 0.0
    quarters: Mapping[int, int] = field(default_factory=dict)


def source(store: Store) -> tuple[Device, str] | None:
    """The device and metric that tell the auxiliary power; None when nothing does."""
    _, meter = meters(store.records)
    if meter is not None:
        return meter, "active_power"
    site = next(iter(store.records.devices(Kind.SITE)), None)
    return None if site is None else (site, "aux_power")


def consumption(store: Store, window: Window) -> Consumption:
    """What the auxiliaries took over the window, from their readings; gaps are not bridged. Raises Unavailable."""
    told = source(store)
    if told is None:
        return Consumption()
    device, metric = told
    pad = round(max(gap_limit(device.interval_s), PAD_LEAST)) * SECOND
    asked = metrics(told)
    columns = store.telemetry.columns(device.device_id, device.kind, asked, Window(window.start - pad, window.end + pad))
    at, power = columns.at, np.abs(columns.values[metric])
    inside = power[(at >= window.start) & (at < window.end) & np.isfinite(power)]
    heard = np.isfinite(power)
    interval = usual_interval(at[heard], device.interval_s)
    found = energies(*cut(at[heard], power[heard], window, interval), interval)
    rated = max(float(inside.max()) if inside.size else 0.0, float(device.rating.get("power_kw") or 0.0))
    counted = _counted([from_register(at, columns.values[name], window, highest_kw=HEADROOM * rated or None) for name in asked[1:]])
    used = counted if _is_better(counted, found) else found
    hours = used.observed_s / 3600.0
    mean = used.discharged / hours if used.discharged is not None and hours > 0 else None
    highest, lowest = (float(inside.max()), float(inside.min())) if inside.size else (None, None)
    quarters = {at: out for at, (out, _) in used.quarters.items()}
    return Consumption(used.discharged, mean, highest, lowest, used.coverage_of(window.length / SECOND), quarters)


def metrics(told: tuple[Device, str]) -> list[str]:
    """All that the energy of the auxiliaries is made of: their power and, of a meter, its registers."""
    device, metric = told
    return [metric, *(REGISTERS if device.kind == Kind.METER else ())]


def _counted(registers: list[Energies]) -> Energies:
    """What the registers of one meter counted together; they stand for the same time, so that it is observed once."""
    found = together(registers)
    return replace(found, observed_s=max((one.observed_s for one in registers if not one.reason), default=0.0))


def _is_better(counted: Energies, found: Energies) -> bool:
    """Whether the registers tell, and of as much of the time as the power does."""
    return not counted.reason and (found.reason != "" or counted.observed_s >= found.observed_s)


def power(store: Store, window: Window, points: int) -> tuple[list[int], Numbers]:
    """The consumed power [kW, NaN = silent] in about `points` buckets of the window, with their starts [epoch ms]; the readings
    themselves where they are fewer. Raises Unavailable."""
    told = source(store)
    if told is None:
        return [], np.empty(0)
    device, metric = told
    key = (device.device_id, device.kind)
    found: Series | None = store.telemetry.series([key], [metric], window, points=points, zone=store.zone.key).get((*key, metric))
    if found is None or not np.isfinite(found.mean).any():
        return [], np.empty(0)
    return found.at.tolist(), np.abs(found.mean)
