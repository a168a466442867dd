"""The telemetry store alone, as ratios in one run: append against a raw `executemany`, live rollups, a year, memory, a load.

`python -m bench store`. No HTTP, no intake: what SQLite itself can do stands beside what the store does with it.
"""

import argparse
import random
import sqlite3
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.measure import calibrate, keep, machine, median, table, verdict
from bench.stores import Clock, resident_mb, telemetry, timed
from datastore.ports import Columns
from plant.metrics import scalars_of
from plant.model import DAY, HOUR, MINUTE, Block, Window

ZONE = "Asia/Taipei"
START = 1_788_220_800_000  # 2026-09-01 00:00 UTC
METRICS = scalars_of("rack")[:13]
SITE = ("frequency", "active_power", "soc", "target_power", "aux_power", "pv_power")
DEVICES = 144
BATCH = 1000


def batches(count: int, seed: int = 7) -> list[list[tuple[object, ...]]]:
    """`count` batches of rows as a door hands them on: 144 racks at 1 Hz."""
    rng = random.Random(seed)
    rows = [
        (
            f"bess{i % DEVICES // 12 + 1:02d}-rack{i % 12 + 1:02d}",
            START + i // DEVICES * 1000,
            START + i // DEVICES * 1000 + 300,
            1,
            *[round(rng.uniform(0, 900), 1) for _ in METRICS],
        )
        for i in range(count * BATCH)
    ]
    return [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]


def raw_insert(path: Path, work: list[list[tuple[object, ...]]]) -> float:
    """Seconds of plain `executemany` of the same rows into the same table shape, device already an integer."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(row[0] for rows in work for row in rows))}
    ready = [[(row[1], numbers[row[0]], *row[2:]) for row in rows] for rows in work]
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000", "cache_size=-8192"):
        connection.execute(f"PRAGMA {pragma}")
    columns = ", ".join(f'"{name}" REAL' for name in scalars_of("rack"))
    connection.execute(
        f"CREATE TABLE r (ts INTEGER, device INTEGER, received INTEGER, quality INTEGER, {columns}, PRIMARY KEY (ts, device)) WITHOUT ROWID"
    )
    names = ", ".join(f'"{name}"' for name in METRICS)
    insert = f"INSERT INTO r (ts, device, received, quality, {names}) VALUES ({', '.join('?' * (len(METRICS) + 4))})"
    begin = time.perf_counter()
    for rows in ready:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows)
        connection.execute("COMMIT")
    took = time.perf_counter() - begin
    connection.close()
    return took


def appended(path: Path, work: list[list[tuple[object, ...]]], live: bool) -> tuple[float, float]:
    """(seconds of `append`, seconds of `maintain`); `live` = the clock follows the readings, so minutes accumulate and close."""
    clock = Clock()
    if not live:
        clock.now = START - DAY  # readings of a minute that never closes while this runs
    writing = keeping = 0.0
    with telemetry(path, clock) as store:
        if not live:
            store._rollups.accumulate = lambda *_: None  # type: ignore[method-assign]
        for i, rows in enumerate(work):
            if live:
                clock.now = int(rows[-1][1]) + 500  # type: ignore[call-overload]
            begin = time.perf_counter()
            store.append([Block("rack", METRICS, rows)])
            writing += time.perf_counter() - begin
            if live and i % 40 == 39:
                begin = time.perf_counter()
                store.maintain()
                keeping += time.perf_counter() - begin
    return writing, keeping


def bench_append(folder: Path, runs: int, count: int) -> list[list[object]]:
    """Rows/s of each way, and their ratios, interleaved so that the machine's moods hit all alike."""
    work = batches(count)
    raw, bare, live, kept = [], [], [], []
    for run in range(runs):
        raw.append(raw_insert(folder / f"raw{run}.db", work))
        bare.append(appended(folder / f"bare{run}.db", work, live=False)[0])
        writing, keeping = appended(folder / f"live{run}.db", work, live=True)
        live.append(writing)
        kept.append(keeping)
        for file in folder.glob("*.db*"):
            file.unlink()
    rows = len(work) * BATCH
    ratio = median([a / b for a, b in zip(raw, bare, strict=True)])
    cost = 100 * median([(a + k) / b - 1 for a, k, b in zip(live, kept, bare, strict=True)])
    return [
        ["raw executemany, FULL, 1,000 a commit", f"{rows / median(raw):,.0f} rows/s", ""],
        ["append without rollups", f"{rows / median(bare):,.0f} rows/s = {ratio:.2f} of raw", verdict(ratio, 0.8, at_least=True)],
        [
            "append with live rollups and maintain",
            f"{rows / (median(live) + median(kept)):,.0f} rows/s: rollups cost {cost:.1f} %",
            verdict(cost, 15),
        ],
    ]


def history(device: int, metrics: tuple[str, ...], start: int, step: int, count: int) -> Columns:
    """Plausible columns: slow waves with noise, as many decimals as a sensor sends."""
    rng = np.random.default_rng(device)
    at = start + np.arange(count, dtype=np.int64) * step
    base = np.sin(np.arange(count) / (4 * HOUR / step))
    values = {name: np.round(50 + 30 * base + rng.normal(0, 0.2, count), 1 if j % 3 else 2) for j, name in enumerate(metrics)}
    return Columns(at, at + 300, np.ones(count, dtype=np.int64), values)


def bench_load(folder: Path, days: int) -> list[list[object]]:
    """174 devices × 14 metrics by the minute and six site metrics by the second; scaled to 30 days when fewer are loaded."""
    metrics = (*METRICS, scalars_of("rack")[13])
    start = START - days * DAY
    items = [("rack", f"rack{i:03d}", history(i, metrics, start, MINUTE, days * 1440)) for i in range(6)]
    seconds = history(99, SITE, start, 1000, days * 86_400)
    with telemetry(folder / "load.db", Clock()) as store:
        begin = time.process_time()
        total = store.load_many((f"{name}-{turn}", kind, columns) for turn in range(29) for kind, name, columns in items)
        total += store.load_many([("site", "site", seconds)])
        took = time.process_time() - begin
        size = (folder / "load.db").stat().st_size + (folder / "load.db-wal").stat().st_size
    return [
        [
            f"load of {total:,} wide readings ({days} days)",
            f"{took:.1f} s CPU, {size / 1e6:,.0f} MB; 30 days: {took * 30 / days:.1f} s",
            verdict(took * 30 / days, 25),
        ]
    ]


def bench_year(folder: Path) -> list[list[object]]:
    """A year of minutes of one metric to 1,000 buckets; each ask has another window."""
    with telemetry(folder / "reads.db", Clock()) as store:
        store.load("year", "site", history(1, SITE, START - 365 * DAY, MINUTE, 365 * 1440))

        def year(i: int) -> object:
            window = Window(START - 365 * DAY + i * MINUTE, START - i * MINUTE)
            return store.series([("year", "site")], ["active_power"], window, points=1000, zone=ZONE)

        found = [timed(lambda i=i: year(i)) for i in range(11)]  # type: ignore[misc]
    return [["a year of 1-minute data to 1,000 buckets", f"{median(found):.2f} ms", verdict(median(found), 5)]]


def bench_memory(folder: Path, minutes: int) -> list[list[object]]:
    """Resident memory of this process while `minutes` of 144 racks at 1 Hz go in."""
    clock = Clock()
    names = [f"rack{i:03d}" for i in range(DEVICES)]
    sizes = []
    with telemetry(folder / "memory.db", clock) as store:
        for second in range(60 * minutes):
            at = clock.now = START + second * 1000 + 500
            store.append([Block("rack", METRICS, [(name, at - 500, at, 0, *[second % 7 + 0.5] * len(METRICS)) for name in names])])
            if second % 5 == 4:
                store.maintain()
            if second % 60 == 59:
                sizes.append(resident_mb())
    grown = sizes[-1] - sizes[len(sizes) // 3]
    return [
        [
            f"memory over {minutes} simulated minutes at 1 Hz",
            f"{sizes[0]:.0f} → {sizes[len(sizes) // 3]:.0f} → {sizes[-1]:.0f} MB",
            verdict(grown, 5),
        ]
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench store", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="repetitions of the append comparison")
    parser.add_argument("--days", type=int, default=30, help="days of history to load")
    parser.add_argument("--minutes", type=int, default=15, help="simulated minutes of the memory test")
    parser.add_argument("--smoke", action="store_true", help="tiny: only shows that it runs")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.runs, options.days, options.minutes = 1, 1, 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        calibration = calibrate(folder)
        print(f"{machine()}\n{calibration}\n")
        rows = (
            bench_append(folder, options.runs, 8 if options.smoke else 120)
            + bench_year(folder)
            + bench_memory(folder, options.minutes)
            + bench_load(folder, options.days)
        )
    print(table(("what", "measured", "bar"), rows))
    if not options.smoke:
        keep("store", calibration, rows)


if __name__ == "__main__":
    main([])
