"""Doctor, retention, backup and restore, as an operator runs them."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

import app
from datastore.copying import copy_readings
from datastore.open import open_engine, open_store
from datastore.ports import Columns, Entry
from datastore.store import Store
from plant.errors import Conflict, NotFound
from plant.model import DAY, HOUR, MINUTE, Block, Device, User, Window
from services import retention
from services.backup import run_backup_command, run_restore_command
from services.doctor import run_doctor_command

NOW = 1_790_049_600_000  # 2026-09-22 04:00 UTC
PROJECT = Path(app.__file__).parent


@contextmanager
def quiet(title: str) -> Iterator[Callable[[float, str], None]]:
    yield lambda share, doing: None


def history(days: int, metric: str = "soc") -> Columns:
    at = np.arange(NOW - days * DAY, NOW, MINUTE, dtype=np.int64)
    return Columns(at, at + 300, np.zeros(len(at), np.int64), {metric: np.round(50 + np.sin(at / HOUR), 2)})


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'plant.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(open_store(url, "UTC", clock=lambda: NOW)) as opened:
        opened.records.put_devices([Device("r1", "rack"), Device("p1", "pcs", info={"serial": "Ω"})])
        opened.records.put_user(User("olga", "argon2:…"))
        opened.telemetry.load("r1", "rack", history(4))
        opened.intake.accept([Block("pcs", ("active_power",), [("p1", NOW, NOW, 0, 12.5)])])
        yield opened


def doctor(url: str, *argv: str, rules: dict[str, int] | None = None) -> int:
    return run_doctor_command(url, argv, rules or {}, NOW, quiet)


def test_doctor_shows_what_is_kept_and_that_it_is_sound(store: Store, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(url) == 0
    lines = capsys.readouterr().out.splitlines()
    rack = next(line for line in lines if line.startswith("rack ")).split("  ")
    cells = [cell.strip() for cell in rack if cell.strip()]
    # 4 days of a reading a minute, cut at 5 UTC midnights; nothing hot
    assert cells[:6] == ["rack", "1", "0", "5 760", "5", "4.0"]
    assert next(line for line in lines if line.startswith("pcs ")).split()[1:3] == ["1", "1"]
    assert "Sound: every chunk can be read" in lines


def test_doctor_names_the_chunk_that_is_damaged(store: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(tmp_path / "plant.db")) as connection, connection:
        soc = "metric = (SELECT id FROM metric_key WHERE name = 'soc')"
        connection.execute(f'UPDATE chunk SET blob = ? WHERE {soc} AND "start" >= ?', (b"\xff" * 40, NOW // DAY * DAY))
    assert doctor(url) == 1
    out = capsys.readouterr().out
    assert "1 faults" in out
    assert "r1 (rack): the readings soc of 2026-09-22 are damaged" in out
    found = store.telemetry.columns("r1", "rack", ["soc"], Window(NOW - 2 * DAY, NOW // DAY * DAY))
    assert len(found.at) == 2640  # 44 hours of a reading a minute: what is not damaged is answered


def test_damaged_hours_are_made_from_readings_and_doctor_names_them(
    store: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = Window(NOW // DAY * DAY - 3 * DAY, NOW // DAY * DAY)
    right = store.telemetry.series([("r1", "rack")], ["soc"], days, resolution=HOUR)["r1", "rack", "soc"]
    for blob in (b"", b"xyz", b"\xff" * 100, b"\x00" * 959):
        with closing(sqlite3.connect(tmp_path / "plant.db")) as connection, connection:
            connection.execute("UPDATE rollup_hour SET stats = ? WHERE day = ?", (blob, days.start + DAY))
        found = store.telemetry.series([("r1", "rack")], ["soc"], days, resolution=HOUR)["r1", "rack", "soc"]
        for name in ("n", "mean", "min", "max", "sum", "last"):
            np.testing.assert_array_equal(getattr(found, name), getattr(right, name))
    assert doctor(url) == 1
    assert "r1 (rack): the hours of soc of 2026-09-20 are damaged and made from readings" in capsys.readouterr().out
    late = days.start + DAY + 30 * MINUTE + 1
    store.intake.accept([Block("rack", ("soc",), [("r1", late, late, 0, 99.0)])])
    store.telemetry.maintain()
    store.telemetry.maintain()
    assert doctor(url) == 0
    mended = store.telemetry.series([("r1", "rack")], ["soc"], days, resolution=HOUR)["r1", "rack", "soc"]
    assert (mended.n.sum(), mended.max[24]) == (right.n.sum() + 1, 99.0)


def test_doctor_says_what_a_rule_would_delete_and_the_rule_deletes_it(store: Store, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(url, "--quick", "--retention", "rack=2") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("rack 2 days"))
    # chunks before 2026-09-20: 20 h of the 18th and all of the 19th
    assert line.split("  ")[0] == "rack 2 days" and "2026-09-20" in line
    assert [cell.strip() for cell in line.split("  ") if cell.strip()][2:5] == ["0", "2", "2 640"]
    retention.apply(store, {"rack": 2}, 30, NOW)
    kept = store.telemetry.extent("r1", "rack")
    assert kept is not None and (kept.first, kept.rows) == (NOW // DAY * DAY - 2 * DAY, {"soc": 5760 - 2640})
    assert store.telemetry.latest([("p1", "pcs")])


@pytest.mark.parametrize(
    ("text", "said"), [("rak=3", "kind of device"), ("rack", "whole days"), ("rack=0", "whole days"), ("rack=1,rack=2", "twice")]
)
def test_a_retention_rule_that_makes_no_sense_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        retention.rules_of(text)


def test_whole_messages_are_kept_for_so_many_days(store: Store) -> None:
    for received in (NOW - 31 * DAY, NOW - 29 * DAY):
        store.records.keep_document("battery_data", {"soc": received}, received)
    assert retention.apply(store, {}, 0, NOW) == 0
    assert retention.apply(store, {}, 30, NOW) == 1
    assert [document["soc"] for document in store.records.documents("battery_data")] == [NOW - 29 * DAY]


def test_commands_and_allocations_go_after_their_days_and_notes_stay(store: Store) -> None:
    for drawer in ("commands", "allocations", "annotations"):
        for days in (10, 400):
            store.records.put_entry(Entry(drawer, f"{days} days old", "bess01", "completed", NOW - days * DAY, {}))
    assert retention.apply(store, {}, 0, NOW, 0) == 0
    assert retention.apply(store, {}, 0, NOW, 30) == 2
    left = {drawer: [entry.id for entry in store.records.entries(drawer)] for drawer in ("commands", "allocations", "annotations")}
    assert left == {"commands": ["10 days old"], "allocations": ["10 days old"], "annotations": ["10 days old", "400 days old"]}


def test_a_backup_of_a_store_in_use_has_all_that_was_acknowledged_before(store: Store, url: str, tmp_path: Path) -> None:
    begun, done = Event(), Event()
    acknowledged: list[int] = []

    def post() -> None:
        while not done.is_set():
            at = NOW + len(acknowledged) * 1000
            store.intake.accept([Block("rack", ("soc",), [("r1", at, at, 0, 1.0)])])
            acknowledged.append(at)
            if len(acknowledged) == 50:
                begun.set()

    poster = Thread(target=post)
    poster.start()
    begun.wait(30)
    before = len(acknowledged)
    assert run_backup_command(url, "", [str(tmp_path / "copy.db")], NOW, quiet) == 0
    done.set()
    poster.join()
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith("copy")} == {"copy.db"}
    with closing(open_store(f"sqlite:///{tmp_path / 'copy.db'}", "UTC", clock=lambda: NOW)) as copy:
        kept = copy.telemetry.columns("r1", "rack", ["soc"], Window(NOW, NOW + DAY))
        assert before <= len(kept.at) <= len(acknowledged)
        assert kept.at.tolist() == acknowledged[: len(kept.at)]
        assert copy.telemetry.extent("r1", "rack").rows["soc"] == 5760 + len(kept.at)  # type: ignore[union-attr]
        assert copy.records.devices() == store.records.devices()
        assert copy.records.user("olga") == store.records.user("olga")


@pytest.mark.parametrize("backend", ["postgresql_url", "mariadb_url", "mongodb_url"])
def test_a_backup_is_restored_into_any_database(
    backend: str, request: pytest.FixtureRequest, store: Store, url: str, tmp_path: Path
) -> None:
    target = request.getfixturevalue(backend)
    file = str(tmp_path / "copy.db")
    run_backup_command(url, "", [file], NOW, quiet)
    assert run_restore_command(target, "", [file], NOW, quiet) == 0
    with closing(open_store(target, "UTC", clock=lambda: NOW)) as copy:
        assert copy.records.devices() == store.records.devices()
        assert copy.telemetry.latest() == store.telemetry.latest()
        one, two = (s.telemetry.columns("r1", "rack", ["soc"], Window(0, NOW + DAY)) for s in (copy, store))
        np.testing.assert_array_equal(one.at, two.at)
        np.testing.assert_array_equal(one.values["soc"], two.values["soc"])
    with pytest.raises(Conflict, match="holds readings already"):
        run_restore_command(target, "", [file], NOW, quiet)


def test_backup_and_restore_refuse_what_would_be_lost(store: Store, url: str, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    run_backup_command(url, "", [str(file)], NOW, quiet)
    with pytest.raises(Conflict, match="exists already"):
        run_backup_command(url, "", [str(file)], NOW, quiet)
    with pytest.raises(NotFound, match="no folder"):
        run_backup_command(url, "", [str(tmp_path / "nowhere" / "copy.db")], NOW, quiet)
    with pytest.raises(NotFound, match="no file"):
        run_restore_command(f"sqlite:///{tmp_path / 'new.db'}", "", [str(tmp_path / "none.db")], NOW, quiet)
    with pytest.raises(Conflict):
        run_restore_command(url, "", [str(file)], NOW, quiet)


_SLOW_BACKUP = """
import sys
import services.backup
from tests.datastore.test_upkeep import quiet, NOW

def stop(source, target, now, progress):
    print("copying", flush=True)
    sys.stdin.read()

services.backup.copy_readings = stop
services.backup.run_backup_command(sys.argv[1], "", [sys.argv[2]], NOW, quiet)
"""


def test_a_killed_backup_leaves_no_file_that_looks_whole(store: Store, url: str, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    command = [sys.executable, "-c", _SLOW_BACKUP, url, str(file)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"copying\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not file.exists()
    assert run_backup_command(url, "", [str(file)], NOW, quiet) == 0
    with closing(open_engine(f"sqlite:///{file}")) as copy, closing(open_engine(f"sqlite:///{tmp_path / 'again.db'}")) as again:
        assert copy_readings(copy, again, NOW).devices == 2


@pytest.mark.parametrize("verb", ["doctor", "backup", "restore"])
def test_the_command_line_knows_the_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        app.main([verb, "--help"])
    assert left.value.code == 0
    assert f"app.py {verb}" in capsys.readouterr().out
