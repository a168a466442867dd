"""What comes in by MQTT is kept, then acknowledged: in that order, and in the order of arrival.

Messages that make no sense are counted, logged shortly and acknowledged, for they would come again and again. While the store (and its
spool) takes nothing, nothing is acknowledged: the broker keeps what is not, and sends no more than it may have in flight.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from api import exact
from api.collectors import mqtt_topics
from api.collectors.mqtt_state import BrokerState
from api.collectors.mqtt_topics import Address
from api.collectors.pulsebms_message import Message, decode, parsed
from api.errors import shown
from api.kinds import Kinds
from datastore.ports import Outcome
from datastore.store import Store
from plant.errors import Invalid, PlantError, Unavailable
from services.commands import Commands
from services.device_reports import Reports
from services.device_status import report_coordinator, report_status

log = logging.getLogger(__name__)

MOST_AT_ONCE = 500
MOST_WAITING = 20_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0
LOGGED = 20
"""Refused messages that are logged in full; after that every hundredth."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message as the broker gave it; `session` tells connections apart, `number` is the packet id (0 = needs no acknowledgement)."""

    topic: str
    payload: bytes
    session: int
    number: int


@dataclass(slots=True)
class _Job:
    """A message on its way: `waiting` answers when its readings are durable, `after` is what is then left to do."""

    received: Received
    waiting: "Future[list[Outcome]] | None" = None
    after: Callable[[list[Outcome]], None] | None = None
    again: bool = False


class Inbox:
    """Works on messages on a thread of its own. `ack(session, number)` acknowledges one."""

    def __init__(
        self,
        store: Store,
        root: str,
        ack: Callable[[int, int], None],
        state: BrokerState,
        kinds: Kinds,
        reports: Reports,
        most_bytes: int,
    ) -> None:
        self._store, self._root, self._ack, self._kinds, self._reports = store, root, ack, kinds, reports
        self._state, self._most_bytes = state, most_bytes
        self._commands = Commands(store)
        self._queue: SimpleQueue[Received | None] = SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-inbox", daemon=True)

    def start(self) -> "Inbox":
        """Begin; returns itself."""
        self._thread.start()
        return self

    def put(self, received: Received) -> None:
        """Queue a message; never waits. What needs no acknowledgement (QoS 0) is thrown away and counted while too much waits: the
        broker bounds the rest."""
        if not received.number and self._queue.qsize() >= MOST_WAITING:
            self._state.dropped += 1
            return
        self._queue.put(received)

    def stop(self) -> None:
        """End after the message at hand; what is not acknowledged comes again."""
        self._stop.set()
        self._queue.put(None)
        self._thread.join(timeout=20)

    def _run(self) -> None:
        while not self._stop.is_set():
            batch = self._gather()
            jobs = [self._begin(received) for received in batch]
            for job in jobs:
                if not self._finish(job):
                    return

    def _gather(self) -> list[Received]:
        batch = [self._queue.get()]
        while len(batch) < MOST_AT_ONCE:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
        return [received for received in batch if received is not None]

    def _begin(self, received: Received) -> _Job:
        """Decode and hand over, without waiting for the store where it can be helped."""
        job = _Job(received)
        try:
            self._hand_over(job)
        except Unavailable as error:
            self._note(error)
            job.again = True
        except PlantError as error:
            self._refuse(received, error.message)
        except Exception as error:  # a message nobody foresaw must not stop the others
            log.exception("a message on %s failed", received.topic[:200])
            self._refuse(received, f"{type(error).__name__}: {error}")
        return job

    def _finish(self, job: _Job) -> bool:
        """See that the message is kept, then acknowledge it; False when the inbox ends before."""
        pause = FIRST_PAUSE_S
        while True:
            if job.again:
                if self._stop.wait(pause):
                    return False
                pause = min(2 * pause, LONGEST_PAUSE_S)
                job = self._begin(job.received)
                if job.again:
                    continue
            try:
                outcomes = job.waiting.result() if job.waiting is not None else []
                if job.after is not None:
                    job.after(outcomes)
                    self._state.kept += 1
                    self._state.store_fault = ""
                break
            except Unavailable as error:
                self._note(error)
                job.again = True
            except PlantError as error:
                self._refuse(job.received, error.message)
                break
            except Exception as error:
                log.exception("a message on %s failed", job.received.topic[:200])
                self._refuse(job.received, f"{type(error).__name__}: {error}")
                break
        if job.received.number:
            self._ack(job.received.session, job.received.number)
        return True

    def _note(self, error: Unavailable) -> None:
        if not self._state.store_fault:
            log.warning("MQTT messages wait for the store: %s", error.message)
        self._state.store_fault = error.message

    def _refuse(self, received: Received, reason: str) -> None:
        self._state.refused += 1
        if self._state.refused <= LOGGED or self._state.refused % 100 == 0:
            log.warning("MQTT message on %s refused (the %d.): %s", shown(received.topic), self._state.refused, shown(reason))

    def _hand_over(self, job: _Job) -> None:
        received = job.received
        where = mqtt_topics.address(self._root, received.topic)
        if where is None:
            raise Invalid("nothing is expected on this topic")
        if len(received.payload) > self._most_bytes:
            raise Invalid(f"the message is larger than {self._most_bytes} bytes")
        content = parsed(received.payload)
        match where.what:
            case mqtt_topics.TELEMETRY:
                self._telemetry(job, where, content)
            case mqtt_topics.RESPONSES:
                job.after = lambda _: self._respond(where, content)
            case mqtt_topics.STATUS:
                job.after = lambda _: self._status(where, content)
            case _:
                job.after = lambda _: report_coordinator(self._store, where.site, _object(content))

    def _telemetry(self, job: _Job, where: Address, content: Any) -> None:
        message = decode(content, self._store.clock(), self._kinds.of, where.device)
        _same_site(where, message.report.site_id)
        self._reports.announce(message.report)
        job.waiting = self._store.intake.submit([message.block])
        job.after = lambda outcomes: self._settle(message, where, outcomes)

    def _settle(self, message: Message, where: Address, outcomes: list[Outcome]) -> None:
        report = message.report if message.report.site_id else replace(message.report, site_id=where.site)
        if not any(outcome.spooled for outcome in outcomes) and self._reports.is_news(report):
            self._reports.settle(report)

    def _respond(self, where: Address, content: Any) -> None:
        said = _object(content)
        _same_device(where, said)
        command_id, status, message, result = said.get("command_id"), said.get("status"), said.get("message") or "", said.get("result")
        if not isinstance(command_id, str) or not isinstance(status, str) or not isinstance(message, str):
            raise Invalid("a response has the texts command_id and status, and maybe message")
        if result is not None and not isinstance(result, dict):
            raise Invalid("result is an object")
        self._commands.respond(where.device, command_id, status, message, result)

    def _status(self, where: Address, content: Any) -> None:
        if isinstance(content, str):
            content = {"status": content}
        said = _object(content)
        _same_device(where, said)
        status = said.get("status")
        if not isinstance(status, str):
            raise Invalid("a status message has a status: online, offline, error or maintenance")
        report_status(self._store, where.device, status.lower())


def _object(content: Any) -> Mapping[str, Any]:
    if not isinstance(content, dict) or isinstance(content, exact.Repeated):
        raise Invalid("the message is no JSON object whose keys stand once")
    return content


def _same_device(where: Address, said: Mapping[str, Any]) -> None:
    about = said.get("device_info")
    for named in (said.get("device_id"), about.get("device_id") if isinstance(about, dict) else None):
        if named is not None and named != where.device:
            raise Invalid("the message names another device than its topic")
    site = said.get("site_id") or (about.get("site_id") if isinstance(about, dict) else None)
    _same_site(where, site if isinstance(site, str) else "")


def _same_site(where: Address, site: str) -> None:
    if where.site and site and site != where.site:
        raise Invalid("the message names another site than its topic")
