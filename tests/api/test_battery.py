"""S3's messages: the document's own examples kept whole and as readings, and what else a monitor may send."""

import json

import pytest

from api.routes.battery import DATA_EXAMPLE, PERFORMANCE_EXAMPLE, PREDICTION_EXAMPLE
from plant.model import Device, Quality, User
from services.config import Config
from tests.api.conftest import flask_door, make

JSON = {"Content_Type": "application/json"}
NOW = 1_769_256_305_250
KINDS = {
    "/api/battery-data": DATA_EXAMPLE,
    "/api/battery-performance": PERFORMANCE_EXAMPLE,
    "/api/battery-prediction": PREDICTION_EXAMPLE,
}
METRIC_OF = {"pack_voltage": "voltage", "pack_current": "current", "cell_temp": "temperature"}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, at=NOW):
        self.at = at

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def product(tmp_path, clock):
    made = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0, max_body_mb=1), clock)
    yield made
    made.store.close()


@pytest.fixture
def door(product):
    return flask_door(product)


def post(door, path, message):
    return door("POST", path, json.dumps(message), **JSON)


def others(example):
    return {
        name: round(value * 1.01 + 1, 3) if isinstance(value, float) and name != "timestamp" else value for name, value in example.items()
    } | {
        "timestamp": 1_640_995_267.5,
        "source": "pack-7",
    }


def newest(product, source):
    return product.store.telemetry.latest([(source, "pack")])[source, "pack"]


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("vary", [dict, others], ids=["document", "others"])
def test_a_message_comes_back_as_it_was_sent_and_is_kept_as_readings(product, door, path, vary):
    message = vary(KINDS[path])
    reply = post(door, path, message)
    assert (reply.status, sorted(reply.json)) == (200, ["id", "message"])
    assert isinstance(reply.json["id"], str)
    assert door("GET", f"{path}/latest").json == message
    assert door("GET", f"{path}/history?hours=24&limit=100").json == [message]
    kept = newest(product, message["source"])
    numbers = {METRIC_OF.get(name, name): value for name, value in message.items() if name not in ("timestamp", "source")}
    assert (kept.at, dict(kept.values)) == (round(message["timestamp"] * 1000), numbers)
    assert not kept.quality & Quality.CLOCK


@pytest.mark.parametrize("path", KINDS)
def test_an_empty_store_has_no_latest_and_an_empty_history(door, path):
    reply = door("GET", f"{path}/latest")
    assert (reply.status, reply.json["error"]["code"]) == (404, "NO_DATA")
    assert door("GET", f"{path}/history").json == []


def test_the_dashboard_is_null_where_nothing_came_and_whole_afterwards(product, door):
    empty = door("GET", "/api/dashboard").json
    assert {name: empty[name] for name in ("battery_data", "performance", "prediction", "specs")} == dict.fromkeys(
        ("battery_data", "performance", "prediction", "specs")
    )
    for path, message in KINDS.items():
        post(door, path, message)
    product.store.records.put_devices(
        [Device("battery_monitor", "pack", "QNX pack", rating={"capacity_kwh": 60.0}, info={"chemistry": "NMC"})]
    )
    full = door("GET", "/api/dashboard").json
    assert (full["battery_data"], full["performance"], full["prediction"]) == tuple(KINDS.values())
    assert full["specs"] == {"device_id": "battery_monitor", "name": "QNX pack", "capacity_kwh": 60.0, "chemistry": "NMC"}


def test_the_thresholds_are_those_by_which_alarms_are_judged(door):
    from plant.metrics import CATALOGUE

    told = door("GET", "/api/dashboard").json["thresholds"]
    assert told["cell_temp"]["unit"] == "°C"
    assert (told["cell_temp"]["low"], told["cell_temp"]["high"]) == CATALOGUE["temperature"].normal
    assert (told["cell_temp"]["alarm_low"], told["cell_temp"]["alarm_high"]) == CATALOGUE["temperature"].alarm


def test_unknown_fields_are_kept_in_the_message(door):
    message = PREDICTION_EXAMPLE | {"anomaly_warning": {"level": 2, "text": "熱"}, "cells": [3.2, None, True], "pack voltage": "no"}
    post(door, "/api/battery-prediction", message)
    assert door("GET", "/api/battery-prediction/latest").json == message


def test_state_of_charge_beside_the_documented_numbers_becomes_a_reading_too(product, door):
    post(door, "/api/battery-data", DATA_EXAMPLE | {"soc": 67.5, "fan_speed": 900})
    assert newest(product, "battery_monitor").values["soc"] == 67.5


@pytest.mark.parametrize("stamp", ["left out", None, 0, 0.0, "", False])
def test_without_a_timestamp_it_is_the_servers(product, door, stamp):
    message = {name: value for name, value in DATA_EXAMPLE.items() if name != "timestamp"}
    if stamp != "left out":
        message["timestamp"] = stamp
    assert post(door, "/api/battery-data", message).status == 200
    assert door("GET", "/api/battery-data/latest").json["timestamp"] == NOW / 1000
    assert newest(product, "battery_monitor").at == NOW


def test_without_a_source_it_is_the_documents(product, door):
    for path, source in (("/api/battery-data", "battery_monitor"), ("/api/battery-prediction", "battery_ai_predictor")):
        message = {name: value for name, value in KINDS[path].items() if name != "source"}
        assert post(door, path, message).status == 200
        assert door("GET", f"{path}/latest").json["source"] == source
        assert newest(product, source)


@pytest.mark.parametrize("clock_says", [12.5, 86_400.0, 1.0, NOW / 1000 + 86_400, 4e9, -5.0])
def test_a_clock_that_cannot_be_gives_way_to_the_time_of_receipt(product, door, clock_says):
    assert post(door, "/api/battery-data", DATA_EXAMPLE | {"timestamp": clock_says}).status == 200
    told = door("GET", "/api/battery-data/latest").json
    assert (told["timestamp"], told["device_clock"], told["ts_quality"]) == (NOW / 1000, clock_says, "received")
    kept = newest(product, "battery_monitor")
    assert (kept.at, kept.values["device_clock"], kept.values["voltage"]) == (NOW, clock_says, 355.2)
    assert kept.quality & Quality.CLOCK


def test_a_float32_clock_steps_and_every_message_is_kept_in_its_order(product, door, clock):
    import numpy as np

    for second in range(300):
        clock.at = NOW + 1000 * second
        said = float(np.float32(clock.at / 1000))
        assert post(door, "/api/battery-data", DATA_EXAMPLE | {"timestamp": said, "pack_voltage": 300.0 + second}).status == 200
    from plant.model import Window

    found = product.store.telemetry.columns("battery_monitor", "pack", ["voltage", "device_clock"], Window(NOW - 10**6, NOW + 10**6))
    assert found.values["voltage"].tolist() == [300.0 + second for second in range(300)]
    assert found.at.tolist() == [NOW + 1000 * second for second in range(300)]
    assert set(found.values["device_clock"].tolist()) == {float(np.float32((NOW + 1000 * s) / 1000)) for s in range(300)}


def test_a_clock_that_once_was_finer_is_believed_at_whole_steps_too(product, door, clock):
    whole = 1_769_256_320.0  # a multiple of 128 s
    assert whole % 128 == 0
    clock.at = int(whole * 1000) + 700
    post(door, "/api/battery-data", DATA_EXAMPLE | {"timestamp": whole - 1})
    post(door, "/api/battery-data", DATA_EXAMPLE | {"timestamp": whole})
    assert door("GET", "/api/battery-data/latest").json == DATA_EXAMPLE | {"timestamp": whole}
    assert newest(product, "battery_monitor").at == whole * 1000


def test_the_same_message_again_changes_no_reading(product, door):
    for said in (1_640_995_200.0, 12.5):
        for _ in range(3):
            post(door, "/api/battery-data", DATA_EXAMPLE | {"timestamp": said, "source": f"pack-{said:.0f}"})
        assert product.store.telemetry.extent(f"pack-{said:.0f}", "pack").rows["voltage"] == 1


def test_a_pack_that_counts_charging_as_positive_is_turned_and_its_message_is_not(product, door):
    product.store.records.put_devices([Device("battery_monitor", "pack", sign=-1)])
    post(door, "/api/battery-data", DATA_EXAMPLE)
    assert newest(product, "battery_monitor").values["current"] == -50.0
    assert door("GET", "/api/battery-data/latest").json["pack_current"] == 50.0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pack_voltage": None}, "pack_voltage"),
        ({"pack_voltage": "355.2"}, "pack_voltage"),
        ({"pack_voltage": True}, "pack_voltage"),
        ({"pack_voltage": [355.2]}, "pack_voltage"),
        ({"cell_temp": float("nan")}, "cell_temp"),
        ({"cell_temp": float("inf")}, "cell_temp"),
        ({"pack_current": 1e300}, "pack_current"),
        ({"pack_current": 10**400}, "pack_current"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": [1]}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": float("nan")}, "timestamp"),
        ({"timestamp": 1e300}, "timestamp"),
        ({"source": 7}, "source"),
        ({"source": "a/b"}, "source"),
        ({"source": "devices"}, "source"),
        ({"source": ".."}, "source"),
        ({"source": "x" * 200}, "source"),
        ({"source": " pack"}, "source"),
        ({"source": "pack\0"}, "source"),
    ],
)
def test_bad_fields_are_named_and_nothing_is_kept(product, door, change, field):
    reply = post(door, "/api/battery-data", DATA_EXAMPLE | change)
    assert reply.status == 422, reply.body
    assert field in json.dumps(reply.json["error"]["details"]["field_errors"])
    assert door("GET", "/api/battery-data/latest").status == 404
    assert product.store.records.devices("pack") == []


@pytest.mark.parametrize("missing", ["pack_voltage", "pack_current", "cell_temp"])
def test_a_number_of_the_document_is_required(door, missing):
    message = {name: value for name, value in DATA_EXAMPLE.items() if name != missing}
    reply = post(door, "/api/battery-data", message)
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", missing])


@pytest.mark.parametrize("body", ["", "[]", "null", "7", '"x"', "{", "{}", "[" * 5000, '{"a":' * 5000, b"\xff\xfe", '{"x": 1}'])
def test_a_body_that_is_no_message_is_refused(door, body):
    assert door("POST", "/api/battery-data", body, **JSON).status == 422


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "extra", [{"x": float("nan")}, {"x": {"y": [float("-inf")]}}, {"x": "\ud800"}, {"x": 2**70}, {"x": [-(2**80)]}, {"x": nested(300)}]
)
def test_extra_fields_that_cannot_be_kept_or_told_are_refused_and_nothing_is_kept(product, door, extra):
    reply = post(door, "/api/battery-data", DATA_EXAMPLE | extra)
    assert reply.status == 422, reply.body
    assert door("GET", "/api/battery-data/latest").status == 404
    assert product.store.telemetry.latest([("battery_monitor", "pack")]) == {}


@pytest.mark.parametrize(
    "extra", [{"x": 2**63}, {"x": -(2**63)}, {"x": nested(60)}, {"$x": 1, "a.b": 2, "": 3, "_id": 4, "received_at": 5}, {"x\0": "\0"}]
)
def test_odd_extra_fields_come_back(door, extra):
    assert post(door, "/api/battery-data", DATA_EXAMPLE | extra).status == 200
    assert door("GET", "/api/battery-data/latest").json == DATA_EXAMPLE | extra


@pytest.mark.parametrize(
    "query", ["hours=0", "hours=-1", "hours=nan", "hours=inf", "hours=9000", "hours=x", "limit=0", "limit=1001", "limit=1.5"]
)
def test_history_is_bounded(door, query):
    reply = door("GET", f"/api/battery-data/history?{query}")
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["query", query.partition("=")[0]])


def test_history_is_newest_first_within_its_hours_and_limit(door, clock):
    for hour in range(5):
        clock.at = NOW + hour * 3_600_000
        post(door, "/api/battery-data", DATA_EXAMPLE | {"timestamp": None, "pack_voltage": 300.0 + hour})
    volts = [
        [one["pack_voltage"] for one in door("GET", f"/api/battery-data/history?{query}").json] for query in ("", "hours=2.5", "limit=2")
    ]
    assert volts == [[304.0, 303.0, 302.0, 301.0, 300.0], [304.0, 303.0, 302.0], [304.0, 303.0]]


def test_a_device_may_only_send_for_itself(tmp_path):
    from api import auth

    product = make(
        Config(database_url="memory://", data_dir=tmp_path, auth_mode="protected", rate_limit=0, rate_limit_ingest=0, auto_register=True)
    )
    product.store.records.put_user(User("pack-7", "x", ("device",)))
    token = auth.guard_of(product.flask).issue(product.store.records.user("pack-7"))["access_token"]
    door = flask_door(product)
    sent = {**JSON, "Authorization": f"Bearer {token}"}
    assert door("POST", "/api/battery-data", json.dumps(DATA_EXAMPLE | {"source": "pack-7"}), **sent).status == 200
    assert door("POST", "/api/battery-data", json.dumps(DATA_EXAMPLE | {"source": "pack-8"}), **sent).status == 403
    assert door("POST", "/api/battery-data", json.dumps(DATA_EXAMPLE), **JSON).status == 401
    product.store.close()


def test_an_unknown_source_is_refused_where_devices_do_not_register_themselves(tmp_path):
    product = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0, auto_register=False))
    door = flask_door(product)
    assert post(door, "/api/battery-data", DATA_EXAMPLE).status == 404
    assert door("GET", "/api/battery-data/latest").status == 404
    product.store.records.put_devices([Device("battery_monitor", "pack")])
    assert post(door, "/api/battery-data", DATA_EXAMPLE).status == 200
    product.store.close()
