"""Where the sun stands and what a clear sky sends down.

Tilt and albedo are engineering choices for the latitude; the formulas name their sources.
"""

from dataclasses import dataclass

import numpy as np

from plant.simulation.chance import Numbers

TILT = 12.0  # [°] of the modules, facing the equator
ALBEDO = 0.2


@dataclass(frozen=True, slots=True)
class Sun:
    """`cos_zenith` (negative at night), `cos_incidence` on the tilted plane, `extraterrestrial` normal irradiance [W/m²]."""

    cos_zenith: Numbers
    cos_incidence: Numbers
    extraterrestrial: Numbers


def position(seconds: Numbers, latitude: float, longitude: float, tilt: float = TILT) -> Sun:
    """The sun at UTC epoch `seconds` for a site at `latitude`, `longitude` [°, north and east positive], plane tilted to the equator.

    Declination, equation of time and distance: Spencer, Search 2 (1971) 172, in radians of the day angle; good to 0.01 rad.
    """
    days = np.asarray(seconds, np.float64) / 86_400.0
    # fraction of the tropical year since 1 January 1970; good to a quarter of a day, 0.1° of declination
    angle = 2 * np.pi * np.mod(days / 365.2425, 1.0)
    c1, s1, c2, s2, c3, s3 = (f(k * angle) for k in (1, 2, 3) for f in (np.cos, np.sin))
    declination = 0.006918 - 0.399912 * c1 + 0.070257 * s1 - 0.006758 * c2 + 0.000907 * s2 - 0.002697 * c3 + 0.00148 * s3
    equation = 229.18 * (0.000075 + 0.001868 * c1 - 0.032077 * s1 - 0.014615 * c2 - 0.040849 * s2)  # [min]
    hour = np.mod(days, 1.0) * 24.0 + longitude / 15.0 + equation / 60.0
    hour_angle = np.radians(15.0 * (hour - 12.0))
    phi = np.radians(latitude)
    plane = np.radians(latitude - np.copysign(tilt, latitude))  # a plane tilted to the equator sees the sun as a level one nearer to it
    cos_zenith = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    cos_incidence = np.sin(plane) * np.sin(declination) + np.cos(plane) * np.cos(declination) * np.cos(hour_angle)
    distance = 1.000110 + 0.034221 * c1 + 0.001280 * s1 + 0.000719 * c2 + 0.000077 * s2
    return Sun(cos_zenith, cos_incidence, 1361.0 * distance)


def clear_sky(cos_zenith: Numbers) -> Numbers:
    """Global horizontal irradiance under a clear sky [W/m²]: Haurwitz, J. Meteorology 2 (1945) 154 and 3 (1946) 123."""
    up = np.maximum(cos_zenith, 1e-3)
    return np.where(cos_zenith > 1e-3, 1098.0 * up * np.exp(-0.059 / up), 0.0)


def on_plane(ghi: Numbers, sun: Sun, tilt: float = TILT) -> Numbers:
    """Irradiance on the tilted plane [W/m²] from `ghi` [W/m²].

    Diffuse share: Erbs, Klein, Duffie, Solar Energy 28 (1982) 293; isotropic sky and ground: Liu and Jordan, Solar Energy 4 (1960) 1.
    """
    up = np.maximum(sun.cos_zenith, 0.05)
    kt = np.clip(ghi / (sun.extraterrestrial * up), 0.0, 1.0)
    middle = 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4
    share = np.where(kt <= 0.22, 1.0 - 0.09 * kt, np.where(kt <= 0.8, middle, 0.165))
    diffuse = ghi * share
    beam = (ghi - diffuse) / up * np.maximum(sun.cos_incidence, 0.0)
    lean = np.cos(np.radians(tilt))
    return np.where(sun.cos_zenith > 0, beam + diffuse * (1 + lean) / 2 + ghi * ALBEDO * (1 - lean) / 2, 0.0)
