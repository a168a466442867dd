"""Forecasts measured: every target on the demo plant and on measured data, by the rolling-origin evaluation that the pages show.

`used` is the mean absolute error of the method that was best in the folds before, so what somebody who relied on it would have seen; the
seasonal naive (same hour yesterday, same day last week) is that of the same moments. Forecasters never see the simulator's code.
"""

import csv
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import calibrate, keep, machine, table, verdict
from bench.measured_data import instant, number
from bench.plant_data import START, columns
from datastore.open import open_store
from datastore.ports import Numbers
from datastore.store import Store
from plant.analysis import pv
from plant.analysis.forecast.outlook import Outlook, outlook
from plant.analysis.forecast.past import Past, on_grid
from plant.model import DAY, HOUR, Device, Window
from plant.simulation import Design, Plant
from plant.simulation.battery_readings import racks, units
from plant.simulation.dispatch import events
from plant.simulation.instruments import Instruments
from plant.simulation.pv import PEAK, RATED
from plant.simulation.site_readings import site, site_seconds
from plant.simulation.sun import TILT
from services import forecasts
from services.forecasts import Subject

DAYS = 30
BAR = 10.0
"""Per cent of the seasonal naive's error to be saved, where there is signal."""
GOLDEN = (39.742, -105.179)  # [°] where NREL's arrays stand
HEAD = ("data", "target", "method", "MAE", "baseline", "its MAE", "used", "seasonal naive", "saved", "interval holds", "verdict")


def demo(days: int) -> Store:
    """The demo plant's site by the second for `days` in a store in memory, with its awards."""
    design = Design()
    now = START + days * DAY
    store = open_store("memory://", design.zone, clock=lambda: now, place=(design.latitude, design.longitude))
    store.records.put_devices(
        [
            Device("site", "site", interval_s=1.0, simulated=True),
            *(
                Device(f"inverter{k:02d}", "inverter", rating={"power_kw": RATED, "peak_power_kw": PEAK}, info={"tilt": TILT})
                for k in range(1, design.inverters + 1)
            ),
        ]
    )
    store.records.put_events(events(Window(START, now + 2 * DAY), design.seed, design.zone))
    plant = Plant(design)
    state = plant.newborn(START / 1000)
    for _ in range(days):
        state, trace = plant.run(state, 1440, 60)
        at = ((trace.at[:, None] - 60 + np.arange(60)).ravel() * 1000).astype(np.int64)
        values = {name: told.ravel() for name, told in site_seconds(plant, trace).items()}
        tools = Instruments(plant, trace)
        slow = site(tools, units(tools, racks(tools)))
        for name in ("soc", "aux_power", "pv_power"):
            values[name] = np.full(at.size, np.nan)
            values[name][59::60] = slow[name][:, 0]
        store.telemetry.load("site", "site", columns(at, values))
    return store


def of_demo(store: Store) -> Iterator[Subject]:
    """What the study makes of it."""
    now = store.clock()
    for make in (forecasts.load, forecasts.sun, forecasts.charge, forecasts.price, forecasts.income):
        yield from make(store, now)


def measured(folder: Path) -> Iterator[tuple[str, str, Past, int]]:
    """Each measured series that is there: file, quantity, its past, steps ahead."""

    def rows(name: str) -> list[dict[str, str]]:
        path = folder / name
        if not path.is_file():
            return []
        with path.open(newline="", encoding="utf-8-sig") as lines:
            return list(csv.DictReader(lines))

    # no stamps, only hours: 90 days as the study looks at
    for name, quantities in (
        ("citylearn2022_Building_1.csv", {"non_shiftable_load": "load", "solar_generation": "solar"}),
        ("citylearn2022_pricing.csv", {"electricity_pricing": "price"}),
    ):
        told = rows(name)
        for column, called in quantities.items() if told else ():
            values = np.array([number(row[column]) for row in told])[-forecasts.DAYS * 24 :]
            yield name, called, Past(0, HOUR, 24, values, lowest=0.0), forecasts.AHEAD
    told = rows("powerwall_home_daily.csv")
    for column, called in {"Home (kWh)": "load", "Solar Energy (kWh)": "solar"}.items() if told else ():
        at = [int(datetime.fromisoformat(row["Date time"]).timestamp() * 1000) for row in told]
        start, count = at[0] - HOUR, round((at[-1] - at[0]) / DAY) + 1
        values = on_grid(at, [number(row[column]) for row in told], start, DAY, count)[-forecasts.HOME_DAYS :]
        yield "powerwall_home_daily.csv", called, Past(start, DAY, 7, values, lowest=0.0), forecasts.WEEK
    for name, when, form, column, factor in (
        ("serf_west_15min.csv", "", "%Y-%m-%d %H:%M:%S", "ac_power__773", 1e-3),
        ("serf_east_1min_ac_power.csv", "measured_on", "", "ac_power__752", 1e-3),
        ("nrel_RSF_II.csv", "", "%m/%d/%Y %H:%M", "inv2_ac_power_w__1047", 1e-3),
        ("irradiance_RMIS_NREL.csv", "measured_on", "%m/%d/%Y %H:%M", "irradiance_ghi__7981", 1.0),
    ):
        if told := rows(name):
            at = [instant(row[when], form) for row in told]
            start = at[0] - at[0] % HOUR
            values = on_grid(at, [factor * number(row[column]) for row in told], start, HOUR, (at[-1] - start) // HOUR + 1)
            up, azimuth = pv.sun(start + HOUR * np.arange(values.size + 24) + HOUR // 2, *GOLDEN)
            clear: Mapping[str, Numbers] = {"clear": pv.on_plane(pv.clear_sky(up), up, azimuth, 0.0, 180.0)}
            yield name, "solar", Past(start, HOUR, 24, values, clear), forecasts.AHEAD


def main(arguments: list[str]) -> None:
    """`--measured`: without the demo plant, whose readings take a while to make."""
    calibration = calibrate()
    print(f"{machine()}\n{calibration}")
    kept: dict[str, Any] = {}
    lines: list[list[Any]] = []
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        print("The measured files are not here: not looked at.")
    for name, called, past, horizon in measured(folder):
        _judge(lines, kept, name.removesuffix(".csv"), called, Subject(called, "", "", "", past, horizon))
    if "--measured" not in arguments:
        store = demo(DAYS)
        for subject in of_demo(store):
            _judge(lines, kept, "demo plant", subject.target, subject)
        store.close()
    print(table(HEAD, lines))
    keep("forecasts", calibration, kept)


def _judge(lines: list[list[Any]], kept: dict[str, Any], name: str, called: str, subject: Subject) -> None:
    begun = time.process_time()
    found = outlook(subject.past, subject.horizon, subject.methods)
    took = time.process_time() - begun
    print(f"{name} {called}: {took:.1f} s", file=sys.stderr)
    if not isinstance(found, Outlook):
        lines.append([name, called, "–", "", "", "", "", "", "", "", f"not said: {found.reason}"])
        kept[f"{name}/{called}"] = {"reason": found.reason}
        return
    trial = found.trial
    used, naive = trial.as_used()
    skill, coverage = trial.skill(), trial.coverage()
    said = verdict(100 * (skill or 0.0), BAR, at_least=True) if trial.has_signal() else "no signal beyond the baseline"
    lines.append(
        [
            name, called, found.method, _short(trial.mae(found.method)), found.baseline, _short(trial.mae(found.baseline)), _short(used),
            _short(naive), _percent(skill), _percent(coverage), said,
        ]
    )  # fmt: skip
    kept[f"{name}/{called}"] = {**forecasts.body(subject, found)["error"], "method": found.method, "took_s": took}


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"
