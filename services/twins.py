"""Twins of the devices there are: their nameplates, limits and newest readings, handed to `plant.analysis.twin`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from datastore.ports import Latest, Numbers, Records
from datastore.store import Store
from plant.analysis.chemistry import CHEMISTRIES
from plant.analysis.circuit import Circuit
from plant.analysis.command_safety import STORAGE, limits_of
from plant.analysis.simulate import Limits
from plant.analysis.twin import Found, History, Known, Nameplate, Twin, twin_of
from plant.errors import Invalid
from plant.model import HOUR, Device, Kind, Window
from services.fleet_devices import capacity_kwh, chemistry, find
from services.pack_metrics import measured
from services.studies import result

MOST_READINGS = 7_200
"""Newest readings a twin is made of: two hours of one a second."""
LONGEST_HOURS = 24.0
STUDY, VERSION = "twins", 1
"""Under which name twins are kept by the job process, and of which form."""
_CIRCUIT = ("cells", "capacity", "r0", "r1", "tau", "heat_capacity", "cooling")
BATTERIES = (*(kind for kind in STORAGE if kind != Kind.PCS), Kind.VEHICLE)
"""Kinds that have a twin."""


@dataclass(frozen=True, slots=True)
class DeviceTwin:
    """A device's twin with what it was made of: the newest values (None when it never spoke), the readings and their window."""

    device: Device
    newest: Latest | None
    history: History
    window: Window
    twin: Twin


def device_twin(store: Store, device_id: str, now: int, hours: float | None = None) -> DeviceTwin:
    """The twin of a battery from its readings of the last `hours` before `now` [epoch ms]; without `hours` as many as its interval fills
    `MOST_READINGS` with, a day at most. Raises DeviceNotFound, and Invalid for what is no battery."""
    device = find(store, device_id)
    if device.kind not in BATTERIES:
        raise Invalid(f"'{device_id}' is a {device.kind}: only batteries have a twin", device_id=device_id)
    newest = store.telemetry.latest([(device.device_id, device.kind)]).get((device.device_id, device.kind))
    window = _window(device, now, hours)
    history = history_of(store, device, window)
    return DeviceTwin(device, newest, history, window, twin_of(history, plate_of(device), known_of(store.records, device)))


def _window(device: Device, now: int, hours: float | None) -> Window:
    span = hours if hours is not None else min(max(MOST_READINGS * device.interval_s / 3600.0, 2.0), LONGEST_HOURS)
    return Window(now - round(span * HOUR), now + 1)


def history_of(store: Store, device: Device, window: Window, most: int = MOST_READINGS) -> History:
    """The newest readings of a battery, `most` of them; a current it does not tell is its power over its voltage."""
    told = measured(device.kind)
    names = {name: told[name].metric for name in ("voltage", "current", "soc", "temperature", "power") if name in told}
    found = store.telemetry.columns(device.device_id, device.kind, list(names.values()), window)
    silent = np.full(found.at.size, np.nan)

    def column(name: str) -> Numbers:
        return found.values[names[name]][-most:] if name in names else silent[-most:]

    voltage, current = column("voltage"), column("current")
    if not np.isfinite(current).any():
        # kW over V; a voltage of 0 is no voltage
        current = 1000.0 * column("power") / np.where(voltage > 0, voltage, np.nan)
    return History(found.at[-most:], voltage, current, column("soc"), column("temperature"), device.interval_s)


def known_of(records: Records, device: Device) -> Known | None:
    """The circuit that the study `twins` found in the battery's history; None where it found none yet. Raises Unavailable."""
    kept = result(records, STUDY, subject(device))
    return None if kept is None or kept.body.get("v") != VERSION else read_circuit(kept.body.get("circuit"))


def subject(device: Device) -> str:
    """Under which name the study keeps what it finds of a device."""
    return f"{device.kind}:{device.device_id}"


def written_circuit(twin: Twin) -> dict[str, Any] | None:
    """A twin's circuit as JSON, with where its parameters are from."""
    circuit = twin.circuit
    if circuit is None:
        return None
    numbers = {name: getattr(circuit, name) for name in _CIRCUIT}
    found = {name: [one.source, one.error] for name, one in twin.found.items()}
    return {**numbers, "chemistry": circuit.chemistry.name, "ocv": [round(v, 5) for v in circuit.chemistry.ocv.tolist()], "found": found}


def read_circuit(body: Mapping[str, Any] | None) -> Known | None:
    """What `written_circuit` wrote; None for what is none."""
    if not body or body["chemistry"] not in CHEMISTRIES:
        return None
    kind = replace(CHEMISTRIES[body["chemistry"]], ocv=np.array(body["ocv"], np.float64))
    circuit = Circuit(kind, int(body["cells"]), *(float(body[name]) for name in _CIRCUIT[1:]))
    return Known(circuit, {name: Found(str(source), error) for name, (source, error) in body["found"].items()})


def plate_of(device: Device) -> Nameplate:
    """What the record of a device tells of its build."""
    name = chemistry(device)
    rating = device.rating
    cells = _number(rating.get("series_cells")) or _number(device.info.get("cells"))
    return Nameplate(
        CHEMISTRIES[name] if name else None,
        _number(rating.get("capacity_ah")),
        None if cells is None else max(round(cells), 1),
        capacity_kwh(device),
        _number(rating.get("voltage_v")),
    )


def limits_in(device: Device) -> Limits:
    """The limits a device is kept within: those of its record, of its chemistry where it has none. Raises KeyError without chemistry."""
    said, kind = limits_of(device), CHEMISTRIES[chemistry(device) or ""]
    return Limits(
        kind.low if said.min_cell_voltage is None else said.min_cell_voltage,
        kind.high if said.max_cell_voltage is None else said.max_cell_voltage,
        said.max_charge_current,
        said.max_discharge_current,
        said.max_charge_power,
        said.max_discharge_power,
        0.0 if said.min_soc is None else said.min_soc,
        100.0 if said.max_soc is None else said.max_soc,
        said.max_temperature,
        said.min_charge_temperature,
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None
