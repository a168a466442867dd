"""Exports: histories too long for one answer become files, made by the job process."""

from typing import Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Answer, Context, Instant, Operation
from api.contract import window as window_of
from api.errors import FieldError, invalid
from api.routes.series import Aggregation, keys_of, zone_of
from plant.errors import NotFound
from plant.timeline import iso
from services import exports
from services.access import Identity
from services.datasets import MOST_COLUMNS, STEPS
from services.exports import Export, Query
from services.tables import MEDIA, SHEET_COLUMNS, SHEET_ROWS, columns_of

Form = Literal["csv", "csv.gz", "parquet", "arrow", "xlsx"]


class Order(BaseModel):
    """Which devices and metrics, from when (inclusive) to when (exclusive), at which resolution, in which format."""

    devices: list[str] = Field(min_length=1, max_length=2_000)
    metrics: list[str] = Field(min_length=1, max_length=200)
    from_: Instant = Field(alias="from")
    to: Instant
    resolution: Literal["raw", "1s", "1m", "15m", "1h", "1d"] = "15m"
    agg: Aggregation | None = Field(None, description="what a bucket shows; each metric's own aggregation when not given")
    tz: str | None = Field(None, description="IANA zone of calendar days and of times in the file; the site's when not given")
    format: Form = "csv"


class ExportParams(BaseModel):
    """One export."""

    export_id: str = Field(examples=["8f14e45fceea167a5a36dedd"])


class ExportsParams(BaseModel):
    """Which of the caller's exports."""

    state: Literal["queued", "running", "done", "failed", "cancelled", "expired"] | None = None


class ColumnBody(TypedDict):
    name: str
    device_id: str
    kind: str
    metric: str
    unit: str
    aggregation: str
    filled: int
    coverage: float | None


_Span = TypedDict("_Span", {"from": str, "to": str})


class ReceiptBody(_Span):
    """What the file is; it lies beside it as JSON too."""

    export_id: str
    file: str
    bytes: int
    sha256: str
    rows: int
    zone: str
    resolution_s: float
    format: str
    requested: str
    product: str
    permalink: str | None
    columns: list[ColumnBody]


class ExportBody(_Span):
    id: str
    state: str
    progress: float
    rows: int
    created: str
    started: str | None
    finished: str | None
    reason: str
    format: str
    zone: str
    resolution_s: float
    columns: int
    file: str | None
    receipt: ReceiptBody | None


class ExportsBody(TypedDict):
    exports: list[ExportBody]


def _body(export: Export) -> ExportBody:
    query = export.query
    assert isinstance(query, Query)
    return {
        "id": export.id,
        "state": export.state,
        "progress": round(export.progress, 4),
        "rows": export.rows,
        "created": iso(export.created),
        "started": None if export.started is None else iso(export.started),
        "finished": None if export.finished is None else iso(export.finished),
        "reason": export.reason,
        "from": iso(query.start),
        "to": iso(query.end),
        "format": query.form,
        "zone": query.zone,
        "resolution_s": query.resolution / 1000,
        "columns": len(query.columns),
        "file": f"/api/v1/exports/{export.id}/file" if export.state == "done" else None,
        "receipt": export.receipt,  # type: ignore[typeddict-item]  # kept as services.export_writing made it
    }


def order(context: Context, params: None, body: Order, who: Identity) -> Answer:
    """Raises DeviceNotFound, MetricNotFound, Invalid, Conflict."""
    span = window_of(body.from_, body.to, ("from", "to"))
    zone = zone_of(body.tz or context.config.site_tz)
    for device in body.devices:
        if not who.speaks_for(device):
            raise NotFound(f"Device with ID '{device}' not found", "DEVICE_NOT_FOUND", device_id=device)
    keys, _ = keys_of(context, list(dict.fromkeys(body.devices)), list(dict.fromkeys(body.metrics)))
    columns = tuple(columns_of(keys))
    most = SHEET_COLUMNS - 1 if body.format == "xlsx" else MOST_COLUMNS
    if len(columns) > min(most, MOST_COLUMNS):
        raise invalid([FieldError(("body", "metrics"), "too_many", f"at most {MOST_COLUMNS} columns in one file, not {len(columns)}")])
    width = STEPS[body.resolution]
    if body.format == "xlsx" and width and span.length // width > SHEET_ROWS:
        raise invalid([FieldError(("body", "resolution"), "too_many", f"a sheet holds {SHEET_ROWS} rows; ask for a coarser resolution")])
    query = Query(columns, span.start, span.end, width, body.agg or "", zone.key, body.format)
    export = exports.submit(context.store.records, who.username, query, context.clock())
    return Answer(_body(export), 202, headers=(("Location", f"/api/v1/exports/{export.id}"),))


def listed(context: Context, params: ExportsParams, who: Identity) -> ExportsBody:
    """The caller's, newest first; an administrator's are everybody's."""
    owner = None if who.may("users") else who.username
    found = exports.listed(context.store.records, owner, None if params.state is None else (params.state,), "series")
    return {"exports": [_body(export) for export in found[:1000]]}


def one(context: Context, params: ExportParams, who: Identity) -> ExportBody:
    """Raises NotFound, for another's too."""
    return _body(_own(context, params, who))


def _own(context: Context, params: ExportParams, who: Identity) -> Export:
    export = exports.find(context.store.records, params.export_id)
    if export.query.what != "series" or (export.owner != who.username and not who.may("users")):
        raise NotFound(f"There is no export '{params.export_id[:40]}'", export_id=params.export_id[:40])
    return export


def file(context: Context, params: ExportParams, who: Identity) -> Answer:
    """Raises NotFound, Conflict while it is not finished."""
    export = _own(context, params, who)
    path = exports.file_of(context.config.exports_dir, export)
    query = export.query
    name = f"series_{iso(query.start)[:10]}_{iso(query.end)[:10]}.{query.form}"
    checksum = (export.receipt or {}).get("sha256", "")
    headers = (("Content-Disposition", f'attachment; filename="{name}"'), ("X-Checksum-SHA256", checksum))
    return Answer(path.resolve(), media=MEDIA[query.form], headers=headers)


def cancel(context: Context, params: ExportParams, who: Identity) -> Answer:
    """Raises NotFound."""
    export = _own(context, params, who)
    exports.cancel(context.store.records, context.config.exports_dir, export.id, context.clock())
    return Answer(b"", 204)


_QUEUED = {
    "id": "8f14e45fceea167a5a36dedd",
    "state": "queued",
    "progress": 0.0,
    "rows": 0,
    "created": "2026-01-24T12:10:00Z",
    "started": None,
    "finished": None,
    "reason": "",
    "from": "2026-01-01T00:00:00Z",
    "to": "2026-01-24T00:00:00Z",
    "format": "csv.gz",
    "zone": "Asia/Taipei",
    "resolution_s": 60.0,
    "columns": 1,
    "file": None,
    "receipt": None,
}
_DONE = _QUEUED | {
    "state": "done",
    "progress": 1.0,
    "rows": 33120,
    "started": "2026-01-24T12:10:01Z",
    "finished": "2026-01-24T12:10:02.500Z",
    "file": "/api/v1/exports/8f14e45fceea167a5a36dedd/file",
    "receipt": {
        "export_id": "8f14e45fceea167a5a36dedd",
        "file": "8f14e45fceea167a5a36dedd.csv.gz",
        "bytes": 181204,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "rows": 33120,
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-24T00:00:00Z",
        "zone": "Asia/Taipei",
        "resolution_s": 60.0,
        "format": "csv.gz",
        "requested": "2026-01-24T12:10:00Z",
        "product": "0.1.0",
        "permalink": "/explore?device=bess01&metric=soc&from=1767225600000&to=1769212800000",
        "columns": [
            {
                "name": "bess01.soc (%)",
                "device_id": "bess01",
                "kind": "bess",
                "metric": "soc",
                "unit": "%",
                "aggregation": "mean",
                "filled": 33120,
                "coverage": 1.0,
            }
        ],
    },
}

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/exports",
        tag="exports",
        summary="Ask for a file of any length",
        call=order,
        body=Order,
        status=202,
        asks_who=True,
        access="export",
        reply=ExportBody,
        errors=(404, 409, 413, 415, 422),
        example=_QUEUED,
        body_example={
            "devices": ["bess01"],
            "metrics": ["soc"],
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-01-24T00:00:00Z",
            "resolution": "1m",
            "format": "csv.gz",
        },
        description="One row per instant, one column per device and metric. A job process makes one file at a time: ask until "
        "its `state` is done, then fetch `file`. Files are kept EXPORT_DAYS days and while all together take no more than EXPORTS_MB.",
    ),
    Operation(
        method="GET",
        path="/api/v1/exports",
        tag="exports",
        summary="The caller's exports, newest first",
        call=listed,
        params=ExportsParams,
        asks_who=True,
        access="export",
        reply=ExportsBody,
        errors=(422,),
        example={"exports": [_DONE]},
    ),
    Operation(
        method="GET",
        path="/api/v1/exports/{export_id}",
        tag="exports",
        summary="How far an export is",
        call=one,
        params=ExportParams,
        asks_who=True,
        access="export",
        reply=ExportBody,
        errors=(404,),
        example=_DONE,
        description="`state`: queued, running, done, failed (see `reason`), cancelled, expired. `receipt` describes the finished file.",
    ),
    Operation(
        method="GET",
        path="/api/v1/exports/{export_id}/file",
        tag="exports",
        summary="The finished file",
        call=file,
        params=ExportParams,
        asks_who=True,
        access="export",
        media=tuple(MEDIA.values()),
        errors=(404, 409),
        description="409 while it is not finished. Ranges may be asked for, so that a broken download can go on (not of plain CSV).",
    ),
    Operation(
        method="DELETE",
        path="/api/v1/exports/{export_id}",
        tag="exports",
        summary="Cancel an export, or remove a finished one",
        call=cancel,
        params=ExportParams,
        status=204,
        media=(),
        asks_who=True,
        access="export",
        errors=(404,),
    ),
)
