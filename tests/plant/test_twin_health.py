"""What the differences between a battery and its twin are said to mean."""

from dataclasses import replace

import numpy as np
import pytest

from plant.analysis.charge_filter import Filtered
from plant.analysis.chemistry import CHEMISTRIES
from plant.analysis.circuit import of_chemistry
from plant.analysis.twin import Found, Judged, Twin
from plant.analysis.twin_health import LEAST_DAYS, Daily, indicators
from plant.model import DAY

CIRCUIT = of_chemistry(CHEMISTRIES["LFP"], 200, 280.0)
TWIN = Twin(
    CIRCUIT,
    {"r0_ohm": Found("history", 1e-4)},
    voltage=Judged(640.0, 641.0, 1.0, 1.0, 100),
    temperature=Judged(25.0, 25.0, 0.1, 0.1, 9),
)


def filtered(soc: float, sd: float, nis: float | None = 1.0) -> Filtered:
    one = np.array([1.0])
    return Filtered(one, np.array([soc]), np.array([sd]), one, one, one, one, nis, 0.0, 100)


def days(resistances, **more):
    return [Daily(n * DAY, value, 1e-4, more.get("voltage"), more.get("heat")) for n, value in enumerate(resistances)]


def by_name(*args):
    return {one.name: one for one in indicators(*args)}


@pytest.mark.parametrize(("bias", "state"), [(1.9, "good"), (-1.9, "good"), (2.0, "watch"), (-2.1, "watch"), (6.0, "bad"), (-9.0, "bad")])
def test_the_voltage_is_judged_by_the_cell(bias, state):
    """10 and 30 mV a cell are 2 and 6 V of 200."""
    told = replace(TWIN, voltage=replace(TWIN.voltage, bias=bias))
    found = by_name(told, None, None, [])["voltage_bias"]
    assert (found.value, found.state) == (pytest.approx(5 * bias), state)


def test_resistance_grows_against_its_first_days():
    found = by_name(TWIN, None, None, days([0.100, 0.102, 0.098, 0.110, None, 0.130]))["resistance_growth"]
    assert (found.value, found.state) == (pytest.approx(30.0), "watch")
    falling = by_name(TWIN, None, None, days([0.1] * 3 + [0.03]))["resistance_growth"]
    assert (falling.value, falling.state) == (pytest.approx(-70.0), "good")


def test_a_young_history_of_resistance_tells_no_growth():
    found = by_name(TWIN, None, None, days([0.1, 0.1, 0.1]))["resistance_growth"]
    assert (found.value, found.state, found.why) == (None, "unknown", "young")


def test_a_trend_is_the_slope_and_one_wild_day_does_not_move_it():
    ohms = [0.1 * (1 + 0.002 * n) for n in range(30)]
    found = by_name(TWIN, None, None, days(ohms))["resistance_growth"]
    # against the median of the first three, 0.1002: 0.2 % of 0.1 a day
    assert found.trend == pytest.approx(30 * 0.02 / 0.1002)
    assert found.sure == pytest.approx(0.0, abs=1e-6)
    ohms[12] = 5.0
    assert by_name(TWIN, None, None, days(ohms))["resistance_growth"].trend == pytest.approx(30 * 0.02 / 0.1002, rel=0.05)


def test_noise_without_a_trend_is_within_its_interval():
    dice, outside = np.random.default_rng(3), 0
    for _ in range(60):
        one = by_name(TWIN, None, None, days(0.1 + dice.normal(0, 0.002, 25)))["resistance_growth"]
        outside += abs(one.trend) > one.sure
    assert outside <= 9  # 5 % of 60 are 3


def test_few_days_have_no_trend():
    assert by_name(TWIN, None, None, days([0.1] * (LEAST_DAYS - 1)))["resistance_growth"].trend is None


@pytest.mark.parametrize(
    ("reported", "sd", "state"),
    [(53.0, 0.5, "good"), (55.0, 0.5, "watch"), (45.0, 0.5, "watch"), (62.0, 0.5, "bad"), (62.0, 7.0, "good")],
)
def test_a_reported_charge_is_doubted_beyond_what_the_filter_knows(reported, sd, state):
    found = by_name(TWIN, filtered(50.0, sd), reported, [])["charge"]
    assert (found.value, found.state) == (reported - 50.0, state)


def test_the_heat_balance_and_the_filter_are_judged_too():
    hot = replace(TWIN, temperature=Judged(25, 31, 6.0, 6.0, 9))
    found = by_name(hot, filtered(50.0, 1.0, 4.0), 50.0, [])
    assert (found["heat"].state, found["consistency"].state) == ("bad", "watch")


def test_what_was_not_compared_is_unknown_with_its_reason():
    found = by_name(Twin(None, {}, "chemistry"), None, None, [])
    assert {one.state for one in found.values()} == {"unknown"}
    assert all(one.why for one in found.values())
