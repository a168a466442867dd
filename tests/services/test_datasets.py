"""How large a dataset would be, before it is made: held against the file itself."""

import numpy as np
import pytest

from datastore.open import open_store
from datastore.ports import Columns
from plant.model import Device
from services import datasets, exports, jobs
from services.exports import Query
from services.tables import columns_of

START = 1_769_212_800_000  # 2026-01-24T00:00:00Z
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MOST = 1 << 30


@pytest.fixture
def store(tmp_path):
    """Two hours of readings every 10 s from two units, the second of which begins an hour later."""
    opened = open_store(f"sqlite:///{tmp_path / 'plant.db'}", "Asia/Taipei", clock=lambda: START + 10 * DAY)
    opened.records.put_devices([Device("bess01", "bess"), Device("bess02", "bess")])
    noise = np.random.default_rng(1)
    for name, start in (("bess01", START), ("bess02", START + HOUR)):
        at = np.arange(start, start + 2 * HOUR, 10_000)
        values = {"soc": np.round(50 + noise.normal(size=at.size), 2), "power": np.round(noise.normal(size=at.size) * 100, 1)}
        opened.telemetry.load(name, "bess", Columns(at, at, np.zeros(at.size, dtype=np.int64), values))
    yield opened
    opened.close()


def query(resolution=0, form="csv", hours=3, devices=("bess01", "bess02"), start=START):
    keys = {(device, "bess"): ["soc", "power"] for device in devices}
    return Query(tuple(columns_of(keys)), start, start + hours * HOUR, resolution, "", "UTC", form)


@pytest.mark.parametrize(("resolution", "cells"), [(0, 4 * 720), (MINUTE, 4 * 120), (HOUR, 4 * 2)])
def test_cells_are_counted_without_reading_them(store, resolution, cells):
    assert datasets.size_of(store, query(resolution), MOST).cells == cells


@pytest.mark.parametrize("form", datasets.FORMS)
@pytest.mark.parametrize("resolution", [0, MINUTE])
def test_the_file_has_no_more_rows_and_about_the_size(store, tmp_path, form, resolution):
    asked = query(resolution, form)
    told = datasets.size_of(store, asked, MOST)
    export = exports.submit(store.records, "ann", asked, START)
    jobs.Worker(store, tmp_path / "exports", 100, MOST).work()
    made = exports.find(store.records, export.id)
    assert made.rows <= told.rows
    if resolution == 0:  # a small file is mostly what surrounds the numbers
        assert 0.3 < told.bytes / made.receipt["bytes"] < 3


def test_a_window_in_which_nothing_was_told_is_empty(store):
    assert datasets.size_of(store, query(MINUTE, start=START - 5 * DAY), MOST) == datasets.Size(0, 0, 0)


def test_limits_are_named(store):
    wide = Query(query().columns * 1001, START, START + HOUR, 0, "", "UTC", "csv")
    assert datasets.size_of(store, wide, MOST).over == "columns"
    assert datasets.size_of(store, query(1000, "xlsx", hours=24 * 20), MOST).over == "sheet"  # 1.7 million seconds
    assert datasets.size_of(store, query(1000, "xlsx", hours=24), MOST).over == ""
    assert datasets.size_of(store, query(), 1000).over == "large"


def test_a_receipt_says_how_much_was_observed(store, tmp_path):
    export = exports.submit(store.records, "ann", query(MINUTE), START)
    jobs.Worker(store, tmp_path / "exports", 100, MOST).work()
    columns = exports.find(store.records, export.id).receipt["columns"]
    assert [(one["filled"], one["coverage"]) for one in columns] == [(120, 0.666667)] * 4  # two of three hours
    raw = exports.submit(store.records, "ann", query(), START)
    jobs.Worker(store, tmp_path / "exports", 100, MOST).work()
    receipt = exports.find(store.records, raw.id).receipt
    assert [(one["filled"], one["coverage"]) for one in receipt["columns"]] == [(720, None)] * 4
    assert receipt["permalink"] == f"/explore?device=bess01%2Cbess02&metric=soc%2Cpower&from={START}&to={START + 3 * HOUR}"
