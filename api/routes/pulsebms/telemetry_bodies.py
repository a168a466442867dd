"""S2: what telemetry looks like at this door, in and out; the document's own examples."""

from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.collectors.pulsebms_message import MOST_ALARMS
from api.contract import INSTANT_SCHEMA, Instant
from datastore.vetting import LARGEST
from plant.analysis.ladder import PULSEBMS
from plant.timeline import LATEST
from services.pack_metrics import MEASUREMENTS

Resolution = Literal["raw", "minute", "hour", "day"]
MetricName = Literal["voltage", "current", "power", "temperature", "soc", "soh"]
Severity = Literal["info", "warning", "critical"]
MOST_ROWS = 100_000
"""Rows or buckets one answer may hold."""
ROWS = 10_000


class StoreParams(BaseModel):
    """No parameters."""


class SendParams(BaseModel):
    """Whose message it is; the body may repeat it."""

    device_id: str = Field(examples=["battery_pack_001"])


class WindowParams(SendParams):
    """A device and a window: `start_time` inclusive, `end_time` exclusive; the last 24 h where they are not given."""

    start_time: Instant | None = None
    end_time: Instant | None = None


class HistoryParams(WindowParams):
    """What to show of it. Raw readings come in pages of `limit`."""

    resolution: Resolution = "hour"
    metrics: list[MetricName] | None = Field(None, description="several times, or separated by commas; all when not given")
    limit: int = Field(ROWS, ge=1, le=MOST_ROWS, description="rows of one page of raw readings")
    cursor: int | None = Field(None, ge=0, le=LATEST, description="`next` of the page before")


class SummaryParams(SendParams):
    """A device and how far to look back."""

    period: Literal["1h", "24h", "7d", "30d"] = "24h"


class AlarmParams(WindowParams):
    """Alarms of a device that stood in a window; without one, all there were."""

    severity: Severity | None = None
    limit: int = Field(1000, ge=1, le=10_000)


class _TelemetryStoredBody(TypedDict):
    status: Literal["success"]
    device_id: str
    timestamp: str
    stored: int
    duplicates: int


class TelemetryStoredBody(_TelemetryStoredBody, total=False):
    ignored: list[str]


class TelemetrySpooledBody(TypedDict):
    spooled: int
    device_id: str


class TelemetryStatisticsBody(TypedDict):
    min: float | None
    max: float | None
    avg: float | None
    std: float | None


class _TelemetryMetricsBody(TypedDict):
    timestamps: list[str]


class TelemetryMetricsBody(_TelemetryMetricsBody, total=False):
    voltage: list[float | None]
    current: list[float | None]
    power: list[float | None]
    temperature: list[float | None]
    soc: list[float | None]
    soh: list[float | None]


class _TelemetryHistoryBody(TypedDict):
    device_id: str
    start_time: str
    end_time: str
    resolution: Resolution
    data_points: int
    metrics: TelemetryMetricsBody
    statistics: dict[MetricName, TelemetryStatisticsBody]


class TelemetryHistoryBody(_TelemetryHistoryBody, total=False):
    next: int | None


class TelemetryCellsBody(TypedDict):
    count: int
    voltages: list[float | None] | None
    temperatures: list[float | None] | None
    balancing_status: list[float | None] | None


class TelemetryLatestBody(TypedDict):
    device_id: str
    site_id: str
    timestamp: str
    age_s: float
    measurements: dict[str, float | None]
    cells: TelemetryCellsBody | None
    operational_state: str | None
    alarm_flags: list[str]


class TelemetryEnergyBody(TypedDict):
    discharged_kwh: float | None
    charged_kwh: float | None
    coverage: float


class TelemetrySummaryBody(TypedDict):
    device_id: str
    period: str
    start_time: str
    end_time: str
    readings: int
    statistics: dict[MetricName, TelemetryStatisticsBody]
    energy: TelemetryEnergyBody
    alarms: int


class TelemetryAlarmBody(TypedDict):
    alarm_id: int | None
    code: str
    severity: Severity
    state: str
    message: str
    value: float | None
    threshold: float | None
    timestamp: str
    cleared: str | None
    acknowledged_by: str


class TelemetryAlarmsBody(TypedDict):
    device_id: str
    alarms: list[TelemetryAlarmBody]
    total: int


_STAMP = INSTANT_SCHEMA
_ID = {"type": ["string", "null"], "minLength": 1, "maxLength": 128, "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$"}
_QUANTITY = {"anyOf": [{"type": "number", "minimum": -LARGEST, "maximum": LARGEST}, {"type": "null"}]}
_PERCENT = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 100}, {"type": "null"}]}
_MEASURED = {name: _PERCENT if name in ("soc", "soh") else _QUANTITY for name in (*MEASUREMENTS, "internal_resistance")}
_VECTOR = {"type": ["array", "null"], "minItems": 1, "maxItems": 10_000, "items": {"anyOf": [_QUANTITY, {"type": "boolean"}]}}
_CODE = {"type": "string", "minLength": 1, "maxLength": 100}
_LABEL = {"type": ["string", "null"], "maxLength": 128}
_ALARM = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": _CODE,
        "severity": {"type": ["string", "null"], "enum": [*PULSEBMS, "", None]},
        "message": {"type": ["string", "null"], "maxLength": 1000},
        "data": {"description": "an object: `threshold` and one other quantity become the alarm's limit and value"},
    },
}
_ALARMS = {"type": ["array", "null"], "maxItems": MOST_ALARMS, "items": {"anyOf": [_CODE, _ALARM]}}
_FLAGS: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "active_count": {"description": "the lists tell it themselves"},
        "flags": _ALARMS,
        "details": _ALARMS,
    },
}
FLAT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "`device_id` may be left out where the path names it",
    "required": ["timestamp", "measurements"],
    "properties": {
        "device_id": _ID,
        "timestamp": _STAMP,
        "measurements": {"type": "object", "properties": _MEASURED, "description": "V, A, W, °C, %"},
        "alarms": {"anyOf": [_ALARMS, _FLAGS]},
        "warnings": _ALARMS,
    },
}
MESSAGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["timestamp", "measurements"],
    "properties": {
        "timestamp": _STAMP,
        "device_info": {
            "type": ["object", "null"],
            "description": "`device_id` may be left out where the path names it",
            "properties": {
                "device_id": _ID,
                "site_id": _LABEL,
                "firmware_version": _LABEL,
            },
        },
        "measurements": {
            "type": "object",
            "properties": {
                "pack": {"type": ["object", "null"], "properties": _MEASURED},
                "cells": {
                    "type": ["object", "null"],
                    "properties": {
                        "count": {"description": "the arrays tell it themselves"},
                        "voltages": _VECTOR,
                        "temperatures": _VECTOR,
                        "balancing_status": _VECTOR,
                    },
                },
            },
        },
        "status": {
            "type": ["object", "null"],
            "properties": {
                "operational_state": _LABEL,
                "communication_quality": _QUANTITY,
                "last_command_id": _LABEL,
            },
        },
        "alarms": {"anyOf": [_ALARMS, _FLAGS]},
    },
}
BODY_SCHEMA: dict[str, Any] = {"anyOf": [FLAT_SCHEMA, MESSAGE_SCHEMA]}
FLAT_EXAMPLE = {
    "device_id": "battery_pack_001",
    "timestamp": "2024-01-15T14:30:15.123Z",
    "measurements": {"soc": 67.5, "soh": 87.2, "voltage": 400.5, "current": -25.3, "temperature": 23.7, "power": -10126.5},
    "alarms": [],
    "warnings": ["high_temp_warning"],
}
MESSAGE_EXAMPLE = {
    "schema_version": "1.0",
    "timestamp": "2024-01-15T14:30:15.123Z",
    "sequence_number": 12345,
    "device_info": {"device_id": "battery_pack_001", "site_id": "site_001", "firmware_version": "1.2.3"},
    "measurements": {
        "pack": {
            "voltage": 400.5,
            "current": -25.3,
            "power": -10126.5,
            "temperature": 23.7,
            "soc": 67.5,
            "soh": 87.2,
            "internal_resistance": 0.045,
        },
        "cells": {"count": 144, "voltages": [3.45, 3.46, 3.44], "temperatures": [23.1, 23.9, 22.8], "balancing_status": [0, 1, 0]},
    },
    "status": {"operational_state": "charging", "communication_quality": 0.98, "last_command_id": "cmd_67890", "uptime_seconds": 86400},
    "alarms": {
        "active_count": 1,
        "flags": ["high_temp_warning"],
        "details": [
            {
                "code": "TEMP_001",
                "severity": "warning",
                "message": "Cell temperature above warning threshold",
                "data": {"cell_number": 42, "temperature": 57.2, "threshold": 55.0},
            }
        ],
    },
}
STORED_EXAMPLE = {
    "status": "success",
    "device_id": "battery_pack_001",
    "timestamp": "2024-01-15T14:30:15.123Z",
    "stored": 1,
    "duplicates": 0,
}
HISTORY_EXAMPLE = {
    "device_id": "battery_pack_001",
    "start_time": "2024-01-15T13:00:00Z",
    "end_time": "2024-01-15T15:00:00Z",
    "resolution": "hour",
    "data_points": 2,
    "metrics": {"timestamps": ["2024-01-15T13:00:00Z", "2024-01-15T14:00:00Z"], "voltage": [400.5, 401.5]},
    "statistics": {"voltage": {"min": 400.0, "max": 402.0, "avg": 401.0, "std": 0.707106781187}},
}
