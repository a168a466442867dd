"""Heat in racks and containers: one thermal mass per rack, one per container's air, an air conditioner with a thermostat.

The heat capacity of the racks follows from a source; every other figure is an engineering estimate for an air-cooled 40-foot container,
chosen so that its auxiliaries need about 4 kW and a rack at rated power ends some kelvins above its air.
"""

import numpy as np

from plant.simulation.chance import Numbers

# 252 cells × 5.5 kg × 1 045 J/(kg·K); specific heat of lithium-ion cells: Maleki et al., J. Electrochem. Soc. 146 (1999) 947
RACK_MASS = 1.45e6  # [J/K]
RACK_TO_AIR = 160.0  # [W/K] one rack, forced air
AIR_MASS = 4.0e6  # [J/K] air, racks' steel and walls that follow the air
WALL = 140.0  # [W/K] insulated 40-foot container
FANS = 1_500.0  # [W] heat of fans and controls inside
SETPOINT = 24.0  # [°C]
GAIN = 6_000.0  # [W/K] cooling per kelvin above the set point
COOLING_MAX = 40_000.0  # [W] heat removed at most, per container
HEATING_MAX = 8_000.0  # [W]
COP = 2.8  # heat moved per electricity, at 35 °C outside; falls with the outside temperature
STANDBY = 2_600.0  # [W] controls, fans, fire detection per container


def conditioner(air: Numbers) -> Numbers:
    """Heat removed from the air of each container [W] at air temperature `air` [°C]; below 16 °C it heats (negative)."""
    return np.minimum(np.maximum((air - SETPOINT) * GAIN, 0.0), COOLING_MAX) - np.minimum(np.maximum((16.0 - air) * GAIN, 0.0), HEATING_MAX)


def step(rack: Numbers, air: Numbers, heat: Numbers, ambient: float, seconds: float) -> tuple[Numbers, Numbers]:
    """Temperatures [°C] of racks [units × racks] and container air [units] after `seconds`, with `heat` [W] made in each rack.

    Each node relaxes exponentially to its own equilibrium, which is stable for any step (exponential Euler).
    """
    per_unit = rack.size // air.size
    target = np.repeat(air, per_unit) + heat / RACK_TO_AIR
    warmer = target + (rack - target) * np.exp(-seconds * RACK_TO_AIR / RACK_MASS)
    inflow = RACK_TO_AIR * (rack.reshape(air.size, per_unit).sum(axis=1) - per_unit * air) + WALL * (ambient - air) + FANS
    rate = (per_unit * RACK_TO_AIR + WALL + GAIN) / AIR_MASS
    cooler = air + (inflow - conditioner(air)) / (AIR_MASS * rate) * (1.0 - np.exp(-seconds * rate))
    return warmer, cooler


def electricity(air: Numbers, ambient: float) -> Numbers:
    """Electric power of each container's auxiliaries [kW], [units], at `air` [°C] and outside temperature `ambient` [°C]."""
    work = COP - 0.04 * (min(max(ambient, 5.0), 45.0) - 35.0)
    return np.asarray((np.abs(conditioner(air)) / work + STANDBY) / 1e3, np.float64)
