"""S2's device management: the document's shapes through the real store."""

from dataclasses import replace

import pytest

from plant.model import Alarm, Device
from tests.api.pulsebms.conftest import NOON, Pulse, fields

# Written from specs/002: required fields, and the values of its own examples where it has some.
PACK = {
    "device_id": "battery_pack_001",
    "site_id": "site_001",
    "name": "Battery pack 1",
    "chemistry": "NMC",
    "specifications": {
        "nominal_capacity": 100.0,
        "nominal_voltage": 400.0,
        "max_charge_power": 20000.0,
        "max_discharge_power": 25000.0,
        "series_cells": 144,
        "parallel_cells": 2,
    },
    "safety_constraints": {
        "max_cell_voltage": 4.15,
        "min_cell_voltage": 3.0,
        "max_charge_current": 50.0,
        "max_discharge_current": 80.0,
        "temperature_limits": {"max": 50.0, "min": -10.0},
    },
}
OTHER = {
    "device_id": "pack-7_B",
    "site_id": "site_002",
    "name": "高雄 7",
    "chemistry": "LFP",
    "specifications": {
        "nominal_capacity": 0.1,
        "nominal_voltage": 1.0,
        "max_charge_power": 0.3,
        "max_discharge_power": 1234.5678,
        "series_cells": 1,
        "parallel_cells": 1,
    },
    "safety_constraints": {
        "max_cell_voltage": 3.65,
        "min_cell_voltage": 2.5,
        "max_charge_current": 0.5,
        "max_discharge_current": 1.0,
        "temperature_limits": {"max": 60.0, "min": 0.0},
    },
}


def created(pulse: Pulse, body: dict = PACK) -> dict:
    reply = pulse.call("POST", "/api/v1/devices", body)
    assert reply.status == 201, reply.json
    return reply.json


@pytest.mark.parametrize("body", [PACK, OTHER], ids=lambda b: b["device_id"])
def test_a_device_is_shown_as_it_was_created(pulse, body):
    created(pulse, body)
    shown = pulse.get(f"/api/v1/devices/{body['device_id']}")
    for name in ("device_id", "site_id", "name", "chemistry", "safety_constraints"):
        assert shown[name] == body[name]
    assert shown["specifications"] | body["specifications"] == shown["specifications"]
    assert shown["current_status"] == {
        "status": "offline", "last_seen": None, "current_soc": None, "current_soh": None, "active_alarms": [],
    }  # fmt: skip


def test_powers_are_kept_in_kilowatts_and_energy_is_ah_times_v(pulse):
    created(pulse)
    rating = pulse.store.records.device("battery_pack_001", "pack").rating
    assert (rating["max_charge_power_kw"], rating["max_discharge_power_kw"], rating["power_kw"]) == (20.0, 25.0, 25.0)
    assert pulse.get("/api/v1/devices/battery_pack_001")["specifications"]["capacity_kwh"] == 40.0


def test_a_device_exists_once(pulse):
    created(pulse)
    reply = pulse.call("POST", "/api/v1/devices", PACK | {"name": "another"})
    assert (reply.status, reply.json["error"]["code"]) == (409, "CONFLICT")
    assert pulse.get("/api/v1/devices/battery_pack_001")["name"] == "Battery pack 1"


def test_the_documents_own_bad_device_names_both_fields(pulse):
    bad = PACK | {"chemistry": "UNKNOWN", "specifications": PACK["specifications"] | {"nominal_capacity": -10.5}}
    reply = pulse.call("POST", "/api/v1/devices", bad)
    assert set(fields(reply)) == {"specifications.nominal_capacity", "chemistry"}
    received = {e["field"]: e["received_value"] for e in reply.json["error"]["details"]["field_errors"]}
    assert received == {"specifications.nominal_capacity": -10.5, "chemistry": "UNKNOWN"}


@pytest.mark.parametrize("missing", ["device_id", "site_id", "name", "chemistry", "specifications"])
def test_what_the_document_requires_is_required(pulse, missing):
    assert fields(pulse.call("POST", "/api/v1/devices", {k: v for k, v in PACK.items() if k != missing})) == [missing]


@pytest.mark.parametrize("missing", ["nominal_capacity", "nominal_voltage", "series_cells", "parallel_cells"])
def test_what_the_nameplate_requires_is_required(pulse, missing):
    plate = {k: v for k, v in PACK["specifications"].items() if k != missing}
    assert fields(pulse.call("POST", "/api/v1/devices", PACK | {"specifications": plate})) == [f"specifications.{missing}"]


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("nominal_capacity", 0.1, True), ("nominal_capacity", 10000, True), ("nominal_capacity", 0.09, False),
        ("nominal_capacity", 10000.5, False), ("nominal_voltage", 1, True), ("nominal_voltage", 1000, True),
        ("nominal_voltage", 0.99, False), ("nominal_voltage", 1000.1, False), ("series_cells", 0, False), ("series_cells", 1.5, False),
        ("nominal_voltage", "400", False), ("nominal_voltage", True, False), ("max_charge_power", -1, False),
    ],
)  # fmt: skip
def test_the_documents_bounds_hold(pulse, name, value, good):
    reply = pulse.call("POST", "/api/v1/devices", PACK | {"specifications": PACK["specifications"] | {name: value}})
    assert reply.status == (201 if good else 400), reply.json
    if not good:
        assert fields(reply) == [f"specifications.{name}"]


@pytest.mark.parametrize("device_id", ["", "a b", "a/b", "a.b", "ü", "x" * 129, "a\n", None, 7])
def test_an_id_is_letters_digits_underscore_and_hyphen(pulse, device_id):
    assert fields(pulse.call("POST", "/api/v1/devices", PACK | {"device_id": device_id})) == ["device_id"]


@pytest.mark.parametrize("device_id", ["coordinator", "fleet", "system", "devices", "store", "register", "alert"])
@pytest.mark.parametrize("path", ["/api/v1/devices", "/devices/register"])
def test_reserved_ids_name_no_device(pulse, device_id, path):
    assert fields(pulse.call("POST", path, PACK | {"device_id": device_id})) == ["device_id"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"device_id": NaN}', b"\xff", b"7"])
def test_a_body_that_is_no_device_is_refused(pulse, body):
    reply = pulse._door("POST", "/api/v1/devices", body, Content_Type="application/json")
    assert (reply.status, reply.json["error"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("path", ["/api/v1/devices/register", "/devices/register"])
@pytest.mark.parametrize(
    ("kind", "power", "stored"),
    [("battery_pack", 5000.0, "pack"), ("bess", 1_500_000.0, "bess"), ("PCS", 750_000.5, "pcs"), ("flywheel", 1.0, "pack")],
)
def test_a_device_introduces_itself(pulse, path, kind, power, stored):
    body = {
        "device_id": "newcomer",
        "device_type": kind,
        "location": "hall 2",
        "specifications": {"chemistry": "LFP", "capacity_kwh": 50.0, "max_power": power, "voltage_nominal": 400.0},
        "safety_constraints": {"max_cell_voltage": 3.65},
    }
    assert pulse.call("POST", path, body).status == 201
    shown = pulse.get("/api/v1/devices/newcomer")
    assert (shown["device_type"], shown["location"], shown["chemistry"]) == (kind, "hall 2", "LFP")
    assert (shown["specifications"]["max_discharge_power"], shown["specifications"]["capacity_kwh"]) == (power, 50.0)
    assert shown["safety_constraints"]["max_cell_voltage"] == 3.65
    assert shown["safety_constraints"]["temperature_limits"] == {"max": None, "min": None}
    assert [d.kind for d in pulse.store.records.devices() if d.device_id == "newcomer"] == [stored]
    assert pulse.call("POST", path, body).status == 409


def test_state_follows_what_the_device_says(pulse):
    created(pulse)
    pulse.send("battery_pack_001", "2024-01-15T14:30:15.123Z", {"soc": 67.5, "soh": 87.2})
    state = pulse.get("/api/v1/devices/battery_pack_001")["current_status"]
    assert state == {
        "status": "online", "last_seen": "2024-01-15T14:30:20Z", "current_soc": 67.5, "current_soh": 87.2, "active_alarms": [],
    }  # fmt: skip
    pulse.now = NOON + 60_000
    assert pulse.get("/api/v1/devices/battery_pack_001")["current_status"]["status"] == "online"
    pulse.now = NOON + 60_001  # ten intervals of a second are less than the least patience, 60 s
    assert pulse.get("/api/v1/devices/battery_pack_001")["current_status"]["status"] == "offline"


def test_a_slow_device_has_ten_of_its_intervals(pulse):
    pulse.store.records.put_devices([Device("slow", "pack", interval_s=60.0)])
    pulse.send("slow", NOON, {"soc": 5.0})
    for after, status in ((600_000, "online"), (600_001, "offline")):
        pulse.now = NOON + after
        assert pulse.get("/api/v1/devices/slow")["current_status"]["status"] == status


@pytest.mark.parametrize(("severity", "status"), [("warning", "online"), ("alarm", "online"), ("protection", "error")])
def test_a_critical_alarm_is_an_error(pulse, severity, status):
    created(pulse)
    pulse.send("battery_pack_001", NOON, {"soc": 50.0})
    pulse.store.records.put_alarm(Alarm("battery_pack_001", "pack", "X", severity, "it is so", NOON))
    state = pulse.get("/api/v1/devices/battery_pack_001")["current_status"]
    assert (state["status"], state["active_alarms"]) == (status, ["X"])


def test_shelved_and_cleared_alarms_are_not_active_and_the_worst_comes_first(pulse):
    created(pulse)
    put = pulse.store.records.put_alarm
    mild = Alarm("battery_pack_001", "pack", "MILD", "warning", "m", NOON)
    put(mild)
    put(replace(mild, code="BAD", severity="protection"))
    put(replace(mild, code="ASIDE", shelved_by="operator01", shelved_until=NOON + 1000))
    put(replace(mild, code="OVER", cleared=NOON))
    assert pulse.get("/api/v1/devices/battery_pack_001")["current_status"]["active_alarms"] == ["BAD", "MILD"]


def test_maintenance_locks_and_online_ends_it(pulse):
    created(pulse)
    pulse.send("battery_pack_001", NOON, {"soc": 50.0})
    assert (
        pulse.call("PUT", "/api/v1/devices/battery_pack_001", {"status": "maintenance"}).json["current_status"]["status"] == "maintenance"
    )
    assert pulse.store.records.device("battery_pack_001").status == "maintenance"
    assert pulse.call("PUT", "/api/v1/devices/battery_pack_001", {"status": "online"}).json["current_status"]["status"] == "online"
    assert fields(pulse.call("PUT", "/api/v1/devices/battery_pack_001", {"status": "offline"})) == ["status"]


def test_a_change_changes_only_what_it_names(pulse):
    before = created(pulse)
    change = {"name": "Renamed", "specifications": {"nominal_capacity": 90.0, "max_charge_power": 100.0, "parallel_cells": None}}
    shown = pulse.call("PUT", "/api/v1/devices/battery_pack_001", change).json
    plate = before["specifications"] | {"nominal_capacity": 90.0, "capacity_kwh": 36.0, "max_charge_power": 100.0, "parallel_cells": None}
    assert shown == before | {"name": "Renamed", "specifications": plate}
    assert pulse.get("/api/v1/devices/battery_pack_001") == shown
    assert fields(pulse.call("PUT", "/api/v1/devices/battery_pack_001", {})) == ["body"]


def test_a_removed_device_is_gone_but_its_readings_stay_and_it_may_come_back(pulse):
    created(pulse)
    pulse.send("battery_pack_001", NOON, {"soc": 50.0}, warnings=["high_temp_warning"])
    assert pulse.call("DELETE", "/api/v1/devices/battery_pack_001").json["status"] == "deleted"
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/safety")):
        assert pulse.call(method, f"/api/v1/devices/battery_pack_001{path}").json["error"]["code"] == "DEVICE_NOT_FOUND"
    late = {"device_id": "battery_pack_001", "timestamp": NOON + 1, "measurements": {"soc": 1.0}}
    assert pulse.call("POST", "/telemetry/store", late).status == 404
    assert pulse.store.records.alarms() == []
    assert created(pulse, PACK | {"name": "again"})["current_status"]["current_soc"] == 50.0


def test_a_removed_bess_does_not_come_back_as_a_pack(pulse):
    pulse.store.records.put_devices([Device("bess01", "bess", deleted=True)])
    message = {"device_id": "bess01", "timestamp": NOON, "measurements": {"soc": 1.0}}
    assert pulse.call("POST", "/telemetry/store", message).status == 404
    assert pulse.store.records.devices() == []


def test_an_unknown_device_is_told_which_there_are(pulse):
    created(pulse)
    created(pulse, OTHER)
    error = pulse.call("GET", "/api/v1/devices/battery_pack_999").json["error"]
    assert (error["code"], error["message"]) == ("DEVICE_NOT_FOUND", "Device with ID 'battery_pack_999' not found")
    assert error["details"]["device_id"] == "battery_pack_999"
    assert error["details"]["available_devices"] == ["battery_pack_001", "pack-7_B"]
    pulse.store.records.put_devices(Device(f"x{i:03d}", "pack") for i in range(50))
    details = pulse.call("GET", "/api/v1/devices/nobody").json["error"]["details"]
    assert (len(details["available_devices"]), details["devices"]) == (20, 52)


def test_devices_are_listed_filtered_and_paged(pulse):
    created(pulse)
    created(pulse, OTHER)
    pulse.store.records.put_devices([Device("pcs01", "pcs", site_id="site_001"), Device("bess01", "bess", info={"chemistry": "LiFePO4"})])
    pulse.send("battery_pack_001", NOON, {"soc": 50.0})

    def ids(query: str) -> tuple[list[str], int]:
        page = pulse.get(f"/api/v1/devices?{query}")
        return [device["device_id"] for device in page["devices"]], page["total"]

    assert ids("") == (["battery_pack_001", "bess01", "pack-7_B", "pcs01"], 4)
    assert ids("limit=2&offset=1") == (["bess01", "pack-7_B"], 4)
    assert ids("site_id=site_001") == (["battery_pack_001", "pcs01"], 2)
    assert ids("chemistry=LFP") == (["bess01", "pack-7_B"], 2)
    assert ids("status=online") == (["battery_pack_001"], 1)
    assert ids("site_id=nowhere") == ([], 0)
    for bad in ("limit=0", "limit=1001", "offset=-1", "status=asleep", "chemistry=lead", "limit=x"):
        assert fields(pulse.call("GET", f"/api/v1/devices?{bad}")) == [bad.split("=")[0]]


def test_an_id_that_is_two_kinds_is_one_device_the_battery(pulse):
    pulse.store.records.put_devices([Device("unit1", "pcs", name="converter"), Device("unit1", "bess", name="battery")])
    page = pulse.get("/api/v1/devices")
    assert [(d["device_id"], d["device_type"], d["name"]) for d in page["devices"]] == [("unit1", "bess", "battery")]
    assert pulse.get("/api/v1/devices/unit1")["name"] == "battery"


@pytest.mark.parametrize("limits", [PACK["safety_constraints"], OTHER["safety_constraints"]])
def test_limits_are_set_by_an_operator_and_read_by_all(pulse, limits):
    created(pulse, {k: v for k, v in PACK.items() if k != "safety_constraints"})
    path = "/api/v1/devices/battery_pack_001/safety"
    for role, status in (("", 401), ("viewer", 403), ("analyst", 403), ("device", 403), ("operator", 200)):
        assert pulse.call("PUT", path, limits, role).status == status
    assert pulse.get(path) == {"device_id": "battery_pack_001", "safety_constraints": limits}
    assert [entry[1:3] for entry in pulse.store.records.audit_log()][:1] == [("operator01", "device.safety")]


def test_limits_not_named_stay_and_null_takes_one_away(pulse):
    created(pulse)
    path = "/api/v1/devices/battery_pack_001/safety"
    change = {"max_charge_current": None, "temperature_limits": {"max": 45.0}, "min_soc": 10.0}
    limits = pulse.call("PUT", path, change, "operator").json["safety_constraints"]
    assert limits == PACK["safety_constraints"] | {
        "max_charge_current": None, "temperature_limits": {"max": 45.0, "min": -10.0}, "min_soc": 10.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        ({"max_cell_voltage": 2.9}, "min_cell_voltage"),  # below the 3.0 V that stands
        ({"temperature_limits": {"min": 50.0}}, "temperature_limits.min"),
        ({"min_soc": 90.0, "max_soc": 10.0}, "min_soc"),
        ({"max_cell_voltage": -1}, "max_cell_voltage"),
        ({"max_charge_current": "fast"}, "max_charge_current"),
        ({"temperature_limits": 5}, "temperature_limits"),
        ({}, "body"),
    ],
)
def test_limits_that_make_no_sense_are_refused(pulse, limits, wrong):
    created(pulse)
    assert fields(pulse.call("PUT", "/api/v1/devices/battery_pack_001/safety", limits, "operator")) == [wrong]
    assert pulse.get("/api/v1/devices/battery_pack_001/safety")["safety_constraints"] == PACK["safety_constraints"]


def test_nobody_gets_round_the_permission_for_limits(pulse):
    created(pulse)
    looser = {"max_cell_voltage": 9.0}
    assert pulse.call("PUT", "/api/v1/devices/battery_pack_001", {"safety_constraints": looser}).status == 401
    assert pulse.call("PUT", "/api/v1/devices/battery_pack_001", {"safety_constraints": looser}, "analyst").status == 403
    pulse.call("DELETE", "/api/v1/devices/battery_pack_001")
    assert created(pulse, PACK | {"safety_constraints": looser})["safety_constraints"] == PACK["safety_constraints"]
    assert pulse.call("PUT", "/api/v1/devices/battery_pack_001", {"safety_constraints": looser}, "operator").status == 200
    assert pulse.get("/api/v1/devices/battery_pack_001")["safety_constraints"]["max_cell_voltage"] == 9.0


def test_in_protected_mode_devices_are_changed_by_operators_only(pulse_with):
    pulse = pulse_with(auth_mode="protected")
    for role, status in (("", 401), ("viewer", 403), ("device", 403), ("operator", 201)):
        assert pulse.call("POST", "/api/v1/devices", PACK, role).status == status
    for role, status in (("", 401), ("kiosk", 403), ("viewer", 200)):
        assert pulse.call("GET", "/api/v1/devices/battery_pack_001", role=role).status == status


def test_the_native_latest_values_keep_their_path(pulse):
    pulse.send("battery_pack_001", NOON, {"soc": 50.0, "power": 1500.0})
    assert pulse.get("/api/v1/devices/battery_pack_001/latest")["values"] == {"soc": 50.0, "power": 1.5}


@pytest.mark.parametrize(("method", "path"), [("POST", "/devices/register"), ("POST", "/telemetry/store"), ("GET", "/fleet/status")])
def test_paths_without_the_prefix_are_the_machines_paths_too(pulse, method, path):
    reply = pulse._door(method, path, None, Origin="http://grid.example", Content_Type="application/json", Accept="text/html")
    assert reply.headers["access-control-allow-origin"] == "*"
    wrong = pulse._door("GET", f"{path}/typo", None, Accept="text/html")
    assert (wrong.status, wrong.json["error"]["code"]) == (404, "NOT_FOUND")
