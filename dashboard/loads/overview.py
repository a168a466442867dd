"""What the overview shows: tiles, power flow, balance of the day, grid frequency, alarms, topology."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.bell import RANKS
from dashboard.figures import flow
from dashboard.figures.stack import Layer, Stack
from dashboard.format import number
from dashboard.loads import energy, history, power
from dashboard.loads.fleet import Fleet, Sum, batteries, capacity, fleet, fresh, site, weighted
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from datastore import rollup
from datastore.store import Store
from plant.analysis import fleet as of_fleet
from plant.errors import Unavailable
from plant.metrics import metric
from plant.model import MINUTE, Device, Kind, Window

FLOW_KINDS = (Kind.SITE, Kind.BESS, Kind.PACK, Kind.PCS, Kind.INVERTER)
SOURCES = tuple(str(kind) for kind in Kind)
STACK_BARS = 300
LIVE_EVERY = 5
"""The balance of the running bucket is renewed every so many seconds."""


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


def flow_table(store: Store, scope: Scope) -> Table:
    """Columns: `node` (pv, battery, grid, aux), `power` [kW, stored sign], `at`, `note`, `stale`. Empty when nobody ever spoke."""
    plant = fleet(store, FLOW_KINDS)
    flows = power.balance(plant)
    soc = soc_of(plant, batteries(plant))
    parts = {"pv": flows.pv, "battery": flows.battery, "grid": flows.grid, "aux": flows.aux}
    if all(part.value is None for part in parts.values()):
        return Table({})
    columns: dict[str, list[Any]] = {
        "node": list(parts),
        "power": [None if part.value is None else round(part.value, 1) for part in parts.values()],
        "at": [part.at for part in parts.values()],
        "note": [f"{number(soc.value, 1)} %" if node == "battery" and soc.value is not None else "" for node in parts],
        "stale": [part.at is not None and plant.now - part.at > 30_000 for part in parts.values()],
    }
    simulated = plant.is_simulated([device for group in plant.devices.values() for device in group][:1])
    return Table(columns, max(part.at for part in parts.values() if part.at is not None), simulated)


def flow_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Numbers and arrows of now."""
    table = flow_table(store, scope)
    return None if table.is_empty else {"at": table.at, **flow.frame(table, scope)}


def bar_width(window: Window) -> int:
    """Bucket width of the balance [ms]: devices may speak only once a minute."""
    return max(MINUTE, rollup.width_for(window, STACK_BARS))


def layers(scope: Scope) -> tuple[Layer, ...]:
    """What feeds the site, upwards, and what it uses, downwards."""
    lang = scope.lang
    return (
        Layer("pv", word("stack.pv", lang), "pv", 1),
        Layer("discharge", word("stack.discharge", lang), "discharge", 1),
        Layer("import", word("stack.import", lang), "grid", 1, 0.55),
        Layer("aux", word("stack.aux", lang), "load", -1),
        Layer("charge", word("stack.charge", lang), "charge", -1),
        Layer("export", word("stack.export", lang), "grid", -1),
    )


def balance_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` (bucket starts) and `pv`, `discharge`, `import`, `aux`, `charge`, `export` [kW], each not negative, NaN where nothing
    was said."""
    window = scope.span(store.clock())
    width = bar_width(window)
    whole = Window(window.start - window.start % width, window.end)  # a first bucket cut in two would lack what is told once a minute
    return _balance(store, scope, whole, width)


def _balance(store: Store, scope: Scope, window: Window, width: int) -> Table:
    plant = fleet(store, FLOW_KINDS)
    kept = power.history(store.telemetry, plant, window, width)
    columns = {
        "at": kept.at.astype(np.int64),
        "pv": _above(kept.pv),
        "discharge": _above(kept.battery),
        "import": _above(-kept.grid),
        "aux": _above(kept.aux),
        "charge": _above(-kept.battery),
        "export": _above(kept.grid),
    }
    heard = np.isfinite(kept.pv) | np.isfinite(kept.battery) | np.isfinite(kept.grid)
    if not heard.any():
        return Table({})
    newest = min(int(kept.at[heard][-1]) + width, window.end)
    here = site(plant)
    return Table(columns, newest, bool(here and here.simulated), {"stack": Stack(layers(scope), window.start, window.end, width)})


def _above(numbers: Any) -> Any:
    """The positive part, NaN kept."""
    return np.where(np.isnan(numbers), np.nan, np.maximum(numbers, 0.0))


def balance_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The running bucket, as its mean so far: the bar that stands there grows into the one history will show."""
    now = store.clock()
    if now // 1000 % LIVE_EVERY:
        return None
    whole = scope.span(now)
    width = bar_width(whole)
    start = now - now % width
    if now - start < 1_000:
        return None
    table = _balance(store, scope, Window(start, now), width)
    if table.is_empty:
        return None
    parts = layers(scope)
    y = [_whole(part.sign * float(table.columns[part.column][-1])) for part in parts]
    x = int(scope.local(start + width // 2))
    return {"extend": {"x": x, "y": y, "bucket": width, "traces": list(range(len(parts))), "span": whole.length}}


def _whole(value: float) -> float | None:
    return round(value) if np.isfinite(value) else None


def frequency_asks(store: Store) -> list[history.Ask]:
    """The frequency at the connection point; where no site speaks, of the first meter or converter that does."""
    plant = fleet(store, (Kind.SITE, Kind.METER, Kind.PCS))
    for kind in (Kind.SITE, Kind.METER, Kind.PCS):
        for device in plant.of(kind):
            if plant.said(device, "frequency"):
                return [history.Ask(device, "frequency", meaning="frequency")]
    return []


def frequency_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, frequency [Hz] with minimum and maximum per bucket."""
    low, high = metric("frequency").normal
    room = 0.05  # [Hz], so that the limits stand inside the picture
    floor = ("Hz", None if low is None else low - room, None if high is None else high + room)
    return history.history(store, scope, frequency_asks(store), floor=(floor,))


def frequency_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest frequency."""
    return history.live_lines(store, scope, frequency_asks(store))


def topology_table(store: Store, scope: Scope) -> Table:
    """Columns: `node` (a kind of device, `server`, `store`), `group` (source, server, store), `online`, `devices`, `state` (good, warning,
    alarm, stale), `detail`, `at`: what is asked here and now, nothing configured."""
    plant = fleet(store)
    rows: list[tuple[Any, ...]] = []
    for kind, all_ in sorted(plant.devices.items(), key=lambda item: SOURCES.index(item[0]) if item[0] in SOURCES else len(SOURCES)):
        devices = plant.expected(all_)
        online = sum(plant.is_online(device) for device in devices)
        heard = [plant.latest[device.device_id, device.kind].at for device in devices if (device.device_id, device.kind) in plant.latest]
        state = "stale" if not online else "good" if online == len(devices) else "warning"
        detail = word("topology.online", scope.lang, n=online, all=len(devices)) if devices else word("topology.archive", scope.lang)
        rows.append((kind, "source", online, len(devices), state, detail, max(heard, default=None)))
    if not rows:
        return Table({})
    stats = store.intake.stats
    waiting = word("topology.waiting", scope.lang, n=number(stats.waiting, 0))
    rows.append(("server", "server", 1, 1, "good", waiting, plant.now))
    rows.append(("store", "store", *_ping(store, scope), plant.now))
    names = ("node", "group", "online", "devices", "state", "detail", "at")
    return Table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), plant.now)


def _ping(store: Store, scope: Scope) -> tuple[int, int, str, str]:
    started = time.perf_counter()
    try:
        store.records.ping()
    except Unavailable:
        return 0, 1, "alarm", word("topology.down", scope.lang)
    return 1, 1, "good", word("topology.answers", scope.lang, ms=number(1000 * (time.perf_counter() - started), 1))


def topology_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The details of the picture; a change of state asks for it again."""
    if store.clock() // 1000 % LIVE_EVERY:
        return None
    table = topology_table(store, scope)
    if table.is_empty:
        return None
    nodes = table.columns["node"]
    return {
        "text": dict(zip(nodes, table.columns["detail"], strict=True)),
        "redraw": "".join(f"{n}{s}" for n, s in zip(nodes, table.columns["state"], strict=True)),
    }
