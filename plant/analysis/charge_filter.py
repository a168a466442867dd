"""The state of a battery from its voltage and current by an extended Kalman filter, independent of the charge its BMS goes on to report.

State x = [SOC, V1, b]: charge [%], slow voltage [V], and b, what the open-circuit voltage is off [V] — without b the flat curve of LFP
would make a filter sure of what it cannot see. V = cells·OCV(SOC) + b − R0·w·I − V1 (`plant.analysis.circuit`). The temperature is a
filter of its own. Prediction and update: Plett, J. Power Sources 134 (2004) 252 and 277, doi:10.1016/j.jpowsour.2004.02.031 and .033;
the update in Joseph's form, which keeps the covariance one.

Innovations ν of a filter whose model and noises hold have variance S: the mean of ν²/S is 1, and they do not remember each other
(Bar-Shalom, Li, Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, ch. 5.4).
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isfinite

import numpy as np

from plant.analysis.chemistry import SOC_POINTS, Numbers, stress
from plant.analysis.circuit import Circuit, kept

MOST_STEPS = 2_000
START_SD = 5.0
"""[C] How far the reported charge a filter begins with may be off (one sigma) [%]."""
OCV_SD, OWN_OCV_SD = 0.005, 0.002
"""[C] How far a cell's open-circuit voltage is from its chemistry's, and from the one found in its history (one sigma) [V]."""
CURRENT_SHARE, CURRENT_OFFSET = 0.005, 0.001
"""[C] Errors of the current: share of it, and of the capacity [1/h]; over an hour they add up as if they stood still."""
_TEMPERATURE_SD, _TEMPERATURE_WALK = 0.2, 0.002  # [C] of a sensor [K], and what the model leaves out [K/√s]
_SETTLED = 30  # steps after which innovations count


@dataclass(frozen=True, slots=True)
class Filtered:
    """The state at each step kept, all [n]: `at` [epoch ms], `soc` and its standard deviation `sd` [%], `slow` [V], `off` [V] of the
    open-circuit voltage, `temperature` [°C], `voltage` as predicted before it was measured [V]. `nis` is the mean of ν²/S, `memory` the
    correlation of an innovation with the one before; None while too few were counted."""

    at: Numbers
    soc: Numbers
    sd: Numbers
    slow: Numbers
    off: Numbers
    temperature: Numbers
    voltage: Numbers
    nis: float | None
    memory: float | None
    counted: int


def track(
    circuit: Circuit,
    at: Numbers,
    voltage: Numbers,
    current: Numbers,
    temperature: Numbers,
    start: float,
    noise: float,
    *,
    capacity: float | None = None,
    surroundings: float | None = None,
    is_own: bool = False,
) -> Filtered:
    """Follow an unbroken stretch, all [n]: `at` [epoch ms], `voltage` [V], `current` [A] that held since the reading before, `temperature`
    [°C] (NaN: not told), from the reported charge `start` [%]. `noise` is that of the voltmeter [V], `capacity` what it holds now [Ah],
    `is_own` that the open-circuit voltage was found in its history. Of long stretches every so many readings are steps, between them the
    charge is counted in full."""
    held = capacity or circuit.capacity
    n, every = at.size, max(1, -(-at.size // MOST_STEPS))
    steps = np.arange(n - 1, -1, -every)[::-1] if n else np.empty(0, np.int64)
    before = np.concatenate([steps[:1], steps[:-1]])
    moved = np.cumsum(np.where(np.isfinite(current), current, 0.0) * np.diff(at, prepend=at[:1]) / 1000.0)
    hours = (at[steps] - at[before]) / 1000.0
    mean = np.divide(moved[steps] - moved[before], hours, out=np.zeros(steps.size), where=hours > 0)
    ocv_sd = circuit.cells * (OWN_OCV_SD if is_own else OCV_SD)
    volts_at, slope_at = _curve(circuit)
    x = (min(max(start, 0.0), 100.0), 0.0, 0.0)
    p = (START_SD**2, 0.0, 0.0, 1e-12, 0.0, ocv_sd**2)
    warm, warm_p = float("nan"), 1.0
    rows, innovations = [], []
    # plain numbers: matrices of three by three spend their time in being matrices
    columns = (at[steps], hours, mean, current[steps], voltage[steps], temperature[steps])
    for when, h, amps, instant, measured, told in zip(*(column.tolist() for column in columns), strict=True):
        warm, warm_p = _warm(circuit, warm, warm_p, told, amps, x[1], h, surroundings)
        w, _ = stress(warm if isfinite(warm) else None)
        x, p = _predict(circuit, x, p, amps, w, h, held, ocv_sd)
        now = instant if isfinite(instant) else amps
        expected = volts_at(x[0]) + x[2] - circuit.r0 * w * now - x[1]
        if isfinite(measured):
            # the current between two readings is not known better than its error
            variance = noise**2 + (circuit.r0 * w * (CURRENT_SHARE * now)) ** 2
            x, p, s = _update(x, p, (slope_at(x[0]), -1.0, 1.0), variance, measured - expected)
            innovations.append((measured - expected) / s**0.5)
        rows.append((when, x[0], max(p[0], 0.0) ** 0.5, x[1], x[2], warm, expected))
    table = np.array(rows, np.float64).reshape(-1, 7).T
    counted = np.array(innovations[_SETTLED:], np.float64)
    nis = float(np.mean(counted * counted)) if counted.size >= _SETTLED else None
    memory = None
    if nis is not None and nis > 0:
        memory = float(counted[1:] @ counted[:-1] / (counted @ counted))
    return Filtered(table[0], table[1], table[2], table[3], table[4], table[5], table[6], nis, memory, int(counted.size))


_State = tuple[float, float, float]
_Covariance = tuple[float, float, float, float, float, float]
"""Upper triangle, by rows."""


def _predict(
    circuit: Circuit, x: _State, p: _Covariance, amps: float, w: float, h: float, held: float, ocv_sd: float
) -> tuple[_State, _Covariance]:
    """State and covariance `h` seconds on, `amps` flowing meanwhile."""
    keep = kept(h, circuit.tau) if circuit.tau > 0 else 0.0
    move = 100.0 * amps * h / 3600.0 / held
    ahead = (min(max(x[0] - move, 0.0), 100.0), x[1] * keep + circuit.r1 * w * amps * (1.0 - keep), x[2])
    # in one hour as much as an error that stands still for it
    error = 100.0 * (CURRENT_SHARE * abs(amps) + CURRENT_OFFSET * held) / held
    slow = 0.02 * circuit.r1 * w * amps
    return ahead, (
        p[0] + error**2 * h / 3600.0,
        p[1] * keep,
        p[2],
        p[3] * keep * keep + slow * slow * (1.0 - keep * keep) + 1e-12,
        p[4] * keep,
        p[5] + ocv_sd**2 * abs(move) / 20.0,
    )


def _update(x: _State, p: _Covariance, line: _State, variance: float, innovation: float) -> tuple[_State, _Covariance, float]:
    """State and covariance after a measurement z = line·x of this `variance`, and the variance of its `innovation`. With K = P·lineᵀ/S:
    (I − K·line)·P·(I − K·line)ᵀ + K·variance·Kᵀ, its products with `line` formed first."""
    a, b, c, d, e, f = p
    i, j, k = line
    u, v, q = a * i + b * j + c * k, b * i + d * j + e * k, c * i + e * j + f * k
    s = i * u + j * v + k * q + variance
    gu, gv, gq = u / s, v / s, q / s
    # (I − K·line)·P, which is not symmetric, times line
    lu = (a - gu * u) * i + (b - gu * v) * j + (c - gu * q) * k
    lv = (b - gv * u) * i + (d - gv * v) * j + (e - gv * q) * k
    lq = (c - gq * u) * i + (e - gq * v) * j + (f - gq * q) * k
    after = (
        a - gu * u - lu * gu + gu * gu * variance,
        b - gu * v - lu * gv + gu * gv * variance,
        c - gu * q - lu * gq + gu * gq * variance,
        d - gv * v - lv * gv + gv * gv * variance,
        e - gv * q - lv * gq + gv * gq * variance,
        f - gq * q - lq * gq + gq * gq * variance,
    )
    soc = min(max(x[0] + gu * innovation, 0.0), 100.0)
    return (soc, x[1] + gv * innovation, x[2] + gq * innovation), after, s


def _curve(circuit: Circuit) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """The open-circuit voltage [V] at a charge [%], and how it rises there [V per %], over ±1 % around it; for loops."""
    points, volts = SOC_POINTS.tolist(), (circuit.cells * circuit.chemistry.ocv).tolist()
    rises = [(one - other) / (x - y) for one, other, x, y in zip(volts[1:], volts, points[1:], points, strict=False)]

    def volts_at(soc: float) -> float:
        if not points[0] < soc < points[-1]:
            return float(volts[0] if soc <= points[0] else volts[-1])
        place = bisect_right(points, soc) - 1
        return float(volts[place] + rises[place] * (soc - points[place]))

    def slope_at(soc: float) -> float:
        low, high = max(soc - 1.0, 0.0), min(soc + 1.0, 100.0)
        return (volts_at(high) - volts_at(low)) / (high - low)

    return volts_at, slope_at


def _warm(
    circuit: Circuit, warm: float, variance: float, told: float, amps: float, slow: float, h: float, surroundings: float | None
) -> tuple[float, float]:
    """Temperature [°C] and its variance `h` seconds on, with what a sensor told (NaN: nothing)."""
    if not isfinite(warm):
        return told, _TEMPERATURE_SD**2
    if surroundings is not None:
        w, _ = stress(warm)
        made = circuit.r0 * w * amps * amps + (slow * slow / (circuit.r1 * w) if circuit.r1 > 0 else 0.0)
        settled, keep = surroundings + circuit.thermal_resistance * made, exp(-h / circuit.cooling)
        warm, variance = settled + (warm - settled) * keep, variance * keep * keep
    variance += _TEMPERATURE_WALK**2 * h
    if not isfinite(told):
        return warm, variance
    gain = variance / (variance + _TEMPERATURE_SD**2)
    return warm + gain * (told - warm), (1.0 - gain) * variance
