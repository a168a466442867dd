"""The fleet as a table: what each device is, whether it speaks, what it holds and gives, how many alarms it has."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.figures.grid import Column, Grid, rows
from dashboard.loads.alarms import duration
from dashboard.loads.archive import site_second
from dashboard.loads.fleet import Fleet, fleet
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.model import Alarm, Device, Kind
from services.fleet_devices import heard, number, open_alarms, standing
from services.pack_metrics import measured

EVERY = 5
"""Rows are renewed in place every so many seconds, up to MOST of them; a longer table is asked for again, twice a minute."""
MOST = 60
ORDER = tuple(str(kind) for kind in (Kind.SITE, Kind.BESS, Kind.PCS, Kind.PACK, Kind.INVERTER))
TONES = {"online": "good", "error": "alarm", "offline": "warning", "maintenance": "info", "never": "stale", "archive": "stale"}
WARM = ("cell_max_temp", "temperature", "temp_igbt", "max_temp", "internal_temperature", "ambient_temp")


def kind_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The kinds that exist."""
    kinds = dict.fromkeys(device.kind for device in store.records.devices())
    return [(str(kind), word(f"kind.{kind}", scope.lang)) for kind in kinds]


def listed(plant: Fleet, scope: Scope) -> list[Device]:
    """The devices of the asked kind; without one all but racks, which are many and have a page of their own. Those one looks for first
    come first."""
    known = [device for group in plant.devices.values() for device in group]
    brief = [device for device in known if device.kind != Kind.RACK] or known
    found = [device for device in known if str(device.kind) == scope.kind] if scope.kind else brief
    return sorted(found, key=lambda device: (ORDER.index(device.kind) if device.kind in ORDER else len(ORDER), device.device_id))


def chosen(plant: Fleet, scope: Scope) -> Device | None:
    """The device looked at: the one of the link (as the listed kind, where it is several), else the first battery, else the first."""
    every = [device for group in plant.devices.values() for device in group]
    if scope.devices:
        mine = [device for device in every if device.device_id == scope.devices[0]]
        return next((device for device in mine if str(device.kind) == scope.kind), mine[0] if mine else None)
    found = listed(plant, scope)
    return next((device for device in found if device.kind in (Kind.BESS, Kind.PACK)), found[0] if found else None)


def state_of(plant: Fleet, device: Device, alarms: Sequence[Alarm]) -> str:
    """online, offline, error, maintenance, archive (only imported history) or never (not heard yet)."""
    latest = plant.latest.get((device.device_id, device.kind))
    if device.status != "maintenance":
        if latest is None:
            return "never"
        if plant.is_archive(device):
            return "archive"
    return standing(device, latest, alarms, plant.now).status


def device_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per device: `device`, `name`, `kind`, `state`, `heard` (site time), `age`, `soc`, `soh` [%], `power` [kW], `warm`
    [°C], `alarms` (open, not shelved), `simulated`."""
    plant = fleet(store)
    devices = listed(plant, scope)
    if not devices:
        return Table({})
    lang, open_ = scope.lang, open_alarms(store)
    shown = chosen(plant, scope)
    columns: dict[str, list[Any]] = {name: [] for name in _NAMES}
    newest = []
    for device in devices:
        latest = plant.latest.get((device.device_id, device.kind))
        alarms = [alarm for alarm in open_.get((device.device_id, device.kind), ()) if not alarm.is_shelved(plant.now)]
        power = measured(device.kind).get("power")
        row: tuple[Any, ...] = (
            device.device_id,
            device.name,
            word(f"kind.{device.kind}", lang),
            state_of(plant, device, alarms),
            site_second(heard(latest), store) if latest else "",
            duration(max(0, plant.now - heard(latest)), lang) if latest else "",
            number(latest, "soc"),
            number(latest, "soh"),
            number(latest, power.metric) if power else None,
            next((value for name in WARM if (value := number(latest, name)) is not None), None),
            len(alarms) or None,
            word("devices.yes", lang) if device.simulated else "",
        )
        for name, one in zip(_NAMES, row, strict=True):
            columns[name].append(one)
        newest += [latest.at] if latest else []
    spec = Grid(
        _columns(lang),
        tuple(f"{device.device_id}:{device.kind}" for device in devices),
        tuple(scope.link("/devices", device=device.device_id, kind=scope.kind or None) for device in devices),
        "device",
        "state",
        ("kind", "age", "soc", "power", "warm", "alarms"),
        f"{shown.device_id}:{shown.kind}" if shown else "",
    )
    return Table(columns, max(newest, default=None), plant.is_simulated(devices), {"grid": spec})


_NAMES = ("device", "name", "kind", "state", "heard", "age", "soc", "soh", "power", "warm", "alarms", "simulated")


def _columns(lang: str) -> tuple[Column, ...]:
    states = {state: word(f"devices.{state}", lang) for state in TONES}
    return (
        Column("device", word("devices.id", lang), width=116, flex=1),
        Column("name", word("devices.name", lang), width=110, flex=1),
        Column("kind", word("devices.kind", lang), width=126),
        Column("state", word("devices.state", lang), None, states, TONES, 108),
        Column("age", word("devices.heard", lang), width=104),
        Column("soc", word("devices.soc", lang), 1, width=84),
        Column("soh", word("devices.soh", lang), 1, width=84),
        Column("power", word("devices.power", lang), 1, width=108),
        Column("warm", word("devices.warm", lang), 1, width=116),
        Column("alarms", word("devices.alarms", lang), 0, width=82),
    )


def device_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The rows again, every five seconds, as this table is for looking things up."""
    second = store.clock() // 1000
    if second % EVERY:
        return None
    if len(listed(fleet(store), scope)) > MOST:
        return {"redraw": second // 30}
    table = device_table(store, scope)
    return None if table.is_empty else {"at": table.at, "rows": rows(table)}
