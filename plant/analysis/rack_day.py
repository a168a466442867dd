"""A day of the racks of one unit by the minute: what wore them, and how they stood to one another at rest (DOMAIN §3.3).

Racks are compared while all that speak are at rest: `plant.analysis.rest`, a quarter of an hour below 0.02 of their capacity an hour. Under
load the voltage, and what a monitor makes of it, tells as much of resistances as of charge.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis import cycles
from plant.analysis.energy import usual_interval
from plant.analysis.rest import rests
from plant.model import MINUTE, QUARTER

Numbers = NDArray[np.float64]

NOISE = 0.5
"""Swings of the charge [%] smaller than that do not turn a cycle: five times what it is rounded to."""
LEAST_CYCLE = 1.0
"""Swings below that depth [%] are regulation, not cycles."""


@dataclass(frozen=True, slots=True)
class Minutes:
    """Means of the minutes that begin at `at` [epoch ms, n], all [n], NaN = silent: `soc` [%], `current` [A] and DC `power` [kW]
    (discharge positive), `peak`, the largest |current| in the minute [A], spreads of the cells `apart` [V] and `warmer` [K]."""

    at: NDArray[np.int64]
    soc: Numbers
    current: Numbers
    power: Numbers
    peak: Numbers
    apart: Numbers
    warmer: Numbers


@dataclass(frozen=True, slots=True)
class RackDay:
    """What one rack did: charge [A·h] and DC energy [kWh] out and in (None = not told), the `turns` of its charge [%] (`NOISE`), hours at
    rest, and its cells' spreads there [V, K], medians. Means of minutes net what turns within one."""

    observed_s: float = 0.0
    ah_out: float | None = None
    ah_in: float | None = None
    kwh_out: float | None = None
    kwh_in: float | None = None
    turns: tuple[float, ...] = ()
    rest_h: float = 0.0
    apart: float | None = None
    warmer: float | None = None


@dataclass(frozen=True, slots=True)
class Wear:
    """Days of one rack together: charge through it, out and in [A·h], energy likewise [MWh]; None = never told. `cycles` of LEAST_CYCLE
    and more by rainflow over all days, `full` the sum of their depths as full ones, the `deepest` [%], and the `mean` charge around which
    they swung, weighted by depth [%] (None without one)."""

    ah: float | None
    mwh: float | None
    cycles: tuple[cycles.Cycle, ...]
    full: float
    deepest: float | None
    mean: float | None


def rack_day(told: Minutes, settled: NDArray[np.bool_], interval_s: float = 60.0) -> RackDay:
    """The day of a rack that was `settled` [n] at rest in these minutes."""
    (ah_out, ah_in, seconds), (kwh_out, kwh_in, more) = (_flow(told.at, of, interval_s) for of in (told.current, told.power))
    return RackDay(
        max(seconds, more), ah_out, ah_in, kwh_out, kwh_in,
        tuple(round(point, 2) for point in cycles.turning_points(told.soc, NOISE)),
        float(settled.sum()) * _covered(told.at, told.current, interval_s) / 3600.0,
        _middle(told.apart[settled]), _middle(told.warmer[settled]),
    )  # fmt: skip


def settled_in(told: Minutes, capacity_ah: float | None, interval_s: float = 60.0) -> NDArray[np.bool_]:
    """Minutes in which a rack of `capacity_ah` (None: never) has been at rest for a quarter of an hour [n]."""
    found = np.zeros(told.at.size, np.bool_)
    peak = np.where(np.isfinite(told.peak), told.peak, np.abs(told.current))
    known = np.flatnonzero(np.isfinite(peak))
    for rest in rests(told.at[known], peak[known], capacity_ah, _covered(told.at, told.current, interval_s)):
        found[known[rest.settled : rest.last + 1]] = True
    return found


def looks(at: ArrayLike, soc: ArrayLike, settled: ArrayLike) -> tuple[NDArray[np.int64], Numbers]:
    """Quarters of an hour [epoch ms, q] with a minute in which every rack that speaks is settled, at least two of them, and their mean
    charges there [%, q × racks]. `at` [n], `soc` and `settled` [n × racks], NaN = silent."""
    when, charge, rested = np.asarray(at, np.int64), np.asarray(soc, np.float64), np.asarray(settled, np.bool_)
    heard = np.isfinite(charge)
    good = (heard.sum(axis=1) >= 2) & (rested | ~heard).all(axis=1)
    which, place = np.unique(when[good] // QUARTER, return_inverse=True)
    sums, counts = np.zeros((which.size, charge.shape[1])), np.zeros((which.size, charge.shape[1]))
    np.add.at(sums, place, np.where(heard[good], charge[good], 0.0))
    np.add.at(counts, place, heard[good])
    return which * QUARTER, np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def wear(days: Iterable[RackDay]) -> Wear:
    """Days of one rack, ascending, as one history: a cycle that spans midnight is one.

    >>> of = wear([RackDay(ah_out=50.0, ah_in=0.0, turns=(90.0, 40.0)), RackDay(ah_out=0.0, ah_in=50.0, turns=(40.0, 90.0))])
    >>> of.ah, of.mwh, [(one.depth, one.count) for one in of.cycles], of.full, of.mean
    (100.0, None, [(50.0, 0.5), (50.0, 0.5)], 0.5, 65.0)
    """
    told = list(days)
    points = cycles.turning_points([point for day in told for point in day.turns], NOISE)
    found = tuple(one for one in cycles.rainflow(points) if one.depth >= LEAST_CYCLE)
    full = sum(one.depth * one.count for one in found) / 100.0
    mean = sum(one.mean * one.depth * one.count for one in found) / (100.0 * full) if full else None
    ah = _sum([(day.ah_out, day.ah_in) for day in told])
    kwh = _sum([(day.kwh_out, day.kwh_in) for day in told])
    return Wear(ah, None if kwh is None else kwh / 1000.0, found, full, max((one.depth for one in found), default=None), mean)


def _sum(flows: Sequence[tuple[float | None, float | None]]) -> float | None:
    known = [out + into for out, into in flows if out is not None and into is not None]
    return sum(known) if known else None


def _flow(at: NDArray[np.int64], values: Numbers, interval_s: float) -> tuple[float | None, float | None, float]:
    """Out and in [unit · h] (None = never told), and for how long that was observed [s]."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None, None, 0.0
    stands = _covered(at, values, interval_s)
    out, into = float(known[known > 0].sum()), float(-known[known < 0].sum())
    return out * stands / 3600.0, into * stands / 3600.0, known.size * stands


def _covered(at: NDArray[np.int64], values: Numbers, interval_s: float) -> float:
    """For how long [s] one mean stands: a minute, or as long as readings are apart."""
    return max(MINUTE / 1000.0, usual_interval(at[np.isfinite(values)], interval_s))


def _middle(values: Numbers) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None
