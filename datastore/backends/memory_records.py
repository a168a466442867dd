"""Records in memory: the reference meaning of the port, and the store of tests."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any

from plant.errors import DeviceNotFound, Invalid
from plant.model import Alarm, Device, ScheduleEvent, User, Window


def to_json(value: Any, what: str) -> str:
    """The JSON text of a value. Raises Invalid naming `what` when JSON has no form for it."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"{what} cannot be kept as JSON: {error}") from None


class MemoryRecords:
    """Implements `ports.Records` until the process ends; `clock` answers epoch ms."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = RLock()
        self._devices: dict[tuple[str, str], Device] = {}
        self._devices_version = 0
        self._alarms: dict[int, Alarm] = {}
        self._events: dict[int, ScheduleEvent] = {}
        self._users: dict[str, User] = {}
        self._settings: dict[str, str] = {}
        self._revoked: dict[str, int] = {}
        self._audit: list[tuple[int, str, str, str]] = []

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
        return sorted(found, key=lambda alarm: (alarm.raised, alarm.id or 0), reverse=True)[:limit]

    def put_alarm(self, alarm: Alarm) -> Alarm:
        """Insert (id None) or replace by id; returns it with its id."""
        with self._lock:
            kept = replace(alarm, id=max(self._alarms, default=0) + 1) if alarm.id is None else alarm
            assert kept.id is not None
            self._alarms[kept.id] = kept
            return kept

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
        with self._lock:
            kept = []
            for event in events:
                placed = replace(event, index=max(self._events, default=0) + 1) if event.index is None else event
                assert placed.index is not None
                self._events[placed.index] = placed
                kept.append(placed)
            return kept

    def user(self, username: str) -> User | None:
        """None when unknown."""
        return self._users.get(username)

    def users(self) -> list[User]:
        """All, by name."""
        with self._lock:
            return sorted(self._users.values(), key=lambda user: user.username)

    def put_user(self, user: User) -> User:
        """Insert or replace by username; returns it with its id, which never changes."""
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
        self._settings[name] = to_json(value, f"setting '{name}'")

    def revoke(self, token_id: str, expires: int) -> None:
        """Remember a token id as revoked until it would have expired anyway (epoch ms)."""
        now = self._clock()
        with self._lock:
            self._revoked = {token: until for token, until in self._revoked.items() if until > now} | {token_id: expires}

    def revoked(self, token_id: str) -> bool:
        """Whether this token id was revoked and would still be good otherwise."""
        return self._revoked.get(token_id, 0) > self._clock()

    def audit(self, at: int, who: str, action: str, what: str) -> None:
        """Append to the audit log; never contains secrets."""
        with self._lock:
            self._audit.append((at, who, action, what))

    def audit_log(self, limit: int = 200) -> list[tuple[int, str, str, str]]:
        """Newest first: (at, who, action, what)."""
        with self._lock:
            return self._audit[::-1][:limit]

    def ping(self) -> None:
        """Memory always answers."""

    def close(self) -> None:
        """Nothing to release."""


def _stood(alarm: Alarm, window: Window) -> bool:
    return alarm.raised < window.end and (alarm.cleared is None or alarm.cleared >= window.start)
