"""The live bus of several processes: what one publishes, subscribers of all hear, by way of Redis.

Only what has a wire form travels: readings and alarms. Frames of panels do not: every process has the same store, so each makes the
frames its own viewers watch, `topics` tells it which those are, and a frame never depends on another process being alive.

One thread per process speaks to Redis: publishing hands the message to the subscribers of this process and queues it, so that no
publisher ever waits for Redis. A topic nobody else listens to is not sent: PUBLISH tells how many heard it, and who begins to listen
announces it.
"""

import logging
import secrets
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from datastore.backends.redis_link import RETRY_S, RedisLink
from datastore.live import LiveBus, Receive
from datastore.ports import Subscription
from plant.model import Alarm, Block, Command

log = logging.getLogger(__name__)

WIRE: Mapping[str, Any] = {
    "readings": list[Block],
    "alarms": Alarm,
    "commands": Command,
    "allocations": dict[str, Any],
    "announcements": dict[str, Any],
}
"""Topic → type of its messages, for all that travel."""
MOST_WAITING = 50_000
"""Readings (other messages count as one) that may wait to be sent; some 20 MB."""
_AT_ONCE = 64
_LOOK_EVERY_S = 1.0
_GATHER_S = 0.02
"""How long after sending the next messages are gathered: sent one by one, those of a busy intake would cost it a quarter of its speed."""
_SILENT_S = 5.0
"""Redis answers a ping a second; this long without one, it is gone even when the connection does not know."""
_QUIET_S = 10.0
"""How long a topic counts as listened to by nobody without looking again."""
_NAME = 8


class Outbox:
    """Messages on their way out, bounded: when there are too many, the oldest go, and are counted."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, Any, int]] = deque()
        self._weight = 0
        self.dropped = 0

    def put(self, topic: str, message: Any) -> bool:
        """Queue a message; whether it is the only one."""
        weight = sum(map(len, message)) if isinstance(message, list) else 1
        with self._lock:
            first = not self._waiting
            self._waiting.append((topic, message, weight))
            self._weight += weight
            while self._weight > self._most and len(self._waiting) > 1:
                self._weight -= self._waiting.popleft()[2]
                self.dropped += 1
        return first

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self, most: int = _AT_ONCE) -> list[tuple[str, Any]]:
        """The oldest messages, in order."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._weight -= sum(weight for _, _, weight in taken)
        return [(topic, message) for topic, message, _ in taken]


class RedisLive:
    """Implements `ports.Live` across processes. While Redis is away it is the live bus of one process."""

    def __init__(self, redis: RedisLink | str) -> None:
        """`redis` is the link or its URL. Never waits for Redis and does not mind when it is not there."""
        self._link = RedisLink(redis) if isinstance(redis, str) else redis
        self._local = LiveBus()
        self._me = secrets.token_bytes(_NAME)
        self._outbox = Outbox()
        self._channels = {topic: f"{self._link.prefix}live:{topic}" for topic in WIRE}
        self._topics = {channel.encode(): topic for topic, channel in self._channels.items()}
        self._news = f"{self._link.prefix}listening"
        self._encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
        self._decode = {topic: msgspec.msgpack.Decoder(kind).decode for topic, kind in WIRE.items()}
        self._connected = threading.Event()
        self._quiet: set[str] = set()  # topics that nobody but this process listened to when last sent
        self._quiet_since = 0.0
        self._asked: set[str] = set()  # topics this process asked Redis for …
        self._heard: set[str] = set()  # … and those Redis has confirmed
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="redis-live", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Messages that never left because Redis was too slow."""
        return self._outbox.dropped

    def publish(self, topic: str, message: Any) -> None:
        """Hand `message` to every subscriber of this process, and see that those of the others get it; never waits."""
        self._local.publish(topic, message)
        if topic in WIRE and topic not in self._quiet and self._connected.is_set() and self._outbox.put(topic, message):
            self._ring()

    def subscribe(self, topic: str, receive: Receive) -> Subscription:
        """`receive(topic, message)` is called on the publisher's thread, or on that of this bus, and must return at once."""
        place = self._local.subscribe(topic, receive)
        if topic in WIRE and topic not in self._asked:
            self._ring()
        return place

    def topics(self, prefix: str = "") -> dict[str, int]:
        """Topics that have subscribers in this process now → how many: whoever makes frames makes them for its own viewers."""
        return self._local.topics(prefix)

    def close(self) -> None:
        """Stop speaking to Redis; idempotent."""
        if not self._closed.is_set():
            self._closed.set()
            self._ring()
            self._thread.join(timeout=5)
            self._rope.close()
            self._bell.close()

    def wait_connected(self, timeout_s: float) -> bool:
        """Whether messages travel, waiting for it at most `timeout_s` seconds."""
        return self._connected.wait(timeout_s)

    def _ring(self) -> None:
        with suppress(OSError):  # full: it rings already; closed: nobody listens
            self._rope.send(b".")

    def _run(self) -> None:
        while not self._closed.is_set():
            ears = self._link.client.pubsub()
            try:
                self._serve(ears)
            except self._link.errors as error:
                self._link.lost(error)
            except Exception:  # a message that cannot be read must not end the bus
                log.exception("the live bus failed; it connects again")
            finally:
                self._connected.clear()
                self._outbox.take(1 << 30)  # old news is no news when Redis is back
                with suppress(Exception):
                    ears.close()
            self._closed.wait(RETRY_S)

    def _serve(self, ears: Any) -> None:
        """Speak and listen until closed. Raises the driver's errors when Redis goes away."""
        self._asked, self._heard, self._quiet = set(), set(), set()
        ears.subscribe(self._news)
        with selectors.DefaultSelector() as ready:  # not select(): a server may have more than 1024 files open
            ready.register(ears.connection._get_socket(), selectors.EVENT_READ)  # redis-py has no public way to it
            ready.register(self._bell, selectors.EVENT_READ)
            heard_at = looked_at = send_at = time.monotonic()
            while not self._closed.is_set():
                self._follow(ears)
                if self._outbox and time.monotonic() >= send_at:
                    self._send()
                    send_at = time.monotonic() + _GATHER_S
                while (message := ears.get_message(timeout=0)) is not None:
                    heard_at = time.monotonic()
                    self._take(message)
                now = time.monotonic()
                if now - heard_at > _SILENT_S:
                    raise TimeoutError("it no longer answers")
                if now - looked_at >= _LOOK_EVERY_S:
                    looked_at = now
                    ears.ping()
                if now - self._quiet_since > _QUIET_S:
                    self._quiet_since = now
                    self._quiet.clear()
                ready.select(max(0.0, send_at - now) if self._outbox else _LOOK_EVERY_S)
                with suppress(BlockingIOError):
                    self._bell.recv(4096)

    def _follow(self, ears: Any) -> None:
        """Listen to what has subscribers here, and to nothing else."""
        wanted = WIRE.keys() & self._local.topics().keys()
        for topic in wanted - self._asked:
            ears.subscribe(self._channels[topic])
        for topic in self._asked - wanted:
            self._heard.discard(topic)
            ears.unsubscribe(self._channels[topic])
        self._asked = wanted

    def _send(self) -> None:
        while taken := self._outbox.take():
            waiting = _joined(taken)
            sent = [topic for topic, _ in waiting]
            with self._link.client.pipeline(transaction=False) as pipe:
                for topic, message in waiting:
                    pipe.publish(self._channels[topic], self._me + self._encode(message))
                heard = pipe.execute()
            for topic, ears in zip(sent, heard, strict=True):
                if ears <= (topic in self._heard):  # nobody, or only this process
                    self._quiet.add(topic)
                else:
                    self._quiet.discard(topic)

    def _take(self, message: Mapping[str, Any]) -> None:
        channel, topic = message["channel"], self._topics.get(message["channel"])
        if message["type"] == "subscribe":
            if topic is None:
                self._link.found()
                self._connected.set()
            elif topic in self._asked:
                self._heard.add(topic)
                self._link.client.publish(self._news, self._me + topic.encode())
        elif message["type"] == "message":
            sender, content = message["data"][:_NAME], message["data"][_NAME:]
            if sender == self._me:
                return
            if channel == self._news.encode():
                self._quiet.discard(content.decode())
            elif topic is not None:
                self._deliver(topic, content)

    def _deliver(self, topic: str, content: bytes) -> None:
        try:
            message = self._decode[topic](content)
        except msgspec.DecodeError as error:  # a process of another version
            log.warning("a message of another process about %s cannot be read: %s", topic, error)
            return
        self._local.publish(topic, message)


def _joined(messages: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The same news in fewer messages: lists that follow each other under one topic become one."""
    joined: list[tuple[str, Any]] = []
    for topic, message in messages:
        if isinstance(message, list) and joined and joined[-1][0] == topic:
            joined[-1] = (topic, joined[-1][1] + message)
        else:
            joined.append((topic, message))
    return joined


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy as what they hold."""
    if callable(to_list := getattr(value, "tolist", None)):
        return to_list()
    raise NotImplementedError(f"{type(value).__name__} does not travel")
