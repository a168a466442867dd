"""What is happening now, pushed: server-sent events for API clients, one WebSocket per dashboard tab. Native on the event loop."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from api.contract import Context
from api.device_streams import DeviceStream, NewestValues, stream_at
from api.fleet_frames import Fleets
from api.passes import Pass, is_own
from api.roster import Roster
from api.sockets import RESTART, Receive, Send, Socket
from api.telemetry_frames import Telemetry, TelemetryDesk
from datastore.ports import Subscription
from plant.errors import Forbidden, NotFound, PlantError, Unavailable

MAX_STREAMS = 2000
MAX_SOCKETS = 2000
MAX_STRANGERS = 100
"""Sockets that may be open to clients who have not said who they are."""

_SOCKET = re.compile(r"/ws/([A-Za-z0-9._:-]{1,64})\Z")

Sink = Callable[[Any], None]


@dataclass(slots=True)
class _Topic:
    sinks: set[Sink] = field(default_factory=set)
    place: Subscription | None = None


class Hub:
    """All live connections of this process. Made on any thread, opened on the event loop."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.roster = Roster(context.store, context.config.site_id)
        self.fleets = Fleets(context)
        self._desk = TelemetryDesk(self.roster, context.clock, context.reports.announced)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._topics: dict[str, _Topic] = {}
        self._sockets: set[Socket] = set()
        self._streams: set[asyncio.Task[Any]] = set()
        self._values = NewestValues(context.store.telemetry)

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start on this loop."""
        self._loop = loop

    async def close(self) -> None:
        """End every connection: their clients find the next server."""
        for socket in list(self._sockets):
            socket.drop(RESTART, "the server is stopping")
        for task in list(self._streams):
            task.cancel()
        await asyncio.sleep(0)

    def stream(self, path: str) -> DeviceStream | None:
        """The stream at this path."""
        return stream_at(self.context, self._values, path)

    async def run_stream(self, events: AsyncIterator[bytes], entry: Pass, receive: Receive, send: Send) -> None:
        """Send events until the client leaves, loses the right to hear them, or the server stops."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(_pump(events, send))
        gone, lapsed = loop.create_task(_until_gone(receive)), loop.create_task(entry.lapse(lambda _: None))
        self._streams.add(task)
        with self.context.gauges.streams.labels("sse").track_inprogress():
            try:
                await asyncio.wait({task, gone, lapsed}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._streams.discard(task)
                for other in (task, gone, lapsed):
                    other.cancel()
                ended = await asyncio.gather(task, gone, lapsed, return_exceptions=True)
            if isinstance(reason := ended[2], PlantError):
                told = orjson.dumps({"code": reason.code, "message": reason.message})
                await send({"type": "http.response.body", "body": b"event: end\ndata: %s\n\n" % told})

    def room_for_stream(self) -> None:
        """Raises Unavailable when too many streams are open."""
        if len(self._streams) >= MAX_STREAMS:
            raise Unavailable("Too many open streams; try again later", retry_after=10)

    def room_for_stranger(self) -> None:
        """Raises Unavailable when too many sockets wait for their client to say who it is."""
        if sum(socket.is_stranger for socket in self._sockets) >= MAX_STRANGERS:
            raise Unavailable("Too many WebSockets wait for a token; try again later")

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
        if origin and origin not in self.context.config.cors_origins and not is_own(headers):
            raise Forbidden("Pages of this origin may not connect; see CORS_ORIGINS")

    async def run_socket(self, client: str, entry: Pass, protocol: str, receive: Receive, send: Send) -> None:
        """Serve one WebSocket until it ends; `protocol` is the subprotocol agreed on, "" for none."""
        await receive()  # websocket.connect
        await send({"type": "websocket.accept", "subprotocol": protocol} if protocol else {"type": "websocket.accept"})
        socket = Socket(self, client, entry)
        self._sockets.add(socket)
        with self.context.gauges.streams.labels("websocket").track_inprogress():
            try:
                await socket.run(receive, send)
            finally:
                self._sockets.discard(socket)

    def hear_telemetry(self, wish: Telemetry) -> None:
        """Make frames of readings for this subscriber, too."""
        if not self._desk.subscribers:
            self.join("readings", self._desk.hear)
            self.join("alarms", self._desk.note)
        self._desk.subscribers.add(wish)

    def leave_telemetry(self, wish: Telemetry) -> None:
        """The opposite; idempotent."""
        self._desk.subscribers.discard(wish)
        if not self._desk.subscribers:
            self.leave("readings", self._desk.hear)
            self.leave("alarms", self._desk.note)

    def join(self, name: str, sink: Sink) -> None:
        """Let `sink` hear the live topic `name`; the first one subscribes for all."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = _Topic()
            topic.place = self.context.store.live.subscribe(name, self._heard)
        topic.sinks.add(sink)

    def leave(self, name: str, sink: Sink) -> None:
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


async def _pump(events: AsyncIterator[bytes], send: Send) -> None:
    async for event in events:
        await send({"type": "http.response.body", "body": event, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
