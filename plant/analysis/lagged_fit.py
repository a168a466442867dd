"""A linear model of readings in time, of which one input comes through a first-order lag: by least squares, with honest standard errors.

Columns that only stand beside (a level, a correction) are taken out first, so that they may depend on each other (Frisch and Waugh,
Econometrica 1 (1933) 387).
"""

from dataclasses import dataclass, replace

import numpy as np

from plant.analysis.chemistry import Numbers
from plant.analysis.circuit import lagging

_NEAR = 0.02
"""Share of a lag by which it is changed to see what that changes."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients of the columns asked for with their standard errors, those of what stands beside them, and the lag [s] with its own."""

    values: Numbers
    errors: Numbers
    rest: Numbers
    tau: float = 0.0
    tau_error: float = np.inf


def _basis(columns: Numbers) -> Numbers:
    """Orthonormal columns that span those of `columns`, which may depend on each other."""
    scale = np.sqrt((columns * columns).sum(axis=0))
    left, strength, _ = np.linalg.svd(columns / np.where(scale > 0, scale, 1.0), full_matrices=False)
    return np.asarray(left[:, strength > 1e-9 * max(float(strength.max(initial=0.0)), 1e-300)], np.float64)


def _beside(columns: Numbers, basis: Numbers) -> Numbers:
    """What of `columns` the basis cannot say."""
    return np.asarray(columns - basis @ (basis.T @ columns), np.float64)


def fit_plain(target: Numbers, base: Numbers, columns: Numbers, tau: float = 0.0) -> Fit:
    """target ≈ base · rest + columns · values by least squares; rows of `base` beyond those of `target` are wishes, base · rest ≈ 0.
    Standard errors allow for a residual that remembers itself (first autocorrelation); that of a column the others can say is infinite."""
    wishes = base.shape[0] - target.size
    target, columns = np.append(target, np.zeros(wishes)), np.vstack([columns, np.zeros((wishes, columns.shape[1]))])
    basis = _basis(base)
    own, y = _beside(columns, basis), _beside(target, basis)
    size = np.sqrt((columns * columns).sum(axis=0))
    told = np.sqrt((own * own).sum(axis=0)) > 1e-7 * size
    values, errors = np.zeros(columns.shape[1]), np.full(columns.shape[1], np.inf)
    if told.all() and (square := own.T @ own).size and np.linalg.cond(square / np.outer(size, size)) < 1e13:
        values = np.asarray(np.linalg.solve(square, own.T @ y), np.float64)
        left = y - own @ values
        rows = left[: left.size - wishes]
        spread = float(rows @ rows) / max(rows.size - basis.shape[1] - values.size, 1)
        memory = float(rows[1:] @ rows[:-1]) / max(float(rows @ rows), 1e-300)
        memory = min(max(memory, 0.0), 0.999)
        variance = np.diag(np.linalg.inv(square)) * spread * (1 + memory) / (1 - memory)
        errors = np.asarray(np.sqrt(np.maximum(variance, 0.0)), np.float64)
    rest = np.linalg.lstsq(base, target - columns @ values, rcond=1e-9)[0]
    return Fit(values, errors, np.asarray(rest, np.float64), tau)


def fit_lagged(target: Numbers, base: Numbers, direct: Numbers, signal: Numbers, seconds: Numbers, span: tuple[float, float]) -> Fit:
    """target ≈ base · rest + direct · a + b · lag(signal, τ) + c · e^(−t/τ), with the τ [s] in `span` that leaves the least; `values` are
    (a…, b). The last column is what was in the lag before the first reading; its coefficient is the last of `rest`."""
    wishes = base.shape[0] - target.size
    basis = _basis(base)

    def beside(columns: Numbers) -> Numbers:
        return _beside(np.vstack([columns, np.zeros((wishes, columns.shape[1]))]), basis)

    y, own, gone = beside(target[:, None])[:, 0], beside(direct), seconds.cumsum()
    low, high = np.log(span[0]), np.log(span[1])
    best, least = float(np.exp(low)), np.inf
    for points in (12, 9, 9, 9, 5):
        taus = np.exp(np.linspace(low, high, points))
        lags, past = beside(lagging(signal, seconds, taus)), beside(np.exp(-gone[:, None] / taus))
        for k, tau in enumerate(taus):
            columns = np.column_stack([own, lags[:, k], past[:, k]])
            size = np.sqrt((columns * columns).sum(axis=0))
            columns = columns / np.where(size > 0, size, 1.0)
            left = y - columns @ np.linalg.lstsq(columns.T @ columns, columns.T @ y, rcond=1e-12)[0]
            if (squares := float(left @ left)) < least:
                best, least = float(tau), squares
        step = (high - low) / (points - 1)
        low, high = max(np.log(best) - step, np.log(span[0])), min(np.log(best) + step, np.log(span[1]))
    past = np.append(np.exp(-gone / best), np.zeros(wishes))
    lag = lagging(signal, seconds, np.array([best]))
    beyond = np.column_stack([base, past])
    fit = fit_plain(target, beyond, np.column_stack([direct, lag]), best)
    # the lag is not linear: its error is that of the coefficient of b · dlag/dτ beside the others
    above, below = lagging(signal, seconds, best * np.array([1.0 + _NEAR, 1.0 - _NEAR])).T
    bent = float(fit.values[-1]) * (above - below) / (2.0 * _NEAR * best)
    joint = fit_plain(target, beyond, np.column_stack([direct, lag, bent]), best)
    return replace(fit, tau_error=float(joint.errors[-1]))
