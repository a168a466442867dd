"""What the BESS page shows: the rack table of S1, comparison of racks, cells of one rack."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.figures import sheet
from dashboard.figures.axes import plain
from dashboard.figures.heat import Heat, as_matrix
from dashboard.figures.sheet import Sheet
from dashboard.loads import history
from dashboard.loads.fleet import fleet
from dashboard.loads.rackmap import is_outside
from dashboard.loads.units import chosen_rack, chosen_unit, rack_name, racks, unit_name, units
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis import imbalance
from plant.metrics import MODES, metric
from plant.model import MINUTE, Device, Kind

ROWS: tuple[tuple[str, str], ...] = (
    ("Mode", "mode"),
    ("Voltage (V)", "voltage"),
    ("Current (A)", "current"),
    ("Power (kW)", "power"),
    ("SOC (%)", "soc"),
    ("SOH (%)", "soh"),
    ("Cell Max Voltage (V)", "cell_max_voltage"),
    ("Cell Min Voltage (V)", "cell_min_voltage"),
    ("Cell Avg Voltage (V)", "cell_avg_voltage"),
    ("Voltage Diff (V)", "cell_voltage_diff"),
    ("Cell Max Temp (°C)", "cell_max_temp"),
    ("Cell Min Temp (°C)", "cell_min_temp"),
    ("Temp Diff (°C)", "cell_temp_diff"),
)
"""The rows of S1's rack table (DECISIONS, Interfaces) and the metrics they show."""
KINDS = (Kind.BESS, Kind.PACK, Kind.RACK)
COMPARED = ("soc", "voltage", "cell_voltage_diff", "cell_max_temp", "power", "current")
CELLS_PER_MODULE = 12
LEAST_SCALE = {"cell_voltages": 0.001, "cell_temperatures": 0.1}
"""One digit of the sensors: smaller differences are no differences."""


def unit_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The units that exist."""
    return [(str(number), unit_name(number, scope.lang)) for number in units(fleet(store, KINDS))]


def rack_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The racks of the chosen unit."""
    plant = fleet(store, KINDS)
    unit = chosen_unit(plant, scope)
    return [(str(number), rack_name(number, scope.lang)) for number in racks(plant, unit[1])] if unit else []


def compare_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """What racks can be compared by."""
    return [(name, metric(name).label(scope.lang)) for name in COMPARED]


def rack_table(store: Store, scope: Scope) -> Table:
    """S1's table: columns `metric` and one per rack (`Rack 01` …), rows ROWS; numbers, a word for the mode, None where nothing was said."""
    plant = fleet(store, KINDS)
    unit = chosen_unit(plant, scope)
    found = racks(plant, unit[1]) if unit else {}
    if unit is None or not found:
        return Table({})
    names = {number: f"Rack {number:02d}" for number in found}
    columns: dict[str, list[Any]] = {"metric": [word(f"racks.{row}", scope.lang) for row, _ in ROWS]}
    tones: dict[tuple[str, str], str] = {}
    heard = []
    for number, rack in found.items():
        column = []
        for _, name in ROWS:
            said = plant.said(rack, name)
            column.append(None if said is None else _value(name, said.value, scope.lang))
            if said is not None:
                heard.append(said.at)
                tone = "stale" if said.is_stale else _tone(name, said.value)
                if tone:
                    tones[name, names[number]] = tone
        columns[names[number]] = column
    if not heard:
        return Table({})
    parts: list[tuple[str, str, int | None]] = [("metric", "", None)]
    parts += [(names[number], rack_name(number, scope.lang), None) for number in found]
    links = {("", names[number]): scope.link("/bess", unit=unit[0], rack=number) for number in found}
    chosen = chosen_rack(plant, scope)
    spec = Sheet(tuple(parts), tuple(name for _, name in ROWS), tones, links, names[chosen[1]] if chosen else "", dict(_decimals()))
    return Table(columns, max(heard), plant.is_simulated(list(found.values())), {"sheet": spec})


def _decimals() -> list[tuple[str, int]]:
    return [(name, metric(name).decimals) for _, name in ROWS if name != "mode"]


def _value(name: str, value: float, lang: str) -> float | str:
    if name == "mode":
        return word(f"mode.{MODES[int(value)]}", lang) if int(value) in MODES else f"{value:g}"
    return round(value, metric(name).decimals)


def _tone(name: str, value: float) -> str:
    if name == "mode":
        return {2: "charge", 3: "discharge", 4: "alarm", 5: "warning"}.get(int(value), "")
    about = metric(name)
    return "alarm" if is_outside(value, about.alarm) else "warning" if is_outside(value, about.normal) else ""


def rack_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The numbers of the table."""
    table = rack_table(store, scope)
    return None if table.is_empty else sheet.frame(table)


def compare_asks(store: Store, scope: Scope) -> list[history.Ask]:
    """One line per rack of the unit; all but the chosen rack are faint when one is chosen."""
    plant = fleet(store, KINDS)
    unit = chosen_unit(plant, scope)
    name = scope.metric if scope.metric in COMPARED else COMPARED[0]
    found = racks(plant, unit[1]) if unit else {}
    return [
        history.Ask(rack, name, rack_name(number, scope.lang), faint=scope.rack is not None and scope.rack != number)
        for number, rack in found.items()
    ]


_shared: dict[str, tuple[object, str, Table]] = {}
_gate = threading.Lock()


def compare_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` and one per rack. Without a chosen rack the one furthest from the median of its neighbours stands out. Comparison and
    deviation are asked for at the same time: who comes second within a second gets the same table."""
    key = f"{scope.topic('compare')} {store.clock() // 1000}"
    with _gate:
        kept = _shared.get("newest")
        if kept is None or kept[0] is not store.telemetry or kept[1] != key:
            kept = _shared["newest"] = (store.telemetry, key, _compared(store, scope))
    return kept[2]


def _compared(store: Store, scope: Scope) -> Table:
    asks = compare_asks(store, scope)
    table = history.history(store, scope, asks, limits=False, narrowest=MINUTE)
    if table.is_empty or scope.rack is not None:
        return table
    return history.highlighted(table, furthest(table))


def furthest(table: Table) -> str | None:
    """The column that lies furthest from the median of all columns, on average over the window; None with fewer than three."""
    names = [line.column for line in table.more["plot"].lines]
    if len(names) < 3:
        return None
    values = np.array([np.asarray(table.columns[name], dtype=np.float64) for name in names])
    heard = np.isfinite(values).any(axis=0)
    apart = np.abs(values[:, heard] - np.nanmedian(values[:, heard], axis=0))
    reach = [float(np.nanmean(row)) if np.isfinite(row).any() else 0.0 for row in apart]
    return names[int(np.argmax(reach))]


def deviation_table(store: Store, scope: Scope) -> Table:
    """The same lines less the median of all racks at each instant: a drift shows long before it shows in the values themselves."""
    return history.deviation(compare_table(store, scope))


def compare_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest value of each rack."""
    return history.live_lines(store, scope, compare_asks(store, scope))


def cells(store: Store, scope: Scope, name: str) -> Table:
    """One vector of the chosen rack. Columns, one row per element: `row` (module), `column` (place in it), `number` (1…), the metric,
    `z` (robust), `mark`, `note`; `more["heat"]`."""
    plant = fleet(store, KINDS)
    chosen = chosen_rack(plant, scope)
    said = plant.vector(chosen[2], name) if chosen else None
    if chosen is None or said is None or not np.isfinite(said[0]).any():
        return Table({})
    values, at = np.asarray(said[0], dtype=np.float64), said[1]
    about = metric(name)
    across = modules_of(chosen[2], len(values), name)
    z = imbalance.robust_z(values, LEAST_SCALE[name])
    mark = np.abs(np.nan_to_num(z)) > imbalance.OUTLIER
    element = word("name.cell" if name == "cell_voltages" else "name.sensor", scope.lang)
    module = word("name.module", scope.lang)
    places = np.arange(len(values))
    columns: dict[str, Any] = {
        "row": places // across,
        "column": places % across,
        "number": places + 1,
        name: values,
        "z": np.round(z, 1),
        "mark": mark,
        "note": [f"{element} {i + 1} · {module} {i // across + 1}" for i in range(len(values))],
    }
    # modules side by side, cells upwards: twenty-one columns fit a screen better than twenty-one rows
    columns |= {"row": columns["column"], "column": columns["row"]}
    spec = Heat(
        tuple(str(i + 1) for i in range(across)),
        tuple(str(i + 1) for i in range(-(-len(values) // across))),
        name,
        about.unit,
        about.decimals,
        "level" if name == "cell_voltages" else "heat",
        least=0.02 if name == "cell_voltages" else 4.0,
        row_title=element,
        column_title=f"{module} · {who(chosen, scope)}",
    )
    return Table(columns, at, plant.is_simulated([chosen[2]]), {"heat": spec})


def modules_of(rack: Device, count: int, name: str) -> int:
    """Elements per module: by the nameplate when it tells the modules, else twelve cells or two sensors."""
    modules = int(rack.rating.get("modules", 0)) if rack.rating else 0
    if modules and count % modules == 0:
        return count // modules
    return min(count, CELLS_PER_MODULE if name == "cell_voltages" else 2)


def who(chosen: tuple[int, int, Device], scope: Scope) -> str:
    """`BESS 3 · Rack 07`."""
    return f"{unit_name(chosen[0], scope.lang)} · {rack_name(chosen[1], scope.lang)}"


def cells_frame(store: Store, scope: Scope, name: str) -> Mapping[str, Any] | None:
    """The newest vector; when other elements stand out, the map is asked for again."""
    table = cells(store, scope, name)
    if table.is_empty:
        return None
    matrix = [plain(row, table.more["heat"].decimals) for row in as_matrix(table)]
    marks: Sequence[Any] = np.flatnonzero(table.columns["mark"]).tolist()
    return {"at": table.at, "restyle": [{"set": {"z": [matrix]}, "traces": [0]}], "redraw": ",".join(map(str, marks))}
