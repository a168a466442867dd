"""Live clients at 1 Hz, WebSockets and event streams: how late what they hear is, and what they cost in memory.

`python -m bench stream` is 500 of each for 20 s · `--load` sends 200 readings a second meanwhile and keeps chart callbacks coming as fast
as they are answered · `--data DIR` uses an existing demo plant. Every other WebSocket hears a panel's frames, the rest PulseBMS telemetry
of one battery. Lateness of a frame is its arrival minus the instant it was made, by the server's clock in it (one machine, one clock);
lateness of an event is its distance from the one before, beyond the interval asked for.
"""

import argparse
import asyncio
import base64
import json
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
from datetime import datetime
from pathlib import Path

from bench import servers
from bench.latest_series import PANELS, callback_body
from bench.load import Connection, percentile
from bench.measure import calibrate, keep, machine, table, verdict
from bench.servers import ROOT
from plant.model import DAY

PANEL = {"type": "subscribe", "topic": "panel:overview-tiles?"}
STREAM = "/bms/bess{unit:02d}/stream?interval=1"
UNITS = 12
INTERVAL_S = 1.0
LATE_MS, MOST_MB = 150.0, 350.0
READINGS_S = 200
CALLBACKS = 4
"""Connections that ask for charts without a pause."""
_NOW = re.compile(rb'"now":(\d+)')
_MADE = re.compile(rb'"timestamp":"([^"]+)".*"latency_ms":(\d+)')


def battery(number: int) -> dict[str, object]:
    """The subscription of a client that follows one battery."""
    filters = {"device_ids": [f"bess{number % UNITS + 1:02d}"], "metrics": ["soc", "power", "voltage", "current"], "sample_rate": "1Hz"}
    return {"type": "subscribe", "topic": "telemetry", "filters": filters}


def made(payload: bytes) -> float | None:
    """When the server made a frame [epoch s]; None for what is none."""
    if found := _NOW.search(payload):
        return int(found[1]) / 1000
    if found := _MADE.search(payload):
        return datetime.fromisoformat(found[1].decode()).timestamp() + int(found[2]) / 1000
    return None


@dataclass(slots=True)
class Heard:
    """What all clients of one sort received: messages, lateness of each [s], connections that ended early."""

    messages: int = 0
    late: list[float] = field(default_factory=list)
    lost: int = 0


def masked(text: bytes) -> bytes:
    """A client's text frame (RFC 6455 §5.2), payload below 65,536 bytes."""
    key = os.urandom(4)
    head = bytes((0x81, 0x80 | len(text))) if len(text) < 126 else struct.pack(">BBH", 0x81, 0xFE, len(text))
    return head + key + bytes(byte ^ key[place % 4] for place, byte in enumerate(text))


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
    """One dashboard tab, or one API client that follows a battery: subscribe and listen until cancelled."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write((f"GET /ws/bench-{number} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer[:20]:
            raise ConnectionError(answer[:80].decode())
        writer.write(masked(json.dumps(PANEL if number % 2 else battery(number)).encode()))
        while True:
            opcode, payload = await read_frame(reader)
            if opcode == 8:
                raise ConnectionError(payload.decode(errors="replace"))
            if (since := made(payload)) is not None:
                heard.messages += 1
                heard.late.append(time.time() - since)
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


async def readings(port: int, seconds: float) -> int:
    """Send READINGS_S readings a second, in ten requests; how many were taken."""
    taken, begin, bodies = 0, time.perf_counter(), iter(range(10**9))

    def take() -> bytes | None:
        number = next(bodies)
        if number >= 10 * seconds:
            return None
        now = int(time.time() * 1000)
        said = {"soc": 50.0, "current": 12.5, "power": 9.5}
        names = [f"bench{number:02d}" for number in range(READINGS_S // 10)]
        rows = [{"device_id": name, "timestamp": now + place, "kind": "pack", "values": said} for place, name in enumerate(names)]
        body = json.dumps(rows).encode()
        head = f"POST /api/v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (request := take()) is not None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head.lower())
        answer = await reader.readexactly(int(found[1])) if found else b""
        taken += json.loads(answer).get("accepted", 0) if b" 200 " in head[:20] else 0
        sent = taken / READINGS_S
        await asyncio.sleep(max(0.0, sent - (time.perf_counter() - begin)))
    writer.close()
    return taken


async def callbacks(port: int, seconds: float) -> int:
    """Ask for charts without a pause on CALLBACKS connections; how many came."""
    until, came, asked = time.perf_counter() + seconds, 0, 0

    def take() -> bytes | None:
        nonlocal asked
        if time.perf_counter() >= until:
            return None
        asked += 1
        now = int(time.time() * 1000)
        body = callback_body(PANELS[asked % len(PANELS)], now - DAY - 60_000 * (asked % 500), now)
        head = (f"POST /_dash-update-component HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")  # fmt: skip
        return head.encode() + body

    def done(_taken: float, status: int, _body: bytes) -> None:
        nonlocal came
        came += status == 200

    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(lambda: Connection(take, done), "127.0.0.1", port))[1] for _ in range(CALLBACKS)]
    await asyncio.wait([line.finished for line in lines], timeout=seconds + 30)
    return came


async def busy(port: int, seconds: float) -> tuple[int, int]:
    """Both at once: readings taken, charts drawn."""
    taken, came = await asyncio.gather(readings(port, seconds), callbacks(port, seconds))
    return taken, came


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench stream", description="live clients")
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--load", action="store_true", help="200 readings a second and as many charts as are answered meanwhile")
    parser.add_argument("--busy", type=int, default=0, help="be that load on this port, and nothing else")
    parser.add_argument("--data", default="", help="DATA_DIR of a demo plant that exists; empty = make one")
    parser.add_argument("--days", default="2", help="days of history when one is made")
    given = parser.parse_args(arguments)
    if given.busy:
        print(json.dumps(asyncio.run(busy(given.busy, given.seconds))))
        return
    calibration = calibrate()
    print(f"Live clients at 1 Hz{' under load' if given.load else ''}; {machine()}, load {os.getloadavg()[0]:.1f}\n{calibration}")
    with tempfile.TemporaryDirectory(prefix="bench-stream-") as scratch, ExitStack() as stack:
        folder = Path(given.data).resolve() if given.data else Path(scratch)
        server = stack.enter_context(servers.ours(folder, port=servers.OURS_PORT + 5, verb="demo", patience=300, DEMO_DAYS=given.days))
        quiet, used, since = server.rss_mb(), server.cpu_s(), time.perf_counter()
        load = None
        if given.load:
            options = ("--busy", str(server.port), "--seconds", str(given.seconds + 3))
            load = subprocess.Popen([sys.executable, "-m", "bench.stream", *options], cwd=ROOT, stdout=subprocess.PIPE)
        by_socket, by_stream = asyncio.run(listen(server.port, given.sockets, given.streams, given.seconds))
        cores, memory = (server.cpu_s() - used) / (time.perf_counter() - since), server.rss_mb()
        done = json.loads(load.communicate()[0]) if load else [0, 0]
    rows, results = [], []
    for name, clients, heard in (("websocket", given.sockets, by_socket), ("events", given.streams, by_stream)):
        late = sorted(heard.late)
        per_second = heard.messages / given.seconds / max(1, clients)
        figures = [1000 * percentile(late, share) for share in (0.5, 0.95, 0.99, 1)]
        result = {"what": name, "clients": clients, "lost": heard.lost, "per_client_s": per_second}
        results.append(result | {"late_ms_p50_p95_p99_worst": figures})
        shown = [f"{figure:.0f}" for figure in figures]
        lost = f"{heard.lost} {verdict(heard.lost, 0)}"
        rows.append([name, str(clients), lost, f"{per_second:.2f}", *shown, verdict(figures[1], LATE_MS)])
    print(table(["clients", "number", "lost", "messages/s each", "late p50 ms", "p95 ms", "p99 ms", "worst ms", "bar of p95"], rows))
    print(f"server: {cores:.2f} cores, RSS {quiet:.0f} MB before, {memory:.0f} MB with the clients {verdict(memory, MOST_MB)}")
    if load:
        length = given.seconds + 3
        print(f"meanwhile {done[0] / length:,.0f} readings/s taken and {done[1] / length:,.0f} charts/s drawn")
    keep("stream", calibration, {"clients": results, "cores": cores, "rss_mb": memory, "load": given.load, "readings_charts": done})


if __name__ == "__main__":
    main()
