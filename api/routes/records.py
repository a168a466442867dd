"""Devices' newest values and the catalogue: the small native reads."""

import math
from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from datastore.ports import Latest
from plant.errors import DeviceNotFound, NotFound
from plant.metrics import CATALOGUE, Metric
from plant.model import Quality
from plant.timeline import iso


class DeviceParams(BaseModel):
    """Which device; `kind` tells apart the kinds one id may have."""

    device_id: str = Field(examples=["bess01"])
    kind: str | None = Field(None, examples=["bess"])


class MetricBody(TypedDict):
    name: str
    unit: str
    kinds: list[str]
    shape: str
    aggregation: str
    decimals: int
    label: dict[str, str]
    valid: list[float | None]
    normal: list[float | None]
    alarm: list[float | None]
    states: dict[str, str]


class CatalogueBody(TypedDict):
    metrics: list[MetricBody]


class NewestBody(TypedDict):
    device_id: str
    kind: str
    timestamp: str
    age_s: float
    quality: list[str]
    values: dict[str, Any]


def catalogue(context: Context, params: None) -> CatalogueBody:
    """Every quantity this product knows, with unit, kinds, range and aggregation."""
    return {"metrics": [_metric(metric) for metric in CATALOGUE.values()]}


def _metric(metric: Metric) -> MetricBody:
    return {
        "name": metric.name,
        "unit": metric.unit,
        "kinds": list(metric.kinds),
        "shape": metric.shape,
        "aggregation": metric.aggregation,
        "decimals": metric.decimals,
        "label": {"en": metric.en, "zh-TW": metric.zh, "es": metric.es},
        "valid": list(metric.valid),
        "normal": list(metric.normal),
        "alarm": list(metric.alarm),
        "states": {str(code): text for code, text in metric.states.items()},
    }


def newest(context: Context, params: DeviceParams) -> NewestBody:
    """The newest value of each metric of a device."""
    records = context.store.records
    kinds = [d.kind for d in records.devices() if d.device_id == params.device_id and params.kind in (None, d.kind)]
    if not kinds:
        raise DeviceNotFound(params.device_id)
    found = context.store.telemetry.latest([(params.device_id, kind) for kind in kinds])
    if not found:
        raise NotFound(f"Device '{params.device_id}' has not sent anything yet", "NO_DATA", device_id=params.device_id)
    return newest_body(max(found.values(), key=lambda latest: latest.at), context.clock())


def newest_body(latest: Latest, now: int) -> NewestBody:
    """The native form of a device's newest values; `quality` lists the flags, `good` when there are none."""
    flags = [flag.name.lower() for flag in Quality if latest.quality & flag and flag.name]
    return {
        "device_id": latest.device_id,
        "kind": latest.kind,
        "timestamp": iso(latest.at),
        "age_s": round(max(0, now - latest.at) / 1000, 3),
        "quality": flags or ["good"],
        "values": {name: _plain(value) for name, value in latest.values.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return None if math.isnan(value) else value
    return [None if element is None or math.isnan(element) else float(element) for element in value]


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/metrics/catalogue",
        tag="records",
        summary="Every quantity, with unit and range",
        call=catalogue,
        tagged=True,
        reply=CatalogueBody,
    ),
    Operation(
        method="GET",
        path="/api/v1/devices/{device_id}/latest",
        hot=True,
        tag="records",
        summary="Newest values of a device",
        call=newest,
        params=DeviceParams,
        reply=NewestBody,
        errors=(404,),
        example={
            "device_id": "bess01",
            "kind": "bess",
            "timestamp": "2026-01-24T12:10:00Z",
            "age_s": 1.2,
            "quality": ["good"],
            "values": {"soc": 67.5, "power": -120.4},
        },
    ),
)
