"""Records in memory: the reference meaning of the port, and the store of tests."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import count
from threading import RLock
from typing import Any

from datastore.backends.record_limits import check, check_collection, check_drawer, legible, to_json
from datastore.backends.record_rows import FIELDS, checked, occupied
from datastore.ports import DRAWERS, Entry
from plant.errors import Conflict, DeviceNotFound, NotFound
from plant.model import Alarm, Device, ScheduleEvent, User, Window


class MemoryRecords:
    """Implements `ports.Records` until the process ends; `clock` answers epoch ms."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = RLock()
        self._devices: dict[tuple[str, str], Device] = {}
        self._devices_version = 0
        self._alarms: dict[int, Alarm] = {}
        self._events: dict[int, ScheduleEvent] = {}
        self._last_event = 0
        self._users: dict[str, User] = {}
        self._settings: dict[str, str] = {}
        self._revoked: dict[str, int] = {}
        self._documents: dict[int, tuple[str, int, str]] = {}
        self._document_numbers = count(1)
        self._audit: list[tuple[int, str, str, str]] = []
        self._entries: dict[tuple[str, str], tuple[str, str, int, str, int]] = {}
        self._entry_versions: dict[str, int] = {}

    def devices(self, kind: str | None = None, deleted: bool = False) -> list[Device]:
        """Registered devices ordered by id, then kind; `deleted` adds those that were deleted."""
        with self._lock:
            found = [d for d in self._devices.values() if (kind is None or d.kind == kind) and (deleted or not d.deleted)]
        return sorted(found, key=lambda device: (device.device_id, device.kind))

    def device(self, device_id: str, kind: str | None = None) -> Device:
        """The device; of several kinds the first by name. Raises DeviceNotFound, also for a deleted one."""
        found = [device for device in self.devices(kind) if device.device_id == device_id]
        if not found:
            raise DeviceNotFound(device_id)
        return found[0]

    def put_devices(self, devices: Iterable[Device]) -> None:
        """Insert or replace by (device_id, kind), all or none."""
        checked = [
            replace(device, rating=json.loads(to_json(dict(device.rating), "rating")), info=json.loads(to_json(dict(device.info), "info")))
            for device in devices
        ]
        for device in checked:
            check(asdict(device))
        with self._lock:
            self._devices |= {(device.device_id, device.kind): device for device in checked}
            self._devices_version += 1

    def devices_version(self) -> int:
        """Changes whenever a device changes."""
        return self._devices_version

    def alarms(self, states: Sequence[str] = ("active", "acknowledged"), window: Window | None = None, limit: int = 1000) -> list[Alarm]:
        """Newest first: alarms in one of `states` that stood at some moment of the window."""
        with self._lock:
            found = [alarm for alarm in self._alarms.values() if alarm.state in states and (window is None or _stood(alarm, window))]
        return sorted(found, key=lambda alarm: (alarm.raised, alarm.id or 0), reverse=True)[: max(limit, 0)]

    def put_alarm(self, alarm: Alarm) -> Alarm:
        """Insert (id None) or replace by id; returns it with its id."""
        check(asdict(alarm))
        with self._lock:
            kept = replace(alarm, id=max(self._alarms, default=0) + 1) if alarm.id is None else alarm
            assert kept.id is not None
            self._alarms[kept.id] = kept
            return kept

    def raise_alarm(self, alarm: Alarm) -> tuple[Alarm, bool]:
        """Insert, unless an alarm of this device, kind and code is open. The open one, and whether it is new."""
        with self._lock:
            for other in self._alarms.values():
                if other.cleared is None and (other.device_id, other.kind, other.code) == (alarm.device_id, alarm.kind, alarm.code):
                    return other, False
            return self.put_alarm(replace(alarm, id=None)), True

    def alarm(self, alarm_id: int) -> Alarm | None:
        """The alarm with this id; None when there is none."""
        with self._lock:
            return self._alarms.get(alarm_id)

    def change_alarm(self, was: Alarm, now: Alarm) -> Alarm:
        """Replace an alarm that is still kept as it `was` read."""
        check(asdict(now))
        with self._lock:
            kept = None if was.id is None else self.alarm(was.id)
            if kept != was:
                raise alarm_differs(was, kept)
            return self.put_alarm(replace(now, id=was.id))

    def events(self, window: Window, mode: str | None = None) -> list[ScheduleEvent]:
        """Awards that touch the window, ascending by start, then index."""
        with self._lock:
            found = [
                event
                for event in self._events.values()
                if event.time_start < window.end and event.time_end > window.start and (mode is None or event.mode == mode)
            ]
        return sorted(found, key=lambda event: (event.time_start, event.index or 0))

    def put_events(self, events: Iterable[ScheduleEvent]) -> list[ScheduleEvent]:
        """Insert (index None) or replace by index, all or none; returns them with their indices."""
        given = list(events)
        for event in given:
            check(asdict(event))
        with self._lock:
            kept = []
            for event in given:
                placed = replace(event, index=self._last_event + 1) if event.index is None else event
                assert placed.index is not None
                self._last_event = max(self._last_event, placed.index)
                self._events[placed.index] = placed
                kept.append(placed)
            return kept

    def event(self, index: int) -> ScheduleEvent:
        """The award with this index. Raises NotFound."""
        with self._lock:
            if index not in self._events:
                raise no_event(index)
            return self._events[index]

    def drop_event(self, index: int) -> bool:
        """Forget an award; whether it was there."""
        with self._lock:
            return self._events.pop(index, None) is not None

    def put_entry(self, entry: Entry) -> Entry:
        """Keep an entry that is new (version 0) or was read with this version."""
        row = entry_row(entry)
        key = (entry.drawer, entry.id)
        with self._lock:
            kept = self._entries.get(key)
            if (kept[-1] if kept else 0) != entry.version:
                raise changed_meanwhile(entry)
            self._entries[key] = (row["subject"], row["state"], row["at"], row["body"], row["version"])
            self._touch(entry.drawer)
        return replace(entry, version=entry.version + 1)

    def entry(self, drawer: str, entry_id: str) -> Entry | None:
        """None when there is none."""
        check_drawer(drawer)
        with self._lock:
            row = self._entries.get((drawer, entry_id))
        return None if row is None else _entry(drawer, entry_id, row)

    def entries(
        self,
        drawer: str,
        subject: str | None = None,
        states: Sequence[str] | None = None,
        window: Window | None = None,
        limit: int = 1000,
    ) -> list[Entry]:
        """Newest first, by (at, id)."""
        check_drawer(drawer)
        with self._lock:
            found = [
                _entry(drawer, number, row)
                for (name, number), row in self._entries.items()
                if name == drawer
                and (subject is None or row[0] == subject)
                and (states is None or row[1] in states)
                and (window is None or window.start <= row[2] < window.end)
            ]
        return sorted(found, key=lambda entry: (entry.at, entry.id), reverse=True)[: max(limit, 0)]

    def drop_entry(self, drawer: str, entry_id: str) -> bool:
        """Forget an entry; whether it was there."""
        check_drawer(drawer)
        with self._lock:
            self._touch(drawer)
            return self._entries.pop((drawer, entry_id), None) is not None

    def forget_entries(self, drawer: str, before: int) -> int:
        """Forget entries whose `at` is before; how many."""
        check_drawer(drawer)
        with self._lock:
            old = [key for key, row in self._entries.items() if key[0] == drawer and row[2] < before]
            for key in old:
                del self._entries[key]
            self._touch(drawer)
        return len(old)

    def entries_version(self, drawer: str) -> int:
        """Changes whenever an entry of the drawer changes."""
        check_drawer(drawer)
        return self._entry_versions.get(drawer, 0)

    def _touch(self, drawer: str) -> None:
        self._entry_versions[drawer] = self._entry_versions.get(drawer, 0) + 1

    def user(self, username: str) -> User | None:
        """None when unknown."""
        return self._users.get(username)

    def users(self) -> list[User]:
        """All, by name."""
        with self._lock:
            return sorted(self._users.values(), key=lambda user: user.username)

    def put_user(self, user: User) -> User:
        """Insert or replace by username; returns it with its id, which never changes."""
        check(asdict(user))
        to_json(list(user.roles), "roles")
        with self._lock:
            before = self._users.get(user.username)
            kept = replace(user, id=before.id if before else max((other.id or 0 for other in self._users.values()), default=0) + 1)
            self._users[user.username] = kept
            return kept

    def setting(self, name: str) -> Any:
        """A JSON value kept under this name; None when never set."""
        text = self._settings.get(name)
        return None if text is None else json.loads(text)

    def put_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value. Raises Invalid for what JSON cannot say."""
        check({"name": name})
        self._settings[name] = to_json(value, f"setting '{name}'")

    def revoke(self, token_id: str, expires: int) -> bool:
        """Remember a token id as revoked until it would have expired anyway (epoch ms). Whether it was not before."""
        check({"token_id": token_id, "expires": expires})
        now = self._clock()
        with self._lock:
            fresh = self._revoked.get(token_id, 0) <= now
            self._revoked = {token: until for token, until in self._revoked.items() if until > now} | {token_id: expires}
        return fresh

    def revoked(self, token_id: str) -> bool:
        """Whether this token id was revoked and would still be good otherwise."""
        return self._revoked.get(token_id, 0) > self._clock()

    def audit(self, at: int, who: str, action: str, what: str) -> None:
        """Append to the audit log; never contains secrets. Names that are too long are cut."""
        check({"at": at})
        with self._lock:
            self._audit.append((at, legible("who", who), legible("action", action), legible("what", what)))

    def audit_log(self, limit: int = 200, until: int | None = None) -> list[tuple[int, str, str, str]]:
        """Newest first: (at, who, action, what); with `until` only what was written at or before that instant."""
        with self._lock:
            found = [row for row in reversed(self._audit) if until is None or row[0] <= until]
        return sorted(found, key=lambda row: -row[0])[: max(limit, 0)]

    def keep_document(self, collection: str, document: Mapping[str, Any], received: int) -> str:
        """Keep a message of one of the `DOCUMENTS` collections as it came, unknown fields too; returns its id."""
        check_collection(collection)
        check({"received": received})
        text = to_json(dict(document), f"the {collection} document")
        with self._lock:
            number = next(self._document_numbers)
            self._documents[number] = (collection, received, text)
        return str(number)

    def documents(self, collection: str, since: int = 0, limit: int = 100) -> list[Mapping[str, Any]]:
        """Kept messages received at or after `since`, newest first (by receive time, then by order of arrival), as they came."""
        check_collection(collection)
        with self._lock:
            found = [(at, number, text) for number, (name, at, text) in self._documents.items() if name == collection and at >= since]
        return [json.loads(text) for _, _, text in sorted(found, reverse=True)[: max(limit, 0)]]

    def forget_documents(self, collection: str, before: int) -> int:
        """Drop messages received before; how many."""
        check_collection(collection)
        with self._lock:
            old = [number for number, (name, at, _) in self._documents.items() if name == collection and at < before]
            for number in old:
                del self._documents[number]
        return len(old)

    def dump(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every record as it was at one moment, as `record_rows` says."""
        with self._lock:
            tables: dict[str, list[dict[str, Any]]] = {
                "registered_device": [asdict(device) for device in self.devices(deleted=True)],
                "alarm": [asdict(self._alarms[number]) for number in sorted(self._alarms)],
                "schedule_event": [asdict(self._events[number]) for number in sorted(self._events)],
                "account": [asdict(user) | {"roles": list(user.roles)} for user in self.users()],
                "setting": [{"name": name, "value": text} for name, text in self._settings.items()],
                "revoked_token": [{"token_id": token, "expires": expires} for token, expires in self._revoked.items()],
                "audit": [dict(zip(FIELDS["audit"], row, strict=True)) for row in self._audit],
                "document": [dict(zip(FIELDS["document"], row, strict=True)) for row in self._documents.values()],
                "entry": [dict(zip(FIELDS["entry"], (*key, *self._entries[key]), strict=True)) for key in sorted(self._entries)],
            }
        return ((table, row) for table in FIELDS for row in tables[table])

    def fill(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Keep the rows of a dump, of whatever backend, with their numbers, all or none; how many."""
        given = [(table, checked(table, row)) for table, row in rows]
        with self._lock:
            if next(self.dump(), None) is not None:
                raise occupied()
            for table, row in given:
                self._take(table, row)
            self._devices_version += 1
            for drawer in DRAWERS:
                self._touch(drawer)
        return len(given)

    def _take(self, table: str, row: dict[str, Any]) -> None:
        match table:
            case "registered_device":
                self._devices[row["device_id"], row["kind"]] = Device(**row)
            case "alarm":
                self._alarms[row["id"]] = Alarm(**row)
            case "schedule_event":
                self._events[row["index"]] = ScheduleEvent(**row)
                self._last_event = max(self._last_event, row["index"])
            case "account":
                self._users[row["username"]] = User(**row | {"roles": tuple(row["roles"])})
            case "setting":
                self._settings[row["name"]] = row["value"]
            case "revoked_token":
                self._revoked[row["token_id"]] = row["expires"]
            case "audit":
                self._audit.append((row["at"], row["who"], row["action"], row["what"]))
            case "document":
                self._documents[next(self._document_numbers)] = (row["collection"], row["received"], row["body"])
            case "entry":
                kept = (row["subject"], row["state"], row["at"], row["body"], row["version"])
                self._entries[row["drawer"], row["id"]] = kept

    def ping(self) -> None:
        """Memory always answers."""

    def close(self) -> None:
        """Nothing to release."""


def _stood(alarm: Alarm, window: Window) -> bool:
    return alarm.raised < window.end and (alarm.cleared is None or alarm.cleared >= window.start)


def _entry(drawer: str, entry_id: str, row: tuple[str, str, int, str, int]) -> Entry:
    subject, state, at, body, version = row
    return Entry(drawer, entry_id, subject, state, at, json.loads(body), version)


def entry_row(entry: Entry) -> dict[str, Any]:
    """An entry as it is kept next, with its next version, its body as JSON text. Raises Invalid for what cannot be kept."""
    check_drawer(entry.drawer)
    row = {name: getattr(entry, name) for name in FIELDS["entry"]}
    row |= {"body": to_json(dict(entry.body), f"the body of {entry.id}"), "version": entry.version + 1}
    check(row)
    return row


def alarm_differs(was: Alarm, kept: Alarm | None) -> NotFound | Conflict:
    """What is raised when an alarm is not, or no longer, what its writer takes it for."""
    if kept is None:
        return NotFound(f"There is no alarm {was.id}", alarm_id=was.id)
    return Conflict(f"Alarm {was.id} was changed meanwhile", alarm_id=was.id)


def no_event(index: int) -> NotFound:
    """What is raised for an award that is not there."""
    return NotFound(f"There is no schedule event {index}", index=index)


def changed_meanwhile(entry: Entry) -> Conflict:
    """What is raised when an entry is not, or no longer, what its writer takes it for."""
    if entry.version == 0:
        return Conflict(f"'{entry.id}' exists already", id=entry.id)
    return Conflict(f"'{entry.id}' was changed meanwhile", id=entry.id)
