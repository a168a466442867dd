"""S2: what-if runs of a battery, a profile of powers through its twin. Powers are watts, discharge positive."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.routes.pulsebms.twin import MODEL, SOURCES, Chemistry, values_of
from plant.analysis.simulate import LONGEST_HOURS, MOST_STEPS, rounded
from services.simulations import Simulated, WhatIf, simulate

Power = Annotated[float, Field(ge=-1e10, le=1e10)]
Hours = Annotated[float, Field(ge=0, le=LONGEST_HOURS)]
Percent = Annotated[float, Field(ge=0, le=100)]
Celsius = Annotated[float, Field(ge=-60, le=150)]


class _SimulationInput(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class SimulationParameters(_SimulationInput):
    """What is put in place of the device's own parameters and limits; other names are not used and come back in `ignored_parameters`."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")

    capacity_ah: float | None = Field(None, ge=0.001, le=1e6, description="as new")
    nominal_capacity: float | None = Field(None, ge=0.001, le=1e6, description="another name of capacity_ah")
    capacity_kwh: float | None = Field(None, ge=1e-6, le=1e7)
    nominal_voltage: float | None = Field(None, ge=1, le=100_000)
    series_cells: int | None = Field(None, ge=1, le=100_000)
    r0_ohm: float | None = Field(None, ge=1e-6, le=1000, description="at 25 °C")
    r1_ohm: float | None = Field(None, ge=0, le=1000, description="at 25 °C")
    tau_s: float | None = Field(None, ge=0.001, le=1e6)
    heat_capacity_j_k: float | None = Field(None, ge=1, le=1e12)
    cooling_s: float | None = Field(None, ge=1, le=1e8, description="time constant of cooling")
    surroundings_c: Celsius | None = None
    min_cell_voltage: float | None = Field(None, ge=0, le=10)
    max_cell_voltage: float | None = Field(None, ge=0, le=10)
    max_charge_current: float | None = Field(None, ge=0, le=1e6)
    max_discharge_current: float | None = Field(None, ge=0, le=1e6)
    max_charge_power: float | None = Field(None, ge=0, le=1e10, description="W")
    max_discharge_power: float | None = Field(None, ge=0, le=1e10, description="W")
    min_soc: Percent | None = None
    max_soc: Percent | None = None
    max_temperature: Celsius | None = None
    min_temperature: Celsius | None = Field(None, description="charging stops there")


class SimulationRequest(_SimulationInput):
    """A profile of powers for a battery. What a registered device tells itself may be left out."""

    device_id: str = Field(min_length=1, max_length=128)
    chemistry: Chemistry | None = None
    current_soc: Percent | None = None
    current_soh: float | None = Field(None, ge=1, le=100)
    temperature: Celsius | None = None
    power_profile: list[Power] = Field(min_length=1, max_length=MOST_STEPS, description="W, discharge positive")
    time_steps: list[Hours] = Field(
        min_length=1, max_length=MOST_STEPS, description="hours since the start: the end of each step; a first one of 0 is an instant"
    )
    model_parameters: SimulationParameters = Field(default_factory=lambda: SimulationParameters.model_validate({}))


class LimitReachedBody(TypedDict):
    step: int
    limit: str
    requested_power: float
    delivered_power: float


class SimulatedParameterBody(TypedDict):
    value: float
    source: str


class SimulationBody(TypedDict):
    device_id: str
    chemistry: Chemistry
    model: str
    time_steps: list[float]
    voltage_profile: list[float]
    current_profile: list[float]
    soc_profile: list[float]
    temperature_profile: list[float]
    power_profile: list[float]
    limits_reached: list[LimitReachedBody]
    energy_lost_wh: float
    parameters: dict[str, SimulatedParameterBody]
    ignored_parameters: list[str]


def simulation(context: Context, params: None, body: SimulationRequest) -> SimulationBody:
    """What the battery will do. Raises Invalid."""
    made = simulate(context.store, _what_if(body), context.clock())
    kind: Any = made.circuit.chemistry.name
    values = values_of(made.circuit) | {
        "soc": made.start.soc,
        "soh": made.start.soh,
        "temperature": made.start.temperature,
        "surroundings_c": made.start.surroundings,
    }
    return {
        "device_id": body.device_id,
        "chemistry": kind,
        "model": MODEL,
        "time_steps": body.time_steps,
        "voltage_profile": rounded(made.run.voltage),
        "current_profile": rounded(made.run.current),
        "soc_profile": rounded(made.run.soc),
        "temperature_profile": rounded(made.run.temperature),
        "power_profile": rounded(made.run.power),
        "limits_reached": _reached(made),
        "energy_lost_wh": rounded([made.run.lost])[0],
        "parameters": {
            name: {"value": rounded([values[name]], 6)[0], "source": source} for name, source in made.sources.items() if name in values
        },
        "ignored_parameters": sorted(str(name)[:200] for name in body.model_parameters.model_extra or {})[:100],
    }


def _reached(made: Simulated) -> list[LimitReachedBody]:
    return [
        {
            "step": one.step,
            "limit": one.limit,
            "requested_power": one.asked,
            "delivered_power": rounded([one.given])[0],
        }
        for one in made.run.reached
    ]


_CIRCUIT = {
    "series_cells": "cells",
    "nominal_capacity": "capacity",
    "capacity_ah": "capacity",
    "r0_ohm": "r0",
    "r1_ohm": "r1",
    "tau_s": "tau",
    "heat_capacity_j_k": "heat_capacity",
    "cooling_s": "cooling",
}
_LIMITS = {
    "min_cell_voltage": "low_voltage",
    "max_cell_voltage": "high_voltage",
    "max_charge_current": "charge_current",
    "max_discharge_current": "discharge_current",
    "max_charge_power": "charge_power",
    "max_discharge_power": "discharge_power",
    "min_soc": "low_soc",
    "max_soc": "high_soc",
    "max_temperature": "hot",
    "min_temperature": "cold",
}


def _what_if(body: SimulationRequest) -> WhatIf:
    own = body.model_parameters.model_dump(exclude_none=True)
    return WhatIf(
        body.device_id,
        body.power_profile,
        body.time_steps,
        body.chemistry,
        body.current_soc,
        body.current_soh,
        body.temperature,
        own.get("capacity_kwh"),
        own.get("nominal_voltage"),
        own.get("surroundings_c"),
        {field: float(own[name]) for name, field in _CIRCUIT.items() if name in own},
        {field: float(own[name]) for name, field in _LIMITS.items() if name in own},
    )


SIMULATION_EXAMPLE = {
    "device_id": "battery_pack_001",
    "chemistry": "LFP",
    "current_soc": 67.5,
    "current_soh": 87.2,
    "temperature": 23.7,
    "power_profile": [1000, 2000, 1500, 0, -1000],
    "time_steps": [0.25, 0.5, 0.75, 1.0, 1.25],
    "model_parameters": {},
}


def _simulate(path: str) -> Operation:
    return Operation(
        method="POST",
        path=path,
        tag="twin",
        summary="What a battery will do when asked for a profile of powers",
        call=simulation,
        body=SimulationRequest,
        body_example=SIMULATION_EXAMPLE,
        reply=SimulationBody,
        errors=(400, 413, 415, 422),
        access="simulate",
        description="One value per step, at its end; `power_profile` is the mean power that flowed in the step. Where a limit (cell "
        "voltage, current, power, charge, temperature) allows less than was asked, the step stands in `limits_reached`. A device that is "
        "not registered is what the request says; where that is silent, 50 Ah at 400 V, marked `assumed`. " + SOURCES,
    )


OPERATIONS = (_simulate("/api/v1/simulate"), _simulate("/simulate"))
