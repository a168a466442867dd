"""Twins find what a battery is made of; the batteries here are moved by another model, in small explicit steps, not by the product's."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import exp, tanh

from plant.analysis.chemistry import CHEMISTRIES, SOC_POINTS, warmth
from plant.analysis.circuit import current_for, of_chemistry
from plant.analysis.simulate import LONGEST_HOURS, MOST_STEPS, Limits, Start, faults, run
from plant.analysis.twin import LEAST, History, Nameplate, twin_of

FREE = Limits(0.0, 10.0)


@dataclass(frozen=True)
class World:
    """A battery in the open: `charge` in Ah, resistances in Ω at 25 °C, `mass` in J/K."""

    chemistry: str = "LFP"
    cells: int = 240
    charge: float = 280.0
    r0: float = 0.040
    r1: float = 0.025
    tau: float = 90.0
    mass: float = 4e5
    cooling: float = 5400.0
    around: float = 22.0
    offset: float = 1.3

    def live(self, currents: np.ndarray, step: float, soc: float = 60.0, fine: int = 20, noise: int | None = 1) -> History:
        """What its BMS says each `step` [s] while `currents` [A] flow: explicit Euler in `fine` parts, then noise and digits."""
        table = CHEMISTRIES[self.chemistry].ocv
        slow, warm, rows = 0.0, self.around, []
        for amps in currents:
            for _ in range(fine):
                h = step / fine
                soc -= 100 * amps * h / 3600 / self.charge
                more = exp(2400 / (warm + 273.15) - 2400 / 298.15)
                made = self.r0 * more * amps**2 + (slow**2 / (self.r1 * more) if self.r1 else 0.0)
                slow += h * (self.r1 * more * amps - slow) / self.tau
                warm += h * (made / self.mass - (warm - self.around) / self.cooling)
            rest = self.cells * np.interp(soc, SOC_POINTS, table) + self.offset
            rows.append((rest - self.r0 * more * amps - slow, amps, soc, warm))
        volts, amps, charge, warmths = np.array(rows).T
        if noise is not None:
            dice = np.random.default_rng(noise)
            volts = (volts + dice.normal(0, 0.05, volts.size)).round(1)
            amps, charge = amps.round(1), charge.round(1)
            warmths = (warmths + dice.normal(0, 0.05, warmths.size)).round(1)
        at = (1_700_000_000_000 + np.arange(volts.size) * step * 1000).astype(np.int64)
        return History(at, volts, amps, charge, warmths, step)


def drive(n: int, most: float, seed: int = 5) -> np.ndarray:
    """Currents that change now and then, as dispatch does."""
    dice = np.random.default_rng(seed)
    return np.repeat(dice.uniform(-most, most, n), dice.integers(6, 40, n))[:n]


@pytest.mark.parametrize(
    ("world", "step"),
    [
        (World(), 10.0),
        (World(chemistry="NMC", cells=108, charge=100.0, r0=0.09, r1=0.05, tau=40.0, mass=1.5e5, offset=-0.8), 5.0),
        (World(chemistry="NCA", cells=96, charge=60.0, r0=0.15, r1=0.06, tau=300.0, mass=9e4, cooling=3000.0), 20.0),
        (World(chemistry="LCO", cells=100, charge=50.0, r0=0.21, r1=0.11, tau=60.0, mass=8e4, cooling=3600.0), 10.0),
    ],
    ids=lambda value: value.chemistry if isinstance(value, World) else "",
)
def test_injected_parameters_come_back_within_five_percent(world, step):
    found = twin_of(world.live(drive(3000, 0.5 * world.charge), step), Nameplate(CHEMISTRIES[world.chemistry], world.charge, world.cells))
    circuit = found.circuit
    assert circuit.r0 == pytest.approx(world.r0, rel=0.05)
    assert circuit.r1 == pytest.approx(world.r1, rel=0.05)
    assert circuit.tau == pytest.approx(world.tau, rel=0.05)
    assert circuit.heat_capacity == pytest.approx(world.mass, rel=0.05)
    assert circuit.cooling == pytest.approx(world.cooling, rel=0.05)
    rest = world.cells * CHEMISTRIES[world.chemistry].open_circuit(60.0) + world.offset
    assert circuit.open_circuit(60.0) == pytest.approx(rest, abs=0.2)  # its own, not its chemistry's
    assert found.surroundings == pytest.approx(world.around, abs=0.5)
    assert {found.found[name].source for name in ("r0_ohm", "r1_ohm", "tau_s", "heat_capacity_j_k", "cooling_s")} == {"history"}
    assert found.reason == ""


def test_the_standard_error_told_is_the_error_made():
    wrong = []
    for noise in range(12):
        found = twin_of(World().live(drive(400, 140.0), 10.0, noise=noise), Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
        wrong.append((found.circuit.r0 - 0.040) / found.found["r0_ohm"].error)
    assert 0.4 < np.std(wrong) < 2.5


def test_residuals_are_those_of_a_prediction_and_as_large_as_the_noise():
    found = twin_of(World().live(drive(3000, 140.0), 10.0), Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
    assert found.voltage.samples == 750  # the last quarter
    assert found.voltage.rmse == pytest.approx(np.hypot(0.05, 0.1 / 12**0.5), rel=0.2)  # noise and digits of the voltmeter
    assert found.temperature.rmse < 0.15
    assert found.soc.rmse < 0.1
    assert found.voltage.residual == pytest.approx(found.voltage.measured - found.voltage.predicted)


def test_a_sensor_that_jumps_shows_in_the_residual_with_its_sign():
    told = World().live(drive(3000, 140.0), 10.0)
    told.voltage[-100:] += 6.0
    found = twin_of(told, Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
    assert found.voltage.residual == pytest.approx(6.0, abs=0.3)
    assert found.voltage.bias == pytest.approx(6.0 * 100 / 750, abs=0.1)


def test_capacity_comes_from_charge_moved_per_change_of_charge():
    world = World(charge=250.0)
    currents = np.concatenate([np.full(1000, 100.0), np.full(900, -100.0)])
    found = twin_of(world.live(currents, 6.0, soc=90.0), Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
    assert found.capacity == pytest.approx(250.0, rel=0.01)
    assert found.circuit.capacity == 280.0  # as new


def test_a_battery_at_rest_has_the_resistance_of_its_chemistry_and_the_twin_says_so():
    found = twin_of(World().live(np.zeros(500), 10.0), Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
    kind = CHEMISTRIES["LFP"]
    assert found.circuit.r0 == pytest.approx(kind.ohmic * 240 / 280.0)
    assert found.found["r0_ohm"].source == "chemistry"
    assert "current changed too little" in found.reason
    assert found.voltage.bias == pytest.approx(1.3, abs=0.05)  # nothing took up its offset


def test_an_open_circuit_voltage_of_its_own_does_not_spoil_the_resistance(monkeypatch):
    """A few millivolts a cell that bend with the charge are more than the current makes of a small load."""
    kind = CHEMISTRIES["LFP"]
    own = World(offset=0.0)
    bent = replace(kind, ocv=kind.ocv + 0.006 * np.sin(SOC_POINTS / 9))
    monkeypatch.setitem(CHEMISTRIES, "LFP", bent)
    slowly = np.repeat(drive(60, 60.0, seed=2), 50) + drive(3000, 25.0)
    told = own.live(slowly, 10.0)
    found = twin_of(told, Nameplate(kind, 280.0, 240))
    assert found.circuit.r0 == pytest.approx(0.040, rel=0.05)
    assert found.circuit.r1 == pytest.approx(0.025, rel=0.10)
    assert abs(found.voltage.bias) < 0.5


def test_readings_too_far_apart_for_the_slow_part_show_one_resistance():
    world = World(tau=8.0)
    found = twin_of(world.live(drive(800, 140.0), 300.0, fine=400), Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
    assert found.circuit.r0 + found.circuit.r1 == pytest.approx(0.065, rel=0.08)


def test_a_gap_is_not_bridged():
    whole = World().live(drive(600, 140.0), 10.0)
    at = whole.at.copy()
    at[560:] += 86_400_000
    found = twin_of(replace(whole, at=at), Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
    assert found.circuit.r0 == pytest.approx(0.040, rel=0.05)  # from the 560 before it: 40 are too few to cut
    assert found.voltage.samples == 10  # of the 40 after it
    assert found.judged_from == at[590]


def test_cells_are_read_from_the_voltage_when_the_nameplate_is_silent():
    told = World(chemistry="NMC", cells=104, charge=100.0, offset=0.0).live(drive(300, 20.0), 10.0)
    found = twin_of(told, Nameplate(CHEMISTRIES["NMC"], energy=38.0))
    assert (found.circuit.cells, found.found["series_cells"].source) == (104, "estimated")
    assert found.circuit.capacity == pytest.approx(38_000 / (104 * 3.65))


SILENT = History(np.empty(0, np.int64), *(np.empty(0),) * 4)


@pytest.mark.parametrize(
    ("history", "plate", "reason"),
    [
        (SILENT, Nameplate(None), "chemistry of the device is not known"),
        (SILENT, Nameplate(CHEMISTRIES["LFP"]), "neither nameplate nor history"),
        (SILENT, Nameplate(CHEMISTRIES["LFP"], 280.0, 240), "no readings"),
    ],
)
def test_what_cannot_be_known_is_said(history, plate, reason):
    found = twin_of(history, plate)
    assert reason in found.reason
    assert found.voltage is found.temperature is found.soc is None


@pytest.mark.parametrize("n", [1, 2, 3, LEAST - 1, LEAST, 45])
@pytest.mark.parametrize("ruin", ["none", "nan", "stuck", "wild", "same instant", "backwards"])
def test_odd_histories_give_a_twin_and_never_an_exception(n, ruin):
    told = World().live(drive(n, 140.0), 10.0)
    if ruin == "nan":
        told.voltage[:], told.temperature[:] = np.nan, np.nan
    elif ruin == "stuck":
        told.voltage[:], told.current[:] = 800.0, 5.0
    elif ruin == "wild":
        told.current[::2], told.soc[::3], told.voltage[::5] = 1e7, 900.0, -4.0
    elif ruin == "same instant":
        told.at[:] = told.at[0]
    elif ruin == "backwards":
        told = replace(told, at=told.at[::-1].copy())
    found = twin_of(told, Nameplate(CHEMISTRIES["LFP"], 280.0, 240))
    assert found.circuit.r0 > 0
    for judged in (found.voltage, found.temperature, found.soc):
        assert judged is None or np.isfinite([judged.predicted, judged.rmse, judged.bias]).all()


def odd(dice: np.random.Generator, n: int) -> np.ndarray:
    """A column as broken devices send it."""
    column = [
        np.full(n, dice.choice([0.0, 1e-300, 5.0, 400.0, -3.0, 100.0])),
        np.full(n, np.nan),
        dice.uniform(-1, 1, n) * dice.choice([1e-9, 1.0, 2e4]),
        np.repeat(dice.choice([0.0, 1.0, -1.0], n), 3)[:n] * dice.choice([1.0, 2e4]),
        np.where(dice.random(n) < 0.5, np.nan, dice.uniform(0, 100, n)),
        np.where(np.arange(n) == n // 2, np.inf, dice.uniform(0, 100, n)),
        dice.normal(800, dice.choice([0.0, 1.0, 50.0]), n),
        np.clip(50 + np.cumsum(dice.normal(0, dice.choice([0.0, 0.1, 5.0]), n)), 0, 100),
    ]
    return column[dice.integers(len(column))]


@settings(max_examples=300, deadline=None)
@given(
    n=st.integers(0, 200), seed=st.integers(0, 2**32), capacity=st.sampled_from([None, 1e-3, 280.0]), cells=st.sampled_from([None, 1, 240])
)
def test_whatever_a_device_sends_its_twin_is_finite(n, seed, capacity, cells):
    dice = np.random.default_rng(seed)
    steps = dice.choice(dice.choice([[0, 1, 1000, 10**9], [1000, 1000, 2000, 60_000]]), n)
    history = History(steps.cumsum().astype(np.int64), *(odd(dice, n) for _ in range(4)), 1.0)
    found = twin_of(history, Nameplate(CHEMISTRIES["LFP"], capacity, cells, dice.choice([None, 1e-6, 200.0])))
    for judged in (found.voltage, found.temperature, found.soc):
        assert judged is None or np.isfinite([judged.predicted, judged.measured, judged.rmse, judged.bias]).all()
    if found.circuit is not None:
        whole = found.circuit
        assert np.isfinite([whole.r0, whole.r1, whole.tau, whole.heat_capacity, whole.cooling, *whole.chemistry.ocv]).all()
        assert min(whole.r0, whole.heat_capacity, whole.cooling) > 0


def graphite_chen(x):
    return (1.9793 * exp(-39.3631 * x) + 0.2482 - 0.0909 * tanh(29.8538 * (x - 0.1234)) - 0.04478 * tanh(14.9159 * (x - 0.2769))
            - 0.0205 * tanh(30.4444 * (x - 0.6103)))  # fmt: skip


def nmc_chen(y):
    return (-0.8090 * y + 4.4875 - 0.0428 * tanh(18.5138 * (y - 0.5542)) - 17.7326 * tanh(15.7890 * (y - 0.3117))
            + 17.5842 * tanh(15.9308 * (y - 0.3120)))  # fmt: skip


def graphite_safari(x):
    return (0.6379 + 0.5416 * exp(-305.5309 * x) + 0.044 * tanh(-(x - 0.1958) / 0.1088) - 0.1978 * tanh((x - 1.0571) / 0.0854)
            - 0.6875 * tanh((x + 0.0117) / 0.0529) - 0.0175 * tanh((x - 0.5692) / 0.0875))  # fmt: skip


def lfp_safari(y):
    return (3.4323 - 0.8428 * exp(-80.2493 * (1 - y) ** 1.3198) - 3.2474e-6 * exp(20.2645 * (1 - y) ** 3.8003)
            + 3.2482e-6 * exp(20.2646 * (1 - y) ** 3.7995))  # fmt: skip


def graphite_ramadass(x):
    return (0.7222 + 0.1387 * x + 0.029 * x**0.5 - 0.0172 / x + 0.0019 / x**1.5 + 0.2808 * exp(0.9 - 15 * x)
            - 0.7984 * exp(0.4465 * x - 0.4108))  # fmt: skip


def lco_ramadass(y):
    y = 1.13 * y
    return ((-4.656 + 88.669 * y**2 - 401.119 * y**4 + 342.909 * y**6 - 462.471 * y**8 + 433.434 * y**10)
            / (-1 + 18.933 * y**2 - 79.532 * y**4 + 37.311 * y**6 - 73.083 * y**8 + 95.96 * y**10))  # fmt: skip


def graphite_kim(x):
    return (0.124 + 1.5 * exp(-70 * x) - 0.0351 * tanh((x - 0.286) / 0.083) - 0.0045 * tanh((x - 0.9) / 0.119)
            - 0.035 * tanh((x - 0.99) / 0.05) - 0.0147 * tanh((x - 0.5) / 0.034) - 0.102 * tanh((x - 0.194) / 0.142)
            - 0.022 * tanh((x - 0.98) / 0.0164) - 0.011 * tanh((x - 0.124) / 0.0226) + 0.0155 * tanh((x - 0.105) / 0.029))  # fmt: skip


def nca_kim(y):
    return (1.638 * y**10 - 2.222 * y**9 + 15.056 * y**8 - 23.488 * y**7 + 81.246 * y**6 - 344.566 * y**5 + 621.3475 * y**4
            - 554.774 * y**3 + 264.427 * y**2 - 66.3691 * y + 11.8058 - 0.61386 * exp(5.8201 * y**136.4))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "positive", "negative", "full", "empty"),
    [  # stoichiometries (positive, negative) at 100 % and 0 %
        ("LFP", lfp_safari, graphite_safari, (0.045, 0.78), (0.916, 0.0085)),
        ("NMC", nmc_chen, graphite_chen, (0.2661, 0.9014), (0.9084, 0.0279)),
        ("LCO", lco_ramadass, graphite_ramadass, (0.5, 0.74), (0.880267, 0.037672)),
        ("NCA", nca_kim, graphite_kim, (0.41, 0.63), (0.983038, 0.068198)),
    ],
)
def test_open_circuit_curves_are_those_of_the_published_half_cells(name, positive, negative, full, empty):
    kind = CHEMISTRIES[name]
    share = SOC_POINTS / 100
    cell = positive(empty[0] + share * (full[0] - empty[0])) - negative(empty[1] + share * (full[1] - empty[1]))
    assert kind.ocv == pytest.approx(cell, abs=0.0015)
    assert (np.diff(kind.ocv) > 0).all()
    assert kind.low <= kind.ocv[-1] <= kind.high


def test_resistance_falls_with_warmth():
    assert float(warmth(25.0)) == 1.0
    assert float(warmth(45.0)) == pytest.approx(np.exp(2400 / 318.15 - 2400 / 298.15))
    assert float(warmth(float("nan"))) == 1.0


@pytest.mark.parametrize("power", [1.0, 5000.0, -5000.0, 39_999.0, -1e6, 0.0])
def test_the_current_gives_the_power(power):
    current = current_for(power, 400.0, 1.0)
    assert (400.0 - current * 1.0) * current == pytest.approx(power, abs=1e-6)


def test_no_current_gives_more_than_half_the_inner_voltage_can():
    assert current_for(40_000.0, 400.0, 1.0) == pytest.approx(200.0)  # E²/4R at E/2R
    assert current_for(40_000.1, 400.0, 1.0) is None


def plain(**changes):
    """LFP, 100 cells of 100 Ah, R0 0.1 Ω, no slow part, far too heavy to warm."""
    made = of_chemistry(CHEMISTRIES["LFP"], 100, 100.0)
    return replace(made, **{"r0": 0.1, "r1": 0.0, "heat_capacity": 1e12, **changes})


def test_a_step_by_hand():
    # 50 % of LFP is 3.309 V a cell: E = 330.9 V; 10 kW: I = (330.9 − √(330.9² − 4·0.1·10000)) / 0.2 = 30.50 A at an instant
    at_once = run(plain(), Start(50.0), FREE, [10_000.0], [0.0])
    current = (330.9 - (330.9**2 - 4 * 0.1 * 10_000) ** 0.5) / 0.2
    assert at_once.current[0] == pytest.approx(current)
    assert at_once.voltage[0] == pytest.approx(330.9 - 0.1 * current)
    assert at_once.soc == [50.0]


def test_power_profile_against_small_explicit_steps():
    circuit = replace(of_chemistry(CHEMISTRIES["NMC"], 96, 60.0), heat_capacity=60_000.0, cooling=1800.0)
    powers, times = [6000.0, -9000.0, 0.0, 15_000.0], [0.4, 0.9, 1.0, 1.3]
    found = run(circuit, Start(55.0, 90.0, 30.0, 20.0), FREE, powers, times)
    soc, slow, warm, before = 55.0, 0.0, 30.0, 0.0
    for k, (power, end) in enumerate(zip(powers, times, strict=True)):
        n = round((end - before) * 3600 / 0.5)
        for _ in range(n):
            more = np.exp(2400 / (warm + 273.15) - 2400 / 298.15)
            inner = 96 * np.interp(soc, SOC_POINTS, CHEMISTRIES["NMC"].ocv) - slow
            r0 = circuit.r0 * more
            amps = (inner - np.sqrt(inner**2 - 4 * r0 * power)) / (2 * r0)
            made = r0 * amps**2 + slow**2 / (circuit.r1 * more)
            slow += 0.5 * (circuit.r1 * more * amps - slow) / circuit.tau
            soc -= 100 * amps * 0.5 / 3600 / (60.0 * 0.9)
            warm += 0.5 * (made / 60_000.0 - (warm - 20.0) / 1800.0)
        before = end
        assert found.soc[k] == pytest.approx(soc, abs=0.05)
        assert found.current[k] == pytest.approx(amps, rel=2e-3, abs=0.01)
        assert found.voltage[k] == pytest.approx(inner - r0 * amps, rel=5e-4)
        assert found.temperature[k] == pytest.approx(warm, abs=0.05)
        assert found.power[k] == pytest.approx(power, rel=1e-3)
    assert found.reached == []


def test_health_moves_the_charge_faster():
    new, old = (run(plain(), Start(60.0, soh), FREE, [5000.0], [1.0]).soc[0] for soh in (100.0, 50.0))
    assert 60.0 - old == pytest.approx(2 * (60.0 - new), rel=0.01)


@pytest.mark.parametrize(
    ("limits", "power", "name", "check"),
    [
        (Limits(3.0, 3.6), 1e6, "min_cell_voltage", lambda r: r.voltage[0] == pytest.approx(300.0, abs=0.5)),
        (Limits(2.5, 3.4), -1e6, "max_cell_voltage", lambda r: r.voltage[0] == pytest.approx(340.0, abs=0.5)),
        (replace(FREE, discharge_current=20.0), 1e5, "max_discharge_current", lambda r: r.current[0] == 20.0),
        (replace(FREE, charge_current=15.0), -1e5, "max_charge_current", lambda r: r.current[0] == -15.0),
        (replace(FREE, discharge_power=4000.0), 9000.0, "max_power", lambda r: r.power[0] == pytest.approx(4000.0)),
        (replace(FREE, charge_power=3000.0), -9000.0, "max_power", lambda r: r.power[0] == pytest.approx(-3000.0)),
        (replace(FREE, hot=20.0), 1000.0, "max_temperature", lambda r: r.current[0] == 0.0),
        (replace(FREE, cold=30.0), -1000.0, "min_temperature", lambda r: r.current[0] == 0.0),
        (replace(FREE, low_soc=49.0), 5000.0, "min_soc", lambda r: r.soc[0] == pytest.approx(49.0)),
        (replace(FREE, high_soc=51.0), -5000.0, "max_soc", lambda r: r.soc[0] == pytest.approx(51.0)),
    ],
)  # fmt: skip
def test_a_limit_holds_and_is_named(limits, power, name, check):
    found = run(plain(), Start(50.0), limits, [power], [0.25])
    assert [(one.step, one.limit, one.asked) for one in found.reached] == [(0, name, power)]
    assert abs(found.reached[0].given) < abs(power)
    assert check(found)


def test_cold_does_not_stop_a_discharge():
    assert run(plain(), Start(50.0, temperature=-5.0), replace(FREE, cold=0.0), [1000.0], [0.1]).reached == []


@pytest.mark.parametrize("power", [1e10, -1e10, 1e300, -1e300])
def test_whatever_is_asked_the_charge_stays_within_its_bounds(power):
    found = run(plain(heat_capacity=1e3), Start(50.0), FREE, [power] * 5, [0.1, 0.5, 1.0, 24.0, 8784.0])
    assert all(0.0 <= soc <= 100.0 for soc in found.soc)
    assert np.isfinite([*found.voltage, *found.current, *found.temperature, *found.power, found.lost]).all()


def test_energy_is_accounted_for():
    # what leaves the open circuit is delivered or lost; at constant OCV-slope the sum is exact to the parts' length
    circuit = plain()
    found = run(circuit, Start(70.0), FREE, [8000.0, -8000.0], [0.5, 1.0])
    amps = [(70.0 - found.soc[0]), (found.soc[0] - found.soc[1])]  # % of 100 Ah = Ah
    fine = [np.linspace(a, b, 2001) for a, b in ((70.0, found.soc[0]), (found.soc[0], found.soc[1]))]
    inner = [float(np.mean(circuit.open_circuit(part))) * ah for part, ah in zip(fine, amps, strict=True)]
    delivered = found.power[0] * 0.5 + found.power[1] * 0.5
    assert sum(inner) == pytest.approx(delivered + found.lost, abs=2.0)


@pytest.mark.parametrize(
    ("powers", "times", "field"),
    [
        ([], [], "power_profile"),
        ([1.0], [1.0, 2.0], "time_steps"),
        ([1.0, 2.0], [1.0, 1.0], "time_steps"),
        ([1.0, 2.0], [2.0, 1.0], "time_steps"),
        ([1.0], [-0.1], "time_steps"),
        ([1.0], [LONGEST_HOURS + 1], "time_steps"),
        ([float("nan")], [1.0], "power_profile"),
        ([1.0], [float("inf")], "time_steps"),
        ([1.0] * (MOST_STEPS + 1), [float(k) for k in range(MOST_STEPS + 1)], "power_profile"),
    ],
)
def test_profiles_that_make_no_sense_are_named(powers, times, field):
    assert field in faults(powers, times)
    with pytest.raises(ValueError, match=field):
        run(plain(), Start(50.0), FREE, powers, times)
