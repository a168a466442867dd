"""S2: a site's batteries as one fleet. The fleet is the BESS, racks and packs that are not part of another; powers are watts."""

from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Instant, Operation, window
from api.routes.pulsebms.telemetry import PERIODS, alarm_body
from api.routes.pulsebms.telemetry_bodies import TelemetryAlarmBody
from plant.analysis.ladder import PULSEBMS, to_pulsebms
from plant.analysis.outcome import Figure
from plant.model import Window
from plant.timeline import EARLIEST, LATEST, iso
from services.fleet import (
    FleetDevice,
    FleetSummary,
    check_site,
    figures,
    fleet_summary,
    performance,
    rounded,
    steering,
    summary_frame,
    watts,
)
from services.fleet_devices import STATUSES

Status = Literal["online", "offline", "error", "maintenance"]
Severity = Literal["info", "warning", "critical"]


class AnySite(BaseModel):
    """One site, or all together."""

    site_id: str | None = Field(None, description="all sites when not given", examples=["site_001"])


class SiteParams(BaseModel):
    """Which site."""

    site_id: str = Field(examples=["site_001"])


class DevicesParams(SiteParams):
    """Which batteries of a site, and which page of them."""

    status: Status | None = None
    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10_000_000)


class AlarmsParams(SiteParams):
    """Alarms of a site's devices: those that stand, or all that stood in a window."""

    start_time: Instant | None = None
    end_time: Instant | None = None
    severity: Severity | None = None
    limit: int = Field(1000, ge=1, le=10_000)


class PerformanceParams(SiteParams):
    """A site and how far to look back."""

    period: Literal["1h", "24h", "7d", "30d"] = "24h"


class FleetFiguresBody(TypedDict):
    total_devices: int
    online_devices: int
    total_capacity: float | None
    available_capacity: float | None
    total_power: float | None
    average_soc: float | None
    mean_soc: float | None
    average_soh: float | None
    active_alarms: int


class FleetMemberBody(TypedDict):
    device_id: str
    status: Status
    soc: float | None
    power: float | None
    alarm_count: int


class FleetOptimizationBody(TypedDict):
    active_policy: str | None
    performance_score: float | None
    next_update: str | None


class FleetStatusBody(TypedDict):
    type: Literal["fleet_status"]
    timestamp: str
    site_id: str | None
    summary: FleetFiguresBody
    devices: list[FleetMemberBody]
    optimization: FleetOptimizationBody


class FleetSummaryBody(FleetFiguresBody):
    site_id: str
    timestamp: str
    by_status: dict[Status, int]


class FleetBatteryBody(FleetMemberBody):
    name: str
    device_type: str
    soh: float | None
    capacity_kwh: float | None
    last_seen: str | None


class FleetDevicesBody(TypedDict):
    site_id: str
    devices: list[FleetBatteryBody]
    total: int
    limit: int
    offset: int


class FleetSiteAlarmBody(TelemetryAlarmBody):
    device_id: str


class FleetAlarmsBody(TypedDict):
    site_id: str
    alarms: list[FleetSiteAlarmBody]
    total: int
    by_severity: dict[Severity, int]


class FleetFigureBody(TypedDict):
    value: float | None
    reason: str


class FleetPerformanceBody(TypedDict):
    site_id: str
    period: str
    start_time: str
    end_time: str
    energy_discharged_kwh: float | None
    energy_charged_kwh: float | None
    coverage: float
    round_trip_efficiency: FleetFigureBody
    equivalent_cycles: FleetFigureBody
    availability: FleetFigureBody
    alarms_raised: int
    optimization: FleetOptimizationBody


def status(context: Context, params: AnySite) -> FleetStatusBody:
    """The fleet now, as the document's frame. Raises NotFound for an unknown site."""
    found: Any = summary_frame(_summary(context, params.site_id))
    return found  # type: ignore[no-any-return]


def _summary(context: Context, site_id: str | None) -> FleetSummary:
    return fleet_summary(context.store, site_id, context.clock(), (context.config.site_id,))


def summary(context: Context, params: SiteParams) -> FleetSummaryBody:
    """The fleet's figures now. Raises NotFound."""
    found = _summary(context, params.site_id)
    counts: Any = {name: found.by_status.get(name, 0) for name in STATUSES}
    at = iso(found.at - found.at % 1000)
    return {"site_id": params.site_id, "timestamp": at, **figures(found), "by_status": counts}  # type: ignore[typeddict-item]


def devices(context: Context, params: DevicesParams) -> FleetDevicesBody:
    """The fleet's batteries by id, page by page. Raises NotFound."""
    found = _summary(context, params.site_id).devices
    fitting = [one for one in found if params.status in (None, one.standing.status)]
    page = fitting[params.offset : params.offset + params.limit]
    return {
        "site_id": params.site_id,
        "devices": [_battery(one) for one in page],
        "total": len(fitting),
        "limit": params.limit,
        "offset": params.offset,
    }


def _battery(one: FleetDevice) -> FleetBatteryBody:
    device, stands = one.device, one.standing
    return {
        "device_id": device.device_id,
        "name": device.name or device.device_id,
        "device_type": str(device.info.get("device_type") or device.kind),
        "status": stands.status,  # type: ignore[typeddict-item]
        "soc": stands.soc,
        "soh": stands.soh,
        "power": watts(one.power),
        "capacity_kwh": rounded(one.capacity),
        "alarm_count": one.alarm_count,
        "last_seen": None if stands.last_seen is None else iso(stands.last_seen),
    }


def alarms(context: Context, params: AlarmsParams) -> FleetAlarmsBody:
    """Alarms of all devices of a site, newest first. Raises NotFound, Invalid."""
    check_site(context.store, params.site_id, (context.config.site_id,))
    span: Window | None = None
    states: tuple[str, ...] = ("active", "acknowledged")
    if params.start_time is not None or params.end_time is not None:
        start = EARLIEST if params.start_time is None else params.start_time
        span = window(start, LATEST if params.end_time is None else params.end_time, ("start_time", "end_time"))
        states = (*states, "cleared")
    own = {device.device_id for device in context.store.records.devices() if device.site_id == params.site_id}
    found = [
        alarm
        for alarm in context.store.records.alarms(states, span, limit=100_000)
        if alarm.device_id in own and params.severity in (None, to_pulsebms(alarm.severity))
    ]
    counts: Any = {name: sum(to_pulsebms(alarm.severity) == name for alarm in found) for name in PULSEBMS}
    shown: list[FleetSiteAlarmBody] = [{"device_id": alarm.device_id, **alarm_body(alarm)} for alarm in found[: params.limit]]
    return {"site_id": params.site_id, "alarms": shown, "total": len(found), "by_severity": counts}


def performed(context: Context, params: PerformanceParams) -> FleetPerformanceBody:
    """How the fleet did lately; a figure that cannot be formed is null, with the reason. Raises NotFound."""
    now = context.clock()
    span = Window(now - PERIODS[params.period], now)
    found = performance(context.store, params.site_id, span, now, (context.config.site_id,))
    steered: Any = steering(found.optimization)
    return {
        "site_id": params.site_id,
        "period": params.period,
        "start_time": iso(span.start),
        "end_time": iso(span.end),
        "energy_discharged_kwh": found.energies.discharged,
        "energy_charged_kwh": found.energies.charged,
        "coverage": rounded(found.coverage) or 0.0,
        "round_trip_efficiency": _figure(found.round_trip),
        "equivalent_cycles": _figure(found.cycles),
        "availability": _figure(found.availability),
        "alarms_raised": found.alarms_raised,
        "optimization": steered,
    }


def _figure(figure: Figure) -> FleetFigureBody:
    return {"value": rounded(figure.value), "reason": figure.reason}


STATUS_EXAMPLE = {
    "type": "fleet_status",
    "timestamp": "2024-01-15T14:30:00Z",
    "site_id": "site_001",
    "summary": {
        "total_devices": 12,
        "online_devices": 11,
        "total_capacity": 850.5,
        "available_capacity": 678.2,
        "total_power": -45680.0,
        "average_soc": 72.3,
        "mean_soc": 71.9,
        "average_soh": 86.7,
        "active_alarms": 3,
    },
    "devices": [{"device_id": "battery_pack_001", "status": "online", "soc": 67.5, "power": -10126.0, "alarm_count": 1}],
    "optimization": {"active_policy": "RL_v2.1", "performance_score": 0.94, "next_update": "2024-01-15T14:40:00Z"},
}
_WHAT = (
    "The fleet is the BESS, racks and packs that are not part of another battery. Capacities are kWh: `available_capacity` is what can be "
    "discharged now, Σ E·SOH·SOC of those that are heard and not in maintenance. `average_soc` and `average_soh` are weighted by energy, "
    "`mean_soc` is arithmetic. What a silent battery said last does not count. `performance_score` is 1 − |P − P_allocated| / "
    "|P_allocated|, at least 0, while an allocation is in force."
)


def _site(what: str, text: str, call: Any, params: type[BaseModel], reply: Any, **more: Any) -> Operation:
    return Operation(
        method="GET",
        path=f"/api/v1/fleet/{{site_id}}/{what}",
        tag="fleet",
        summary=text,
        call=call,
        params=params,
        reply=reply,
        errors=(404, 422),
        **more,
    )


def _all(path: str) -> Operation:
    return Operation(
        method="GET",
        path=path,
        tag="fleet",
        summary="The fleet of all sites now, or of one",
        call=status,
        params=AnySite,
        reply=FleetStatusBody,
        example=STATUS_EXAMPLE,
        errors=(404, 422),
        description=_WHAT,
    )


OPERATIONS = (
    _all("/api/v1/fleet/status"),
    _all("/fleet/status"),
    _site("status", "The fleet of a site now", status, SiteParams, FleetStatusBody, example=STATUS_EXAMPLE, description=_WHAT),
    _site("summary", "The fleet's figures now", summary, SiteParams, FleetSummaryBody, description=_WHAT),
    _site("devices", "The fleet's batteries, page by page", devices, DevicesParams, FleetDevicesBody),
    _site("alarms", "Alarms of all devices of a site", alarms, AlarmsParams, FleetAlarmsBody),
    _site(
        "performance",
        "Energies, efficiency and availability of a fleet over the last hour, day, week or month",
        performed,
        PerformanceParams,
        FleetPerformanceBody,
        description="Energies from the minute means of each battery's power. `round_trip_efficiency` [%] after PNNL-22010, corrected for "
        "the change of charge; `equivalent_cycles` is Σ|ΔE| / 2·E; `availability` the share of time the batteries were heard, weighted by "
        "energy.",
    ),
)
