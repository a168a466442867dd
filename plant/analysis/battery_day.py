"""One battery over one day: what the books of ageing, warranty and resistance are written from, months later, without the readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.capacity import Swing, swings
from plant.analysis.chemistry import Chemistry
from plant.analysis.coulomb import charge
from plant.analysis.energy import cut, energies, gap_limit, usual_interval
from plant.analysis.resistance import Resistance, of_steps
from plant.analysis.rest import anchors, rests
from plant.model import Window

Numbers = NDArray[np.float64]
Hours = Mapping[int, float]
"""Whole number (°C or % of charge, rounded down) → hours in it."""


@dataclass(frozen=True, slots=True)
class Plate:
    """What a battery was built as; None = not known. `cells` in series."""

    capacity_ah: float | None = None
    energy_kwh: float | None = None
    cells: int | None = None
    chemistry: Chemistry | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one battery, all [n], NaN = silent, `at` [epoch ms] ascending: `soc` [%], `soh` [%], `voltage` [V], `current` [A], DC
    `power` [kW] (both discharge positive), mean `cell_voltage` [V], highest cell `temperature` [°C], spreads `apart` [V], `warmer` [K]."""

    at: Numbers
    soc: Numbers
    soh: Numbers
    voltage: Numbers
    current: Numbers
    power: Numbers
    cell_voltage: Numbers
    temperature: Numbers
    apart: Numbers
    warmer: Numbers
    interval_s: float


@dataclass(frozen=True, slots=True)
class BatteryDay:
    """What happened to one battery from `start` to `end` [epoch ms]. Charge [A·h] and DC energy [kWh] out and in, None = not told; highest
    C-rates [1/h] and CP-rate; `temperatures`, `charges` and `resting` (charge while at rest) in hours; spreads at rest [V, K], medians.
    `available` is the share of each quarter of an hour, 0…100, in which it could have given its power, as runs (share, quarters); `silent`
    hours of it were not told; `racks` the mean share of its racks that were connected, 0…1 (None: it has none)."""

    start: int
    end: int
    observed_s: float = 0.0
    ah_out: float | None = None
    ah_in: float | None = None
    kwh_out: float | None = None
    kwh_in: float | None = None
    soc: float | None = None
    soh: float | None = None
    c_rate_out: float | None = None
    c_rate_in: float | None = None
    cp_rate: float | None = None
    temperatures: Hours = field(default_factory=dict)
    charges: Hours = field(default_factory=dict)
    resting: Hours = field(default_factory=dict)
    rest_h: float = 0.0
    apart: float | None = None
    warmer: float | None = None
    resistance: Resistance | None = None
    swings: tuple[Swing, ...] = ()
    available: tuple[tuple[int, int], ...] = ()
    silent: float = 0.0
    racks: float | None = None


def hours_in(at_ms: ArrayLike, values: ArrayLike, interval_s: float, start: int, end: int) -> dict[int, float]:
    """Hours between `start` and `end` [epoch ms] by the whole number below the value [n] that held: each reading holds until the next one,
    across no gap, the last one for nothing.

    >>> hours_in([0, 1_800_000, 3_600_000], [25.4, 26.1, 26.2], 1800.0, 0, 3_600_000)
    {25: 0.5, 26: 0.5}
    """
    at, value = np.asarray(at_ms, np.float64), np.asarray(values, np.float64)
    known = np.isfinite(value)
    at, value = at[known], value[known]
    if at.size < 2:
        return {}
    length = np.clip(at[1:], start, end) - np.clip(at[:-1], start, end)
    length = np.where(np.diff(at) <= gap_limit(usual_interval(at, interval_s)) * 1000.0, length, 0.0)
    which, place = np.unique(np.floor(value[:-1]).astype(np.int64), return_inverse=True)
    hours = np.bincount(place, length, which.size) / 3.6e6
    return {int(number): round(float(h), 6) for number, h in zip(which, hours, strict=True) if h > 0}


def battery_day(told: Readings, plate: Plate, start: int, end: int) -> BatteryDay:
    """The day from readings that may begin before it, so that a swing across midnight is measured in the day in which it ends, and may go
    on after it: of what flowed across a midnight each day has its part."""
    span, interval = Window(start, end), told.interval_s
    power = np.where(np.isfinite(told.power), told.power, told.voltage * told.current / 1000.0)
    moved = charge(*cut(told.at, told.current, span, interval), interval)
    flowed = energies(*cut(told.at, power, span, interval), interval)
    warm, charged = (hours_in(told.at, values, interval, start, end) for values in (told.temperature, told.soc))
    known = told.at <= end
    told, power = _of(told, known), power[known]
    inside = told.at >= start
    at = told.at[inside]
    here = rests(at, told.current[inside], plate.capacity_ah, interval)
    is_resting = np.zeros(at.size, bool)
    for rest in here:
        is_resting[rest.settled : rest.last + 1] = True
    sure = anchors(told.cell_voltage, rests(told.at, told.current, plate.capacity_ah, interval), plate.chemistry)
    resting = np.where(is_resting, told.soc[inside], np.nan)
    rest_s = sum(float(at[rest.last] - at[rest.settled]) for rest in here) / 1000.0
    return BatteryDay(
        start,
        end,
        max(moved.observed_s, flowed.observed_s),
        moved.discharged,
        moved.charged,
        flowed.discharged,
        flowed.charged,
        _last(told.soc[inside]),
        _last(told.soh[inside]),
        _most(told.current[inside], plate.capacity_ah),
        _most(-told.current[inside], plate.capacity_ah),
        _most(np.abs(power[inside]), plate.energy_kwh),
        warm,
        charged,
        hours_in(at, resting, interval, start, end),
        rest_s / 3600.0,
        _middle(told.apart[inside][is_resting]),
        _middle(told.warmer[inside][is_resting]),
        of_steps(
            at, told.voltage[inside], told.current[inside], told.temperature[inside], told.soc[inside], interval,
            capacity_ah=plate.capacity_ah, cells=plate.cells, chemistry=plate.chemistry,
        ),
        tuple(swings(told.at, told.soc, told.current, power, interval, sure, start)),
    )  # fmt: skip


def _of(told: Readings, which: NDArray[np.bool_]) -> Readings:
    """Those of the readings."""
    return replace(told, **{one.name: getattr(told, one.name)[which] for one in fields(told) if one.name != "interval_s"})


def runs(shares: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Equal neighbours as (value, how many).

    >>> runs([100, 100, 0, 100]), runs([])
    (((100, 2), (0, 1), (100, 1)), ())
    """
    found: list[tuple[int, int]] = []
    for share in shares:
        found.append((share, found.pop()[1] + 1) if found and found[-1][0] == share else (share, 1))
    return tuple(found)


def unrolled(told: Sequence[tuple[int, int]]) -> Numbers:
    """The shares behind `runs`, 0…1."""
    if not told:
        return np.empty(0)
    return np.repeat([share for share, _ in told], [count for _, count in told]).astype(np.float64) / 100.0


def _last(values: Numbers) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else None


def _most(values: Numbers, whole: float | None) -> float | None:
    known = values[np.isfinite(values)]
    return max(float(known.max()), 0.0) / whole if known.size and whole and isfinite(whole) and whole > 0 else None


def _middle(values: Numbers) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None
