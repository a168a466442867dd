"""What comes next: forecasts with their intervals and the errors they had, as the study of forecasts keeps them."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from plant.timeline import iso
from services import forecasts

Target = Literal["load", "pv", "soc", "price", "income", "home", "life"]


class ForecastsParams(BaseModel):
    """Which forecasts: of this target, of this device; all when not given."""

    target: Target | None = None
    device: str | None = Field(None, max_length=128)


class PointBody(TypedDict):
    """A step that begins at `at`: what is forecast, between `low` and `high`, and what the baseline says."""

    at: str
    value: float | None
    low: float | None
    high: float | None
    baseline: float | None


class SumBody(TypedDict):
    value: float | None
    low: float | None
    high: float | None
    unit: str


class ErrorBody(TypedDict):
    """Mean absolute errors over `origins` rolling origins: of the method, the baseline and the seasonal naive; `by_step` ahead; of all
    `methods`; `used_mae` that of the method that was best in the folds before, `used_seasonal_mae` of the seasonal naive at the same
    moments, `skill` the share of it that was saved, `signal` whether that is 10 % by more than a baseline, `coverage` the share of what
    came that lay within the interval."""

    mae: float | None
    baseline_mae: float | None
    seasonal_mae: float | None
    by_step: list[float | None]
    baseline_by_step: list[float | None]
    methods: dict[str, float | None]
    used_mae: float | None
    used_seasonal_mae: float | None
    skill: float | None
    signal: bool | None
    coverage: float | None
    origins: int


_Span = TypedDict("_Span", {"from": str, "to": str})


class TrainedBody(_Span):
    count: int


class LifeBody(TypedDict):
    """Years left between `low` and `high` (null: no upper bound), the `rate` a year, the `days` it was seen over, or why not."""

    years: float | None
    low: float | None
    high: float | None
    rate: float | None
    days: int
    reason: str


class ForecastBody(TypedDict, total=False):
    target: str
    device: str
    made: str
    simulated: bool
    level: float
    reason: str
    metric: str
    unit: str
    method: str
    baseline: str
    points: list[PointBody]
    total: SumBody | None
    error: ErrorBody
    trained: TrainedBody
    by_health: LifeBody
    by_cycles: LifeBody


class ForecastsBody(TypedDict):
    forecasts: list[ForecastBody]


def listed(context: Context, params: ForecastsParams) -> ForecastsBody:
    """In the order of the targets."""
    kept = forecasts.told(context.store, params.target)
    found = [entry for entry in kept if params.device in (None, entry.body["device"])]
    return {"forecasts": [_forecast(entry.body, entry.at) for entry in found]}


def _forecast(body: Mapping[str, Any], at: int) -> ForecastBody:
    told: ForecastBody = {
        "target": body["target"],
        "device": body["device"],
        "made": iso(at),
        "simulated": body["simulated"],
        "level": body["level"],
    }
    if body["target"] == "life":
        return {**told, "by_health": body["by_health"], "by_cycles": body["by_cycles"]}
    told |= {"metric": body["metric"], "unit": body["unit"], "reason": body["reason"]}
    if body["reason"]:
        return told
    rows = zip(body["value"], body["low"], body["high"], body["baseline_value"], strict=True)
    error = {name: body["error"][name] for name in ErrorBody.__annotations__}
    return {
        **told,
        "method": body["method"],
        "baseline": body["baseline"],
        "points": [
            {"at": iso(body["start"] + k * body["step"]), "value": value, "low": low, "high": high, "baseline": baseline}
            for k, (value, low, high, baseline) in enumerate(rows)
        ],
        "total": body["total"],
        "error": error,  # type: ignore[typeddict-item]
        "trained": {"from": iso(body["trained"]["from"]), "to": iso(body["trained"]["to"]), "count": body["trained"]["count"]},
    }


_EXAMPLE: ForecastBody = {
    "target": "pv",
    "device": "",
    "made": "2026-01-24T08:00:04Z",
    "simulated": False,
    "level": 0.9,
    "reason": "",
    "metric": "pv_power",
    "unit": "kW",
    "method": "boosting",
    "baseline": "season",
    "points": [{"at": "2026-01-24T08:00:00Z", "value": 412.5, "low": 310.0, "high": 508.2, "baseline": 391.7}],
    "total": {"value": 2841.0, "low": 2212.0, "high": 3304.0, "unit": "kWh"},
    "error": {
        "mae": 38.5,
        "baseline_mae": 45.9,
        "seasonal_mae": 45.9,
        "by_step": [21.4],
        "baseline_by_step": [44.0],
        "methods": {"season": 45.9, "boosting": 38.5},
        "used_mae": 38.7,
        "used_seasonal_mae": 45.2,
        "skill": 0.144,
        "signal": True,
        "coverage": 0.89,
        "origins": 73,
    },
    "trained": {"from": "2025-11-25T08:00:00Z", "to": "2026-01-24T08:00:00Z", "count": 1440},
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/forecasts",
        tag="forecasts",
        summary="What comes next, with intervals and errors",
        call=listed,
        params=ForecastsParams,
        reply=ForecastsBody,
        example={"forecasts": [_EXAMPLE]},
        errors=(422,),
        description="Load of the auxiliaries, sun, charge, award price and income of the next 24 hours, load of homes of the next 7 days, "
        "remaining life of batteries; renewed hourly in the job process. `reason` says why there is no forecast. Errors are mean absolute "
        "errors over rolling origins, in `unit`; `baseline` is the best of the plain methods and always computed beside.",
    ),
)
