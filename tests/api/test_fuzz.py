"""Seeded fuzz: mutated bodies, queries, headers against both doors. Never a 5xx, a hang or growth; an error is always our body."""

import json
import random
import resource
import time

import pytest

from tests.api.test_bodies import reading
from tests.api.test_both_doors import sample

EDGES = [None, True, False, 0, -1, 1e308, -1e308, 5e-324, 2**63, -(2**63) - 1, 10**30, "", " ", "x" * 3000, "\x00",
         "\ud800", "é", "../..", "NaN", "1",
         "2026-01-24T12:05:00Z", "9999-12-31T23:59:59-14:00", "0000-00-00", [], [None], [[]], {}, {"": None}, {"soc": 1},
         float("nan"), float("-inf")]  # fmt: skip
PATHS = ["/api/v1/readings", "/api/v1/readings?dry_run=1", "/api/telemetry", "/api/telemetry/ingest", "/api/v1/auth/refresh"]
QUERIES = {
    "/api/v1/series": ["device", "metric", "from", "to", "points", "resolution", "agg", "tz", "format"],
    "/api/v1/alarms": ["state", "severity", "device", "from", "to", "limit"],
    "/api/vehicles": ["limit", "cursor"],
    "/api/vehicles/VIN-DEMO-001/history": ["from_ts", "to_ts", "limit", "cursor"],
    "/api/vehicles/VIN-DEMO-001/summary": ["from_ts", "to_ts"],
    "/api/vehicles/VIN-DEMO-001/anomalies": ["from_ts", "to_ts"],
    "/api/v1/devices/pack-fuzz/latest": ["kind"],
    "/api/telemetry/latest": ["vin"],
}
WORDS = ["pack-fuzz", "soc,voltage", "soc", "cell_voltages", "raw", "1m", "1h", "1d", "mean", "last", "json", "csv",
         "arrow", "xlsx", "parquet", "active", "UTC",
         "Asia/Taipei", "../etc/passwd", "\x00", "%", "+", "1", "0", "-1", "1e9", "99999999999999999999", "253402300799999",
         "-62135596800000",
         "2026-01-24T12:00:00Z", "2026-01-25", "0001-01-01", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-14:00", "é",
         "a" * 9000, "", ",", ",,,"]  # fmt: skip
HEADERS = {
    "Content_Type": ["application/json", "application/x-ndjson", "text/plain", "application/json; charset=utf-16", ";", "é"],
    "Content_Encoding": ["gzip", "deflate", "identity", "br", ""],
    "Authorization": ["Bearer x", "Bearer", "Basic eDp5", "Bearer " + "a." * 2000],
    "Cookie": ["access_token_cookie=x", "=;=;", "a" * 4000],
    "X_Trace_Id": ["trace_12345678", "x\ty", "é" * 9],
    "Accept": ["text/html", "*/*;q=nan", ",,,;;;", "text/html;q=-1"],
    "Origin": ["null", "https://x", "é"],
    "Accept_Encoding": ["br", "gzip;q=0", "*"],
}


def mutated(chance: random.Random, value):
    """`value` with one thing changed somewhere inside."""
    kind = chance.random()
    if isinstance(value, dict) and value and kind < 0.7:
        key = chance.choice(list(value))
        return value | {key: mutated(chance, value[key])}
    if isinstance(value, list) and value and kind < 0.7:
        place = chance.randrange(len(value))
        return [*value[:place], mutated(chance, value[place]), *value[place + 1 :]]
    if isinstance(value, dict) and kind < 0.85:
        return value | {chance.choice(["kind", "foo", "site_id", "timestamps", "\ud800"]): chance.choice(EDGES)}
    return chance.choice(EDGES)


def body(chance: random.Random) -> bytes:
    """Some batch, usually a little wrong, sometimes broken as text."""
    whole = [
        [reading(device_id="pack-fuzz", timestamp=1_769_256_300_000 + chance.randrange(10**6)), reading(values={"cell_voltages": [3.2]})],
        {"device_id": "pack-fuzz", "timestamps": [1, 2], "values": {"soc": [1, 2]}},
        [sample(vin="VIN-DEMO-001", ts=1_769_256_300_000 + chance.randrange(10**6))],
        {"refresh_token": "x"},
    ]
    value = chance.choice(whole)
    for _ in range(chance.randrange(4)):
        value = mutated(chance, value)
    text = bytearray(json.dumps(value).encode())
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        place = chance.randrange(len(text) + 1)
        if chance.random() < 0.5:
            text[place : place + chance.randrange(1, 4)] = bytes([chance.randrange(256)])
        else:
            text[place:place] = chance.choice([b'"', b"[", b"{", b"\\", b"\x00", b"\xff", b"1e999", b"NaN", b"\n", b'"soc":1,'])
    return bytes(text)


def shot(chance: random.Random) -> tuple[str, str, bytes | None, dict[str, str]]:
    headers = {"Content_Type": "application/json"} if chance.random() < 0.8 else {}
    for name in chance.sample(list(HEADERS), chance.choice([0, 0, 0, 1, 2])):
        headers[name] = chance.choice(HEADERS[name])
    if chance.random() < 0.6:
        return "POST", chance.choice(PATHS), body(chance), headers
    from urllib.parse import quote

    path = chance.choice(list(QUERIES))
    asked = [f"{name}={quote(chance.choice(WORDS))}" for name in QUERIES[path] if chance.random() < 0.8]
    return chance.choice(["GET", "GET", "GET", "HEAD", "DELETE"]), f"{path}?{'&'.join(asked)}", None, headers


def fire(door, seed: int, shots: int) -> tuple[list, float]:
    """The shots that went wrong, and the slowest answer [s]."""
    chance = random.Random(seed)
    wrong, slowest = [], 0.0
    for _ in range(shots):
        method, path, payload, headers = shot(chance)
        headers = {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}
        started = time.perf_counter()
        reply = door(method, path, payload, **headers)
        slowest = max(slowest, time.perf_counter() - started)
        told = reply.status < 400 or method == "HEAD" or {"detail", "error"} <= set(reply.json)
        if reply.status >= 500 or not told or not reply.headers.get("x-trace-id"):
            wrong.append((method, path, payload, headers, reply.status))
    return wrong, slowest


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_requests_are_answered_in_our_own_words(either, seed):
    wrong, slowest = fire(either, seed, 1500)
    assert wrong == []
    assert slowest < 5


@pytest.mark.slow
def test_many_mutated_requests_leave_no_memory_behind(product, door):
    fire(door, 3, 3000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong, _ = fire(door, 4, 6000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert wrong == []
    assert grown < 60_000  # KiB; the readings that were kept are a part of it
