"""What may be looked at from an origin to say what comes: the past's own values, never one told at or after the origin, and what is known
ahead."""

import warnings

import numpy as np

from plant.analysis.forecast.past import SEASONS, Numbers, Past, Whole, local_hours

RECENT = 3
"""Steps that say what holds just now."""
DIM = 20.0
"""Mean light [W/m²] below which output per light says nothing."""


def nearest(past: Past, origins: Whole, horizon: int, back: int = 0) -> Numbers:
    """The same time of the newest season that was told by then, and `back` seasons before it, [origins, horizon]."""
    steps = np.arange(horizon)
    place = origins[:, None] + steps - past.season * (steps // past.season + 1 + back)
    return np.where(place >= 0, past.values[np.clip(place, 0, None)], np.nan)


def usual(past: Past, origins: Whole, horizon: int) -> tuple[Numbers, Numbers]:
    """Median of the same time over SEASONS seasons and the root mean square distance from it, both [origins, horizon]."""
    told = np.stack([nearest(past, origins, horizon, back) for back in range(SEASONS)])
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a time of which nothing was told yet stays NaN
        middle = np.nanmedian(told, axis=0)
        spread = np.sqrt(np.nanmean((told - middle) ** 2, axis=0))
    return np.asarray(middle, np.float64), np.asarray(spread, np.float64)


def trailing(past: Past, origins: Whole, length: int) -> Numbers:
    """Mean of what was told in the `length` steps before each origin, [origins]; NaN where nothing was."""
    known = np.isfinite(past.values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, past.values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    first = np.maximum(origins - length, 0)
    number = count[origins] - count[first]
    return np.where(number > 0, (total[origins] - total[first]) / np.maximum(number, 1), np.nan)


def newest(past: Past, origins: Whole) -> Numbers:
    """The last value told before each origin, within a season; [origins]."""
    place = np.where(np.isfinite(past.values), np.arange(past.n), -1)
    last = np.concatenate([[-1], np.maximum.accumulate(place)])[origins]
    return np.where((last >= 0) & (last >= origins - past.season), past.values[np.clip(last, 0, None)], np.nan)


def looks(past: Past, origins: Whole, horizon: int) -> Numbers:
    """Everything a model may use, [origins, horizon, looks]; NaN where it was not told."""
    steps = np.broadcast_to(np.arange(horizon), (origins.size, horizon))
    targets = origins[:, None] + steps
    middle, spread = usual(past, origins, horizon)
    before = nearest(past, origins, horizon)
    last, recent, season = newest(past, origins), trailing(past, origins, RECENT), trailing(past, origins, past.season)
    then = trailing(past, np.maximum(origins - past.season, 0), RECENT)
    wide = np.ones((1, horizon))
    hour, weekday = local_hours(past, int(targets.max()) + 1 if targets.size else 1)
    angle = 2 * np.pi * hour[targets] / 24.0
    found = [
        middle, before, nearest(past, origins, horizon, 1), spread,
        last[:, None] * wide, recent[:, None] * wide, season[:, None] * wide, (recent - then)[:, None] * wide,
        steps.astype(np.float64), np.sin(angle), np.cos(angle), weekday[targets], (weekday[targets] >= 5).astype(np.float64),
    ]  # fmt: skip
    if past.step < 86_400_000:
        week = targets - 7 * past.season
        found.append(np.where(week >= 0, past.values[np.clip(week, 0, None)], np.nan))
    for name, column in past.ahead.items():
        there = column[targets]
        found += _in_sunlight(past, origins, there) if name == "clear" else [there, np.cumsum(there, axis=1)]
    return np.stack(found, axis=-1)


def _in_sunlight(past: Past, origins: Whole, clear: Numbers) -> list[Numbers]:
    """The clear sky itself [origins, horizon], and what it would give if the sky stayed as it was in the last steps, the last season and
    the season before."""
    offered = past.ahead["clear"][: past.n]
    light = Past(past.start, past.step, past.season, np.where(np.isfinite(past.values), offered, np.nan))
    found = [clear]
    for length, back in ((RECENT, 0), (past.season, 0), (past.season, past.season)):
        places = np.maximum(origins - back, 0)
        sun = trailing(light, places, length)
        index = np.where(sun > DIM, trailing(past, places, length) / np.maximum(sun, DIM), np.nan)
        if length < past.season:  # at night the day before says more than the last hours
            index = np.where(np.isfinite(index), index, _of_the_day(past, light, origins))
        found.append(index[:, None] * clear)
    return found


def _of_the_day(past: Past, light: Past, origins: Whole) -> Numbers:
    """Output per light of the last season before each origin."""
    sun = trailing(light, origins, past.season)
    return np.where(sun > DIM, trailing(past, origins, past.season) / np.maximum(sun, DIM), np.nan)
