"""The register with what every device said last."""

from collections.abc import Mapping
from typing import Any

from dashboard.figures import sheet
from dashboard.figures.sheet import Sheet
from dashboard.format import quantity
from dashboard.loads.archive import site_time, whole
from dashboard.loads.fleet import Fleet, fleet
from dashboard.loads.units import number
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.metrics import metric, metrics_of
from plant.model import Device, Kind

SHOWN = 4
"""Newest values per device; the rest is a click away."""


def kind_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The kinds that exist; the scope's `device` field holds the kind on this page."""
    kinds = dict.fromkeys(device.kind for device in store.records.devices())
    return [(str(kind), word(f"kind.{kind}", scope.lang)) for kind in kinds]


def device_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per device: `device`, `name`, `kind`, `state`, `heard` (site time), `values` (text), `simulated`."""
    plant = fleet(store)
    known = [device for group in plant.devices.values() for device in group]
    # racks are many and have a page of their own: they are listed when asked for, or when there is nothing else
    brief = [device for device in known if device.kind != Kind.RACK] or known
    devices = [device for device in known if str(device.kind) in scope.devices] if scope.device else brief
    if not devices:
        return Table({})
    lang = scope.lang
    columns: dict[str, list[Any]] = {name: [] for name in ("device", "state", "heard", "kind", "values", "name", "simulated")}
    tones, links, keys, heard = {}, {}, [], []
    for device in devices:
        latest = plant.latest.get((device.device_id, device.kind))
        state = "never" if latest is None else "online" if plant.is_online(device) else "archive" if plant.is_archive(device) else "silent"
        key = f"{device.device_id}:{device.kind}"
        keys.append(key)
        tones[key, "state"] = {"online": "good", "silent": "warning"}.get(state, "stale")
        if state != "online":
            tones[key, "values"] = "stale"
        links[key, "device"] = link_of(device, scope, store, state == "archive")
        columns["device"].append(device.device_id)
        columns["name"].append(device.name)
        columns["kind"].append(word(f"kind.{device.kind}", lang))
        columns["state"].append(word(f"devices.{state}", lang))
        columns["heard"].append(site_time(latest.at, store) if latest else "")
        columns["values"].append(newest(plant, device, lang))
        columns["simulated"].append(word("devices.yes", lang) if device.simulated else "")
        heard += [latest.at] if latest else []
    parts = tuple((name, word(f"devices.{'id' if name == 'device' else name}", lang), None) for name in columns)
    return Table(columns, max(heard, default=None), False, {"sheet": Sheet(parts, tuple(keys), tones, links)})


def link_of(device: Device, scope: Scope, store: Store, is_archive: bool = False) -> str:
    """Where a device can be looked at; an archived one in the window of its data."""
    here, unit = number(device.device_id), number(device.parent or "")
    if device.kind == Kind.BESS and here:
        return scope.link("/bess", device=None, unit=here)
    if device.kind == Kind.RACK and here and unit:
        return scope.link("/bess", device=None, unit=unit, rack=here)
    path = {Kind.VEHICLE: "/vehicles", Kind.INVERTER: "/inverter"}.get(Kind(device.kind), "/explore")
    extent = store.telemetry.extent(device.device_id, device.kind) if is_archive else None
    return scope.link(path, device=device.device_id, **(whole(extent.first, extent.last, store) if extent else {}))


def newest(plant: Fleet, device: Device, lang: str) -> str:
    """The first few numbers a device said last, as text."""
    parts = []
    for about in metrics_of(device.kind):
        said = None if about.shape != "scalar" else plant.said(device, about.name)
        if said is not None:
            parts.append(f"{metric(about.name).label(lang)} {quantity(said.value, about.unit, about.decimals)}")
        if len(parts) == SHOWN:
            break
    return " · ".join(parts)


def device_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Times and values; every five seconds, as this table is for looking things up."""
    if store.clock() // 1000 % 5:
        return None
    table = device_table(store, scope)
    return None if table.is_empty else sheet.frame(table)
