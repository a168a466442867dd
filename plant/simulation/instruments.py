"""What every instrument of the plant shares: the electric state it reads, its noise and its resolution.

A table is metric → values [steps, devices] for one kind; vectors are [steps, devices, width]. Analog values carry Gaussian noise of at
least one last digit and are rounded like the instrument does it; what an instrument computes (power from V and I) agrees with its parts.
Noise beyond the last digit is an engineering estimate: a fraction of what a sensor of accuracy class 0.5 may be off by.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plant.metrics import CATALOGUE
from plant.simulation import cells, converter, faults
from plant.simulation.chance import Numbers, wander
from plant.simulation.design import PCS_KW
from plant.simulation.plant import Bank, Plant, Trace, solve

Table = Mapping[str, Numbers]

METER_PHASE_V = (22_800.0 / 3**0.5, 800.0 / 3**0.5, 380.0 / 3**0.5)  # connection point, PV feeder, auxiliaries
STANDBY, CHARGING, DISCHARGING, OFF = 1.0, 2.0, 3.0, 0.0


@dataclass(frozen=True, slots=True)
class Inside:
    """The electric state of the racks at the end of each step: `emf`, `ohm` (of the cells alone) and `drop` outside the cells,
    `amps` [steps, racks]; `days` after born [steps]; `bank` the DC buses."""

    days: Numbers
    emf: Numbers
    ohm: Numbers
    amps: Numbers
    drop: Numbers
    bank: Bank


def inside(plant: Plant, trace: Trace) -> Inside:
    """Solve the DC side at the last second of each step."""
    d = plant.design
    power = converter.dc_side(trace.battery[:, -1:] * trace.share, PCS_KW)
    relative = cells.resistance(trace.rack, trace.soc)
    emf = d.cells * cells.open_circuit(trace.soc) - trace.relax
    whole = trace.ohmic * relative
    bank = solve(emf, whole, power, d.racks)
    ohm = plant.built.ohmic * relative
    return Inside((trace.at - trace.born) / faults.DAY_S, emf, ohm, bank.rack_current, bank.rack_current * (whole - ohm), bank)


class Instruments:
    """The sensors of one trace; the noise depends on (seed, first instant), so one trace is always read alike."""

    def __init__(self, plant: Plant, trace: Trace) -> None:
        self.plant, self.trace = plant, trace
        self.state = inside(plant, trace)
        self.rng = np.random.default_rng([plant.design.seed, 3, int(trace.at[0]), trace.seconds])

    def read(self, metric: str, value: Numbers, sigma: float = 0.0, decimals: int | None = None) -> Numbers:
        """`value` with noise of `sigma` (at least one last digit), rounded to the metric's decimals unless told otherwise."""
        digits = CATALOGUE[metric].decimals if decimals is None else decimals
        noise = self.rng.standard_normal(value.shape, dtype=np.float32) * max(sigma, 10.0**-digits)
        return np.asarray(np.round(value + noise, digits), np.float64)

    def phases(self, amps: Numbers, volts: Numbers, live: np.ndarray) -> dict[str, Numbers]:
        """Currents and voltages of three phases from the mean of each; no current where not `live`."""
        table: dict[str, Numbers] = {}
        for k, phase in enumerate("abc"):
            skew = 1.0 + 0.004 * (k - 1)
            table[f"phase_{phase}_current"] = np.where(live, np.maximum(self.read("phase_a_current", amps * skew), 0.0), 0.0)
        for k, phase in enumerate("abc"):
            wave = 1.0 + 0.005 * wander(self.plant.design.seed, 41 + k, self.trace.at, 900.0)[:, None]
            table[f"phase_{phase}_voltage"] = self.read("phase_a_voltage", volts * wave, 0.15)
        return table

    def slow(self, stream: int, width: int, period: float) -> Numbers:
        """Smooth wandering of `width` devices, about ±1 over `period` [s], [steps, width]."""
        at = self.trace.at[:, None] + 86_400.0 * 7 * np.arange(width)
        return wander(self.plant.design.seed, stream, at, period)


def mode(flow: Numbers, least: float) -> Numbers:
    """Operating mode from a flow (discharge positive) that counts from `least` on."""
    return np.where(flow > least, DISCHARGING, np.where(flow < -least, CHARGING, STANDBY))


def ratio(over: Numbers, under: Numbers) -> Numbers:
    """`over` / `under`, 1 where `under` is nothing (power factor at rest)."""
    return np.divide(over, under, out=np.ones_like(under), where=under > 1e-6)


def weighted(soc: Numbers, soh: Numbers) -> Numbers:
    """State of charge of several batteries, weighted with what is left of their capacity."""
    return np.asarray((soc * soh).sum(axis=-1) / soh.sum(axis=-1), np.float64)
