"""S4's rules. The numbers are those of the document's own example, the limits those of CONTRACT §7."""

import numpy as np
import pytest

from plant.analysis import vehicle


def codes(**values):
    return [alert.code for alert in vehicle.alerts(values)]


def test_power_is_volts_times_amperes_in_kilowatts():
    assert vehicle.power_kw(315.0, 70.0) == 22.05
    assert vehicle.power_kw(310.1, 95.0) == 29.4595
    assert vehicle.power_kw(400.5, -25.0) == -10.0125


def test_power_is_silent_when_either_is():
    assert vehicle.power_kw(None, 70.0) is None
    assert vehicle.power_kw(315.0, None) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"max_temp": 60.0}, ["HIGH_TEMP"]),
        ({"max_temp": 59.9}, ["TEMP_WARNING"]),
        ({"max_temp": 50.0}, ["TEMP_WARNING"]),
        ({"max_temp": 49.9}, []),
        ({"soc": 10.0}, ["LOW_SOC"]),
        ({"soc": 10.1}, ["SOC_WARNING"]),
        ({"soc": 20.0}, ["SOC_WARNING"]),
        ({"soc": 20.1}, []),
        ({"soh": 79.9}, ["SOH_DEGRADED"]),
        ({"soh": 80.0}, []),
        ({"soc": 5.0, "soh": 70.0, "max_temp": 65.0}, ["HIGH_TEMP", "LOW_SOC", "SOH_DEGRADED"]),
        ({"soc": 35.5, "soh": 92.0, "max_temp": 32.0}, []),
        ({"soc": None, "max_temp": float("nan")}, []),
        ({}, []),
    ],
)
def test_of_each_pair_only_the_worse_is_listed(values, expected):
    assert codes(**values) == expected


def test_an_alert_says_severity_and_value():
    (alert,) = vehicle.alerts({"max_temp": 61.5})
    assert (alert.severity, alert.value) == ("RED", 61.5)
    assert "61.5 °C" in alert.message


def test_the_summary_of_the_document():
    values = {"soc": np.array([18.0, 35.5]), "max_temp": np.array([52.0, 32.0]), "min_temp": np.array([33.0, 24.0])}
    found = vehicle.summarise(2, values)
    assert (found.samples, found.soc_min, found.soc_max, found.temp_max, found.temp_min) == (2, 18.0, 35.5, 52.0, 24.0)


def test_a_summary_of_nothing_has_nulls():
    empty = np.array([])
    found = vehicle.summarise(0, {"soc": empty, "max_temp": np.array([np.nan]), "min_temp": empty})
    assert (found.samples, found.soc_min, found.temp_max, found.temp_min) == (0, None, None, None)


def test_anomalies_name_instant_rule_and_value():
    at = np.array([1000, 2000, 3000])
    found = vehicle.anomalies(at, {"soc": np.array([18.0, 50.0, np.nan]), "max_temp": np.array([20.0, 61.0, 20.0])})
    assert [(a.at, a.code, a.value) for a in found] == [(1000, "SOC_WARNING", 18.0), (2000, "HIGH_TEMP", 61.0)]
