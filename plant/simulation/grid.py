"""Grid frequency: a mean-reverting process, a kick at the full hour, and now and then a lost generator.

Model: stochastic swing equation with damping and noise plus deterministic power steps at the hour, as in Gorjão et al.,
IEEE Access 8 (2020) 43082, doi:10.1109/ACCESS.2020.2967834; the heavy tails come from trips (Schäfer et al., Nature Energy 3 (2018) 119).
The figures are engineering estimates for an island grid of Taiwan's size, not fitted to its measurements.
"""

from functools import lru_cache

import numpy as np

from plant.simulation.chance import Numbers, normal, uniform

NOMINAL = 60.0  # [Hz]
SIGMA = 0.020  # [Hz] of the mean-reverting part
TAU = 90.0  # [s] its memory
HOUR_KICK = 0.016  # [Hz] typical deviation at the full hour
HOUR_FADE = 240.0  # [s]
TRIPS_PER_DAY = 0.5
TRIP_FADE = 300.0  # [s]


@lru_cache(maxsize=8)
def chain(seconds: int, decay: float) -> tuple[Numbers, Numbers]:
    """(weights [n, n], carry [n]) of x[i] = decay·x[i-1] + e[i] over one block: x = weights·e + carry·x_before."""
    lag = np.arange(seconds)[:, None] - np.arange(seconds)[None, :]
    return np.where(lag >= 0, decay ** np.maximum(lag, 0), 0.0), decay ** np.arange(1.0, seconds + 1)


def recur(before: float, push: Numbers, decay: float) -> tuple[Numbers, float]:
    """x[i] = decay·x[i-1] + push[i] through all of `push` [steps, seconds], starting from `before`. Returns (x, its last value)."""
    weights, carry = chain(push.shape[1], decay)
    value = push @ weights.T
    start = np.empty(push.shape[0])
    for block, last in enumerate(value[:, -1].tolist()):
        start[block] = before
        before = last + carry[-1] * before
    return value + start[:, None] * carry, float(before)


def mean_reverting(before: float, steps: int, seconds: int, rng: np.random.Generator) -> tuple[Numbers, float]:
    """Deviation [Hz] each second, [steps, seconds], of an Ornstein-Uhlenbeck process (exact discretisation), and its last value."""
    decay = float(np.exp(-1.0 / TAU))
    return recur(before, rng.normal(0.0, SIGMA * np.sqrt(1 - decay * decay), (steps, seconds)), decay)


def scheduled(at: Numbers, seed: int) -> Numbers:
    """The part of the deviation [Hz] that follows from schedules and trips at epoch seconds `at` (any shape)."""
    hour = np.floor(at / 3600.0).astype(np.int64)
    into = at - hour * 3600.0
    kick = _kick(hour, seed) * np.minimum(into / 25.0, 1.0) * np.exp(-into / HOUR_FADE)
    ahead = _kick(hour + 1, seed) * 0.5 * np.exp((into - 3600.0) / 90.0)  # generators start to ramp before the hour
    return np.asarray(kick - ahead - _trip(at, hour, seed) - _trip(at, hour - 1, seed), np.float64)


def _kick(hour: np.ndarray, seed: int) -> Numbers:
    """Load follows the day: the morning rise pulls the frequency down at the hour, the evening fall pushes it up (Taiwan, UTC+8)."""
    of_day = 2 * np.pi * np.mod(hour + 8, 24) / 24
    return HOUR_KICK * np.asarray(-0.8 * np.sin(of_day - 0.6) + 0.7 * normal(seed, 21, hour), np.float64)


def _trip(at: Numbers, hour: np.ndarray, seed: int) -> Numbers:
    happens = uniform(seed, 45, hour) < TRIPS_PER_DAY / 24
    since = at - (hour * 3600.0 + 3000.0 * uniform(seed, 46, hour))
    depth = np.where(happens, 0.05 + 0.16 * uniform(seed, 47, hour) ** 2, 0.0)
    fading = np.exp(-np.maximum(since, 0.0) / TRIP_FADE) * (1 - np.exp(-np.maximum(since, 0.0) / 4.0))
    return np.where(since > 0, depth * fading, 0.0)
