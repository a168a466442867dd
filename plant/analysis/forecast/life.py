"""How long a battery still lasts: until its state of health has fallen to the end of life, and until the full cycles of its contract are
used.
What the days do not show is not assessable; nothing is extrapolated more than twenty times beyond what was seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plant.analysis.outcome import Figure, missing

LEVEL = 0.9
LEAST_DAYS = 30
FURTHEST = 20.0
"""At most so many times what was seen (of the fall, or of the cycles) is added to it."""
YEAR = 365.25
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Life:
    """`left` [years] with the reason when it cannot be said, between `low` and `high` at LEVEL (`high` None: no upper bound can be given);
    `rate` of change per year and `days` it was seen over."""

    left: Figure
    low: float | None = None
    high: float | None = None
    rate: float | None = None
    days: int = 0


def by_health(days: ArrayLike, health: ArrayLike, end: float) -> Life:
    """Years until `health` [%, n, NaN = not told] at `days` [d, n] has fallen to `end` [%], along its straight line. The interval is that
    of its slope by least squares, with errors that may be alike on neighbouring days (Newey and West, Econometrica 55 (1987) 703)."""
    day, told = np.asarray(days, np.float64).ravel(), np.asarray(health, np.float64).ravel()
    known = np.isfinite(day) & np.isfinite(told)
    order = np.argsort(day[known], kind="stable")
    day, told = day[known][order], told[known][order]
    span = int(day[-1] - day[0]) + 1 if day.size else 0
    if day.size < LEAST_DAYS or span < LEAST_DAYS:
        return Life(missing("fewer than 30 days with a state of health"), days=span)
    from statsmodels.api import OLS, add_constant

    lags = max(1, round(day.size ** (1 / 3)))
    fit = OLS(told, add_constant(day - day[-1])).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    now, slope = float(fit.params[0]), float(fit.params[1])
    fastest, slowest = (float(bound) for bound in fit.conf_int(1 - LEVEL)[1])
    rate = slope * YEAR
    if now <= end:
        return Life(Figure(0.0, note="the end of life is reached"), 0.0, 0.0, rate, span)
    if not math.isfinite(fastest) or slowest >= 0 or -slope * (day[-1] - day[0]) < ROUNDING:
        return Life(missing("the state of health shows no fall beyond its scatter"), rate=rate, days=span)
    if now - end > FURTHEST * -slope * (day[-1] - day[0]):
        return Life(missing("less than a twentieth of the remaining fall has been seen"), rate=rate, days=span)
    years = [(now - end) / (-one * YEAR) for one in (slope, fastest, slowest)]
    return Life(Figure(years[0]), years[1], years[2], rate, span)


def by_cycles(cycles: Sequence[float | None], used: float, most: float) -> Life:
    """Years until `used` full cycles have become `most`, at the pace of the days seen: equivalent full cycles of each day (None = not
    told).
    The interval is that of the mean of weeks (Student's t), since days of one week are alike."""
    told = np.array([np.nan if one is None else one for one in cycles], np.float64)
    known = told[np.isfinite(told)]
    if known.size < LEAST_DAYS:
        return Life(missing("fewer than 30 days with cycles"), days=int(known.size))
    if used >= most:
        return Life(Figure(0.0, note="all are used"), 0.0, 0.0, float(known.mean()) * YEAR, int(known.size))
    pace = float(known.mean())
    if pace <= 0:
        return Life(missing("it was not cycled"), rate=0.0, days=int(known.size))
    from scipy.stats import t

    weeks = known[: known.size // 7 * 7].reshape(-1, 7).mean(axis=1)
    reach = float(t.ppf((1 + LEVEL) / 2, weeks.size - 1) * weeks.std(ddof=1) / math.sqrt(weeks.size))
    left = (most - used) / YEAR
    high = left / (pace - reach) if pace > reach else None
    return Life(Figure(left / pace, note="if it is used as it was"), left / (pace + reach), high, pace * YEAR, int(known.size))
