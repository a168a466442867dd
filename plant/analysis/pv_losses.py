"""Where a day's sun went: clipping, curtailment, outage, weak strings, and what remains unexplained [kWh].

All series are means of equal buckets, [n], NaN = silent. Kinds never overlap, so for every day
`potential = energy + clipping + curtailment + outage + mismatch + other`, to the last digit but rounding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.model import MINUTE

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

AT_LIMIT = 0.98
"""From this share of its rating an inverter is at its limit."""
DEAD, LIGHT_ENOUGH = 0.005, 0.05
"""Outage: less than the first share of the rating although the sun would give more than the second."""
FLAT = 0.02
"""A plateau: power within this share of the rating."""
SHORTEST = 30 * MINUTE
BELOW = 0.05
"""Share of the rating by which a held plateau lies below what was expected, at least."""
STEADIER = 4.0
"""So many times less than the expected power a held one moves, each by its mean: noon is flat too, but then both are."""
WEAK = 0.05
"""Strings further below their median than that count as weak: dirt and spread stay within."""
DARK = 0.5
"""Median string current [A] below which strings are not compared."""
CLEAR_FROM = 400.0
"""Clear-sky light in the plane [W/m²] from which an hour may tell how clean the array is."""
CALM = 0.02
"""Deviation of light over clear sky within half an hour, below which the sky is clear."""
CLEAR_BAND = (0.75, 1.25)
CLEAR_HOURS = 1.0
"""Least clear time of a day that tells anything [h]."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Of the buckets in which both power and potential were told (`hours` [h]): what the array could have given without its inverter's
    limit (`potential`), what came (`energy`), and the difference by kind; all kWh. `other` is negative where the array gave more than the
    model. The masks say which buckets were which kind."""

    hours: float
    potential: float
    energy: float
    clipping: float
    curtailment: float
    outage: float
    mismatch: float
    other: float
    is_clipped: Flags
    is_held: Flags
    is_out: Flags


def losses(
    power: ArrayLike, potential: ArrayLike, rated: float | None, peak: float, width: int, weak: ArrayLike | None = None
) -> Losses | None:
    """Split of a day. `power` AC and `potential` (`pv_model.power`) [kW] in buckets of `width` [ms]; `rated` of the inverter (None: it is
    not known and nothing is clipped), `peak` of the modules [kW]; `weak` is the share of what flows that weak strings do not add
    (`weak_share`), NaN = not told. None when power and potential were never told together."""
    ac, could = (np.asarray(values, np.float64) for values in (power, potential))
    both = np.isfinite(ac) & np.isfinite(could)
    if not both.any():
        return None
    ac, could = np.where(both, ac, 0.0), np.where(both, could, 0.0)
    size = rated or peak
    out = both & (ac < DEAD * size) & (could > LIGHT_ENOUGH * size)
    limit = np.inf if rated is None else rated
    held = held_below(np.where(both, ac, np.nan), np.minimum(could, limit), size, width, could) & ~out
    at_limit = both & (ac >= AT_LIMIT * limit)
    # at its limit everything above is clipped; elsewhere what the limit would have taken anyway
    clipping = np.maximum(could - np.where(at_limit, ac, limit), 0.0)
    rest = could - clipping - ac
    outage, curtailment = np.where(out, rest, 0.0), np.where(held, rest, 0.0)
    strings = np.zeros(ac.shape) if weak is None else np.nan_to_num(np.asarray(weak, np.float64))
    mismatch = np.where(both & ~out & ~held & ~at_limit, np.maximum(ac, 0.0) * strings, 0.0)
    hour = width / 3_600_000

    def energy(values: Numbers) -> float:
        return float(values.sum()) * hour

    other = rest - outage - curtailment - mismatch
    return Losses(
        float(both.sum()) * hour, energy(could), energy(ac), energy(clipping), energy(curtailment), energy(outage), energy(mismatch),
        energy(other), clipping > 0, held, out,
    )  # fmt: skip


def held_below(power: ArrayLike, expected: ArrayLike, size: float, width: int, free: ArrayLike | None = None) -> Flags:
    """Buckets in which the inverter was held back: for half an hour at least its `power` stands still (within FLAT of its `size` [kW])
    clearly below the `expected` one, while what the array could give moves: `free`, the expected power without the inverter's own limit,
    at which it would stand still as well (None: `expected`). [n]"""
    ac, could = np.asarray(power, np.float64), np.asarray(expected, np.float64)
    moving = could if free is None else np.asarray(free, np.float64)
    below = np.isfinite(ac) & np.isfinite(could) & (ac > FLAT * size) & (could - ac > BELOW * size)
    found, least = np.zeros(ac.shape, np.bool_), max(3, -(-SHORTEST // width))
    start = 0
    while start < ac.size:
        if not below[start]:
            start += 1
            continue
        low = high = float(ac[start])
        end = start + 1
        while end < ac.size and below[end]:
            low, high = min(low, float(ac[end])), max(high, float(ac[end]))
            if high - low > FLAT * size:
                break
            end += 1
        run = slice(start, end)
        if end - start >= least and _sway(moving[run]) > max(FLAT, STEADIER * _sway(ac[run])):
            found[run] = True
        start = end
    return found


def _sway(values: Numbers) -> float:
    """Range over mean."""
    mean = float(values.mean())
    return float(values.max() - values.min()) / mean if mean > 0 else 0.0


def weak_share(currents: ArrayLike) -> Numbers:
    """What weak strings do not add, as a share of what flows, at each instant: Σ max(0, median − I)/Σ I over strings more than WEAK below
    the median; `currents` [n, strings] A, NaN = silent; the answer [n] is NaN where it is too dark or too few strings speak.

    >>> weak_share([[10.0, 10.0, 10.0, 0.0], [0.1, 0.1, 0.1, 0.1]]).round(3).tolist()
    [0.333, nan]
    """
    table = np.atleast_2d(np.asarray(currents, np.float64))
    told = np.isfinite(table)
    found = np.full(len(table), np.nan)
    enough = told.sum(axis=1) >= 3
    middle = np.full(len(table), np.nan)
    if enough.any():
        middle[enough] = np.nanmedian(table[enough], axis=1)
    bright = enough & (np.nan_to_num(middle) >= DARK)
    missing = np.where(told, np.maximum(middle[:, None] - table, 0.0), 0.0)
    missing = np.where(np.nan_to_num(table) < (1.0 - WEAK) * middle[:, None], missing, 0.0)
    found[bright] = missing[bright].sum(axis=1) / np.nansum(np.where(told, table, 0.0), axis=1)[bright]
    return found


def clear_buckets(light: ArrayLike, clear: ArrayLike, width: int) -> Flags:
    """Where the sky is clear: `light` over `clear` sky in the plane [W/m²] stands still for half an hour around, near one. [n]"""
    told, ideal = np.asarray(light, np.float64), np.asarray(clear, np.float64)
    bright = np.isfinite(told) & (ideal >= CLEAR_FROM)
    index = np.where(bright, told / np.maximum(ideal, 1.0), np.nan)
    reach = max(1, SHORTEST // 2 // width)
    sides = np.pad(index, reach, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(sides, 2 * reach + 1)
    calm = np.isfinite(around).all(axis=1)
    near = (index > CLEAR_BAND[0]) & (index < CLEAR_BAND[1])
    return np.asarray(calm & near & (np.where(calm, around.std(axis=1), 1.0) < CALM), np.bool_)


def cleanness(power: ArrayLike, potential: ArrayLike, split: Losses, clear: ArrayLike, limit: float | None, width: int,
              weak: ArrayLike | None = None) -> float | None:  # fmt: skip
    """Power over potential of a day's clear buckets in which nothing held the inverter back, weak strings made good; None when that is less
    than CLEAR_HOURS. Its slow decline over days hints at dirt (`soiling`)."""
    ac, could = (np.asarray(values, np.float64) for values in (power, potential))
    free = np.isfinite(ac) & np.isfinite(could) & np.asarray(clear, np.bool_) & ~split.is_clipped & ~split.is_held & ~split.is_out
    if limit is not None:
        free &= (np.nan_to_num(could) < 0.97 * limit) & (np.nan_to_num(ac) < AT_LIMIT * limit)
    if free.sum() * width < CLEAR_HOURS * 3_600_000:
        return None
    strings = np.zeros(ac.shape) if weak is None else np.nan_to_num(np.asarray(weak, np.float64))
    below = float(could[free].sum())
    return float((ac * (1.0 + strings))[free].sum()) / below if below > 0 else None
