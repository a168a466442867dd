"""Ways to say what comes. Each is fitted to what was known at one moment and then asked from any origin; the baselines come first."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from plant.analysis.forecast.looks import looks, nearest, newest, usual
from plant.analysis.forecast.past import Numbers, Past, Whole

Ask = Callable[[Past, Whole], Numbers]
"""(the past, origins [m]) → what each origin says comes, [m, horizon]; it reads nothing told at or after its origin."""
Method = Callable[[Past, int], Ask]
"""Fitted to the whole of a past for a horizon [steps]."""

STRICTNESS = (10.0, 100.0, 1000.0)
"""Penalties of the regression, of which the one is taken that leaves the least error when each lesson is left out in turn."""
LEAST_ROWS, MOST_ROWS = 1_000, 9_000
"""Rows (an origin and a step ahead) that trees are grown from at least, and one fit learns from at most; of more, origins spread evenly
are taken."""


def persistence(_: Past, horizon: int) -> Ask:
    """It stays as it is."""
    return lambda past, origins: np.repeat(newest(past, origins)[:, None], horizon, axis=1)


def season_before(_: Past, horizon: int) -> Ask:
    """As at the same time of the season before: the seasonal naive."""
    return lambda past, origins: nearest(past, origins, horizon)


def week_before(past: Past, horizon: int) -> Ask:
    """As at the same time a week before; for steps shorter than a day."""
    back = 7 * past.season

    def ask(told: Past, origins: Whole) -> Numbers:
        place = origins[:, None] + np.arange(horizon) - back
        return np.where((place >= 0) & (np.arange(horizon) < back), told.values[np.clip(place, 0, None)], np.nan)

    return ask


def level(past: Past, horizon: int) -> Ask:
    """The median of all that was told."""
    known = past.values[np.isfinite(past.values)]
    middle = float(np.median(known)) if known.size else np.nan
    return lambda told, origins: np.full((origins.size, horizon), middle)


def usual_season(_: Past, horizon: int) -> Ask:
    """The median of the same time over seven seasons."""
    return lambda past, origins: usual(past, origins, horizon)[0]


def leaning(past: Past, horizon: int) -> Ask:
    """What is usual, leaning towards the season before as far as that paid."""
    _, seen, actual = _lessons(past, horizon)
    lean = _lean(seen, actual)
    return lambda told, places: _base(looks(told, places, horizon), lean)


def linear(past: Past, horizon: int) -> Ask:
    """Ridge regression (scikit-learn) of the distance from `leaning`, one for each step ahead."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _, seen, actual = _lessons(past, horizon)
    lean = _lean(seen, actual)
    base = _base(seen, lean)
    fitted: list[Any] = []
    for step in range(horizon):
        known = np.isfinite(actual[:, step]) & np.isfinite(base[:, step])
        if known.sum() < 2 * past.season:
            fitted.append(None)
            continue
        model = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), RidgeCV(alphas=STRICTNESS))
        fitted.append(model.fit(seen[known, step], (actual - base)[known, step]))

    def ask(told: Past, places: Whole) -> Numbers:
        here = looks(told, places, horizon)
        columns = [np.full(places.size, np.nan) if model is None else model.predict(here[:, step]) for step, model in enumerate(fitted)]
        return past.bounded(_base(here, lean) + np.stack(columns, axis=1))

    return ask


def boosting(past: Past, horizon: int) -> Ask:
    """Gradient boosted trees (scikit-learn) on the distance from `leaning`, for the least absolute error; one for all steps ahead."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    _, seen, actual = _lessons(past, horizon)
    lean = _lean(seen, actual)
    base = _base(seen, lean)
    known = np.isfinite(actual) & np.isfinite(base)
    if known.sum() < LEAST_ROWS:
        return lambda told, places: np.full((places.size, horizon), np.nan)
    model = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=80, learning_rate=0.07, max_leaf_nodes=12, min_samples_leaf=80, early_stopping=False, random_state=0
    )
    rows = seen[known]
    tells = np.array([_varies(column) for column in rows.T])
    model.fit(rows[:, tells], (actual - base)[known])

    def ask(told: Past, places: Whole) -> Numbers:
        here = looks(told, places, horizon)
        found = _base(here, lean) + model.predict(here.reshape(-1, here.shape[-1])[:, tells]).reshape(places.size, horizon)
        return past.bounded(found)

    return ask


def blend(past: Past, horizon: int) -> Ask:
    """The mean of `leaning`, the regression and the trees: their errors partly cancel (Bates and Granger, Operational Research
    Quarterly 20 (1969) 451)."""
    asked = [method(past, horizon) for method in (leaning, linear, boosting)]

    def ask(told: Past, places: Whole) -> Numbers:
        return np.asarray(np.mean([one(told, places) for one in asked], axis=0), np.float64)

    return ask


def balance(past: Past, horizon: int) -> Ask:
    """A state of charge by its energy balance: per step what was scheduled to go out and in (`ahead["scheduled"]`, discharge positive) at
    the contents found in the past, what else usually happens at that hour, and the pull back to the usual charge of that hour. Least
    squares over the changes from step to step."""
    change = np.diff(past.values)
    origins = np.arange(1, past.n)
    out, into = (np.maximum(sign * past.ahead["scheduled"], 0.0) for sign in (1.0, -1.0))
    middle = usual(past, origins, 1)[0][:, 0]
    columns = np.stack([out[1 : past.n], into[1 : past.n], middle - past.values[:-1]], axis=1)
    phase = np.arange(1, past.n) % past.season
    known = np.isfinite(change) & np.isfinite(columns).all(axis=1)
    rest = np.array([change[known & (phase == hour)].mean() if (known & (phase == hour)).any() else 0.0 for hour in range(past.season)])
    mean = np.array(
        [columns[known & (phase == h)].mean(axis=0) if (known & (phase == h)).any() else np.zeros(3) for h in range(past.season)]
    )
    if known.sum() < 3 * past.season:
        return lambda told, places: np.full((places.size, horizon), np.nan)
    # within each hour, so that the usual change of that hour is left to `rest`
    factor = np.linalg.lstsq((columns - mean[phase])[known], (change - rest[phase])[known], rcond=None)[0]
    factor[2] = np.clip(factor[2], 0.0, 1.0)

    def ask(told: Past, places: Whole) -> Numbers:
        goal = usual(told, places, horizon)[0]
        level = newest(told, places)
        found = np.empty((places.size, horizon))
        for step in range(horizon):
            place = places + step
            hour = place % past.season
            plan = np.maximum(told.ahead["scheduled"][place], 0.0), np.maximum(-told.ahead["scheduled"][place], 0.0)
            pull = np.where(np.isfinite(goal[:, step]), goal[:, step] - level, mean[hour, 2])
            seen = np.stack([*plan, pull], axis=1)
            level = past.bounded(level + rest[hour] + (seen - mean[hour]) @ factor)
            found[:, step] = level
        return found

    return ask


def by_award(past: Past, horizon: int) -> Ask:
    """Money by the awards of each step: what every sort of award would pay at an index of 1 (`ahead`, by sort), at the share that sort
    really paid so far; a sort that never was pays what all together paid."""
    shares = {}
    whole = sum((np.nansum(np.where(np.isfinite(past.values), column[: past.n], 0.0)) for column in past.ahead.values()), 0.0)
    every = float(np.nansum(past.values) / whole) if whole > 0 else np.nan
    for name, column in past.ahead.items():
        alone = (column[: past.n] > 0) & np.isfinite(past.values)
        for other, its in past.ahead.items():
            alone &= (its[: past.n] <= 0) if other != name else True
        paid = column[: past.n][alone].sum()
        shares[name] = float(past.values[alone].sum() / paid) if paid > 0 else every

    def ask(told: Past, places: Whole) -> Numbers:
        targets = places[:, None] + np.arange(horizon)
        return np.asarray(sum((told.ahead[name][targets] * share for name, share in shares.items()), np.zeros(targets.shape)), np.float64)

    return ask


BASELINES: Mapping[str, Method] = {"level": level, "persistence": persistence, "season": season_before, "week": week_before}
MODELS: Mapping[str, Method] = {"usual": usual_season, "leaning": leaning, "linear": linear, "boosting": boosting, "blend": blend}


def methods(past: Past, more: Mapping[str, Method] | None = None) -> dict[str, Method]:
    """All that can be tried on a past, the plainest first."""
    found = {**BASELINES, **MODELS, **(more or {})}
    if past.step >= 86_400_000:
        del found["week"]  # seven days are its season
    return found


def _base(seen: Numbers, lean: float) -> Numbers:
    """What is usual, leaning towards the season before."""
    usually, before = seen[:, :, 0], seen[:, :, 1]
    return np.where(np.isfinite(before), usually + lean * (before - usually), usually)


def _lean(seen: Numbers, actual: Numbers) -> float:
    """How far to lean, 0…1: least squares over the lessons."""
    usually, before = seen[:, :, 0], seen[:, :, 1]
    apart, came = before - usually, actual - usually
    known = np.isfinite(apart) & np.isfinite(came)
    size = float((apart[known] ** 2).sum())
    return float(np.clip((apart[known] * came[known]).sum() / size, 0.0, 1.0)) if size > 0 else 0.0


def _varies(column: Numbers) -> bool:
    """Whether it holds two different numbers at least: less says nothing, and scikit-learn cannot bin it."""
    known = column[np.isfinite(column)]
    return known.size > 1 and bool(known.min() < known.max())


def _lessons(past: Past, horizon: int) -> tuple[Whole, Numbers, Numbers]:
    """Origins to learn from, what was seen at each, and what came."""
    first, last = past.season, past.n - horizon
    count = min(max(last - first + 1, 0), max(MOST_ROWS // horizon, 1))
    origins = np.unique(np.linspace(first, last, count).round().astype(np.int64)) if count else np.empty(0, np.int64)
    actual = past.values[origins[:, None] + np.arange(horizon)]
    return origins, looks(past, origins, horizon), actual
