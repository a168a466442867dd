"""Days of racks: what the study keeps is what the ledger at rest and the wear of the racks are written from."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from dashboard.loads import rackbook, rackwear
from dashboard.page import Scope, Table
from datastore.open import open_store
from datastore.ports import Columns
from datastore.store import Store
from plant.analysis.rack_day import wear
from plant.model import DAY, HOUR, MINUTE, Device, Window
from services import rack_days

MIDNIGHT = 1_795_190_400_000
"""2026-11-21 00:00 in Taipei."""
NOW = MIDNIGHT + DAY
SCOPE = Scope(zone="Asia/Taipei", start=MIDNIGHT, end=NOW)
AT = np.arange(MIDNIGHT - DAY, NOW, MINUTE, dtype=np.int64)
HOURS = (AT - MIDNIGHT) % DAY / HOUR
AMPS = np.select([(HOURS >= 2) & (HOURS < 4), (HOURS >= 6) & (HOURS < 8)], [-70.0, 70.0])
"""Two hours of charging, two of discharging a day: 140 A·h each, half of 280."""
DEEP = np.interp(HOURS, [2, 4, 6, 8], [0.0, 50.0, 50.0, 0.0])
RACKS = {"bess01-rack01": 30.0, "bess01-rack02": 32.0, "bess01-rack03": 20.0}
RATING = {"capacity_ah": 280.0, "capacity_kwh": 200.0}


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    opened.records.put_devices(
        [
            Device("bess01", "bess", interval_s=60.0, rating={"capacity_kwh": 600.0}),
            *(Device(name, "rack", parent="bess01", interval_s=60.0, rating=RATING) for name in RACKS),
        ]
    )
    for name, soc in RACKS.items():
        told = {
            # under load the third rack's monitor reads 5 % more: that is its resistance, not its charge
            "soc": soc + DEEP + np.where((AMPS != 0) & (name == "bess01-rack03"), 5.0, 0.0), "soh": np.full(AT.size, 100.0),
            "current": AMPS, "power": AMPS * 0.8, "cell_voltage_diff": np.where(AMPS == 0, 0.012, 0.09),
            "cell_temp_diff": np.where(AMPS == 0, 1.5, 4.0),
        }  # fmt: skip
        opened.telemetry.load(name, "rack", Columns(AT, AT, np.zeros(AT.size, np.int64), told))
    yield opened
    opened.close()


def study(store: Store) -> None:
    rack_days.study(store, NOW, lambda share: None)


def rows(table: Table) -> list[dict[str, object]]:
    names = list(table.columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*(table.columns[name] for name in names), strict=True)]


def test_a_day_by_hand(store: Store) -> None:
    study(store)
    day = rack_days.days(store, "bess01", Window(MIDNIGHT, NOW))[-1]
    first = day.racks["bess01-rack01"]
    assert (first.ah_out, first.ah_in) == pytest.approx((140.0, 140.0))
    assert (first.kwh_out, first.kwh_in) == pytest.approx((112.0, 112.0))
    assert (first.apart, first.warmer) == (0.012, 1.5)
    assert first.turns == (30.0, 80.0, 30.0)
    assert first.rest_h == pytest.approx(
        24 - 4 - 2 * 0.25, abs=2 / 60
    )  # it rested before midnight: only after charge and discharge it settles
    assert np.unique(day.soc.round(6), axis=0).tolist() == [[30.0, 32.0, 20.0], [80.0, 82.0, 70.0]]


def test_the_ledger_looks_at_rest_only(store: Store) -> None:
    """At rest rack 3 is 10 and 12 % behind: discharging to 10 %, 200·(0.10 + 0.12) = 44 kWh; under load it seems only 5 and 7 % behind."""
    before = rows(rackbook.imbalance_table(store, SCOPE))[0]
    assert before["name"] == "All racks, never at rest: all times"
    study(store)
    later = open_clock(store, NOW + rackbook.KEPT_MS + 1)
    total, third, _ = rows(rackbook.imbalance_table(later, SCOPE))
    assert total["name"] == "All racks, 19.5 h at rest"  # 0:00–2:00, 4:15–6:00, 8:15–24:00
    assert third["name"] == "BESS 1 · Rack 03"
    assert (third["discharge"], third["apart"]) == pytest.approx((44.0, -10.0))


def open_clock(store: Store, now: int) -> Store:
    return replace(store, clock=lambda: now)


def test_wear_by_rack(store: Store) -> None:
    """280 A·h and 0.224 MWh a day through each: half a full cycle; rainflow sees one swing of 50 % a day around the middle."""
    assert rackwear.wear_table(store, SCOPE).is_empty
    study(store)
    table = rackwear.wear_table(store, SCOPE)
    first, second, third = rows(table)
    assert first["name"] == "Rack 01" and (first["efc"], first["mwh"]) == pytest.approx((0.5, 0.224))
    assert (first["cycles"], first["deepest"], first["mean"]) == pytest.approx((1.0, 50.0, 55.0))
    assert (first["apart"], first["warmer"]) == pytest.approx((12.0, 1.5))
    assert third["deepest"] == 55.0 and second["mean"] == 57.0
    assert table.more["sheet"].links["3", "name"].startswith("/bess?unit=1&rack=3")


def test_two_days_are_one_history(store: Store) -> None:
    study(store)
    days = rack_days.days(store, "bess01", Window(MIDNIGHT - DAY, NOW))
    assert len(days) == 2
    found = wear(day.racks["bess01-rack01"] for day in days)
    assert sum(one.count for one in found.cycles) == 2.0 and found.ah == pytest.approx(560.0)


def test_the_cycles_of_the_chosen_rack(store: Store) -> None:
    study(store)
    table = rackwear.rainflow_table(store, replace(SCOPE, unit=1, rack=3))
    found = {(row["depth_from"], row["soc_from"]): row["cycles"] for row in rows(table) if row["cycles"]}
    # 55 % deep around 47.5 %; within it from 74.6 % (the last minute of the charge) to the 70 % of the rest and up to 75 %
    assert found == {(40, 40): 1.0, (2, 70): 1.0}
    assert sum(rackwear.rainflow_table(store, SCOPE).columns["cycles"]) == pytest.approx((1 + 1 + 2) / 3)


def test_a_day_is_made_again_only_when_readings_of_it_have_come(store: Store) -> None:
    study(store)
    versions = {entry.id: entry.version for entry in store.records.entries(rack_days.DRAWER)}
    study(store)
    assert {entry.id: entry.version for entry in store.records.entries(rack_days.DRAWER)} == versions
    late = np.array([MIDNIGHT + 30_000], np.int64)
    store.telemetry.load("bess01-rack02", "rack", Columns(late, late, np.zeros(1, np.int64), {"soc": np.array([31.0])}))
    study(store)
    again = {entry.id: entry.version for entry in store.records.entries(rack_days.DRAWER)}
    assert {name for name in again if again[name] != versions[name]} == {f"bess01@{MIDNIGHT}"}


def test_a_rack_of_unknown_capacity_never_rests_but_is_worn(store: Store) -> None:
    store.records.put_devices([Device(name, "rack", parent="bess01", interval_s=60.0) for name in RACKS])
    study(store)
    day = rack_days.days(store, "bess01", Window(MIDNIGHT, NOW))[-1]
    assert day.at.size == 0 and day.racks["bess01-rack01"].ah_out == pytest.approx(140.0)
    first = rows(rackwear.wear_table(store, SCOPE))[0]
    assert first["efc"] is None and first["mwh"] == pytest.approx(0.224)


def test_a_plant_without_racks_has_no_days(store: Store) -> None:
    empty = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    study(empty)
    assert rack_days.days(empty, "bess01", Window(0, NOW)) == []
    empty.close()
