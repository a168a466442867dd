"""When a slow quantity changed for good: change points in its daily or hourly values (residuals against siblings, yield per sunshine)."""

from dataclasses import dataclass

import numpy as np

from plant.analysis.anomaly.finding import Numbers

LEAST_POINTS = 8
LEAST_SIDE = 3
SIGMAS = 4.0
"""Shift over the scatter within the parts that is believed."""
_PENALTY = 3.0


@dataclass(frozen=True, slots=True)
class Change:
    """`place` is the first value after the change; the medians on both sides and the shift in units of the scatter."""

    place: int
    before: float
    after: float
    sigmas: float


def changes(x: Numbers, least: float) -> list[Change]:
    """Lasting shifts of more than `least` [unit] in `x` [n], NaN = silent: PELT with a least-squares cost (Killick, Fearnhead and Eckley,
    J. Am. Stat. Assoc. 107 (2012) 1590) on values scaled by the scatter of their differences, penalty 3·log n."""
    import ruptures

    known = np.flatnonzero(np.isfinite(x))
    if known.size < LEAST_POINTS:
        return []
    told = np.asarray(x, np.float64)[known]
    scatter = max(1.4826 * float(np.median(np.abs(np.diff(told) - np.median(np.diff(told))))) / 2**0.5, least / SIGMAS / 2.0, 1e-12)
    scaled = np.clip((told - np.median(told)) / scatter, -50.0, 50.0)
    bounds = ruptures.Pelt(model="l2", min_size=LEAST_SIDE, jump=1).fit(scaled).predict(pen=_PENALTY * np.log(told.size))
    edges = [0, *bounds]
    levels = [float(np.median(told[first:last])) for first, last in zip(edges[:-1], edges[1:], strict=True)]
    # a slow drift comes in several steps of one direction: they are one change, from its first step to its last level
    found: list[Change] = []
    place = 0
    while place + 1 < len(levels):
        ahead = place + 1
        direction = levels[ahead] - levels[place]
        while ahead + 1 < len(levels) and (levels[ahead + 1] - levels[ahead]) * direction > 0:
            ahead += 1
        shift = levels[ahead] - levels[place]
        if abs(shift) > least and abs(shift) / scatter > SIGMAS:
            found.append(Change(int(known[edges[place + 1]]), levels[place], levels[ahead], abs(shift) / scatter))
        place = ahead
    return found
