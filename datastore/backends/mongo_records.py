"""Records in MongoDB: one document each, by natural key where there is one, else by a number that is given out.

Without transactions "all or none" holds for what is refused; a server that dies in the middle of a list leaves its beginning, and
sending the list again completes it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields, replace
from datetime import timedelta
from threading import Lock
from typing import Any

from bson import DatetimeMS
from pymongo import IndexModel, ReplaceOne
from pymongo.errors import DuplicateKeyError, OperationFailure

from datastore.backends.common import Registered, listed, one_of, registered_of
from datastore.backends.memory_records import alarm_differs, no_event
from datastore.backends.mongo_cache import Cache
from datastore.backends.mongo_collections import numbers
from datastore.backends.mongo_documents import came, stored
from datastore.backends.mongo_dump import ENTRIES, JSON_FIELDS, fill, messages, plain, rows_of
from datastore.backends.mongo_entries import INDEXES as ENTRY_INDEXES
from datastore.backends.mongo_entries import MongoDrawers, counter
from datastore.backends.mongo_link import Document, Link, answering
from datastore.backends.mongo_turn import Turn
from datastore.backends.record_limits import bound, check, check_collection, is_countable, is_text, legible, to_json
from datastore.backends.record_rows import ADDED
from datastore.ports import DOCUMENTS, DRAWERS
from plant.model import Alarm, Device, ScheduleEvent, User, Window

_DEVICE_FIELDS = tuple(f.name for f in fields(Device))
_STATES: Mapping[str, Document] = {
    "active": {"cleared": None, "acknowledged": None},
    "acknowledged": {"cleared": None, "acknowledged": {"$ne": None}},
    "cleared": {"cleared": {"$ne": None}},
}
_INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "device": [IndexModel([("device_id", 1), ("kind", 1)], name="name", unique=True)],
    "alarm": [
        IndexModel([("raised", -1), ("_id", -1)], name="raised"),
        IndexModel([("device_id", 1), ("kind", 1), ("code", 1), ("cleared", 1)], name="open"),
    ],
    "schedule_event": [IndexModel([("time_start", 1), ("_id", 1)], name="start"), IndexModel([("time_end", 1)], name="end")],
    "audit": [IndexModel([("at", -1), ("_id", -1)], name="at")],
    "revoked_token": [IndexModel([("expires_at", 1)], name="ttl", expireAfterSeconds=0)],
    ENTRIES: ENTRY_INDEXES,
}
_TTL = "ttl"
_FORGOTTEN_TOGETHER = 5000


class MongoRecords(MongoDrawers):
    """Implements `ports.Records`. `clock` answers epoch ms; `document_days` is how long messages are kept whole, 0 = for ever.

    Devices, users, settings and revoked tokens are cached; a change by this process is seen at once, one by another process
    within `mongo_cache.CACHE_TRUSTED_S`.
    """

    def __init__(self, url: str, clock: Callable[[], int], document_days: int = 30, database: str = "") -> None:
        """Connects and makes what is missing; `database` overrides that of the URL. Raises ValueError for a URL that makes no sense,
        Unavailable when nobody answers."""
        self._clock = clock
        link = Link(url, database)
        super().__init__(link, Cache(link))
        self._raising = Lock()
        try:
            with answering():
                self._alarm_turn = Turn(self._link, "alarms")
                for name, indexes in _INDEXES.items():
                    self._link.index(name, indexes)
                for name in DOCUMENTS:
                    _prepare_documents(self._link, name, document_days)
        except BaseException:
            self.close()
            raise

    # -- devices ----------------------------------------------------------------------------------------------------

    def devices(self, kind: str | None = None, deleted: bool = False) -> list[Device]:
        """Registered devices ordered by id, then kind; `deleted` adds those that were deleted."""
        return listed(self._by_id(), kind, deleted)

    def device(self, device_id: str, kind: str | None = None) -> Device:
        """The device; of several kinds the first by name. Raises DeviceNotFound, also for a deleted one."""
        return one_of(self._by_id(), device_id, kind)

    def put_devices(self, devices: Iterable[Device]) -> None:
        """Insert or replace by (device_id, kind); nothing is kept when one of them is refused."""
        rows = [_device_row(device) for device in devices]
        if rows:
            with answering():
                keys = ({"device_id": row["device_id"], "kind": row["kind"]} for row in rows)
                self._link.made("device").bulk_write([ReplaceOne(key, row, upsert=True) for key, row in zip(keys, rows, strict=True)])
                self._cache.changed("devices")

    def devices_version(self) -> int:
        """Changes whenever a device changes."""
        with answering():
            return self._cache.version("devices")

    def _by_id(self) -> Registered:
        """Id → its devices by kind, ordered by id; shared, not to be changed."""

        def read() -> Registered:
            return registered_of(map(_device, self._link["device"].find()))

        with answering():
            return self._cache.get("devices", read)

    # -- alarms and awards ------------------------------------------------------------------------------------------

    def alarms(self, states: Sequence[str] = ("active", "acknowledged"), window: Window | None = None, limit: int = 1000) -> list[Alarm]:
        """Newest first: alarms in one of `states` that stood at some moment of the window."""
        wanted = [_STATES[state] for state in states if state in _STATES]
        if not wanted or limit <= 0:
            return []
        conditions: list[Document] = [{"$or": wanted}]
        if window is not None:
            stood = {"$or": [{"cleared": None}, {"cleared": {"$gte": bound(window.start)}}]}
            conditions += [{"raised": {"$lt": bound(window.end)}}, stood]
        with answering():
            found = self._link["alarm"].find({"$and": conditions}).sort([("raised", -1), ("_id", -1)]).limit(limit)
            return [_alarm(row) for row in found]

    def put_alarm(self, alarm: Alarm) -> Alarm:
        """Insert (id None) or replace by id; returns it with its id."""
        row = _checked(asdict(alarm))
        with answering():
            return replace(alarm, id=self._put_numbered("alarm", [row], "id")[0])

    def raise_alarm(self, alarm: Alarm) -> tuple[Alarm, bool]:
        """Insert, unless an alarm of this device, kind and code is open. The open one, and whether it is new."""
        row = _checked(asdict(replace(alarm, id=None)))
        is_open = {name: row[name] for name in ("device_id", "kind", "code")} | {"cleared": None}
        with self._raising, answering(), self._alarm_turn.taken():
            found = next(iter(self._link["alarm"].find(is_open).sort("_id", 1).limit(1)), None)
            if found is not None:
                return _alarm(found), False
            return replace(alarm, id=self._put_numbered("alarm", [row], "id")[0]), True

    def alarm(self, alarm_id: int) -> Alarm | None:
        """The alarm with this id; None when there is none."""
        if not is_countable(alarm_id):
            return None
        with answering():
            found = self._link["alarm"].find_one({"_id": alarm_id})
        return None if found is None else _alarm(found)

    def change_alarm(self, was: Alarm, now: Alarm) -> Alarm:
        """Replace an alarm that is still kept as it `was` read."""
        changed = replace(now, id=was.id)
        before, after = ({"_id": was.id} | _checked(asdict(one)) for one in (was, changed))
        del before["id"], after["id"]
        with answering():
            # a field that is None also matches one that an earlier release did not write
            replaced = was.id is not None and self._link.made("alarm").replace_one(_unsaid(before), after).matched_count
        if not replaced:
            raise alarm_differs(was, None if was.id is None else self.alarm(was.id))
        return changed

    def events(self, window: Window, mode: str | None = None) -> list[ScheduleEvent]:
        """Awards that touch the window, ascending by start, then index."""
        wanted: Document = {"time_start": {"$lt": bound(window.end)}, "time_end": {"$gt": bound(window.start)}}
        if mode is not None and not is_text(mode):
            return []
        if mode is not None:
            wanted["mode"] = mode
        with answering():
            found = self._link["schedule_event"].find(wanted).sort([("time_start", 1), ("_id", 1)])
            return [_event(row) for row in found]

    def put_events(self, events: Iterable[ScheduleEvent]) -> list[ScheduleEvent]:
        """Insert (index None) or replace by index; returns them with their indices. Nothing is kept when one of them is refused."""
        given = list(events)
        rows = [_checked(asdict(event)) for event in given]
        with answering():
            indices = self._put_numbered("schedule_event", rows, "index")
        return [replace(event, index=index) for event, index in zip(given, indices, strict=True)]

    def event(self, index: int) -> ScheduleEvent:
        """The award with this index. Raises NotFound."""
        with answering():
            found = self._link["schedule_event"].find_one({"_id": index}) if is_countable(index) else None
        if found is None:
            raise no_event(index)
        return _event(found)

    def drop_event(self, index: int) -> bool:
        """Forget an award; whether it was there."""
        if not is_countable(index):
            return False
        with answering():
            return self._link.made("schedule_event").delete_one({"_id": index}).deleted_count > 0

    def _put_numbered(self, collection: str, rows: Sequence[Document], key: str) -> list[int]:
        """Insert (key None: a new number) or replace by number; the numbers."""
        if not rows:
            return []
        highest = max((row[key] for row in rows if row[key] is not None), default=0)
        if highest:  # numbers given out later are beyond it
            self._link.made("number").update_one({"_id": collection}, {"$max": {"last": highest}}, upsert=True)
        missing = sum(row[key] is None for row in rows)
        fresh = iter(numbers(self._link, collection, missing) if missing else ())
        placed = [next(fresh) if row[key] is None else int(row[key]) for row in rows]
        documents = [
            {"_id": number} | {name: value for name, value in row.items() if name != key} for number, row in zip(placed, rows, strict=True)
        ]
        self._link.made(collection).bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents])
        return placed

    # -- people, settings, tokens -----------------------------------------------------------------------------------

    def user(self, username: str) -> User | None:
        """None when unknown."""
        return self._all_users().get(username)

    def users(self) -> list[User]:
        """All, by name."""
        return list(self._all_users().values())

    def put_user(self, user: User) -> User:
        """Insert or replace by username; returns it with its id, which never changes."""
        roles = json.loads(to_json(list(user.roles), "roles"))
        row = _checked(asdict(user)) | {"roles": roles}
        del row["id"], row["username"]
        with answering():
            accounts = self._link.made("account")
            if accounts.update_one({"_id": user.username}, {"$set": row}).matched_count == 0:
                (number,) = numbers(self._link, "account", 1)
                accounts.update_one({"_id": user.username}, {"$set": row, "$setOnInsert": {"id": number}}, upsert=True)
            kept = accounts.find_one({"_id": user.username}, {"id": 1})
            self._cache.changed("users")
        assert kept is not None
        return replace(user, id=int(kept["id"]))

    def _all_users(self) -> dict[str, User]:
        def read() -> dict[str, User]:
            return {user.username: user for user in sorted(map(_user, self._link["account"].find()), key=lambda user: user.username)}

        with answering():
            return self._cache.get("users", read)

    def setting(self, name: str) -> Any:
        """A JSON value kept under this name; None when never set."""
        with answering():
            texts = self._cache.get("settings", lambda: {row["_id"]: row["value"] for row in self._link["setting"].find()})
        return json.loads(texts[name]) if name in texts else None

    def put_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value. Raises Invalid for what JSON cannot say."""
        text = to_json(value, f"setting '{name}'")
        check({"name": name, "value": text})
        with answering():
            self._link.made("setting").replace_one({"_id": name}, {"_id": name, "value": text}, upsert=True)
            self._cache.changed("settings")

    def revoke(self, token_id: str, expires: int) -> bool:
        """Remember a token id as revoked until it would have expired anyway (epoch ms). Whether it was not before."""
        check({"token_id": token_id, "expires": expires})
        change = {"$set": {"expires": expires, "expires_at": DatetimeMS(expires)}}
        with answering():
            tokens = self._link.made("revoked_token")
            try:
                # finds it expired, or not at all: of two who insert it one is told that it is there
                tokens.update_one({"_id": token_id, "expires": {"$lte": self._clock()}}, change, upsert=True)
                fresh = True
            except DuplicateKeyError:
                tokens.update_one({"_id": token_id}, change)
                fresh = False
            self._cache.changed("revoked")
        return fresh

    def revoked(self, token_id: str) -> bool:
        """Whether this token id was revoked and would still be good otherwise."""

        def read() -> dict[str, int]:
            return {row["_id"]: row["expires"] for row in self._link["revoked_token"].find({}, {"expires": 1})}

        with answering():
            return bool(self._cache.get("revoked", read).get(token_id, 0) > self._clock())

    def audit(self, at: int, who: str, action: str, what: str) -> None:
        """Append to the audit log; never contains secrets. Names that are too long are cut."""
        row = {"at": at} | {name: legible(name, text) for name, text in (("who", who), ("action", action), ("what", what))}
        check(row)
        with answering():
            (number,) = numbers(self._link, "audit", 1)
            self._link.made("audit").insert_one({"_id": number, **row})

    def audit_log(self, limit: int = 200, until: int | None = None) -> list[tuple[int, str, str, str]]:
        """Newest first: (at, who, action, what); with `until` only what was written at or before that instant."""
        if limit <= 0:
            return []
        wanted = {} if until is None else {"at": {"$lte": bound(until)}}
        with answering():
            found = self._link["audit"].find(wanted).sort([("at", -1), ("_id", -1)]).limit(limit)
            return [(int(row["at"]), row["who"], row["action"], row["what"]) for row in found]

    # -- messages kept whole ----------------------------------------------------------------------------------------

    def keep_document(self, collection: str, document: Mapping[str, Any], received: int) -> str:
        """Keep a message of one of the `DOCUMENTS` collections as it came, unknown fields too; returns its id."""
        check_collection(collection)
        check({"received": received})
        message = json.loads(to_json(dict(document), f"the {collection} document"))
        with answering():
            return str(self._link.made(collection).insert_one(stored(message, received)).inserted_id)

    def documents(self, collection: str, since: int = 0, limit: int = 100) -> list[Mapping[str, Any]]:
        """Kept messages received at or after `since`, newest first (by receive time, then by order of arrival), as they came."""
        check_collection(collection)
        if limit <= 0:
            return []
        wanted = {"received_at": {"$gte": DatetimeMS(bound(since))}}
        with answering():
            found = messages(self._link, collection).find(wanted)
            return [came(row) for row in found.sort([("received_at", -1), ("_id", -1)]).limit(limit)]

    def forget_documents(self, collection: str, before: int) -> int:
        """Drop messages received before; how many. The TTL index does it by itself, too. Some thousand at a time, each well within
        the patience for one answer."""
        check_collection(collection)
        wanted = {"received_at": {"$lt": DatetimeMS(bound(before))}}
        forgotten = 0
        with answering():
            kept = self._link.made(collection)
            while old := [row["_id"] for row in kept.find(wanted, {"_id": 1}).limit(_FORGOTTEN_TOGETHER)]:
                forgotten += kept.delete_many({"_id": {"$in": old}}).deleted_count
        return forgotten

    def dump(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every record, as `record_rows` says, table by table: what changes meanwhile may be in it or not."""
        with answering():
            yield from rows_of(self._link)

    def fill(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Keep the rows of a dump, of whatever backend, with their numbers; how many."""
        with answering():
            count = fill(self._link, rows)
            for name in ("devices", "users", "settings", "revoked", *map(counter, DRAWERS)):
                self._cache.changed(name)
        return count

    # -- the store --------------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Raises Unavailable when the store does not answer."""
        with answering():
            self._link.client.admin.command("ping")

    def close(self) -> None:
        """Release the connections."""
        self._link.close()


def _prepare_documents(link: Link, name: str, days: int) -> None:
    """Indexes by the sender's clock and by ours; what is older than `days` goes by itself."""
    link.index(name, [IndexModel([("timestamp", -1)], name="timestamp"), IndexModel([("received_at", -1), ("_id", -1)], name="received")])
    kept_s = int(timedelta(days=days).total_seconds())
    found = link[name].index_information().get(_TTL)
    if found is not None and found.get("expireAfterSeconds") != kept_s:
        with suppress(OperationFailure):  # another process was quicker
            link.made(name).drop_index(_TTL)
    if days:
        link.index(name, [IndexModel([("received_at", 1)], name=_TTL, expireAfterSeconds=kept_s)])


def _checked(row: Document) -> Document:
    check(row)
    return row


def _device_row(device: Device) -> Document:
    row = _checked({name: getattr(device, name) for name in _DEVICE_FIELDS})
    return row | {name: to_json(dict(row[name]), name) for name in JSON_FIELDS}


def _device(row: Document) -> Device:
    told = plain(row)
    return Device(**{name: json.loads(told[name]) if name in JSON_FIELDS else told[name] for name in _DEVICE_FIELDS})


def _alarm(row: Document) -> Alarm:
    told = plain(row)
    return Alarm(id=told.pop("_id"), **told)


def _unsaid(row: Document) -> Document:
    """What finds an alarm with these fields, also one of a release that knew fewer."""
    older = ADDED["alarm"]
    return {name: {"$in": [value, None]} if name in older and value == older[name] else value for name, value in row.items()}


def _event(row: Document) -> ScheduleEvent:
    told = plain(row)
    return ScheduleEvent(index=told.pop("_id"), **told)


def _user(row: Document) -> User:
    told = plain(row)
    return User(username=told.pop("_id"), **told | {"roles": tuple(told["roles"])})
