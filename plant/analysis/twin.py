"""A battery's twin: its circuit found in its own history, and how far what it says is from what the circuit predicts.

Parameters are found on the first three quarters of the newest unbroken stretch of history and judged on the last quarter, so that the
residuals are those of a prediction. What the history does not show (no current, too few readings, a fit that is not sure of itself)
comes from the nameplate and the chemistry; every parameter says where it is from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from plant.analysis.chemistry import SOC_POINTS, Chemistry, Numbers, warmth
from plant.analysis.circuit import Circuit, heat, lagging, of_chemistry, slow_voltage, terminal_voltage
from plant.analysis.lagged_fit import fit_lagged, fit_plain

LEAST = 30
"""Readings that a fit needs."""
LEAST_RATE = 0.01
"""Standard deviation of the current over the capacity [1/h] below which it shows no resistance."""
LEAST_SWING = 10.0
"""Change of charge [% points] below which it shows no capacity."""
SURE = 0.2
"""Largest standard error of a parameter, relative to it, that is believed."""
TRAINED = 0.75
"""The part of a stretch that parameters are found on."""
_KNOT, _FLATNESS = 5.0, 0.01  # [% of charge] between corrections of the OCV, and how much their agreeing weighs
_TAUS = (5.0, 2000.0)  # [s] what a slow voltage is looked for at
_COOLINGS = (300.0, 50_000.0)  # [s]
_BESIDE = 6  # intervals that tell the rhythm beside a gap

HISTORY, NAMEPLATE, CHEMISTRY, ESTIMATED = "history", "nameplate", "chemistry", "estimated"
REASONS: Mapping[str, str] = {
    "": "",
    "chemistry": "the chemistry of the device is not known",
    "plate": "neither nameplate nor history tells how many cells it has and how much they hold",
    "silent": "it has no readings with voltage, current and charge in the window",
    "few": "its resistance is that of its chemistry: {n} readings are too few, {least} are needed",
    "steady": "its resistance is that of its chemistry: its current changed too little",
    "plain": "its history shows one resistance, not which part of it is slow",
    "none": "its resistance is that of its chemistry: voltage and current of its history do not show one",
    "kept": "its resistance is the one found earlier: the newest readings do not show it",
}
"""Why a twin has no circuit, or no resistance of its own: the word for it → the sentence of the interfaces."""


@dataclass(frozen=True, slots=True)
class History:
    """What a battery said: `at` [epoch ms, n] ascending; `voltage` [V], `current` [A, discharge positive], `soc` [%],
    `temperature` [°C], each [n] with NaN for silent. `interval` is how far readings are apart by rights [s]."""

    at: NDArray[np.int64]
    voltage: Numbers
    current: Numbers
    soc: Numbers
    temperature: Numbers
    interval: float = 1.0

    def rows(self, chosen: NDArray[np.int64] | slice) -> "History":
        """Some of the readings."""
        return History(
            self.at[chosen], self.voltage[chosen], self.current[chosen], self.soc[chosen], self.temperature[chosen], self.interval
        )

    @property
    def seconds(self) -> Numbers:
        """Time since the reading before [s, n]; 0 for the first."""
        return np.asarray(np.diff(self.at, prepend=self.at[:1]) / 1000.0, np.float64)


@dataclass(frozen=True, slots=True)
class Nameplate:
    """What is known of a battery without its history; None = nobody said. `capacity` [Ah], `cells` in series, `energy` [kWh], nominal
    `voltage` [V]."""

    chemistry: Chemistry | None
    capacity: float | None = None
    cells: int | None = None
    energy: float | None = None
    voltage: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Where a parameter is from, and its standard error in its own unit where it was fitted."""

    source: str
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Prediction against measurement over the last quarter: root mean square of the residual, its mean (both in the unit of what is
    predicted) and how many readings were compared; and the newest prediction and measurement."""

    predicted: float
    measured: float
    rmse: float
    bias: float
    samples: int

    @property
    def residual(self) -> float:
        """Measured less predicted, now."""
        return self.measured - self.predicted


@dataclass(frozen=True, slots=True)
class Twin:
    """What is known of a battery by its model. `found` says where each parameter of the `circuit` is from; `judged_from` [epoch ms] is
    where the judged quarter begins; `surroundings` [°C] fits the temperatures best; `capacity` [Ah] is what the history shows it has now.
    `why` is the word of REASONS for why there is no circuit, or why its resistance is not its own; `trained` the readings it was to be
    found on."""

    circuit: Circuit | None
    found: dict[str, Found]
    why: str = ""
    voltage: Judged | None = None
    temperature: Judged | None = None
    soc: Judged | None = None
    surroundings: float | None = None
    capacity: float | None = None
    judged_from: int | None = None
    trained: int = 0

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return REASONS[self.why].format(n=self.trained, least=LEAST)


@dataclass(frozen=True, slots=True)
class Known:
    """A circuit found in an earlier stretch of history, with where its parameters are from."""

    circuit: Circuit
    found: Mapping[str, Found]


def twin_of(history: History, plate: Nameplate, known: Known | None = None, fit: bool = True) -> Twin:
    """The twin of a battery. With `fit` its resistances are looked for in the history, else they are the `known` ones. Never raises: an
    empty or silent history gives a twin by what was `known` of it, else by chemistry, an unknown chemistry one without circuit, each with
    the reason."""
    said = speaking(history)
    if plate.chemistry is None:
        return Twin(None, {}, "chemistry")
    circuit, found = _by_plate(plate, said)
    if circuit is None:
        return Twin(None, found, "plate")
    if known is not None and (known.circuit.cells, known.circuit.chemistry.name) != (circuit.cells, circuit.chemistry.name):
        known = None  # another battery stands there now
    if known is not None:
        circuit, found = _as_known(circuit, found, known)
    if not said.at.size:
        return Twin(circuit, found, "silent")
    train, judge = _parts(said)
    circuit, how, why = _resistances(circuit, train) if fit or known is None else (circuit, {}, "")
    if why and known is not None and "r0_ohm" in known.found and known.found["r0_ohm"].source == HISTORY:
        if how:  # one resistance for both says less than the two that are known
            circuit, _ = _as_known(circuit, found, known)
        how, why = {}, "kept"
    found |= how
    surroundings: float | None = None
    if np.isfinite(train.temperature).sum() >= 2:
        circuit, surroundings, warm = _thermal(circuit, train)
        found |= warm
    return _judged(Twin(circuit, found, why, surroundings=surroundings, capacity=capacity_in(said), trained=train.at.size), said, judge)


def _as_known(circuit: Circuit, found: dict[str, Found], known: Known) -> tuple[Circuit, dict[str, Found]]:
    """The circuit of the nameplate with what of `known` was found in history."""
    one = known.circuit
    if known.found.get("r0_ohm", Found("")).source == HISTORY:
        circuit = replace(circuit, chemistry=one.chemistry, r0=one.r0, r1=one.r1, tau=one.tau)
    if known.found.get("cooling_s", Found("")).source == HISTORY:
        circuit = replace(circuit, heat_capacity=one.heat_capacity, cooling=one.cooling)
    own = {name: how for name, how in known.found.items() if how.source == HISTORY and name not in ("capacity_ah", "surroundings_c")}
    return circuit, found | own


def exciting(history: History, most: int) -> History:
    """The `most` readings in a row, without a gap, in which the current changes most: what parameters are best found on."""
    best, least = history.rows(slice(0, 0)), -1.0
    said = speaking(history)
    for part in stretches(said) if said.at.size else []:
        for first in range(0, max(part.at.size - most // 2, 1), max(most // 2, 1)):
            block = part.rows(slice(first, first + most))
            if (told := float(np.std(block.current)) * block.at.size**0.5) > least:
                best, least = block, told
    return best


def noise_of(circuit: Circuit, part: History) -> float:
    """Noise of the voltmeter [V]: of the differences of neighbouring residuals their median, scaled to a standard deviation;
    20 millionths of the voltage at least."""
    floor = max(2e-5 * float(np.median(part.voltage)) if part.at.size else 0.0, 1e-6)
    if part.at.size < LEAST:
        return floor
    slow = slow_voltage(circuit, part.current, part.temperature, part.seconds)
    # the charge as counted: the digits of the reported one are no noise of the voltmeter
    counted = part.soc[0] - 100.0 * np.cumsum(part.current * part.seconds) / 3600.0 / circuit.capacity
    rest = np.diff(part.voltage - terminal_voltage(circuit, counted, part.current, part.temperature, slow))
    return max(1.4826 * float(np.median(np.abs(rest - np.median(rest)))) / float(np.sqrt(2.0)), floor)


def speaking(history: History) -> History:
    """The readings in which voltage, current and charge all make sense."""
    good = np.isfinite(history.voltage) & np.isfinite(history.current) & (history.voltage > 0)
    good &= (history.soc >= 0) & (history.soc <= 100)
    order = np.concatenate([[True], np.diff(history.at) > 0]) if history.at.size else np.empty(0, bool)
    return history.rows(np.flatnonzero(good & order))


def stretches(history: History) -> list[History]:
    """Unbroken stretches: a gap is more than three intervals, 5 s at least (DOMAIN §3.2). The interval is that of the readings before it or
    after it, the shorter (the nominal one at least): a device may have told its past by the minute and tell the present by the second."""
    gaps = history.seconds
    if gaps.size < 2:
        return [history] if gaps.size else []
    around = np.lib.stride_tricks.sliding_window_view(np.pad(gaps[1:], _BESIDE, mode="symmetric"), _BESIDE)
    # only what is longer than the nominal interval allows may be a gap at all
    doubtful = np.flatnonzero(gaps[1:] > max(3 * history.interval, 5.0))
    rhythm = [np.median(around[doubtful + shift], axis=1) for shift in (0, _BESIDE + 1)]  # before it, after it
    beside = np.minimum(*rhythm)
    ends = 1 + doubtful[gaps[1:][doubtful] > np.maximum(3 * np.maximum(beside, history.interval), 5.0)]
    bounds = [0, *ends.tolist(), history.at.size]
    return [history.rows(slice(a, b)) for a, b in zip(bounds, bounds[1:], strict=False) if b > a]


def _parts(said: History) -> tuple[History, History]:
    """What parameters are found on, and what they are judged on: the newest stretch cut at three quarters, or the longest before it where
    the newest is too short."""
    parts = stretches(said)
    newest = parts[-1]
    cut = int(newest.at.size * TRAINED)
    if cut >= LEAST:
        return newest.rows(slice(0, cut)), newest
    return max(parts, key=lambda one: one.at.size), newest


def _by_plate(plate: Nameplate, said: History) -> tuple[Circuit | None, dict[str, Found]]:
    """The circuit by nameplate and chemistry; cells and capacity are read out of the history where the nameplate is silent."""
    kind = plate.chemistry
    if kind is None:
        return None, {}
    cells, capacity = plate.cells, plate.capacity
    found = {"series_cells": Found(NAMEPLATE), "capacity_ah": Found(NAMEPLATE)}
    if cells is None and said.at.size:
        # V ≈ n·OCV − R·I: without the current the cells of a battery that mostly charges would be counted too many
        counted, *_ = np.linalg.lstsq(np.column_stack([kind.open_circuit(said.soc), -said.current]), said.voltage, rcond=None)
        cells, found["series_cells"] = max(round(float(counted[0])), 1), Found(ESTIMATED)
    nominal = plate.voltage or (1000.0 * plate.energy / capacity if capacity and plate.energy else None)
    if cells is None and nominal:
        cells, found["series_cells"] = max(round(nominal / kind.nominal), 1), Found(ESTIMATED)
    if capacity is None and plate.energy and cells:
        capacity = 1000.0 * plate.energy / (plate.voltage or cells * kind.nominal)
    if capacity is None and (shown := capacity_in(said)) is not None:
        capacity, found["capacity_ah"] = shown, Found(HISTORY)
    if not cells or not capacity or not (isfinite(capacity) and capacity > 0):
        return None, {}
    names = ("r0_ohm", "r1_ohm", "tau_s", "heat_capacity_j_k", "cooling_s")
    return of_chemistry(kind, cells, capacity), found | dict.fromkeys(names, Found(CHEMISTRY))


def capacity_in(said: History) -> float | None:
    """Capacity now [Ah] from charge moved per change of SOC, by least squares over each stretch; None where SOC swings less than 10 %."""
    moved, shown = [], []
    for part in stretches(said) if said.at.size else []:
        if part.at.size >= LEAST and np.ptp(part.soc) >= LEAST_SWING:
            charge = np.cumsum(part.current * part.seconds) / 3600.0
            moved.append(charge - charge.mean())
            shown.append(part.soc - part.soc.mean())
    if not moved:
        return None
    x, y = np.concatenate(moved), np.concatenate(shown)
    slope = float(x @ y) / square if (square := float(x @ x)) > 1e-12 else 0.0
    return -100.0 / slope if slope < -1e-9 else None


def _resistances(circuit: Circuit, part: History) -> tuple[Circuit, dict[str, Found], str]:
    """The circuit with the resistances its history shows: V − cells·OCV against current and lagged current, beside a correction of the OCV
    in steps of 5 % of charge, which takes up what the device's own differs from its chemistry's."""
    if part.at.size < LEAST:
        return circuit, {}, "few"
    if float(np.std(part.current)) < LEAST_RATE * circuit.capacity:
        return circuit, {}, "steady"
    driven, seconds = part.current * warmth(part.temperature), part.seconds
    target = part.voltage - circuit.cells * circuit.chemistry.open_circuit(part.soc)
    knots, base = _tents(part.soc)
    direct = -driven[:, None]
    span = (max(_TAUS[0], 2.0 * float(np.median(seconds[1:]))), _TAUS[1])
    fit = fit_lagged(target, base, direct, -driven, seconds, span)
    error, slow_error = float(fit.errors[0]), float(fit.errors[1])
    if _sure(float(fit.values[0]), error) and _sure(float(fit.values[1]), slow_error, 2.5 * SURE):
        found = {"r0_ohm": Found(HISTORY, error), "r1_ohm": Found(HISTORY, slow_error), "tau_s": _found(fit.tau_error)}
        fitted = replace(_corrected(circuit, knots, fit.rest[:-1]), r0=float(fit.values[0]), r1=float(fit.values[1]), tau=fit.tau)
        return fitted, found | {"ocv": Found(HISTORY)}, ""
    fit = fit_plain(target, base, direct)
    if _sure(float(fit.values[0]), float(fit.errors[0])):
        found = {"r0_ohm": Found(HISTORY, float(fit.errors[0])), "r1_ohm": Found(HISTORY), "ocv": Found(HISTORY)}
        fitted = replace(_corrected(circuit, knots, fit.rest), r0=float(fit.values[0]), r1=0.0)
        return fitted, found, "plain"
    return circuit, {}, "none"


def _tents(soc: Numbers) -> tuple[Numbers, Numbers]:
    """Knots every 5 % of charge over the charges visited, and for each reading the weights of the two beside it; below them the wish that
    neighbours agree, where no reading says otherwise."""
    first, last = np.floor(soc.min() / _KNOT), np.floor(soc.max() / _KNOT) + 1
    knots = np.arange(first, last + 1) * _KNOT
    weights = np.maximum(1.0 - np.abs(soc[:, None] - knots) / _KNOT, 0.0)
    wishes = (np.eye(knots.size)[1:] - np.eye(knots.size)[:-1]) * _FLATNESS * np.sqrt(soc.size)
    return knots, np.vstack([weights, wishes])


def _corrected(circuit: Circuit, knots: Numbers, volts: Numbers) -> Circuit:
    """The circuit with `volts` at `knots` [%] added to its open-circuit voltage; beyond them that of the outermost."""
    own = circuit.chemistry.ocv + np.interp(SOC_POINTS, knots, volts) / circuit.cells
    return replace(circuit, chemistry=replace(circuit.chemistry, ocv=own))


def _found(error: float) -> Found:
    """Found in history; an error that could not be told is None."""
    return Found(HISTORY, error if isfinite(error) else None)


def _sure(value: float, error: float, limit: float = SURE) -> bool:
    return isfinite(value) and value > 0 and error <= limit * value


def _thermal(circuit: Circuit, part: History) -> tuple[Circuit, float | None, dict[str, Found]]:
    """The circuit with the heat capacity and cooling its history shows, and the temperature of its surroundings [°C]."""
    known = np.isfinite(part.temperature)
    part = part.rows(np.flatnonzero(known))
    seconds, target = part.seconds, part.temperature
    slow = slow_voltage(circuit, part.current, part.temperature, seconds)
    warming = heat(circuit, part.current, part.temperature, slow)
    ones, nothing = np.ones_like(target)[:, None], np.empty((target.size, 0))
    if target.size >= LEAST and np.ptp(target) >= 1.0 and np.std(warming) > 0:
        fit = fit_lagged(target, ones, nothing, warming, seconds, _COOLINGS)
        around, resistance = float(fit.rest[0]), float(fit.values[0])
        if _sure(resistance, float(fit.errors[0])) and -40.0 < around < 80.0:
            mass = fit.tau / resistance
            # as if both errors were independent: they mostly rise together, then the quotient's is smaller
            error = mass * float(np.hypot(fit.tau_error / fit.tau, fit.errors[0] / resistance))
            found = {"heat_capacity_j_k": _found(error), "cooling_s": _found(fit.tau_error), "surroundings_c": Found(HISTORY)}
            return replace(circuit, cooling=fit.tau, heat_capacity=mass), around, found
    lag = lagging(warming, seconds, np.array([circuit.cooling]))[:, 0]
    gone = np.exp(-seconds.cumsum() / circuit.cooling)
    # T = around + (T0 − around)·gone + R·lag, solved for the one that is not known
    weight = 1.0 - gone
    rest = target - circuit.thermal_resistance * lag - target[0] * gone
    around = float(weight @ rest / (weight @ weight)) if weight.any() else float(target.mean())
    return circuit, around, {"surroundings_c": Found(HISTORY)}


def _judged(twin: Twin, said: History, newest: History) -> Twin:
    """The twin with what it predicts over the last quarter of the newest stretch."""
    circuit = twin.circuit
    if circuit is None:
        return twin
    first = min(int(newest.at.size * TRAINED), newest.at.size - 1)
    seconds = newest.seconds
    slow = slow_voltage(circuit, newest.current, newest.temperature, seconds)
    voltage = terminal_voltage(circuit, newest.soc, newest.current, newest.temperature, slow)
    counted = newest.soc[first] - 100.0 * np.cumsum(newest.current[first:] * np.append(0.0, seconds[first + 1 :])) / 3600.0 / (
        twin.capacity or circuit.capacity
    )
    return replace(
        twin,
        voltage=_compared(voltage[first:], newest.voltage[first:]),
        temperature=_temperatures(circuit, twin.surroundings, newest, slow, first),
        soc=_compared(np.clip(counted, 0.0, 100.0), newest.soc[first:]),
        judged_from=int(newest.at[first]),
    )


def _temperatures(circuit: Circuit, around: float | None, newest: History, slow: Numbers, first: int) -> Judged | None:
    """Temperatures over the judged quarter, starting from the one measured at its beginning."""
    measured = newest.temperature[first:]
    if around is None or not np.isfinite(measured[0]):
        return None
    seconds = np.append(0.0, newest.seconds[first + 1 :])
    gone = np.exp(-seconds.cumsum() / circuit.cooling)
    warming = heat(circuit, newest.current[first:], measured, slow[first:])
    lag = lagging(warming, seconds, np.array([circuit.cooling]))[:, 0]
    return _compared(around + (measured[0] - around) * gone + circuit.thermal_resistance * lag, measured)


def _compared(predicted: Numbers, measured: Numbers) -> Judged | None:
    both = np.isfinite(predicted) & np.isfinite(measured)
    if not both.any():
        return None
    rest = measured[both] - predicted[both]
    return Judged(
        float(predicted[both][-1]), float(measured[both][-1]), float(np.sqrt(np.mean(rest * rest))), float(rest.mean()), int(both.sum())
    )
