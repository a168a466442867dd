"""What the inverter page shows; inverters without MPPT or string readings show what they have."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.figures.axes import plain
from dashboard.figures.bars import Bars, Group
from dashboard.figures.heat import Heat, as_matrix
from dashboard.figures.lines import Line, Plot
from dashboard.loads import archive, history
from dashboard.loads.arrays import clear_power, light_now, specific_yield
from dashboard.loads.fleet import Fleet, Said, fleet
from dashboard.loads.rackmap import is_outside
from dashboard.loads.units import numbered
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from datastore.store import Store
from plant.analysis import imbalance
from plant.metrics import metric
from plant.model import HOUR, MINUTE, QUARTER, Device, Kind, Window
from services import pv_arrays, pv_days

KINDS = (Kind.INVERTER, Kind.WEATHER)
FULL_SUN = 1200.0
"""Top of the irradiance axis [W/m²]: days stay comparable, and the curve does not lie on that of the power."""
STEPS = 200
"""Points of the clear-sky curve over a window, at least."""
MOST_POINTS = 300
"""Points of the kept curves over a window, at most."""
MISMATCH = 0.1
"""A string this share away from the median of its inverter is marked: dirt costs a few percent, a broken string nearly all."""


def options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The inverters that exist, by number."""
    found = numbered(fleet(store, KINDS).of(Kind.INVERTER))
    return [(str(number), device.name or device.device_id) for number, device in found.items()]


def chosen(plant: Fleet, scope: Scope) -> Device | None:
    """The inverter asked for by its number, else by its id, the first without a wish; None when there is no such inverter."""
    known = plant.of(Kind.INVERTER)
    if scope.unit is not None:
        return numbered(known).get(scope.unit)
    if scope.devices:
        return next((device for device in known if device.device_id == scope.devices[0]), None)
    return next(iter(known), None)


def in_force(store: Store, scope: Scope) -> str:
    """The number of the inverter looked at; "" when there is no such inverter."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    return next((str(number) for number, one in numbered(plant.of(Kind.INVERTER)).items() if one is device), "")


def tiles(store: Store, scope: Scope) -> Sequence[Tile]:
    """The chosen inverter in numbers."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    ac, dc, day = (plant.said(device, name) for name in ("total_active_power", "dc_power", "daily_power_yields"))
    pair = (
        ac is not None and dc is not None and dc.value > 0.02 * (device.rating.get("power_kw", 0.0) if device else 0.0) and dc.value > 0.5
    )
    share = 100 * ac.value / dc.value if ac and dc and pair else None
    worst, at = _worst(plant, device)
    lit, heat = light_now(plant, station(plant, device) if device else None), plant.said(device, "internal_temperature")
    stale = 15_000 if device is None else max(15_000, int(10_000 * device.interval_s))
    return (
        Tile(
            "ac",
            "inverter.ac",
            ac.value if ac else None,
            "kW",
            1,
            ac.at if ac else None,
            device.device_id if device else "",
            "sun",
            "pv",
            stale_after=stale,
        ),
        Tile("dc", "inverter.dc", dc.value if dc else None, "kW", 1, dc.at if dc else None, "", "lightning", "", stale_after=stale),
        Tile("efficiency", "inverter.efficiency", share, "%", 1, dc.at if dc else None, "", "arrow-left-right", "", stale_after=stale),
        Tile(
            "today",
            "inverter.today",
            day.value if day else None,
            "kWh",
            0,
            day.at if day else None,
            "",
            "calendar-day",
            "",
            stale_after=stale,
        ),
        Tile(
            "specific",
            "inverter.specific",
            specific_yield(plant, device),
            "kWh/kWp",
            2,
            day.at if day else None,
            "",
            "sunrise",
            "",
            stale_after=stale,
        ),
        Tile(
            "mismatch",
            "inverter.mismatch",
            worst,
            "%",
            1,
            at,
            word("panel.strings.note", scope.lang),
            "bar-chart-steps",
            "warning" if worst is not None and worst < -100 * MISMATCH else "",
            stale_after=stale,
        ),
        Tile(
            "light",
            "inverter.irradiance",
            lit.value if lit else None,
            "W/m²",
            0,
            lit.at if lit else None,
            lit.device.device_id if lit else "",
            "brightness-high",
            "",
            stale_after=stale,
        ),
        Tile(
            "heat",
            "inverter.heat",
            heat.value if heat else None,
            "°C",
            1,
            heat.at if heat else None,
            "",
            "thermometer-half",
            _tone(heat),
            stale_after=stale,
        ),
    )


def _tone(heat: Said | None) -> str:
    about = metric("internal_temperature")
    if heat is None:
        return ""
    return "alarm" if is_outside(heat.value, about.alarm) else "warning" if is_outside(heat.value, about.normal) else ""


def _worst(plant: Fleet, device: Device | None) -> tuple[float | None, int | None]:
    said = plant.vector(device, "string_currents")
    if said is None:
        return None, None
    apart = imbalance.string_mismatch(said[0])
    return (100 * float(np.nanmin(apart)), said[1]) if np.isfinite(apart).any() else (None, said[1])


def mppt_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per MPPT: `name`, `voltage` [V], `current` [A], `power` [kW] = V·I/1000; NaN = silent."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    volts, amps = plant.vector(device, "mppt_voltages"), plant.vector(device, "mppt_currents")
    if device is None or volts is None or amps is None:
        return Table({})
    count = max(len(volts[0]), len(amps[0]))
    voltage, current = _padded(volts[0], count), _padded(amps[0], count)
    columns = {
        "name": [str(i + 1) for i in range(count)],
        "voltage": voltage,
        "current": current,
        "power": np.round(voltage * current / 1000, 3),
    }
    groups = (
        Group("power", metric("power").label(scope.lang), "kW", 2, "pv", least=1.0),
        Group("voltage", metric("mppt_voltages").label(scope.lang), "V", 1, "target", least=100.0),
        Group("current", metric("mppt_currents").label(scope.lang), "A", 2, "soc", least=1.0),
    )
    return Table(columns, min(volts[1], amps[1]), plant.is_simulated([device]), {"bars": Bars(groups, title="MPPT")})


def _padded(values: Sequence[float], count: int) -> Any:
    return np.asarray([*values, *[np.nan] * (count - len(values))], dtype=np.float64)


def mppt_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest heights of the bars."""
    table = mppt_table(store, scope)
    if table.is_empty:
        return None
    groups: tuple[Group, ...] = table.more["bars"].groups
    heights = [plain(table.columns[group.column], group.decimals) for group in groups]
    return {"at": table.at, "restyle": [{"set": {"y": heights}, "traces": list(range(len(groups)))}]}


def string_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per string: `row` (inverter), `column` (place), `string_currents` [A], `mismatch` (share of the median), `mark`,
    `note`, `href`; all inverters below each other, so that a weak string shows against its neighbours."""
    plant = fleet(store, KINDS)
    told = [(device, said) for device in plant.of(Kind.INVERTER) if (said := plant.vector(device, "string_currents"))]
    if not told:
        return Table({})
    numbers = {device.device_id: number for number, device in numbered(plant.of(Kind.INVERTER)).items()}
    columns: dict[str, list[Any]] = {name: [] for name in ("row", "column", "string_currents", "mismatch", "mark", "note", "href")}
    for row, (device, (currents, _)) in enumerate(told):
        for place, (amps, apart) in enumerate(zip(currents, imbalance.string_mismatch(currents).tolist(), strict=True)):
            who = f"{device.device_id} · {word('inverter.string', scope.lang, n=place + 1)}"
            columns["row"].append(row)
            columns["column"].append(place)
            columns["string_currents"].append(amps)
            columns["mismatch"].append(round(apart, 4) if apart == apart else None)
            columns["mark"].append(abs(apart) > MISMATCH)
            columns["note"].append(f"{who} ({100 * apart:+.0f} %)" if apart == apart else who)
            columns["href"].append(scope.link("/inverter", unit=numbers[device.device_id], device=None))
    widest = max(len(currents) for _, (currents, _) in told)
    spec = Heat(
        tuple(device.device_id for device, _ in told),
        tuple(str(i + 1) for i in range(widest)),
        "string_currents",
        "A",
        2,
        "level",
        0.0,
        least=1.0,
        column_title=metric("string_currents").label(scope.lang),
    )
    return Table(columns, max(at for _, (_, at) in told), plant.is_simulated([device for device, _ in told]), {"heat": spec})


def string_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest currents; when other strings stand out, the map is asked for again."""
    table = string_table(store, scope)
    if table.is_empty:
        return None
    matrix = [plain(row, 2) for row in as_matrix(table)]
    marks = ",".join(str(i) for i, mark in enumerate(table.columns["mark"]) if mark)
    return {"at": table.at, "restyle": [{"set": {"z": [matrix]}, "traces": [0]}], "redraw": marks}


def curve_asks(store: Store, scope: Scope) -> list[history.Ask]:
    """AC power, DC power and the irradiance of the weather station that belongs to the inverter."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    if device is None:
        return []
    found = [
        history.Ask(device, "dc_power", word("inverter.dc", scope.lang), "soc", banded=False),
        history.Ask(device, "total_active_power", word("inverter.ac", scope.lang), "pv"),
    ]
    weather = station(plant, device)
    if weather is None:
        return found
    return [*found, history.Ask(weather, "poa_irradiance", word("inverter.irradiance", scope.lang), "target", dash="dot", banded=False)]


def station(plant: Fleet, device: Device) -> Device | None:
    """The weather station of an inverter (`pv_arrays.station`)."""
    return pv_arrays.station(list(plant.of(Kind.WEATHER)), device)


def curve_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, AC and DC power [kW], irradiance [W/m²]; AC power under a clear sky and as expected from the measured light [kW], as
    the study of days kept them, or before it ran the clear sky of a simple model where the array is known."""
    asks = curve_asks(store, scope)
    table = history.history(store, scope, asks, limits=False, overlay=True, floor=(("kW", 0.0, None), ("W/m²", 0.0, FULL_SUN)))
    if table.is_empty:
        return archive.nothing(store, scope, [ask.device for ask in asks], "/inverter")
    plot: Plot = table.more["plot"]
    curves = thinned(pv_days.curves(store, asks[0].device.device_id, Window(plot.start, plot.end)), plot.end - plot.start)
    if np.isfinite(curves.clear).any() or np.isfinite(curves.expected).any():
        names = ((curves.clear, "inverter.clear", "limit", "dash"), (curves.expected, "inverter.expected", "good", "dot"))
        for values, key, meaning, dash in names:
            if np.isfinite(values).any():
                title = word(key, scope.lang)
                table = with_line(table, curves.at, values, Line(f"{title} (kW)", title, "kW", 1, meaning, dash=dash, width=curves.width))
        return table
    at, width = clear_places(table.columns["at"], plot)
    clear = _clear(store, scope, at + width // 2)
    if clear is None:
        return table
    title = word("inverter.clear.simple", scope.lang)
    return with_line(
        table, at, clear, Line(f"{word('inverter.clear', scope.lang)} (kW)", title, "kW", 1, "limit", dash="dash", width=width)
    )


def with_line(table: Table, at: Any, values: Any, line: Line) -> Table:
    """`table` with one more line, whose points stand at `at`; rows of the table stay, new ones come between them."""
    before = np.asarray(table.columns["at"], np.int64)
    every = np.union1d(before, np.asarray(at, np.int64))
    columns: dict[str, Any] = {
        name: history.spread(column, np.searchsorted(every, before), len(every)) for name, column in table.columns.items() if name != "at"
    }
    added = history.spread(np.round(values, line.decimals), np.searchsorted(every, at), len(every))
    plot: Plot = table.more["plot"]
    more = {**table.more, "plot": replace(plot, lines=(*plot.lines, line))}
    shown: dict[str, Any] = {"at": every, **columns, line.column: added}
    return replace(table, columns=shown, more=more)


def thinned(curves: pv_days.Curves, length: int) -> pv_days.Curves:
    """Curves of a window of `length` [ms] with no more points than a screen shows: means of neighbours."""
    every = max(1, -(-length // (MOST_POINTS * curves.width)))
    whole = len(curves.at) // every * every
    if every == 1 or not whole:
        return curves
    clear, expected = (values[:whole].reshape(-1, every).mean(axis=1) for values in (curves.clear, curves.expected))
    return pv_days.Curves(curves.at[:whole:every], curves.width * every, clear, expected)


def clear_places(at: Any, plot: Plot) -> tuple[Any, int]:
    """The instants of a table and more, so that the clear sky has a point at least every STEPth of the window also where nobody spoke; and
    the width of its buckets [ms]."""
    width = max((line.width for line in plot.lines), default=0)
    step = max(MINUTE, (plot.end - plot.start) // STEPS)
    return np.union1d(np.asarray(at, np.int64), np.arange(plot.start, plot.end, step, dtype=np.int64)), width


def _clear(store: Store, scope: Scope, at: Any) -> Any:
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    return None if device is None else clear_power(store, device, station(plant, device), at)


def curve_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest powers and irradiance, and the clear sky of now; drawn anew every quarter of an hour, when the study has gone on."""
    asks = curve_asks(store, scope)
    frame = history.live_lines(store, scope, asks)
    if not frame:
        return None
    now = store.clock()
    curves = pv_days.curves(store, asks[0].device.device_id, Window(now - HOUR, now + HOUR))
    if len(curves.at) and np.isfinite(curves.clear).any():
        clear = float(np.interp(now, curves.at + curves.width // 2, curves.clear))
        return {**frame, "extend": _extended(frame, [clear]), "redraw": str(now // QUARTER)}
    simple = _clear(store, scope, np.array([now]))
    return frame if simple is None else {**frame, "extend": _extended(frame, [float(simple[0])])}


def _extended(frame: Mapping[str, Any], values: Sequence[float]) -> dict[str, Any]:
    more = [round(value, 1) if value == value else None for value in values]
    return {**frame["extend"], "y": [*frame["extend"]["y"], *more]}


PHASES = ("phase_a_current", "phase_b_current", "phase_c_current", "phase_a_voltage", "phase_b_voltage", "phase_c_voltage")


def phase_asks(store: Store, scope: Scope) -> list[history.Ask]:
    """Currents and voltages of the three phases; a phase has one colour in both."""
    device = chosen(fleet(store, KINDS), scope)
    inks = ("discharge", "pv", "charge")
    return [history.Ask(device, name, meaning=inks[place % 3], banded=False) for place, name in enumerate(PHASES)] if device else []


def phase_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, three currents [A] and three voltages [V]."""
    asks = phase_asks(store, scope)
    table = history.history(store, scope, asks, limits=False, floor=(("A", 0.0, None),))
    return archive.untold(store, scope, asks[0].device if asks else None, PHASES, "/inverter") if table.is_empty else table


def phase_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest phases."""
    return history.live_lines(store, scope, phase_asks(store, scope))


def extent_table(store: Store, scope: Scope) -> Table:
    """What is kept of the chosen inverter."""
    device = chosen(fleet(store, KINDS), scope)
    return archive.extents(store, scope, [device] if device else [], "/inverter")
