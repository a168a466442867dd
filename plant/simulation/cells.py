"""Lithium iron phosphate cells: open-circuit voltage, resistance, relaxation, and how 252 of them differ within a rack.

Where no source stands beside a figure, it is an engineering estimate of the size that data sheets of large prismatic LFP cells give.
"""

from dataclasses import dataclass

import numpy as np

from plant.simulation.chance import Numbers

# Graphite/LFP open-circuit voltage at 25 °C, mean of charge and discharge: the plateaus near 3.29 V and 3.33 V with the graphite
# stage change between 55 and 70 %, as measured by Safari and Delacourt, J. Electrochem. Soc. 158 (2011) A562, doi:10.1149/1.3567007.
_SOC = np.array([0.0, 2, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 98, 100])
_OCV = np.array([2.800, 3.000, 3.120, 3.202, 3.225, 3.249, 3.268, 3.283, 3.288, 3.290, 3.292, 3.294, 3.297, 3.305, 3.320,
                 3.3300, 3.3320, 3.3330, 3.3342, 3.3355, 3.341, 3.370, 3.450])  # fmt: skip

R_OHMIC = 0.30e-3  # [Ω] one 314 Ah prismatic cell at 25 °C and 50 %, busbar included (data-sheet order of magnitude)
R_SLOW = 0.18e-3  # [Ω] charge transfer and diffusion, one RC element
TAU_SLOW = 120.0  # [s]
ACTIVATION = 2400.0  # [K] E_a/R of the resistance, 20 kJ/mol (Waag, Käbitz, Sauer, Applied Energy 102 (2013) 885)
COULOMBIC = 0.9985  # charge stored per charge fed in; LFP is above 99.5 %


def open_circuit(soc: Numbers) -> Numbers:
    """Open-circuit voltage of a cell [V] at `soc` [%], any shape."""
    return np.asarray(np.interp(soc, _SOC, _OCV), np.float64)


def slope(soc: Numbers) -> Numbers:
    """How much the open-circuit voltage rises with the state of charge [V per %], over ±1 % around `soc`."""
    return (open_circuit(np.minimum(soc + 1, 100)) - open_circuit(np.maximum(soc - 1, 0))) / 2


def resistance(temperature: Numbers, soc: Numbers) -> Numbers:
    """Ohmic resistance relative to 25 °C and 50 %: Arrhenius in `temperature` [°C], rising towards empty and full `soc` [%]."""
    edge = (soc - 50.0) * 0.02
    edge *= edge
    return np.asarray(np.exp(ACTIVATION / (temperature + 273.15) - ACTIVATION / 298.15) * (1.0 + 0.35 * edge * edge), np.float64)


@dataclass(frozen=True, slots=True)
class Spread:
    """How the cells of each rack differ: `soc` [% points] and `resistance` [fraction], both [racks, cells] with mean 0 per rack,
    and for each the candidates `top_soc`, `top_resistance` [racks, few]: cells that can be extreme in some direction."""

    soc: Numbers
    resistance: Numbers
    top_soc: Numbers
    top_resistance: Numbers


def spread(racks: int, cells: int, rng: np.random.Generator) -> Spread:
    """Manufacturing and balancing spread: 0.35 % points of charge and 2.5 % of resistance (one sigma)."""
    soc = np.clip(rng.normal(0, 0.35, (racks, cells)), -1.2, 1.2)
    ohmic = np.clip(rng.normal(0, 0.025, (racks, cells)), -0.08, 0.08)
    soc -= soc.mean(axis=1, keepdims=True)
    ohmic -= ohmic.mean(axis=1, keepdims=True)
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    # the extreme of a linear function over points is a corner of their hull: 16 directions find practically all corners
    score = soc[:, :, None] / 0.35 * np.cos(angle) + ohmic[:, :, None] / 0.025 * np.sin(angle)
    corner = score.argmax(axis=1)
    return Spread(soc, ohmic, np.take_along_axis(soc, corner, 1), np.take_along_axis(ohmic, corner, 1))
