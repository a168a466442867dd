"""Seeded fuzz of all doors: HTTP of every family, WebSocket, TCP, MQTT. Never a 5xx, a hang or growth; an error is always our body.

A real server gets 10,000 of them, by every door; `FUZZ=100000 pytest tests/api/test_fuzz.py` sends as many as that."""

import contextlib
import http.client
import json
import os
import random
import secrets
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.api import fuzzing
from tests.api.brokers import Device, mosquitto, until
from tests.api.conftest import Reply, free_port, start_server, stop_server

FULL = int(os.environ.get("FUZZ", "10000"))
PATIENCE_S = 10.0
"""No answer may take longer."""
PASSWORD = "correct horse battery"
GROWTH = 40_000
"""KiB that the server may grow by while it is sent mutated requests: what it keeps of them is a part of it."""


def fault(shot, reply):
    """What is wrong with an answer; None when nothing is."""
    if reply.status >= 500:
        return f"{reply.status} {reply.body[:300]!r}"
    if not reply.headers.get("x-trace-id"):
        return "no trace id"
    is_error = reply.status >= 400 and shot.method != "HEAD"
    return "not our error body" if is_error and not {"detail", "error"} <= set(reply.json) else None


def sent(headers):
    """Headers as a client that knows no better puts UTF-8 on the wire."""
    return {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}


def test_every_operation_is_among_those_that_are_asked():
    asked, made = set(), fuzzing.Requests()
    chance = random.Random(0)
    for _ in range(5000):
        asked.add(made.shot(chance).path.partition("?")[0].split("/")[1])
    assert (
        asked
        == {path.split("/")[1] for path in made.paths}
        >= {"api", "bms", "pcs", "bess", "write", "grafana", "devices", "fleet", "simulate"}
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_requests_are_answered_in_our_own_words(either, seed):
    chance, made = random.Random(seed), fuzzing.Requests()
    for _ in range(700):
        shot = made.shot(chance)
        started = time.perf_counter()
        reply = either(shot.method, shot.path, shot.body, **{name.replace("-", "_"): value for name, value in sent(shot.headers).items()})
        assert fault(shot, reply) is None, (shot, fault(shot, reply))
        assert time.perf_counter() - started < PATIENCE_S, shot


class Attacker:
    """Knows all doors of one server process and knocks at any of them."""

    def __init__(self, server, broker, ports, root, seed):
        self.server, self.ports, self.root = server, ports, root
        self.chance, self.requests = random.Random(seed), fuzzing.Requests()
        self.device = Device(broker, f"{root}/#", name=f"fuzz-{root}")
        self.line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        self.wrong: list[Any] = []
        self.seen: Counter[int] = Counter()
        login = {"username": "admin", "password": PASSWORD}
        reply = server.knock("POST", "/api/v1/auth/login/json", json.dumps(login), Content_Type="application/json")
        self.token = reply.json["access_token"]

    def close(self):
        self.line.close()
        self.device.close()

    def attack(self, shots):
        """Two thirds by HTTP, the rest by the other doors."""
        while shots > 0:
            door = self.chance.choices([self.http, self.socket, self.monitor, self.predictor, self.mqtt], [66, 10, 7, 7, 10])[0]
            shots -= door()

    def http(self):
        shot = self.requests.shot(self.chance, self.token)
        if "/users/admin" in shot.path:  # it may shut out, but not the attacker
            return 0
        try:
            self.line.request(
                shot.method, shot.path, shot.body, {name: value.encode("latin-1") for name, value in sent(shot.headers).items()}
            )
            answer = self.line.getresponse()
            reply = Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:  # also a timeout: the server hangs
            self.wrong.append((shot, repr(error)))
            self.line.close()
            return 1
        self.seen[reply.status] += 1
        if why := fault(shot, reply):
            self.wrong.append((shot, why))
        return 1

    def socket(self):
        count = 0
        address = f"ws://127.0.0.1:{self.server.port}/ws/fuzz"
        with contextlib.suppress(WebSocketException, EOFError), connect(address, close_timeout=PATIENCE_S) as line:  # it may hang up
            for message in fuzzing.frames(self.chance):
                line.send(message)
                count += 1
            line.send('{"type": "ping"}')
            while json.loads(line.recv(PATIENCE_S)).get("type") != "pong":
                pass
        return max(count, 1)

    def monitor(self):
        return self._pour(self.ports[0], fuzzing.records(self.chance))

    def predictor(self):
        return self._pour(self.ports[1], fuzzing.objects(self.chance))

    def _pour(self, port, data):
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line:
            cut = self.chance.randrange(len(data) + 1)
            line.sendall(data[:cut])
            line.sendall(data[cut:])
        return 1

    def mqtt(self):
        topic, payload = fuzzing.published(self.chance, self.root)
        self.device.tell(topic, payload)
        return 1

    def resident(self):
        """KiB of the server process that are in memory."""
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def latest(self, device):
        reply = self.server.knock("GET", f"/api/v1/devices/{device}/latest")
        return reply.json["values"] if reply.status == 200 else {}

    def check_all_doors_work(self):
        """What is sent correctly now is kept and told as it was sent, by every door."""
        row = [{"device_id": "after-http", "timestamp": int(time.time() * 1000), "values": {"soc": 41.5}}]
        assert self.server.knock("POST", "/api/v1/readings", json.dumps(row), Content_Type="application/json").json["accepted"] == 1
        assert self.latest("after-http") == {"soc": 41.5}
        line = f"battery,device=after-line soc=42.5 {time.time_ns()}"
        assert self.server.knock("POST", "/write", line, Content_Type="text/plain").status == 204
        assert self.latest("after-line") == {"soc": 42.5}
        self.device.tell(f"{self.root}/devices/after-mqtt/telemetry", {"timestamp": int(time.time() * 1000), "measurements": {"soc": 43.5}})
        until(lambda: self.latest("after-mqtt") == {"soc": 43.5})
        self._pour(self.ports[0], fuzzing.struct.pack("<ffff", 1.0, 44.5, 1.0, 1.0))
        until(lambda: self.latest("battery_monitor").get("voltage") == 44.5)
        with connect(f"ws://127.0.0.1:{self.server.port}/ws/after") as socket_line:
            socket_line.send('{"type": "ping"}')
            assert json.loads(socket_line.recv(PATIENCE_S))["type"] == "pong"


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(900)
def test_all_doors_of_a_server_stand_mutated_requests_without_growing(tmp_path):
    root, ports = f"fuzz-{secrets.token_hex(4)}", (free_port(), free_port())
    for folder in ("broker", "data"):
        (tmp_path / folder).mkdir()
    with mosquitto(tmp_path / "broker") as broker:
        settings = {"MQTT_URL": broker.url, "MQTT_TOPIC": root, "TCP_MONITOR_PORT": str(ports[0]), "TCP_PREDICTOR_PORT": str(ports[1])}
        server = start_server(tmp_path / "data", **settings)
        attacker = Attacker(server, broker.port, ports, root, seed=7)
        try:
            attacker.attack(FULL // 3)  # caches fill
            before = attacker.resident()
            attacker.attack(FULL - FULL // 3)
            assert attacker.wrong == []
            assert sum(count for status, count in attacker.seen.items() if status < 300) > FULL // 10  # not all stop at the door
            attacker.check_all_doors_work()
            grown = attacker.resident() - before
            assert grown < GROWTH, f"{grown} KiB more than the {before} after the first third"
        finally:
            attacker.close()
            code, told = stop_server(server)
        assert b"Traceback" not in told and b'"level": "error"' not in told, told.decode()[-3000:]
        assert code == 0
