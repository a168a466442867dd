"""S1: energies and losses by day, energy by hour or day, frequency and power beside each other."""

from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.errors import FieldError, invalid
from api.routes.series import plain_list
from api.routes.solarhub.instants import SiteInstant, instant
from api.routes.solarhub.params import TAG, Day, exact, stamp
from plant.analysis.efficiency import efficiency, loss
from plant.analysis.energy import MWH_PER_KWH, Energies, together
from plant.model import HOUR, MINUTE, Window
from plant.timeline import day_of, day_window, month_window
from services.energy_days import DayEnergy, by_day
from services.response import Line, response

POINTS = 2000
LONGEST = 44_640
"""Minutes of a frequency chart: 31 days."""

Pairs = list[list[float | None]]
"""[epoch ms, value] each."""


class LossParams(BaseModel):
    """From when on."""

    start_time: SiteInstant


class InOutParams(BaseModel):
    """A day by hours (daily), or the month it lies in by days (monthly)."""

    select_time: Day
    data_type: Literal["daily", "monthly"] = "daily"


class ResponseParams(BaseModel):
    """`date_period` minutes up to now (normalMode), or from `select_time` on (selectTimeMode)."""

    date_period: int = Field(ge=1, le=LONGEST, description="minutes")
    select_time: SiteInstant | None = None
    select_mode: Literal["normalMode", "selectTimeMode"] = "normalMode"


class LossRow(TypedDict):
    """Energies in kWh, efficiency in %; null where nobody told. `coverage` is the observed share of the day, `method` readings or minute
    means."""

    date: str
    discharge_energy: float | None
    charge_energy: float | None
    loss: float | None
    efficiency: float | None
    aux_consumption: float | None
    coverage: float | None
    method: str | None


class LossBody(TypedDict):
    start_date: str
    daily_data: list[LossRow]
    total_discharge: float | None
    total_charge: float | None
    total_loss: float | None
    avg_efficiency: float | None
    total_aux: float | None
    status: str


class InOutRow(TypedDict):
    timestamp: str
    discharge: float | None
    charge: float | None


class InOutBody(TypedDict):
    select_date: str
    data_type: str
    data: list[InOutRow]
    total_discharge: float | None
    total_charge: float | None
    status: str


class FreqPowerBody(TypedDict):
    """Pairs of [epoch ms, value]; gaps are null. Frequency and baseline in Hz, power and droop in kW, discharge positive."""

    date_period: int
    select_time: str | None
    select_mode: str
    frequency_data: Pairs
    power_data: Pairs
    baseline_data: Pairs
    droop_data: Pairs
    status: str


def power_loss(context: Context, params: LossParams) -> LossBody:
    """Day by day what went into the batteries, what came back, and what was lost."""
    store, now = context.store, context.clock()
    start = instant(params.start_time, store.zone)
    found = by_day(store, Window(start, now), now) if start < now else []
    used = _all(found)
    aux = [day.aux for day in found if day.aux is not None]
    return {
        "start_date": f"{day_of(start, store.zone):%Y-%m-%d}",
        "daily_data": [_loss(context, day) for day in found],
        "total_discharge": exact(used.discharged),
        "total_charge": exact(used.charged),
        "total_loss": exact(loss(used.charged, used.discharged).value),
        "avg_efficiency": exact(efficiency(used.charged, used.discharged).value),
        "total_aux": exact(sum(aux)) if aux else None,
        "status": "success",
    }


def _all(found: list[DayEnergy]) -> Energies:
    return together([day.used for day in found])


def _loss(context: Context, day: DayEnergy) -> LossRow:
    used = day.used
    return {
        "date": f"{day_of(day.window.start, context.store.zone):%Y-%m-%d}",
        "discharge_energy": exact(used.discharged),
        "charge_energy": exact(used.charged),
        "loss": exact(loss(used.charged, used.discharged).value),
        "efficiency": exact(efficiency(used.charged, used.discharged).value),
        "aux_consumption": exact(day.aux),
        "coverage": exact(day.coverage),
        "method": day.method,
    }


def power_io(context: Context, params: InOutParams) -> InOutBody:
    """Energy out of and into the batteries, by hour of a day or by day of a month."""
    store, now, date = context.store, context.clock(), params.select_time
    is_month = params.data_type == "monthly"
    window = month_window(date.year, date.month, store.zone) if is_month else day_window(date, store.zone)
    found = by_day(store, Window(window.start, min(window.end, now)), now) if window.start < now else []
    used = _all(found)
    rows = _days(context, window, found) if is_month else _hours(context, window, used)
    return {
        "select_date": f"{date:%Y-%m-%d}",
        "data_type": params.data_type,
        "data": rows,
        "total_discharge": exact(used.discharged),
        "total_charge": exact(used.charged),
        "status": "success",
    }


def _days(context: Context, window: Window, found: list[DayEnergy]) -> list[InOutRow]:
    told = {day_of(day.window.start, context.store.zone): day.used for day in found}
    rows: list[InOutRow] = []
    at = window.start
    while at < window.end:
        date = day_of(at, context.store.zone)
        used = told.get(date, Energies(reason="no readings"))
        rows.append({"timestamp": stamp(at, context.store.zone), "discharge": exact(used.discharged), "charge": exact(used.charged)})
        at = day_window(date, context.store.zone).end
    return rows


def _hours(context: Context, window: Window, used: Energies) -> list[InOutRow]:
    rows: list[InOutRow] = []
    for start in range(window.start, window.end, HOUR):
        told = [both for quarter, both in used.quarters.items() if start <= quarter < start + HOUR]
        out, into = (sum(both[side] for both in told) / MWH_PER_KWH if told else None for side in (0, 1))
        rows.append({"timestamp": stamp(start, context.store.zone), "discharge": out, "charge": into})
    return rows


def freq_power(context: Context, params: ResponseParams) -> FreqPowerBody:
    """Frequency and power, and what the frequency asks for."""
    store, length = context.store, params.date_period * MINUTE
    start = context.clock() - length
    if params.select_mode == "selectTimeMode":
        if params.select_time is None:
            raise invalid([FieldError(("query", "select_time"), "missing", "is needed with select_mode=selectTimeMode")])
        start = instant(params.select_time, store.zone)
    found = response(store, context.config.site_id, Window(start, start + length), POINTS)
    return {
        "date_period": params.date_period,
        "select_time": params.select_time,
        "select_mode": params.select_mode,
        "frequency_data": _pairs(found.frequency),
        "power_data": _pairs(found.power),
        "baseline_data": _pairs(found.baseline),
        "droop_data": _pairs(found.droop),
        "status": "success",
    }


def _pairs(line: Line) -> Pairs:
    return [[at, exact(value)] for at, value in zip(line.at.tolist(), plain_list(line.values), strict=True)]


_LOSS_EXAMPLE = {
    "start_date": "2024-01-01",
    "daily_data": [
        {
            "date": "2024-01-01",
            "discharge_energy": 450.5,
            "charge_energy": 480.2,
            "loss": 29.7,
            "efficiency": 93.8,
            "aux_consumption": 15.2,
            "coverage": 1.0,
            "method": "readings",
        }
    ],
    "total_discharge": 450.5,
    "total_charge": 480.2,
    "total_loss": 29.7,
    "avg_efficiency": 93.8,
    "total_aux": 15.2,
    "status": "success",
}
_RESPONSE_EXAMPLE: dict[str, Any] = {
    "date_period": 60,
    "select_time": None,
    "select_mode": "normalMode",
    "frequency_data": [[1704067200000, 60.01], [1704070800000, 59.98]],
    "power_data": [[1704067200000, 125.5], [1704070800000, 128.2]],
    "baseline_data": [[1704067200000, 60.0], [1704070800000, 60.0]],
    "droop_data": [[1704067200000, None], [1704070800000, None]],
    "status": "success",
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/analysis/power-loss",
        tag=TAG,
        summary="Losses and efficiency by day",
        call=power_loss,
        params=LossParams,
        reply=LossBody,
        example=_LOSS_EXAMPLE,
        errors=(422,),
        description="From `start_time` to now, by day of the site, from the first day with readings on. loss = charge − discharge, "
        "efficiency = discharge / charge, auxiliaries excluded; avg_efficiency is that of the totals. Energies by the trapezoid rule from "
        "the converters' power (else the batteries', else the connection point's); gaps are not bridged.",
    ),
    Operation(
        method="GET",
        path="/api/v1/analysis/power-io",
        tag=TAG,
        summary="Energy out and in by hour or day",
        call=power_io,
        params=InOutParams,
        reply=InOutBody,
        example={
            "select_date": "2024-01-01",
            "data_type": "daily",
            "data": [{"timestamp": "2024-01-01T00:00:00", "discharge": 450.5, "charge": 480.2}],
            "total_discharge": 450.5,
            "total_charge": 480.2,
            "status": "success",
        },
        errors=(422,),
    ),
    Operation(
        method="GET",
        path="/api/v1/analysis/freq-power",
        tag=TAG,
        summary="Frequency, power and what the frequency asks for",
        call=freq_power,
        params=ResponseParams,
        reply=FreqPowerBody,
        example=_RESPONSE_EXAMPLE,
        errors=(422,),
        description="`baseline_data` is the frequency at which nothing is asked for, `droop_data` the middle of the band an award permits.",
    ),
)
