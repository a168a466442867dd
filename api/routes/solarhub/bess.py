"""S1: a BESS unit as a table of its racks, and the alerts of a rack's batteries."""

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.routes.solarhub.params import TAG, Number
from plant.metrics import MODES, metric
from plant.solarhub import BAMS, BATTERIES, BATTERY_WORDS, MOST_UNITS, RACK_ROWS
from plant.timeline import iso
from plant.wording import function, meanings, word_text
from services.units import Unit, banks, newest, racks, silent, stale, units

NUMBERS = range(1, MOST_UNITS + 1)
HEAD = [f"Rack {n:02d}" for n in NUMBERS]
_METRICS = [name for _, name in RACK_ROWS]
_WORDS = (*BATTERY_WORDS.values(), "bams_status")

Lang = Literal["zh", "zh-TW", "en", "es"]


class BessParams(BaseModel):
    """Which unit."""

    bess_number: Number


class RackAlertParams(BaseModel):
    """Which rack, of which unit (all when not given), in which language."""

    rack_number: Annotated[str, Field(pattern=r"^rack(0[1-9]|1[0-2])$", examples=["rack01"])]
    bess: Number | None = Field(None, description="one unit; without it the worst over all units")
    lang: Lang = Field("zh", description="language of the texts")


class RackTableBody(TypedDict):
    """`timestamp` is that of the newest value shown, `stale` names the racks that have been silent for too long."""

    bess_number: int
    table_head: list[str]
    data: list[dict[str, str | None]]
    timestamp: str | None
    stale: list[str]
    status: str


class RackAlertBody(TypedDict):
    """`timestamp` is that of the newest report, `stale` the units whose rack has been silent for too long; `reported_by` names the units
    behind every text that is not normal."""

    rack_number: str
    battery_alerts: dict[str, str | None]
    bams_alerts: dict[str, str | None]
    timestamp: str | None
    stale: list[int]
    reported_by: dict[str, list[int]]
    status: str


def table(context: Context, params: BessParams) -> RackTableBody:
    """The 13 metrics of the unit's twelve racks, from their newest values; null where nothing was said."""
    store = context.store
    found = units(store.telemetry, racks(store.records, params.bess_number), NUMBERS)
    at = newest(found, _METRICS)
    return {
        "bess_number": params.bess_number,
        "table_head": HEAD,
        "data": [_row(title, name, found) for title, name in RACK_ROWS],
        "timestamp": None if at is None else iso(at),
        "stale": [f"Rack {n:02d}" for n in stale(found, _METRICS, context.clock())],
        "status": "success",
    }


def _row(title: str, name: str, found: Sequence[Unit]) -> dict[str, str | None]:
    row: dict[str, str | None] = {"metric": title}
    for head, rack in zip(HEAD, found, strict=True):
        row[head] = _text(name, rack.said(name))
    return row


def _text(name: str, value: float | None) -> str | None:
    """A value as the table shows it: the catalogue's decimals, the mode by name."""
    if value is None:
        return None
    if name == "mode":
        return MODES.get(int(value), f"{value:g}") if value == int(value) else f"{value:g}"
    return f"{round(value, metric(name).decimals) + 0.0:.{metric(name).decimals}f}"


def alert(context: Context, params: RackAlertParams) -> RackAlertBody:
    """The words of this rack in all units (or one), the worst of each in words of people."""
    store, place = context.store, int(params.rack_number[-2:])
    lang = params.lang[:2]
    standing = banks(store.records)
    asked = NUMBERS if params.bess is None else (params.bess,)
    found = units(store.telemetry, {n: standing[n].racks[place] for n in asked if n in standing and place in standing[n].racks})
    at = newest(found, _WORDS)
    behind: dict[str, list[int]] = {}
    batteries = _alerts(
        [(f"battery_{n}_{what}", name, n - 1) for n in BATTERIES for what, name in BATTERY_WORDS.items()], found, lang, behind
    )
    bams = _alerts([(f"bams_{n}_status", "bams_status", n - BAMS[0]) for n in BAMS], found, lang, behind)
    return {
        "rack_number": params.rack_number,
        "battery_alerts": batteries,
        "bams_alerts": bams,
        "timestamp": None if at is None else iso(at),
        "stale": silent(found, context.clock()),
        "reported_by": behind,
        "status": "success",
    }


def _alerts(asked: Iterable[tuple[str, str, int]], found: Sequence[Unit], lang: str, behind: dict[str, list[int]]) -> dict[str, str | None]:
    """The text of each (key, vector, place in it); `behind` learns which units are behind those that are not normal."""
    rows = {name: [rack.row(name, len(BATTERIES)) for rack in found] for name in _WORDS}
    said: dict[str, str | None] = {}
    for key, name, place in asked:
        words = [(word, rack) for row, rack in zip(rows[name], found, strict=True) if (word := row[place]) is not None]
        if not words:
            said[key] = None
            continue
        # protection, alarm and warning are apart already: of two words of one kind the higher bit is the worse
        word, rack = max(words, key=lambda pair: abs(pair[0]))
        said[key] = _said(word, rack, name, place, lang)
        if word:
            behind[key] = [rack.number for word, rack in words if word]
    return said


def _said(word: float, rack: Unit, name: str, place: int, lang: str) -> str:
    info = rack.device.info if rack.device else {}
    number = math.ceil(abs(word)) if word > 0 else int(word)
    if name == "bams_status":
        return word_text(number, lang, about=function(info, name, BAMS[0] + place, lang))
    return word_text(number, lang, meanings(info, name, lang))


_TABLE = {
    "bess_number": 1,
    "table_head": HEAD,
    "data": [
        {"metric": "Mode"} | dict.fromkeys(HEAD) | {"Rack 01": "Standby", "Rack 02": "Charging"},
        {"metric": "Voltage (V)"} | dict.fromkeys(HEAD) | {"Rack 01": "750.5", "Rack 02": "748.2"},
        {"metric": "SOC (%)"} | dict.fromkeys(HEAD) | {"Rack 01": "85.2", "Rack 02": "72.1"},
    ],
    "timestamp": "2024-01-01T04:00:00Z",
    "stale": [],
    "status": "success",
}
_ALERT = {
    "rack_number": "rack01",
    "battery_alerts": {f"battery_1_{what}": "正常" for what in BATTERY_WORDS},
    "bams_alerts": {"bams_64_status": "正常", "bams_65_status": "正常"},
    "timestamp": "2024-01-01T04:00:00Z",
    "stale": [],
    "reported_by": {},
    "status": "success",
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/bess/{bess_number}",
        tag=TAG,
        summary="A BESS unit as a table of its racks",
        call=table,
        params=BessParams,
        reply=RackTableBody,
        example=_TABLE,
        errors=(422,),
        description="Always thirteen rows and twelve racks; a rack that is not there or never said it has null. "
        "`stale` names racks whose newest values are older than they should be: the last known values are still shown.",
    ),
    Operation(
        method="GET",
        path="/api/v1/bess/alert/rack/{rack_number}",
        tag=TAG,
        summary="Alerts of a rack's batteries and BAMS",
        call=alert,
        params=RackAlertParams,
        reply=RackAlertBody,
        example=_ALERT,
        errors=(422,),
        description="Without `bess` the worst over all units. `正常` when the last report says normal, null for what was never reported; "
        "else what the bits mean, as far as the device's record says it, and the word.",
    ),
)
