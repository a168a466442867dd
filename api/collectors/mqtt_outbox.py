"""What is told by MQTT: commands, alerts, allocations, the fleet's summary, the system's health, announcements. All of it QoS 1.

A command counts as published once the broker has acknowledged it; who else publishes it then leaves it. It may come twice, under the same
id, when this process ends in between.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from api.alert_message import alert_of
from api.collectors import mqtt_topics
from api.collectors.mqtt_state import BrokerState
from api.command_message import message_of
from datastore.ports import Subscription
from datastore.store import Store
from plant.errors import DeviceNotFound, Unavailable
from plant.model import Alarm, Command
from plant.timeline import iso
from services.commands import DRAWER, Commands
from services.fleet import fleet_summary, sites, summary_frame

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
SUMMARY_EVERY_S = 10.0
HEALTH_EVERY_S = 30.0
MOST_WAITING = 10_000
"""Alerts, allocations and announcements that may wait for the broker; when there are more, the oldest go and are counted."""


class Sent(Protocol):
    """A message on its way to the broker."""

    def is_published(self) -> bool:
        """Whether the broker has acknowledged it."""

    def wait_for_publish(self, timeout: float | None = None) -> None:
        """Wait for that. Raises RuntimeError or ValueError when it cannot be sent."""


class Line(Protocol):
    """The way to the broker."""

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""

    def send(self, topic: str, payload: bytes, retain: bool, expires_s: int | None) -> Sent:
        """Publish with QoS 1; `expires_s` is how long the broker keeps it for a subscriber who is away."""


class Outbox:
    """Publishes on a thread of its own. `health()` is the message of `system/health`."""

    def __init__(self, store: Store, root: str, line: Line, state: BrokerState, health: Callable[[], Mapping[str, Any]]) -> None:
        self._store, self._root, self._line, self._state, self._health = store, root, line, state, health
        self._commands = Commands(store)
        self._waiting: deque[Callable[[], tuple[str, Mapping[str, Any]]]] = deque()
        self._sent: dict[str, Sent] = {}
        self._mute: set[str] = set()
        self._seen: int | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._places: list[Subscription] = []
        self._thread = threading.Thread(target=self._run, name="mqtt-outbox", daemon=True)

    def start(self) -> "Outbox":
        """Begin; returns itself."""
        live = self._store.live
        self._places = [
            live.subscribe("commands", self._heard_command),
            live.subscribe("alarms", self._heard_alarm),
            live.subscribe("allocations", self._heard_allocation),
            live.subscribe("announcements", self._heard_announcement),
        ]
        self._thread.start()
        return self

    def stop(self) -> None:
        """End."""
        for place in self._places:
            place.close()
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=20)

    def _heard_command(self, _: str, command: Command) -> None:
        if command.status == "queued" and command.published is None:
            self._wake.set()

    def _heard_alarm(self, _: str, alarm: Alarm) -> None:
        self._queue(lambda: self._alert(alarm))

    def _heard_allocation(self, _: str, allocation: Mapping[str, Any]) -> None:
        site = str(allocation.get("site_id", ""))
        self._queue(lambda: (mqtt_topics.of_site(self._root, site, "coordinator", "allocation"), allocation))

    def _heard_announcement(self, _: str, announcement: Mapping[str, Any]) -> None:
        told = {"schema_version": "1.0", "timestamp": iso(self._store.clock()), **announcement}
        self._queue(lambda: (mqtt_topics.of_system(self._root, "announcements"), told))

    def _queue(self, message: Callable[[], tuple[str, Mapping[str, Any]]]) -> None:
        """On the publisher's thread, which must not wait: what asks the store is done later."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._state.dropped += 1
        self._waiting.append(message)
        self._wake.set()

    def _alert(self, alarm: Alarm) -> tuple[str, Mapping[str, Any]]:
        """Raises Unavailable."""
        try:
            site = self._store.records.device(alarm.device_id, alarm.kind).site_id
        except DeviceNotFound:  # it was removed, which ended the alarm
            known = sites(self._store)
            site = known[0] if known else "site"
        return mqtt_topics.of_site(self._root, site, "fleet", "alerts"), alert_of(alarm, site)

    def _run(self) -> None:
        silent = False
        due = {"summary": 0.0, "health": 0.0}
        while not self._stop.is_set():
            self._wake.wait(LOOK_EVERY_S)
            self._wake.clear()
            if not self._line.connected:
                continue
            try:
                self._round(due)
                silent = False
            except Unavailable as error:
                if not silent:
                    log.warning("nothing new to tell by MQTT: %s", error.message)
                silent = True
            except Exception:
                log.exception("a round of MQTT messages failed; it goes on")

    def _round(self, due: dict[str, float]) -> None:
        while self._waiting and self._line.connected:
            message = self._waiting.popleft()
            try:
                topic, told = message()
            except Unavailable:
                self._waiting.appendleft(message)
                raise
            if mqtt_topics.speakable(*topic.split("/")):
                self._send(topic, orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY))
        self._tell_commands()
        now = self._store.clock() / 1000
        if now >= due["health"]:
            due["health"] = now + HEALTH_EVERY_S
            self._send(mqtt_topics.of_system(self._root, "health"), orjson.dumps(self._health()), retain=True)
        if now >= due["summary"]:
            due["summary"] = now + SUMMARY_EVERY_S
            self._tell_fleets()

    def _tell_commands(self) -> None:
        """Publish what is queued and was not; the store is only searched when something changed."""
        version = self._store.records.entries_version(DRAWER)
        if version == self._seen and not self._sent:
            return
        waiting = {command.id: command for command in self._commands.unpublished()}
        self._sent = {number: sent for number, sent in self._sent.items() if number in waiting}
        for command in waiting.values():
            if not mqtt_topics.speakable(command.site_id, command.device_id):
                if command.device_id not in self._mute:
                    self._mute.add(command.device_id)
                    log.warning("commands of %r cannot be told by MQTT: its id is no level of a topic", command.device_id)
                continue
            if command.id not in self._sent:
                self._sent[command.id] = self._command(command)
            self._settle(command)
        self._seen = version

    def _command(self, command: Command) -> Sent:
        topic = mqtt_topics.commands(self._root, command.site_id, command.device_id)
        left = max(1, (command.deadline - self._store.clock()) // 1000)
        return self._line.send(topic, orjson.dumps(message_of(command)), False, left)

    def _settle(self, command: Command) -> None:
        sent = self._sent[command.id]
        try:
            sent.wait_for_publish(2.0)
        except (RuntimeError, ValueError):  # it could not be sent at all: the next round tries again
            del self._sent[command.id]
            return
        if sent.is_published():
            self._commands.mark_published(command)
            self._sent.pop(command.id, None)

    def _tell_fleets(self) -> None:
        for site in sites(self._store):
            if mqtt_topics.speakable(site):
                frame = summary_frame(fleet_summary(self._store, site, self._store.clock()))
                payload = orjson.dumps(frame, option=orjson.OPT_SERIALIZE_NUMPY)
                self._send(mqtt_topics.of_site(self._root, site, "fleet", "summary"), payload, retain=True)

    def _send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self._line.send(topic, payload, retain, None)
