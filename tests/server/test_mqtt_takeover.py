"""Two server processes on one database and one Redis: one holds the line to the broker, the other takes it over, and a command sent to
one wakes the device that waits at the other."""

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator

import psycopg
import pytest
import redis

from datastore.open import open_store
from plant.model import Device as Registered
from plant.model import Window
from tests.api.brokers import Device, mosquitto, until
from tests.api.conftest import Server, free_port
from tests.server.test_two_processes import POSTGRESQL, SERVE, missing

pytestmark = [pytest.mark.server, pytest.mark.slow]

REDIS_DB = 11
AT = 1_705_329_015_123
PACK = "battery_pack_001"
PASSWORD = "correct horse battery"


@pytest.fixture
def database() -> Iterator[str]:
    name = f"mqtt_{secrets.token_hex(4)}"
    try:
        server = psycopg.connect(POSTGRESQL, autocommit=True)
    except psycopg.OperationalError as error:
        missing(f"PostgreSQL is not there: {error}")
    with server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield POSTGRESQL.rpartition("/")[0] + f"/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def shared() -> Iterator[str]:
    url = f"redis://127.0.0.1:6379/{REDIS_DB}"
    with redis.Redis.from_url(url) as client:
        try:
            for key in client.scan_iter(f"voltdeck:{REDIS_DB}:lease:*"):
                client.delete(key)
        except redis.ConnectionError as error:
            missing(f"Redis is not there: {error}")
        yield url


def start(folder, **settings: str) -> Server:
    port = free_port()
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")} | {
        "PORT": str(port), "DATA_DIR": str(folder), "RATE_LIMIT": "0", "RATE_LIMIT_INGEST": "0", "LOG_LEVEL": "warning",
        "ADMIN_PASSWORD": PASSWORD, "STUDIES": "0", "PYTHONPATH": os.getcwd()} | settings  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Server(port, process)

    def ready() -> bool:
        try:
            return server.knock("GET", "/health/ready").status == 200
        except OSError:
            return False

    until(ready, 40)
    return server


def holds(server: Server) -> bool:
    return "voltdeck_mqtt_up 1.0" in server.knock("GET", "/metrics").body.decode()


def test_one_process_holds_the_line_and_another_takes_it_over_without_loss(tmp_path, database, shared):
    with mosquitto(tmp_path) as own:
        settings = {"DATABASE_URL": database, "REDIS_URL": shared, "MQTT_URL": own.url, "MQTT_TOPIC": "takeover"}
        servers = [start(tmp_path, **settings) for _ in range(2)]
        device = Device(own.port, f"takeover/site/{PACK}/commands")
        store = open_store(database, "UTC")
        try:
            until(lambda: any(map(holds, servers)))
            assert sum(map(holds, servers)) == 1
            holder = next(server for server in servers if holds(server))
            other = next(server for server in servers if server is not holder)
            for n in range(300):
                device.tell(f"takeover/site/{PACK}/telemetry", {"timestamp": AT + n, "measurements": {"soc": n % 100}}, wait=n % 50 == 49)
                if n == 120:
                    holder.process.kill()
            until(lambda: holds(other), 40)
            seen = Window(AT - 1, AT + 1000)
            until(lambda: len(store.telemetry.columns(PACK, "pack", ["soc"], seen).at) == 300, 40)
            assert store.telemetry.columns(PACK, "pack", ["soc"], seen).at.tolist() == [AT + n for n in range(300)]
        finally:
            for server in servers:
                server.process.kill()
                server.process.wait(20)
            device.close()
            store.close()


def test_a_command_sent_to_one_process_wakes_the_device_that_waits_at_the_other(tmp_path, database, shared):
    settings = {"DATABASE_URL": database, "REDIS_URL": shared}
    servers = [start(tmp_path, **settings) for _ in range(2)]
    store = open_store(database, "UTC")
    store.records.put_devices([Registered(PACK, "pack", site_id="site_001")])
    store.close()
    try:
        body = json.dumps({"username": "admin", "password": PASSWORD})
        token = servers[1].knock("POST", "/api/v1/auth/login/json", body, Content_Type="application/json").json["access_token"]
        got = []
        path = f"/api/v1/commands/{PACK}"
        until(
            lambda: all(server.knock("GET", path).status == 200 for server in servers)
        )  # what is registered elsewhere is seen within a second
        waiting = threading.Thread(target=lambda: got.append(servers[0].knock("GET", f"{path}/next?wait=18").json))
        waiting.start()
        order = json.dumps({"command_type": "request_status"})
        sent = servers[1].knock("POST", path, order, Content_Type="application/json", Authorization=f"Bearer {token}")
        assert sent.status == 202
        waiting.join(20)
        assert [answer["command"]["command_id"] for answer in got] == [sent.json["command_id"]]
        answer = f"{path}/{sent.json['command_id']}/response"
        assert servers[0].knock("POST", answer, '{"status": "completed"}', Content_Type="application/json").status == 200
        assert servers[1].knock("GET", f"{path}/{sent.json['command_id']}").json["status"] == "completed"
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait(20)
