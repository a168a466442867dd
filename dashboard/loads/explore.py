"""Any metrics of any devices over any window."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from dashboard.loads import archive, history
from dashboard.loads.fleet import Fleet, fleet
from dashboard.page import Scope, Table
from datastore.store import Store
from plant.metrics import CATALOGUE, metric, scalars_of
from plant.model import Device

MOST_LINES = 24
"""More lines nobody can tell apart, and the answer would grow with them."""
MEANINGS = {
    "soc": "soc",
    "frequency": "frequency",
    "pv_power": "pv",
    "aux_power": "load",
    "target_power": "target",
    "home_energy": "load",
    "solar_energy": "pv",
    "battery_energy": "discharge",
    "grid_import_energy": "import",
    "grid_export_energy": "export",
}
"""Metrics whose colour means a thing; of several devices colours tell the devices apart instead."""


def device_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """All devices, by id; an id of two kinds is offered once."""
    ids = dict.fromkeys(device.device_id for device in store.records.devices())
    return [(device_id, device_id) for device_id in ids]


def metric_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The numbers the chosen devices may say."""
    kinds = dict.fromkeys(device.kind for device in chosen(fleet_of(store), scope))
    names = dict.fromkeys(name for kind in kinds for name in scalars_of(kind))
    return [
        (name, f"{metric(name).label(scope.lang)} [{metric(name).unit}]" if metric(name).unit else metric(name).label(scope.lang))
        for name in names
    ]


def fleet_of(store: Store) -> Fleet:
    """All devices with their newest values."""
    return fleet(store)


def chosen(plant: Fleet, scope: Scope) -> list[Device]:
    """The devices asked for, in that order; without a wish the connection point, else the first device that ever spoke."""
    known = [device for devices in plant.devices.values() for device in devices]
    wanted = [device for wish in scope.devices for device in known if device.device_id == wish]
    if wanted or scope.devices:
        return wanted
    first = next(
        (
            device
            for device in sorted(known, key=lambda d: (d.kind != "site", d.device_id))
            if (device.device_id, device.kind) in plant.latest
        ),
        None,
    )
    return [first] if first else []


def beside(store: Store, scope: Scope) -> list[Device]:
    """Devices of the first chosen one's kind, which may be compared with it."""
    plant = fleet_of(store)
    looked_at = chosen(plant, scope)
    return [device for device in plant.of(looked_at[0].kind) if device not in looked_at] if looked_at else []


def asks(store: Store, scope: Scope) -> list[history.Ask]:
    """One line per chosen device and metric it has; without a chosen metric the first its newest readings speak of."""
    plant = fleet_of(store)
    devices = chosen(plant, scope)
    names = [name for name in scope.metrics if name in CATALOGUE and not metric(name).is_vector] or _first_metrics(plant, devices)
    pairs = [(device, name) for name in names for device in devices if device.kind in metric(name).kinds]
    found = []
    for device, name in pairs[:MOST_LINES]:
        label = metric(name).label(scope.lang)
        title = label if len(devices) == 1 else device.device_id if len(names) == 1 else f"{device.device_id} · {label}"
        found.append(history.Ask(device, name, title, MEANINGS.get(name, "") if len(devices) == 1 else ""))
    return found


def _first_metrics(plant: Fleet, devices: list[Device]) -> list[str]:
    """All daily energies of a home, else the first number a device says."""
    for device in devices:
        latest = plant.latest.get((device.device_id, device.kind))
        said = [name for name in scalars_of(device.kind) if latest and name in latest.values]
        sums = [name for name in said if metric(name).aggregation == "sum"]
        if said:
            return sums or said[:1]
    return []


def explore_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` and one per line, with minimum and maximum where thinned. Energies per interval are bars of their sums."""
    wanted = asks(store, scope)
    bars = bool(wanted) and all(metric(ask.metric).aggregation == "sum" for ask in wanted)
    table = history.history(store, scope, wanted, bars=bars, limits=len(wanted) == 1)
    return archive.nothing(store, scope, [ask.device for ask in wanted], "/explore") if table.is_empty else table


def explore_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest values of the lines."""
    return history.live_lines(store, scope, asks(store, scope))


def extent_table(store: Store, scope: Scope) -> Table:
    """What is kept of the chosen devices."""
    return archive.extents(store, scope, chosen(fleet_of(store), scope), "/explore")


def dataset_table(store: Store, scope: Scope) -> Table:
    """What a dataset can be made of: columns `kind` and `devices`, how many there are. The form itself is filled by who looks."""
    found = Counter(str(device.kind) for device in store.records.devices())
    return Table({"kind": list(found), "devices": list(found.values())})
