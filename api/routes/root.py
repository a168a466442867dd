"""What the service says of itself: info, health in the shapes of all documents, Prometheus figures."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from typing_extensions import TypedDict

from api.contract import PUBLIC, SERVICE, VERSION, Answer, Context, Operation
from datastore.sources import Federated
from datastore.store import Store
from plant.errors import PlantError
from plant.timeline import iso

SILENT_AFTER_S = 60
"""A device counts as active while its newest reading is younger than this, or than three of its intervals."""
_REDIS = "redis:"
"""How a source begins the names of its Redis instances."""


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


class SpoolBody(TypedDict):
    """`status`: empty, filling (the store takes no readings, `reason` says why) or draining; bytes on disk, age of the oldest reading."""

    status: str
    reason: str
    readings: int
    bytes: int
    limit_bytes: int
    oldest_age_s: float | None
    refused: int
    damaged: int


class InfrastructureBody(TypedDict):
    databases: DatabasesBody
    spool: SpoolBody | None
    redis: DatabasesBody


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
    """Why the store does not answer; empty when it does. When the intake has found that out it is not asked again: who asks about
    health must not wait for a server that is frozen."""
    if cause := context.store.intake.backlog.cause:
        return cause
    try:
        context.store.records.ping()
        context.store.telemetry.ping()
    except PlantError as error:
        return error.message
    except Exception as error:  # a driver's own exception: down is down, whatever it is called
        return f"{type(error).__name__}: {error}"
    return ""


def redis_fault(context: Context) -> str | None:
    """Why Redis does not answer; empty when it does, None when there is none."""
    return None if context.redis is None else context.redis.ping()


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
    """S1's shape; only what is configured is listed, `spool` is null without one."""
    fault, away, spool = store_fault(context), redis_fault(context), spool_state(context)
    database = _database_message(fault, spool)
    answering = elsewhere(context)
    parts = {part: answers for part, answers in answering.items() if not part.startswith(_REDIS)}
    caches = {part.removeprefix(_REDIS): answers for part, answers in answering.items() if part.startswith(_REDIS)}
    databases: DatabasesBody = {
        "status": "unhealthy" if fault or (spool and spool["reason"]) else "healthy" if all(parts.values()) else "degraded",
        "connections": {"main": not fault, **parts},
    }
    faults = [database] if database else []
    if silent := sorted(part for part, answers in answering.items() if not answers):
        faults.append(f"What is read elsewhere does not answer: {', '.join(silent)}")
    faults += [f"{name} does not answer: {fault_now}" for name, fault_of in context.gauges.parts.items() if (fault_now := fault_of())]
    if away:
        faults.append(f"Redis does not answer, so this process goes on by itself: {away}")
    return {
        "status": "degraded" if faults else "healthy",
        "service": SERVICE,
        "version": VERSION,
        "infrastructure": {"databases": databases, "spool": spool, "redis": _redis(away, caches)},
        "message": ". ".join(faults) or "All systems operational",
    }


def _redis(away: str | None, caches: Mapping[str, bool]) -> DatabasesBody:
    """Every Redis there is: those of a SolarHub by its names (main, gtr), and the one that processes share."""
    connections = dict(caches)
    if away is not None:
        connections["shared" if "main" in caches else "main"] = not away
    answer = list(connections.values())
    status = "healthy" if all(answer) else "degraded" if any(answer) else "unhealthy"
    return {"status": status if answer else "not configured", "connections": connections}


def elsewhere(context: Context) -> dict[str, bool]:
    """The parts of what is read beside the store, and whether each answers."""
    telemetry = context.store.telemetry
    return telemetry.connections() if isinstance(telemetry, Federated) else {}


def spool_state(context: Context) -> SpoolBody | None:
    """How the spool stands; None without one."""
    intake = context.store.intake
    backlog, oldest = intake.backlog, intake.oldest_spooled()
    if not (backlog.limit_bytes or backlog.waiting):
        return None
    return {
        "status": "empty" if not backlog.waiting else "filling" if backlog.cause else "draining",
        "reason": backlog.cause,
        "readings": backlog.waiting,
        "bytes": backlog.bytes,
        "limit_bytes": backlog.limit_bytes,
        "oldest_age_s": None if oldest is None else round(max(0, context.clock() - oldest) / 1000, 3),
        "refused": backlog.refused,
        "damaged": backlog.damaged,
    }


def _database_message(fault: str, spool: SpoolBody | None) -> str:
    """What is wrong with the database and what waits for it; empty when all is well."""
    waiting = f"{spool['readings']} readings wait in the spool" if spool and spool["readings"] else ""
    reason = spool["reason"] if spool else ""
    if fault or reason:
        wrong = f"The database does not answer: {fault}" if fault else f"The database takes no readings: {reason}"
        return f"{wrong}; {waiting}" if waiting else wrong
    return f"{waiting} and are being taken over" if waiting else ""


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
    away = redis_fault(context)
    minute = context.gauges.minute()
    return {
        "status": "unhealthy" if fault else "healthy",
        "version": VERSION,
        "timestamp": iso(context.clock()),
        "uptime_seconds": round(context.gauges.uptime_s, 3),
        "services": {"database": "unhealthy" if fault or context.store.intake.backlog.cause else "healthy"}
        | ({} if away is None else {"redis": "unhealthy" if away else "healthy"})
        | {name: "unhealthy" if fault_of() else "healthy" for name, fault_of in context.gauges.parts.items()},
        "metrics": {
            "active_devices": 0 if fault else active_devices(context.store, context.clock()),
            "messages_per_second": minute.messages_per_second,
            "response_time_ms": minute.response_time_ms,
            "error_rate": minute.error_rate,
        },
    }


def active_devices(store: Store, now: int) -> int:
    """How many devices spoke lately, at `now` [epoch ms]."""
    intervals = {(d.device_id, d.kind): d.interval_s for d in store.records.devices()}
    return sum(now - newest.at <= 1000 * max(SILENT_AFTER_S, 3 * intervals.get(key, 0)) for key, newest in store.telemetry.latest().items())


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
            "infrastructure": {
                "databases": {"status": "healthy", "connections": {"main": True}},
                "spool": {
                    "status": "empty",
                    "reason": "",
                    "readings": 0,
                    "bytes": 0,
                    "limit_bytes": 536_870_912,
                    "oldest_age_s": None,
                    "refused": 0,
                    "damaged": 0,
                },
                "redis": {"status": "healthy", "connections": {"main": True}},
            },
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
        method="GET",
        path="/api/v1/health",
        tag="service",
        summary="Health with figures",
        call=measured,
        reply=MeasuredBody,
        access=PUBLIC,
        example={
            "status": "healthy",
            "version": "1.0.0",
            "timestamp": "2024-01-15T14:30:00Z",
            "uptime_seconds": 86400,
            "services": {"database": "healthy", "mqtt": "healthy", "redis": "healthy", "digital_twin": "healthy"},
            "metrics": {"active_devices": 147, "messages_per_second": 234.5, "response_time_ms": 12.3, "error_rate": 0.001},
        },
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
