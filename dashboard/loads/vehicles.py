"""What the vehicle page shows: the fleet with its alerts, one vehicle's traces, cells and temperatures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.figures import sheet
from dashboard.figures.axes import plain
from dashboard.figures.bars import Bars, Group
from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet
from dashboard.loads import archive, history
from dashboard.loads.fleet import Fleet, fleet
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis import imbalance, vehicle
from plant.metrics import metric
from plant.model import Device, Kind

KINDS = (Kind.VEHICLE,)
LISTED: tuple[tuple[str, int], ...] = (("soc", 1), ("soh", 1), ("max_temp", 1), ("odo_km", 0))
TONES = {"RED": "alarm", "YELLOW": "warning"}


def options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The vehicles that exist."""
    return [(device.device_id, device.name or device.device_id) for device in store.records.devices(Kind.VEHICLE)]


def chosen(plant: Fleet, scope: Scope) -> Device | None:
    """The vehicle asked for, the first without a wish; None when there is no such vehicle."""
    known = plant.of(Kind.VEHICLE)
    if scope.devices:
        return next((device for device in known if device.device_id == scope.devices[0]), None)
    return next(iter(known), None)


def vehicle_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per vehicle: `vin`, `soc`, `soh`, `max_temp`, `odo_km`, `power` [kW], `alerts` (S4's codes), `heard` (site time)
    and `kept` (a link to all its data)."""
    plant = fleet(store, KINDS)
    devices = plant.of(Kind.VEHICLE)
    if not devices:
        return Table({})
    lang = scope.lang
    names = ("vin", *(name for name, _ in LISTED), "power", "alerts", "heard", "kept")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    tones: dict[tuple[str, str], str] = {}
    links: dict[tuple[str, str], str] = {}
    heard = []
    for device in devices:
        key = device.device_id
        latest = plant.latest.get((key, device.kind))
        values = dict(latest.values) if latest else {}
        found = vehicle.alerts(values)
        columns["vin"].append(key)
        for name, _ in LISTED:
            columns[name].append(values.get(name))
        power = vehicle.power_kw(_number(values.get("pack_voltage")), _number(values.get("pack_current")))
        columns["power"].append(power)
        columns["alerts"].append(", ".join(alert.code for alert in found))
        columns["heard"].append(site_heard(latest.at if latest else None, store))
        columns["kept"].append(word("extent.show", lang) if latest else "")
        links[key, "vin"] = scope.link("/vehicles", device=key)
        kept = store.telemetry.bounds(key, device.kind) if latest else None
        if kept is not None:
            links[key, "kept"] = scope.link("/vehicles", device=key, **archive.whole(*kept, store))
        if found:
            tones[key, "alerts"] = "alarm" if any(alert.severity == "RED" for alert in found) else "warning"
        for alert in found:
            tones[key, alert.metric] = TONES.get(alert.severity, "")
        if latest is not None:
            heard.append(latest.at)
            if plant.is_stale(device, latest.at):
                tones[key, "heard"] = "stale"
    parts: list[tuple[str, str, int | None]] = [("vin", "VIN", None)]
    parts += [(name, f"{metric(name).label(lang)} ({metric(name).unit})", decimals) for name, decimals in LISTED]
    parts += [
        ("power", f"{word('vehicle.power', lang)} (kW)", 1),
        ("alerts", word("vehicle.alerts", lang), None),
        ("heard", word("devices.heard", lang), None),
        ("kept", word("archive.from", lang), None),
    ]
    selected = chosen(plant, scope)
    told = [
        (symbol, _number(plant.latest[device.device_id, device.kind].values.get(name)), device.device_id)
        for symbol, name in (("V", "pack_voltage"), ("I", "pack_current"))
        for device in devices
        if (device.device_id, device.kind) in plant.latest
    ]
    spec = Sheet(tuple(parts), tuple(columns["vin"]), tones, links, selected.device_id if selected else "")
    return Table(columns, max(heard, default=None), plant.is_simulated(devices), {"sheet": spec, "told": {"power": told}})


def site_heard(at: int | None, store: Store) -> str:
    """Site time, or nothing."""
    return archive.site_time(at, store) if at is not None else ""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def vehicle_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The numbers of the list."""
    table = vehicle_table(store, scope)
    return None if table.is_empty else sheet.frame(table)


def trace_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, state of charge [%] with bucket extremes, `power` [kW] = mean voltage × mean current / 1000 of each bucket (of each
    reading where nothing is thinned)."""
    device = chosen(fleet(store, KINDS), scope)
    if device is None:
        return Table({})
    window = scope.span(store.clock())
    key = (device.device_id, device.kind)
    found = store.telemetry.series([key], ["soc", "pack_voltage", "pack_current"], window, points=history.PIXELS, zone=scope.zone)
    soc, volts, amps = (found.get((*key, name)) for name in ("soc", "pack_voltage", "pack_current"))
    told = [one for one in (soc, volts, amps) if one is not None and len(one.at)]
    at = np.unique(np.concatenate([one.at for one in told])) if told else np.empty(0)
    columns: dict[str, Any] = {"at": at}
    lines = []
    if soc is not None and np.isfinite(soc.mean).any():
        about = metric("soc")
        columns["soc"] = history.spread(soc.mean, np.searchsorted(at, soc.at), len(at))
        lines.append(Line("soc", word("vehicle.soc", scope.lang), about.unit, about.decimals, "soc", width=soc.resolution))
    if volts is not None and amps is not None:
        power = (
            history.spread(volts.mean, np.searchsorted(at, volts.at), len(at))
            * history.spread(amps.mean, np.searchsorted(at, amps.at), len(at))
            / 1000
        )
        if np.isfinite(power).any():
            columns["power"] = power
            lines.append(Line("power", word("vehicle.power", scope.lang), "kW", 1, "load", width=volts.resolution))
    if not lines:
        return archive.nothing(store, scope, [device], "/vehicles")
    heard = at[np.any([np.isfinite(columns[line.column]) for line in lines], axis=0)]
    plot = Plot(tuple(lines), window.start, window.end)
    return Table(columns, int(heard[-1]), device.simulated, {"plot": plot, "devices": (device.device_id,)})


def cells_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per cell: `name` (1…), `voltage` [V], `z` (robust), `mark`, `balancing`, `note`; from the newest reading."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    said = plant.vector(device, "cell_voltages")
    if device is None or said is None or not np.isfinite(said[0]).any():
        return Table({})
    values = np.asarray(said[0], dtype=np.float64)
    status = plant.vector(device, "balancing_status")
    active = np.zeros(len(values), dtype=bool)
    if status is not None:
        length = min(len(status[0]), len(values))
        active[:length] = np.asarray(status[0][:length]) == 1
    z = imbalance.robust_z(values, 0.001)
    note = [_cell_note(i, volts, bool(on), scope) for i, (volts, on) in enumerate(zip(values.tolist(), active, strict=True))]
    columns: dict[str, Any] = {
        "name": list(range(1, len(values) + 1)),
        "voltage": values,
        "z": np.round(z, 1),
        "mark": np.abs(np.nan_to_num(z)) > imbalance.OUTLIER,
        "balancing": active,
        "note": note,
    }
    groups = (Group("voltage", word("vehicle.cellvoltage", scope.lang), "V", 3, "soc", zoom=True, least=0.02),)
    spec = Bars(groups, "mark", "balancing", "load", word("vehicle.balancing", scope.lang))
    return Table(columns, said[1], plant.is_simulated([device]), {"bars": spec})


def _cell_note(place: int, volts: float, is_balancing: bool, scope: Scope) -> str:
    who = word("vehicle.cell", scope.lang, n=place + 1)
    text = f"{who}: {volts:.3f} V" if volts == volts else who
    return f"{text}, {word('vehicle.balancing', scope.lang)}" if is_balancing else text


def temperature_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per sensor: `name`, `temperature` [°C]; a sensor that says nothing has no bar."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    said = plant.vector(device, "cell_temperatures")
    if device is None or said is None or not np.isfinite(said[0]).any():
        return Table({})
    values = np.asarray(said[0], dtype=np.float64)
    columns: dict[str, Any] = {"name": [word("vehicle.sensor", scope.lang, n=i + 1) for i in range(len(values))], "temperature": values}
    about = metric("max_temp")
    limits = tuple(limit for _, limit in history.limits_of(about, scope.lang))
    groups = (Group("temperature", metric("cell_temperatures").label(scope.lang), "°C", 1, "limit", limits=limits),)
    return Table(columns, said[1], plant.is_simulated([device]), {"bars": Bars(groups)})


def bars_frame(table: Table) -> Mapping[str, Any] | None:
    """The newest heights of bars."""
    if table.is_empty:
        return None
    groups: Sequence[Group] = table.more["bars"].groups
    return {
        "at": table.at,
        "restyle": [{"set": {"y": [plain(table.columns[g.column], g.decimals) for g in groups]}, "traces": list(range(len(groups)))}],
    }


def cells_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest cell voltages; when other cells are balanced, the bars are asked for again."""
    table = cells_table(store, scope)
    frame = bars_frame(table)
    return {**frame, "redraw": np.flatnonzero(table.columns["balancing"]).tolist().__repr__()} if frame else None


def temperature_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest temperatures."""
    return bars_frame(temperature_table(store, scope))
