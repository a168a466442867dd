"""The books of batteries on the analysis page, against sums over the readings that the test itself sent."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dashboard.loads import ageing, contract, roundtrips
from dashboard.page import Scope, Table
from dashboard.words_state import REASONS, because
from datastore.open import open_store
from datastore.store import Store
from plant.model import Annotation, Block, Device, ScheduleEvent, Window
from services import annotations, battery_days

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MIDNIGHT = 1_795_190_400_000
"""2026-11-21 00:00 in Taipei."""
NOW = MIDNIGHT + 6 * HOUR
SCOPE = Scope(zone="Asia/Taipei", window="7d")
AH, KWH, VOLTS = 1000.0, 800.0, 800.0
WARRANTY = {"source": "contract 7", "limits": [{"of": "efc", "most": 4}, {"of": "soc_hours", "above": 60, "most": 10}]}
CONTRACT = {"warranty": WARRANTY}
DEVICES = [
    Device("site", "site", rating={"power_kw": 400.0}),
    Device("bess01", "bess", interval_s=60, rating={"capacity_ah": AH, "capacity_kwh": KWH, "power_kw": 400.0}, info=CONTRACT),
    Device("bess01-rack01", "rack", parent="bess01", interval_s=60),
    Device("bess01-rack02", "rack", parent="bess01", interval_s=60),
    Device("pcs01", "pcs", interval_s=60, info={"bess": "bess01"}),
]
AT = np.arange(MIDNIGHT - 2 * DAY, NOW, MINUTE)
HOURS = ((AT - MIDNIGHT) / HOUR) % 24
CURRENT = np.select([(HOURS >= 8) & (HOURS < 12), (HOURS >= 16) & (HOURS < 20)], [-100.0, 100.0])
"""Each day 400 of the 900 Ah it really has go in from eight and out from sixteen."""
SOC = 20.0 - 100 / 900 * np.concatenate([[0.0], np.cumsum((CURRENT[1:] + CURRENT[:-1]) / 2) / 60])
DOWN = (AT >= MIDNIGHT - DAY + 2 * HOUR) & (AT < MIDNIGHT - DAY + 5 * HOUR)


def tell(store: Store, device: str, kind: str, at: np.ndarray, **values: Any) -> None:
    columns = [np.broadcast_to(np.asarray(value, np.float64), at.size).tolist() for value in values.values()]
    rows = [(device, instant, instant, 0, *row) for instant, *row in zip(at.tolist(), *columns, strict=True)]
    store.telemetry.append([Block(kind, tuple(values), rows)])


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    store.records.put_devices(DEVICES)
    volts = VOLTS - 0.02 * CURRENT
    tell(store, "bess01", "bess", AT, soc=SOC, soh=95.0, current=CURRENT, voltage=volts, power=VOLTS * CURRENT / 1000, cell_max_temp=30.5)
    tell(store, "pcs01", "pcs", AT, active_power=VOLTS * CURRENT / 1000 * np.where(CURRENT > 0, 0.95, 1 / 0.95), mode=np.where(DOWN, 4, 1))
    tell(store, "bess01-rack01", "rack", AT, power=0.0, mode=1)
    tell(store, "bess01-rack02", "rack", AT, power=0.0, mode=np.where(AT >= MIDNIGHT, 5, 1))
    battery_days.study(store, NOW, lambda _: None)
    yield store
    store.close()


def rows(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in zip(*table.columns.values(), strict=True)]


def test_health_is_measured_from_its_own_swings(store: Store) -> None:
    (row,) = rows(ageing.health_table(store, SCOPE))
    assert (row["name"], row["soh"]) == ("BESS 1", 95.0)
    assert row["by_capacity"] == pytest.approx(90.0, abs=0.1)  # 900 of 1000 Ah
    assert row["by_energy"] == pytest.approx(90.0, abs=0.1)  # 800 V · 900 Ah of 800 kWh
    assert row["swings"] == 4
    assert row["efc"] == pytest.approx(2 * 800 / 2000, abs=0.01)
    assert row["soe"] == pytest.approx(SOC[-1] * 0.95, abs=0.1)  # charge times the health it tells
    assert row["why"] == "reported charge"


def test_each_cycle_of_the_plant_has_its_round_trip(store: Store) -> None:
    found = rows(roundtrips.trips_table(store, SCOPE))
    assert [round(row["storage"], 1) for row in found if np.isfinite(row["storage"])] == [90.2, 90.2]  # 0.95², 90.25
    assert found[0]["charged"] == pytest.approx(320 / 0.95, rel=2e-3)
    assert found[0]["discharged"] == pytest.approx(320 * 0.95, rel=2e-2)
    assert found[0]["note"].startswith("AC-AC, storage, auxiliaries excluded")


def test_the_count_runs_with_the_capacity_of_the_nameplate(store: Store) -> None:
    table = ageing.count_table(store, Scope(zone="Asia/Taipei", start=MIDNIGHT - DAY, end=MIDNIGHT))
    counted, reported = np.asarray(table.columns["counted"]), np.asarray(table.columns["reported"])
    noon = 12 * 60 + 30
    assert reported[noon] - reported[0] == pytest.approx(400 / 9, abs=0.1)
    assert counted[noon] - counted[0] == pytest.approx(40.0, abs=0.1)
    assert "not corrected" in table.more["plot"].remark


def test_the_warranty_ledger(store: Store) -> None:
    efc, hours = rows(contract.warranty_table(store, SCOPE))
    assert (efc["limit"], efc["most"], efc["source"]) == ("Full cycles", 4.0, "contract 7")
    assert (efc["used"], efc["left"]) == (pytest.approx(0.8, abs=0.01), pytest.approx(3.2, abs=0.01))
    # from 60 % on: the last 0.4 h of charging 40 in 4 h … each day from 11.6 to 16.4 (44.4 % in 4 h: 60 % after 3.6 h)
    assert hours["limit"] == "Hours of charge, from 60 %"
    assert hours["used"] == pytest.approx(2 * (4 + 2 * 0.4), abs=0.1)
    assert hours["share"] == pytest.approx(96.0, abs=1.0)


def test_availability_counts_the_fault_and_the_rack_that_is_out(store: Store) -> None:
    (row,) = rows(contract.availability_table(store, SCOPE))
    assert (row["period"], row["down"], row["silent"]) == (54.0, 3.0, 0.0)
    assert row["equivalent"] == pytest.approx(3.0 + 6 * 0.5)  # half the racks for the six hours of today
    assert row["by_time"] == pytest.approx(100 * 51 / 54)
    assert row["by_interval"] == pytest.approx(100 * 48 / 54)
    assert row["payment"] == pytest.approx(100 - 2 * (98 - 100 * 48 / 54))
    assert row["racks"] == pytest.approx(100 * (1 + 1 + 0.5) / 3)


def test_a_note_excuses_and_an_award_says_what_was_asked(store: Store) -> None:
    start, end = MIDNIGHT - DAY + 2 * HOUR, MIDNIGHT - DAY + 5 * HOUR - 1
    note = Annotation(start, end, "change of fans", device_id="bess01", tags=("planned-maintenance",))
    kept = annotations.add(store, note)
    (event,) = store.records.put_events([ScheduleEvent("dreg0.5", MIDNIGHT, MIDNIGHT + 4 * HOUR, power=0.2)])
    (row,) = rows(contract.availability_table(store, SCOPE))
    assert (row["excused"], row["by_time"]) == (3.0, 100.0)
    assert row["by_interval"] == pytest.approx(100.0)  # half the racks are enough for half the power
    annotations.remove(store, kept.id, "")
    store.records.drop_event(event.index)


def test_a_record_is_made_again_when_its_day_changes_and_only_then(store: Store) -> None:
    before = {entry.id: entry.version for entry in store.records.entries(battery_days.DRAWER)}
    battery_days.study(store, NOW, lambda _: None)
    assert {entry.id: entry.version for entry in store.records.entries(battery_days.DRAWER)} == before
    late = np.array([MIDNIGHT - DAY + 30_000])
    tell(store, "bess01", "bess", late, current=0.0)
    battery_days.study(store, NOW, lambda _: None)
    changed = {entry.id for entry in store.records.entries(battery_days.DRAWER) if before.get(entry.id) != entry.version}
    assert changed == {f"bess01@{MIDNIGHT - DAY}"}


def test_an_empty_store_has_empty_books() -> None:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    loads = (ageing.health_table, ageing.resistance_table, ageing.count_table, contract.warranty_table, contract.availability_table)
    assert all(load(store, SCOPE).is_empty for load in (*loads, roundtrips.trips_table))
    battery_days.study(store, NOW, lambda _: None)
    assert battery_days.days(store, "bess01", Window(0, NOW)) == []
    store.close()


def test_reasons_are_told_in_the_reader_s_language() -> None:
    assert because("nothing was charged", "en") == "nothing was charged"
    assert because("nothing was charged", "es") == "no se cargó nada"
    assert because("never said before", "zh-TW") == "never said before"
    assert all(zh and es for zh, es in REASONS.values())
