"""S2: a battery's digital twin. Power is watts, discharge positive."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from plant.analysis.ageing import REASONS
from plant.analysis.circuit import Circuit
from plant.analysis.simulate import rounded
from plant.analysis.twin import Judged
from plant.analysis.twin_health import REASONS as INDICATOR_REASONS
from plant.timeline import iso
from services.fleet_devices import chemistry, number
from services.pack_metrics import measured
from services.twin_study import kept_twin
from services.twins import DeviceTwin, device_twin

MODEL = "first-order equivalent circuit (OCV, R0, one RC pair) with one thermal mass"
Chemistry = Literal["LFP", "NMC", "LCO", "NCA"]


class TwinParams(BaseModel):
    """Which battery, and how much of its history."""

    device_id: str = Field(examples=["battery_pack_001"])
    hours: float | None = Field(None, gt=0, le=168, allow_inf_nan=False, description="history to use; by default 7200 of its intervals")


class TwinParameterBody(TypedDict):
    value: float
    source: str
    standard_error: float | None


class TwinStateBody(TypedDict):
    soc: float | None
    soh: float | None
    voltage: float | None
    current: float | None
    power: float | None
    temperature: float | None
    open_circuit_voltage: float | None
    capacity_ah: float | None
    soh_by_capacity: float | None


class TwinFiguresBody(TypedDict):
    voltage: float | None
    temperature: float | None
    soc: float | None


class TwinWindowBody(TypedDict):
    start_time: str
    end_time: str
    readings: int
    judged_from: str | None


class TwinEstimateBody(TypedDict):
    timestamp: str
    soc: float
    soc_standard_deviation: float
    soc_reported: float | None
    slow_voltage: float
    ocv_offset: float
    temperature: float | None
    innovation: float | None
    innovation_memory: float | None


class TwinIndicatorBody(TypedDict):
    name: str
    value: float | None
    unit: str
    state: str
    watch: float
    bad: float
    trend: float | None
    trend_uncertainty: float | None
    reason: str


class TwinLifeBody(TypedDict):
    years: float | None
    low: float
    high: float | None
    soh: float
    soh_source: str
    calendar_loss: float
    cycle_loss: float
    scale: float
    scaled_by_history: bool
    model: str


class TwinBody(TypedDict):
    device_id: str
    timestamp: str | None
    chemistry: Chemistry | None
    model: str
    state: TwinStateBody
    predicted: TwinFiguresBody
    measured: TwinFiguresBody
    residual: TwinFiguresBody
    rmse: TwinFiguresBody
    bias: TwinFiguresBody
    parameters: dict[str, TwinParameterBody]
    window: TwinWindowBody
    reason: str
    examined: str | None
    estimate: TwinEstimateBody | None
    health: list[TwinIndicatorBody]
    remaining_life: TwinLifeBody | None
    remaining_life_reason: str


def twin(context: Context, params: TwinParams) -> TwinBody:
    """State, prediction, measurement and residual of a battery. Raises DeviceNotFound, Invalid for what is none."""
    made = device_twin(context.store, params.device_id, context.clock(), params.hours)
    found, kept = made.twin, kept_twin(context.store.records, made.device)
    said: Mapping[str, Any] = {} if kept is None else kept.body
    judged: dict[str, Judged | None] = {"voltage": found.voltage, "temperature": found.temperature, "soc": found.soc}
    kind: Any = chemistry(made.device)
    return {
        "device_id": params.device_id,
        "timestamp": None if made.newest is None else iso(made.newest.at),
        "chemistry": kind,
        "model": MODEL,
        "state": _state(made),
        "predicted": _figures(judged, "predicted"),
        "measured": _figures(judged, "measured"),
        "residual": _figures(judged, "residual"),
        "rmse": _figures(judged, "rmse"),
        "bias": _figures(judged, "bias"),
        "parameters": _parameters(made),
        "window": {
            "start_time": iso(made.window.start),
            "end_time": iso(made.window.end),
            "readings": int(made.history.at.size),
            "judged_from": None if found.judged_from is None else iso(found.judged_from),
        },
        "reason": found.reason,
        "examined": None if kept is None else iso(kept.at),
        "estimate": _estimate(said.get("filter")),
        "health": [_indicator(one) for one in said.get("health", [])],
        "remaining_life": _life(said.get("life")),
        "remaining_life_reason": "it has not been examined yet" if kept is None else REASONS[said["no_life"]],
    }


def _estimate(kept: Mapping[str, Any] | None) -> TwinEstimateBody | None:
    if kept is None:
        return None
    return {
        "timestamp": iso(kept["at"]),
        "soc": kept["soc"],
        "soc_standard_deviation": kept["soc_sd"],
        "soc_reported": kept["soc_reported"],
        "slow_voltage": kept["slow_voltage"],
        "ocv_offset": kept["ocv_offset"],
        "temperature": kept["temperature"],
        "innovation": kept["nis"],
        "innovation_memory": kept["memory"],
    }


def _indicator(kept: Mapping[str, Any]) -> TwinIndicatorBody:
    return {
        "name": kept["name"],
        "value": kept["value"],
        "unit": kept["unit"],
        "state": kept["state"],
        "watch": kept["watch"],
        "bad": kept["bad"],
        "trend": kept["trend"],
        "trend_uncertainty": kept["sure"],
        "reason": INDICATOR_REASONS[kept["why"]],
    }


def _life(kept: Mapping[str, Any] | None) -> TwinLifeBody | None:
    if kept is None:
        return None
    return {
        "years": kept["left"],
        "low": kept["low"],
        "high": kept["high"],
        "soh": kept["soh"],
        "soh_source": kept["soh_source"],
        "calendar_loss": kept["calendar"],
        "cycle_loss": kept["cycles"],
        "scale": kept["scale"],
        "scaled_by_history": kept["is_own"],
        "model": kept["model"],
    }


def _state(made: DeviceTwin) -> TwinStateBody:
    told, found = measured(made.device.kind), made.twin
    said: dict[str, float | None] = {
        name: None if (value := number(made.newest, one.metric)) is None else one.shown(value) for name, one in told.items()
    }
    soc, rated = said.get("soc"), made.device.rating.get("capacity_ah")
    return {
        "soc": soc,
        "soh": said.get("soh"),
        "voltage": said.get("voltage"),
        "current": said.get("current"),
        "power": said.get("power"),
        "temperature": said.get("temperature"),
        "open_circuit_voltage": None if found.circuit is None or soc is None else _round(float(found.circuit.open_circuit(soc))),
        "capacity_ah": _round(found.capacity),
        "soh_by_capacity": _round(100.0 * found.capacity / rated) if found.capacity is not None and rated else None,
    }


def _figures(judged: dict[str, Judged | None], name: str) -> TwinFiguresBody:
    shown = {what: None if one is None else _round(getattr(one, name)) for what, one in judged.items()}
    return {"voltage": shown["voltage"], "temperature": shown["temperature"], "soc": shown["soc"]}


def _round(value: float | None) -> float | None:
    """Figures of a model are worth six digits."""
    return None if value is None else rounded([value], 6)[0]


def values_of(circuit: Circuit) -> dict[str, float]:
    """Parameters of a circuit under the names of answers."""
    return {
        "series_cells": float(circuit.cells),
        "capacity_ah": circuit.capacity,
        "r0_ohm": circuit.r0,
        "r1_ohm": circuit.r1,
        "tau_s": circuit.tau,
        "heat_capacity_j_k": circuit.heat_capacity,
        "cooling_s": circuit.cooling,
    }


def _parameters(made: DeviceTwin) -> dict[str, TwinParameterBody]:
    circuit, found = made.twin.circuit, made.twin.found
    if circuit is None:
        return {}
    values = values_of(circuit) | ({} if made.twin.surroundings is None else {"surroundings_c": made.twin.surroundings})
    return {
        name: {"value": rounded([values[name]], 6)[0], "source": one.source, "standard_error": _round(one.error)}
        for name, one in found.items()
        if name in values
    }


SOURCES = (
    "Every parameter says its source: `history` (found in the device's own readings), `nameplate`, `chemistry` (literature, data sheets), "
    "`estimated`, `reading`, `request` or `assumed`."
)


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/twin/{device_id}",
        tag="twin",
        summary="A battery's digital twin: state, predicted and measured voltage and temperature, residuals",
        call=twin,
        params=TwinParams,
        reply=TwinBody,
        errors=(400, 404, 422),
        description="The circuit's parameters are found by least squares on the first three quarters of the newest unbroken stretch of "
        "history; prediction, residual (measured less predicted), its root mean square and mean are those of the last quarter. "
        "`reason` says what could not be found, and why. `estimate` (an extended Kalman filter; `innovation` is the mean of ν²/S, 1 when "
        "it holds), `health` (against `watch` and `bad`, with the trend in 30 days and half its 95 % interval) and `remaining_life` "
        "(years to 80 % of the capacity, losses in % over the coming year) were worked out at `examined`. " + SOURCES,
    ),
)
