"""HTTP ingest of S4 readings: this product beside the baseline in one run, alternating rounds, the same bytes, equal durability.

`python -m bench ingest` · `--batches 1,100,1000` · `--rounds 5` · `--seconds 4` · `--bulk` adds the baseline with the ORM's bulk
insert as a third side · `--only baseline|voltdeck` · `--database postgresql` puts both sides on databases of their own on one
server (`BENCH_POSTGRESQL`). After every round the stored rows are counted in the database and
must be exactly the acknowledged ones; at the end a sample of vehicles is asked for its summary over HTTP.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import servers
from bench.load import VEHICLES, Result, vin
from bench.measure import calibrate, keep, machine, median, table, verdict
from bench.servers import ROOT, Server
from bench.stores import database

BATCHES = (1, 100, 1000)
BARS = {"sqlite": {1: 4.0, 100: 8.0, 1000: 10.0}, "postgresql": {1: 3.0, 100: 9.0, 1000: 20.0}}
P99_SHARE = 0.2
ASKED = 20
FIRST_BATCH = 1000


@dataclass(slots=True)
class Rounds:
    """What one side did at one batch size."""

    side: str
    batch: int
    results: list[Result] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Median readings/s."""
        return median([r.rate for r in self.results])

    @property
    def cpu_us(self) -> float:
        """Median processor time of the server per reading [µs]; a busy machine changes it less than the rate."""
        return median([1e6 * cores / r.rate for cores, r in zip(self.server_cpu, self.results, strict=True)])

    @property
    def p50(self) -> float:
        """Median of the rounds' median latencies [ms]."""
        return median([r.p50 for r in self.results])

    @property
    def p99(self) -> float:
        """Median of the rounds' 99th percentiles [ms]."""
        return median([r.p99 for r in self.results])


def drive(server: Server, batch: int, connections: int, seconds: float, start_ms: int) -> tuple[Result, float]:
    """One round from a process of its own: its result and the server's share of one core."""
    used = server.cpu_s()
    command = [sys.executable, "-m", "bench.load", "--port", str(server.port), "--batch", str(batch), "--connections", str(connections),
               "--seconds", str(seconds), "--start", str(start_ms)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 120, check=False)
    if done.returncode:
        raise RuntimeError(f"the load generator failed against {server.name}:\n{done.stderr[-2000:]}")
    result = Result(**json.loads(done.stdout))
    if result.failed:
        raise RuntimeError(f"{server.name} refused or lost {result.failed} of {result.requests} requests: {result.first_failure}")
    return result, (server.cpu_s() - used) / result.seconds


def verify(server: Server, before: int, result: Result) -> int:
    """Rows stored now. Raises RuntimeError when they are not exactly the acknowledged ones."""
    stored = server.stored()
    if stored - before != result.stored:
        raise RuntimeError(f"{server.name} acknowledged {result.stored} readings and stored {stored - before}")
    return stored


def ask(server: Server, start_ms: int, end_ms: int, expected: int) -> None:
    """Compare the summaries of some vehicles with the file: every vehicle reports equally often, give or take the last tick."""
    each = expected / VEHICLES
    for vehicle in range(0, VEHICLES, VEHICLES // ASKED):
        found = server.samples(vin(vehicle), start_ms - 1000, end_ms + 1000)
        if abs(found - each) > 2 * 16:
            raise RuntimeError(f"{server.name}: {vin(vehicle)} has {found} samples, about {each:.0f} were acknowledged")


def compare(
    batch: int, sides: Sequence[str], rounds: int, seconds: float, connections: int, folder: Path, on_server: bool = False
) -> list[Rounds]:
    """Fresh servers for this batch size, one unmeasured round each that makes all vehicles known, then alternating rounds."""
    start = {"baseline": servers.baseline, "bulk": _bulk, "voltdeck": servers.ours}
    with ExitStack() as stack:
        urls = [stack.enter_context(database()) if on_server else "" for _ in sides]
        running = [
            (Rounds(side, batch), stack.enter_context(start[side](folder / f"{side}-{batch}", url=url)))
            for side, url in zip(sides, urls, strict=True)
        ]
        begin = next_ms = int(time.time() * 1000)
        stored = dict.fromkeys(sides, 0)
        for number in range(rounds + 1):
            following = next_ms
            for record, server in running:
                result, cpu = drive(server, batch if number else FIRST_BATCH, connections, seconds if number else 1.0, next_ms)
                stored[record.side] = verify(server, stored[record.side], result)
                following = max(following, result.next_ms)
                if number:
                    record.results.append(result)
                    record.server_cpu.append(cpu)
                    print(f"  {record.side:9} batch {batch:5} round {number}: {result.rate:10,.0f} readings/s  p50 {result.p50:8.2f} ms  "
                          f"p99 {result.p99:8.2f} ms  server {cpu:4.2f} cores, generator {result.client_cpu:4.2f}", flush=True)
            # the same instants go to every side in a round; the next round goes on after them, but never lags behind the clock
            next_ms = max(following, int(time.time() * 1000))
        for record, server in running:
            ask(server, begin, next_ms, stored[record.side])
    return [record for record, _ in running]


def _bulk(folder: Path, url: str) -> servers.ServerContext:
    return servers.baseline(folder, port=servers.BASELINE_PORT + 2, url=url, ORM_BULK="1")


def report(found: Sequence[Rounds], wanted: Mapping[int, float]) -> tuple[str, list[dict[str, object]]]:
    """The table and its rows as values."""
    rows, values = [], []
    for batch in dict.fromkeys(r.batch for r in found):
        sides = {r.side: r for r in found if r.batch == batch}
        base = sides.get("baseline")
        for side, record in sides.items():
            ratio = record.rate / base.rate if base else float("nan")
            tail = record.p99 / base.p99 if base else float("nan")
            judged = side == "voltdeck" and base is not None and batch in wanted
            bars = [verdict(ratio, wanted[batch], at_least=True), verdict(tail, P99_SHARE)] if judged else ["", ""]
            cores = [f"{record.cpu_us:.1f}", f"{median(record.server_cpu):.2f}", f"{median([r.client_cpu for r in record.results]):.2f}"]
            rows.append([str(batch), side, f"{record.rate:,.0f}", f"{record.p50:.2f}", f"{record.p99:.2f}",
                         f"{ratio:.1f}×", bars[0], f"{tail:.3f}", bars[1], *cores])
            values.append({"batch": batch, "side": side, "rate": record.rate, "p50_ms": record.p50, "p99_ms": record.p99, "ratio": ratio,
                           "p99_share": tail, "cpu_us": record.cpu_us, "rounds": [r.rate for r in record.results]})
    head = ["batch", "side", "readings/s", "p50 ms", "p99 ms", "rate ÷ base", "bar", "p99 ÷ base", "bar", "µs CPU a reading"]
    head += ["server cores", "generator cores"]
    return table(head, rows), values


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench ingest", description="HTTP ingest beside the baseline")
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--bulk", action="store_true", help="also the baseline with the ORM's bulk insert")
    parser.add_argument("--only", choices=("baseline", "voltdeck"))
    parser.add_argument("--database", choices=tuple(BARS), default="sqlite")
    parser.add_argument("--smoke", action="store_true", help="tiny: only shows that it runs")
    given = parser.parse_args(arguments)
    sides = [given.only] if given.only else ["baseline", *(["bulk"] if given.bulk else []), "voltdeck"]
    if given.smoke:
        given.batches, given.rounds, given.seconds = "100", 1, 0.3
    calibration = calibrate()
    rounds = f"{given.rounds} rounds of {given.seconds:g} s"
    print(f"HTTP ingest on {given.database}, {given.connections} connections, {rounds}, 7 metrics a reading")
    print(f"{machine()}\n{calibration}")
    found: list[Rounds] = []
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
        for batch in map(int, given.batches.split(",")):
            found += compare(batch, sides, given.rounds, given.seconds, given.connections, Path(folder), given.database != "sqlite")
    text, values = report(found, BARS[given.database])
    print(f"\n{text}\n{calibrate()} (after)")
    if not given.only and not given.smoke:
        keep("ingest" if given.database == "sqlite" else f"ingest-{given.database}", calibration, values)


if __name__ == "__main__":
    main()
