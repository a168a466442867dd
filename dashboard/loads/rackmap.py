"""One value of every rack, as a map of units × racks."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dashboard.figures.axes import plain
from dashboard.figures.heat import Heat, as_matrix
from dashboard.loads.fleet import fleet
from dashboard.loads.units import rack_name, racks, unit_name, units
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis import imbalance
from plant.metrics import metric
from plant.model import Kind

LEAST_REACH = {"soc": 10.0}
"""The colour scale spans at least this much on either side of the median, so that equal racks look equal and a drift of a few percent
shows; racks further off widen it. Where none is given it begins at zero and ends at the edge of normal, or at the highest value."""
LEAST_SCALE = {"soc": 0.5, "cell_voltage_diff": 0.003, "cell_temp_diff": 0.5}
"""Scatter below which racks count as equal: a little more than their sensors' noise."""


def rack_map(store: Store, scope: Scope, name: str, path: str = "/bess") -> Table:
    """Columns, one row per rack: `row`, `column` (places), `unit`, `rack`, the metric, `at`, `mark` (outside its normal range, an outlier
    among all racks, or stale), `note` (who it is), `href`. A rack that never spoke has NaN. `more["heat"]` says how it is drawn."""
    about = metric(name)
    plant = fleet(store, (Kind.BESS, Kind.RACK, Kind.PACK))
    rows = {number: racks(plant, unit) for number, unit in units(plant).items()}
    rows = {number: found for number, found in rows.items() if found}
    across = sorted({rack for found in rows.values() for rack in found})
    columns: dict[str, list[Any]] = {key: [] for key in ("row", "column", "unit", "rack", name, "at", "mark", "note", "href")}
    for place, (unit, found) in enumerate(rows.items()):
        for rack, device in found.items():
            said = plant.said(device, name)
            who = f"{unit_name(unit, scope.lang)} · {rack_name(rack, scope.lang)}"
            stale = said is not None and said.is_stale
            columns["row"].append(place)
            columns["column"].append(across.index(rack))
            columns["unit"].append(unit)
            columns["rack"].append(rack)
            columns[name].append(said.value if said else np.nan)
            columns["at"].append(said.at if said else None)
            columns["mark"].append(said is not None and (stale or is_outside(said.value, about.normal)))
            columns["note"].append(f"{who} ({word('stale', scope.lang)})" if stale else who)
            columns["href"].append(scope.link(path, unit=unit, rack=rack))
    values = np.asarray(columns[name], dtype=np.float64)
    apart = np.abs(np.nan_to_num(imbalance.robust_z(values, LEAST_SCALE.get(name, 0.0)), posinf=0, neginf=0)) > imbalance.OUTLIER
    columns["mark"] = [is_marked or bool(is_apart) for is_marked, is_apart in zip(columns["mark"], apart, strict=True)]
    heard = [at for at in columns["at"] if at is not None]
    if not np.isfinite(values).any():
        return Table({})
    low, high = colour_range(name, values)
    spec = Heat(
        tuple(unit_name(unit, scope.lang) for unit in rows),
        tuple(f"{rack:02d}" for rack in across),
        name,
        about.unit,
        about.decimals,
        "level" if name == "soc" else "heat",
        low,
        high,
        column_title=word("name.racks", scope.lang),
        numbers=0 if name == "soc" else None,
        selected=_selected(rows, across, scope),
    )
    simulated = plant.is_simulated([device for found in rows.values() for device in found.values()][:1])
    return Table(columns, max(heard, default=None), simulated, {"heat": spec})


def colour_range(name: str, values: Any) -> tuple[float, float]:
    """Ends of the colour scale for the values [n] of all racks, whole numbers where it follows the median."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    reach = LEAST_REACH.get(name)
    if reach is None:
        return 0.0, max(high, metric(name).normal[1] or 0.0)
    middle = float(np.nanmedian(values))
    floor, top = metric(name).valid
    ends = float(np.floor(min(low, middle - reach))), float(np.ceil(max(high, middle + reach)))
    return max(ends[0], floor if floor is not None else ends[0]), min(ends[1], top if top is not None else ends[1])


def rack_map_frame(store: Store, scope: Scope, name: str) -> Mapping[str, Any] | None:
    """The frame that renews the numbers; when a rack comes to be marked, or falls silent, the map is asked for again."""
    table = rack_map(store, scope, name)
    if table.is_empty:
        return None
    z = as_matrix(table)
    marks = "".join("1" if mark else "0" for mark in table.columns["mark"])
    matrix = [plain(row, table.more["heat"].decimals) for row in z]
    spec: Heat = table.more["heat"]
    change = {"z": [matrix], "zmin": spec.low, "zmax": spec.high}
    return {"at": table.at, "restyle": [{"set": change, "traces": [0]}], "redraw": f"{int('1' + marks, 2):x}"}


def is_outside(value: float, normal: tuple[float | None, float | None]) -> bool:
    """Whether a value lies outside a range of the catalogue."""
    low, high = normal
    return (low is not None and value < low) or (high is not None and value > high)


def _selected(rows: Mapping[int, Mapping[int, Any]], across: list[int], scope: Scope) -> tuple[int, int] | None:
    if scope.unit is None or scope.rack is None or scope.rack not in rows.get(scope.unit, {}):
        return None
    return list(rows).index(scope.unit), across.index(scope.rack)
