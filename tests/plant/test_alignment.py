"""Metrics of different rates on one time base: every number was said, by the newest sample that is not too old."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plant.alignment import aligned, carried, densest

NAN = float("nan")


def test_the_densest_metric_gives_the_instants() -> None:
    values = {"slow": np.array([1.0, NAN, NAN, NAN]), "fast": np.array([NAN, 2.0, 3.0, 4.0]), "other": np.array([NAN, 5.0, 6.0, 7.0])}
    assert densest(values) == "fast"
    at, columns = aligned(np.array([0, 10, 20, 30]), values, tolerance=20)
    assert at.tolist() == [10, 20, 30] and list(columns) == ["slow", "fast", "other"]
    # 20 ms old is not older than the tolerance, 30 ms is
    np.testing.assert_array_equal(columns["slow"], [1.0, 1.0, NAN])
    np.testing.assert_array_equal(columns["fast"], [2.0, 3.0, 4.0])


def test_a_sample_of_the_future_is_not_used() -> None:
    np.testing.assert_array_equal(carried(np.array([5, 10]), np.array([10]), np.array([1.0]), 100), [NAN, 1.0])


def test_of_nothing_comes_nothing() -> None:
    at, columns = aligned(np.array([1, 2]), {"soc": np.array([NAN, NAN]), "cells": np.full((2, 3), NAN)})
    assert len(at) == 0 and columns["soc"].shape == (0,) and columns["cells"].shape == (0, 3)
    assert densest({}) is None


def test_a_vector_is_carried_whole() -> None:
    cells = np.array([[3.1, NAN], [NAN, NAN], [NAN, NAN]])
    _, columns = aligned(np.array([0, 1, 2]), {"v": np.array([1.0, 2.0, 3.0]), "cells": cells}, 1)
    np.testing.assert_array_equal(columns["cells"], [[3.1, NAN], [3.1, NAN], [NAN, NAN]])


instants = st.lists(st.integers(0, 300), max_size=30, unique=True).map(sorted)


@given(base=instants, at=instants, tolerance=st.integers(0, 100))
def test_carrying_is_looking_back_one_by_one(base: list[int], at: list[int], tolerance: int) -> None:
    values = np.arange(len(at)) + 0.5
    meant = []
    for instant in base:
        near = [values[i] for i, sample in enumerate(at) if sample <= instant and instant - sample <= tolerance]
        meant.append(near[-1] if near else NAN)
    found = carried(np.array(base, dtype=np.int64), np.array(at, dtype=np.int64), values, tolerance)
    np.testing.assert_array_equal(found, meant)


@given(rates=st.lists(instants, min_size=1, max_size=4), tolerance=st.integers(0, 100))
def test_aligning_columns_is_carrying_each_to_the_densest(rates: list[list[int]], tolerance: int) -> None:
    at = np.array(sorted({instant for rate in rates for instant in rate}), dtype=np.int64)
    values = {str(i): np.where(np.isin(at, rate), at * 10.0 + i, NAN) for i, rate in enumerate(rates)}
    instants, columns = aligned(at, values, tolerance)
    longest = max(rates, key=len)
    assert instants.tolist() == longest
    for i, rate in enumerate(rates):
        for instant, value in zip(longest, columns[str(i)].tolist(), strict=True):
            near = [sample * 10.0 + i for sample in rate if 0 <= instant - sample <= tolerance]
            assert value == near[-1] if near else np.isnan(value)
