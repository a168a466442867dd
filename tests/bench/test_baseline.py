"""The yardstick answers as its document says, so that beating it means something."""

import json
import socket
import sqlite3
from pathlib import Path

import pytest

from bench import servers

FIELDS = ("vin", "ts", "soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")
SAMPLES = [
    dict(zip(FIELDS, ("VIN-DEMO-001", "2026-01-24T12:05:00Z", 18.0, 92.0, 310.1, 95.0, 52.0, 33.0, 1201.2), strict=True)),
    dict(zip(FIELDS, ("VIN-DEMO-001", "2026-01-24T12:10:00Z", 35.5, 92.0, 315.0, 70.0, 32.0, 24.0, 1201.8), strict=True)),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.server
@pytest.mark.parametrize("bulk", ["0", "1"])
def test_the_documents_example_on_durable_sqlite(tmp_path: Path, bulk: str) -> None:
    with servers.baseline(tmp_path, port=free_port(), ORM_BULK=bulk) as server:
        assert server.post("/api/telemetry", json.dumps(SAMPLES).encode()) == (200, b'{"inserted":2}')
        latest = json.loads(server.get("/api/vehicles/VIN-DEMO-001/latest")[1])
        assert (latest["power_kw"], latest["alerts"]) == (22.05, [])
        window = "from_ts=2026-01-24T11:59:00Z&to_ts=2026-01-24T12:10:00Z"
        summary = json.loads(server.get(f"/api/vehicles/VIN-DEMO-001/summary?{window}")[1])
        assert [summary[name] for name in ("samples", "soc_min", "soc_max", "temp_max", "temp_min")] == [2, 18.0, 35.5, 52.0, 24.0]
        assert server.post("/api/telemetry", b"[]")[0] == 400
        assert server.post("/api/telemetry", json.dumps(SAMPLES[:1]).encode())[0] == 409
        assert server.get("/api/vehicles/VIN-NOBODY/latest")[0] == 404
        assert server.stored() == 2
        connection = sqlite3.connect(server.database)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()
