"""Faults put into sound readings at random places, by fixed seeds; what a detector then says is compared with what was put in.

The simulated plant's own faults begin on its fourth day: its first three days are sound, and these readings are all that detectors get.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench.plant_data import START, plant_hours
from plant.analysis.anomaly.examine import Group
from plant.analysis.anomaly.finding import Instants, Numbers
from plant.metrics import CATALOGUE
from plant.model import DAY, HOUR, MINUTE
from plant.simulation import Design, Plant
from plant.simulation.battery_readings import rack_vectors
from plant.simulation.converter_readings import inverter_vectors, inverters
from plant.simulation.instruments import Instruments
from plant.simulation.site_readings import weather

DAYS = 3
REFERENCE_DAYS = 1
NAMES = (
    "soc", "soh", "voltage", "current", "power", "cell_avg_voltage", "cell_max_voltage", "cell_min_voltage", "cell_avg_temp",
    "cell_max_temp", "cell_min_temp", "internal_resistance",
)  # fmt: skip
"""The analogue quantities of a rack that are looked at."""
TEMPERATURES = ("cell_avg_temp", "cell_max_temp", "cell_min_temp")

Table = dict[str, Numbers]
"""Metric → [n, members]."""


@dataclass(frozen=True, slots=True)
class Case:
    """One unit's readings with one fault (`kind`; "" = none) of `member` from `start` to `end` [epoch ms]. `metrics` are those in which it
    shows; empty = any."""

    kind: str
    at: Instants
    table: Table
    unit: int
    member: int = -1
    start: int = 0
    end: int = 0
    metrics: frozenset[str] = frozenset()

    def group(self) -> Group:
        """As a detector gets it."""
        members = tuple(f"bess{self.unit + 1:02d}-rack{k + 1:02d}" for k in range(self.table["soc"].shape[1]))
        return Group("rack", members, self.at, self.table, 60.0, int(self.at[0]) + REFERENCE_DAYS * DAY)


def sound_racks(units: int = 12, racks: int = 12, days: int = DAYS, seed: int | None = None) -> tuple[Instants, Table]:
    """Readings of all racks each minute: (at, metric → [n, units · racks])."""
    design = Design(units=units, racks=racks) if seed is None else Design(units=units, racks=racks, seed=seed)
    hours = list(plant_hours(design, START, 24 * days, 60))
    at = np.concatenate([hour.at for hour in hours])
    return at, {name: np.concatenate([hour.tables["rack"][name] for hour in hours]) for name in NAMES}


Injection = Callable[[Table, Instants, np.ndarray, int, np.random.Generator], frozenset[str]]
"""(table to change, instants, rows of the fault, member, chance) → the metrics in which it shows."""


def _ramp(rows: np.ndarray, length: int) -> Numbers:
    return np.minimum((np.arange(rows.size) + 1.0) / length, 1.0)


def _round(values: Numbers, name: str) -> Numbers:
    return np.asarray(np.round(values, CATALOGUE[name].decimals))


def hot_rack(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """A rack warms by 4…8 K over three hours and stays so."""
    warm = _ramp(rows, 180) * chance.uniform(4, 8)
    for name, share in (("cell_max_temp", 1.0), ("cell_avg_temp", 0.8), ("cell_min_temp", 0.6)):
        table[name][rows, member] = _round(table[name][rows, member] + share * warm, name)
    return frozenset(TEMPERATURES)


def hot_cell(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """The warmest sensor alone rises by 4…8 K within an hour."""
    table["cell_max_temp"][rows, member] = _round(
        table["cell_max_temp"][rows, member] + _ramp(rows, 60) * chance.uniform(4, 8), "cell_max_temp"
    )
    return frozenset({"cell_max_temp"})


def drifting_cell(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """The lowest cell of a rack falls by 15…40 mV over twelve hours."""
    fall = _ramp(rows, 720) * chance.uniform(0.015, 0.040)
    table["cell_min_voltage"][rows, member] = _round(table["cell_min_voltage"][rows, member] - fall, "cell_min_voltage")
    return frozenset({"cell_min_voltage"})


def stuck_sensor(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """One quantity says the same for two to six hours."""
    name = str(chance.choice(["current", "voltage", "cell_max_temp", "cell_avg_voltage", "soc", "internal_resistance"]))
    table[name][rows, member] = table[name][rows[0], member]
    return frozenset({name, "power"} if name in ("current", "voltage") else {name})


def gap(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """Nothing is heard for ten minutes to two hours."""
    rows = rows[: int(chance.integers(10, 120))]
    for values in table.values():
        values[rows, member] = np.nan
    return frozenset({""})


def unit_error(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """One quantity comes in another unit: a thousand times or a thousandth, °F, K, or with the other sign."""
    which = int(chance.integers(5))
    name = str(
        chance.choice(["voltage", "cell_avg_voltage", "soc"] if which < 2 else list(TEMPERATURES) if which < 4 else ["current", "power"])
    )
    x = table[name][rows, member]
    table[name][rows, member] = (x * 1000, x / 1000, x * 1.8 + 32, x + 273.15, -x)[which]
    return frozenset({name})


def spike(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """One to three readings of a quantity are far off."""
    name, far = [("soc", 25.0), ("cell_max_temp", 30.0), ("cell_min_voltage", -1.2), ("voltage", 300.0), ("soh", -20.0)][
        int(chance.integers(5))
    ]
    rows = rows[: int(chance.integers(1, 4))]
    table[name][rows, member] += far * chance.uniform(0.8, 1.5)
    return frozenset({name})


def charge_offset(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """The charge counter runs away, 2…5 points a day (a current sensor with an offset)."""
    away = np.arange(rows.size) * MINUTE / DAY * chance.uniform(2, 5) * chance.choice([-1, 1])
    table["soc"][rows, member] = np.clip(_round(table["soc"][rows, member] + away, "soc"), 0, 100)
    return frozenset({"soc"})


def capacity_loss(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """A rack has lost 8…15 % of its capacity: its charge swings more than its siblings' around where it was."""
    x = table["soc"][rows, member]
    table["soc"][rows, member] = np.clip(_round(x[0] + (x - x[0]) / (1 - chance.uniform(0.08, 0.15)), "soc"), 0, 100)
    return frozenset({"soc"})


def resistance_rise(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """The resistance rises by a quarter to a half over a day."""
    table["internal_resistance"][rows, member] *= 1 + _ramp(rows, 1440) * chance.uniform(0.25, 0.5)
    table["internal_resistance"][rows, member] = _round(table["internal_resistance"][rows, member], "internal_resistance")
    return frozenset({"internal_resistance"})


def gain_error(table: Table, at: Instants, rows: np.ndarray, member: int, chance: np.random.Generator) -> frozenset[str]:
    """The current sensor tells 12…25 % too much or too little: each value is usual, what it makes with the power is not."""
    table["current"][rows, member] = _round(
        table["current"][rows, member] * (1 + chance.choice([-1, 1]) * chance.uniform(0.12, 0.25)), "current"
    )
    return frozenset({"current", "power"})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: how it is put in, and how long it lasts [hours], from … to; None = to the end."""

    put: Injection
    hours: tuple[float, float] | None = None


KINDS: Mapping[str, Kind] = {
    "hot rack": Kind(hot_rack),
    "hot cell": Kind(hot_cell),
    "drifting cell": Kind(drifting_cell),
    "stuck sensor": Kind(stuck_sensor, (2, 6)),
    "gap": Kind(gap, (3, 4)),
    "unit error": Kind(unit_error, (1, 6)),
    "spike": Kind(spike, (1, 2)),
    "charge offset": Kind(charge_offset),
    "capacity loss": Kind(capacity_loss),
    "resistance rise": Kind(resistance_rise),
    "gain error": Kind(gain_error),
}


def cases(at: Instants, table: Table, kinds: Mapping[str, Kind], each: int, sound: int, seed: int, racks: int = 12) -> list[Case]:
    """`each` cases of every kind and `sound` without any fault, of units chosen at random; the fault begins on the second day."""
    chance = np.random.default_rng(seed)
    units = table["soc"].shape[1] // racks
    made: list[Case] = []
    for kind, fault in [*[(name, kinds[name]) for name in kinds for _ in range(each)], *[("", None)] * sound]:
        unit = int(chance.integers(units)) if fault is not None else len(made) % units
        mine = {name: values[:, unit * racks : (unit + 1) * racks].copy() for name, values in table.items()}
        if fault is None:
            made.append(Case("", at, mine, unit))
            continue
        member = int(chance.integers(racks))
        day = int(chance.integers(0, 12 * HOUR // MINUTE))
        first = REFERENCE_DAYS * 1440 + day
        length = at.size - first if fault.hours is None else int(60 * chance.uniform(*fault.hours))
        rows = np.arange(first, min(first + length, at.size))
        metrics = fault.put(mine, at, rows, member, chance)
        made.append(Case(kind, at, mine, unit, member, int(at[rows[0]]), int(at[rows[-1]]) + MINUTE, metrics))
    return made


GRADED = frozenset(KINDS) - {"stuck sensor", "gap", "unit error"}
"""Kinds that have a size."""


def weakened(case: Case, sound: Table, strength: float, racks: int = 12) -> Case:
    """The same fault at a share of its size."""
    first = case.unit * racks
    table = {name: values.copy() for name, values in case.table.items()}
    for name, values in table.items():
        before = sound[name][:, first + case.member]
        values[:, case.member] = _round(before + strength * (values[:, case.member] - before), name)
    return replace(case, table=table)


@dataclass(frozen=True, slots=True)
class Parts:
    """Cells of a rack or strings of an inverter, [n, parts], with a fault of `part` (0…; −1 = none) from `start` [epoch ms] on."""

    kind: str
    device: str
    metric: str
    at: Instants
    values: Numbers
    part: int = -1
    start: int = 0


def sound_parts(days: int = DAYS) -> tuple[Instants, dict[str, Numbers]]:
    """Every quarter of an hour: (at, `cell_voltages` and `cell_temperatures` [n, racks, parts] of one unit's racks, `string_currents`
    [n, inverters, strings])."""
    plant = Plant(Design())
    state = plant.newborn(START / 1000 - 60)
    told: dict[str, list[Numbers]] = {"cell_voltages": [], "cell_temperatures": [], "string_currents": []}
    at = []
    for _ in range(24 * days):
        state, trace = plant.run(state, 60, 60)
        tools, rows = Instruments(plant, trace), np.arange(0, 60, 15)
        at.append((trace.at[rows] * 1000).astype(np.int64))
        vectors = {**rack_vectors(tools, rows, np.arange(plant.design.racks)), **inverter_vectors(tools, rows)}
        for name, parts in told.items():
            parts.append(vectors[name])
    return np.concatenate(at), {name: np.concatenate(parts) for name, parts in told.items()}


def part_cases(at: Instants, sound: Mapping[str, Numbers], each: int, seed: int) -> list[Parts]:
    """Drifting cells (15…40 mV in twelve hours), hot cells (4…8 K), open strings, strings that lose 12…30 %, and as many without any."""
    chance = np.random.default_rng(seed)
    made = []
    for kind, metric in (("cell voltage", "cell_voltages"), ("cell heat", "cell_temperatures"), ("open string", "string_currents"),
                         ("weak string", "string_currents"), ("", "cell_voltages"), ("", "string_currents")):  # fmt: skip
        for _ in range(each):
            which = int(chance.integers(sound[metric].shape[1]))
            values = sound[metric][:, which].copy()
            part, first = int(chance.integers(values.shape[1])), 96 + int(chance.integers(48))
            ramp = np.minimum((np.arange(at.size - first) + 1) / 48, 1.0)
            if kind == "cell voltage":
                values[first:, part] -= ramp * chance.uniform(0.015, 0.040)
            elif kind == "cell heat":
                values[first:, part] += ramp * chance.uniform(4, 8)
            elif kind:
                values[first:, part] *= 0.0 if kind == "open string" else 1 - chance.uniform(0.12, 0.30)
            device = f"inverter{which + 1:02d}" if metric == "string_currents" else f"bess01-rack{which + 1:02d}"
            made.append(Parts(kind, device, metric, at, values, part if kind else -1, int(at[first]) if kind else 0))
    return made


def sound_yields(days: int, seed: int) -> tuple[Instants, Numbers]:
    """Days and daily yield of an inverter per insolation [kWh per kWh/m²], of a plant of its own."""
    plant = Plant(Design(seed=seed))
    state = plant.newborn(START / 1000 - 300)
    at, ratio = [], []
    for day in range(days):
        energy = sunshine = 0.0
        for _ in range(2):
            state, trace = plant.run(state, 144, 300)
            tools = Instruments(plant, trace)
            energy += float(inverters(tools)["total_active_power"][:, 0].sum()) / 12
            sunshine += float(np.maximum(weather(tools)["poa_irradiance"][:, 0], 0).sum()) / 12_000
        at.append(START + day * DAY)
        ratio.append(energy / sunshine if sunshine > 0.5 else float("nan"))
    return np.array(at), np.array(ratio)


def clocks(kind: str, chance: np.random.Generator) -> tuple[Instants, Instants, int]:
    """Six hours of a device's (at, received) each 10 s; its clock goes wrong at the instant given back (0 = never)."""
    heard = START + np.arange(2160, dtype=np.int64) * 10_000 + np.cumsum(chance.integers(0, 3, 2160))
    at = heard - 120 - chance.exponential(40.0, 2160).astype(np.int64)
    first = int(chance.integers(300, 1500))
    if kind == "clock jump":
        at[first:] += int(chance.choice([-1, 1]) * chance.uniform(90, 7200) * 1000)
    elif kind == "clock frozen":
        at[first : first + 60] = at[first]
    elif kind == "clock drift":
        first = 0
        at += ((heard - START) * chance.choice([-1, 1]) * chance.uniform(2, 10) / 3600).astype(np.int64)
    elif kind == "held back":  # a gateway that sends a heap is no clock fault
        heard[first : first + 30] = heard[first + 30]
        heard[first : first + 30] += np.arange(30)
        return at, np.maximum.accumulate(heard), 0
    else:
        return at, heard, 0
    return at, heard, int(heard[first])
