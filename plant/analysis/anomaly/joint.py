"""All quantities together: states that no single quantity shows, because each is usual and their combination is not.

Three models are offered; `bench anomalies` measures them on injected faults and `METHOD` names the best of that run.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from plant.analysis.anomaly.finding import Numbers

METHODS = ("covariance", "components", "forest")
METHOD = "covariance"
LEAST_ROWS = 120
MARGIN = 2.0
"""Times the 99.9 % quantile of the reference's scores."""
_SEED = 7
_KEPT = 0.95
_RIDGE = 0.1


@dataclass(frozen=True, slots=True)
class Joint:
    """Scores [rows] of how unusual each is (NaN where a quantity is silent), the limit, and per row the column that stands out most."""

    score: Numbers
    limit: float
    column: np.ndarray[Any, np.dtype[np.int64]]


def joint(reference: Numbers, rows: Numbers, least: Numbers, method: str = METHOD) -> Joint | None:
    """Score `rows` [n, columns] by a model of `reference` [m, columns]; None when that has fewer than 120 whole rows. `least` [columns] is
    the smallest scatter believed, so that quantities that hardly change in the reference do not decide alone.

    covariance: squared Mahalanobis distance with the minimum covariance determinant (Rousseeuw and Van Driessen, Technometrics 41 (1999)
    212); components: squared reconstruction error of the principal components that hold 95 %; forest: isolation forest (Liu, Ting and
    Zhou, ICDM 2008).
    """
    whole = reference[np.isfinite(reference).all(axis=1)]
    if whole.shape[0] < LEAST_ROWS:
        return None
    middle = np.median(whole, axis=0)
    scale = 1.4826 * np.median(np.abs(whole - middle), axis=0)
    scale = np.maximum(scale, least)
    known = np.isfinite(rows).all(axis=1)
    trained = np.clip((whole - middle) / scale, -50, 50)
    asked = np.clip((rows[known] - middle) / scale, -1e4, 1e4)
    usual, told = _scores(trained, asked, method)
    score = np.full(rows.shape[0], np.nan)
    score[known] = told
    column = np.zeros(rows.shape[0], np.int64)
    if asked.size:
        column[known] = np.abs(asked).argmax(axis=1)
    limit = float(np.quantile(usual, 0.999))
    return Joint(score, limit + (0.05 if method == "forest" else (MARGIN - 1.0) * limit), column)


def _scores(trained: Numbers, asked: Numbers, method: str) -> tuple[Numbers, Numbers]:
    if method == "forest":
        from sklearn.ensemble import IsolationForest

        forest = IsolationForest(n_estimators=100, random_state=_SEED).fit(trained)
        return -forest.score_samples(trained), -forest.score_samples(asked) if asked.size else np.empty(0)
    if method == "components":
        from sklearn.decomposition import PCA

        model = PCA(n_components=_KEPT).fit(trained)

        def error(x: Numbers) -> Numbers:
            return np.asarray(((x - model.inverse_transform(model.transform(x))) ** 2).sum(axis=1))
    elif method == "covariance":
        from sklearn.covariance import MinCovDet

        # quantities that never moved, or only together, leave no covariance to invert: a little noise and a ridge say that they may
        shaken = trained + _RIDGE * np.random.default_rng(_SEED).standard_normal(trained.shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the determinant of a step: the next ones make up for it
            robust = MinCovDet(random_state=_SEED, support_fraction=0.8).fit(shaken)
        inverse = np.linalg.inv(robust.covariance_ + _RIDGE * np.eye(trained.shape[1]))

        def error(x: Numbers) -> Numbers:
            away = x - robust.location_
            return np.asarray(np.einsum("ij,jk,ik->i", away, inverse, away))
    else:
        raise ValueError(f"no method is called '{method}'; there are {', '.join(METHODS)}")
    return error(trained), error(asked) if asked.size else np.empty(0)
