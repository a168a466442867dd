"""What lithium cells of one chemistry have in common: open-circuit voltage, and what data sheets say of resistance, heat and life.

The open-circuit curves come from published half cells (positive less negative electrode at the stoichiometries of the set) and are kept as
tables, rounded to 1 mV; `tests/plant/test_twin.py` forms them again from the equations. Figures marked [C] are engineering estimates of the
size data sheets give (DOMAIN's grades of confidence): they hold until a device's own history tells better.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

REFERENCE_K = 298.15
ACTIVATION_K = 2400.0
"""E_a/R of the resistance [K], 20 kJ/mol (Waag, Käbitz, Sauer, Applied Energy 102 (2013) 885, doi:10.1016/j.apenergy.2012.09.030)."""
AGEING_K = 2940.0
"""E_a/R of cycle ageing above 25 °C [K], 24.4 kJ/mol (Schimpe et al., J. Electrochem. Soc. 165 (2018) A181, doi:10.1149/2.1181714jes)."""

SOC_POINTS = np.array([0, 1, 2, 3, 5, 7.5, *range(10, 100, 5), 97.5, 99, 100], np.float64)
"""Charges [%] at which open-circuit voltages are given."""


@dataclass(frozen=True, slots=True)
class Chemistry:
    """One chemistry. `ocv` [V] of a cell at the charges `SOC_POINTS` [%]; `low`, `high` the voltages between which a cell is used [V];
    `ohmic`, `slow` resistance times capacity of a cell at 25 °C [Ω·Ah], of which `slow` builds up with time constant `tau` [s];
    `heat` is heat capacity over energy [J/(K·Wh)]; `cooling` the time constant of cooling [s]; `life` equivalent full cycles until 20 % of
    the capacity are gone; `source` where `ocv` is from."""

    name: str
    ocv: Numbers
    low: float
    high: float
    nominal: float
    source: str
    ohmic: float
    slow: float
    life: float
    heat: float
    tau: float = 60.0
    cooling: float = 7200.0

    def open_circuit(self, soc: ArrayLike) -> Numbers:
        """Open-circuit voltage of a cell [V] at `soc` [%], any shape; beyond 0 and 100 % that of the end."""
        return np.asarray(np.interp(np.asarray(soc, np.float64), SOC_POINTS, self.ocv), np.float64)


def warmth(temperature: ArrayLike) -> Numbers:
    """Resistance at `temperature` [°C] relative to 25 °C (Arrhenius); NaN, a temperature nobody measured, counts as 25 °C.

    >>> float(warmth(25.0)), round(float(warmth(0.0)), 2)
    (1.0, 2.09)
    """
    kelvin = np.clip(np.nan_to_num(np.asarray(temperature, np.float64), nan=25.0), -60.0, 150.0) + 273.15
    return np.asarray(np.exp(ACTIVATION_K / kelvin - ACTIVATION_K / REFERENCE_K), np.float64)


def wear(temperature: ArrayLike) -> Numbers:
    """Cycle ageing at `temperature` [°C] relative to 25 °C, 1 below that; NaN counts as 25 °C."""
    kelvin = np.clip(np.nan_to_num(np.asarray(temperature, np.float64), nan=25.0), 25.0, 150.0) + 273.15
    return np.asarray(np.exp(AGEING_K / REFERENCE_K - AGEING_K / kelvin), np.float64)


CHEMISTRIES: Mapping[str, Chemistry] = {
    one.name: one
    for one in (
        Chemistry(
            "LFP",
            np.array([2.708, 2.841, 2.925, 2.992, 3.089, 3.161, 3.199, 3.233, 3.252, 3.268, 3.283, 3.295, 3.302, 3.306,
                      3.309, 3.311, 3.313, 3.318, 3.324, 3.332, 3.338, 3.342, 3.345, 3.352, 3.368, 3.392, 3.422]),
            2.5, 3.65, 3.2,
            "half cells: Safari and Delacourt, J. Electrochem. Soc. 158 (2011) A562, doi:10.1149/1.3567007; stoichiometries: Schimpe et "
            "al., J. Electrochem. Soc. 165 (2018) A181, doi:10.1149/2.1181714jes",
            ohmic=0.08, slow=0.05, life=6000.0, heat=6.3,  # [C] large prismatic cells, 160 Wh/kg at 1 kJ/(kg·K)
        ),
        Chemistry(
            "NMC",
            np.array([2.498, 2.695, 2.837, 2.940, 3.073, 3.172, 3.258, 3.396, 3.449, 3.494, 3.548, 3.597, 3.634, 3.668,
                      3.708, 3.757, 3.809, 3.862, 3.924, 3.971, 4.022, 4.070, 4.094, 4.116, 4.147, 4.173, 4.193]),
            2.5, 4.2, 3.65,
            "LG M50, NMC 811: Chen et al., J. Electrochem. Soc. 167 (2020) 080534, doi:10.1149/1945-7111/ab9050",
            ohmic=0.11, slow=0.06, life=2500.0, heat=4.2,  # [C] 240 Wh/kg
        ),
        Chemistry(
            "LCO",
            np.array([2.800, 3.051, 3.193, 3.286, 3.407, 3.500, 3.562, 3.639, 3.684, 3.713, 3.734, 3.751, 3.766, 3.780,
                      3.796, 3.812, 3.830, 3.849, 3.869, 3.892, 3.916, 3.942, 3.970, 4.000, 4.015, 4.025, 4.032]),
            2.8, 4.2, 3.75,
            "Sony 18650: Ramadass et al., J. Electrochem. Soc. 151 (2004) A196, doi:10.1149/1.1634273, from its initial charge to 2.8 V",
            ohmic=0.12, slow=0.08, life=800.0, heat=5.0,  # [C] 200 Wh/kg
        ),
        Chemistry(
            "NCA",
            np.array([2.700, 2.994, 3.103, 3.151, 3.188, 3.210, 3.234, 3.290, 3.346, 3.401, 3.455, 3.506, 3.555, 3.600,
                      3.640, 3.678, 3.714, 3.751, 3.792, 3.839, 3.892, 3.940, 3.985, 4.029, 4.051, 4.065, 4.074]),
            2.7, 4.2, 3.65,
            "Kim et al., J. Electrochem. Soc. 158 (2011) A955, doi:10.1149/1.3597614, from its initial charge to 2.7 V",
            ohmic=0.11, slow=0.06, life=1500.0, heat=4.0,  # [C] 250 Wh/kg
        ),
    )
}  # fmt: skip
"""Name → chemistry."""


def stress(temperature: float | None) -> tuple[float, float]:
    """(`warmth`, `wear`) of one temperature [°C], for loops; None counts as 25 °C.

    >>> stress(40.0) == (float(warmth(40.0)), float(wear(40.0))), stress(None)
    (True, (1.0, 1.0))
    """
    kelvin = min(max(25.0 if temperature is None else temperature, -60.0), 150.0) + 273.15
    return exp(ACTIVATION_K / kelvin - ACTIVATION_K / REFERENCE_K), exp(AGEING_K / REFERENCE_K - AGEING_K / max(kelvin, REFERENCE_K))
