"""S1: the power meters, and what the auxiliary feeder took on a day."""

from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.routes.series import plain_list
from api.routes.solarhub.params import TAG, Day, exact
from plant.timeline import day_of, day_window, iso
from services import auxiliaries
from services.units import meters as meters_of
from services.units import newest, stale, units

POINTS = 1440
"""A day's chart has about one point a minute."""


class AuxParams(BaseModel):
    """Which day of the site (today when not given), and what of it."""

    time: Day | None = Field(None, description="day of the site, YYYY-MM-DD; today when not given")
    data_type: Literal["chart", "summary"] = "chart"


class MeterBody(TypedDict):
    meter_id: int
    phase_a_current: float | None
    phase_b_current: float | None
    phase_c_current: float | None
    phase_a_voltage: float | None
    phase_b_voltage: float | None
    phase_c_voltage: float | None
    active_power: float | None
    reactive_power: float | None
    apparent_power: float | None
    frequency: float | None
    power_factor: float | None


class MetersBody(TypedDict):
    """`timestamp` is that of the newest value shown, `stale` the ids of meters that have been silent for too long."""

    meters: list[MeterBody]
    meter_count: int
    total_power: float | None
    timestamp: str | None
    stale: list[int]
    status: str


class AuxChartBody(TypedDict):
    timestamps: list[int]
    power: list[float | None]


class AuxSummaryBody(TypedDict):
    total_energy: float | None
    avg_power: float | None
    max_power: float | None
    min_power: float | None
    coverage: float


class AuxBody(TypedDict):
    data: AuxChartBody | AuxSummaryBody
    data_type: Literal["chart", "summary"]
    status: str


_FIELDS = tuple(name for name in MeterBody.__annotations__ if name != "meter_id")


def meters(context: Context, params: None) -> dict[str, Any]:
    """The newest values of all meters but the auxiliary one."""
    store = context.store
    found = units(store.telemetry, meters_of(store.records)[0])
    rows = [{"meter_id": meter.number} | {name: meter.said(name) for name in _FIELDS} for meter in found]
    told = [value for meter in found if (value := meter.said("active_power")) is not None]
    at = newest(found, _FIELDS)
    return {
        "meters": rows,
        "meter_count": len(rows),
        "total_power": exact(sum(told)) if told else None,
        "timestamp": None if at is None else iso(at),
        "stale": stale(found, _FIELDS, context.clock()),
        "status": "success",
    }


def aux(context: Context, params: AuxParams) -> AuxBody:
    """The auxiliary feeder on one day of the site."""
    store = context.store
    window = day_window(params.time or day_of(context.clock(), store.zone), store.zone)
    data: AuxChartBody | AuxSummaryBody
    if params.data_type == "summary":
        found = auxiliaries.consumption(store, window)
        data = {
            "total_energy": exact(found.energy),
            "avg_power": exact(found.mean),
            "max_power": found.highest,
            "min_power": found.lowest,
            "coverage": round(found.coverage, 6),
        }
    else:
        at, power = auxiliaries.power(store, window, POINTS)
        data = {"timestamps": at, "power": plain_list(power)}
    return {"data": data, "data_type": params.data_type, "status": "success"}


_METER = {
    "meter_id": 1,
    "phase_a_current": 125.5,
    "phase_b_current": 124.8,
    "phase_c_current": 126.2,
    "phase_a_voltage": 220.1,
    "phase_b_voltage": 219.8,
    "phase_c_voltage": 220.5,
    "active_power": 82.5,
    "reactive_power": 12.3,
    "apparent_power": 83.4,
    "frequency": 60.01,
    "power_factor": 0.98,
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/meters",
        tag=TAG,
        summary="All meters",
        call=meters,
        reply=MetersBody,
        example={
            "meters": [_METER],
            "meter_count": 1,
            "total_power": 82.5,
            "timestamp": "2024-01-01T04:00:00Z",
            "stale": [],
            "status": "success",
        },
        description="The newest values of each meter, export positive; `total_power` is their sum. The auxiliary meter has its own call.",
    ),
    Operation(
        method="GET",
        path="/api/v1/meters/aux",
        tag=TAG,
        summary="The auxiliary feeder on one day",
        call=aux,
        params=AuxParams,
        reply=AuxBody,
        example={
            "data": {"total_energy": 1250.5, "avg_power": 52.1, "max_power": 98.5, "min_power": 12.3, "coverage": 1.0},
            "data_type": "summary",
            "status": "success",
        },
        errors=(422,),
        description="`chart`: `timestamps` [epoch ms] and mean `power` [kW] of about a minute each, gaps null. `summary`: energy [kWh] "
        "from the readings, gaps not bridged (`coverage` tells the observed share of the day), mean over the observed time, highest and "
        "lowest reading. Consumption is positive, whichever way the meter counts.",
    ),
)
