"""Reads out of sealed readings: a day of 15 metrics into numpy, a month at 1 Hz to 1,000 buckets, all racks, the newest of all.

`python -m bench read` · `--rounds 9`. The same questions go to InfluxDB where it is installed, answers into numpy arrays on both
sides. Each ask has another window, so that no answer comes out of a cache of answers. A month at 1 Hz is asked twice: as a chart
asks (1,000 points, which hours answer), and in buckets of half an hour, for which every reading has to be looked at.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.influx import Influx, influx, installed
from bench.measure import calibrate, keep, machine, median, table, verdict
from bench.plant_data import START, ZONE, columns, device_day, plant_hours, site_days
from bench.stores import Clock, telemetry, timed
from datastore.kept.telemetry import KeptTelemetry
from datastore.ports import Columns
from plant.model import DAY, MINUTE, SECOND, Block, Window
from plant.simulation import Design

RACKS = 144
DEVICES = 200
HALF_HOUR = 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, `work(i)` of this store, the same of InfluxDB, and the bar [ms]."""

    name: str
    work: Callable[[int], object]
    theirs: Callable[[int], object] | None
    bar: float | None


@dataclass(frozen=True, slots=True)
class Data:
    """What is loaded: 15 metrics of one unit for a day at 1 Hz, the site at 1 Hz, racks by the minute."""

    unit: Columns
    site: list[Columns]
    racks: list[Columns]


def data(days: int, hours: int, racks: int, seconds: int = 1) -> Data:
    """From the demo plant; the unit has a reading each `seconds`."""
    by_minute = list(plant_hours(Design(), START, hours, 60))
    at = np.concatenate([hour.at for hour in by_minute])
    rack_tables = {name: np.concatenate([hour.tables["rack"][name] for hour in by_minute]) for name in by_minute[0].tables["rack"]}
    return Data(
        device_day({"bess": 0}, hours, seconds)["bess"],
        list(site_days(days)),
        [columns(at, {name: values[:, k].copy() for name, values in rack_tables.items()}, k) for k in range(racks)],
    )


def seed(store: KeptTelemetry, told: Data) -> None:
    """Load all of it."""
    store.load("unit", "bess", told.unit)
    for day in told.site:
        store.load("site", "site", day)
    store.load_many((f"rack{k:03d}", "rack", one) for k, one in enumerate(told.racks))


def questions(store: KeptTelemetry, server: Influx | None, told: Data, clock: Clock) -> list[Question]:
    """All of them; each window differs by a second or a minute from the one before."""
    names = list(told.unit.values)
    racks = [(f"rack{k:03d}", "rack") for k in range(len(told.racks))]
    newest = [(f"pack{k:03d}", "pack") for k in range(DEVICES)]
    begin, end = START, int(told.site[-1].at[-1]) + 1
    unit_end = int(told.unit.at[-1]) + 1

    def day(i: int) -> None:
        found = store.columns("unit", "bess", names, Window(START + i * SECOND, unit_end))
        _expect(len(found.at), int((told.unit.at >= START + i * SECOND).sum()))

    def month(i: int) -> None:
        found = store.series([("site", "site")], ["frequency"], Window(begin + i * MINUTE, end), points=1000, zone=ZONE)
        _expect(int(np.nansum(found["site", "site", "frequency"].n)), (end - begin - i * MINUTE) // SECOND + 1)

    def month_raw(i: int) -> None:
        found = store.series([("site", "site")], ["frequency"], Window(begin + i * MINUTE, end), resolution=HALF_HOUR, zone=ZONE)
        _expect(int(np.nansum(found["site", "site", "frequency"].n)), (end - begin - i * MINUTE) // SECOND + 1)

    def all_racks(i: int) -> None:
        window = Window(START + i * MINUTE, int(told.racks[0].at[-1]) + MINUTE)
        found = store.series(racks, ["soc"], window, resolution=MINUTE)
        _expect(sum(int(np.nansum(series.n)) for series in found.values()), len(racks) * (len(told.racks[0].at) - i))

    def latest(i: int) -> None:
        clock.now += SECOND
        rows = [(name, clock.now, clock.now + 80, 0, 50.0 + i, 98.0, 800.0, 12.5, 10.0, 3.31, 3.29) for name, _ in newest]
        metrics = ("soc", "soh", "voltage", "current", "power", "cell_max_voltage", "cell_min_voltage")
        store.append([Block("pack", metrics, rows)])
        latest_ms.append(timed(lambda: _expect(len(store.latest(newest)), DEVICES)))

    latest_ms: list[float] = []
    theirs = _asked_of(server, names, told, begin, end) if server else {}
    return [
        Question("24 h × 15 metrics at 1 Hz into numpy", day, theirs.get("day"), 15),
        Question("30 days at 1 Hz to 1,000 min/max/mean buckets", month, theirs.get("month"), 60),
        Question("30 days at 1 Hz, half-hours from every reading", month_raw, theirs.get("month raw"), 60),
        Question(f"{len(racks)} racks × 24 h at 1 min, one metric", all_racks, theirs.get("racks"), 60),
        Question("newest values of 200 devices, all just changed", _Own(latest, latest_ms), theirs.get("newest"), 2),
    ]


class _Own:
    """A question that measures itself: what goes before it is not part of it."""

    def __init__(self, work: Callable[[int], None], durations: list[float]) -> None:
        self._work, self._durations = work, durations

    def __call__(self, i: int) -> float:
        self._work(i)
        return self._durations[-1]


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found} readings answered, {wanted} were kept")


def _asked_of(server: Influx, names: Sequence[str], told: Data, begin: int, end: int) -> dict[str, Callable[[int], object]]:
    """The same questions in InfluxQL, its JSON decoded into arrays."""
    fields = ", ".join(f'"{name}"' for name in names)
    stats = 'min("frequency"), max("frequency"), mean("frequency")'
    low, high = int(told.racks[0].at[0]), int(told.racks[0].at[-1]) + 1

    def array(text: str) -> object:
        return np.array(server.query(text), dtype=np.float64)

    return {
        "day": lambda i: array(f"SELECT {fields} FROM bess WHERE time >= {START + i * SECOND}ms"),
        "month": lambda i: array(f"SELECT {stats} FROM site WHERE time >= {begin + i * MINUTE}ms AND time < {end}ms GROUP BY time(1h)"),
        "month raw": lambda i: array(
            f"SELECT {stats} FROM site WHERE time >= {begin + i * MINUTE}ms AND time < {end}ms GROUP BY time(30m)"
        ),
        "racks": lambda i: server.query(
            'SELECT min("soc"), max("soc"), mean("soc") FROM rack '
            f"WHERE time >= {low + i * MINUTE}ms AND time < {high}ms GROUP BY time(1m), device"
        ),
    }


def ask(work: Callable[[int], object], rounds: int) -> tuple[float, float, float]:
    """(first, median of the others, median processor time) [ms]; a busy machine changes the last one least."""
    found, cpu = [], []
    for i in range(rounds + 1):
        used = time.thread_time()
        if isinstance(work, _Own):
            found.append(work(i))
        else:
            found.append(timed(lambda i=i: work(i)))  # type: ignore[misc]
        cpu.append(1000 * (time.thread_time() - used))
    return found[0], median(found[1:]), median(cpu[1:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench read", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--alone", action="store_true", help="without InfluxDB")
    parser.add_argument("--smoke", action="store_true", help="tiny: only shows that it runs")
    given = parser.parse_args(arguments)
    days, hours, rounds, racks = (2, 1, 2, 3) if given.smoke else (given.days, 24, given.rounds, RACKS)
    rows: list[list[str]] = []
    kept = []
    with tempfile.TemporaryDirectory(prefix="bench-read-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        calibration = calibrate(folder)
        print(f"{machine()}\n{calibration}")
        told = data(days, hours, racks, 30 if given.smoke else 1)
        clock = Clock(START + (days + 1) * DAY)
        with telemetry(folder / "read.db", clock) as store:
            seed(store, told)
        server = stack.enter_context(influx(folder / "influx")) if installed() and not given.smoke and not given.alone else None
        if server:
            server.write("bess", "unit", told.unit)
            for day in told.site:
                server.write("site", "site", day)
            for k, one in enumerate(told.racks):
                server.write("rack", f"rack{k:03d}", one)
            server.settled_bytes()
        with telemetry(folder / "read.db", clock) as store:
            for question in questions(store, server, told, clock):
                first, usual, cpu = ask(question.work, rounds)
                theirs = ask(question.theirs, max(rounds // 3, 1))[1] if question.theirs else None
                beside = f"{theirs:.0f}" if theirs is not None else "–"
                bar = verdict(usual, question.bar) if question.bar is not None else ""
                rows.append([question.name, f"{usual:.2f}", bar, f"{cpu:.2f}", f"{first:.1f}", beside])
                kept.append({"what": question.name, "ms": usual, "cpu_ms": cpu, "first_ms": first, "influx_ms": theirs})
    print(table(["what", "median ms", "bar", "CPU ms", "first ms", "InfluxDB ms"], rows))
    if not given.smoke:
        keep("read", calibration, kept)


if __name__ == "__main__":
    main()
