"""Engine, pool and session of the baseline; `DATABASE_URL` names SQLite or PostgreSQL."""

import os
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite:///baseline.db")
POOL_SIZE = int(os.environ.get("POOL_SIZE", "0"))


class Base(DeclarativeBase):
    """All tables."""


def _durable(connection: Any, _record: Any) -> None:
    """Every commit reaches the disk, as on the other side of the comparison; readers do not block the writer."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA cache_size=-65536")


def _engine(url: str) -> Engine:
    """A pooled engine. SQLite has one writer at a time: handing it one pooled connection lets requests queue in the pool, in
    order, which is faster and far more even than 16 connections sleeping in SQLite's busy handler (both were measured)."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=POOL_SIZE or 16, max_overflow=0, pool_pre_ping=False)
    engine = create_engine(url, pool_size=POOL_SIZE or 1, max_overflow=0, pool_timeout=60, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _durable)
    return engine


engine = _engine(DATABASE_URL)
SessionLocal = sessionmaker(engine, expire_on_commit=False)


def get_db() -> Iterator[Session]:
    """One session per request."""
    with SessionLocal() as session:
        yield session
