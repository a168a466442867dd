"""Buckets: where they begin (site-zone days across daylight saving too), what they hold, how fine ones make coarse ones. Pure numpy.

A bucket of one metric is one `STATS` record: how many readings spoke, how many seconds they cover, min, max, last and sum.
Empty buckets have n = 0 and NaN everywhere else, so a gap stays a gap.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from datastore.ports import Instants, Numbers, Series
from plant.model import DAY, HOUR, MINUTE, SECOND, Window

Stats = np.ndarray[Any, np.dtype[np.void]]
"""Structured array of dtype `STATS`, shape [buckets, metrics]."""

STATS = np.dtype([("n", "<u4"), ("coverage", "<f4"), ("min", "<f8"), ("max", "<f8"), ("last", "<f8"), ("sum", "<f8")])

LADDER: tuple[int, ...] = (
    *(s * SECOND for s in (1, 2, 5, 10, 15, 30)),
    *(m * MINUTE for m in (1, 2, 5, 10, 15, 30)),
    *(h * HOUR for h in (1, 2, 3, 6, 12)),
    *(d * DAY for d in (1, 2, 7, 14, 28)),
)
"""Widths [ms] a chart may get; a fixed ladder makes equal questions meet equal buckets. From one day on they are calendar days."""


def width_for(window: Window, points: int) -> int:
    """The narrowest rung [ms] that cuts `window` into at most `points` buckets (the widest rung when none does)."""
    return next((width for width in LADDER if window.length <= points * width), LADDER[-1])


@lru_cache(maxsize=4096)
def _midnight(ordinal: int, zone: str) -> int:
    day = date.fromordinal(ordinal)
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def edges(window: Window, width: int, zone: str) -> Instants:
    """Bucket edges [epoch ms], int64 [k + 1], so that buckets `edges[i] … edges[i + 1]` cover `window`; the outer ones may reach beyond it.

    Below a day, edges are multiples of `width` since the epoch. From a day on they are midnights in `zone` (23 or 25 h
    apart when the clocks change), every `width / DAY`-th counted from the proleptic calendar's first day.
    """
    if width <= 0:
        raise ValueError(f"bucket width must be positive, not {width} ms")
    if width < DAY:
        return np.arange(window.start // width * width, -(-window.end // width) * width + width, width, dtype=np.int64)
    step = width // DAY
    ordinal = datetime.fromtimestamp(window.start / 1000, ZoneInfo(zone)).date().toordinal() // step * step
    found = [_midnight(ordinal, zone)]
    while found[-1] < window.end:
        ordinal += step
        found.append(_midnight(ordinal, zone))
    return np.array(found, dtype=np.int64)


def day_window(day: date, zone: str) -> Window:
    """The calendar day in `zone`: 23, 24 or 25 h."""
    return Window(_midnight(day.toordinal(), zone), _midnight((day + timedelta(days=1)).toordinal(), zone))


def empty(buckets: int, metrics: int) -> Stats:
    """Buckets in which nothing was heard."""
    stats = np.zeros((buckets, metrics), dtype=STATS)
    for name in ("min", "max", "last", "sum"):
        stats[name] = np.nan
    return stats


def reduce(at: Instants, values: Numbers, bounds: Instants) -> Stats:
    """Readings into buckets: `at` [n] ascending, `values` [n, metrics] with NaN for silent, `bounds` [k + 1] ascending.

    Readings outside `bounds` are left out. Coverage [s] is readings × the typical interval of the metric (the median gap
    between its readings in `at`), at most the bucket's width.
    """
    metrics = values.shape[1]
    stats = empty(len(bounds) - 1, metrics)
    cuts = np.searchsorted(at, bounds)
    full = np.flatnonzero(cuts[1:] > cuts[:-1])
    if not len(full) or not metrics:
        return stats
    low, high = int(cuts[0]), int(cuts[-1])
    at, values = at[low:high], values[low:high]
    starts, stops = cuts[:-1][full] - low, cuts[1:][full] - low
    widths = (bounds[1:] - bounds[:-1])[full][:, None]
    spoken = ~np.isnan(values)
    dense = bool(spoken.all())
    if dense and len(full) == len(at):  # one reading each, as when minutes of a reading a minute are asked for
        stats["n"][full] = 1
        for name in ("min", "max", "last", "sum"):
            stats[name][full] = values
        gap = _typical_gap(at)
        stats["coverage"][full] = np.fmin(widths, widths if np.isnan(gap) else gap) / 1000
        return stats
    if dense:
        n = np.broadcast_to((stops - starts)[:, None], (len(full), metrics))
        stats["last"][full] = values[stops - 1]
        heard = values
    else:
        n = np.add.reduceat(spoken, starts, axis=0, dtype=np.int64)
        stats["last"][full] = _last_spoken(values, spoken, starts, stops)
        heard = np.where(spoken, values, 0.0)
    silent = n == 0
    stats["n"][full] = n
    stats["min"][full] = (np.minimum if dense else np.fmin).reduceat(values, starts, axis=0)
    stats["max"][full] = (np.maximum if dense else np.fmax).reduceat(values, starts, axis=0)
    with np.errstate(over="ignore"):  # a sum may leave the range of numbers where no reading does
        stats["sum"][full] = np.where(silent, np.nan, np.add.reduceat(heard, starts, axis=0))
    typical = np.full(metrics, _typical_gap(at)) if dense else np.array([_typical_gap(at[spoken[:, j]]) for j in range(metrics)])
    stats["coverage"][full] = np.where(silent, 0.0, np.fmin(n * np.where(np.isnan(typical), widths, typical), widths) / 1000)
    return stats


def grouped(at: Instants, values: Numbers, firsts: Instants, width: int) -> Stats:
    """Like `reduce` for buckets of many devices at once: rows sorted by (device, at), `firsts` [k] the row each bucket starts at,
    all of `width` [ms]. The typical interval is the median over all."""
    stats = empty(len(firsts), values.shape[1])
    stops = np.r_[firsts[1:], len(at)]
    spoken = ~np.isnan(values)
    dense = bool(spoken.all())
    n = (stops - firsts)[:, None] if dense else np.add.reduceat(spoken, firsts, axis=0, dtype=np.int64)
    stats["n"] = n
    # without NaN the plain functions give the same, four times as fast
    stats["min"] = (np.minimum if dense else np.fmin).reduceat(values, firsts, axis=0)
    stats["max"] = (np.maximum if dense else np.fmax).reduceat(values, firsts, axis=0)
    stats["last"] = values[stops - 1] if dense else _last_spoken(values, spoken, firsts, stops)
    with np.errstate(over="ignore"):
        total = np.add.reduceat(values if dense else np.where(spoken, values, 0.0), firsts, axis=0)
    stats["sum"] = total if dense else np.where(n == 0, np.nan, total)
    gaps = np.diff(at)
    inside = np.ones(len(gaps), dtype=bool)
    inside[firsts[1:] - 1] = False
    # one gap for all: the devices of a kind share their interval or each has one reading per bucket
    typical = _lower_middle(gaps[inside]) if inside.any() else float(width)
    stats["coverage"] = np.fmin(n * typical, width) / 1000
    return stats


def _last_spoken(values: Numbers, spoken: Any, starts: Any, stops: Any) -> Numbers:
    """The last number of each column in each slice, NaN when it is silent throughout."""
    rows = np.where(spoken, np.arange(len(values))[:, None], -1)
    newest = np.maximum.reduceat(rows, starts, axis=0)
    found = np.take_along_axis(values, np.maximum(newest, 0), axis=0)
    return np.where(newest >= 0, found, np.nan)


def _typical_gap(at: Instants) -> float:
    """Median distance of neighbours [ms], of two middle ones the lower: an outage beside one regular gap is no interval. NaN for fewer
    than two instants."""
    if len(at) < 2:
        return np.nan
    gaps = at[1:] - at[:-1]
    first = gaps[0]
    # most devices keep their interval, and a median of equal numbers takes five times as long as a look at them
    return float(first) if (gaps == first).all() else _lower_middle(gaps)


def _lower_middle(numbers: Any) -> float:
    middle = (len(numbers) - 1) // 2
    return float(np.partition(numbers, middle)[middle])


def combine(at: Instants, fine: Stats, bounds: Instants) -> Stats:
    """Fine buckets into coarse ones: `at` [n] ascending starts of the fine ones, `fine` [n, metrics], `bounds` [k + 1].

    A fine bucket belongs where its start lies, so `bounds` must not cut one in two.
    """
    metrics = fine.shape[1]
    stats = empty(len(bounds) - 1, metrics)
    cuts = np.searchsorted(at, bounds)
    full = np.flatnonzero(cuts[1:] > cuts[:-1])
    if not len(full) or not metrics:
        return stats
    low, high = int(cuts[0]), int(cuts[-1])
    at, fine = at[low:high], fine[low:high]
    starts, stops = cuts[:-1][full] - low, cuts[1:][full] - low
    if len(full) == len(at):  # no two of them meet
        stats[full] = fine
        stats["coverage"][full] = np.fmin(fine["coverage"], (bounds[1:] - bounds[:-1])[full][:, None] / 1000)
        return stats
    spoken = fine["n"] > 0
    n = np.add.reduceat(fine["n"], starts, axis=0, dtype=np.int64)
    stats["n"][full] = n
    stats["min"][full] = np.fmin.reduceat(fine["min"], starts, axis=0)
    stats["max"][full] = np.fmax.reduceat(fine["max"], starts, axis=0)
    stats["last"][full] = _last_spoken(fine["last"], spoken, starts, stops)
    with np.errstate(over="ignore"):
        stats["sum"][full] = np.where(n == 0, np.nan, np.add.reduceat(np.where(spoken, fine["sum"], 0.0), starts, axis=0))
    seconds = np.add.reduceat(fine["coverage"], starts, axis=0, dtype=np.float64)
    stats["coverage"][full] = np.fmin(seconds, (bounds[1:] - bounds[:-1])[full][:, None] / 1000)
    return stats


def spread(at: Instants, fine: Stats, step: int) -> Stats:
    """`fine` buckets of width `step` [ms] with the coverage of slow metrics made whole, in place.

    A device that speaks every 15 min fills one minute bucket in fifteen, with 60 s of coverage each; what it says stands for
    the quarter hour. So where filled buckets are typically further apart than `step`, each covers that distance.
    """
    for j in range(fine.shape[1]):
        fine["coverage"][:, j] *= _stretch(at, fine["n"][:, j], step)
    return fine


def _stretch(at: Instants, n: Any, step: float) -> float:
    """How many buckets one reading of a slow metric stands for; 1 when filled buckets typically hold several, whatever gaps there are."""
    filled = n > 0
    if not filled.any() or _lower_middle(n[filled]) > 1:
        return 1.0
    gap = _typical_gap(at[filled])
    return gap / step if gap > step else 1.0


def share(at: Instants, stats: Stats, column: int, window: Window) -> float:
    """Observed seconds of one metric over the seconds of `window`, 0…1; `at` are the bucket starts."""
    if not len(at):
        return 0.0
    seconds = float(stats["coverage"][:, column].sum(dtype=np.float64))
    # as in `spread`: what a slow metric says stands for all of the time until it speaks again
    seconds *= _stretch(at, stats["n"][:, column], _typical_gap(at))
    return min(1.0, seconds / (window.length / 1000))


def bucketed(device_id: str, metric: str, resolution: int, at: Instants, stats: Stats, column: int, window: Window) -> Series:
    """The `Series` of one column of `stats` [buckets, metrics]."""
    part = stats[:, column]
    n = part["n"].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = part["sum"] / n
    # a mean of equal numbers may leave their range by one rounding step
    mean = np.fmin(np.fmax(mean, part["min"]), part["max"])
    coverage = share(at, stats, column, window)
    return Series(
        device_id,
        metric,
        resolution,
        at,
        mean,
        part["min"].copy(),
        part["max"].copy(),
        part["last"].copy(),
        part["sum"].copy(),
        n,
        coverage,
    )


def raw(device_id: str, metric: str, at: Instants, values: Numbers, window: Window) -> Series:
    """The `Series` of the readings themselves (resolution 0): silent ones are left out, nothing is padded."""
    spoken = ~np.isnan(values)
    at, values = at[spoken], values[spoken]
    covered = reduce(at, values[:, None], np.array([window.start, window.end], dtype=np.int64))
    # one reading tells no interval: it stands for the minute it was heard in, as in the rollups
    seconds = float(covered["coverage"][0, 0]) if len(at) > 1 else len(at) * MINUTE / 1000
    coverage = min(1.0, seconds / (window.length / 1000))
    return Series(device_id, metric, 0, at, values, values, values, values, values, np.ones(len(at)), coverage)


def runs(starts: Sequence[int], width: int) -> list[tuple[int, int]]:
    """Neighbouring buckets joined: ascending bucket starts → [(start, end)] of each unbroken run."""
    found: list[tuple[int, int]] = []
    for start in starts:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], start + width)
        else:
            found.append((start, start + width))
    return found
