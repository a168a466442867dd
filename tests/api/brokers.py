"""A Mosquitto of a test's own on a free port, and a device that talks to a broker."""

import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.api.conftest import free_port

PATIENCE_S = 20


@dataclass
class Mosquitto:
    """A broker that a test may do anything to; its sessions outlive an orderly end."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it listens."""
        import socket

        self.process = subprocess.Popen(
            [binary(), "-c", str(self.folder / "mosquitto.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, "mosquitto ended"
                assert time.monotonic() < until, "mosquitto does not listen"
                time.sleep(0.05)

    def stop(self) -> None:
        """As an operator would."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
            self.process = None

    def kill(self) -> None:
        """As a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
            self.process = None


def binary() -> str:
    """The broker; the test is skipped where there is none, with `CI=true` it fails."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        reason = "mosquitto is missing: apt-get install mosquitto"
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") else pytest.skip(reason)
    return found


@contextmanager
def mosquitto(folder: Path, *lines: str, anonymous: bool = True) -> Iterator[Mosquitto]:
    """A running broker; `lines` go into its configuration."""
    port = free_port()
    settings = [
        f"listener {port} 127.0.0.1",
        f"allow_anonymous {'true' if anonymous else 'false'}",
        "user root",
        "persistence true",
        f"persistence_location {folder}/",
        "max_queued_messages 0",
        *lines,
    ]
    (folder / "mosquitto.conf").write_text("\n".join(settings) + "\n")
    broker = Mosquitto(folder, port)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class Device:
    """A client of its own: publishes with QoS 1 and hears what it subscribed to."""

    def __init__(self, port: int, *topics: str, name: str = "", **more: Any) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._ready = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.on_message = lambda _, __, message: self.heard.put((message.topic, _read(message.payload)))
        self.client.on_subscribe = lambda *_: self._ready.set()
        if more.get("username"):
            self.client.username_pw_set(more["username"], more["password"])
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        if topics:
            self.client.subscribe([(topic, paho.SubscribeOptions(qos=1)) for topic in topics])
            assert self._ready.wait(PATIENCE_S)

    def tell(self, topic: str, message: Any, wait: bool = True, retain: bool = False) -> Any:
        """Publish; returns once the broker has it."""
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        if wait:
            sent.wait_for_publish(PATIENCE_S)
            assert sent.is_published()
        return sent

    def hears(self, topic: str, seconds: float = PATIENCE_S) -> Any:
        """The next message on this topic."""
        until = time.monotonic() + seconds
        while True:
            found, message = self.heard.get(timeout=max(0.01, until - time.monotonic()))
            if found == topic:
                return message

    def hears_nothing_more(self, topic: str, seconds: float = 1.5) -> bool:
        """Whether nothing comes on this topic for a while."""
        try:
            self.hears(topic, seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def _read(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload


def until(true: Any, seconds: float = PATIENCE_S) -> None:
    """Wait until `true()`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def telemetry(device: str, site: str, at: str, **pack: float) -> Mapping[str, Any]:
    """S2's Telemetry Message with the document's fields."""
    return {
        "schema_version": "1.0",
        "timestamp": at,
        "sequence_number": 12345,
        "device_info": {"device_id": device, "site_id": site, "firmware_version": "1.2.3"},
        "measurements": {"pack": pack},
    }
