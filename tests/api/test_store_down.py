"""The database of a running server goes away and comes back: what every door answers meanwhile, and that nothing acknowledged is lost."""

import http.client
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from datastore.spool import Spool
from plant.model import Block
from tests.api.conftest import Server, start_server, stop_server
from tests.datastore.outages import OUTAGES

T0 = 1_790_000_000_000
JSON = {"Content_Type": "application/json"}


@dataclass
class Plant:
    """A server on a database file that can be moved away."""

    server: Server
    folder: Path

    def take_away(self) -> None:
        for file in self.folder.glob("plant.db*"):
            if not file.name.endswith(".lock"):
                os.rename(file, file.with_name(f"away-{file.name}"))

    def give_back(self) -> None:
        for file in self.folder.glob("away-*"):
            os.rename(file, file.with_name(file.name.removeprefix("away-")))

    def get(self, path: str) -> tuple[int, Any]:
        reply = self.server.knock("GET", path)
        return reply.status, reply.json

    def send(self, at: int, soc: float = 50.0, device: str = "bess01") -> tuple[int, Any]:
        row = {"device_id": device, "timestamp": at, "kind": "bess", "values": {"soc": soc}}
        reply = self.server.knock("POST", "/api/v1/readings", json.dumps([row]), **JSON)
        return reply.status, reply.json

    def send_vehicle(self, path: str, at: int) -> tuple[int, Any]:
        reply = self.server.knock("POST", path, json.dumps([{"vin": "VIN-0001", "ts": at, "soc": 50.0}]), **JSON)
        return reply.status, reply.json

    def wait_for_spool(self) -> None:
        """The server has no event to give to another process: it is asked."""
        until = time.monotonic() + 60
        while self.get("/health/detailed")[1]["infrastructure"]["spool"]["readings"]:
            assert time.monotonic() < until
            time.sleep(0.1)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(start_server(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'plant.db'}"), tmp_path)
    yield made
    stop_server(made.server)


@pytest.mark.server
def test_ingest_is_accepted_everything_else_is_503_and_afterwards_all_is_there(plant):
    assert plant.send(T0) == (200, {"accepted": 1, "duplicates": 0, "rejected": []})
    plant.take_away()
    assert plant.send(T0 + 1000, 51.0) == (202, {"spooled": 1, "accepted": 0, "duplicates": 0, "rejected": []})
    for path in ("/api/telemetry", "/api/telemetry/ingest"):
        assert plant.send_vehicle(path, T0 + len(path)) == (202, {"spooled": 1, "inserted": 0})
    for path in (
        f"/api/v1/series?device=bess01&metric=soc&from={T0}&to={T0 + 60_000}",
        "/api/v1/devices/bess01/latest",
        "/api/vehicles/VIN-0001/latest",
        "/api/vehicles",
    ):
        reply = plant.server.knock("GET", path)
        assert (reply.status, reply.json["error"]["code"]) == (503, "UNAVAILABLE"), path
        assert int(reply.headers["retry-after"]) > 0
    plant.give_back()
    plant.wait_for_spool()
    status, found = plant.get(f"/api/v1/series?device=bess01&metric=soc&from={T0}&to={T0 + 60_000}&resolution=raw")
    assert (status, found["series"][0]["values"]) == (200, [50.0, 51.0])
    assert plant.get("/api/vehicles/VIN-0001/summary?from_ts=2020-01-01&to_ts=2030-01-01")[1]["samples"] == 2
    assert plant.send(T0 + 1000, 51.0) == (200, {"accepted": 0, "duplicates": 1, "rejected": []})


@pytest.mark.server
def test_messages_of_batteries_wait_on_disk_whole_and_as_readings(plant):
    message = {"timestamp": T0 / 1000, "pack_voltage": 355.2, "pack_current": 50.0, "cell_temp": 25.5, "source": "pack-7"}

    def send(volts: float, second: int) -> tuple[int, Any]:
        told = message | {"pack_voltage": volts, "timestamp": T0 / 1000 + second}
        reply = plant.server.knock("POST", "/api/battery-data", json.dumps(told), **JSON)
        return reply.status, reply.json

    assert send(355.0, 0)[0] == 200
    plant.take_away()
    for second in range(1, 6):
        assert send(355.0 + second, second) == (202, {"message": "Battery data waits on disk until the store answers", "spooled": 1})
    assert "voltdeck_spool_messages 5.0" in plant.server.knock("GET", "/metrics").body.decode()
    plant.give_back()
    plant.wait_for_spool()
    until = time.monotonic() + 60
    while len(found := plant.get("/api/battery-data/history")[1]) < 6:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert [one["pack_voltage"] for one in found] == [360.0, 359.0, 358.0, 357.0, 356.0, 355.0]
    kept = plant.get(f"/api/v1/series?device=pack-7&metric=voltage&from={T0}&to={T0 + 60_000}&resolution=raw")[1]
    assert kept["series"][0]["values"] == [355.0, 356.0, 357.0, 358.0, 359.0, 360.0]


@pytest.mark.server
def test_bad_rows_are_reported_beside_spooled_ones(plant):
    plant.send(T0)
    plant.take_away()
    rows = [{"device_id": "bess01", "timestamp": T0 + 1, "values": {name: 1.0}} for name in ("soc", "sock")]
    reply = plant.server.knock("POST", "/api/v1/readings", json.dumps(rows), **JSON)
    assert (reply.status, reply.json["spooled"], [row["index"] for row in reply.json["rejected"]]) == (202, 1, [1])
    assert plant.server.knock("POST", "/api/v1/readings", json.dumps(rows[1:]), **JSON).status == 422
    assert plant.server.knock("POST", "/api/telemetry", "[]", **JSON).status == 400
    dry = plant.server.knock("POST", "/api/v1/readings?dry_run=1", json.dumps(rows), **JSON)
    assert (dry.status, dry.json["accepted"]) == (200, 1)
    assert plant.get("/health/detailed")[1]["infrastructure"]["spool"]["readings"] == 1


@pytest.mark.server
def test_health_and_figures_name_the_database_and_the_spool_and_recover(plant):
    plant.send(T0)
    empty = plant.get("/health/detailed")[1]
    assert (empty["status"], empty["infrastructure"]["spool"]["status"]) == ("healthy", "empty")
    plant.take_away()
    for number in range(3):
        plant.send(T0 + number)
    assert plant.get("/health")[0] == 200
    assert plant.get("/health")[1]["database"] == "disconnected"
    status, ready = plant.get("/health/ready")
    assert (status, ready["status"]) == (503, "not ready")
    assert "plant.db is gone" in ready["reason"]
    status, detailed = plant.get("/health/detailed")
    assert (status, detailed["status"]) == (200, "degraded")
    assert detailed["infrastructure"]["databases"] == {"status": "unhealthy", "connections": {"main": False}}
    spool = detailed["infrastructure"]["spool"]
    assert (spool["status"], spool["readings"], spool["limit_bytes"]) == ("filling", 3, 512 << 20)
    assert 0 < spool["bytes"] < 1000
    assert 0 <= spool["oldest_age_s"] < 60
    assert detailed["message"].startswith("The database does not answer: ")
    assert detailed["message"].endswith("; 3 readings wait in the spool")
    assert plant.get("/api/health") == (503, {"status": "OK", "db": "DOWN"})
    assert plant.get("/api/v1/health")[1]["services"]["database"] == "unhealthy"
    figures = plant.server.knock("GET", "/metrics").body.decode()
    assert "voltdeck_spool_readings 3.0" in figures
    assert "voltdeck_spool_spooled_total 3.0" in figures
    plant.give_back()
    plant.wait_for_spool()
    assert plant.get("/health/detailed")[1]["status"] == "healthy"
    assert plant.get("/health/ready")[0] == 200
    figures = plant.server.knock("GET", "/metrics").body.decode()
    assert "voltdeck_spool_readings 0.0" in figures
    assert "voltdeck_spool_drained_total 3.0" in figures


@pytest.mark.server
def test_a_server_stopped_during_the_outage_drains_when_it_is_started_again(plant):
    plant.send(T0)
    plant.take_away()
    for number in range(1, 20):
        assert plant.send(T0 + number, float(number))[0] == 202
    stop_server(plant.server)
    plant.give_back()
    plant.server = start_server(plant.folder, DATABASE_URL=f"sqlite:///{plant.folder / 'plant.db'}")
    plant.wait_for_spool()
    found = plant.get(f"/api/v1/series?device=bess01&metric=soc&from={T0}&to={T0 + 60_000}&resolution=raw")[1]
    assert found["series"][0]["values"] == [50.0, *map(float, range(1, 20))]


@pytest.mark.server
def test_a_socket_hears_during_the_outage_what_is_spooled(plant):
    plant.send(T0)
    plant.take_away()
    with connect(f"ws://127.0.0.1:{plant.server.port}/ws/wall") as socket:
        socket.send(json.dumps({"type": "subscribe", "topic": "telemetry"}))
        assert json.loads(socket.recv(20))["type"] == "ack"
        assert plant.send(T0 + 5, 77.25)[0] == 202
        heard = socket.recv(20)
    assert "77.25" in heard


@pytest.mark.server
def test_an_event_stream_outlives_the_outage(plant):
    now = int(time.time() * 1000)
    plant.send(now - 1000, 1.25)
    connection = http.client.HTTPConnection("127.0.0.1", plant.server.port, timeout=30)
    connection.request("GET", "/bms/bess01/stream?interval=0.1")
    answer = connection.getresponse()

    def wait_for(text: bytes) -> None:
        while text not in (line := answer.readline()):
            assert line, "the stream ended"

    wait_for(b"1.25")
    plant.take_away()
    assert plant.send(now, 2.25)[0] == 202
    time.sleep(0.5)  # several rounds of the stream in which the store is silent; it has nothing to say then
    plant.give_back()
    wait_for(b"2.25")
    answer.close()
    connection.close()


@pytest.mark.server
def test_a_full_spool_answers_503_and_says_when_to_come_back(tmp_path):
    server = start_server(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'plant.db'}", SPOOL_MB="1")
    plant = Plant(server, tmp_path)
    try:
        plant.send(T0)
        plant.take_away()
        statuses = []
        for start in range(T0, T0 + 100_000, 5_000):
            instants = list(range(start, start + 5_000))
            columns = {"device_id": "bess01", "kind": "bess", "timestamps": instants, "values": {"soc": [50.5] * 5_000}}
            reply = server.knock("POST", "/api/v1/readings", json.dumps(columns), **JSON)
            statuses.append(reply.status)
        assert set(statuses) == {202, 503}
        assert statuses == sorted(statuses)
        assert "spool is full" in reply.json["error"]["message"]
        assert int(reply.headers["retry-after"]) > 0
        plant.give_back()
        plant.wait_for_spool()
        total = 5_000 * statuses.count(202)
        found = plant.get(f"/api/v1/series?device=bess01&metric=soc&from={T0}&to={T0 + 200_000}&resolution=raw")[1]
        assert len(found["series"][0]["values"]) == total
    finally:
        stop_server(server)


@pytest.mark.server
def test_without_a_spool_ingest_is_503(tmp_path):
    server = start_server(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'plant.db'}", SPOOL_MB="0")
    plant = Plant(server, tmp_path)
    try:
        plant.send(T0)
        plant.take_away()
        assert plant.send(T0 + 1)[0] == 503
        assert plant.get("/health/detailed")[1]["infrastructure"]["spool"] is None
    finally:
        stop_server(server)


def test_what_was_set_aside_can_be_sent_again_as_it_is(door, tmp_path):
    """The file that docs/operations.md says to correct and to send."""
    spool = Spool(tmp_path / "spool", 1 << 20)
    spool.refuse(
        Block("rack", ("soc", "cell_voltages"), [("r1", T0, T0 + 3, 0, 50.5, [3.3, None]), ("r1", T0 + 1, T0, 0, None, [3.2])]),
        "no such device",
    )
    (file,) = tmp_path.glob("spool/*/readings.refused")
    reply = door("POST", "/api/v1/readings", file.read_bytes(), Content_Type="application/x-ndjson")
    assert (reply.status, reply.json) == (200, {"accepted": 2, "duplicates": 0, "rejected": []})
    assert door("GET", "/api/v1/devices/r1/latest").json["values"] == {"soc": 50.5, "cell_voltages": [3.2]}
    spool.close()


@pytest.mark.server
def test_on_a_server_that_was_killed_senders_with_a_token_go_on_and_nobody_else_gets_in(tmp_path):
    """Protected mode: whose token it is stands in the database that is gone."""
    with OUTAGES["postgresql killed"](tmp_path) as outage:
        server = start_server(tmp_path, DATABASE_URL=outage.url, AUTH_MODE="protected", AUTO_REGISTER="1", RATE_LIMIT="0")
        try:
            login = server.knock(
                "POST", "/api/v1/auth/login/json", json.dumps({"username": "admin", "password": "correct horse battery"}), **JSON
            )
            token = {"Authorization": f"Bearer {login.json['access_token']}", **JSON}
            other = {"Authorization": f"Bearer {login.json['refresh_token']}", **JSON}

            def send(at: int, **headers: str) -> tuple[int, Any]:
                row = {"device_id": "bess01", "timestamp": at, "kind": "bess", "values": {"soc": 50.0}}
                reply = server.knock("POST", "/api/v1/readings", json.dumps([row]), **headers)
                return reply.status, reply.json

            assert send(T0, **token)[0] == 200
            outage.begin()
            for number in range(1, 6):
                assert send(T0 + number, **token) == (202, {"spooled": 1, "accepted": 0, "duplicates": 0, "rejected": []})
            assert send(T0 + 9, **other)[0] == 401
            assert send(T0 + 9, **JSON)[0] == 401
            assert server.knock("GET", "/api/v1/devices/bess01/latest", **token).status == 503
            assert server.knock("GET", "/health/ready").status == 503
            outage.end()
            Plant(server, tmp_path).wait_for_spool()
            found = server.knock("GET", f"/api/v1/series?device=bess01&metric=soc&from={T0}&to={T0 + 60_000}&resolution=raw", **token)
            assert found.json["series"][0]["timestamps"] == [T0 + number for number in range(6)]
        finally:
            stop_server(server)
