"""The baseline's routes: `uvicorn bench.baseline.backend.main:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from . import services
from .db import Base, engine, get_db
from .schemas import IngestOut, LatestOut, SummaryOut, TelemetryIn

Db = Annotated[Session, Depends(get_db)]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Create the table, release the pool."""
    Base.metadata.create_all(engine)
    yield
    engine.dispose()


app = FastAPI(title="Battery & Vehicle Monitoring", lifespan=lifespan)


@app.get("/api/health")
def health(db: Db) -> dict[str, str]:
    """Whether the database answers."""
    db.execute(text("SELECT 1"))
    return {"status": "OK", "db": "OK"}


@app.post("/api/telemetry")
def ingest(readings: list[TelemetryIn], db: Db) -> IngestOut:
    """Store a batch, all or nothing."""
    if not readings:
        raise HTTPException(400, "empty batch")
    try:
        return IngestOut(inserted=services.ingest(db, readings))
    except IntegrityError:
        raise HTTPException(409, "a reading exists already") from None


@app.get("/api/vehicles/{vin}/latest")
def latest(vin: str, db: Db) -> LatestOut:
    """Newest reading with alerts."""
    found = services.latest(db, vin)
    if found is None:
        raise HTTPException(404, f"unknown vehicle {vin}")
    return found


@app.get("/api/vehicles/{vin}/summary")
def summary(vin: str, from_ts: datetime, to_ts: datetime, db: Db) -> SummaryOut:
    """Extremes between two instants."""
    if to_ts <= from_ts:
        raise HTTPException(400, "to_ts must be after from_ts")
    return services.summary(db, vin, from_ts, to_ts)
