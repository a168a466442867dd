"""How a battery is worked: turning points of its state of charge, cycles of them by rainflow counting (ASTM E1049-85, 5.4.4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cycle:
    """A closed swing (`count` 1.0) or half of one (0.5) of `depth` around `mean`, both in the unit of what was counted."""

    depth: float
    mean: float
    count: float


def turning_points(values: ArrayLike, least: float = 0.0) -> list[float]:
    """First value, turning points and last value of `values` [n]. Swings smaller than `least` are noise and end no swing (at either end the
    furthest value within it stands for the first or last); silence (NaN) is skipped: what happened meanwhile is not known.

    >>> turning_points([50, 60, 60, 70, 69.8, 75, 40, float("nan"), 45], least=0.5)
    [50.0, 75.0, 40.0, 45.0]
    """
    known = np.asarray(values, np.float64).ravel()
    known = known[np.isfinite(known)]
    if known.size > 2:  # most points lie on the way up or down: only where the direction changes something may turn
        known = known[np.append(True, np.diff(known) != 0)]
        turns = np.diff(np.sign(np.diff(known))) != 0
        known = known[np.concatenate([[True], turns, [True]])] if known.size > 2 else known
    return _swings(known.tolist(), least)


def _swings(points: Sequence[float], least: float) -> list[float]:
    """`points` without those between which less than `least` happens."""
    if not points:
        return []
    found, low, high, way = [points[0]], points[0], points[0], 0
    for value in points[1:]:
        if way >= 0 and value > high:
            high = value
        if way <= 0 and value < low:
            low = value
        if way >= 0 and high - value >= max(least, 0.0) and value < high:
            found, low, way = [*(found if way else ()), high], value, -1
        elif way <= 0 and value - low >= max(least, 0.0) and value > low:
            found, high, way = [*(found if way else ()), low], value, 1
    end = high if way > 0 else low if way < 0 else points[-1]
    return found if found[-1] == end else [*found, end]


def rainflow(points: Iterable[float]) -> list[Cycle]:
    """Cycles and half cycles of a sequence of turning points, in the order in which they close (ASTM E1049-85, 5.4.4).

    >>> [(c.depth, c.count) for c in rainflow([-2, 1, -3, 5, -1, 3, -4, 4, -2])]
    [(3, 0.5), (4, 0.5), (4, 1.0), (8, 0.5), (9, 0.5), (8, 0.5), (6, 0.5)]
    """
    stack: list[float] = []
    found: list[Cycle] = []
    for point in points:
        stack.append(point)
        while len(stack) >= 3 and abs(stack[-1] - stack[-2]) >= abs(stack[-2] - stack[-3]):
            if len(stack) == 3:  # the swing contains the first point: half a cycle
                found.append(_cycle(stack[0], stack[1], 0.5))
                del stack[0]
            else:
                found.append(_cycle(stack[-3], stack[-2], 1.0))
                del stack[-3:-1]
    return [*found, *(_cycle(one, other, 0.5) for one, other in zip(stack, stack[1:], strict=False))]


def _cycle(one: float, other: float, count: float) -> Cycle:
    return Cycle(abs(other - one), (one + other) / 2, count)


def histogram(cycles: Iterable[Cycle], depths: Sequence[float], means: Sequence[float]) -> Numbers:
    """Cycles by depth and mean: [len(depths) − 1, len(means) − 1]. Classes include their lower edge, the last ones both; cycles outside
    are not counted.

    >>> histogram([Cycle(30.0, 50.0, 1.0), Cycle(30.0, 70.0, 0.5)], [10, 20, 40], [0, 60, 100]).tolist()
    [[0.0, 0.0], [1.0, 0.5]]
    """
    told = list(cycles)
    counts, _, _ = np.histogram2d(
        [c.depth for c in told],
        [c.mean for c in told],
        bins=(np.asarray(depths, np.float64), np.asarray(means, np.float64)),
        weights=[c.count for c in told],
    )
    return np.asarray(counts, np.float64)
