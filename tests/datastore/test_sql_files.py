"""Database files: one that the first release made opens as it is, one that is moved away is not made again."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from datastore.backends.sql_engine import open_engine
from datastore.kept.engine import Mark, Part, Revision, Span
from datastore.open import open_records
from datastore.seal import pack, pack_whole
from plant.errors import Unavailable
from plant.model import Alarm

NOON = 1_790_049_600_000

FIRST_RELEASE = """
CREATE TABLE device_key (id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, kind TEXT NOT NULL, UNIQUE (device_id, kind));
CREATE TABLE metric_key (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE chunk (id INTEGER PRIMARY KEY AUTOINCREMENT, device INTEGER NOT NULL, metric INTEGER NOT NULL, "start" INTEGER NOT NULL,
    "end" INTEGER NOT NULL, n INTEGER NOT NULL, blob BLOB NOT NULL, UNIQUE (device, metric, "start"));
CREATE TABLE rollup_minute (ts INTEGER, device INTEGER, layout INTEGER NOT NULL, stats BLOB NOT NULL,
    PRIMARY KEY (ts, device)) WITHOUT ROWID;
CREATE TABLE rollup_hour (device INTEGER, metric INTEGER, day INTEGER, stats BLOB NOT NULL,
    PRIMARY KEY (device, metric, day)) WITHOUT ROWID;
CREATE TABLE rollup_mark (kind TEXT, width INTEGER, ts INTEGER, device INTEGER, owner INTEGER,
    PRIMARY KEY (kind, width, ts, device, owner)) WITHOUT ROWID;
CREATE TABLE revision (id INTEGER PRIMARY KEY, device INTEGER NOT NULL, ts INTEGER NOT NULL, metric INTEGER NOT NULL,
    received INTEGER NOT NULL, replaced INTEGER NOT NULL, value BLOB);
CREATE INDEX revision_by_instant ON revision (device, ts);
CREATE TABLE latest (device INTEGER PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE telemetry_layout (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE telemetry_state (name TEXT, owner INTEGER, value INTEGER NOT NULL, PRIMARY KEY (name, owner)) WITHOUT ROWID;
CREATE TABLE reading_home (ts INTEGER, device INTEGER, received INTEGER NOT NULL, quality INTEGER NOT NULL, "home_energy" REAL,
    "battery_energy" REAL, PRIMARY KEY (ts, device)) WITHOUT ROWID;
CREATE TABLE reading_rack_vectors (ts INTEGER, device INTEGER, metric INTEGER, elements BLOB NOT NULL,
    PRIMARY KEY (ts, device, metric)) WITHOUT ROWID;
INSERT INTO metric_key (id, name) VALUES (1, '@at'), (2, '@received'), (3, '@quality'), (7, 'home_energy'), (9, 'cell_voltages');
INSERT INTO device_key VALUES (4, 'villa', 'home');
INSERT INTO telemetry_layout VALUES (2, '["home_energy"]');
INSERT INTO telemetry_state VALUES ('layout', 0, 1), ('writes', 5, 12);
"""


def test_a_file_of_the_first_release_opens_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    at, value = pack_whole(np.array([NOON - 7])), pack(np.array([1.5]))
    with closing(sqlite3.connect(path)) as old:
        old.executescript(FIRST_RELEASE)
        old.execute("INSERT INTO reading_home VALUES (?, 4, ?, 1, 2.5, NULL)", (NOON, NOON + 1))
        old.executemany(
            "INSERT INTO chunk VALUES (?, 4, ?, ?, ?, 1, ?)", [(11, 1, NOON - 7, NOON - 6, at), (12, 7, NOON - 7, NOON - 6, value)]
        )
        old.execute("INSERT INTO rollup_mark VALUES ('home', 60000, ?, 4, 0)", (NOON,))
        old.execute("INSERT INTO revision VALUES (1, 4, ?, 7, 1, 2, x'00')", (NOON,))
        old.commit()
        before = dict(old.execute("SELECT name, sql FROM sqlite_schema WHERE name != 'reading_home'"))
    with closing(open_engine(f"sqlite:///{path}")) as engine, engine.write() as tx:
        assert tx.device_keys() == [(4, "villa", "home")]
        assert tx.metric_keys()["home_energy"] == 7
        assert tx.metric_keys()["grid_import_energy"] > 9
        assert tx.hot_rows("home", ("home_energy", "grid_import_energy"), [4], 0, 1 << 50) == [(4, NOON, NOON + 1, 1, 2.5, None)]
        assert tx.parts(4, [7], 0, 1 << 50) == [(Span(11, NOON - 7, NOON - 6), [Part(1, 1, at), Part(7, 1, value)])]
        assert tx.counters() == {("layout", 0): 1, ("writes", 5): 12}
        assert tx.layout('["home_energy"]') == 2
        assert tx.marks(60000, 1 << 50) == [Mark("home", 60000, NOON, 4, 0)]
        assert tx.revisions(4, 0, 1 << 50, 0) == [Revision(4, NOON, 7, 1, 2, b"\x00")]
    with closing(sqlite3.connect(path)) as now:
        after = dict(now.execute("SELECT name, sql FROM sqlite_schema"))
    assert {name: after[name] for name in before} == before


def test_a_file_that_is_away_is_not_made_again_and_answers_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "plant.db"
    with closing(open_records(f"sqlite:///{path}", lambda: 0)) as records:
        records.put_alarm(Alarm("bess01", "bess", "HIGH_TEMP", "alarm", "61 °C", 1_000))
        for suffix in ("", "-wal", "-shm"):
            if Path(f"{path}{suffix}").exists():
                Path(f"{path}{suffix}").rename(f"{path}{suffix}.away")
        with ThreadPoolExecutor(8) as callers:  # more than the connections that are open already
            for asked in [callers.submit(records.alarms) for _ in range(40)]:
                with suppress(Unavailable):
                    asked.result()
        assert not path.exists()
        for suffix in ("", "-wal", "-shm"):
            if Path(f"{path}{suffix}.away").exists():
                Path(f"{path}{suffix}.away").rename(f"{path}{suffix}")
        assert [alarm.code for alarm in records.alarms()] == ["HIGH_TEMP"]
