"""S2's telemetry through the real store: both forms in, history, statistics, newest values and alarms out."""

import json
from copy import deepcopy
from statistics import fmean, pstdev

import pytest

from plant.model import DAY, HOUR, Device
from plant.timeline import parse
from tests.api.pulsebms.conftest import NOON, Pulse, fields

# specs/002, "Telemetry Message"; the dots of its arrays are three values
MESSAGE = {
    "schema_version": "1.0",
    "timestamp": "2024-01-15T14:30:15.123Z",
    "sequence_number": 12345,
    "device_info": {"device_id": "battery_pack_001", "site_id": "site_001", "firmware_version": "1.2.3"},
    "measurements": {
        "pack": {
            "voltage": 400.5, "current": -25.3, "power": -10126.5, "temperature": 23.7, "soc": 67.5, "soh": 87.2,
            "internal_resistance": 0.045,
        },
        "cells": {"count": 144, "voltages": [3.45, 3.46, 3.44], "temperatures": [23.1, 23.9, 22.8], "balancing_status": [0, 1, 0]},
    },
    "status": {"operational_state": "charging", "communication_quality": 0.98, "last_command_id": "cmd_67890", "uptime_seconds": 86400},
    "alarms": {
        "active_count": 1,
        "flags": ["high_temp_warning"],
        "details": [
            {
                "code": "TEMP_001", "severity": "warning", "message": "Cell temperature above warning threshold",
                "data": {"cell_number": 42, "temperature": 57.2, "threshold": 55.0},
            },
        ],
    },
}  # fmt: skip
OTHER = deepcopy(MESSAGE) | {
    "timestamp": "2024-01-15T14:30:16Z",
    "device_info": {"device_id": "pack-7_B", "site_id": "site_002", "firmware_version": "9.9"},
    "measurements": {
        "pack": {"voltage": 51.2, "current": 0.1, "power": 0.1, "temperature": -4.5, "soc": 0, "soh": 100, "internal_resistance": 0.1},
        "cells": {"count": 2, "voltages": [3.2, None], "temperatures": [-4.4], "balancing_status": [1, 1]},
    },
    "status": {"operational_state": "idle", "communication_quality": 1},
    "alarms": {"active_count": 0, "flags": [], "details": []},
}
FLAT = {
    "device_id": "battery_pack_001",
    "timestamp": "2024-01-15T14:30:15.123Z",
    "measurements": {"soc": 67.5, "soh": 87.2, "voltage": 400.5, "current": -25.3, "temperature": 23.7, "power": -10126.5},
    "alarms": [],
    "warnings": [],
}
STORE = ["/api/v1/telemetry/store", "/telemetry/store"]
RAW = "resolution=raw&start_time=2024-01-15&end_time=2024-01-16"


def path_of(message: dict) -> str:
    return f"/api/v1/telemetry/{message['device_info']['device_id']}"


@pytest.mark.parametrize("message", [MESSAGE, OTHER], ids=["document", "other"])
@pytest.mark.parametrize("path", [None, *STORE])
def test_a_message_comes_back_as_it_was_sent(pulse, message, path):
    reply = pulse.call("POST", path or path_of(message), message)
    assert (reply.status, reply.json["stored"], reply.json["duplicates"]) == (201, 1, 0)
    said, shown = message["measurements"], pulse.get(f"{path_of(message)}/latest")
    assert shown["measurements"] == said["pack"]
    assert {k: shown["cells"][k] for k in ("voltages", "temperatures", "balancing_status")} == {
        k: v for k, v in said["cells"].items() if k != "count"
    }
    assert shown["timestamp"] == message["timestamp"]
    assert shown["operational_state"] == {"charging": "charging", "idle": "standby"}[message["status"]["operational_state"]]
    assert shown["alarm_flags"] == message["alarms"]["flags"]
    history = pulse.get(f"{path_of(message)}?{RAW}")
    columns = {name: value for name, value in said["pack"].items() if name != "internal_resistance"}
    assert history["metrics"] == {"timestamps": [message["timestamp"]], **{name: [value] for name, value in columns.items()}}
    device = pulse.get(f"/api/v1/devices/{message['device_info']['device_id']}")
    assert (device["firmware_version"], device["site_id"]) == tuple(message["device_info"][k] for k in ("firmware_version", "site_id"))


@pytest.mark.parametrize("path", STORE)
@pytest.mark.parametrize("scale", [1.0, -0.37])
def test_the_flat_form_comes_back_as_it_was_sent(pulse, path, scale):
    flat = FLAT | {"measurements": FLAT["measurements"] | {"power": -10126.5 * scale, "current": -25.3 * scale}}
    assert pulse.call("POST", path, flat).status == 201
    said = pulse.get("/api/v1/telemetry/battery_pack_001/latest")["measurements"]
    power = float(f"{flat['measurements']['power']:.12g}")
    assert said == flat["measurements"] | {"power": power, "internal_resistance": None}


def test_power_is_stored_in_kilowatts_and_never_held_against_voltage_and_current(pulse):
    pulse.send("p1", NOON, {"voltage": 400.0, "current": 10.0, "power": 99999.0})
    assert pulse.get("/api/v1/devices/p1/latest")["values"] == {"voltage": 400.0, "current": 10.0, "power": 99.999}


def test_the_same_message_again_is_a_duplicate_and_more_metrics_merge(pulse):
    for stored, duplicates in ((1, 0), (0, 1)):
        answer = pulse.send("battery_pack_001", FLAT["timestamp"], FLAT["measurements"])
        assert (answer["stored"], answer["duplicates"]) == (stored, duplicates)
    pulse.send("p1", NOON, {"soc": 50.0})
    pulse.send("p1", NOON, {"voltage": 400.0})
    history = pulse.get("/api/v1/telemetry/p1?resolution=raw&metrics=soc,voltage&end_time=2024-01-16")
    assert (history["data_points"], history["metrics"]["soc"], history["metrics"]["voltage"]) == (1, [50.0], [400.0])


@pytest.mark.parametrize("body", [FLAT | {"device_id": "another"}, MESSAGE | {"device_info": {"device_id": "another"}}])
def test_path_and_body_must_name_the_same_device(pulse, body):
    reply = pulse.call("POST", "/api/v1/telemetry/battery_pack_001", body)
    assert fields(reply) == ["device_id" if "device_id" in body else "device_info.device_id"]
    assert pulse.store.records.devices() == []


def test_the_path_alone_is_enough(pulse):
    body = {k: v for k, v in FLAT.items() if k != "device_id"}
    assert pulse.call("POST", "/api/v1/telemetry/battery_pack_001", body).status == 201
    assert fields(pulse.call("POST", "/telemetry/store", body)) == ["device_id"]


def bad(**changes):
    return {**FLAT, **{k: v for k, v in changes.items()}}


BAD = [
    ({**FLAT, "timestamp": "noon"}, "timestamp"),
    ({k: v for k, v in FLAT.items() if k != "timestamp"}, "timestamp"),
    ({k: v for k, v in FLAT.items() if k != "measurements"}, "measurements"),
    (bad(measurements={}), "measurements"),
    (bad(measurements=[1]), "measurements"),
    (bad(measurements={"unknown": 1}), "measurements"),
    (bad(measurements={"soc": None}), "measurements"),
    (bad(measurements={"soc": "67.5"}), "measurements.soc"),
    (bad(measurements={"soc": True}), "measurements.soc"),
    (bad(measurements={"soc": 100.1}), "measurements.soc"),
    (bad(measurements={"soh": -0.1}), "measurements.soh"),
    (bad(measurements={"power": 1e300}), "measurements.power"),
    (bad(measurements={"voltage": 10**400}), "measurements.voltage"),
    (bad(measurements={"voltage": [1, 2]}), "measurements.voltage"),
    (bad(measurements={"pack": {"soc": "x"}}), "measurements.pack.soc"),
    (bad(measurements={"pack": {"soc": 1}, "cells": {"voltages": 3.3}}), "measurements.cells.voltages"),
    (bad(measurements={"pack": {"soc": 1}, "cells": {"voltages": []}}), "measurements.cells.voltages"),
    (bad(measurements={"pack": {"soc": 1}, "cells": {"voltages": [3.3, "x"]}}), "measurements.cells.voltages.1"),
    (bad(device_id="fleet"), "device_id"),
    (bad(device_id=""), "device_id"),
    (bad(device_id="a/b"), "device_id"),
    (bad(device_id=7), "device_id"),
    (bad(device_info={"site_id": "../etc"}), "device_info.site_id"),
    (bad(status="charging"), "status"),
    (bad(alarms="fire"), "alarms"),
    (bad(alarms=[7]), "alarms.0"),
    (bad(alarms=[{"severity": "warning"}]), "alarms.0.code"),
    (bad(warnings=[{"code": "x", "severity": "terrible"}]), "warnings.0.severity"),
    (bad(alarms={"flags": ["x"] * 101}), "alarms"),
    ([FLAT], "body"),
]


@pytest.mark.parametrize(("body", "field"), BAD)
def test_what_makes_no_sense_is_refused_by_name_and_nothing_is_kept(pulse, body, field):
    assert fields(pulse.call("POST", "/telemetry/store", body)) == [field]
    assert pulse.store.records.devices() == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(pulse, number):
    body = json.dumps(FLAT).replace("67.5", number)
    reply = pulse._door("POST", "/telemetry/store", body, Content_Type="application/json")
    assert fields(reply) == ["measurements.soc"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 10_000, b'{"a": 1, "a": NaN}'])
def test_a_body_that_is_no_json_is_refused(pulse, body):
    assert pulse._door("POST", "/telemetry/store", body, Content_Type="application/json").status == 400


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"soc": 67.5', '"soc": 67.5, "soc": 6', "measurements.soc"),
        ('"alarms": []', '"alarms": [{"code": "a", "code": "b"}]', "alarms.0.code"),
        ('"alarms": []', '"alarms": [], "device_id": "battery_pack_001"', "device_id"),
    ],
)
def test_a_key_that_stands_twice_is_refused(pulse, old, new, field):
    body = json.dumps(FLAT).replace(old, new)
    assert fields(pulse._door("POST", "/telemetry/store", body, Content_Type="application/json")) == [field]


def test_escaped_texts_are_no_repeated_keys(pulse):
    body = json.dumps(FLAT | {"warnings": ['say "hot"']}).replace("battery_pack_001", "\\u0062attery_pack_001")
    assert pulse._door("POST", "/telemetry/store", body, Content_Type="application/json").status == 201
    assert [a["code"] for a in alarms_of(pulse)] == ['say "hot"']


def test_measurements_without_a_place_are_ignored_by_name(pulse):
    answer = pulse.send("p1", NOON, {"soc": 50.0, "mood": 1, "cell_voltages": [3.3, 3.4]})
    assert answer["ignored"] == ["mood"]
    assert pulse.get("/api/v1/telemetry/p1/latest")["cells"]["voltages"] == [3.3, 3.4]


def test_an_impossible_clock_is_kept_by_arrival(pulse):
    pulse.send("p1", 12.5, {"soc": 50.0})  # seconds since the device started
    shown = pulse.get("/api/v1/telemetry/p1/latest")
    assert (shown["timestamp"], shown["age_s"]) == ("2024-01-15T14:30:20Z", 0.0)


@pytest.mark.parametrize(
    ("kind", "temperature"),
    [("bess", "cell_avg_temp"), ("rack", "cell_avg_temp"), ("pcs", "temp_igbt"), ("inverter", "internal_temperature")],
)
def test_other_kinds_answer_in_the_same_words(pulse, kind, temperature):
    pulse.store.records.put_devices([Device("unit", kind)])
    pulse.send("unit", NOON, {"power": 1_500_250.0, "temperature": 31.5})
    assert pulse.get("/api/v1/devices/unit/latest")["values"][temperature] == 31.5
    said = pulse.get("/api/v1/telemetry/unit?end_time=2024-01-16&metrics=power&metrics=temperature")["metrics"]
    assert (said["power"], said["temperature"]) == ([1_500_250.0], [31.5])


def test_a_strict_server_knows_its_devices(pulse_with):
    pulse = pulse_with(auto_register=False)
    reply = pulse.call("POST", "/telemetry/store", FLAT)
    assert (reply.status, reply.json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")
    pulse.call("POST", "/devices/register", {"device_id": "battery_pack_001", "device_type": "bess"})
    assert pulse.call("POST", "/telemetry/store", FLAT).status == 201
    assert [d.kind for d in pulse.store.records.devices()] == ["bess"]


def test_a_device_speaks_for_itself_only(pulse):
    body = FLAT | {"device_id": "device01"}
    assert pulse.call("POST", "/telemetry/store", body, "device").status == 201
    assert pulse.call("POST", "/telemetry/store", FLAT, "device").status == 403


VALUES = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
"""Mean 5, population standard deviation 2 (the sample one would be 2.138)."""


def filled(pulse: Pulse) -> None:
    """A reading every 15 minutes from 12:00, two hours in all; power ten thousand times the voltage, in W."""
    for step, value in enumerate(VALUES):
        pulse.send("p1", parse("2024-01-15T12:00:00Z") + step * HOUR // 4, {"voltage": value, "power": -1e4 * value})


def test_statistics_are_those_of_the_readings_whatever_the_resolution(pulse):
    filled(pulse)
    for resolution in ("raw", "minute", "hour", "day"):
        said = pulse.get(f"/api/v1/telemetry/p1?resolution={resolution}")["statistics"]
        assert said["voltage"] == {"min": 2.0, "max": 9.0, "avg": 5.0, "std": 2.0}
        assert said["power"] == {"min": -90000.0, "max": -20000.0, "avg": -50000.0, "std": 20000.0}
        assert said["soc"] == {"min": None, "max": None, "avg": None, "std": None}


def test_statistics_are_of_the_window_alone(pulse):
    filled(pulse)
    window = "start_time=2024-01-15T12:15:00Z&end_time=2024-01-15T13:15:00Z"  # 4, 4, 4, 5: the end stays outside
    said = pulse.get(f"/api/v1/telemetry/p1?{window}&metrics=voltage")
    assert said["statistics"] == {"voltage": {"min": 4.0, "max": 5.0, "avg": 4.25, "std": 0.433012701892}}  # sqrt(3)/4
    assert said["metrics"]["voltage"] == [4.0, 5.0]
    assert (said["start_time"], said["end_time"]) == ("2024-01-15T12:15:00Z", "2024-01-15T13:15:00Z")


def test_buckets_hold_means_and_empty_ones_are_left_out(pulse):
    filled(pulse)
    said = pulse.get("/api/v1/telemetry/p1")  # hours of the last day are what is shown unless asked otherwise
    assert (said["resolution"], said["data_points"]) == ("hour", 2)
    assert (said["start_time"], said["end_time"]) == ("2024-01-14T14:30:20Z", "2024-01-15T14:30:20Z")
    assert said["metrics"]["timestamps"] == ["2024-01-15T12:00:00Z", "2024-01-15T13:00:00Z"]
    assert (said["metrics"]["voltage"], said["metrics"]["power"]) == ([3.5, 6.5], [-35000.0, -65000.0])
    assert said["metrics"]["soc"] == [None, None]
    day = pulse.get("/api/v1/telemetry/p1?resolution=day&metrics=voltage")
    assert (day["metrics"]["timestamps"], day["metrics"]["voltage"]) == (["2024-01-15T00:00:00Z"], [5.0])
    minutes = pulse.get("/api/v1/telemetry/p1?resolution=minute&metrics=voltage")
    assert minutes["metrics"]["voltage"] == VALUES


def test_days_are_the_sites(pulse_with):
    pulse = pulse_with(site_tz="Asia/Taipei")
    for at, soc in (("2024-01-14T15:59:59Z", 10.0), ("2024-01-14T16:00:00Z", 20.0)):
        pulse.send("p1", at, {"soc": soc})
    said = pulse.get("/api/v1/telemetry/p1?resolution=day&metrics=soc&start_time=2024-01-14&end_time=2024-01-16")
    assert said["metrics"] == {"timestamps": ["2024-01-13T16:00:00Z", "2024-01-14T16:00:00Z"], "soc": [10.0, 20.0]}


def test_statistics_over_days_are_those_of_all_readings(pulse):
    """More than one slab of history, against Python's own statistics."""
    values = [100 + (i * 37 % 101) / 7 for i in range(500)]
    for i in range(500):
        pulse.send("p1", NOON - 10 * DAY + i * DAY // 50, {"voltage": values[i]})
    said = pulse.get("/api/v1/telemetry/p1?start_time=2024-01-01&resolution=day&metrics=voltage")["statistics"]["voltage"]
    assert said == pytest.approx({"min": min(values), "max": max(values), "avg": fmean(values), "std": pstdev(values)}, rel=1e-11)


def test_raw_readings_come_in_pages(pulse):
    filled(pulse)
    seen, cursor = [], ""
    for _ in range(3):
        page = pulse.get(f"/api/v1/telemetry/p1?resolution=raw&metrics=voltage&limit=3{cursor}")
        assert page["statistics"]["voltage"]["std"] == 2.0
        assert page["data_points"] == len(page["metrics"]["timestamps"])
        seen += page["metrics"]["voltage"]
        cursor = f"&cursor={page['next']}"
    assert seen == VALUES and page["next"] is None


def test_a_known_device_without_readings_has_empty_arrays(pulse):
    pulse.store.records.put_devices([Device("p1", "pack")])
    said = pulse.get("/api/v1/telemetry/p1?metrics=soc")
    assert (said["data_points"], said["metrics"]) == (0, {"timestamps": [], "soc": []})
    assert said["statistics"] == {"soc": {"min": None, "max": None, "avg": None, "std": None}}
    reply = pulse.call("GET", "/api/v1/telemetry/p1/latest")
    assert (reply.status, reply.json["error"]["code"]) == (404, "NO_DATA")
    assert pulse.get("/api/v1/telemetry/p1/alarms") == {"device_id": "p1", "alarms": [], "total": 0}
    assert pulse.get("/api/v1/telemetry/p1/summary")["energy"] == {"discharged_kwh": None, "charged_kwh": None, "coverage": 0.0}


@pytest.mark.parametrize("what", ["", "/latest", "/summary", "/alarms"])
def test_an_unknown_device_is_404_everywhere(pulse, what):
    reply = pulse.call("GET", f"/api/v1/telemetry/nobody{what}")
    assert (reply.status, reply.json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start_time=noon", "start_time"),
        ("start_time=2024-01-15T12:00:00Z&end_time=2024-01-15T12:00:00Z", "end_time"),
        ("start_time=2024-01-16&end_time=2024-01-15", "end_time"),
        ("start_time=2030-01-01", "end_time"),
        ("resolution=second", "resolution"),
        ("metrics=mood", "metrics.0"),
        ("resolution=raw&limit=0", "limit"),
        ("resolution=hour&cursor=5", "cursor"),
        ("resolution=minute&start_time=2001-01-01", "end_time"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(pulse, query, field):
    for at in ("2002-01-01", NOON):
        pulse.send("p1", at, {"soc": 50.0})
    assert fields(pulse.call("GET", f"/api/v1/telemetry/p1?{query}")) == [field]


@pytest.mark.parametrize("resolution", ["raw", "minute", "day"])
def test_all_of_time_may_be_asked_for(pulse, resolution):
    pulse.send("p1", NOON, {"soc": 50.0})
    said = pulse.get(f"/api/v1/telemetry/p1?start_time=0001-01-01&end_time=9999-12-31&resolution={resolution}&metrics=soc")
    assert (said["metrics"]["soc"], said["statistics"]["soc"]["avg"]) == ([50.0], 50.0)


def test_a_metric_the_device_cannot_have_is_404(pulse):
    pulse.store.records.put_devices([Device("meter", "meter")])
    reply = pulse.call("GET", "/api/v1/telemetry/meter?metrics=soc")
    assert (reply.status, reply.json["error"]["code"]) == (404, "METRIC_NOT_FOUND")


def test_the_summary_of_an_hour_has_its_energy(pulse):
    """60 kW out for ten minutes, 30 kW in for the ten minutes after, told every 10 s: 590 s of each, and between them a straight line that
    is above nothing for 6⅔ s and below for 3⅓ s. 1190 of 3600 s lie between readings."""
    out, into = (60 * 590 + 60 * (20 / 3) / 2) / 3600, (30 * 590 + 30 * (10 / 3) / 2) / 3600
    for second in range(0, 600, 10):
        pulse.send("p1", NOON - 1_820_000 + second * 1000, {"power": 60_000.0})  # 14:00:00 …
        pulse.send("p1", NOON - 1_220_000 + second * 1000, {"power": -30_000.0})  # 14:10:00 …
    said = pulse.get("/api/v1/telemetry/p1/summary?period=1h")
    assert (said["period"], said["start_time"], said["end_time"]) == ("1h", "2024-01-15T13:30:20Z", "2024-01-15T14:30:20Z")
    assert said["readings"] == 120
    assert said["energy"]["discharged_kwh"] == pytest.approx(out, abs=1e-6)
    assert said["energy"]["charged_kwh"] == pytest.approx(into, abs=1e-6)
    assert said["energy"]["coverage"] == pytest.approx(1190 / 3600, rel=1e-6)
    assert said["statistics"]["power"] == {"min": -30_000.0, "max": 60_000.0, "avg": 15_000.0, "std": 45_000.0}
    assert pulse.get("/api/v1/telemetry/p1/summary?period=7d")["energy"]["discharged_kwh"] == pytest.approx(out, abs=1e-6)
    assert fields(pulse.call("GET", "/api/v1/telemetry/p1/summary?period=2h")) == ["period"]


def alarms_of(pulse: Pulse, query: str = "") -> list[dict]:
    return pulse.get(f"/api/v1/telemetry/battery_pack_001/alarms{query}")["alarms"]


@pytest.mark.parametrize(
    ("flag", "detail"),
    [
        ("high_temp_warning", MESSAGE["alarms"]["details"][0]),
        (
            "cell_overvoltage",
            {"code": "VOLT_9", "severity": "critical", "message": "Too high", "data": {"voltage": 4.31, "threshold": 4.2}},
        ),
    ],
)
def test_the_alarms_of_a_message_stand_until_a_later_one_no_longer_carries_them(pulse, flag, detail):
    message = MESSAGE | {"alarms": {"active_count": 1, "flags": [flag], "details": [detail]}}
    pulse.call("POST", "/telemetry/store", message)
    [alarm] = alarms_of(pulse)
    value = next(v for k, v in detail["data"].items() if k not in ("threshold", "cell_number"))
    assert (alarm["code"], alarm["severity"], alarm["state"]) == (flag, detail["severity"], "active")
    assert (alarm["value"], alarm["threshold"], alarm["timestamp"]) == (value, detail["data"]["threshold"], MESSAGE["timestamp"])
    assert detail["message"] in alarm["message"] and detail["code"] in alarm["message"]
    state = pulse.get("/api/v1/devices/battery_pack_001")["current_status"]
    assert state["active_alarms"] == [flag]
    assert state["status"] == ("error" if detail["severity"] == "critical" else "online")
    pulse.call("POST", "/telemetry/store", message | {"timestamp": "2024-01-15T14:30:16Z"})
    assert len(alarms_of(pulse)) == 1
    pulse.call("POST", "/telemetry/store", OTHER | {"device_info": MESSAGE["device_info"], "timestamp": "2024-01-15T14:30:17Z"})
    [alarm] = alarms_of(pulse)
    assert (alarm["state"], alarm["cleared"]) == ("cleared", "2024-01-15T14:30:17Z")
    assert pulse.get("/api/v1/devices/battery_pack_001")["current_status"]["active_alarms"] == []


def test_a_message_that_comes_late_neither_clears_nor_raises(pulse):
    pulse.call("POST", "/telemetry/store", MESSAGE)
    pulse.call("POST", "/telemetry/store", FLAT | {"timestamp": "2024-01-15T14:30:10Z"})
    assert [a["state"] for a in alarms_of(pulse)] == ["active"]
    pulse.call("POST", "/telemetry/store", FLAT | {"timestamp": "2024-01-15T14:30:10.5Z", "alarms": ["fire"]})
    assert [a["code"] for a in alarms_of(pulse)] == ["high_temp_warning"]


def test_the_flat_forms_two_lists_are_two_severities(pulse):
    pulse.call("POST", "/telemetry/store", FLAT | {"alarms": ["fire"], "warnings": ["warm", {"code": "info_1", "severity": "info"}]})
    assert {(a["code"], a["severity"]) for a in alarms_of(pulse)} == {("fire", "critical"), ("warm", "warning"), ("info_1", "info")}
    for severity, codes in (("critical", ["fire"]), ("warning", ["warm"]), ("info", ["info_1"])):
        assert [a["code"] for a in alarms_of(pulse, f"?severity={severity}")] == codes


def test_an_alarm_that_gets_worse_stays_one_alarm(pulse):
    pulse.call("POST", "/telemetry/store", FLAT | {"warnings": ["heat"]})
    pulse.call("POST", "/telemetry/store", FLAT | {"timestamp": "2024-01-15T14:30:16Z", "alarms": ["heat"]})
    assert [(a["code"], a["severity"]) for a in alarms_of(pulse)] == [("heat", "critical")]


def test_what_another_process_cleared_stands_again_within_half_a_minute(pulse):
    from dataclasses import replace

    pulse.call("POST", "/telemetry/store", FLAT | {"warnings": ["heat"]})
    [alarm] = pulse.store.records.alarms()
    pulse.store.records.put_alarm(replace(alarm, cleared=NOON))
    pulse.now += 31_000
    pulse.call("POST", "/telemetry/store", FLAT | {"timestamp": "2024-01-15T14:30:46Z", "warnings": ["heat"]})
    assert [a["state"] for a in alarms_of(pulse)] == ["active", "cleared"]


def test_the_watchs_own_codes_are_told_apart(pulse):
    pulse.call("POST", "/telemetry/store", FLAT | {"warnings": ["SOC_LOW"]})
    assert [a["code"] for a in alarms_of(pulse)] == ["DEVICE:SOC_LOW"]


def test_alarms_are_asked_for_by_when_they_stood(pulse):
    pulse.call("POST", "/telemetry/store", MESSAGE)
    assert len(alarms_of(pulse, "?start_time=2024-01-15T14:30:00Z&end_time=2024-01-15T14:31:00Z")) == 1
    assert alarms_of(pulse, "?end_time=2024-01-15T14:30:00Z") == []
    assert fields(pulse.call("GET", "/api/v1/telemetry/battery_pack_001/alarms?severity=bad")) == ["severity"]
    assert fields(pulse.call("GET", "/api/v1/telemetry/battery_pack_001/alarms?start_time=2024-01-15&end_time=2024-01-14")) == ["end_time"]


def test_raised_and_cleared_alarms_are_published(pulse):
    heard = []
    pulse.store.live.subscribe("alarms", lambda topic, alarm: heard.append((alarm.code, alarm.state)))
    pulse.call("POST", "/telemetry/store", FLAT | {"warnings": ["heat"]})
    pulse.call("POST", "/telemetry/store", FLAT | {"timestamp": "2024-01-15T14:30:16Z"})
    assert heard == [("heat", "active"), ("heat", "cleared")]


def test_a_message_does_not_move_a_device_that_somebody_configured(pulse):
    pulse.store.records.put_devices([Device("battery_pack_001", "pack", name="Pack 1", site_id="home", rating={"power_kw": 5.0})])
    pulse.call("POST", "/telemetry/store", MESSAGE)
    device = pulse.get("/api/v1/devices/battery_pack_001")
    assert (device["site_id"], device["firmware_version"]) == ("home", "1.2.3")


@pytest.mark.server
def test_both_doors_settle_alarms_before_they_answer(server):
    headers = {"Content_Type": "application/json"}
    message = json.dumps(MESSAGE | {"device_info": {"device_id": "door_pack"}}).encode()
    assert server.knock("POST", "/api/v1/telemetry/door_pack", message, **headers).status == 201
    assert server.knock("GET", "/api/v1/telemetry/door_pack/alarms").json["total"] == 1
    assert server.knock("POST", "/telemetry/store", b"{", **headers).status == 400
    mismatch = server.knock("POST", "/api/v1/telemetry/other_pack", message, **headers)
    assert fields(mismatch) == ["device_info.device_id"]


def test_more_readings_than_can_be_read_have_no_deviation_rather_than_a_wrong_one(pulse, monkeypatch):
    monkeypatch.setattr("services.pack_history.MOST_READINGS", 7)
    filled(pulse)
    said = pulse.get("/api/v1/telemetry/p1?metrics=voltage&start_time=2024-01-15T12:15:00Z")["statistics"]["voltage"]
    assert said == {"min": 4.0, "max": 9.0, "avg": 5.42857142857, "std": 1.76126114371}  # 4, 4, 4, 5, 5, 7, 9: sqrt(152)/7
    said = pulse.get("/api/v1/telemetry/p1?metrics=voltage,power")["statistics"]
    assert said["voltage"] == {"min": 2.0, "max": 9.0, "avg": 5.0, "std": None}
    assert said["power"] == {"min": -90000.0, "max": -20000.0, "avg": -50000.0, "std": None}


def test_what_people_do_to_an_alarm_meanwhile_is_not_undone(pulse):
    """Somebody acknowledges between our reading and our writing: the alarm is cleared, and stays acknowledged by them."""
    from dataclasses import replace

    pulse.call("POST", "/telemetry/store", FLAT | {"warnings": ["heat"]})
    records = pulse.store.records
    genuine, raced = records.alarms, []

    def alarms(*args, **named):
        found = genuine(*args, **named)
        if not raced:
            raced.append(records.put_alarm(replace(found[0], acknowledged=NOON, acknowledged_by="operator01")))
        return found

    records.alarms = alarms
    pulse.call("POST", "/telemetry/store", FLAT | {"timestamp": "2024-01-15T14:30:16Z"})
    assert [(a.state, a.acknowledged_by) for a in genuine(("cleared",))] == [("cleared", "operator01")]
