"""What the sun offered an inverter day by day, what came of it, and where the rest went: as the study of days kept it."""

from typing import Annotated, Any

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Instant, Operation, window
from api.errors import FieldError, invalid
from plant.errors import DeviceNotFound
from plant.model import DAY, Kind
from plant.timeline import day_of, iso
from services import pv_days
from services.pv_days import PvDay, lost_to_dirt

LONGEST = 400 * DAY


class PvDaysParams(BaseModel):
    """Which inverter, and which days: those of the site that begin in `from` … `to`, at most 400."""

    device: Annotated[str, Field(min_length=1, max_length=200)] = Field(examples=["inverter01"])
    from_: Instant = Field(alias="from")
    to: Instant


class LossesBody(TypedDict):
    """kWh; `potential_kwh` = AC energy while light was measured + all of these. `soiling` is null without a hint and then part of `other`;
    `mismatch` is null where the inverter tells no string currents; a negative `other` is a yield above the model."""

    clipping: float
    curtailment: float
    outage: float
    mismatch: float | None
    soiling: float | None
    other: float


class PvDayBody(TypedDict):
    """A day of the site: AC energy, yield per peak power, and of the hours in which light was measured too: insolation, performance ratio,
    that at cells of 25 °C, what could have been, and the losses. `reason` says what is missing: peak, power, light, place, or nothing."""

    day: str
    start: str
    end: str
    energy_kwh: float | None
    hours: float
    specific_yield: float | None
    insolation_kwh_m2: float | None
    lit_energy_kwh: float | None
    lit_hours: float
    performance_ratio: float | None
    corrected_performance_ratio: float | None
    clear_sky_energy_kwh: float | None
    clear_sky_ratio: float | None
    potential_kwh: float | None
    losses_kwh: LossesBody | None
    light: str | None
    assumed: list[str]
    reason: str | None


class SoilingBody(TypedDict):
    """What is lost per day since the last cleaning [%], with its 95 % interval; all null with too few clear days."""

    rate: float | None
    low: float | None
    high: float | None
    clear_days: int
    reason: str | None


class PvDaysBody(TypedDict):
    device_id: str
    zone: str
    days: list[PvDayBody]
    soiling: SoilingBody | None


def days(context: Context, params: PvDaysParams) -> PvDaysBody:
    """As kept: nothing is calculated here. Raises DeviceNotFound, Invalid, Unavailable."""
    store, span = context.store, window(params.from_, params.to, ("from", "to"))
    if span.length > LONGEST:
        raise invalid([FieldError(("query", "to"), "too_many", "ask for at most 400 days")])
    if not any(device.device_id == params.device for device in store.records.devices(Kind.INVERTER)):
        raise DeviceNotFound(params.device)
    hint = pv_days.dirt(store, params.device)
    told: SoilingBody | None = None
    if hint is not None:
        rate, low, high = (None if value is None else round(100 * value, 4) for value in (hint.rate, hint.low, hint.high))
        told = {"rate": rate, "low": low, "high": high, "clear_days": hint.days, "reason": hint.reason or None}
    found = [_day(context, day, lost_to_dirt(day, hint)) for day in pv_days.days(store, params.device, span)]
    return {"device_id": params.device, "zone": store.zone.key, "days": found, "soiling": told}


def _day(context: Context, day: PvDay, dirt: float | None) -> PvDayBody:
    return {
        "day": day_of(day.start, context.store.zone).isoformat(),
        "start": iso(day.start),
        "end": iso(day.end),
        "energy_kwh": day.energy,
        "hours": day.hours,
        "specific_yield": day.specific,
        "insolation_kwh_m2": day.insolation,
        "lit_energy_kwh": day.common,
        "lit_hours": day.lit_hours,
        "performance_ratio": day.ratio,
        "corrected_performance_ratio": day.corrected,
        "clear_sky_energy_kwh": day.clear_energy,
        "clear_sky_ratio": day.cleanness,
        "potential_kwh": day.potential,
        "losses_kwh": _losses(day, dirt),
        "light": day.source or None,
        "assumed": list(day.assumed),
        "reason": day.reason or None,
    }


def _losses(day: PvDay, dirt: float | None) -> LossesBody | None:
    if day.clipping is None or day.curtailment is None or day.outage is None or day.other is None:
        return None
    return {
        "clipping": day.clipping,
        "curtailment": day.curtailment,
        "outage": day.outage,
        "mismatch": day.mismatch if day.has_strings else None,
        "soiling": dirt,
        "other": day.other - (dirt or 0.0),
    }


_EXAMPLE: Any = {
    "device_id": "inverter01",
    "zone": "Asia/Taipei",
    "days": [
        {
            "day": "2026-01-24",
            "start": "2026-01-23T16:00:00Z",
            "end": "2026-01-24T16:00:00Z",
            "energy_kwh": 2145.6,
            "hours": 24.0,
            "specific_yield": 4.19,
            "insolation_kwh_m2": 4.72,
            "lit_energy_kwh": 2145.6,
            "lit_hours": 24.0,
            "performance_ratio": 88.8,
            "corrected_performance_ratio": 91.4,
            "clear_sky_energy_kwh": 2871.0,
            "clear_sky_ratio": 0.985,
            "potential_kwh": 2210.7,
            "losses_kwh": {"clipping": 0.0, "curtailment": 0.0, "outage": 0.0, "mismatch": 0.1, "soiling": None, "other": 65.0},
            "light": "poa_irradiance",
            "assumed": [],
            "reason": None,
        }
    ],
    "soiling": {"rate": None, "low": None, "high": None, "clear_days": 4, "reason": "few days"},
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/pv/days",
        tag="readings",
        summary="An inverter's days: yield, performance ratio, losses by kind",
        call=days,
        params=PvDaysParams,
        reply=PvDaysBody,
        example=_EXAMPLE,
        errors=(404, 422),
        description="Made every quarter of an hour from the readings (IEC 61724-1, clear sky after Ineichen, power after PVWatts); "
        "the running day up to then. What cannot be known is null, and `reason` says why; `assumed` names what of the array the device's "
        "record does not tell.",
    ),
)
