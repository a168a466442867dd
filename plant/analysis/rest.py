"""When a battery is at rest, and which charge its voltage tells then."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.chemistry import SOC_POINTS, Chemistry
from plant.analysis.energy import gap_limit
from plant.analysis.imbalance import REST_C_RATE

REST_S = 900.0
"""A battery rests after that many seconds without current (DOMAIN §3.3)."""
VOLTAGE_SURE = 0.015
"""How far [V] the open-circuit voltage of a cell may lie from its chemistry's published curve: makes differ, hysteresis, what is left to
relax [C]. On the plateau of iron phosphate that is any charge; below a tenth of it, and for other chemistries, it is a percent or two."""
SOC_SURE = 3.0
"""A charge known worse than that [%] is no anchor: on the plateau of iron phosphate a millivolt is several percent."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rest:
    """A stretch at rest: readings number `first` to `last`, both included, whose first `REST_S` seconds only led to it."""

    first: int
    last: int
    settled: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """A charge [%] that the voltage at rest told at reading number `place`, `sure` to ± so many %."""

    place: int
    soc: float
    sure: float


def rests(at_ms: ArrayLike, current: ArrayLike, capacity_ah: float | None, nominal_interval_s: float) -> list[Rest]:
    """Stretches in which |current| [A, n] stays below 0.02 of `capacity_ah` per hour for a quarter of an hour at least, without a gap.
    `at_ms` ascending [epoch ms, n]. None without a capacity.

    >>> rests([0, 600_000, 1_200_000, 1_800_000], [0.0, 0.1, 0.0, 50.0], 100.0, 600.0)
    [Rest(first=0, last=2, settled=2)]
    """
    if capacity_ah is None or not capacity_ah > 0:
        return []
    at, amps = np.asarray(at_ms, np.float64), np.asarray(current, np.float64)
    if not at.size:
        return []
    quiet = np.abs(amps) < REST_C_RATE * capacity_ah  # a silent one (NaN) is not quiet
    broken = np.append(True, np.diff(at) > gap_limit(nominal_interval_s) * 1000.0)
    begins = np.flatnonzero(quiet & (broken | np.append(True, ~quiet[:-1])))
    ends = np.flatnonzero(quiet & (np.append(broken[1:], True) | np.append(~quiet[1:], True)))
    found = []
    for first, last in zip(begins.tolist(), ends.tolist(), strict=True):
        settled = int(np.searchsorted(at, at[first] + REST_S * 1000.0))
        if settled <= last:
            found.append(Rest(first, last, settled))
    return found


def anchors(cell_voltage: ArrayLike, told: list[Rest], chemistry: Chemistry | None) -> list[Anchor]:
    """The charges that mean cell voltages [V, n] tell at the ends of rests `told`; those that are not sure enough are left out. None
    without a chemistry."""
    if chemistry is None:
        return []
    volts = np.asarray(cell_voltage, np.float64)
    found = []
    for rest in told:
        volt = volts[rest.last]
        if not chemistry.ocv[0] <= volt <= chemistry.ocv[-1]:
            continue
        low, soc, high = np.interp([volt - VOLTAGE_SURE, volt, volt + VOLTAGE_SURE], chemistry.ocv, SOC_POINTS).tolist()
        if (sure := (high - low) / 2) <= SOC_SURE:
            found.append(Anchor(rest.last, soc, sure))
    return found
