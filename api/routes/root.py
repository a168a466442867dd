"""What the service says of itself: info, health in the shapes of all documents, Prometheus figures."""

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from typing_extensions import TypedDict

from api.contract import PUBLIC, SERVICE, VERSION, Answer, Context, Operation
from plant.errors import PlantError
from plant.timeline import iso

SILENT_AFTER_S = 60
"""A device counts as active while its newest reading is younger than this, or than three of its intervals."""


class InfoBody(TypedDict):
    service: str
    version: str
    docs: str
    status: str
    endpoints: dict[str, str]


class HealthBody(TypedDict):
    status: str
    service: str
    version: str
    timestamp: str
    database: str


class LiveBody(TypedDict):
    status: str


class ReadyBody(TypedDict, total=False):
    status: str
    reason: str


class DatabasesBody(TypedDict):
    status: str
    connections: dict[str, bool]


class InfrastructureBody(TypedDict):
    databases: DatabasesBody
    redis: DatabasesBody | None


class DetailedBody(TypedDict):
    status: str
    service: str
    version: str
    infrastructure: InfrastructureBody
    message: str


class ShortBody(TypedDict):
    status: str
    db: str


class FiguresBody(TypedDict):
    active_devices: int
    messages_per_second: float
    response_time_ms: float | None
    error_rate: float


class MeasuredBody(TypedDict):
    status: str
    version: str
    timestamp: str
    uptime_seconds: float
    services: dict[str, str]
    metrics: FiguresBody


def store_fault(context: Context) -> str:
    """Why the store does not answer; empty when it does."""
    try:
        context.store.records.ping()
    except PlantError as error:
        return error.message
    except Exception as error:  # a driver's own exception: down is down, whatever it is called
        return f"{type(error).__name__}: {error}"
    return ""


def info(context: Context, params: None) -> InfoBody:
    """The JSON face of `/`: the union of what the documents' services say of themselves."""
    endpoints = {f"{op.method} {op.path}": op.summary for op in context.operations}
    endpoints["WS /ws/{client_id}"] = "Live frames, telemetry and alerts over one WebSocket"
    return {"service": SERVICE, "version": VERSION, "docs": "/docs", "status": "running", "endpoints": endpoints}


def health(context: Context, params: None) -> HealthBody:
    """200 as long as the process runs."""
    return {
        "status": "healthy",
        "service": SERVICE,
        "version": VERSION,
        "timestamp": iso(context.clock()),
        "database": "disconnected" if store_fault(context) else "connected",
    }


def live(context: Context, params: None) -> LiveBody:
    """The process is alive."""
    return {"status": "alive"}


def ready(context: Context, params: None) -> Answer:
    """Whether requests can be answered: 503 while the store is down."""
    fault = store_fault(context)
    return Answer({"status": "not ready", "reason": fault}, 503, headers=(("Retry-After", "5"),)) if fault else Answer({"status": "ready"})


def detailed(context: Context, params: None) -> DetailedBody:
    """S1's shape; only what is configured is listed, `redis` is null without one."""
    fault = store_fault(context)
    databases: DatabasesBody = {"status": "unhealthy" if fault else "healthy", "connections": {"main": not fault}}
    return {
        "status": "degraded" if fault else "healthy",
        "service": SERVICE,
        "version": VERSION,
        "infrastructure": {"databases": databases, "redis": None},
        "message": f"The database does not answer: {fault}" if fault else "All systems operational",
    }


def short(context: Context, params: None) -> Answer:
    """S4's health check."""
    return (
        Answer({"status": "OK", "db": "DOWN"}, 503, headers=(("Retry-After", "5"),))
        if store_fault(context)
        else Answer({"status": "OK", "db": "OK"})
    )


def measured(context: Context, params: None) -> MeasuredBody:
    """S2's shape, every figure measured over the last minute."""
    fault = store_fault(context)
    minute = context.gauges.minute()
    return {
        "status": "unhealthy" if fault else "healthy",
        "version": VERSION,
        "timestamp": iso(context.clock()),
        "uptime_seconds": round(context.gauges.uptime_s, 3),
        "services": {"database": "unhealthy" if fault else "healthy"},
        "metrics": {
            "active_devices": 0 if fault else _active(context),
            "messages_per_second": minute.messages_per_second,
            "response_time_ms": minute.response_time_ms,
            "error_rate": minute.error_rate,
        },
    }


def _active(context: Context) -> int:
    now = context.clock()
    intervals = {(d.device_id, d.kind): d.interval_s for d in context.store.records.devices()}
    return sum(
        now - newest.at <= 1000 * max(SILENT_AFTER_S, 3 * intervals.get(key, 0)) for key, newest in context.store.telemetry.latest().items()
    )


def exposition(context: Context, params: None) -> Answer:
    """Prometheus text."""
    return Answer(context.gauges.exposition(), media=CONTENT_TYPE_LATEST)


_EXAMPLE: dict[str, Any] = {"service": SERVICE, "version": VERSION}

OPERATIONS = (
    Operation(
        method="GET",
        path="/",
        tag="service",
        summary="Service info for programs; browsers get the dashboard",
        call=info,
        reply=InfoBody,
        access=PUBLIC,
        quota="",
        native=True,
        example={**_EXAMPLE, "docs": "/docs", "status": "running", "endpoints": {}},
    ),
    Operation(
        method="GET",
        path="/health",
        tag="service",
        summary="Is the process running",
        call=health,
        reply=HealthBody,
        access=PUBLIC,
        quota="",
        example={"status": "healthy", **_EXAMPLE, "timestamp": "2026-01-24T12:10:00Z", "database": "connected"},
    ),
    Operation(
        method="GET",
        path="/health/live",
        tag="service",
        summary="Liveness probe",
        call=live,
        reply=LiveBody,
        access=PUBLIC,
        quota="",
        example={"status": "alive"},
    ),
    Operation(
        method="GET",
        path="/health/ready",
        tag="service",
        summary="Readiness probe",
        call=ready,
        reply=ReadyBody,
        access=PUBLIC,
        quota="",
        example={"status": "ready"},
        errors=(503,),
    ),
    Operation(
        method="GET",
        path="/health/detailed",
        tag="service",
        summary="State of every part",
        call=detailed,
        reply=DetailedBody,
        access=PUBLIC,
        quota="",
        example={
            "status": "healthy",
            **_EXAMPLE,
            "infrastructure": {"databases": {"status": "healthy", "connections": {"main": True}}, "redis": None},
            "message": "All systems operational",
        },
    ),
    Operation(
        method="GET",
        path="/api/health",
        tag="service",
        summary="Health of API and database",
        call=short,
        reply=ShortBody,
        access=PUBLIC,
        example={"status": "OK", "db": "OK"},
        errors=(503,),
    ),
    Operation(
        method="GET", path="/api/v1/health", tag="service", summary="Health with figures", call=measured, reply=MeasuredBody, access=PUBLIC
    ),
    Operation(
        method="GET",
        path="/metrics",
        tag="service",
        summary="Figures for Prometheus",
        call=exposition,
        reply=str,
        media=(CONTENT_TYPE_LATEST,),
        quota="",
    ),
)
