"""The demo plant's readings as columns and rows: what sizes, sealing and reads are measured with. Everything noisy, nothing made up
for the benchmark but the receive times: a tenth of a second and more on the way, exponentially distributed like a network's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from datastore.ports import Columns, Instants, Numbers
from plant.simulation import Design, Plant
from plant.simulation.battery_readings import racks, units
from plant.simulation.converter_readings import inverters, pcs
from plant.simulation.instruments import Instruments, Table
from plant.simulation.site_readings import meters, site, site_seconds, weather

START = 1_788_220_800_000
"""2026-09-01 00:00 UTC."""
ZONE = "Asia/Taipei"
ON_THE_WAY_MS = 120
JITTER_MS = 40.0
NOISY_PCS = (
    "apparent_power", "active_power", "reactive_power", "frequency", "dc_current", "dc_voltage", "dc_power", "ac_current_a",
    "ac_current_b", "ac_current_c", "ac_voltage_ab", "ac_voltage_bc", "ac_voltage_ca", "temp_ambient", "temp_igbt",
)  # fmt: skip
"""Fifteen analogue values of a converter: none is constant, each has noise of at least its last digit."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What the plant said in a stretch of time: instants [n] and kind → metric → values [n, devices]."""

    at: Instants
    tables: Mapping[str, Table]


def plant_hours(design: Design, start: int, hours: float, seconds: int) -> Iterator[Hour]:
    """The whole plant from `start` (epoch ms) on, a reading of everything each `seconds`, an hour at a time."""
    plant = Plant(design)
    state = plant.newborn(start / 1000 - seconds)  # readings tell the end of each step
    left = round(hours * 3600 / seconds)
    while left:
        steps = min(left, 3600 // seconds)
        state, trace = plant.run(state, steps, seconds)
        tools = Instruments(plant, trace)
        rack_table = racks(tools)
        unit_table = units(tools, rack_table)
        tables = {
            "site": site(tools, unit_table), "bess": unit_table, "rack": rack_table, "pcs": pcs(tools),
            "inverter": inverters(tools), "meter": meters(tools), "weather": weather(tools),
        }  # fmt: skip
        yield Hour((trace.at * 1000).astype(np.int64), tables)
        left -= steps


def site_days(days: int, start: int = START) -> Iterator[Columns]:
    """The site's controller at 1 Hz (frequency, power, target), a UTC day at a time, as the demo plant has it for its history."""
    plant = Plant(Design())
    state = plant.newborn(start / 1000)
    for _ in range(days):
        state, trace = plant.run(state, 1440, 60)
        at = ((trace.at[:, None] - 60 + np.arange(60)).ravel() * 1000).astype(np.int64)
        yield columns(at, {name: values.ravel() for name, values in site_seconds(plant, trace).items()})


def received(at: Instants, seed: int) -> Instants:
    """When readings of these instants came: whole milliseconds, ascending as on one connection."""
    draw = np.random.default_rng(seed)
    return np.maximum.accumulate(at + ON_THE_WAY_MS + draw.exponential(JITTER_MS, len(at)).astype(np.int64))


def columns(at: Instants, values: Mapping[str, Numbers], seed: int = 1) -> Columns:
    """Good readings with jittered receive times."""
    return Columns(at, received(at, seed), np.zeros(len(at), dtype=np.int64), dict(values))


def device_day(kinds: Mapping[str, int], hours: int = 24, seconds: int = 1, start: int = START) -> dict[str, Columns]:
    """`hours` of the first device of each of `kinds` (kind → place), everything it says."""
    parts = list(_only(plant_hours(Design(), start, hours, seconds), kinds))
    at = np.concatenate([part.at for part in parts])
    return {
        kind: columns(at, {name: np.concatenate([part.tables[kind][name] for part in parts]) for name in parts[0].tables[kind]})
        for kind in kinds
    }


def _only(hours: Iterator[Hour], kinds: Mapping[str, int]) -> Iterator[Hour]:
    for hour in hours:
        yield Hour(hour.at, {kind: {n: v[:, place].copy() for n, v in hour.tables[kind].items()} for kind, place in kinds.items()})


def rows(device: str, told: Columns) -> list[tuple[object, ...]]:
    """Columns as a door hands them on."""
    lists = [told.at.tolist(), told.received.tolist(), told.quality.tolist(), *[told.values[name].tolist() for name in told.values]]
    return [(device, *row) for row in zip(*lists, strict=True)]
