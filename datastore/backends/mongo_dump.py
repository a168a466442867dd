"""Records in MongoDB as rows of a dump, and back."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from operator import itemgetter
from typing import Any

from bson import CodecOptions, DatetimeMS, ObjectId
from bson.codec_options import DatetimeConversion

from datastore.backends.mongo_documents import came, stored
from datastore.backends.mongo_link import Document, Documents, Link
from datastore.backends.record_limits import to_json
from datastore.backends.record_rows import ADDED, FIELDS, NUMBERS, checked, occupied
from datastore.ports import DOCUMENTS

DEVICES = "device"
ENTRIES = "entry"
JSON_FIELDS = ("rating", "info")
"""Fields of a device whose names are anybody's: kept as text, because MongoDB has its own idea of names."""
# beyond the year 9999 there is no datetime
_OPTIONS: CodecOptions[Document] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_KEYS = {"alarm": "id", "schedule_event": "index", "account": "username", "setting": "name", "revoked_token": "token_id"}
"""Table → the field that is `_id` in the collection of this name."""
_TOGETHER = 1000


def plain(row: Mapping[str, Any]) -> Document:
    """The driver's own kind of whole numbers as everybody's."""
    return {name: int(value) if isinstance(value, int) and not isinstance(value, bool) else value for name, value in row.items()}


def messages(link: Link, collection: str) -> Documents:
    """A collection of messages, whatever receive times they have."""
    return link[collection].with_options(codec_options=_OPTIONS)


def rows_of(link: Link) -> Iterator[tuple[str, Document]]:
    """(table, row) of all records, table by table; what changes meanwhile may be in it or not."""
    for table, names in FIELDS.items():
        older = ADDED.get(table, {})
        for row in _TABLES.get(table, _keyed)(link, table):
            row = {**older, **row}
            yield table, {name: row[name] for name in names}


def _keyed(link: Link, table: str) -> Iterator[Document]:
    for row in map(plain, link[table].find().sort("_id", 1)):
        yield row | {_KEYS[table]: row["_id"]}


def _devices(link: Link, _table: str) -> Iterator[Document]:
    for row in map(plain, link[DEVICES].find().sort([("device_id", 1), ("kind", 1)])):
        yield row | {name: json.loads(row[name]) for name in JSON_FIELDS}


def _audit(link: Link, table: str) -> Iterator[Document]:
    return map(plain, link[table].find().sort("_id", 1))


def _messages(link: Link, _table: str) -> Iterator[Document]:
    """All collections together in the order of arrival."""

    def of(collection: str) -> Iterator[tuple[Any, Document]]:
        for row in messages(link, collection).find().sort("_id", 1):
            body = to_json(came(row), collection)
            yield row["_id"], {"collection": collection, "received": int(row["received_at"]), "body": body}

    return (row for _, row in merge(*map(of, DOCUMENTS), key=itemgetter(0)))


def _entries(link: Link, table: str) -> Iterator[Document]:
    return map(plain, link[table].find().sort([("drawer", 1), ("id", 1)]))


_TABLES: Mapping[str, Callable[[Link, str], Iterator[Document]]] = {
    "registered_device": _devices,
    "audit": _audit,
    "document": _messages,
    ENTRIES: _entries,
}


def fill(link: Link, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
    """Keep the rows; how many. What was kept before a row that makes no sense goes again. Raises Conflict, Invalid."""
    collections = [DEVICES, "audit", ENTRIES, *_KEYS, *DOCUMENTS]
    if any(link[name].find_one({}, {"_id": 1}) for name in collections):
        raise occupied()
    try:
        return _kept(link, rows)
    except BaseException:
        for name in collections:
            link[name].delete_many({})
        raise


def _kept(link: Link, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
    waiting: dict[str, list[Document]] = {}
    last: dict[str, int] = {"audit": 0}
    count = 0

    def flush(name: str) -> None:
        if documents := waiting.pop(name, None):
            link.made(name).insert_many(documents)

    for table, given in rows:
        row = checked(table, given)
        if table == "audit":
            last["audit"] += 1
        elif table in NUMBERS:
            last[table] = max(last.get(table, 0), row[NUMBERS[table]])
        name, document = _document(table, row, last["audit"])
        waiting.setdefault(name, []).append(document)
        count += 1
        if len(waiting[name]) >= _TOGETHER:
            flush(name)
    for name in list(waiting):
        flush(name)
    for name, number in last.items():  # numbers given out later are beyond them
        link.made("number").update_one({"_id": name}, {"$max": {"last": number}}, upsert=True)
    return count


def _document(table: str, row: Document, place: int) -> tuple[str, Document]:
    """(collection, document) of a row; `place` is that of an audit row."""
    match table:
        case "registered_device":
            return DEVICES, row | {name: to_json(row[name], name) for name in JSON_FIELDS}
        case "audit":
            return table, {"_id": place} | row
        case "entry":
            return ENTRIES, row
        case "document":
            # numbered here: the order of arrival is that over all collections
            return row["collection"], {"_id": ObjectId()} | stored(json.loads(row["body"]), row["received"])
        case "revoked_token":
            return table, {"_id": row["token_id"], "expires": row["expires"], "expires_at": DatetimeMS(row["expires"])}
    key = _KEYS[table]
    return table, {"_id": row[key]} | {name: value for name, value in row.items() if name != key}
