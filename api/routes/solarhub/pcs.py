"""S1: a PCS unit, and the status words of all of them."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.routes.solarhub.params import TAG, Number
from plant.metrics import MODES
from plant.model import Kind
from plant.solarhub import MOST_UNITS, PCS_WORDS
from plant.timeline import iso
from services.units import Unit, by_number, newest, silent, units

WIDTH = 16


class PcsParams(BaseModel):
    """Which PCS."""

    pcs_number: Number


class PcsAlertParams(BaseModel):
    """One PCS, or all."""

    pcs: Number | None = Field(None, description="one unit; without it a bit is 1 where any unit has it")


class PcsWordsBody(TypedDict):
    inverter_status: str | None
    inverter_inhibits1_status: str | None
    environment_status: str | None
    warning_status: str | None
    grid_status: str | None
    fault_status1: str | None
    fault_status2: str | None
    status: str


class PcsAlertBody(PcsWordsBody):
    """`timestamp` is that of the newest report, `stale` the numbers of the PCS that have been silent for too long."""

    timestamp: str | None
    stale: list[int]


class PcsUnitBody(PcsWordsBody):
    """S0's PCSReading, the status words and the mode; `timestamp` is that of the newest of them."""

    pcs_number: int
    timestamp: str | None
    stale: bool
    mode: str | None
    apparent_power: float | None
    dc_current: float | None
    dc_voltage: float | None
    ac_current_a: float | None
    ac_current_b: float | None
    ac_current_c: float | None
    ac_voltage_ab: float | None
    ac_voltage_bc: float | None
    ac_voltage_ca: float | None
    temp_environment: float | None
    temp_ambient: float | None
    temp_igbt: float | None


READING = tuple(name for name in PcsUnitBody.__annotations__ if name not in (*PcsAlertBody.__annotations__, "pcs_number", "mode"))
"""The fields of S0's PCSReading, but its time."""
_SHOWN = (*READING, "mode", *PCS_WORDS)


def unit(context: Context, params: PcsParams) -> dict[str, Any]:
    """The newest values of one PCS; null where it never said any."""
    store = context.store
    (found,) = units(store.telemetry, by_number(store.records, Kind.PCS), [params.pcs_number])
    at = found.at(_SHOWN)
    mode = found.said("mode")
    return {
        "pcs_number": params.pcs_number,
        "timestamp": None if at is None else iso(at),
        "stale": found.is_stale(_SHOWN, context.clock()),
        **{name: found.said(name) for name in READING},
        "mode": None if mode is None else MODES.get(int(mode), f"{mode:g}"),
        **words([found]),
        "status": "success",
    }


def alert(context: Context, params: PcsAlertParams) -> dict[str, Any]:
    """The words of all PCS laid over each other, or of one."""
    store = context.store
    asked = range(1, MOST_UNITS + 1) if params.pcs is None else [params.pcs]
    found = units(store.telemetry, by_number(store.records, Kind.PCS), asked)
    at = newest(found, PCS_WORDS)
    return {
        **words(found),
        "timestamp": None if at is None else iso(at),
        "stale": silent(found, context.clock()),
        "status": "success",
    }


def words(found: Iterable[Unit]) -> dict[str, str | None]:
    """Each word as 16 digits, lowest bit last: the OR over the PCS that ever said it, None when none did."""
    told = list(found)
    said = {name: [int(word) for pcs in told if (word := pcs.said(name)) is not None] for name in PCS_WORDS}
    return {name: _digits(reduce(or_, values)) if values else None for name, values in said.items()}


def _digits(word: int) -> str:
    return f"{word & (1 << WIDTH) - 1:0{WIDTH}b}"


_CALM = dict.fromkeys(PCS_WORDS, "0" * WIDTH)
_UNIT = {
    "pcs_number": 1,
    "timestamp": "2023-01-01T00:00:00Z",
    "stale": False,
    "apparent_power": 150.5,
    "dc_current": 200.0,
    "dc_voltage": 800.0,
    "ac_current_a": 120.0,
    "ac_current_b": 118.5,
    "ac_current_c": 121.2,
    "ac_voltage_ab": 400.0,
    "ac_voltage_bc": 398.5,
    "ac_voltage_ca": 401.2,
    "temp_environment": 25.8,
    "temp_ambient": 24.5,
    "temp_igbt": 45.2,
    "mode": "Standby",
    **_CALM,
    "status": "success",
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/pcs/{pcs_number}",
        tag=TAG,
        summary="A PCS unit",
        call=unit,
        params=PcsParams,
        reply=PcsUnitBody,
        example=_UNIT,
        errors=(422,),
        description="The newest value of each field; null for what was never said. `stale`: it has been silent for too long.",
    ),
    Operation(
        method="GET",
        path="/api/v1/pcs/alert",
        tag=TAG,
        summary="Status words of the PCS",
        call=alert,
        params=PcsAlertParams,
        reply=PcsAlertBody,
        example={**_CALM, "timestamp": "2024-01-01T04:00:00Z", "stale": [], "status": "success"},
        errors=(422,),
        description="16 binary digits a word, the lowest bit last: the OR over all units, or one unit's; null for what was never reported.",
    ),
)
