"""Charge counted, capacity, resistance, rest and the day's record, on a battery whose truth is known because it is computed here, apart."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.analysis import battery_day as of_day
from plant.analysis.capacity import BY_REPORT, BY_VOLTAGE, Swing, health, state_of_energy, swings, turns
from plant.analysis.chemistry import CHEMISTRIES
from plant.analysis.coulomb import charge, count
from plant.analysis.resistance import of_steps, trend
from plant.analysis.rest import Anchor, anchors, rests
from services.battery_days import held, read, written

NAN = float("nan")
HOUR = 3_600_000
T0 = 1_750_000_000_000 // HOUR * HOUR
AH, VOLTS = 200.0, 800.0


def battery(hours: float = 24.0, capacity: float = AH, step: int = 60) -> dict[str, np.ndarray]:
    """A day of a battery of `capacity` Ah: rest at 20 %, charged at 40 A to where that leads in 3 h, rest, discharged for 3 h, rest."""
    at = T0 + np.arange(0, int(hours * 3600) + 1, step) * 1000
    hour = (at - T0) / HOUR
    current = np.select([(hour >= 2) & (hour < 5), (hour >= 8) & (hour < 11)], [-40.0, 40.0])
    fine = np.concatenate([[0.0], np.cumsum((current[1:] + current[:-1]) / 2 * np.diff(at) / HOUR)])
    return {"at": at, "current": current, "soc": 20.0 - 100.0 * fine / capacity}


# -- counting charge ---------------------------------------------------------------------------------------------------------


def test_charge_is_current_times_time():
    """50 A for two hours out, 20 A for an hour in."""
    at = T0 + np.arange(0, 181) * 60_000
    moved = charge(at, np.where(np.arange(181) <= 120, 50.0, -20.0), 60.0)
    # the minute of the change is two triangles: 50·(5/7)/2 and 20·(2/7)/2 ampere-minutes
    assert moved.discharged == pytest.approx(100.0 + 50 * (5 / 7) / 2 / 60, abs=1e-5)
    assert moved.charged == pytest.approx(20 * 59 / 60 + 20 * (2 / 7) / 2 / 60, abs=1e-5)


def test_the_count_follows_a_battery_whose_sensor_is_true():
    told = battery()
    found = count(told["at"], told["current"], told["soc"], AH, 60.0)
    assert np.abs(found.plain - told["soc"]).max() < 1e-9
    assert (found.restarts, found.drift.value) == (0, None)
    assert "rest" in found.drift.reason


def test_anchors_take_the_drift_of_a_sensor_away():
    """A sensor that shows 1 A too much says −24 Ah in a day, 12 % of 200 Ah; anchors at both ends tell the truth."""
    told = battery()
    ends = [Anchor(0, 20.0, 1.0), Anchor(told["at"].size - 1, float(told["soc"][-1]), 1.0)]
    found = count(told["at"], told["current"] + 1.0, told["soc"], AH, 60.0, ends)
    assert found.plain[-1] - told["soc"][-1] == pytest.approx(-12.0)
    assert found.drift.value == pytest.approx(-12.0)
    assert np.abs(found.corrected - told["soc"]).max() < 1e-6


def test_behind_a_gap_the_count_begins_anew_at_the_reported_charge():
    told = battery()
    heard = np.r_[0:150, 260 : told["at"].size]  # 110 minutes of charging unseen
    found = count(told["at"][heard], told["current"][heard], told["soc"][heard], AH, 60.0)
    assert found.restarts == 1
    assert np.abs(found.plain - told["soc"][heard]).max() < 1e-9


@pytest.mark.parametrize("n", [0, 1])
def test_of_nothing_or_one_reading_no_count_is_made_up(n):
    found = count(np.arange(n), np.zeros(n), np.full(n, NAN), AH, 60.0)
    assert np.isnan(found.plain).all()
    assert found.drift.value is None


# -- rest and the charge its voltage tells ------------------------------------------------------------------------------------


def test_rest_is_a_quarter_of_an_hour_below_a_fiftieth():
    at = T0 + np.arange(0, 61) * 60_000
    amps = np.full(61, 10.0)
    amps[5:20] = 3.9  # below 0.02 · 200 A for 14 minutes
    amps[30:46] = -3.9  # for 15
    (one,) = rests(at, amps, AH, 60.0)
    assert (one.first, one.last, one.settled) == (30, 45, 45)
    assert rests(at, amps, None, 60.0) == []
    assert rests(np.delete(at, range(33, 40)), np.delete(amps, range(33, 40)), AH, 60.0) == []  # eight minutes nobody saw


def test_a_steep_voltage_tells_the_charge_and_a_flat_one_does_not():
    at = T0 + np.arange(0, 31) * 60_000
    told = rests(at, np.zeros(31), AH, 60.0)
    nmc, lfp = CHEMISTRIES["NMC"], CHEMISTRIES["LFP"]
    (found,) = anchors(np.full(31, float(nmc.open_circuit(60.0))), told, nmc)
    assert found.soc == pytest.approx(60.0, abs=0.01)
    assert found.sure < 2.5
    assert anchors(np.full(31, float(lfp.open_circuit(50.0))), told, lfp) == []  # 15 mV are the whole plateau
    (low,) = anchors(np.full(31, float(lfp.open_circuit(5.0))), told, lfp)
    assert low.soc == pytest.approx(5.0, abs=0.01)
    assert anchors(np.full(31, 9.9), told, lfp) == anchors(np.full(31, NAN), told, lfp) == []


# -- capacity and health ------------------------------------------------------------------------------------------------------


def test_the_capacity_is_what_flowed_over_the_share_it_moved():
    """A battery of 180 Ah where its nameplate says 200: 120 Ah move its charge by 66.7 %."""
    told = battery(capacity=180.0)
    found = swings(told["at"], told["soc"], told["current"], told["current"] * VOLTS / 1000, 60.0)
    assert [one.by for one in found] == [BY_REPORT] * 2
    assert [round(one.depth, 1) for one in found] == [-66.7, 66.7]
    assert [one.capacity for one in found] == pytest.approx([180.0, 180.0])
    assert [one.energy for one in found] == pytest.approx([144.0, 144.0])
    judged = health(found, 200.0, 160.0)
    assert judged.by_capacity.value == pytest.approx(90.0)
    assert judged.by_energy.value == pytest.approx(90.0)
    # √2 % of 66.7 % at the ends and 0.5 % of the sensor: 2.18 % of 90 %, twice 1.96 standard errors wide
    assert judged.capacity_sure == pytest.approx(1.96 * 90 * math.hypot(math.sqrt(2) / (200 / 3), 0.005), rel=1e-6)


def test_what_the_rest_voltage_told_is_believed_before_the_report():
    told = [Swing(0, 60.0, 100.0, 80.0, BY_REPORT, 0.02), Swing(1, 50.0, 90.0, 72.0, BY_VOLTAGE, 0.05)]
    judged = health(told, 200.0, 160.0)
    assert (judged.by, judged.swings) == (BY_VOLTAGE, 1)
    assert judged.by_capacity.value == pytest.approx(90.0)


def test_no_swing_is_measured_across_a_gap_nor_a_narrow_one():
    told = battery()
    heard = np.delete(np.arange(told["at"].size), slice(200, 220))
    cut = {name: values[heard] for name, values in told.items()}
    found = swings(cut["at"], cut["soc"], cut["current"], cut["current"], 60.0)
    assert [one.depth for one in found] == [pytest.approx(60.0)]  # only the discharge
    assert swings(told["at"], 20 + (told["soc"] - 20) / 3, told["current"] / 3, told["current"], 60.0) == []  # 20 %


@pytest.mark.parametrize(
    ("told", "rated", "words"),
    [
        ([], 200.0, "no swing over 30 %"),
        ([Swing(0, 50.0, 100.0, None, BY_REPORT, 0.02)], None, "rated capacity"),
        ([Swing(0, 50.0, 100.0, None, BY_REPORT, 0.02)], 20.0, "not possible"),
        ([Swing(0, 50.0, 100_000.0, None, BY_REPORT, 0.02)], 200.0, "not possible"),  # mA for A
    ],
)
def test_health_that_is_not_assessable_says_why(told, rated, words):
    assert health(told, rated, 160.0).by_capacity.value is None
    assert words in health(told, rated, 160.0).by_capacity.reason
    assert health(told, rated, 160.0).by_energy.value is None


@given(st.lists(st.one_of(st.integers(0, 100), st.just(NAN)), max_size=40), st.integers(1, 20))
@settings(max_examples=60)
def test_turns_alternate_and_are_wide_enough(values, least):
    places = turns(values, least)
    found = [values[place] for place in places]
    assert places == sorted(set(places))
    steps = np.diff(found)
    assert (np.sign(steps[1:]) == -np.sign(steps[:-1])).all()
    assert (np.abs(steps[1:-1]) >= least).all()


def test_state_of_energy():
    assert state_of_energy(48.0, 96.0).value == 50.0
    assert state_of_energy(None, 96.0).value is state_of_energy(4.0, 0.0).value is None


# -- resistance ---------------------------------------------------------------------------------------------------------------


def steps(ohm: float = 0.08, noise: float = 0.05, seed: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    current = np.repeat(rng.choice([-100.0, 0.0, 60.0, 120.0], 300), 10)
    at = T0 + np.arange(current.size) * 1000
    return {"at": at, "current": current, "voltage": VOLTS - ohm * current + rng.normal(0, noise, current.size)}


def test_resistance_is_found_in_the_steps_of_the_current():
    told = steps()
    found = of_steps(told["at"], told["voltage"], told["current"], np.full(3000, 25.0), np.full(3000, 50.0), 1.0, capacity_ah=AH)
    assert found is not None
    assert found.ohm == pytest.approx(0.08, rel=0.01)
    assert found.warm == found.ohm  # at 25 °C
    assert (found.seconds, found.temperature) == (1.0, 25.0)


def test_cold_explains_a_high_resistance():
    """0 °C doubles it (2.09 by 20 kJ/mol): at 25 °C it is the same battery."""
    told = steps(ohm=0.08 * math.exp(2400 / 273.15 - 2400 / 298.15))
    found = of_steps(told["at"], told["voltage"], told["current"], np.zeros(3000), np.full(3000, 50.0), 1.0, capacity_ah=AH)
    assert found is not None
    assert found.warm == pytest.approx(0.08, rel=0.01)


def test_wild_readings_do_not_move_the_resistance():
    told = steps()
    volts = told["voltage"].copy()
    volts[::97] = 0.0
    found = of_steps(told["at"], volts, told["current"], np.full(3000, 25.0), np.full(3000, 50.0), 1.0, capacity_ah=AH)
    assert found is not None
    assert found.ohm == pytest.approx(0.08, rel=0.03)


def test_the_charge_that_flows_in_a_slow_step_is_no_resistance():
    """A minute at 1 C moves the charge by 1.7 %: at the steep end of iron phosphate that is volts in a string of 240 cells."""
    lfp, cells = CHEMISTRIES["LFP"], 240
    current = np.tile([0.0, 200.0], 8)
    at = T0 + np.arange(current.size) * 60_000
    moved = np.concatenate([[0.0], np.cumsum((current[1:] + current[:-1]) / 2 / 60)])
    soc = 20.0 - 100 * moved / AH
    volts = cells * lfp.open_circuit(soc) - 0.08 * current
    plain = of_steps(at, volts, current, np.full(16, 25.0), soc, 60.0, capacity_ah=AH)
    corrected = of_steps(at, volts, current, np.full(16, 25.0), soc, 60.0, capacity_ah=AH, cells=cells, chemistry=lfp)
    assert plain is not None
    assert corrected is not None
    assert corrected.ohm == pytest.approx(0.08, rel=1e-6)
    assert abs(plain.ohm - 0.08) > 0.001


@pytest.mark.parametrize("current", [np.zeros(50), np.full(50, 100.0), np.full(50, NAN), np.empty(0)])
def test_without_steps_there_is_no_resistance(current):
    n = current.size
    assert of_steps(np.arange(n) * 1000.0, np.full(n, 800.0), current, np.full(n, NAN), np.full(n, NAN), 1.0, capacity_ah=AH) is None


def test_a_rise_is_told_from_scatter():
    days = np.arange(60)
    rng = np.random.default_rng(1)
    rising = 0.08 * (1 + 0.05 * days / 30 + rng.normal(0, 0.02, 60))
    found = trend(days, rising)
    assert found.value == pytest.approx(100 * 0.05 / 1.05, abs=1.0)
    assert found.note == ""
    assert trend(days, 0.08 * (1 + rng.normal(0, 0.02, 60))).note == "within the scatter"
    assert trend(days[:6], rising[:6]).value is None
    assert trend(days, np.full(60, NAN)).value is None
    assert trend([5.0] * 9, [1.0] * 9).value is None


# -- the record of a day ------------------------------------------------------------------------------------------------------


def told(**changed: object) -> of_day.Readings:
    one = battery()
    n = one["at"].size
    whole = of_day.Readings(
        one["at"].astype(np.float64), one["soc"], np.full(n, 97.0), VOLTS - 0.1 * one["current"], one["current"],
        one["current"] * VOLTS / 1000, np.full(n, 3.29), np.where(np.arange(n) < n // 2, 24.5, 31.5), np.full(n, 0.012),
        np.full(n, 2.0), 60.0,
    )  # fmt: skip
    return replace(whole, **changed)  # type: ignore[arg-type]


PLATE = of_day.Plate(AH, 160.0, 240, CHEMISTRIES["LFP"])


def test_the_record_of_a_day():
    day = of_day.battery_day(told(), PLATE, T0, T0 + 24 * HOUR)
    assert (day.ah_in, day.ah_out) == pytest.approx((120.0, 120.0), abs=0.01)
    assert (day.kwh_in, day.kwh_out) == pytest.approx((96.0, 96.0), abs=0.01)
    assert (day.c_rate_in, day.c_rate_out, day.cp_rate) == (0.2, 0.2, 0.2)  # 40 of 200 A, 32 of 160 kW
    assert day.temperatures == {24: 12.0, 31: 12.0}
    assert sum(day.charges.values()) == pytest.approx(24.0)
    # rests of 2, 3 and 13 h, of which the first quarter of an hour each only leads there (a minute at the ends goes to the current)
    assert day.rest_h == pytest.approx(18 - 0.75, abs=0.06)
    assert sum(hours for soc, hours in day.resting.items() if 79 <= soc <= 80) == pytest.approx(2.75, abs=0.04)
    assert (day.apart, day.warmer, day.soh, day.soc) == (0.012, 2.0, 97.0, pytest.approx(20.0))
    assert [round(one.depth) for one in day.swings] == [-60, 60]
    assert day.observed_s == 86_400.0


@pytest.mark.parametrize("minutes_off", [0.0, 0.25, 0.5])
def test_records_of_days_hold_together_what_flowed_in_all_of_them(minutes_off):
    """Three days at 40 A and 32 kW, a reading a minute, whenever in it: no midnight loses anything, none has it twice."""
    at = T0 + np.arange(-60.0, 3 * 24 * 60 + 60) * 60_000 + minutes_off * 60_000
    n = at.size
    held = {"current": 40.0, "power": 32.0, "voltage": 800.0, "soc": 50.0, "temperature": 25.5}
    readings = of_day.Readings(at, **{x: np.full(n, held.get(x, NAN)) for x in of_day.Readings.__slots__[1:-1]}, interval_s=60.0)
    days = [of_day.battery_day(readings, PLATE, T0 + k * 24 * HOUR, T0 + (k + 1) * 24 * HOUR) for k in range(3)]
    assert [(day.ah_out, day.kwh_out, day.observed_s) for day in days] == [(960.0, 768.0, 86_400.0)] * 3
    assert [(day.temperatures, day.charges) for day in days] == [({25: 24.0}, {50: 24.0})] * 3


def test_what_comes_after_a_day_is_not_measured_in_it():
    at = T0 + np.arange(0.0, 25 * 60) * 60_000
    after = at > T0 + 24 * HOUR
    soc = np.where(after, 90.0, 50.0)
    held = {"current": np.where(after, -500.0, 40.0), "soc": soc, "soh": np.where(after, 50.0, 97.0)}
    silent = np.full(at.size, NAN)
    readings = of_day.Readings(at, **{x: held.get(x, silent) for x in of_day.Readings.__slots__[1:-1]}, interval_s=60.0)
    day = of_day.battery_day(readings, PLATE, T0, T0 + 24 * HOUR)
    assert (day.ah_in, day.soc, day.soh, day.c_rate_in, day.swings) == (0.0, 50.0, 97.0, 0.0, ())


def test_a_record_is_read_as_it_was_written():
    day = of_day.battery_day(told(), PLATE, T0, T0 + 24 * HOUR)
    day = replace(day, available=((100, 50), (0, 46)), silent=1.5)
    again = read(json.loads(json.dumps(written(day))))
    assert again.available == day.available
    assert (again.temperatures, again.swings[0].at, again.ah_out) == (day.temperatures, day.swings[0].at, pytest.approx(day.ah_out))
    assert of_day.unrolled(again.available).tolist() == [1.0] * 50 + [0.0] * 46


@pytest.mark.parametrize("kept", [0, 1])
def test_a_day_of_nothing_or_one_reading_is_a_record_without_figures(kept):
    whole = told()
    few = of_day.Readings(*(getattr(whole, name)[:kept] for name in of_day.Readings.__slots__ if name != "interval_s"), 60.0)
    day = of_day.battery_day(few, PLATE, T0, T0 + 24 * HOUR)
    assert (day.ah_out, day.kwh_in, day.resistance, day.swings) == (None, None, None, ())
    nothing = {name: np.full(1441, NAN) for name in of_day.Readings.__slots__ if name not in ("at", "interval_s")}
    silent = of_day.battery_day(replace(whole, **nothing), PLATE, T0, T0 + 24 * HOUR)
    assert (silent.ah_out, silent.soc, silent.c_rate_out, silent.temperatures) == (None, None, None, {})
    json.dumps(written(silent), allow_nan=False)


@given(st.integers(2, 6))
@settings(max_examples=5, deadline=None)
def test_a_battery_of_twice_the_size_moves_twice_as_much_at_the_same_rate(factor):
    one = told()
    large = replace(one, current=one.current * factor, power=one.power * factor)
    small = of_day.battery_day(one, PLATE, T0, T0 + 24 * HOUR)
    big = of_day.battery_day(large, replace(PLATE, capacity_ah=AH * factor, energy_kwh=160.0 * factor), T0, T0 + 24 * HOUR)
    assert big.kwh_out == pytest.approx(factor * small.kwh_out, rel=1e-6)
    assert (big.c_rate_out, big.cp_rate, big.rest_h) == pytest.approx((small.c_rate_out, small.cp_rate, small.rest_h))


def test_slow_quantities_stand_for_a_minute():
    at = np.arange(0, 200_000, 10_000)
    values = np.full(at.size, NAN)
    values[2] = 5.0
    assert np.flatnonzero(np.isfinite(held(at, values))).tolist() == [2, 3, 4, 5, 6, 7, 8]
