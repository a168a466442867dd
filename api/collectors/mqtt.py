"""The MQTT collector and publisher (S2): one connection to the broker, what comes in (`mqtt_inbox`) and what goes out (`mqtt_outbox`).

The session at the broker outlives the connection: what devices send meanwhile waits there, and what was not acknowledged comes again.
"""

import logging
import random
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from api.collectors import mqtt_topics
from api.collectors.mqtt_inbox import Inbox, Received
from api.collectors.mqtt_outbox import Outbox, Sent
from api.collectors.mqtt_state import BrokerState
from api.kinds import Kinds
from datastore.store import Store
from plant.timeline import iso
from services.broker import Broker
from services.device_reports import Reports

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
CONNECT_WITHIN_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Between two attempts to connect; doubled each time."""
SHORT_S = 10.0
"""A line that held no longer than this does not count as one."""
SESSION_S = 7 * 86_400
"""How long the broker keeps our session while we are away [s]."""
IN_FLIGHT = 500
"""Messages that may be unacknowledged at a time; the broker may allow fewer."""
TAKEN_OVER = 142
_FIGHT = "perhaps another process uses this MQTT_CLIENT_ID; set REDIS_URL, or MQTT_GROUP with a name for each"


class Mqtt:
    """Connects, stays connected, and stops. `health()` is S2's health body for `system/health`."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        health: Callable[[], Mapping[str, Any]],
        state: BrokerState | None = None,
        kinds: Kinds | None = None,
        reports: Reports | None = None,
        most_bytes: int = 1 << 20,
    ) -> None:
        self.state = state or BrokerState()
        self._broker = broker
        self._lock = threading.Lock()
        self._session = 0
        self._refused = ""
        self._stop = threading.Event()
        self._clock = store.clock
        self._client = self._new_client()
        known = kinds or Kinds(store.records, store.clock)
        told = reports or Reports(store, store.clock)
        self.inbox = Inbox(store, broker.topic, self._acknowledge, self.state, known, told, most_bytes)
        self.outbox = Outbox(store, broker.topic, self, self.state, health)
        self._connected_at = 0.0
        self._pause = FIRST_PAUSE_S

    def start(self) -> "Mqtt":
        """Begin; returns itself, at once."""
        self.inbox.start()
        self.outbox.start()
        self._begin()
        return self

    def stop(self) -> None:
        """End; what was not acknowledged stays with the broker."""
        self._stop.set()
        self.outbox.stop()
        self.inbox.stop()
        if self.connected:
            with suppress(RuntimeError, ValueError):
                self._health("The server was stopped").wait_for_publish(1.0)
                self._announce("Server stopped").wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()
        self.state.connected, self.state.fault = False, ""

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self.state.connected

    def send(self, topic: str, payload: bytes, retain: bool, expires_s: int | None) -> Sent:
        """Publish with QoS 1."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expires_s is not None:
            properties.MessageExpiryInterval = expires_s
        properties.ContentType = "application/json"
        self.state.published += 1
        return self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)

    def _new_client(self) -> Client:
        broker = self._broker
        client = Client(CallbackAPIVersion.VERSION2, broker.client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
        client.connect_timeout = CONNECT_WITHIN_S
        if broker.username:
            client.username_pw_set(broker.username, broker.password or None)
        if broker.tls:
            client.tls_set_context(_trust(broker))
        will = _silent("The server's connection to the broker broke")
        client.will_set(mqtt_topics.of_system(broker.topic, "health"), will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    def _begin(self) -> None:
        """paho's own thread connects, moves the bytes and connects again; only then may other threads publish."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        properties.ReceiveMaximum = IN_FLIGHT
        self._retry_after(FIRST_PAUSE_S)
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S, clean_start=False, properties=properties)
        self._client.loop_start()

    def _retry_after(self, seconds: float) -> None:
        """paho doubles the pause while it cannot connect at all; a line that breaks soon after doubles it here."""
        self._pause = min(seconds, LONGEST_PAUSE_S)
        self._client.reconnect_delay_set(max(1, round(self._pause)), max(2, round(LONGEST_PAUSE_S)))

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None) -> None:
        if reason.is_failure:
            self._refused = f"the broker refuses: {reason}"
            self._lost(self._refused)
            return
        self._refused = ""
        self._connected_at = time.monotonic()
        with self._lock:
            self._session += 1
        self.state.connections += 1
        client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in mqtt_topics.filters(self._broker.topic, self._broker.group)])

    def _on_subscribe(self, _: Client, __: Any, number: int, reasons: list[ReasonCode], properties: Properties | None) -> None:
        """Only now nothing that is sent is missed."""
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            log.error("the MQTT broker refuses a subscription: %s", refused[0])
        elif self.state.fault or self.state.connections == 1:
            log.warning("connected to the MQTT broker %s:%d", self._broker.host, self._broker.port)
        self.state.fault = f"the broker refuses a subscription: {refused[0]}" if refused else ""
        self.state.connected = True
        if self.state.connections == 1:
            self._announce("Server started")

    def _on_disconnect(self, _: Client, __: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None) -> None:
        self._down()
        if self._stop.is_set():
            return
        short = self._connected_at and time.monotonic() - self._connected_at < SHORT_S
        self._connected_at = 0.0
        self._retry_after(2 * self._pause if short or self._refused else FIRST_PAUSE_S)
        fight = reason.value == TAKEN_OVER or (short and self._pause > 2 * FIRST_PAUSE_S)
        if fight:
            self._retry_after(LONGEST_PAUSE_S * random.uniform(0.5, 1.0))
        self._lost(self._refused or (f"{reason}: {_FIGHT}" if fight else str(reason)))

    def _on_connect_fail(self, _: Client, __: Any) -> None:
        self._lost(str(sys.exc_info()[1] or "no connection"))  # paho calls this where it caught the reason

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        self.state.received += 1
        number = message.mid if message.qos else 0
        self.inbox.put(Received(message.topic, bytes(message.payload), self._session, number))

    def _acknowledge(self, session: int, number: int) -> None:
        """Only on the connection that brought it: packet ids of another one mean other messages."""
        with self._lock:
            if session == self._session:
                self._client.ack(number, 1)

    def _down(self) -> None:
        with self._lock:
            self._session += 1
            self.state.connected = False

    def _lost(self, reason: str) -> None:
        if not self.state.fault and not self._stop.is_set():
            log.warning("no line to the MQTT broker %s:%d: %s", self._broker.host, self._broker.port, reason)
        self.state.fault = reason

    def _health(self, message: str) -> Sent:
        return self.send(mqtt_topics.of_system(self._broker.topic, "health"), _silent(message), True, None)

    def _announce(self, message: str) -> Sent:
        told = {
            "schema_version": "1.0",
            "timestamp": iso(self._clock()),
            "severity": "info",
            "source": self._broker.client_id,
            "message": message,
        }
        return self.send(mqtt_topics.of_system(self._broker.topic, "announcements"), orjson.dumps(told), False, None)


def _silent(message: str) -> bytes:
    """The last word on `system/health`: nobody measures any more."""
    return orjson.dumps({"status": "unhealthy", "message": message})


def _trust(broker: Broker) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(broker.ca_file) if broker.ca_file else None)
    if broker.cert_file:
        context.load_cert_chain(broker.cert_file, broker.key_file)
    return context
