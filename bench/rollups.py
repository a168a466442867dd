"""What live minute rollups cost: HTTP ingest with and without them, alternating rounds, the same bytes.

`python -m bench rollups --batches 100,1000 --rounds 5 --seconds 6`. The side without is the same server with the accumulation
of open minutes and the maintenance of rollups taken out (`bench/without_rollups.py`).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import servers
from bench.ingest import FIRST_BATCH, Rounds, drive, verify
from bench.measure import calibrate, keep, machine, median, table, verdict

BAR = 0.15


def compare(batch: int, rounds: int, seconds: float, folder: Path) -> tuple[Rounds, Rounds]:
    """(with, without) at one batch size."""
    bare = (sys.executable, "-m", "bench.without_rollups")
    with ExitStack() as stack:
        full = stack.enter_context(servers.ours(folder / f"with-{batch}", port=servers.OURS_PORT))
        less = stack.enter_context(servers.ours(folder / f"without-{batch}", port=servers.OURS_PORT + 1, program=bare))
        records = (Rounds("with", batch), Rounds("without", batch))
        stored = [0, 0]
        next_ms = int(time.time() * 1000)
        for number in range(rounds + 1):
            following = next_ms
            # the order alternates too: whoever comes second finds warmer caches of the machine
            for place in (0, 1) if number % 2 else (1, 0):
                server, record = ((full, records[0]), (less, records[1]))[place]
                result, cpu = drive(server, batch if number else FIRST_BATCH, 16, seconds if number else 1.0, next_ms)
                stored[place] = verify(server, stored[place], result)
                following = max(following, result.next_ms)
                if number:
                    record.results.append(result)
                    record.server_cpu.append(cpu)
                    print(f"  {record.side:8} batch {batch:5} round {number}: {result.rate:10,.0f} readings/s", flush=True)
            next_ms = max(following, int(time.time() * 1000))
    return records


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench rollups", description="cost of live minute rollups")
    parser.add_argument("--batches", default="100,1000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    given = parser.parse_args(arguments)
    calibration = calibrate()
    print(f"Live minute rollups, {given.rounds} rounds of {given.seconds:g} s; {machine()}\n{calibration}")
    rows, results = [], []
    with tempfile.TemporaryDirectory(prefix="bench-rollups-") as folder:
        for batch in map(int, given.batches.split(",")):
            full, less = compare(batch, given.rounds, given.seconds, Path(folder))
            # rounds of a pair ran one after the other, so their ratio is what the machine's mood touches least
            cost = median([1 - a.rate / b.rate for a, b in zip(full.results, less.results, strict=True)])
            work = 1 - less.cpu_us / full.cpu_us
            rates = [f"{full.rate:,.0f}", f"{less.rate:,.0f}"]
            rows.append([str(batch), *rates, f"{100 * cost:.1f} %", verdict(cost, BAR), f"{100 * work:.1f} %"])
            results.append({"batch": batch, "with": full.rate, "without": less.rate, "cost": cost, "cpu_share": work})
    print(table(["batch", "with, readings/s", "without, readings/s", "cost", "bar", "share of CPU"], rows))
    keep("rollups", calibration, results)


if __name__ == "__main__":
    main()
