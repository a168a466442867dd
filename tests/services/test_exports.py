"""Exports: the queue that processes share, the file written piece by piece, what happens when a job process dies. Numbers by hand."""

import csv
import gzip
import hashlib
import io
import json
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from datastore.open import open_store
from datastore.ports import Columns
from plant.errors import Conflict, NotFound
from plant.model import Device
from services import export_writing, exports, jobs
from services.exports import Query
from services.tables import SHEET_ROWS, columns_of

START = 1_769_212_800_000  # 2026-01-24T00:00:00Z, 08:00 in Taipei
HOUR, DAY = 3_600_000, 86_400_000
KEYS = {("bess01", "bess"): ["soc", "power"], ("pcs01", "pcs"): ["active_power"]}


class Clock:
    now = START + 10 * DAY

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    """Three hours of 10 s readings: soc falls by 0.01 a reading, power alternates 100 and 200, the PCS speaks in the second hour only."""
    opened = open_store(f"sqlite:///{tmp_path / 'plant.db'}", "Asia/Taipei", clock=clock, auto_register=True)
    at = np.arange(START, START + 3 * HOUR, 10_000)
    n = len(at)
    zero = np.zeros(n, dtype=np.int64)
    opened.records.put_devices([Device("bess01", "bess"), Device("pcs01", "pcs")])
    opened.telemetry.load(
        "bess01", "bess", Columns(at, at, zero, {"soc": 90 - 0.01 * np.arange(n), "power": 100.0 + 100 * (np.arange(n) % 2)})
    )
    part = at[360:720]
    opened.telemetry.load("pcs01", "pcs", Columns(part, part, zero[:360], {"active_power": np.full(360, 7.5)}))
    yield opened
    opened.close()


def query(resolution=0, form="csv", keys=KEYS, aggregation="", hours=3, zone="UTC"):
    return Query(tuple(columns_of(keys)), START, START + hours * HOUR, resolution, aggregation, zone, form)


def worker(store, tmp_path, days=7, most=1 << 30):
    return jobs.Worker(store, tmp_path / "exports", days, most)


def made(store, tmp_path, asked):
    """The finished export and the bytes of its file."""
    export = exports.submit(store.records, "ann", asked, store.clock())
    assert worker(store, tmp_path).work() == 1
    export = exports.find(store.records, export.id)
    assert export.state == "done", export.reason
    return export, exports.file_of(tmp_path / "exports", export).read_bytes()


def rows(text: str):
    return list(csv.reader(io.StringIO(text)))


def test_raw_readings_come_out_as_they_were_kept(store, tmp_path):
    export, body = made(store, tmp_path, query())
    head, *lines = rows(body.decode())
    assert head == ["timestamp", "bess01.soc (%)", "bess01.power (kW)", "pcs01.active_power (kW)"]
    assert len(lines) == export.rows == 1080
    assert lines[0] == ["2026-01-24 00:00:00.000Z", "90", "100", ""]
    assert [float(line[1]) for line in lines] == pytest.approx([90 - 0.01 * i for i in range(1080)])
    assert [line[3] for line in lines] == 360 * [""] + 360 * ["7.5"] + 360 * [""]


@pytest.mark.parametrize(("aggregation", "first"), [("", 150.0), ("max", 200.0), ("min", 100.0), ("last", 200.0), ("sum", 900.0)])
def test_buckets_show_what_was_asked_for(store, tmp_path, aggregation, first):
    _, body = made(store, tmp_path, query(60_000, aggregation=aggregation))
    lines = rows(body.decode())[1:]
    assert len(lines) == 180 and float(lines[0][2]) == first


@pytest.mark.parametrize("shift", [0, 1_234, 600_000])
@pytest.mark.parametrize("resolution", [0, 60_000, 900_000, HOUR])
def test_stretches_join_without_seam(store, tmp_path, monkeypatch, resolution, shift):
    asked = replace(query(resolution), start=START + shift, end=START + 2 * HOUR + shift)
    whole = made(store, tmp_path, asked)[1]
    monkeypatch.setattr(export_writing, "CELLS", 50)
    assert made(store, tmp_path, asked)[1] == whole


def test_days_are_those_of_the_zone(store, tmp_path, monkeypatch):
    monkeypatch.setattr(export_writing, "CELLS", 1)
    asked = replace(query(DAY, zone="Asia/Taipei", aggregation="last"), start=START - 8 * HOUR, end=START + 40 * HOUR)
    _, body = made(store, tmp_path, asked)
    lines = rows(body.decode())[1:]
    assert [line[0] for line in lines] == ["2026-01-24 00:00:00.000+0800", "2026-01-25 00:00:00.000+0800"]
    assert float(lines[0][1]) == pytest.approx(90 - 0.01 * 1079)


def test_all_formats_say_the_same(store, tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    soc = [float(line[1]) for line in rows(made(store, tmp_path, query(60_000))[1].decode())[1:]]
    packed = made(store, tmp_path, query(60_000, "csv.gz"))[1]
    assert [float(line[1]) for line in rows(gzip.decompress(packed).decode())[1:]] == soc
    assert parquet.read_table(io.BytesIO(made(store, tmp_path, query(60_000, "parquet"))[1]))["bess01.soc (%)"].to_pylist() == soc
    assert pa.ipc.open_stream(made(store, tmp_path, query(60_000, "arrow"))[1]).read_all()["bess01.soc (%)"].to_pylist() == soc


def test_a_sheet_holds_the_rows_and_says_when_there_are_too_many(store, tmp_path, monkeypatch):
    import zipfile

    with zipfile.ZipFile(io.BytesIO(made(store, tmp_path, query(60_000, "xlsx"))[1])) as book:
        assert book.read("xl/worksheets/sheet1.xml").decode().count("<row ") == 181
    assert SHEET_ROWS == 2**20 - 1
    monkeypatch.setattr("services.tables.SHEET_ROWS", 100)
    refused = exports.submit(store.records, "ann", query(60_000, "xlsx"), store.clock())
    worker(store, tmp_path).work()
    refused = exports.find(store.records, refused.id)
    assert (refused.state, "100 rows" in refused.reason) == ("failed", True)
    assert not list((tmp_path / "exports").glob(f"{refused.id}*"))


def test_the_receipt_beside_the_file_says_what_it_is(store, tmp_path):
    export, body = made(store, tmp_path, query(60_000, aggregation="max", zone="Asia/Taipei"))
    receipt = json.loads((tmp_path / "exports" / f"{export.id}.json").read_text())
    assert receipt == dict(export.receipt)
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest() and receipt["bytes"] == len(body)
    assert (receipt["rows"], receipt["zone"], receipt["resolution_s"], receipt["from"], receipt["to"]) == (
        180, "Asia/Taipei", 60.0, "2026-01-24T00:00:00Z", "2026-01-24T03:00:00Z",
    )  # fmt: skip
    assert [(c["name"], c["unit"], c["aggregation"]) for c in receipt["columns"]] == [
        ("bess01.soc (%)", "%", "max"), ("bess01.power (kW)", "kW", "max"), ("pcs01.active_power (kW)", "kW", "max"),
    ]  # fmt: skip


def test_a_window_without_readings_gives_a_file_without_rows(store, tmp_path):
    empty = replace(query(), start=START - 5 * DAY, end=START - 4 * DAY)
    export, body = made(store, tmp_path, empty)
    assert export.rows == 0 and len(rows(body.decode())) == 1


def test_jobs_are_done_in_the_order_they_came(store, tmp_path, clock, monkeypatch):
    asked = []
    for _ in range(3):
        clock.now += 1
        asked.append(exports.submit(store.records, "ann", query(60_000), store.clock()).id)
    order = []
    write = export_writing.write
    monkeypatch.setattr(jobs, "write", lambda telemetry, export, *rest: order.append(export.id) or write(telemetry, export, *rest))
    assert worker(store, tmp_path).work() == 3
    assert order == asked


def test_only_one_worker_of_a_site_has_the_turn_and_a_dead_ones_turn_runs_out(store, clock):
    assert jobs.take_turn(store.records, "a", clock())
    assert not jobs.take_turn(store.records, "b", clock()) and not jobs.is_free(store.records, clock())
    clock.now += jobs.TURN_MS - 1
    assert not jobs.take_turn(store.records, "b", clock())
    clock.now += 1
    assert jobs.is_free(store.records, clock()) and jobs.take_turn(store.records, "b", clock())
    assert not jobs.take_turn(store.records, "a", clock())
    jobs.take_turn(store.records, "b", clock(), 0)
    assert jobs.take_turn(store.records, "a", clock())


def test_a_worker_without_the_turn_does_nothing(store, tmp_path, clock):
    exports.submit(store.records, "ann", query(), clock())
    jobs.take_turn(store.records, "another", clock())
    assert worker(store, tmp_path).work() == 0


def abandoned(store, attempts):
    """A job as a killed process leaves it."""
    export = exports.submit(store.records, "ann", query(60_000), store.clock())
    return exports.keep(store.records, replace(export, state="running", attempts=attempts, progress=0.4))


def test_what_a_dead_process_left_is_done_again(store, tmp_path):
    left = abandoned(store, 1)
    worker(store, tmp_path).work()
    again = exports.find(store.records, left.id)
    assert (again.state, again.attempts, again.rows) == ("done", 2, 180)


def test_what_killed_three_processes_fails_with_the_reason(store, tmp_path):
    left = abandoned(store, 3)
    worker(store, tmp_path).work()
    failed = exports.find(store.records, left.id)
    assert failed.state == "failed" and "ended 3 times" in failed.reason


def test_a_job_that_is_cancelled_while_it_runs_stops_and_leaves_no_file(store, tmp_path, monkeypatch):
    monkeypatch.setattr(export_writing, "CELLS", 50)
    monkeypatch.setattr(jobs, "NOTE_S", 0.0)
    export = exports.submit(store.records, "ann", query(), store.clock())
    write = export_writing.write

    def cancelled_midway(telemetry, job, folder, most, tell):
        def told(share, count):
            if share > 0.5:
                exports.cancel(store.records, folder, export.id, store.clock())
            tell(share, count)

        return write(telemetry, job, folder, most, told)

    monkeypatch.setattr(jobs, "write", cancelled_midway)
    worker(store, tmp_path).work()
    ended = exports.find(store.records, export.id)
    assert ended.state == "cancelled" and 0 < ended.progress < 1
    assert list((tmp_path / "exports").iterdir()) == []
    with pytest.raises(NotFound, match="cancelled"):
        exports.file_of(tmp_path / "exports", ended)


def test_a_worker_that_is_told_to_end_gives_its_job_back(store, tmp_path, monkeypatch):
    monkeypatch.setattr(export_writing, "CELLS", 50)
    export = exports.submit(store.records, "ann", query(), store.clock())
    busy = worker(store, tmp_path)
    write = export_writing.write

    def stopped_midway(telemetry, job, folder, most, tell):
        return write(telemetry, job, folder, most, lambda share, count: (busy.stop() if share > 0.3 else None, tell(share, count)))

    monkeypatch.setattr(jobs, "write", stopped_midway)
    busy.work()
    waiting = exports.find(store.records, export.id)
    assert (waiting.state, waiting.attempts) == ("queued", 0)
    assert jobs.is_free(store.records, store.clock())


def test_a_file_too_large_for_all_of_them_is_not_made(store, tmp_path):
    export = exports.submit(store.records, "ann", query(), store.clock())
    worker(store, tmp_path, most=1000).work()
    refused = exports.find(store.records, export.id)
    assert refused.state == "failed" and "EXPORTS_MB" in refused.reason
    assert list((tmp_path / "exports").iterdir()) == []


def test_the_oldest_files_go_first_when_there_is_no_room(store, tmp_path, clock):
    folder = tmp_path / "exports"
    kept = []
    for _ in range(3):
        clock.now += 1
        kept.append(made(store, tmp_path, query(60_000))[0])
    size = kept[0].receipt["bytes"]
    exports.clean(store.records, folder, 7, 2 * size, clock())
    assert [exports.find(store.records, export.id).state for export in kept] == ["expired", "done", "done"]
    assert not (folder / kept[0].file_name).exists() and (folder / kept[1].file_name).exists()


def test_exports_end_with_their_days(store, tmp_path, clock):
    export, _ = made(store, tmp_path, query(60_000))
    stray = tmp_path / "exports" / "left.csv.part"
    stray.write_bytes(b"x")
    clock.now += 7 * DAY + 1
    exports.clean(store.records, tmp_path / "exports", 7, 1 << 30, max(clock(), int(stray.stat().st_mtime * 1000) + 2 * HOUR))
    with pytest.raises(NotFound):
        exports.find(store.records, export.id)
    assert list((tmp_path / "exports").iterdir()) == []


def test_one_person_does_not_fill_the_queue(store, clock):
    for _ in range(exports.MOST_OPEN):
        exports.submit(store.records, "ann", query(), clock())
    with pytest.raises(Conflict):
        exports.submit(store.records, "ann", query(), clock())
    assert exports.submit(store.records, "bob", query(), clock()).state == "queued"


def test_a_device_that_says_a_metric_as_two_things_has_two_columns():
    columns = columns_of({("a", "bess"): ["soc"], ("a", "pack"): ["soc", "power"]})
    assert [column.name for column in columns] == ["a.bess.soc (%)", "a.pack.soc (%)", "a.power (kW)"]


def test_a_devices_name_is_never_a_formula():
    (column,) = columns_of({("=HYPERLINK(1)", "bess"): ["soc"]})
    assert column.name.startswith("'=")


class Child:
    """Stands for a process: what the foreman sees of it."""

    def __init__(self):
        self.exitcode, self.ended = None, False

    def terminate(self):
        self.ended, self.exitcode = True, -15

    def join(self, timeout=None):
        pass


def test_the_foreman_begins_a_process_when_something_waits_and_nobody_works(store, tmp_path, clock):
    begun = []
    foreman = jobs.Foreman(store, tmp_path / "exports", 7, 1 << 30, lambda: begun.append(Child()) or begun[-1])
    foreman._look()
    assert begun == []
    exports.submit(store.records, "ann", query(), clock())
    jobs.take_turn(store.records, "another", clock())
    foreman._look()
    assert begun == []
    jobs.take_turn(store.records, "another", clock(), 0)
    foreman._look()
    foreman._look()
    assert len(begun) == 1
    begun[0].exitcode = -9
    foreman._look()  # not at once: something is wrong with it
    assert len(begun) == 1
    foreman._patience = 0
    foreman._look()
    assert len(begun) == 2


def test_where_no_process_could_read_the_store_that_is_said(tmp_path, clock):
    memory = open_store("memory://", "UTC", clock=clock)
    export = exports.submit(memory.records, "ann", query(), clock())
    jobs.Foreman(memory, tmp_path / "exports", 7, 1 << 30, None, "it is in memory")._look()
    assert (exports.find(memory.records, export.id).state, exports.find(memory.records, export.id).reason) == ("failed", "it is in memory")
    memory.close()


def test_zones_are_those_of_the_file(store, tmp_path):
    _, body = made(store, tmp_path, query(HOUR, zone="Asia/Taipei"))
    assert rows(body.decode())[1][0] == "2026-01-24 08:00:00.000+0800"
    assert ZoneInfo("Asia/Taipei").key == "Asia/Taipei"
