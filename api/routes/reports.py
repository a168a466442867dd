"""Reports: a month of the site as PDF, made by the job process."""

from typing import Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Answer, Context, Operation
from plant.errors import Forbidden
from plant.timeline import iso
from services import exports, paper, pictures, reports
from services.access import Identity
from services.exports import Export, Report

PDF = "application/pdf"


class ReportOrder(BaseModel):
    """Which month of the site's calendar, in which language."""

    month: str = Field(examples=["2026-01"], min_length=7, max_length=7)
    language: Literal["en", "zh-TW", "es"] = "en"
    charts: bool = Field(
        True, strict=True, description="charts are drawn by Chromium; false makes a report without them where there is none"
    )


class ReportParams(BaseModel):
    """One report."""

    report_id: str = Field(examples=["report-2026-01-en"])


_Span = TypedDict("_Span", {"from": str, "to": str})


class ReportReceipt(_Span, total=False):
    """What the file is; it lies beside it as JSON too."""

    export_id: str
    file: str
    bytes: int
    sha256: str
    zone: str
    format: str
    requested: str
    product: str
    month: str
    language: str
    charts: int
    pages: int
    mailed: str


class ReportBody(_Span):
    id: str
    month: str
    language: str
    state: str
    progress: float
    planned: bool
    owner: str
    created: str
    finished: str | None
    reason: str
    zone: str
    file: str | None
    receipt: ReportReceipt | None


class ReportsBody(TypedDict):
    reports: list[ReportBody]


def _body(export: Export) -> ReportBody:
    asked = export.query
    assert isinstance(asked, Report)
    return {
        "id": export.id,
        "month": reports.name_of(asked),
        "language": asked.lang,
        "state": export.state,
        "progress": round(export.progress, 4),
        "planned": asked.planned,
        "owner": export.owner,
        "created": iso(export.created),
        "finished": None if export.finished is None else iso(export.finished),
        "reason": export.reason,
        "from": iso(asked.start),
        "to": iso(asked.end),
        "zone": asked.zone,
        "file": f"/api/v1/reports/{export.id}/file" if export.state == "done" else None,
        "receipt": export.receipt,  # type: ignore[typeddict-item]  # kept as dashboard.report made it
    }


def order(context: Context, params: None, body: ReportOrder, who: Identity) -> Answer:
    """Raises Invalid, Conflict, Unavailable (no Chromium, or no font for the language), Forbidden."""
    _whole_site(who)
    window = reports.month_of(body.month, context.store)
    if body.charts:
        pictures.browser(context.config.browser_path)
    paper.check_fonts(body.language)
    export = reports.submit(context.store, who.username, window, body.language, body.charts)
    return Answer(_body(export), 202, headers=(("Location", f"/api/v1/reports/{export.id}"),))


def listed(context: Context, params: None, who: Identity) -> ReportsBody:
    """All of the site's, newest first."""
    _whole_site(who)
    return {"reports": [_body(export) for export in exports.listed(context.store.records, None, what="report")]}


def one(context: Context, params: ReportParams, who: Identity) -> ReportBody:
    """Raises NotFound, Forbidden."""
    _whole_site(who)
    return _body(reports.find(context.store.records, params.report_id))


def file(context: Context, params: ReportParams, who: Identity) -> Answer:
    """Raises NotFound, Forbidden, Conflict while it is not finished."""
    _whole_site(who)
    export = reports.find(context.store.records, params.report_id)
    path = exports.file_of(context.config.exports_dir, export)
    name = reports.file_name(export, context.config.site_id)
    checksum = str((export.receipt or {}).get("sha256", ""))
    headers = (("Content-Disposition", f'attachment; filename="{name}"'), ("X-Checksum-SHA256", checksum))
    return Answer(path.resolve(), media=PDF, headers=headers)


def remove(context: Context, params: ReportParams, who: Identity) -> Answer:
    """Raises NotFound, Forbidden: one's own, and for administrators any."""
    _whole_site(who)
    export = reports.find(context.store.records, params.report_id)
    if not who.may("users") and (export.owner != who.username or isinstance(export.query, Report) and export.query.planned):
        raise Forbidden("Only who asked for a report, or an administrator, may remove it")
    exports.cancel(context.store.records, context.config.exports_dir, export.id, context.clock())
    return Answer(b"", 204)


def _whole_site(who: Identity) -> None:
    """A report shows the whole plant: a key for some devices has none."""
    if who.limited_to is not None:
        raise Forbidden("A report shows the whole site; this key speaks for some of its devices")


_QUEUED = {
    "id": "8f14e45fceea167a5a36dedd",
    "month": "2026-01",
    "language": "en",
    "state": "queued",
    "progress": 0.0,
    "planned": False,
    "owner": "ann",
    "created": "2026-01-24T12:10:00Z",
    "finished": None,
    "reason": "",
    "from": "2025-12-31T16:00:00Z",
    "to": "2026-01-31T16:00:00Z",
    "zone": "Asia/Taipei",
    "file": None,
    "receipt": None,
}
_DONE = _QUEUED | {
    "state": "done",
    "progress": 1.0,
    "finished": "2026-01-24T12:10:07Z",
    "file": "/api/v1/reports/8f14e45fceea167a5a36dedd/file",
    "receipt": {
        "export_id": "8f14e45fceea167a5a36dedd",
        "file": "8f14e45fceea167a5a36dedd.pdf",
        "bytes": 337235,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "from": "2025-12-31T16:00:00Z",
        "to": "2026-01-31T16:00:00Z",
        "zone": "Asia/Taipei",
        "format": "pdf",
        "requested": "2026-01-24T12:10:00Z",
        "product": "0.1.0",
        "month": "2026-01",
        "language": "en",
        "charts": 5,
        "pages": 5,
    },
}

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/reports",
        tag="exports",
        summary="Ask for the report of a month",
        call=order,
        body=ReportOrder,
        status=202,
        asks_who=True,
        access="export",
        reply=ReportBody,
        errors=(403, 409, 413, 415, 422, 503),
        example=_QUEUED,
        body_example={"month": "2026-01", "language": "en"},
        description="A PDF of one month of the site's calendar: energy and efficiency, income, execution rate, availability, batteries, "
        "alarms, coverage. Made by the job process: ask until its `state` is done. 503 names the package that is missing: `chromium` for "
        "charts, `fonts-noto-cjk` for zh-TW. The newest REPORTS_KEPT are kept.",
    ),
    Operation(
        method="GET",
        path="/api/v1/reports",
        tag="exports",
        summary="The reports of the site, newest first",
        call=listed,
        asks_who=True,
        access="export",
        reply=ReportsBody,
        errors=(403,),
        example={"reports": [_DONE]},
        description="Also those that are made by themselves when a month is over (REPORT_LANGUAGES): `planned`.",
    ),
    Operation(
        method="GET",
        path="/api/v1/reports/{report_id}",
        tag="exports",
        summary="How far a report is",
        call=one,
        params=ReportParams,
        asks_who=True,
        access="export",
        reply=ReportBody,
        errors=(403, 404),
        example=_DONE,
    ),
    Operation(
        method="GET",
        path="/api/v1/reports/{report_id}/file",
        tag="exports",
        summary="The finished PDF",
        call=file,
        params=ReportParams,
        asks_who=True,
        access="export",
        media=(PDF,),
        errors=(403, 404, 409),
    ),
    Operation(
        method="DELETE",
        path="/api/v1/reports/{report_id}",
        tag="exports",
        summary="Cancel a report, or remove a finished one",
        call=remove,
        params=ReportParams,
        status=204,
        media=(),
        asks_who=True,
        access="export",
        errors=(403, 404),
    ),
)
