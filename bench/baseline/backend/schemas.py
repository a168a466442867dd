"""What goes in and out of the baseline."""

from datetime import datetime

from pydantic import BaseModel, Field


class TelemetryIn(BaseModel):
    """One reading as the document's client sends it."""

    vin: str = Field(min_length=5, max_length=40)
    ts: datetime
    soc: float = Field(ge=0, le=100)
    soh: float = Field(ge=0, le=100)
    pack_voltage: float
    pack_current: float
    max_temp: float
    min_temp: float
    odo_km: float = Field(ge=0)


class IngestOut(BaseModel):
    """How many readings were stored."""

    inserted: int


class Alert(BaseModel):
    """A rule that the newest reading breaks."""

    code: str
    severity: str
    message: str


class LatestOut(TelemetryIn):
    """The newest reading with its power and alerts."""

    power_kw: float
    alerts: list[Alert]


class SummaryOut(BaseModel):
    """Extremes of a window."""

    vin: str
    from_ts: datetime
    to_ts: datetime
    samples: int
    soc_min: float | None
    soc_max: float | None
    temp_max: float | None
    temp_min: float | None
