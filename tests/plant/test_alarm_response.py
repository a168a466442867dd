"""What may be done about an alarm."""

from dataclasses import replace

import pytest

from plant.analysis import alarm_response
from plant.analysis.alarms import watched
from plant.model import Alarm, Kind

ALARM = Alarm("b1", "pack", "CELL_MAX_TEMP_HIGH", "alarm", "", 0, "cell_max_temp", 57.2, 55.0)


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, "reduce_charge_rate"),
        ({"metric": "cell_min_temp", "code": "CELL_MIN_TEMP_LOW", "value": -1.0, "limit": 0.0}, "reduce_charge_rate"),
        ({"metric": "cell_min_voltage", "code": "CELL_MIN_VOLTAGE_LOW", "value": 2.4, "limit": 2.5}, "reduce_discharge_rate"),
        ({"metric": "cell_max_voltage", "code": "CELL_MAX_VOLTAGE_HIGH", "value": None}, "reduce_charge_rate"),
        ({"metric": "soc", "code": "SOC_LOW", "value": 4.0, "limit": 5.0}, "reduce_discharge_rate"),
        ({"metric": "alarm_flags", "code": "over_current", "value": None, "limit": None}, "reduce_power"),
        ({"metric": "", "code": "DEVICE_SILENT", "value": None, "limit": None}, "check_communication"),
        ({"metric": "alarm_flags", "code": "E42", "value": None, "limit": None}, None),
        ({"kind": "pcs", "metric": "temp_igbt", "code": "TEMP_IGBT_HIGH"}, None),
        ({"metric": "alarm_flags", "code": "temp_sensor", "value": None, "limit": None}, None),
    ],
)
def test_what_is_recommended(changed, wanted):
    assert alarm_response.recommended(replace(ALARM, **changed)) == wanted


@pytest.mark.parametrize("kind", [Kind.BESS, Kind.RACK, Kind.PACK])
def test_every_limit_of_temperature_voltage_or_current_of_a_battery_can_be_answered_with_less_power(kind):
    for one in watched(kind):
        for limit in one.limits:
            alarm = Alarm("b1", kind, limit.code, limit.severity, "", 0, limit.metric, limit.threshold + limit.side, limit.threshold)
            driven = any(part in limit.metric for part in ("temp", "voltage", "current"))
            assert alarm_response.is_reducible(alarm) == driven, limit.code
            assert alarm_response.side(alarm) == limit.side == alarm_response.side(replace(alarm, value=None)), limit.code


@pytest.mark.parametrize("changed", [{"cleared": 1}, {"kind": "pcs"}, {"kind": "meter"}, {"metric": "soh", "code": "SOH_LOW"}])
def test_less_power_is_no_answer_to_the_rest(changed):
    assert alarm_response.is_reducible(ALARM)
    assert not alarm_response.is_reducible(replace(ALARM, **changed))


@pytest.mark.parametrize(
    ("power", "percent", "wanted"),
    [
        (-10.1265, 50.0, ("update_parameters", {"target_power": 5063.25})),
        (10.1265, 50.0, ("update_parameters", {"target_power": 5063.25})),
        (0.3, 10.0, ("update_parameters", {"target_power": 270.0})),
        (4.0, 99.9, ("update_parameters", {"target_power": 4.0})),
        (-4.0, 100.0, ("stop_charge", {})),
        (4.0, 100.0, ("stop_discharge", {})),
    ],
)
def test_the_command_that_takes_power_off(power, percent, wanted):
    assert alarm_response.reduced(power, percent) == wanted
