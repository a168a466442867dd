"""Charge at the ends of a stretch: what is counted out and in until an instant is set against the charge of that same instant."""

from collections.abc import Iterator

import numpy as np
import pytest

from dashboard.loads.ledger import EXACT, Charge, ledger
from dashboard.loads.roundtrips import cycles, trips_table
from dashboard.page import Scope
from datastore.open import open_store
from datastore.store import Store
from plant.model import DAY, HOUR, MINUTE, QUARTER, Block, Device, Window

MIDNIGHT = 1_795_190_400_000
"""2026-11-21 00:00 in Taipei."""
NOW = MIDNIGHT + 12 * HOUR
UNITS = [Device("bess01", "bess", rating={"capacity_kwh": 100.0}), Device("bess02", "bess", rating={"capacity_kwh": 300.0})]


@pytest.fixture
def store() -> Iterator[Store]:
    kept = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    kept.records.put_devices([*UNITS, Device("pcs01", "pcs", interval_s=60.0)])
    yield kept
    kept.close()


def tell(store: Store, device: str, kind: str, at: np.ndarray, name: str, values: np.ndarray) -> None:
    rows = [(device, instant, instant, 0, value) for instant, value in zip(at.tolist(), values.tolist(), strict=True)]
    store.telemetry.append([Block(kind, (name,), rows)])


@pytest.mark.parametrize("seconds_off", [0, 7, 30, 59])
def test_the_charge_of_an_instant_lies_on_the_line_between_the_readings_around_it(store: Store, seconds_off: int) -> None:
    """Both units fall 0.2 % a minute, told once a minute: at every quarter of an hour the charge is that of then, not of up to a minute
    before."""
    at = MIDNIGHT - 3 * HOUR + np.arange(6 * 60) * MINUTE + seconds_off * 1000
    line = 90.0 - 0.2 * (at - MIDNIGHT + 3 * HOUR) / MINUTE
    for unit, higher in zip(UNITS, (8.0, 0.0), strict=True):
        tell(store, unit.device_id, "bess", at, "soc", line + higher)
    charge = Charge(store, UNITS, Window(MIDNIGHT - 2 * HOUR, MIDNIGHT + 2 * HOUR))
    quarters = np.arange(MIDNIGHT - 2 * HOUR, MIDNIGHT + 2 * HOUR, QUARTER)
    wanted = 92.0 - 0.2 * (np.append(quarters, quarters[-1] + QUARTER) - MIDNIGHT + 3 * HOUR) / MINUTE  # (8 · 100 + 0 · 300) / 400 above
    ends = charge.ends(Window(MIDNIGHT - 2 * HOUR, MIDNIGHT + 2 * HOUR))
    assert ends is not None
    assert (ends.first, ends.last) == (pytest.approx(wanted[0]), pytest.approx(wanted[-1]))
    told = charge.at_quarters(quarters, [0, 5, len(quarters)])
    assert told[[0, 5, len(quarters)]] == pytest.approx(wanted[[0, 5, len(quarters)]])


def test_silence_around_an_instant_is_not_drawn_over(store: Store) -> None:
    at = MIDNIGHT - 3 * HOUR + np.arange(60) * MINUTE
    for unit in UNITS:
        tell(store, unit.device_id, "bess", at, "soc", np.full(at.size, 50.0))
        tell(store, unit.device_id, "bess", at + 2 * HOUR, "soc", np.full(at.size, 30.0))
    charge = Charge(store, UNITS, Window(MIDNIGHT - 3 * HOUR, MIDNIGHT))
    assert charge.ends(Window(MIDNIGHT - 90 * MINUTE, MIDNIGHT - 80 * MINUTE)) is None
    long = Charge(store, UNITS, Window(MIDNIGHT - 2 * EXACT, MIDNIGHT))
    assert long.ends(Window(MIDNIGHT - 3 * HOUR, MIDNIGHT - 150 * MINUTE)) is not None


def test_a_cycle_that_ends_at_full_power_has_its_own_efficiency(store: Store) -> None:
    """400 kWh, 0.95 each way: four hours in at 80 kW, then out at 76 kW until the charge is back. At the turn and at the end a minute is
    0.3 % of charge; the efficiency is 0.95 · 0.95 all the same."""
    at = MIDNIGHT - DAY + np.arange(0, 30 * 60) * MINUTE
    hour = (at - MIDNIGHT + DAY) / HOUR
    into, out = (hour >= 2) & (hour < 6), (hour >= 6) & (hour < 9.61)
    power = np.where(into, -80.0, np.where(out, 80.0, 0.0))
    stored = np.where(into, 76.0, np.where(out, -80.0 / 0.95, 0.0)) / 60.0
    soc = 20.0 + 100.0 * np.concatenate([[0.0], np.cumsum(stored)[:-1]]) / 400.0
    for unit in UNITS:
        tell(store, unit.device_id, "bess", at, "soc", soc)
    tell(store, "pcs01", "pcs", at, "active_power", power)
    window = Window(MIDNIGHT - DAY, MIDNIGHT)
    kept = ledger(store, window)
    assert kept is not None
    first = next(trip for trip in cycles(store, kept, window) if trip.storage.value is not None)
    assert first.storage.value == pytest.approx(90.25, abs=0.15)


def test_a_unit_counts_by_the_energy_its_health_leaves_it(store: Store) -> None:
    """80 % in 100 kWh at 60 % health, 40 % in 300 kWh at 100 %: (80 · 60 + 40 · 300) / 360 = 46.67 %."""
    at = MIDNIGHT - HOUR + np.arange(120) * MINUTE
    for unit, soc, soh in zip(UNITS, (80.0, 40.0), (60.0, 100.0), strict=True):
        tell(store, unit.device_id, "bess", at, "soc", np.full(at.size, soc))
        tell(store, unit.device_id, "bess", at, "soh", np.full(at.size, soh))
    ends = Charge(store, UNITS, Window(MIDNIGHT - HOUR, MIDNIGHT)).ends(Window(MIDNIGHT - HOUR, MIDNIGHT))
    assert ends is not None and ends.first == pytest.approx(16_800 / 360) == ends.last


def test_a_battery_without_a_nameplate_is_named_as_the_reason_for_no_cycles(store: Store) -> None:
    store.records.put_devices([Device("bess03", "bess")])
    at = MIDNIGHT - DAY + np.arange(24 * 60) * MINUTE
    for unit in ("bess01", "bess02", "bess03"):
        tell(store, unit, "bess", at, "soc", 50.0 + 20.0 * np.sin(np.arange(at.size) / 100.0))
    tell(store, "pcs01", "pcs", at, "active_power", 50.0 * np.cos(np.arange(at.size) / 100.0))
    table = trips_table(store, Scope(zone="Asia/Taipei", window="7d"))
    assert table.is_empty
    said, link = table.more["kept"]
    assert "no capacity" in said and link.startswith("/devices")
