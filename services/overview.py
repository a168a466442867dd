"""The plant in a few figures: power, frequency, charge, and how many of its devices speak."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from datastore.store import Store
from plant.analysis import fleet
from plant.analysis.alarms import silence_limit
from plant.model import Device, Kind
from services.units import Unit

_SITE = ("active_power", "target_power", "frequency", "pv_power", "aux_power", "soc", "soh")
_ELSEWHERE = frozenset({Kind.VEHICLE, Kind.HOME})
MOST_ALARMS = 10_000


@dataclass(frozen=True, slots=True)
class Overview:
    """`figures`: name → newest value in the catalogue's unit, None where nobody says it; `at` the newest instant in them [epoch ms];
    `stale` names the figures that are older than they should be. Devices of the plant in all and heard lately; open alarms."""

    figures: Mapping[str, float | None]
    at: int | None
    stale: tuple[str, ...]
    devices: int
    online: int
    alarms: int


def overview(store: Store, now: int) -> Overview:
    """The plant now. What the site itself does not say is made of what its units say: power of all PCS, charge weighted by energy.
    Raises Unavailable."""
    devices = [device for device in store.records.devices() if device.kind not in _ELSEWHERE]
    heard = store.telemetry.latest([(device.device_id, device.kind) for device in devices]) if devices else {}
    places = [Unit(n, device, heard.get((device.device_id, device.kind))) for n, device in enumerate(devices)]
    site = next((place for place in places if place.device and place.device.kind == Kind.SITE), Unit(0))
    figures = {name: site.said(name) for name in _SITE}
    pcs = _of(places, Kind.PCS)
    figures["battery_power"] = _sum(place.said("active_power") for place in pcs)
    batteries = [_battery(place) for place in _of(places, Kind.BESS)]
    for name, made in (("soc", fleet.soc), ("soh", fleet.soh)):
        if figures[name] is None:
            figures[name] = made(batteries).value
    stale = [name for name in _SITE if site.is_stale([name], now)]
    stale += ["battery_power"] if any(place.is_stale(["active_power"], now) for place in pcs) else []
    online = sum(1 for place in places if place.latest and place.device and _lately(place.device, place.latest.received, now))
    at = max((at for place in (site, *pcs) if (at := place.at((*_SITE, "active_power"))) is not None), default=None)
    alarms = sum(1 for alarm in store.records.alarms(limit=MOST_ALARMS) if alarm.kind not in _ELSEWHERE and not alarm.is_shelved(now))
    return Overview(figures, at, tuple(stale), len(devices), online, alarms)


def _lately(device: Device, received: int, now: int) -> bool:
    return now - received <= silence_limit(device.interval_s)


def _of(places: Iterable[Unit], kind: str) -> list[Unit]:
    return [place for place in places if place.device and place.device.kind == kind]


def _battery(place: Unit) -> fleet.Battery:
    rating = place.device.rating if place.device else {}
    return fleet.Battery(place.said("soc"), rating.get("capacity_kwh"), place.said("soh"))


def _sum(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return float(f"{sum(told):.12g}") if told else None
