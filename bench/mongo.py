"""MongoDB: ingest through the Intake beside direct `insert_many` into MongoDB's own time-series collection, on one server.

`python -m bench mongo` · `--rounds 5` · `--seconds 4` · `--batch 100` · `--writers 16`. Both sides: the same readings of 7 metrics in
the same order, 16 threads in a closed loop on pooled connections, every batch acknowledged once it is in the journal (`w:1, j:true`), a
fresh database every round, rounds alternate. Batches come from a fleet (100 neighbours of one tick, as in `bench.load`) and, shown
beside it, from one device each, which is what a time-series collection likes best: all of a batch goes into one bucket.
After every round the stored readings must be exactly the acknowledged ones. A time-series collection keeps a reading
twice that is sent twice; this product finds out, and keeps minute rollups, newest values and quality on the way.

The server is `.services/mongod` (`make services`), or BENCH_MONGODB.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from pymongo import MongoClient, WriteConcern

from bench.load import METRICS, TICK_MS, VEHICLES, values, vin
from bench.measure import calibrate, keep, machine, median, table, verdict
from datastore.backends.mongo_engine import MongoEngine
from datastore.backends.mongo_records import MongoRecords
from datastore.intake import Intake
from datastore.kept.telemetry import KeptTelemetry
from datastore.live import LiveBus
from plant.model import Block
from tests.datastore import mongod

BAR = 3.0
ALONE = 200
DATABASE = "bench_voltdeck"
Row = tuple[Any, ...]
Send = Callable[[Sequence[Row]], None]


def fleet(start: int, number: int, batch: int) -> list[Row]:
    """Batch `number`: neighbours of one tick, (vehicle, ts, values …), instants 1 ms apart modulo the tick."""
    groups = VEHICLES // batch
    tick, group = divmod(number, groups)
    first = group * batch
    return [(v, start + tick * TICK_MS + v % TICK_MS, *values(v, tick % 8)) for v in range(first, first + batch)]


def device(start: int, number: int, batch: int) -> list[Row]:
    """Batch `number`: one vehicle's next readings, of as many vehicles as keep it out of the far future."""
    turn, vehicle = divmod(number, ALONE)
    first = start + turn * batch * TICK_MS
    return [(vehicle, first + i * TICK_MS, *values(vehicle, i % 8)) for i in range(batch)]


@contextmanager
def time_series(url: str) -> Iterator[tuple[Send, Callable[[], int]]]:
    """MongoDB's own: device as the meta field, granularity seconds, unordered inserts."""
    with MongoClient(url, maxPoolSize=64) as client:
        made = client[DATABASE].create_collection(
            "telemetry", timeseries={"timeField": "at", "metaField": "device", "granularity": "seconds"}
        )
        collection = made.with_options(write_concern=WriteConcern(1, j=True))

        def send(rows: Sequence[Row]) -> None:
            documents = [
                {"at": datetime.fromtimestamp(at / 1000, UTC), "device": vin(vehicle), **dict(zip(METRICS, told, strict=True))}
                for vehicle, at, *told in rows
            ]
            collection.insert_many(documents, ordered=False)

        yield send, lambda: int(collection.count_documents({}))


@contextmanager
def voltdeck(url: str) -> Iterator[tuple[Send, Callable[[], int]]]:
    """This product from the Intake on."""
    clock = lambda: time.time_ns() // 1_000_000  # noqa: E731
    address = f"{url}{DATABASE}"
    records = MongoRecords(address, clock)
    telemetry = KeptTelemetry(MongoEngine(address), clock)
    intake = Intake(telemetry, records, LiveBus(), clock)

    def send(rows: Sequence[Row]) -> None:
        now = clock()
        intake.accept([Block("vehicle", METRICS, [(vin(row[0]), row[1], now, 0, *row[2:]) for row in rows])])

    with MongoClient(url) as client:
        try:
            yield send, lambda: int(client[DATABASE]["reading_vehicle"].count_documents({}))
        finally:
            intake.close()
            telemetry.close()
            records.close()


SIDES = {"time-series": time_series, "Voltdeck": voltdeck}
SHAPES = {"fleet": fleet, "one device": device}


def measure(url: str, side: str, shape: str, batch: int, writers: int, seconds: float) -> float:
    """Acknowledged readings a second of one round on a fresh database. Raises RuntimeError when not exactly those are stored."""
    with MongoClient(url) as client:
        client.drop_database(DATABASE)
    start = time.time_ns() // 1_000_000 // TICK_MS * TICK_MS - 10_000
    with SIDES[side](url) as (send, stored):
        numbers = count()
        for _ in range(VEHICLES // batch if shape == "fleet" else ALONE):  # every vehicle is known before the clock runs
            send(SHAPES[shape](start, next(numbers), batch))
        before = stored()
        sent, faults = [0] * writers, []
        until = time.monotonic() + seconds

        def work(place: int) -> None:
            try:
                while time.monotonic() < until:
                    send(SHAPES[shape](start, next(numbers), batch))
                    sent[place] += batch
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=work, args=(place,)) for place in range(writers)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - begun
        if faults:
            raise faults[0]
        if stored() != before + sum(sent):
            raise RuntimeError(f"{side}: {sum(sent)} readings were acknowledged, {stored() - before} are stored")
    return sum(sent) / took


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of the server to measure."""
    if given := os.environ.get("BENCH_MONGODB"):
        yield given.rstrip("/") + "/"
        return
    with mongod.running(folder / "data") as started:
        yield started.url()


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench mongo", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--writers", type=int, default=16)
    options = parser.parse_args(arguments)
    calibration = calibrate()
    print(f"{machine()}\n{calibration}")
    results: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch, server(Path(scratch)) as url:
        for shape in SHAPES:
            rates = results[shape] = {side: [] for side in SIDES}
            for _ in range(options.rounds):
                for side in SIDES:
                    rates[side].append(measure(url, side, shape, options.batch, options.writers, options.seconds))
    rows = []
    for shape, rates in results.items():
        base = median(rates["time-series"])
        for side in SIDES:
            ratio = median(rates[side]) / base
            judged = verdict(ratio, BAR, at_least=True) if side == "Voltdeck" and shape == "fleet" else ""
            rows.append([shape, side, f"{median(rates[side]):,.0f}", f"{ratio:.1f}×", judged])
    print(table(["batches of", "side", "readings/s", "rate ÷ time-series", "bar"], rows))
    keep("mongo", calibration, results)
