"""Records in an SQL database, through SQLAlchemy Core: rows come in and go out here, everybody else sees `plant.model`."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, and_, insert, or_, select, update
from sqlalchemy import delete as remove

from datastore.backends.common import Registered, listed, one_of, registered_of
from datastore.backends.memory_records import alarm_differs, no_event
from datastore.backends.record_limits import bound, check, check_collection, is_countable, is_text, legible, to_json
from datastore.backends.record_rows import FIELDS, NUMBERS, checked, occupied
from datastore.backends.sql_entries import DRAWER_NAMES, SqlDrawers
from datastore.backends.sql_record_database import RecordDatabase
from datastore.backends.sql_record_engines import count_on
from datastore.backends.sql_record_tables import (
    account,
    alarm,
    audit,
    document,
    metadata,
    registered,
    revoked_token,
    schedule_event,
    setting,
)
from plant.model import Alarm, Device, ScheduleEvent, User, Window

_FORGOTTEN_TOGETHER = 1000
_PAGE = 500
_DEVICE_FIELDS = tuple(f.name for f in fields(Device))
_ALARM_FIELDS = tuple(f.name for f in fields(Alarm))
_EVENT_FIELDS = tuple(f.name for f in fields(ScheduleEvent))
_USER_FIELDS = tuple(f.name for f in fields(User))


class SqlRecords(SqlDrawers):
    """Implements `ports.Records` on a migrated database. `clock` answers epoch ms; `path` is the database file, if it is one.

    Devices, users, settings and revoked tokens are cached; a change by this process is seen at once, one by another process
    within `CACHE_TRUSTED_S`. What one of the databases could not keep is Invalid (see `record_limits`).
    """

    def __init__(self, engine: Engine, clock: Callable[[], int], path: Path | None = None) -> None:
        super().__init__(RecordDatabase(engine, path))
        self._clock = clock

    def devices(self, kind: str | None = None, deleted: bool = False) -> list[Device]:
        """Registered devices ordered by id, then kind; `deleted` adds those that were deleted."""
        return listed(self._by_id(), kind, deleted)

    def device(self, device_id: str, kind: str | None = None) -> Device:
        """The device; of several kinds the first by name. Raises DeviceNotFound, also for a deleted one."""
        return one_of(self._by_id(), device_id, kind)

    def put_devices(self, devices: Iterable[Device]) -> None:
        """Insert or replace by (device_id, kind), all or none."""
        rows = [_device_row(device) for device in devices]

        def work(connection: Connection) -> None:
            for row in rows:
                _put(connection, registered, ("device_id", "kind"), row)

        self._database.write(work, "devices")

    def devices_version(self) -> int:
        """Changes whenever a device changes."""
        return self._database.version("devices")

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
        query = select(alarm).where(or_(*wanted)).order_by(alarm.c.raised.desc(), alarm.c.id.desc()).limit(max(limit, 0))
        if window is not None:
            start, end = _bounds(window)
            query = query.where(alarm.c.raised < end, or_(alarm.c.cleared.is_(None), alarm.c.cleared >= start))
        return [_alarm(row) for row in self._rows(query)]

    def put_alarm(self, alarm_: Alarm) -> Alarm:
        """Insert (id None) or replace by id; returns it with its id."""
        row = _checked(asdict(alarm_))
        return replace(alarm_, id=self._database.write(lambda connection: _put_numbered(connection, alarm, "id", row)))

    def raise_alarm(self, alarm_: Alarm) -> tuple[Alarm, bool]:
        """Insert, unless an alarm of this device, kind and code is open. The open one, and whether it is new."""
        row = _checked(asdict(replace(alarm_, id=None)))
        same = (alarm.c[name] == row[name] for name in ("device_id", "kind", "code"))
        query = select(alarm).where(*same, alarm.c.cleared.is_(None)).order_by(alarm.c.id).limit(1)

        def work(connection: Connection) -> tuple[Alarm, bool]:
            found = connection.execute(query).mappings().first()
            if found is not None:
                return _alarm(found), False
            return replace(alarm_, id=_put_numbered(connection, alarm, "id", row)), True

        return self._database.write(work, "alarms")

    def alarm(self, alarm_id: int) -> Alarm | None:
        """The alarm with this id; None when there is none."""
        rows = self._rows(select(alarm).where(alarm.c.id == alarm_id)) if is_countable(alarm_id) else ()
        return _alarm(rows[0]) if rows else None

    def change_alarm(self, was: Alarm, now: Alarm) -> Alarm:
        """Replace an alarm that is still kept as it `was` read."""
        changed = replace(now, id=was.id)
        row = _checked(asdict(changed))
        if was.id is None:
            raise alarm_differs(was, None)
        # locked where there is more than one writer at a time: `put_alarm` waits for the commit
        query = select(alarm).where(alarm.c.id == was.id).with_for_update()

        def work(connection: Connection) -> None:
            found = connection.execute(query).mappings().first()
            kept = None if found is None else _alarm(found)
            if kept != was:
                raise alarm_differs(was, kept)
            connection.execute(update(alarm).where(alarm.c.id == was.id).values(row))

        self._database.write(work)
        return changed

    def events(self, window: Window, mode: str | None = None) -> list[ScheduleEvent]:
        """Awards that touch the window, ascending by start, then index."""
        if mode is not None and not is_text(mode):
            return []
        table = schedule_event
        start, end = _bounds(window)
        query = select(table).where(table.c.time_start < end, table.c.time_end > start)
        if mode is not None:
            query = query.where(table.c.mode == mode)
        rows = self._rows(query.order_by(table.c.time_start, table.c.index))
        return [_event(row) for row in rows]

    def put_events(self, events: Iterable[ScheduleEvent]) -> list[ScheduleEvent]:
        """Insert (index None) or replace by index, all or none; returns them with their indices."""
        given = list(events)
        rows = [_checked(asdict(event)) for event in given]
        indices = self._database.write(lambda connection: [_put_numbered(connection, schedule_event, "index", row) for row in rows])
        return [replace(event, index=index) for event, index in zip(given, indices, strict=True)]

    def event(self, index: int) -> ScheduleEvent:
        """The award with this index. Raises NotFound."""
        rows = self._rows(select(schedule_event).where(schedule_event.c.index == index)) if is_countable(index) else ()
        if not rows:
            raise no_event(index)
        return _event(rows[0])

    def drop_event(self, index: int) -> bool:
        """Forget an award; whether it was there."""
        if not is_countable(index):
            return False
        forget = remove(schedule_event).where(schedule_event.c.index == index)
        return self._database.write(lambda connection: connection.execute(forget).rowcount > 0)

    def user(self, username: str) -> User | None:
        """None when unknown."""
        return self._all_users().get(username)

    def users(self) -> list[User]:
        """All, by name."""
        return list(self._all_users().values())

    def put_user(self, user: User) -> User:
        """Insert or replace by username; returns it with its id, which never changes."""
        row = _checked({name: getattr(user, name) for name in _USER_FIELDS if name != "id"}) | {"roles": _json(list(user.roles), "roles")}

        def work(connection: Connection) -> int | None:
            _put(connection, account, ("username",), row)
            return connection.scalar(select(account.c.id).where(account.c.username == user.username))

        return replace(user, id=self._database.write(work, "users"))

    def setting(self, name: str) -> Any:
        """A JSON value kept under this name; None when never set."""
        texts = self._database.cached("settings", lambda connection: {row.name: row.value for row in connection.execute(select(setting))})
        return json.loads(texts[name]) if name in texts else None

    def put_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value. Raises Invalid for what JSON cannot say."""
        row = _checked({"name": name, "value": to_json(value, f"setting '{name}'")})
        self._database.write(lambda connection: _put(connection, setting, ("name",), row), "settings")

    def revoke(self, token_id: str, expires: int) -> bool:
        """Remember a token id as revoked until it would have expired anyway (epoch ms). Whether it was not before."""
        row = _checked({"token_id": token_id, "expires": expires})

        def work(connection: Connection) -> bool:
            connection.execute(remove(revoked_token).where(revoked_token.c.expires <= self._clock()))
            return _put(connection, revoked_token, ("token_id",), row)

        return self._database.write(work, "revoked")

    def revoked(self, token_id: str) -> bool:
        """Whether this token id was revoked and would still be good otherwise."""
        query = select(revoked_token)
        tokens = self._database.cached("revoked", lambda connection: {row.token_id: row.expires for row in connection.execute(query)})
        return bool(tokens.get(token_id, 0) > self._clock())

    def audit(self, at: int, who: str, action: str, what: str) -> None:
        """Append to the audit log; never contains secrets. Names that are too long are cut."""
        row = _checked({"at": at} | {name: legible(name, text) for name, text in (("who", who), ("action", action), ("what", what))})
        self._database.write(lambda connection: connection.execute(insert(audit).values(row)))

    def audit_log(self, limit: int = 200, until: int | None = None) -> list[tuple[int, str, str, str]]:
        """Newest first: (at, who, action, what); with `until` only what was written at or before that instant."""
        asked = select(audit) if until is None else select(audit).where(audit.c.at <= bound(until))
        rows = self._rows(asked.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(max(limit, 0)))
        return [(row["at"], row["who"], row["action"], row["what"]) for row in rows]

    def keep_document(self, collection: str, document_: Mapping[str, Any], received: int) -> str:
        """Keep a message of one of the `DOCUMENTS` collections as it came, unknown fields too; returns its id."""
        check_collection(collection)
        row = _checked({"collection": collection, "received": received, "body": to_json(dict(document_), f"the {collection} document")})
        return str(self._database.write(lambda connection: _insert(connection, document, row)))

    def documents(self, collection: str, since: int = 0, limit: int = 100) -> list[Mapping[str, Any]]:
        """Kept messages received at or after `since`, newest first (by receive time, then by order of arrival), as they came."""
        check_collection(collection)
        table = document
        query = select(table.c.body).where(table.c.collection == collection, table.c.received >= bound(since))
        rows = self._rows(query.order_by(table.c.received.desc(), table.c.id.desc()).limit(max(limit, 0)))
        return [json.loads(row["body"]) for row in rows]

    def forget_documents(self, collection: str, before: int) -> int:
        """Drop messages received before; how many. A thousand at a time, so that other writers get their turn."""
        check_collection(collection)
        table = document
        query = select(table.c.id).where(table.c.collection == collection, table.c.received < bound(before)).limit(_FORGOTTEN_TOGETHER)

        def work(connection: Connection) -> tuple[int, int]:
            found = connection.scalars(query.order_by(table.c.received)).all()
            return len(found), connection.execute(remove(table).where(table.c.id.in_(found))).rowcount if found else 0

        forgotten = 0
        while True:
            found, dropped = self._database.write(work)
            forgotten += dropped
            if found < _FORGOTTEN_TOGETHER:
                return forgotten

    def dump(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every record as it was at one moment, as `record_rows` says; read in pages."""
        with self._database.snapshot() as connection:
            for name, names in FIELDS.items():
                for row in _pages(connection, metadata.tables[name]):
                    yield name, {field: row[field] for field in names}

    def fill(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Keep the rows of a dump, of whatever backend, with their numbers, all or none; how many."""
        return self._database.rewrite(lambda connection: _fill(connection, rows), DRAWER_NAMES)

    def ping(self) -> None:
        """Raises Unavailable when the store does not answer, or its file is not the one that was opened."""
        self._database.ping()

    def close(self) -> None:
        """Release the connections."""
        self._database.close()

    def _by_id(self) -> Registered:
        """Id → its devices by kind, ordered by id; shared, not to be changed."""

        def ask(connection: Connection) -> Registered:
            return registered_of(map(_device, connection.execute(select(registered)).mappings()))

        return self._database.cached("devices", ask)

    def _all_users(self) -> dict[str, User]:
        def ask(connection: Connection) -> dict[str, User]:
            # Sorted here, because each database has its own idea of the alphabet.
            found = sorted(map(_user, connection.execute(select(account)).mappings()), key=lambda user: user.username)
            return {user.username: user for user in found}

        return self._database.cached("users", ask)

    def _rows(self, query: Select[Any]) -> Sequence[Any]:
        return self._database.read(lambda connection: connection.execute(query).mappings().all())


def _put(connection: Connection, table: Table, key: Sequence[str], row: Mapping[str, Any]) -> bool:
    """Replace by key, or insert; whether it was inserted."""
    where = and_(*(table.c[name] == row[name] for name in key))
    known = connection.execute(update(table).where(where).values(row)).rowcount > 0
    if not known:
        connection.execute(insert(table).values(row))
    return not known


def _put_numbered(connection: Connection, table: Table, key: str, row: Mapping[str, Any]) -> int:
    """Insert (key None, a new number) or replace by number; the number."""
    if row[key] is None:
        return _insert(connection, table, {name: value for name, value in row.items() if name != key})
    number = int(row[key])
    if _put(connection, table, (key,), row):
        count_on(connection, table.c[key], number)
    return number


def _insert(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Insert; the number it got."""
    primary = connection.execute(insert(table).values(row)).inserted_primary_key
    assert primary is not None
    return int(primary[0])


def _pages(connection: Connection, table: Table) -> Iterator[Any]:
    """All rows of a table by its key, a page at a time, so that neither side holds them all."""
    (key,) = table.primary_key.columns
    query = select(table).order_by(key).limit(_PAGE)
    page = connection.execute(query).mappings().all()
    while page:
        yield from page
        page = connection.execute(query.where(key > page[-1][key.name])).mappings().all()


def _fill(connection: Connection, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
    if any(connection.execute(select(metadata.tables[name]).limit(1)).first() is not None for name in FIELDS):
        raise occupied()
    filled = 0
    highest: dict[str, int] = {}
    for name, together in groupby(rows, key=lambda row: row[0]):
        while page := [checked(name, row) for _, row in islice(together, _PAGE)]:
            connection.execute(insert(metadata.tables[name]), page)
            filled += len(page)
            if name in NUMBERS:
                highest[name] = max(highest.get(name, 0), *(row[NUMBERS[name]] for row in page))
    for name, number in highest.items():
        count_on(connection, metadata.tables[name].c[NUMBERS[name]], number)
    return filled


def _checked(row: Mapping[str, Any]) -> dict[str, Any]:
    check(row)
    return dict(row)


def _json(value: Any, what: str) -> Any:
    # JSON there and back here, so that what JSON cannot say is refused as Invalid and not by the driver.
    return json.loads(to_json(value, what))


def _device_row(device: Device) -> dict[str, Any]:
    row = _checked({name: getattr(device, name) for name in _DEVICE_FIELDS})
    return row | {name: _json(dict(row[name]), name) for name in ("rating", "info")}


def _device(row: Any) -> Device:
    return Device(**{name: row[name] for name in _DEVICE_FIELDS})


def _alarm(row: Any) -> Alarm:
    return Alarm(**{name: row[name] for name in _ALARM_FIELDS})


def _event(row: Any) -> ScheduleEvent:
    return ScheduleEvent(**{name: row[name] for name in _EVENT_FIELDS})


def _user(row: Any) -> User:
    return User(**({name: row[name] for name in _USER_FIELDS} | {"roles": tuple(row["roles"])}))


def _bounds(window: Window) -> tuple[int, int]:
    return bound(window.start), bound(window.end)
