"""Opens a store from its URL; the only place that knows which backends exist."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from datastore.intake import Intake
from datastore.kept.engine import Engine
from datastore.live import LiveBus
from datastore.messages import Messages
from datastore.ports import Live, Records, Telemetry
from datastore.sources import Federated, Source
from datastore.spool import Spool
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import HOUR

log = logging.getLogger(__name__)

_MEMORY = "memory://"
_SQLITE = "sqlite:///"
_MONGODB = ("mongodb://", "mongodb+srv://")


def now_ms() -> int:
    """The time of this machine, epoch ms UTC."""
    return time.time_ns() // 1_000_000


def open_store(
    url: str,
    zone: str,
    clock: Callable[[], int] = now_ms,
    auto_register: bool = True,
    seal_after_ms: int = 6 * HOUR,
    records_url: str = "",
    live: Live | None = None,
    spool: Path | None = None,
    spool_bytes: int = 512 << 20,
    sources: Sequence[Source] = (),
    document_days: int = 30,
    place: tuple[float, float] | None = None,
) -> Store:
    """A ready store: tables made or brought up to date, intake running. URLs: `memory://`, `sqlite:///relative.db`,
    `sqlite:////absolute.db`, `postgresql://…`, `mysql://…`, `mariadb://…`, `mongodb://…`.

    `zone` is the IANA zone of the site (calendar days), `seal_after_ms` the age after which readings are packed, `records_url`
    where records are kept when not beside the readings, `live` the bus to use instead of one within this process, `spool` the
    folder where readings wait while the store does not answer (None: they are refused then), at most `spool_bytes` of them (and as
    many of whole messages, in the folder of that name with `-messages`),
    `sources` what is read elsewhere, `document_days` how long whole messages are kept (0: for good), `place` the site's latitude and
    longitude [°] (the sun's height follows from it).

    Raises ValueError for a URL or zone that makes no sense and Unavailable when the store cannot be opened, each with one line
    that repeats no password.
    """
    try:
        site_zone = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is not an IANA time zone such as Asia/Taipei") from None
    _known(url)
    if records_url:
        _known(records_url, "RECORDS_URL")
    records = open_records(records_url or url, clock, document_days)
    try:
        telemetry = open_telemetry(url, zone, clock, seal_after_ms)
    except BaseException:
        records.close()
        raise
    if sources:
        telemetry = Federated(telemetry, sources)
        _register(records, sources)
    live = live or LiveBus()
    kept_back = None if spool is None else Spool(spool, spool_bytes)
    intake = Intake(telemetry, records, live, clock, auto_register, spool=kept_back)
    letters = None if spool is None else Spool(spool.with_name(f"{spool.name}-messages"), spool_bytes)
    return Store(telemetry, records, live, intake, site_zone, clock, Messages(records, clock, letters), place)


def open_telemetry(url: str, zone: str, clock: Callable[[], int] = now_ms, seal_after_ms: int = 6 * HOUR) -> Telemetry:
    """Where readings are kept; errors as `open_store`."""
    if url == _MEMORY:
        from datastore.backends.memory import MemoryTelemetry

        return MemoryTelemetry(zone, clock)
    from datastore.kept.telemetry import KeptTelemetry

    engine = open_engine(url)
    try:
        with _naming(url):
            return KeptTelemetry(engine, clock, seal_after_ms)
    except BaseException:
        engine.close()
        raise


def open_engine(url: str) -> Engine:
    """The database of `open_telemetry` itself, tables made; for whoever looks at it or copies it. Errors as `open_store`."""
    _known(url)
    with _naming(url):
        if url.startswith(_MONGODB):
            from datastore.backends.mongo_engine import MongoEngine

            return MongoEngine(url)
        from datastore.backends.sql_engine import open_engine as open_sql

        if url.startswith(_SQLITE):
            _usable(_file(url))
        return open_sql(url)


def open_records(url: str, clock: Callable[[], int] = now_ms, document_days: int = 30) -> Records:
    """Where records are kept, brought up to date; errors as `open_store`. A MongoDB drops messages older than `document_days` by
    itself, everywhere else who keeps house calls `forget_documents`."""
    if url == _MEMORY:
        from datastore.backends.memory_records import MemoryRecords

        return MemoryRecords(clock)
    _known(url)
    if url.startswith(_MONGODB):
        from datastore.backends.mongo_records import MongoRecords

        with _naming(url):
            return MongoRecords(url, clock, document_days)
    from datastore import migrations
    from datastore.backends.sql_record_engines import records_engine
    from datastore.backends.sql_records import SqlRecords

    path = _usable(_file(url)) if url.startswith(_SQLITE) else None
    engine = records_engine(url)
    try:
        with _naming(url):
            migrations.upgrade(engine)
            return SqlRecords(engine, clock, path)
    except BaseException:
        engine.dispose()
        raise


def _register(records: Records, sources: Sequence[Source]) -> None:
    """Make the devices of sources known, so that pages and doors find them; a source that does not answer now is asked again later."""
    known = {(device.device_id, device.kind) for device in records.devices(deleted=True)}
    for source in sources:
        try:
            found = source.devices()
        except Unavailable as error:
            log.warning("source %s: %s", source.name, error.message)
            continue
        fresh = [device for device in found if (device.device_id, device.kind) not in known]
        if fresh:
            records.put_devices(fresh)
        known |= {(device.device_id, device.kind) for device in fresh}


@contextmanager
def _naming(url: str) -> Iterator[None]:
    """What a driver raises while opening, as Unavailable that names the database without its password."""
    from sqlalchemy.exc import SQLAlchemyError

    from datastore.backends.sql_record_engines import line_of

    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        password = unquote(urlsplit(url).password or "")
        raise Unavailable(f"the database {_shown(url)} cannot be opened: {line_of(error, password)}") from error


def _shown(url: str) -> str:
    """The URL as it may be read by anyone: a file's path, or server and database."""
    if url.startswith(_SQLITE):
        return str(_file(url))
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _known(url: str, setting: str = "DATABASE_URL") -> None:
    """Raises ValueError for a scheme that no backend has."""
    from datastore.backends.sql_record_engines import is_server

    if not (url == _MEMORY or url.startswith((_SQLITE, *_MONGODB)) or is_server(url)):
        scheme = url.split(":", 1)[0]
        raise ValueError(
            f"{setting}: a store of scheme {scheme!r} is not known, use sqlite:///path/to/file.db, postgresql://, mysql://, "
            "mariadb:// or mongodb:// with user, host and database, or memory://"
        )


def _file(url: str) -> Path:
    """The file of an SQLite URL. Raises ValueError when it names none."""
    text = url.removeprefix(_SQLITE).split("?", 1)[0]
    if not text or text == ":memory:":
        raise ValueError(f"DATABASE_URL={url!r} names no file, use sqlite:///path/to/file.db or memory://")
    return Path(text)


def _usable(path: Path) -> Path:
    """The path, when a database can be there. Raises Unavailable."""
    if path.is_dir():
        raise Unavailable(f"the database {path} cannot be opened: it is a folder")
    if not path.parent.is_dir():
        raise Unavailable(f"the database {path} cannot be opened: folder {path.parent} does not exist")
    return path
