"""Answers somebody has already are not sent again; pages of other origins may ask; what the server measures of itself is there."""

import json
import re

import pytest

AT = 1_769_256_300_000


@pytest.mark.parametrize(
    "path", ["/api/v1/metrics/catalogue", "/openapi.json", "/api/v1/series?device=bess01&metric=soc&from=2026-01-24&to=2026-01-25"]
)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
def test_who_has_an_answer_already_is_told_so(either, path, encoding):
    row = {"device_id": "bess01", "timestamp": AT, "kind": "bess", "values": {"soc": 50.0}}
    either("POST", "/api/v1/readings", json.dumps([row]), Content_Type="application/json")
    first = either("GET", path, Accept_Encoding=encoding)
    tag = first.headers["etag"]
    again = either("GET", path, Accept_Encoding=encoding, If_None_Match=f'"other", {tag}')
    assert (first.status, again.status, again.body) == (200, 304, b"")
    assert again.headers["etag"] == tag and "x-trace-id" in again.headers
    assert either("GET", path, If_None_Match='"other"').status == 200


def test_another_answer_has_another_tag(door):
    path = "/api/v1/series?device=bess01&metric=soc&from=2026-01-24&to=2026-01-25"
    tags = []
    for value in (50.0, 51.0):
        row = {"device_id": "bess01", "timestamp": AT, "kind": "bess", "values": {"soc": value}}
        door("POST", "/api/v1/readings", json.dumps([row]), Content_Type="application/json")
        tags.append(door("GET", path).headers["etag"])
        assert door("GET", path, If_None_Match=tags[0]).status == (304 if len(tags) == 1 else 200)
    assert tags[0] != tags[1]


@pytest.mark.parametrize("path", ["/api/v1/readings", "/api/v1/alarms/1/ack", "/grafana/query", "/write", "/api/v1/exports/x"])
def test_a_preflight_is_answered_before_anybody_logs_in(either, path):
    reply = either(
        "OPTIONS", path, Origin="https://hmi.example", Access_Control_Request_Method="POST", Access_Control_Request_Headers="authorization"
    )
    assert reply.status in (200, 204)
    assert reply.headers["access-control-allow-origin"] in ("*", "https://hmi.example")
    assert reply.headers["access-control-allow-headers"] == "authorization"


def figures(door) -> dict[str, float]:
    found = {}
    for line in door("GET", "/metrics").body.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_the_figures_count_what_happened(door):
    now = [{"device_id": "bess01", "timestamp": AT, "kind": "bess", "values": {"soc": 50.0}}]
    bad = [
        *now,
        {"device_id": "bess01", "timestamp": "soon", "values": {"soc": 1}},
        {"device_id": "x", "timestamp": AT, "values": {"joy": 1}},
    ]
    door("POST", "/api/v1/readings", json.dumps(bad), Content_Type="application/json")
    door("POST", "/write", "cpu,host=edge usage=1\nbattery,device=bess02 soc=7")
    seen = figures(door)
    assert seen["voltdeck_ingest_rows_total"] == 2
    assert seen['voltdeck_ingest_refused_total{route="/api/v1/readings"}'] == 2
    assert seen['voltdeck_foreign_points_total{door="influx"}'] == 2 and seen['voltdeck_foreign_unmapped_total{door="influx"}'] == 1
    assert seen['voltdeck_store_up{part="telemetry"}'] == seen['voltdeck_store_up{part="records"}'] == 1
    assert seen['voltdeck_store_seconds{part="records"}'] >= 0
    assert seen["voltdeck_ingest_lag_seconds_count"] == 2
    assert 0 <= seen["voltdeck_ingest_silence_seconds"] < 60
    assert seen['voltdeck_http_seconds_count{route="/write"}'] == 1


@pytest.mark.parametrize(
    "what",
    ["http_seconds_bucket", "stream_clients", "spool_readings", "commit_seconds", "ingest_queue", "ingest_duplicates", "ingest_commits"],
)
def test_every_figure_of_the_contract_is_there(door, what):
    door("GET", "/health")
    text = door("GET", "/metrics").body.decode()
    assert re.search(rf"^(# TYPE )?voltdeck_{what}", text, re.MULTILINE)
    assert re.search("^process_resident_memory_bytes", text, re.MULTILINE)
