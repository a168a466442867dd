"""MQTT against a real Mosquitto: what devices send is kept once and acknowledged then, what the site tells arrives."""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from api.collectors import mqtt, mqtt_inbox, mqtt_outbox, mqtt_topics
from api.collectors.mqtt_collector import MqttCollector
from api.collectors.mqtt_inbox import Inbox, Received
from api.collectors.mqtt_state import BrokerState
from api.kinds import Kinds
from datastore.open import open_store
from plant.model import Alarm, Device, Window
from services.broker import Broker
from services.commands import Commands, Order
from services.config import Config, SettingError, doubts
from services.device_reports import Reports
from tests.api.brokers import Device as Client
from tests.api.brokers import mosquitto, telemetry, until
from tests.api.conftest import ROOT, free_port, start_server, stop_server
from tests.datastore.own_servers import postgresql

REAL = 1883
SITE, PACK = "site_001", "battery_pack_001"

# S2, Telemetry Message, with its three dots left out
DOCUMENT = {
    "schema_version": "1.0", "timestamp": "2024-01-15T14:30:15.123Z", "sequence_number": 12345,
    "device_info": {"device_id": PACK, "site_id": SITE, "firmware_version": "1.2.3"},
    "measurements": {
        "pack": {"voltage": 400.5, "current": -25.3, "power": -10126.5, "temperature": 23.7, "soc": 67.5, "soh": 87.2,
                 "internal_resistance": 0.045},
        "cells": {"count": 144, "voltages": [3.45, 3.46, 3.44], "temperatures": [23.1, 23.9, 22.8], "balancing_status": [0, 1, 0]}},
    "status": {"operational_state": "charging", "communication_quality": 0.98, "last_command_id": "cmd_67890", "uptime_seconds": 86400},
    "alarms": {"active_count": 1, "flags": ["high_temp_warning"], "details": [
        {"code": "TEMP_001", "severity": "warning", "message": "Cell temperature above warning threshold",
         "data": {"cell_number": 42, "temperature": 57.2, "threshold": 55.0}}]},
}  # fmt: skip
AT = 1_705_329_015_123


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """The one of this machine when it runs, else one of our own."""
    import socket

    try:
        socket.create_connection(("127.0.0.1", REAL), 1).close()
        yield REAL
    except OSError:
        with mosquitto(tmp_path_factory.mktemp("broker")) as own:
            yield own.port


@pytest.fixture
def root():
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def store():
    opened = open_store("memory://", "UTC")
    yield opened
    opened.close()


@pytest.fixture
def collector(store, broker, root, monkeypatch):
    monkeypatch.setattr(mqtt_outbox, "LOOK_EVERY_S", 0.1)
    made = MqttCollector(store, Broker("127.0.0.1", broker, topic=root, client_id=root), None, 1 << 20).start()
    until(lambda: made.state.connected)
    yield made
    made.stop()


@pytest.fixture
def device(broker, root):
    made = Client(broker, f"{root}/#")
    yield made
    made.close()


def latest(store, device_id=PACK, kind="pack"):
    return store.telemetry.latest([(device_id, kind)]).get((device_id, kind))


@pytest.mark.parametrize("factor", [1, 2])
def test_the_documents_telemetry_message_is_kept_with_everything_it_says(collector, store, device, root, factor):
    message = json.loads(json.dumps(DOCUMENT))
    for name in ("voltage", "current", "power"):
        message["measurements"]["pack"][name] *= factor
    device.tell(f"{root}/{SITE}/{PACK}/telemetry", message)
    until(lambda: collector.state.kept == 1)
    newest = latest(store)
    assert newest.at == AT
    # watts become kilowatts
    assert newest.values | {"mode": None} == {
        "voltage": 400.5 * factor, "current": -25.3 * factor, "power": pytest.approx(-10.1265 * factor, rel=1e-12), "temperature": 23.7,
        "soc": 67.5, "soh": 87.2, "internal_resistance": 0.045, "cell_voltages": [3.45, 3.46, 3.44],
        "cell_temperatures": [23.1, 23.9, 22.8], "balancing_status": [0, 1, 0], "communication_quality": 0.98, "mode": None}  # fmt: skip
    kept = store.records.device(PACK, "pack")
    assert (kept.site_id, kept.info["firmware_version"]) == (SITE, "1.2.3")
    alert = device.hears(f"{root}/{SITE}/fleet/alerts")
    assert (alert["type"], alert["severity"], alert["device_id"], alert["site_id"]) == ("alert", "warning", PACK, SITE)
    assert (alert["data"]["value"], alert["data"]["threshold"]) == (57.2, 55.0)


def test_a_device_that_does_not_know_its_site_has_a_topic_too(collector, store, device, root):
    for after, soc in enumerate((67.5, 12.25)):
        message = {"timestamp": AT + after, "measurements": {"soc": soc}}
        device.tell(f"{root}/devices/{PACK}/telemetry", message)
        until(lambda wanted=soc: latest(store) and latest(store).values == {"soc": wanted})


BAD = [
    b"", b"{", b"nonsense", b"\xff\xfe", b"[]", b"42", b"{}", b'{"timestamp": "2024-01-15T14:30:15Z"}', b"[" * 100_000,
    b'{"timestamp": "2024-01-15T14:30:15Z", "measurements": {"soc": NaN}}', b'{"timestamp": "soon", "measurements": {"soc": 5}}',
    b'{"timestamp": 1705329015123, "measurements": {"soc": 500}}', b" " * (1 << 20) + b"[]",
    b'{"timestamp": 1705329015123, "measurements": {"soc": 5, "soc": 6}}',
    json.dumps(telemetry("another", SITE, "2024-01-15T14:30:15Z", soc=5)).encode(),
    json.dumps(telemetry(PACK, "elsewhere", "2024-01-15T14:30:15Z", soc=5)).encode(),
    b'{"device_id": "another", "timestamp": 1705329015123, "measurements": {"soc": 5}}',
]  # fmt: skip


def test_what_makes_no_sense_is_counted_acknowledged_and_does_not_come_again(collector, store, device, root, broker):
    for payload in BAD:
        device.tell(f"{root}/{SITE}/{PACK}/telemetry", payload)
    for what, payload in (
        ("status", b'{"status": "sleepy"}'),
        ("responses", b'{"status": "completed"}'),
        ("responses", b"[]"),
        ("status", b"{}"),
    ):
        device.tell(f"{root}/{SITE}/{PACK}/{what}", payload)
    device.tell(f"{root}/{SITE}/fleet/telemetry", telemetry("fleet", SITE, "2024-01-15T14:30:15Z", soc=5))  # names no device
    device.tell(f"{root}/{SITE}/{PACK}/telemetry", DOCUMENT)
    until(lambda: collector.state.kept == 1)
    assert (collector.state.refused, latest(store).values["soc"]) == (len(BAD) + 5, 67.5)
    before = collector.state.received
    collector.stop()
    collector.start()
    until(lambda: collector.state.connected)
    device.tell(f"{root}/{SITE}/{PACK}/telemetry", DOCUMENT | {"timestamp": "2024-01-15T14:30:16Z"})
    until(lambda: latest(store).at > AT)
    assert collector.state.received == before + 1  # the broker had nothing left to bring


def test_a_message_brought_twice_is_kept_once(collector, store, device, root):
    for _ in range(3):
        device.tell(f"{root}/{SITE}/{PACK}/telemetry", DOCUMENT)
    until(lambda: collector.state.kept == 3)
    assert store.telemetry.columns(PACK, "pack", ["soc"], Window(AT - 1, AT + 1)).at.tolist() == [AT]


@pytest.fixture
def known(store):
    store.records.put_devices([Device(PACK, "pack", site_id=SITE)])


def order(**more) -> Order:
    parameters = {"target_power": 5000, "target_soc": 80, "max_current": 25, "ramp_rate": 100}
    context = {"optimization_context": {"policy_version": "RL_v2.1", "cost_function_value": 0.85, "alternatives_considered": 3}}
    return Order(PACK, **({"type": "start_charge", "parameters": parameters, "source": "coordinator_service", "metadata": context} | more))


@pytest.mark.parametrize("parameters", [{"target_power": 5000, "target_soc": 80}, {"target_power": 1, "target_soc": 99.5, "ramp_rate": 7}])
def test_a_command_arrives_as_the_documents_message_and_its_answers_come_back(collector, store, device, root, known, parameters):
    sent = Commands(store).send(order(parameters=parameters))
    message = device.hears(f"{root}/{SITE}/{PACK}/commands")
    assert (message["schema_version"], message["command_id"], message["source"]) == ("1.0", sent.id, "coordinator_service")
    assert message["command"] == {"type": "start_charge", "priority": "normal", "timeout_seconds": 30, "parameters": parameters}
    assert message["metadata"]["optimization_context"]["cost_function_value"] == 0.85
    assert message["safety_checks"]["required"] is True
    for status in ("acknowledged", "executing", "completed", "completed"):
        answer = {"command_id": sent.id, "status": status, "message": f"is {status}", "result": {"soc": 80}}
        device.tell(f"{root}/{SITE}/{PACK}/responses", answer)
    until(lambda: Commands(store).get(PACK, sent.id).status == "completed")
    found = Commands(store).get(PACK, sent.id)
    assert (found.message, found.result) == ("is completed", {"soc": 80})
    until(lambda: collector.state.kept == 4)
    assert device.hears_nothing_more(f"{root}/{SITE}/{PACK}/commands", 0.5)
    assert Commands(store).get(PACK, sent.id).published is not None


def test_nobody_answers_for_another_device(collector, store, device, root, known):
    sent = Commands(store).send(order())
    device.tell(f"{root}/{SITE}/battery_pack_002/responses", {"command_id": sent.id, "status": "failed"})
    device.tell(f"{root}/{SITE}/{PACK}/responses", {"command_id": sent.id, "status": "failed", "device_id": "battery_pack_002"})
    until(lambda: collector.state.refused == 2)
    assert Commands(store).get(PACK, sent.id).status == "queued"


def test_of_commands_that_waited_for_the_broker_the_emergency_goes_first(store, device, broker, root, known):
    commands = Commands(store)
    status = commands.send(order(type="request_status", parameters={}))
    shutdown = commands.send(order(type="emergency_shutdown", parameters={"reason": "operator_initiated"}))
    late = MqttCollector(store, Broker("127.0.0.1", broker, topic=root, client_id=root), None, 1 << 20).start()
    heard = [device.hears(f"{root}/{SITE}/{PACK}/commands")["command_id"] for _ in range(2)]
    late.stop()
    assert heard == [shutdown.id, status.id]


def test_what_timed_out_is_not_told(store, device, broker, root, known):
    clock = store.clock() - 60_000
    Commands(store, lambda: clock).send(order())
    late = MqttCollector(store, Broker("127.0.0.1", broker, topic=root, client_id=root), None, 1 << 20).start()
    device.hears(f"{root}/system/health")
    assert device.hears_nothing_more(f"{root}/{SITE}/{PACK}/commands", 0.5)
    late.stop()


def test_a_device_tells_its_status_and_a_person_alone_ends_maintenance(collector, store, device, root, known):
    for said in ({"status": "offline"}, "online", {"status": "error", "device_id": PACK}):
        device.tell(f"{root}/{SITE}/{PACK}/status", said)
        wanted = said if isinstance(said, str) else said["status"]
        until(lambda wanted=wanted: store.records.device(PACK, "pack").status == wanted)
    store.records.put_devices([replace(store.records.device(PACK, "pack"), status="maintenance")])
    device.tell(f"{root}/{SITE}/{PACK}/status", {"status": "online"})
    until(lambda: collector.state.kept == 4)
    assert store.records.device(PACK, "pack").status == "maintenance"


@pytest.mark.parametrize("mode", ["automatic", "manual"])
def test_the_coordinators_status_is_kept(collector, store, device, root, known, mode):
    device.tell(f"{root}/{SITE}/coordinator/status", {"mode": mode, "queue": 3})
    until(lambda: store.records.setting(f"coordinator_status/{SITE}") is not None)
    assert store.records.setting(f"coordinator_status/{SITE}")["status"] == {"mode": mode, "queue": 3}


def test_the_fleets_summary_and_the_systems_health_are_there_for_who_comes_later(collector, store, device, broker, root, known):
    device.tell(f"{root}/{SITE}/{PACK}/telemetry", telemetry(PACK, SITE, "2024-01-15T14:30:15Z", soc=72.3))
    frame = device.hears(f"{root}/{SITE}/fleet/summary")
    assert (frame["type"], frame["site_id"], frame["summary"]["total_devices"]) == ("fleet_status", SITE, 1)
    later = Client(broker, f"{root}/#")
    health = later.hears(f"{root}/system/health")
    assert (health["status"], health["services"]) == ("healthy", {"database": "healthy", "mqtt": "healthy"})
    assert later.hears(f"{root}/{SITE}/fleet/summary")["type"] == "fleet_status"
    later.close()


def test_alerts_allocations_and_announcements_are_told(collector, store, device, root, known):
    raised = store.records.put_alarm(Alarm(PACK, "pack", "HIGH_TEMP", "protection", "too hot", AT, "cell_max_temp", 57.2, 55.0))
    store.live.publish("alarms", raised)
    alert = device.hears(f"{root}/{SITE}/fleet/alerts")
    assert (alert["alert_id"], alert["severity"], alert["category"], alert["timestamp"], alert["message"]) == (
        f"alert_{raised.id}", "critical", "temperature", "2024-01-15T14:30:15.123Z", "too hot")  # fmt: skip
    assert {"action_id": "acknowledge", "label": "Acknowledge"} in alert["actions"]
    allocation = {"schema_version": "1.0", "allocation_id": "alloc_98765", "site_id": SITE, "demand": {"total_power_target": -50000}}
    store.live.publish("allocations", allocation)
    assert device.hears(f"{root}/{SITE}/coordinator/allocation") == allocation
    store.live.publish("announcements", {"severity": "info", "message": "Maintenance tonight"})
    assert device.hears(f"{root}/system/announcements")["message"] == "Maintenance tonight"


def test_the_last_word_of_a_server_that_stopped_is_that_nobody_measures(store, broker, root, device):
    made = MqttCollector(store, Broker("127.0.0.1", broker, topic=root, client_id=root), None, 1 << 20).start()
    assert device.hears(f"{root}/system/health")["status"] == "healthy"
    made.stop()
    assert device.hears(f"{root}/system/health") == {"status": "unhealthy", "message": "The server was stopped"}


def instants(store, device_id=PACK) -> list[int]:
    return store.telemetry.columns(device_id, "pack", ["soc"], Window(AT - 1, AT + 10_000_000)).at.tolist()


def numbered(n: int) -> dict:
    return {"timestamp": AT + n, "measurements": {"soc": n % 100}}


def test_a_broker_that_comes_late_goes_and_comes_back_costs_nothing(store, tmp_path, monkeypatch, root):
    monkeypatch.setattr(mqtt, "LONGEST_PAUSE_S", 1.0)
    with mosquitto(tmp_path) as own:
        own.kill()
        collector = MqttCollector(store, Broker("127.0.0.1", own.port, topic=root, client_id=root), None, 1 << 20).start()
        until(lambda: collector.state.fault)
        own.start()
        until(lambda: collector.state.connected and not collector.state.fault)
        topic = f"{root}/{SITE}/{PACK}/telemetry"
        for end in (own.stop, own.kill):
            device = Client(own.port)
            start = len(instants(store))
            for n in range(start, start + 200):
                device.tell(topic, numbered(n))
            if end == own.kill:
                until(lambda: len(instants(store)) == 400)
            device.close()
            end()
            until(lambda: not collector.state.connected)
            own.start()
            until(lambda: collector.state.connected)
            until(lambda wanted=start + 200: len(instants(store)) == wanted)
        device = Client(own.port)
        device.tell(topic, numbered(400))
        until(lambda: len(instants(store)) == 401)
        device.close()
        collector.stop()
    assert instants(store) == [AT + n for n in range(401)]


def test_nothing_is_acknowledged_while_the_store_is_away_and_all_is_kept_when_it_is_back(tmp_path, root, monkeypatch):
    monkeypatch.setattr(mqtt_inbox, "LONGEST_PAUSE_S", 0.3)
    with postgresql() as server, mosquitto(tmp_path) as own:
        store = open_store(server.url(), "UTC")  # without a spool
        where = Broker("127.0.0.1", own.port, topic=root, client_id=root)
        collector = MqttCollector(store, where, None, 1 << 20).start()
        until(lambda: collector.state.connected)
        device = Client(own.port)
        topic = f"{root}/{SITE}/{PACK}/telemetry"
        device.tell(topic, numbered(0))
        until(lambda: collector.state.kept == 1)
        server.kill()
        for n in range(1, 101):
            device.tell(topic, numbered(n))
        until(lambda: collector.state.store_fault)
        assert collector.state.kept == 1
        collector.stop()  # in the middle of the outage: what it had in its hands goes back
        server.start()
        store.close()
        store = open_store(server.url(), "UTC")
        again = MqttCollector(store, where, None, 1 << 20).start()
        until(lambda: len(instants(store)) == 101)
        assert instants(store) == [AT + n for n in range(101)]
        assert again.state.received >= 100
        again.stop()
        device.close()
        store.close()


def test_with_a_spool_an_outage_is_acknowledged_from_disk(tmp_path, root):
    with postgresql() as server, mosquitto(tmp_path) as own:
        store = open_store(server.url(), "UTC", spool=tmp_path / "spool")
        collector = MqttCollector(store, Broker("127.0.0.1", own.port, topic=root, client_id=root), None, 1 << 20).start()
        device = Client(own.port)
        topic = f"{root}/{SITE}/{PACK}/telemetry"
        until(lambda: collector.state.connected)
        device.tell(topic, numbered(0))
        until(lambda: collector.state.kept == 1)
        server.kill()
        for n in range(1, 51):
            device.tell(topic, numbered(n))
        until(lambda: collector.state.kept == 51)
        assert store.intake.stats.spool_waiting == 50
        server.start()
        assert store.intake.wait_for_spool(60)
        assert instants(store) == [AT + n for n in range(51)]
        collector.stop()
        device.close()
        store.close()


def start_collecting(folder, port: int, root: str) -> subprocess.Popen[bytes]:
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")} | {
        "DATA_DIR": str(folder), "DATABASE_URL": f"sqlite:///{folder / 'collected.db'}", "MQTT_URL": f"mqtt://127.0.0.1:{port}",
        "MQTT_TOPIC": root, "LOG_LEVEL": "warning", "TCP_MONITOR_PORT": str(free_port()), "TCP_PREDICTOR_PORT": str(free_port()),
    }  # fmt: skip
    return subprocess.Popen([sys.executable, str(ROOT / "app.py"), "collect"], env=env, cwd=folder, stdout=subprocess.DEVNULL)


@pytest.mark.server
def test_a_collector_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path, root):
    count = 1500
    with mosquitto(tmp_path) as own:
        device = Client(own.port)
        process = start_collecting(tmp_path, own.port, root)
        listener = Client(own.port, f"{root}/system/health")
        listener.hears(f"{root}/system/health", 40)
        for n in range(count):
            device.tell(f"{root}/{SITE}/{PACK}/telemetry", numbered(n), wait=n % 50 == 49)
            if n in (400, 900):
                process.kill()
                process.wait(10)
                process = start_collecting(tmp_path, own.port, root)
        device.tell(f"{root}/{SITE}/{PACK}/telemetry", numbered(count))
        store = open_store(f"sqlite:///{tmp_path / 'collected.db'}", "UTC")
        until(lambda: len(instants(store)) == count + 1, 60)
        assert instants(store) == [AT + n for n in range(count + 1)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        store.close()
        device.close()
        listener.close()


@pytest.mark.server
def test_the_server_collects_and_says_how_the_line_stands(tmp_path, root):
    with mosquitto(tmp_path) as own:
        server = start_server(tmp_path, MQTT_URL=own.url, MQTT_TOPIC=root)
        try:
            until(lambda: server.knock("GET", "/api/v1/health").json["services"].get("mqtt") == "healthy")
            device = Client(own.port)
            device.tell(f"{root}/{SITE}/{PACK}/telemetry", DOCUMENT)
            device.close()
            until(lambda: server.knock("GET", f"/api/v1/devices/{PACK}/latest").status == 200)
            assert server.knock("GET", f"/api/v1/devices/{PACK}/latest").json["values"]["soc"] == 67.5
            figures = server.knock("GET", "/metrics").body.decode()
            assert "voltdeck_mqtt_up 1.0" in figures
            assert "voltdeck_mqtt_kept_total 1.0" in figures
            own.kill()
            until(lambda: server.knock("GET", "/api/v1/health").json["services"]["mqtt"] == "unhealthy")
        finally:
            code, _ = stop_server(server)
        assert code == 0


def test_without_a_broker_health_does_not_speak_of_one(door):
    assert "mqtt" not in door("GET", "/api/v1/health").json["services"]


def test_a_group_shares_the_work_and_every_message_is_kept_once(tmp_path, root):
    with mosquitto(tmp_path) as own:
        store = open_store("memory://", "UTC")
        both = [
            MqttCollector(store, Broker("127.0.0.1", own.port, topic=root, client_id=f"{root}-{n}", group="site"), None, 1 << 20).start()
            for n in range(2)
        ]
        until(lambda: all(one.state.connected for one in both))
        device = Client(own.port)
        for n in range(100):
            device.tell(f"{root}/{SITE}/{PACK}/telemetry", numbered(n))
        until(lambda: sum(one.state.kept for one in both) == 100)
        assert min(one.state.kept for one in both) > 0
        assert instants(store) == [AT + n for n in range(100)]
        for one in both:
            one.stop()
        device.close()
        store.close()


def test_two_with_one_name_do_not_fight_and_the_log_tells_the_cure(store, broker, root, monkeypatch):
    where = Broker("127.0.0.1", broker, topic=root, client_id=root)
    first = MqttCollector(store, where, None, 1 << 20).start()
    until(lambda: first.state.connected)
    second = MqttCollector(store, where, None, 1 << 20).start()
    until(lambda: "MQTT_GROUP" in first.state.fault + second.state.fault)
    until(lambda: first.state.connected != second.state.connected)
    first.stop()
    second.stop()


def test_a_password_is_needed_where_the_broker_asks_for_one(store, tmp_path, root, monkeypatch):
    monkeypatch.setattr(mqtt, "LONGEST_PAUSE_S", 1.0)
    secret = "s3cret:/@ %"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(tmp_path / "users"), "plant", secret], check=True)
    with mosquitto(tmp_path, f"password_file {tmp_path / 'users'}", anonymous=False) as own:
        wrong = MqttCollector(store, Broker("127.0.0.1", own.port, topic=root, client_id=root), None, 1 << 20).start()
        until(lambda: "refuse" in wrong.state.fault or "uthor" in wrong.state.fault)
        wrong.stop()
        config = Config.from_env({"MQTT_URL": f"mqtt://plant:s3cret%3A%2F%40%20%25@127.0.0.1:{own.port}", "DATA_DIR": str(tmp_path / "d")})
        assert secret not in str(config.shown()) + repr(config)
        assert "s3cret" not in str(config.shown())
        right = MqttCollector(store, config.mqtt, None, 1 << 20).start()
        until(lambda: right.state.connected)
        right.stop()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves a socket whose handshake failed to the collector
def test_tls_is_spoken_and_a_stranger_is_not_believed(store, tmp_path, root, monkeypatch):
    monkeypatch.setattr(mqtt, "LONGEST_PAUSE_S", 1.0)
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)  # fmt: skip
    with mosquitto(tmp_path, f"cafile {cert}", f"certfile {cert}", f"keyfile {key}") as own:
        where = Broker("127.0.0.1", own.port, True, topic=root, client_id=root)
        stranger = MqttCollector(store, where, None, 1 << 20).start()
        until(lambda: "certificate" in stranger.state.fault.lower())
        stranger.stop()
        known = MqttCollector(store, replace(where, ca_file=cert), None, 1 << 20).start()
        until(lambda: known.state.connected)
        known.stop()


@pytest.mark.parametrize(
    "settings",
    [{"MQTT_URL": url} for url in ("http://x", "mqtt://", "mqtt://h:99999", "mqtt://h:0", "mqtt://h/path")]
    + [{"MQTT_URL": "mqtt://h", "MQTT_TOPIC": topic} for topic in ("a/b", "#", "$SYS")]
    + [{"MQTT_URL": "mqtt://h", "MQTT_GROUP": "a+b"}, {"MQTT_URL": "mqtts://h", "MQTT_CA_FILE": "/nowhere"}],
)
def test_settings_that_make_no_sense_stop_the_start_without_showing_a_password(settings, tmp_path):
    url = settings["MQTT_URL"].replace("://", "://u:geheim@")
    with pytest.raises(SettingError) as caught:
        Config.from_env(settings | {"MQTT_URL": url, "DATA_DIR": str(tmp_path)})
    assert "geheim" not in str(caught.value)


def test_doubtful_settings_are_named():
    assert doubts({"MQTT_CA_FILE": "x", "MQTT_URL": "mqtt://h"}) == ["MQTT_CA_FILE have no effect: MQTT_URL does not begin with mqtts://"]
    assert doubts({"MQTT_GROUP": "g"}) == ["MQTT_GROUP and MQTT_CLIENT_ID have no effect without MQTT_URL"]


def mutated(chance: random.Random) -> tuple[str, bytes]:
    """A topic and a payload that are nearly right."""
    what = chance.choice(["telemetry", "telemetry", "status", "responses"])
    payload = bytearray(json.dumps(DOCUMENT if what == "telemetry" else {"status": "online", "command_id": "cmd_1", "result": {}}).encode())
    for _ in range(chance.randrange(6)):
        payload = payload or bytearray(b"{}")
        at = chance.randrange(len(payload))
        match chance.randrange(5):
            case 0:
                payload[at] = chance.randrange(256)
            case 1:
                del payload[at : at + chance.randrange(40)]
            case 2:
                payload[at:at] = chance.choice(
                    [b"NaN", b"-1e999", b'"', b"[[", b"\\u0000", b"\\ud800", b"9" * 400, b"null", b"{}", b"\xff"]
                )
            case 3:
                payload = payload[:at] or bytearray(b"{")
            case _:
                payload += payload[at : at + 200]
    topic = f"pulsebms/{SITE}/{PACK}/{what}"
    if not chance.randrange(8):
        place = chance.randrange(len(topic))
        topic = topic[:place] + chance.choice(["/", "\u0000", "é", "", "//", "telemetry"]) + topic[place + 1 :]
    return topic, bytes(payload)


def test_no_message_stops_the_inbox_and_each_is_acknowledged_once_in_order(store, known, caplog):
    chance, acknowledged = random.Random(4), []
    state = BrokerState()
    inbox = Inbox(
        store, "pulsebms", lambda _, number: acknowledged.append(number), state, Kinds(store.records, store.clock),
        Reports(store, store.clock), 1 << 20).start()  # fmt: skip
    count = 3000
    for number in range(1, count + 1):
        inbox.put(Received(*mutated(chance), 1, number))
    until(lambda: len(acknowledged) == count, 60)
    inbox.stop()
    assert acknowledged == list(range(1, count + 1))
    assert state.kept + state.refused == count
    assert min(state.kept, state.refused) > count // 20
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_flood_without_acknowledgements_is_bounded_while_the_store_is_away(store, monkeypatch):
    monkeypatch.setattr(mqtt_inbox, "MOST_WAITING", 50)
    state = BrokerState()
    inbox = Inbox(store, "pulsebms", lambda *_: None, state, Kinds(store.records, store.clock), Reports(store, store.clock), 1 << 20)
    for number in range(200):
        inbox.put(Received(f"pulsebms/{SITE}/{PACK}/telemetry", json.dumps(numbered(number)).encode(), 1, 0))
    assert state.dropped == 150
    inbox.start()  # only now: nothing was taken out
    until(lambda: state.kept == 50)
    inbox.stop()
    assert instants(store) == [AT + n for n in range(50)]


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        ("pulsebms/site_001/pack/telemetry", ("telemetry", "site_001", "pack")),
        ("pulsebms/devices/pack/telemetry", ("telemetry", "", "pack")),
        ("pulsebms/site_001/pack/status", ("status", "site_001", "pack")),
        ("pulsebms/site_001/coordinator/status", ("coordinator", "site_001", "")),
        ("pulsebms/site_001/coordinator/telemetry", None),
        ("pulsebms/site_001/pack/commands", None),
        ("pulsebms/system/health", None),
        ("pulsebms/a/b/c/telemetry", None),
        ("other/site_001/pack/telemetry", None),
    ],
)
def test_topics(topic, wanted):
    found = mqtt_topics.address("pulsebms", topic)
    assert (found and (found.what, found.site, found.device)) == wanted
