"""S2: a site's power over its batteries. Powers are watts, discharge positive; one demand comes in kilowatts, as the document has it."""

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from api.contract import Answer, Context, Operation
from plant.analysis.allocation import RAMP_S, Allocation, Unit
from plant.analysis.chemistry import CHEMISTRIES
from plant.timeline import iso
from services.access import Identity
from services.allocations import HIGH_SOC, LOW_SOC, Demand, current_allocation, set_allocation, split
from services.fleet import rounded

Priority = Literal["low", "normal", "high", "critical"]
Watts = Annotated[float, Field(ge=0, le=1e12)]
Percent = Annotated[float, Field(ge=0, le=100)]
Celsius = Annotated[float, Field(ge=-60, le=150)]
Minutes = Annotated[float, Field(ge=0.01, le=10_080)]
Seconds = Annotated[float, Field(ge=0, le=86_400, description="within which the powers are to be reached")]


class AllocationParams(BaseModel):
    """Which site."""

    site_id: str = Field(examples=["site_001"])


class _CoordinatorInput(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class DemandRequest(_CoordinatorInput):
    """What is asked of the site."""

    total_power_target: float = Field(ge=-1e12, le=1e12, description="W, discharge positive")
    duration_minutes: Minutes = 60
    ramp_seconds: Seconds = RAMP_S
    flexibility: float = Field(0, ge=0, le=1, description="how much less than the target still counts as done, as a fraction")
    priority: Priority = "normal"


class AllocationRequest(_CoordinatorInput):
    """A demand, as in the Power Allocation message."""

    demand: DemandRequest


class CoordinatedUnit(_CoordinatorInput):
    """A battery: charge and health in %, power in W, energy in Wh."""

    device_id: str = Field(min_length=1, max_length=128)
    soc: Percent
    soh: float = Field(100, ge=1, le=100)
    power_capability: Watts
    energy_capacity: float = Field(ge=1, le=1e12)
    max_charge_power: Watts | None = None
    max_discharge_power: Watts | None = None
    voltage: float | None = Field(None, ge=0, le=100_000)
    max_current: float | None = Field(None, ge=0, le=1e6, description="A; with `voltage` it limits the power")
    temperature: Celsius | None = None
    max_temperature: Celsius | None = None
    min_temperature: Celsius | None = Field(None, description="no charging at or below it")
    min_soc: Percent = LOW_SOC
    max_soc: Percent = HIGH_SOC
    chemistry: Literal["LFP", "NMC", "LCO", "NCA"] = "LFP"
    min_power: Watts = Field(0, description="it does not run below this, except not at all")
    standby_power: Watts = Field(0, description="lost whenever it runs")
    current_power: float | None = Field(None, ge=-1e12, le=1e12, description="W that flow now, discharge positive")
    ramp_rate: Watts | None = Field(None, description="W/s; with `current_power` it limits the change")


class DemandNow(_CoordinatorInput):
    """Power the batteries are to give now, in kW; negative: to take."""

    current_demand_kw: float = Field(ge=-1e9, le=1e9)
    duration_minutes: Minutes = 60
    ramp_seconds: Seconds = RAMP_S
    flexibility: float = Field(0, ge=0, le=1)


class CoordinationRequest(_CoordinatorInput):
    """Batteries and a demand; `market_data` is taken but prices play no part in it: they have `/api/v1/plan`."""

    devices: list[CoordinatedUnit] = Field(min_length=1, max_length=2000)
    power_demand: DemandNow
    market_data: dict[str, Any] | None = None

    @field_validator("devices")
    @classmethod
    def names_each_once(cls, devices: list[CoordinatedUnit]) -> list[CoordinatedUnit]:
        twice = [name for name, times in Counter(device.device_id for device in devices).items() if times > 1]
        if twice:
            raise PydanticCustomError("device_twice", "device '{device_id}' is named twice", {"device_id": twice[0]})
        return devices


class AllocatedDeviceBody(TypedDict):
    device_id: str
    allocated_power: float
    max_power: float
    confidence: float | None
    constraints_active: list[str]
    expected_soc: float | None


class AllocationDemandBody(TypedDict):
    total_power_target: float
    duration_minutes: float
    flexibility: float
    priority: Priority


class AllocationFiguresBody(TypedDict):
    optimization_method: str
    total_allocated: float
    feasible: bool
    binding_constraints: list[str]
    explanation: str | None
    efficiency_score: float | None
    devices: list[AllocatedDeviceBody]


class AllocationForecastsBody(TypedDict):
    degradation_impact: dict[str, float | None]
    efficiency_prediction: float | None
    completion_probability: float | None


class AllocationBody(TypedDict):
    """S2's Power Allocation message."""

    schema_version: str
    timestamp: str
    allocation_id: str
    site_id: str
    demand: AllocationDemandBody
    allocation: AllocationFiguresBody
    forecasts: AllocationForecastsBody


class CoordinationBody(TypedDict):
    status: Literal["success"]
    timestamp: str
    optimization_method: str
    total_demand_kw: float
    total_allocated_kw: float
    total_allocated: float
    unserved_kw: float
    feasible: bool
    binding_constraints: list[str]
    explanation: str | None
    efficiency_score: float | None
    allocations: list[AllocatedDeviceBody]
    forecasts: AllocationForecastsBody


def set_one(context: Context, params: AllocationParams, body: AllocationRequest, who: Identity) -> Answer:
    """Allocate, keep, tell the site's coordinator. Raises NotFound for an unknown site."""
    asked = body.demand
    demand = Demand(asked.total_power_target, asked.duration_minutes, asked.flexibility, asked.priority, asked.ramp_seconds)
    return Answer(set_allocation(context.store, params.site_id, demand, context.clock(), who.username, (context.config.site_id,)))


def current(context: Context, params: AllocationParams) -> Answer:
    """The allocation in force. Raises NotFound."""
    return Answer(current_allocation(context.store, params.site_id, context.clock(), (context.config.site_id,)))


def coordinate(context: Context, params: None, body: CoordinationRequest) -> CoordinationBody:
    """A split of the demand over the batteries of the request; nothing is kept or sent."""
    asked = body.power_demand
    target = float(f"{1000.0 * asked.current_demand_kw:.12g}")
    demand = Demand(target, asked.duration_minutes, asked.flexibility, ramp_s=asked.ramp_seconds)
    found = split([_unit(one) for one in body.devices], demand)
    return {
        "status": "success",
        "timestamp": iso(context.clock()),
        "optimization_method": found.method,
        "total_demand_kw": asked.current_demand_kw,
        "total_allocated_kw": _figure(found.total / 1000.0),
        "total_allocated": _figure(found.total),
        "unserved_kw": _figure((target - found.total) / 1000.0),
        "feasible": found.feasible,
        "binding_constraints": list(found.binding),
        "explanation": found.explanation or None,
        "efficiency_score": rounded(found.score),
        "allocations": _shares(found),
        "forecasts": {
            "degradation_impact": {share.device_id: rounded(share.wear) for share in found.shares},
            "efficiency_prediction": rounded(found.efficiency),
            "completion_probability": rounded(found.completion),
        },
    }


def _figure(value: float) -> float:
    return rounded(value) or 0.0


def _shares(found: Allocation) -> list[AllocatedDeviceBody]:
    return [
        {
            "device_id": share.device_id,
            "allocated_power": _figure(share.power),
            "max_power": _figure(share.most),
            "confidence": rounded(share.confidence),
            "constraints_active": list(share.constraints),
            "expected_soc": rounded(share.expected_soc),
        }
        for share in found.shares
    ]


def _unit(one: CoordinatedUnit) -> Unit:
    def most(said: float | None) -> float:
        return one.power_capability if said is None else min(said, one.power_capability)

    return Unit(
        one.device_id,
        one.soc,
        one.energy_capacity,
        most(one.max_discharge_power),
        most(one.max_charge_power),
        one.soh,
        one.min_soc,
        one.max_soc,
        CHEMISTRIES[one.chemistry],
        temperature=one.temperature,
        hot=one.max_temperature,
        cold=one.min_temperature,
        voltage=one.voltage,
        discharge_amps=one.max_current,
        charge_amps=one.max_current,
        least=one.min_power,
        standby=one.standby_power,
        now=one.current_power,
        ramp=one.ramp_rate,
    )


ALLOCATION_EXAMPLE = {
    "schema_version": "1.0",
    "timestamp": "2024-01-15T14:30:00Z",
    "allocation_id": "alloc_98765",
    "site_id": "site_001",
    "demand": {"total_power_target": -50000.0, "duration_minutes": 60.0, "flexibility": 0.1, "priority": "high"},
    "allocation": {
        "optimization_method": "RL",
        "total_allocated": -48750.0,
        "feasible": False,
        "binding_constraints": ["max_current"],
        "explanation": "1.25 kW of the 50 kW asked for cannot be had. Batteries: 1 at their largest current.",
        "efficiency_score": 0.94,
        "devices": [
            {
                "device_id": "battery_pack_001",
                "allocated_power": -10000.0,
                "max_power": -10000.0,
                "confidence": 0.96,
                "constraints_active": ["max_current"],
                "expected_soc": 90.0,
            },
            {
                "device_id": "battery_pack_002",
                "allocated_power": -12000.0,
                "max_power": -12500.0,
                "confidence": 0.91,
                "constraints_active": [],
                "expected_soc": 88.0,
            },
        ],
    },
    "forecasts": {
        "degradation_impact": {"battery_pack_001": 0.001, "battery_pack_002": 0.0008},
        "efficiency_prediction": 0.93,
        "completion_probability": 0.97,
    },
}
COORDINATION_EXAMPLE = {
    "devices": [
        {"device_id": "battery_pack_001", "soc": 60.0, "soh": 85.0, "power_capability": 5000, "energy_capacity": 50000},
        {"device_id": "battery_pack_002", "soc": 45.0, "soh": 92.0, "power_capability": 7500, "energy_capacity": 75000},
    ],
    "power_demand": {"current_demand_kw": 6.0},
    "market_data": {"electricity_price": 0.15},
}
_FIGURES = (
    "The split has the least sum of resistive losses (κ·P²/E), wear (by throughput) and standby losses that power, current, charge, "
    "temperature and ramp limits allow; a target out of reach gets the nearest that is in reach, with the `binding_constraints` and an "
    "`explanation`. `optimization_method` is what ran: `water_filling`, exact where all batteries may run at any power; `milp` where "
    "standby losses or least powers make it a choice which of them run (without a solver, `water_filling` of a rule's choice). "
    "`confidence` is Φ((energy within the charge limits − allocated energy) / (3 % of capacity)), "
    "`completion_probability` the same for all batteries together against the target less its flexibility, 0 when less is allocated. "
    "`efficiency_score` is the least possible resistive loss of this total over the loss of this split, `efficiency_prediction` the "
    "one-way efficiency of the batteries, `degradation_impact` the state of health this costs, in % points. Null: nothing is allocated."
)


def _coordinate(path: str) -> Operation:
    return Operation(
        method="POST",
        path=path,
        tag="coordinator",
        summary="Split a demand over the batteries of the request",
        call=coordinate,
        body=CoordinationRequest,
        body_example=COORDINATION_EXAMPLE,
        reply=CoordinationBody,
        errors=(400, 413, 415, 422),
        access="simulate",
        description="Nothing is kept, and no device is told. " + _FIGURES,
    )


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/fleet/{site_id}/allocation",
        tag="coordinator",
        summary="Allocate a power target to the batteries of a site",
        call=set_one,
        params=AllocationParams,
        body=AllocationRequest,
        body_example={"demand": ALLOCATION_EXAMPLE["demand"]},
        reply=AllocationBody,
        example=ALLOCATION_EXAMPLE,
        errors=(400, 404, 413, 415, 422),
        access="command",
        asks_who=True,
        description="The allocation is in force for `duration_minutes`, or until the next one; it goes to the site's coordinator "
        "(`coordinator/allocation` by MQTT). Devices get no command from it. Batteries that are silent, in maintenance or in error are not "
        "used. " + _FIGURES,
    ),
    Operation(
        method="GET",
        path="/api/v1/fleet/{site_id}/allocation/current",
        tag="coordinator",
        summary="The allocation in force at a site",
        call=current,
        params=AllocationParams,
        reply=AllocationBody,
        example=ALLOCATION_EXAMPLE,
        errors=(404, 422),
        description="404 when none is in force. " + _FIGURES,
    ),
    _coordinate("/api/v1/coordinate"),
    _coordinate("/coordinate"),
)
