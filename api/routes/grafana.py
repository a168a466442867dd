"""A JSON data source for Grafana: the paths of the plugins simpod-json-datasource (https://github.com/simPod/GrafanaJsonDatasource) and
of its ancestor simple-json (https://github.com/grafana/simple-json-datasource). A target is `device.metric`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, StrictBool
from typing_extensions import TypedDict

from api.contract import Context, Instant, Operation
from api.contract import window as window_of
from api.errors import FieldError, invalid
from api.routes.series import Aggregation, plain_list
from datastore.ports import Series
from plant.errors import DeviceNotFound, MetricNotFound
from plant.metrics import metric, scalars_of
from plant.model import DAY, Device, Window
from services import alarm_actions, annotations
from services.tables import shown

MAX_POINTS = 10_000
MAX_TARGETS = 100
MAX_NAMES = 10_000
MAX_SPAN = 36_525 * DAY
MAX_EVENTS = 1_000
FILTERS: Mapping[str, str] = {"device": "device_id", "kind": "kind", "site": "site_id"}
"""Key of an ad hoc filter → what of a device it looks at."""


class GrafanaRange(BaseModel):
    """The window on the screen."""

    from_: Instant = Field(alias="from")
    to: Instant


class GrafanaPayload(BaseModel):
    """What the query editor adds: what a point shows, each metric's own aggregation when it does not say."""

    agg: Aggregation | None = None


class GrafanaTarget(BaseModel):
    """One row of the query editor; `timeserie` is how simple-json spells it."""

    target: str | None = Field(None, max_length=300, examples=["bess01.soc"])
    ref_id: str = Field("", alias="refId", max_length=100)
    type: Literal["timeserie", "timeseries", "table", ""] = "timeserie"
    hide: StrictBool | None = None
    payload: GrafanaPayload | Literal[""] | None = None


class GrafanaFilter(BaseModel):
    """An ad hoc filter of a dashboard."""

    key: Literal["device", "kind", "site"]
    operator: Literal["=", "!="]
    value: str


class GrafanaQuery(BaseModel):
    """What a panel asks."""

    range: GrafanaRange
    targets: list[GrafanaTarget] = Field(max_length=MAX_TARGETS)
    points: int = Field(1000, alias="maxDataPoints", ge=1, le=1_000_000)
    filters: list[GrafanaFilter] = Field([], alias="adhocFilters", max_length=20)


class GrafanaSearch(BaseModel):
    """Part of a name, or `devices`, `kinds`, `metrics`, or a device's id followed by a dot."""

    target: str | None = Field(None, max_length=300)


class GrafanaVariable(BaseModel):
    """simpod's form of a search for a variable's values."""

    payload: GrafanaSearch | Literal[""] | None = None


class GrafanaAsk(BaseModel):
    """What simpod's query editor asks for: nothing that matters here."""


class GrafanaKey(BaseModel):
    """Which filter's values."""

    key: Literal["device", "kind", "site"]


class GrafanaAnnotation(BaseModel, extra="allow"):
    """The annotation as Grafana keeps it; it is sent back with each event. `query`: empty, `alarms`, `notes`, or a device's id."""

    name: str = ""
    query: str | None = Field(None, max_length=200)


class GrafanaEvents(BaseModel):
    """Which events."""

    range: GrafanaRange
    annotation: GrafanaAnnotation


class GrafanaSeriesBody(TypedDict):
    target: str
    refId: str
    datapoints: list[tuple[float | None, int]]


class GrafanaColumnBody(TypedDict):
    text: str
    type: str


class GrafanaTableBody(TypedDict):
    type: str
    refId: str
    columns: list[GrafanaColumnBody]
    rows: list[list[float | int | None]]


class GrafanaMetricBody(TypedDict):
    label: str
    value: str
    payloads: list[dict[str, Any]]


GrafanaChoiceBody = TypedDict("GrafanaChoiceBody", {"__text": str, "__value": str})


class GrafanaTagBody(TypedDict):
    type: str
    text: str


class GrafanaValueBody(TypedDict):
    text: str


class GrafanaEventBody(TypedDict):
    annotation: dict[str, Any]
    time: int
    timeEnd: int
    title: str
    text: str
    tags: list[str]


class _Wanted(NamedTuple):
    name: str
    device: Device
    metric: str


def hello(context: Context, params: None) -> dict[str, str]:
    """What the plugin's button `Save & test` asks."""
    return {"status": "OK"}


def search(context: Context, params: None, body: GrafanaSearch) -> list[str]:
    """Names of targets that hold the text."""
    return _found(context, body.target or "")


def _found(context: Context, text: str) -> list[str]:
    devices = context.store.records.devices()
    match text:
        case "devices":
            return list(dict.fromkeys(device.device_id for device in devices))
        case "kinds":
            return sorted({device.kind for device in devices})
        case "metrics":
            return list(dict.fromkeys(name for device in devices for name in scalars_of(device.kind)))
    found = [name for name in dict.fromkeys(_names(devices)) if text.lower() in name.lower()]
    return found[:MAX_NAMES]


def _names(devices: Sequence[Device]) -> Iterator[str]:
    return (f"{device.device_id}.{name}" for device in devices for name in scalars_of(device.kind))


def metrics(context: Context, params: None, body: GrafanaAsk) -> list[GrafanaMetricBody]:
    """The targets there are, for simpod's query editor."""
    return [{"label": name, "value": name, "payloads": []} for name in _found(context, "")]


def variable(context: Context, params: None, body: GrafanaVariable) -> list[GrafanaChoiceBody]:
    """Values of a dashboard's variable."""
    asked = body.payload.target if isinstance(body.payload, GrafanaSearch) else ""
    return [{"__text": name, "__value": name} for name in _found(context, asked or "")]


def query(context: Context, params: None, body: GrafanaQuery) -> list[GrafanaSeriesBody | GrafanaTableBody]:
    """What panels draw. Raises DeviceNotFound, MetricNotFound, Invalid."""
    span = window_of(body.range.from_, body.range.to, ("from", "to"))
    if span.length > MAX_SPAN:
        raise invalid([FieldError(("body", "range", "to"), "too_many", "ask for at most 100 years")])
    devices = context.store.records.devices()
    answers: list[GrafanaSeriesBody | GrafanaTableBody] = []
    for place, target in enumerate(body.targets):
        if target.hide or not target.target:
            continue
        wanted = _wanted(devices, target.target, place)
        if all(_passes(wanted.device, one) for one in body.filters):
            answers.append(_answer(context, wanted, target, span, min(body.points, MAX_POINTS)))
    return answers


def _wanted(devices: Sequence[Device], target: str, place: int) -> _Wanted:
    device_id, _, name = target.strip().rpartition(".")
    if not device_id:
        raise invalid([FieldError(("body", "targets", place, "target"), "value_error", "a target is device.metric", target)])
    asked = metric(name)
    if asked.is_vector:
        raise invalid([FieldError(("body", "targets", place, "target"), "value_error", f"{name} is not a single number", target)])
    kinds = [device for device in devices if device.device_id == device_id]
    if not kinds:
        raise DeviceNotFound(device_id)
    having = [device for device in kinds if device.kind in asked.kinds]
    if not having:
        raise MetricNotFound(name, kinds=sorted(device.kind for device in kinds))
    return _Wanted(target.strip(), having[0], name)


def _passes(device: Device, one: GrafanaFilter) -> bool:
    same: bool = getattr(device, FILTERS[one.key]) == one.value
    return same == (one.operator == "=")


def _answer(context: Context, wanted: _Wanted, target: GrafanaTarget, span: Window, points: int) -> GrafanaSeriesBody | GrafanaTableBody:
    key = (wanted.device.device_id, wanted.device.kind)
    zone = context.config.site_tz
    found = context.store.telemetry.series([key], [wanted.metric], span, points=points, zone=zone).get((*key, wanted.metric))
    agg = target.payload.agg if isinstance(target.payload, GrafanaPayload) else None
    at, values = _points(found, agg)
    if target.type != "table":
        return {"target": wanted.name, "refId": target.ref_id, "datapoints": list(zip(values, at, strict=True))}
    columns: list[GrafanaColumnBody] = [{"text": "Time", "type": "time"}, {"text": wanted.name, "type": "number"}]
    rows: list[list[float | int | None]] = [[instant, value] for instant, value in zip(at, values, strict=True)]
    return {"type": "table", "refId": target.ref_id, "columns": columns, "rows": rows}


def _points(found: Series | None, agg: str | None) -> tuple[list[int], list[float | None]]:
    return ([], []) if found is None else (found.at.tolist(), plain_list(shown(found, agg)[1]))


def events(context: Context, params: None, body: GrafanaEvents) -> list[GrafanaEventBody]:
    """Notes and alarms that touch the window, as Grafana's annotations."""
    span = window_of(body.range.from_, body.range.to, ("from", "to"))
    asked = (body.annotation.query or "").strip()
    device = None if asked in ("", "alarms", "notes") else asked
    sent = body.annotation.model_dump(mode="json")
    found: list[GrafanaEventBody] = []
    if asked != "alarms":
        for note in annotations.listed(context.store.records, span, device, limit=MAX_EVENTS)[0]:
            tags = [*note.tags, *([note.device_id] if note.device_id else [])]
            found.append(_event(sent, note.start, note.end, note.text.split("\n")[0][:120], note.text, tags))
    if asked != "notes":
        now = context.clock()
        for state in ("cleared", None, "shelved"):
            wanted = alarm_actions.Wanted(state, None, device, span)
            for alarm in alarm_actions.listed(context.store.records, wanted, now, MAX_EVENTS)[0]:
                tags = [alarm.device_id, alarm.severity, alarm_actions.state_of(alarm, now)]
                found.append(_event(sent, alarm.raised, alarm.cleared or min(now, span.end), alarm.code, alarm.message, tags))
    return sorted(found, key=lambda event: event["time"])[-MAX_EVENTS:]


def _event(sent: dict[str, Any], start: int, end: int, title: str, text: str, tags: list[str]) -> GrafanaEventBody:
    return {"annotation": sent, "time": start, "timeEnd": max(start, end), "title": title, "text": text, "tags": tags}


def tag_keys(context: Context, params: None, body: GrafanaAsk) -> list[GrafanaTagBody]:
    """What ad hoc filters can look at."""
    return [{"type": "string", "text": key} for key in FILTERS]


def tag_values(context: Context, params: None, body: GrafanaKey) -> list[GrafanaValueBody]:
    """The values of a filter."""
    values = {str(getattr(device, FILTERS[body.key])) for device in context.store.records.devices()}
    return [{"text": value} for value in sorted(values)]


_RANGE = {"from": "2026-01-24T12:00:00.000Z", "to": "2026-01-24T12:02:00.000Z"}
_ERRORS = (413, 415, 422)


def _post(path: str, summary: str, call: Any, body: Any, reply: Any, **more: Any) -> Operation:
    return Operation(
        method="POST", path=f"/grafana/{path}", tag="grafana", summary=summary, call=call, body=body, reply=reply,
        **{"errors": _ERRORS, **more},
    )  # fmt: skip


OPERATIONS = (
    Operation(
        method="GET",
        path="/grafana/",
        tag="grafana",
        summary="Whether the data source is there",
        call=hello,
        reply=dict[str, str],
        example={"status": "OK"},
        description="Give Grafana the address of this path, and a token or key as header `Authorization: Bearer …` in protected mode.",
    ),
    _post(
        "search", "Targets (simple-json)", search, GrafanaSearch, list[str],
        optional=True, body_example={"target": "bess01"}, example=["bess01.soc", "bess01.soh"],
    ),
    _post(
        "metrics", "Targets (simpod)", metrics, GrafanaAsk, list[GrafanaMetricBody],
        optional=True, body_example={}, example=[{"label": "bess01.soc", "value": "bess01.soc", "payloads": []}],
    ),
    _post(
        "variable", "Values of a variable (simpod)", variable, GrafanaVariable, list[GrafanaChoiceBody],
        optional=True, body_example={"payload": {"target": "devices"}}, example=[{"__text": "bess01", "__value": "bess01"}],
    ),
    _post(
        "query", "What a panel draws", query, GrafanaQuery, list[GrafanaSeriesBody | GrafanaTableBody],
        errors=(404, *_ERRORS),
        body_example={
            "range": _RANGE, "intervalMs": 60000, "maxDataPoints": 2,
            "targets": [{"refId": "A", "target": "bess01.soc", "type": "timeserie"}],
        },
        example=[{"target": "bess01.soc", "refId": "A", "datapoints": [[67.5, 1769256000000], [None, 1769256060000]]}],
        description="Thinned to about `maxDataPoints`; gaps are null. `payload.agg` chooses mean, min, max, last or sum.",
    ),
    _post(
        "annotations", "Alarms and notes as annotations", events, GrafanaEvents, list[GrafanaEventBody],
        body_example={"range": _RANGE, "annotation": {"name": "Notes", "enable": True, "query": "notes"}},
        example=[
            {
                "annotation": {"name": "Notes", "enable": True, "query": "notes"}, "time": 1769256000000, "timeEnd": 1769256060000,
                "title": "Cooling unit serviced", "text": "Cooling unit serviced", "tags": ["maintenance", "bess01"],
            }
        ],
    ),
    _post(
        "tag-keys", "Keys of ad hoc filters", tag_keys, GrafanaAsk, list[GrafanaTagBody],
        optional=True, body_example={}, example=[{"type": "string", "text": "device"}],
    ),
    _post(
        "tag-values", "Values of an ad hoc filter", tag_values, GrafanaKey, list[GrafanaValueBody],
        body_example={"key": "device"}, example=[{"text": "bess01"}],
    ),
)  # fmt: skip
