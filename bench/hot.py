"""Bare hot insert: `append` of 7 metrics beside a raw `executemany` of the same wide rows, in one run, with equal durability.

`python -m bench hot` · `--batches 1,100,200,1000` · `--rounds 7`. No HTTP, no intake. Live rollups and the newest values are on: each
transaction marks, accumulates and remembers (what closing the minutes costs shows `bench store`). Transactions of both sides
alternate, so that the machine's moods hit both alike; the rows stored are compared in the end.
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.load import METRICS, values, vin
from bench.measure import calibrate, keep, machine, median, table, verdict
from bench.plant_data import START
from bench.stores import Clock, raw, telemetry
from plant.model import Block

BATCHES = (1, 100, 200, 1000)
BAR_AT, BAR = 200, 0.8
FLEET = 2000
READINGS = 40_000
BEGIN = START + 60_000


def work(batch: int, turn: int) -> list[tuple[object, ...]]:
    """One batch, just made, as a door hands it on: a fleet that reports ten times a second."""
    rows = []
    for i in range(turn * batch, (turn + 1) * batch):
        vehicle, tick = i % FLEET, i // FLEET
        at = BEGIN + 100 * tick + vehicle % 100
        rows.append((vin(vehicle), at, at + 40, 0, *values(vehicle, tick % 8)))
    return rows


def compare(folder: Path, batch: int, readings: int, run: int) -> tuple[float, float, float, float]:
    """Seconds of (raw, append) for the same batches, taking turns, then the same in processor time."""
    numbers = {vin(vehicle): vehicle + 1 for vehicle in range(FLEET)}
    ours_path, raw_path = folder / f"ours{batch}-{run}.db", folder / f"raw{batch}-{run}.db"
    clock = Clock()
    took = [0.0, 0.0, 0.0, 0.0]
    with telemetry(ours_path, clock) as store, raw(raw_path, "vehicle", METRICS) as (connection, insert):
        store.append([Block("vehicle", METRICS, [(name, START, START, 0, *values(0, 0)) for name in numbers])])

        def plain(rows: list[tuple[object, ...]]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, rows)
            connection.execute("COMMIT")

        def append(rows: list[tuple[object, ...]]) -> None:
            store.append([Block("vehicle", METRICS, rows)])

        for turn in range(readings // batch):
            given = work(batch, turn)
            clock.now = int(given[-1][1]) + 50  # type: ignore[call-overload]
            ready = [(numbers[row[0]], *row[1:]) for row in work(batch, turn)]  # type: ignore[index]
            sides = ((0, plain, ready), (1, append, given)) if turn % 2 else ((1, append, given), (0, plain, ready))
            for side, do, rows in sides:
                begin, used = time.perf_counter(), time.thread_time()
                do(rows)
                took[side] += time.perf_counter() - begin
                took[2 + side] += time.thread_time() - used
    _verify(raw_path, ours_path, readings // batch * batch)
    for file in folder.glob(f"*{batch}-{run}.db*"):
        file.unlink()
    return took[0], took[1], took[2], took[3]


def _verify(raw_path: Path, ours_path: Path, readings: int) -> None:
    """Raises RuntimeError when the two files do not hold the same readings."""
    names = ", ".join(f'"{name}"' for name in METRICS)
    found = []
    for path, name in ((raw_path, "r"), (ours_path, "reading_vehicle")):
        with closing(sqlite3.connect(path)) as connection:
            sums = " + ".join(f'sum("{metric}")' for metric in METRICS)
            found.append(connection.execute(f"SELECT count(*), min(ts), max(ts), {sums} FROM {name} WHERE ts >= ?", (BEGIN,)).fetchone())
            found.append(connection.execute(f"SELECT ts, received, {names} FROM {name} WHERE ts >= ? LIMIT 500", (BEGIN,)).fetchall())
    if found[0][:3] != found[2][:3] or abs(found[0][3] - found[2][3]) > 1e-6 * abs(found[0][3]) or found[1] != found[3]:
        raise RuntimeError(f"raw SQLite holds {found[0]}, the store {found[2]}")
    if found[0][0] != readings:
        raise RuntimeError(f"{readings} readings were given, {found[0][0]} are stored")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench hot", description=__doc__)
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--readings", type=int, default=READINGS, help="readings a round")
    parser.add_argument("--smoke", action="store_true", help="tiny: only shows that it runs")
    given = parser.parse_args(arguments)
    rounds, readings = (1, 2000) if given.smoke else (given.rounds, given.readings)
    rows: list[list[str]] = []
    values_kept = []
    with tempfile.TemporaryDirectory(prefix="bench-hot-") as scratch:
        calibration = calibrate(Path(scratch))
        print(f"Bare hot insert of 7 metrics, {rounds} rounds of {readings:,} readings\n{machine()}\n{calibration}")
        for batch in (200,) if given.smoke else tuple(map(int, given.batches.split(","))):
            count = min(readings, 2000 * batch)
            taken = [compare(Path(scratch), batch, count, run) for run in range(rounds)]
            ratio = median([one[0] / one[1] for one in taken])
            cpu = median([one[2] / one[3] for one in taken])
            rates = [count / median([one[side] for one in taken]) for side in (0, 1)]
            bar = verdict(ratio, BAR, at_least=True) if batch == BAR_AT else ""
            rows.append(
                [
                    str(batch),
                    f"{rates[0]:,.0f}",
                    f"{rates[1]:,.0f}",
                    f"{ratio:.2f}",
                    bar,
                    f"{cpu:.2f}",
                    f"{1e6 * median([one[3] for one in taken]) / count:.2f}",
                ]
            )
            values_kept.append({"batch": batch, "raw": rates[0], "append": rates[1], "ratio": ratio, "cpu_ratio": cpu})
    print(table(["batch", "raw rows/s", "append rows/s", "append ÷ raw", "bar", "in CPU", "µs of CPU a row"], rows))
    if not given.smoke:
        keep("hot", calibration, values_kept)


if __name__ == "__main__":
    main()
