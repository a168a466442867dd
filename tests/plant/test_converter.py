"""Efficiencies and unbalance of many instants against those of one."""

import numpy as np
import pytest

from plant.analysis import converter
from plant.analysis.efficiency import one_way
from plant.analysis.imbalance import phase_unbalance

NAN = float("nan")


def test_efficiencies_are_those_of_one_instant_each() -> None:
    rng = np.random.default_rng(5)
    ac, dc = rng.uniform(-500, 500, 300), rng.uniform(-500, 500, 300)
    ac[:3], dc[3:6] = NAN, 0.0
    found = converter.efficiencies(ac, dc, 500.0)
    for one, a, d in zip(found, ac, dc, strict=True):
        expected = one_way(a, d, 500.0).value
        assert np.isnan(one) if expected is None else one == pytest.approx(expected)
    assert np.isfinite(found).sum() > 50


def test_without_a_rating_no_efficiency_is_formed() -> None:
    assert np.isnan(converter.efficiencies([100.0], [101.0], 0.0)).all()


def test_unbalance_is_that_of_one_instant_each() -> None:
    phases = np.random.default_rng(6).uniform(50, 100, (3, 50))
    for place, found in enumerate(converter.unbalance(phases)):
        assert found == pytest.approx(phase_unbalance(phases[:, place]).value)


def test_a_silent_phase_or_no_current_has_no_unbalance() -> None:
    assert np.isnan(converter.unbalance([[1.0, 0.0], [2.0, 0.0], [NAN, 0.0]])).all()


def test_medians_need_company() -> None:
    assert converter.medians([1, 2, 3, 12, NAN], [97.0, 98.0, 96.0, 50.0, 99.0], 5.0) == ([2.5], [97.0])
