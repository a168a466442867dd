"""What the inverter page shows; inverters without MPPT or string readings show what they have."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.figures.axes import plain
from dashboard.figures.bars import Bars, Group
from dashboard.figures.heat import Heat, as_matrix
from dashboard.loads import archive, history
from dashboard.loads.fleet import Fleet, fleet
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from datastore.store import Store
from plant.analysis import imbalance
from plant.metrics import metric
from plant.model import Device, Kind

KINDS = (Kind.INVERTER, Kind.WEATHER)
FULL_SUN = 1200.0
"""Top of the irradiance axis [W/m²]: days stay comparable, and the curve does not lie on that of the power."""
MISMATCH = 0.1
"""A string this share away from the median of its inverter is marked: dirt costs a few percent, a broken string nearly all."""


def options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The inverters that exist."""
    return [(device.device_id, device.name or device.device_id) for device in fleet(store, KINDS).of(Kind.INVERTER)]


def chosen(plant: Fleet, scope: Scope) -> Device | None:
    """The inverter asked for, the first without a wish; None when there is no such inverter."""
    known = plant.of(Kind.INVERTER)
    if scope.devices:
        return next((device for device in known if device.device_id == scope.devices[0]), None)
    return next(iter(known), None)


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
    )


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
        Group("power", metric("power").label(scope.lang), "kW", 2, "pv"),
        Group("voltage", metric("mppt_voltages").label(scope.lang), "V", 1, "target"),
        Group("current", metric("mppt_currents").label(scope.lang), "A", 2, "soc"),
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
            columns["href"].append(scope.link("/inverter", device=device.device_id))
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
    """The weather station of an inverter: that whose id begins alike (an imported plant brings its own), else one of the same making, real
    or simulated."""
    near = [weather for weather in plant.of(Kind.WEATHER) if weather.site_id == device.site_id] or list(plant.of(Kind.WEATHER))

    def kinship(weather: Device) -> tuple[bool, bool]:
        return _alike(weather.device_id, device.device_id) >= 3, weather.simulated == device.simulated

    return max(near, key=kinship, default=None)


def _alike(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def curve_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, AC and DC power [kW], irradiance [W/m²]."""
    asks = curve_asks(store, scope)
    table = history.history(store, scope, asks, limits=False, overlay=True, floor=(("kW", 0.0, None), ("W/m²", 0.0, FULL_SUN)))
    return archive.nothing(store, scope, [ask.device for ask in asks], "/inverter") if table.is_empty else table


def curve_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest powers and irradiance."""
    return history.live_lines(store, scope, curve_asks(store, scope))


def extent_table(store: Store, scope: Scope) -> Table:
    """What is kept of the chosen inverter."""
    device = chosen(fleet(store, KINDS), scope)
    return archive.extents(store, scope, [device] if device else [], "/inverter")
