"""What the baseline does with readings."""

import os
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from .models import Telemetry
from .schemas import Alert, LatestOut, SummaryOut, TelemetryIn

BULK = os.environ.get("ORM_BULK") == "1"  # the ORM's bulk insert instead of its unit of work: a stricter second yardstick


def ingest(db: Session, readings: Sequence[TelemetryIn]) -> int:
    """Store all readings in one transaction; returns how many."""
    if BULK:
        db.execute(insert(Telemetry), [reading.model_dump() for reading in readings])
    else:
        db.add_all([Telemetry(**reading.model_dump()) for reading in readings])
    db.commit()
    return len(readings)


def alerts(row: Telemetry) -> list[Alert]:
    """The document's rules on temperature, charge and health; of a pair only the worse."""
    found = []
    if row.max_temp >= 60:
        found.append(Alert(code="HIGH_TEMP", severity="RED", message=f"max_temp {row.max_temp} °C"))
    elif row.max_temp >= 50:
        found.append(Alert(code="TEMP_WARNING", severity="YELLOW", message=f"max_temp {row.max_temp} °C"))
    if row.soc <= 10:
        found.append(Alert(code="LOW_SOC", severity="RED", message=f"soc {row.soc} %"))
    elif row.soc <= 20:
        found.append(Alert(code="SOC_WARNING", severity="YELLOW", message=f"soc {row.soc} %"))
    if row.soh < 80:
        found.append(Alert(code="SOH_DEGRADED", severity="YELLOW", message=f"soh {row.soh} %"))
    return found


def latest(db: Session, vin: str) -> LatestOut | None:
    """The newest reading of a vehicle; None when there is none."""
    row = db.scalars(select(Telemetry).where(Telemetry.vin == vin).order_by(Telemetry.ts.desc()).limit(1)).first()
    if row is None:
        return None
    values = {name: getattr(row, name) for name in TelemetryIn.model_fields}
    return LatestOut(**values, power_kw=round(row.pack_voltage * row.pack_current / 1000, 4), alerts=alerts(row))


def summary(db: Session, vin: str, from_ts: datetime, to_ts: datetime) -> SummaryOut:
    """Extremes of a window, bounds inclusive."""
    window = (Telemetry.vin == vin, Telemetry.ts >= from_ts, Telemetry.ts <= to_ts)
    samples, low, high, hot, cold = db.execute(
        select(
            func.count(), func.min(Telemetry.soc), func.max(Telemetry.soc), func.max(Telemetry.max_temp), func.min(Telemetry.min_temp)
        ).where(*window)
    ).one()
    return SummaryOut(vin=vin, from_ts=from_ts, to_ts=to_ts, samples=samples, soc_min=low, soc_max=high, temp_max=hot, temp_min=cold)
