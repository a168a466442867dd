"""The modules before an inverter on a screen: their clear sky by the simple model, their light and yield of now."""

from typing import Any

from dashboard.loads.fleet import Fleet, Said
from datastore.store import Store
from plant.analysis import pv
from plant.model import Device
from services.pv_arrays import LIGHT, array_of, peak_of


def clear_power(store: Store, device: Device, weather: Device | None, at: Any) -> Any | None:
    """AC power [kW] under a clear sky at instants [epoch ms, n] (`pv.clear_power`); None when the array is not known."""
    array = array_of(store, device, weather)
    return None if array is None else pv.clear_power(at, array)


def light_now(plant: Fleet, weather: Device | None) -> Said | None:
    """What a weather station says of the light in the plane of the modules; None when it says nothing."""
    return next((said for name in LIGHT if (said := plant.said(weather, name))), None)


def specific_yield(plant: Fleet, device: Device | None) -> float | None:
    """Yield of the day per peak power [kWh/kWp]; None without either."""
    day = plant.said(device, "daily_power_yields")
    peak = peak_of(device) if device else None
    return day.value / peak if day and peak else None
