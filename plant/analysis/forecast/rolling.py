"""How good forecasts are, by rolling origins: each method says at many past moments what comes, knowing only what was known then, and is
held against what came. Pages, tests and the benchmark ask this one function.

Tashman, Out-of-sample tests of forecasting accuracy, Int. J. Forecasting 16 (2000) 437.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from plant.analysis.forecast.interval import Interval, learned
from plant.analysis.forecast.looks import usual
from plant.analysis.forecast.methods import BASELINES, Method
from plant.analysis.forecast.past import Numbers, Past, Whole

FOLDS, PER_SEASON = 6, 4
"""Methods are fitted afresh so many times; origins in each season between."""
FEWEST_ORIGINS = 8
SIGNAL = 0.1
"""Less of the seasonal naive's error saved than this is called no signal."""
_SPOKEN = 0.8
Done = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """`told` by method and what came (`actual`), all [m, horizon], at `origins` [m] in `folds` [m]: in each fold all methods were fitted to
    what was known at its beginning. `spread` is the scatter usual at each target by what was known at its origin."""

    origins: Whole
    folds: Whole
    actual: Numbers
    told: Mapping[str, Numbers]
    spread: Numbers

    def errors(self, name: str) -> Numbers:
        """What came less what was told, [m, horizon]; NaN where one of the methods or the plant was silent."""
        return np.where(self._common(), self.actual - self.told[name], np.nan)

    def mae(self, name: str, folds: slice = slice(None)) -> float | None:
        """Mean absolute error over the folds (by number), None when nothing could be compared."""
        return _mean(np.abs(self._in(folds, self.errors(name))))

    def mae_by_step(self, name: str) -> list[float | None]:
        """Mean absolute error by step ahead."""
        return [_mean(column) for column in np.abs(self.errors(name)).T]

    def best(self, folds: slice = slice(None)) -> str:
        """The method with the least mean absolute error over the folds; of equal ones the plainer."""
        found = {name: self.mae(name, folds) for name in self.told}
        known = {name: mae for name, mae in found.items() if mae is not None}
        return min(known, key=lambda name: known[name]) if known else next(iter(self.told))

    def best_baseline(self) -> str:
        """The best of the baselines."""
        found = {name: mae for name in BASELINES if name in self.told and (mae := self.mae(name)) is not None}
        return min(found, key=lambda name: found[name]) if found else "persistence"

    def as_used(self) -> tuple[float | None, float | None]:
        """Mean absolute error of the method that was best in the folds before, and of the seasonal naive in the same folds: what somebody
        who relied on us would have seen. The first fold has none before it."""
        ours, naive = [], []
        for fold in range(1, self._folds()):
            name = self.best(slice(0, fold))
            ours.append(self._in(slice(fold, fold + 1), np.abs(self.errors(name))).ravel())
            naive.append(self._in(slice(fold, fold + 1), np.abs(self.errors("season"))).ravel())
        return (_mean(np.concatenate(ours)), _mean(np.concatenate(naive))) if ours else (None, None)

    def skill(self) -> float | None:
        """Share of the seasonal naive's error that was saved, as used; negative when it was worse."""
        ours, naive = self.as_used()
        return 1.0 - ours / naive if ours is not None and naive else None

    def has_signal(self) -> bool | None:
        """Whether that is SIGNAL at least, by more than a baseline."""
        skill = self.skill()
        return None if skill is None else skill >= SIGNAL and self.best() not in BASELINES

    def interval(self, name: str, folds: slice = slice(None)) -> Interval:
        """The interval around a method by its errors in the folds."""
        return learned(*(self._in(folds, part) for part in (self.errors(name), self.told[name], self.spread)))

    def coverage(self) -> float | None:
        """Share of what came that lay within intervals made of the folds before (two at least), of the method used then."""
        held: list[Numbers] = []
        for fold in range(2, self._folds()):
            name, now = self.best(slice(0, fold)), slice(fold, fold + 1)
            low, high = self.interval(name, slice(0, fold)).around(*(self._in(now, part) for part in (self.told[name], self.spread)))
            came, errors = self._in(now, self.actual), self._in(now, self.errors(name))
            inside = (came >= low - 1e-9) & (came <= high + 1e-9)
            held.append(np.where(np.isfinite(errors), inside.astype(np.float64), np.nan).ravel())
        return _mean(np.concatenate(held)) if held else None

    def _folds(self) -> int:
        return int(self.folds.max()) + 1 if self.folds.size else 0

    def _in(self, folds: slice, table: Numbers) -> Numbers:
        first, last, _ = folds.indices(max(self._folds(), 1))
        return table[(self.folds >= first) & (self.folds < last)]

    def _common(self) -> np.ndarray:
        return np.asarray(np.isfinite(self.actual) & np.all([np.isfinite(told) for told in self.told.values()], axis=0))


def rolling(past: Past, methods: Mapping[str, Method], horizon: int, folds: int = FOLDS, done: Done | None = None) -> Trial:
    """All methods at the origins of the last half of a past (or of 3·`folds` seasons, where that is less). Methods that mostly cannot
    speak are left out; `done` hears the share done."""
    origins, of_fold = _origins(past, horizon, folds)
    told = {name: np.full((origins.size, horizon), np.nan) for name in methods}
    for fold in range(int(of_fold.max()) + 1 if of_fold.size else 0):
        mine = of_fold == fold
        known = past.until(int(origins[mine][0]), horizon)
        for place, (name, method) in enumerate(methods.items()):
            if done:
                done((fold + place / len(methods)) / (folds + 1))
            told[name][mine] = method(known, horizon)(past, origins[mine])
    actual = past.values[origins[:, None] + np.arange(horizon)] if origins.size else np.empty((0, horizon))
    speaks = {name: table for name, table in told.items() if name == "season" or _share(table, actual) >= _SPOKEN}
    return Trial(origins, of_fold, actual, speaks, usual(past, origins, horizon)[1])


def _origins(past: Past, horizon: int, folds: int) -> tuple[Whole, Whole]:
    every = max(1, past.season // PER_SEASON)
    last = past.n - horizon
    first = max(past.n - max(past.n // 2, horizon), last - 3 * folds * past.season, past.season)
    origins = np.arange(last, first - 1, -every, dtype=np.int64)[::-1]
    return origins, np.minimum(np.arange(origins.size) * folds // max(origins.size, 1), folds - 1)


def _share(told: Numbers, actual: Numbers) -> float:
    known = np.isfinite(actual)
    return float(np.isfinite(told)[known].mean()) if known.any() else 0.0


def _mean(values: Numbers) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
