"""A converter over many instants at once: efficiency against load, unbalance of its phases."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.efficiency import LEAST_LOAD

Numbers = NDArray[np.float64]


def efficiencies(ac: ArrayLike, dc: ArrayLike, rated: float) -> Numbers:
    """`efficiency.one_way` [%] for AC and DC power [kW, n], discharge positive; NaN where it is not formed: below a tenth of `rated` [kW],
    in opposite directions, or silent.

    >>> efficiencies([425.5, -100.0, 20.0, 100.0], [430.2, -97.0, 21.0, -98.0], 500.0).round(1).tolist()
    [98.9, 97.0, nan, nan]
    """
    out, into = np.asarray(ac, np.float64), np.asarray(dc, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(out > 0, out / into, into / out)
    formed = (np.abs(out) > LEAST_LOAD * rated) & (out * into > 0) & (rated > 0)
    return np.where(formed, 100.0 * share, np.nan)


def unbalance(phases: ArrayLike, least: float = 0.0) -> Numbers:
    """100 · max|x − x̄| / x̄ [%] of phase values [3, n] (NEMA MG 1; `imbalance.phase_unbalance` for one instant); NaN where a phase is silent
    or the mean is not above `least`: of nearly nothing every share is large.

    >>> unbalance([[100.0, 1.0], [103.0, 2.0], [97.0, 3.0]], least=5.0).tolist()
    [3.0, nan]
    """
    values = np.asarray(phases, np.float64)
    mean = values.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 100.0 * np.abs(values - mean).max(axis=0) / mean
    return np.where(mean > max(least, 0.0), share, np.nan)


def medians(x: ArrayLike, y: ArrayLike, width: float, fewest: int = 3) -> tuple[list[float], list[float]]:
    """The median of `y` in each bin of `x` of this `width` with at least `fewest` points: (middles of the bins, medians).

    >>> medians([1, 2, 3, 12], [5, 6, 9, 1], 10.0)
    ([5.0], [6.0])
    """
    across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
    known = np.isfinite(across) & np.isfinite(up)
    bins = np.floor(across[known] / width)
    found: list[tuple[float, Any]] = [(float(b), up[known][bins == b]) for b in np.unique(bins)]
    kept = [((b + 0.5) * width, float(np.median(values))) for b, values in found if values.size >= fewest]
    return [middle for middle, _ in kept], [median for _, median in kept]
