"""The site's power balance: sun, battery, grid and auxiliaries, from the connection point where it speaks, from the units else."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dashboard.figures.axes import Numbers
from dashboard.loads.fleet import Fleet, Said, Sum, batteries, site, total
from datastore.ports import Series, Telemetry
from plant.model import Device, Kind, Window

OF_SITE = ("active_power", "pv_power", "aux_power")


@dataclass(frozen=True, slots=True)
class Balance:
    """Powers now [kW]: `pv` produced, `battery` discharge positive (AC side), `grid` export positive, `aux` consumed."""

    pv: Sum
    battery: Sum
    grid: Sum
    aux: Sum


def balance(plant: Fleet) -> Balance:
    """The balance of now. The battery is the sum of the converters (of the units where none is registered); while a converter is
    silent it follows from the balance at the connection point, when that speaks: grid = pv + battery − aux."""
    here = site(plant)
    pv = _one(plant.said(here, "pv_power")) or total(plant.all(plant.of(Kind.INVERTER), "total_active_power"), len(plant.of(Kind.INVERTER)))
    grid = _one(plant.said(here, "active_power")) or Sum(None, None, 0, 1)
    aux = _one(plant.said(here, "aux_power")) or Sum(None, None, 0, 1)
    devices, metric = converters(plant)
    battery = total(plant.all(devices, metric), len(devices))
    if not battery.is_complete or battery.value is None:
        battery = _from_site(pv, grid, aux, plant.now) or battery
    return Balance(pv, battery, grid, aux)


def _one(said: Said | None) -> Sum | None:
    return Sum(said.value, said.at, 1, 1) if said else None


def _from_site(pv: Sum, grid: Sum, aux: Sum, now: int) -> Sum | None:
    parts = (grid, pv, aux)
    if any(part.value is None or part.at is None or now - part.at > 15_000 for part in parts):
        return None
    assert grid.value is not None and pv.value is not None and aux.value is not None
    return Sum(grid.value - pv.value + aux.value, min(part.at for part in parts if part.at is not None), 1, 1)


def converters(plant: Fleet) -> tuple[list[Device], str]:
    """The devices whose power is the battery's, and the metric that says it: PCS on the AC side, else the units themselves."""
    return (list(plant.of(Kind.PCS)), "active_power") if plant.of(Kind.PCS) else (list(batteries(plant)), "power")


@dataclass(frozen=True, slots=True)
class History:
    """Bucket means [kW] on one time base `at` (bucket starts, epoch ms UTC), NaN where nothing was said; signs as in Balance."""

    at: Numbers
    pv: Numbers
    battery: Numbers
    grid: Numbers
    aux: Numbers
    width: int


def history(telemetry: Telemetry, plant: Fleet, window: Window, width: int, zone: str = "UTC") -> History:
    """The balance over a window in buckets of `width` ms (from a day on, days of `zone`). A bucket in which one converter is silent takes
    the battery from the connection point instead of a sum that lacks a unit."""
    here = site(plant)
    devices, metric = converters(plant)
    inverters = plant.of(Kind.INVERTER)
    of_site = telemetry.series([(here.device_id, here.kind)], OF_SITE, window, resolution=width, zone=zone) if here else {}
    of_units = telemetry.series([(d.device_id, d.kind) for d in devices], [metric], window, resolution=width, zone=zone) if devices else {}
    at = grid_of(window, width, [*of_site.values(), *of_units.values()])

    def of(name: str) -> Numbers:
        series = of_site.get((here.device_id, here.kind, name)) if here else None
        return on(at, series)

    grid, pv, aux = of("active_power"), of("pv_power"), of("aux_power")
    if not np.isfinite(pv).any() and inverters:
        pv = _sum(
            at,
            telemetry.series([(d.device_id, d.kind) for d in inverters], ["total_active_power"], window, resolution=width, zone=zone),
            len(inverters),
        )
    battery = _sum(at, of_units, len(devices))
    derived = grid - pv + aux
    battery = np.where(np.isfinite(battery), battery, derived)
    return History(at, pv, battery, grid, aux, width)


def _sum(at: Numbers, series: Mapping[tuple[str, str, str], Series], asked: int) -> Numbers:
    """Sum over devices, NaN where any is silent."""
    columns = [on(at, one) for one in series.values()]
    if not columns or len(columns) < asked:
        return np.full(len(at), np.nan)
    found: Numbers = np.sum(columns, axis=0)
    return found


def grid_of(window: Window, width: int, series: list[Series]) -> Numbers:
    """Bucket starts of all series, ascending, as float64."""
    parts = [one.at for one in series if len(one.at)]
    return np.unique(np.concatenate(parts)).astype(np.float64) if parts else np.empty(0)


def on(at: Numbers, series: Series | None) -> Numbers:
    """Means of a series on the time base `at`; NaN where it has no bucket."""
    found = np.full(len(at), np.nan)
    if series is not None and len(series.at):
        found[np.searchsorted(at, series.at)] = series.mean
    return found
