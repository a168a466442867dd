"""Twins of the site's batteries: what the job process keeps is what pages and doors show."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dashboard.loads import device_twin
from dashboard.page import Scope
from datastore.open import open_store
from datastore.ports import Entry
from plant.analysis.ageing import calendar, cycling
from plant.analysis.battery_day import BatteryDay
from plant.analysis.chemistry import CHEMISTRIES
from plant.model import DAY, HOUR, Block, Device
from services import battery_days, twin_study
from services.twin_study import duty_of, kept_twin, read_twin
from services.twins import device_twin as twin_now
from tests.plant.test_twin import World, drive

NOW = 1_795_233_600_000
PACK = Device("p1", "pack", interval_s=10.0, rating={"capacity_ah": 280.0, "series_cells": 240.0}, info={"chemistry": "LFP"})
WORLD = World()
DRIVEN = WORLD.live(drive(1500, 140.0), 10.0)


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    opened = open_store("memory://", "Asia/Taipei", clock=clock)
    opened.records.put_devices([PACK])
    yield opened
    opened.close()


def tell(store, history, end, soh=93.0):
    at = (history.at - history.at[-1] + end).tolist()
    columns = [column.tolist() for column in (history.voltage, history.current, history.soc, history.temperature)]
    rows = [("p1", t, t, 0, *values, soh) for t, *values in zip(at, *columns, strict=True)]
    store.telemetry.append([Block("pack", ("voltage", "current", "soc", "temperature", "soh"), rows)])


def study(store):
    twin_study.study(store, store.clock(), lambda share: None)
    entry = kept_twin(store.records, PACK)
    return entry.body if entry is not None else None


def lived(store, count=5, **more):
    """Days behind it: 12 h at 25 °C each, between 30 and 70 %, one full cycle."""
    for n in range(1, count + 1):
        day = BatteryDay(
            NOW - n * DAY, NOW - (n - 1) * DAY, observed_s=86_400.0, ah_out=280.0, ah_in=280.0,
            temperatures={25: 24.0}, charges={30: 12.0, 69: 12.0}, rest_h=4.0,
        )  # fmt: skip
        body = battery_days.written(replace(day, **more))
        store.records.put_entry(Entry(battery_days.DRAWER, f"p1@{n}", "p1", "day", day.start, body))


def test_what_is_kept_is_what_its_world_was_made_of(store):
    tell(store, DRIVEN, NOW - 1000)
    kept = study(store)
    json.dumps(kept, allow_nan=False)
    twin = read_twin(kept)
    assert twin.circuit.r0 == pytest.approx(WORLD.r0, rel=0.05)
    assert twin.circuit.r1 == pytest.approx(WORLD.r1, rel=0.05)
    assert twin.circuit.tau == pytest.approx(WORLD.tau, rel=0.05)
    assert twin.voltage.rmse == pytest.approx(np.hypot(0.05, 0.1 / 12**0.5), rel=0.3)
    assert kept["filter"]["soc"] == pytest.approx(DRIVEN.soc[-1], abs=2 * kept["filter"]["soc_sd"])
    assert kept["days"][-1]["resistance"] == pytest.approx(WORLD.r0 + WORLD.r1, rel=0.05)
    assert {one["name"]: one["state"] for one in kept["health"]} == {
        "voltage_bias": "good", "resistance_growth": "unknown", "heat": "good", "charge": "good", "consistency": "good",
    }  # fmt: skip
    assert (kept["life"], kept["no_life"]) == (None, "duty")


def test_a_battery_that_said_nothing_new_is_not_examined_again(store, clock):
    tell(store, DRIVEN, NOW - 1000)
    study(store)
    before = kept_twin(store.records, PACK)
    clock.now += HOUR
    study(store)
    assert kept_twin(store.records, PACK).version == before.version


def test_a_silent_battery_has_no_twin_and_a_removed_one_keeps_none(store, clock):
    assert study(store) is None
    tell(store, DRIVEN, NOW - 1000)
    assert study(store) is not None
    store.records.put_devices([replace(PACK, deleted=True)])
    assert study(store) is None


def test_while_it_rests_it_stays_what_it_was_found_to_be(store, clock):
    tell(store, DRIVEN, NOW - 1000)
    study(store)
    clock.now = NOW + 2 * DAY
    tell(store, WORLD.live(np.zeros(300), 10.0), clock.now - 1000)
    kept = study(store)
    assert kept["why"] == "kept"
    assert kept["circuit"]["r0"] == pytest.approx(WORLD.r0, rel=0.05)
    assert kept["days"][-1]["resistance"] is None  # nothing was found that day
    now = twin_now(store, "p1", clock.now).twin
    assert now.circuit.r0 == pytest.approx(WORLD.r0, rel=0.05)  # `/twin` and `/simulate` go on from it


def test_a_resistance_that_grew_shows(store, clock):
    tell(store, DRIVEN, NOW - 1000)
    for day in range(5):
        clock.now = NOW + day * DAY
        world = WORLD if day < 4 else replace(WORLD, r0=0.064, r1=0.040)
        tell(store, world.live(drive(600, 140.0, seed=day), 10.0, noise=day), clock.now - 500)
        kept = study(store)
    grown = next(one for one in kept["health"] if one["name"] == "resistance_growth")
    assert grown["value"] == pytest.approx(60.0, abs=4.0)  # 0.104 Ω over 0.065 Ω
    assert grown["state"] in ("watch", "bad")
    assert len(kept["days"]) == 5


def test_a_charge_reported_wrong_is_seen(store):
    """An NMC battery whose BMS stopped counting."""
    world = World(chemistry="NMC", cells=108, charge=100.0, r0=0.09, r1=0.05, tau=40.0, mass=1.5e5, offset=0.0)
    store.records.put_devices([replace(PACK, rating={"capacity_ah": 100.0, "series_cells": 108.0}, info={"chemistry": "NMC"})])
    told = world.live(drive(900, 50.0), 10.0)
    tell(store, told, NOW - 1000)
    study(store)
    on = world.live(np.full(900, 20.0), 10.0, soc=80.0)
    on.soc[:] = 80.0
    store.clock.now = NOW + 2 * DAY
    tell(store, on, NOW + 2 * DAY - 1000)
    charge = next(one for one in study(store)["health"] if one["name"] == "charge")
    assert charge["state"] == "bad"
    assert charge["value"] > 20.0


def test_its_life_follows_from_its_days_by_the_published_formulas(store):
    lived(store)
    tell(store, DRIVEN, NOW - 1000, soh=93.0)
    kept = study(store)
    duty = duty_of(battery_days.days(store, "p1", battery_days.Window(NOW - 30 * DAY, NOW)), 280.0, None)
    assert (duty.soc, duty.depth, duty.cycles, duty.rate) == (50.0, 40.0, pytest.approx(1.0), pytest.approx(2 / 20))
    # LFP goes with the root of time: L = K·√t
    k = calendar(CHEMISTRIES["LFP"], duty, 1.0) + cycling(CHEMISTRIES["LFP"], duty, 1.0)
    assert kept["life"]["left"] == pytest.approx((400 - 49) / k**2 / 365.25, rel=1e-5)
    assert kept["life"]["low"] < kept["life"]["left"]
    assert kept["life"]["soh_source"] == "reading"


def test_its_age_scales_its_life(store):
    lived(store)
    tell(store, DRIVEN, NOW - 1000, soh=93.0)
    new, old = {}, {}
    for kept, date in ((new, "2026-05-01"), (old, "2023-05-01T00:00:00+00:00")):
        store.records.put_devices([replace(PACK, info={"chemistry": "LFP", "commissioned": date})])
        twin_study.drop_result(store.records, "twins", "pack:p1")
        kept.update(study(store)["life"])
    assert new["is_own"] and old["is_own"]
    assert new["left"] < old["left"]  # who lost as much in half a year has less to come


@pytest.mark.parametrize("date", ["soon", "2999-01-01"])
def test_a_date_that_is_none_scales_nothing(store, date):
    lived(store)
    tell(store, DRIVEN, NOW - 1000)
    store.records.put_devices([replace(PACK, info={"chemistry": "LFP", "commissioned": date})])
    assert study(store)["life"]["is_own"] is False


def test_the_panels_show_what_is_kept(store):
    lived(store)
    tell(store, DRIVEN, NOW - 1000)
    scope = Scope(zone="Asia/Taipei", device="p1", kind="pack")
    for load in (device_twin.course_table, device_twin.health_table, device_twin.parameters_table):
        empty = load(store, scope)
        assert empty.is_empty and "every hour" in empty.more["why"]
    kept = study(store)
    course = device_twin.course_table(store, scope)
    measured = np.asarray(course.columns["Voltage (V)"])
    # its points are readings, the newest one among them
    assert measured[-1] == DRIVEN.voltage[-1]
    assert np.isin(measured, DRIVEN.voltage).all()
    assert np.asarray(course.columns["SOC reported (%)"])[-1] == DRIVEN.soc[-1]
    assert np.sqrt(np.mean((measured - np.asarray(course.columns["Voltage, modelled (V)"])) ** 2)) < 0.3
    residual = np.asarray(course.columns["Residual per cell (mV)"])
    assert residual[-1] == pytest.approx(1000 * (DRIVEN.voltage[-1] - kept["course"]["modelled"][-1]) / 240, abs=1e-3)
    health = device_twin.health_table(store, scope)
    assert len(health.columns["indicator"]) == 5
    assert dict(health.more["facts"])["Remaining life"] == f"{kept['life']['left']:.1f} years"
    rows = dict(zip(*(device_twin.parameters_table(store, scope).columns[name] for name in ("parameter", "value")), strict=True))
    assert float(rows["R0 at 25 °C (mΩ)"]) == pytest.approx(1000 * WORLD.r0, rel=0.05)
    assert rows["Cells in series"] == "240"
    assert device_twin.examined_frame(store, scope) == {"redraw": NOW}
    twin = device_twin.twin_table(store, scope)
    assert twin.columns["measured"][0] == f"{DRIVEN.voltage[-1]:.2f}"


@pytest.mark.parametrize("ruin", ["nan", "one", "wild"])
def test_odd_readings_end_in_a_twin_without_figures_and_never_in_a_failure(store, ruin):
    told = DRIVEN.rows(np.arange(1 if ruin == "one" else 200))
    if ruin == "nan":
        told.voltage[:], told.temperature[:] = np.nan, np.nan
    elif ruin == "wild":
        told.current[::2], told.soc[::3], told.voltage[::5] = 1e7, 900.0, -4.0
    at = (told.at - told.at[-1] + NOW - 1000).tolist()
    columns = [[None if v != v else v for v in column.tolist()] for column in (told.voltage, told.current, told.soc, told.temperature)]
    rows = [("p1", t, t, 0, *values) for t, *values in zip(at, *columns, strict=True)]
    store.telemetry.append([Block("pack", ("voltage", "current", "soc", "temperature"), rows)])
    kept = study(store)
    json.dumps(kept, allow_nan=False)
    assert kept["life"] is None
