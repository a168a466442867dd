"""Power allocations of a site: its target over its batteries, kept in the drawer `allocations` and published on the live topic of its name.

An allocation is told to the site's coordinator (S2's Power Allocation message); no device gets a command from it.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from datastore.ports import Entry, Latest
from datastore.store import Store
from plant.analysis.allocation import RAMP_S, Allocation, Choice, Chosen, Unit, allocate, by_rule
from plant.analysis.chemistry import CHEMISTRIES
from plant.analysis.command_safety import limits_of
from plant.errors import Conflict, NotFound, Unavailable
from plant.metrics import CATALOGUE
from plant.model import DAY, MINUTE
from plant.timeline import iso, parse
from services.calculating import CALCULATOR
from services.fleet import ALLOCATIONS, FleetDevice, check_site, fleet_summary, rounded
from services.fleet_devices import ONLINE, chemistry, number
from services.pack_metrics import measured

log = logging.getLogger(__name__)

KEPT = 90 * DAY
"""How long allocations stay in the drawer."""
LOW_SOC, HIGH_SOC = (bound or 0.0 for bound in CATALOGUE["soc"].normal)
"""Charge [%] within which batteries are used that declare no limits of their own."""
_HOTTEST = ("cell_max_temp", "temperature", "cell_avg_temp", "max_temp")
_COLDEST = ("cell_min_temp", "temperature", "cell_avg_temp", "min_temp")
_TURNS = 50
_SOLVER = "plant.analysis.commitment:choose"
SOLVER_S = 10.0
"""How long a choice may take: a second of solving, and the start of the calculation process."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a site: `target` [W, discharge positive] for `minutes`, reached within `ramp_s`; `flexibility` 0…1 is how much less
    still counts as done."""

    target: float
    minutes: float = 60.0
    flexibility: float = 0.0
    priority: str = "normal"
    ramp_s: float = RAMP_S


def split(units: Sequence[Unit], demand: Demand) -> Allocation:
    """The allocation of a demand. Which batteries run is asked of the solver where that is a question."""
    return allocate(units, demand.target, demand.minutes / 60.0, demand.flexibility, demand.ramp_s, solved)


def solved(choice: Choice) -> Chosen:
    """Who runs, by the calculation process; by the rule while that does not answer, and then `method` says so."""
    try:
        found: Chosen = CALCULATOR.run(_SOLVER, {f.name: getattr(choice, f.name) for f in fields(choice)}, SOLVER_S)
    except Unavailable as error:
        log.warning("batteries are chosen by the rule, not by the solver: %s", error.message)
        return by_rule(choice)
    return found


def set_allocation(store: Store, site_id: str, demand: Demand, now: int, who: str, also: Collection[str] = ()) -> Mapping[str, Any]:
    """Allocate, keep and publish. S2's whole Power Allocation message. Raises NotFound, Unavailable."""
    summary = fleet_summary(store, site_id, now, also)
    keys = [(one.device.device_id, one.device.kind) for one in summary.devices]
    newest = store.telemetry.latest(keys) if keys else {}
    units = [unit_of(one, newest.get(key)) for one, key in zip(summary.devices, keys, strict=True)]
    found = split(units, demand)
    kept = _keep(store, site_id, now, lambda name: message(name, site_id, demand, found, now))
    store.records.audit(now, who, "allocation.set", f"{site_id}: {demand.target:g} W for {demand.minutes:g} min, got {found.total:.6g} W")
    store.records.forget_entries(ALLOCATIONS, now - KEPT)
    store.live.publish(ALLOCATIONS, dict(kept.body))
    return kept.body


def current_allocation(store: Store, site_id: str, now: int, also: Collection[str] = ()) -> Mapping[str, Any]:
    """The newest allocation of a site while it is in force: from its timestamp for its duration. Raises NotFound."""
    check_site(store, site_id, also)
    newest = store.records.entries(ALLOCATIONS, subject=site_id, limit=1)
    body = newest[0].body if newest else None
    if body is None or now >= parse(body["timestamp"]) + round(float(body["demand"]["duration_minutes"]) * MINUTE):
        raise NotFound(f"No allocation is in force at site '{site_id}'", site_id=site_id)
    return body


def unit_of(one: FleetDevice, newest: Latest | None) -> Unit:
    """A battery of the fleet as the allocation sees it. Who is silent, in maintenance or in error is not used."""
    device, stands = one.device, one.standing
    limits, ramp = limits_of(device), device.rating.get("ramp_rate_kw_s")
    told = measured(device.kind)
    return Unit(
        device.device_id,
        stands.soc,
        None if one.capacity is None else 1000.0 * one.capacity,
        limits.max_discharge_power,
        limits.max_charge_power,
        100.0 if stands.soh is None else stands.soh,
        LOW_SOC if limits.min_soc is None else limits.min_soc,
        HIGH_SOC if limits.max_soc is None else limits.max_soc,
        CHEMISTRIES[chemistry(device) or "LFP"],
        _extreme(newest, _HOTTEST, max),
        _extreme(newest, _COLDEST, min),
        limits.max_temperature,
        limits.min_charge_temperature,
        number(newest, told["voltage"].metric) if "voltage" in told else None,
        limits.max_discharge_current,
        limits.max_charge_current,
        "" if stands.status == ONLINE else stands.status,
        1000.0 * device.rating.get("min_power_kw", 0.0),
        1000.0 * device.rating.get("standby_power_kw", 0.0),
        None if one.power is None else 1000.0 * one.power,
        None if ramp is None else 1000.0 * ramp,
    )


def _extreme(newest: Latest | None, names: tuple[str, ...], pick: Callable[[list[float]], float]) -> float | None:
    found = [value for name in names if (value := number(newest, name)) is not None]
    return pick(found) if found else None


def message(allocation_id: str, site_id: str, demand: Demand, found: Allocation, now: int) -> dict[str, Any]:
    """S2's Power Allocation message; powers in W, computed figures with 12 significant digits."""
    return {
        "schema_version": "1.0",
        "timestamp": iso(now),
        "allocation_id": allocation_id,
        "site_id": site_id,
        "demand": {
            "total_power_target": demand.target,
            "duration_minutes": demand.minutes,
            "flexibility": demand.flexibility,
            "priority": demand.priority,
        },
        "allocation": {
            "optimization_method": found.method,
            "total_allocated": rounded(found.total),
            "feasible": found.feasible,
            "binding_constraints": list(found.binding),
            "explanation": found.explanation or None,
            "efficiency_score": rounded(found.score),
            "devices": [
                {
                    "device_id": share.device_id,
                    "allocated_power": rounded(share.power),
                    "max_power": rounded(share.most),
                    "confidence": rounded(share.confidence),
                    "constraints_active": list(share.constraints),
                    "expected_soc": rounded(share.expected_soc),
                }
                for share in found.shares
            ],
        },
        "forecasts": {
            "degradation_impact": {share.device_id: rounded(share.wear) for share in found.shares},
            "efficiency_prediction": rounded(found.efficiency),
            "completion_probability": rounded(found.completion),
        },
    }


def _keep(store: Store, site_id: str, now: int, body: Callable[[str], Mapping[str, Any]]) -> Entry:
    """Keep it under the first name of this instant that is free, so that names grow as time does."""
    for turn in range(_TURNS):
        name = f"alloc_{now}_{turn:02d}"
        found = body(name)
        state = "feasible" if found["allocation"]["feasible"] else "partial"
        try:
            return store.records.put_entry(Entry(ALLOCATIONS, name, site_id, state, now, found))
        except Conflict:
            continue
    raise Unavailable("Too many allocations at once; try again")
