"""Opens a store from its URL; the only place that knows which backends exist."""

import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from datastore.intake import Intake
from datastore.live import LiveBus
from datastore.ports import Records, Telemetry
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import HOUR

_SQLITE = "sqlite:///"


def now_ms() -> int:
    """The time of this machine, epoch ms UTC."""
    return time.time_ns() // 1_000_000


def open_store(url: str, zone: str, clock: Callable[[], int] = now_ms, auto_register: bool = True, seal_after_ms: int = 6 * HOUR) -> Store:
    """A ready store: tables made or brought up to date, intake running. URLs: `memory://`, `sqlite:///relative.db`, `sqlite:////absolute.db`.

    `zone` is the IANA zone of the site (calendar days), `seal_after_ms` the age after which readings are packed. Raises
    ValueError for a URL or zone that makes no sense and Unavailable when the store cannot be opened, each with one line
    that repeats no password.
    """
    try:
        site_zone = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is not an IANA time zone such as Asia/Taipei") from None
    if url == "memory://":
        telemetry, records = _memory(zone, clock)
    elif url.startswith(_SQLITE):
        telemetry, records = _sqlite(_path(url), zone, clock, seal_after_ms)
    else:
        scheme = url.split(":", 1)[0]
        raise ValueError(f"DATABASE_URL: a store of scheme {scheme!r} is not known, use sqlite:///path/to/file.db or memory://")
    live = LiveBus()
    return Store(telemetry, records, live, Intake(telemetry, records, live, clock, auto_register), site_zone, clock)


def _memory(zone: str, clock: Callable[[], int]) -> tuple[Telemetry, Records]:
    from datastore.backends.memory import MemoryTelemetry
    from datastore.backends.memory_records import MemoryRecords

    return MemoryTelemetry(zone, clock), MemoryRecords(clock)


def _sqlite(path: Path, zone: str, clock: Callable[[], int], seal_after_ms: int) -> tuple[Telemetry, Records]:
    import sqlite3

    from sqlalchemy.exc import SQLAlchemyError

    from datastore import migrations
    from datastore.backends.sql import SqlTelemetry
    from datastore.backends.sql_records import SqlRecords, sqlite_engine

    engine = sqlite_engine(path)
    try:
        migrations.upgrade(engine)
        return SqlTelemetry(path, zone, clock, seal_after_ms), SqlRecords(engine, clock, path)
    except BaseException as error:
        engine.dispose()
        if not isinstance(error, (SQLAlchemyError, sqlite3.Error, OSError)):
            raise
        cause = getattr(error, "orig", None) or error
        raise Unavailable(f"the database {path} cannot be opened: {cause}") from error


def _path(url: str) -> Path:
    text = url.removeprefix(_SQLITE).split("?", 1)[0]
    if not text or text == ":memory:":
        raise ValueError(f"DATABASE_URL={url!r} names no file, use sqlite:///path/to/file.db or memory://")
    path = Path(text)
    if path.is_dir():
        raise Unavailable(f"the database {path} cannot be opened: it is a folder")
    if not path.parent.is_dir():
        raise Unavailable(f"the database {path} cannot be opened: folder {path.parent} does not exist")
    return path
