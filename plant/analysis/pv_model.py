"""What an array would give: sun, clear sky, light in its plane, temperature of its cells, DC and AC power, by pvlib.

Loads pvlib: for the job and calculation processes only. Instants are epoch ms UTC, irradiances W/m², powers kW, temperatures °C, all [n].
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.pv import ALBEDO, STANDARD, Array

Numbers = NDArray[np.float64]

CELL_ABOVE_MODULE = 3.0
"""Cell above back of module at 1000 W/m² [K], glass/polymer on an open rack: King, SAND2004-3535."""
BREEZE = 1.0
"""Wind [m/s] where nobody tells it, as pvlib takes it."""
MILD = 25.0
"""Air [°C] where nobody tells it."""


@dataclass(frozen=True, slots=True)
class Sky:
    """Light under a clear sky [W/m²]: global, beam, diffuse, and in the plane of the array; `zenith` of the sun [°], refraction included.
    All [n], 0 at night."""

    zenith: Numbers
    ghi: Numbers
    dni: Numbers
    dhi: Numbers
    poa: Numbers


def sun(at_ms: ArrayLike, latitude: float, longitude: float, altitude: float = 0.0) -> tuple[Numbers, Numbers, Numbers]:
    """Zenith without and with refraction, and azimuth [°, from north over east], each [n]: the solar position algorithm of NREL (Reda and
    Andreas, NREL/TP-560-34302)."""
    from pvlib import solarposition

    found = solarposition.get_solarposition(_times(at_ms), latitude, longitude, altitude, method="nrel_numpy")
    return _plain(found["zenith"]), _plain(found["apparent_zenith"]), _plain(found["azimuth"])


def turbidity(at_ms: ArrayLike, array: Array) -> Numbers:
    """Linke turbidity at air mass 2: what the record of the array says, else its monthly climate at the place (Remund et al., ISES 2003,
    the map pvlib carries)."""
    from pvlib import clearsky

    at = np.atleast_1d(np.asarray(at_ms, np.float64))
    if array.turbidity is not None:
        return np.full(at.shape, array.turbidity)
    with warnings.catch_warnings():  # pvlib 0.16 asks pandas for the day of the year in a way that pandas 3.1 deprecates
        warnings.filterwarnings("ignore", message=".*dayofyear", category=DeprecationWarning)
        return _plain(clearsky.lookup_linke_turbidity(_times(at), array.latitude, array.longitude))


def clear_sky(at_ms: ArrayLike, array: Array) -> Sky:
    """Ineichen and Perez, Solar Energy 73 (2002) 151; on the plane by Hay and Davies, ground of albedo 0.2."""
    from pvlib import atmosphere, clearsky, irradiance

    _, zenith, azimuth = sun(at_ms, array.latitude, array.longitude, array.altitude)
    mass = atmosphere.get_absolute_airmass(atmosphere.get_relative_airmass(zenith), atmosphere.alt2pres(array.altitude))
    beyond = _plain(irradiance.get_extra_radiation(_day_of_year(at_ms)))
    with np.errstate(divide="ignore", invalid="ignore"):  # below the horizon it divides by nothing
        clear = clearsky.ineichen(zenith, mass, turbidity(at_ms, array), array.altitude, beyond)
    ghi, dni, dhi = (np.nan_to_num(_plain(clear[name])) for name in ("ghi", "dni", "dhi"))
    return Sky(zenith, ghi, dni, dhi, _tilted(array, zenith, azimuth, dni, ghi, dhi, beyond))


def on_plane(at_ms: ArrayLike, ghi: ArrayLike, array: Array) -> Numbers:
    """Light in the plane of the array from the measured global horizontal one; NaN stays NaN. Diffuse share by Erbs, Klein and Duffie."""
    from pvlib import irradiance

    day = _day_of_year(at_ms)
    _, zenith, azimuth = sun(at_ms, array.latitude, array.longitude, array.altitude)
    told = np.asarray(ghi, np.float64)
    level = np.maximum(np.nan_to_num(told), 0.0)
    parts = irradiance.erbs(level, zenith, day)
    dni, dhi = np.nan_to_num(_plain(parts["dni"])), np.nan_to_num(_plain(parts["dhi"]))
    poa = _tilted(array, zenith, azimuth, dni, level, dhi, _plain(irradiance.get_extra_radiation(day)))
    return np.where(np.isfinite(told), poa, np.nan)


def cell_temperature(light: ArrayLike, air: ArrayLike, wind: ArrayLike | None = None, module: ArrayLike | None = None) -> Numbers:
    """From the measured back of the `module` where that is told (King), else from `air` and `wind` [m/s] (Faiman, Prog. Photovolt. 16
    (2008) 307); air that nobody tells is MILD, wind a BREEZE."""
    from pvlib import temperature

    poa = np.nan_to_num(np.asarray(light, np.float64))
    outside = np.nan_to_num(np.broadcast_to(np.asarray(air, np.float64), poa.shape), nan=MILD)
    blowing = np.full(poa.shape, BREEZE) if wind is None else np.nan_to_num(np.asarray(wind, np.float64), nan=BREEZE)
    modelled = _plain(temperature.faiman(poa, outside, np.maximum(blowing, 0.0)))
    if module is None:
        return modelled
    measured = np.asarray(module, np.float64)
    return np.where(np.isfinite(measured), _plain(temperature.sapm_cell_from_module(measured, poa, CELL_ABOVE_MODULE)), modelled)


def power(light: ArrayLike, cell: ArrayLike, array: Array) -> Numbers:
    """AC power if the inverter had no limit; NaN where `light` is. DC and efficiency by PVWatts version 5 (NREL/TP-6A20-62641); above the
    rating the nominal efficiency goes on. What the inverter lets through is `min(power, array.rated)`."""
    from pvlib import inverter, pvsystem

    lit = np.maximum(np.asarray(light, np.float64), 0.0)
    dc = _plain(pvsystem.pvwatts_dc(lit, np.asarray(cell, np.float64), array.peak, array.coefficient))
    dc = np.maximum(dc, 0.0) * (1.0 - array.losses)
    full = (array.rated or array.peak) / array.efficiency  # the DC power at which it gives its rating
    below = _plain(inverter.pvwatts(np.minimum(dc, full), full, array.efficiency))
    return np.where(np.isfinite(dc), np.maximum(below, 0.0) + np.maximum(dc - full, 0.0) * array.efficiency, np.nan)


def standard_light(light: ArrayLike, cell: ArrayLike, coefficient: float) -> Numbers:
    """Light weighted by what warm cells make of it: G·(1 + γ(T − 25 °C)), the reference of the temperature-corrected performance ratio
    (IEC 61724-1).

    >>> standard_light([1000.0, 500.0], [45.0, 25.0], -0.004).tolist()
    [920.0, 500.0]
    """
    return np.asarray(light, np.float64) * (1.0 + coefficient * (np.asarray(cell, np.float64) - 25.0))


def _tilted(array: Array, zenith: Numbers, azimuth: Numbers, dni: Any, ghi: Any, dhi: Any, beyond: Numbers) -> Numbers:
    from pvlib import irradiance

    found = irradiance.get_total_irradiance(
        array.tilt, array.azimuth, zenith, azimuth, dni, ghi, dhi, dni_extra=beyond, albedo=ALBEDO, model="haydavies"
    )
    return np.clip(np.nan_to_num(_plain(found["poa_global"])), 0.0, 2 * STANDARD)


def _times(at_ms: ArrayLike) -> Any:
    import pandas as pd

    return pd.DatetimeIndex(pd.to_datetime(np.atleast_1d(np.asarray(at_ms)).astype(np.int64), unit="ms", utc=True))


def _day_of_year(at_ms: ArrayLike) -> Numbers:
    return _plain(_times(at_ms).day_of_year)


def _plain(values: Any) -> Numbers:
    return np.asarray(values, np.float64)
