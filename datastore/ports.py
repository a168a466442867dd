"""What the product needs from a store, in three ports. Backends implement them; nothing else knows a database."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from plant.model import Alarm, Block, Device, ScheduleEvent, User, Value, Window

Instants = np.ndarray[Any, np.dtype[np.int64]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]

RESOLUTIONS: Mapping[str, int] = {"1m": 60_000, "15m": 900_000, "1h": 3_600_000, "1d": 86_400_000}
"""Rollup name → width [ms]; days are calendar days of the site zone, so theirs is nominal."""

DOCUMENTS = ("battery_data", "battery_performance", "battery_predictions")
"""Collections of messages kept whole beside the readings made of them (S3); in MongoDB they have these names."""


DRAWERS = (
    "commands",
    "api_keys",
    "kiosk_links",
    "annotations",
    "alarm_comments",
    "notification_rules",
    "notifications",
    "exports",
    "screens",
    "allocations",
    "prices",
    "plans",
    "studies",
    "study_results",
    "energy_days",
    "battery_days",
    "rack_days",
    "pv_days",
)
"""Where the few things are kept that nobody asks of by anything but subject, state and time; each drawer belongs to one service."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a drawer: `subject` is what it is about (a device, an alarm, a user), `state` a word to ask for, `at` epoch ms,
    `body` a JSON object that only its service reads. `version` counts its changes from 1; 0 is one that was never kept."""

    drawer: str
    id: str
    subject: str
    state: str
    at: int
    body: Mapping[str, Any]
    version: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one block: rows that were new, that added metrics to a known instant, that changed a known value, that said nothing new,
    and those that wait in the spool because the store does not answer."""

    inserted: int = 0
    merged: int = 0
    revised: int = 0
    duplicates: int = 0
    spooled: int = 0


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of each metric of one device, with the instant each is from (a partial reading does not hide older metrics)."""

    device_id: str
    kind: str
    at: int
    received: int
    quality: int
    values: Mapping[str, Value]
    times: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings of one device as columns: `at`, `received` int64 [n], `quality` int64 [n], each scalar float64 [n] with NaN for
    silent, each vector float64 [n, width] (rows shorter than the widest are padded with NaN). Ascending by `at`."""

    at: Instants
    received: Instants
    quality: Instants
    values: Mapping[str, Numbers]


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one device in buckets: `at` is the start of each bucket (int64 epoch ms, ascending; empty buckets inside the
    window are present with NaN, so gaps stay gaps), `mean`, `min`, `max`, `last`, `sum` float64, `n` samples per bucket.
    `resolution` is the bucket width [ms], 0 for raw readings (then all five are the value itself and nothing is padded).
    `coverage` is observed seconds over window seconds, 0…1."""

    device_id: str
    metric: str
    resolution: int
    at: Instants
    mean: Numbers
    min: Numbers
    max: Numbers
    last: Numbers
    sum: Numbers
    n: Numbers
    coverage: float


@dataclass(frozen=True, slots=True)
class Extent:
    """What is kept of one device: first and last instant (epoch ms), readings per metric."""

    device_id: str
    kind: str
    first: int
    last: int
    rows: Mapping[str, int] = field(default_factory=dict)


class Telemetry(Protocol):
    """Where readings are kept. Times are epoch ms UTC; windows are start inclusive, end exclusive."""

    def append(self, blocks: Sequence[Block]) -> list[Outcome]:
        """Keep all rows durably in one transaction; one outcome per block, in order. A re-sent reading is a duplicate; a later one
        with other metrics merges; another value for a known instant wins and the old one goes to the revisions with its receive time."""

    def load(self, device_id: str, kind: str, columns: Columns) -> int:
        """Bulk road for history of one device (imports, demo): straight to sealed chunks and rollups. Returns readings kept.
        Instants already kept are not doubled."""

    def latest(self, devices: Sequence[tuple[str, str]] | None = None) -> dict[tuple[str, str], Latest]:
        """Newest values per (device_id, kind); None = all. Devices without readings are absent."""

    def columns(
        self, device_id: str, kind: str, metrics: Sequence[str], window: Window, limit: int | None = None, as_of: int | None = None
    ) -> Columns:
        """Raw readings in which at least one of `metrics` speaks; `as_of` answers what was known at that receive time."""

    def series(
        self,
        keys: Sequence[tuple[str, str]],
        metrics: Sequence[str],
        window: Window,
        *,
        points: int | None = None,
        resolution: int | None = None,
        zone: str = "UTC",
        as_of: int | None = None,
    ) -> dict[tuple[str, str, str], Series]:
        """Bucketed scalars for (device_id, kind) × metrics, keyed (device_id, kind, metric). Give `resolution` (ms, 0 = raw, 86 400 000 =
        calendar days of `zone`) or `points` (wanted number of buckets: the width is chosen from a fixed ladder, raw when that is fewer).
        `as_of` answers what was known at that receive time; it is made from readings, so a long window takes its time."""

    def extent(self, device_id: str, kind: str) -> Extent | None:
        """What is kept of this device; None when nothing. It counts readings: who only wants to know from when to when asks `bounds`."""

    def bounds(self, device_id: str, kind: str) -> tuple[int, int] | None:
        """First and last instant kept of this device [epoch ms]; None when nothing."""

    def forget(self, kind: str, before: int) -> int:
        """Drop readings of this kind older than `before` (epoch ms). Returns rows and chunks dropped."""

    def seal(self, before: int) -> int:
        """Turn hot rows older than `before` into compressed chunks. Returns rows sealed."""

    def maintain(self) -> None:
        """Drain dirty rollup buckets and close due minutes; called every few seconds by every process, for each has open minutes of its own."""

    def ping(self) -> None:
        """Raises Unavailable when the store does not answer."""

    def close(self) -> None:
        """Flush and release everything."""


class Records(Protocol):
    """Where the few, precious, edited things are kept: devices, alarms, awards, users, settings, audit."""

    def devices(self, kind: str | None = None, deleted: bool = False) -> list[Device]:
        """Registered devices ordered by id."""

    def device(self, device_id: str, kind: str | None = None) -> Device:
        """Raises DeviceNotFound."""

    def put_devices(self, devices: Iterable[Device]) -> None:
        """Insert or replace by (device_id, kind)."""

    def devices_version(self) -> int:
        """Changes whenever a device changes; cheap, for whoever keeps something derived from the devices."""

    def alarms(self, states: Sequence[str] = ("active", "acknowledged"), window: Window | None = None, limit: int = 1000) -> list[Alarm]:
        """Newest first."""

    def put_alarm(self, alarm: Alarm) -> Alarm:
        """Insert (id None) or replace by id; returns it with its id."""

    def raise_alarm(self, alarm: Alarm) -> tuple[Alarm, bool]:
        """Insert, unless an alarm of this device, kind and code is open. The open one with its id, and whether it is new: of two
        processes that raise the same at once, one hears True."""

    def alarm(self, alarm_id: int) -> Alarm | None:
        """The alarm with this id; None when there is none."""

    def change_alarm(self, was: Alarm, now: Alarm) -> Alarm:
        """Replace an alarm that is still kept as it `was` read. Raises Conflict when somebody else changed it meanwhile, NotFound."""

    def events(self, window: Window, mode: str | None = None) -> list[ScheduleEvent]:
        """Awards that touch the window, ascending by start."""

    def put_events(self, events: Iterable[ScheduleEvent]) -> list[ScheduleEvent]:
        """Insert (index None) or replace by index; returns them with their indices."""

    def event(self, index: int) -> ScheduleEvent:
        """The award with this index. Raises NotFound."""

    def drop_event(self, index: int) -> bool:
        """Forget an award; whether it was there."""

    def put_entry(self, entry: Entry) -> Entry:
        """Keep an entry: a new one (version 0), or one that was changed since it was read, which replaces the kept one when that still has
        the version read. Returns it with its new version. Raises Conflict when the id is taken or somebody else was faster."""

    def entry(self, drawer: str, entry_id: str) -> Entry | None:
        """None when there is none."""

    def entries(
        self,
        drawer: str,
        subject: str | None = None,
        states: Sequence[str] | None = None,
        window: Window | None = None,
        limit: int = 1000,
    ) -> list[Entry]:
        """Newest first, by (at, id): those about `subject`, in one of `states`, whose `at` lies in `window`; None = any."""

    def drop_entry(self, drawer: str, entry_id: str) -> bool:
        """Forget an entry; whether it was there."""

    def forget_entries(self, drawer: str, before: int) -> int:
        """Forget entries whose `at` is before [epoch ms]; how many."""

    def entries_version(self, drawer: str) -> int:
        """Changes whenever an entry of the drawer changes; cheap, for whoever keeps something derived from them."""

    def user(self, username: str) -> User | None:
        """None when unknown."""

    def users(self) -> list[User]:
        """All, by name."""

    def put_user(self, user: User) -> User:
        """Insert or replace by username."""

    def setting(self, name: str) -> Any:
        """A JSON value kept under this name; None when never set."""

    def put_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value."""

    def revoke(self, token_id: str, expires: int) -> bool:
        """Remember a token id as revoked until it would have expired anyway (epoch ms). Whether it was not before: of two processes
        that revoke it at once, one hears True."""

    def revoked(self, token_id: str) -> bool:
        """Whether this token id was revoked."""

    def audit(self, at: int, who: str, action: str, what: str) -> None:
        """Append to the audit log; never contains secrets."""

    def audit_log(self, limit: int = 200, until: int | None = None) -> list[tuple[int, str, str, str]]:
        """Newest first: (at, who, action, what); with `until` only what was written at or before that instant."""

    def keep_document(self, collection: str, document: Mapping[str, Any], received: int) -> str:
        """Keep a message of one of the `DOCUMENTS` collections as it came, unknown fields too; returns its id."""

    def documents(self, collection: str, since: int = 0, limit: int = 100) -> list[Mapping[str, Any]]:
        """Kept messages received at or after `since`, newest first (by receive time, then by order of arrival), as they came."""

    def forget_documents(self, collection: str, before: int) -> int:
        """Drop messages received before; how many. (MongoDB does it by itself, by TTL, too.)"""

    def dump(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every record as it was at one moment: (table, row as `backends.record_rows` says, JSON values only), all of one table together.
        Contains password hashes."""

    def fill(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Keep the rows of a dump, of whatever backend, with their numbers; how many. Numbers given out later lie beyond them. All or none
        (where the backend can). Raises Conflict when there are records already, Invalid for rows that make no sense."""

    def ping(self) -> None:
        """Raises Unavailable when the store does not answer."""

    def close(self) -> None:
        """Release everything."""


class Subscription(Protocol):
    """One subscriber's place in the live bus."""

    def close(self) -> None:
        """Stop receiving; idempotent."""


class Live(Protocol):
    """What is happening now, fanned out. Topics: `readings` (what was accepted, as list[Block]), `panel:<panel id>?<scope query>`
    (serialised frame bytes), `alarms`. Readings and alarms reach the subscribers of every process that shares a Redis; frames stay
    in the process that makes them."""

    def publish(self, topic: str, message: Any) -> None:
        """Hand `message` to every subscriber; never blocks, never raises because of a subscriber."""

    def subscribe(self, topic: str, receive: Callable[[str, Any], None]) -> Subscription:
        """`receive(topic, message)` is called on the publisher's thread and must return at once."""

    def topics(self, prefix: str = "") -> dict[str, int]:
        """Topics that have subscribers in this process now → how many."""

    def close(self) -> None:
        """Release everything; idempotent."""
