"""S4's reads, on the document's own two samples."""

import json

import pytest

from api.routes.vehicles import BATCH_EXAMPLE, LATEST_EXAMPLE, SUMMARY_EXAMPLE

VIN = "VIN-DEMO-001"
WINDOW = "from_ts=2026-01-24T11:59:00Z&to_ts=2026-01-24T12:10:00Z"


@pytest.fixture
def filled(door):
    assert door("POST", "/api/telemetry", json.dumps(BATCH_EXAMPLE), Content_Type="application/json").json == {"inserted": 2}
    return door


@pytest.mark.parametrize("path", [f"/api/vehicles/{VIN}/latest", f"/api/telemetry/latest?vin={VIN}"])
def test_the_newest_state_is_the_documents(filled, path):
    reply = filled("GET", path).json
    assert reply == LATEST_EXAMPLE
    assert list(reply) == list(LATEST_EXAMPLE)


@pytest.mark.parametrize("path", [f"/api/vehicles/{VIN}/summary?{WINDOW}", f"/api/telemetry/summary?vin={VIN}&{WINDOW}"])
def test_the_summary_is_the_documents(filled, path):
    assert filled("GET", path).json == SUMMARY_EXAMPLE


def test_both_bounds_are_inclusive(filled):
    one = filled("GET", f"/api/vehicles/{VIN}/summary?from_ts=2026-01-24T12:05:00Z&to_ts=2026-01-24T12:09:59Z").json
    both = filled("GET", f"/api/vehicles/{VIN}/summary?from_ts=2026-01-24T12:05:00Z&to_ts=2026-01-24T12:10:00Z").json
    assert (one["samples"], both["samples"]) == (1, 2)


def test_a_known_vehicle_without_samples_in_the_window_has_nulls(filled):
    empty = filled("GET", f"/api/vehicles/{VIN}/summary?from_ts=2020-01-01&to_ts=2020-01-02").json
    assert (empty["samples"], empty["soc_min"], empty["temp_max"], empty["from_ts"]) == (0, None, None, "2020-01-01T00:00:00Z")


def test_alerts_of_the_newest_state(filled):
    sample = BATCH_EXAMPLE[1] | {"ts": "2026-01-24T12:15:00Z", "soc": 9.0, "max_temp": 60.0, "soh": 79.0}
    filled("POST", "/api/telemetry", json.dumps([sample]), Content_Type="application/json")
    alerts = filled("GET", f"/api/vehicles/{VIN}/latest").json["alerts"]
    assert [(a["code"], a["severity"]) for a in alerts] == [("HIGH_TEMP", "RED"), ("LOW_SOC", "RED"), ("SOH_DEGRADED", "YELLOW")]
    assert all(set(alert) == {"code", "severity", "message"} for alert in alerts)


def test_anomalies_of_a_window(filled):
    found = filled("GET", f"/api/vehicles/{VIN}/anomalies?{WINDOW}").json
    assert found["vin"] == VIN
    assert [(a["ts"], a["code"], a["severity"], a["value"]) for a in found["anomalies"]] == [
        ("2026-01-24T12:05:00Z", "TEMP_WARNING", "YELLOW", 52.0),
        ("2026-01-24T12:05:00Z", "SOC_WARNING", "YELLOW", 18.0),
    ]


def test_history_comes_in_pages(filled):
    first = filled("GET", f"/api/vehicles/{VIN}/history?{WINDOW}&limit=1").json
    assert [row["ts"] for row in first["history"]] == ["2026-01-24T12:05:00Z"]
    assert first["history"][0]["power_kw"] == 29.4595  # 310.1 V × 95 A
    second = filled("GET", f"/api/vehicles/{VIN}/history?{WINDOW}&limit=1&cursor={first['next']}").json
    assert [row["ts"] for row in second["history"]] == ["2026-01-24T12:10:00Z"]
    assert second["next"] is None
    assert len(filled("GET", f"/api/vehicles/{VIN}/history").json["history"]) == 2


def test_vehicles_are_listed_in_pages(filled):
    others = [BATCH_EXAMPLE[0] | {"vin": vin} for vin in ("VIN-A-0001", "VIN-Z-0001")]
    filled("POST", "/api/telemetry", json.dumps(others), Content_Type="application/json")
    first = filled("GET", "/api/vehicles?limit=2").json
    assert [v["vin"] for v in first["vehicles"]] == ["VIN-A-0001", VIN] and first["next"] == VIN
    assert set(first["vehicles"][0]) == {"vin", "ts", "soc", "soh", "alerts"}
    second = filled("GET", f"/api/vehicles?limit=2&cursor={first['next']}").json
    assert [v["vin"] for v in second["vehicles"]] == ["VIN-Z-0001"] and second["next"] is None


@pytest.mark.parametrize("what", ["latest", f"summary?{WINDOW}", "anomalies", "history"])
def test_an_unknown_vin_is_404_on_every_path(filled, what):
    reply = filled("GET", f"/api/vehicles/VIN-UNKNOWN/{what}")
    assert (reply.status, reply.json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")


@pytest.mark.parametrize("what", ["summary", "anomalies", "history"])
@pytest.mark.parametrize("to", ["2026-01-24T11:59:00Z", "2026-01-24T11:00:00Z"])
def test_a_window_that_does_not_move_on_is_a_bad_request(filled, what, to):
    reply = filled("GET", f"/api/vehicles/{VIN}/{what}?from_ts=2026-01-24T11:59:00Z&to_ts={to}")
    assert (reply.status, reply.json["error"]["code"]) == (400, "INVALID_WINDOW")


def test_a_bound_that_is_no_time_is_named(filled):
    reply = filled("GET", f"/api/vehicles/{VIN}/summary?from_ts=noon&to_ts=2026-01-24T12:10:00Z")
    assert reply.status == 422
    assert reply.json["detail"][0]["loc"] == ["query", "from_ts"]
    missing = filled("GET", f"/api/vehicles/{VIN}/summary")
    assert [e["loc"] for e in missing.json["detail"]] == [["query", "from_ts"], ["query", "to_ts"]]


def test_a_strict_server_knows_its_vehicles(tmp_path):
    from services.config import Config
    from tests.api.conftest import flask_door, make

    product = make(Config(database_url="memory://", data_dir=tmp_path, auto_register=False))
    reply = flask_door(product)("POST", "/api/telemetry", json.dumps(BATCH_EXAMPLE), Content_Type="application/json")
    assert (reply.status, reply.json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")
    product.store.close()
