"""The sky over the site: clouds, temperature and wind as functions of time, and how warm the modules get.

The climate figures are engineering estimates after the normals of the Central Weather Administration for the south-west of Taiwan;
amplitudes and periods of clouds and wind are engineering estimates.
"""

from dataclasses import dataclass

import numpy as np

from plant.simulation.chance import Numbers, wander
from plant.simulation.sun import clear_sky, on_plane, position

MEAN, SEASON, DAILY = 24.3, 5.6, 3.4  # [°C] south-western Taiwan: yearly mean, half ranges of year and day
U_STILL, U_WIND = 25.0, 6.84  # [W/(m²·K)], [W·s/(m³·K)] Faiman, Prog. Photovolt. 16 (2008) 307


@dataclass(frozen=True, slots=True)
class Sky:
    """Weather at some instants: irradiances [W/m²], temperatures [°C], wind [m/s]; all of one shape. `clear` is the clear-sky GHI."""

    ghi: Numbers
    poa: Numbers
    clear: Numbers
    ambient: Numbers
    module: Numbers
    wind: Numbers


def cloudiness(seconds: Numbers, seed: int) -> Numbers:
    """Clear-sky index: mostly near 1 or near 0.35, quick between them (the two-humped distribution of Skartveit and Olseth,
    Solar Energy 49 (1992) 271), with cloud-edge enhancement of some percent."""
    field = (
        0.9 * wander(seed, 11, seconds, 1.6 * 86_400) + 0.7 * wander(seed, 12, seconds, 3 * 3600)
        + 0.6 * wander(seed, 13, seconds, 15 * 60) + 0.35 * wander(seed, 14, seconds, 150)
    )  # fmt: skip
    cover = 1.0 / (1.0 + np.exp(-3.2 * (field - 0.55)))
    edge = 0.05 * np.exp(-(((field - 0.1) / 0.2) ** 2))
    return np.asarray(1.0 - 0.68 * cover + edge, np.float64)


def sky(seconds: Numbers, seed: int, latitude: float, longitude: float) -> Sky:
    """The weather at UTC epoch `seconds` (1-d); the same instant always has the same weather for one seed."""
    sun = position(seconds, latitude, longitude)
    clear = clear_sky(sun.cos_zenith)
    index = cloudiness(seconds, seed)
    ghi = clear * index
    poa = on_plane(ghi, sun)
    year = 2 * np.pi * (np.mod(seconds / 86_400 / 365.2425, 1.0) - 0.54)  # warmest in mid July
    hour = 2 * np.pi * (np.mod(seconds / 3600 + longitude / 15, 24) - 14.0) / 24  # warmest at 14 h
    north = 1.0 if latitude >= 0 else -1.0
    ambient = (
        MEAN + north * SEASON * np.cos(year) + DAILY * np.cos(hour) * (0.5 + 0.5 * index)
        + 1.6 * wander(seed, 15, seconds, 2.5 * 86_400) + 0.25 * wander(seed, 16, seconds, 1800)
    )  # fmt: skip
    wind = (2.2 + 1.1 * np.cos(hour)) * np.exp(0.35 * wander(seed, 17, seconds, 2 * 3600) + 0.2 * wander(seed, 18, seconds, 40))
    return Sky(ghi, poa, clear, ambient, ambient + poa / (U_STILL + U_WIND * wind), wind)
