"""What a battery will do when it is asked for a profile of powers: voltage, current, charge and temperature step by step.

Within a step the circuit of `plant.analysis.circuit` is moved on in parts of 10 s (longer ones in long profiles), each solved exactly for
its current: the slow voltage and the temperature follow their exponentials, the voltage is that at the end of the part. A battery gives
what its limits allow: where a limit holds, less power flows than was asked for, and the limit is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np

from plant.analysis.chemistry import stress
from plant.analysis.circuit import Circuit, current_for, kept, resting

MOST_STEPS = 5_000
MOST_PARTS = 6_000
LONGEST_HOURS = 8784.0
PART_S = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the battery is kept within. Voltages of a cell [V], currents [A] and powers [W] as amounts, charge [%], temperatures [°C];
    charging stops below `cold`. None = no limit but physics."""

    low_voltage: float
    high_voltage: float
    charge_current: float | None = None
    discharge_current: float | None = None
    charge_power: float | None = None
    discharge_power: float | None = None
    low_soc: float = 0.0
    high_soc: float = 100.0
    hot: float | None = None
    cold: float | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The battery before the first step: `soc` [%], `soh` [%], `temperature` and that of its surroundings [°C]."""

    soc: float
    soh: float = 100.0
    temperature: float = 25.0
    surroundings: float = 25.0


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that held during a step (counted from 0): power asked for and mean power that flowed [W]."""

    step: int
    limit: str
    asked: float
    given: float


@dataclass(frozen=True, slots=True)
class Run:
    """One value per step, at its end: `voltage` [V], `current` [A], `soc` [%], `temperature` [°C]; `power` is the mean that flowed in the
    step [W]. `lost` is the heat made in all [Wh]."""

    voltage: list[float]
    current: list[float]
    soc: list[float]
    temperature: list[float]
    power: list[float]
    reached: list[Reached]
    lost: float


def faults(powers: Sequence[float], times: Sequence[float]) -> dict[str, str]:
    """What is wrong with a profile: field → sentence. `powers` [W] and `times` [h since the start, the end of each step] go together."""
    found: dict[str, str] = {}
    if not powers:
        found["power_profile"] = "must hold at least one power"
    elif len(powers) > MOST_STEPS:
        found["power_profile"] = f"must hold at most {MOST_STEPS} powers"
    elif not all(map(isfinite, powers)):
        found["power_profile"] = "must hold finite numbers"
    if len(times) != len(powers):
        found["time_steps"] = f"must be as many as power_profile: {len(times)} times for {len(powers)} powers"
    elif not all(map(isfinite, times)):
        found["time_steps"] = "must hold finite numbers"
    elif times and (times[0] < 0 or times[-1] > LONGEST_HOURS):
        found["time_steps"] = f"must lie within 0 and {LONGEST_HOURS:g} hours"
    elif any(b <= a for a, b in zip(times, times[1:], strict=False)):
        found["time_steps"] = "must grow: each is the end of its step, in hours since the start"
    return found


@dataclass(slots=True)
class _State:
    """Where the battery stands: `soc` [%], `slow` [V], `temperature` [°C], the heat made so far [J]."""

    soc: float
    slow: float
    temperature: float
    heat: float = 0.0


def run(circuit: Circuit, start: Start, limits: Limits, powers: Sequence[float], times: Sequence[float]) -> Run:
    """The battery through `powers` [W, discharge positive], each until its time [h]; a first time of 0 is an instant at the start. Raises
    ValueError for what `faults` names."""
    if wrong := faults(powers, times):
        raise ValueError("; ".join(f"{field} {what}" for field, what in wrong.items()))
    state = _State(start.soc, 0.0, start.temperature)
    held = circuit.capacity * start.soh / 100.0
    out = Run([], [], [], [], [], [], 0.0)
    most = max(1, MOST_PARTS // len(powers))
    before = 0.0
    for step, (asked, end) in enumerate(zip(powers, times, strict=True)):
        seconds = 3600.0 * (end - before)
        before = end
        parts = min(max(1, ceil(seconds / PART_S)), most)
        names: dict[str, None] = {}
        given, voltage, current = 0.0, 0.0, 0.0
        for _ in range(parts):
            current, voltage, limit = _part(circuit, state, limits, asked, seconds / parts, held, start.surroundings)
            given += current * voltage / parts
            if limit:
                names[limit] = None
        out.voltage.append(voltage)
        out.current.append(current)
        out.soc.append(state.soc)
        out.temperature.append(state.temperature)
        out.power.append(given)
        out.reached.extend(Reached(step, name, asked, given) for name in names)
    return Run(out.voltage, out.current, out.soc, out.temperature, out.power, out.reached, state.heat / 3600.0)


def _part(
    circuit: Circuit, state: _State, limits: Limits, asked: float, seconds: float, held: float, around: float
) -> tuple[float, float, str]:
    """Move `state` on by `seconds`; current [A], voltage at the end [V] and the limit that held, if one did."""
    w, _ = stress(state.temperature)
    keep = kept(seconds, circuit.tau)
    resistance = w * (circuit.r0 + circuit.r1 * (1.0 - keep))
    per_amp = 100.0 * seconds / 3600.0 / held  # % of charge that one ampere moves in this part
    soc, current, limit = state.soc, 0.0, ""
    for _ in range(3):  # the open-circuit voltage is that at the end of the part, which the current decides
        inner = resting(circuit, soc) - state.slow * keep
        current, limit = _within(circuit, limits, state, asked, inner, resistance, per_amp)
        after = min(max(state.soc - per_amp * current, 0.0), 100.0)
        if abs(after - soc) < 1e-9:
            break
        soc = after
    soc = min(max(state.soc - per_amp * current, 0.0), 100.0)
    slow = state.slow * keep + circuit.r1 * w * current * (1.0 - keep)
    voltage = resting(circuit, soc) - circuit.r0 * w * current - slow
    middle = 0.5 * (state.slow + slow)
    warming = circuit.r0 * w * current * current + (middle * middle / (circuit.r1 * w) if circuit.r1 > 0 else 0.0)
    settled = around + circuit.thermal_resistance * warming
    state.temperature = settled + (state.temperature - settled) * kept(seconds, circuit.cooling)
    state.soc, state.slow = soc, slow
    state.heat += warming * seconds
    return current, voltage, limit


def _within(
    circuit: Circuit, limits: Limits, state: _State, asked: float, inner: float, resistance: float, per_amp: float
) -> tuple[float, str]:
    """The current [A] nearest to what gives `asked` [W] that every limit allows, and the limit that decided it."""
    if asked == 0:
        return 0.0, ""
    side = 1.0 if asked > 0 else -1.0
    if limits.hot is not None and state.temperature >= limits.hot:
        return 0.0, "max_temperature"
    if side < 0 and limits.cold is not None and state.temperature <= limits.cold:
        return 0.0, "min_temperature"
    rated = limits.discharge_power if side > 0 else limits.charge_power
    over = rated is not None and rated < abs(asked)
    wanted = current_for(side * rated if over and rated is not None else asked, inner, resistance)
    physics = max(inner, 0.0) / (2.0 * resistance)
    amount, limit = (physics, "max_power") if wanted is None else (abs(wanted), "max_power" if over else "")
    for most, name in _bounds(circuit, limits, state, inner, resistance, per_amp, side):
        if most < amount:
            amount, limit = max(most, 0.0), name
    return side * amount, limit


def _bounds(
    circuit: Circuit, limits: Limits, state: _State, inner: float, resistance: float, per_amp: float, side: float
) -> list[tuple[float, str]]:
    """The largest current [A, an amount] each limit allows in the direction of `side`."""
    if side > 0:
        room, edge = state.soc - limits.low_soc, circuit.cells * limits.low_voltage
        found = [((inner - edge) / resistance, "min_cell_voltage")]
        rated, names = limits.discharge_current, ("max_discharge_current", "min_soc")
    else:
        room, edge = limits.high_soc - state.soc, circuit.cells * limits.high_voltage
        found = [((edge - inner) / resistance, "max_cell_voltage")]
        rated, names = limits.charge_current, ("max_charge_current", "max_soc")
    if rated is not None:
        found.append((rated, names[0]))
    if per_amp > 0:
        found.append((room / per_amp, names[1]))
    elif room <= 0:
        found.append((0.0, names[1]))
    return found


def rounded(values: Sequence[float], digits: int = 12) -> list[float]:
    """Numbers without the noise of their arithmetic, -0 as 0."""
    return [float(f"{value:.{digits}g}") + 0.0 for value in np.asarray(values, np.float64).tolist()]
