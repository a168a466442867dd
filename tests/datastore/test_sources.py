"""A store and sources beside it answer as one store would that had been told everything, the store last."""

import logging
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datastore.backends.memory import MemoryTelemetry
from datastore.open import open_store
from datastore.ports import Telemetry
from datastore.slabs import Key, series_by_slabs
from datastore.sources import Federated
from plant.errors import Unavailable
from plant.model import DAY, HOUR, MINUTE, Block, Device, Window

NOON = 1_696_161_600_000
DAYS = Window(NOON - 2 * DAY, NOON + 2 * DAY)
FIELDS = ("at", "mean", "min", "max", "last", "sum", "n")
B1 = ("B1", "bess")

Told = Sequence[tuple[int, float | None, float | None]]
"""(instant, soc, current)."""


class Elsewhere(MemoryTelemetry):
    """Readings in another place, which can be cut off."""

    def __init__(self, name: str = "elsewhere") -> None:
        super().__init__("UTC", lambda: 0)
        self.name = name
        self.down = False
        self.is_closed = False

    def _reach(self) -> None:
        if self.down:
            raise Unavailable(f"{self.name} does not answer")

    def devices(self) -> list[Device]:
        self._reach()
        return [Device(device_id, kind, info={"source": self.name}) for device_id, kind in sorted(self._kept)]

    def latest(self, devices: Sequence[Key] | None = None):  # type: ignore[no-untyped-def]
        self._reach()
        return super().latest(devices)

    def columns(self, *args, **more):  # type: ignore[no-untyped-def]
        self._reach()
        return super().columns(*args, **more)

    def ping(self) -> None:
        self._reach()

    def close(self) -> None:
        self.is_closed = True


def tell(telemetry: Telemetry, rows: Told, device: str = "B1", received: int | None = None) -> None:
    for at, soc, current in rows:
        spoken = {name: value for name, value in (("soc", soc), ("current", current)) if value is not None}
        telemetry.append([Block("bess", tuple(spoken), [(device, at, at if received is None else received, 0, *spoken.values())])])


def together(theirs: Told, own: Told) -> tuple[Federated, MemoryTelemetry]:
    """A store beside a source, and one store that was told both."""
    source, main, meant = Elsewhere(), MemoryTelemetry("UTC", lambda: 0), MemoryTelemetry("UTC", lambda: 0)
    for telemetry, rows in ((source, theirs), (main, own), (meant, theirs), (meant, own)):
        tell(telemetry, rows)
    return Federated(main, [source]), meant


instants = st.integers(0, 40).map(lambda step: NOON + step * 5 * MINUTE)
numbers = st.none() | st.integers(0, 99).map(float)
rows = st.lists(
    st.tuples(instants, numbers, numbers).filter(lambda row: row[1:] != (None, None)), max_size=25, unique_by=lambda row: row[0]
)
QUESTIONS: tuple[dict[str, object], ...] = (
    {"points": 4}, {"points": 30}, {"resolution": 0}, {"resolution": 15 * MINUTE}, {"resolution": HOUR},
    {"resolution": DAY, "zone": "Asia/Taipei"},
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(theirs=rows, own=rows, apart=st.sampled_from([0, 5 * HOUR, -5 * HOUR]))
def test_both_together_say_what_one_store_says(theirs: Told, own: Told, apart: int) -> None:
    own = [(at + apart, soc, current) for at, soc, current in own]
    found, meant = together(theirs, own)
    assert found.latest() == meant.latest()
    assert found.latest([B1, ("B2", "bess")]) == meant.latest([B1, ("B2", "bess")])
    assert found.extent(*B1) == meant.extent(*B1)
    for window in (DAYS, Window(NOON + 7 * MINUTE, NOON + HOUR + 1), Window(NOON - DAY, NOON + 2 * HOUR)):
        for limit in (None, 1, 7):
            one = found.columns(*B1, ["current", "soc"], window, limit)
            two = meant.columns(*B1, ["current", "soc"], window, limit)
            np.testing.assert_array_equal(one.at, two.at)
            for name in two.values:
                np.testing.assert_array_equal(one.values[name], two.values[name])
        for question in QUESTIONS:
            said = found.series([B1], ["soc", "current"], window, **question)  # type: ignore[arg-type]
            true = meant.series([B1], ["soc", "current"], window, **question)  # type: ignore[arg-type]
            assert list(said) == list(true)
            for key in true:
                assert said[key].resolution == true[key].resolution, (question, window)
                for part in FIELDS:
                    np.testing.assert_allclose(getattr(said[key], part), getattr(true[key], part), rtol=1e-12, err_msg=f"{question} {part}")


def test_an_old_archive_and_a_living_store_meet_at_the_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    source, main, meant = Elsewhere(), MemoryTelemetry("UTC", lambda: 0), MemoryTelemetry("UTC", lambda: 0)
    older = [(NOON - HOUR + i * 1000, float(i % 90), None) for i in range(3000)]
    newer = [(NOON - 600_000 + i * 1000, float(i % 70), None) for i in range(1500)]
    for telemetry, told in ((source, older), (main, newer), (meant, older), (meant, newer)):
        tell(telemetry, told)
    found = Federated(main, [source])

    def by_reading(*_: object, **__: object) -> None:
        raise AssertionError("each answers for its side of the seam from its rollups")

    monkeypatch.setattr("datastore.sources.series_by_slabs", by_reading)
    window = Window(NOON - 2 * HOUR, NOON + 2 * HOUR)
    said = found.series([B1], ["soc"], window, resolution=HOUR)[*B1, "soc"]
    true = meant.series([B1], ["soc"], window, resolution=HOUR)[*B1, "soc"]
    for part in FIELDS:
        np.testing.assert_allclose(getattr(said, part), getattr(true, part), rtol=1e-12)
    assert said.coverage == pytest.approx(true.coverage, abs=0.01) and said.n.max() == 3600


def test_what_is_written_goes_to_the_store_alone() -> None:
    source, main = Elsewhere(), MemoryTelemetry("UTC", lambda: 0)
    tell(source, [(NOON, 50.0, None)])
    both = Federated(main, [source])
    tell(both, [(NOON, 60.0, 5.0)])
    assert main.extent(*B1) is not None and source.extent(*B1) == main.extent(*B1).__class__("B1", "bess", NOON, NOON, {"soc": 1})
    assert both.columns(*B1, ["soc"], DAYS).values["soc"].tolist() == [60.0]
    assert both.forget("bess", NOON + 1) == 1
    assert both.columns(*B1, ["soc"], DAYS).values["soc"].tolist() == [50.0]


def test_of_two_sources_the_first_one_counts() -> None:
    one, two = Elsewhere("one"), Elsewhere("two")
    tell(one, [(NOON, 1.0, None)])
    tell(two, [(NOON, 2.0, None), (NOON + 1, 2.0, None)])
    both = Federated(MemoryTelemetry("UTC", lambda: 0), [one, two])
    assert both.columns(*B1, ["soc"], DAYS).values["soc"].tolist() == [1.0]


def test_a_source_that_is_down_takes_only_its_own_devices_down(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    source, main = Elsewhere(), MemoryTelemetry("UTC", lambda: 0)
    tell(source, [(NOON, 50.0, None)])
    tell(main, [(NOON, 60.0, None)], device="B2")
    both = Federated(main, [source])
    assert set(both.latest()) == {B1, ("B2", "bess")}
    source.down = True
    with caplog.at_level(logging.WARNING):
        assert set(both.latest()) == {("B2", "bess")}
    assert "elsewhere does not answer" in caplog.text
    assert both.columns("B2", "bess", ["soc"], DAYS).values["soc"].tolist() == [60.0]
    assert both.series([("B2", "bess")], ["soc"], DAYS, resolution=HOUR)
    for ask in (lambda: both.columns(*B1, ["soc"], DAYS), lambda: both.series([B1], ["soc"], DAYS, resolution=HOUR)):
        with pytest.raises(Unavailable, match="elsewhere"):
            ask()


def test_a_source_that_was_down_at_the_start_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Elsewhere()
    tell(source, [(NOON, 50.0, None)])
    source.down = True
    both = Federated(MemoryTelemetry("UTC", lambda: 0), [source])
    assert both.latest() == {}
    source.down = False
    assert both.latest() == {}, "not at every question"
    monkeypatch.setattr("datastore.sources._ASK_AGAIN_S", 0.0)
    both._ask_at = 0.0
    assert set(both.latest()) == {B1}


def test_closing_closes_all() -> None:
    source = Elsewhere()
    Federated(MemoryTelemetry("UTC", lambda: 0), [source]).close()
    assert source.is_closed


def test_what_the_store_can_do_beyond_the_port_stays_within_reach() -> None:
    store = open_store("memory://", "UTC")
    both = Federated(store.telemetry, [])
    assert both._kept is store.telemetry._kept  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = both.nonsense
    store.close()


def test_devices_of_a_source_are_registered_when_the_store_opens() -> None:
    source = Elsewhere("archive")
    tell(source, [(NOON, 50.0, None)])
    store = open_store("memory://", "UTC", sources=[source])
    assert store.records.device(*B1).info["source"] == "archive"
    assert store.telemetry.latest()[B1].values == {"soc": 50.0}
    store.close()
    assert source.is_closed


@given(rows=rows, slab=st.sampled_from([7 * MINUTE, HOUR, DAY]))
@settings(max_examples=40, deadline=None)
def test_a_series_made_slab_by_slab_is_the_series(rows: Told, slab: int) -> None:
    meant = MemoryTelemetry("UTC", lambda: 0)
    tell(meant, rows)
    for question in QUESTIONS:
        said = series_by_slabs(meant, [B1], ["soc", "current"], DAYS, slab=slab, **question)  # type: ignore[arg-type]
        true = meant.series([B1], ["soc", "current"], DAYS, **question)  # type: ignore[arg-type]
        assert list(said) == list(true)
        for key in true:
            assert said[key].resolution == true[key].resolution
            for part in FIELDS:
                np.testing.assert_allclose(getattr(said[key], part), getattr(true[key], part), rtol=1e-12)
