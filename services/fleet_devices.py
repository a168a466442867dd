"""Devices as S2 knows them: one answer per id, whatever kinds it is; how a device stands; registering, changing and removing one.

Nameplates are kept in `Device.rating` (kW, kWh, Ah, V), safety limits in `Device.info["safety_constraints"]` under S2's names and in its
units (V, A, °C), the chemistry in `Device.info["chemistry"]`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datastore.ports import Latest
from datastore.store import Store
from datastore.vetting import id_fault
from plant.analysis.alarms import SEVERITIES, silence_limit
from plant.analysis.ladder import to_pulsebms
from plant.errors import Conflict, DeviceNotFound, Invalid
from plant.model import Alarm, Device
from services.device_reports import REPORTED
from services.open_alarms import amend
from services.pack_metrics import primary

Key = tuple[str, str]
"""(device id, kind)."""

ONLINE, OFFLINE, ERROR, MAINTENANCE = "online", "offline", "error", "maintenance"
STATUSES = (ONLINE, OFFLINE, ERROR, MAINTENANCE)
CHEMISTRIES = ("LFP", "NMC", "LCO", "NCA")
NAMED = 20
"""At most this many other devices are named to who asked for one that is not there."""
_MOST_OPEN = 100_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How a device stands: `last_seen` is when it was heard last [epoch ms], `is_silent` whether that is too long ago, `soc`, `soh` [%]
    what it said last, `alarms` the codes of those that stand, worst first."""

    status: str
    last_seen: int | None
    is_silent: bool
    soc: float | None
    soh: float | None
    alarms: tuple[str, ...]


def known(store: Store) -> dict[str, Device]:
    """Every device by id, as the kind in which S2 meets it."""
    kinds: dict[str, list[Device]] = {}
    for device in store.records.devices():
        kinds.setdefault(device.device_id, []).append(device)
    return {device_id: _met(found) for device_id, found in kinds.items()}


def find(store: Store, device_id: str) -> Device:
    """The device as S2 meets it. Raises DeviceNotFound, naming some that are there."""
    there = store.records.devices()
    found = [device for device in there if device.device_id == device_id]
    if not found:
        ids = sorted({device.device_id for device in there})
        raise DeviceNotFound(device_id, available_devices=ids[:NAMED], devices=len(ids))
    return _met(found)


def _met(found: Sequence[Device]) -> Device:
    kind = primary([device.kind for device in found])
    return next(device for device in found if device.kind == kind)


def number(newest: Latest | None, metric: str) -> float | None:
    """What the device said last of a scalar; None when nothing."""
    value = newest.values.get(metric) if newest is not None else None
    return float(value) if isinstance(value, (int, float)) and value == value else None


def heard(newest: Latest) -> int:
    """When the device was heard last [epoch ms]; a reading without its time of receipt (an import) counts from its own."""
    return newest.received or newest.at


def standing(device: Device, newest: Latest | None, alarms: Iterable[Alarm], now: int) -> Standing:
    """How a device stands at `now` [epoch ms]: in maintenance when somebody said so; offline when it was silent for ten of its intervals
    (60 s at least) or never heard; in error while an alarm stands that S2 calls critical; else online. Alarms that are shelved at `now`
    do not count."""
    count = sorted((alarm for alarm in alarms if not alarm.is_shelved(now)), key=lambda alarm: -SEVERITIES.get(alarm.severity, 0))
    last_seen = None if newest is None else heard(newest)
    is_silent = last_seen is None or now - last_seen > silence_limit(device.interval_s)
    if device.status == MAINTENANCE:
        status = MAINTENANCE
    elif is_silent:
        status = OFFLINE
    else:
        status = ERROR if any(to_pulsebms(alarm.severity) == "critical" for alarm in count) else ONLINE
    codes = tuple(dict.fromkeys(alarm.code for alarm in count))
    return Standing(status, last_seen, is_silent, number(newest, "soc"), number(newest, "soh"), codes)


def open_alarms(store: Store) -> dict[Key, list[Alarm]]:
    """Alarms that are not cleared, newest first, by device."""
    found: dict[Key, list[Alarm]] = {}
    for alarm in store.records.alarms(limit=_MOST_OPEN):
        found.setdefault((alarm.device_id, alarm.kind), []).append(alarm)
    return found


def standings(store: Store, devices: Sequence[Device], now: int) -> dict[str, Standing]:
    """How each of `devices` stands at `now` [epoch ms], by id."""
    keys = [(device.device_id, device.kind) for device in devices]
    newest, alarms = store.telemetry.latest(keys), open_alarms(store)
    return {
        device.device_id: standing(device, newest.get(key), alarms.get(key, ()), now) for device, key in zip(devices, keys, strict=True)
    }


def chemistry(device: Device) -> str | None:
    """One of S2's four; None when the device does not say, or says another.

    >>> [chemistry(Device("x", "pack", info={"chemistry": said})) for said in ("LFP", "LiFePO4", "nmc 811", "lead")]
    ['LFP', 'LFP', 'NMC', None]
    """
    said = str(device.info.get("chemistry", "")).upper()
    if "LIFEPO4" in said:
        return "LFP"
    return next((name for name in CHEMISTRIES if said.startswith(name)), None)


def capacity_kwh(device: Device) -> float | None:
    """Nameplate energy [kWh]; from Ah and V where it is not given as such.

    >>> capacity_kwh(Device("x", "pack", rating={"capacity_ah": 100.0, "voltage_v": 400.0}))
    40.0
    """
    rating = device.rating
    if "capacity_kwh" in rating:
        return rating["capacity_kwh"]
    if "capacity_ah" in rating and "voltage_v" in rating:
        return rating["capacity_ah"] * rating["voltage_v"] / 1000.0
    return None


def register(store: Store, device: Device, who: str, may_unlock: bool = True) -> Device:
    """Keep a new device. One that was removed comes back as what it is now; its safety limits stay as they were unless the caller
    `may_unlock` them. Raises Conflict when the id is taken, Invalid for an id that names none."""
    fault = id_fault(device.device_id)
    if fault:
        raise Invalid(f"device_id: {fault}", field_errors=[_fault("device_id", fault, device.device_id)])
    former = [other for other in store.records.devices(deleted=True) if other.device_id == device.device_id]
    if any(not other.deleted for other in former):
        raise Conflict(f"Device '{device.device_id}' already exists", device_id=device.device_id)
    limits = next((other.info["safety_constraints"] for other in former if other.info.get("safety_constraints")), None)
    if limits is not None and not may_unlock:
        device = replace(device, info={**device.info, "safety_constraints": limits})
    store.records.put_devices([device])
    store.records.audit(store.clock(), who, "device.register", f"{device.device_id} ({device.kind}) at {device.site_id}")
    return device


def change(store: Store, device_id: str, change: Callable[[Device], Device], who: str, action: str = "device.change") -> Device:
    """Keep what `change` makes of the device. Raises DeviceNotFound."""
    before = find(store, device_id)
    after = change(before)
    if after != before:
        store.records.put_devices([after])
        store.records.audit(store.clock(), who, action, f"{device_id}: {', '.join(_changed(before, after))}")
    return after


def _changed(before: Device, after: Device) -> list[str]:
    told = [f"{name} {getattr(after, name)}" for name in ("name", "site_id", "status") if getattr(before, name) != getattr(after, name)]
    for part in ("rating", "info"):
        old, new = getattr(before, part), getattr(after, part)
        told += [f"{name} {new.get(name)}" for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return [text[:300] for text in told]


def remove(store: Store, device_id: str, who: str) -> None:
    """Take the device out of service, as every kind it is; its readings stay, the alarms it raised itself are over.
    Raises DeviceNotFound."""
    find(store, device_id)
    now = store.clock()
    kinds = [device for device in store.records.devices() if device.device_id == device_id]
    store.records.put_devices([replace(device, deleted=True) for device in kinds])
    for alarm in [alarm for alarm in store.records.alarms(limit=_MOST_OPEN) if alarm.device_id == device_id and alarm.metric == REPORTED]:
        over = amend(store.records, alarm, lambda was: replace(was, cleared=max(now, was.raised)))
        if over is not None:
            store.live.publish("alarms", over)
    store.records.audit(now, who, "device.remove", device_id)


def merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`before` with what is `given`; a given None takes away.

    >>> merged({"a": 1, "b": 2}, {"b": None, "c": 3})
    {'a': 1, 'c': 3}
    """
    return {name: value for name, value in {**before, **given}.items() if value is not None}


def _fault(name: str, message: str, received: Any) -> dict[str, Any]:
    return {"field": name, "message": message, "received_value": received}
