"""What a forecast is made from: means of equal steps, and what is known of the steps ahead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.model import DAY, HOUR
from plant.timeline import moment

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

SEASONS = 7
"""So many seasons before an instant say what is usual at it."""


@dataclass(frozen=True, slots=True)
class Past:
    """Means of equal steps: `values` [n], NaN = silent, the first one begins at `start` [epoch ms], each is `step` [ms] long; `season`
    steps make a season (24 hours, 7 days). `ahead` is what is known beforehand (a clear sky, a schedule), each [n + steps ahead]; `lowest`
    and `highest` bound what is possible."""

    start: int
    step: int
    season: int
    values: Numbers
    ahead: Mapping[str, Numbers] = field(default_factory=dict)
    zone: tzinfo = UTC
    lowest: float | None = None
    highest: float | None = None

    @property
    def n(self) -> int:
        return int(self.values.size)

    def at(self, places: ArrayLike) -> Whole:
        """Where steps begin [epoch ms]; `places` count from 0 and may lie ahead."""
        return np.asarray(self.start + np.asarray(places, np.int64) * self.step, np.int64)

    def until(self, origin: int, horizon: int) -> "Past":
        """What was known at the beginning of step `origin`: nothing said later, and of what is known ahead only `horizon` steps."""
        ahead = {name: column[: origin + horizon] for name, column in self.ahead.items()}
        return Past(self.start, self.step, self.season, self.values[:origin], ahead, self.zone, self.lowest, self.highest)

    def bounded(self, values: Numbers) -> Numbers:
        """Within what is possible."""
        if self.lowest is None and self.highest is None:
            return values
        return np.asarray(np.clip(values, self.lowest, self.highest), np.float64)


def on_grid(at_ms: ArrayLike, values: ArrayLike, start: int, step: int, count: int) -> Numbers:
    """Means of readings (epoch ms in any order, [m]) in `count` steps [ms] from `start`; NaN where a step has none. Of several readings at
    one instant the last one counts; readings outside are left out.

    >>> on_grid([0, 10, 10, 25], [1.0, 3.0, 5.0, float("nan")], 0, 10, 3).tolist()
    [1.0, 5.0, nan]
    """
    at, told = np.asarray(at_ms, np.int64).ravel(), np.asarray(values, np.float64).ravel()
    newest = np.unique(at[::-1], return_index=True)
    at, told = newest[0], told[::-1][newest[1]]
    place = (at - start) // step
    inside = (place >= 0) & (place < count) & np.isfinite(told)
    number = np.bincount(place[inside], minlength=count)
    total = np.bincount(place[inside], told[inside], count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def local_hours(past: Past, count: int) -> tuple[Numbers, Numbers]:
    """Hour of the day (0…24, with its parts) and day of the week (Monday 0) of the first `count` steps, by the clock of the place."""
    at = past.at(np.arange(count))
    hours, where = np.unique(at // HOUR, return_inverse=True)
    here = at + np.array([_offset(int(hour) * HOUR, past.zone) for hour in hours], np.int64)[where]
    return np.asarray(np.mod(here, DAY) / HOUR, np.float64), np.asarray(np.mod(here // DAY + 3, 7), np.float64)


def _offset(at: int, zone: tzinfo) -> int:
    """How far local time is ahead [ms]."""
    ahead = moment(at, zone).utcoffset()
    return int(ahead.total_seconds() * 1000) if ahead else 0
