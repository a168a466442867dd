"""The typed client is what the declarations say, type-checks, and speaks to a real server."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import client as generator
from tests.api.conftest import Server

ROOT = Path(generator.__file__).parents[1]


@pytest.fixture(scope="module")
def voltdeck_client():
    """The file as a user has it: loaded from its place, beside nothing."""
    spec = importlib.util.spec_from_file_location("voltdeck_client", generator.TARGET)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["voltdeck_client"] = module
    spec.loader.exec_module(module)
    return module


def test_the_client_is_what_the_declarations_say():
    assert generator.TARGET.read_text(encoding="utf-8") == generator.client(), "run python scripts/client.py"


@pytest.mark.slow
def test_the_client_and_its_use_are_typed(tmp_path):
    use = tmp_path / "use.py"
    use.write_text(
        "from voltdeck_client import Client\n"
        "plant = Client()\n"
        "soc: float | None = plant.get_api_vehicles_vin_latest('VIN-DEMO-001')['soc']\n"
        "plant.get_api_vehicles_vin_latest(7)\n"
    )
    env = {"MYPYPATH": str(generator.TARGET.parent), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(use)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100)
    assert 'error: Argument 1 to "get_api_vehicles_vin_latest" of "Client" has incompatible type "int"' in done.stdout
    assert "Found 1 error in 1 file" in done.stdout, done.stdout


def test_it_speaks_to_each_family(server: Server, voltdeck_client):
    plant = voltdeck_client.Client(f"http://127.0.0.1:{server.port}")
    sample = {"vin": "VIN-CLIENT-1", "ts": "2026-01-24T12:10:00Z", "soc": 35.5, "pack_voltage": 315.0, "pack_current": 70.0}
    assert plant.post_api_telemetry([sample]) == {"inserted": 1}
    assert plant.get_api_vehicles_vin_latest("VIN-CLIENT-1")["power_kw"] == 22.05
    sent = plant.post_api_v1_readings([{"device_id": "pack-1", "timestamp": "2026-01-24T12:05:00Z", "values": {"soc": 67.5}}])
    assert sent["accepted"] == 1
    asked = {"device": "pack-1", "metric": "soc", "from_": "2026-01-24T12:00:00Z", "to": "2026-01-24T13:00:00Z", "resolution": "raw"}
    assert plant.get_api_v1_series(**asked)["series"][0]["values"] == [67.5]
    assert b"67.5" in plant.get_api_v1_series_file(**asked, format="csv")
    assert plant.get_health()["status"] == "healthy"
    assert plant.get_api_v1_bess_bess_number(1)["table_head"][0] == "Rack 01"


def test_what_the_server_refuses_says_why(server: Server, voltdeck_client):
    plant = voltdeck_client.Client(f"http://127.0.0.1:{server.port}")
    with pytest.raises(voltdeck_client.Refused) as refused:
        plant.get_api_vehicles_vin_latest("VIN-NOBODY")
    assert (refused.value.status, refused.value.code) == (404, "DEVICE_NOT_FOUND")
    assert refused.value.trace_id


def test_a_login_makes_a_client_that_may(server: Server, voltdeck_client):
    where = f"http://127.0.0.1:{server.port}"
    tokens = voltdeck_client.Client(where).post_api_v1_auth_login({"username": "admin", "password": "correct horse battery"})
    assert voltdeck_client.Client(where, tokens["access_token"]).get_api_v1_auth_me()["username"] == "admin"


def test_streams_are_read_event_by_event(server: Server, voltdeck_client):
    plant = voltdeck_client.Client(f"http://127.0.0.1:{server.port}", timeout=20)
    plant.post_api_v1_readings([{"device_id": "pack-stream", "timestamp": "2026-01-24T12:05:00Z", "values": {"soc": 41.5}, "kind": "pack"}])
    event = next(plant.get_bms_device_id_stream("pack-stream", interval=0.1))
    assert event["soc"] == 41.5


def test_a_number_that_is_none_never_leaves(server: Server, voltdeck_client):
    with pytest.raises(ValueError, match="JSON"):
        voltdeck_client.Client(f"http://127.0.0.1:{server.port}").post_api_telemetry([{"vin": "VIN-1", "soc": float("nan")}])
