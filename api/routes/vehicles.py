"""S4: vehicles by VIN. Batches of samples in; latest state, summaries, anomalies and history out."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api import exact
from api.contract import INSTANT_SCHEMA, Answer, Batch, Context, Ingest, Instant, Operation
from api.errors import BadRequest, FieldError, invalid
from api.stamps import parse_all
from datastore.ports import Latest, Outcome
from datastore.vetting import id_fault
from plant.analysis import vehicle
from plant.errors import DeviceNotFound
from plant.model import Block, Window
from plant.timeline import LATEST, iso, parse

KIND = "vehicle"
SHORTEST, LONGEST = 5, 40
_PERCENT = frozenset({"soc", "soh"})
VIN = re.compile(r"[A-Za-z0-9._:@+~-]+\Z")

LARGEST = 1e18
"""No quantity of a vehicle comes near; stores keep numbers up to 2^63 [unit of the metric]."""

Percent = Annotated[float, Meta(ge=0, le=100)]
Quantity = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]


class Sample(msgspec.Struct, forbid_unknown_fields=True):
    """One element of the array of `POST /api/telemetry`, in the shape every documented client sends."""

    vin: Annotated[str, Meta(min_length=SHORTEST, max_length=LONGEST)]
    ts: str | int | float
    soc: Percent | None = None
    soh: Percent | None = None
    pack_voltage: Quantity | None = None
    pack_current: Quantity | None = None
    max_temp: Quantity | None = None
    min_temp: Quantity | None = None
    odo_km: Quantity | None = None


class Full(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A sample that tells everything, its time as text: what fleets send by the thousand."""

    vin: Annotated[str, Meta(min_length=SHORTEST, max_length=LONGEST)]
    ts: str
    soc: Percent
    soh: Percent
    pack_voltage: Quantity
    pack_current: Quantity
    max_temp: Quantity
    min_temp: Quantity
    odo_km: Quantity


_SAMPLES = msgspec.json.Decoder(list[Sample])
_FULL = msgspec.json.Decoder(list[Full])
_QUOTES_OF_FULL = 2 * (len(Full.__struct_fields__) + 2)
_FLEET = 100_000
_fleet: set[str] = set()
"""VINs that were looked at and found good; at most _FLEET and those of one batch."""


def decode(context: Context, params: Any, body: bytes, media: str) -> Batch:
    """All samples or none: raises Invalid naming index and field of every bad one, BadRequest for an empty array."""
    received = context.clock()
    rows = _read(_full, body, received)
    if rows is None:
        rows = _read(_fast, body, received)
    if rows is None:
        rows = _exact(exact.load(body), received)
    if not rows:
        raise BadRequest("The batch holds no samples", "EMPTY_BATCH")
    return Batch([Block(KIND, vehicle.FIELDS, rows)], len(rows))


def _read(how: Callable[[bytes, int], list[tuple[Any, ...]] | None], body: bytes, received: int) -> list[tuple[Any, ...]] | None:
    try:
        return how(body, received)
    except (msgspec.MsgspecError, ValueError):
        return None


def _full(body: bytes, received: int) -> list[tuple[Any, ...]] | None:
    """The rows of a body whose samples tell everything; None when something about it needs another reading."""
    samples = _FULL.decode(body)
    if not _are_vins({s.vin for s in samples}):
        return None
    # a repeated key leaves more quotes than the keys and the two texts account for
    if _quotes(body) != _QUOTES_OF_FULL * len(samples):
        return None
    return [
        (s.vin, at, received, 0, s.soc, s.soh, s.pack_voltage, s.pack_current, s.max_temp, s.min_temp, s.odo_km)
        for s, at in zip(samples, parse_all([s.ts for s in samples]), strict=True)
    ]


def _quotes(body: bytes) -> int:
    return body.count(b'"') if len(body) < 1024 else int(np.count_nonzero(np.frombuffer(body, dtype=np.uint8) == ord('"')))


def _are_vins(vins: set[str]) -> bool:
    if vins <= _fleet:
        return True
    if not all(map(_vin_like, vins - _fleet)):
        return False
    if len(_fleet) >= _FLEET:
        _fleet.clear()
    _fleet.update(vins)
    return True


def _fast(body: bytes, received: int) -> list[tuple[Any, ...]] | None:
    """The rows of a body in the documented shape; None when something about it needs the exact reading."""
    samples = _SAMPLES.decode(body)
    rows = [
        (s.vin, parse(s.ts), received, 0, s.soc, s.soh, s.pack_voltage, s.pack_current, s.max_temp, s.min_temp, s.odo_km) for s in samples
    ]
    if not _are_vins({row[0] for row in rows}):
        return None
    gaps = [row.count(None) for row in rows]
    if len(vehicle.FIELDS) in gaps:
        return None
    # A repeated key leaves more quotes than the keys (all but the silent ones, and those sent as null) and texts account for.
    keys = len(rows) * (2 + len(vehicle.FIELDS)) - sum(gaps) + body.count(b"null")
    texts = len(rows) + sum(type(s.ts) is str for s in samples)
    return rows if _quotes(body) == 2 * (keys + texts) else None


def _vin_like(vin: str) -> bool:
    return VIN.match(vin) is not None and id_fault(vin) is None


def _exact(samples: Any, received: int) -> list[tuple[Any, ...]]:
    """The rows of a parsed body, checked one by one. Raises Invalid with every fault."""
    if not isinstance(samples, list):
        raise invalid([FieldError(("body",), "list_type", "Input should be a valid list", samples)])
    rows, errors = [], []
    for index, sample in enumerate(samples):
        faults: list[FieldError] = []
        row = _exact_row(index, sample, received, faults)
        rows.append(row)
        errors += faults
    if errors:
        raise invalid(errors)
    return rows


def _exact_row(index: int, sample: Any, received: int, faults: list[FieldError]) -> tuple[Any, ...]:
    here: tuple[str | int, ...] = ("body", index)
    if not isinstance(sample, dict):
        faults.append(FieldError(here, "model_type", "Input should be an object", sample))
        return ()
    if isinstance(sample, exact.Repeated):
        faults.append(FieldError((*here, sample.key), "repeated_key", "This key stands twice in one object", sample.key))
        return ()

    def read(name: str, take: Any) -> Any:
        try:
            return take()
        except exact.Fault as fault:
            faults.append(fault.error)
        return None

    vin = read("vin", lambda: _vin(sample, here))
    at = read("ts", lambda: _ts(sample, here))
    values = [read(name, lambda n=name: _value(sample, n, here)) for name in vehicle.FIELDS]
    if not faults and all(value is None for value in values):
        faults.append(FieldError((*here, vehicle.FIELDS[0]), "missing", f"A sample needs at least one of {', '.join(vehicle.FIELDS)}"))
    return (vin, at, received, 0, *values)


def _vin(sample: Mapping[str, Any], here: tuple[str | int, ...]) -> str:
    loc = (*here, "vin")
    if "vin" not in sample:
        raise exact.Fault(loc, "missing", "Field required")
    vin = sample["vin"]
    if not isinstance(vin, str):
        raise exact.Fault(loc, "string_type", "Input should be a valid string", vin)
    if len(vin) < SHORTEST:
        raise exact.Fault(loc, "string_too_short", f"String should have at least {SHORTEST} characters", vin)
    if len(vin) > LONGEST:
        raise exact.Fault(loc, "string_too_long", f"String should have at most {LONGEST} characters", vin)
    if not _vin_like(vin):
        raise exact.Fault(loc, "string_pattern_mismatch", id_fault(vin) or "A VIN is made of letters, digits and . _ : @ + ~ -", vin)
    return vin


def _ts(sample: Mapping[str, Any], here: tuple[str | int, ...]) -> int:
    loc = (*here, "ts")
    if "ts" not in sample:
        raise exact.Fault(loc, "missing", "Field required")
    try:
        return parse(sample["ts"])
    except ValueError as error:
        raise exact.Fault(loc, "timestamp", f"Input should be a timestamp: {error}", sample["ts"]) from None


def _value(sample: Mapping[str, Any], name: str, here: tuple[str | int, ...]) -> float | None:
    value = sample.get(name)
    if value is None:
        return None
    low, high = (0.0, 100.0) if name in _PERCENT else (-LARGEST, LARGEST)
    return exact.number(value, (*here, name), low, high)


def answer(batch: Batch, outcomes: Sequence[Outcome]) -> Answer:
    """`inserted` counts new samples only; `duplicates` appears when some were known, `spooled` (202) when they wait in the spool."""
    spooled = sum(outcome.spooled for outcome in outcomes)
    if spooled:
        return Answer({"spooled": spooled, "inserted": 0}, 202)
    inserted = sum(outcome.inserted for outcome in outcomes)
    content = {"inserted": inserted}
    if inserted < batch.rows:
        content["duplicates"] = batch.rows - inserted
    return Answer(content)


class Vin(BaseModel):
    """Which vehicle, in the path or as a query parameter."""

    vin: str = Field(description="vehicle identification number", examples=["VIN-DEMO-001"])


class VinWindow(Vin):
    """A vehicle and a time window; both bounds are inclusive."""

    from_ts: Instant
    to_ts: Instant


class VinSpan(Vin):
    """A vehicle and an optional time window; both bounds are inclusive."""

    from_ts: Instant | None = None
    to_ts: Instant | None = None


class VinHistory(VinSpan):
    """A page of samples."""

    limit: int = Field(100, ge=1, le=10_000)
    cursor: int | None = Field(None, ge=0, le=LATEST, description="`next` of the page before")


class Page(BaseModel):
    """A page of vehicles."""

    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, description="`next` of the page before")


class AlertBody(TypedDict):
    code: str
    severity: str
    message: str


class LatestBody(TypedDict):
    vin: str
    ts: str
    soc: float | None
    soh: float | None
    pack_voltage: float | None
    pack_current: float | None
    power_kw: float | None
    max_temp: float | None
    min_temp: float | None
    odo_km: float | None
    alerts: list[AlertBody]


class SummaryBody(TypedDict):
    vin: str
    from_ts: str
    to_ts: str
    samples: int
    soc_min: float | None
    soc_max: float | None
    temp_max: float | None
    temp_min: float | None


class AnomalyBody(TypedDict):
    ts: str
    code: str
    severity: str
    message: str
    value: float


class AnomaliesBody(TypedDict):
    vin: str
    anomalies: list[AnomalyBody]


class VehicleBody(TypedDict):
    vin: str
    ts: str
    soc: float | None
    soh: float | None
    alerts: list[AlertBody]


class VehiclesBody(TypedDict):
    vehicles: list[VehicleBody]
    next: str | None


class SampleBody(TypedDict):
    ts: str
    soc: float | None
    soh: float | None
    pack_voltage: float | None
    pack_current: float | None
    power_kw: float | None
    max_temp: float | None
    min_temp: float | None
    odo_km: float | None


class HistoryBody(TypedDict):
    vin: str
    history: list[SampleBody]
    next: int | None


def latest(context: Context, params: Vin) -> LatestBody:
    """The newest value of each field and what deserves attention in them."""
    newest = _newest(context, params.vin)
    return {"vin": params.vin, "ts": iso(newest.at), **_fields(newest.values), "alerts": _alerts(newest)}  # type: ignore[typeddict-item]


def summary(context: Context, params: VinWindow) -> SummaryBody:
    """Extremes over a window; a known vehicle without samples in it has nulls."""
    _newest(context, params.vin)
    window = _window(params.from_ts, params.to_ts)
    columns = context.store.telemetry.columns(params.vin, KIND, vehicle.FIELDS, window)
    found = vehicle.summarise(len(columns.at), columns.values)
    return {
        "vin": params.vin,
        "from_ts": iso(params.from_ts),
        "to_ts": iso(params.to_ts),
        "samples": found.samples,
        "soc_min": found.soc_min,
        "soc_max": found.soc_max,
        "temp_max": found.temp_max,
        "temp_min": found.temp_min,
    }


def anomalies(context: Context, params: VinSpan) -> AnomaliesBody:
    """Every sample of the window that breaks a rule."""
    newest = _newest(context, params.vin)
    columns = context.store.telemetry.columns(params.vin, KIND, ("soc", "soh", "max_temp"), _span(context, params, newest))
    found = vehicle.anomalies(columns.at, columns.values)
    return {
        "vin": params.vin,
        "anomalies": [{"ts": iso(a.at), "code": a.code, "severity": a.severity, "message": a.message, "value": a.value} for a in found],
    }


def history(context: Context, params: VinHistory) -> HistoryBody:
    """Samples of a window, ascending; `next` is the cursor of the following page."""
    newest = _newest(context, params.vin)
    window = _span(context, params, newest)
    if params.cursor is not None:
        if params.cursor >= window.end:
            return {"vin": params.vin, "history": [], "next": None}
        window = Window(max(window.start, params.cursor), window.end)
    columns = context.store.telemetry.columns(params.vin, KIND, vehicle.FIELDS, window, limit=params.limit + 1)
    count = min(len(columns.at), params.limit)
    lists = {name: columns.values[name][:count].tolist() for name in vehicle.FIELDS}
    rows = [{"ts": iso(int(columns.at[i])), **_fields({name: lists[name][i] for name in vehicle.FIELDS})} for i in range(count)]
    following = int(columns.at[count]) if len(columns.at) > count else None
    return {"vin": params.vin, "history": rows, "next": following}  # type: ignore[typeddict-item]


def vehicles(context: Context, params: Page) -> VehiclesBody:
    """All vehicles that ever sent something, by VIN."""
    known = sorted(device.device_id for device in context.store.records.devices(KIND))
    after = [vin for vin in known if params.cursor is None or vin > params.cursor]
    newest = context.store.telemetry.latest([(vin, KIND) for vin in after])
    heard = [newest[vin, KIND] for vin in after if (vin, KIND) in newest]
    page = heard[: params.limit]
    rows: list[VehicleBody] = [
        {
            "vin": v.device_id,
            "ts": iso(v.at),
            "soc": _number(v.values.get("soc")),
            "soh": _number(v.values.get("soh")),
            "alerts": _alerts(v),
        }
        for v in page
    ]
    return {"vehicles": rows, "next": page[-1].device_id if len(heard) > len(page) else None}


def _newest(context: Context, vin: str) -> Latest:
    found = context.store.telemetry.latest([(vin, KIND)]).get((vin, KIND))
    if found is None:
        raise DeviceNotFound(vin)
    return found


def _window(from_ts: int, to_ts: int) -> Window:
    if to_ts <= from_ts:
        raise BadRequest("to_ts must be later than from_ts", "INVALID_WINDOW", from_ts=iso(from_ts), to_ts=iso(to_ts))
    return Window(from_ts, to_ts + 1)


def _span(context: Context, params: VinSpan, newest: Latest) -> Window:
    first, last = context.store.telemetry.bounds(params.vin, KIND) or (newest.at, newest.at)
    start = first if params.from_ts is None else params.from_ts
    end = max(last, start + 1) if params.to_ts is None else params.to_ts
    return _window(start if params.from_ts is not None else min(start, end - 1), end)


def _number(value: Any) -> float | None:
    return None if value is None or not isinstance(value, (int, float)) or np.isnan(value) else float(value)


def _fields(values: Mapping[str, Any]) -> dict[str, float | None]:
    """The document's fields in its order, `power_kw` behind the current."""
    fields: dict[str, float | None] = {}
    for name in vehicle.FIELDS:
        fields[name] = _number(values.get(name))
        if name == "pack_current":
            fields["power_kw"] = vehicle.power_kw(fields["pack_voltage"], fields["pack_current"])
    return fields


def _alerts(newest: Latest) -> list[AlertBody]:
    return [{"code": a.code, "severity": a.severity, "message": a.message} for a in vehicle.alerts(newest.values)]


_NUMBER = {"anyOf": [{"type": "number", "minimum": -LARGEST, "maximum": LARGEST}, {"type": "null"}]}
_SHARE = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 100}, {"type": "null"}]}
SAMPLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["vin", "ts"],
    "properties": {
        "vin": {"type": "string", "minLength": SHORTEST, "maxLength": LONGEST, "pattern": r"^[A-Za-z0-9._:@+~-]+$"},
        "ts": {"anyOf": [INSTANT_SCHEMA, {"type": "number", "minimum": -62_135_596_800, "maximum": 253_402_300_799_999}]},
        **{name: _SHARE if name in _PERCENT else _NUMBER for name in vehicle.FIELDS},
    },
    "description": "at least one quantity is not null; unknown fields are ignored",
}
BATCH_SCHEMA: dict[str, Any] = {"type": "array", "minItems": 1, "items": SAMPLE_SCHEMA}
BATCH_EXAMPLE = [
    {
        "vin": "VIN-DEMO-001",
        "ts": "2026-01-24T12:05:00Z",
        "soc": 18.0,
        "soh": 92.0,
        "pack_voltage": 310.1,
        "pack_current": 95.0,
        "max_temp": 52.0,
        "min_temp": 33.0,
        "odo_km": 1201.2,
    },
    {
        "vin": "VIN-DEMO-001",
        "ts": "2026-01-24T12:10:00Z",
        "soc": 35.5,
        "soh": 92.0,
        "pack_voltage": 315.0,
        "pack_current": 70.0,
        "max_temp": 32.0,
        "min_temp": 24.0,
        "odo_km": 1201.8,
    },
]
LATEST_EXAMPLE = {
    "vin": "VIN-DEMO-001",
    "ts": "2026-01-24T12:10:00Z",
    "soc": 35.5,
    "soh": 92.0,
    "pack_voltage": 315.0,
    "pack_current": 70.0,
    "power_kw": 22.05,
    "max_temp": 32.0,
    "min_temp": 24.0,
    "odo_km": 1201.8,
    "alerts": [],
}
SUMMARY_EXAMPLE = {
    "vin": "VIN-DEMO-001",
    "from_ts": "2026-01-24T11:59:00Z",
    "to_ts": "2026-01-24T12:10:00Z",
    "samples": 2,
    "soc_min": 18.0,
    "soc_max": 35.5,
    "temp_max": 52.0,
    "temp_min": 24.0,
}


class InsertedBody(TypedDict, total=False):
    inserted: int
    duplicates: int


class SpooledSamplesBody(TypedDict):
    spooled: int
    inserted: int


def _ingest(path: str) -> Ingest:
    return Ingest(
        method="POST",
        path=path,
        tag="vehicles",
        summary="Store a batch of vehicle samples, all or none",
        decode=decode,
        answer=answer,
        reply=InsertedBody,
        example={"inserted": 2},
        spooled=SpooledSamplesBody,
        spooled_example={"spooled": 2, "inserted": 0},
        errors=(400, 404, 413, 415, 422),
        body_schema={"application/json": BATCH_SCHEMA},
        body_examples={"application/json": BATCH_EXAMPLE},
        description="The order of samples does not matter; one that is known already changes nothing and counts in `duplicates`. "
        "While the store does not answer, the batch is kept on disk in the spool and gets there later by itself: 202 with `spooled`.",
    )


OPERATIONS = (
    _ingest("/api/telemetry"),
    _ingest("/api/telemetry/ingest"),
    Operation(
        method="GET",
        path="/api/vehicles",
        tag="vehicles",
        summary="All vehicles with their newest state",
        call=vehicles,
        params=Page,
        reply=VehiclesBody,
        errors=(422,),
    ),
    Operation(
        method="GET",
        path="/api/vehicles/{vin}/latest",
        hot=True,
        tag="vehicles",
        summary="Newest state of a vehicle",
        call=latest,
        params=Vin,
        reply=LatestBody,
        example=LATEST_EXAMPLE,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/api/telemetry/latest",
        hot=True,
        tag="vehicles",
        summary="Newest state of a vehicle, VIN as parameter",
        call=latest,
        params=Vin,
        reply=LatestBody,
        example=LATEST_EXAMPLE,
        errors=(404, 422),
    ),
    Operation(
        method="GET",
        path="/api/vehicles/{vin}/summary",
        tag="vehicles",
        summary="Extremes of a vehicle over a window",
        call=summary,
        params=VinWindow,
        reply=SummaryBody,
        example=SUMMARY_EXAMPLE,
        errors=(400, 404, 422),
    ),
    Operation(
        method="GET",
        path="/api/telemetry/summary",
        tag="vehicles",
        summary="Extremes of a vehicle over a window, VIN as parameter",
        call=summary,
        params=VinWindow,
        reply=SummaryBody,
        example=SUMMARY_EXAMPLE,
        errors=(400, 404, 422),
    ),
    Operation(
        method="GET",
        path="/api/vehicles/{vin}/anomalies",
        tag="vehicles",
        summary="Samples that break a rule",
        call=anomalies,
        params=VinSpan,
        reply=AnomaliesBody,
        errors=(400, 404, 422),
    ),
    Operation(
        method="GET",
        path="/api/vehicles/{vin}/history",
        tag="vehicles",
        summary="Samples of a vehicle, page by page",
        call=history,
        params=VinHistory,
        reply=HistoryBody,
        errors=(400, 404, 422),
    ),
)
