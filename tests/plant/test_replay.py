"""Replays: power and charge limits beside a plain loop, and hours worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant import rules
from plant.analysis import replay
from plant.analysis import settlement as s
from plant.analysis.replay import Limits

NOON = 1_704_081_600_000
WIDE = rules.version("dreg0.5", NOON)
NONE = np.full(4, np.nan)


def test_measured_power_is_cut_at_the_power_limit_both_ways():
    found = replay.answer("measured", np.array([6000.0, -6000.0, 100.0, np.nan]), NONE, NONE, Limits(4000.0), None)
    assert np.array_equal(found.kw, [4000.0, -4000.0, 100.0, np.nan], equal_nan=True)
    assert (found.cut, found.soc) == (2, None)


def test_half_of_the_racks_are_half_of_power_and_energy():
    assert Limits(4000.0, 2000.0, 10.0, 90.0).scaled(0.5) == Limits(2000.0, 1000.0, 10.0, 90.0)
    assert Limits(4000.0).scaled(0.5).energy is None


def test_a_controller_moves_power_only_as_far_as_it_is_permitted():
    kw, lower, upper = np.array([0.0, 500.0, np.nan, 300.0]), np.array([-450.0, -450.0, -450.0, np.nan]), np.full(4, 450.0)
    found = replay.answer("controlled", kw, lower, upper, Limits(), None)
    assert np.array_equal(found.kw, [0.0, 450.0, np.nan, 300.0], equal_nan=True)


def test_an_empty_battery_gives_nothing_and_takes_again():
    # 1 kWh: 36 kW for a second are 1 %
    kw = np.array([36.0, 36.0, 36.0, -36.0, 36.0])
    found, soc = replay.within_charge(kw, 12.0, Limits(energy=1.0, low=10.0, high=90.0))
    assert found.tolist() == [36.0, 36.0, 0.0, -36.0, 36.0]
    assert soc == pytest.approx(10.0)


def test_a_battery_outside_its_limits_may_come_back_but_not_go_further():
    found, soc = replay.within_charge(np.array([36.0, -36.0]), 5.0, Limits(energy=1.0, low=10.0, high=90.0))
    assert (found.tolist(), soc) == ([0.0, -36.0], pytest.approx(6.0))


def test_losses_and_pv_stay_in_the_charge_as_they_were_measured():
    kw = np.array([0.0, 36.0])
    soc = np.array([50.0, 51.0, 50.5])  # PV added 1 %, then 1 % was discharged and 0.5 % came from PV
    assert replay.drift(kw, soc, 1.0).tolist() == pytest.approx([1.0, 0.5])
    same = replay.answer("measured", kw, NONE[:2], NONE[:2], Limits(energy=1.0, low=10.0, high=90.0), 50.0, replay.drift(kw, soc, 1.0))
    assert (same.kw.tolist(), same.cut, same.soc) == ([0.0, 36.0], 0, pytest.approx(50.5))


def test_a_battery_without_energy_gives_nothing():
    found, _ = replay.within_charge(np.array([100.0, np.nan]), 50.0, Limits(energy=0.0))
    assert np.array_equal(found, [0.0, np.nan], equal_nan=True)


@settings(max_examples=40)
@given(st.lists(st.floats(-5000, 5000), max_size=80), st.floats(0, 100), st.sampled_from([0.5, 5.0, 500.0]))
def test_power_is_never_more_than_measured_and_the_charge_never_further_out(kw, soc, energy):
    limits = Limits(3000.0, energy, 20.0, 80.0)
    given_kw = np.array(kw, np.float64)
    nothing = np.full(len(kw), np.nan)
    found = replay.answer("measured", given_kw, nothing, nothing, limits, soc)
    assert (np.abs(found.kw) <= np.minimum(np.abs(given_kw), 3000.0) + 1e-6).all()
    level = soc - np.cumsum(found.kw) / 36.0 / energy
    assert ((level >= min(soc, 20.0) - 1e-6) & (level <= max(soc, 80.0) + 1e-6)).all()


def test_what_a_limit_costs_by_hand():
    """59.75 Hz wants 48 %: of 5 MW 2,400 kW. With 2,000 kW at most 40 % are given: 92, index 0.4, 350 · 5 · 0.4 = 700."""
    hz, kw = np.full(3603, 59.75), np.full(3603, 2400.0)
    nothing = np.full(3603, np.nan)
    cut = replay.answer("measured", kw, nothing, nothing, Limits(2000.0), None)
    found = s.judge(WIDE, hz, cut.kw, 3, 5.0, 0.0)
    assert (found.rate, found.q, found.fees.total, cut.cut) == (92.0, 0.4, 700.0, 3603)
