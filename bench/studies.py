"""What the studies of the job process cost on a whole plant: processor time, wall time and memory of each, at first and in the hours after.

The plant is the demo plant (144 racks) with `--days` of history by the minute, then a day as a plant that lives tells it, a reading of
everything each second and vectors every ten: the newest hours as rows, the rest packed. One job process does all studies that are due, as
in the server (`services.jobs`): the first time everything, then, an hour of readings later each, the usual work. The peak of memory is
reset before each study, so that each has its own. Processor time does not hang on the disk: a plant made in memory (`--data /dev/shm/…`) is
ready sooner.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import calibrate, keep, machine, table, verdict
from datastore.open import open_store
from datastore.ports import Columns, Instants, Numbers
from datastore.store import Store
from plant.model import HOUR, MINUTE, SECOND, Block, Quality
from plant.simulation import Plant, State, faults
from plant.simulation.battery_readings import agree, rack_vectors, racks, units
from plant.simulation.converter_readings import inverter_vectors, inverters, pcs
from plant.simulation.instruments import Instruments, Table
from plant.simulation.site_readings import meters, site, weather
from services import demo, studies
from services.config import Config
from services.demo_devices import design_of, names

BAR_CPU_S, BAR_MB = 120.0, 600.0
"""An hour's studies together: processor seconds (a thirtieth of a core), and memory of the job process while it works."""
VECTORS_EVERY = 10
HOT_HOURS = 6
PART_S = 60
STRETCH = 10 * MINUTE
STATE = "bench_state"
HEAD = ("study", "run", "CPU s", "wall s", "peak MB", "after MB")


@dataclass(frozen=True, slots=True)
class Told:
    """Readings of one kind in a stretch: `table` metric → [n, devices] each second, `vectors` metric → [steps, devices, width] at the
    instants numbered `steps`, `heard` [n, devices]."""

    kind: str
    devices: list[str]
    at: Instants
    table: Table
    vectors: Table
    steps: np.ndarray[Any, np.dtype[np.int64]]
    heard: np.ndarray[Any, np.dtype[np.bool_]]


def stretch(plant: Plant, state: State, seconds: int, site_id: str) -> tuple[State, list[Told]]:
    """The whole plant for so many seconds, as the live plant tells it."""
    design, ids = plant.design, names(plant.design, site_id)
    after, trace = plant.run(state, seconds, 1)
    tools, at = Instruments(plant, trace), (trace.at * 1000).astype(np.int64)
    steps = np.flatnonzero(at // SECOND % VECTORS_EVERY == 0)
    rack_table = racks(tools)
    every = np.arange(design.count)
    cells = rack_vectors(tools, steps, every)
    agree(rack_table, cells, steps, every)
    unit_table = units(tools, rack_table)
    silent = {
        "rack": faults.rack_silent(trace.at, design.seed, design.count),
        "pcs": faults.pcs_silent(trace.at, trace.born, design.seed, design.units),
    }
    tables = {
        "site": site(tools, unit_table), "bess": unit_table, "rack": rack_table, "pcs": pcs(tools), "inverter": inverters(tools),
        "meter": meters(tools), "weather": weather(tools),
    }  # fmt: skip
    vectors = {"rack": cells, "inverter": inverter_vectors(tools, steps)}
    told = []
    for kind, values in tables.items():
        mute = silent.get(kind)
        heard = np.ones((at.size, len(ids[kind])), bool) if mute is None else ~mute
        told.append(Told(kind, ids[kind], at, values, vectors.get(kind, {}), steps, heard))
    return after, told


def pack(store: Store, told: Sequence[Told]) -> None:
    """On the bulk road, straight into chunks."""
    for one in told:
        for place, device in enumerate(one.devices):
            heard = one.heard[:, place]
            values: dict[str, Numbers] = {name: column[heard, place] for name, column in one.table.items()}
            for name, vector in one.vectors.items():
                whole = np.full((one.at.size, vector.shape[2]), np.nan)
                whole[one.steps] = vector[:, place]
                values[name] = whole[heard]
            at = one.at[heard]
            if at.size:
                store.telemetry.load(device, one.kind, Columns(at, at + 350, np.full(at.size, int(Quality.SIMULATED)), values))


def write(store: Store, told: Sequence[Told]) -> None:
    """As rows, second by second, in groups as the writer makes them."""
    for first in range(0, told[0].at.size, PART_S):
        store.telemetry.append(list(_blocks(told, first)))


def _blocks(told: Sequence[Told], first: int) -> Iterator[Block]:
    quality = int(Quality.SIMULATED)
    for one in told:
        part = slice(first, first + PART_S)
        values = np.stack([one.table[name][part] for name in one.table], axis=2).tolist()
        at, heard = one.at[part].tolist(), one.heard[part].tolist()
        rows = [
            (device, when, when + 350, quality, *values[k][place])
            for k, when in enumerate(at)
            for place, device in enumerate(one.devices)
            if heard[k][place]
        ]
        yield Block(one.kind, tuple(one.table), rows)
        if one.vectors:
            rows = []
            for k in np.flatnonzero((one.steps >= first) & (one.steps < first + PART_S)).tolist():
                step, lists = int(one.steps[k]), [vector[k].tolist() for vector in one.vectors.values()]
                for place, device in enumerate(one.devices):
                    if one.heard[step, place]:
                        when = int(one.at[step])
                        rows.append((device, when, when + 350, quality, *(each[place] for each in lists)))
            yield Block(one.kind, tuple(one.vectors), rows)


def grown(folder: Path, days: int, hours: int) -> int:
    """A plant in `folder`, made as far as it is not there: `days` by the minute, then `hours` by the second; the time it has come to."""
    config = Config.from_env({"DATA_DIR": str(folder), "DEMO_DAYS": str(days), "APP_ENV": "development"})
    clock = Clock(int(time.time() * 1000) // HOUR * HOUR - hours * HOUR)
    with_store = opened(folder, clock)
    try:
        demo.fill(with_store, config, clock)
        plant, kept = Plant(design_of(config)), with_store.records.setting(STATE)
        state = State.from_json(with_store.records.setting(demo.FILL)["state"] if kept is None else kept["state"])
        for hour in range(0 if kept is None else kept["hours"], hours):
            is_old = hour < hours - HOT_HOURS
            for _ in range(1 if is_old else HOUR // STRETCH):
                state, told = stretch(plant, state, (HOUR if is_old else STRETCH) // SECOND, config.site_id)
                (pack if is_old else write)(with_store, told)
                clock.now = int(state.at * 1000)
            with_store.telemetry.maintain()
            with_store.records.put_setting(STATE, {"state": state.to_json(), "hours": hour + 1})
            print(f"\r{hour + 1} of {hours} hours by the second", end="", flush=True)
        print()
        return int(state.at * 1000)
    finally:
        with_store.close()


def an_hour_on(folder: Path, days: int, now: int) -> int:
    """One more hour told, and what is old enough packed; the time then."""
    config = Config.from_env({"DATA_DIR": str(folder), "DEMO_DAYS": str(days), "APP_ENV": "development"})
    clock = Clock(now)
    store = opened(folder, clock)
    try:
        kept = store.records.setting(STATE)
        plant, state = Plant(design_of(config)), State.from_json(kept["state"])
        for _ in range(HOUR // STRETCH):
            state, told = stretch(plant, state, STRETCH // SECOND, config.site_id)
            write(store, told)
            clock.now = int(state.at * 1000)
            store.telemetry.maintain()
        store.telemetry.seal(clock.now - HOT_HOURS * HOUR)
        store.records.put_setting(STATE, {"state": state.to_json(), "hours": kept["hours"] + 1})
        return clock.now
    finally:
        store.close()


class Clock:
    """A time that stands still until it is set [epoch ms]."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def opened(folder: Path, clock: Clock) -> Store:
    """The plant's store at a time of our own."""
    folder.mkdir(parents=True, exist_ok=True)
    config = Config.from_env({"DATA_DIR": str(folder), "APP_ENV": "development"})
    place = (config.site_latitude, config.site_longitude)
    return open_store(config.database_url, config.site_tz, clock=clock, seal_after_ms=config.seal_after_hours * HOUR, place=place)


def jobs(folder: str, now: int, wanted: Sequence[str], answers: Any) -> None:
    """In a process of its own: all studies wanted, and what each took."""
    begun = time.perf_counter()
    import dashboard.report  # noqa: F401  (as the job process has it)

    store = opened(Path(folder), Clock(now))
    answers.put(("(beginning)", time.process_time(), time.perf_counter() - begun, *_memory(), True))
    try:
        for study in studies.STUDIES:
            if wanted and study.name not in wanted:
                continue
            _reset_peak()
            used, begun = time.process_time(), time.perf_counter()
            good = studies.perform(store, study, lambda share: None)
            answers.put((study.name, time.process_time() - used, time.perf_counter() - begun, *_memory(), good))
    finally:
        store.close()
    answers.put(("end", 0.0, 0.0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, _memory()[1], True))


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak of resident memory


def _memory() -> tuple[float, float]:
    """Peak and present resident memory [MB]."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(told[name].split()[0]) * 1024 / 1e6 for name in ("VmHWM", "VmRSS"))  # type: ignore[return-value]


def measured(folder: Path, now: int, wanted: Sequence[str], run: str) -> list[list[Any]]:
    """Rows of HEAD for one job process; the last one is all of it."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=jobs, args=(str(folder), now, wanted, answers))
    child.start()
    rows: list[list[Any]] = []
    while True:
        name, cpu, wall, peak, after, good = answers.get()
        if name == "end":
            break
        rows.append([name if good else f"{name} FAILED", run, cpu, wall, peak, after])
        print("  ", *(f"{cell:.1f}" if isinstance(cell, float) else cell for cell in rows[-1]), flush=True)
    child.join()
    total = [sum(row[place] for row in rows) for place in (2, 3)]
    return [*rows, ["all", run, *total, max(peak, *(row[4] for row in rows)), after]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench studies", description="what the studies of a whole plant cost")
    parser.add_argument("--days", type=int, default=30, help="days of history by the minute")
    parser.add_argument("--seconds-of", type=int, default=24, help="hours by the second after them")
    parser.add_argument("--hours", type=int, default=2, help="hours that pass after the first run")
    parser.add_argument("--data", default="", help="folder of a plant that this command made before; empty = make one")
    parser.add_argument("--only", default="", help="names of studies, comma between")
    given = parser.parse_args(arguments)
    calibration = calibrate()
    wanted = [name for name in given.only.split(",") if name]
    print(f"Studies of a plant of 144 racks; {machine()}\n{calibration}")
    with tempfile.TemporaryDirectory(prefix="bench-studies-") as scratch:
        folder = Path(given.data or scratch).resolve()
        now = grown(folder, given.days, given.seconds_of)
        rows = measured(folder, now, wanted, "first")
        for hour in range(1, given.hours + 1):
            now = an_hour_on(folder, given.days, now)
            rows += measured(folder, now, wanted, f"hour {hour}")
    print(table(HEAD, [[*row[:2], *(f"{cell:.1f}" for cell in row[2:4]), *(f"{cell:.0f}" for cell in row[4:])] for row in rows]))
    usual = [row for row in rows if row[0] == "all" and row[1] != "first"]
    if usual:
        cpu, most = max(row[2] for row in usual), max(row[4] for row in usual)
        print(f"an hour's studies: {verdict(cpu, BAR_CPU_S)} CPU s, {verdict(most, BAR_MB)} MB")
    keep("studies", calibration, {"rows": rows})


if __name__ == "__main__":
    main()
