"""A hint at dirt: the slow decline of what an array gives under a clear sky, with jumps up where rain or a brush cleaned it.

The slope is the median of all slopes between days of the same stretch, its interval after Gilbert (Statistical Methods for Environmental
Pollution Monitoring, 1987, §17), the seasonal Kendall slope of Hirsch, Slack and Smith (Water Resources Research 18 (1982) 107) with
stretches between cleanings in place of seasons. A light sensor that gets dirty alike hides the dirt: then the hint is too low.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

FEWEST = 10
"""Clear days below which nothing is said."""
LEAST_JUMP = 0.01
"""A cleaning raises the ratio by this share at least, and by three deviations of its usual change from day to day."""
SURE = 1.96
"""Half-width of the interval in standard deviations: 95 %."""


@dataclass(frozen=True, slots=True)
class Soiling:
    """`rate` is what is lost per day, as a share of the clean yield (positive = it gets dirtier), `low` and `high` its 95 % interval; all
    three None with the `reason` when too few clear days tell. `starts` are the first days of the stretches between cleanings, `days` the
    clear days there were."""

    rate: float | None
    low: float | None
    high: float | None
    starts: tuple[float, ...] = ()
    days: int = 0
    reason: str = ""

    @property
    def is_dirty(self) -> bool:
        """Whether the decline can be told from none."""
        return self.low is not None and self.low > 0

    def lost(self, day: float) -> float | None:
        """Share of the clean yield lost on `day`, counted from the last cleaning before it; 0 where no decline can be told from none, None
        where nothing is known. What was dirty before the first day is not in it."""
        if self.rate is None:
            return None
        if not self.is_dirty or not self.starts or day < self.starts[0]:
            return 0.0
        return min(self.rate * (day - max(start for start in self.starts if start <= day)), 1.0)


def soiling(days: ArrayLike, ratios: ArrayLike) -> Soiling:
    """`days` [n] ascending day numbers, `ratios` [n] `pv_losses.cleanness` of each, NaN = not a clear day. Reasons are `few days` and
    `short stretches`."""
    at, ratio = np.asarray(days, np.float64).ravel(), np.asarray(ratios, np.float64).ravel()
    told = np.isfinite(at) & np.isfinite(ratio) & (ratio > 0)
    at, ratio = at[told], ratio[told]
    if at.size < FEWEST:
        return Soiling(None, None, None, days=int(at.size), reason="few days")
    firsts = [0, *cleanings(ratio)]
    parts = [slice(first, end) for first, end in zip(firsts, [*firsts[1:], at.size], strict=True)]
    starts = tuple(float(at[first]) for first in firsts)
    slopes = np.sort(np.concatenate([_slopes(at[part], ratio[part]) for part in parts]))
    begun = np.concatenate([np.full(part.stop - part.start, at[part.start]) for part in parts])
    sizes = [part.stop - part.start for part in parts]
    spread = np.sqrt(sum(n * (n - 1) * (2 * n + 5) for n in sizes if n > 1) / 18.0)
    low, high = (slopes.size - SURE * spread) / 2 - 1, (slopes.size + SURE * spread) / 2
    if low < 0 or high > slopes.size - 1:
        return Soiling(None, None, None, starts, int(at.size), "short stretches")
    order = np.arange(slopes.size)
    least, most = (float(np.interp(place, order, slopes)) for place in (low, high))
    usual = float(np.median(slopes))
    clean = float(np.median(ratio - usual * (at - begun)))
    return Soiling(-usual / clean, -most / clean, -least / clean, starts, int(at.size))


def cleanings(ratios: Sequence[float] | Numbers) -> list[int]:
    """Places of a gap-free series from which on it stands clearly higher than before: the middle of three after over the middle of three
    before, where that is more than chance and dirt make from day to day."""
    ratio = np.asarray(ratios, np.float64)
    steps = np.diff(ratio)
    if steps.size < 3:
        return []
    usual = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
    least = max(LEAST_JUMP * float(np.median(ratio)), 3.0 * usual)
    found: list[int] = []
    for place in range(1, ratio.size):
        before, after = ratio[max(0, place - 3) : place], ratio[place : place + 3]
        is_highest = steps[place - 1] == steps[max(0, place - 3) : place + 2].max()
        if is_highest and steps[place - 1] > least / 2 and float(np.median(after) - np.median(before)) > least:
            found.append(place)
    return found


def _slopes(at: Numbers, ratio: Numbers) -> Numbers:
    """Slopes between all pairs of days."""
    one, other = np.triu_indices(at.size, 1)
    some = at[other] > at[one]
    return (ratio[other] - ratio[one])[some] / (at[other] - at[one])[some]
