"""What the BESS page shows of a unit: the rack table of S1, comparison of all its racks and of two."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.figures import sheet
from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet
from dashboard.loads import against, history
from dashboard.loads.fleet import fleet
from dashboard.loads.rackmap import is_outside
from dashboard.loads.units import chosen_rack, chosen_unit, holders, rack_name, racks, unit_label
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.metrics import MODES, metric
from plant.model import MINUTE, Device, Kind
from plant.solarhub import RACK_ROWS as ROWS

KINDS = (Kind.BESS, Kind.PACK, Kind.RACK)
COMPARED = ("soc", "voltage", "cell_voltage_diff", "cell_max_temp", "power", "current")


def unit_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The units and packs that exist."""
    return [(str(number), unit_label(number, device, scope.lang)) for number, device in holders(fleet(store, KINDS)).items()]


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
    names = {number: f"Rack {number:02d}" for number in found}
    heads = {number: rack_name(number, scope.lang) for number in found}
    if unit is not None and not found and unit[1].kind == Kind.PACK:  # a pack is its only rack
        found = {1: unit[1]}
        names = heads = {1: unit_label(*unit, scope.lang)}
    if unit is None or not found:
        return Table({})
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
    parts += [(names[number], heads[number], None) for number in found]
    links = {("", names[n]): scope.link("/bess", unit=unit[0], rack=n) for n, rack in found.items() if rack.kind == Kind.RACK}
    chosen = chosen_rack(plant, scope)
    spec = Sheet(tuple(parts), tuple(name for _, name in ROWS), tones, links, names[chosen[1]] if chosen else "", dict(_decimals()))
    return Table(columns, max(heard), plant.is_simulated(list(found.values())), {"sheet": spec})


def _decimals() -> list[tuple[str, int]]:
    return [(name, metric(name).decimals) for _, name in ROWS if name != "mode"]


def _value(name: str, value: float, lang: str) -> float | str:
    if name == "mode":
        return word(f"mode.{MODES[int(value)]}", lang) if int(value) in MODES else f"{value:g}"
    return value


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


def pair(store: Store, scope: Scope) -> tuple[Device, Device, str, str] | None:
    """The rack looked at and the one it is compared with (`against`, of any unit), and their names; without a wish the one of its unit
    that is furthest from it over the window. None when the unit has no two racks, or the one looked at is not there."""
    plant = fleet(store, KINDS)
    mine = chosen_rack(plant, scope)
    if mine is None:
        return None
    name = rack_name(mine[1], scope.lang)
    wanted = next((rack for rack in plant.of(Kind.RACK) if rack.device_id == scope.against and rack != mine[2]), None)
    if wanted is not None:
        return mine[2], wanted, name, against.title(wanted.device_id, scope.lang)
    unit = chosen_unit(plant, scope)
    found = {number: rack for number, rack in racks(plant, unit[1]).items() if number != mine[1]} if unit else {}
    other = _furthest_from(store, scope, mine[1], found)
    return None if other is None else (mine[2], found[other], name, rack_name(other, scope.lang))


def _furthest_from(store: Store, scope: Scope, number: int, others: Mapping[int, Device]) -> int | None:
    """The rack whose line differs most from that of rack `number`, on average; the first where none spoke."""
    table = compare_table(store, replace(scope, module=None, cell=None, against=""))
    drawn = () if table.is_empty else table.more["plot"].lines
    by_name = {line.name: np.asarray(table.columns[line.column], np.float64) for line in drawn}
    mine = by_name.get(rack_name(number, scope.lang))
    best, reach = next(iter(others), None), -1.0
    for one in others:
        line = by_name.get(rack_name(one, scope.lang))
        apart = np.abs(line - mine) if line is not None and mine is not None else np.empty(0)
        if np.isfinite(apart).any() and float(np.nanmean(apart)) > reach:
            best, reach = one, float(np.nanmean(apart))
    return best


def pair_asks(store: Store, scope: Scope) -> list[history.Ask]:
    """The two racks, by the quantity all racks are compared by."""
    two = pair(store, scope)
    name = scope.metric if scope.metric in COMPARED else COMPARED[0]
    return [history.Ask(two[0], name, two[2], banded=False), history.Ask(two[1], name, two[3], banded=False)] if two else []


def pair_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, the two racks in common buckets, and the first less the second."""
    table = history.history(store, scope, pair_asks(store, scope), limits=False, narrowest=MINUTE)
    plot: Plot | None = table.more.get("plot")
    if plot is None or len(plot.lines) < 2:
        return table
    one, two = plot.lines
    title = word("bess.pair.apart", scope.lang, one=one.name, two=two.name)
    column = history.unused(f"{title} ({one.unit})", table.columns)
    apart: Any = np.asarray(table.columns[one.column], np.float64) - np.asarray(table.columns[two.column], np.float64)
    line = Line(column, title, f"Δ {one.unit}", one.decimals + 1, "load", width=one.width)
    least = 5 * 10.0**-one.decimals
    more = {**table.more, "plot": replace(plot, lines=(one, two, line), floor=((line.unit, -least, least),)), "units": {column: one.unit}}
    return replace(table, columns={**table.columns, column: apart}, more=more)


def pair_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest values of the two and their difference."""
    frame = history.live_lines(store, scope, pair_asks(store, scope))
    if frame is None:
        return None
    y = frame["extend"]["y"]
    known = [value for value in y if value is not None]
    y.append(round(y[0] - y[1], 4) if len(known) == 2 else None)
    return frame
