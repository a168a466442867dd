"""What a damaged or vanished file does to a running store: the answer names what is broken, everything else goes on."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import datastore.open
from datastore.open import open_store, open_telemetry
from datastore.ports import Columns, Outcome
from plant.errors import Unavailable
from plant.model import DAY, HOUR, MINUTE, Block, Window

PROJECT = Path(datastore.open.__file__).parents[1]
NOON = 1_790_049_600_000


def history(step: int = MINUTE, days: int = 2) -> Columns:
    at = np.arange(NOON - days * DAY, NOON, step, dtype=np.int64)
    return Columns(at, at + 300, np.zeros(len(at), np.int64), {"soc": np.round(50 + np.sin(at / HOUR), 2), "power": np.ones(len(at))})


@pytest.mark.parametrize("blob", [b"", b"\x01\x00", b"\xff" * 40, b"\x09" * 40])
def test_a_damaged_chunk_is_named_and_spares_the_rest(tmp_path: Path, blob: bytes) -> None:
    store = open_telemetry(f"sqlite:///{tmp_path / 'v.db'}", "UTC", lambda: NOON)
    store.load_many([(name, "rack", history()) for name in ("r1", "r2")])
    with sqlite3.connect(tmp_path / "v.db") as connection:
        connection.execute(
            "UPDATE chunk SET blob = ? WHERE \"start\" >= ? AND metric = (SELECT id FROM metric_key WHERE name = 'soc') "
            "AND device = (SELECT id FROM device_key WHERE device_id = 'r1')",
            (blob, NOON // DAY * DAY),
        )
    connection.close()
    today, yesterday = Window(NOON // DAY * DAY, NOON), Window(NOON // DAY * DAY - DAY, NOON // DAY * DAY)
    for ask in (
        lambda: store.columns("r1", "rack", ["soc"], today),
        lambda: store.series([("r1", "rack")], ["soc"], today, resolution=MINUTE),
    ):
        with pytest.raises(Unavailable, match="soc of r1 .* of 2026-09-22 are damaged"):
            ask()
    assert len(store.columns("r1", "rack", ["power"], today).at) == 240
    assert len(store.columns("r1", "rack", ["soc"], yesterday).at) == 1440
    assert len(store.columns("r2", "rack", ["soc"], today).at) == 240
    assert store.append([Block("rack", ("soc",), [("r1", NOON, NOON, 0, 1.0)])]) == [Outcome(inserted=1)]
    store.close()


def test_the_import_of_another_process_is_seen_while_the_store_is_open(tmp_path: Path) -> None:
    """Devices, newest values, readings and rollups, as soon as the other process has ended."""
    url = f"sqlite:///{tmp_path / 'plant.db'}"
    store = open_store(url, "UTC", lambda: NOON)
    store.intake.accept([Block("rack", ("soc",), [("r1", NOON, NOON, 0, 50.0)])])
    assert set(store.telemetry.latest()) == {("r1", "rack")}
    code = """
import sys
import numpy as np
from datastore.open import open_store, open_telemetry
from datastore.ports import Columns
from plant.model import Block, Device
now = int(sys.argv[2])
store = open_store(sys.argv[1], "UTC", lambda: now)
at = now - 86_400_000 * 30 + np.arange(1440, dtype=np.int64) * 60_000
store.records.put_devices([Device("old", "rack")])
store.telemetry.load("old", "rack", Columns(at, at, np.zeros(1440, np.int64), {"soc": np.full(1440, 42.0)}))
store.intake.accept([Block("rack", ("soc",), [("slow", now - 86_400_000 * 9, now, 0, 7.0)])])
store.close()
"""
    subprocess.run([sys.executable, "-c", code, url, str(NOON)], env={"PYTHONPATH": str(PROJECT)}, check=True, timeout=60)
    assert {d.device_id for d in store.records.devices()} == {"r1", "old", "slow"}
    latest = store.telemetry.latest()
    assert {key[0]: one.values["soc"] for key, one in latest.items()} == {"r1": 50.0, "old": 42.0, "slow": 7.0}
    for resolution in (MINUTE, HOUR, DAY):
        series = store.telemetry.series([("old", "rack")], ["soc"], Window(NOON - 31 * DAY, NOON - 28 * DAY), resolution=resolution)
        assert series["old", "rack", "soc"].n.sum() == 1440
    store.close()


def test_a_deleted_file_is_unavailable_and_heals_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "plant.db"
    store = open_store(f"sqlite:///{path}", "UTC", lambda: NOON)
    store.intake.accept([Block("rack", ("soc",), [("r1", NOON, NOON, 0, 50.0)])])
    hidden = [(file, file.with_name(f"away-{file.name}")) for file in tmp_path.iterdir() if not file.name.endswith(".lock")]
    for file, away in hidden:
        os.rename(file, away)
    with pytest.raises(Unavailable):
        store.intake.accept([Block("rack", ("soc",), [("r1", NOON + 1, NOON, 0, 51.0)])])
    with pytest.raises(Unavailable):
        store.records.ping()
    for file, away in hidden:
        os.rename(away, file)
    store.records.ping()
    assert store.intake.accept([Block("rack", ("soc",), [("r1", NOON + 1, NOON, 0, 51.0)])]) == [Outcome(inserted=1)]
    store.close()
