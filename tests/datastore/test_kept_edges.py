"""Edges of keeping telemetry: odd times, odd widths, lines on which retention cuts, other processes, stores with nothing in them."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from datastore.backends.memory import MemoryTelemetry
from datastore.copying import Copied, copy_readings
from datastore.kept import chunks
from datastore.kept.inspection import Inspection
from datastore.kept.keys import Keys
from datastore.kept.telemetry import KeptTelemetry
from datastore.open import open_engine, open_records, open_telemetry
from datastore.ports import Columns, Telemetry
from plant.errors import Conflict, Invalid
from plant.model import DAY, HOUR, MINUTE, SECOND, Block, User, Window
from services.backup import run_backup_command, run_restore_command
from tests.datastore.conftest import TELEMETRY
from tests.datastore.test_crash_points import DEVICES, HISTORY, Clock, agree, answers, meant
from tests.datastore.test_upkeep import quiet

ZONE = "Europe/Berlin"
NOON = 1_790_078_400_000  # 2026-09-22 12:00 UTC
FIELDS = ("at", "n", "mean", "min", "max", "last", "sum")


class Now:
    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def now() -> Now:
    return Now()


Opened = Callable[[], Telemetry]


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, now: Now) -> Iterator[Opened]:
    """Opens the store; called again, another process does."""
    stores: list[Telemetry] = []

    def again() -> Telemetry:
        if request.param == "sqlite" or not stores:
            url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/edges.db"
            stores.append(open_telemetry(url, ZONE, now))
        return stores[-1]

    yield again
    for store in stores:
        store.close()


def history(first: int, seconds: int, every: int = 1) -> Columns:
    """A reading of soc every so many seconds: 0, 1, 2 …"""
    at = first + np.arange(0, seconds, every, dtype=np.int64) * SECOND
    return Columns(at, at + 30, np.zeros(len(at), np.int64), {"soc": np.arange(len(at), dtype=np.float64)})


def rack(*rows: tuple[object, ...], metrics: tuple[str, ...] = ("soc",)) -> Block:
    """Rows (at, value …) of r1."""
    return Block("rack", metrics, [("r1", row[0], int(str(row[0])) + 30, 0, *row[1:]) for row in rows])


def coverage(store: Telemetry, window: Window, resolution: int) -> float:
    return store.series([("r1", "rack")], ["soc"], window, resolution=resolution)["r1", "rack", "soc"].coverage


# -- coverage ---------------------------------------------------------------------------------------------------------


def test_an_hour_missing_of_four_is_a_quarter_missing(opened: Opened) -> None:
    store = opened()
    store.load("r1", "rack", history(NOON, 2 * 3600))
    store.load("r1", "rack", history(NOON + 3 * HOUR, 3600))
    for resolution in (MINUTE, 15 * MINUTE, HOUR):
        assert coverage(store, Window(NOON, NOON + 4 * HOUR), resolution) == pytest.approx(0.75)


def test_two_hours_far_apart_cover_two_hours(opened: Opened) -> None:
    store = opened()
    for hour in (0, 3):
        store.load("r1", "rack", history(NOON + hour * HOUR, 3600))
    assert coverage(store, Window(NOON, NOON + 4 * HOUR), HOUR) == pytest.approx(0.5)


def test_a_reading_a_quarter_hour_covers_all_of_the_time_and_an_outage_shows(opened: Opened) -> None:
    store = opened()
    at = np.r_[NOON : NOON + 8 * HOUR : 15 * MINUTE, NOON + 10 * HOUR : NOON + 12 * HOUR : 15 * MINUTE]
    store.load("r1", "rack", Columns(at, at, np.zeros(len(at), np.int64), {"soc": at % 7 / 2}))
    for resolution in (MINUTE, 15 * MINUTE, HOUR):
        assert coverage(store, Window(NOON, NOON + 8 * HOUR), resolution) == pytest.approx(1.0)
        assert coverage(store, Window(NOON, NOON + 12 * HOUR), resolution) == pytest.approx(10 / 12)


# -- times ------------------------------------------------------------------------------------------------------------


def test_readings_before_1970_are_kept_sealed_and_newest(opened: Opened) -> None:
    store = opened()
    old = -9 * DAY - 7
    store.append([rack((old, 1.5), (old + HOUR, 2.5))])
    for turn in range(3):
        if turn == 1:
            store.seal(-DAY)
        if turn == 2:
            store = opened()
        assert store.columns("r1", "rack", ["soc"], Window(-10 * DAY, 0)).values["soc"].tolist() == [1.5, 2.5]
        latest = store.latest()["r1", "rack"]
        assert (latest.at, latest.received, dict(latest.times)) == (old + HOUR, old + HOUR + 30, {"soc": old + HOUR})
        extent = store.extent("r1", "rack")
        assert extent is not None and (extent.first, extent.last, dict(extent.rows)) == (old, old + HOUR, {"soc": 2})
        series = store.series([("r1", "rack")], ["soc"], Window(-10 * DAY, 0), resolution=DAY)["r1", "rack", "soc"]
        assert series.n.sum() == 2


def test_a_reading_of_the_year_9999_does_not_keep_a_store_from_opening(opened: Opened) -> None:
    far = 253_402_300_799_000
    opened().append([rack((NOON - MINUTE, 1.0), (far, 2.0))])
    store = opened()
    assert store.latest()["r1", "rack"].at == far
    assert store.columns("r1", "rack", ["soc"], Window(NOON, far + 1)).at.tolist() == [far]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Taipei", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("noon", [1_774_778_400_000, 1_792_922_400_000], ids=["spring", "autumn"])
def test_calendar_days_are_those_of_the_zone(opened: Opened, now: Now, zone: str, noon: int) -> None:
    """The clocks of Berlin change on 29 March and 25 October 2026, at 1:00 UTC."""
    store, reference = opened(), MemoryTelemetry(zone, now)
    now.now = noon + 2 * DAY
    part = history(noon - 2 * DAY - 7 * MINUTE, 4 * 86400, 600)
    for one in (store, reference):
        one.load("r1", "rack", part)
        one.append([rack((noon + 1, 77.5), (noon + 2 * DAY - MINUTE, 5.0))])
    window = Window(noon - 30 * HOUR, noon + 30 * HOUR)
    for resolution in (DAY, HOUR):
        found, right = (
            one.series([("r1", "rack")], ["soc"], window, resolution=resolution, zone=zone)["r1", "rack", "soc"]
            for one in (store, reference)
        )
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(found, name), getattr(right, name), err_msg=f"{name} {resolution}")


# -- retention --------------------------------------------------------------------------------------------------------

LINES = {
    "inside a hot minute": -50 * SECOND + 7,
    "on a hot minute": -2 * MINUTE,
    "where sealed time ends": -10 * MINUTE,
    "inside a sealed hour": -40 * MINUTE - 13,
    "on an hour": -HOUR,
    "inside a day": -5 * HOUR - 77,
    "on a day": -12 * HOUR,
    "before all": -9 * DAY,
    "after all": HOUR,
}


@pytest.mark.parametrize("line", LINES)
def test_what_is_forgotten_is_gone_and_the_rest_stays(opened: Opened, now: Now, line: str) -> None:
    store, reference = opened(), MemoryTelemetry(ZONE, now)
    for one in (store, reference):
        one.load("r1", "rack", history(NOON - 26 * HOUR, 24 * 3600, 60))
        one.append([rack(*[(NOON - 2 * HOUR + i * 10 * SECOND, float(i), [3.0, 3.25, i / 8][: 1 + i % 3]) for i in range(720)],
                         metrics=("soc", "cell_voltages"))])  # fmt: skip
    store.maintain()
    store.seal(NOON - 10 * MINUTE)
    for one in (store, reference):
        one.append([rack((NOON - 30 * MINUTE, 99.0), (NOON - 30 * MINUTE + 1, 98.0)), rack((NOON - 3 * HOUR, 12.0), metrics=("power",))])
    for one in (store, reference):
        one.forget("rack", NOON + LINES[line])
    assert (reference.extent("r1", "rack") is None) == (line == "after all")
    for one in (store, opened()):
        agree_on_r1(one, reference)
        one.maintain()
        agree_on_r1(one, reference)


def agree_on_r1(store: Telemetry, reference: Telemetry) -> None:
    window = Window(NOON - 2 * DAY, NOON + DAY)
    names = ["soc", "power", "cell_voltages"]
    kept, told = (one.columns("r1", "rack", names, window) for one in (store, reference))
    assert kept.at.tolist() == told.at.tolist()
    assert store.extent("r1", "rack") == reference.extent("r1", "rack")
    for resolution in (MINUTE, HOUR, DAY):
        found, right = (one.series([("r1", "rack")], names[:2], window, resolution=resolution, zone=ZONE) for one in (store, reference))
        for key in right:
            for name in FIELDS:
                np.testing.assert_array_equal(getattr(found[key], name), getattr(right[key], name), err_msg=f"{name} {key} {resolution}")
    assert store.latest() == reference.latest()


# -- several at once --------------------------------------------------------------------------------------------------


def test_another_process_knows_at_once_how_far_a_device_reaches(opened: Opened) -> None:
    one, other = opened(), opened()
    one.append([rack((NOON - MINUTE, 1.0))])
    assert len(other.columns("r1", "rack", ["soc"], Window(0, NOON), limit=5).at) == 1
    one.append([rack((NOON - SECOND, 2.0))])
    assert other.columns("r1", "rack", ["soc"], Window(0, NOON), limit=5).values["soc"].tolist() == [1.0, 2.0]
    extent = other.extent("r1", "rack")
    assert extent is not None and extent.last == NOON - SECOND


def test_another_process_forgets_the_newest_of_what_is_gone(opened: Opened) -> None:
    one, other = opened(), opened()
    one.append([rack((NOON - HOUR, 1.0, None), (NOON - MINUTE, None, 2.0), metrics=("soc", "power"))])
    one.append([Block("rack", ("soc",), [("r2", NOON - HOUR, NOON, 0, 5.0)])])
    assert set(other.latest()) == {("r1", "rack"), ("r2", "rack")}
    one.forget("rack", NOON - 30 * MINUTE)
    for store in (one, other, opened()):
        assert set(store.latest()) == {("r1", "rack")}
        assert dict(store.latest()["r1", "rack"].values) == {"power": 2.0}


def test_late_readings_of_a_process_that_is_gone_stay_the_newest(opened: Opened, now: Now) -> None:
    """Another one computes their hours: after that only the saved newest values know of them."""
    one, other = opened(), opened()
    one.append([rack((NOON - SECOND, 1.0))])
    other.latest()
    late = [rack((NOON - 3 * HOUR, 97.5), metrics=("soh",)), rack((NOON - 3 * HOUR + 1, 3.0), metrics=("power",))]
    for block in late:
        one.append([block])
        other.latest()
    now.now += MINUTE
    other.maintain()
    assert dict(opened().latest()["r1", "rack"].values) == {"soc": 1.0, "soh": 97.5, "power": 3.0}


@pytest.mark.parametrize("backend", ["sqlite", "mongodb"])
def test_questions_about_many_devices_at_once_do_not_meet(request: pytest.FixtureRequest, backend: str, now: Now) -> None:
    store = KeptTelemetry(open_engine(TELEMETRY[backend](request)), now)
    ids = [f"r{i}" for i in range(6)]
    store.append([Block("rack", ("soc",), [(one, NOON - second * SECOND, NOON, 0, 1.0) for second in range(90) for one in ids])])
    window, faults = Window(NOON - 2 * MINUTE, NOON + MINUTE), []

    def ask(ids: list[str]) -> None:
        try:
            for _ in range(15):
                found = store.series([(one, "rack") for one in ids], ["soc"], window, resolution=MINUTE)
                assert [int(one.n.sum()) for one in found.values()] == [90] * len(ids)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=ask, args=(ids[i:],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert not faults


# -- vectors and chunks -----------------------------------------------------------------------------------------------


def test_a_late_vector_over_a_sealed_one_counts_once(opened: Opened) -> None:
    store = opened()
    store.append([rack(*[(NOON - HOUR + i * MINUTE, [3.0, 3.25]) for i in range(10)], metrics=("cell_voltages",))])
    store.seal(NOON)
    store.append([rack((NOON - HOUR, [3.5]), (NOON - HOUR + 1, [3.5]), metrics=("cell_voltages",))])
    extent = store.extent("r1", "rack")
    assert extent is not None and dict(extent.rows) == {"cell_voltages": 11}


def test_vectors_that_grow_across_a_chunk_are_read_as_told(opened: Opened) -> None:
    store = opened()
    told = [[3.0], [3.25, None, 3.5], [3.125, 3.0], [None, 3.75]]
    for i, cells in enumerate(told):
        store.append([rack((NOON - 4 * HOUR + i * HOUR, cells), metrics=("cell_voltages",))])
        store.seal(NOON - 4 * HOUR + (i + 1) * HOUR - MINUTE if i != 2 else 0)
    store = opened()
    found = store.columns("r1", "rack", ["cell_voltages"], Window(0, NOON)).values["cell_voltages"]
    np.testing.assert_array_equal(found, [[3.0, np.nan, np.nan], [3.25, np.nan, 3.5], [3.125, 3.0, np.nan], [np.nan, 3.75, np.nan]])
    assert store.latest()["r1", "rack"].values["cell_voltages"] == [None, 3.75]


def test_chunks_that_are_too_large_are_split_and_answer_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_NUMBERS", 300)
    clock = Clock()
    store = KeptTelemetry(open_engine(f"sqlite:///{tmp_path}/split.db"), clock)
    for place, step in enumerate(HISTORY):
        clock.now = step.at
        step.call(store)
        if step.name in ("seal", "load", "forget"):
            agree(answers(store), {what: value for what, value in meant(place + 1)[0].items() if "as of 1" not in what})
    with store.engine.read() as tx:
        device = store._keys.find(*DEVICES[0])
        assert device is not None
        spans = tx.spans(device, 0, 2**43)
    assert len(spans) > 3 and all(one.end <= other.start for one, other in zip(spans, spans[1:], strict=False))
    store.close()


def test_no_rows_are_asked_for_and_none_come(opened: Opened) -> None:
    store = opened()
    store.append([rack((NOON, 1.0))])
    assert not len(store.columns("r1", "rack", ["soc"], Window(0, NOON + 1), limit=0).at)
    assert store.series([], ["soc"], Window(0, NOON), resolution=DAY) == {}
    assert store.latest([]) == {}


# -- backups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["what?.db", "50%41.db"])
def test_a_backup_under_a_name_that_an_address_cannot_carry_is_refused(tmp_path: Path, name: str) -> None:
    """It would be written under another name, and an empty file be called the backup."""
    with pytest.raises(Invalid, match="cannot be used"):
        run_backup_command(f"sqlite:///{tmp_path}/plant.db", "", [str(tmp_path / name)], NOON, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_backup_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE diary (line TEXT)")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in before:
        with pytest.raises(Invalid, match=f"{name} is no backup"):
            run_restore_command(f"sqlite:///{tmp_path}/plant.db", "", [str(tmp_path / name)], NOON, quiet)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_store_in_memory_says_that_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="in memory"):
        run_backup_command("memory://", "", [str(tmp_path / "copy.db")], NOON, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_store_with_nothing_but_an_admin_is_not_restored_over(tmp_path: Path) -> None:
    """Whose password would be in force is not to be guessed."""
    source, target, file = (f"{tmp_path}/{name}.db" for name in ("plant", "target", "copy"))
    with closing(open_records(f"sqlite:///{target}")) as records:
        records.put_user(User("admin", "secret", ("admin",)))
    run_backup_command(f"sqlite:///{source}", "", [file], NOON, quiet)
    with pytest.raises(Conflict, match="records already"):
        run_restore_command(f"sqlite:///{target}", "", [file], NOON, quiet)
    with closing(open_records(f"sqlite:///{target}")) as records:
        assert [user.username for user in records.users()] == ["admin"]


# -- nothing in it ----------------------------------------------------------------------------------------------------


def test_an_empty_store_is_sound_and_copies_to_an_empty_one(tmp_path: Path) -> None:
    source, target = (open_engine(f"sqlite:///{tmp_path / name}.db") for name in ("one", "other"))
    inspection = Inspection(source, Keys(source))
    assert inspection.kinds() == [] and list(inspection.faults()) == []
    assert inspection.doomed("rack", NOON).hot == 0
    assert copy_readings(source, target, NOON) == Copied()
    source.close()
    target.close()
