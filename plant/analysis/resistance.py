"""Resistance from the steps of a battery's own current: ΔV/ΔI, and whether it rises."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.chemistry import Chemistry, warmth
from plant.analysis.energy import gap_limit
from plant.analysis.outcome import Figure, missing

LEAST_STEP = 0.03
"""A step of current counts from that C-rate on: smaller ones drown in what the sensors round off."""
FEWEST = 5
FEWEST_DAYS = 7
SURE = 1.96
"""Kendall's z from which a trend is more than scatter (95 %)."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resistance:
    """The median over `steps` steps of current [Ω], the same at 25 °C (`warm`), the quartiles `low`, `high` at 25 °C; `seconds` is the
    median time of a step (slower ones hold more of the slow part), `temperature` [°C] the median, None where nobody measured it."""

    ohm: float
    warm: float
    low: float
    high: float
    steps: int
    seconds: float
    temperature: float | None


def of_steps(
    at_ms: ArrayLike,
    voltage: ArrayLike,
    current: ArrayLike,
    temperature: ArrayLike,
    soc: ArrayLike,
    nominal_interval_s: float,
    *,
    capacity_ah: float | None,
    cells: int | None = None,
    chemistry: Chemistry | None = None,
) -> Resistance | None:
    """R = −(ΔV − ΔU₀)/ΔI of readings [n] at ascending `at_ms`: `voltage` [V], `current` [A, discharge positive], `temperature` [°C] and
    `soc` [%] may be NaN. ΔU₀, the change of the open-circuit voltage by the charge that flowed meanwhile, is taken off where `cells` in
    series and the `chemistry` are known. Median, so that a wild reading says nothing. None with fewer than `FEWEST` steps, or no capacity.

    >>> of_steps([0, 1000, 2000, 3000, 4000, 5000], [800, 790, 800, 790, 800, 790], [0, 100, 0, 100, 0, 100], [25.0] * 6, [50.0] * 6, 1.0,
    ...          capacity_ah=300.0).ohm
    0.1
    """
    if capacity_ah is None or not capacity_ah > 0:
        return None
    at, volts, amps, warm, charge = (np.asarray(one, np.float64) for one in (at_ms, voltage, current, temperature, soc))
    heard = np.isfinite(volts) & np.isfinite(amps)
    at, volts, amps, warm, charge = at[heard], volts[heard], amps[heard], warm[heard], charge[heard]
    step, jump = np.diff(at), np.diff(amps)
    used = np.flatnonzero((step <= gap_limit(nominal_interval_s) * 1000.0) & (step > 0) & (np.abs(jump) >= LEAST_STEP * capacity_ah))
    if used.size < FEWEST:
        return None
    rise = np.diff(volts)[used]
    if cells and chemistry:
        moved = -100.0 * (amps[used] + amps[used + 1]) / 2 * step[used] / 3.6e6 / capacity_ah
        before = np.where(np.isfinite(charge[used]), charge[used], 50.0)
        rise = rise - cells * (chemistry.open_circuit(before + moved) - chemistry.open_circuit(before))
    ohm = -rise / jump[used]
    around = (warm[used] + warm[used + 1]) / 2
    at_25 = ohm / warmth(around)
    middle = float(np.median(ohm))
    if not middle > 0:
        return None
    low, at_median, high = np.percentile(at_25, [25, 50, 75]).tolist()
    known = around[np.isfinite(around)]
    temperature_now = float(np.median(known)) if known.size else None
    return Resistance(middle, at_median, low, high, int(used.size), float(np.median(step[used])) / 1000.0, temperature_now)


def trend(days: Sequence[float], ohms: Sequence[float]) -> Figure:
    """How fast a resistance rises [% in 30 days], by Theil and Sen (median of the slopes between all pairs of days), relative to the
    median; the note says when it is no more than scatter (Mann and Kendall). `days` [days, n] and `ohms` [n] in any order, NaN = unknown.

    >>> round(trend(range(10), [1.0 + 0.01 * day for day in range(10)]).value, 1)
    28.7
    """
    when, value = np.asarray(list(days), np.float64), np.asarray(list(ohms), np.float64)
    known = np.isfinite(when) & np.isfinite(value)
    when, value = when[known], value[known]
    if when.size < FEWEST_DAYS:
        return missing(f"fewer than {FEWEST_DAYS} days with enough steps of current")
    first, second = np.triu_indices(when.size, 1)
    apart = when[second] - when[first]
    first, second, apart = first[apart != 0], second[apart != 0], apart[apart != 0]
    middle = float(np.median(value))
    if not apart.size or not middle > 0:
        return missing("the days tell no trend")
    rises = (value[second] - value[first]) / apart
    n = when.size
    kendall = float(np.sign(rises).sum())
    z = (abs(kendall) - 1) / sqrt(n * (n - 1) * (2 * n + 5) / 18) if kendall else 0.0
    return Figure(3000.0 * float(np.median(rises)) / middle, note="" if z >= SURE else "within the scatter")
