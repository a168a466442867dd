"""The numbers that went into a figure on the screen, for the card that explains it: with them and the formula of
`dashboard.explanations` anybody can work the figure out again. Symbols are those of the formula."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import isfinite

import numpy as np

from dashboard.bell import RANKS
from dashboard.explanations import Facts, Given, Tell
from dashboard.loads import cells, explained_alarms, explained_awards, explained_energy, inverter, power
from dashboard.loads.arrays import light_now
from dashboard.loads.fleet import Fleet, Said, Sum, batteries, capacity, fleet, fresh, site, total
from dashboard.page import Scope
from dashboard.words import word
from datastore.store import Store
from plant.model import HOUR, Device, Kind
from services import vitals
from services.pv_arrays import peak_of

MOST_NAMED = 12
"""So many silent devices are named."""
MB = 1_000_000


def facts(key: str, store: Store, scope: Scope) -> Facts:
    """What goes into the figure of this key now; raises KeyError for one that nobody explains, Unavailable without a store."""
    return FACTS[key](store, scope)


# -- the plant now -------------------------------------------------------------------------------------------------------------


def _of(symbol: str, said: Iterable[Said]) -> tuple[Given, ...]:
    return tuple(Given(symbol, one.value, one.device.device_id, one.at) for one in said)


def _one(metric_name: str, symbol: str, of: Callable[[Fleet, Scope], Device | None]) -> Tell:
    """The newest reading of one device."""

    def tell(store: Store, scope: Scope) -> Facts:
        plant = fleet(store)
        device = of(plant, scope)
        said = plant.said(device, metric_name)
        return Facts(_of(symbol, [said] if said else []), devices=(device.device_id,) if device else (), metrics=(metric_name,))

    return tell


def _weighted(store: Store, scope: Scope, name: str) -> Facts:
    """Charge or health of the units that count, with what they are weighted by."""
    plant = fleet(store)
    units = batteries(plant)
    used = fresh(plant.all(units, name))
    given: list[Given] = []
    for one in used:
        given += [*_of("SOCᵢ" if name == "soc" else "SOHᵢ", [one]), Given("Eᵢ", capacity(one.device), one.device.device_id)]
        if name == "soc":
            health = plant.said(one.device, "soh")
            given.append(Given("SOHᵢ", health.value if health else None, one.device.device_id, health.at if health else None))
    variant = "" if all(capacity(one.device) for one in used) else word("explain.plain", scope.lang)
    ids = tuple(unit.device_id for unit in units)
    return Facts(tuple(given), heard=(len(used), len(units)), variant=variant, devices=ids, metrics=(name,))


def _soc(store: Store, scope: Scope) -> Facts:
    return _weighted(store, scope, "soc")


def _soh(store: Store, scope: Scope) -> Facts:
    return _weighted(store, scope, "soh")


def _available(store: Store, scope: Scope) -> Facts:
    plant = fleet(store)
    units = batteries(plant)
    told = _weighted(store, scope, "soc")
    if len(plant.all(units, "soc")) == len(units):
        # those that are stale count here: what is in a unit does not leave it because it is silent
        rows = [(unit, plant.said(unit, "soc"), plant.said(unit, "soh")) for unit in units]
        given = [
            one
            for unit, soc, soh in rows
            for one in (
                *_of("SOCᵢ", [soc] if soc else []), Given("Eᵢ", capacity(unit), unit.device_id),
                Given("SOHᵢ", soh.value if soh else None, unit.device_id, soh.at if soh else None),
            )
        ]  # fmt: skip
        return replace(told, given=tuple(given), heard=(len(units), len(units)), variant="")
    return replace(told, variant="", why=word("explain.why.some", scope.lang))


def _power(store: Store, scope: Scope) -> Facts:
    plant = fleet(store)
    devices, name = power.converters(plant)
    said = plant.all(devices, name)
    found, flows, here = total(said, len(devices)), power.balance(plant), site(plant)
    ids = tuple(device.device_id for device in devices)
    if found.is_complete or flows.battery.asked != 1 or here is None or flows.battery == found:
        return Facts(_of("Pᵢ", fresh(said)), heard=(found.heard, found.asked), devices=ids, metrics=(name,))
    parts = (("P_grid", "active_power", flows.grid), ("P_pv", "pv_power", flows.pv), ("P_aux", "aux_power", flows.aux))
    given = tuple(Given(symbol, part.value, here.device_id, part.at) for symbol, _, part in parts)
    names = tuple(metric_name for _, metric_name, _ in parts)
    variant = word("explain.derived", scope.lang)
    return Facts(given, heard=(found.heard, found.asked), variant=variant, devices=(here.device_id,), metrics=names)


def _pv(store: Store, scope: Scope) -> Facts:
    plant = fleet(store)
    here = site(plant)
    said = plant.said(here, "pv_power")
    if said is not None:
        return Facts(_of("P_pv", [said]), devices=(said.device.device_id,), metrics=("pv_power",))
    known = plant.of(Kind.INVERTER)
    told = plant.all(known, "total_active_power")
    part: Sum = total(told, len(known))
    ids = tuple(device.device_id for device in known)
    return Facts(_of("Pᵢ", fresh(told)), heard=(part.heard, part.asked), devices=ids, metrics=("total_active_power",))


def _online(store: Store, scope: Scope) -> Facts:
    plant = fleet(store)
    known = plant.expected([device for group in plant.devices.values() for device in group])
    silent = [device for device in known if not plant.is_online(device)]
    newest = max((latest.at for latest in plant.latest.values()), default=None)
    given = (Given("n", float(len(known) - len(silent)), at=newest), Given("N", float(len(known))))
    names = ", ".join(device.device_id for device in silent[:MOST_NAMED])
    variant = word("tile.online.silent", scope.lang, n=len(silent)) + f": {names}" if silent else ""
    return Facts(given if known else (), heard=(len(known) - len(silent), len(known)), variant=variant)


def _standing(store: Store, scope: Scope) -> Facts:
    found = store.records.alarms()
    counts = [(severity, sum(one.severity == severity for one in found)) for severity in reversed(RANKS)]
    return Facts(tuple(Given("nₛ", float(n), word(f"severity.{severity}", scope.lang)) for severity, n in counts))


# -- the inverter looked at ----------------------------------------------------------------------------------------------------


def _converted(store: Store, scope: Scope) -> Facts:
    plant = fleet(store, inverter.KINDS)
    device = inverter.chosen(plant, scope)
    ac, dc = plant.said(device, "total_active_power"), plant.said(device, "dc_power")
    rated = device.rating.get("power_kw") if device else None
    given = (*_of("P_ac", [ac] if ac else []), *_of("P_dc", [dc] if dc else []), Given("P_nom", float(rated) if rated else None))
    return Facts(given if device else (), devices=(device.device_id,) if device else (), metrics=("total_active_power", "dc_power"))


def _specific(store: Store, scope: Scope) -> Facts:
    plant = fleet(store, inverter.KINDS)
    device = inverter.chosen(plant, scope)
    day = plant.said(device, "daily_power_yields")
    given = (*_of("E_day", [day] if day else []), Given("P₀", peak_of(device))) if device else ()
    return Facts(given, devices=(device.device_id,) if device else (), metrics=("daily_power_yields",))


def _strings(store: Store, scope: Scope) -> Facts:
    plant = fleet(store, inverter.KINDS)
    said = plant.vector(inverter.chosen(plant, scope), "string_currents")
    values, at = said if said else ([], 0)
    strings = [_place("Iₛ", value, word("inverter.string", scope.lang, n=n), at) for n, value in enumerate(values, 1)]
    told = sorted((one for one in strings if one.value is not None), key=lambda one: one.value or 0.0)  # the weakest first
    median = (Given("Ĩ", float(np.median([one.value for one in told if one.value is not None])), at=at),) if told else ()
    return Facts((*median, *told), heard=(len(told), len(strings)) if strings else None)


def _place(symbol: str, value: float, who: str, at: int) -> Given:
    return Given(symbol, value if isfinite(value) else None, who, at)


def _light(store: Store, scope: Scope) -> Facts:
    plant = fleet(store, inverter.KINDS)
    device = inverter.chosen(plant, scope)
    said = light_now(plant, inverter.station(plant, device) if device else None)
    return Facts(_of("G", [said] if said else []), devices=(said.device.device_id,) if said else (), metrics=("poa_irradiance",))


# -- cells ---------------------------------------------------------------------------------------------------------------------


def _cells(first: str, *names: str) -> Tell:
    """The newest vectors of the rack looked at, element by element: the `highest` first, the `lowest`, the `ends` or the `outliers`."""

    def tell(store: Store, scope: Scope) -> Facts:
        plant = fleet(store, cells.KINDS)
        told = [found for name in names if (found := cells.seen(plant, scope, name))]
        given = tuple(one for found in told for one in _elements(found, first, scope.lang))
        heard = (sum(int(np.isfinite(one.values).sum()) for one in told), sum(one.stands.count for one in told))
        return Facts(given, heard=heard if told else None, variant=told[0].holder.name if told else "")

    return tell


def _elements(found: cells.Seen, first: str, lang: str) -> list[Given]:
    """All values of one vector, ordered; of outliers with the median and the deviation they are judged by."""
    x, symbol = found.values, "V" if found.name == cells.VOLTS else "T"
    middle = {"highest": np.nanmin(x), "lowest": np.nanmax(x), "ends": (np.nanmin(x) + np.nanmax(x)) / 2}.get(first, found.median)
    order = np.argsort(-np.nan_to_num(np.abs(x - middle), nan=-1.0), kind="stable").tolist()
    given = [_place(f"{symbol}ᵢ", float(x[place]), cells.element(found.name, place, found.stands, lang), found.at) for place in order]
    if first != "outliers":
        return given
    mad = max(float(np.nanmedian(np.abs(x - found.median))), cells.LEAST_SCALE[found.name] / 1.4826)
    return [Given(f"{symbol}ₘ", found.median, at=found.at), Given(f"MAD_{symbol}", mad, at=found.at), *given]


# -- this process --------------------------------------------------------------------------------------------------------------


def _process(tell: Callable[[Store, vitals.Vitals], Iterable[Given]]) -> Tell:
    return lambda store, scope: Facts(tuple(tell(store, vitals.of(store))))


def _inflow(store: Store, life: vitals.Vitals) -> Iterable[Given]:
    span = max(1, min(vitals.RECENT_S, store.clock() // 1000 - life.began // 1000))
    return Given("n", life.inflow().rate * span), Given("T", float(span))


def _delay(store: Store, life: vitals.Vitals) -> Iterable[Given]:
    delay = life.inflow().delay
    return () if delay is None else (Given("Δt", delay / 1000),)


def _commit(store: Store, life: vitals.Vitals) -> Iterable[Given]:
    stats = store.intake.stats
    return (Given("t", stats.last_commit_ms),) if stats.commits else ()


def _spool(store: Store, life: vitals.Vitals) -> Iterable[Given]:
    held = store.intake.backlog
    room = held.limit_bytes / MB if held.limit_bytes else None
    return Given("n", float(held.waiting)), Given("B", held.bytes / MB), Given("B_max", room)


def _streams(store: Store, life: vitals.Vitals) -> Iterable[Given]:
    return [Given("nₖ", float(count), kind) for kind, count in sorted(life.streams().items())]


def _memory(store: Store, life: vitals.Vitals) -> Iterable[Given]:
    resident = vitals.memory()
    return (Given("RSS", None if resident is None else resident / MB),)


def _uptime(store: Store, life: vitals.Vitals) -> Iterable[Given]:
    return (Given("t", life.uptime_ms() / HOUR, at=life.began),)


def _at_site(plant: Fleet, scope: Scope) -> Device | None:
    return site(plant)


FACTS: Mapping[str, Tell] = {
    **explained_energy.FACTS,
    **explained_awards.FACTS,
    **explained_alarms.FACTS,
    "tile.soc": _soc,
    "tile.soh": _soh,
    "tile.available": _available,
    "tile.power": _power,
    "tile.pv": _pv,
    "tile.grid": _one("active_power", "P_grid", _at_site),
    "tile.frequency": _one("frequency", "f", _at_site),
    "tile.online": _online,
    "tile.alarms": _standing,
    "inverter.ac": _one("total_active_power", "P_ac", inverter.chosen),
    "inverter.dc": _one("dc_power", "P_dc", inverter.chosen),
    "inverter.efficiency": _converted,
    "inverter.today": _one("daily_power_yields", "E_day", inverter.chosen),
    "inverter.specific": _specific,
    "inverter.mismatch": _strings,
    "inverter.irradiance": _light,
    "inverter.heat": _one("internal_temperature", "T", inverter.chosen),
    "cells.tile.highest": _cells("highest", cells.VOLTS),
    "cells.tile.lowest": _cells("lowest", cells.VOLTS),
    "cells.tile.spread": _cells("ends", cells.VOLTS),
    "cells.tile.warmest": _cells("highest", cells.WARMTH),
    "cells.tile.coldest": _cells("lowest", cells.WARMTH),
    "cells.tile.gradient": _cells("ends", cells.WARMTH),
    "cells.tile.outliers": _cells("outliers", cells.VOLTS, cells.WARMTH),
    "system.rate": _process(_inflow),
    "system.delay": _process(_delay),
    "system.commit": _process(_commit),
    "system.spool": _process(_spool),
    "system.streams": _process(_streams),
    "system.memory": _process(_memory),
    "system.uptime": _process(_uptime),
}
"""Of tiles, by the key of `dashboard.explanations.EXPLANATIONS`; a test holds the two against each other."""
