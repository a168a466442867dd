"""Photovoltaics: where the sun stands, what a clear sky would give, and how much of what the sun offered became energy (IEC 61724-1).

The clear-sky model here is a simple one on purpose (numpy alone, no turbidity): Haurwitz for the irradiance, Erbs and Liu-Jordan for the
plane of the array. It is good to some ten percent and stands in on a screen until the study of days (`pv_model`, pvlib) has run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.outcome import Figure, missing

Numbers = NDArray[np.float64]

J2000_MS = 946_728_000_000
"""2000-01-01 12:00 UTC, epoch ms."""
DAY_MS = 86_400_000.0
SOLAR_CONSTANT = 1361.0  # [W/m²] Kopp and Lean, Geophys. Res. Lett. 38 (2011) L01706
ALBEDO = 0.2
STANDARD = 1000.0  # [W/m²] irradiance at standard test conditions
LOSS_PER_KELVIN = 0.0035  # [1/K] power of crystalline modules, PVWatts version 5 "premium" (NREL/TP-6A20-62641)
WARMTH = 0.03  # [K·m²/W] module above air, Ross, 12th IEEE PVSC (1976) 1101: 0.02…0.04
INVERTER = 0.98  # share of the DC power that leaves a usual inverter
SYSTEM_LOSSES = 0.068
"""Of the DC power, where the record of the array says nothing: 1 − 0.98 · 0.98 · 0.995 · 0.985 · 0.99, the losses of PVWatts version 5 for
spread, wiring, connections, first light and nameplate; its soiling, shade, snow and availability are left out, for those are looked for."""
LEAST_INSOLATION = 0.5
"""Reference yield [h] below which a day's performance ratio says nothing."""


@dataclass(frozen=True, slots=True)
class Array:
    """An array of modules: place [°, north and east positive], slope [°] and direction [° from north over east], `peak` power at standard
    test conditions [kW] and what its inverter can give at most [kW, None = not known]; `coefficient` of power with temperature [1/K],
    share of DC power lost in wiring, spread and the like (`losses`), nominal `efficiency` of the inverter, `altitude` [m], Linke
    `turbidity` (None: the climate of the place). `assumed` names what nobody told."""

    latitude: float
    longitude: float
    tilt: float
    azimuth: float
    peak: float
    rated: float | None = None
    coefficient: float = -LOSS_PER_KELVIN
    losses: float = SYSTEM_LOSSES
    efficiency: float = INVERTER
    altitude: float = 0.0
    turbidity: float | None = None
    assumed: tuple[str, ...] = ()


def sun(at_ms: ArrayLike, latitude: float, longitude: float) -> tuple[Numbers, Numbers]:
    """Cosine of the zenith angle (negative at night) and azimuth [rad from north over east] at instants [epoch ms], same shape.

    The low-precision formulas of the Astronomical Almanac as in Michalsky, Solar Energy 40 (1988) 227; good to 0.01° until 2050, without
    refraction.
    """
    days = (np.asarray(at_ms, np.float64) - J2000_MS) / DAY_MS
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = np.radians(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * days)
    ascension = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    hours = np.mod(days + 0.5, 1.0) * 24.0
    sidereal = 6.697375 + 0.0657098242 * days + hours  # [h] at Greenwich
    angle = np.radians(15.0 * sidereal + longitude) - ascension
    phi = np.radians(latitude)
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(angle)
    north = np.sin(declination) * np.cos(phi) - np.cos(declination) * np.sin(phi) * np.cos(angle)
    return np.asarray(up, np.float64), np.asarray(np.arctan2(-np.cos(declination) * np.sin(angle), north), np.float64)


def clear_sky(cos_zenith: ArrayLike) -> Numbers:
    """Global horizontal irradiance under a clear sky [W/m²]: 1098·cos z·exp(−0.059/cos z), Haurwitz, J. Meteorology 2 (1945) 154.

    >>> clear_sky([1.0, 0.5, -0.2]).round().tolist()
    [1035.0, 488.0, 0.0]
    """
    up = np.maximum(np.asarray(cos_zenith, np.float64), 1e-3)
    return np.where(np.asarray(cos_zenith) > 1e-3, 1098.0 * up * np.exp(-0.059 / up), 0.0)


def on_plane(ghi: ArrayLike, cos_zenith: ArrayLike, azimuth: ArrayLike, tilt: float, facing: float) -> Numbers:
    """Irradiance [W/m²] on a plane of slope `tilt` [°] that looks to `facing` [° from north over east], from the global horizontal one
    `ghi` [W/m²] and the sun's `cos_zenith` and `azimuth` [rad], all [n].

    Diffuse share: Erbs, Klein, Duffie, Solar Energy 28 (1982) 293; isotropic sky and ground: Liu and Jordan, Solar Energy 4 (1960) 1.
    """
    level, up = np.asarray(ghi, np.float64), np.asarray(cos_zenith, np.float64)
    height = np.maximum(up, 0.05)
    kt = np.clip(level / (SOLAR_CONSTANT * height), 0.0, 1.0)
    middle = 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4
    diffuse = level * np.where(kt <= 0.22, 1.0 - 0.09 * kt, np.where(kt <= 0.8, middle, 0.165))
    slope, lean = np.radians(tilt), np.cos(np.radians(tilt))
    beside = np.sqrt(np.maximum(0.0, 1.0 - up**2)) * np.cos(np.asarray(azimuth, np.float64) - np.radians(facing))
    incidence = np.maximum(up * lean + beside * np.sin(slope), 0.0)
    beam = (level - diffuse) / height * incidence
    return np.where(up > 0, beam + diffuse * (1 + lean) / 2 + level * ALBEDO * (1 - lean) / 2, 0.0)


def clear_power(at_ms: ArrayLike, array: Array, air: ArrayLike | None = None) -> Numbers:
    """AC power [kW] that a clean array without shade and wiring losses would give under a clear sky, [n]: peak · G/1000 ·
    (1 − γ(T − 25 °C)) · η, at most the inverter's rating. Modules are 0.03 K per W/m² warmer than the `air` [°C, n; 25 where not known]."""
    up, azimuth = sun(at_ms, array.latitude, array.longitude)
    light = on_plane(clear_sky(up), up, azimuth, array.tilt, array.azimuth)
    outside = np.full(light.shape, 25.0) if air is None else np.nan_to_num(np.asarray(air, np.float64), nan=25.0)
    power = array.peak * light / STANDARD * (1.0 - LOSS_PER_KELVIN * (outside + WARMTH * light - 25.0)) * INVERTER
    power = np.maximum(power, 0.0)
    return power if array.rated is None else np.minimum(power, array.rated)


def performance_ratio(energy: float | None, insolation: float | None, peak: float | None) -> Figure:
    """PR [%] = final yield over reference yield (IEC 61724-1): (`energy` [kWh] / `peak` [kW]) / (`insolation` [kWh/m²] / 1 kW/m²), both of
    the same hours.

    >>> performance_ratio(400.0, 5.0, 100.0).value
    80.0
    """
    if peak is None or not np.isfinite(peak) or peak <= 0:
        return missing("the peak power is not known")
    if energy is None or insolation is None or not (np.isfinite(energy) and np.isfinite(insolation)):
        return missing("power or irradiance is missing")
    if insolation < LEAST_INSOLATION:
        return missing("less than half an hour of full sun")
    return Figure(100.0 * (energy / peak) / insolation)


@dataclass(frozen=True, slots=True)
class SunDay:
    """One day: AC `energy` [kWh] of all hours told, and `common` energy [kWh] and `insolation` [kWh/m²] of the `hours` in which power and
    irradiance were both told (None: none were)."""

    start: int
    energy: float | None = None
    common: float | None = None
    insolation: float | None = None
    hours: float = 0.0


def sun_days(at_ms: ArrayLike, hours: ArrayLike, power: ArrayLike, irradiance: ArrayLike | None, starts: Sequence[int]) -> list[SunDay]:
    """Buckets of mean `power` [kW] and `irradiance` [W/m²] that start at `at_ms` and last `hours` [h], all [n], by the days that begin at
    `starts` [epoch ms, ascending]; NaN = silent. Power below zero is the inverter's own need at night and counts; irradiance below zero
    is the sensor's offset and does not."""
    at, length = np.asarray(at_ms, np.float64).ravel(), np.asarray(hours, np.float64).ravel()
    ac = np.asarray(power, np.float64).ravel()
    light = np.full(at.shape, np.nan) if irradiance is None else np.maximum(np.asarray(irradiance, np.float64).ravel(), 0.0)
    place = np.searchsorted(np.asarray(starts, np.float64), at, side="right") - 1
    told, both = np.isfinite(ac) & (place >= 0), np.isfinite(ac) & np.isfinite(light) & (place >= 0)

    def by_day(values: Any, where: Any) -> Numbers:
        found = np.bincount(place[where], values[where], len(starts))
        return np.where(np.bincount(place[where], minlength=len(starts)) > 0, found, np.nan)

    energy, common = by_day(ac * length, told), by_day(ac * length, both)
    insolation, shared = by_day(light * length / 1000.0, both), by_day(length, both)
    rows = zip(starts, *(column.tolist() for column in (energy, common, insolation, shared)), strict=True)
    return [SunDay(start, _known(e), _known(c), _known(g), h if h == h else 0.0) for start, e, c, g, h in rows]


def _known(value: float) -> float | None:
    return value if value == value else None
