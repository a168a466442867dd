"""Spread, outliers, weakest link, strings; fleet figures. Expected numbers are worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.analysis import fleet
from plant.analysis import imbalance as im
from plant.analysis.fleet import Battery


def test_spread_ignores_silent_cells():
    assert im.spread([3.30, math.nan, 3.35]).value == pytest.approx(0.05)
    assert im.spread([]).value is None
    assert im.spread([math.nan]).reason == "no values"


def test_robust_z_by_hand():
    # median 3, deviations 2 1 0 1 97 → MAD 1; (100 - 3)/1.4826 = 65.43
    z = im.robust_z([1, 2, 3, 4, 100])
    assert z[4] == pytest.approx(65.425, abs=0.001)
    assert z[2] == 0


def test_equal_readings_make_no_outliers_of_one_digit():
    values = [50.0] * 10 + [50.1]
    assert im.outliers(values, least_scale=0.1) == []
    assert im.outliers(values, least_scale=0.0)[0].place == 10


def test_outliers_come_worst_first():
    found = im.outliers([10, 10.1, 9.9, 10.05, 9.95, 14, 3, math.nan], least_scale=0.1)
    assert [one.place for one in found] == [6, 5]


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [math.nan] * 5])
def test_too_few_values_have_no_outliers(values):
    assert im.outliers(values, least_scale=0.1) == []
    assert np.isnan(im.robust_z(values)).all()


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=30), st.floats(-100, 100))
def test_robust_z_does_not_depend_on_the_zero_point(values, shift):
    z, moved = im.robust_z(values, 1.0), im.robust_z(np.array(values) + shift, 1.0)
    assert moved == pytest.approx(z, abs=1e-6)


def test_at_rest_is_below_a_fiftieth_of_capacity():
    assert im.at_rest(6.2, 314.0)
    assert not im.at_rest(-6.3, 314.0)
    assert not im.at_rest(None, 314.0)
    assert not im.at_rest(1.0, 0.0)


def test_the_weakest_rack_limits_the_bank():
    # charging to 90 %: distances 40, 30, 35 % of 100 kWh each; the first full leaves 10 + 0 + 5 kWh
    assert im.weakest_link([50, 60, 55], [100] * 3, [100] * 3, 90, charging=True).value == pytest.approx(15.0)
    # discharging to 10 %: 40, 50, 45 → 0 + 10 + 5
    assert im.weakest_link([50, 60, 55], [100] * 3, [100] * 3, 10, charging=False).value == pytest.approx(15.0)


def test_health_weighs_the_lost_energy():
    assert im.weakest_link([50, 60], [200, 200], [90, 100], 90, charging=True).value == pytest.approx(0.1 * 180)


def test_weakest_link_without_figures_says_so():
    assert im.weakest_link([], [], [], 90, True).value is None
    assert im.weakest_link([math.nan], [100], [100], 90, True).value is None
    assert "length" in im.weakest_link([50, 60], [100], [100], 90, True).reason


def test_an_open_string_is_a_mismatch_of_minus_one():
    mismatch = im.string_mismatch([10.0] * 9 + [0.0])
    assert mismatch[9] == -1.0
    assert (mismatch[:9] == 0).all()


@pytest.mark.parametrize("currents", [[], [math.nan, math.nan], [0.01, 0.02, 0.0], [0.0, 0.0]])
def test_strings_are_not_judged_in_the_dark(currents):
    assert np.isnan(im.string_mismatch(currents)).all()


def test_phase_unbalance():
    assert im.phase_unbalance([100.0, 103.0, 97.0]).value == pytest.approx(3.0)
    assert im.phase_unbalance([100.0, math.nan, 97.0]).value is None
    assert im.phase_unbalance([0.0, 0.0, 0.0]).value is None


def test_fleet_soc_is_weighted_by_energy_and_health():
    # (50·100·0.9 + 80·200·1.0) / (90 + 200) = 20 500 / 290
    fleet_of_two = [Battery(50, 100, 90), Battery(80, 200, 100)]
    assert fleet.soc(fleet_of_two).value == pytest.approx(20_500 / 290)
    assert fleet.mean_soc(fleet_of_two).value == 65.0
    assert fleet.soh(fleet_of_two).value == pytest.approx((90 * 100 + 100 * 200) / 300)
    assert fleet.available(fleet_of_two, 10).value == pytest.approx(90 * 0.4 + 200 * 0.7)
    assert fleet.room(fleet_of_two, 90).value == pytest.approx(90 * 0.4 + 200 * 0.1)


def test_a_silent_battery_is_named_not_counted():
    figure = fleet.soc([Battery(50, 100, 100), Battery(None, 100), Battery(math.nan, 100)])
    assert (figure.value, figure.note) == (50.0, "2 of 3 batteries are silent")


@pytest.mark.parametrize("of", [fleet.soc, fleet.mean_soc, fleet.soh, fleet.available, fleet.room])
def test_an_empty_fleet_has_no_figures(of):
    assert of([]).value is None
    assert of([Battery(None, 0.0)]).reason


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(1, 1e4), st.floats(50, 100)), min_size=1, max_size=20))
def test_fleet_soc_lies_between_its_batteries(rows):
    figure = fleet.soc([Battery(*row) for row in rows])
    assert min(r[0] for r in rows) - 1e-9 <= figure.value <= max(r[0] for r in rows) + 1e-9
