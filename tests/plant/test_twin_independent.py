"""The twin against an independent integration of its equations (scipy's LSODA on the differential equations as written in a textbook), and
its identification over seeds of noise."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from plant.analysis.chemistry import CHEMISTRIES, SOC_POINTS
from plant.analysis.circuit import of_chemistry
from plant.analysis.simulate import Limits, Start, run
from plant.analysis.twin import LEAST, History, Known, Nameplate, exciting, stretches, twin_of
from tests.plant.test_twin import World, drive

CYCLE = [8.0, -5.0, 12.0, 0.0, -15.0, 3.0, 18.0, -10.0, 0.0, 6.0, -6.0, 14.0]
"""Powers of a driving cycle [kW], a minute each."""


@pytest.mark.parametrize("name", ["LFP", "NMC", "NCA", "LCO"])
def test_a_driving_cycle_against_the_differential_equations(name):
    kind = CHEMISTRIES[name]
    circuit = of_chemistry(kind, 96, 60.0)
    powers = [1000.0 * power for power in CYCLE]
    found = run(circuit, Start(60.0, 95.0, 28.0, 18.0), Limits(0.0, 10.0), powers, [(k + 1) / 60 for k in range(len(powers))])

    def algebra(soc, slow, kelvin, power):
        more = np.exp(20_000 / 8.314462618 * (1 / kelvin - 1 / 298.15))
        inner = 96 * np.interp(soc, SOC_POINTS, kind.ocv) - slow
        r0 = kind.ohmic * 96 / 60.0 * more
        amps = (inner - np.sqrt(inner**2 - 4 * r0 * power)) / (2 * r0)
        return more, r0, amps, inner - r0 * amps

    def slopes(_t, y, power):
        soc, slow, kelvin, _ = y
        more, r0, amps, _volts = algebra(soc, slow, kelvin, power)
        r1 = kind.slow * 96 / 60.0 * more
        watts = r0 * amps**2 + slow**2 / r1
        mass = kind.heat * 96 * kind.nominal * 60.0
        return [-100 * amps / (3600 * 60 * 0.95), (r1 * amps - slow) / kind.tau, watts / mass - (kelvin - 291.15) / kind.cooling, watts]

    y = np.array([60.0, 0.0, 301.15, 0.0])
    for k, power in enumerate(powers):
        y = solve_ivp(slopes, (0, 60), y, args=(power,), method="LSODA", rtol=1e-8, atol=1e-8).y[:, -1]
        _, _, amps, volts = algebra(y[0], y[1], y[2], power)
        assert found.soc[k] == pytest.approx(y[0], abs=0.02)
        assert found.voltage[k] == pytest.approx(volts, rel=3e-4)
        assert found.current[k] == pytest.approx(amps, rel=2e-3, abs=0.02)
        assert found.temperature[k] == pytest.approx(y[2] - 273.15, abs=0.02)
    assert found.lost == pytest.approx(y[3] / 3600, rel=0.01)


@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize(
    "world",
    [World(r0=0.06, r1=0.02, tau=50.0), World(chemistry="NMC", cells=200, charge=150.0, r0=0.12, r1=0.08, tau=120.0, offset=-2.0)],
    ids=["LFP", "NMC"],
)
def test_whatever_the_noise_injected_parameters_come_back_within_five_percent(world, seed):
    told = world.live(drive(2000, 0.5 * world.charge, seed=seed), 10.0, fine=8, noise=seed)
    found = twin_of(told, Nameplate(CHEMISTRIES[world.chemistry], world.charge, world.cells)).circuit
    for name in ("r0", "r1", "tau"):
        assert getattr(found, name) == pytest.approx(getattr(world, name), rel=0.05), name
    assert found.heat_capacity == pytest.approx(world.mass, rel=0.05)


def test_the_standard_errors_told_of_what_is_not_linear_are_the_errors_made():
    truths = {"tau_s": ("tau", 90.0), "cooling_s": ("cooling", 5400.0), "heat_capacity_j_k": ("heat_capacity", 4e5)}
    wrong = {name: [] for name in truths}
    for noise in range(10):
        told = World().live(drive(800, 140.0), 10.0, fine=30, noise=noise)
        found = twin_of(told, Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
        for name, (field, truth) in truths.items():
            wrong[name].append((getattr(found.circuit, field) - truth) / found.found[name].error)
    for name, values in wrong.items():
        assert 0.2 < np.sqrt(np.mean(np.square(values))) < 2.5, (name, values)


def steps(intervals):
    at = np.cumsum([0, *intervals]) * 1000
    one = np.ones(at.size)
    return [part.at.size for part in stretches(History(at.astype(np.int64), one, one, one, one, 1.0))]


def test_a_past_by_the_minute_and_a_present_by_the_second_are_both_unbroken():
    assert max(steps([60] * 40 + [1] * 20)[:1]) >= 36  # the last minutes before the change may stand apart
    assert steps([60] * 20 + [1] * 60)[-1] == 61


def test_a_silence_among_seconds_is_a_gap_and_a_late_reading_is_none():
    assert steps([1] * 20 + [30] + [1] * 20) == [21, 21]
    assert steps([10] * 20 + [20] + [10] * 20) == [42]


def test_the_most_telling_readings_are_those_in_which_the_current_changes():
    calm = np.concatenate([np.full(400, 5.0), drive(300, 140.0), np.full(400, -5.0)])
    told = World().live(calm, 10.0)
    block = exciting(told, 300)
    assert block.at.size == 300
    middle = (np.searchsorted(told.at, block.at[0]) + np.searchsorted(told.at, block.at[-1])) / 2
    assert 400 <= middle <= 700


def test_what_was_found_earlier_holds_while_the_battery_rests():
    plate = Nameplate(CHEMISTRIES["LFP"], 280.0, 240)
    before = twin_of(World().live(drive(1500, 140.0), 10.0), plate)
    found = twin_of(World().live(np.zeros(5 * LEAST), 10.0), plate, Known(before.circuit, before.found))
    assert (found.circuit.r0, found.circuit.tau) == (before.circuit.r0, before.circuit.tau)
    assert found.found["r0_ohm"].source == "history"
    assert "found earlier" in found.reason
    assert abs(found.voltage.bias) < 0.3  # its own open-circuit voltage holds, too: that of the chemistry is 1.3 V off


def test_another_battery_in_its_place_does_not_inherit():
    before = twin_of(World().live(drive(1500, 140.0), 10.0), Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
    plate = Nameplate(CHEMISTRIES["NMC"], 100.0, 100)
    found = twin_of(World(chemistry="NMC", cells=100).live(np.zeros(100), 10.0), plate, Known(before.circuit, before.found))
    assert found.found["r0_ohm"].source == "chemistry"
