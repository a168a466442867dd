"""Every ingest case goes through both doors; status, body and headers must be the same, and right."""

import gzip
import json
import uuid
import zlib

import pytest

JSON = {"Content_Type": "application/json"}


def vin() -> str:
    return f"VIN-{uuid.uuid4().hex[:12]}"


def sample(**changes):
    return {"vin": "VIN-DEMO-001", "ts": "2026-01-24T12:05:00Z", "soc": 18.0, "soh": 92.0, "pack_voltage": 310.1, "pack_current": 95.0,
            "max_temp": 52.0, "min_temp": 33.0, "odo_km": 1201.2} | changes  # fmt: skip


def send(door, samples, path="/api/telemetry", **headers):
    body = samples if isinstance(samples, (bytes, str)) else json.dumps(samples)
    return door("POST", path, body, **(JSON | headers))


@pytest.mark.parametrize("path", ["/api/telemetry", "/api/telemetry/ingest"])
def test_the_documents_batch_is_inserted(either, path):
    car = vin()
    reply = send(either, [sample(vin=car), sample(vin=car, ts="2026-01-24T12:10:00Z", soc=35.5)], path)
    assert (reply.status, reply.json) == (200, {"inserted": 2})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-trace-id"]


def test_a_batch_sent_again_counts_as_duplicates(either):
    batch = [sample(vin=vin()), sample(vin=vin())]
    send(either, batch)
    assert send(either, batch).json == {"inserted": 0, "duplicates": 2}
    assert send(either, [*batch, sample(vin=vin())]).json == {"inserted": 1, "duplicates": 2}


def test_an_empty_batch_is_a_bad_request(either):
    reply = send(either, [])
    assert (reply.status, reply.json["error"]["code"]) == (400, "EMPTY_BATCH")
    assert reply.json["detail"] == "The batch holds no samples"


BAD_FIELDS = [
    ({"soc": 101}, "soc", "less_than_equal", 101),
    ({"soc": -0.1}, "soc", "greater_than_equal", -0.1),
    ({"soh": 100.01}, "soh", "less_than_equal", 100.01),
    ({"soc": "18"}, "soc", "float_type", "18"),
    ({"soc": True}, "soc", "float_type", True),
    ({"pack_voltage": {}}, "pack_voltage", "float_type", "an object"),
    ({"vin": "VIN1"}, "vin", "string_too_short", "VIN1"),
    ({"vin": "V" * 41}, "vin", "string_too_long", "V" * 41),
    ({"vin": "VIN/../1"}, "vin", "string_pattern_mismatch", "VIN/../1"),
    ({"vin": 12345}, "vin", "string_type", 12345),
    ({"vin": None}, "vin", "string_type", None),
    ({"ts": "yesterday"}, "ts", "timestamp", "yesterday"),
    ({"ts": None}, "ts", "timestamp", None),
    ({"ts": [1]}, "ts", "timestamp", "an array of 1"),
    ({"odo_km": float("nan")}, "odo_km", "finite_number", "nan"),
    ({"odo_km": float("inf")}, "odo_km", "finite_number", "inf"),
    ({"odo_km": 10**400}, "odo_km", "finite_number", "a huge integer"),
]


@pytest.mark.parametrize(("change", "field", "kind", "received"), BAD_FIELDS, ids=lambda value: str(value)[:30])
def test_a_bad_field_refuses_the_batch_and_is_named(either, change, field, kind, received):
    car = vin()
    reply = send(either, [sample(vin=car), sample(vin=car, ts=2) | change, sample(vin=car, ts=3)])
    assert reply.status == 422
    (entry,) = reply.json["detail"]
    assert (entry["type"], entry["loc"], entry["input"]) == (kind, ["body", 1, field], received)
    error = reply.json["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["details"]["field_errors"] == [{"field": f"1.{field}", "message": entry["msg"], "received_value": received}]
    assert error["trace_id"] == reply.headers["x-trace-id"]
    assert either("GET", f"/api/vehicles/{car}/latest").status == 404  # nothing of it was kept


@pytest.mark.parametrize("missing", ["vin", "ts"])
def test_a_missing_field_is_named(either, missing):
    bad = sample()
    del bad[missing]
    (entry,) = send(either, [bad]).json["detail"]
    assert (entry["type"], entry["loc"]) == ("missing", ["body", 0, missing])


def test_a_sample_that_says_nothing_is_refused(either):
    reply = send(either, [{"vin": "VIN-DEMO-001", "ts": 1}])
    assert (reply.status, reply.json["detail"][0]["type"]) == (422, "missing")


def test_several_faults_are_all_named(either):
    reply = send(either, [sample(soc=101, vin="x"), 7, sample(ts="no")])
    assert [entry["loc"][1:] for entry in reply.json["detail"]] == [[0, "vin"], [0, "soc"], [1], [2, "ts"]]


BROKEN = [
    (b"", "json_invalid"),
    (b"{", "json_invalid"),
    (b"[{]", "json_invalid"),
    (b"null", "list_type"),
    (b"{}", "list_type"),
    (b'"text"', "list_type"),
    (b"\xff\xfe[]", "utf8_invalid"),
    (b'[{"vin":"\xc3\x28"}]', "utf8_invalid"),
    (b"[" * 100_000, "json_too_deep"),
    (b"[" + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"]", "json_too_deep"),
    (b"[" + b"9" * 5000 + b"]", "json_invalid"),
    (b'[{"vin":"VIN-DEMO-001","vin":"VIN-DEMO-002","ts":1,"soc":5}]', "repeated_key"),
    (b'[{"vin":"VIN-DEMO-001","ts":1,"soc":5,"soc":6}]', "repeated_key"),
    (b'[{"vin":"VIN-\\ud800-001","ts":1,"soc":5}]', "string_pattern_mismatch"),
    (b'[{"vin":"VIN-DEMO-001","ts":"\\ud800","soc":5}]', "timestamp"),
]


@pytest.mark.parametrize(("body", "kind"), BROKEN, ids=[str(body[:24]) for body, _ in BROKEN])
def test_broken_json_is_told_apart(either, body, kind):
    reply = send(either, body)
    assert (reply.status, reply.json["detail"][0]["type"]) == (422, kind)


def test_unknown_fields_and_nulls_do_no_harm(either):
    car = vin()
    assert send(either, [sample(vin=car, driver="x", soh=None)]).json == {"inserted": 1}
    latest = either("GET", f"/api/vehicles/{car}/latest").json
    assert (latest["soc"], latest["soh"]) == (18.0, None)


def test_an_implausible_clock_is_kept(either):
    car = vin()
    assert send(either, [sample(vin=car, ts=0), sample(vin=car, ts="2999-01-01T00:00:00Z", soc=40)]).json["inserted"] >= 1
    assert either("GET", f"/api/vehicles/{car}/latest").json["ts"].startswith("20")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_other_content_is_not_read(either, content_type):
    reply = send(either, [sample()], Content_Type=content_type)
    assert (reply.status, reply.json["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_read_however_it_is_spelled(either, content_type):
    assert send(either, [sample(vin=vin())], Content_Type=content_type).status == 200


def test_a_body_without_content_type_is_taken_for_json(either):
    assert either("POST", "/api/telemetry", json.dumps([sample(vin=vin())])).status == 200


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_packed_bodies_are_unpacked(either, encoding, pack):
    assert send(either, pack(json.dumps([sample(vin=vin())]).encode()), Content_Encoding=encoding).json == {"inserted": 1}


def test_a_body_that_is_not_packed_as_it_says_is_refused(either):
    assert send(either, [sample()], Content_Encoding="gzip").status == 400
    assert send(either, gzip.compress(json.dumps([sample()]).encode())[:-9], Content_Encoding="gzip").status == 400
    assert send(either, [sample()], Content_Encoding="br").status == 415


def test_a_body_past_the_limit_is_refused_packed_or_not(either):
    big = b"[" + b" " * (1 << 20) + b"]"
    assert send(either, big).status == 413
    reply = send(either, gzip.compress(big), Content_Encoding="gzip")
    assert (reply.status, reply.json["error"]["code"]) == (413, "BODY_TOO_LARGE")


def test_a_trace_id_of_the_caller_is_kept_when_it_is_decent(either):
    assert send(either, [], X_Trace_Id="trace_abc123").headers["x-trace-id"] == "trace_abc123"
    assert send(either, [], X_Trace_Id="<script>").headers["x-trace-id"].startswith("trace_")


def test_any_origin_may_read_in_development(either):
    assert send(either, [], Origin="https://example.com").headers["access-control-allow-origin"] == "*"


# native ingest


def rows(device, *values):
    return [{"device_id": device, "timestamp": 1_769_256_300_000 + i * 1000, "values": v} for i, v in enumerate(values)]


def readings(door, body, **headers):
    return send(door, body, "/api/v1/readings", **headers)


def name() -> str:
    return f"pack-{uuid.uuid4().hex[:10]}"


def test_readings_of_several_shapes_are_kept(either):
    device = name()
    batch = rows(device, {"soc": 67.5, "voltage": 400.5}, {"soc": 67.4}, {"cell_voltages": [3.45, None, 3.44]})
    assert readings(either, batch).json == {"accepted": 3, "duplicates": 0, "rejected": []}
    assert readings(either, batch).json == {"accepted": 0, "duplicates": 3, "rejected": []}
    latest = either("GET", f"/api/v1/devices/{device}/latest").json
    assert latest["values"] == {"soc": 67.4, "voltage": 400.5, "cell_voltages": [3.45, None, 3.44]}
    assert latest["kind"] == "pack"


def test_good_neighbours_of_bad_rows_are_kept(either):
    device = name()
    batch = [*rows(device, {"soc": 50.0}), {"device_id": device}, *rows(device, {"unheard_of": 1}), "text",
             {"device_id": device, "timestamp": "noon", "values": {"soc": 1}},
             {"device_id": device, "timestamp": 5, "values": {"soc": "x"}},
             {"device_id": device, "timestamp": 6, "values": {}}, {"device_id": "", "timestamp": 6, "values": {"soc": 1}}]  # fmt: skip
    reply = readings(either, batch)
    assert (reply.status, reply.json["accepted"]) == (200, 1)
    assert [(r["index"], r["field"]) for r in reply.json["rejected"]] == [
        (1, "timestamp"), (2, "unheard_of"), (3, "reading"), (4, "timestamp"), (5, "soc"), (6, "values"), (7, "device_id"),
    ]  # fmt: skip


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_numbers_that_are_none_are_named(either, value):
    device = name()
    reply = readings(either, rows(device, {"soc": 1.0}, {"soc": value}))
    assert reply.json["accepted"] == 1
    assert [(r["index"], r["field"]) for r in reply.json["rejected"]] == [(1, "soc")]


def test_nothing_to_keep_is_unprocessable(either):
    reply = readings(either, rows(name(), {"unheard_of": 1}))
    assert reply.status == 422
    assert reply.json["error"]["details"]["field_errors"][0]["field"] == "0.unheard_of"
    assert readings(either, []).status == 422


def test_a_dry_run_keeps_nothing(either):
    device = name()
    reply = send(either, rows(device, {"soc": 1.0}, {"nope": 1}), "/api/v1/readings?dry_run=1")
    assert (reply.json["accepted"], reply.json["dry_run"], len(reply.json["rejected"])) == (1, True, 1)
    assert either("GET", f"/api/v1/devices/{device}/latest").status == 404


def test_columns_and_lines_say_the_same_as_rows(either):
    a, b = name(), name()
    table = {
        "device_id": a,
        "timestamps": [1_769_256_300_000, "2026-01-24T12:05:01Z"],
        "values": {"soc": [50.0, None], "voltage": [400.0, 401.0]},
    }
    assert readings(either, json.dumps(table)).json["accepted"] == 2
    lines = "\n".join(json.dumps(row) for row in rows(b, {"soc": 50.0, "voltage": 400.0}, {"voltage": 401.0})) + "\n"
    assert readings(either, lines, Content_Type="application/x-ndjson").json["accepted"] == 2
    latest = [either("GET", f"/api/v1/devices/{device}/latest").json["values"] for device in (a, b)]
    assert latest[0] == latest[1] == {"soc": 50.0, "voltage": 401.0}


def test_a_broken_line_spares_its_neighbours(either):
    lines = [json.dumps(row) for row in rows(name(), {"soc": 1.0}, {"soc": 2.0})]
    reply = readings(either, f"{lines[0]}\n{{oops\n{lines[1]}\n", Content_Type="application/x-ndjson")
    assert (reply.status, reply.json["accepted"]) == (200, 2)
    assert reply.json["rejected"][0]["index"] == 1


def test_columns_of_unequal_length_are_refused(either):
    reply = readings(either, json.dumps({"device_id": name(), "timestamps": [1, 2], "values": {"soc": [1.0]}}))
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "values", "soc"])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"7", b"[1,2", b"\xff", b'{"device_id":1}', b'{"device_id":"a","timestamps":[1],"values":{"soc":[NaN]}}']
)
def test_broken_readings_are_unprocessable(either, body):
    assert readings(either, body).status == 422


def test_a_metric_sent_twice_in_one_reading_is_named(either):
    body = '[{"device_id":"pack-twice","timestamp":1769256300000,"values":{"soc":1.0,"soc":2.0}}]'
    reply = readings(either, body)
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", 0, "soc"])
