"""Records in an SQL database, through SQLAlchemy Core: rows come in and go out here, everybody else sees `plant.model`."""

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from itertools import chain, groupby
from pathlib import Path
from threading import Lock, RLock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, Table, and_, create_engine, event, insert, or_, select, update
from sqlalchemy import delete as remove
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from datastore.backends.memory_records import to_json
from datastore.backends.sql_record_tables import account, alarm, audit, record_version, registered, revoked_token, schedule_event, setting
from plant.errors import DeviceNotFound, Unavailable
from plant.model import Alarm, Device, ScheduleEvent, User, Window

CACHE_TRUSTED_S = 1.0
"""How long another process's change may stay unseen."""
BUSY_S = 30
"""How long a writer waits for another one."""
_DEVICE_FIELDS = tuple(f.name for f in fields(Device))
_ALARM_FIELDS = tuple(f.name for f in fields(Alarm))
_EVENT_FIELDS = tuple(f.name for f in fields(ScheduleEvent))
_USER_FIELDS = tuple(f.name for f in fields(User))
_Kept = TypeVar("_Kept")


def sqlite_engine(path: Path) -> Engine:
    """An engine on a database file, durable and safe beside other writers: WAL, every commit synced, foreign keys on."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=28,
        connect_args={"check_same_thread": False, "timeout": BUSY_S, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        _use_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-512"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver's own BEGIN would come too late (at the first write) and leave DDL outside.
        options = connection.get_execution_options()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


def _use_wal(connection: Any) -> None:
    """Switch to the write-ahead log; SQLite answers "locked" at once, without waiting, while another process does the same."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise Unavailable(f"the database does not support a write-ahead log (journal mode {mode})")
        return


class _Turn:
    """Writers of one database file take turns by the kernel lock on `<file>.lock`, which the telemetry's writer takes too: it
    queues, where SQLite's own lock would have a rare writer poll beside a busy one and starve. Without a file: no turns."""

    def __init__(self, path: Path | None) -> None:
        self._threads = Lock()
        self._file = None if path is None else os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o644)

    @contextmanager
    def taken(self) -> Iterator[None]:
        with self._threads:
            if self._file is None:
                yield
                return
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        with self._threads:
            if self._file is not None:
                os.close(self._file)
                self._file = None


class SqlRecords:
    """Implements `ports.Records` on a migrated database. `clock` answers epoch ms; `path` is the database file, if it is one.

    Devices, users, settings and revoked tokens are cached; a change by this process is seen at once, one by another process
    within CACHE_TRUSTED_S.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int], path: Path | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._path = path
        self._file = _identity(path)
        self._turn = _Turn(path)
        self._lock = RLock()
        self._versions: dict[str, int] = {}
        self._seen_at = float("-inf")
        self._cache: dict[str, tuple[int, Any]] = {}

    def devices(self, kind: str | None = None, deleted: bool = False) -> list[Device]:
        """Registered devices ordered by id, then kind; `deleted` adds those that were deleted."""
        everything = chain.from_iterable(self._by_id().values())
        return [d for d in everything if (kind is None or d.kind == kind) and (deleted or not d.deleted)]

    def device(self, device_id: str, kind: str | None = None) -> Device:
        """The device; of several kinds the first by name. Raises DeviceNotFound, also for a deleted one."""
        for device in self._by_id().get(device_id, ()):
            if kind in (None, device.kind) and not device.deleted:
                return device
        raise DeviceNotFound(device_id)

    def put_devices(self, devices: Iterable[Device]) -> None:
        """Insert or replace by (device_id, kind), all or none."""
        rows = [_device_row(device) for device in devices]
        with self._write("devices") as connection:
            for row in rows:
                _put(connection, registered, ("device_id", "kind"), row)

    def devices_version(self) -> int:
        """Changes whenever a device changes."""
        return self._version("devices")

    def alarms(self, states: Sequence[str] = ("active", "acknowledged"), window: Window | None = None, limit: int = 1000) -> list[Alarm]:
        """Newest first: alarms in one of `states` that stood at some moment of the window."""
        conditions = {
            "active": and_(alarm.c.cleared.is_(None), alarm.c.acknowledged.is_(None)),
            "acknowledged": and_(alarm.c.cleared.is_(None), alarm.c.acknowledged.is_not(None)),
            "cleared": alarm.c.cleared.is_not(None),
        }
        wanted = [conditions[state] for state in states if state in conditions]
        if not wanted:
            return []
        query = select(alarm).where(or_(*wanted)).order_by(alarm.c.raised.desc(), alarm.c.id.desc()).limit(limit)
        if window is not None:
            query = query.where(alarm.c.raised < window.end, or_(alarm.c.cleared.is_(None), alarm.c.cleared >= window.start))
        return [Alarm(**{name: row[name] for name in _ALARM_FIELDS}) for row in self._rows(query)]

    def put_alarm(self, alarm_: Alarm) -> Alarm:
        """Insert (id None) or replace by id; returns it with its id."""
        with self._write() as connection:
            return replace(alarm_, id=_put_numbered(connection, alarm, "id", asdict(alarm_)))

    def events(self, window: Window, mode: str | None = None) -> list[ScheduleEvent]:
        """Awards that touch the window, ascending by start, then index."""
        table = schedule_event
        query = select(table).where(table.c.time_start < window.end, table.c.time_end > window.start)
        if mode is not None:
            query = query.where(table.c.mode == mode)
        rows = self._rows(query.order_by(table.c.time_start, table.c.index))
        return [ScheduleEvent(**{name: row[name] for name in _EVENT_FIELDS}) for row in rows]

    def put_events(self, events: Iterable[ScheduleEvent]) -> list[ScheduleEvent]:
        """Insert (index None) or replace by index, all or none; returns them with their indices."""
        with self._write() as connection:
            return [replace(event, index=_put_numbered(connection, schedule_event, "index", asdict(event))) for event in events]

    def user(self, username: str) -> User | None:
        """None when unknown."""
        return self._all_users().get(username)

    def users(self) -> list[User]:
        """All, by name."""
        return list(self._all_users().values())

    def put_user(self, user: User) -> User:
        """Insert or replace by username; returns it with its id, which never changes."""
        row = {name: getattr(user, name) for name in _USER_FIELDS if name != "id"} | {"roles": list(user.roles)}
        with self._write("users") as connection:
            _put(connection, account, ("username",), row)
            found = connection.scalar(select(account.c.id).where(account.c.username == user.username))
        return replace(user, id=found)

    def setting(self, name: str) -> Any:
        """A JSON value kept under this name; None when never set."""
        texts = self._cached("settings", lambda connection: {row.name: row.value for row in connection.execute(select(setting))})
        return json.loads(texts[name]) if name in texts else None

    def put_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value. Raises Invalid for what JSON cannot say."""
        text = to_json(value, f"setting '{name}'")
        with self._write("settings") as connection:
            _put(connection, setting, ("name",), {"name": name, "value": text})

    def revoke(self, token_id: str, expires: int) -> None:
        """Remember a token id as revoked until it would have expired anyway (epoch ms)."""
        with self._write("revoked") as connection:
            connection.execute(remove(revoked_token).where(revoked_token.c.expires <= self._clock()))
            _put(connection, revoked_token, ("token_id",), {"token_id": token_id, "expires": expires})

    def revoked(self, token_id: str) -> bool:
        """Whether this token id was revoked and would still be good otherwise."""
        table = revoked_token
        tokens = self._cached("revoked", lambda connection: {row.token_id: row.expires for row in connection.execute(select(table))})
        return bool(tokens.get(token_id, 0) > self._clock())

    def audit(self, at: int, who: str, action: str, what: str) -> None:
        """Append to the audit log; never contains secrets."""
        with self._write() as connection:
            connection.execute(insert(audit).values(at=at, who=who, action=action, what=what))

    def audit_log(self, limit: int = 200) -> list[tuple[int, str, str, str]]:
        """Newest first: (at, who, action, what)."""
        rows = self._rows(select(audit).order_by(audit.c.id.desc()).limit(limit))
        return [(row["at"], row["who"], row["action"], row["what"]) for row in rows]

    def ping(self) -> None:
        """Raises Unavailable when the store does not answer, or its file is not the one that was opened."""
        if _identity(self._path) != self._file:
            raise Unavailable(f"the database file {self._path} is gone")
        self._rows(select(record_version))

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()
        self._turn.close()

    def _by_id(self) -> dict[str, list[Device]]:
        """Id → its devices by kind, ordered by id; shared, not to be changed."""

        def read(connection: Connection) -> dict[str, list[Device]]:
            found = sorted(
                map(_device, connection.execute(select(registered)).mappings()), key=lambda device: (device.device_id, device.kind)
            )
            return {device_id: list(devices) for device_id, devices in groupby(found, key=lambda device: device.device_id)}

        devices: dict[str, list[Device]] = self._cached("devices", read)
        return devices

    def _all_users(self) -> dict[str, User]:
        query = select(account).order_by(account.c.username)
        found: dict[str, User] = self._cached(
            "users", lambda connection: {row["username"]: _user(row) for row in connection.execute(query).mappings()}
        )
        return found

    def _rows(self, query: Select[Any]) -> Sequence[Any]:
        with self._transaction() as connection:
            return connection.execute(query).mappings().all()

    @contextmanager
    def _transaction(self, writes: bool = False) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(writes=writes) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise Unavailable(f"the store does not answer: {cause}") from error

    @contextmanager
    def _write(self, name: str | None = None) -> Iterator[Connection]:
        """A transaction that changes what is cached under `name`."""
        with self._turn.taken(), self._transaction(writes=True) as connection:
            yield connection
            if name:
                version = record_version.c.version
                connection.execute(update(record_version).where(record_version.c.name == name).values(version=version + 1))
        if name:
            # Readers between the commit and this line still see the old cache, as if they had asked a moment earlier.
            with self._lock:
                self._seen_at = float("-inf")

    def _version(self, name: str) -> int:
        if time.monotonic() - self._seen_at > CACHE_TRUSTED_S:
            with self._lock:
                asked = time.monotonic()
                if asked - self._seen_at > CACHE_TRUSTED_S:
                    self._versions = {row["name"]: row["version"] for row in self._rows(select(record_version))}
                    self._seen_at = asked
        return self._versions[name]

    def _cached(self, name: str, read: Callable[[Connection], Any]) -> Any:
        version = self._version(name)
        kept = self._cache.get(name)
        if kept is None or kept[0] != version:
            # Read after the version: at worst the cache is newer than its label and is read once more.
            with self._transaction() as connection:
                kept = (version, read(connection))
            self._cache[name] = kept
        return kept[1]


def _put(connection: Connection, table: Table, key: Sequence[str], row: dict[str, Any]) -> None:
    where = and_(*(table.c[name] == row[name] for name in key))
    if connection.execute(update(table).where(where).values(row)).rowcount == 0:
        connection.execute(insert(table).values(row))


def _put_numbered(connection: Connection, table: Table, key: str, row: dict[str, Any]) -> int:
    """Insert (key None, a new number) or replace by number; the number."""
    if row[key] is not None:
        _put(connection, table, (key,), row)
        return int(row[key])
    row = {name: value for name, value in row.items() if name != key}
    primary = connection.execute(insert(table).values(row)).inserted_primary_key
    assert primary is not None
    return int(primary[0])


def _device_row(device: Device) -> dict[str, Any]:
    row = {name: getattr(device, name) for name in _DEVICE_FIELDS}
    # JSON there and back here, so that what JSON cannot say is refused as Invalid and not by the driver.
    return row | {name: json.loads(to_json(dict(row[name]), name)) for name in ("rating", "info")}


def _device(row: Any) -> Device:
    return Device(**{name: row[name] for name in _DEVICE_FIELDS})


def _user(row: Any) -> User:
    return User(**({name: row[name] for name in _USER_FIELDS} | {"roles": tuple(row["roles"])}))


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
