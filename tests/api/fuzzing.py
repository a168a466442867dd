"""Mutations for the fuzz: requests made from the document's own examples, with something wrong somewhere."""

import json
import random
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from api import openapi
from api.routes import discover

EDGES = [
    None,
    True,
    False,
    0,
    -1,
    1e308,
    -1e308,
    5e-324,
    2**63,
    -(2**63) - 1,
    10**30,
    "",
    " ",
    "x" * 3000,
    "\x00",
    "\ud800",
    "é",
    "../..",
    "NaN",
    "1",
    "bess01",
    "' OR 1=1--",
    "{{7*7}}",
    "<script>",
    "a\r\nb: c",
    "2026-01-24T12:05:00Z",
    "9999-12-31T23:59:59-14:00",
    "0000-00-00",
    [],
    [None],
    [[]],
    {},
    {"": None},
    {"soc": 1},
    float("nan"),
    float("-inf"),
]
WORDS = [
    "pack-fuzz",
    "soc,voltage",
    "soc",
    "cell_voltages",
    "raw",
    "1m",
    "1h",
    "1d",
    "mean",
    "last",
    "json",
    "csv",
    "arrow",
    "xlsx",
    "parquet",
    "active",
    "UTC",
    "bess01",
    "pack01",
    "VIN-DEMO-001",
    "site",
    "dreg",
    "voltage",
    "2026-01",
    "24h",
    "12",
    "Asia/Taipei",
    "../etc/passwd",
    "\x00",
    "%",
    "+",
    "1",
    "0",
    "-1",
    "1e9",
    "99999999999999999999",
    "253402300799999",
    "-62135596800000",
    "2026-01-24T12:00:00Z",
    "2026-01-25",
    "0001-01-01",
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-14:00",
    "é",
    "a" * 9000,
    "",
    ",",
    ",,,",
]
IDS = [
    "bess01",
    "pack01",
    "VIN-DEMO-001",
    "site",
    "1",
    "12",
    "rack01",
    "cmd_1",
    "admin",
    "%00",
    "%2e%2e",
    "a" * 300,
    "%F0%9F%9A%97",
    "x%20y",
    "-1",
    "0",
]
HEADERS = {
    "Content-Type": [
        "application/json",
        "application/x-ndjson",
        "text/plain",
        "application/json; charset=utf-16",
        ";",
        "é",
        "application/x-www-form-urlencoded",
    ],
    "Content-Encoding": ["gzip", "deflate", "identity", "br", ""],
    "Authorization": ["Bearer x", "Bearer", "Basic eDp5", "Token vd_0_1", "Bearer " + "a." * 2000],
    "X-API-Key": ["vd_0_1", "", "é"],
    "X-Kiosk-Link": ["a.b.c", ""],
    "Cookie": ["access_token_cookie=x", "=;=;", "a" * 4000],
    "X-CSRF-TOKEN": ["x"],
    "If-None-Match": ["*", "W/x", '"', "é"],
    "Range": ["bytes=0-", "bytes=9-1", "x"],
    "Last-Event-ID": ["0", "x", "9" * 40],
    "X-Trace-Id": ["trace_12345678", "x\ty", "é" * 9],
    "Accept": ["text/html", "*/*;q=nan", ",,,;;;", "text/html;q=-1"],
    "Origin": ["null", "https://x", "é"],
    "Accept-Encoding": ["br", "gzip;q=0", "*"],
}
LEFT_OUT = ("/stream", "/next", "/auth/logout", "/auth/password")
"""Paths that do not end by themselves, or would end the fuzz's own session."""
_JUNK = [b'"', b"[", b"{", b"\\", b"\x00", b"\xff", b"1e999", b"NaN", b"\n", b'"soc":1,', b",", b"=", b" ", b"\xe2\x80\xa8"]


class Shot(NamedTuple):
    """One request."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


def mutated(chance: random.Random, value: Any) -> Any:
    """`value` with one thing changed somewhere inside."""
    kind = chance.random()
    if isinstance(value, dict) and value and kind < 0.7:
        key = chance.choice(list(value))
        return value | {key: mutated(chance, value[key])}
    if isinstance(value, list) and value and kind < 0.7:
        place = chance.randrange(len(value))
        return [*value[:place], mutated(chance, value[place]), *value[place + 1 :]]
    if isinstance(value, dict) and kind < 0.85:
        return value | {chance.choice(["kind", "foo", "site_id", "timestamps", "device_id", "\ud800"]): chance.choice(EDGES)}
    return chance.choice(EDGES)


def torn(chance: random.Random, text: bytes) -> bytes:
    """The same bytes, sometimes with a few of them replaced, put in or cut off."""
    text = bytearray(text)
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        place = chance.randrange(len(text) + 1)
        match chance.randrange(3):
            case 0:
                text[place : place + chance.randrange(1, 4)] = bytes([chance.randrange(256)])
            case 1:
                text[place:place] = chance.choice(_JUNK)
            case _:
                del text[place : place + chance.randrange(1, 20)]
    return bytes(text)


def written(chance: random.Random, value: Any) -> bytes:
    """A JSON body, usually a little wrong, sometimes broken as text."""
    for _ in range(chance.randrange(4)):
        value = mutated(chance, value)
    return torn(chance, json.dumps(value).encode())


class Requests:
    """Requests to every operation of the document."""

    def __init__(self) -> None:
        document = openapi.document(discover())
        self._calls = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if not path.endswith(LEFT_OUT)
        ]

    @property
    def paths(self) -> set[str]:
        """What is asked, as the document writes it."""
        return {path for _, path, _ in self._calls}

    def shot(self, chance: random.Random, token: str = "") -> Shot:
        """The next one; some with a good token."""
        method, path, operation = chance.choice(self._calls)
        headers = {"Authorization": f"Bearer {token}"} if token and chance.random() < 0.8 else {}
        body = None
        if media := operation.get("requestBody", {}).get("content"):
            kind = chance.choice(list(media))
            body = self._body(chance, kind, media[kind].get("examples", {}).get("document", {}).get("value"))
            headers["Content-Type"] = kind
        for name in chance.sample(list(HEADERS), chance.choice([0, 0, 0, 0, 1, 2])):
            headers[name] = chance.choice(HEADERS[name])
        if method == "GET" and chance.random() < 0.1:
            method = chance.choice(["HEAD", "DELETE", "PATCH", "OPTIONS"])
        return Shot(method, self._address(chance, path, operation), body, headers)

    def _body(self, chance: random.Random, kind: str, example: Any) -> bytes:
        if kind == "application/json":
            return written(chance, example if example is not None else {})
        if kind == "application/x-www-form-urlencoded":
            fields = {name: chance.choice([value, chance.choice(WORDS)]) for name, value in (example or {}).items()}
            return torn(chance, "&".join(f"{name}={quote(str(value))}" for name, value in fields.items()).encode())
        text = example if isinstance(example, str) else json.dumps(example)
        return torn(chance, torn(chance, text.encode()))

    def _address(self, chance: random.Random, path: str, operation: Any) -> str:
        asked = []
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", chance.choice(IDS))
            elif parameter["required"] or chance.random() < 0.6:
                asked.append(f"{parameter['name']}={quote(self._word(chance, parameter['schema']))}")
        return f"{path}?{'&'.join(asked)}" if asked else path

    def _word(self, chance: random.Random, schema: Any) -> str:
        likely = [*schema.get("enum", []), *schema.get("examples", []), *([schema["default"]] if "default" in schema else [])]
        return str(chance.choice(likely)) if likely and chance.random() < 0.6 else chance.choice(WORDS)


RECORD = struct.pack("<ffff", 12.5, 355.25, 50.0, 25.5)
PERFORMANCE = {
    "timestamp": 1640995200.0,
    "pack_voltage": 355.2,
    "pack_current": 50.0,
    "cell_temp": 25.5,
    "capacity_remaining": 85.5,
    "cycle_count": 150,
    "age_months": 6.2,
    "health_score": 92.3,
}
TELEMETRY = {
    "schema_version": "1.0",
    "timestamp": "2024-01-15T14:30:15.123Z",
    "sequence_number": 12345,
    "device_info": {"device_id": "pack-fuzz", "site_id": "site", "firmware_version": "1.2.3"},
    "measurements": {
        "pack": {"voltage": 400.5, "current": -25.3, "soc": 67.5},
        "cells": {"voltages": [3.45, 3.46], "temperatures": [23.1]},
    },
    "status": {"operational_state": "charging"},
    "alarms": {"flags": ["high_temp_warning"], "details": [{"code": "T", "severity": "warning"}]},
}
FRAMES = [
    {"type": "subscribe", "topic": "telemetry", "filters": {"device_ids": ["pack-fuzz"], "metrics": ["soc"], "sample_rate": "10Hz"}},
    {"type": "subscribe", "topic": "fleet_status", "filters": {"site_id": "site", "update_interval": "1s"}},
    {"type": "subscribe", "topic": "alerts", "filters": {"severity": ["critical"], "device_ids": ["pack-fuzz"]}},
    {"type": "subscribe", "topic": "panel:overview-tiles?", "filters": {}},
    {"type": "unsubscribe", "topic": "telemetry"},
    {"type": "action", "action_id": "acknowledge", "alert_id": "alert_1", "comment": "seen"},
    {"type": "action", "action_id": "reduce_power", "alert_id": "alert_1", "parameters": {"power_reduction_percent": 20}},
    {"type": "auth", "token": "x"},
    {"type": "ping"},
]
TOPICS = [
    "{root}/site/pack-fuzz/telemetry",
    "{root}/site/pack-fuzz/status",
    "{root}/site/pack-fuzz/responses",
    "{root}/devices/pack-fuzz/telemetry",
    "{root}/coordinator/status",
    "{root}/site/a b/telemetry",
    "{root}/x/y/z/telemetry",
    "{root}/devices//telemetry",
]


def records(chance: random.Random) -> bytes:
    """Some of the monitor's binary records."""
    return torn(chance, b"".join(bytes(chance.randbytes(16)) if chance.random() < 0.3 else RECORD for _ in range(chance.randrange(1, 6))))


def objects(chance: random.Random) -> bytes:
    """Some of the predictor's JSON objects, with or without lines between them."""
    return chance.choice([b"", b"\n", b"\r\n"]).join(written(chance, PERFORMANCE) for _ in range(chance.randrange(1, 4)))


def frames(chance: random.Random) -> Iterator[str | bytes]:
    """Messages of one WebSocket client."""
    for _ in range(chance.randrange(1, 12)):
        text = written(chance, chance.choice(FRAMES))
        yield text if chance.random() < 0.2 else text.decode("utf-8", "replace")


def published(chance: random.Random, root: str) -> tuple[str, bytes]:
    """An MQTT message: topic and payload."""
    return chance.choice(TOPICS).format(root=root), written(chance, TELEMETRY)
