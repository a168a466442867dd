"""The modules before an inverter, as far as its record tells: where they stand, how they lie, how strong they are; and the weather station
beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from datastore.store import Store
from plant.analysis import pv
from plant.model import Device, Kind

LIGHT = ("poa_irradiance", "poa_irradiance_refcell")
"""What tells the light in the plane of the modules, the better one first."""


def said(info: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """A number of a device record; None when it is none or cannot be."""
    value = info.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return None
    return float(value)


def station(stations: Sequence[Device], device: Device) -> Device | None:
    """The weather station of an inverter: that whose id begins alike (an imported plant brings its own), else one of the same making, real
    or simulated."""
    weather = [one for one in stations if one.kind == Kind.WEATHER]
    near = [one for one in weather if one.site_id == device.site_id] or weather

    def kinship(one: Device) -> tuple[bool, bool]:
        return _alike(one.device_id, device.device_id) >= 3, one.simulated == device.simulated

    return max(near, key=kinship, default=None)


def _alike(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def place_of(store: Store, device: Device, weather: Device | None) -> tuple[float, float] | None:
    """Latitude and longitude [°]: what the inverter's or its weather station's record says, else the site's, but for a device that was
    imported from another time zone and so stands elsewhere."""
    for info in (device.info, weather.info if weather else {}):
        latitude, longitude = said(info, "latitude", -90, 90), said(info, "longitude", -180, 180)
        if latitude is not None and longitude is not None:
            return latitude, longitude
    return store.place if device.info.get("zone") in (None, store.zone.key) else None


def peak_of(device: Device) -> float | None:
    """Power of the modules at standard test conditions [kW]; None when the nameplate does not say."""
    peak = said(device.rating, "peak_power_kw", 0, 1e7)
    return peak or None


def rated_of(device: Device) -> float | None:
    """What the inverter gives at most [kW]; None when the nameplate does not say."""
    return said(device.rating, "power_kw", 0, 1e7) or None


def described(array: pv.Array, device: Device) -> tuple[pv.Array, tuple[str, ...]]:
    """The array with what the record of its inverter tells of it wherever it stands, and the names of what it does not tell."""
    bounds = {
        "coefficient": ("temperature_coefficient", -0.02, 0.0),
        "losses": ("losses", 0.0, 0.9),
        "efficiency": ("efficiency", 0.5, 1.0),
    }
    told = {name: said(device.info, *bound) for name, bound in bounds.items()}
    coefficient, losses, efficiency = (getattr(array, name) if value is None else value for name, value in told.items())
    array = replace(array, coefficient=coefficient, losses=losses, efficiency=efficiency, rated=rated_of(device))
    return array, tuple(name for name, value in {**told, "rated": array.rated}.items() if value is None)


def array_of(store: Store, device: Device, weather: Device | None) -> pv.Array | None:
    """The array before an inverter: None without peak power or place. Where its record is silent, its slope is taken as flat, its direction
    as the equator's, and coefficient, losses and efficiency as `pv.Array` has them; `assumed` names these."""
    place, peak = place_of(store, device, weather), peak_of(device)
    if place is None or peak is None:
        return None
    lies = {"tilt": said(device.info, "tilt", 0, 90), "azimuth": said(device.info, "azimuth", -360, 360)}
    toward = 180.0 if place[0] >= 0 else 0.0
    tilt, azimuth = (usual if value is None else value for value, usual in zip(lies.values(), (0.0, toward), strict=True))
    altitude = said(device.info, "altitude", -500, 9000)
    array, silent = described(pv.Array(*place, tilt, azimuth, peak), device)
    return replace(
        array,
        altitude=0.0 if altitude is None else altitude,
        turbidity=said(device.info, "linke_turbidity", 1.0, 15.0),
        assumed=(*(name for name, value in lies.items() if value is None), *silent),
    )
