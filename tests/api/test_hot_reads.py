"""Reads that the event loop answers, past Flask: the same answer at both doors, with the same guard, limits and headers."""

import asyncio

import orjson
import pytest

from api.routes import discover
from services.config import Config
from tests.api.conftest import make

SAMPLE = {"vin": "VIN-DEMO-001", "ts": "2026-01-24T12:10:00Z", "soc": 35.5, "soh": 92.0, "pack_voltage": 315.0, "pack_current": 70.0,
          "max_temp": 32.0, "min_temp": 24.0, "odo_km": 1201.8}  # fmt: skip
HOT = [op for op in discover() if getattr(op, "hot", False)]


@pytest.fixture
def product(tmp_path):
    made = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=3))
    made.flask.test_client().post("/api/telemetry", json=[SAMPLE])
    yield made
    made.store.close()


def native(product, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], dict]:
    """Status, headers and body as the ASGI application answers a GET."""

    async def call():
        said: list = []
        raw, _, query = path.partition("?")
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": raw, "raw_path": raw.encode(),
                 "query_string": query.encode(), "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("x", 80),
                 "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()]}  # fmt: skip

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            said.append(message)

        await product.asgi(scope, receive, send)
        return said

    start, body = asyncio.run(call())
    return start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, orjson.loads(body["body"])


ASKED = ["/api/vehicles/VIN-DEMO-001/latest", "/api/telemetry/latest?vin=VIN-DEMO-001", "/api/v1/devices/VIN-DEMO-001/latest?kind=vehicle",
         "/api/vehicles/VIN-NOBODY/latest", "/api/telemetry/latest", "/api/v1/devices/VIN-DEMO-001/latest?kind=pack"]  # fmt: skip


@pytest.mark.parametrize("path", ASKED)
def test_both_doors_give_one_answer(product, path):
    fixed = {"X-Trace-Id": "trace_of_this_test"}
    beside = product.flask.test_client().get(path, headers=fixed)
    status, headers, body = native(product, path, {"x-trace-id": "trace_of_this_test"})
    told = beside.get_json()
    for one in (body, told):
        one.pop("age_s", None)
        one.get("error", {}).pop("timestamp", None)
    assert (status, body) == (beside.status_code, told)
    assert headers["x-trace-id"] == "trace_of_this_test"
    assert headers["content-type"] == beside.headers["Content-Type"]


def test_the_quota_counts_both_doors_together(product):
    client = product.flask.test_client()
    path = "/api/vehicles/VIN-DEMO-001/latest"
    left = [client.get(path).headers["X-RateLimit-Remaining"], native(product, path)[1]["x-ratelimit-remaining"]]
    assert left == ["2", "1"]
    assert [native(product, path)[0], native(product, path)[0]] == [200, 429]


def test_the_guard_stands_before_them(tmp_path):
    product = make(Config(database_url="memory://", data_dir=tmp_path, auth_mode="protected"))
    assert [native(product, op.path.replace("{", "").replace("}", ""))[0] for op in HOT] == [401] * len(HOT)
    product.store.close()


def test_only_reads_without_a_body_are_hot():
    assert HOT
    assert [op.name for op in HOT if op.method != "GET" or op.body is not None] == []
