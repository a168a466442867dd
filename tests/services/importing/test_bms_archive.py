"""The CSV archive of S0 into the store: every row once, whatever the files look like and however often the import is killed."""

import gzip
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bench.archive import write_archive
from datastore.backends import csv_blocks
from datastore.backends.csv_archive import CsvArchive
from datastore.backends.memory import MemoryTelemetry
from datastore.open import open_store
from datastore.sources import own
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import DAY, HOUR, Block, Device, Quality, Window
from services.importing import archive_bar, archive_slabs, bms_archive, run_import_command
from services.importing.archive_report import ArchiveReport, Progress
from services.importing.bms_archive import import_archive, is_archive
from services.importing.formats import BadFile

DEVICE = "ZHPESS232A230002"
START = 1_696_161_600_000  # 2023-10-01T12:00:00Z
ALWAYS = Window(0, 4_000_000_000_000)
NOW = 1_790_000_000_000

Told = Sequence[tuple[int, float]]


def text(at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (f".{at % 1000:03d}" if at % 1000 else "")


def lines(name: str, rows: Told) -> str:
    return "".join([f"ts,{name}\n", *(f"{text(at)},{value!r}\n" for at, value in rows)])


def put(folder: Path, files: Mapping[str, str | bytes], device: str = DEVICE) -> Path:
    """Files of one device, as they are given."""
    place = folder / "BESS" / device
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def seconds(first: float, count: int, step: int = 1) -> list[tuple[int, float]]:
    """`count` readings from noon on, every `step` seconds."""
    return [(START + i * step * 1000, first + i / 10) for i in range(count)]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'import.db'}"
    opened = open_store(url, "Asia/Taipei", clock=lambda: NOW)
    yield opened
    opened.close()


def kept(store: Store, kind: str, metric: str, device: str = DEVICE) -> list[tuple[int, float]]:
    found = store.telemetry.columns(device, kind, [metric], ALWAYS)
    return list(zip(found.at.tolist(), found.values[metric].tolist(), strict=True))


def counts(report: ArchiveReport) -> list[tuple[int, int, int, int]]:
    return [(unit.inserted, unit.merged, unit.revised, unit.duplicates) for unit in report.units]


def test_battery_and_converter_come_out_of_one_folder(store: Store, tmp_path: Path) -> None:
    soc, power, cool = seconds(50, 90), seconds(100, 45, 2), seconds(30, 9, 10)
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", soc), "pcs1_ap.csv": lines("pcs1_ap", power), "pcs1_t_a.csv": lines("pcs1_t_a", cool)})
    report = import_archive(store, tmp_path)
    assert report.ok and counts(report) == [(90, 0, 0, 0), (45, 0, 0, 0)]
    assert kept(store, "bess", "soc") == soc
    assert kept(store, "pcs", "apparent_power") == power
    assert kept(store, "pcs", "temp_ambient") == cool
    assert [(d.device_id, d.kind) for d in store.records.devices()] == [(DEVICE, "bess"), (DEVICE, "pcs")]


def test_an_imported_archive_imported_again_is_known(store: Store, tmp_path: Path) -> None:
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", seconds(50, 500)), "bms1_v.csv": lines("bms1_v", seconds(800, 100, 5))})
    first = import_archive(store, tmp_path)
    again = import_archive(store, tmp_path)
    assert counts(first) == [(500, 0, 0, 0)] and counts(again) == [(0, 0, 0, 500)]
    assert len(kept(store, "bess", "soc")) == 500 and len(kept(store, "bess", "voltage")) == 100


def test_a_file_that_comes_later_completes_what_is_kept(store: Store, tmp_path: Path) -> None:
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", seconds(50, 60))})
    import_archive(store, tmp_path)
    put(
        tmp_path,
        {"bms1_v.csv": lines("bms1_v", seconds(800, 30, 2)), "bms1_soc.csv": lines("bms1_soc", [*seconds(50, 59), (START + 59_000, 1.5)])},
    )
    # 30 instants gain the voltage; of the other 30 one has another state of charge
    assert counts(import_archive(store, tmp_path)) == [(0, 30, 1, 29)]
    report = import_archive(store, tmp_path)
    assert counts(report) == [(0, 0, 0, 60)]
    assert kept(store, "bess", "soc")[-1] == (START + 59_000, 1.5)
    assert kept(store, "bess", "voltage") == seconds(800, 30, 2)


def test_cells_become_one_vector_pack_by_pack(store: Store, tmp_path: Path) -> None:
    # two packs of up to three cells; p1 has no cell 2: it stays silent
    files = {
        f"bms1_p{p}_v{c}.csv": lines(f"bms1_p{p}_v{c}", [(START, p + c / 10), (START + 10_000, p + c / 100)])
        for p, c in ((1, 1), (1, 3), (2, 1), (2, 2), (2, 3))
    }
    put(tmp_path, files | {"bms1_p2_t1.csv": lines("bms1_p2_t1", [(START, 25.5)])})
    assert import_archive(store, tmp_path).ok
    rack = f"{DEVICE}-rack01"
    found = store.telemetry.columns(rack, "rack", ["cell_voltages", "cell_temperatures"], ALWAYS)
    np.testing.assert_array_equal(
        found.values["cell_voltages"], [[1.1, np.nan, 1.3, 2.1, 2.2, 2.3], [1.01, np.nan, 1.03, 2.01, 2.02, 2.03]]
    )
    np.testing.assert_array_equal(found.values["cell_temperatures"][0], [np.nan, 25.5])
    assert store.records.device(rack, "rack").parent == DEVICE
    assert counts(import_archive(store, tmp_path)) == [(0, 0, 0, 2)]


def test_a_cell_that_comes_later_leaves_the_others_standing(store: Store, tmp_path: Path) -> None:
    put(tmp_path, {"bms1_p1_v1.csv": lines("bms1_p1_v1", [(START, 3.1)]), "bms1_p1_v2.csv": lines("bms1_p1_v2", [])})
    import_archive(store, tmp_path)
    put(tmp_path, {"bms1_p1_v1.csv": lines("bms1_p1_v1", []), "bms1_p1_v2.csv": lines("bms1_p1_v2", [(START, 3.2)])})
    assert counts(import_archive(store, tmp_path)) == [(0, 0, 1, 0)]
    np.testing.assert_array_equal(
        store.telemetry.columns(f"{DEVICE}-rack01", "rack", ["cell_voltages"], ALWAYS).values["cell_voltages"], [[3.1, 3.2]]
    )


def test_bad_lines_are_told_and_the_others_kept(store: Store, tmp_path: Path) -> None:
    rows = ("00,50.0", "01,abc", "02,", None, "04,5,6", "", "05,NaN", "06,1e400", "07,57.0")
    bad = "ts,bms1_soc\n" + "".join("yesterday,51\n" if row is None else f"2023-10-01 12:00:{row}\n" if row else "\n" for row in rows)
    put(tmp_path, {"bms1_soc.csv": bad})
    report = import_archive(store, tmp_path)
    assert kept(store, "bess", "soc") == [(START, 50.0), (START + 7000, 57.0)]
    (file,) = report.units[0].files
    assert not report.ok and file.bad_lines == 6
    assert [line for line, _ in file.bad] == [3, 4, 5, 6, 8, 9]
    told = str(report)
    assert "bms1_soc.csv: 6 bad lines" in told and "line 3: 'abc' is not a number" in told and "line 9" not in told


@pytest.mark.parametrize("few", [2, 64])
def test_a_bad_line_among_many_is_found_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(csv_blocks, "FEW_LINES", few)
    monkeypatch.setattr(archive_slabs, "LEAST_BLOCK", 1000)
    monkeypatch.setattr(archive_slabs, "MOST_BLOCK", 1000)
    rows = lines("bms1_soc", seconds(10, 3000)).split("\n")
    rows[1234] = "broken"
    put(tmp_path, {"bms1_soc.csv": "\n".join(rows)})
    with_store = open_store("memory://", "UTC", clock=lambda: NOW)
    report = import_archive(with_store, tmp_path)
    assert [tuple(bad) for bad in report.units[0].files[0].bad] == [(1235, "the line has 1 column instead of 2")]
    assert len(kept(with_store, "bess", "soc")) == 2999
    with_store.close()


def test_byte_order_mark_carriage_returns_and_gzip_are_read(store: Store, tmp_path: Path) -> None:
    rows = seconds(50, 200)
    windows = b"\xef\xbb\xbf" + lines("bms1_soc", rows).replace("\n", "\r\n").encode()
    put(
        tmp_path,
        {"bms1_soc.csv": windows, "bms1_v.csv.gz": gzip.compress(lines("bms1_v", rows).encode()), "bms1_c.csv": lines("bms1_c", rows)[:-1]},
    )
    report = import_archive(store, tmp_path)
    assert report.ok, str(report)
    for metric in ("soc", "voltage", "current"):
        assert kept(store, "bess", metric) == rows


def test_what_is_not_understood_is_named_and_skipped(store: Store, tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "bms1_soc.csv": "",
            "bms1_v.csv": "time;volt\n1;2\n",
            "bms1_soh.csv": lines("bms1_soh", seconds(90, 3)),
            "bms1_x.csv": "ts,bms1_x\n",
            "notes.txt": "hello",
        },
    )
    (tmp_path / "BESS" / "fleet").mkdir()
    report = import_archive(store, tmp_path)
    told = str(report)
    assert counts(report) == [(3, 0, 0, 0)] and not report.ok
    for part in (
        "bms1_soc.csv: the file is empty",
        "bms1_v.csv: the header is 'time;volt'",
        "no metric of the archive is called 'bms1_x'",
        "notes.txt: is not a .csv file",
        "fleet",
    ):
        assert part in told


def test_a_damaged_packed_file_keeps_what_came_before(store: Store, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [(START + i * 1000, float(v)) for i, v in enumerate(rng.random(60_000))]
    put(
        tmp_path, {"bms1_soc.csv.gz": gzip.compress(lines("bms1_soc", rows).encode())[:-200_000], "bms1_v.csv": lines("bms1_v", rows[:100])}
    )
    report = import_archive(store, tmp_path)
    assert "bms1_soc.csv.gz: cannot be read on from line" in str(report) and not report.ok
    got = kept(store, "bess", "soc")
    assert 0 < len(got) < len(rows) and got == rows[: len(got)]
    assert kept(store, "bess", "voltage") == rows[:100]


@pytest.mark.parametrize(
    ("written", "zone", "at"),
    [
        ("2023-10-01 12:00:00", None, START),
        ("2023-10-01T12:00:00.250", "UTC", START + 250),
        ("2023-10-01 12:00:00", "Asia/Taipei", START - 8 * HOUR),
        ("2023-10-01 14:00:00+02:00", "Asia/Taipei", START),
        ("2023-10-01T12:00:00Z", "Asia/Taipei", START),
        ("1696161600", "Asia/Taipei", START),
        ("1696161600123", None, START + 123),
        ("2023-07-01 12:00:00", "Europe/Berlin", 1_688_205_600_000),  # summer time: UTC+2
        ("2023-12-01 12:00:00", "Europe/Berlin", 1_701_428_400_000),  # winter: UTC+1
        ("2023-03-26 02:30:00", "Europe/Berlin", 1_679_794_200_000),  # the clocks skip it: as before the change, 01:30Z
    ],
)
@pytest.mark.parametrize("copies", [1, 200], ids=["line by line", "all at once"])
def test_times_are_read_as_they_are_written(tmp_path: Path, written: str, zone: str | None, at: int, copies: int) -> None:
    put(tmp_path, {"bms1_soc.csv": "ts,bms1_soc\n" + f"{written},50\n" * copies})
    store = open_store("memory://", "UTC", clock=lambda: NOW)
    import_archive(store, tmp_path, zone)
    assert kept(store, "bess", "soc") == [(at, 50.0)]
    store.close()


def test_odd_readings_are_kept_and_flagged(store: Store, tmp_path: Path) -> None:
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", [(1000, 1.0), (START, 50.0), (START + 1000, 150.0), (NOW + DAY, 3.0)])})
    import_archive(store, tmp_path)
    found = store.telemetry.columns(DEVICE, "bess", ["soc"], ALWAYS)
    assert found.quality.tolist() == [Quality.CLOCK, Quality.LATE, Quality.LATE | Quality.OUT_OF_RANGE, Quality.CLOCK]
    assert found.received.tolist() == [NOW] * 4


def test_a_device_that_counts_charging_as_positive_is_turned(store: Store, tmp_path: Path) -> None:
    store.records.put_devices([Device(DEVICE, "bess", "Edited by hand", sign=-1)])
    put(tmp_path, {"bms1_c.csv": lines("bms1_c", [(START, 12.5), (START + 1000, 0.0)]), "bms1_soc.csv": lines("bms1_soc", [(START, 50.0)])})
    import_archive(store, tmp_path)
    assert kept(store, "bess", "current") == [(START, -12.5), (START + 1000, 0.0)] and kept(store, "bess", "soc")[0][1] == 50.0
    assert store.records.device(DEVICE, "bess").name == "Edited by hand"


instants = st.integers(0, 400).map(lambda step: START + 11 * HOUR + step * 20_000)
numbers = st.integers(-500, 500).map(lambda whole: whole / 10)
told = st.lists(st.tuples(instants, numbers), max_size=120)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    soc=told, current=told, cell=told, ordered=st.booleans(), slab=st.sampled_from([5, 60, 10**6]), block=st.sampled_from([30, 200, 10**5])
)
def test_rows_in_any_order_end_as_if_they_had_come_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, soc: Told, current: Told, cell: Told, ordered: bool, slab: int, block: int
) -> None:
    soc, current, cell = (sorted(rows) if ordered else rows for rows in (soc, current, cell))
    folder = tmp_path_factory.mktemp("archive")
    put(
        folder,
        {"bms1_soc.csv": lines("bms1_soc", soc), "bms1_c.csv": lines("bms1_c", current), "bms1_p1_v2.csv": lines("bms1_p1_v2", cell)},
    )
    meant = MemoryTelemetry("UTC", lambda: NOW)
    for metric, rows in (("soc", soc), ("current", current)):
        meant.append([Block("bess", (metric,), [(DEVICE, at, NOW, 0, value) for at, value in rows])])
    meant.append([Block("rack", ("cell_voltages",), [(f"{DEVICE}-rack01", at, NOW, 0, [None, value]) for at, value in cell])])
    store = open_store("memory://", "UTC", clock=lambda: NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive_slabs, "SLAB_NUMBERS", slab)
        patch.setattr(archive_slabs, "LEAST_BLOCK", block)
        patch.setattr(archive_slabs, "MOST_BLOCK", block)
        patch.setattr(csv_blocks, "FEW_LINES", 4)
        report = import_archive(store, folder)
        for key, metrics in (((DEVICE, "bess"), ["soc", "current"]), ((f"{DEVICE}-rack01", "rack"), ["cell_voltages"])):
            found, right = store.telemetry.columns(*key, metrics, ALWAYS), meant.columns(*key, metrics, ALWAYS)
            np.testing.assert_array_equal(found.at, right.at)
            for name in metrics:
                np.testing.assert_array_equal(found.values[name], right.values[name])
            assert store.telemetry.extent(*key) == meant.extent(*key)
        assert sum(unit.rows for unit in report.units) == len(soc) + len(current) + len(cell)
    store.close()


class Cut(Exception):
    """The import is stopped here."""


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(soc=told, current=told, stops=st.lists(st.integers(1, 6), max_size=4), block=st.sampled_from([30, 200]), often=st.booleans())
def test_stopped_anywhere_and_begun_again_nothing_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, soc: Told, current: Told, stops: list[int], block: int, often: bool
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    broken = lines("bms1_c", sorted(current)) + "broken\n"
    put(folder, {"bms1_soc.csv": lines("bms1_soc", soc), "bms1_c.csv": broken})
    store = open_store("memory://", "UTC", clock=lambda: NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive_slabs, "SLAB_NUMBERS", 5)
        patch.setattr(bms_archive, "REMEMBER_EVERY_S", 0.0 if often else 1e9)
        patch.setattr(archive_slabs, "LEAST_BLOCK", block)
        patch.setattr(archive_slabs, "MOST_BLOCK", block)
        for stop in stops:
            left = [stop]

            def count(_: Progress, left: list[int] = left) -> None:
                left[0] -= 1
                if not left[0]:
                    raise Cut

            try:
                import_archive(store, folder, progress=count)
            except Cut:
                continue
            break
        report = import_archive(store, folder)
    latest = {"soc": dict(soc), "current": dict(sorted(current))}
    for metric, rows in latest.items():
        assert kept(store, "bess", metric) == sorted(rows.items())
    assert report.units[0].rows == len(soc) + len(current)
    assert [file.bad_lines for file in report.units[0].files] == [1, 0]
    store.close()


CHILD = """
import os, resource, sys
from pathlib import Path
from datastore.open import open_store
from services.importing import archive_slabs, bms_archive
from services.importing.bms_archive import import_archive
bms_archive.REMEMBER_EVERY_S = 0.0
archive_slabs.SLAB_NUMBERS, archive_slabs.LEAST_BLOCK, archive_slabs.MOST_BLOCK = int(sys.argv[3]), 1 << 13, 1 << 16
store = open_store(sys.argv[1], "UTC")
begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = import_archive(store, Path(sys.argv[2]), progress=lambda progress: os.write(1, b"."))
os.write(1, b"\\n%d" % (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun))
store.close()
"""


def child(url: str, folder: Path, slab: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(folder), str(slab)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )


def test_killed_three_times_every_row_is_there_once(tmp_path: Path) -> None:
    rows = write_archive(tmp_path, 8 * 3600, cells=(1, 2))
    url = f"sqlite:///{tmp_path / 'import.db'}"
    for slabs in (3, 2, 4):
        running = child(url, tmp_path, 10_000)
        assert running.stdout is not None
        assert running.stdout.read(slabs) == b"." * slabs, "it ended before it could be killed"
        running.kill()
        running.communicate()
    store = open_store(url, "UTC")
    report = import_archive(store, tmp_path)
    assert report.ok and report.units[0].resumed is not None
    stored = 0
    for unit in report.units:
        extent = store.telemetry.extent(unit.device_id, unit.kind)
        assert extent is not None
        stored += sum(count * (2 if metric == "cell_voltages" else 1) for metric, count in extent.rows.items())
    assert stored == rows == sum(unit.rows for unit in report.units)
    for name, kind, metric in (("bms1_v", "bess", "voltage"), ("bms1_soc", "bess", "soc"), ("pcs1_t_igbt", "pcs", "temp_igbt")):
        written = (tmp_path / "BESS" / "ZHPESS232A230001" / f"{name}.csv").read_text().splitlines()[1:]
        assert [value for _, value in kept(store, kind, metric, "ZHPESS232A230001")] == [float(row.split(",")[1]) for row in written]
    store.close()


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    grown = []
    for name, hours in (("short", 12), ("long", 60)):
        write_archive(tmp_path / name, hours * 3600)
        out, _ = child(f"sqlite:///{tmp_path / name}.db", tmp_path / name, 300_000).communicate()
        grown.append(int(out.split(b"\n")[1]))
    # 48 h more are 2.2 million numbers more, 35 MB with their times if they were held
    assert grown[1] - grown[0] < 20_000, f"{grown} KB"


def test_a_changed_file_starts_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_slabs, "SLAB_NUMBERS", 50)
    monkeypatch.setattr(archive_slabs, "LEAST_BLOCK", 500)
    monkeypatch.setattr(archive_slabs, "MOST_BLOCK", 500)
    store = open_store("memory://", "UTC", clock=lambda: NOW)
    monkeypatch.setattr(bms_archive, "REMEMBER_EVERY_S", 0.0)
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", seconds(50, 300))})

    def stop(_: Progress) -> None:
        raise Cut

    with pytest.raises(Cut):
        import_archive(store, tmp_path, progress=stop)
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", seconds(60, 301))})
    report = import_archive(store, tmp_path)
    assert report.units[0].resumed is None
    assert kept(store, "bess", "soc") == seconds(60, 301)
    store.close()


def test_the_command_recognises_the_folder_and_says_what_became_of_it(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", seconds(50, 10))})
    assert is_archive(tmp_path) and is_archive(tmp_path / "BESS") and not is_archive(tmp_path / "BESS" / DEVICE)
    assert run_import_command(store, [str(tmp_path)]) == 0
    assert run_import_command(store, [str(tmp_path / "BESS"), "--format", "bms-archive", "--device", "B7", "--zone", "Asia/Taipei"]) == 0
    assert run_import_command(store, [str(tmp_path / "BESS" / DEVICE)]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert f"{DEVICE} (bess): 10 values in 1 files → readings: 10 new" in told and "is no archive: it holds no folder BESS" in told
    assert kept(store, "bess", "soc", "B7")[0] == (START - 8 * HOUR, 50.0)


def test_a_store_that_stops_answering_stops_the_import(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", seconds(50, 10))})

    def down(*_: object) -> int:
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(type(store.telemetry), "load", down)
        assert run_import_command(store, [str(tmp_path)]) == 2
    assert "import stopped: the database does not answer" in " ".join(capsys.readouterr().out.split())
    assert run_import_command(store, [str(tmp_path)]) == 0 and len(kept(store, "bess", "soc")) == 10


def test_wishes_that_make_no_sense_are_refused(store: Store, tmp_path: Path) -> None:
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", [])})
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", [])}, device="other")
    with pytest.raises(BadFile, match="not an IANA time zone"):
        import_archive(store, tmp_path, zone="Mars/Olympus")
    with pytest.raises(BadFile, match="of one device; this one holds 2"):
        import_archive(store, tmp_path, device="B1")
    with pytest.raises(BadFile, match="holds no folder BESS"):
        import_archive(store, tmp_path / "nowhere")


def test_an_archive_that_is_also_read_in_place_is_still_imported(tmp_path: Path) -> None:
    put(tmp_path, {"bms1_soc.csv": lines("bms1_soc", seconds(50, 100))})
    store = open_store("memory://", "UTC", clock=lambda: NOW, sources=[CsvArchive(tmp_path, tmp_path / "index")])
    assert len(kept(store, "bess", "soc")) == 100
    assert counts(import_archive(store, tmp_path)) == [(100, 0, 0, 0)]
    extent = own(store.telemetry).extent(DEVICE, "bess")
    assert extent is not None and extent.rows == {"soc": 100} and extent == store.telemetry.extent(DEVICE, "bess")
    assert kept(store, "bess", "soc") == seconds(50, 100)
    store.close()


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_tells_bytes_speed_and_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(archive_bar, "LINE_EVERY_S", 0.0)
    out = StringIO()
    with archive_bar.shown(Console(file=out, force_terminal=terminal, width=160)) as show:
        show(Progress(total=2_000_000, done=500_000, rows=20_000, device=f"{DEVICE} (bess)"))
    told = " ".join(out.getvalue().split())
    assert f"{DEVICE} (bess)" in told and "rows/s" in told
    assert ("0.5/2.0 MB" if terminal else "25 %: 0 of 2 MB") in told and (terminal or "s left" in told)
