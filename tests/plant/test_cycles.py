"""Rainflow counting against the standard's own example and against what every count must add up to."""

from collections import Counter

import numpy as np
import pytest
import rainflow as other
from hypothesis import given
from hypothesis import strategies as st

from plant.analysis.cycles import Cycle, histogram, rainflow, turning_points

EXAMPLE = [-2, 1, -3, 5, -1, 3, -4, 4, -2]
"""ASTM E1049-85 (2017), figure 6: the load history of the worked example."""


def test_the_example_of_the_standard():
    """Its table: range 3 half a cycle, 4 one and a half, 6 a half, 8 one, 9 a half; E–F is the one full cycle."""
    counts: Counter[float] = Counter()
    for cycle in rainflow(turning_points(EXAMPLE)):
        counts[cycle.depth] += cycle.count
    assert counts == {3: 0.5, 4: 1.5, 6: 0.5, 8: 1.0, 9: 0.5}
    assert [(c.depth, c.mean) for c in rainflow(EXAMPLE) if c.count == 1.0] == [(4, 1.0)]


def test_there_and_back_is_one_cycle_in_two_halves():
    assert rainflow(turning_points([50, 60, 70, 80, 70, 60, 50])) == [Cycle(30, 65, 0.5), Cycle(30, 65, 0.5)]


@given(st.lists(st.integers(0, 100), max_size=60))
def test_all_swings_are_counted_once(values):
    """A full cycle goes its depth twice, a half cycle once: together they are the whole way of the state of charge."""
    way = float(np.abs(np.diff(values)).sum()) if len(values) > 1 else 0.0
    assert sum(2 * cycle.count * cycle.depth for cycle in rainflow(turning_points(values))) == pytest.approx(way)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60), st.integers(1, 20))
def test_of_noise_no_swing_is_left(values, least):
    points = turning_points(values, least)
    assert all(abs(one - other) >= least for one, other in zip(points[:-1], points[1:-1], strict=False))
    assert max(values) - max(points) < least
    assert min(points) - min(values) < least


@pytest.mark.parametrize(
    ("values", "points"),
    [([], []), ([5.0], [5.0]), ([5.0, 5.0], [5.0]), ([float("nan")], []), ([1.0, float("nan"), 3.0], [1.0, 3.0])],
)
def test_little_or_nothing_said(values, points):
    assert turning_points(values) == points
    assert all(cycle.count == 0.5 for cycle in rainflow(points))


def test_classes_include_their_lower_edge():
    counts = histogram([Cycle(20.0, 50.0, 0.5), Cycle(100.0, 100.0, 1.0), Cycle(0.5, 50.0, 7.0)], [1, 20, 100], [0, 50, 100])
    assert counts.tolist() == [[0.0, 0.0], [0.0, 1.5]]


@given(st.lists(st.integers(0, 100), min_size=3, max_size=60))
def test_the_count_is_that_of_an_independent_implementation(values):
    """The `rainflow` package (Janiszewski), which gives (range, mean, count, start, end)."""
    theirs: Counter[tuple[float, float]] = Counter()
    for depth, mean, count, *_ in other.extract_cycles(values):
        if depth:
            theirs[depth, mean] += count
    ours: Counter[tuple[float, float]] = Counter()
    for cycle in rainflow(turning_points(values)):
        if cycle.depth:
            ours[cycle.depth, cycle.mean] += cycle.count
    assert ours == theirs
