"""One WebSocket client: what it asks, what it subscribed to, and the messages that wait for it."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import orjson

from api.contract import PUBLIC
from api.passes import Pass
from api.socket_actions import act
from api.topics import Wish, topic_of, wish
from plant.errors import Forbidden, Invalid, PlantError, TooMany, Unauthorized, Unavailable
from services.access import Identity

if TYPE_CHECKING:
    from api.live import Hub

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_TOPICS = 64
MAX_MESSAGE = 16_384
"""Longest message a client may send [characters]."""
MAX_MESSAGES_PER_S = 50
MAX_WAITING = 2048
"""Messages that may wait for one client before it counts as too slow; a batch of a thousand readings makes none slow."""
MAX_WAITING_SIZE = 4_000_000
"""The same in characters."""
MAX_TRIES = 5
"""Tokens in a row that may be wrong."""
AUTH_WITHIN_S = 10.0
"""So long a stranger may stay without saying who they are [s]."""
NORMAL, POLICY, TOO_BIG, FAILED, RESTART, TOO_SLOW = 1000, 1008, 1009, 1011, 1012, 1013
"""Close codes (RFC 6455 §7.4.1 and the registry it started)."""
ENTER = ("panels", "read")
"""One of these permissions opens a socket."""

failures = logging.getLogger("voltdeck.errors")


class Socket:
    """One client; lives on the event loop."""

    def __init__(self, hub: "Hub", client: str, entry: Pass) -> None:
        self.hub = hub
        self.client = client
        self.entry = entry
        self._waiting: deque[str] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._end: tuple[int, str] | None = None
        self._wishes: dict[str, Wish] = {}
        self._tries = 0
        self._watcher: asyncio.Task[None] | None = None

    @property
    def is_stranger(self) -> bool:
        """Whether the client still has to say who it is."""
        return self.entry.needs == (PUBLIC,)

    async def run(self, receive: Receive, send: Send) -> None:
        """Serve until the client leaves, misbehaves, or loses the right to be here."""
        loop = asyncio.get_running_loop()
        self._watch()
        writer, reader = loop.create_task(self._write(send)), loop.create_task(self._read(receive))
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.drop(NORMAL, "")
            tasks = [task for task in (reader, self._watcher) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(writer, *tasks, return_exceptions=True)

    def offer(self, text: str) -> None:
        """Queue a message; a client that lets too many pile up is dropped."""
        if self._end is not None:
            return
        if len(self._waiting) >= MAX_WAITING or self._size > MAX_WAITING_SIZE:
            self.hub.context.gauges.dropped.labels("websocket").inc()
            self.drop(TOO_SLOW, f"too slow: {len(self._waiting)} messages were waiting")
            return
        self._waiting.append(text)
        self._size += len(text)
        self._wake.set()

    def drop(self, code: int, reason: str) -> None:
        """Close as soon as the writer gets to it; what waits is not sent any more."""
        if self._end is None:
            self._end = (code, reason[:120])
            self.leave_all()
            self._waiting.clear()
            self._wake.set()

    def leave_all(self) -> None:
        """Leave every topic."""
        for topic in tuple(self._wishes):
            self._leave(topic)

    def _watch(self) -> None:
        """Follow whether the client may stay."""
        if self._watcher is not None:
            self._watcher.cancel()
        self._watcher = asyncio.get_running_loop().create_task(self._watch_over(self.entry))

    async def _watch_over(self, entry: Pass) -> None:
        if self.is_stranger:
            await asyncio.sleep(AUTH_WITHIN_S)
            self.drop(POLICY, f"Nobody said who is there within {AUTH_WITHIN_S:g} s")
            return
        gone = await entry.lapse(self._judge)
        self.drop(POLICY, gone.message)

    def _judge(self, caller: Identity) -> None:
        """Leave what this caller may no longer hear."""
        for topic, kept in tuple(self._wishes.items()):
            try:
                kept.permit(caller)
            except Forbidden as error:
                self._leave(topic)
                self._say({"type": "error", "code": error.code, "message": error.message, "topic": topic})

    async def _write(self, send: Send) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                text = self._waiting.popleft()
                self._size -= len(text)
                await send({"type": "websocket.send", "text": text})
            if self._end is not None:
                code, reason = self._end
                await send({"type": "websocket.close", "code": code, "reason": reason.encode()[:120].decode(errors="ignore")})
                return

    async def _read(self, receive: Receive) -> None:
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
                await self._answer(text)

    async def _answer(self, text: str | None) -> None:
        try:
            asked = orjson.loads(text or "")
            if not isinstance(asked, dict):
                raise ValueError
        except ValueError:
            return self._error("INVALID_MESSAGE", "A message is a JSON object with a type, sent as text")
        try:
            await self._follow(asked)
        except PlantError as error:
            self._error(error.code, error.message)
        except Exception:
            failures.exception("a WebSocket message of %s failed", self.client)
            self._error("INTERNAL_ERROR", "The server failed; its log holds the reason")

    async def _follow(self, asked: dict[str, Any]) -> None:
        match asked.get("type"):
            case "ping":
                self._say({"type": "pong"})
            case "auth":
                await self._authenticate(asked.get("token"))
            case _ if self.is_stranger:
                raise Unauthorized('Say who you are first: {"type":"auth","token":"…"}')
            case "subscribe":
                await self._subscribe(topic_of(asked), asked.get("filters"))
            case "unsubscribe":
                topic = topic_of(asked)
                self._leave(topic)
                self._say({"type": "ack", "topic": topic, "action": "unsubscribe"})
            case "action":
                await self._count(self.entry.caller.username or self.entry.address)
                self._say(await act(self.hub.context, self.entry, asked))
            case _:
                self._error("UNKNOWN_TYPE", "type is one of subscribe, unsubscribe, action, auth, ping")

    async def _authenticate(self, token: Any) -> None:
        """From now on the socket is for whom the token says; what this caller may not hear ends."""
        if not isinstance(token, str) or not token:
            raise Invalid("token is text")
        await self._count(self.entry.address)
        entry = Pass.of_token(self.hub.context, ENTER, token, self.entry.address)
        try:
            caller = await entry.renew()
        except (Unauthorized, Forbidden, TooMany):
            self._tries += 1
            if self._tries >= MAX_TRIES:
                self.drop(POLICY, f"{MAX_TRIES} bad tokens")
            raise
        self._tries, self.entry = 0, entry
        self._judge(caller)
        self._watch()
        self._say({"type": "ack", "topic": "auth", "action": "auth", "username": caller.username})

    async def _subscribe(self, topic: str, filters: Any) -> None:
        asked = wish(self.hub, topic, filters, self.offer)
        asked.permit(self.entry.caller)
        if topic not in self._wishes and len(self._wishes) >= MAX_TOPICS:
            raise Unavailable(f"At most {MAX_TOPICS} topics per socket", "TOO_MANY_TOPICS")
        self._leave(topic)
        self._say({"type": "ack", "topic": topic, "action": "subscribe"})  # before the first frame
        self._wishes[topic] = asked
        try:
            await asked.begin()
        except PlantError:
            self._leave(topic)
            raise
        if self._end is not None:
            asked.end()

    def _leave(self, topic: str) -> None:
        found = self._wishes.pop(topic, None)
        if found is not None:
            found.end()

    async def _count(self, who: str) -> None:
        """Actions count as requests do. Raises TooMany."""
        limiter = self.hub.context.limiter
        taken = limiter.take_at_once("api", who)
        if taken is None:
            taken = await asyncio.get_running_loop().run_in_executor(None, limiter.take, "api", who)
        if taken.refused:
            raise taken.error(self.hub.context.clock())

    def _say(self, content: dict[str, Any]) -> None:
        self.offer(orjson.dumps(content).decode())

    def _error(self, code: str, message: str) -> None:
        self._say({"type": "error", "code": code, "message": message})
