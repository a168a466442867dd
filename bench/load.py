"""A load generator that is far cheaper than the servers it measures: raw sockets, prebuilt requests, its own process.

`python -m bench.load --port 8150 --batch 100 --seconds 4 --start 1790000000000` prints one JSON line (`Result`). Each of the
connections is a closed loop: it sends the next request when the answer to the last one is there. Request number `i` has the
same bytes for every server: body and headers depend on the batch size, the start instant and `i` alone.
"""

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import cast

VEHICLES = 2_000
TICK_MS = 100
STAMP = len("2026-01-24T12:05:00.0")
VARIANTS = 8
PATIENCE_S = 60
METRICS = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")


def vin(vehicle: int) -> str:
    """The name of vehicle 0 … VEHICLES-1."""
    return f"VIN-BENCH-{vehicle:05d}"


def values(vehicle: int, variant: int) -> tuple[float, ...]:
    """Plausible values in the order of METRICS, all within the catalogue's valid ranges and none of them an alert."""
    step = (vehicle * 31 + variant * 17) % 400
    odometer = round(12_000 + vehicle + variant / 10, 1)
    return (30 + step / 10, 92.5, 355 + step / 50, step / 4 - 50, 31 + step / 100, 24 + step / 100, odometer)


class Requests:
    """The endless, repeatable sequence of ingest requests of one round.

    A fleet of VEHICLES reports every TICK_MS; a request carries `batch` neighbours of one tick. Their instants differ by 1 ms
    (modulo TICK_MS), so no (vin, ts) ever comes twice and times cannot be cached per request. Only the tick is written into
    a prebuilt body, which costs one join.
    """

    def __init__(self, batch: int, start_ms: int, path: str = "/api/telemetry", headers: Sequence[str] = ()) -> None:
        if VEHICLES % batch:
            raise ValueError(f"batch {batch} does not divide {VEHICLES} vehicles")
        self.batch = batch
        self.start_ms = start_ms - start_ms % TICK_MS
        self.groups = VEHICLES // batch
        lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers)
        self._host = "".join(line + "\r\n" for line in lines).encode()
        self._pieces = [[self._cut(group, variant) for group in range(self.groups)] for variant in range(VARIANTS)]

    def _cut(self, group: int, variant: int) -> list[bytes]:
        """A request, head included, cut where the tick goes."""
        rows = []
        for vehicle in range(group * self.batch, (group + 1) * self.batch):
            numbers = ",".join(f'"{name}":{value!r}' for name, value in zip(METRICS, values(vehicle, variant), strict=True))
            rows.append(f'{{"vin":"{vin(vehicle)}","ts":"\0{vehicle % TICK_MS:02d}Z",{numbers}}}')
        body = ("[" + ",".join(rows) + "]").encode()
        length = len(body) + self.batch * (STAMP - 1)
        return (self._host + b"Content-Length: %d\r\n\r\n" % length + body).split(b"\0")

    def tick_ms(self, index: int) -> int:
        """The instant request `index` speaks of, epoch ms; each row adds its vehicle number modulo TICK_MS."""
        return self.start_ms + index // self.groups * TICK_MS

    def request(self, index: int) -> bytes:
        """Head and body of request `index`."""
        tick = index // self.groups
        second, ms = divmod(self.tick_ms(index), 1000)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)) + str(ms // TICK_MS)
        return stamp.encode().join(self._pieces[tick % VARIANTS][index % self.groups])


@dataclass(frozen=True, slots=True)
class Result:
    """One round. Latencies in ms; `client_cpu` is the generator's own share of one core; `next_ms` is where the next round may start."""

    batch: int
    connections: int
    seconds: float
    requests: int
    stored: int
    failed: int
    rate: float
    p50: float
    p99: float
    worst: float
    client_cpu: float
    next_ms: int
    first_failure: str = ""


class Connection(asyncio.Protocol):
    """One keep-alive connection in a closed loop. `take` gives the next request or None at the end; `done` gets (seconds, status, body)."""

    def __init__(self, take: Callable[[], bytes | None], done: Callable[[float, int, bytes], None]) -> None:
        self.take, self.done = take, done
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._expected = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        request = self.take()
        if request is None:
            self.transport.close()
            return
        self._sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._expected:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._expected = end + 4 + content_length(self._buffer[:end])
        if len(self._buffer) < self._expected:
            return
        taken = time.perf_counter() - self._sent
        answer, self._buffer, self._expected = self._buffer, b"", 0
        self.done(taken, int(answer[9:12]), answer[answer.index(b"\r\n\r\n") + 4:])
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_result(None)


def content_length(head: bytes) -> int:
    """The length an answer announces. Raises ValueError for an answer without one (chunked answers are not expected here)."""
    low = head.lower()
    place = low.index(b"\r\ncontent-length:")
    return int(low[place + 17:].split(b"\r\n", 1)[0])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0…1) of an ascending sequence lies; nan when empty."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def run(requests: Requests, port: int, connections: int, seconds: float, most: int = 10**9, host: str = "127.0.0.1") -> Result:
    """Drive `connections` closed loops for `seconds` or until `most` requests were sent, whichever is first."""
    latencies: list[float] = []
    expected = f'"inserted":{requests.batch}'.encode()
    failures: list[str] = []
    sent = 0
    stored = 0
    begin = time.perf_counter()
    until = begin + seconds

    def take() -> bytes | None:
        nonlocal sent
        if sent >= most or time.perf_counter() >= until:
            return None
        sent += 1
        return requests.request(sent - 1)

    def done(taken: float, status: int, body: bytes) -> None:
        nonlocal stored
        latencies.append(taken)
        if status == 200 and expected in body.replace(b" ", b""):
            stored += requests.batch
        else:
            failures.append(f"{status} {body[:200].decode(errors='replace')}")

    loop = asyncio.get_running_loop()
    cpu = _cpu()
    protocols = [(await loop.create_connection(lambda: Connection(take, done), host, port))[1] for _ in range(connections)]
    await asyncio.wait([protocol.finished for protocol in protocols], timeout=seconds + PATIENCE_S)
    elapsed = time.perf_counter() - begin
    lost = sent - len(latencies)
    latencies.sort()
    return Result(
        batch=requests.batch,
        connections=connections,
        seconds=elapsed,
        requests=sent,
        stored=stored,
        failed=len(failures) + lost,
        rate=stored / elapsed,
        p50=1000 * percentile(latencies, 0.5),
        p99=1000 * percentile(latencies, 0.99),
        worst=1000 * percentile(latencies, 1),
        client_cpu=(_cpu() - cpu) / elapsed,
        next_ms=requests.tick_ms(sent) + TICK_MS,
        first_failure=failures[0] if failures else (f"{lost} requests without an answer" if lost else ""),
    )


def _cpu() -> float:
    """Seconds of processor time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: one round, one JSON line."""
    parser = argparse.ArgumentParser(prog="bench.load", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--start", type=int, default=0, help="epoch ms of the first reading; 0 = now")
    parser.add_argument("--most", type=int, default=10**9, help="stop after this many requests")
    given = parser.parse_args(arguments)
    requests = Requests(given.batch, given.start or int(time.time() * 1000))
    import uvloop

    result = uvloop.run(run(requests, given.port, given.connections, given.seconds, given.most))
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
