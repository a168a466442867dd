"""What-if runs of a battery: the device's own twin where it has one, changed by what the caller names, and what had to be assumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from datastore.store import Store
from plant.analysis.chemistry import CHEMISTRIES
from plant.analysis.circuit import Circuit, of_chemistry
from plant.analysis.simulate import Limits, Run, Start, faults, run
from plant.analysis.twin import CHEMISTRY, HISTORY, NAMEPLATE
from plant.errors import DeviceNotFound, Invalid
from plant.model import Device, Kind
from services.fleet_devices import find, number
from services.pack_metrics import measured
from services.twins import BATTERIES, DeviceTwin, device_twin, limits_in

REQUEST, READING, ASSUMED = "request", "reading", "assumed"
ASSUMED_AH, ASSUMED_V = 50.0, 400.0
"""The battery that is simulated when neither a device nor the caller says which: 20 kWh, and the answer says that it was assumed."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What is asked. `powers` [W, discharge positive] until each of `times` [h]; `soc`, `soh` [%], `temperature` [°C]; `circuit` and
    `limits` are fields of those to put in place of the device's; `energy` [kWh], `voltage` nominal [V], `surroundings` [°C]."""

    device_id: str
    powers: Sequence[float]
    times: Sequence[float]
    chemistry: str | None = None
    soc: float | None = None
    soh: float | None = None
    temperature: float | None = None
    energy: float | None = None
    voltage: float | None = None
    surroundings: float | None = None
    circuit: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of it, with the circuit, start and limits it was made with and where each of their figures is from."""

    circuit: Circuit
    start: Start
    limits: Limits
    sources: dict[str, str]
    run: Run


def simulate(store: Store, asked: WhatIf, now: int) -> Simulated:
    """Run what is asked. A device that is not registered may be asked for, too: it is what the caller says, and assumed where that is
    silent. Raises Invalid."""
    if wrong := faults(asked.powers, asked.times):
        raise _invalid(wrong)
    there = _there(store, asked.device_id, now)
    circuit, sources = _circuit(asked, there)
    start = _start(asked, there, circuit, sources)
    limits = _limits(asked, there, circuit)
    return Simulated(circuit, start, limits, sources, run(circuit, start, limits, asked.powers, asked.times))


def _there(store: Store, device_id: str, now: int) -> DeviceTwin | None:
    """The device's twin; None for a device nobody registered. Raises Invalid for what is no battery."""
    try:
        device = find(store, device_id)
    except DeviceNotFound:
        return None
    if device.kind not in BATTERIES:
        raise _invalid({"device_id": f"is a {device.kind}, not a battery"})
    return device_twin(store, device_id, now)


def _circuit(asked: WhatIf, there: DeviceTwin | None) -> tuple[Circuit, dict[str, str]]:
    own = there.twin.circuit if there is not None else None
    if own is not None and asked.chemistry in (None, own.chemistry.name):
        sources = {name: one.source for name, one in there.twin.found.items()} if there is not None else {}
        sources["chemistry"] = NAMEPLATE
        if asked.energy is not None:  # another size of the same battery: resistance falls, heat capacity grows with it
            size = 1000.0 * asked.energy / (own.cells * own.chemistry.nominal * own.capacity)
            own = replace(own, capacity=own.capacity * size, r0=own.r0 / size, r1=own.r1 / size, heat_capacity=own.heat_capacity * size)
            sources["capacity_ah"] = REQUEST
    else:
        own, sources = _built(asked, own)
    given = {name: value for name, value in asked.circuit.items() if name in {one.name for one in fields(Circuit)}}
    if not given:
        return own, sources
    if not given.keys().isdisjoint(("cells", "capacity")):  # what the caller does not name follows the build
        fresh = of_chemistry(own.chemistry, round(given.get("cells", own.cells)), given.get("capacity", own.capacity))
        own = replace(fresh, tau=own.tau, cooling=own.cooling)
        sources |= dict.fromkeys(("r0_ohm", "r1_ohm", "heat_capacity_j_k"), CHEMISTRY)
    named = {_NAMES[name]: REQUEST for name in given}
    return replace(own, **given | {"cells": own.cells}), sources | named  # type: ignore[arg-type]


_NAMES = {
    "cells": "series_cells",
    "capacity": "capacity_ah",
    "r0": "r0_ohm",
    "r1": "r1_ohm",
    "tau": "tau_s",
    "heat_capacity": "heat_capacity_j_k",
    "cooling": "cooling_s",
}
"""Field of Circuit → its name in answers."""


def _built(asked: WhatIf, own: Circuit | None) -> tuple[Circuit, dict[str, str]]:
    """A battery by its chemistry: of the size the caller names, of the device's, or the assumed one."""
    if asked.chemistry is None:
        raise _invalid({"chemistry": "must be named: the device does not tell it"})
    kind = CHEMISTRIES[asked.chemistry]
    voltage = asked.voltage or (own.cells * own.chemistry.nominal if own is not None else None)
    cells = max(round(asked.circuit.get("cells", (voltage or ASSUMED_V) / kind.nominal)), 1)
    held = asked.circuit.get("capacity")
    if held is None and asked.energy is not None:
        held = 1000.0 * asked.energy / (cells * kind.nominal)
    size = NAMEPLATE if own is not None else ASSUMED
    sources = dict.fromkeys(("r0_ohm", "r1_ohm", "tau_s", "heat_capacity_j_k", "cooling_s"), CHEMISTRY)
    sources |= {"chemistry": REQUEST, "series_cells": REQUEST if asked.voltage else size, "capacity_ah": REQUEST if held else size}
    return of_chemistry(kind, cells, held or (own.capacity if own is not None else ASSUMED_AH)), sources


def _start(asked: WhatIf, there: DeviceTwin | None, circuit: Circuit, sources: dict[str, str]) -> Start:
    """Where it begins: as the caller says, else as the device said last, else 100 % healthy and 25 °C; a charge nobody knows is refused."""
    told = _newest(there)

    def pick(name: str, said: float | None, assumed: float | None) -> float:
        sources[name] = REQUEST if said is not None else READING if told.get(name) is not None else ASSUMED
        value = said if said is not None else told.get(name)
        if value is None and assumed is None:
            raise _invalid({f"current_{name}": "must be named: the device does not tell it"})
        return value if value is not None else assumed or 0.0

    soc = pick("soc", asked.soc, None)
    if sources["capacity_ah"] == HISTORY and asked.soh is None:
        soh, sources["soh"] = 100.0, HISTORY  # what its history shows it holds is what it holds today
    else:
        soh = pick("soh", asked.soh, 100.0)
    if soh < 1:
        raise _invalid({"current_soh": "must be 1 % at least"})
    temperature = pick("temperature", asked.temperature, 25.0)
    around = there.twin.surroundings if there is not None and asked.surroundings is None else asked.surroundings
    sources["surroundings_c"] = REQUEST if asked.surroundings is not None else HISTORY if around is not None else ASSUMED
    return Start(min(max(soc, 0.0), 100.0), min(soh, 100.0), temperature, temperature if around is None else around)


def _newest(there: DeviceTwin | None) -> dict[str, float | None]:
    if there is None:
        return {}
    told = measured(there.device.kind)
    return {name: number(there.newest, told[name].metric) for name in ("soc", "soh", "temperature") if name in told}


def _limits(asked: WhatIf, there: DeviceTwin | None, circuit: Circuit) -> Limits:
    device = there.device if there is not None else Device(asked.device_id, Kind.PACK)
    own = limits_in(replace(device, info={**device.info, "chemistry": circuit.chemistry.name}))
    limits = replace(own, **asked.limits)
    if limits.low_voltage >= limits.high_voltage:
        raise _invalid({"model_parameters.min_cell_voltage": "must be below max_cell_voltage"})
    if limits.low_soc >= limits.high_soc:
        raise _invalid({"model_parameters.min_soc": "must be below max_soc"})
    return limits


def _invalid(wrong: Mapping[str, str]) -> Invalid:
    errors = [{"field": name, "message": what, "received_value": None} for name, what in wrong.items()]
    return Invalid("; ".join(f"{name} {what}" for name, what in wrong.items()), field_errors=errors)
