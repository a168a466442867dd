"""The drawers of the records in MongoDB: one document each in the collection `entry`, its body as JSON text, because MongoDB has its
own idea of names."""

import json
from collections.abc import Sequence
from dataclasses import replace

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from datastore.backends.memory_records import changed_meanwhile, entry_row
from datastore.backends.mongo_cache import Cache
from datastore.backends.mongo_dump import ENTRIES, plain
from datastore.backends.mongo_link import Document, Link, answering
from datastore.backends.record_limits import bound, check_drawer, is_text
from datastore.ports import Entry
from plant.model import Window

INDEXES: Sequence[IndexModel] = [
    IndexModel([("drawer", 1), ("id", 1)], name="name", unique=True),
    IndexModel([("drawer", 1), ("at", -1), ("id", -1)], name="at"),
    IndexModel([("drawer", 1), ("subject", 1), ("at", -1), ("id", -1)], name="subject"),
]
_FORGOTTEN_TOGETHER = 5000


def counter(drawer: str) -> str:
    """What the changes of a drawer are counted under."""
    check_drawer(drawer)
    return f"entries of {drawer}"


class MongoDrawers:
    """The part of `ports.Records` that keeps entries."""

    def __init__(self, link: Link, cache: Cache) -> None:
        self._link = link
        self._cache = cache

    def put_entry(self, entry: Entry) -> Entry:
        """Keep an entry that is new (version 0) or was read with this version."""
        row = entry_row(entry)
        with answering():
            kept = self._link.made(ENTRIES)
            if entry.version == 0:
                try:
                    kept.insert_one(row)
                except DuplicateKeyError:
                    raise changed_meanwhile(entry) from None
            else:
                wanted = {"drawer": entry.drawer, "id": entry.id, "version": entry.version}
                if kept.find_one_and_update(wanted, {"$set": row}, {"_id": 1}) is None:
                    raise changed_meanwhile(entry)
            self._cache.changed(counter(entry.drawer))
        return replace(entry, version=entry.version + 1)

    def entry(self, drawer: str, entry_id: str) -> Entry | None:
        """None when there is none."""
        check_drawer(drawer)
        if not is_text(entry_id):
            return None
        with answering():
            row = self._link[ENTRIES].find_one({"drawer": drawer, "id": entry_id})
        return None if row is None else _entry(row)

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
        if limit <= 0 or (subject is not None and not is_text(subject)):
            return []
        wanted: Document = {"drawer": drawer}
        if subject is not None:
            wanted["subject"] = subject
        if states is not None:
            wanted["state"] = {"$in": [state for state in states if is_text(state)]}
        if window is not None:
            wanted["at"] = {"$gte": bound(window.start), "$lt": bound(window.end)}
        with answering():
            return [_entry(row) for row in self._link[ENTRIES].find(wanted).sort([("at", -1), ("id", -1)]).limit(limit)]

    def drop_entry(self, drawer: str, entry_id: str) -> bool:
        """Forget an entry; whether it was there."""
        name = counter(drawer)
        if not is_text(entry_id):
            return False
        with answering():
            dropped = self._link.made(ENTRIES).delete_one({"drawer": drawer, "id": entry_id}).deleted_count
            self._cache.changed(name)
        return dropped > 0

    def forget_entries(self, drawer: str, before: int) -> int:
        """Forget entries whose `at` is before; how many. Some thousand at a time, each well within the patience for one answer."""
        name = counter(drawer)
        wanted = {"drawer": drawer, "at": {"$lt": bound(before)}}
        forgotten = 0
        with answering():
            kept = self._link.made(ENTRIES)
            while old := [row["_id"] for row in kept.find(wanted, {"_id": 1}).limit(_FORGOTTEN_TOGETHER)]:
                forgotten += kept.delete_many({"_id": {"$in": old}}).deleted_count
                self._cache.changed(name)
        return forgotten

    def entries_version(self, drawer: str) -> int:
        """Changes whenever an entry of the drawer changes."""
        name = counter(drawer)
        with answering():
            return self._cache.version(name)


def _entry(row: Document) -> Entry:
    told = plain(row)
    return Entry(told["drawer"], told["id"], told["subject"], told["state"], told["at"], json.loads(told["body"]), told["version"])
