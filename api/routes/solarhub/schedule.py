"""S1: the schedule of awards, what awarded hours earned, and how well they were executed."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.routes.solarhub.instants import SiteInstant, instant
from api.routes.solarhub.params import TAG, exact
from api.routes.solarhub.schedule_rows import EVENT_EXAMPLE, EventRow, row
from plant import rules
from plant.model import MINUTE, SECOND, Window
from plant.timeline import day_of, day_window, midnight, month_window
from services import awards
from services.income import Day, Earned, Hour, days
from services.settling import execution

POINTS = 3600
"""Most points of an execution-rate series: an hour is shown second by second, a day by the lowest value of every half minute."""
_WIDTHS = (1, 2, 5, 10, 15, 20, 30, 60)

Mode = Annotated[str, Field(json_schema_extra={"enum": ["all", *rules.modes()]})]


def _known(mode: str) -> str:
    if mode.lower() not in ("all", *rules.modes()):
        raise PydanticCustomError("mode", "no mode; known: all, {known}", {"known": ", ".join(rules.modes())})
    return mode.lower()


def _month(text: str) -> str:
    if not re.fullmatch(r"(19[789]\d|20\d\d)-(0[1-9]|1[0-2])", text, re.ASCII):
        raise PydanticCustomError("month", "not a month in the form YYYY-MM of the years 1970 to 2099")
    return text


Month = Annotated[str, AfterValidator(_month), WithJsonSchema({"type": "string", "pattern": r"^(19[89]\d|20\d\d)-(0[1-9]|1[0-2])$"})]


class ScheduleParams(BaseModel):
    """Which awards: those of so many weeks back, and of as many ahead as far as they are known."""

    mode: Annotated[Mode, AfterValidator(_known)] = "all"
    weeks: int = Field(1, ge=1, le=52)


class DailyParams(BaseModel):
    """The day of the site in which this lies; today when not given."""

    start_time: SiteInstant | None = None


class MonthlyParams(BaseModel):
    """A month of the site."""

    start_time: Month = Field(examples=["2024-01"])


class RateParams(BaseModel):
    """The day of the site in which `date` lies, or with `minutes` so many minutes from `date` on."""

    date: SiteInstant
    data_type: Literal["exec_rate", "roll_exec_rate", "hour_exec_rate"] = "exec_rate"
    minutes: int | None = Field(None, ge=1, le=1440)


class ScheduleBody(TypedDict):
    events: list[EventRow]
    mode: str
    weeks: int
    total_count: int
    status: str


class HourRow(TypedDict):
    """`exec_rate` is a fraction; money in `currency` of the day, null when nothing was settled or the product's constants are not verified.
    `state`: none, settled, running, ahead, interrupted, lost (not won), unjudged (a test), standby (a reserve not called), unrecorded."""

    hour: int
    capacity_fee: float | None
    efficiency_fee: float | None
    energy_service_fee: float | None
    exec_rate: float | None
    performance_index: float | None
    mode: str | None
    power: float | None
    state: str
    coverage: float | None


class DailyBody(TypedDict):
    date: str
    hourly_data: list[HourRow]
    total_capacity_fee: float | None
    total_efficiency_fee: float | None
    total_energy_service_fee: float | None
    total_income: float | None
    avg_exec_rate: float | None
    avg_performance_index: float | None
    settled_hours: float
    unverified_hours: float
    currency: str
    status: str


class DayRow(TypedDict):
    date: str
    capacity_fee: float | None
    efficiency_fee: float | None
    energy_service_fee: float | None
    income: float | None
    exec_rate: float | None
    performance_index: float | None
    settled_hours: float


class MonthlyBody(TypedDict):
    year: int
    month: int
    daily_data: list[DayRow]
    days_with_data: int
    total_capacity_fee: float | None
    total_efficiency_fee: float | None
    total_energy_service_fee: float | None
    total_income: float | None
    avg_exec_rate: float | None
    avg_performance_index: float | None
    settled_hours: float
    unverified_hours: float
    currency: str
    status: str


class RateBody(TypedDict):
    """`data` holds [epoch ms, %]; `resolution_s` 1 is every second, else the lowest of so many seconds (3600: one per hour)."""

    date: str
    data_type: str
    data: list[list[float]]
    resolution_s: int
    status: str


def schedule(context: Context, params: ScheduleParams) -> ScheduleBody:
    """Awards and offers around now."""
    store = context.store
    today, span = day_of(context.clock(), store.zone), timedelta(weeks=params.weeks)
    window = Window(midnight(today - span, store.zone), midnight(today + span + timedelta(days=1), store.zone))
    found = awards.listed(store, window, params.mode)
    return {
        "events": [row(store, event, source) for event, source in found],
        "mode": params.mode,
        "weeks": params.weeks,
        "total_count": len(found),
        "status": "success",
    }


def daily(context: Context, params: DailyParams) -> DailyBody:
    """What each hour of a day earned."""
    store, now = context.store, context.clock()
    at = now if params.start_time is None else instant(params.start_time, store.zone)
    date = day_of(at, store.zone)
    (day,), total = days(store, context.config.site_id, day_window(date, store.zone), now)
    return {
        "date": f"{date:%Y-%m-%d}",
        "hourly_data": [_hour(hour) for hour in day.hours],
        **_totals(total),  # type: ignore[typeddict-item]
        "currency": _currency(day.hours),
        "status": "success",
    }


def monthly(context: Context, params: MonthlyParams) -> MonthlyBody:
    """What each day of a month earned."""
    store, now = context.store, context.clock()
    year, month = int(params.start_time[:4]), int(params.start_time[5:])
    told, total = days(store, context.config.site_id, month_window(year, month, store.zone), now)
    return {
        "year": year,
        "month": month,
        "daily_data": [_day(context, day) for day in told],
        "days_with_data": sum(day.earned.hours > 0 for day in told),
        **_totals(total),  # type: ignore[typeddict-item]
        "currency": _currency([hour for day in told for hour in day.hours]),
        "status": "success",
    }


def exec_rate(context: Context, params: RateParams) -> RateBody:
    """Second by second (or hour by hour) how well awards were executed."""
    store, now = context.store, context.clock()
    at = instant(params.date, store.zone)
    at -= at % SECOND
    window = Window(at, at + params.minutes * MINUTE) if params.minutes else day_window(day_of(at, store.zone), store.zone)
    times, values = execution(store, context.config.site_id, window, now, params.data_type)
    width = 3600
    if params.data_type != "hour_exec_rate":
        times, values, width = _thinned(times, values)
    return {
        "date": params.date,
        "data_type": params.data_type,
        "data": [[at, value] for at, value in zip(times.tolist(), values.tolist(), strict=True)],
        "resolution_s": width,
        "status": "success",
    }


def _thinned(at: Any, values: Any) -> tuple[Any, Any, int]:
    """The lowest value of each bucket, so that no bad second is lost; at most POINTS of them."""
    width = next((width for width in _WIDTHS if len(at) <= POINTS * width), _WIDTHS[-1])
    if width == 1:
        return at, values, 1
    buckets = at // (width * SECOND)
    first = np.flatnonzero(np.diff(buckets, prepend=-1))
    return buckets[first] * (width * SECOND), np.minimum.reduceat(values, first), width


def _money(value: float | None) -> float | None:
    return None if value is None else round(value, 2) + 0.0


def _hour(told: Hour) -> HourRow:
    first = told.spans[0] if told.spans else None
    return {
        "hour": told.hour,
        **_fees(told.earned),  # type: ignore[typeddict-item]
        "exec_rate": exact(told.earned.rate),
        "performance_index": exact(told.earned.q),
        "mode": first.event.mode if first else None,
        "power": sum(span.event.power for span in told.spans) if first else None,
        "state": first.state if first else "none",
        "coverage": exact(told.earned.coverage),
    }


def _fees(of: Earned) -> dict[str, float | None]:
    return {"capacity_fee": _money(of.capacity), "efficiency_fee": _money(of.performance), "energy_service_fee": _money(of.energy)}


def _day(context: Context, day: Day) -> DayRow:
    return {
        "date": f"{day_of(day.start, context.store.zone):%Y-%m-%d}",
        **_fees(day.earned),  # type: ignore[typeddict-item]
        "income": _money(day.earned.total),
        "exec_rate": exact(day.earned.rate),
        "performance_index": exact(day.earned.q),
        "settled_hours": day.earned.hours,
    }


def _totals(total: Earned) -> dict[str, Any]:
    return {
        **{f"total_{name}": value for name, value in _fees(total).items()},
        "total_income": _money(total.total),
        "avg_exec_rate": exact(total.rate),
        "avg_performance_index": exact(total.q),
        "settled_hours": total.hours,
        "unverified_hours": total.hidden,
    }


def _currency(hours: Any) -> str:
    """The currency of what was settled; Taiwan's when nothing was."""
    found = {span.rules.currency for hour in hours for span in hour.spans if span.rules and span.period and span.period.fees}
    return found.pop() if len(found) == 1 else "TWD"


_DAILY_EXAMPLE = {
    "date": "2024-01-01",
    "hourly_data": [
        {
            "hour": 0,
            "capacity_fee": 125.50,
            "efficiency_fee": 45.25,
            "energy_service_fee": 0.0,
            "exec_rate": 0.95,
            "performance_index": 1.0,
            "mode": "dreg",
            "power": 4.5,
            "state": "settled",
            "coverage": 1.0,
        }
    ],
    "total_capacity_fee": 125.50,
    "total_efficiency_fee": 45.25,
    "total_energy_service_fee": 0.0,
    "total_income": 170.75,
    "avg_exec_rate": 0.95,
    "avg_performance_index": 1.0,
    "settled_hours": 1.0,
    "unverified_hours": 0.0,
    "currency": "TWD",
    "status": "success",
}
_MONTHLY_EXAMPLE = {
    "year": 2024,
    "month": 1,
    "daily_data": [
        {
            "date": "2024-01-01",
            "capacity_fee": 3825.0,
            "efficiency_fee": 1575.0,
            "energy_service_fee": 0.0,
            "income": 5400.0,
            "exec_rate": 0.95,
            "performance_index": 1.0,
            "settled_hours": 1.0,
        }
    ],
    "days_with_data": 1,
    "total_capacity_fee": 3825.0,
    "total_efficiency_fee": 1575.0,
    "total_energy_service_fee": 0.0,
    "total_income": 5400.0,
    "avg_exec_rate": 0.95,
    "avg_performance_index": 1.0,
    "settled_hours": 1.0,
    "unverified_hours": 0.0,
    "currency": "TWD",
    "status": "success",
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/schedule",
        tag=TAG,
        summary="Awards and offers",
        call=schedule,
        params=ScheduleParams,
        reply=ScheduleBody,
        example={"events": [EVENT_EXAMPLE], "mode": "all", "weeks": 1, "total_count": 1, "status": "success"},
        errors=(422,),
        description="`weeks` back and, as far as awards are known, as many ahead. `test_mode` means any test, `dreg` both its curves.",
    ),
    Operation(
        method="GET",
        path="/api/v1/schedule/income/daily",
        tag=TAG,
        summary="Income of a day by hour",
        call=daily,
        params=DailyParams,
        reply=DailyBody,
        example=_DAILY_EXAMPLE,
        errors=(422,),
        description="Awarded hours that are over, scored from the site's frequency and power by the rules of their product. A second "
        "without readings scores 0. Capacity fee = price · MW · index, efficiency (performance) fee = 350 or 475 · MW · index; the energy "
        "service fee of E-dReg stands beside them. Constants are from secondary sources: check them before billing.",
    ),
    Operation(
        method="GET",
        path="/api/v1/schedule/income/monthly",
        tag=TAG,
        summary="Income of a month by day",
        call=monthly,
        params=MonthlyParams,
        reply=MonthlyBody,
        example=_MONTHLY_EXAMPLE,
        errors=(422,),
    ),
    Operation(
        method="GET",
        path="/api/v1/schedule/exec-rate",
        tag=TAG,
        summary="Execution rate as a series",
        call=exec_rate,
        params=RateParams,
        reply=RateBody,
        example={
            "date": "2024-01-01 14:00:00",
            "data_type": "hour_exec_rate",
            "data": [[1704088800000, 95.0]],
            "resolution_s": 3600,
            "status": "success",
        },
        errors=(422,),
        description="Per second, rolling (best of the last four) or per hour that is over, in %. Only awarded time is there.",
    ),
)
