"""Whether one more reading costs the same however many are stored: appends of 200 readings to stores of 10⁶, 10⁷ and 10⁸ readings.

`python -m bench flat` up to 10⁷ · `--full` up to 10⁸ (some minutes and 2 GB). Each store has hot rows of the last hour or so and the
rest in sealed chunks. All stores are open together and take turns, so that the machine's moods hit all alike.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.load import METRICS, values
from bench.measure import calibrate, keep, machine, median, table, verdict
from bench.plant_data import START, received
from bench.stores import Clock, telemetry
from datastore.kept.telemetry import KeptTelemetry
from datastore.ports import Columns
from plant.model import DAY, SECOND, Block

DEVICES = 200
HOT = 500_000
BAR = 1.2
NAMES = tuple(f"VIN-{i:03d}" for i in range(DEVICES))


@dataclass(slots=True)
class Filled:
    """One store: how many readings it has, and seconds of each append."""

    stored: int
    path: Path
    store: KeptTelemetry
    clock: Clock
    size: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def history(readings: int, end: int) -> Iterator[tuple[str, str, Columns]]:
    """`readings` in all up to `end`, at 1 Hz, a day of a device at a time; noisy, seven metrics."""
    each = readings // DEVICES
    draw = np.random.default_rng(5)
    waves = {name: np.round(values(7, 1)[j] + draw.normal(0, 0.3, DAY // SECOND), 1) for j, name in enumerate(METRICS)}
    first = end - each * SECOND
    for low in range(first // DAY * DAY, end, DAY):
        at = np.arange(max(low, first), min(low + DAY, end), SECOND, dtype=np.int64)
        told = Columns(at, received(at, 3), np.zeros(len(at), dtype=np.int64), {name: wave[: len(at)] for name, wave in waves.items()})
        for name in NAMES:
            yield name, "vehicle", told


def batch(at: int, turn: int) -> list[Block]:
    """One second of the fleet."""
    return [Block("vehicle", METRICS, [(name, at, at + 100, 0, *values(i, turn % 8)) for i, name in enumerate(NAMES)])]


def fill(filled: Filled) -> None:
    """Sealed history, then hot rows up to the present."""
    hot = min(HOT, filled.stored // 2)
    sealed_until = START - hot // DEVICES * SECOND
    begun = time.perf_counter()
    filled.store.load_many(history(filled.stored - hot, sealed_until))
    for low in range(sealed_until, START, 50 * SECOND):
        filled.clock.now = min(low + 50 * SECOND, START)
        seconds = range(low, filled.clock.now, SECOND)
        filled.store.append([block for second in seconds for block in batch(second, second // SECOND)])
        filled.store.maintain()
    filled.size = filled.path.stat().st_size
    print(f"  {filled.stored:,} readings: {filled.size / 1e6:,.0f} MB after {time.perf_counter() - begun:.0f} s", flush=True)


def append(filled: Filled, turn: int) -> None:
    """One more second of the fleet."""
    blocks = batch(START + turn * SECOND, turn)
    filled.clock.now = START + turn * SECOND + 200
    begin, used = time.perf_counter(), time.thread_time()
    (outcome,) = filled.store.append(blocks)
    filled.wall.append(time.perf_counter() - begin)
    filled.cpu.append(time.thread_time() - used)
    if outcome.inserted != DEVICES:
        raise RuntimeError(f"{DEVICES} readings were given, {outcome.inserted} are stored")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench flat", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appends", type=int, default=600)
    parser.add_argument("--full", action="store_true", help="up to 10⁸ readings")
    parser.add_argument("--smoke", action="store_true", help="tiny: only shows that it runs")
    given = parser.parse_args(arguments)
    sizes = (0, 2000, 20_000) if given.smoke else (0, 10**6, 10**7, 10**8) if given.full else (0, 10**6, 10**7)
    lines = []
    kept = []
    with tempfile.TemporaryDirectory(prefix="bench-flat-") as scratch, ExitStack() as stack:
        calibration = calibrate(Path(scratch))
        print(f"Appends of {DEVICES} readings × {len(METRICS)} metrics\n{machine()}\n{calibration}")
        stores = []
        for size in sizes:
            path, clock = Path(scratch) / f"{size}.db", Clock(START - DAY)
            stores.append(Filled(size, path, stack.enter_context(telemetry(path, clock)), clock))
            fill(stores[-1])
        for turn in range(20 if given.smoke else given.appends):
            for filled in stores:
                append(filled, turn)
        least = stores[1]
        for filled in stores:
            # appends take turns: the median of the pairs is judged, not the pair of medians
            ratio, cpu_ratio = (
                median([a / b for a, b in zip(mine, theirs, strict=True)])
                for mine, theirs in ((filled.wall, least.wall), (filled.cpu, least.cpu))
            )
            bar = verdict(ratio, BAR) if filled.stored > least.stored else ""
            cost, cpu = (1e6 * median(taken) / DEVICES for taken in (filled.wall, filled.cpu))
            lines.append(
                [f"{filled.stored:,}", f"{filled.size / 1e6:,.0f}", f"{cost:.2f}", f"{cpu:.2f}", f"{ratio:.2f}", f"{cpu_ratio:.2f}", bar]
            )
            kept.append({"stored": filled.stored, "bytes": filled.size, "us": cost, "us_cpu": cpu, "ratio": ratio, "cpu_ratio": cpu_ratio})
    print(table(["stored readings", "file MB", "µs a reading", "µs of CPU", "÷ smallest", "CPU ÷ smallest", "bar"], lines))
    if not given.smoke:
        keep("flat", calibration, kept)


if __name__ == "__main__":
    main()
