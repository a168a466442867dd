"""Prediction intervals from the errors a method had: split conformal quantiles (Lei et al., J. Am. Stat. Assoc. 113 (2018) 1094)."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plant.analysis.forecast.past import Numbers

LEVEL = 0.9
"""Share of what comes that an interval shall hold."""
Measure = Literal["scatter", "size", "even"]
MEASURES: tuple[Measure, ...] = ("scatter", "size", "even")
"""What errors are measured by: the scatter usual at that time, the size of what is told, nothing."""
_QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Interval:
    """Lowest and highest error, [horizon] each, as multiples of the `measure`, which is `least` at least."""

    measure: Measure
    least: float
    low: Numbers
    high: Numbers

    def around(self, told: Numbers, scatter: Numbers) -> tuple[Numbers, Numbers]:
        """Lower and upper bound of what comes, where `told` [..., horizon] is told and `scatter` is usual."""
        scale = _scale(self.measure, told, scatter, self.least)
        return told + self.low * scale, told + self.high * scale


def learned(errors: Numbers, told: Numbers, scatter: Numbers) -> Interval:
    """The interval of the errors [m, horizon] of what was `told` where `scatter` was usual, by the measure that makes it narrowest; a
    quarter of the horizon at a time."""
    found = [_by(measure, errors, told, scatter) for measure in MEASURES]
    return min(found, key=lambda one: _width(one, told, scatter))


def quantiles(errors: Numbers) -> tuple[float, float]:
    """Of m errors the ⌊(m + 1)·(1 − LEVEL)/2⌋-th and the ⌈(m + 1)·(1 + LEVEL)/2⌉-th smallest; the outermost ones where there are too few.

    >>> quantiles(np.arange(1.0, 100.0))
    (5.0, 95.0)
    """
    ordered = np.sort(errors)
    m = ordered.size
    above = min(math.ceil((m + 1) * (1 + LEVEL) / 2 - 1e-9), m)
    below = max(math.floor((m + 1) * (1 - LEVEL) / 2 + 1e-9), 1)
    return float(ordered[below - 1]), float(ordered[above - 1])


def _by(measure: Measure, errors: Numbers, told: Numbers, scatter: Numbers) -> Interval:
    size = {"scatter": scatter, "size": np.abs(told), "even": np.ones(1)}[measure]
    known = size[np.isfinite(size)]
    # what never moved gets an interval of almost no width, but no division by zero
    least = max(0.01 * float(known.mean()), 1e-9) if known.size else 1e-9
    scaled = errors / _scale(measure, told, scatter, least)
    horizon = errors.shape[1]
    low, high = np.full(horizon, np.nan), np.full(horizon, np.nan)
    for part in np.array_split(np.arange(horizon), min(_QUARTERS, horizon)):
        mine = scaled[:, part][np.isfinite(scaled[:, part])]
        if mine.size:
            low[part], high[part] = quantiles(mine)
    return Interval(measure, least, low, high)


def _scale(measure: Measure, told: Numbers, scatter: Numbers, least: float) -> Numbers:
    if measure == "even":
        return np.ones_like(told)
    size = np.abs(told) if measure == "size" else scatter
    known = size[np.isfinite(size)]
    return np.maximum(np.where(np.isfinite(size), size, known.mean() if known.size else least), least)


def _width(one: Interval, told: Numbers, scatter: Numbers) -> float:
    low, high = one.around(told, scatter)
    wide = (high - low)[np.isfinite(high - low)]
    return float(wide.mean()) if wide.size else math.inf
