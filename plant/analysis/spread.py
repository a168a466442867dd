"""How values lie: count, least, most, mean and population standard deviation, of parts that come one after the other."""

from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Spread:
    """Of `count` values: the least, the most, their `mean`, and `squares` = Σ(x − mean)²; None where only means are known (buckets do not
    tell how their readings lay)."""

    count: int = 0
    least: float | None = None
    most: float | None = None
    mean: float | None = None
    squares: float | None = 0.0

    @property
    def deviation(self) -> float | None:
        """Population standard deviation √(Σ(x − mean)² / n); None of nothing, or where it cannot be known.

        >>> spread([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).deviation
        2.0
        """
        return None if not self.count or self.squares is None else sqrt(self.squares / self.count)


def spread(values: ArrayLike) -> Spread:
    """How `values` [n] lie; NaN is silence and does not count."""
    known = np.asarray(values, np.float64).ravel()
    known = known[np.isfinite(known)]
    if not known.size:
        return Spread()
    least, most, mean = float(known.min()), float(known.max()), float(known.mean())
    if least == most:  # a mean of equal values may be one bit off: they deviate by nothing
        return Spread(int(known.size), least, most, least, 0.0)
    return Spread(int(known.size), least, most, mean, float(np.square(known - mean).sum()))


def of_buckets(count: ArrayLike, least: ArrayLike, most: ArrayLike, mean: ArrayLike) -> Spread:
    """How the readings behind buckets lie, all [n]; buckets without readings hold NaN. How they deviate cannot be known."""
    n = np.nan_to_num(np.asarray(count, np.float64))
    means = np.asarray(mean, np.float64)
    told = (n > 0) & np.isfinite(means)
    if not told.any():
        return Spread()
    total = float(n[told].sum())
    average = float((means[told] * n[told]).sum() / total)
    return Spread(int(total), float(np.asarray(least)[told].min()), float(np.asarray(most)[told].max()), average, None)


def together(one: Spread, other: Spread) -> Spread:
    """Both as one. Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample variances" (1979).

    >>> together(spread([1.0, 2.0]), spread([3.0, 6.0])) == spread([1.0, 2.0, 3.0, 6.0])
    True
    """
    if not one.count or not other.count:
        return other if not one.count else one
    assert one.mean is not None and other.mean is not None
    assert one.least is not None and other.least is not None and one.most is not None and other.most is not None
    count = one.count + other.count
    apart = other.mean - one.mean
    squares = None
    if one.squares is not None and other.squares is not None:
        squares = one.squares + other.squares + apart * apart * one.count * other.count / count
    mean = one.mean + apart * other.count / count
    return Spread(count, min(one.least, other.least), max(one.most, other.most), mean if isfinite(mean) else None, squares)
