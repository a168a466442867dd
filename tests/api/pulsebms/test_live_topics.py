"""S2's WebSocket topics: the document's own frames, and others, through the real store."""

import json
from dataclasses import replace

import pytest

import api.fleet_frames
from plant.model import Alarm, Device
from plant.timeline import parse
from tests.api.lines import lines
from tests.api.pulsebms.conftest import Pulse

AT = parse("2024-01-15T14:30:15.123Z")


def message(at="2024-01-15T14:30:15.123Z", flags=("high_temp_warning",), **pack):
    """The document's Telemetry Message (its arrays cut to four cells)."""
    details = {"code": "TEMP_001", "severity": "warning", "message": "Cell temperature above warning threshold",
               "data": {"cell_number": 42, "temperature": 57.2, "threshold": 55.0}}  # fmt: skip
    measured = {"voltage": 400.5, "current": -25.3, "power": -10126.5, "temperature": 23.7, "soc": 67.5, "soh": 87.2} | pack
    return {
        "schema_version": "1.0",
        "timestamp": at,
        "sequence_number": 12345,
        "device_info": {"device_id": "battery_pack_001", "site_id": "site_001", "firmware_version": "1.2.3"},
        "measurements": {
            "pack": measured,
            "cells": {"count": 4, "voltages": [3.45, 3.46, 3.44, 3.47], "temperatures": [23.1, 23.9, 22.8, 24.1]},
        },
        "status": {"operational_state": "charging", "communication_quality": 0.98, "last_command_id": "cmd_67890", "uptime_seconds": 86400},
        "alarms": {"active_count": len(flags), "flags": list(flags), "details": [details] if flags else []},
    }


@pytest.fixture
def connect(pulse):
    with lines(pulse.product) as opened:
        yield opened


def sent(pulse, body):
    reply = pulse.call("POST", "/api/v1/telemetry/battery_pack_001", body)
    assert reply.status == 201, reply.json


def register(pulse, device_id, kind="pack", site="site_001", **more):
    pulse.store.records.put_devices([Device(device_id, kind, site_id=site, name=device_id, **more)])


# --- telemetry -------------------------------------------------------------------------------------------------------------------------


def test_the_documents_telemetry_frame(pulse, connect):
    pulse.now = AT - 1000
    sent(pulse, message("2024-01-15T14:30:14.123Z"))  # its flag stands from here on
    line = connect()
    ack = line.ask(type="subscribe", topic="telemetry", filters={"site_id": "site_001", "device_ids": ["battery_pack_001"]})
    assert ack == {"type": "ack", "topic": "telemetry", "action": "subscribe"}
    pulse.now = AT + 85
    sent(pulse, message())
    frame = line.hear()
    documented = {name: frame["data"][name] for name in ("voltage", "current", "power", "temperature", "soc", "soh", "cell_voltages",
                                                         "cell_temperatures", "alarm_flags")}  # fmt: skip
    assert documented == {
        "voltage": 400.5,
        "current": -25.3,
        "power": -10126.5,
        "temperature": 23.7,
        "soc": 67.5,
        "soh": 87.2,
        "cell_voltages": [3.45, 3.46, 3.44, 3.47],
        "cell_temperatures": [23.1, 23.9, 22.8, 24.1],
        "alarm_flags": ["high_temp_warning"],
    }
    assert (frame["type"], frame["timestamp"], frame["site_id"], frame["device_id"]) == (
        "telemetry", "2024-01-15T14:30:15.123Z", "site_001", "battery_pack_001")  # fmt: skip
    assert (frame["metadata"]["latency_ms"], frame["metadata"]["data_quality"]) == (85, 0.98)


def test_another_frame_of_another_pack(pulse, connect):
    line = connect()
    line.ask(type="subscribe", topic="telemetry")
    pulse.now = parse("2024-01-15T15:00:00.250Z")
    pulse.send("pack-b", "2024-01-15T15:00:00Z", {"voltage": 51.25, "power": 1234.5, "soc": 20.0})
    frame = line.hear()
    assert frame["data"] == {"voltage": 51.25, "power": 1234.5, "soc": 20.0, "alarm_flags": []}
    assert (frame["metadata"]["latency_ms"], frame["metadata"]["data_quality"], frame["site_id"]) == (250, None, "site")


def test_the_documents_subscription_names_the_metrics_it_wants(pulse, connect):
    line = connect()
    filters = {"site_id": "site_001", "device_ids": ["battery_pack_001", "battery_pack_002"],
               "metrics": ["voltage", "current", "soc", "temperature"], "sample_rate": "1Hz"}  # fmt: skip
    assert line.ask(type="subscribe", topic="telemetry", filters=filters)["type"] == "ack"
    register(pulse, "battery_pack_001")
    sent(pulse, message(flags=()))
    assert line.hear()["data"] == {"voltage": 400.5, "current": -25.3, "temperature": 23.7, "soc": 67.5, "alarm_flags": []}


def test_powers_are_watts_under_each_kinds_own_metric(pulse, connect):
    line, raw = connect(), connect()
    line.ask(type="subscribe", topic="telemetry", filters={"metrics": ["power"]})
    raw.ask(type="subscribe", topic="telemetry", filters={"metrics": ["active_power"]})
    row = {"device_id": "pcs07", "kind": "pcs", "timestamp": AT, "values": {"active_power": -45.68, "temp_igbt": 40.5}}
    assert pulse.call("POST", "/api/v1/readings", [row]).status == 200
    assert line.hear()["data"] == {"power": -45680.0, "alarm_flags": []}
    assert raw.hear()["data"] == {"active_power": -45.68, "alarm_flags": []}


def test_a_site_filter_keeps_the_other_sites_out(pulse, connect):
    register(pulse, "pack-a", site="site_001")
    register(pulse, "pack-b", site="site_002")
    line = connect()
    line.ask(type="subscribe", topic="telemetry", filters={"site_id": "site_002", "metrics": ["soc"]})
    pulse.send("pack-a", AT, {"soc": 1.0})
    pulse.send("pack-b", AT, {"soc": 2.0})
    frame = line.hear()
    assert (frame["device_id"], frame["site_id"], frame["data"]["soc"]) == ("pack-b", "site_002", 2.0)
    assert line.is_quiet()


def test_a_sample_rate_thins_each_device_for_itself_and_a_clock_set_back_does_not_silence_it(pulse, connect):
    line = connect()
    line.ask(type="subscribe", topic="telemetry", filters={"metrics": ["soc"], "sample_rate": "0.5Hz"})
    for device, shift, soc in (("a", 0, 1.0), ("b", 0, 2.0), ("a", 1000, 3.0), ("a", 2000, 4.0), ("b", 2000, 5.0), ("a", -60_000, 6.0)):
        pulse.send(device, AT + shift, {"soc": soc})
    assert [line.hear()["data"]["soc"] for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 6.0]
    assert line.is_quiet()


def test_a_batch_of_a_thousand_readings_makes_nobody_slow(pulse, connect):
    line = connect()
    line.ask(type="subscribe", topic="telemetry", filters={"metrics": ["soc"]})
    table = {
        "device_id": "a",
        "kind": "pack",
        "timestamps": [AT + i for i in range(1500)],
        "values": {"soc": [i / 15 for i in range(1500)]},
    }
    assert pulse.call("POST", "/api/v1/readings", table).status == 200
    heard = [line.hear()["timestamp"] for _ in range(1000)]
    assert heard[-1] == "2024-01-15T14:30:16.622Z"  # the newest of them; the first five hundred were left out
    assert heard[0] == "2024-01-15T14:30:15.623Z"
    assert line.is_quiet()


def test_an_alert_gives_back_what_the_device_told_with_it(pulse, connect):
    register(pulse, "battery_pack_001")
    line = connect()
    line.ask(type="subscribe", topic="alerts")
    pulse.now = AT
    sent(pulse, message())
    data = line.hear()["data"]
    assert (data["cell_number"], data["temperature"], data["threshold"]) == (42, 57.2, 55.0)
    (alarm,) = pulse.get("/api/v1/alarms")["alarms"]
    assert alarm["details"] == {"cell_number": 42, "temperature": 57.2, "threshold": 55.0}


def test_a_flag_stands_while_its_alarm_does_and_nobody_shelved_it(pulse, connect):
    register(pulse, "battery_pack_001")
    line = connect()
    line.ask(type="subscribe", topic="telemetry", filters={"metrics": ["soc"]})
    pulse.send("another", AT, {"soc": 1.0})
    line.hear()  # from now on devices and their alarms are known here
    told = []
    for second, flags in enumerate([["low_cell"], ["low_cell"], [], []]):
        pulse.now = AT + 1000 * second
        sent(pulse, message(AT + 1000 * second, flags=()) | {"alarms": {"flags": flags}})
        told.append(line.hear()["data"]["alarm_flags"])
    assert told == [["low_cell"], ["low_cell"], [], []]  # a frame has the flags of its own message


def test_subscribing_again_replaces_the_filters_and_unsubscribing_ends_it(pulse, connect):
    line = connect()
    line.ask(type="subscribe", topic="telemetry", filters={"device_ids": ["a"], "metrics": ["soc"]})
    line.ask(type="subscribe", topic="telemetry", filters={"device_ids": ["b"], "metrics": ["soc"]})
    pulse.send("a", AT, {"soc": 1.0})
    pulse.send("b", AT, {"soc": 2.0})
    assert line.hear()["data"]["soc"] == 2.0
    assert line.ask(type="unsubscribe", topic="telemetry") == {"type": "ack", "topic": "telemetry", "action": "unsubscribe"}
    pulse.send("b", AT + 1, {"soc": 3.0})
    assert line.is_quiet()


# --- fleet status ----------------------------------------------------------------------------------------------------------------------


def pack(pulse, device_id, soc, watts, site="site_001"):
    register(pulse, device_id, site=site, rating={"capacity_kwh": 100.0})
    pulse.send(device_id, pulse.now, {"soc": soc, "soh": 100.0, "power": watts})


def test_the_fleet_status_of_two_packs(pulse, connect):
    pack(pulse, "battery_pack_001", 50.0, -10126)
    pack(pulse, "battery_pack_002", 80.0, -2000)
    line = connect()
    assert line.ask(type="subscribe", topic="fleet_status", filters={"site_id": "site_001", "update_interval": 5000})["type"] == "ack"
    frame = line.hear()
    assert (frame["type"], frame["timestamp"], frame["site_id"]) == ("fleet_status", "2024-01-15T14:30:20Z", "site_001")
    summary = {name: frame["summary"][name] for name in ("total_devices", "online_devices", "total_capacity", "available_capacity",
                                                         "total_power", "average_soc", "average_soh", "active_alarms")}  # fmt: skip
    assert summary == {"total_devices": 2, "online_devices": 2, "total_capacity": 200.0, "available_capacity": 130.0,
                       "total_power": -12126.0, "average_soc": 65.0, "average_soh": 100.0, "active_alarms": 0}  # fmt: skip
    assert frame["devices"][0] == {"device_id": "battery_pack_001", "status": "online", "soc": 50.0, "power": -10126.0, "alarm_count": 0}
    assert frame["optimization"] == {"active_policy": None, "performance_score": None, "next_update": None}


def test_a_fleet_is_told_of_each_interval_and_computed_once_for_all_who_listen(pulse, connect, monkeypatch):
    pack(pulse, "p", 50.0, 1000)
    counted = []
    real = api.fleet_frames.fleet_summary
    monkeypatch.setattr(api.fleet_frames, "fleet_summary", lambda *a, **k: (counted.append(a[1]), real(*a, **k))[1])
    many = [connect(path=f"/ws/client-{number}") for number in range(8)]
    for line in many:
        line.ask(type="subscribe", topic="fleet_status", filters={"site_id": "site_001", "update_interval": 500})
    assert all(line.hear()["summary"]["average_soc"] == 50.0 for line in many)
    first = len(counted)
    pulse.send("p", pulse.now + 1, {"soc": 40.0})
    for line in many:
        while line.hear()["summary"]["average_soc"] != 40.0:
            pass
    assert first <= 2
    assert len(counted) - first <= 3  # one for each beat that passed meanwhile, not one for each client


def test_a_fleet_without_a_site_is_the_installations_own(pulse, connect):
    line = connect()
    line.ask(type="subscribe", topic="fleet_status")
    assert (frame := line.hear())["site_id"] == "site"
    assert (frame["summary"]["total_devices"], frame["summary"]["total_power"]) == (0, None)


def test_a_site_nobody_knows_is_an_error(pulse, connect):
    pack(pulse, "p", 50.0, 1000)
    line = connect()
    line.say(type="subscribe", topic="fleet_status", filters={"site_id": "atlantis"})
    assert line.hear_until("error")["code"] == "NOT_FOUND"
    assert line.is_quiet()


# --- alerts ----------------------------------------------------------------------------------------------------------------------------


def raised(
    pulse, device="battery_pack_001", code="HIGH_CELL_TEMPERATURE", severity="alarm", value=57.2, limit=55.0, metric="cell_max_temp"
):
    text = "Cell temperature exceeded 55°C threshold"
    alarm, _ = pulse.store.records.raise_alarm(
        Alarm(device, "pack", code, severity, text, parse("2024-01-15T14:30:15Z"), metric, value, limit)
    )
    pulse.store.live.publish("alarms", alarm)
    return alarm


def test_the_documents_alert(pulse, connect):
    register(pulse, "battery_pack_001")
    line = connect()
    assert line.ask(type="subscribe", topic="alerts", filters={"site_id": "site_001"})["topic"] == "alerts"
    alarm = raised(pulse)
    alert = line.hear()
    figures = alert.pop("data")
    assert alert == {
        "type": "alert",
        "timestamp": "2024-01-15T14:30:15Z",
        "alert_id": f"alert_{alarm.id}",
        "severity": "warning",
        "category": "temperature",
        "site_id": "site_001",
        "device_id": "battery_pack_001",
        "title": "High cell temperature",
        "message": "Cell temperature exceeded 55°C threshold",
        "state": "active",
        "simulated": False,
        "actions": [
            {"action_id": "acknowledge", "label": "Acknowledge"},
            {"action_id": "reduce_power", "label": "Reduce Power", "parameters": {"power_reduction_percent": 50}},
        ],
    }
    assert (figures["current_temperature"], figures["threshold"], figures["recommended_action"]) == (57.2, 55.0, "reduce_charge_rate")


def test_another_alert_offers_what_makes_sense_for_it(pulse, connect):
    register(pulse, "pcs07", "pcs")
    line = connect()
    line.ask(type="subscribe", topic="alerts")
    alarm, _ = pulse.store.records.raise_alarm(Alarm("pcs07", "pcs", "DEVICE_SILENT", "protection", "silent for 60 s", AT))
    pulse.store.live.publish("alarms", alarm)
    alert = line.hear()
    assert (alert["severity"], alert["category"], alert["data"]["recommended_action"]) == (
        "critical",
        "communication",
        "check_communication",
    )
    assert [action["action_id"] for action in alert["actions"]] == ["acknowledge"]


@pytest.mark.parametrize(
    ("filters", "heard"),
    [
        ({}, ["a", "b", "c"]),
        ({"severity": "critical"}, ["b"]),
        ({"severity": ["critical", "info"]}, ["b", "c"]),
        ({"device_ids": ["a", "c"]}, ["a", "c"]),
        ({"site_id": "site_002"}, ["c"]),
        ({"site_id": "site_002", "severity": "critical"}, []),
    ],
    ids=str,
)
def test_alerts_come_filtered(pulse, connect, filters, heard):
    for device, site in (("a", "site_001"), ("b", "site_001"), ("c", "site_002")):
        register(pulse, device, site=site)
    line = connect()
    line.ask(type="subscribe", topic="alerts", filters=filters)
    for device, severity in (("a", "alarm"), ("b", "protection"), ("c", "warning")):
        raised(pulse, device, severity=severity)
    assert [line.hear()["device_id"] for _ in heard] == heard
    assert line.is_quiet()


# --- filters that make no sense --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "filters"),
    [
        ("telemetry", []),
        ("telemetry", "site_001"),
        ("telemetry", {"site_id": 7}),
        ("telemetry", {"site_id": ""}),
        ("telemetry", {"device_ids": "battery_pack_001"}),
        ("telemetry", {"device_ids": [1]}),
        ("telemetry", {"metrics": ["voltage", "wibble"]}),
        ("telemetry", {"sample_rate": "often"}),
        ("telemetry", {"sample_rate": "0Hz"}),
        ("telemetry", {"sample_rate": "-1Hz"}),
        ("telemetry", {"sample_rate": 1}),
        ("fleet_status", {"update_interval": "5000"}),
        ("fleet_status", {"update_interval": 0}),
        ("fleet_status", {"update_interval": 499}),
        ("fleet_status", {"update_interval": 10**12}),
        ("fleet_status", {"update_interval": True}),
        ("alerts", {"severity": "bad"}),
        ("alerts", {"severity": ["warning", "bad"]}),
        ("alerts", {"device_ids": {}}),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value),
)
def test_filters_that_make_no_sense_are_refused_and_change_nothing(connect, topic, filters):
    line = connect()
    refusal = line.ask(type="subscribe", topic=topic, filters=filters)
    assert (refusal["type"], refusal["code"]) == ("error", "VALIDATION_ERROR")
    assert line.is_quiet()


def test_filters_nobody_knows_are_passed_over(connect):
    assert connect().ask(type="subscribe", topic="telemetry", filters={"priority": "high"})["type"] == "ack"


# --- actions ---------------------------------------------------------------------------------------------------------------------------


def signed_in(pulse, role):
    return {"authorization": f"Bearer {pulse._token(role)}"}


@pytest.mark.parametrize(("role", "comment"), [("operator", ""), ("admin", "fan was off")])
def test_an_operator_acknowledges_an_alert(pulse, connect, role, comment):
    register(pulse, "battery_pack_001")
    line, other = connect(signed_in(pulse, role)), connect()
    other.ask(type="subscribe", topic="alerts")
    alarm = raised(pulse)
    other.hear()
    ack = line.ask(type="action", action_id="acknowledge", alert_id=f"alert_{alarm.id}", comment=comment)
    assert ack == {"type": "ack", "topic": "alerts", "action_id": "acknowledge", "alert_id": f"alert_{alarm.id}", "state": "acknowledged"}
    assert other.hear()["state"] == "acknowledged"
    kept = pulse.store.records.alarm(alarm.id)
    assert (kept.acknowledged_by, kept.acknowledged) == (f"{role}01", pulse.now)
    assert (f"{role}01", "alarm acknowledged") in [entry[1:3] for entry in pulse.store.records.audit_log(20)]


@pytest.mark.parametrize(
    ("watts", "percent", "command", "parameters"),
    [
        (-10000.0, 50, "update_parameters", {"target_power": 5000.0}),
        (-10126.5, 20, "update_parameters", {"target_power": 8101.2}),
        (3000.0, 100, "stop_discharge", {}),
        (-3000.0, 100, "stop_charge", {}),
    ],
)
def test_reduce_power_sends_the_device_a_command(pulse, connect, watts, percent, command, parameters):
    register(pulse, "battery_pack_001")
    pulse.send("battery_pack_001", pulse.now, {"power": watts, "soc": 50.0})
    alarm = raised(pulse)
    line = connect(signed_in(pulse, "operator"))
    ack = line.ask(type="action", action_id="reduce_power", alert_id=f"alert_{alarm.id}", parameters={"power_reduction_percent": percent})
    assert (ack["type"], ack["status"], ack["command_type"], ack["parameters"]) == ("ack", "queued", command, parameters)
    kept = pulse.call("GET", f"/api/v1/commands/battery_pack_001/{ack['command_id']}").json
    assert (kept["command_type"], kept["parameters"], kept["status"]) == (command, parameters, "queued")
    assert kept["source"] == "operator01"


def test_what_the_document_offers_halves_the_power(pulse, connect):
    register(pulse, "battery_pack_001")
    pulse.send("battery_pack_001", pulse.now, {"power": 400.0})
    alarm = raised(pulse)
    ack = connect(signed_in(pulse, "operator")).ask(type="action", action_id="reduce_power", alert_id=f"alert_{alarm.id}")
    assert ack["parameters"] == {"target_power": 200.0}


@pytest.mark.parametrize("action", ["acknowledge", "reduce_power"])
@pytest.mark.parametrize("role", ["", "viewer", "analyst"])
def test_an_action_needs_the_right_to_it(pulse, connect, action, role):
    register(pulse, "battery_pack_001")
    pulse.send("battery_pack_001", pulse.now, {"power": 400.0})
    alarm = raised(pulse)
    line = connect(signed_in(pulse, role) if role else {})
    refusal = line.ask(type="action", action_id=action, alert_id=f"alert_{alarm.id}")
    assert (refusal["type"], refusal["code"]) == ("error", "FORBIDDEN" if role else "UNAUTHORIZED")
    assert pulse.store.records.alarm(alarm.id).state == "active"
    assert pulse.call("GET", "/api/v1/commands/battery_pack_001").json["commands"] == []


def test_who_says_who_they_are_by_the_first_message_may_act(pulse, connect):
    register(pulse, "battery_pack_001")
    alarm = raised(pulse)
    line = connect()
    assert line.ask(type="action", action_id="acknowledge", alert_id=f"alert_{alarm.id}")["code"] == "UNAUTHORIZED"
    assert line.ask(type="auth", token=pulse._token("operator")) == {
        "type": "ack", "topic": "auth", "action": "auth", "username": "operator01"}  # fmt: skip
    assert line.ask(type="action", action_id="acknowledge", alert_id=f"alert_{alarm.id}")["state"] == "acknowledged"


@pytest.mark.parametrize(
    ("alert", "more", "code"),
    [
        ("alert_999999", {}, "NOT_FOUND"),
        ("alert_", {}, "VALIDATION_ERROR"),
        ("12", {}, "VALIDATION_ERROR"),
        (None, {}, "VALIDATION_ERROR"),
        ("", {"action_id": "explode"}, "VALIDATION_ERROR"),
        ("", {"action_id": None}, "VALIDATION_ERROR"),
        ("", {"parameters": {"power_reduction_percent": 0}}, "VALIDATION_ERROR"),
        ("", {"parameters": {"power_reduction_percent": 101}}, "VALIDATION_ERROR"),
        ("", {"parameters": {"power_reduction_percent": "50"}}, "VALIDATION_ERROR"),
        ("", {"parameters": 50}, "VALIDATION_ERROR"),
        ("", {}, "CONFLICT"),  # the pack never told its power
    ],
    ids=str,
)
def test_an_action_that_makes_no_sense_is_refused(pulse, connect, alert, more, code):
    register(pulse, "battery_pack_001")
    alarm = raised(pulse)
    asked = {"type": "action", "action_id": "reduce_power", "alert_id": f"alert_{alarm.id}" if alert == "" else alert} | more
    assert connect(signed_in(pulse, "operator")).ask(**asked)["code"] == code


@pytest.mark.parametrize(("silent_s", "watts"), [(0, 0.0), (3600, 5000.0)])
def test_nothing_is_reduced_where_nothing_flows_or_nobody_knows(pulse, connect, silent_s, watts):
    register(pulse, "battery_pack_001")
    pulse.send("battery_pack_001", pulse.now, {"power": watts})
    alarm = raised(pulse)
    pulse.now += 1000 * silent_s
    refusal = connect(signed_in(pulse, "operator")).ask(type="action", action_id="reduce_power", alert_id=f"alert_{alarm.id}")
    assert refusal["code"] == "CONFLICT"


def test_an_alert_that_is_over_cannot_be_acted_on(pulse, connect):
    register(pulse, "battery_pack_001")
    alarm = pulse.store.records.put_alarm(replace(raised(pulse), cleared=pulse.now))
    line = connect(signed_in(pulse, "operator"))
    for action in ("acknowledge", "reduce_power"):
        assert line.ask(type="action", action_id=action, alert_id=f"alert_{alarm.id}")["code"] == "CONFLICT"


def test_a_device_in_maintenance_is_not_told(pulse: Pulse, connect):
    register(pulse, "battery_pack_001", status="maintenance")
    pulse.send("battery_pack_001", pulse.now, {"power": 400.0})
    alarm = raised(pulse)
    refusal = connect(signed_in(pulse, "operator")).ask(type="action", action_id="reduce_power", alert_id=f"alert_{alarm.id}")
    assert refusal["code"] == "LOCKED"
