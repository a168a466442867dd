"""Blocks of one shape in one append are written together and answered one by one."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from datastore.backends.sql_engine import open_engine
from datastore.intake import Intake
from datastore.kept.chunks import Chunks
from datastore.kept.keys import Keys
from datastore.kept.minutes import OpenMinutes
from datastore.kept.newest import LatestCache
from datastore.kept.writing import Writing
from datastore.open import open_store, open_telemetry
from datastore.ports import Outcome, Telemetry
from plant.metrics import scalars_of
from plant.model import MINUTE, Block, Device, Window

NOW = 1_790_000_040_000  # a whole minute


def _block(device: str, at: int, soc: float, metrics: tuple[str, ...] = ("soc",)) -> Block:
    return Block("vehicle", metrics, [(device, at, at, 0, *[soc] * len(metrics))])


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[Telemetry]:
    with closing(open_telemetry(f"sqlite:///{tmp_path / 'v.db'}", "UTC", lambda: NOW)) as store:
        yield store


def test_runs_keep_the_order_within_a_kind(tmp_path: Path) -> None:
    soc, soh, rack = _block("a", NOW, 1), _block("a", NOW, 2, ("soh",)), Block("rack", ("soc",), [("r", NOW, NOW, 0, 5.0)])
    with closing(open_engine(f"sqlite:///{tmp_path / 'v.db'}")) as engine:
        keys = Keys(engine)
        runs = Writing(keys, Chunks(keys)).prepare([soc, rack, _block("b", NOW, 3), soh, _block("c", NOW, 4), rack])
    assert [run.places for run in runs] == [[0, 2], [1, 5], [3], [4]]
    assert [keys.name(row[0])[0] for row in runs[0].rows] == ["a", "b"]


def test_new_rows_of_many_blocks_are_one_write_with_an_outcome_each(telemetry: Telemetry) -> None:
    blocks = [_block(f"v{i}", NOW + i, 10.0 + i) for i in range(120)]  # two whole statements and a rest
    assert telemetry.append(blocks) == [Outcome(inserted=1)] * 120
    window = Window(NOW, NOW + MINUTE)
    assert [float(telemetry.columns(f"v{i}", "vehicle", ["soc"], window).values["soc"][0]) for i in (0, 49, 50, 119)] == [10, 59, 60, 129]


def test_a_known_row_among_them_sets_each_block_on_its_own(telemetry: Telemetry) -> None:
    telemetry.append([_block("a", NOW, 1.0)])
    blocks = [_block("b", NOW, 2.0), _block("a", NOW, 1.0), _block("a", NOW, 3.0), _block("c", NOW, 4.0), _block("c", NOW, 4.0)]
    assert telemetry.append(blocks) == [
        Outcome(inserted=1),
        Outcome(duplicates=1),
        Outcome(revised=1),
        Outcome(inserted=1),
        Outcome(duplicates=1),
    ]
    assert telemetry.latest([("a", "vehicle")])["a", "vehicle"].values == {"soc": 3.0}


def test_the_newest_is_found_whatever_order_rows_waited_in() -> None:
    cache = LatestCache()
    cache.note(("soc", "soh"), [(1, 100, 100, 0, 5.0, None), (2, 100, 100, 0, 6.0, 7.0)])
    cache.note(("soc", "soh"), [(1, 50, 120, 0, 1.0, 90.0), (2, 50, 120, 0, 1.0, 1.0)])
    cache.note(("soc",), [(2, 110, 130, 4, 8.0)])
    one, two = cache.get(1, ("a", "vehicle")), cache.get(2, ("b", "vehicle"))
    assert one is not None and two is not None
    assert (one.at, one.values, one.times) == (100, {"soc": 5.0, "soh": 90.0}, {"soc": 100, "soh": 50})
    assert (two.at, two.quality, two.values) == (110, 4, {"soc": 8.0, "soh": 7.0})
    assert sorted(cache.unsaved()) == [1, 2]
    cache.saved([1])
    assert cache.unsaved() == [2]


def test_minutes_of_several_sets_of_metrics_come_out_together() -> None:
    live = OpenMinutes("vehicle")
    live.add(("soc", "soh"), [(1, NOW, NOW, 0, 5.0, 90.0), (1, NOW + 20_000, NOW, 0, 7.0, None)])
    live.add(("soc",), [(1, NOW + 40_000, NOW, 0, 3.0), (2, NOW + MINUTE, NOW, 0, 1.0)])
    live.prepare(NOW + MINUTE)
    assert list(live.take(NOW)) == []
    (devices, stats), *more = live.take(NOW + MINUTE).values()
    assert not more and devices.tolist() == [1]
    soc, soh = (stats[name_at] for name_at in [(0, scalars_of("vehicle").index(name)) for name in ("soc", "soh")])
    assert (soc["n"], soc["min"], soc["max"], soc["sum"], soc["last"]) == (3, 3.0, 7.0, 15.0, 3.0)
    assert (soh["n"], soh["sum"], soh["last"]) == (1, 90.0, 90.0)
    assert list(live.take(NOW + 2 * MINUTE)) == [NOW + MINUTE]
    assert live.take(2**62) == {}


def test_a_fleet_that_turns_up_is_registered_without_reading_it_all_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_store(f"sqlite:///{tmp_path / 'v.db'}", "UTC", clock=lambda: NOW)) as store:
        intake: Intake = store.intake
        intake.accept([_block("first", NOW, 1.0)])
        reads = 0
        ask = store.records.devices

        def counted(kind: str | None = None, deleted: bool = False) -> list[Device]:
            nonlocal reads
            reads += 1
            return ask(kind, deleted)

        monkeypatch.setattr(store.records, "devices", counted)
        for i in range(20):
            intake.accept([_block(f"v{i}", NOW, 1.0)])
        assert reads == 0
        store.records.put_devices([Device("elsewhere", "vehicle", name="other")])
        intake.accept([_block("elsewhere", NOW, 1.0)])
        assert reads > 0
        assert len(ask("vehicle")) == 22
