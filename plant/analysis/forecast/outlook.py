"""A forecast with everything that says how far it may be trusted: the method and its error by rolling origins, the baseline beside it, the
interval, and what it was learned from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plant.analysis.forecast.interval import quantiles
from plant.analysis.forecast.looks import usual
from plant.analysis.forecast.methods import BASELINES, Method, methods
from plant.analysis.forecast.past import Numbers, Past
from plant.analysis.forecast.rolling import FEWEST_ORIGINS, Done, Trial, rolling
from plant.analysis.outcome import Figure, missing

LEAST_SEASONS = 8
"""Seasons with values before anything is said: one week and a day."""
_KNOWN = 0.5
"""Share of the past that must have been told."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What comes in each step from `start` [epoch ms] on, by `method`: `value`, interval `low`…`high` and what the `baseline` says, all
    [horizon]. `total` is the sum over all steps × hours, with its own interval. `before` is what was told one horizon ago for the steps
    up to now (low, value, high), by what was known then. `trial` is how all methods did; `count` values were learned from."""

    start: int
    step: int
    method: str
    baseline: str
    value: Numbers
    low: Numbers
    high: Numbers
    by_baseline: Numbers
    total: tuple[Figure, Figure, Figure]
    before: tuple[Numbers, Numbers, Numbers]
    before_start: int
    trial: Trial
    count: int


def doubt(past: Past, horizon: int) -> str:
    """Why nothing can be said of what comes; "" when it can."""
    known = np.isfinite(past.values)
    if not known.any():
        return "nothing was told"
    first = int(np.argmax(known))
    if past.n - first < LEAST_SEASONS * past.season + horizon or known.sum() < LEAST_SEASONS * past.season * _KNOWN:
        return "the history is too short"
    if known[first:].mean() < _KNOWN:
        return "more than half of the history is missing"
    if not known[-past.season :].any():
        return "nothing was told lately"
    told = past.values[known]
    if np.ptp(told) <= 1e-9 * max(1.0, float(np.abs(told).max())):
        return "it never changed"
    return ""


def outlook(
    past: Past, horizon: int, more: Mapping[str, Method] | None = None, done: Done | None = None, among: Mapping[str, Method] | None = None
) -> Outlook | Figure:
    """What comes after a past, by the method with the least error over rolling origins; a Figure with the reason where nothing can be said.
    `more` are methods beside the usual ones (or beside those `among` which is chosen)."""
    if why := doubt(past, horizon):
        return missing(why)
    first = int(np.argmax(np.isfinite(past.values)))
    past = _from(past, first - first % past.season)
    tried = methods(past, more) if among is None else {**among, **(more or {})}
    trial = rolling(past, tried, horizon, done=done)
    if trial.origins.size < FEWEST_ORIGINS or trial.mae(best := trial.best()) is None:
        return missing("the history is too short")
    baseline = trial.best_baseline()
    value = _told(tried[best], past, horizon)
    if not np.isfinite(value).any():
        return missing("nothing was told lately")
    interval = trial.interval(best)
    low, high = interval.around(value, usual(past, np.array([past.n]), horizon)[1][0])
    then = trial.told[best][-1]
    before = [past.bounded(one) for one in (then, *interval.around(then, trial.spread[-1]))]
    return Outlook(
        int(past.at(past.n)), past.step, best, baseline, value, past.bounded(low), past.bounded(high),
        _told(BASELINES[baseline], past, horizon), _total(value, trial.errors(best), past),
        (before[1], before[0], before[2]), int(past.at(trial.origins[-1])), trial,
        int(np.isfinite(past.values).sum()),
    )  # fmt: skip


def _told(method: Method, past: Past, horizon: int) -> Numbers:
    return past.bounded(method(past, horizon)(past, np.array([past.n]))[0])


def _total(value: Numbers, errors: Numbers, past: Past) -> tuple[Figure, Figure, Figure]:
    """Sum over the steps (of means: × hours) and the interval of the errors of such sums; missing where a step is."""
    hours = past.step / 3_600_000.0 if past.step < 86_400_000 else 1.0
    sums = errors.sum(axis=1)
    sums = sums[np.isfinite(sums)]
    if not np.isfinite(value).all() or sums.size < FEWEST_ORIGINS:
        none = missing("steps are missing")
        return none, none, none
    whole, (low, high) = float(value.sum()), quantiles(sums)
    least = past.lowest * value.size if past.lowest is not None else -np.inf
    return Figure(hours * whole), Figure(hours * max(whole + low, least)), Figure(hours * (whole + high))


def _from(past: Past, first: int) -> Past:
    """Without what lies before the first value; whole seasons are cut, so that phases stay."""
    if first <= 0:
        return past
    ahead = {name: column[first:] for name, column in past.ahead.items()}
    return Past(int(past.at(first)), past.step, past.season, past.values[first:], ahead, past.zone, past.lowest, past.highest)
