"""Several processes that write one SQLite file at once: errors, waits, and whether what was acknowledged is there.

`python -m bench writers` · `--writers 4` · `--seconds 10` · `--batch 20` · `--every 0.02`. Each process opens the store by itself, as
web workers do, and appends a batch each 20 ms (4,000 readings/s of four processes); `--every 0` appends without a pause, which shows
what the file can take and how fairly the turn goes round.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.load import METRICS, percentile, values
from bench.measure import calibrate, keep, machine, median, table, verdict
from bench.servers import ROOT
from bench.stores import telemetry
from plant.model import Block

BAR_MS = 50.0


@dataclass(slots=True)
class Wrote:
    """What one process did; waits in ms, ascending."""

    acknowledged: int = 0
    errors: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


def write(path: Path, writer: int, seconds: float, batch: int, every: float, begin: float) -> Wrote:
    """Append from wall time `begin` on, for `seconds`."""
    told = Wrote()
    with telemetry(path, lambda: time.time_ns() // 1_000_000) as store:
        names = [f"w{writer}-{i:03d}" for i in range(batch)]
        time.sleep(max(begin - time.time(), 0))
        start, turn = time.time_ns() // 1_000_000, 0
        until = time.monotonic() + seconds
        due = time.monotonic()
        while time.monotonic() < until:
            at = start + turn  # a step of 1 ms each: every (device, instant) is new
            block = Block("vehicle", METRICS, [(name, at, at + 1, 0, *values(i, turn % 8)) for i, name in enumerate(names)])
            asked = time.perf_counter()
            try:
                told.acknowledged += store.append([block])[0].inserted
            except Exception as error:  # what is counted here
                told.errors.append(f"{type(error).__name__}: {error}")
            told.waits.append(1000 * (time.perf_counter() - asked))
            turn += 1
            due = max(due + every, time.monotonic() - every)
            time.sleep(max(due - time.monotonic(), 0))
    told.waits.sort()
    return told


def together(path: Path, writers: int, seconds: float, batch: int, every: float) -> list[Wrote]:
    """All processes at once. Raises RuntimeError when one of them fails as a whole, or rows are missing or doubled."""
    begin = time.time() + 3
    command = [
        sys.executable,
        "-m",
        "bench.writers",
        "--path",
        str(path),
        "--seconds",
        str(seconds),
        "--batch",
        str(batch),
        "--every",
        str(every),
    ]
    running = [
        subprocess.Popen(
            [*command, "--writer", str(i), "--begin", str(begin)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for i in range(writers)
    ]
    found = []
    for process in running:
        output, problems = process.communicate(timeout=seconds + 120)
        if process.returncode:
            raise RuntimeError(f"a writer failed:\n{problems[-2000:]}")
        found.append(Wrote(**json.loads(output)))
    with closing(sqlite3.connect(path)) as connection:
        ((stored,),) = connection.execute("SELECT count(*) FROM reading_vehicle")
    if stored != sum(one.acknowledged for one in found):
        raise RuntimeError(f"{sum(one.acknowledged for one in found)} readings were acknowledged, {stored} are stored")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; with `--path` one of the processes."""
    parser = argparse.ArgumentParser(
        prog="python -m bench writers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--every", type=float, default=0.02, help="seconds between two batches of a process")
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--writer", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--begin", type=float, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--smoke", action="store_true", help="tiny: only shows that it runs")
    given = parser.parse_args(arguments)
    if given.path:
        print(json.dumps(asdict(write(given.path, given.writer, given.seconds, given.batch, given.every, given.begin))))
        return
    writers, seconds, rounds = (2, 0.5, 1) if given.smoke else (given.writers, given.seconds, given.rounds)
    lines = []
    kept = []
    with tempfile.TemporaryDirectory(prefix="bench-writers-") as scratch:
        calibration = calibrate(Path(scratch))
        print(f"{writers} processes on one SQLite file, {rounds} rounds of {seconds:g} s\n{machine()}\n{calibration}")
        for every in (given.every,) if given.smoke else (given.every, 0.0):
            found = []
            for turn in range(rounds):
                path = Path(scratch) / f"{every}-{turn}.db"
                with telemetry(path, lambda: 0):
                    pass
                found.append(together(path, writers, seconds, given.batch, every))
            p99 = median([percentile(sorted(w for one in wrote for w in one.waits), 0.99) for wrote in found])
            p50 = median([percentile(sorted(w for one in wrote for w in one.waits), 0.5) for wrote in found])
            most = max(one.waits[-1] for wrote in found for one in wrote)
            rate = median([sum(one.acknowledged for one in wrote) / seconds for wrote in found])
            errors = [error for wrote in found for one in wrote for error in one.errors]
            if errors:
                print(f"  first error: {errors[0]}")
            pace = f"a batch of {given.batch} each {1000 * every:g} ms" if every else f"batches of {given.batch} without a pause"
            bar = verdict(p99, BAR_MS) if every else ""
            lines.append([pace, f"{rate:,.0f}", str(len(errors)), verdict(len(errors), 0), f"{p50:.2f}", f"{p99:.2f}", bar, f"{most:.0f}"])
            kept.append({"every_s": every, "rate": rate, "errors": errors[:5], "p50_ms": p50, "p99_ms": p99, "most_ms": most})
    print(table(["each process", "readings/s together", "errors", "bar", "p50 ms", "p99 ms", "bar", "longest ms"], lines))
    if not given.smoke:
        keep("writers", calibration, kept)


if __name__ == "__main__":
    main()
