"""The plant in numbers: the tiles of the overview."""

from collections.abc import Sequence
from typing import Any

from dashboard.bell import RANKS
from dashboard.figures import flow
from dashboard.loads import energy, power
from dashboard.loads.fleet import Fleet, Sum, batteries, capacity, fleet, fresh, site, weighted
from dashboard.page import Scope, Tile
from dashboard.words import word
from datastore.store import Store
from plant.analysis import fleet as of_fleet
from plant.metrics import metric
from plant.model import MINUTE, Device
from plant.quantity import number


def tiles(store: Store, scope: Scope) -> Sequence[Tile]:
    """The plant in numbers. A tile without a value shows a dash; one that lacks devices says how many it has."""
    plant = fleet(store)
    flows = power.balance(plant)
    today = energy.today(store, plant)
    return (
        *_battery_tiles(plant, scope),
        *_power_tiles(plant, flows, scope),
        *_energy_tiles(today, scope),
        *_state_tiles(store, plant, scope),
    )


def _battery_tiles(plant: Fleet, scope: Scope) -> tuple[Tile, ...]:
    units = batteries(plant)
    told = plant.all(units, "soc")
    used = fresh(told)
    soc = soc_of(plant, units)
    soh = weighted(plant.all(units, "soh"), capacity, len(units))
    kept = [battery(plant, device) for device in units]
    available = of_fleet.available(kept).value if used and len(told) == len(units) else None
    full = sum(one.content for one in kept)
    of_all = word("tile.of", scope.lang, n=number(full, 0)) if available is not None else ""
    share = None if soc.value is None else soc.value / 100
    return (
        Tile(
            "soc",
            "tile.soc",
            soc.value,
            "%",
            1,
            soc.at,
            _who(soc, scope, "tile.soc.note"),
            "battery-half",
            _tone(soc.value, "soc") or "soc",
            share,
            scope.elsewhere("/bess"),
        ),
        Tile("soh", "tile.soh", soh.value, "%", 1, soh.at, _who(soh, scope, "tile.soh.note"), "heart-pulse", _tone(soh.value, "soh")),
        Tile("available", "tile.available", available, "kWh", 0, soc.at, of_all, "stack", "soc"),
    )


def battery(plant: Fleet, device: Device) -> of_fleet.Battery:
    """What a unit says now, for the sums over all units."""
    soc, soh = plant.said(device, "soc"), plant.said(device, "soh")
    return of_fleet.Battery(soc.value if soc else None, capacity(device), soh.value if soh else None)


def soc_of(plant: Fleet, units: Sequence[Device]) -> Sum:
    """State of charge of the site [%], energy-weighted over the units heard lately; the plain mean where nameplates are not known."""
    used = fresh(plant.all(units, "soc"))
    kept = [battery(plant, said.device) for said in used]
    known = kept and all(one.known for one in kept)
    value = (of_fleet.soc(kept) if known else of_fleet.mean_soc(kept)).value
    return Sum(value, min((said.at for said in used), default=None), len(used), len(units))


def _power_tiles(plant: Fleet, flows: power.Balance, scope: Scope) -> tuple[Tile, ...]:
    here = site(plant)
    frequency = plant.said(here, "frequency")
    about = metric("frequency")
    band = word("tile.limits", scope.lang, low=f"{about.normal[0]:g}", high=f"{about.normal[1]:g}", unit=about.unit)
    return (
        Tile(
            "power",
            "tile.power",
            flows.battery.value,
            "kW",
            0,
            flows.battery.at,
            _way(flows.battery, "battery", scope),
            "lightning-charge",
            _meaning(flows.battery.value, "discharge", "charge"),
        ),
        Tile(
            "pv", "tile.pv", flows.pv.value, "kW", 0, flows.pv.at, _who(flows.pv, scope, ""), "sun", "pv", href=scope.elsewhere("/inverter")
        ),
        Tile("grid", "tile.grid", flows.grid.value, "kW", 0, flows.grid.at, _way(flows.grid, "grid", scope), "plug", "grid"),
        Tile(
            "frequency",
            "tile.frequency",
            frequency.value if frequency else None,
            "Hz",
            3,
            frequency.at if frequency else None,
            band,
            "activity",
            _tone(frequency.value if frequency else None, "frequency"),
        ),
    )


def _energy_tiles(today: energy.Today | None, scope: Scope) -> tuple[Tile, ...]:
    covered = ""
    if today is not None and today.coverage < 0.995:
        covered = word("tile.coverage", scope.lang, n=number(100 * today.coverage, 0))
    at = today.at if today else None
    stale = 5 * MINUTE
    cycle = today.efficiency.value if today else None
    why = word("tile.efficiency.none" if cycle is None else "tile.efficiency.note", scope.lang)
    return (
        Tile(
            "charged",
            "tile.charged",
            today.charged if today else None,
            "kWh",
            0,
            at,
            covered or word("tile.since", scope.lang),
            "box-arrow-in-down",
            "charge",
            stale_after=stale,
        ),
        Tile(
            "discharged",
            "tile.discharged",
            today.discharged if today else None,
            "kWh",
            0,
            at,
            covered or word("tile.since", scope.lang),
            "box-arrow-up",
            "discharge",
            stale_after=stale,
        ),
        Tile("efficiency", "tile.efficiency", cycle, "%", 1, at, why, "arrow-repeat", "", stale_after=stale),
    )


def _state_tiles(store: Store, plant: Fleet, scope: Scope) -> tuple[Tile, ...]:
    devices = plant.expected(device for group in plant.devices.values() for device in group)
    online = sum(plant.is_online(device) for device in devices)
    alarms = store.records.alarms()
    worst = max((RANKS.index(a.severity) for a in alarms if a.severity in RANKS), default=-1)
    text = f"{online} / {len(devices)}" if devices else None
    newest = max((latest.at for latest in plant.latest.values()), default=None)
    note = word("tile.online.all" if online == len(devices) else "tile.online.silent", scope.lang, n=len(devices) - online)
    return (
        Tile(
            "online",
            "tile.online",
            text,
            "",
            0,
            newest,
            note if devices else "",
            "hdd-network",
            "good" if online == len(devices) else "warning",
            online / len(devices) if devices else None,
            scope.elsewhere("/devices"),
        ),
        Tile(
            "alarms",
            "tile.alarms",
            float(len(alarms)),
            "",
            0,
            plant.now,
            _worst(alarms, scope),
            "bell",
            RANKS[worst] if worst >= 0 else "good",
        ),
    )


def _worst(alarms: Sequence[Any], scope: Scope) -> str:
    counts = [(severity, sum(a.severity == severity for a in alarms)) for severity in reversed(RANKS)]
    said = [f"{count} {word(f'severity.{severity}', scope.lang)}" for severity, count in counts if count]
    return " · ".join(said) or word("alarms.none", scope.lang)


def _who(part: Sum, scope: Scope, note: str) -> str:
    if part.value is not None and not part.is_complete:
        return word("tile.heard", scope.lang, heard=part.heard, asked=part.asked)
    return word(note, scope.lang) if note else ""


def _way(part: Sum, node: str, scope: Scope) -> str:
    row = {"power": part.value}
    return _who(part, scope, "") or (word(flow.state(node, row), scope.lang) if part.value is not None else "")


def _meaning(value: float | None, positive: str, negative: str) -> str:
    return "" if value is None or abs(value) < flow.IDLE else positive if value > 0 else negative


def _tone(value: float | None, name: str) -> str:
    """The severity a value of this metric has by the catalogue; "" when it is normal or not known."""
    if value is None:
        return ""
    about = metric(name)
    for severity, (low, high) in (("alarm", about.alarm), ("warning", about.normal)):
        if (low is not None and value < low) or (high is not None and value > high):
            return severity
    return ""
