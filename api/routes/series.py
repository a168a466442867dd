"""History of any devices and metrics in buckets, as JSON or as a file."""

import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Answer, Context, Instant, Operation, window
from api.errors import FieldError, invalid
from datastore.ports import RESOLUTIONS, Series
from plant.errors import DeviceNotFound, MetricNotFound
from plant.metrics import metric
from plant.model import DAY, Window
from plant.timeline import iso
from services.tables import MEDIA, Column, columns_of, schema, shown, table, writing

Aggregation = Literal["mean", "min", "max", "last", "sum"]
Format = Literal["json", "csv", "parquet", "arrow", "xlsx"]
MAX_SERIES = 400
MAX_AS_OF = 400 * DAY
"""Series time [ms] that one question may ask as of a moment: it is answered from readings."""
MAX_VALUES = 2_000_000
"""Values one answer may hold: about 50 MB of JSON; longer questions are asked in parts."""
Names = Annotated[str, Field(min_length=1, max_length=8000)]


class SeriesParams(BaseModel):
    """Which devices and metrics (names separated by commas), which window (`from` inclusive, `to` exclusive), in how many points or
    at which resolution."""

    device: Names = Field(examples=["bess01,bess02"])
    metric: Names = Field(examples=["soc,power"])
    from_: Instant = Field(alias="from")
    to: Instant
    points: int | None = Field(None, ge=1, le=100_000, description="wanted number of buckets; 1000 when no resolution is given")
    resolution: Literal["raw", "1m", "15m", "1h", "1d"] | None = None
    agg: Aggregation | None = Field(None, description="what a bucket shows; each metric's own aggregation when not given")
    tz: str | None = Field(None, description="IANA zone of calendar days and of times in files; the site's when not given")
    as_of: Instant | None = Field(
        None, description="answer with what had been received by then; made from readings, so at most 400 days of series"
    )
    format: Format = "json"


class SeriesBody(TypedDict, total=False):
    device_id: str
    metric: str
    unit: str
    aggregation: str
    coverage: float
    timestamps: list[int]
    values: list[float | None]
    min: list[float | None]
    max: list[float | None]


_Answer = TypedDict("_Answer", {"from": str, "to": str, "zone": str, "resolution_s": float, "series": list[SeriesBody]})


def series(context: Context, params: SeriesParams) -> Answer:
    """What was kept, thinned as asked; gaps stay gaps. Raises DeviceNotFound, MetricNotFound, Invalid."""
    span = window(params.from_, params.to, ("from", "to"))
    zone = zone_of(params.tz or context.config.site_tz)
    if params.points is not None and params.resolution is not None:
        raise invalid([FieldError(("query", "resolution"), "value_error", "give points or resolution, not both", params.resolution)])
    keys, names = keys_of(context, _names(params.device), _names(params.metric))
    wanted = sum(len(metrics) for metrics in keys.values())
    if wanted > MAX_SERIES:
        raise invalid([FieldError(("query", "device"), "too_many", f"at most {MAX_SERIES} series in one answer, not {wanted}", wanted)])
    if params.as_of is not None and span.length * wanted > MAX_AS_OF:
        raise invalid([FieldError(("query", "as_of"), "too_many", "as_of is answered from readings: ask for at most 400 days of series")])
    width = None if params.resolution is None else 0 if params.resolution == "raw" else RESOLUTIONS[params.resolution]
    if width and span.length // width * wanted > MAX_VALUES:
        raise invalid(
            [FieldError(("query", "to"), "too_many", f"more than {MAX_VALUES} values; ask for a shorter window or a coarser resolution")]
        )
    points = (params.points or 1000) if width is None else None
    found = context.store.telemetry.series(list(keys), names, span, points=points, resolution=width, zone=zone.key, as_of=params.as_of)
    kept = [found[device, kind, name] for (device, kind), metrics in keys.items() for name in metrics if (device, kind, name) in found]
    if sum(len(one.at) for one in kept) > MAX_VALUES:
        raise invalid(
            [FieldError(("query", "to"), "too_many", f"more than {MAX_VALUES} values; ask for a shorter window or a coarser resolution")]
        )
    if params.format == "json":
        return Answer(_json(kept, span, zone, params.agg))
    stem = f"series_{iso(span.start)[:10]}_{iso(span.end)[:10]}.{params.format}"
    made = _file(params.format, found, columns_of(keys), zone, params.agg)
    return Answer(made, media=_FILES[params.format], headers=(("Content-Disposition", f'attachment; filename="{stem}"'),))


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def zone_of(name: str) -> ZoneInfo:
    """The zone of the query parameter `tz`. Raises Invalid."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid([FieldError(("query", "tz"), "value_error", "not an IANA time zone such as Asia/Taipei", name)]) from None


def keys_of(context: Context, devices: Sequence[str], names: Sequence[str]) -> tuple[dict[tuple[str, str], list[str]], list[str]]:
    """(device, kind) → metrics it can have, for every device asked for; a device must have at least one, a metric at least one device."""
    if not devices or not names:
        raise invalid([FieldError(("query", "metric" if devices else "device"), "missing", "names at least one")])
    kinds: dict[str, list[str]] = {}
    for device in context.store.records.devices():
        kinds.setdefault(device.device_id, []).append(device.kind)
    metrics = {name: metric(name) for name in names}
    for name, found in metrics.items():
        if found.is_vector:
            raise invalid([FieldError(("query", "metric"), "value_error", f"{name} is a vector; series are of single numbers", name)])
    keys: dict[tuple[str, str], list[str]] = {}
    for device_id in devices:
        if device_id not in kinds:
            raise DeviceNotFound(device_id)
        for kind in kinds[device_id]:
            has = [name for name, found in metrics.items() if kind in found.kinds]
            if has:
                keys[device_id, kind] = has
    spoken = {name for has in keys.values() for name in has}
    for name in names:
        if name not in spoken:
            raise MetricNotFound(name, kinds=sorted({kind for device_id in devices for kind in kinds[device_id]}))
    return keys, list(names)


def plain_list(values: Any) -> list[float | None]:
    """Numbers as JSON says them: None for silent."""
    silent = np.isnan(values)
    if not silent.any():
        return list(values.tolist())
    plain = values.astype(object)
    plain[silent] = None
    return list(plain.tolist())


def _json(found: Sequence[Series], span: Window, zone: ZoneInfo, agg: Aggregation | None) -> _Answer:
    bodies: list[SeriesBody] = []
    for one in found:
        name, values = shown(one, agg)
        body: SeriesBody = {
            "device_id": one.device_id,
            "metric": one.metric,
            "unit": metric(one.metric).unit,
            "aggregation": name if one.resolution else "raw",
            "coverage": round(one.coverage, 6),
            "timestamps": one.at.tolist(),
            "values": plain_list(values),
        }
        if one.resolution:
            body["min"], body["max"] = plain_list(one.min), plain_list(one.max)
        bodies.append(body)
    width = max((one.resolution for one in found), default=0)
    return {"from": iso(span.start), "to": iso(span.end), "zone": zone.key, "resolution_s": width / 1000, "series": bodies}


def _file(form: str, found: Mapping[tuple[str, str, str], Series], columns: Sequence[Column], zone: ZoneInfo, agg: str | None) -> bytes:
    sink = io.BytesIO()
    with writing(form, sink, schema(columns, zone), zone) as writer:
        writer.write(table(found, columns, zone, agg))
    return sink.getvalue()


_FILES = {form: MEDIA[form] for form in ("csv", "parquet", "arrow", "xlsx")}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/series",
        tag="readings",
        summary="History in buckets, as JSON or as a file",
        call=series,
        params=SeriesParams,
        tagged=True,
        reply=_Answer,
        media=("application/json", *_FILES.values()),
        errors=(404, 406, 422),
        description="`min` and `max` are there when values are thinned into buckets; gaps are null; `resolution_s` 0 means raw readings.",
        example={
            "from": "2026-01-24T12:00:00Z",
            "to": "2026-01-24T12:02:00Z",
            "zone": "Asia/Taipei",
            "resolution_s": 60,
            "series": [
                {
                    "device_id": "bess01",
                    "metric": "soc",
                    "unit": "%",
                    "aggregation": "mean",
                    "coverage": 1.0,
                    "timestamps": [1769256000000, 1769256060000],
                    "values": [67.5, 67.4],
                    "min": [67.45, 67.35],
                    "max": [67.55, 67.45],
                }
            ],
        },
    ),
)
