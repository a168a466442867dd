"""Where a line has to break: a missing bucket is a gap only when it is longer than the rhythm of its neighbours.

Buckets narrower than the sampling interval are mostly empty; they are no gaps, the device just has nothing to say yet. A gap is a
silence several times longer than the silences around it.
"""

from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]
REACH = 5
"""Steps on either side from which the rhythm is taken."""
PATIENCE = 2.5
"""A step longer than this many usual steps is a gap."""


def unbroken(at: Numbers, values: Numbers) -> tuple[Numbers, Numbers, frozenset[int]]:
    """Finite points of a series [n] (`at` ascending, epoch ms) with one NaN put into each gap, and the places of points that stand alone
    between gaps, which a line would not show.

    >>> unbroken(np.array([0.0, 1, 2, 3, 9, 10, 11]), np.array([1.0, 1, 1, 1, 2, 2, 2]))[1].tolist()
    [1.0, 1.0, 1.0, 1.0, nan, 2.0, 2.0, 2.0]
    """
    spoken = np.isfinite(values)
    at, values = at[spoken], values[spoken]
    if len(at) < 2:
        return at, values, frozenset(range(len(at)))
    steps = np.diff(at)
    after = np.flatnonzero(steps > PATIENCE * rhythm(steps)) + 1
    at = np.insert(at, after, (at[after - 1] + at[after]) / 2)
    values = np.insert(values, after, np.nan)
    alone = frozenset(first for first, end in stretches(np.isfinite(values)) if end - first == 1)
    return at, values, alone


def rhythm(steps: Numbers) -> Numbers:
    """The usual step around each step [n]: the larger of the medians of up to `REACH` steps before and after it, so that a change from
    minutes to seconds is no gap on either side. A lone step is its own rhythm."""
    if len(steps) < 2:
        return steps
    padded = np.concatenate([np.full(REACH, np.nan), steps, np.full(REACH, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, REACH)
    usual = np.nanmedian(windows[1:-1], axis=1)  # window i covers steps i-REACH+1 … i
    before = np.concatenate([[np.nan], usual[: len(steps) - 1]])
    after = np.concatenate([usual[REACH : len(steps) + REACH - 1], [np.nan]])
    return np.fmax(before, after)


def stretches(spoken: np.ndarray[Any, np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """(first, one past last) of each run of True.

    >>> stretches(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], spoken.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
