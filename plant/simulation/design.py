"""The plant that is simulated: sizes, nameplates, and how its parts differ from one another.

The nameplates are those of the common class of 314 Ah cells in 3 MWh containers with 1.5 MW converters; cable, age and the spread
between parts are engineering estimates.
"""

from dataclasses import dataclass

import numpy as np

from plant.simulation import cells
from plant.simulation.chance import Numbers
from plant.simulation.pv import STRINGS

CAPACITY_AH = 314.0  # one cell, and so one rack (252 in series)
CELL_NOMINAL = 3.2  # [V]
PCS_KW = 1500.0
LINE_VOLTAGE = 690.0  # [V] AC side of the PCS
CABLE_OHM = 0.004  # [Ω] fuse, contactor and cable of a rack
BORN_CYCLES = 380.0  # the plant is about a year old


@dataclass(frozen=True, slots=True)
class Design:
    """Sizes and place. `seed` decides everything random; the defaults are the demo plant of 12 units with 12 racks each."""

    seed: int = 20240501
    units: int = 12
    racks: int = 12
    modules: int = 21
    cells_per_module: int = 12
    inverters: int = 2
    zone: str = "Asia/Taipei"
    latitude: float = 23.1
    longitude: float = 120.3

    @property
    def count(self) -> int:
        """Racks in all."""
        return self.units * self.racks

    @property
    def cells(self) -> int:
        """Cells in series in one rack."""
        return self.modules * self.cells_per_module

    @property
    def sensors(self) -> int:
        """Temperature sensors of one rack, two per module."""
        return 2 * self.modules

    @property
    def rack_kwh(self) -> float:
        return CAPACITY_AH * CELL_NOMINAL * self.cells / 1000.0


@dataclass(frozen=True, slots=True)
class Build:
    """What the factory made of a design; racks are numbered unit by unit, so rack k of unit u is u · racks + k.

    `capacity` and `ohmic` are factors [count], `slow` the relaxation resistance [Ω, count], `spread` the cells, `place` the offsets of the
    temperature sensors [K, count × sensors], `mismatch` the strings [inverters × strings], `trim` small AC differences [units × 3 phases].
    """

    capacity: Numbers
    ohmic: Numbers
    slow: Numbers
    spread: cells.Spread
    place: Numbers
    mismatch: Numbers
    trim: Numbers


def build(design: Design) -> Build:
    """The plant of this design; the same seed builds the same plant."""
    rng = np.random.default_rng([design.seed, 1])
    count = design.count
    ohmic = (design.cells * cells.R_OHMIC) * rng.normal(1, 0.03, count)
    # the top of a rack is warmer than its foot; two sensors of a module differ a little
    height = np.repeat(np.linspace(-1.0, 1.0, design.modules), 2)
    place = height + rng.normal(0, 0.25, (count, design.sensors))
    return Build(
        capacity=np.clip(rng.normal(0.974, 0.005, count), 0.955, 0.99),
        ohmic=ohmic,
        slow=np.full(count, design.cells * cells.R_SLOW),
        spread=cells.spread(count, design.cells, rng),
        place=place - place.mean(axis=1, keepdims=True),
        mismatch=np.clip(rng.normal(0.985, 0.008, (design.inverters, STRINGS)), 0.95, 1.0),
        trim=rng.normal(1, 0.004, (design.units, 3)),
    )
