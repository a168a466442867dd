"""What is happening now, pushed: server-sent events for API clients, one WebSocket per dashboard tab. Native on the event loop."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from pydantic import BaseModel, Field, ValidationError

from api.contract import Context, field_error
from api.errors import invalid
from datastore.ports import Subscription
from plant.errors import DeviceNotFound, Forbidden, NotFound, PlantError, Unavailable
from plant.model import Alarm, Block, Quality, Window
from plant.timeline import iso
from services.access import Identity

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BMS_FIELDS = (
    "soc",
    "soh",
    "voltage",
    "current",
    "cell_avg_voltage",
    "cell_avg_temp",
    "cell_max_voltage",
    "cell_min_voltage",
    "cell_voltage_diff",
    "cell_temp_diff",
)
PCS_FIELDS = (
    "apparent_power",
    "dc_current",
    "dc_voltage",
    "ac_current_a",
    "ac_current_b",
    "ac_current_c",
    "ac_voltage_ab",
    "ac_voltage_bc",
    "ac_voltage_ca",
    "temp_environment",
    "temp_ambient",
    "temp_igbt",
)

HEARTBEAT_S = 15.0
HEARTBEAT = b": waiting\n\n"
LIVE_WITHIN_MS = 300_000
"""A device whose newest reading is older than this only has an archive: its stream replays that and starts over at the end."""
RESUME_ROWS = 1000
MAX_STREAMS = 2000
MAX_SOCKETS = 2000
MAX_TOPICS = 64
MAX_MESSAGE = 16_384
"""Longest message a client may send [characters]."""
MAX_MESSAGES_PER_S = 50
MAX_WAITING = 256
"""Messages that may wait for one client before it counts as too slow."""
TOO_SLOW = 1013
POLICY = 1008
TOO_BIG = 1009

_STREAM = re.compile(r"/(bms|pcs)/([^/]+)/stream\Z")
_SOCKET = re.compile(r"/ws/([A-Za-z0-9._:-]{1,64})\Z")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*Hz\Z", re.IGNORECASE)


class StreamParams(BaseModel):
    """How often a stream speaks."""

    interval: float = Field(2.0, ge=0.1, le=10, description="seconds between readings")


@dataclass(frozen=True, slots=True)
class DeviceStream:
    """The S0 stream of one device: newest reading each interval; an archived device is replayed, over and over."""

    context: Context
    family: str
    device_id: str
    access: str = "read"

    @property
    def route(self) -> str:
        """The declared path."""
        return f"/{self.family}/{{device_id}}/stream"

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the family's reading, in the document's order."""
        return BMS_FIELDS if self.family == "bms" else PCS_FIELDS

    async def open(self, query: dict[str, str], last_event_id: str) -> AsyncIterator[bytes]:
        """The events, as bytes ready to send. Raises Invalid for a bad interval, DeviceNotFound."""
        try:
            params = StreamParams.model_validate(query)
        except ValidationError as error:
            raise invalid([field_error(e, "query") for e in error.errors(include_url=False)]) from None
        kind = await asyncio.get_running_loop().run_in_executor(None, self._kind)
        after = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 15 else None
        return self._events(kind, params.interval, after)

    def _kind(self) -> str:
        kinds = ("bess", "rack", "pack") if self.family == "bms" else ("pcs",)
        found = {device.kind for device in self.context.store.records.devices() if device.device_id == self.device_id}
        for kind in kinds:
            if kind in found:
                return kind
        raise DeviceNotFound(self.device_id)

    async def _events(self, kind: str, interval: float, after: int | None) -> AsyncIterator[bytes]:
        yield f"retry: {max(1000, int(interval * 1000))}\n\n".encode()
        telemetry, key = self.context.store.telemetry, (self.device_id, kind)
        loop = asyncio.get_running_loop()
        newest = telemetry.latest([key]).get(key)
        archived = newest is not None and self._archived(newest.at)
        resumed = after
        if newest is not None and after is not None and after < newest.at and not archived:
            for at, event in await loop.run_in_executor(None, self._page, kind, after + 1, newest.at):
                yield event
                after = at
        beat = loop.time()
        while True:
            newest = telemetry.latest([key]).get(key)
            if newest is not None and self._archived(newest.at):
                async for event in self._replay(kind, interval, resumed):
                    yield event
                resumed, beat = None, loop.time()
                continue
            if newest is not None and newest.at != after:
                yield self._event(newest.at, {name: newest.values.get(name) for name in self.fields})
                after, beat = newest.at, loop.time()
            elif loop.time() - beat >= HEARTBEAT_S:
                yield HEARTBEAT
                beat = loop.time()
            await asyncio.sleep(interval)

    def _archived(self, at: int) -> bool:
        return self.context.clock() - at > LIVE_WITHIN_MS

    async def _replay(self, kind: str, interval: float, after: int | None) -> AsyncIterator[bytes]:
        """Everything kept, once, from the reading behind `after` on; ends early when the device wakes up."""
        loop = asyncio.get_running_loop()
        extent = await loop.run_in_executor(None, self.context.store.telemetry.extent, self.device_id, kind)
        if extent is None:
            await asyncio.sleep(interval)
            return
        start = extent.first if after is None else after + 1
        while True:
            page = await loop.run_in_executor(None, self._page, kind, start, extent.last)
            for at, event in page:
                yield event
                start = at + 1
                await asyncio.sleep(interval)
            newest = self.context.store.telemetry.latest([(self.device_id, kind)]).get((self.device_id, kind))
            if not page or newest is None or not self._archived(newest.at):
                if not page and start == extent.first:  # none of the fields was ever sent
                    await asyncio.sleep(interval)
                return

    def _page(self, kind: str, start: int, last: int) -> list[tuple[int, bytes]]:
        """Readings from `start` to `last` inclusive [epoch ms], at most RESUME_ROWS, as events."""
        if last < start:
            return []
        columns = self.context.store.telemetry.columns(self.device_id, kind, self.fields, Window(start, last + 1), limit=RESUME_ROWS)
        values = {name: columns.values[name].tolist() for name in self.fields if name in columns.values}
        return [(at, self._event(at, {name: values[name][i] for name in values})) for i, at in enumerate(columns.at.tolist())]

    def _event(self, at: int, values: dict[str, Any]) -> bytes:
        reading = {"timestamp": iso(at)} | {name: values.get(name) for name in self.fields}
        return b"id: %d\ndata: %s\n\n" % (at, orjson.dumps(reading))  # orjson writes NaN, the silent element, as null


class Hub:
    """All live connections of this process. Made on any thread, opened on the event loop."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._topics: dict[str, _Topic] = {}
        self._sockets: set[_Socket] = set()
        self._streams: set[asyncio.Task[Any]] = set()

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start on this loop."""
        self._loop = loop

    async def close(self) -> None:
        """End every connection."""
        for socket in list(self._sockets):
            socket.drop(1001, "the server is stopping")
        for task in list(self._streams):
            task.cancel()
        await asyncio.sleep(0)

    def stream(self, path: str) -> DeviceStream | None:
        """The stream at this path."""
        match = _STREAM.match(path)
        return DeviceStream(self.context, match[1], unquote(match[2])) if match else None

    async def run_stream(self, events: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
        """Send events until the client leaves or the server stops."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(_pump(events, send))
        gone = loop.create_task(_until_gone(receive))
        self._streams.add(task)
        with self.context.gauges.streams.labels("sse").track_inprogress():
            try:
                await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._streams.discard(task)
                for other in (task, gone):
                    other.cancel()
                await asyncio.gather(task, gone, return_exceptions=True)

    def room_for_stream(self) -> None:
        """Raises Unavailable when too many streams are open."""
        if len(self._streams) >= MAX_STREAMS:
            raise Unavailable("Too many open streams; try again later", retry_after=10)

    def client_id(self, path: str) -> str:
        """The client's name for itself in `/ws/{client_id}`. Raises NotFound, Unavailable when too many are connected."""
        match = _SOCKET.match(path)
        if match is None:
            raise NotFound("WebSockets live at /ws/{client_id}")
        if len(self._sockets) >= MAX_SOCKETS:
            raise Unavailable("Too many WebSockets; try again later")
        return match[1]

    def check_origin(self, headers: dict[str, str], scheme: str) -> None:
        """A browser's page may connect from this host or from CORS_ORIGINS; clients that are no browsers send no Origin."""
        origin = headers.get("origin")
        if not origin or origin in self.context.config.cors_origins:
            return
        if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise Forbidden("Pages of this origin may not connect; see CORS_ORIGINS")

    async def run_socket(self, client: str, caller: Identity, receive: Receive, send: Send) -> None:
        """Serve one WebSocket until it ends."""
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        socket = _Socket(self, client, caller)
        self._sockets.add(socket)
        with self.context.gauges.streams.labels("websocket").track_inprogress():
            writer = asyncio.get_running_loop().create_task(socket.write(send))
            try:
                await socket.read(receive)
            finally:
                self._sockets.discard(socket)
                socket.leave_all()
                socket.drop(1000, "")
                await asyncio.gather(writer, return_exceptions=True)

    def join(self, name: str, sink: "_Sink") -> None:
        """Let `sink` hear the live topic `name`; the first one subscribes for all."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = _Topic(set())
            topic.place = self.context.store.live.subscribe(name, self._heard)
        topic.sinks.add(sink)

    def leave(self, name: str, sink: "_Sink") -> None:
        """The opposite of `join`; the last one unsubscribes."""
        topic = self._topics.get(name)
        if topic is None:
            return
        topic.sinks.discard(sink)
        if not topic.sinks:
            del self._topics[name]
            if topic.place:
                topic.place.close()

    def _heard(self, name: str, message: Any) -> None:
        """On the publisher's thread: hand over to the loop and return."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._fan_out, name, message)

    def _fan_out(self, name: str, message: Any) -> None:
        topic = self._topics.get(name)
        if topic is None:
            return
        text = message.decode() if isinstance(message, bytes) else message
        for sink in tuple(topic.sinks):
            sink(text)


_Sink = Callable[[Any], None]


@dataclass(slots=True)
class _Topic:
    sinks: set[_Sink]
    place: Subscription | None = None


@dataclass(slots=True)
class _Telemetry:
    """One socket's wish for S2 telemetry frames: which devices (empty = all), which metrics (empty = all), how often."""

    send: Callable[[str], None]
    clock: Callable[[], int]
    site_id: str
    devices: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    every_ms: float = 0.0
    sent: dict[str, int] = field(default_factory=dict)

    def hear(self, blocks: Iterable[Block]) -> None:
        """Turn what came in into frames."""
        for block in blocks:
            wanted = [(i, name) for i, name in enumerate(block.metrics, 4) if not self.metrics or name in self.metrics]
            if not wanted:
                continue
            for row in block.rows:
                if (not self.devices or row[0] in self.devices) and self._due(row[0], row[1]):
                    self.send(self._frame(row, wanted))

    def _due(self, device: str, at: int) -> bool:
        if self.every_ms and at - self.sent.get(device, -(10**15)) < self.every_ms:
            return False
        self.sent[device] = at
        return True

    def _frame(self, row: tuple[Any, ...], wanted: list[tuple[int, str]]) -> str:
        frame = {
            "type": "telemetry",
            "timestamp": iso(row[1]),
            "site_id": self.site_id,
            "device_id": row[0],
            "data": {name: row[i] for i, name in wanted if row[i] is not None},
            "metadata": {
                "latency_ms": max(0, self.clock() - row[1]),
                "simulated": bool(row[3] & Quality.SIMULATED),
                "quality": int(row[3]),
            },
        }
        return orjson.dumps(frame, option=orjson.OPT_SERIALIZE_NUMPY).decode()


class _Socket:
    """One client: its topics, and the messages that wait for it."""

    def __init__(self, hub: Hub, client: str, caller: Identity) -> None:
        self.hub = hub
        self.client = client
        self.caller = caller
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()
        self._end: tuple[int, str] | None = None
        self._sinks: dict[str, tuple[str, _Sink]] = {}

    def offer(self, text: str) -> None:
        """Queue a message; a client that lets too many pile up is dropped."""
        if self._end is not None:
            return
        if len(self._waiting) >= MAX_WAITING:
            self.hub.context.gauges.dropped.labels("websocket").inc()
            self.drop(TOO_SLOW, f"too slow: {MAX_WAITING} messages were waiting")
            return
        self._waiting.append(text)
        self._wake.set()

    def drop(self, code: int, reason: str) -> None:
        """Close as soon as the writer gets to it; what waits is not sent any more."""
        if self._end is None:
            self._end = (code, reason)
            self.leave_all()
            self._waiting.clear()
            self._wake.set()

    async def write(self, send: Send) -> None:
        """Send what waits until the end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await send({"type": "websocket.send", "text": self._waiting.popleft()})
            if self._end is not None:
                await send({"type": "websocket.close", "code": self._end[0], "reason": self._end[1]})
                return

    async def read(self, receive: Receive) -> None:
        """Answer what the client sends until it leaves or misbehaves."""
        second, count = 0, 0
        while self._end is None:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            now = int(time.monotonic())
            second, count = (second, count + 1) if now == second else (now, 1)
            text = message.get("text")
            if count > MAX_MESSAGES_PER_S:
                self.drop(POLICY, f"more than {MAX_MESSAGES_PER_S} messages a second")
            elif len(text if text is not None else message.get("bytes") or b"") > MAX_MESSAGE:
                self.drop(TOO_BIG, f"a message may have {MAX_MESSAGE} characters")
            else:
                self._answer(text)

    def _answer(self, text: str | None) -> None:
        try:
            asked = orjson.loads(text or "")
            if not isinstance(asked, dict):
                raise ValueError
        except ValueError:
            return self._error("INVALID_MESSAGE", "A message is a JSON object with a type")
        try:
            match asked.get("type"):
                case "ping":
                    self._say({"type": "pong"})
                case "subscribe":
                    self._subscribe(asked.get("topic"), asked.get("filters"))
                    self._say({"type": "ack", "topic": asked.get("topic"), "action": "subscribe"})
                case "unsubscribe":
                    self._leave(asked.get("topic"))
                    self._say({"type": "ack", "topic": asked.get("topic"), "action": "unsubscribe"})
                case _:
                    self._error("UNKNOWN_TYPE", "type is one of subscribe, unsubscribe, ping")
        except PlantError as error:
            self._error(error.code, error.message)

    def _subscribe(self, topic: Any, filters: Any) -> None:
        if not isinstance(topic, str) or len(topic) > 1000:
            raise NotFound("topic is text", "UNKNOWN_TOPIC")
        if topic in self._sinks:
            self._leave(topic)
        if len(self._sinks) >= MAX_TOPICS:
            raise Unavailable(f"At most {MAX_TOPICS} topics per socket", "TOO_MANY_TOPICS")
        if topic.startswith("panel:"):
            name: str = topic
            sink: _Sink = self.offer
        elif topic in ("telemetry", "alerts"):
            if not self.caller.may("read"):
                raise Forbidden("This link may not read telemetry")
            name, sink = ("readings", _telemetry(self, filters).hear) if topic == "telemetry" else ("alarms", self._alert)
        else:
            raise NotFound(f"There is no topic '{topic[:80]}'; topics are panel:…, telemetry, alerts", "UNKNOWN_TOPIC")
        self._sinks[topic] = (name, sink)
        self.hub.join(name, sink)

    def _leave(self, topic: Any) -> None:
        found = self._sinks.pop(topic, None) if isinstance(topic, str) else None
        if found:
            self.hub.leave(*found)

    def leave_all(self) -> None:
        """Leave every topic."""
        for topic in tuple(self._sinks):
            self._leave(topic)

    def _alert(self, alarm: Alarm) -> None:
        self._say(
            {
                "type": "alert",
                "timestamp": iso(alarm.cleared or alarm.raised),
                "alert_id": f"alert_{alarm.id}",
                "severity": alarm.severity,
                "category": alarm.metric or alarm.code.lower(),
                "site_id": self.hub.context.config.site_id,
                "device_id": alarm.device_id,
                "title": alarm.code.replace("_", " ").capitalize(),
                "message": alarm.message,
                "state": alarm.state,
                "data": {"value": alarm.value, "threshold": alarm.limit},
                "simulated": alarm.simulated,
            }
        )

    def _say(self, content: dict[str, Any]) -> None:
        self.offer(orjson.dumps(content).decode())

    def _error(self, code: str, message: str) -> None:
        self._say({"type": "error", "code": code, "message": message})


def _telemetry(socket: _Socket, filters: Any) -> _Telemetry:
    """The wish that S2's filters express. Raises Invalid."""
    asked = filters if isinstance(filters, dict) else {}
    rate = asked.get("sample_rate")
    match = _RATE.match(rate) if isinstance(rate, str) else None
    if rate is not None and (match is None or float(match[1]) <= 0):
        raise PlantError("sample_rate is a text such as 1Hz or 0.2Hz", "VALIDATION_ERROR")
    context = socket.hub.context
    wish = _Telemetry(socket.offer, context.clock, context.config.site_id, _names(asked, "device_ids"), _names(asked, "metrics"))
    # A little slack: a device of 1 Hz whose clock jitters must not lose every other reading.
    wish.every_ms = 900 / float(match[1]) if match else 0.0
    return wish


def _names(asked: dict[str, Any], key: str) -> frozenset[str]:
    names = asked.get(key) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PlantError(f"{key} is a list of texts", "VALIDATION_ERROR")
    return frozenset(names)


async def _pump(events: AsyncIterator[bytes], send: Send) -> None:
    async for event in events:
        await send({"type": "http.response.body", "body": event, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
