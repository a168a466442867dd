"""The collections of telemetry and their indexes. `_id` is the key of `mongo_keys` unless another one stands here.

reading_<kind>            device, instant → received, quality, one field per scalar that speaks            hot readings
vector_<kind>_<metric>    device, instant → v: packed array                                                hot vectors
chunk                     device, start → end, version, counts, columns.<metric>: {n, blob}                sealed readings
rollup_minute             device, instant → layout, stats                                                  of hot time only
rollup_hour               device, metric, day → day, stats                                                 of all time
rollup_mark               kind, width, ts, device, owner (unique together)      buckets whose rollup is not to be trusted yet
revision                  number → device, ts, metric, received, replaced, value        what stood there before
latest                    device → state                                                newest values as of some moments ago
device_key, metric_key, layout      number → name (unique)
number                    what → how many were given out
state                     `turn` → holder, until, counters (see `mongo_turn`)

In a sharded cluster `reading_*`, `vector_*`, `chunk`, `rollup_minute` and `rollup_hour` may be sharded by the range of `_id`
(`sh.shardCollection("db.reading_rack", {_id: 1})`): a device stays together, devices spread. The others are small and stay whole.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence

from pymongo import ASCENDING, IndexModel, ReturnDocument

from datastore.backends.mongo_link import Link, add_missing
from datastore.kept.engine import Part
from plant.metrics import CATALOGUE

LAYOUT_VERSION = 1
"""Raised when these collections change shape."""
HEADS = ("@at", "@received", "@quality")
CHUNK_HEAD = "head"
"""The index that answers where chunks lie and what they count without touching them: a chunk is up to megabytes."""
_COUNT = struct.Struct("<HII")
_INDEXES = {
    "chunk": IndexModel([("_id", ASCENDING), ("end", ASCENDING), ("version", ASCENDING), ("counts", ASCENDING)], name=CHUNK_HEAD),
    "rollup_mark": IndexModel([(name, ASCENDING) for name in ("width", "kind", "device", "ts", "owner")], name="bucket", unique=True),
    "revision": IndexModel([("device", ASCENDING), ("ts", ASCENDING)], name="instant"),
    "device_key": IndexModel([("kind", ASCENDING), ("device_id", ASCENDING)], name="name", unique=True),
    "metric_key": IndexModel([("name", ASCENDING)], name="name", unique=True),
    "layout": IndexModel([("names", ASCENDING)], name="names", unique=True),
}


def readings(kind: str) -> str:
    """Where the hot readings of a kind are."""
    return f"reading_{kind}"


def vectors(kind: str, metric: str) -> str:
    """Where the hot vectors of a metric are."""
    return f"vector_{kind}_{metric}"


def packed_counts(parts: Iterable[Part]) -> bytes:
    """How many readings speak of each metric, and how many bytes they take, for the index."""
    return b"".join(_COUNT.pack(part.metric, part.n, len(part.blob)) for part in parts)


def counts_in(packed: bytes) -> Iterator[tuple[int, int, int]]:
    """(metric, readings, bytes) of each column."""
    yield from _COUNT.iter_unpack(packed)


def prepare(link: Link) -> dict[str, int]:
    """Make the indexes and number the metrics; idempotent. Returns the metrics' integers by name."""
    for name, index in _INDEXES.items():
        link.index(name, [index])
    known = {row["name"] for row in link["metric_key"].find()}
    number_names(link, "metric_key", "name", [name for name in (*HEADS, *CATALOGUE) if name not in known])
    return {row["name"]: row["_id"] for row in link["metric_key"].find()}


def numbers(link: Link, what: str, count: int) -> range:
    """`count` numbers that nobody has, from 1 on."""
    counted = {"$inc": {"last": count}}
    row = link.made("number").find_one_and_update({"_id": what}, counted, upsert=True, return_document=ReturnDocument.AFTER)
    assert row is not None
    return range(row["last"] - count + 1, row["last"] + 1)


def number_names(link: Link, collection: str, field: str, names: Sequence[str], **same: str) -> None:
    """Give every name a number, unless another process was quicker."""
    if names:
        fresh = zip(numbers(link, collection, len(names)), names, strict=True)
        add_missing(link.made(collection), [{"_id": number, field: name, **same} for number, name in fresh])
