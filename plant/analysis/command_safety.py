"""May a device be told this? A command against nameplate, safety limits and the newest reading of the device, violations in words.

Limits are those declared for the device; where none are, the alarm bounds of the catalogue hold for temperatures (any chemistry) and, for
LFP cells, for voltages: a device in that alarm is not to be started (the lower temperature then holds for charging only, where lithium
plates out). What nobody declared or measured is not judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from plant.analysis.commands import STARTS
from plant.metrics import CATALOGUE
from plant.model import Device, Kind, Value

STORAGE = (Kind.BESS, Kind.RACK, Kind.PACK, Kind.PCS)
"""Kinds that can be charged and discharged."""
NUMBERS: Mapping[str, tuple[float, float]] = {
    "target_power": (0, 1e9),
    "target_soc": (0, 100),
    "max_current": (0, 1e6),
    "ramp_rate": (0, 1e9),
}
"""Parameter → the range in which it makes sense at all: W, %, A, W/s. The type of the command tells the direction, so none is negative."""
_HOTTEST = ("cell_max_temp", "temperature", "cell_avg_temp")
_COLDEST = ("cell_min_temp", "temperature", "cell_avg_temp")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a device stands: powers in W, currents in A, voltages of a cell in V, °C, %. None = nobody said."""

    max_charge_power: float | None = None
    max_discharge_power: float | None = None
    max_charge_current: float | None = None
    max_discharge_current: float | None = None
    max_cell_voltage: float | None = None
    min_cell_voltage: float | None = None
    max_temperature: float | None = None
    min_temperature: float | None = None
    min_charge_temperature: float | None = None
    max_soc: float | None = None
    min_soc: float | None = None

    def named(self) -> dict[str, float]:
        """Those that are known, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


def limits_of(device: Device) -> Limits:
    """The limits of a device: `safety_constraints` of its record in S2's names and units, powers of its specifications or its rating."""
    said = _mapping(device.info.get("safety_constraints"))
    built = _mapping(device.info.get("specifications"))
    warm = _mapping(said.get("temperature_limits"))
    lfp = str(device.info.get("chemistry", "")).upper().startswith("LFP")

    def least(*found: float | None) -> float | None:
        known = [value for value in found if value is not None]
        return min(known) if known else None

    def power(way: str) -> float | None:
        rated = _first(_number(device.rating.get(f"max_{way}_power_kw")), _number(device.rating.get("power_kw")))
        named = _first(_number(built.get(f"max_{way}_power")), _number(built.get("max_power")))
        return least(_number(said.get(f"max_{way}_power")), _first(named, None if rated is None else 1000 * rated))

    def voltage(name: str, side: int) -> float | None:
        declared = _number(said.get(name))
        bound = CATALOGUE["cell_max_voltage" if side else "cell_min_voltage"].alarm[side]
        return declared if declared is not None or not lfp else bound

    coldest = _first(_number(warm.get("min")), _number(said.get("min_temperature")))
    return Limits(
        max_charge_power=power("charge"),
        max_discharge_power=power("discharge"),
        max_charge_current=_number(said.get("max_charge_current")),
        max_discharge_current=_number(said.get("max_discharge_current")),
        max_cell_voltage=voltage("max_cell_voltage", 1),
        min_cell_voltage=voltage("min_cell_voltage", 0),
        max_temperature=_first(_number(warm.get("max")), _number(said.get("max_temperature")), _bound("cell_max_temp", 1, device)),
        min_temperature=coldest,
        min_charge_temperature=_bound("cell_min_temp", 0, device) if coldest is None else coldest,
        max_soc=_number(said.get("max_soc")),
        min_soc=_number(said.get("min_soc")),
    )


def malformed(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Known parameter → what is wrong with its value."""
    faults = {}
    for name, (low, high) in NUMBERS.items():
        value = parameters.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            faults[name] = "must be a number"
        elif not low <= value <= high:
            faults[name] = f"must be within {low:g} and {high:g}"
    return faults


def violations(kind: str, command_type: str, parameters: Mapping[str, Any], limits: Limits, values: Mapping[str, Value]) -> list[str]:
    """What speaks against a command, as sentences; empty when nothing does. `values` is the newest reading of the device in the
    catalogue's units. Only commands that make power flow are judged, and parameters wherever they stand."""
    if command_type not in STARTS:
        return _parameters(command_type, parameters, limits) if command_type == "update_parameters" else []
    if kind not in STORAGE:
        return [f"A device of kind {kind} cannot be charged or discharged"]
    return [*_parameters(command_type, parameters, limits), *_state(command_type, limits, values)]


def _parameters(command_type: str, parameters: Mapping[str, Any], limits: Limits) -> list[str]:
    ways = {"start_charge": ("charge",), "start_discharge": ("discharge",)}.get(command_type, ("charge", "discharge"))
    found = []
    for way in ways:
        for name, limit, unit in (
            ("target_power", getattr(limits, f"max_{way}_power"), "W"),
            ("max_current", getattr(limits, f"max_{way}_current"), "A"),
        ):
            value = parameters.get(name)
            if value is not None and limit is not None and value > limit:
                found.append(f"{name} {value:g} {unit} exceeds the {way} limit of {limit:g} {unit}")
    target = parameters.get("target_soc")
    if target is not None:
        if limits.max_soc is not None and target > limits.max_soc:
            found.append(f"target_soc {target:g} % is above the limit of {limits.max_soc:g} %")
        if limits.min_soc is not None and target < limits.min_soc:
            found.append(f"target_soc {target:g} % is below the limit of {limits.min_soc:g} %")
    return found


def _state(command_type: str, limits: Limits, values: Mapping[str, Value]) -> list[str]:
    charge = command_type == "start_charge"
    found = []
    soc, full, empty = _scalar(values, "soc"), _first(limits.max_soc, 100.0), _first(limits.min_soc, 0.0)
    if soc is not None and full is not None and charge and soc >= full:
        found.append(f"The state of charge is {soc:g} %, charging ends at {full:g} %")
    if soc is not None and empty is not None and not charge and soc <= empty:
        found.append(f"The state of charge is {soc:g} %, discharging ends at {empty:g} %")
    high, low = _cells(values)
    if charge and high is not None and limits.max_cell_voltage is not None and high >= limits.max_cell_voltage:
        found.append(f"The highest cell voltage is {high:g} V, the limit is {limits.max_cell_voltage:g} V")
    if not charge and low is not None and limits.min_cell_voltage is not None and low <= limits.min_cell_voltage:
        found.append(f"The lowest cell voltage is {low:g} V, the limit is {limits.min_cell_voltage:g} V")
    hot, cold = _extreme(values, _HOTTEST, max), _extreme(values, _COLDEST, min)
    if hot is not None and limits.max_temperature is not None and hot >= limits.max_temperature:
        found.append(f"The temperature is {hot:g} °C, the limit is {limits.max_temperature:g} °C")
    coldest = limits.min_charge_temperature if charge else limits.min_temperature
    if cold is not None and coldest is not None and cold <= coldest:
        found.append(f"The temperature is {cold:g} °C, the lower limit is {coldest:g} °C")
    return found


def _cells(values: Mapping[str, Value]) -> tuple[float | None, float | None]:
    """Highest and lowest cell voltage [V], from the extremes a device reports or from its cells."""
    cells = _vector(values, "cell_voltages")
    high = [v for v in (_scalar(values, "cell_max_voltage"), max(cells, default=None)) if v is not None]
    low = [v for v in (_scalar(values, "cell_min_voltage"), min(cells, default=None)) if v is not None]
    return max(high, default=None), min(low, default=None)


def _extreme(values: Mapping[str, Value], names: tuple[str, ...], pick: Any) -> float | None:
    found = [v for name in names if (v := _scalar(values, name)) is not None] + _vector(values, "cell_temperatures")
    return pick(found) if found else None


def _scalar(values: Mapping[str, Value], name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, (int, float)) and value == value else None


def _vector(values: Mapping[str, Value], name: str) -> list[float]:
    value = values.get(name)
    return [] if value is None or isinstance(value, (int, float)) else [v for v in value if v is not None and v == v]


def _bound(metric: str, side: int, device: Device) -> float | None:
    return CATALOGUE[metric].alarm[side] if device.kind in STORAGE and device.kind != Kind.PCS else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value else None


def _first(*found: float | None) -> float | None:
    return next((value for value in found if value is not None), None)
