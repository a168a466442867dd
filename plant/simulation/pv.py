"""Modules in strings on the trackers of two inverters.

The module is a typical 66-cell n-type one of 615 W (data-sheet class, no particular maker's); the plant's sizes are engineering choices.
"""

from dataclasses import dataclass

import numpy as np

from plant.simulation.chance import Numbers
from plant.simulation.converter import INVERTER, ac_side
from plant.simulation.weather import Sky

TRACKERS, STRINGS = 16, 32
RATED = 500.0  # [kW] AC
MODULES = 26  # in series
V_MPP, I_MPP = 40.9, 15.05  # [V], [A] one 615 W module at 1 000 W/m², 25 °C
BETA, ALPHA = -0.0028, 0.00045  # [1/K] of voltage and current
THERMAL = 26 * 66 * 1.05 * 0.0257 / 26  # [V] per module: 66 cells in series × n·kT/q, the logarithm of the light (King, SAND2004-3535)
PEAK = STRINGS * MODULES * V_MPP * I_MPP / 1000.0  # [kW] per inverter
WAKE = 20.0  # [W/m²] below this the inverter sleeps


@dataclass(frozen=True, slots=True)
class Array:
    """What the inverters do, for n instants and k inverters: `string_currents` [n, k, strings] A, `tracker_voltages` and
    `tracker_currents` [n, k, trackers] V and A, `dc` and `ac` [n, k] kW."""

    string_currents: Numbers
    tracker_voltages: Numbers
    tracker_currents: Numbers
    dc: Numbers
    ac: Numbers


def produce(sky: Sky, health: Numbers, mismatch: Numbers) -> Array:
    """Power of the inverters under `sky` (n instants).

    `health` [n, inverters, strings] is 1 for a sound string and 0 for an open one; `mismatch` [inverters, strings] the factory spread.
    Each tracker works at the maximum-power voltage of its two strings; above the rating the inverter moves up the curve and all
    currents fall alike.
    """
    light = np.where(sky.poa > WAKE, sky.poa / 1000.0, 0.0)
    warmth = sky.module - 25.0
    current = (I_MPP * light * (1 + ALPHA * warmth))[:, None, None] * mismatch * health
    bright = np.maximum(light, 0.01)
    volts = MODULES * (V_MPP * (1 + BETA * warmth) + THERMAL * np.log(bright))
    pairs = current.reshape(*current.shape[:2], TRACKERS, STRINGS // TRACKERS)
    tracker_current = pairs.sum(axis=3)
    tilt = 1.0 + 0.3 * (mismatch.reshape(-1, TRACKERS, STRINGS // TRACKERS).mean(axis=2) - 1.0)
    tracker_voltage = np.where(light > 0, volts, 0.0)[:, None, None] * tilt
    dc = (tracker_voltage * tracker_current).sum(axis=2) / 1000.0
    limit = RATED / 0.987
    curtail = np.minimum(1.0, limit / np.maximum(dc, 1e-9))
    dc, ease = dc * curtail, curtail[..., None]
    return Array(current * ease, tracker_voltage, tracker_current * ease, dc, np.minimum(ac_side(dc, RATED, INVERTER), RATED))
