"""Sealed readings: bytes beside wide rows and InfluxDB, and what sealing a plant-day costs while readings keep coming.

`python -m bench sealed` · `--hours 24` · `--part size|day` · `--hourly` seals the day as the server does, bit by bit.

*Size*: one device of each kind of the demo plant at 1 Hz, receive times with the jitter of a network. Battery units (15 values) and
racks (16; 156 of the plant's 175 devices are one or the other) are judged; a converter's fifteen analogue values, seven of which follow
the grid's frequency second by second, are the hardest case and stand beside them. Bytes are those of the chunks: instants, receive
times and quality included.
*Day*: the whole demo plant every 15 s and its site every second, 17 million numbers, kept as hot rows with all their rollups; then
sealed, while a thread appends 20 readings ten times a second and measures how long it waits.
"""

import argparse
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.influx import influx, installed
from bench.load import METRICS, values, vin
from bench.measure import calibrate, keep, machine, table, verdict
from bench.plant_data import NOISY_PCS, START, columns, device_day, plant_hours, rows
from bench.stores import Clock, cpu_s, file_bytes, raw, resident_mb, telemetry
from datastore.kept.telemetry import KeptTelemetry
from datastore.ports import Columns
from plant.model import DAY, HOUR, MINUTE, SECOND, Block, Window
from plant.simulation import Design

BYTES_A_READING, SHARE_OF_ROWS, CPU_S, RSS_MB = 8.0, 20.0, 90.0, 150.0
JUDGED = ("bess", "rack")
KINDS = {"pcs": 0, "bess": 0, "rack": 3, "inverter": 0, "meter": 0, "site": 0, "weather": 0}


@dataclass(slots=True)
class Size:
    """What one device's readings take."""

    name: str
    kind: str
    told: Columns
    chunks: dict[str, int] = field(default_factory=dict)  # metric → bytes
    rows: int = 0
    influx: int = 0

    @property
    def readings(self) -> int:
        """How many."""
        return len(self.told.at)


def cases(hours: int, seconds: int) -> list[Size]:
    """Each kind as it is, a reading each `seconds`, and the hardest case."""
    told = device_day(KINDS, hours, seconds)
    noisy = Columns(told["pcs"].at, told["pcs"].received, told["pcs"].quality, {name: told["pcs"].values[name] for name in NOISY_PCS})
    return [Size("pcs: 15 noisy values", "pcs", noisy), *[Size(f"{kind}: all {len(one.values)}", kind, one) for kind, one in told.items()]]


def measure(case: Size, folder: Path) -> None:
    """Fill in the bytes of chunks and of wide rows; what comes back is compared with what went in."""
    path = folder / "chunks.db"
    with telemetry(path, Clock(START + 2 * DAY)) as store:
        store.load("one", case.kind, case.told)
        found = store.columns("one", case.kind, list(case.told.values), Window(START, START + 2 * DAY))
        if not np.array_equal(found.at, case.told.at) or not np.array_equal(found.received, case.told.received):
            raise RuntimeError(f"{case.name}: times came back changed")
        for name, column in case.told.values.items():
            if not np.array_equal(found.values[name], column, equal_nan=True):
                raise RuntimeError(f"{case.name}: {name} came back changed")
    question = 'SELECT k.name, sum(length(c."blob")) FROM chunk c JOIN metric_key k ON k.id = c.metric GROUP BY k.name'
    with closing(sqlite3.connect(path)) as connection:
        case.chunks = dict(connection.execute(question).fetchall())
    plain = folder / "rows.db"
    with raw(plain, case.kind, list(case.told.values)) as (connection, insert):
        empty = file_bytes(plain)
        connection.execute("BEGIN")
        connection.executemany(insert, [(1, *row[1:]) for row in rows("one", case.told)])
        connection.execute("COMMIT")
    case.rows = file_bytes(plain) - empty
    for file in folder.glob("*.db*"):
        file.unlink()


def in_influx(sizes: Sequence[Size], folder: Path) -> None:
    """Fill in what InfluxDB needs, one fresh server each."""
    for case in sizes:
        with influx(folder / "influx") as server:
            server.write(case.kind, "one", case.told)
            ((_, count),) = server.query(f'SELECT count("received") FROM "{case.kind}"')
            if count != case.readings:
                raise RuntimeError(f"InfluxDB has {count} of {case.readings} readings")
            case.influx = server.settled_bytes()


def bench_size(folder: Path, hours: int, seconds: int, beside: bool) -> list[dict[str, object]]:
    """Print both tables."""
    sizes = cases(hours, seconds)
    for case in sizes:
        measure(case, folder)
    if beside:
        in_influx([case for case in sizes if case.kind in (*JUDGED, "pcs")], folder)
    lines, kept = [], []
    for case in sizes:
        whole = sum(case.chunks.values())
        each, share = whole / case.readings, case.rows / whole
        judged = case.kind in JUDGED
        bars = [verdict(each, BYTES_A_READING), verdict(share, SHARE_OF_ROWS, at_least=True)] if judged else ["", ""]
        received = case.chunks["@received"] / case.readings
        row = f"{case.rows / case.readings:.1f}"
        theirs = f"{case.influx / case.readings:.1f}" if case.influx else "–"
        lines.append([case.name, f"{each:.2f}", bars[0], f"{received:.2f}", row, f"1/{share:.0f}", bars[1], theirs])
        kept.append({"case": case.name, "bytes": each, "received": received, "rows": case.rows / case.readings, "influx": case.influx,
                     "metrics": {name: size / case.readings for name, size in case.chunks.items()}})  # fmt: skip
    head = ["device at 1 Hz", "bytes a reading", "bar", "of which receive times", "as wide rows", "chunks ÷ rows", "bar", "InfluxDB"]
    print(table(head, lines))
    worst = [(size / case.readings, case.kind, name) for case in sizes[1:] for name, size in case.chunks.items()]
    print(
        table(["kind", "column", "bytes a value"], [[kind, name, f"{each:.3f}"] for each, kind, name in sorted(worst, reverse=True)[:25]])
    )
    return kept


# -- sealing a plant-day --------------------------------------------------------------------------------------------


def plant_rows(hours: float, every: int) -> Iterator[list[Block]]:
    """The whole demo plant each `every` seconds and its site each second, five minutes at a time, ascending."""
    for hour in plant_hours(Design(), START, hours, every):
        for low in range(0, len(hour.at), 300 // every):
            yield [_block(kind, tables, hour.at, slice(low, low + 300 // every)) for kind, tables in hour.tables.items()]
            yield [_seconds(hour.at[low : low + 300 // every], every)]


def _block(kind: str, tables: object, at: np.ndarray, which: slice) -> Block:
    scalars = {name: values[which] for name, values in tables.items()}  # type: ignore[attr-defined]
    devices = next(iter(scalars.values())).shape[1]
    parts = [rows(f"{kind}{k:03d}", columns(at[which], {n: v[:, k] for n, v in scalars.items()}, k)) for k in range(devices)]
    return Block(kind, tuple(scalars), sorted((row for part in parts for row in part), key=lambda row: row[1]))


def _seconds(at: np.ndarray, every: int) -> Block:
    """The site's frequency and power of the seconds between the full scans."""
    between = (at[:, None] - every * SECOND + SECOND * np.arange(1, every)).ravel()
    draw = np.random.default_rng(int(at[0] // SECOND))
    names = ("frequency", "active_power", "target_power", "aux_power", "pv_power")
    told = {name: np.round(base + draw.normal(0, 0.02, len(between)), 2) for name, base in zip(names, (60, 900, 880, 40, 700), strict=True)}
    return Block("site", names, rows("site000", columns(between, told)))


@dataclass(slots=True)
class Ingest:
    """A thread that appends 20 readings ten times a second and keeps how long each took."""

    store: KeptTelemetry
    clock: Clock
    waits: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    acknowledged: int = 0
    failed: list[BaseException] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `stop`."""
        tick = 0
        try:
            while not self._stop.wait(0.1):
                at = self.clock.now + 100 * tick
                block = Block("vehicle", METRICS, [(vin(v), at, at + 50, 0, *values(v, tick % 8)) for v in range(20)])
                begin = time.perf_counter()
                self.acknowledged += self.store.append([block])[0].inserted
                self.waits.append(1000 * (time.perf_counter() - begin))
                tick += 1
        except BaseException as error:  # told by `stop`
            self.failed.append(error)
        self.cpu_s = time.thread_time()

    def stop(self, thread: threading.Thread) -> None:
        """End; raises what ended it before."""
        self._stop.set()
        thread.join()
        if self.failed:
            raise self.failed[0]


@dataclass(slots=True)
class Memory:
    """A thread that watches the resident set."""

    most: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `stop`."""
        while not self._stop.wait(0.02):
            self.most = max(self.most, resident_mb())

    def stop(self, thread: threading.Thread) -> None:
        """End."""
        self._stop.set()
        thread.join()


def bench_day(folder: Path, hours: float, every: int, hourly: bool) -> dict[str, float]:
    """Build the hot day, seal it, print what that cost."""
    clock = Clock(START)
    path = folder / "day.db"
    end = START + int(hours * HOUR)
    numbers = readings = 0
    with telemetry(path, clock) as store:
        begun = time.perf_counter()
        for blocks in plant_rows(hours, every):
            clock.now = max(clock.now, max(int(block.rows[-1][1]) for block in blocks if block.rows) + 200)
            told = sum(outcome.inserted for outcome in store.append(blocks))
            readings += told
            numbers += sum(len(block.rows) * len(block.metrics) for block in blocks)
            if len(blocks) > 1:
                store.maintain()
        clock.now = end + 6 * HOUR
        store.maintain()
        print(
            f"  {readings:,} hot readings with {numbers:,} numbers and their minutes built in {time.perf_counter() - begun:.0f} s",
            flush=True,
        )
        ingest, memory = Ingest(store, clock), Memory()
        watch = threading.Thread(target=memory.run)
        feed = threading.Thread(target=ingest.run)
        before_mb = resident_mb()
        feed.start()
        watch.start()
        begin, used = time.perf_counter(), cpu_s()
        stops = range(START + HOUR, end + 1, HOUR) if hourly else (end,)
        sealed = 0
        try:
            for stop in stops:
                sealed += store.seal(stop)
            took, all_cpu = time.perf_counter() - begin, cpu_s() - used
        finally:
            memory.stop(watch)
            ingest.stop(feed)
        if sealed != readings:
            raise RuntimeError(f"{readings} readings were kept, {sealed} sealed")
        _verify(store, path, end, ingest.acknowledged, readings)
    cpu = all_cpu - ingest.cpu_s
    waits = sorted(ingest.waits)
    result = {
        "numbers": numbers, "readings": readings, "cpu_s": cpu, "cpu_s_for_17M": cpu * 17e6 / numbers, "wall_s": took,
        "wait_p50_ms": waits[len(waits) // 2], "wait_p99_ms": waits[int(0.99 * len(waits))], "wait_most_ms": waits[-1],
        "grown_mb": memory.most - before_mb, "us_a_reading": 1e6 * cpu / readings,
    }  # fmt: skip
    head = ["sealed", "CPU s", "for 17 M numbers", "bar", "µs a reading", "wait p50 / p99 / most ms", "RSS grew MB", "bar"]
    waited = f"{result['wait_p50_ms']:.1f} / {result['wait_p99_ms']:.1f} / {result['wait_most_ms']:.0f}"
    grown = [f"{result['grown_mb']:.0f}", verdict(result["grown_mb"], RSS_MB)]
    for_day = [f"{result['cpu_s_for_17M']:.1f}", verdict(result["cpu_s_for_17M"], CPU_S)]
    way = "hour by hour" if hourly else "at once"
    print(table(head, [[f"{numbers:,} numbers, {way}", f"{cpu:.1f}", *for_day, f"{result['us_a_reading']:.1f}", waited, *grown]]))
    return result


def _verify(store: KeptTelemetry, path: Path, end: int, acknowledged: int, readings: int) -> None:
    """Raises RuntimeError unless all is in chunks, nothing of it hot, and what came meanwhile is there."""
    with closing(sqlite3.connect(path)) as connection:
        ((sealed,),) = connection.execute("SELECT sum(n) FROM chunk WHERE metric = (SELECT id FROM metric_key WHERE name = '@at')")
        ((hot,),) = connection.execute("SELECT count(*) FROM reading_rack")
        ((late,),) = connection.execute("SELECT count(*) FROM reading_vehicle")
        ((bad,),) = connection.execute("SELECT count(*) FROM chunk WHERE metric = 0")
    if sealed != readings or hot or late != acknowledged or bad:
        raise RuntimeError(f"{sealed} of {readings} readings are in chunks, {hot} racks are hot, {late} of {acknowledged} came meanwhile")
    if len(store.columns("rack007", "rack", ["soc"], Window(START, end + MINUTE)).at) == 0:
        raise RuntimeError("a sealed rack does not answer")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench sealed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--every", type=int, default=15, help="seconds between scans of the plant-day")
    parser.add_argument("--part", choices=("size", "day"))
    parser.add_argument("--hourly", action="store_true", help="seal the day hour by hour")
    parser.add_argument("--smoke", action="store_true", help="tiny: only shows that it runs")
    given = parser.parse_args(arguments)
    hours = 1 if given.smoke else given.hours
    kept: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="bench-sealed-") as scratch:
        calibration = calibrate(Path(scratch))
        print(f"{machine()}\n{calibration}")
        if given.part != "day":
            kept["size"] = bench_size(Path(scratch), hours, 30 if given.smoke else 1, installed() and not given.smoke)
        if given.part != "size":
            kept["day"] = bench_day(Path(scratch), 0.05 if given.smoke else hours, given.every, given.hourly)
    if not given.smoke:
        keep("sealed", calibration, kept)


if __name__ == "__main__":
    main()
