"""A battery as an electric circuit: open-circuit voltage, a resistance, one resistance with a capacitance beside it, one mass that warms.

Discharge current is positive. V = cells · OCV(SOC) − R0·w·I − V1 with dV1/dt = (R1·w·I − V1)/τ and w the resistance relative to
25 °C; heat q = R0·w·I² + V1²/(R1·w); dT/dt = q/C − (T − T_surroundings)/τ_cooling (Plett, Battery Management Systems I, 2015, ch. 2).
"""

from dataclasses import dataclass
from math import exp, isfinite, isqrt, sqrt

import numpy as np
from numpy.typing import ArrayLike

from plant.analysis.chemistry import SOC_POINTS, Chemistry, Numbers, warmth


@dataclass(frozen=True, slots=True)
class Circuit:
    """One battery. `cells` in series; `capacity` as new [Ah]; `r0`, `r1` at 25 °C [Ω]; `tau` of the slow part [s]; `heat_capacity` [J/K];
    `cooling` time constant [s]."""

    chemistry: Chemistry
    cells: int
    capacity: float
    r0: float
    r1: float
    tau: float
    heat_capacity: float
    cooling: float

    def open_circuit(self, soc: ArrayLike) -> Numbers:
        """Voltage at rest [V] at `soc` [%]."""
        return np.asarray(self.cells * self.chemistry.open_circuit(soc), np.float64)

    @property
    def thermal_resistance(self) -> float:
        """How much warmer than its surroundings one watt of heat keeps it [K/W]."""
        return self.cooling / self.heat_capacity


def of_chemistry(chemistry: Chemistry, cells: int, capacity: float) -> Circuit:
    """The circuit data sheets give a battery of `cells` in series and `capacity` [Ah]: resistance falls with capacity."""
    energy = cells * chemistry.nominal * capacity
    return Circuit(
        chemistry,
        cells,
        capacity,
        chemistry.ohmic * cells / capacity,
        chemistry.slow * cells / capacity,
        chemistry.tau,
        chemistry.heat * energy,
        chemistry.cooling,
    )


def lagging(signal: Numbers, seconds: Numbers, taus: Numbers) -> Numbers:
    """`signal` [n] behind one first-order lag for each of `taus` [s], [n, taus], from 0 before its first value; `seconds` [n] between each
    value and the one before. A value has held since the one before it."""
    n = signal.size
    if not n:
        return np.empty((0, taus.size))
    # in pieces that are walked side by side, each from 0, and then joined one after the other: the loops are short
    width = isqrt(n - 1) + 1
    pieces = -(-n // width)
    kept_of, driven = np.ones((pieces * width, taus.size)), np.zeros((pieces * width, taus.size))
    kept_of[:n] = np.exp(-seconds[:, None] / taus)
    driven[:n] = signal[:, None] * (1.0 - kept_of[:n])
    keep, out = kept_of.reshape(pieces, width, -1), driven.reshape(pieces, width, -1)
    for k in range(1, width):
        out[:, k] += out[:, k - 1] * keep[:, k]
        keep[:, k] *= keep[:, k - 1]
    for piece in range(1, pieces):
        out[piece] += keep[piece] * out[piece - 1, -1]
    return out.reshape(-1, taus.size)[:n]


def slow_voltage(circuit: Circuit, current: Numbers, temperature: Numbers, seconds: Numbers) -> Numbers:
    """Voltage over the slow part [V, n] for currents [A] and temperatures [°C], rested before the first."""
    return np.asarray(circuit.r1 * lagging(current * warmth(temperature), seconds, np.array([circuit.tau]))[:, 0], np.float64)


def terminal_voltage(circuit: Circuit, soc: Numbers, current: Numbers, temperature: Numbers, slow: Numbers) -> Numbers:
    """Voltage at the terminals [V, n] for `soc` [%], `current` [A], `temperature` [°C] and the `slow` voltage [V]."""
    return np.asarray(circuit.open_circuit(soc) - circuit.r0 * warmth(temperature) * current - slow, np.float64)


def heat(circuit: Circuit, current: Numbers, temperature: Numbers, slow: Numbers) -> Numbers:
    """Heat made inside [W, n]; slow resistance of 0 makes none."""
    w = warmth(temperature)
    relaxing = slow * slow / (circuit.r1 * w) if circuit.r1 > 0 else np.zeros_like(w)
    return np.asarray(circuit.r0 * w * current * current + relaxing, np.float64)


def current_for(power: float, inner: float, resistance: float) -> float | None:
    """Current [A] that gives `power` [W] from an `inner` voltage [V] behind `resistance` [Ω]; None when that much cannot be given.

    From P = (E − R·I)·I: I = (E − √(E² − 4·R·P)) / (2·R), the smaller current of the two, here without the cancellation that formula has.

    >>> current_for(3900.0, 400.0, 1.0), current_for(-4100.0, 400.0, 1.0), current_for(40_001.0, 400.0, 1.0)
    (10.0, -10.0, None)
    """
    under = inner * inner - 4.0 * resistance * power
    if inner <= 0 or under < 0 or not isfinite(under):
        return None
    return 2.0 * power / (inner + sqrt(under))


def kept(seconds: float, tau: float) -> float:
    """The part of a first-order difference that is left after `seconds`."""
    return exp(-seconds / tau)


def resting(circuit: Circuit, soc: float) -> float:
    """`open_circuit` at one charge [%], for loops."""
    return circuit.cells * float(np.interp(soc, SOC_POINTS, circuit.chemistry.ocv))
