"""The one table of the baseline."""

from datetime import datetime

from sqlalchemy import DateTime, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from .db import Base


class Telemetry(Base):
    """One reading of one vehicle. The natural key is the index every query uses, so there is no surrogate id to fetch back."""

    __tablename__ = "telemetry"

    vin: Mapped[str] = mapped_column(String(40), primary_key=True)
    ts: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    soc: Mapped[float] = mapped_column(Float)
    soh: Mapped[float] = mapped_column(Float)
    pack_voltage: Mapped[float] = mapped_column(Float)
    pack_current: Mapped[float] = mapped_column(Float)
    max_temp: Mapped[float] = mapped_column(Float)
    min_temp: Mapped[float] = mapped_column(Float)
    odo_km: Mapped[float] = mapped_column(Float)
