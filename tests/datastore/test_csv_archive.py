"""An archive read in place says what a store would say that had been told the same rows."""

import gzip
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datastore.backends import csv_archive, csv_blocks, csv_file
from datastore.backends.csv_archive import CsvArchive
from datastore.backends.memory import MemoryTelemetry
from datastore.ports import Telemetry
from datastore.sources import Source
from plant.errors import Unavailable
from plant.model import DAY, HOUR, MINUTE, Block, Window

DEVICE = "ZHPESS232A230002"
BESS, PCS, RACK = (DEVICE, "bess"), (DEVICE, "pcs"), (f"{DEVICE}-rack01", "rack")
NOON = 1_696_161_600_000  # 2023-10-01T12:00:00Z
DAYS = Window(NOON - 2 * DAY, NOON + 2 * DAY)
FIELDS = ("at", "mean", "min", "max", "last", "sum", "n")

Told = Sequence[tuple[int, float]]
"""(epoch ms, number) in the file's order."""


def text(at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (f".{at % 1000:03d}" if at % 1000 else "")


def write(folder: Path, files: Mapping[str, Told], device: str = DEVICE, end: str = "\n", begin: str = "") -> Path:
    """The archive's files as somebody else would write them."""
    place = folder / "BESS" / device
    place.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        lines = [f"{begin}ts,{name}", *(f"{text(at)},{value!r}" for at, value in rows)]
        (place / f"{name}.csv").write_text("".join(line + end for line in lines), newline="")
        old(place / f"{name}.csv")
    return folder


def old(path: Path) -> None:
    """As if nobody had written to it for an hour."""
    stamp = path.stat().st_mtime - 3600
    os.utime(path, (stamp, stamp))


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    made: list[CsvArchive] = []

    def opened(zone: str = "UTC") -> CsvArchive:
        made.append(CsvArchive(tmp_path, tmp_path / "index", zone))
        return made[-1]

    yield opened
    for one in made:
        one.close()


def meant(kind_metric: Mapping[tuple[str, str], Told], device: str = DEVICE) -> MemoryTelemetry:
    """A store that was told these rows, (kind, metric) → rows; received when they were made."""
    store = MemoryTelemetry("Asia/Taipei", lambda: 0)
    for (kind, metric), rows in kind_metric.items():
        store.append([Block(kind, (metric,), [(device, at, at, 0, value) for at, value in rows])])
    return store


def agree(
    found: Source, right: Telemetry, keys: Sequence[tuple[str, str]], metrics: Mapping[str, Sequence[str]], windows: Sequence[Window]
) -> None:
    """Every read of both is the same."""
    assert found.latest(list(keys)) == right.latest(list(keys))
    for key in keys:
        assert found.extent(*key) == right.extent(*key)
        for window in windows:
            for limit, as_of in ((None, None), (3, None), (1000, None), (None, window.start + window.length // 2)):
                one = found.columns(*key, metrics[key[1]], window, limit, as_of)
                two = right.columns(*key, metrics[key[1]], window, limit, as_of)
                np.testing.assert_array_equal(one.at, two.at, err_msg=f"{window} {limit} {as_of}")
                np.testing.assert_array_equal(one.received, two.received)
                assert list(one.values) == list(two.values)
                for name in two.values:
                    np.testing.assert_array_equal(one.values[name], two.values[name])
            for question in QUESTIONS:
                one_answer = found.series([key], metrics[key[1]], window, **question)  # type: ignore[arg-type]
                two_answer = right.series([key], metrics[key[1]], window, **question)  # type: ignore[arg-type]
                assert list(one_answer) == list(two_answer)
                for name in two_answer:
                    said, true = one_answer[name], two_answer[name]
                    assert said.resolution == true.resolution, (question, window)
                    for part in FIELDS:
                        np.testing.assert_allclose(
                            getattr(said, part), getattr(true, part), rtol=1e-9, atol=1e-9, err_msg=f"{question} {window} {part}"
                        )


QUESTIONS: tuple[dict[str, object], ...] = (
    {"points": 3}, {"points": 20}, {"points": 100_000}, {"resolution": 0}, {"resolution": MINUTE}, {"resolution": 15 * MINUTE},
    {"resolution": HOUR}, {"resolution": DAY, "zone": "America/New_York"}, {"resolution": DAY, "zone": "Asia/Kathmandu"},
)  # fmt: skip

numbers = st.integers(-5000, 5000).map(lambda whole: whole / 10)
instants = st.integers(0, 4 * 3600 * 4).map(lambda step: NOON - HOUR + step * 250)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    soc=st.lists(st.tuples(instants, numbers), min_size=1, max_size=60),
    current=st.lists(st.tuples(instants, numbers), max_size=60, unique_by=lambda row: row[0]).map(sorted),
    block=st.sampled_from([1, 64, 1000, 1 << 20]),
    few=st.sampled_from([2, 64]),
    cached=st.sampled_from([0, 1 << 20]),
)
def test_every_read_says_what_a_store_says(
    tmp_path_factory: pytest.TempPathFactory, soc: Told, current: Told, block: int, few: int, cached: int
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    write(folder, {"bms1_soc": soc, "bms1_c": current})
    found = CsvArchive(folder, folder / "index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "BLOCK", block)
        patch.setattr(csv_blocks, "FEW_LINES", few)
        patch.setattr(csv_archive, "_FEW_BYTES", cached)
        right = meant({("bess", "soc"): soc, ("bess", "current"): current})
        windows = [Window(NOON - DAY, NOON + DAY), Window(NOON + 1, NOON + 20 * MINUTE + 7), Window(NOON - 10 * MINUTE, NOON + 2 * HOUR)]
        agree(found, right, [BESS], {"bess": ["soc", "current", "voltage"]}, windows)
    found.close()


def test_cells_and_converter_are_read_as_a_store_keeps_them(tmp_path: Path, archive: Any) -> None:
    cells = {f"bms1_p{p}_v{c}": [(NOON + i * 10_000, p + c / 10 + i / 1000) for i in range(700)] for p in (1, 2) for c in (1, 2)}
    power = [(NOON + i * 1000, 100 + i % 7 / 10) for i in range(5000)]
    write(tmp_path, cells | {"pcs1_ap": power})
    right = meant({("pcs", "apparent_power"): power})
    rows = [[cells[f"bms1_p{p}_v{c}"][i][1] for p in (1, 2) for c in (1, 2)] for i in range(700)]
    right.append(
        [Block("rack", ("cell_voltages",), [(RACK[0], NOON + i * 10_000, NOON + i * 10_000, 0, row) for i, row in enumerate(rows)])]
    )
    found = archive()
    assert [(d.device_id, d.kind, d.info["source"], d.parent) for d in found.devices()] == [
        (*PCS, "archive", None),
        (*RACK, "archive", DEVICE),
    ]
    agree(found, right, [PCS], {"pcs": ["apparent_power", "temp_igbt"]}, [Window(NOON - DAY, NOON + DAY), Window(NOON + 11, NOON + HOUR)])
    one, two = found.columns(*RACK, ["cell_voltages"], DAYS), right.columns(*RACK, ["cell_voltages"], DAYS)
    np.testing.assert_array_equal(one.at, two.at)
    np.testing.assert_array_equal(one.values["cell_voltages"], two.values["cell_voltages"])
    assert found.latest([RACK]) == right.latest([RACK]) and found.extent(*RACK) == right.extent(*RACK)


def test_a_year_in_few_points_reads_only_the_edges(tmp_path: Path, archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(NOON + i * MINUTE, float(i % 97)) for i in range(60 * 24 * 60)]
    write(tmp_path, {"bms1_soc": rows})
    found = archive()
    found.extent(*BESS)  # makes the index
    read: list[int] = []
    plain = csv_blocks.parsed
    monkeypatch.setattr(csv_blocks, "parsed", lambda raw, *more: read.append(len(raw)) or plain(raw, *more))
    window = Window(NOON + 100_000, NOON + 59 * DAY + 1)
    said = found.series([BESS], ["soc"], window, points=100)[*BESS, "soc"]
    true = meant({("bess", "soc"): rows}).series([BESS], ["soc"], window, points=100)[*BESS, "soc"]
    for part in FIELDS:
        np.testing.assert_allclose(getattr(said, part), getattr(true, part), rtol=1e-12)
    assert said.coverage == pytest.approx(true.coverage, abs=0.001)
    size = (tmp_path / "BESS" / DEVICE / "bms1_soc.csv").stat().st_size
    assert sum(read) < size / 500, f"{sum(read)} of {size} bytes"


def test_coverage_is_what_was_heard(tmp_path: Path, archive: Any) -> None:
    rows = [(NOON + i * 1000, 1.0) for i in range(4 * 3600) if not 3600 <= i < 7200]
    write(tmp_path, {"bms1_soc": rows})
    for question in ({"points": 10}, {"points": 1000}, {"resolution": MINUTE}, {"resolution": 15 * MINUTE}):
        said = archive().series([BESS], ["soc"], Window(NOON, NOON + 4 * HOUR), **question)[*BESS, "soc"]
        assert said.coverage == pytest.approx(0.75, abs=0.01), question


def test_a_growing_file_is_read_on_not_anew(tmp_path: Path, archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(NOON + i * 1000, i / 10) for i in range(3000)]
    path = write(tmp_path, {"bms1_soc": rows}) / "BESS" / DEVICE / "bms1_soc.csv"
    found = archive()
    agree(found, meant({("bess", "soc"): rows}), [BESS], {"bess": ["soc"]}, [DAYS])
    read: list[int] = []
    plain = csv_blocks.parsed
    monkeypatch.setattr(csv_blocks, "parsed", lambda raw, *more: read.append(len(raw)) or plain(raw, *more))
    # a late row, one that is told again, new ones, and one that is still being written
    more = [(NOON - 5000, 7.5), (NOON + 1000, 9.5), *((NOON + i * 1000, i / 10) for i in range(3000, 3100))]
    with path.open("a") as file:
        file.write("".join(f"{text(at)},{value!r}\n" for at, value in more) + f"{text(NOON + 9_000_000)},1")
    monkeypatch.setattr(csv_file, "_STAT_S", 0.0)
    assert found.extent(*BESS).rows == {"soc": 3101}
    grown = 102 * 30
    assert sum(read) < grown + 2 * 900 * 30, "what has grown, and the two quarter hours whose rows were out of order"
    agree(found, meant({("bess", "soc"): [*rows, *more]}), [BESS], {"bess": ["soc"]}, [DAYS])
    with path.open("a") as file:
        file.write("2.5\n")
    assert found.latest([BESS])[BESS].values == {"soc": 12.5}


def test_an_index_is_kept_and_taken_up_again(tmp_path: Path, archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(NOON + i * 1000, i / 10) for i in range(3000)]
    path = write(tmp_path, {"bms1_soc": rows}) / "BESS" / DEVICE / "bms1_soc.csv"
    first = archive()
    first.extent(*BESS)
    first.close()

    def again(*_: object) -> None:
        raise AssertionError("the file was read again")

    with monkeypatch.context() as patch:
        patch.setattr(csv_blocks, "parsed", again)
        assert archive().extent(*BESS).rows == {"soc": 3000}
    (kept,) = (tmp_path / "index").glob("*.index")
    for damage in (kept.read_bytes()[:-9], b"", b"{}\n", kept.read_bytes().replace(b"version", b"vision!")):
        kept.write_bytes(damage)
        assert archive().extent(*BESS).rows == {"soc": 3000}
    write(tmp_path, {"bms1_soc": [(at, value + 1) for at, value in rows[:2000]]})
    assert path.exists() and archive().extent(*BESS).rows == {"soc": 2000}
    assert archive().columns(*BESS, ["soc"], DAYS, limit=1).values["soc"].tolist() == [1.0]


def test_a_file_rewritten_under_a_running_archive_is_noticed(tmp_path: Path, archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "_STAT_S", 0.0)
    write(tmp_path, {"bms1_soc": [(NOON, 1.0), (NOON + 1000, 2.0)]})
    found = archive()
    assert found.columns(*BESS, ["soc"], DAYS).values["soc"].tolist() == [1.0, 2.0]
    path = write(tmp_path, {"bms1_soc": [(NOON, 5.0), (NOON + 1000, 6.0)]}) / "BESS" / DEVICE / "bms1_soc.csv"
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert found.columns(*BESS, ["soc"], DAYS).values["soc"].tolist() == [5.0, 6.0]


def test_bad_lines_carriage_returns_and_zones_do_not_shift_anything(tmp_path: Path) -> None:
    rows = [(NOON + i * 1000, float(i)) for i in range(1200)]
    path = write(tmp_path, {"bms1_soc": rows}, end="\r\n", begin="\ufeff") / "BESS" / DEVICE / "bms1_soc.csv"
    broken = path.read_bytes().replace(b",100.0\r", b",oops\r").replace(b",200.0\r\n", b",200.0\r\n\r\nnonsense\r\n")
    path.write_bytes(broken)
    old(path)
    found = CsvArchive(tmp_path, tmp_path / "index", "Asia/Taipei")
    here = [(at - 8 * HOUR, value) for at, value in rows if value != 100.0]
    agree(
        found,
        meant({("bess", "soc"): here}),
        [BESS],
        {"bess": ["soc"]},
        [Window(NOON - DAY, NOON), Window(NOON - 8 * HOUR + 90_000, NOON - 7 * HOUR)],
    )
    found.close()


def test_a_file_without_order_is_named_and_left_out(tmp_path: Path, archive: Any, caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(1)
    rows = [(NOON + int(i) * 1000, 1.0) for i in rng.permutation(5000)]
    write(tmp_path, {"bms1_soc": rows, "bms1_v": rows[:1]})
    assert archive().columns(*BESS, ["soc", "voltage"], DAYS).values["voltage"].tolist() == [1.0]
    assert "bms1_soc.csv is not read: its rows are not in order of time; import it" in caplog.text


def test_packed_files_are_named_and_left_to_the_import(tmp_path: Path, archive: Any, caplog: pytest.LogCaptureFixture) -> None:
    place = write(tmp_path, {"bms1_v": [(NOON, 800.0)]}) / "BESS" / DEVICE
    (place / "bms1_soc.csv.gz").write_bytes(gzip.compress(b"ts,bms1_soc\n2023-10-01 12:00:00,50\n"))
    assert archive().extent(*BESS).rows == {"voltage": 1}
    assert "packed files" in caplog.text


def test_a_folder_that_is_gone_is_unavailable(tmp_path: Path, archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="holds no folder BESS"):
        archive()
    write(tmp_path, {"bms1_soc": [(NOON, 1.0)]})
    with pytest.raises(ValueError, match="not an IANA time zone"):
        archive("Mars/Olympus")
    found = archive()
    assert found.latest() and found.ping() is None
    monkeypatch.setattr(csv_file, "_STAT_S", 0.0)
    (tmp_path / "BESS").rename(tmp_path / "gone")
    for ask in (found.ping, found.latest, lambda: found.columns(*BESS, ["soc"], DAYS), lambda: found.extent(*BESS)):
        with pytest.raises(Unavailable, match="archive"):
            ask()


def test_a_file_that_appears_is_found(tmp_path: Path, archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_archive, "_SURVEY_S", 0.0)
    write(tmp_path, {"bms1_soc": [(NOON, 1.0)]})
    found = archive()
    assert list(found.latest()) == [BESS]
    write(tmp_path, {"pcs1_ap": [(NOON, 2.0)]})
    assert list(found.latest()) == [BESS, PCS]
    assert found.extent("nobody", "bess") is None and found.latest([("nobody", "bess")]) == {}
