"""What a sender can get wrong in a body, through both doors: every case is named in a 4xx, good neighbours are kept, nothing is a 5xx."""

import gzip
import json
import uuid

import pytest

from services.config import Config
from tests.api.conftest import make
from tests.api.test_both_doors import JSON, readings, rows, sample, send, vin

NDJSON = {"Content_Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """One for all: every test names its own devices."""
    config = Config(database_url="memory://", data_dir=tmp_path_factory.mktemp("bodies"), rate_limit=0, rate_limit_ingest=0, max_body_mb=1)
    made = make(config)
    yield made
    made.store.close()


def name() -> str:
    return f"pack-{uuid.uuid4().hex[:10]}"


def reading(**changes):
    return {"device_id": name(), "timestamp": 1_769_256_300_000, "values": {"soc": 50.0}} | changes


TIMES = [  # what is sent, and the instant by hand (None = refused)
    ("2026-01-24T12:05:00Z", "2026-01-24T12:05:00Z"),
    ("2026-01-24T12:05:00z", "2026-01-24T12:05:00Z"),
    ("2026-01-24t12:05:00Z", "2026-01-24T12:05:00Z"),
    ("2026-01-24 12:05:00", "2026-01-24T12:05:00Z"),
    ("2026-01-24T13:05:00+01:00", "2026-01-24T12:05:00Z"),
    ("2026-01-24T13:05:00 01:00", "2026-01-24T12:05:00Z"),
    ("2026-01-24T13:05:00+0100", "2026-01-24T12:05:00Z"),
    ("2026-01-24T12:05:00,250Z", "2026-01-24T12:05:00.250Z"),
    ("2026-01-24T12:05:00.123456789Z", "2026-01-24T12:05:00.123Z"),
    ("20260124T120500Z", "2026-01-24T12:05:00Z"),
    ("2026-01-24T24:00:00Z", "2026-01-25T00:00:00Z"),
    ("2026-01-24 24:00", "2026-01-25T00:00:00Z"),
    ("2026-06-30T23:59:60Z", "2026-07-01T00:00:00Z"),
    ("2026-07-01T07:59:60+08:00", "2026-07-01T00:00:00Z"),
    ("2026-W04-6", "2026-01-24T00:00:00Z"),
    ("2026-01-24", "2026-01-24T00:00:00Z"),
    (1769256300, "2026-01-24T12:05:00Z"),
    (1769256300.123456, "2026-01-24T12:05:00.123Z"),
    ("1769256300.5", "2026-01-24T12:05:00.500Z"),
    (1769256300000, "2026-01-24T12:05:00Z"),
    ("1769256300000", "2026-01-24T12:05:00Z"),
    ("2026-02-30", None),
    ("2025-02-29T00:00:00Z", None),
    ("2026-01-24T24:00:01Z", None),
    ("2026-01-24T12:05:61Z", None),
    ("2026-01-24T12:60:60Z", None),
    ("2026-01-24T12:05:00+25:00", None),
    ("9999-12-31T23:59:59-14:00", None),
    ("0001-01-01T00:00:00+14:00", None),
    (1769256300000000, None),
    (1769256300000000000, None),
    (1e300, None),
    ("", None),
    ("now", None),
    ("nan", None),
    ("12:05:00", None),
    (True, None),
    ([1], None),
    ({}, None),
    (None, None),
]


@pytest.mark.parametrize(("stamp", "instant"), TIMES, ids=lambda value: str(value)[:34])
def test_a_time_is_read_or_refused(either, stamp, instant):
    device = name()
    reply = readings(either, [reading(device_id=device, timestamp=stamp)])
    car = vin()
    batch = send(either, [sample(vin=car, ts=stamp)])
    if instant is None:
        assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", 0, "timestamp"])
        assert (batch.status, batch.json["detail"][0]["loc"]) == (422, ["body", 0, "ts"])
    else:
        assert (reply.status, batch.status) == (200, 200)
        assert either("GET", f"/api/v1/devices/{device}/latest").json["timestamp"] == instant
        assert either("GET", f"/api/vehicles/{car}/latest").json["ts"] == instant


@pytest.mark.parametrize("stamp", [0, -1, "1970-01-01T00:00:05Z", "2099-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 12.5])
def test_a_clock_that_was_never_set_keeps_the_reading_and_is_flagged(either, stamp):
    device = name()
    assert readings(either, [reading(device_id=device, timestamp=stamp)]).json["accepted"] == 1
    newest = either("GET", f"/api/v1/devices/{device}/latest").json
    assert newest["quality"] == ["clock"] and newest["age_s"] < 60


NUMBERS = [("0", 0.0), ("-0", 0.0), ("-0.0", 0.0), ("5e-324", 5e-324), ("1e2", 100.0), ("99", 99.0), ("1e999", None), ("-1e999", None),
           ("NaN", None), ("Infinity", None), ("-Infinity", None), ("12345678901234567890", None), ("1e308", None), ('"50"',
           None), ("true", None),
           ("false", None), ("{}", None), ("[1,2]", None), ("[]", None), ("[[1]]", None)]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_a_number_is_kept_or_its_row_is_named(either, text, value):
    device = name()
    reply = readings(either, f'[{{"device_id":"{device}","timestamp":1769256300000,"values":{{"soc":{text}}}}}]')
    if value is None:
        assert reply.status == 422 and reply.json["detail"][0]["loc"][:2] == ["body", 0]
        assert reply.json["detail"][0]["loc"][2] in ("soc", "values")
        assert either("GET", f"/api/v1/devices/{device}/latest").status == 404
    else:
        assert reply.json["accepted"] == 1
        assert either("GET", f"/api/v1/devices/{device}/latest").json["values"] == {"soc": value}


VECTORS = [([3.2] * 10_000, True), ([3.2, None], True), ([3.2] * 10_001, False), ([], False), ([3.2, True], False), ([3.2, "3.2"], False),
           ([[3.2]], False), (3.2, False), ([10**400], False), ([3.2, float("nan")], False)]  # fmt: skip


@pytest.mark.parametrize(("vector", "kept"), VECTORS, ids=lambda value: str(value)[:20])
def test_a_vector_is_kept_or_its_row_is_named(either, vector, kept):
    reply = readings(either, [reading(values={"cell_voltages": vector})])
    assert reply.status == (200 if kept else 422)
    if not kept:
        assert reply.json["detail"][0]["loc"][2] in ("cell_voltages", "values")


GOOD_IDS = ["a b", "bess01-rack01", "ü", "电池01", "🚗", "'; DROP TABLE device;--", "<b>", "${jndi:ldap}", "{x}", "a" * 128, "A", "None"]
BAD_IDS = [" a", "a ", "", "\x00", "a\nb", "a\r\nSet-Cookie: x=1", "\u202eabc", "\u200b", "\ud800", "a" * 129, "a/b",
           "a\\b", "a?b", "a#b", "a%20b",
           "a,b", ".", "..", "</script>", "devices", "coordinator", "fleet", "system", "store", "register", "alert"]  # fmt: skip


@pytest.mark.parametrize("device", GOOD_IDS)
def test_an_id_that_is_taken_can_be_asked_for(either, device):
    from urllib.parse import quote, urlencode

    assert readings(either, [reading(device_id=device)]).status == 200
    assert either("GET", f"/api/v1/devices/{quote(device, safe='')}/latest").json["device_id"] == device
    window = {"device": device, "metric": "soc", "from": 1769256000, "to": 1769257000, "resolution": "raw"}
    assert either("GET", f"/api/v1/series?{urlencode(window)}").json["series"][0]["device_id"] == device


@pytest.mark.parametrize("device", BAD_IDS, ids=repr)
def test_an_id_that_no_url_or_log_could_hold_is_refused(either, device):
    reply = readings(either, [reading(device_id=device)])
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", 0, "device_id"])
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("kind", ["zeppelin", "", "PACK", 5, []])
def test_a_kind_that_does_not_exist_is_named(either, kind):
    reply = readings(either, [reading(kind=kind)])
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", 0, "kind"])


ROW = b'{"device_id":"pack-shape","timestamp":1769256300000,"values":{"soc":1}}'
DEEP = [b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b'[{"device_id":' * 3000,
        ROW[:-2] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}}",
        ROW[:-1] + b',"x":' + b'{"y":' * 5000 + b"1" + b"}" * 5001]  # fmt: skip


@pytest.mark.parametrize("body", DEEP, ids=[f"deep {i}" for i in range(len(DEEP))])
@pytest.mark.parametrize("path", ["/api/v1/readings", "/api/telemetry", "/api/v1/auth/login/json", "/api/v1/auth/refresh"])
def test_nesting_without_end_is_unprocessable(either, body, path):
    assert send(either, body, path).status == 422
    assert send(either, b"[" + body + b"]", path).status == 422


REPEATED = [
    (b'[{"device_id":"pack-a","device_id":"pack-b","timestamp":1769256300000,"values":{"soc":1}}]', "device_id"),
    (b'[{"device_id":"pack-a","timestamp":1769256300000,"values":{"soc":1},"values":{"soc":2}}]', "values"),
    (b'[{"device_id":"pack-a","timestamp":1769256300000,"values":{"soc":1,"s\\u006fc":2}}]', "soc"),
    (b'{"device_id":"pack-a","device_id":"pack-b","timestamps":[1],"values":{"soc":[1]}}', "device_id"),
    (b'{"device_id":"pack-a","timestamps":[1],"timestamps":[2],"values":{"soc":[1]}}', "timestamps"),
    (b'{"device_id":"pack-a","timestamps":[1],"values":{"soc":[1],"soc":[2]}}', "soc"),
]


@pytest.mark.parametrize(("body", "key"), REPEATED)
def test_a_key_that_stands_twice_is_named_in_rows_and_columns(either, body, key):
    reply = readings(either, body)
    assert (reply.status, reply.json["detail"][0]["loc"][-1]) == (422, key)


COLUMNS = [
    ({"timestamps": [1, 2], "values": {"soc": [1]}}, ["body", "values", "soc"]),
    ({"timestamps": [1, 2], "values": {"soc": [1, True]}}, ["body", "values", "soc", 1]),
    ({"timestamps": [1, 2], "values": {"soc": [1, "2"]}}, ["body", "values", "soc", 1]),
    ({"timestamps": [], "values": {"soc": []}}, ["body"]),
    ({"timestamps": [1], "values": {}}, ["body", 0, "values"]),
    ({"timestamps": 1, "values": {"soc": [1]}}, ["body", "timestamps"]),
    ({"timestamps": [1], "values": {"soc": 1}}, ["body", "values"]),
]


@pytest.mark.parametrize(("columns", "place"), COLUMNS)
def test_columns_out_of_shape_are_named(either, columns, place):
    reply = readings(either, json.dumps({"device_id": name()} | columns))
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, place)


def test_a_byte_order_mark_does_no_harm(either):
    mark = b"\xef\xbb\xbf"
    table = json.dumps({"device_id": name(), "timestamps": [1_769_256_300_000], "values": {"soc": [1]}}).encode()
    assert readings(either, mark + json.dumps([reading()]).encode()).json["accepted"] == 1
    assert readings(either, mark + table).json["accepted"] == 1
    assert readings(either, mark + json.dumps(reading()).encode(), **NDJSON).json["accepted"] == 1
    assert send(either, mark + json.dumps([sample(vin=vin())]).encode()).json == {"inserted": 1}


LINES = [("{0}\r\n{1}\r\n", 2, []), ("\n\n{0}\n  \n{1}\n\n", 2, []), ("{0}\noops\n{1}", 2, [1]), ("{0},\n{1}", 1, [0]),
         ("{0}\r{1}", 0, [0]),
         ("[{0}]\n{1}", 1, [0]), ('{0}\n{{"device_id":"x","timestamp":1,"values":\n{{"soc":1}}}}', 1, [1, 2])]  # fmt: skip


@pytest.mark.parametrize(("text", "accepted", "rejected"), LINES)
def test_lines_are_taken_one_by_one(either, text, accepted, rejected):
    reply = readings(either, text.format(json.dumps(reading()), json.dumps(reading())), **NDJSON)
    if accepted:
        assert (reply.json["accepted"], [row["index"] for row in reply.json["rejected"]]) == (accepted, rejected)
    else:
        assert reply.status == 422


def test_a_line_that_is_not_utf8_spares_its_neighbours(either):
    reply = readings(either, json.dumps(reading()).encode() + b'\n{"device_id":"\xff"}\n', **NDJSON)
    assert (reply.json["accepted"], reply.json["rejected"][0]["index"]) == (1, 1)


ODD_HEADERS = [({"Content_Type": ";"}, 415), ({"Content_Type": "application/jsonx"}, 415), ({"Content_Type": "text/html"}, 415),
               ({"Content_Type": "application/json;;;"}, 200), ({"Content_Type": "application/json;charset=latin-1"}, 415),
               ({"Content_Encoding": "gzip, gzip"}, 415), ({"Content_Encoding": "identity"}, 200), ({"Content_Encoding": "GZIP"}, 400),
               ({"Authorization": "Bearer"}, 401), ({"Authorization": "Bearer \xff"}, 401), ({"Authorization": "Basic eA=="}, 200),
               ({"Cookie": "\xff;;;===,"}, 200), ({"Cookie": "access_token_cookie=nonsense"}, 200), ({"Range": "bytes=0-1"}, 200),
               ({"Expect": "100-continue"}, 200), ({"If_None_Match": "*"}, 200), ({"Accept": "image/png"}, 200)]  # fmt: skip


@pytest.mark.parametrize(("headers", "status"), ODD_HEADERS, ids=lambda value: str(value)[:40])
def test_odd_headers_are_judged_alike_at_both_doors(either, headers, status):
    assert readings(either, [reading()], **headers).status == status


@pytest.mark.parametrize("trace", ["a" * 65, "short", "with blank 12345", "tab\t12345678", 'quote"12345678', "émigré-12345678"])
def test_a_trace_id_that_could_forge_a_log_line_is_replaced(either, trace):
    assert send(either, [], X_Trace_Id=trace).headers["x-trace-id"].startswith("trace_")


def test_a_bomb_is_refused_before_it_is_unpacked(either):
    bomb = gzip.compress(b" " * 50_000_000, 9)
    assert len(bomb) < 60_000
    for path in ("/api/v1/readings", "/api/telemetry", "/api/v1/auth/login/json"):
        assert send(either, bomb, path, Content_Encoding="gzip").status == 413


def test_counts_of_new_repeated_merged_and_revised_readings(either):
    device = name()
    first = rows(device, {"soc": 50.0}, {"soc": 51.0})
    assert readings(either, [*first, *first]).json == {"accepted": 2, "duplicates": 2, "rejected": []}
    assert readings(either, [*first, *rows(device, {"voltage": 400.0})]).json == {"accepted": 1, "duplicates": 2, "rejected": []}
    assert readings(either, rows(device, {"soc": 49.0})).json == {"accepted": 1, "duplicates": 0, "rejected": []}
    window = f"/api/v1/series?device={device}&metric=soc,voltage&from=1769256300&to=1769256302&resolution=raw"
    assert [one["values"] for one in either("GET", window).json["series"]] == [[49.0, 51.0], [400.0]]


def test_a_dry_run_registers_no_device_and_counts_nothing(product, door):
    before = product.store.intake.stats.accepted
    assert send(door, [reading(device_id="pack-dry")], "/api/v1/readings?dry_run=1", **JSON).json["accepted"] == 1
    assert [d for d in product.store.records.devices() if d.device_id == "pack-dry"] == []
    assert product.store.intake.stats.accepted == before


@pytest.mark.parametrize("path", ["/api/v1/readings", "/api/telemetry"])
def test_a_store_that_is_down_is_a_503_that_says_when_to_come_back(product, door, monkeypatch, path):
    from plant.errors import Unavailable

    def down(*_):
        raise Unavailable("the disk is gone")

    monkeypatch.setattr(product.store.intake, "accept", down)
    body = [reading()] if path.endswith("readings") else [sample()]
    reply = send(door, body, path)
    assert (reply.status, reply.json["error"]["code"]) == (503, "UNAVAILABLE")
    assert int(reply.headers["retry-after"]) > 0
