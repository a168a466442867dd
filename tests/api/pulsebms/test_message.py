"""The decode of S2's message, alone: any JSON gives readings or named faults, and the outage of the store."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.collectors.pulsebms_message import Message, decode
from plant.errors import Invalid
from plant.model import Block
from services.device_reports import Report, Said
from tests.api.conftest import start_server, stop_server
from tests.api.pulsebms.conftest import NOON
from tests.api.pulsebms.test_telemetry import FLAT, MESSAGE
from tests.api.test_store_down import T0, Plant


def nobody(device_id: str) -> tuple[str, ...]:
    return ()


def test_the_documents_message_is_one_row_of_a_pack_in_stored_units():
    assert decode(MESSAGE, NOON, nobody) == Message(
        Block(
            "pack",
            ("voltage", "current", "power", "temperature", "soc", "soh", "internal_resistance", "cell_voltages", "cell_temperatures",
             "balancing_status", "mode", "communication_quality"),
            [("battery_pack_001", NOON - 4877, NOON, 0, 400.5, -25.3, -10.1265, 23.7, 67.5, 87.2, 0.045, [3.45, 3.46, 3.44],
              [23.1, 23.9, 22.8], [0.0, 1.0, 0.0], 2.0, 0.98)],
        ),
        Report(
            "battery_pack_001", "pack", NOON - 4877,
            (Said("high_temp_warning", "alarm", "TEMP_001: Cell temperature above warning threshold", 57.2, 55.0,
                  '{"cell_number":42,"temperature":57.2,"threshold":55.0}'),),
            "site_001", "1.2.3",
        ),
        (), 12345, "cmd_67890",
    )  # fmt: skip


def test_what_a_kind_has_no_place_for_is_ignored_by_name():
    message = decode(MESSAGE, NOON, lambda device_id: ("bess",))
    assert (message.block.kind, "cell_avg_temp" in message.block.metrics) == ("bess", True)
    assert message.ignored == ("internal_resistance", "cell_voltages", "cell_temperatures", "balancing_status")


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("high_temp_warning", "alarm"),
        ("CELL_FAULT", "protection"),
        ("emergency_stop", "protection"),
        ("info_only", "warning"),
        ("odd", "alarm"),
    ],
)
def test_a_flag_without_details_says_how_bad_it_is_by_its_name(name, severity):
    [said] = decode(FLAT | {"alarms": {"flags": [name]}}, NOON, nobody).report.alarms
    assert (said.code, said.severity, said.message) == (name, severity, name)


def test_flags_and_details_that_do_not_match_are_all_kept_once():
    details = [{"code": "B", "message": "b"}, {"code": "C", "severity": "critical", "message": "c"}]
    said = decode(FLAT | {"alarms": {"flags": ["A"], "details": details}}, NOON, nobody).report.alarms
    assert [(one.code, one.severity) for one in said] == [("A", "alarm"), ("B", "alarm"), ("C", "protection")]
    said = decode(FLAT | {"alarms": ["A", "A"], "warnings": ["A"]}, NOON, nobody).report.alarms
    assert [(one.code, one.severity) for one in said] == [("A", "protection")]


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["device_id", "timestamp", "measurements", "pack", "cells", "voltages", "soc", "power", "alarms", "warnings", "flags",
             "details", "code", "severity", "data", "status", "operational_state", "device_info", "site_id", "mode", "cell_voltages"]
        ),
        inner,
        max_size=8,
    ),
    max_leaves=30,
)  # fmt: skip


@given(JSONS, JSONS, JSONS, st.sampled_from(["pack", "bess", "pcs", "weather", "home"]))
@settings(max_examples=300, deadline=None)
def test_any_json_gives_readings_or_named_faults(measurements, alarms, more, kind):
    body = {"device_id": "p1", "timestamp": NOON, "measurements": measurements, "alarms": alarms, "status": more, "device_info": more}
    try:
        message = decode(body, NOON, lambda device_id: (kind,))
    except Invalid as fault:
        assert fault.details["errors"]
    else:
        assert message.block.kind == kind and len(message.block.rows[0]) == 4 + len(message.block.metrics)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(start_server(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'plant.db'}"), tmp_path)
    yield made
    stop_server(made.server)


@pytest.mark.server
def test_while_the_store_is_down_messages_wait_in_the_spool_and_alarms_for_the_next_message(plant):
    def send(second: int, warnings: list[str]) -> int:
        body = FLAT | {"timestamp": T0 + second * 1000, "warnings": warnings}
        return plant.server.knock("POST", "/api/v1/telemetry/store", json.dumps(body), Content_Type="application/json").status

    def states() -> list[str]:
        return [alarm["state"] for alarm in plant.get("/api/v1/telemetry/battery_pack_001/alarms")[1]["alarms"]]

    assert (send(0, ["heat"]), states()) == (201, ["active"])
    plant.take_away()
    assert send(1, []) == 202
    for path in ("/api/v1/devices", "/api/v1/telemetry/battery_pack_001/latest", "/fleet/status", "/api/v1/fleet/site/performance"):
        assert plant.get(path)[0] == 503, path
    plant.give_back()
    plant.wait_for_spool()
    assert states() == ["active"]
    assert (send(2, []), states()) == (201, ["cleared"])
    window = f"resolution=raw&start_time={T0}&end_time={T0 + 9000}&metrics=soc"
    assert plant.get(f"/api/v1/telemetry/battery_pack_001?{window}")[1]["data_points"] == 3
