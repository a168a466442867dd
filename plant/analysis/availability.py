"""How much of the time a plant could have done what it was built for (DOMAIN §3.4): by time, by equivalent hours, by intervals; excused
time apart.

Silence counts as unavailable: a contract pays for what is shown. How much of it there was stands beside.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plant.analysis.outcome import Figure, missing
from plant.model import QUARTER

GUARANTEE = 98.0
"""Interval availability [%] that is paid in full (CECONY; contract samples of markettransfer.info)."""
NOTHING = 70.0
"""Availability [%] below which nothing is paid; down to it every percent missing costs two."""
_HOURS = QUARTER / 3.6e6


@dataclass(frozen=True, slots=True)
class Availability:
    """`period` hours, of which `down` with no power at all, `equivalent` with derates (a tenth missing for 20 h = 2 h), and what is excused
    of each [h]. `by_time`, `by_hours` (equivalent) and `by_interval` (available over asked power) in %, `payment` [%] of the fee."""

    period: float
    down: float
    down_excused: float
    equivalent: float
    equivalent_excused: float
    by_time: Figure
    by_hours: Figure
    by_interval: Figure
    payment: Figure


def availability(share: ArrayLike, excused: ArrayLike, asked: ArrayLike | None = None) -> Availability:
    """From quarters of an hour: available `share` of the rated power, 0…1 (NaN: not in the period), whether each is `excused`, and the
    power `asked` for as a share of the rated one (None: all of it; 0: nothing was contracted). All [n].

    Time: (PH − UH + excused)/PH, UH without any power. Interval: mean of min(1, share / asked), an excused one counts whole.

    >>> found = availability([1.0] * 80 + [0.9] * 20, [False] * 100)
    >>> round(found.equivalent, 3), round(found.by_hours.value, 3), found.by_time.value
    (0.5, 98.0, 100.0)
    """
    given, is_excused = np.asarray(share, np.float64), np.asarray(excused, bool)
    told = np.isfinite(given)
    given, is_excused = np.clip(given[told], 0.0, 1.0), is_excused[told]
    wanted = np.ones(given.size) if asked is None else np.nan_to_num(np.asarray(asked, np.float64)[told])
    if not given.size:
        none = missing("nothing was told in this time")
        return Availability(0.0, 0.0, 0.0, 0.0, 0.0, none, none, none, none)
    period, off, lost = given.size * _HOURS, given <= 0, 1.0 - given
    down, down_excused = float(off.sum()) * _HOURS, float((off & is_excused).sum()) * _HOURS
    less, less_excused = float(lost.sum()) * _HOURS, float(lost[is_excused].sum()) * _HOURS
    contracted = wanted > 0
    interval = missing("no power was contracted in this time")
    if contracted.any():
        met = np.minimum(given[contracted] / wanted[contracted], 1.0)
        interval = Figure(100.0 * float(np.where(is_excused[contracted], 1.0, met).mean()))
    return Availability(
        period,
        down,
        down_excused,
        less,
        less_excused,
        Figure(100.0 * (period - down + down_excused) / period),
        Figure(100.0 * (period - less + less_excused) / period),
        interval,
        payment(interval.value),
    )


def payment(available: float | None) -> Figure:
    """Share of the fee [%] by interval availability [%]: all of it from 98 %, two percent less for each percent missing, nothing below
    70 %.

    >>> [payment(a).value for a in (99.0, 98.0, 93.0, 70.0, 69.9)]
    [100.0, 100.0, 90.0, 44.0, 0.0]
    """
    if available is None or not np.isfinite(available):
        return missing("the availability is not known")
    return Figure(100.0 if available >= GUARANTEE else 0.0 if available < NOTHING else 100.0 - 2.0 * (GUARANTEE - available))


def of_racks(connected: float | None, installed: int) -> Figure:
    """Rack availability [%]: connected over installed (SunSpec 803 NStrCon/NStr), `connected` a mean over time.

    >>> of_racks(11.4, 12).value
    95.0
    """
    return missing("no racks are known") if connected is None or installed <= 0 else Figure(100.0 * connected / installed)
