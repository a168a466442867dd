"""S3: messages of battery monitors and predictors in; the newest, their history and the dashboard's answer out."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from api.contract import ADDRESSABLE, INSTANT_SCHEMA, Answer, Context, Operation
from datastore.vetting import id_fault
from plant.errors import Forbidden, NotFound
from plant.model import HOUR
from plant.timeline import parse
from services import battery_messages
from services.access import Identity
from services.battery_messages import DATA, PERFORMANCE, PREDICTION, Form

LARGEST = 1e18
"""No quantity of a battery comes near; stores keep numbers up to 2^63."""


def _stamp(value: Any) -> Any:
    """As it came, if it can be read; nothing (null, 0, empty) means now."""
    if value is None or value is False or value == "":
        return None
    try:
        parse(value)
    except ValueError as error:
        raise PydanticCustomError("timestamp", "{reason}", {"reason": str(error)}) from None
    return value


def _number(value: Any) -> Any:
    """As it came: what was sent whole stays whole."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PydanticCustomError("float_type", "Input should be a valid number")
    if not -LARGEST <= value <= LARGEST:  # also refuses NaN and the infinities
        raise PydanticCustomError("finite_number", "Input should be a finite number within ±1e18")
    return value


def _source(value: Any) -> Any:
    if value is None or value == "":
        return None
    fault = id_fault(value) or (None if ADDRESSABLE.match(value) else "a source has none of / \\ ? # % , and is not . or ..")
    if fault:
        raise PydanticCustomError("source", "{reason}", {"reason": fault})
    return value


Stamp = Annotated[
    Any,
    BeforeValidator(_stamp),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": -62_135_596_800, "maximum": 253_402_300_799_999},
                INSTANT_SCHEMA,
                {"enum": [None, False, ""]},
            ],
            "description": "epoch seconds or ISO 8601; left out, null, 0, false or empty: the time of receipt",
        }
    ),
]
Source = Annotated[
    Any,
    BeforeValidator(_source),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$"}, {"enum": [None, ""]}],
            "description": "the device the message is about",
        }
    ),
]
Number = Annotated[Any, BeforeValidator(_number), WithJsonSchema({"type": "number", "minimum": -LARGEST, "maximum": LARGEST})]


class BatteryData(BaseModel):
    """What a battery monitor measures. Other fields are kept as they are."""

    model_config = ConfigDict(extra="allow")

    timestamp: Stamp = None
    pack_voltage: Number = Field(description="V")
    pack_current: Number = Field(description="A, in the device's own sign")
    cell_temp: Number = Field(description="°C")
    source: Source = Field(None, description=f"'{DATA.source}' when left out")


class BatteryPerformance(BaseModel):
    """How a battery does. Other fields are kept as they are."""

    model_config = ConfigDict(extra="allow")

    timestamp: Stamp = None
    pack_voltage: Number = Field(description="V")
    pack_current: Number = Field(description="A, in the device's own sign")
    cell_temp: Number = Field(description="°C")
    capacity_remaining: Number = Field(description="%")
    cycle_count: Number
    age_months: Number
    health_score: Number = Field(description="%")
    source: Source = Field(None, description=f"'{PERFORMANCE.source}' when left out")


class BatteryPrediction(BaseModel):
    """What is expected of a battery. Other fields (`anomaly_warning`) are kept as they are."""

    model_config = ConfigDict(extra="allow")

    timestamp: Stamp = None
    remaining_life_hours: Number = Field(description="h")
    remaining_cycles: Number
    degradation_rate: Number
    source: Source = Field(None, description=f"'{PREDICTION.source}' when left out")


class HistoryParams(BaseModel):
    """How far back, and how many at most."""

    hours: float = Field(24, gt=0, le=8760, description="messages received within so many hours")
    limit: int = Field(100, ge=1, le=1000)


class StoredMessage(TypedDict):
    message: str
    id: str


class WaitingMessage(TypedDict):
    message: str
    spooled: int


class BatteryDashboard(TypedDict):
    battery_data: dict[str, Any] | None
    performance: dict[str, Any] | None
    prediction: dict[str, Any] | None
    specs: dict[str, Any] | None
    thresholds: dict[str, dict[str, Any]]


def store_message(form: Form) -> Callable[..., Answer]:
    """Keeps one message of this sort. Raises Invalid, DeviceNotFound, Forbidden."""

    def store(context: Context, params: None, body: BaseModel, *, who: Identity) -> Answer:
        message = battery_messages.read(
            form, body.model_dump(exclude_unset=True), context.clock(), battery_messages.clocks_of(context.store)
        )
        if who.known and not who.may_send_for(message.source):
            raise Forbidden(f"'{who.username}' may not send readings of '{message.source}'", device_id=message.source)
        (kept,) = battery_messages.keep(context.store, [message])
        if kept.id is None or kept.spooled:
            return Answer({"message": f"{form.title} waits on disk until the store answers", "spooled": 1}, 202)
        return Answer({"message": f"{form.title} stored successfully", "id": kept.id})

    return store


def latest(form: Form) -> Callable[[Context, None], Mapping[str, Any]]:
    """The newest message of this sort. Raises NotFound while there is none."""

    def newest(context: Context, params: None) -> Mapping[str, Any]:
        found = battery_messages.newest(context.store, form)
        if found is None:
            raise NotFound(f"No {form.title.lower()} has come in yet", "NO_DATA")
        return found

    return newest


def history(form: Form) -> Callable[[Context, HistoryParams], list[Mapping[str, Any]]]:
    """Messages of this sort, newest first."""

    def found(context: Context, params: HistoryParams) -> list[Mapping[str, Any]]:
        since = context.clock() - round(params.hours * HOUR)
        return battery_messages.history(context.store, form, since, params.limit)

    return found


def dashboard(context: Context, params: None) -> BatteryDashboard:
    """The newest of everything; the nameplate is that of the pack that spoke last."""
    data, performance, prediction = (battery_messages.newest(context.store, form) for form in (DATA, PERFORMANCE, PREDICTION))
    speaker = next((str(one["source"]) for one in (data, performance, prediction) if one and one.get("source")), None)
    return {
        "battery_data": None if data is None else dict(data),
        "performance": None if performance is None else dict(performance),
        "prediction": None if prediction is None else dict(prediction),
        "specs": battery_messages.specifications(context.store, speaker) if speaker else None,
        "thresholds": battery_messages.thresholds(),
    }


DATA_EXAMPLE = {"timestamp": 1640995200.0, "pack_voltage": 355.2, "pack_current": 50.0, "cell_temp": 25.5, "source": "battery_monitor"}
PERFORMANCE_EXAMPLE = {
    "timestamp": 1640995200.0,
    "pack_voltage": 355.2,
    "pack_current": 50.0,
    "cell_temp": 25.5,
    "capacity_remaining": 85.5,
    "cycle_count": 150,
    "age_months": 6.2,
    "health_score": 92.3,
    "source": "battery_ai_predictor",
}
PREDICTION_EXAMPLE = {
    "timestamp": 1640995200.0,
    "remaining_life_hours": 5000.0,
    "remaining_cycles": 850.0,
    "degradation_rate": 0.12,
    "source": "battery_ai_predictor",
}


def _operations(path: str, form: Form, body: type[BaseModel], example: dict[str, Any]) -> tuple[Operation, ...]:
    title = form.title.lower()
    return (
        Operation(
            method="POST",
            path=path,
            tag="battery",
            summary=f"Store {title}",
            call=store_message(form),
            body=body,
            body_example=example,
            reply=StoredMessage,
            example={"message": f"{form.title} stored successfully", "id": "1"},
            spooled=WaitingMessage,
            spooled_example={"message": f"{form.title} waits on disk until the store answers", "spooled": 1},
            errors=(400, 404, 413, 415, 422),
            access="ingest",
            quota="ingest",
            asks_who=True,
            judges_rows=True,
            description="The message is kept whole, its numbers as readings of the pack `source`. A clock that cannot be (1970, years "
            "ahead, a float32, which steps by 128 s) gives way to the time of receipt: `timestamp` then says that, `device_clock` what was "
            "sent.",
        ),
        Operation(
            method="GET",
            path=f"{path}/latest",
            tag="battery",
            summary=f"The newest {title}",
            call=latest(form),
            reply=dict[str, Any],
            example=example,
            errors=(404,),
        ),
        Operation(
            method="GET",
            path=f"{path}/history",
            tag="battery",
            summary=f"Past {title}, newest first",
            call=history(form),
            params=HistoryParams,
            reply=list[dict[str, Any]],
            example=[example],
            errors=(422,),
        ),
    )


OPERATIONS = (
    *_operations("/api/battery-data", DATA, BatteryData, DATA_EXAMPLE),
    *_operations("/api/battery-performance", PERFORMANCE, BatteryPerformance, PERFORMANCE_EXAMPLE),
    *_operations("/api/battery-prediction", PREDICTION, BatteryPrediction, PREDICTION_EXAMPLE),
    Operation(
        method="GET",
        path="/api/dashboard",
        tag="battery",
        summary="The newest battery data, performance and prediction, with nameplate and limits",
        call=dashboard,
        reply=BatteryDashboard,
        example={
            "battery_data": DATA_EXAMPLE,
            "performance": PERFORMANCE_EXAMPLE,
            "prediction": PREDICTION_EXAMPLE,
            "specs": None,
            "thresholds": {"cell_temp": {"unit": "°C", "low": 0, "high": 50, "alarm_low": -10, "alarm_high": 60}},
        },
        description="What has not come in yet is null. `thresholds` are the limits of the metrics' catalogue, outside which a number needs "
        "attention (`low`, `high`) or is urgent (`alarm_low`, `alarm_high`).",
    ),
)
