"""The filter follows batteries that another model moves, and says how sure it is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.analysis.charge_filter import MOST_STEPS, START_SD, track
from plant.analysis.chemistry import CHEMISTRIES
from plant.analysis.circuit import of_chemistry
from tests.plant.test_twin import World, drive

NMC = World(chemistry="NMC", cells=108, charge=100.0, r0=0.09, r1=0.05, tau=40.0, mass=1.5e5, offset=0.0)
NOISE = float(np.hypot(0.05, 0.1 / 12**0.5))
"""Of the voltmeter of a World, with its digit."""


def circuit_of(world):
    made = of_chemistry(CHEMISTRIES[world.chemistry], world.cells, world.charge)
    return replace(made, r0=world.r0, r1=world.r1, tau=world.tau, heat_capacity=world.mass, cooling=world.cooling)


def follow(world, told, start, circuit=None, **more):
    made = circuit or circuit_of(world)
    known = {"surroundings": world.around, "is_own": True, **more}
    return track(made, told.at.astype(float), told.voltage, told.current, told.temperature, start, NOISE, **known)


@pytest.mark.parametrize("wrong", [-8.0, 8.0])
def test_a_wrong_charge_is_found_out_by_the_voltage(wrong):
    told = NMC.live(drive(1500, 50.0), 5.0)
    found = follow(NMC, told, told.soc[0] + wrong)
    assert found.soc[-1] == pytest.approx(told.soc[-1], abs=2.0)
    assert found.sd[-1] < 1.0 < START_SD


def test_it_does_not_claim_what_the_flat_curve_of_lfp_cannot_show():
    """At rest at 80 %, where the curve rises by some tenths of a millivolt per %."""
    world = World(offset=0.0)
    told = world.live(np.zeros(600), 10.0, soc=80.0)
    found = follow(world, told, 84.0, is_own=False)
    assert found.sd[-1] > 3.0
    assert abs(found.soc[-1] - 80.0) < 2 * found.sd[-1]


def test_its_uncertainty_is_the_error_it_makes():
    errors = []
    for seed in range(8):
        told = NMC.live(drive(500, 50.0, seed=seed), 5.0, noise=seed)
        found = follow(NMC, told, told.soc[0] + 5.0 * (-1) ** seed)
        errors.append((found.soc[-1] - told.soc[-1]) / found.sd[-1])
    assert np.sqrt(np.mean(np.square(errors))) < 2.0


def test_innovations_are_as_expected_and_are_not_when_the_model_is_wrong():
    told = NMC.live(drive(1500, 50.0), 5.0)
    right = follow(NMC, told, told.soc[0])
    assert 0.3 < right.nis < 1.5
    assert abs(right.memory) < 0.4
    wrong = follow(NMC, told, told.soc[0], replace(circuit_of(NMC), r0=1.5 * NMC.r0))
    assert wrong.nis > 10.0
    assert wrong.memory > 0.4


def test_a_charge_counted_with_an_offset_is_corrected_by_the_voltage():
    """A current sensor that is 2 A off counts 8 % wrong in four hours."""
    told = NMC.live(drive(2880, 50.0), 5.0)
    found = follow(NMC, replace(told, current=told.current + 2.0), told.soc[0])
    counted = told.soc[0] - 100 * np.sum((told.current + 2.0) * 5.0) / 3600 / 100.0
    assert abs(counted - told.soc[-1]) > 7.0
    assert abs(found.soc[-1] - told.soc[-1]) < 0.5 * abs(counted - told.soc[-1])


def test_temperature_follows_the_battery_through_a_silent_sensor():
    told = NMC.live(drive(1500, 90.0), 5.0)
    truth = told.temperature[-1]
    told.temperature[100:] = np.nan
    assert follow(NMC, told, told.soc[0]).temperature[-1] == pytest.approx(truth, abs=0.6)


def test_of_long_stretches_not_every_reading_is_a_step_and_no_charge_is_lost():
    told = NMC.live(drive(3 * MOST_STEPS, 50.0), 1.0, fine=5)
    found = follow(NMC, told, told.soc[0])
    assert found.soc.size <= MOST_STEPS
    assert found.at[-1] == told.at[-1]
    assert found.soc[-1] == pytest.approx(told.soc[-1], abs=1.0)


def test_nothing_to_follow_is_nothing():
    none = np.empty(0)
    assert track(circuit_of(NMC), none, none, none, none, 50.0, 0.1).soc.size == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**32))
def test_whatever_is_told_the_state_is_finite_and_within_its_bounds(n, seed):
    dice = np.random.default_rng(seed)
    at = np.cumsum(dice.choice([1.0, 1000.0, 1e8], n))
    column = [np.where(dice.random(n) < 0.3, np.nan, dice.normal(0, dice.choice([1.0, 1e3, 1e6]), n)) for _ in range(3)]
    found = track(circuit_of(NMC), at, *column, float(dice.uniform(0, 100)), 0.1, surroundings=dice.choice([None, 20.0]))
    assert np.isfinite(found.soc).all() and np.isfinite(found.sd).all()
    assert ((found.soc >= 0) & (found.soc <= 100)).all()
