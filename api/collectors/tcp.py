"""A TCP port that devices send to: connections, back-pressure, who may. What the bytes mean is a framer's affair.

There is no answer in these protocols. So a connection is read on only after what it sent is durable (in the store, or in the spool
while that does not answer): who sends faster than the store keeps finds its socket full.
"""

import asyncio
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.collectors.framing import Rejects
from datastore.store import Store
from plant.errors import Invalid, Unavailable
from services.battery_messages import Message

log = logging.getLogger("voltdeck.collect")

READ_BYTES = 65_536
MAX_CONNECTIONS = 256
KEEPERS = 4
"""Threads that wait for the store."""
TRY_AGAIN_S = 1.0
TELL_EVERY_S = 5.0
"""How often a port may write a warning about its senders: who sends nonsense must not fill the log, too."""
STOP_WITHIN_S = 10.0


class Framer(Protocol):
    """Bytes of one connection in, messages out."""

    rejects: Rejects

    def feed(self, data: bytes, received: int) -> list[Message]:
        """The messages that are whole now."""

    def end(self, received: int) -> list[Message]:
        """The connection is over."""


@dataclass(frozen=True, slots=True)
class Senders:
    """Who may send: this machine always, others when the list names them, or there is none and the mode is open. An entry
    `address=name` says which device a sender speaks for."""

    entries: Sequence[str] = ()
    is_open: bool = False
    _networks: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for entry in self.entries:
            address, _, device = entry.partition("=")
            self._networks.append((ipaddress.ip_network(address.strip()), device.strip()))

    def may(self, address: str) -> bool:
        """Whether this address may send."""
        return _plain(address).is_loopback or self._entry(address) is not None or (self.is_open and not self._networks)

    def device(self, address: str) -> str:
        """The device this address speaks for; empty when nobody said."""
        return self._entry(address) or ""

    def _entry(self, address: str) -> str | None:
        plain = _plain(address)
        return next((device for network, device in self._networks if plain.version == network.version and plain in network), None)


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


@dataclass(slots=True)
class Figures:
    """What came through a port since the process started."""

    messages: int = 0
    rejects: int = 0
    refused: int = 0
    connections: int = 0


class TcpPort:
    """A port and its connections, on a thread with a loop of its own. `framer(address)` makes what reads one connection."""

    def __init__(
        self, name: str, setting: str, host: str, port: int, framer: Callable[[str], Framer], store: Store, senders: Senders
    ) -> None:
        self.name = name
        self._setting = setting
        self._host = host
        self.port = port
        self._framer = framer
        self._store = store
        self._senders = senders
        self.figures = Figures()
        self._told = -TELL_EVERY_S
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: set[asyncio.Task[int]] = set()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def shown(self) -> str:
        """What listens where, for people."""
        return f"{self.name} on {self._host}:{self.port}"

    def start(self) -> "TcpPort":
        """Listen; returns itself. Raises Unavailable when the port cannot be had."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self._host, self.port))
            bound.listen(MAX_CONNECTIONS)
        except OSError as error:
            bound.close()
            raise Unavailable(f"{self._setting}: cannot listen on {self._host}:{self.port}: {error.strerror or error}") from None
        bound.setblocking(False)
        self.port = bound.getsockname()[1]
        self._stopping.clear()
        self._threads = ThreadPoolExecutor(KEEPERS, thread_name_prefix=f"tcp-{self.name}")
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(bound)), name=f"tcp-{self.name}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Take no more, finish what was read, end; idempotent."""
        self._stopping.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._cancel)
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S + 5)
            self._thread = None
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _cancel(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    async def _serve(self, bound: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        accepting = asyncio.create_task(self._accept(bound))
        self._tasks.add(accepting)
        accepting.add_done_callback(self._tasks.discard)
        if self._stopping.is_set():
            self._cancel()
        with bound, suppress(asyncio.CancelledError):
            await accepting
        if left := {*self._tasks, *self._keeping}:
            await asyncio.wait(left, timeout=STOP_WITHIN_S)

    async def _accept(self, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(bound)
            except OSError as error:  # out of descriptors, or the peer has gone again: the port lives on
                log.warning("%s: a connection could not be taken: %s", self.name, error.strerror or error)
                await asyncio.sleep(TRY_AGAIN_S)
                continue
            if not self._senders.may(address[0]) or self.figures.connections >= MAX_CONNECTIONS:
                self._refuse(client, address[0])
                continue
            task = loop.create_task(self._converse(client, address[0]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _refuse(self, client: socket.socket, address: str) -> None:
        client.close()
        self.figures.refused += 1
        log.log(self._level(), "%s: %s may not send here (TCP_ALLOW), or there are too many connections", self.name, address)

    def _level(self) -> int:
        """How loud a complaint may be now."""
        if time.monotonic() - self._told < TELL_EVERY_S:
            return logging.DEBUG
        self._told = time.monotonic()
        return logging.WARNING

    async def _converse(self, client: socket.socket, address: str) -> None:
        """One connection, from its first byte to its last."""
        loop = asyncio.get_running_loop()
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        framer = self._framer(address)
        self.figures.connections += 1
        count = 0
        try:
            while not framer.rejects.too_many:
                data = await loop.sock_recv(client, READ_BYTES)
                before = framer.rejects.count
                received = self._store.clock()
                messages = framer.feed(data, received) if data else framer.end(received)
                self.figures.rejects += framer.rejects.count - before
                if messages:
                    count += await self._keep_uninterrupted(messages, framer.rejects)
                if not data:
                    return
        except OSError as error:  # reset by the peer: what was whole is kept
            framer.rejects.note(f"the connection broke: {error.strerror or error}")
            self.figures.rejects += 1
        except Exception:
            log.exception("%s: the connection of %s is ended", self.name, address)
        finally:
            client.close()
            self.figures.connections -= 1
            level = self._level() if framer.rejects.count else logging.INFO
            why = f", last: {framer.rejects.last}" if framer.rejects.count else ""
            log.log(level, "%s: %s brought %d messages, %d rejected%s", self.name, address, count, framer.rejects.count, why)

    async def _keep_uninterrupted(self, messages: Sequence[Message], rejects: Rejects) -> int:
        """What was read is kept, also when the port is just being closed."""
        task = asyncio.get_running_loop().create_task(self._keep(messages, rejects))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        return await asyncio.shield(task)

    async def _keep(self, messages: Sequence[Message], rejects: Rejects) -> int:
        """Keep the messages in their order, however long the store takes; how many it took."""
        loop = asyncio.get_running_loop()
        keeping = Keeping(self._store, messages)
        while True:
            try:
                await loop.run_in_executor(self._threads, keeping.run)
                break
            except Unavailable as error:
                if self._stopping.is_set():
                    log.error("%s: %d messages are lost with this process: %s", self.name, keeping.left, error.message)
                    break
                await asyncio.sleep(TRY_AGAIN_S)
        for reason in keeping.refused:
            rejects.note(reason)
        self.figures.rejects += len(keeping.refused)
        self.figures.messages += keeping.kept
        return keeping.kept


class Keeping:
    """Messages on their way into the store; `run` again after Unavailable goes on where it was."""

    def __init__(self, store: Store, messages: Sequence[Message]) -> None:
        self._store = store
        self._messages = list(messages)
        self._readings_kept = False
        self.refused: list[str] = []
        self.kept = 0

    @property
    def left(self) -> int:
        """Messages that are not kept yet."""
        return len(self._messages)

    def run(self) -> None:
        """Readings together, then message by message. Raises Unavailable."""
        if not self._readings_kept:
            future, rejected = self._store.intake.offer([message.block for message in self._messages])
            future.result()
            self._readings_kept = True
            outside = {row.index: row.reason for row in rejected}  # every message has one row
            self.refused = list(outside.values())
            self._messages = [message for place, message in enumerate(self._messages) if place not in outside]
        while self._messages:
            message = self._messages[0]
            try:
                self._store.messages.keep(message.form.collection, message.document, message.received)
                self.kept += 1
            except Invalid as error:
                self.refused.append(error.message)
            del self._messages[0]


class TcpFigures(Collector):
    """The figures of all ports, for /metrics."""

    def __init__(self, ports: Sequence[TcpPort]) -> None:
        self._ports = ports

    def collect(self) -> Iterator[Metric]:
        """One sample per port and figure."""
        messages = CounterMetricFamily("voltdeck_tcp_messages", "Messages kept that came over TCP", labels=["port"])
        rejects = CounterMetricFamily("voltdeck_tcp_rejects", "What came over TCP and made no sense", labels=["port"])
        refused = CounterMetricFamily("voltdeck_tcp_refused", "Connections of senders that may not", labels=["port"])
        connections = GaugeMetricFamily("voltdeck_tcp_connections", "Open connections of TCP collectors", labels=["port"])
        for port in self._ports:
            messages.add_metric([port.name], port.figures.messages)
            rejects.add_metric([port.name], port.figures.rejects)
            refused.add_metric([port.name], port.figures.refused)
            connections.add_metric([port.name], port.figures.connections)
        yield from (messages, rejects, refused, connections)
