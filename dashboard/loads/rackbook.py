"""The racks of all units over a window, and the ledger of what the first one at a limit costs the others."""

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashboard.figures.sheet import Sheet
from dashboard.loads.fleet import Fleet, capacity, fleet
from dashboard.loads.ledger import asked
from dashboard.loads.units import rack_name, racks, unit_name, units
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.ports import Instants, Numbers
from datastore.store import Store
from plant.analysis import imbalance
from plant.analysis.peers import LEAST_PEERS
from plant.metrics import metric
from plant.model import DAY, HOUR, MINUTE, QUARTER, Device, Kind, Window
from plant.quantity import number
from services import rack_days

KINDS = (Kind.BESS, Kind.PACK, Kind.RACK, Kind.SITE)
SHOWN = 12
KEPT_MS = MINUTE


@dataclass(frozen=True, slots=True)
class Racks:
    """The racks of one unit over the window: `soc` [%, times × racks] in common buckets that start at `at`, NaN = silent; nameplate
    `energy` [kWh, NaN = not known] and `soh` [%], [racks]."""

    number: int
    racks: dict[int, Device]
    at: Instants
    soc: Numbers
    energy: Numbers
    soh: Numbers


_kept: dict[Any, tuple[int, object, list[Racks]]] = {}
_resting: dict[Any, tuple[int, object, Racks | None]] = {}
_gate = threading.Lock()


def rack_history(store: Store, plant: Fleet, window: Window) -> list[Racks]:
    """All racks over the window, by unit, in whole minutes, quarters of an hour or hours by its length, at most `KEPT_MS` old."""
    width = MINUTE if window.length <= 2 * HOUR else QUARTER if window.length <= 2 * DAY else HOUR
    whole = Window(window.start - window.start % width, window.end - window.end % width)  # whole buckets lie ready in the store
    now, key = store.clock(), (id(store.telemetry), whole)
    with _gate:
        known = _kept.get(key)
        if known is None or known[1] is not store.telemetry or not 0 <= now - known[0] < KEPT_MS:
            for old in [one for one, (at, *_) in _kept.items() if not 0 <= now - at < KEPT_MS]:
                del _kept[old]
            known = _kept[key] = (now, store.telemetry, _history(store, plant, whole, width))
    return known[2]


def _history(store: Store, plant: Fleet, window: Window, width: int) -> list[Racks]:
    by_unit = {place: (unit, racks(plant, unit)) for place, unit in units(plant).items()}
    keys = [(rack.device_id, rack.kind) for _, found in by_unit.values() for rack in found.values()]
    series = store.telemetry.series(keys, ["soc"], window, resolution=width) if keys else {}
    at = np.unique(np.concatenate([one.at for one in series.values()])) if series else np.empty(0, np.int64)
    made = []
    for which, (unit, found) in by_unit.items():
        soc = np.full((at.size, len(found)), np.nan)
        for place, rack in enumerate(found.values()):
            one = series.get((rack.device_id, rack.kind, "soc"))
            if one is not None:
                soc[np.searchsorted(at, one.at), place] = one.mean
        if len(found) >= 2 and np.isfinite(soc).any():
            energy = np.array([_energy(rack, unit, len(found)) for rack in found.values()])
            soh = np.array([said.value if (said := plant.said(rack, "soh")) else 100.0 for rack in found.values()])
            made.append(Racks(which, found, at, soc, energy, soh))
    return made


def _energy(rack: Device, unit: Device, count: int) -> float:
    """Nameplate energy [kWh] of a rack, else its share of the unit's."""
    own, whole = capacity(rack), capacity(unit)
    return own if own else whole / count if whole else float("nan")


def at_rest(store: Store, unit: Racks, device_id: str, window: Window) -> Racks | None:
    """The racks of a unit in the quarters of an hour of the window in which all that spoke were at rest (the study of rack days keeps
    them); None when there was none."""
    kept = rack_days.days(store, device_id, window)
    places = {rack.device_id: place for place, rack in enumerate(unit.racks.values())}
    at = np.concatenate([np.empty(0, np.int64), *(day.at for day in kept)])
    soc = np.full((at.size, len(places)), np.nan)
    first = 0
    for day in kept:
        for column, rack in enumerate(day.order):
            if rack in places:
                soc[first : first + day.at.size, places[rack]] = day.soc[:, column]
        first += day.at.size
    inside = (at >= window.start) & (at < window.end) & (np.isfinite(soc).sum(axis=1) >= 2)
    return replace(unit, at=at[inside], soc=soc[inside]) if inside.any() else None


def _rested(store: Store, plant: Fleet, unit: Racks, window: Window) -> tuple[Racks, float]:
    """The unit at rest and for how many hours, or as it was all the time and 0."""
    key = (id(store.telemetry), unit.number, window)
    now = store.clock()
    with _gate:
        known = _resting.get(key)
        if known is None or known[1] is not store.telemetry or not 0 <= now - known[0] < KEPT_MS:
            for old in [one for one, (at, *_) in _resting.items() if not 0 <= now - at < KEPT_MS]:
                del _resting[old]
            known = _resting[key] = (now, store.telemetry, at_rest(store, unit, units(plant)[unit.number].device_id, window))
    resting = known[2]
    return (unit, 0.0) if resting is None else (resting, resting.at.size * QUARTER / HOUR)


def imbalance_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per rack that cost something, dearest first: `unit`, `rack`, `charge`, `discharge` (energy [kWh] it kept its unit
    from using, mean over the times looked at), `money` (what one use of that is worth; only where the site's record names a price),
    `first` [% of these times it was the first at a limit], `apart` (its state of charge less the middle of its unit's, [% points], mean).
    Looked at are the quarters of an hour at rest, all times of a unit that never rested. The first row is all racks together, and says
    which."""
    window = asked(store, scope)
    plant = fleet(store, KINDS)
    if window is None:
        return Table({})
    wanted = [unit for unit in rack_history(store, plant, window) if scope.unit in (None, unit.number)]
    looked_at = [_rested(store, plant, unit, window) for unit in wanted]
    accounts = [one for unit, _ in looked_at for one in _accounts(unit)]
    if not accounts:
        return Table({})
    accounts.sort(key=lambda one: -(one["charge"] + one["discharge"]))
    lang, hours = scope.lang, [rested for _, rested in looked_at]
    how = "rest" if all(hours) else "some" if any(hours) else "load"
    total = {
        "name": word(f"analysis.racks.{how}", lang, hours=number(sum(hours) / len(hours), 1)),
        "charge": sum(one["charge"] for one in accounts),
        "discharge": sum(one["discharge"] for one in accounts),
        "first": None,
        "apart": None,
    }
    dear = [one for one in accounts if one["charge"] + one["discharge"] > 0]
    shown = [total, *dear[:SHOWN]]
    for one in shown[1:]:
        one["name"] = f"{unit_name(one['unit'], lang)} · {rack_name(one['rack'], lang)}"
    site = next(iter(plant.of(Kind.SITE)), None)
    worth = imbalance.price(site.info.get("energy_price")) if site else None
    if worth:
        for one in shown:
            one["money"] = (one["charge"] + one["discharge"]) * worth.per_kwh
    names = ("name", "charge", "discharge", *(("money",) if worth else ()), "first", "apart")
    columns = {name: [one.get(name) for one in shown] for name in names}
    keys = tuple(str(place) for place in range(len(shown)))
    links = {(keys[k], "name"): scope.link("/bess", unit=one["unit"], rack=one["rack"], metric="soc") for k, one in enumerate(shown) if k}
    digits = {"name": None, "charge": 1, "discharge": 1, "money": 1, "first": 0, "apart": 2}
    titles = {name: word(f"analysis.rack.{name}", lang) for name in names if name != "money"}
    if worth:
        titles["money"] = word("state.money", lang, currency=worth.currency)
    spec = Sheet(tuple((name, titles[name], digits[name]) for name in names), keys, {}, links, keys[0])
    devices = [rack for unit in wanted for rack in unit.racks.values()]
    more: dict[str, Any] = {"sheet": spec, "period": window}
    if worth:
        more |= {"unit": worth.currency, "told": {"money": [("price", worth.per_kwh, worth.source)]}}
    return Table(columns, window.end, plant.is_simulated(devices), more)


def _accounts(unit: Racks) -> list[dict[str, Any]]:
    low, high = metric("soc").normal
    up = imbalance.booked(unit.soc, unit.energy, unit.soh, 100.0 if high is None else high, charging=True)
    down = imbalance.booked(unit.soc, unit.energy, unit.soh, 0.0 if low is None else low, charging=False)
    apart = apart_of(unit.soc)
    return [
        {
            "unit": unit.number,
            "rack": number,
            "charge": float(up.energy[k]),
            "discharge": float(down.energy[k]),
            "first": 100.0 * float(max(up.share[k], down.share[k])),
            "apart": float(np.nanmean(apart[:, k])) if np.isfinite(apart[:, k]).any() else None,
        }
        for k, number in enumerate(unit.racks)
    ]


def apart_of(soc: Numbers) -> Numbers:
    """Each rack less the median of those that spoke then [% points]; NaN where fewer than three did."""
    enough = np.isfinite(soc).sum(axis=1) >= LEAST_PEERS
    found = np.full(soc.shape, np.nan)
    if enough.any():
        found[enough] = soc[enough] - np.nanmedian(soc[enough], axis=1)[:, None]
    return found
