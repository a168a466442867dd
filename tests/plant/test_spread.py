"""Statistics in parts, against Python's own."""

from statistics import fmean, pstdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.analysis.spread import Spread, of_buckets, spread, together

VALUES = st.lists(st.floats(-1e6, 1e6), max_size=40)


@given(VALUES, VALUES, VALUES)
def test_parts_together_are_the_whole(a, b, c):
    whole = a + b + c
    found = together(together(spread(a), spread(b)), spread(c))
    assert found.count == len(whole)
    if whole:
        assert (found.least, found.most) == (min(whole), max(whole))
        assert found.mean == pytest.approx(fmean(whole), rel=1e-9, abs=1e-6)
        assert found.deviation == pytest.approx(pstdev(whole), rel=1e-9, abs=1e-6)
    else:
        assert (found.mean, found.deviation) == (None, None)


def test_silence_does_not_count():
    assert spread([np.nan, 2.0, np.nan, 4.0]) == Spread(2, 2.0, 4.0, 3.0, 2.0)
    assert spread([np.nan]) == Spread()


def test_a_large_offset_does_not_swallow_the_deviation():
    found = together(spread([1e9 + 1, 1e9 + 3]), spread([1e9 + 1, 1e9 + 3]))
    assert (found.mean, found.deviation) == (1e9 + 2, 1.0)


def test_equal_values_deviate_by_nothing():
    assert spread([0.1] * 3).deviation == 0.0


def test_buckets_tell_everything_but_how_their_readings_deviate():
    found = of_buckets([2, 0, 6], [1.0, np.nan, -1.0], [3.0, np.nan, 9.0], [2.0, np.nan, 4.0])
    assert (found.count, found.least, found.most, found.mean, found.deviation) == (8, -1.0, 9.0, 3.5, None)
    assert of_buckets([0], [np.nan], [np.nan], [np.nan]) == Spread()
    assert together(found, spread([5.0])).deviation is None
