"""A site's batteries as one fleet (S2): what is there, what it can give, how it has done.

The fleet is the stationary batteries (BESS, racks, packs) that are not part of another: a BESS counts once, its racks are in it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np

from datastore.ports import Latest
from datastore.store import Store
from plant.analysis import energy as of_power
from plant.analysis import fleet as of_fleet
from plant.analysis.efficiency import round_trip
from plant.analysis.energy import Energies
from plant.analysis.outcome import Figure, missing
from plant.errors import NotFound
from plant.metrics import BATTERY
from plant.model import HOUR, MINUTE, QUARTER, Alarm, Device, Window
from plant.timeline import iso, parse
from services.fleet_devices import MAINTENANCE, NAMED, ONLINE, Standing, capacity_kwh, known, number, open_alarms, standing
from services.pack_history import energies
from services.pack_metrics import measured

ALLOCATIONS = "allocations"
"""The drawer of power allocations: each entry is about a site and holds S2's whole Power Allocation message."""
LEAST_OBSERVED = 0.98
"""Share of the time between first and last reading in which the power must be observed: what flows unseen would count as lost."""
_UNRATED = missing("the capacity of a battery is not known")


@dataclass(frozen=True, slots=True)
class FleetDevice:
    """One battery of a fleet: `soc`, `soh` [%] and `power` [kW] as it said last, `capacity` [kWh] of its nameplate; `alarm_count` those
    of its parts included."""

    device: Device
    standing: Standing
    power: float | None
    capacity: float | None
    alarm_count: int

    @property
    def battery(self) -> of_fleet.Battery:
        return of_fleet.Battery(self.standing.soc, self.capacity, self.standing.soh)


@dataclass(frozen=True, slots=True)
class Optimization:
    """What steers the fleet: the method of the allocation in force, how well the fleet follows it (0…1) and until when it holds
    [epoch ms]; None where no allocation is in force."""

    active_policy: str | None = None
    performance_score: float | None = None
    next_update: int | None = None


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """A fleet at one moment [epoch ms]. Energies [kWh], power [kW, discharge positive], `soc` and `soh` [%] weighted by energy, `mean_soc`
    arithmetic; None where nobody tells. What a silent device said last does not count. `site_id` None: all sites."""

    site_id: str | None
    at: int
    total_devices: int
    online_devices: int
    by_status: Mapping[str, int]
    total_capacity: float | None
    available_capacity: float | None
    total_power: float | None
    average_soc: float | None
    mean_soc: float | None
    average_soh: float | None
    active_alarms: int
    devices: tuple[FleetDevice, ...]
    optimization: Optimization


@dataclass(frozen=True, slots=True)
class Performance:
    """How a fleet did over a window. Energies [kWh], `round_trip` [%], `cycles` equivalent full ones, `availability` and `coverage` 0…1."""

    window: Window
    energies: Energies
    coverage: float
    round_trip: Figure
    cycles: Figure
    availability: Figure
    alarms_raised: int
    optimization: Optimization


def sites(store: Store) -> list[str]:
    """Sites that have devices, by id."""
    return sorted({device.site_id for device in store.records.devices()})


def check_site(store: Store, site_id: str, also: Collection[str] = ()) -> None:
    """Raises NotFound for a site that has no device and is none of `also`."""
    there = sites(store)
    if site_id not in there and site_id not in also:
        raise NotFound(f"Site with ID '{site_id}' not found", site_id=site_id, available_sites=there[:NAMED])


def fleet_summary(store: Store, site_id: str | None, now: int, also: Collection[str] = ()) -> FleetSummary:
    """The fleet of a site (None: of all) at `now` [epoch ms]. `also` names sites that are known though they have no device yet.
    Raises NotFound for an unknown site, Unavailable."""
    if site_id is not None:
        check_site(store, site_id, also)
    there = [device for device in known(store).values() if site_id in (None, device.site_id)]
    alarms: dict[str, list[Alarm]] = {}
    for (device_id, _), found in open_alarms(store).items():
        alarms.setdefault(device_id, []).extend(found)
    members = tuple(_members(store, there, alarms, now))
    live = [one for one in members if not one.standing.is_silent]
    batteries = [one.battery for one in live]
    fit = [one.battery for one in live if one.standing.status != MAINTENANCE]
    told = [one.power for one in live if one.power is not None]
    power = fsum(told) if told else None
    capacities = [one.capacity for one in members if one.capacity is not None]
    statuses = [one.standing.status for one in members]
    return FleetSummary(
        site_id=site_id,
        at=now,
        total_devices=len(members),
        online_devices=statuses.count(ONLINE),
        by_status={status: statuses.count(status) for status in dict.fromkeys(statuses)},
        total_capacity=fsum(capacities) if capacities else None,
        available_capacity=of_fleet.available(fit).value,
        total_power=power,
        average_soc=of_fleet.soc(batteries).value,
        mean_soc=of_fleet.mean_soc(batteries).value,
        average_soh=of_fleet.soh(batteries).value,
        active_alarms=sum(not alarm.is_shelved(now) for device in there for alarm in alarms.get(device.device_id, ())),
        devices=members,
        optimization=optimization(store, site_id, power, now),
    )


def batteries_of(devices: Sequence[Device]) -> list[Device]:
    """The batteries that are no part of another, by id."""
    cells = {device.device_id for device in devices if device.kind in BATTERY}
    tops = (d for d in devices if d.kind in BATTERY and (d.parent not in cells or d.parent == d.device_id))
    return sorted(tops, key=lambda d: d.device_id)


def parts_of(devices: Sequence[Device]) -> dict[str, list[Device]]:
    """What lies directly below each device that has parts."""
    below: dict[str, list[Device]] = {}
    for device in devices:
        if device.parent:
            below.setdefault(device.parent, []).append(device)
    return below


def _members(store: Store, there: Sequence[Device], alarms: Mapping[str, Sequence[Alarm]], now: int) -> Iterator[FleetDevice]:
    tops, below = batteries_of(there), parts_of(there)
    newest = store.telemetry.latest([(device.device_id, device.kind) for device in tops])
    for device in tops:
        said = newest.get((device.device_id, device.kind))
        whole = _with_parts(device, below)
        count = sum(not alarm.is_shelved(now) for part in whole for alarm in alarms.get(part.device_id, ()))
        stands = standing(device, said, alarms.get(device.device_id, ()), now)
        yield FleetDevice(device, stands, _power(device, said), _capacity(device, whole[1:]), count)


def _with_parts(device: Device, below: Mapping[str, Sequence[Device]]) -> list[Device]:
    """The device, then all batteries below it; one that stands below itself counts once."""
    found, seen, waiting = [], set(), [device]
    while waiting:
        one = waiting.pop()
        if one.device_id not in seen:
            seen.add(one.device_id)
            found.append(one)
            waiting += [part for part in below.get(one.device_id, ()) if part.kind in BATTERY]
    return found


def _capacity(device: Device, parts: Sequence[Device]) -> float | None:
    """Nameplate energy [kWh]; that of its parts where it has none and all of them do."""
    own = capacity_kwh(device)
    told = [capacity_kwh(part) for part in parts]
    return own if own is not None or not told or None in told else fsum(kwh for kwh in told if kwh is not None)


def _power(device: Device, newest: Latest | None) -> float | None:
    power = measured(device.kind).get("power")
    return number(newest, power.metric) if power else None


def optimization(store: Store, site_id: str | None, power: float | None, now: int) -> Optimization:
    """What the newest allocation of the site says while it is in force at `now` [epoch ms]: from its timestamp for its duration. The
    score is `plant.analysis.fleet.tracking` of the power allocated by the `power` measured [kW]."""
    newest = store.records.entries(ALLOCATIONS, subject=site_id, limit=1) if site_id is not None else []
    if not newest:
        return Optimization()
    body = newest[0].body
    try:
        start = parse(body["timestamp"])
        until = start + round(float(body["demand"]["duration_minutes"]) * MINUTE)
        method, allocated = str(body["allocation"]["optimization_method"]), float(body["allocation"]["total_allocated"])
    except (KeyError, TypeError, ValueError):
        return Optimization()
    if not start <= now < until:
        return Optimization()
    return Optimization(method, of_fleet.tracking(allocated / 1000.0, power).value, until)


def performance(store: Store, site_id: str, window: Window, now: int, also: Collection[str] = ()) -> Performance:
    """How the fleet of a site did over `window`, from the readings of its batteries' power. Raises NotFound, Unavailable."""
    members = fleet_summary(store, site_id, now, also)
    used, shares = _throughput(store, members.devices, window)
    rated = all(one.capacity is not None for one in members.devices)
    raised = store.records.alarms(("active", "acknowledged", "cleared"), window, limit=100_000)
    own = {device.device_id for device in store.records.devices() if device.site_id == site_id}
    return Performance(
        window,
        used,
        used.coverage_of(window.length / 1000 * max(len(members.devices), 1)),
        _round_trip(store, members, used, window) if rated else _UNRATED,
        of_fleet.cycles(used.charged, used.discharged, members.total_capacity) if rated else _UNRATED,
        of_fleet.availability(shares),
        sum(alarm.device_id in own and window.start <= alarm.raised < window.end for alarm in raised),
        members.optimization,
    )


def _throughput(store: Store, members: Sequence[FleetDevice], window: Window) -> tuple[Energies, list[tuple[float, float | None]]]:
    """Energies of all batteries together, unit by unit so that one's charge never hides another's discharge, and for each the share of
    time it was heard with its nameplate energy."""
    found = [energies(store, one.device, measured(one.device.kind)["power"], window) for one in members]
    shares = [(share, one.capacity) for (_, share), one in zip(found, members, strict=True)]
    return of_power.together([part for part, _ in found]), shares


def _round_trip(store: Store, members: FleetSummary, used: Energies, window: Window) -> Figure:
    """AC or DC side as the batteries measure it, corrected for the change of charge."""
    if not used.reason and used.coverage < LEAST_OBSERVED:
        return missing("the power was not observed throughout")
    ends: list[tuple[of_fleet.Battery, of_fleet.Battery]] = []
    for one in members.devices:
        told = _charge_at_ends(store, one.device, window)
        if told is None:
            return missing(f"{one.device.device_id} did not tell its charge")
        ends.append((of_fleet.Battery(told[0], one.capacity), of_fleet.Battery(told[1], one.capacity)))
    start, end = of_fleet.soc([a for a, _ in ends]).value, of_fleet.soc([b for _, b in ends]).value
    usable = fsum(one.battery.content for one in members.devices)
    return round_trip(used.charged, used.discharged, usable, soc_start=start, soc_end=end)


def _charge_at_ends(store: Store, device: Device, window: Window) -> tuple[float, float] | None:
    """State of charge [%] at both ends of a window: on the line between the readings around an end, else, where it was silent on one side,
    the first and the last one told within; None when it told none. Energies are counted from and to the same instants."""
    key = (device.device_id, device.kind)
    hours = store.telemetry.series([key], ["soc"], window, resolution=HOUR).get((*key, "soc"))
    heard = hours.at[np.isfinite(hours.mean)] if hours is not None else np.empty(0, dtype=np.int64)
    if not heard.size:
        return None
    found = []
    for hour, end in ((int(heard[0]), window.start), (int(heard[-1]), window.end)):
        told = store.telemetry.columns(*key, ["soc"], Window(hour - QUARTER, hour + HOUR + QUARTER))
        known = np.isfinite(told.values["soc"])
        at, soc = told.at[known], told.values["soc"][known]
        within = (at >= window.start) & (at < window.end)
        if not within.any():
            return None
        is_between = at[0] <= end <= at[-1]
        found.append(float(np.interp(end, at, soc) if is_between else soc[within][0 if end == window.start else -1]))
    return found[0], found[1]


def watts(power: float | None) -> float | None:
    """kW as S2 says it, 12 significant digits.

    >>> watts(-45.68), watts(None)
    (-45680.0, None)
    """
    return None if power is None else float(f"{power * 1000.0:.12g}")


def rounded(value: float | None) -> float | None:
    """A computed figure without the noise of its arithmetic: 12 significant digits."""
    return None if value is None else float(f"{value:.12g}")


def figures(summary: FleetSummary) -> dict[str, Any]:
    """The `summary` of S2's fleet frame: capacities in kWh, power in W, and beside the energy-weighted `average_soc` the arithmetic one."""
    return {
        "total_devices": summary.total_devices,
        "online_devices": summary.online_devices,
        "total_capacity": rounded(summary.total_capacity),
        "available_capacity": rounded(summary.available_capacity),
        "total_power": watts(summary.total_power),
        "average_soc": rounded(summary.average_soc),
        "mean_soc": rounded(summary.mean_soc),
        "average_soh": rounded(summary.average_soh),
        "active_alarms": summary.active_alarms,
    }


def steering(optimization: Optimization) -> dict[str, Any]:
    """The `optimization` of S2's fleet frame."""
    until = optimization.next_update
    return {
        "active_policy": optimization.active_policy,
        "performance_score": rounded(optimization.performance_score),
        "next_update": None if until is None else iso(until),
    }


def summary_frame(summary: FleetSummary) -> dict[str, Any]:
    """S2's fleet status frame, as WebSocket, MQTT and HTTP send it: power in W."""
    devices = [
        {
            "device_id": one.device.device_id,
            "status": one.standing.status,
            "soc": one.standing.soc,
            "power": watts(one.power),
            "alarm_count": one.alarm_count,
        }
        for one in summary.devices
    ]
    return {
        "type": "fleet_status",
        "timestamp": iso(summary.at - summary.at % 1000),
        "site_id": summary.site_id,
        "summary": figures(summary),
        "devices": devices,
        "optimization": steering(summary.optimization),
    }
