"""What the service says of itself, its errors, its limits, its doors when protected."""

import json

import pytest

from api.routes.vehicles import BATCH_EXAMPLE
from services.config import Config
from tests.api.conftest import flask_door, make, start_server, stop_server

NOON = 1_769_256_300_000
ENVELOPE = {"code", "message", "details", "timestamp", "trace_id", "documentation_url"}


def test_the_root_has_two_faces(door):
    info = door("GET", "/", Accept="application/json").json
    assert {"service", "version", "docs", "status", "endpoints"} <= set(info)
    assert info["docs"] == "/docs"
    assert "POST /api/telemetry" in info["endpoints"] and "GET /bms/{device_id}/stream" in info["endpoints"]
    assert door("GET", "/").json["service"] == info["service"]
    page = door("GET", "/", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")


def test_health_in_the_shapes_of_all_documents(door):
    health = door("GET", "/health").json
    assert (health["status"], health["database"]) == ("healthy", "connected") and {"service", "version", "timestamp"} <= set(health)
    assert door("GET", "/health/live").json == {"status": "alive"}
    assert door("GET", "/health/ready").json == {"status": "ready"}
    assert door("GET", "/api/health").body == b'{"status":"OK","db":"OK"}'
    detailed = door("GET", "/health/detailed").json
    assert detailed["infrastructure"]["databases"] == {"status": "healthy", "connections": {"main": True}}
    assert detailed["message"] == "All systems operational"


def test_a_store_that_is_down_is_named(product, door, monkeypatch):
    from plant.errors import Unavailable

    def down():
        raise Unavailable("the disk is gone")

    monkeypatch.setattr(product.store.records, "ping", down)
    assert (door("GET", "/health").status, door("GET", "/health").json["database"]) == (200, "disconnected")
    ready = door("GET", "/health/ready")
    assert (ready.status, ready.json) == (503, {"status": "not ready", "reason": "the disk is gone"})
    assert ready.headers["retry-after"]
    assert (door("GET", "/api/health").status, door("GET", "/api/health").json) == (503, {"status": "OK", "db": "DOWN"})
    assert door("GET", "/health/detailed").json["status"] == "degraded"
    assert door("GET", "/api/v1/health").json["status"] == "unhealthy"


def test_the_figures_of_v1_health_are_measured(tmp_path):
    now = [NOON]
    product = make(Config(database_url="memory://", data_dir=tmp_path), lambda: now[0])
    door = flask_door(product)
    now[0] += 10_000
    row = [{"device_id": "pack01", "timestamp": now[0], "values": {"soc": 50.0}}] * 20
    door("POST", "/api/v1/readings", json.dumps(row), Content_Type="application/json")
    figures = door("GET", "/api/v1/health").json
    assert figures["uptime_seconds"] == 10.0
    assert figures["metrics"]["messages_per_second"] == 2.0  # 20 rows in 10 s
    assert figures["metrics"]["active_devices"] == 1
    assert figures["metrics"]["error_rate"] == 0.0
    assert figures["metrics"]["response_time_ms"] > 0
    now[0] += 120_000
    later = door("GET", "/api/v1/health").json["metrics"]
    assert (later["active_devices"], later["messages_per_second"]) == (0, 0.0)
    product.store.close()


def test_prometheus_counts_readings_and_requests(door):
    door("POST", "/api/telemetry", json.dumps(BATCH_EXAMPLE), Content_Type="application/json")
    text = door("GET", "/metrics").body.decode()
    assert "voltdeck_ingest_rows_total 2.0" in text
    assert 'voltdeck_http_requests_total{method="POST",route="/api/telemetry",status="200"} 1.0' in text
    assert 'voltdeck_http_seconds_bucket{le="0.001",route="/api/telemetry"}' in text


@pytest.mark.parametrize(
    "path", ["/api/typo", "/api", "/api/v1/", "/bms/x/y/z", "/pcs/a/b/c", "/bess/a/b/c", "/health/typo", "/docs/typo", "/ws/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
def test_an_unknown_path_of_the_machines_is_a_json_404(door, method, path):
    reply = door(method, path, Accept="text/html")
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/json"
    assert isinstance(reply.json["detail"], str) and set(reply.json["error"]) == ENVELOPE
    assert reply.json["error"]["documentation_url"] == "/docs/errors#not-found"


def test_a_wrong_method_names_the_right_ones(door):
    reply = door("DELETE", "/api/vehicles")
    assert (reply.status, reply.json["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in reply.headers["allow"]
    assert (
        door("GET", "/api/telemetry").headers["allow"].startswith("OPTIONS, POST")
        or "POST" in door("GET", "/api/telemetry").headers["allow"]
    )


def test_a_preflight_is_answered(door):
    reply = door("OPTIONS", "/api/telemetry", Origin="http://hmi.local", Access_Control_Request_Method="POST",
                 Access_Control_Request_Headers="content-type")  # fmt: skip
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert (reply.headers["access-control-allow-methods"], reply.headers["access-control-allow-headers"]) == ("POST", "content-type")


def test_only_listed_origins_may_read_when_there_is_a_list(tmp_path):
    product = make(Config(database_url="memory://", data_dir=tmp_path, cors_origins=("https://hmi.example",)))
    door = flask_door(product)
    assert door("GET", "/api/health", Origin="https://hmi.example").headers["access-control-allow-origin"] == "https://hmi.example"
    assert "access-control-allow-origin" not in door("GET", "/api/health", Origin="https://evil.example").headers
    product.store.close()


def test_an_error_nobody_foresaw_is_a_500_without_a_traceback(product, door, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("secret inner workings")

    monkeypatch.setattr(product.store.telemetry, "latest", broken)
    reply = door("GET", "/api/vehicles/VIN-DEMO-001/latest")
    assert (reply.status, reply.json["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert b"secret" not in reply.body and b"Traceback" not in reply.body
    assert reply.headers["x-trace-id"] in caplog.text


# limits


def test_quotas_are_counted_shown_and_enforced(tmp_path):
    now = [NOON]
    product = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=2, rate_limit_ingest=3), lambda: now[0])
    door = flask_door(product)
    left = [door("GET", "/api/vehicles").headers["x-ratelimit-remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    reply = door("GET", "/api/vehicles")
    assert reply.status == 429
    # 12:05:00 is the first instant of its minute, so the window ends 60 s later
    assert reply.json["error"]["details"]["rate_limit"] == {
        "limit": 2, "remaining": 0, "reset_time": "2026-01-24T12:06:00Z", "window_seconds": 60,
    }  # fmt: skip
    assert (reply.headers["retry-after"], reply.headers["x-ratelimit-reset"]) == ("60", str(NOON // 1000 + 60))
    assert door("POST", "/api/telemetry", "[]", Content_Type="application/json").headers["x-ratelimit-limit"] == "3"
    assert door("GET", "/health").status == 200  # probes are never limited
    now[0] += 60_000
    assert door("GET", "/api/vehicles").status == 200
    product.store.close()


@pytest.mark.server
def test_the_native_door_has_the_same_quota(tmp_path):
    running = start_server(tmp_path, RATE_LIMIT_INGEST="2")
    try:
        replies = [running.knock("POST", "/api/telemetry", "[]", Content_Type="application/json") for _ in range(5)]
        refused = [reply for reply in replies if reply.status == 429]
        assert refused and refused[0].headers["x-ratelimit-remaining"] == "0"
        assert int(refused[0].headers["retry-after"]) <= 60
        assert refused[0].json["error"]["details"]["rate_limit"]["limit"] == 2
        assert refused[0].json["rate_limit"] == refused[0].json["error"]["details"]["rate_limit"]
    finally:
        stop_server(running)


# protected


@pytest.mark.server
def test_a_protected_server_asks_for_a_token_at_every_door(tmp_path):
    running = start_server(tmp_path, AUTH_MODE="protected", AUTO_REGISTER="1")
    try:
        body = json.dumps(BATCH_EXAMPLE)
        strangers = [
            running.knock("POST", "/api/telemetry", body, Content_Type="application/json"),
            running.knock("POST", "/api/telemetry", body, Content_Type="application/json", Authorization="Bearer nonsense"),
            running.knock("GET", "/api/vehicles"),
            running.knock("GET", "/bms/bess01/stream"),
        ]
        assert [reply.status for reply in strangers] == [401] * 4
        assert all(reply.headers["www-authenticate"] == "Bearer" for reply in strangers)
        assert running.knock("GET", "/health").status == 200
        login = running.knock("POST", "/api/v1/auth/login/json", json.dumps({"username": "admin", "password": "correct horse battery"}),
                              Content_Type="application/json")  # fmt: skip
        token = f"Bearer {login.json['access_token']}"
        assert running.knock("POST", "/api/telemetry", body, Content_Type="application/json", Authorization=token).json == {"inserted": 2}
        assert running.knock("GET", "/api/vehicles", Authorization=token).status == 200
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import connect

        with pytest.raises(InvalidStatus):
            connect(f"ws://127.0.0.1:{running.port}/ws/stranger")
        with connect(f"ws://127.0.0.1:{running.port}/ws/friend", additional_headers={"Authorization": token}) as ws:
            ws.send('{"type":"ping"}')
            assert json.loads(ws.recv(timeout=5)) == {"type": "pong"}
    finally:
        stop_server(running)


# documents


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/errors"])
def test_documentation_pages_come_from_this_host_alone(door, path):
    page = door("GET", path)
    text = page.body.decode()
    assert page.status == 200 and "http://" not in text and "https://" not in text
    policy = page.headers["content-security-policy"]
    assert "unsafe-eval" not in policy and "script-src 'self';" in policy
    assert "<script>" not in text
    for name in [part.split('"')[0] for part in text.split('="/docs/assets/')[1:]]:
        assert door("GET", f"/docs/assets/{name}").status == 200
    assert door("GET", "/docs/assets/../../app.py").status == 404
