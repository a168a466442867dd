"""One source of energies: days, hours and quarters that add up to the last digit in the site's zone, across changes of the clock and
resets, and the same figures on the pages and at the doors."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.loads import analysis
from dashboard.loads.energy import today
from dashboard.loads.fleet import fleet
from dashboard.scope import Scope
from datastore.open import open_store
from datastore.store import Store
from plant.analysis.energy import Energies, from_register, together
from plant.model import DAY, HOUR, MINUTE, QUARTER, Block, Device, Window
from plant.timeline import day_starts
from services import auxiliaries, energy_days


def tell(store: Store, device: str, kind: str, at: np.ndarray, **values: np.ndarray) -> None:
    columns = [np.asarray(value, np.float64).tolist() for value in values.values()]
    rows = [(device, instant, instant, 0, *row) for instant, *row in zip(at.tolist(), *columns, strict=True)]
    store.telemetry.append([Block(kind, tuple(values), rows)])


@pytest.fixture
def opened() -> Iterator[Callable[[str, int], Store]]:
    stores: list[Store] = []

    def make(zone: str, now: int) -> Store:
        stores.append(open_store("memory://", zone, clock=lambda: now))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


ZONES = [
    # zone, a day on which the clocks change (or none does), its hours
    ("Europe/London", "2026-03-29", 23.0),
    ("Europe/London", "2026-10-25", 25.0),
    ("Europe/Madrid", "2026-03-29", 23.0),
    ("Europe/Madrid", "2026-10-25", 25.0),
    ("America/New_York", "2026-03-08", 23.0),
    ("America/New_York", "2026-11-01", 25.0),
    ("Asia/Taipei", "2026-11-01", 24.0),
    ("Australia/Lord_Howe", "2026-04-05", 24.5),  # half an hour
    ("Australia/Lord_Howe", "2026-10-04", 23.5),
]


@pytest.mark.parametrize(("zone", "day", "hours"), ZONES)
def test_a_day_is_the_sum_of_its_hours_and_quarters_to_the_last_digit(opened, zone: str, day: str, hours: float) -> None:
    midnight = round(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    end = midnight + round(hours * HOUR)
    store = opened(zone, end + 2 * HOUR)
    rng = np.random.default_rng(4)
    at = np.arange(midnight - 2 * HOUR, end + 2 * HOUR, 7 * MINUTE + 13_000)
    store.records.put_devices([Device(f"pcs0{n}", "pcs", interval_s=433) for n in (1, 2)] + [Device("meter-aux", "meter", interval_s=433)])
    for n in (1, 2):
        tell(store, f"pcs0{n}", "pcs", at, active_power=rng.normal(0, 700, at.size).round(1))
    counted = np.cumsum(rng.uniform(0, 9, at.size)).round(1)
    counted[at.size // 2 :] -= counted[at.size // 2]  # the meter was reset at noon
    tell(store, "meter-aux", "meter", at, active_power=np.full(at.size, 40.0), energy_import=counted)
    around = energy_days.by_day(store, Window(midnight - HOUR, end + HOUR), end + 2 * HOUR)
    (found,) = [one for one in around if one.window.start == midnight]
    assert found.window == Window(midnight, end)
    whole = found.used.within(midnight, end)
    assert whole is not None
    assert len(found.used.quarters) == hours * 4
    for step in (QUARTER, HOUR, DAY):  # the last hour of a day of 23.5 hours is half a one
        parts = [found.used.within(start, min(start + step, end)) for start in range(midnight, end, step)]
        assert tuple(sum(part[side] for part in parts if part) for side in (0, 1)) == whole
    assert (found.used.discharged, found.used.charged) == (whole[0] / 1e6, whole[1] / 1e6)
    assert sum(found.used.seconds.values()) == pytest.approx(2 * hours * 3600)
    assert found.aux == sum(found.aux_quarters.values()) / 1e6
    inside = (at >= midnight) & (at <= end)
    steps = np.diff(counted[inside])  # the reset alone is no energy, and the ends are within a reading's step
    assert found.aux == pytest.approx(steps[steps > 0].sum(), abs=20.0)
    apart = energy_days.by_day(store, Window(midnight, end), end + 2 * HOUR)
    assert [one.used.quarters for one in apart] == [found.used.quarters]


@pytest.fixture
def plant(opened) -> Store:
    """Two converters and an auxiliary meter in Taipei over three days and a half, by the minute."""
    now = 1_795_190_400_000 + 12 * HOUR + 34 * MINUTE  # 2026-11-21 12:34 in Taipei
    store = opened("Asia/Taipei", now)
    at = np.arange(now - 84 * HOUR, now, MINUTE)
    store.records.put_devices(
        [Device(f"pcs0{n}", "pcs", interval_s=60) for n in (1, 2)]
        + [Device(f"bess0{n}", "bess", interval_s=60, rating={"capacity_kwh": 5000.0}) for n in (1, 2)]
        + [Device("meter-aux", "meter", interval_s=60)]
    )
    for n in (1, 2):
        power = 600 * np.sin(at / HOUR + n) * np.sin(at / 70_000)
        tell(store, f"pcs0{n}", "pcs", at, active_power=power.round(1))
        tell(store, f"bess0{n}", "bess", at, soc=(50 + 10 * np.sin(at / HOUR)).round(1))
    tell(store, "meter-aux", "meter", at, active_power=np.full(at.size, 30.0))
    return store


def test_pages_and_days_show_the_same_energies(plant: Store) -> None:
    now = plant.clock() // MINUTE * MINUTE
    days = energy_days.by_day(plant, Window(now - 6 * DAY, now), now)
    seen = today(plant, fleet(plant))
    assert seen is not None
    assert (seen.discharged, seen.charged) == (days[-1].used.discharged, days[-1].used.charged)
    table = analysis.loss_table(plant, Scope(zone="Asia/Taipei", window="7d"))
    assert list(table.columns["discharged"]) == [day.used.discharged for day in days]
    assert list(table.columns["charged"]) == [day.used.charged for day in days]
    tiles = {tile.key: tile.value for tile in analysis.tiles(plant, Scope(zone="Asia/Taipei", start=days[1].window.start, end=now))}
    assert tiles["discharged"] == pytest.approx(sum(day.used.discharged or 0 for day in days[1:]), abs=1e-9)
    assert tiles["aux"] == pytest.approx(30 * (now - days[1].window.start) / HOUR, abs=0.6)  # the last minute is not told yet


def test_days_that_a_study_kept_last_until_something_new_is_told(plant: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = plant.clock()
    before = energy_days.by_day(plant, Window(now - 6 * DAY, now), now)
    energy_days.study(plant, now, lambda _: None)
    kept = plant.records.entries(energy_days.DRAWER)
    assert len(kept) == 3  # the days that are over; the first is told in part
    json.dumps(kept[0].body, allow_nan=False)
    energy_days._memory.clear()
    monkeypatch.setattr(energy_days, "BUDGET", 0)  # whatever is not kept comes from minute means
    after = energy_days.by_day(plant, Window(now - 6 * DAY, now), now)
    assert [day.used.quarters for day in after[:-1]] == [day.used.quarters for day in before[:-1]]
    assert [day.aux_quarters for day in after[:-1]] == [day.aux_quarters for day in before[:-1]]
    assert [day.method for day in after] == ["readings"] * 3 + ["minute means"]
    late = before[1].window.start + 5 * HOUR + 30_000
    tell(plant, "pcs01", "pcs", np.array([late]), active_power=np.array([9000.0]))
    energy_days._memory.clear()
    assert [day.method for day in energy_days.by_day(plant, Window(now - 6 * DAY, now), now)][:2] == ["readings", "minute means"]
    energy_days.study(plant, now, lambda _: None)
    again = energy_days.by_day(plant, Window(now - 6 * DAY, now), now)
    assert again[1].method == "readings"
    assert again[1].used.discharged == pytest.approx(before[1].used.discharged + 9000 / 120, abs=8)  # a triangle of half a minute each side


def test_a_device_alone_has_the_same_energies_as_in_its_day(plant: Store) -> None:
    start = day_starts(Window(plant.clock() - 2 * DAY, plant.clock()), plant.zone)[1]
    window = Window(start, start + DAY)
    (day,) = energy_days.by_day(plant, window, plant.clock())
    alone = [energy_days.of_device(plant, device, "active_power", window) for device in plant.records.devices("pcs")]
    assert together(alone).quarters == day.used.quarters


@pytest.mark.parametrize(
    ("registers", "energy"),
    [
        ({"energy_import": 0.5}, 12.0),  # 0.5 kWh a minute for 24 minutes: preferred to the 20 kW of the power
        ({"energy_import": 0.5, "energy_export": 0.0}, 12.0),
        ({"energy_export": 0.5}, 12.0),  # a meter wired the other way
        ({}, 8.0),
    ],
)
def test_registers_are_preferred_to_power(opened, registers: dict[str, float], energy: float) -> None:
    now = 1_795_190_400_000
    store = opened("Asia/Taipei", now)
    store.records.put_devices([Device("meter-aux", "meter", interval_s=60, rating={"power_kw": 30.0})])
    at = np.arange(now - HOUR, now + 1, MINUTE)
    told = {name: 1000 + rate * np.arange(at.size) for name, rate in registers.items()}
    tell(store, "meter-aux", "meter", at, active_power=np.full(at.size, 20.0), **told)
    found = auxiliaries.consumption(store, Window(now - 30 * MINUTE, now - 6 * MINUTE))
    assert (found.energy, found.coverage) == (pytest.approx(energy), pytest.approx(1.0))
    assert (found.highest, found.lowest) == (20.0, 20.0)


registers = st.lists(st.tuples(st.integers(1, 3000), st.floats(0, 5000, allow_nan=False)), min_size=0, max_size=30)


@given(registers, st.integers(1, 29))
@settings(max_examples=60)
def test_whatever_a_register_says_its_energy_is_neither_negative_nor_giant(steps, cut) -> None:
    at = np.cumsum([seconds for seconds, _ in steps]) * 1000
    values = [value for _, value in steps]
    end = int(at[-1]) if steps else 1
    found = from_register(at, values, Window(0, max(end, 1)), highest_kw=100.0)
    if found.reason:
        assert found.discharged is None
        return
    assert all(out >= 0 for out, _ in found.quarters.values())
    hours = (end - int(at[0])) / HOUR
    assert (found.discharged or 0.0) <= 100.0 * hours + len(steps) * 1.0 + 1e-6
    middle = int(at[min(cut, len(steps) - 1)])
    if at[0] < middle < end:
        parts = [from_register(at, values, Window(*span), highest_kw=100.0) for span in ((0, middle), (middle, end))]
        assert together(parts).discharged == pytest.approx(found.discharged, abs=3e-6)


def test_a_register_between_two_readings_grew_evenly() -> None:
    found = from_register([0, 2 * HOUR], [10.0, 18.0], Window(HOUR // 2, HOUR))
    half, quarter = HOUR // 2, 3 * QUARTER
    assert found == Energies({half: (1_000_000, 0), quarter: (1_000_000, 0)}, 1800.0, 1800.0, "", {half: 900.0, quarter: 900.0})
    assert from_register([0, 2 * HOUR], [10.0, 18.0], Window(3 * HOUR, 4 * HOUR)).reason
    assert from_register([0], [10.0], Window(0, 1)).reason
    rolled = from_register([0, HOUR], [99_990.0, 15.0], Window(0, HOUR), rollover=100_000.0)
    assert rolled.discharged == pytest.approx(25.0)
