"""The cells of one rack or pack as it stands now: where each one is, what it says, and which are worth a look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.figures.axes import plain
from dashboard.figures.heat import Heat, as_matrix, hover
from dashboard.loads.fleet import STALE_INTERVALS, STALE_LEAST, Fleet, fleet
from dashboard.loads.rackmap import is_outside
from dashboard.loads.units import chosen_unit, rack_name, racks, unit_label
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from datastore.ports import Numbers
from datastore.store import Store
from plant.analysis import imbalance
from plant.metrics import metric
from plant.model import Device, Kind
from plant.quantity import quantity
from plant.solarhub import BATTERIES, BATTERY_WORDS

KINDS = (Kind.BESS, Kind.PACK, Kind.RACK)
VOLTS, WARMTH = "cell_voltages", "cell_temperatures"
LEAST_SCALE = {VOLTS: 0.001, WARMTH: 0.1}
"""One digit of the sensors: smaller differences are no differences."""
LEAST_COLOURS = {VOLTS: 0.02, WARMTH: 4.0}
MOST_IN_A_LINE = 16


@dataclass(frozen=True, slots=True)
class Holder:
    """What the cells looked at are in: a rack of a unit, or a pack (then `rack` is None)."""

    unit: int
    rack: int | None
    device: Device
    unit_name: str
    rack_name: str

    @property
    def name(self) -> str:
        """`BESS 3 · Rack 07`, or the pack's name."""
        return f"{self.unit_name} · {self.rack_name}" if self.rack_name else self.unit_name

    def link(self, scope: Scope, **chosen: int | None) -> str:
        """This holder with a module or a cell of it looked at."""
        return scope.link("/bess", **{"unit": self.unit, "rack": self.rack, "module": None, "cell": None, **chosen})


@dataclass(frozen=True, slots=True)
class Layout:
    """Where `count` elements stand: `across` of them in each module (`is_known`), or in lines that only arrange them."""

    count: int
    across: int
    is_known: bool

    @property
    def modules(self) -> int:
        """How many modules, or lines, there are."""
        return -(-self.count // self.across)

    def module(self, place: int) -> int | None:
        """The module of an element (both from 0 and 1); None where nobody told the modules."""
        return place // self.across + 1 if self.is_known else None


def holder(plant: Fleet, scope: Scope) -> Holder | None:
    """The rack the scope asks for, the unit's first without a wish, or the pack that has cells of its own; None when there is none."""
    unit = chosen_unit(plant, scope)
    if unit is None:
        return None
    name, found = unit_label(*unit, scope.lang), racks(plant, unit[1])
    if not found:
        return Holder(unit[0], None, unit[1], name, "") if unit[1].kind == Kind.PACK and scope.rack is None else None
    wanted = scope.rack if scope.rack is not None else next(iter(found))
    return Holder(unit[0], wanted, found[wanted], name, rack_name(wanted, scope.lang)) if wanted in found else None


def layout(plant: Fleet, device: Device, count: int, name: str) -> Layout:
    """How the elements stand: by the nameplate, else by the words the device sends per module, else as in S1 (21 modules) where that
    comes out even; else in lines of equal length."""
    modules = _plate(device, "modules") or _modules_by_words(plant, device)
    if modules is None and device.kind == Kind.RACK and count % len(BATTERIES) == 0:
        modules = len(BATTERIES)
    across = _plate(device, "cells_per_module") if name == VOLTS else None
    if across is None and modules and modules <= count:
        across = -(-count // modules)
    if across and modules != 1 and across < count:
        return Layout(count, across, True)
    if count <= MOST_IN_A_LINE:
        return Layout(count, count, False)
    return Layout(count, next((n for n in range(MOST_IN_A_LINE, 7, -1) if count % n == 0), 12), False)


def _plate(device: Device, name: str) -> int | None:
    """A count of the nameplate, from 1; None when the register does not say."""
    said: Any = device.rating.get(name) or device.info.get(name)
    return int(said) if isinstance(said, int | float) and said == said and 1 <= said <= 10_000 else None


def _modules_by_words(plant: Fleet, device: Device) -> int | None:
    for name in BATTERY_WORDS.values():
        told = plant.vector(device, name)
        if told is not None:
            return len(told[0])
    return None


def element(name: str, place: int, stands: Layout, lang: str) -> str:
    """`Cell 118 · Module 10`, `Sensor 3`."""
    who = f"{word('name.cell' if name == VOLTS else 'name.sensor', lang)} {place + 1}"
    module = stands.module(place)
    return who if module is None else f"{who} · {word('name.module', lang)} {module}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A vector as it was last said: `values` [n] with NaN for silent elements, robust `z` [n] against the holder's median, `mark` [n]
    of the outliers (DOMAIN 3.3)."""

    holder: Holder
    name: str
    values: Numbers
    at: int
    stands: Layout
    z: Numbers
    mark: Any

    @property
    def median(self) -> float:
        """Of the elements that spoke."""
        return float(np.nanmedian(self.values))


def seen(plant: Fleet, scope: Scope, name: str) -> Seen | None:
    """The newest vector of what the scope looks at; None when it never said one."""
    found = holder(plant, scope)
    said = plant.vector(found.device, name) if found else None
    if found is None or said is None or not np.isfinite(said[0]).any():
        return None
    values = np.asarray(said[0], dtype=np.float64)
    z = imbalance.robust_z(values, LEAST_SCALE[name])
    mark = np.abs(np.nan_to_num(z)) > imbalance.OUTLIER
    return Seen(found, name, values, said[1], layout(plant, found.device, len(values), name), z, mark)


def cell_map(store: Store, scope: Scope, name: str) -> Table:
    """Columns, one row per element: `row` and `column` (places), `number` (1…), the metric, `z` (robust), `mark`, `note`, `href`;
    `more["heat"]`. Modules stand side by side, as twenty-one columns fit a screen better than twenty-one rows."""
    plant = fleet(store, KINDS)
    found = seen(plant, scope, name)
    if found is None:
        return Table({})
    stands, lang = found.stands, scope.lang
    places = np.arange(stands.count)
    line, inside = places // stands.across, places % stands.across
    outlier = word("cells.outlier", lang)
    names = [element(name, place, stands, lang) for place in range(stands.count)]
    columns: dict[str, Any] = {
        "row": inside if stands.is_known else line,
        "column": line if stands.is_known else inside,
        "number": places + 1,
        name: found.values,
        "z": np.round(found.z, 1),
        "mark": found.mark,
        "note": [f"{who} ({outlier})" if is_marked else who for who, is_marked in zip(names, found.mark.tolist(), strict=True)],
        "href": [_href(found, place, scope) for place in range(stands.count)],
    }
    return Table(columns, found.at, plant.is_simulated([found.holder.device]), {"heat": _heat(found, scope)})


def _href(found: Seen, place: int, scope: Scope) -> str:
    if found.name == VOLTS:
        return found.holder.link(scope, cell=place + 1)
    module = found.stands.module(place)
    return "" if module is None else found.holder.link(scope, module=module)


def _heat(found: Seen, scope: Scope) -> Heat:
    stands, about, lang = found.stands, metric(found.name), scope.lang
    kind = word("name.cell" if found.name == VOLTS else "name.sensor", lang)
    lines = tuple(str(n + 1) for n in range(stands.modules))
    inside = tuple(str(n + 1) for n in range(stands.across))
    if not stands.is_known:  # nobody told modules: the number of a line's first element, and the place in it
        lines = tuple(str(n * stands.across + 1) for n in range(stands.modules))
    return Heat(
        inside if stands.is_known else lines,
        lines if stands.is_known else inside,
        found.name,
        about.unit,
        about.decimals,
        "level" if found.name == VOLTS else "heat",
        least=LEAST_COLOURS[found.name],
        row_title=kind if stands.is_known else "",
        column_title=f"{word('name.module', lang)} · {found.holder.name}" if stands.is_known else f"{kind} · {found.holder.name}",
        selected=_selected(found, scope),
        lane=_lane(found, scope),
        tail=word("cells.tail", lang, median=quantity(found.median, about.unit, about.decimals)),
    )


def _selected(found: Seen, scope: Scope) -> tuple[int, int] | None:
    if found.name != VOLTS or scope.cell is None or scope.cell > found.stands.count:
        return None
    line, inside = divmod(scope.cell - 1, found.stands.across)
    return (inside, line) if found.stands.is_known else (line, inside)


def _lane(found: Seen, scope: Scope) -> int | None:
    """The module looked at, from 0: for temperatures that of the cell looked at, too."""
    if not found.stands.is_known:
        return None
    wanted = scope.module
    if wanted is None and found.name != VOLTS and scope.cell is not None:
        across = _plate(found.holder.device, "cells_per_module")
        wanted = (scope.cell - 1) // across + 1 if across else None
    return wanted - 1 if wanted is not None and wanted <= found.stands.modules else None


def cell_frame(store: Store, scope: Scope, name: str) -> Mapping[str, Any] | None:
    """The newest vector; when other elements stand out, the map is asked for again."""
    table = cell_map(store, scope, name)
    if table.is_empty:
        return None
    spec: Heat = table.more["heat"]
    matrix = [plain(row, spec.decimals) for row in as_matrix(table)]
    marks: Sequence[int] = np.flatnonzero(table.columns["mark"]).tolist()
    change = {"z": [matrix], "hovertemplate": hover(spec)}
    return {"at": table.at, "restyle": [{"set": change, "traces": [0]}], "redraw": ",".join(map(str, marks))}


def module_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The modules of what is looked at, where they are known."""
    found = seen(fleet(store, KINDS), scope, VOLTS)
    if found is None or not found.stands.is_known:
        return []
    return [(str(n), f"{word('name.module', scope.lang)} {n}") for n in range(1, found.stands.modules + 1)]


def cell_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The cells of the module looked at, of the whole rack without one."""
    found = seen(fleet(store, KINDS), scope, VOLTS)
    if found is None:
        return []
    stands = found.stands
    numbers = range(1, stands.count + 1)
    if scope.module is not None and stands.is_known:
        numbers = range((scope.module - 1) * stands.across + 1, min(scope.module * stands.across, stands.count) + 1)
    return [(str(n), f"{word('name.cell', scope.lang)} {n}") for n in numbers]


def cell_tiles(store: Store, scope: Scope) -> list[Tile]:
    """Who is looked at, its extreme cells and sensors by name, their spreads against the limits, and how many stand out."""
    plant, lang = fleet(store, KINDS), scope.lang
    volts, warm = seen(plant, scope, VOLTS), seen(plant, scope, WARMTH)
    found = holder(plant, scope)
    patience = 0 if found is None else int(max(STALE_LEAST, 1000 * STALE_INTERVALS * found.device.interval_s))
    outliers = [int(one.mark.sum()) for one in (volts, warm) if one]
    return [
        Tile("rack", "cells.tile.rack", None if found is None else found.rack_name or found.unit_name, "", 0, None,
             "" if found is None or not found.rack_name else found.unit_name, "battery-full"),
        _extreme("highest", volts, True, "cell_max_voltage", scope, patience),
        _extreme("lowest", volts, False, "cell_min_voltage", scope, patience),
        _spread("spread", volts, "cell_voltage_diff", lang, patience),
        _extreme("warmest", warm, True, "cell_max_temp", scope, patience),
        _extreme("coldest", warm, False, "cell_min_temp", scope, patience),
        _spread("gradient", warm, "cell_temp_diff", lang, patience),
        Tile("outliers", "cells.tile.outliers", float(sum(outliers)) if outliers else None, "", 0, _newest(volts, warm),
             _load(plant, found, lang), "exclude", "warning" if sum(outliers) else "", stale_after=patience),
    ]  # fmt: skip


def _extreme(key: str, found: Seen | None, is_high: bool, limits: str, scope: Scope, patience: int) -> Tile:
    title = f"cells.tile.{key}"
    icon = {"highest": "arrow-up", "lowest": "arrow-down", "warmest": "thermometer-high", "coldest": "thermometer-low"}[key]
    if found is None:
        return Tile(key, title, None, icon=icon)
    place = int(np.nanargmax(found.values) if is_high else np.nanargmin(found.values))
    value, about = float(found.values[place]), metric(found.name)
    return Tile(
        key, title, value, about.unit, about.decimals, found.at, element(found.name, place, found.stands, scope.lang), icon,
        _tone(value, limits, found.holder.device), href=_href(found, place, scope), stale_after=patience,
    )  # fmt: skip


def _spread(key: str, found: Seen | None, limits: str, lang: str, patience: int) -> Tile:
    about, title = metric(limits), f"cells.tile.{key}"
    top = about.normal[1]
    note = "" if top is None else word("cells.tile.normal", lang, n=quantity(top, about.unit, about.decimals))
    if found is None:
        return Tile(key, title, None, about.unit, note=note, icon="arrows-expand")
    value = float(np.nanmax(found.values) - np.nanmin(found.values))
    tone = _tone(value, limits, found.holder.device)
    return Tile(key, title, value, about.unit, about.decimals, found.at, note, "arrows-expand", tone, stale_after=patience)


def _tone(value: float, limits: str, device: Device) -> str:
    """By the catalogue's limits, which are those of LFP cells: another chemistry's voltages are not judged by them."""
    about = metric(limits)
    if about.unit == "V" and limits != "cell_voltage_diff" and str(device.info.get("chemistry", "LFP")).upper() not in ("LFP", "LIFEPO4"):
        return ""
    return "alarm" if is_outside(value, about.alarm) else "warning" if is_outside(value, about.normal) else ""


def _newest(*vectors: Seen | None) -> int | None:
    return max((one.at for one in vectors if one), default=None)


def _load(plant: Fleet, found: Holder | None, lang: str) -> str:
    """Whether the cells rest: under load their resistances show in their voltages, too."""
    current = plant.said(found.device, "current") if found else None
    size: Any = found.device.rating.get("capacity_ah") if found else None
    if current is None or not isinstance(size, int | float) or size <= 0:
        return ""
    return word("cells.rest" if imbalance.at_rest(current.value, float(size)) else "cells.load", lang)
