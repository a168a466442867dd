"""`scripts/demo.sh` shows what the S4 document shows, on a real server."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.api.conftest import free_port, start_server, stop_server

SCRIPT = Path(__file__).parents[2] / "scripts" / "demo.sh"
pytestmark = pytest.mark.server


def run(port: int, **env: str) -> subprocess.CompletedProcess[str]:
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(["bash", str(SCRIPT)], env=path | {"BASE_URL": f"http://127.0.0.1:{port}"} | env, capture_output=True, text=True,
                          timeout=60)  # fmt: skip


def answers(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_it_shows_the_answers_of_the_document(tmp_path):
    server = start_server(tmp_path)
    try:
        done = run(server.port)
        again = run(server.port)
    finally:
        stop_server(server)
    assert done.returncode == 0, done.stderr
    health, inserted, latest, summary = answers(done.stdout)
    assert health == {"status": "OK", "db": "OK"}
    assert inserted == {"inserted": 2}
    assert latest == {"vin": "VIN-DEMO-001", "ts": "2026-01-24T12:10:00Z", "soc": 35.5, "soh": 92.0, "pack_voltage": 315.0,
                      "pack_current": 70.0, "power_kw": 22.05, "max_temp": 32.0, "min_temp": 24.0, "odo_km": 1201.8,
                      "alerts": []}  # fmt: skip
    assert summary == {"vin": "VIN-DEMO-001", "from_ts": "2026-01-24T11:59:00Z", "to_ts": "2026-01-24T12:10:00Z", "samples": 2,
                       "soc_min": 18.0, "soc_max": 35.5, "temp_max": 52.0, "temp_min": 24.0}  # fmt: skip
    assert answers(again.stdout)[1] == {"inserted": 0, "duplicates": 2}


def test_it_says_so_when_nobody_answers():
    done = run(free_port(), WAIT_S="1")
    assert done.returncode == 1
    assert "did not become healthy within 1 s" in done.stderr


def test_it_carries_a_token_into_a_protected_server(tmp_path):
    server = start_server(tmp_path, AUTH_MODE="protected", AUTO_REGISTER="1")
    try:
        refused = run(server.port)
        login = server.knock("POST", "/api/v1/auth/login/json", '{"username": "admin", "password": "correct horse battery"}',
                             Content_Type="application/json")  # fmt: skip
        done = run(server.port, TOKEN=json.loads(login.body)["access_token"])
    finally:
        stop_server(server)
    assert refused.returncode != 0
    assert done.returncode == 0, done.stdout + done.stderr
    assert answers(done.stdout)[1] == {"inserted": 2}

