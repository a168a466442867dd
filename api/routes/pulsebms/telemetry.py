"""S2: telemetry of a device, in and out. Powers are watts at this door."""

from collections.abc import Sequence
from typing import Any

from api.collectors.pulsebms_message import Message, parsed
from api.collectors.pulsebms_message import decode as decode_message
from api.contract import Answer, Batch, Context, Ingest, Operation, window
from api.errors import FieldError, invalid
from api.routes.pulsebms.telemetry_bodies import (
    BODY_SCHEMA,
    FLAT_EXAMPLE,
    HISTORY_EXAMPLE,
    MESSAGE_EXAMPLE,
    MOST_ROWS,
    STORED_EXAMPLE,
    AlarmParams,
    HistoryParams,
    MetricName,
    SendParams,
    StoreParams,
    SummaryParams,
    TelemetryAlarmBody,
    TelemetryAlarmsBody,
    TelemetryCellsBody,
    TelemetryHistoryBody,
    TelemetryLatestBody,
    TelemetrySpooledBody,
    TelemetryStatisticsBody,
    TelemetryStoredBody,
    TelemetrySummaryBody,
    WindowParams,
)
from datastore.ports import Latest, Outcome
from plant.analysis.ladder import to_pulsebms
from plant.analysis.spread import Spread
from plant.errors import DeviceNotFound, MetricNotFound, NotFound
from plant.metrics import KINDS, MODES, scalars_of
from plant.model import DAY, HOUR, MINUTE, Alarm, Block, Device, Window
from plant.timeline import EARLIEST, LATEST, iso
from services.fleet_devices import find, heard, number
from services.pack_history import History, buckets, energies, plain, rows, spreads, told
from services.pack_metrics import CELLS, MEASUREMENTS, Measured, measured

JSON = "application/json"
WIDTHS = {"minute": MINUTE, "hour": HOUR, "day": DAY}
PERIODS = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}


def decode_named(context: Context, params: SendParams, body: bytes, media: str) -> Batch:
    """A message to its device's own path. Raises Invalid, DeviceNotFound."""
    return _batch(context, body, params.device_id)


def decode_any(context: Context, params: StoreParams, body: bytes, media: str) -> Batch:
    """A message that names its device. Raises Invalid, DeviceNotFound."""
    return _batch(context, body, None)


def _batch(context: Context, body: bytes, device_id: str | None) -> Batch:
    message = decode_message(parsed(body), context.clock(), context.kinds.of, device_id)
    _check_known(context, message)
    reports, report = context.reports, message.report
    reports.announce(report)
    ignored = [{"index": 0, "field": name, "reason": "this kind of device has no place for it"} for name in message.ignored]
    return Batch([message.block], 1, ignored, afterwards=(lambda: reports.settle(report)) if reports.is_news(report) else None)


def _check_known(context: Context, message: Message) -> None:
    """A device that nobody knows may register itself, if the settings let it; one that was taken out of service may not come back as
    something else. Raises DeviceNotFound."""
    if context.kinds.of(message.device_id):
        return
    at = context.clock()
    as_any = [Block(kind, scalars_of(kind)[:1], [(message.device_id, at, at, 0, 0.0)]) for kind in KINDS]
    if context.store.intake.check(as_any)[1]:
        raise DeviceNotFound(message.device_id)


def answer(batch: Batch, outcomes: Sequence[Outcome]) -> Answer:
    """201 with what became of the message; 202 while it waits in the spool. One that was known already counts as a duplicate."""
    device_id, at = batch.blocks[0].rows[0][:2]
    spooled = sum(outcome.spooled for outcome in outcomes)
    if spooled:
        return Answer({"spooled": spooled, "device_id": device_id}, 202)
    duplicates = sum(outcome.duplicates for outcome in outcomes)
    content: dict[str, Any] = {"status": "success", "device_id": device_id, "timestamp": iso(at)}
    content |= {"stored": 1 - duplicates, "duplicates": duplicates}
    if batch.rejected:
        content["ignored"] = [one["field"] for one in batch.rejected]
    return Answer(content, 201)


def history(context: Context, params: HistoryParams) -> TelemetryHistoryBody:
    """What a device measured, as it came or as means per bucket, and how the readings of the whole window lie. Raises DeviceNotFound,
    MetricNotFound, Invalid."""
    device = find(context.store, params.device_id)
    asked = _asked(device, params.metrics)
    span = _window(params, context.clock())
    answer: TelemetryHistoryBody = {
        "device_id": device.device_id,
        "start_time": iso(span.start),
        "end_time": iso(span.end),
        "resolution": params.resolution,
        "data_points": 0,
        "metrics": {"timestamps": [], **{one.name: [] for one in asked}},  # type: ignore[typeddict-item]
        "statistics": {},
    }
    there = told(context.store, device, span)
    found: History | None = None
    if params.resolution == "raw":
        page = _page(there, params.cursor)
        found = rows(context.store, device, asked, page, params.limit) if page else None
        answer["next"] = found.following if found else None
    else:
        _bounded(there, WIDTHS[params.resolution], params.cursor)
        found = buckets(context.store, device, asked, there, WIDTHS[params.resolution]) if there else None
    if found is not None:
        answer["data_points"] = len(found.at)
        columns = {name: plain(column) for name, column in found.values.items()}
        answer["metrics"] = {"timestamps": [iso(at) for at in found.at.tolist()], **columns}  # type: ignore[typeddict-item]
    answer["statistics"] = _statistics(spreads(context.store, device, asked, there))
    return answer


def _asked(device: Device, names: Sequence[str] | None) -> list[Measured]:
    """What is asked of this kind of device; without names all it measures. Raises MetricNotFound."""
    has = measured(device.kind)
    if not names:
        return [has[name] for name in MEASUREMENTS if name in has]
    for name in names:
        if name not in has:
            raise MetricNotFound(name, device_id=device.device_id, kind=device.kind, metrics=[m for m in MEASUREMENTS if m in has])
    return [has[name] for name in MEASUREMENTS if name in names]


def _window(params: WindowParams, now: int) -> Window:
    end = now if params.end_time is None else params.end_time
    start = max(end - DAY, EARLIEST) if params.start_time is None else params.start_time
    return window(start, end, ("start_time", "end_time"))


def _page(span: Window | None, cursor: int | None) -> Window | None:
    """What is left of the window from the cursor on; None when nothing is."""
    if span is None or cursor is None or cursor <= span.start:
        return span
    return Window(cursor, span.end) if cursor < span.end else None


def _bounded(span: Window | None, width: int, cursor: int | None) -> None:
    if cursor is not None:
        raise invalid([FieldError(("query", "cursor"), "value_error", "only raw readings come in pages", cursor)])
    if span is not None and span.length // width > MOST_ROWS:
        reason = f"more than {MOST_ROWS} buckets; ask for a shorter window or a coarser resolution"
        raise invalid([FieldError(("query", "end_time"), "too_many", reason, iso(span.end))])


def _statistics(found: dict[str, Spread]) -> dict[MetricName, TelemetryStatisticsBody]:
    """12 significant digits: sums of thousands of readings carry no more."""
    return {
        name: {"min": _round(one.least), "max": _round(one.most), "avg": _round(one.mean), "std": _round(one.deviation)}  # type: ignore[misc]
        for name, one in found.items()
    }


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.12g}")


def latest(context: Context, params: SendParams) -> TelemetryLatestBody:
    """What a device said last of everything. Raises DeviceNotFound, NotFound when it never spoke."""
    device = find(context.store, params.device_id)
    newest = context.store.telemetry.latest([(device.device_id, device.kind)]).get((device.device_id, device.kind))
    if newest is None:
        raise NotFound(f"'{params.device_id}' has not sent anything yet", "NO_DATA", device_id=params.device_id)
    now = context.clock()
    said = {one.name: number(newest, one.metric) for one in measured(device.kind).values()}
    shown = {one.name: one.shown(value) for one in measured(device.kind).values() if (value := said[one.name]) is not None}
    mode = number(newest, "mode")
    return {
        "device_id": device.device_id,
        "site_id": device.site_id,
        "timestamp": iso(newest.at),
        "age_s": max(0, now - heard(newest)) / 1000,
        "measurements": {name: shown.get(name) for name in said},
        "cells": _cells(newest),
        "operational_state": None if mode is None else MODES.get(int(mode), "unknown").lower(),
        "alarm_flags": [alarm.code for alarm in _open(context, device) if not alarm.is_shelved(now)],
    }


def _cells(newest: Latest) -> TelemetryCellsBody | None:
    said: dict[str, Any] = {name: newest.values.get(metric) for name, metric in CELLS.items()}
    if all(vector is None for vector in said.values()):
        return None
    listed = {
        name: None if vector is None else [None if v is None or v != v else float(v) for v in vector] for name, vector in said.items()
    }
    return {
        "count": max(
            len(vector) for vector in (listed["voltages"], listed["balancing_status"], listed["temperatures"]) if vector is not None
        ),
        "voltages": listed["voltages"],
        "temperatures": listed["temperatures"],
        "balancing_status": listed["balancing_status"],
    }


def _open(context: Context, device: Device) -> list[Alarm]:
    found = context.store.records.alarms(limit=100_000)
    return [alarm for alarm in found if (alarm.device_id, alarm.kind) == (device.device_id, device.kind)]


def summary(context: Context, params: SummaryParams) -> TelemetrySummaryBody:
    """How a device has done lately. Raises DeviceNotFound."""
    device = find(context.store, params.device_id)
    now = context.clock()
    span = Window(now - PERIODS[params.period], now)
    asked = _asked(device, None)
    found = spreads(context.store, device, asked, told(context.store, device, span))
    power = next((one for one in asked if one.name == "power"), None)
    used = energies(context.store, device, power, span)[0] if power else None
    stood = context.store.records.alarms(("active", "acknowledged", "cleared"), span, limit=100_000)
    return {
        "device_id": device.device_id,
        "period": params.period,
        "start_time": iso(span.start),
        "end_time": iso(span.end),
        "readings": max((one.count for one in found.values()), default=0),
        "statistics": _statistics(found),
        "energy": {
            "discharged_kwh": used.discharged if used else None,
            "charged_kwh": used.charged if used else None,
            "coverage": _round(used.coverage_of(span.length / 1000)) or 0.0 if used else 0.0,
        },
        "alarms": sum((alarm.device_id, alarm.kind) == (device.device_id, device.kind) for alarm in stood),
    }


def alarms(context: Context, params: AlarmParams) -> TelemetryAlarmsBody:
    """Alarms of a device, newest first: its own and those of our watch. Raises DeviceNotFound, Invalid."""
    device = find(context.store, params.device_id)
    span: Window | None = None
    if params.start_time is not None or params.end_time is not None:
        start = EARLIEST if params.start_time is None else params.start_time
        span = window(start, LATEST if params.end_time is None else params.end_time, ("start_time", "end_time"))
    found = [
        alarm
        for alarm in context.store.records.alarms(("active", "acknowledged", "cleared"), span, limit=100_000)
        if (alarm.device_id, alarm.kind) == (device.device_id, device.kind) and params.severity in (None, to_pulsebms(alarm.severity))
    ]
    return {"device_id": device.device_id, "alarms": [alarm_body(alarm) for alarm in found[: params.limit]], "total": len(found)}


def alarm_body(alarm: Alarm) -> TelemetryAlarmBody:
    """An alarm in S2's words."""
    return {
        "alarm_id": alarm.id,
        "code": alarm.code,
        "severity": to_pulsebms(alarm.severity),  # type: ignore[typeddict-item]
        "state": alarm.state,
        "message": alarm.message,
        "value": alarm.value,
        "threshold": alarm.limit,
        "timestamp": iso(alarm.raised),
        "cleared": None if alarm.cleared is None else iso(alarm.cleared),
        "acknowledged_by": alarm.acknowledged_by,
    }


def _ingest(path: str, named: bool) -> Ingest:
    return Ingest(
        method="POST",
        path=path,
        tag="telemetry",
        summary="Store one message of a device" + ("" if named else ", which names it"),
        params=SendParams if named else StoreParams,
        decode=decode_named if named else decode_any,
        answer=answer,
        reply=TelemetryStoredBody,
        status=201,
        example=STORED_EXAMPLE,
        spooled=TelemetrySpooledBody,
        spooled_example={"spooled": 1, "device_id": "battery_pack_001"},
        errors=(400, 404, 413, 415, 422),
        body_schema={JSON: BODY_SCHEMA},
        body_examples={JSON: MESSAGE_EXAMPLE if named else FLAT_EXAMPLE},
        description="The flat form, or the whole MQTT message. `power` is measured and in W; it is not held against voltage × current. The "
        "alarms a message carries stand until a later message of the device no longer carries them; in the flat form `alarms` are critical "
        "and `warnings` warnings where they do not say. `ignored` names measurements this kind of device has no place for.",
    )


OPERATIONS = (
    _ingest("/api/v1/telemetry/store", False),
    _ingest("/telemetry/store", False),
    _ingest("/api/v1/telemetry/{device_id}", True),
    Operation(
        method="GET",
        path="/api/v1/telemetry/{device_id}",
        tag="telemetry",
        summary="What a device measured over a window",
        call=history,
        params=HistoryParams,
        reply=TelemetryHistoryBody,
        example=HISTORY_EXAMPLE,
        errors=(400, 404, 422),
        description="Buckets hold means; those in which nothing was said are left out, `null` is a metric that was silent while another "
        "spoke. Days are calendar days of the site. `statistics` are of all readings of the window, whatever page or resolution is shown: "
        "`std` is the population standard deviation, null where more than four million readings would have to be read. Raw readings come "
        "in pages: `next` is the `cursor` of the following one.",
    ),
    Operation(
        method="GET",
        path="/api/v1/telemetry/{device_id}/latest",
        tag="telemetry",
        summary="What a device said last",
        call=latest,
        params=SendParams,
        reply=TelemetryLatestBody,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/api/v1/telemetry/{device_id}/summary",
        tag="telemetry",
        summary="Statistics and energy of a device over the last hour, day, week or month",
        call=summary,
        params=SummaryParams,
        reply=TelemetrySummaryBody,
        errors=(404, 422),
    ),
    Operation(
        method="GET",
        path="/api/v1/telemetry/{device_id}/alarms",
        tag="telemetry",
        summary="Alarms of a device",
        call=alarms,
        params=AlarmParams,
        reply=TelemetryAlarmsBody,
        errors=(404, 422),
        description="Those that stood in the window, newest first; without a window all there were. Severities are S2's: our `alarm` is a "
        "`warning`, our `protection` is `critical`, everything milder `info`.",
    ),
)
