"""S1: one inverter with its trackers, strings and phases."""

from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.errors import FieldError, invalid
from api.routes.solarhub.params import TAG, exact
from plant.model import Kind
from plant.solarhub import MOST_UNITS, STRINGS, TRACKERS
from plant.timeline import iso
from services.units import by_number, sizes, units

HIGHEST = 99


class InverterParams(BaseModel):
    """Which inverter."""

    number: int = Field(1, ge=1, le=HIGHEST, description="1…12, or as many as there are")


class InverterFiguresBody(TypedDict):
    nominal_active_power: float | None
    total_active_power: float | None
    total_apparent_power: float | None
    total_reactive_power: float | None
    daily_power_yields: float | None
    total_power_yields: float | None
    internal_temperature: float | None
    bus_voltage: float | None
    dc_power: float | None


class TrackerBody(TypedDict):
    mppt_id: int
    voltage: float | None
    current: float | None
    power: float | None


class StringBody(TypedDict):
    string_id: int
    current: float | None


class PhaseBody(TypedDict):
    phase: str
    voltage: float | None
    current: float | None


class InverterBody(TypedDict):
    """`timestamp` is that of the newest value shown, `stale` says that it has been silent for too long."""

    inverter_data: InverterFiguresBody
    mppt_data: list[TrackerBody]
    string_currents: list[StringBody]
    phase_data: list[PhaseBody]
    timestamp: str | None
    stale: bool
    status: str


_FIGURES = tuple(InverterFiguresBody.__annotations__)
_VECTORS = ("mppt_voltages", "mppt_currents", "string_currents")
_PHASES = tuple((phase, f"phase_{phase.lower()}_voltage", f"phase_{phase.lower()}_current") for phase in "ABC")
_SHOWN = (*_FIGURES, *_VECTORS, *(name for _, *names in _PHASES for name in names))


def inverter(context: Context, params: InverterParams) -> dict[str, Any]:
    """The newest values of one inverter; power of a tracker in W. Raises Invalid."""
    store = context.store
    standing = by_number(store.records, Kind.INVERTER)
    most = max(MOST_UNITS, sizes(context.config, store.records).inverter, *standing)
    if params.number > most:
        raise invalid([FieldError(("query", "number"), "less_than_equal", f"Input should be less than or equal to {most}", params.number)])
    (found,) = units(store.telemetry, standing, [params.number])
    volts, amps = (found.row(name, TRACKERS) for name in _VECTORS[:2])
    at = found.at(_SHOWN)
    return {
        "inverter_data": {name: found.said(name) for name in _FIGURES},
        "mppt_data": [
            {"mppt_id": n, "voltage": v, "current": a, "power": None if v is None or a is None else exact(v * a)}
            for n, (v, a) in enumerate(zip(volts, amps, strict=True), 1)
        ],
        "string_currents": [{"string_id": n, "current": a} for n, a in enumerate(found.row(_VECTORS[2], STRINGS), 1)],
        "phase_data": [{"phase": phase, "voltage": found.said(v), "current": found.said(a)} for phase, v, a in _PHASES],
        "timestamp": None if at is None else iso(at),
        "stale": found.is_stale(_SHOWN, context.clock()),
        "status": "success",
    }


_EXAMPLE = {
    "inverter_data": {
        "nominal_active_power": 500.0,
        "total_active_power": 425.5,
        "total_apparent_power": 432.1,
        "total_reactive_power": 45.2,
        "daily_power_yields": 2850.5,
        "total_power_yields": 125000.0,
        "internal_temperature": 45.2,
        "bus_voltage": 650.5,
        "dc_power": 430.2,
    },
    "mppt_data": [
        {"mppt_id": 1, "voltage": 580.5, "current": 12.5, "power": 7256.25},
        {"mppt_id": 2, "voltage": 575.2, "current": 12.3, "power": 7074.96},
    ],
    "string_currents": [{"string_id": 1, "current": 6.25}, {"string_id": 2, "current": 6.15}],
    "phase_data": [
        {"phase": "A", "voltage": 220.5, "current": 125.5},
        {"phase": "B", "voltage": 219.8, "current": 124.8},
        {"phase": "C", "voltage": 220.2, "current": 126.2},
    ],
    "timestamp": "2024-01-01T04:00:00Z",
    "stale": False,
    "status": "success",
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/inverter",
        tag=TAG,
        summary="An inverter: figures, MPPT, strings, phases",
        call=inverter,
        params=InverterParams,
        reply=InverterBody,
        example=_EXAMPLE,
        errors=(422,),
        description="Always 16 MPPT (their power is V·I in W), 32 strings and three phases; null for what was never said.",
    ),
)
