"""Limits, delays and dead bands, against hand calculation and S4's table."""

import pytest

from plant.analysis.alarms import (
    IDLE,
    Limit,
    Timer,
    advance,
    dead_band,
    limit_condition,
    module_conditions,
    silence_condition,
    silence_limit,
    status_condition,
    watched,
)
from plant.metrics import CATALOGUE

HIGH = Limit("cell_max_temp", "CELL_MAX_TEMP_HIGH", "warning", +1, 40.0, 38.9)


def limits(kind, **more):
    return {(limit.metric, limit.side, limit.severity): limit for rule in watched(kind, **more) for limit in rule.limits}


def run(wanted):
    """The states after each second of a list of wishes."""
    timer, states = IDLE, []
    for second, wish in enumerate(wanted):
        timer = advance(timer, wish, second * 1000)
        states.append(timer.active)
    return states


def test_a_condition_is_raised_after_ten_seconds_and_ends_ten_seconds_after_it_is_over():
    assert run([True] * 11) == [False] * 10 + [True]
    assert run([True] * 11 + [False] * 11)[11:] == [True] * 10 + [False]


def test_a_break_starts_the_delay_again():
    assert not any(run(([True] * 9 + [False]) * 5))
    assert all(run([True] * 11 + ([False] * 9 + [True]) * 5)[10:])


def test_the_dead_band_stops_the_clock_and_changes_nothing():
    assert not any(run([True] * 9 + [None] + [True] * 9))
    assert all(run([True] * 11 + [None] * 60)[10:])


def test_a_timer_at_rest_is_not_made_anew():
    assert advance(IDLE, False, 5) is IDLE
    assert advance(IDLE, None, 5) is IDLE


def test_no_delay_acts_at_once():
    assert advance(IDLE, True, 0, on_delay=0) == Timer(True)


@pytest.mark.parametrize(("value", "wanted"), [(40.1, True), (40.0, None), (39.0, None), (38.9, False), (-5.0, False)])
def test_a_high_limit_clears_below_its_dead_band(value, wanted):
    assert HIGH.wanted(value) is wanted


@pytest.mark.parametrize(("value", "wanted"), [(4.9, True), (5.0, None), (6.6, None), (6.7, False)])
def test_a_low_limit_clears_above_its_dead_band(value, wanted):
    # SOC alarm below 5 %: the normal range is 10…95 %, 2 % of it is 1.7 %
    assert limits("bess")["soc", -1, "alarm"].wanted(value) is wanted


@pytest.mark.parametrize(
    ("metric", "band"),
    [
        ("soc", 1.7),  # 0.02 · (95 − 10)
        ("frequency", 0.01),  # 0.02 · (60.25 − 59.75)
        ("cell_max_voltage", 0.073),  # 0.02 · 3.65
        ("cell_voltage_diff", 0.006),  # 0.02 · 0.3
        ("temp_igbt", 2.0),  # 0.02 · 100
        ("voltage", 0.0),  # no limits
    ],
)
def test_the_dead_band_is_two_percent_of_the_range(metric, band):
    assert dead_band(CATALOGUE[metric]) == pytest.approx(band)


def test_normal_makes_warnings_and_alarm_makes_alarms():
    found = limits("rack")
    assert found["cell_max_temp", +1, "warning"].threshold == 40
    assert found["cell_max_temp", +1, "alarm"].threshold == 55
    assert found["cell_min_voltage", -1, "alarm"].threshold == 2.5


def test_the_worst_limit_comes_first():
    assert all([limit.severity for limit in rule.limits] in (["alarm", "warning"], ["alarm"], ["warning"]) for rule in watched("rack"))


@pytest.mark.parametrize("kind", ["site", "bess", "rack", "pcs", "inverter", "meter", "weather", "pack", "vehicle", "home"])
def test_inside_the_calm_range_no_limit_has_anything_to_say(kind):
    for rule in watched(kind):
        inside = rule.high - 1e-9 if rule.side > 0 else rule.low + 1e-9
        assert not any(limit.wanted(inside) for limit in rule.limits)


def test_grid_frequency_is_judged_at_the_connection_point_only():
    assert ("frequency", +1, "alarm") in limits("site")
    assert not any(metric == "frequency" for kind in ("pcs", "meter", "inverter") for metric, _, _ in limits(kind))


def test_limits_of_lfp_cells_do_not_hold_for_other_chemistries():
    assert ("cell_max_voltage", +1, "alarm") in limits("pack")
    assert ("cell_max_voltage", +1, "alarm") not in limits("pack", lfp=False)


# S4: HIGH_TEMP RED >= 60, TEMP_WARNING YELLOW >= 50, LOW_SOC RED <= 10, SOC_WARNING YELLOW <= 20, SOH_DEGRADED YELLOW < 80
@pytest.mark.parametrize(
    ("metric", "value", "code", "severity"),
    [
        ("max_temp", 60.0, "HIGH_TEMP", "alarm"),
        ("max_temp", 59.9, "TEMP_WARNING", "warning"),
        ("max_temp", 50.0, "TEMP_WARNING", "warning"),
        ("max_temp", 49.9, None, None),
        ("soc", 10.0, "LOW_SOC", "alarm"),
        ("soc", 20.0, "SOC_WARNING", "warning"),
        ("soc", 20.1, None, None),
        ("soh", 79.9, "SOH_DEGRADED", "warning"),
        ("soh", 80.0, None, None),
    ],
)
def test_vehicles_follow_s4(metric, value, code, severity):
    found = [limit for rule in watched("vehicle") if rule.metric == metric for limit in rule.limits if limit.wanted(value)]
    assert (found[0].code, found[0].severity) == (code, severity) if code else not found


def test_vehicles_follow_s4_only():
    assert {metric for metric, _, _ in limits("vehicle")} == {"max_temp", "soc", "soh"}


def test_a_message_is_a_sentence_with_number_unit_and_limit():
    condition = limit_condition(HIGH, 41.23, "bess03-rack07")
    assert condition.message == "bess03-rack07: cell maximum temperature is 41.2 °C, above the warning limit of 40.0 °C."
    assert (condition.value, condition.limit, condition.metric) == (41.23, 40.0, "cell_max_temp")


def test_abbreviations_keep_their_capitals():
    limit = limits("pcs")["temp_igbt", +1, "warning"]
    assert limit_condition(limit, 90.0, "pcs01").message == "pcs01: IGBT temperature is 90.0 °C, above the warning limit of 85.0 °C."


@pytest.mark.parametrize(("interval_s", "limit_ms"), [(1.0, 60_000), (6.0, 60_000), (60.0, 600_000), (900.0, 9_000_000)])
def test_a_device_is_silent_after_ten_intervals_and_at_least_a_minute(interval_s, limit_ms):
    assert silence_limit(interval_s) == limit_ms


def test_silence_says_since_when():
    condition = silence_condition("meter01", 75_400, 60_000)
    assert condition.message == "meter01: no reading for 75 s; one is expected at least every 60 s."
    assert condition.severity == "warning"


def test_module_words_name_the_module_from_one():
    words = [0.0] * 21
    words[6], words[20] = 4.0, 0x8001
    found = module_conditions("battery_protection", words, "rack 1")
    assert [(c.code, c.severity) for c in found] == [("BATTERY_7_PROTECTION", "protection"), ("BATTERY_21_PROTECTION", "protection")]
    assert found[0].message == "rack 1: battery 7 reports a protection: bit 2 (0x0004)."


def test_silent_modules_say_nothing():
    assert module_conditions("battery_warning", [None, float("nan"), 0.0], "rack 1") == []


def test_a_status_word_names_its_bits():
    assert status_condition("fault_status1", 0.0, "pcs01") is None
    condition = status_condition("fault_status1", 0x84, "pcs01")
    assert (condition.code, condition.severity) == ("FAULT_STATUS1", "alarm")
    assert condition.message == "pcs01: fault word 1 reports bit 2, bit 7 (0x0084)."
