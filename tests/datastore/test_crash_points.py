"""A process is interrupted between any two steps of writing: nothing acknowledged is lost, nothing is doubled, and once the caller has
sent again what was not acknowledged every answer is that of the reference.

An engine that fails stands around a real one and counts what a Writer is asked for. It fails before the k-th step (SQL rolls back,
MongoDB keeps what was done), or after the k-th transaction has ended (its answer is lost). Afterwards the same process goes on, or it is
dropped and a new one opens the database, or another one that was there all along takes over. What may differ, and nothing else:

* until it is sent again, any part of the batch that was not acknowledged may be there (with SQL all of it or nothing);
* until `load` is called again, the newest values may lack what it brought;
* in a process that was there all along, the newest values may lack late readings of the one that ended until their hour is over;
* until `forget` is called again, any part of what it was to drop may be there, and rollups may still speak of what is gone.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymongo import MongoClient

from datastore.backends.common import rows_of
from datastore.backends.memory import MemoryTelemetry
from datastore.backends.mongo_engine import MongoEngine
from datastore.backends.sql_engine import open_engine
from datastore.kept.engine import Engine, Reader, Writer
from datastore.kept.telemetry import KeptTelemetry
from datastore.ports import Columns, Telemetry
from datastore.seal import elements
from plant.errors import Unavailable
from plant.metrics import metrics_of, scalars_of
from plant.model import DAY, HOUR, MINUTE, SECOND, Block, Window
from tests.datastore import mongod
from tests.datastore.conftest import emptied, missing
from tests.datastore.test_any_order import unpadded

ZONE = "Europe/Berlin"
MIDNIGHT = 1_790_035_200_000  # 2026-09-22 00:00 UTC
EVER = Window(MIDNIGHT - 3 * DAY, MIDNIGHT + 3 * DAY)
DEVICES = (("r1", "rack"), ("r2", "rack"), ("r3", "rack"), ("r1", "pcs"))
STEPS = frozenset(name for name in vars(Writer) if not name.startswith("_") and name not in vars(Reader))
FIELDS = ("at", "n", "mean", "min", "max", "last", "sum")


class Fault:
    """Strikes once: before step `step`, or after the end of transaction `commit`; counts both."""

    def __init__(self, step: int = -1, commit: int = -1) -> None:
        self.step, self.commit = step, commit
        self.steps = self.commits = 0
        self.struck = ""

    def before(self, name: str) -> None:
        self.steps += 1
        if self.steps == self.step:
            self._strike(f"before {name}")

    def committed(self) -> None:
        self.commits += 1
        if self.commits == self.commit:
            self._strike("after a commit")

    def noticed(self, error: Unavailable) -> None:
        """The caller has heard of it; nothing else may fail."""
        assert error.message == f"interrupted {self.struck}"

    def _strike(self, where: str) -> None:
        self.struck = where
        raise Unavailable(f"interrupted {where}")


class FailingWriter:
    """A Writer whose steps are counted."""

    def __init__(self, tx: Writer, fault: Fault) -> None:
        self._tx, self._fault = tx, fault

    def __getattr__(self, name: str) -> Any:
        if name in STEPS:
            self._fault.before(name)
        return getattr(self._tx, name)


class FailingEngine:
    """An Engine that a `Fault` strikes."""

    def __init__(self, engine: Engine, fault: Fault) -> None:
        self._engine, self._fault = engine, fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def write(self) -> AbstractContextManager[FailingWriter]:
        return self._failing(self._engine.write)

    def write_bulk(self) -> AbstractContextManager[FailingWriter]:
        return self._failing(self._engine.write_bulk)

    @contextmanager
    def _failing(self, transaction: Callable[[], AbstractContextManager[Writer]]) -> Iterator[FailingWriter]:
        with transaction() as tx:
            yield FailingWriter(tx, self._fault)
        self._fault.committed()


class Clock:
    now = MIDNIGHT - 80 * MINUTE

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True)
class Step:
    """What a caller asks for, and repeats until it is done, `at` the time of its clock."""

    at: int
    name: str
    call: Callable[[Telemetry], object]


def _append(at: int, *blocks: Block) -> Step:
    return Step(at, "append", lambda store: store.append(blocks))


def _live(first: int, seconds: int, every: int = 20) -> Step:
    """Both racks and a PCS speak, the racks now and then of their cells."""
    racks: list[tuple[Any, ...]] = []
    pcs: list[tuple[Any, ...]] = []
    for i, second in enumerate(range(0, seconds, every)):
        at = first + second * SECOND
        for j, device in enumerate(("r1", "r2")):
            cells = [3.25 + j / 100, None, 3.3 + i % 7 / 100, 3.5][: (1, 3, 4)[(i // 3 + j) % 3]] if i % 3 == 0 else None
            racks.append((device, at, at + 300, 0, float((i * 7 + j) % 101) / 4, None if i % 5 == 0 else float(i % 13), cells))
        pcs.append(("r1", at, at + 200, 0, 60.0 + i % 4 / 8))
    return _append(first + seconds * SECOND, Block("rack", ("soc", "power", "cell_voltages"), racks), Block("pcs", ("frequency",), pcs))


def _late(now: int, device: str, first: int, count: int, every: int = 10, shift: float = 0.5, quality: int = 4) -> Step:
    """Known instants get another value, those between them are new, and cells come to both."""
    rows = [(device, first + i * every * SECOND, now, quality, i % 11 + shift, 97.5, [3.5, 3.25 + i / 100]) for i in range(count)]
    return _append(now, Block("rack", ("soc", "soh", "cell_voltages"), rows))


def _load(now: int, device: str, first: int, count: int, every: int) -> Step:
    at = first + np.arange(count, dtype=np.int64) * every * SECOND
    values = {
        "soc": np.arange(count) % 9 / 4 + 20,
        "cell_temperatures": np.column_stack([at % 7 / 2, np.full(count, np.nan), at % 3 + 1.0]),
    }
    columns = Columns(at, at + 50, np.zeros(count, dtype=np.int64), values)
    return Step(now, "load", lambda store: store.load(device, "rack", columns))


def _maintain(now: int) -> Step:
    return Step(now, "maintain", lambda store: store.maintain())


def _seal(now: int, before: int) -> Step:
    return Step(now, "seal", lambda store: store.seal(before))


def _forget(now: int, kind: str, before: int) -> Step:
    return Step(now, "forget", lambda store: store.forget(kind, before))


def history() -> list[Step]:
    """From eighty minutes before a UTC midnight until ten minutes after it."""
    first, hour, next_day = MIDNIGHT - 80 * MINUTE, MIDNIGHT - HOUR, MIDNIGHT
    return [
        _live(first, 200),
        _maintain(first + 215 * SECOND),
        _late(first + 4 * MINUTE, "r1", first + 30 * SECOND, 9),
        _load(first + 4 * MINUTE, "r3", MIDNIGHT - DAY - 30 * MINUTE, 70, 60),
        _seal(first + 5 * MINUTE, first + 95 * SECOND),
        _late(first + 6 * MINUTE, "r1", first + 50 * SECOND, 8, shift=0.25),
        _maintain(first + 7 * MINUTE),
        _load(first + 8 * MINUTE, "r2", first - 2 * MINUTE, 12, 30),
        _live(hour - 2 * MINUTE, 240, 15),
        _maintain(hour + 2 * MINUTE + 12 * SECOND),
        _seal(hour + 3 * MINUTE, hour + 30 * SECOND),
        _late(hour + 4 * MINUTE, "r2", hour - 65 * SECOND, 14, shift=0.75, quality=20),
        _seal(hour + 5 * MINUTE, hour + 3 * MINUTE),
        _live(next_day - MINUTE, 150),
        _maintain(next_day + 2 * MINUTE),
        _seal(next_day + 5 * MINUTE, next_day + MINUTE),
        _late(next_day + 6 * MINUTE, "r1", hour - 20 * SECOND, 6),
        _late(next_day + 6 * MINUTE, "r2", next_day + 50 * SECOND, 6, shift=0.125),
        _maintain(next_day + 7 * MINUTE),
        _forget(next_day + 8 * MINUTE, "rack", first + 70 * SECOND),
        _forget(next_day + 8 * MINUTE, "pcs", hour),
        _live(next_day + 9 * MINUTE, 40),
        _maintain(next_day + 11 * MINUTE),
        _maintain(next_day + 61 * MINUTE),
    ]


HISTORY = history()
Answers = dict[str, object]


@cache
def meant(after: int) -> tuple[Answers, Mapping[tuple[str, str], frozenset[int]]]:
    """What the reference answers after so many steps, and the instants it has of each device."""
    clock = Clock()
    store = MemoryTelemetry(ZONE, clock)
    for step in HISTORY[:after]:
        clock.now = step.at
        step.call(store)
    there = {key: frozenset(store.columns(*key, _names(key[1]), EVER).at.tolist()) for key in DEVICES}
    return answers(store, [step.at - 1 for step in HISTORY[:after]]), there


def answers(store: Telemetry, moments: Sequence[int] = ()) -> Answers:
    """Every read of the store; columns as of `moments`, too."""
    found: Answers = {}
    for device, kind in DEVICES:
        names = _names(kind)
        for as_of in (None, *moments):
            columns = store.columns(device, kind, names, EVER, as_of=as_of)
            what = f"{device} {kind} as of {as_of}"
            found |= {f"{name} of {what}": getattr(columns, name) for name in ("at", "received", "quality")}
            found |= {f"{name} of {what}": unpadded(column) for name, column in columns.values.items()}
        found |= _series(store, device, kind, [name for name in names if name in scalars_of(kind)])
        found[f"extent of {device} {kind}"] = store.extent(device, kind)
    found["latest"] = store.latest()
    found["latest of each"] = store.latest(DEVICES)
    return found


def _series(store: Telemetry, device: str, kind: str, metrics: Sequence[str]) -> Answers:
    found: Answers = {}
    for window in (EVER, Window(MIDNIGHT - 80 * MINUTE - 12_345, MIDNIGHT + 77_777)):
        for resolution in (MINUTE, 15 * MINUTE, HOUR, DAY, 0) if window is EVER else (20 * SECOND, MINUTE, HOUR):
            for key, one in store.series([(device, kind)], metrics, window, resolution=resolution, zone=ZONE).items():
                found |= {f"{name} of {key} by {resolution} in {window}": getattr(one, name) for name in FIELDS}
    return found


def agree(kept: Answers, told: Answers, lagging: Sequence[str] = ()) -> None:
    """All answers are the same, but for those that begin as `lagging` does."""
    assert list(kept) == list(told)
    for what in [what for what in told if not what.startswith(tuple(lagging))]:
        if isinstance(told[what], np.ndarray):
            np.testing.assert_array_equal(kept[what], told[what], err_msg=what)
        else:
            assert kept[what] == told[what], f"{what}: {kept[what]} instead of {told[what]}"


def _names(kind: str) -> list[str]:
    asked = ("soc", "soh", "power", "cell_voltages", "cell_temperatures", "frequency")
    return [metric.name for metric in metrics_of(kind) if metric.name in asked]


class Way(StrEnum):
    """How it goes on after the fault: in the same process, in a new one, or in one that was there all along and looked now and then."""

    SAME = "goes on"
    NEW = "opens anew"
    OTHER = "another goes on"


class Play:
    """One interrupted run of the history."""

    def __init__(self, opened: Callable[[Fault, Clock], KeptTelemetry], fault: Fault, way: Way) -> None:
        self._opened, self._way = opened, way
        self.fault = fault
        self.clock = Clock()
        self.store = opened(fault, self.clock)
        self._other = opened(fault, self.clock) if way is Way.OTHER else None
        self._lagging = ("latest", "extent") if self._other else ()

    def run(self) -> str:
        """Returns where the fault struck."""
        where = ""
        for place, step in enumerate(HISTORY):
            self.clock.now = step.at
            try:
                step.call(self.store)
            except Unavailable as error:
                self.fault.noticed(error)
                where = f"{self.fault.struck} in step {place} ({step.name})"
                self._interrupted(place, step)
            if self._other and place % 3 == 1:
                self._other.latest()
        self._agree(len(HISTORY))
        return where

    def _interrupted(self, place: int, step: Step) -> None:
        if self._way is Way.NEW:
            self.store = self._opened(self.fault, self.clock)
        elif self._other:
            self.store = self._other
        self._nothing_lost(place, step)
        if step.name != "forget":
            self._agree_with_itself(lagging=self._lagging or ("latest",) * (step.name == "load"))
        step.call(self.store)
        self._agree(place + 1, self._lagging)

    def _nothing_lost(self, place: int, step: Step) -> None:
        """What was acknowledged is there, and beyond it only what this step may bring."""
        before, after = meant(place)[1], meant(place + 1)[1]
        for key in DEVICES:
            kept = set(self.store.columns(*key, _names(key[1]), EVER).at.tolist())
            assert before[key] & after[key] <= kept <= before[key] | after[key], key

    def _agree_with_itself(self, lagging: Sequence[str]) -> None:
        """Rollups, extents and the newest are those of the readings that are there."""
        readings = MemoryTelemetry(ZONE, self.clock)
        for device, kind in DEVICES:
            names, rows = rows_of(device, self.store.columns(device, kind, _names(kind), EVER))
            told = [
                (*row[:4], *[elements(np.array(value, np.float64)) if isinstance(value, list) else value for value in row[4:]])
                for row in rows
            ]
            readings.append([Block(kind, names, told)])
        agree(answers(self.store), answers(readings), lagging)

    def _agree(self, after: int, lagging: Sequence[str] = ()) -> None:
        agree(answers(self.store, [step.at - 1 for step in HISTORY[:after]]), meant(after)[0], lagging)


class Stores:
    """Opens empty databases of one kind, and each of them as often as wanted."""

    def __init__(self, open_new: Callable[[], Callable[[], Engine]]) -> None:
        self._open_new = open_new

    @contextmanager
    def empty(self) -> Iterator[Callable[[Fault, Clock], KeptTelemetry]]:
        opener = self._open_new()
        engines: list[Engine] = []

        def opened(fault: Fault, clock: Clock) -> KeptTelemetry:
            engines.append(opener())
            return KeptTelemetry(FailingEngine(engines[-1], fault), clock)  # type: ignore[arg-type]

        yield opened
        for engine in engines:
            engine.close()


def interrupted(stores: Stores, fault: Fault, way: Way) -> str:
    with stores.empty() as opened:
        return Play(opened, fault, way).run()


def _files(folder: Path) -> Stores:
    return Stores(lambda: partial(open_engine, f"sqlite:///{folder / secrets.token_hex(4)}.db"))


def _tables(request: pytest.FixtureRequest) -> Stores:
    url = request.getfixturevalue("postgresql_tables_url")
    return Stores(lambda: partial(open_engine, emptied(url)))


def _collections(request: pytest.FixtureRequest) -> Stores:
    url = request.getfixturevalue("mongodb_url")
    return Stores(lambda: partial(MongoEngine, emptied(url)))


BACKENDS: Mapping[str, tuple[Callable[[pytest.FixtureRequest], Stores], int]] = {
    "sqlite": (lambda request: _files(request.getfixturevalue("tmp_path")), 4),
    "postgresql": (_tables, 2),
    "mongodb": (_collections, 2),
}
"""What makes stores, and at how many points each way is tried; VOLTDECK_CRASH_POINTS says another number."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Fault:
    """How many steps and transactions an uninterrupted run has: the same on every engine."""
    fault = Fault()
    assert not interrupted(_files(tmp_path_factory.mktemp("whole")), fault, Way.SAME)
    return fault


def _points(total: int, wanted: int, way: Way) -> range:
    """Spread over all of them, others for each way."""
    wanted = int(os.environ.get("VOLTDECK_CRASH_POINTS", wanted))
    stride = max(total // wanted, 1)
    return range(1 + list(Way).index(way) * stride // len(Way), total + 1, stride)


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("backend", BACKENDS)
def test_interrupted_before_any_step_it_goes_on_without_loss(request: pytest.FixtureRequest, whole: Fault, backend: str, way: Way) -> None:
    make, wanted = BACKENDS[backend]
    stores = make(request)
    for step in _points(whole.steps, wanted, way):
        assert interrupted(stores, Fault(step=step), way), f"no step {step}"


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("backend", BACKENDS)
def test_interrupted_after_any_commit_it_goes_on_without_doubling(
    request: pytest.FixtureRequest, whole: Fault, backend: str, way: Way
) -> None:
    make, wanted = BACKENDS[backend]
    stores = make(request)
    for commit in _points(whole.commits, wanted // 2, way):
        assert interrupted(stores, Fault(commit=commit), way), f"no commit {commit}"


class HangUp(Fault):
    """The server closes the connection at every write, until the first failure was noticed; `release` ends the turn of who failed, as
    its lease would after a while."""

    def __init__(self, admin: "MongoClient[dict[str, Any]]", database: str, release: bool) -> None:
        super().__init__()
        self._admin, self._database, self._release = admin, database, release

    def after(self, writes: int) -> None:
        what = {"failCommands": ["insert", "update", "delete", "findAndModify"], "closeConnection": True, "appName": "voltdeck"}
        self._admin.admin.command({"configureFailPoint": "failCommand", "mode": {"skip": writes}, "data": what})

    def noticed(self, error: Unavailable) -> None:
        self._admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
        if self._release:
            self._admin[self._database]["state"].update_one({"_id": "turn"}, {"$set": {"holder": None}})
        self.struck = error.message


@pytest.fixture
def failing_server(tmp_path: Path) -> Iterator[mongod.Mongod]:
    """A MongoDB server that can be told to hang up."""
    try:
        mongod.binary()
    except FileNotFoundError as error:
        missing("MongoDB", error)
    with mongod.running(tmp_path / "data", enableTestCommands="1") as server:
        yield server


@pytest.mark.parametrize("way", [Way.SAME, Way.NEW])
def test_a_server_that_hangs_up_at_any_write_leaves_what_heals(failing_server: mongod.Mongod, way: Way) -> None:
    """Within one step, too, there are several messages to a MongoDB server: from the k-th on, none is answered."""
    with MongoClient[dict[str, Any]](failing_server.url(), directConnection=True) as admin:
        for after in range(60, 800, 800 // int(os.environ.get("VOLTDECK_CRASH_POINTS", 1))):
            name = f"hangs_up_{after}"
            fault = HangUp(admin, name, release=way is Way.NEW)
            with Stores(lambda name=name: partial(MongoEngine, failing_server.url(name))).empty() as opened:  # type: ignore[misc]
                play = Play(opened, fault, way)
                fault.after(after)
                assert play.run()
            admin.drop_database(name)
