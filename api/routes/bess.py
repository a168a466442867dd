"""S0: BMS and PCS readings in batches, and both merged for the later clients of `/bess`."""

import re
from collections.abc import Callable
from datetime import UTC, date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from api.contract import Context, Operation
from plant.model import SECOND, Window
from plant.timeline import day_window, iso, month_window
from services.unit_readings import FIELDS, UnitReadings, unit, units

_DATE = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?\Z", re.ASCII)
MOST_SKIPPED = 2**53 - 1
EXAMPLE_ID = "ZHPESS232A230002"


def _calendar(value: Any) -> Window:
    """The UTC month or day that a text names."""
    found = _DATE.match(value) if isinstance(value, str) else None
    try:
        if found is None:
            raise ValueError
        year, month = int(found[1]), int(found[2])
        return day_window(date(year, month, int(found[3])), UTC) if found[3] else month_window(year, month, UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("date", "Input should be a month YYYY-MM or a day YYYY-MM-DD") from None


CalendarWindow = Annotated[
    Window,
    BeforeValidator(_calendar),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(19|20)\d\d-(0[1-9]|1[0-2])(-(0[1-9]|1\d|2[0-8]))?$",
            "description": "only readings of this month YYYY-MM or day YYYY-MM-DD (UTC)",
            "examples": ["2023-01", "2023-01-01"],
        }
    ),
]


class BatchParams(BaseModel):
    """Which readings of which device."""

    device_id: str = Field(examples=["bess01"])
    batch_size: int = Field(100, ge=1, le=1000, description="readings in one answer")
    skip: int = Field(0, ge=0, le=MOST_SKIPPED, description="readings to pass over")
    date: CalendarWindow | None = None


class MeasuredUnit(TypedDict):
    device_id: str
    available_metrics: list[str]
    total_rows_per_metric: dict[str, int]


class MeasuredUnits(TypedDict):
    devices: list[MeasuredUnit]


def _reading(name: str, family: str) -> Any:
    fields: dict[str, Any] = {field: (float | None, ...) for field in FIELDS[family]}
    return create_model(name, timestamp=(str, ...), **fields)


def _batch(name: str, reading: Any) -> Any:
    told: dict[str, Any] = {"total_records": (int, Field(description="readings in this answer")), "data": (list[reading], ...)}
    return create_model(name, device_id=(str, ...), batch_size=(int, ...), **told)


def listed(family: str) -> Callable[[Context, None], MeasuredUnits]:
    """The list of a family: units that have sent at least one of its fields, with their rows per field."""

    def devices(context: Context, params: None) -> MeasuredUnits:
        telemetry = context.store.telemetry
        told = [(found, UnitReadings(telemetry, found, 0).counts()) for found in units(context.store.records, family)]
        return {
            "devices": [
                {"device_id": found.device_id, "available_metrics": list(counts), "total_rows_per_metric": counts}
                for found, counts in told
                if counts
            ]
        }

    return devices


def batch(family: str) -> Callable[[Context, BatchParams], dict[str, Any]]:
    """A page of a unit's readings, ascending, on the time base of the densest metric. Raises DeviceNotFound."""

    def readings(context: Context, params: BatchParams) -> dict[str, Any]:
        found = unit(context.store.records, family, params.device_id)
        kept = UnitReadings(context.store.telemetry, found, context.config.align_tolerance_s * SECOND)
        rows = kept.page(params.skip, params.batch_size, params.date).rows(found.fields)
        shown = [{"timestamp": iso(at), **values} for at, values in rows]  # NaN, the silent value, leaves as null
        return {"device_id": params.device_id, "total_records": len(shown), "batch_size": params.batch_size, "data": shown}

    return readings


BMS_EXAMPLE = {
    "timestamp": "2023-01-01T00:00:00Z",
    "soc": 85.5,
    "soh": 95.2,
    "voltage": 825.3,
    "current": -150.5,
    "cell_avg_voltage": 3.25,
    "cell_avg_temp": 25.8,
    "cell_max_voltage": 3.28,
    "cell_min_voltage": 3.22,
    "cell_voltage_diff": 0.06,
    "cell_temp_diff": 5.2,
}
PCS_EXAMPLE = {
    "timestamp": "2023-01-01T00:00:00Z",
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
}
MERGED_EXAMPLE = {
    "timestamp": "2023-01-01T00:00:00Z",
    **{f"bms_{name}": value for name, value in BMS_EXAMPLE.items() if name != "timestamp"},
    **{f"pcs_{name}": value for name, value in PCS_EXAMPLE.items() if name != "timestamp"},
}
_WHAT = {"bms": "BMS", "pcs": "PCS", "bess": "BMS and PCS"}
_ALIGNED = (
    "Ascending. The time base is the densest metric; every other one stands with its newest sample not older than ALIGN_TOLERANCE_S, "
    "else null. `total_records` counts the readings of this answer: fewer than `batch_size` means that these are the last."
)


def _operations(family: str, model: str, example: dict[str, Any]) -> tuple[Operation, Operation]:
    what = _WHAT[family]
    names = [name for name in example if name != "timestamp"]
    return (
        Operation(
            method="GET",
            path=f"/{family}/devices",
            tag="bess",
            summary=f"Devices with {what} data, and how many rows of each metric",
            call=listed(family),
            reply=MeasuredUnits,
            example={"devices": [{"device_id": EXAMPLE_ID, "available_metrics": names, "total_rows_per_metric": dict.fromkeys(names, 10)}]},
            description="Racks are left out: they are parts of their battery, and answer under their own ids.",
        ),
        Operation(
            method="GET",
            path=f"/{family}/{{device_id}}",
            tag="bess",
            summary=f"{what} readings of a device in batches",
            call=batch(family),
            params=BatchParams,
            reply=_batch(f"{model}Batch", _reading(f"{model}Reading", family)),
            example={"device_id": EXAMPLE_ID, "total_records": 1, "batch_size": 10, "data": [example]},
            errors=(404, 422),
            description=_ALIGNED
            + (" The PCS side is the device itself where it is both, else the converter that belongs to it." if family == "bess" else ""),
        ),
    )


OPERATIONS = (
    *_operations("bms", "BMS", BMS_EXAMPLE),
    *_operations("pcs", "PCS", PCS_EXAMPLE),
    *_operations("bess", "BESS", MERGED_EXAMPLE),
)
