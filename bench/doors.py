"""The doors themselves: how long a batch of 1,000 readings takes from bytes to checked blocks, and how many GETs of a newest value a second
the server answers.

`python -m bench doors` · `--rounds 5 --seconds 2`. Decoding is measured in this process on the operations that serve requests, limits,
kinds and vetting included, storing not. The GETs come from one process over 16 keep-alive connections in closed loops, without
pipelining, and every answer is checked; server and generator share the cores.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop

from bench import servers
from bench.load import Connection, Requests, percentile, vin
from bench.measure import calibrate, keep, machine, table, verdict

BATCH = 1000
BAR_MS = 2.0
SINGLE = "A PulseBMS telemetry message"
BAR_GETS = 1500.0
CONNECTIONS = 16
VEHICLES = 200
START = 1_790_000_000_000
PATHS = {
    "vehicle": "/api/vehicles/{vin}/latest",
    "device": "/api/v1/devices/{vin}/latest",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of body: how often it has to be decoded for a thousand readings, and how."""

    name: str
    times: int
    decode: Callable[[], object]


def rows() -> list[dict[str, Any]]:
    """A thousand readings of batteries, seven values each."""
    metrics = ("soc", "soh", "voltage", "current", "cell_avg_temp", "cell_max_voltage", "cell_min_voltage")
    return [
        {"device_id": f"bess{n % 100:03d}", "timestamp": START + n // 100 * 1000 + n % 100, "kind": "bess",
         "values": {name: round(50 + n / 100 + i, 2) if i < 5 else round(3.2 + n / 1e4, 3) for i, name in enumerate(metrics)}}
        for n in range(BATCH)
    ]  # fmt: skip


def message(number: int) -> dict[str, Any]:
    """S2's flat telemetry message."""
    measured = {"soc": 67.5, "soh": 87.2, "voltage": 400.5, "current": -25.3, "temperature": 23.7, "power": -10126.5 + number}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(START // 1000 + number // 100))
    return {"device_id": f"pack{number % 100:03d}", "timestamp": f"{stamp}.{number % 100:03d}Z", "measurements": measured}


def lines() -> bytes:
    """A thousand lines of Influx's protocol, as Telegraf would send them."""
    fields = "soc=67.5,soh=87.2,voltage=400.5,current=-25.3,cell_avg_temp=23.7,power=-10.1265"
    return "\n".join(f"bess,device=bess{n % 100:03d},host=gw {fields} {(START + n) * 1_000_000}" for n in range(BATCH)).encode()


def cases(folder: Path) -> list[Case]:
    """The bodies, against the operations of a product in memory whose devices are known. Telemetry messages are one reading each, so they
    are a thousand requests."""
    import app
    from api.contract import Ingest
    from datastore.open import open_store
    from plant.model import Device
    from services.access import Identity
    from services.config import Config

    config = Config(database_url="memory://", data_dir=folder, rate_limit=0, rate_limit_ingest=0)
    store = open_store("memory://", config.site_tz, auto_register=True)
    product = app.create_app(config, store)
    store.records.put_devices(
        [Device(f"{kind}{n:03d}", kind) for kind in ("bess", "pack") for n in range(100)] + [Device(vin(n), "vehicle") for n in range(2000)]
    )
    operations = {operation.path: operation for operation in product.context.operations if isinstance(operation, Ingest)}

    def through(path: str, body: bytes, media: str = "application/json", query: Sequence[tuple[str, str]] = ()) -> Callable[[], object]:
        operation, headers, who = operations[path], {"content-type": media}, Identity()

        def decode() -> int:
            batch = operation.admit(product.context, headers, query, body, {}, who)
            if batch.rejected or batch.rows not in (1, BATCH):
                raise RuntimeError(f"{path}: {batch.rows} rows, rejected {batch.rejected[:2]}")
            return batch.rows

        return decode

    listed = rows()
    columns: Mapping[str, Any] = {
        "device_id": "bess001",
        "kind": "bess",
        "timestamps": [START + 1000 * n for n in range(BATCH)],
        "values": {name: [row["values"][name] for row in listed] for name in listed[0]["values"]},
    }
    fleet = Requests(BATCH, START).request(0).partition(b"\r\n\r\n")[2]
    found = [
        Case("vehicles (S4 array)", 1, through("/api/telemetry", fleet)),
        Case("readings, rows", 1, through("/api/v1/readings", orjson.dumps(listed))),
        Case("readings, columns", 1, through("/api/v1/readings", orjson.dumps(columns))),
        Case("Influx lines", 1, through("/api/v2/write", lines(), "text/plain; charset=utf-8")),
        Case(SINGLE, BATCH, through("/api/v1/telemetry/store", orjson.dumps(message(1)))),
    ]
    for case in found:
        case.decode()
    app.tune_collector()  # as a server does
    return found


def decode_ms(case: Case, rounds: int) -> tuple[float, float]:
    """Median milliseconds for a thousand readings, by the clock and of processor time, after one round for warmth."""
    taken, used = [], []
    for _ in range(rounds + 1):
        begin, cpu = time.perf_counter(), time.thread_time()
        for _ in range(case.times):
            case.decode()
        taken.append(1000 * (time.perf_counter() - begin))
        used.append(1000 * (time.thread_time() - cpu))
    return statistics.median(taken[1:]), statistics.median(used[1:])


@dataclass(frozen=True, slots=True)
class Round:
    """One round of GETs: rate [1/s], latencies [ms], answers that were not what was asked for, the generator's share of a core."""

    rate: float
    p50: float
    p99: float
    bad: int
    client: float


async def gets(port: int, path: str, seconds: float) -> Round:
    """Ask for the newest values of all vehicles in turn for so long."""
    rest = f"HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n\r\n"
    requests = [f"GET {path.format(vin=vin(number))} {rest}".encode() for number in range(VEHICLES)]
    latencies: list[float] = []
    bad = sent = 0
    begin, cpu = time.perf_counter(), time.process_time()

    def take() -> bytes | None:
        nonlocal sent
        if time.perf_counter() - begin >= seconds:
            return None
        sent += 1
        return requests[sent % VEHICLES]

    def done(taken: float, status: int, body: bytes) -> None:
        nonlocal bad
        latencies.append(taken)
        bad += status != 200 or b'"soc"' not in body

    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(lambda: Connection(take, done), "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    await asyncio.wait([one.finished for one in connections], timeout=seconds + 30)
    elapsed = time.perf_counter() - begin
    latencies.sort()
    return Round(
        len(latencies) / elapsed,
        1000 * percentile(latencies, 0.5),
        1000 * percentile(latencies, 0.99),
        bad + sent - len(latencies),
        (time.process_time() - cpu) / elapsed,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench doors", description="decoding at the doors, GETs of newest values")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--only", choices=("decode", "gets"), default=None)
    given = parser.parse_args(arguments)
    calibration = calibrate()
    print(f"The doors; {machine()}, load {os.getloadavg()[0]:.1f}\n{calibration}")
    results: dict[str, Any] = {"load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="bench-doors-") as scratch:
        if given.only != "gets":
            results["decode_ms"] = {case.name: decode_ms(case, max(15, given.rounds)) for case in cases(Path(scratch) / "decode")}
            figures = results["decode_ms"]
            batches = [[name, f"{wall:.2f}", f"{cpu:.2f}", verdict(wall, BAR_MS)] for name, (wall, cpu) in figures.items()]
            batches = [row for row in batches if row[0] != SINGLE]
            print(table(["1,000 readings as", "ms", "of processor time", "bar"], batches))
            print(f"{SINGLE}: {figures[SINGLE][0]:.0f} µs, {figures[SINGLE][1]:.0f} µs CPU (no batch: a thousand are a thousand requests)")
        if given.only != "decode":
            results["gets"] = ask(Path(scratch) / "serve", given.rounds, given.seconds)
    keep("doors", calibration, results)


def ask(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Serve a fleet, ask for its newest values, print and return the medians."""
    found, shown = {}, []
    with servers.ours(folder, port=servers.OURS_PORT + 6) as server:
        for batch in range(VEHICLES // 100):
            body = orjson.dumps([json.loads(sample) for sample in samples(100 * batch, 100)])
            if server.post("/api/telemetry", body)[0] != 200:
                raise RuntimeError("the fleet was not taken")
        for name, path in PATHS.items():
            uvloop.run(gets(server.port, path, min(1.0, seconds)))  # for warmth
            used, since = server.cpu_s(), time.perf_counter()
            done = [uvloop.run(gets(server.port, path, seconds)) for _ in range(rounds)]
            cores = (server.cpu_s() - used) / (time.perf_counter() - since)
            if bad := sum(one.bad for one in done):
                raise RuntimeError(f"{bad} answers of {path} were not what was asked for")
            middle = {figure: statistics.median(getattr(one, figure) for one in done) for figure in ("rate", "p50", "p99", "client")}
            found[name] = middle | {"server_cores": cores}
            figures = [f"{middle['rate']:,.0f}", *(f"{middle[figure]:.2f}" for figure in ("p50", "p99", "client")), f"{cores:.2f}"]
            shown.append([path, *figures, verdict(middle["rate"], BAR_GETS, at_least=True)])
    print(table(["GET", "requests/s", "p50 ms", "p99 ms", "client cores", "server cores", "bar"], shown))
    return found


def samples(first: int, count: int) -> list[str]:
    """One reading of each of these vehicles, as JSON texts."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    said = {"ts": now, "soc": 81.5, "soh": 96.0, "pack_voltage": 355.0, "pack_current": 12.5, "max_temp": 31.0, "min_temp": 28.0}
    return [json.dumps({"vin": vin(number), **said, "odo_km": 1201.8}) for number in range(first, first + count)]


if __name__ == "__main__":
    main()
