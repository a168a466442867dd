"""What only the SQLite backend has to prove: kills, several processes, growing catalogues, bounded memory, a broken file."""

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from datastore.backends import sql_tables
from datastore.backends.sql_engine import open_engine
from datastore.open import open_telemetry
from datastore.ports import Outcome, Telemetry
from plant.errors import Unavailable
from plant.model import HOUR, MINUTE, Block, Window

START = 1_790_046_000_000  # 2026-09-22 03:00 UTC
DEVICES = 4


class Clock:
    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def opened(path: Path, clock: Clock) -> Telemetry:
    return open_telemetry(f"sqlite:///{path}", "UTC", clock)


def block(second: int, count: int = 10) -> Block:
    rows = [
        (f"r{d}", START + s * 1000, START + s * 1000, 0, float(s), float(d)) for s in range(second, second + count) for d in range(DEVICES)
    ]
    return Block("rack", ("soc", "power"), rows)


def write_forever(path: Path, acknowledged: Path) -> None:
    """Appends, maintains and seals as fast as it can; says what was acknowledged."""
    second = int(acknowledged.read_text() or 0)
    clock = Clock()
    store = opened(path, clock)
    with acknowledged.open("w") as note:
        while True:
            clock.now = START + (second + 10) * 1000
            store.append([block(second)])
            second += 10
            note.seek(0)
            note.write(str(second))
            note.flush()
            if second % 60 == 0:
                store.maintain()
            if second % 600 == 0:
                store.seal(clock.now - 5 * MINUTE)


def test_killed_at_any_moment_every_acknowledged_reading_is_there_once(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "v.db", tmp_path / "acknowledged"
    acknowledged.write_text("0")
    context = multiprocessing.get_context("spawn")
    for turn in range(4):
        process = context.Process(target=write_forever, args=(path, acknowledged))
        process.start()
        before, deadline = int(acknowledged.read_text() or 0), time.monotonic() + 30
        while int(acknowledged.read_text() or 0) < before + 1500 + 397 * turn and time.monotonic() < deadline:
            time.sleep(0.005)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        told = int(acknowledged.read_text())
        assert told > before
        clock = Clock(START + (told + 10) * 1000)
        store = opened(path, clock)
        verify(store, path, told)
        clock.now += 2 * HOUR
        store.maintain()
        verify(store, path, told)
        store.close()
        # what was written but not acknowledged is sent again, and is a duplicate
        acknowledged.write_text(str(told - 10))


def verify(store: Telemetry, path: Path, told: int) -> None:
    """Every second once, in readings and in rollups; at most one more batch than was acknowledged."""
    window = Window(START, START + 100 * HOUR)
    for device in ("r0", "r3"):
        found = store.columns(device, "rack", ["soc"], window)
        seconds = found.values["soc"]
        assert told <= len(seconds) <= told + 10
        np.testing.assert_array_equal(seconds, np.arange(len(seconds)))
        for resolution in (MINUTE, HOUR):
            series = store.series([(device, "rack")], ["soc"], window, resolution=resolution)[device, "rack", "soc"]
            assert series.n.sum() == len(seconds)
            assert np.nansum(series.sum) == seconds.sum()
        assert store.latest()[device, "rack"].values["soc"] == seconds[-1]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_two_writers_of_one_file_see_each_other(tmp_path: Path) -> None:
    clock = Clock()
    one, two = (opened(tmp_path / "v.db", clock) for _ in range(2))
    for second in range(0, 600, 10):
        clock.now = START + (second + 10) * 1000
        (one if second % 20 else two).append([block(second)])
        assert one.latest()["r1", "rack"].values == two.latest()["r1", "rack"].values == {"soc": second + 9.0, "power": 1.0}
        if second % 60 == 0:
            one.maintain()
            two.maintain()
    assert one.append([block(0)]) == [Outcome(duplicates=40)]
    two.seal(START + 5 * MINUTE)
    assert one.append([block(0)]) == [Outcome(duplicates=40)]
    clock.now += HOUR
    for store in (one, two):
        store.maintain()
        for resolution in (MINUTE, HOUR):
            series = store.series([("r1", "rack")], ["soc"], Window(START, START + HOUR), resolution=resolution)["r1", "rack", "soc"]
            assert (series.n.sum(), np.nansum(series.sum)) == (600, 599 * 300)
        store.close()


def test_readers_see_each_reading_once_while_it_is_sealed(tmp_path: Path) -> None:
    clock = Clock(START + HOUR)
    store = opened(tmp_path / "v.db", clock)
    store.append([block(0, 1800)])
    done = threading.Event()
    wrong: list[object] = []

    def look() -> None:
        while not done.is_set():
            found = store.columns("r2", "rack", ["soc"], Window(START, START + HOUR)).values["soc"]
            total = store.series([("r2", "rack")], ["soc"], Window(START, START + HOUR), resolution=MINUTE)["r2", "rack", "soc"].n.sum()
            if len(found) != 1800 or total != 1800:
                wrong.append((len(found), total))

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for minute in range(1, 32):
        assert store.seal(START + minute * MINUTE) == (DEVICES * 60 if minute <= 30 else 0)
    done.set()
    for reader in readers:
        reader.join()
    store.close()
    assert not wrong


def test_a_grown_catalogue_adds_columns_and_keeps_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = sql_tables.scalars_of
    monkeypatch.setattr(sql_tables, "scalars_of", lambda kind: tuple(name for name in everything(kind) if name != "soh"))
    open_engine(f"sqlite:///{tmp_path / 'v.db'}").close()
    connection = sqlite3.connect(tmp_path / "v.db", isolation_level=None)
    connection.execute("INSERT INTO device_key VALUES (1, 'r0', 'rack')")
    connection.execute("INSERT INTO reading_rack (ts, device, received, quality, soc) VALUES (?, 1, ?, 0, 42.0)", (START, START))
    connection.close()
    monkeypatch.undo()
    store = opened(tmp_path / "v.db", Clock())
    store.append([Block("rack", ("soh",), [("r0", START, START, 0, 98.5)])])
    found = store.columns("r0", "rack", ["soc", "soh"], Window(START, START + 1))
    assert (found.values["soc"].tolist(), found.values["soh"].tolist()) == ([42.0], [98.5])
    store.close()


def test_tables_of_a_newer_release_are_left_alone(tmp_path: Path) -> None:
    opened(tmp_path / "v.db", Clock()).close()
    connection = sqlite3.connect(tmp_path / "v.db")
    with connection:
        connection.execute("UPDATE telemetry_state SET value = 99 WHERE name = 'layout'")
    connection.close()
    with pytest.raises(ValueError, match="layout 99"):
        opened(tmp_path / "v.db", Clock())


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "v.db").write_text("not a database, and long enough to be read as one " * 20)
    with pytest.raises(Unavailable, match=r"v\.db"):
        opened(tmp_path / "v.db", Clock())


def test_a_failed_append_keeps_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    store = opened(tmp_path / "v.db", Clock())
    bad = Block("rack", ("soc",), [("r0", START, None, 0, 1.0)])  # without a receive time
    with pytest.raises(sqlite3.IntegrityError):  # the reading is at fault, not the store: others go on
        store.append([block(0), bad])
    assert store.latest() == {}
    assert store.append([block(0)]) == [Outcome(inserted=40)]
    store.close()
    store.close()
