"""Randomness that is a function of (seed, stream, index): the same instant always gets the same draw, however it is reached.

Weather, awards and fault windows are drawn this way, so that history, the seam and the live plant agree without keeping a
generator's state. The mixing function is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014, doi:10.1145/2660193.2660195).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def _mixed(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    word = (word ^ (word >> np.uint64(30))) * _MIX1
    word = (word ^ (word >> np.uint64(27))) * _MIX2
    return word ^ (word >> np.uint64(31))


def uniform(seed: int, stream: int, index: Any) -> Numbers:
    """Independent draws from (0, 1), one per element of the whole-number array `index` (any shape)."""
    with np.errstate(over="ignore"):
        key = np.asarray(seed & 0xFFFFFFFF, np.uint64) * _GOLDEN + np.asarray(stream, np.uint64) * _MIX1
        word = _mixed(np.atleast_1d(np.asarray(index, np.int64)).astype(np.uint64) * _GOLDEN + _mixed(np.atleast_1d(key)))
    return ((word >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def normal(seed: int, stream: int, index: Any) -> Numbers:
    """Independent standard normal draws, one per element of `index` (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(uniform(seed, 2 * stream, index)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(seed, 2 * stream + 1, index)), np.float64)


def wander(seed: int, stream: int, seconds: Any, period: float) -> Numbers:
    """A smooth Gaussian process of mean 0 and variance 1 at the instants `seconds` (any shape), changing over about `period` [s].

    Value noise: independent normals on a lattice, blended with a raised cosine and rescaled so that the variance is 1 everywhere.
    """
    place = np.atleast_1d(np.asarray(seconds, np.float64)) / period
    knot = np.floor(place).astype(np.int64)
    weight = 0.5 - 0.5 * np.cos(np.pi * (place - knot))
    left, right = normal(seed, stream, knot), normal(seed, stream, knot + 1)
    return np.asarray((left * (1 - weight) + right * weight) / np.sqrt(weight**2 + (1 - weight) ** 2), np.float64)
