"""collectd's write_http at the door, and what came through the doors of foreign formats."""

from collections.abc import Sequence
from typing import Any

from typing_extensions import TypedDict

from api import exact
from api.contract import Answer, Batch, Context, Ingest, Operation
from api.errors import FieldError, invalid
from api.foreign.sorting import batch_of
from api.foreign.write_http import parse
from api.routes.readings import JSON, AcceptedBody, SpooledBody
from api.routes.readings import answer as answer_readings
from datastore.ports import Outcome
from plant.timeline import iso


def decode(context: Context, params: None, body: bytes, media: str) -> Batch:
    """The value lists that can be kept. Raises Invalid for what is no array of value lists, or when all are refused."""
    entries = exact.load(body)
    if not isinstance(entries, list) or not entries:
        raise invalid([FieldError(("body",), "list_type", "Input should be an array of collectd value lists", entries)])
    points, broken = parse(entries)
    batch = batch_of(context, "collectd", points, broken)
    if batch.rejected and not batch.blocks:
        raise invalid([FieldError(("body", row["index"], row["field"]), "value_error", row["reason"]) for row in batch.rejected])
    return batch


def answer(batch: Batch, outcomes: Sequence[Outcome]) -> Answer:
    """As of the native ingest: a value list of which nobody knows a value is neither accepted nor rejected."""
    return answer_readings(batch, outcomes)


class DoorBody(TypedDict):
    """`points` could be read, `broken` could not be kept, `unmapped` fields were known to nobody."""

    door: str
    points: int
    broken: int
    unmapped: int


class UnknownBody(TypedDict):
    door: str
    measurement: str
    field: str
    count: int
    last: str


class SeenBody(TypedDict):
    doors: list[DoorBody]
    unmapped: list[UnknownBody]
    unnamed: int


def seen(context: Context, params: None) -> SeenBody:
    """Since the start of this process; unknown fields, those that came most often first."""
    doors, unknown, unnamed = context.foreign.seen()
    rows = sorted(unknown.items(), key=lambda item: (-item[1].count, item[0]))
    return {
        "doors": [
            {"door": name, "points": door.points, "broken": door.broken, "unmapped": door.unmapped} for name, door in sorted(doors.items())
        ],
        "unmapped": [
            {"door": door, "measurement": measurement, "field": name, "count": found.count, "last": iso(found.last)}
            for (door, measurement, name), found in rows
        ],
        "unnamed": unnamed,
    }


_VALUE_LIST: dict[str, Any] = {
    "type": "object",
    "required": ["host", "plugin", "type", "values"],
    "properties": {
        "host": {"type": "string", "minLength": 1, "description": "a device id, once a value of it means anything here"},
        "plugin": {"type": "string", "minLength": 1},
        "plugin_instance": {"type": "string"},
        "type": {"type": "string", "minLength": 1},
        "type_instance": {"type": "string"},
        "values": {"type": "array", "minItems": 1, "items": {"type": ["number", "null"]}},
        "dsnames": {"type": "array", "items": {"type": "string"}},
        "dstypes": {"type": "array", "items": {"type": "string"}},
        "time": {"type": "number", "minimum": 0, "maximum": 253402300799, "description": "epoch seconds"},
        "interval": {"type": "number"},
    },
}
_EXAMPLE = [
    {
        "values": [67.5],
        "dstypes": ["gauge"],
        "dsnames": ["value"],
        "time": 1769256300.123,
        "interval": 10.0,
        "host": "bess01",
        "plugin": "battery",
        "plugin_instance": "",
        "type": "percent",
        "type_instance": "soc",
    }
]

OPERATIONS = (
    Ingest(
        method="POST",
        path="/api/v1/collectd",
        tag="foreign",
        summary="collectd value lists, as its write_http plugin sends JSON",
        decode=decode,
        answer=answer,
        reply=AcceptedBody,
        errors=(400, 413, 415, 422),
        example={"accepted": 1, "duplicates": 0, "rejected": []},
        spooled=SpooledBody,
        spooled_example={"spooled": 1, "accepted": 0, "duplicates": 0, "rejected": []},
        body_schema={JSON: {"type": "array", "minItems": 1, "items": _VALUE_LIST}},
        body_examples={JSON: _EXAMPLE},
        description="`host` names the device; a value is called after its type instance, else after its type (with `.dsname` where that is "
        "not `value`), its measurement is the plugin. What it means is said by FOREIGN_MAPPING; unknown ones are counted.",
    ),
    Operation(
        method="GET",
        path="/api/v1/foreign",
        tag="foreign",
        summary="What came through the doors of foreign formats, and what nobody knew",
        call=seen,
        reply=SeenBody,
        example={
            "doors": [{"door": "influx", "points": 1000, "broken": 2, "unmapped": 250}],
            "unmapped": [{"door": "influx", "measurement": "cpu", "field": "usage_idle", "count": 250, "last": "2026-01-24T12:05:00Z"}],
            "unnamed": 0,
        },
        description="Counted by the process that answers, since its start. `unnamed` came beyond the 1000 names that are remembered.",
    ),
)
