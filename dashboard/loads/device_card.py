"""One device: what it says now, what it is and stands, and what it was told."""

from collections.abc import Mapping
from typing import Any

from dashboard.figures import sheet
from dashboard.figures.sheet import Sheet
from dashboard.loads.alarms import duration
from dashboard.loads.archive import site_second
from dashboard.loads.devices import chosen, state_of
from dashboard.loads.fleet import Fleet, fleet
from dashboard.loads.units import numbered
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.ports import Latest
from datastore.store import Store
from plant.analysis.alarms import watched
from plant.analysis.command_safety import limits_of
from plant.errors import DeviceNotFound
from plant.metrics import Metric, metrics_of
from plant.model import Device, Kind, Quality
from plant.quantity import DASH, number, quantity
from services.commands import DRAWER, Commands
from services.fleet_devices import open_alarms

HISTORY = 20
LIMIT_UNITS = {"power": "W", "current": "A", "voltage": "V", "temperature": "°C", "soc": "%"}


def card(store: Store, scope: Scope) -> Table:
    """Columns `name` and `value`: state, place, nameplate and limits of the device looked at. `more`: `device`, `state`, `facts`, `limits`,
    `links`; no device leaves the table empty."""
    plant = fleet(store)
    device = chosen(plant, scope)
    if device is None:
        return Table({}, more={"asked": scope.device})
    lang = scope.lang
    alarms = open_alarms(store).get((device.device_id, device.kind), [])
    state = state_of(plant, device, alarms)
    facts, limits = _facts(plant, device, store, lang), _limits(device, lang)
    more = {"device": device, "state": state, "facts": facts, "limits": limits, "links": _links(plant, device, scope, bool(alarms))}
    both = [*facts, *limits]
    columns: dict[str, list[Any]] = {"name": [name for name, _ in both], "value": [value for _, value in both]}
    latest = plant.latest.get((device.device_id, device.kind))
    return Table(columns, latest.at if latest else None, device.simulated, more)


def _facts(plant: Fleet, device: Device, store: Store, lang: str) -> list[tuple[str, str]]:
    latest = plant.latest.get((device.device_id, device.kind))
    pairs = [
        (word("devices.name", lang), device.name),
        (word("devices.kind", lang), word(f"kind.{device.kind}", lang)),
        (word("device.parent", lang), device.parent or ""),
        (word("device.site", lang), device.site_id),
        (word("device.interval", lang), quantity(device.interval_s, "s", 0 if device.interval_s >= 1 else 2)),
        (word("devices.heard", lang), site_second(latest.at, store) if latest else word("devices.never", lang)),
    ]
    pairs += [(_plate(name, lang), number(value, 0 if float(value).is_integer() else 2)) for name, value in device.rating.items()]
    told = ((name, device.info[name]) for name in sorted(device.info) if isinstance(device.info[name], (str, int, float)))
    pairs += [(_named(name, lang), str(value)[:120]) for name, value in told]
    return [(name, value) for name, value in pairs if value]


def _plate(name: str, lang: str) -> str:
    """A nameplate's name as it is kept (`capacity_kwh`), its unit in brackets."""
    stem, _, unit = name.rpartition("_")
    units = {"kwh": "kWh", "kw": "kW", "ah": "Ah", "v": "V", "a": "A"}
    if unit in units and stem:
        return f"{_named(stem, lang)} ({units[unit]})"
    return _named(name, lang)


def _named(name: str, lang: str) -> str:
    key = f"plate.{name}"
    said = word(key, lang)
    return name.replace("_", " ") if said == key else said


def _limits(device: Device, lang: str) -> list[tuple[str, str]]:
    """The safety limits commands are held against, in S2's units."""
    pairs = []
    for name, value in limits_of(device).named().items():
        unit = LIMIT_UNITS.get(name.rsplit("_", 1)[1], "")
        shown = (value / 1000, "kW", 1) if unit == "W" else (value, unit, 2 if unit == "V" else 0)
        pairs.append((word(f"limit.{name}", lang), quantity(*shown)))
    return pairs


def _links(plant: Fleet, device: Device, scope: Scope, has_alarms: bool) -> list[tuple[str, str]]:
    """Where more of this device is: its own page, its charts, its alarms."""
    home = scope.__class__(window=scope.window, start=scope.start, end=scope.end, lang=scope.lang, theme=scope.theme, zone=scope.zone)
    place = {one.device_id: n for n, one in numbered(plant.of(device.kind)).items()}.get(device.device_id)
    pages = {
        Kind.BESS: home.link("/bess", unit=place),
        Kind.PCS: home.link("/pcs", unit=place),
        Kind.INVERTER: home.link("/inverter", device=device.device_id),
        Kind.VEHICLE: home.link("/vehicles", device=device.device_id),
    }
    own = [("device.open", pages[Kind(device.kind)])] if Kind(device.kind) in pages else []
    alarms = [("device.alarms", home.link("/alarms", device=device.device_id))] if has_alarms else []
    return [*own, ("device.explore", home.link("/explore", device=device.device_id)), *alarms]


def values_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per scalar metric that was said: `metric`, `value` (text with unit), `range` (of the catalogue's normal), `quality`,
    `age`."""
    plant = fleet(store)
    device = chosen(plant, scope)
    latest = plant.latest.get((device.device_id, device.kind)) if device else None
    if device is None or latest is None:
        return Table({})
    lang = scope.lang
    said = [about for about in metrics_of(device.kind) if not about.is_vector and about.name in latest.values]
    columns: dict[str, list[Any]] = {"metric": [], "value": [], "range": [], "quality": [], "age": []}
    tones: dict[tuple[str, str], str] = {}
    for about in said:
        at = latest.times.get(about.name, latest.at)
        value = latest.values[about.name]
        columns["metric"].append(about.label(lang))
        columns["value"].append(_value(about, value, lang))
        columns["range"].append(_range(about))
        columns["quality"].append(_quality(latest, lang))
        columns["age"].append(duration(max(0, plant.now - at), lang))
        if plant.is_stale(device, at):
            tones[about.name, "value"] = tones[about.name, "age"] = "stale"
        elif isinstance(value, (int, float)) and (severity := _severity(about, device, float(value))):
            tones[about.name, "value"] = severity
    if not said:
        return Table({})
    heads = tuple((name, word(f"device.col.{name}", lang), 0 if name in ("value", "range", "age") else None) for name in columns)
    spec = Sheet(heads, tuple(about.name for about in said), tones)
    told = [
        ("x", float(value), f"{about.label(lang)} ({about.unit})" if about.unit else about.label(lang))
        for about in said
        if isinstance(value := latest.values[about.name], (int, float))
    ]
    return Table(columns, latest.at, bool(latest.quality & Quality.SIMULATED), {"sheet": spec, "told": {"": told}})


def _value(about: Metric, value: Any, lang: str) -> str:
    if not isinstance(value, (int, float)) or value != value:
        return DASH
    if about.shape == "enum":
        state = about.states.get(int(value))
        return word(f"mode.{state}", lang) if state and about.name == "mode" else state or number(float(value), 0)
    return f"0x{int(value) & 0xFFFFFFFF:04X}" if about.shape == "bits" else quantity(float(value), about.unit, about.decimals)


def _range(about: Metric) -> str:
    low, high = about.normal
    if about.shape != "scalar" or (low is None and high is None):
        return ""
    if low is None or high is None:
        return f"≤ {number(high, about.decimals)}" if low is None else f"≥ {number(low, about.decimals)}"
    return f"{number(low, about.decimals)} … {number(high, about.decimals)}"


def _quality(latest: Latest, lang: str) -> str:
    flags = [flag for flag in Quality if flag & latest.quality]
    return ", ".join(word(f"quality.{(flag.name or '').lower()}", lang) for flag in flags) or word("quality.good", lang)


def _severity(about: Metric, device: Device, value: float) -> str:
    """The worst limit this value is beyond, as the alarm watch has them; empty within all."""
    lfp = str(device.info.get("chemistry", "LFP")).upper().startswith("LFP")
    limits = [limit for one in watched(device.kind, lfp) if one.metric == about.name for limit in one.limits]
    return next((limit.severity for limit in limits if limit.wanted(value)), "")


def values_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Values and ages, once a second."""
    table = values_table(store, scope)
    return None if table.is_empty else sheet.frame(table)


def history_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per command, newest first: `command`, `told`, `status`, `who`, `queued`, `took` [s], `message`."""
    device = chosen(fleet(store), scope)
    try:
        found = Commands(store).history(device.device_id, HISTORY)[0] if device else []
    except DeviceNotFound:
        found = []
    if not found:
        return Table({})
    lang = scope.lang
    columns: dict[str, list[Any]] = {
        "queued": [site_second(one.queued, store) for one in found],
        "command": [word(f"command.{one.type}", lang) for one in found],
        "told": [parameters(one.parameters) for one in found],
        "status": [word(f"command.status.{one.status}", lang) for one in found],
        "took": [None if one.ended is None else (one.ended - one.queued) / 1000 for one in found],
        "who": [one.source for one in found],
        "message": [one.message for one in found],
    }
    heads = tuple((name, word(f"command.col.{name}", lang), 1 if name == "took" else None) for name in columns)
    tone = {"completed": "good", "failed": "alarm", "timeout": "warning", "queued": "info", "acknowledged": "info", "executing": "info"}
    tones = {(one.id, "status"): tone.get(one.status, "") for one in found}
    return Table(columns, found[0].queued, False, {"sheet": Sheet(heads, tuple(one.id for one in found), tones)})


def parameters(said: Mapping[str, Any]) -> str:
    """A command's quantities as text: powers in kW.

    >>> parameters({"target_power": 50_000, "target_soc": 80, "note": {"x": 1}})
    '50.0 kW, 80 %'
    """
    units = {"target_power": ("kW", 1000.0, 1), "target_soc": ("%", 1.0, 0), "max_current": ("A", 1.0, 0), "ramp_rate": ("W/s", 1.0, 0)}
    known = [(units[name], value) for name, value in said.items() if name in units and isinstance(value, (int, float))]
    return ", ".join(quantity(value / factor, unit, decimals) for (unit, factor, decimals), value in known)


def history_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the history again when any command has changed."""
    return {"redraw": store.records.entries_version(DRAWER)}


def desk_table(store: Store, scope: Scope) -> Table:
    """The device that can be acted on; who may do what is filled in by `callbacks/devices.py`."""
    device = chosen(fleet(store), scope)
    return Table({"device": [] if device is None else [device.device_id]})
