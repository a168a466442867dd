"""Readings for twins: a battery by the second is read in parts, and what is found of it is kept while nothing better comes."""

from dataclasses import replace

import numpy as np
import pytest

from datastore.open import open_store
from datastore.ports import Columns
from plant.model import DAY, HOUR, Device, Window
from services import twin_readings, twin_study
from services.twin_study import kept_twin, read_twin
from services.twins import MOST_READINGS, history_of
from tests.plant.test_twin import World, drive

NOW = 1_795_233_600_000
PACK = Device("p1", "pack", interval_s=1.0, rating={"capacity_ah": 280.0, "series_cells": 240.0}, info={"chemistry": "LFP"})
WORLD = World()


@pytest.fixture(scope="module")
def by_second():
    """Five hours of one reading a second: lively in the second hour, steady afterwards."""
    current = drive(5 * 3600, 140.0)
    current[2 * 3600 :] = 20.0 * np.sign(np.sin(np.arange(3 * 3600) / 1800.0))
    return WORLD.live(current, 1.0)


@pytest.fixture
def store(by_second):
    opened = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    opened.records.put_devices([PACK])
    tell(opened, by_second, NOW)
    yield opened
    opened.close()


def tell(store, history, end, device="p1"):
    at = (history.at - history.at[-1] + end).astype(np.int64)
    values = {"voltage": history.voltage, "current": history.current, "soc": history.soc, "temperature": history.temperature}
    store.telemetry.load(device, "pack", Columns(at, at, np.zeros(at.size, np.int64), values))


def test_batteries_read_together_are_what_each_is_alone(store, by_second):
    store.records.put_devices([replace(PACK, device_id="p2"), replace(PACK, device_id="p3", interval_s=60.0)])
    tell(store, by_second.rows(slice(None, None, 2)), NOW - 500, "p2")
    tell(store, by_second.rows(slice(None, None, 60)), NOW, "p3")
    devices = store.records.devices("pack")
    together = twin_readings.told(store, devices, NOW)
    for device in devices:
        alone = history_of(store, device, Window(NOW - DAY, NOW + 1), twin_readings.MOST)
        day = together[device.device_id].day
        assert day.voltage.tolist() == alone.voltage.tolist() and day.soc.tolist() == alone.soc.tolist()
        assert np.abs(day.at - alone.at).max() < 1000  # by the second: p2 tells half a second after it
    assert [one.device_id for one in twin_readings._fast(store, devices, Window(NOW - 7 * HOUR, NOW + 1))] == ["p1", "p2"]


def test_the_telling_stretch_is_the_lively_one_and_the_newest_is_steady(store):
    one = twin_readings.told(store, [PACK], NOW)["p1"]
    assert one.telling.at.size == one.newest.at.size == MOST_READINGS
    assert one.telling.at[0] < NOW - 4 * HOUR and one.newest.at[-1] == NOW
    assert np.std(one.telling.current) > 3 * np.std(one.newest.current)


def test_one_that_fell_silent_keeps_its_own_newest_readings(store, by_second):
    store.records.put_devices([replace(PACK, device_id="p2")])
    tell(store, by_second.rows(slice(-10_000, None)), NOW - 3 * HOUR, "p2")
    newest = twin_readings.told(store, store.records.devices("pack"), NOW)["p2"].newest
    assert newest.at[-1] == NOW - 3 * HOUR and newest.at.size == MOST_READINGS


def test_a_twin_is_fitted_once_on_the_same_telling_stretch(store, by_second, monkeypatch):
    twin_study.study(store, NOW, lambda share: None)
    first = kept_twin(store.records, PACK).body
    twin = read_twin(first)
    assert twin.circuit.r0 == pytest.approx(WORLD.r0, rel=0.05)
    fits = []
    real = twin_study.twin_of
    monkeypatch.setattr(twin_study, "twin_of", lambda *given, **more: fits.append(more.get("fit", True)) or real(*given, **more))
    again = NOW + 60_000
    tell(store, by_second.rows(slice(-60, None)), again)
    later = replace(store, clock=lambda: again)
    twin_study.study(later, again, lambda share: None)
    second = kept_twin(store.records, PACK).body
    assert fits == [False]
    assert second["newest"] > first["newest"] and second["own"] and second["trained"] == first["trained"]
    assert (second["circuit"]["r0"], second["circuit"]["tau"]) == (first["circuit"]["r0"], first["circuit"]["tau"])


def test_another_nameplate_is_fitted_again(store, by_second):
    twin_study.study(store, NOW, lambda share: None)
    first = kept_twin(store.records, PACK).body
    store.records.put_devices([replace(PACK, rating={"capacity_ah": 300.0, "series_cells": 240.0})])
    tell(store, by_second.rows(slice(-60, None)), NOW + 60_000)
    later = replace(store, clock=lambda: NOW + 60_000)
    twin_study.study(later, NOW + 60_000, lambda share: None)
    second = kept_twin(store.records, PACK).body
    assert second["plate"] != first["plate"] and second["circuit"]["capacity"] == 300.0
