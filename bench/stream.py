"""Live clients: WebSockets on a panel's frames and event streams at 1 Hz, how late the frames come and what they cost in memory.

`python -m bench stream --sockets 200 --streams 200 --seconds 20` · `--load` keeps ingest and chart callbacks busy meanwhile ·
`--data DIR` uses an existing demo plant. Lateness of a frame is its arrival minus the server's clock in it (one machine, one
clock); lateness of an event is its distance from the one before, beyond the interval asked for.
"""

import argparse
import asyncio
import base64
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import servers
from bench.load import percentile
from bench.measure import calibrate, keep, machine, table
from bench.servers import ROOT

TOPIC = "panel:overview-tiles?"
STREAM = "/bms/bess{unit:02d}/stream?interval=1"
UNITS = 12
INTERVAL_S = 1.0
_NOW = re.compile(rb'"now":(\d+)')


@dataclass(slots=True)
class Heard:
    """What all clients of one sort received: messages, lateness of each [s], connections that ended early."""

    messages: int = 0
    late: list[float] = field(default_factory=list)
    lost: int = 0


def masked(text: bytes) -> bytes:
    """A client's text frame (RFC 6455 §5.2), payload below 126 bytes."""
    key = os.urandom(4)
    return bytes((0x81, 0x80 | len(text))) + key + bytes(byte ^ key[place % 4] for place, byte in enumerate(text))


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One server frame: opcode and payload."""
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", await reader.readexactly(8))
    return head[0] & 0x0F, await reader.readexactly(length)


async def socket(port: int, number: int, heard: Heard) -> None:
    """One dashboard tab: subscribe and listen until cancelled."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write((f"GET /ws/bench-{number} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer[:20]:
            raise ConnectionError(answer[:80].decode())
        writer.write(masked(b'{"type":"subscribe","topic":"' + TOPIC.encode() + b'"}'))
        while True:
            opcode, payload = await read_frame(reader)
            if opcode == 8:
                raise ConnectionError(payload.decode(errors="replace"))
            if found := _NOW.search(payload):
                heard.messages += 1
                heard.late.append(time.time() - int(found[1]) / 1000)
    except (OSError, EOFError):
        heard.lost += 1


async def stream(port: int, number: int, heard: Heard) -> None:
    """One API client: listen to the events of a device until cancelled."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = STREAM.format(unit=number % UNITS + 1)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
        if b" 200 " not in await reader.readline():
            raise ConnectionError(path)
        before = 0.0
        while line := await reader.readline():
            if line.startswith(b"data:"):
                now = time.perf_counter()
                if before:
                    heard.late.append(now - before - INTERVAL_S)
                before, heard.messages = now, heard.messages + 1
        raise ConnectionError("the stream ended")
    except (OSError, EOFError):
        heard.lost += 1


async def listen(port: int, sockets: int, streams: int, seconds: float) -> tuple[Heard, Heard]:
    """All clients for so long; they connect spread over a second, as tabs do, and the first two seconds are not judged."""
    by_socket, by_stream = Heard(), Heard()
    tasks = []
    for number in range(max(sockets, streams)):
        tasks += [asyncio.create_task(socket(port, number, by_socket))] if number < sockets else []
        tasks += [asyncio.create_task(stream(port, number, by_stream))] if number < streams else []
        await asyncio.sleep(1 / max(sockets, streams))
    await asyncio.sleep(2)
    for heard in (by_socket, by_stream):
        heard.messages = 0
        heard.late.clear()
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return by_socket, by_stream


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench stream", description="live clients")
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--load", action="store_true", help="ingest batches of 100 on 4 connections meanwhile")
    parser.add_argument("--data", default="", help="DATA_DIR of a demo plant that exists; empty = make one")
    parser.add_argument("--days", default="2", help="days of history when one is made")
    given = parser.parse_args(arguments)
    calibration = calibrate()
    print(f"Live clients at 1 Hz{' under ingest' if given.load else ''}; {machine()}\n{calibration}")
    with tempfile.TemporaryDirectory(prefix="bench-stream-") as scratch, ExitStack() as stack:
        folder = Path(given.data).resolve() if given.data else Path(scratch)
        server = stack.enter_context(servers.ours(folder, port=servers.OURS_PORT + 5, verb="demo", patience=300, DEMO_DAYS=given.days))
        quiet, used, since = server.rss_mb(), server.cpu_s(), time.perf_counter()
        if given.load:
            options = ("--port", str(server.port), "--connections", "4", "--seconds", str(given.seconds + 3))
            load = subprocess.Popen([sys.executable, "-m", "bench.load", *options], cwd=ROOT, stdout=subprocess.DEVNULL)
            stack.callback(load.wait)
        by_socket, by_stream = asyncio.run(listen(server.port, given.sockets, given.streams, given.seconds))
        cores, busy = (server.cpu_s() - used) / (time.perf_counter() - since), server.rss_mb()
    rows, results = [], []
    for name, clients, heard in (("websocket", given.sockets, by_socket), ("events", given.streams, by_stream)):
        late = sorted(heard.late)
        per_second = heard.messages / given.seconds / max(1, clients)
        figures = [1000 * percentile(late, share) for share in (0.5, 0.99, 1)]
        results.append({"what": name, "clients": clients, "lost": heard.lost, "per_client_s": per_second, "late_ms_p50_p99_worst": figures})
        rows.append([name, str(clients), str(heard.lost), f"{per_second:.2f}", *(f"{figure:.0f}" for figure in figures)])
    print(table(["clients", "number", "lost", "messages/s each", "late p50 ms", "p99 ms", "worst ms"], rows))
    print(f"server: {cores:.2f} cores, RSS {quiet:.0f} MB before, {busy:.0f} MB with the clients")
    keep("stream", calibration, {"clients": results, "cores": cores, "rss_mb": busy, "load": given.load})


if __name__ == "__main__":
    main()
