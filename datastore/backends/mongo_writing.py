"""Changes in MongoDB: the Writer of `datastore.kept`. Each is carried out at once and durable when its call returns."""

from collections.abc import Iterable, Mapping, Sequence

from bson import ObjectId
from pymongo import DeleteMany, DeleteOne

from datastore.backends.mongo_collections import number_names, numbers, packed_counts, readings, vectors
from datastore.backends.mongo_keys import check_device, check_instant, day_key, days_of, instant_key
from datastore.backends.mongo_link import Document, Documents, Link, add_missing, add_rows, put
from datastore.backends.mongo_reading import MongoReader
from datastore.backends.mongo_turn import Turn, field_of
from datastore.kept.engine import Chunk, Counters, HotRow, Mark, Revision, Span, VectorRow
from datastore.kept.packing import Packed
from plant.errors import Invalid
from plant.metrics import vectors_of

MOST_BYTES = 15 << 20
"""Columns of one chunk together: a document holds 16 MiB."""


class MongoWriter(MongoReader):
    """Implements `engine.Writer` while its process has the turn. `disk` False: does not wait for the disk."""

    def __init__(self, link: Link, metrics: Mapping[str, int], turn: Turn, disk: bool = True) -> None:
        super().__init__(link, metrics)
        self._turn = turn
        self._disk = disk

    def _at(self, collection: str) -> Documents:
        """The collection to write to, with the turn in hand."""
        self._turn.hold()
        made = self._link.made(collection)
        return made if self._disk else made.with_options(write_concern=self._link.quick)

    # -- names and counters -----------------------------------------------------------------------------------------

    def number_devices(self, kind: str, device_ids: Sequence[str]) -> dict[str, int]:
        known = self._numbered(kind, device_ids)
        missing = [device_id for device_id in dict.fromkeys(device_ids) if device_id not in known]
        if missing:
            self._turn.hold()
            check_device(max((key for key, _, _ in self.device_keys()), default=0) + len(missing))
            number_names(self._link, "device_key", "device_id", missing, kind=kind)
            known = self._numbered(kind, device_ids)
        return known

    def _numbered(self, kind: str, device_ids: Sequence[str]) -> dict[str, int]:
        wanted = {"kind": kind, "device_id": {"$in": list(device_ids)}}
        return {row["device_id"]: row["_id"] for row in self._link["device_key"].find(wanted)}

    def counters(self) -> Counters:
        found = dict(super().counters())
        for key, more in self._turn.pending().items():
            found[key] = found.get(key, 0) + more
        return found

    def count_write(self, owner: int) -> Counters:
        found = dict(self._turn.counters)
        self._turn.count("writes", owner)
        for key, more in self._turn.pending().items():
            found[key] = found.get(key, 0) + more
        return found

    def count_sealed(self) -> None:
        self._change_state({"$inc": {field_of("sealed", 0): 1}})

    def put_counter(self, name: str, owner: int, value: int) -> None:
        self._change_state({"$set": {field_of(name, owner): value}})

    def end_owner(self, owner: int) -> None:
        writes = super().counters().get(("writes", owner))
        if writes is not None and owner:
            self._change_state({"$inc": {field_of("writes", 0): writes}, "$unset": {field_of("writes", owner): ""}})

    def _change_state(self, change: Document) -> None:
        self._at("state").update_one({"_id": "turn"}, change)

    def save_newest(self, rows: Sequence[tuple[int, str]]) -> None:
        put(self._at("latest"), [{"_id": device, "state": state} for device, state in rows])

    def drop_newest(self, device: int) -> None:
        self._at("latest").delete_one({"_id": device})

    def layout(self, names: str) -> int:
        row = self._link["layout"].find_one({"names": names})
        if row is None:
            self._turn.hold()
            number_names(self._link, "layout", "names", [names])
            row = self._link["layout"].find_one({"names": names})
        assert row is not None
        return int(row["_id"])

    # -- hot readings -----------------------------------------------------------------------------------------------

    def insert_new(self, kind: str, scalars: Sequence[str], rows: Sequence[HotRow], packing: Packed | None = None) -> list[int]:
        if not rows:
            return []
        check_instant(rows[0][1])
        check_instant(rows[-1][1])
        names = ("_id", "received", "quality", *scalars)
        keys = [row[0] << 43 | row[1] for row in rows]
        again: list[int] = []
        places: Sequence[int] = range(len(rows))
        if len(set(keys)) < len(keys):  # of rows with one key the first goes in
            first = {key: place for place, key in reversed(list(enumerate(keys)))}
            places = sorted(first.values())
            again = sorted({*range(len(rows))} - set(places))
        documents = [_document(names, keys[place], rows[place]) for place in places]
        there = add_rows(self._link, self._at(readings(kind)), documents)
        return sorted([*again, *(places[i] for i in there)])

    def update_row(self, kind: str, device: int, ts: int, quality: int, values: Mapping[str, float]) -> None:
        self._at(readings(kind)).update_one({"_id": instant_key(device, ts)}, {"$set": {**values, "quality": quality}})

    def put_vectors(self, kind: str, rows: Sequence[VectorRow]) -> None:
        names = self._vectors(kind)
        by_metric: dict[int, dict[int, Document]] = {}
        for row in rows:
            key = instant_key(row.device, row.ts)
            by_metric.setdefault(row.metric, {})[key] = {"_id": key, "v": row.elements}
        for metric, documents in by_metric.items():
            put(self._at(vectors(kind, names[metric])), list(documents.values()))

    def delete_hot(self, kind: str, devices: Sequence[int] | None, start: int, end: int) -> int:
        ranges = self._ranges(kind, devices, start, end)
        if not ranges:
            return 0
        # vectors first: a row without them lies over its chunk and lets theirs show through
        for name in vectors_of(kind):
            self._at(vectors(kind, name)).bulk_write([DeleteMany(one) for one in ranges], ordered=False)
        return self._at(readings(kind)).bulk_write([DeleteMany(one) for one in ranges], ordered=False).deleted_count

    # -- chunks -----------------------------------------------------------------------------------------------------

    def put_chunk(self, chunk: Chunk, instead_of: Sequence[Span] = ()) -> None:
        size = sum(len(part.blob) for part in chunk.parts)
        if size > MOST_BYTES:
            raise Invalid(f"a chunk of {size / 1e6:.1f} MB does not fit into a MongoDB document, {MOST_BYTES / 1e6:.1f} MB do")
        key = instant_key(chunk.device, chunk.start)
        document = {
            "_id": key,
            "end": chunk.end,
            "version": ObjectId(),
            "counts": packed_counts(chunk.parts),
            "columns": {str(part.metric): {"n": part.n, "blob": part.blob} for part in chunk.parts},
        }
        self._at("chunk").replace_one({"_id": key}, document, upsert=True)
        self.drop_chunks(chunk.device, [span for span in instead_of if span.start != chunk.start])

    def drop_chunks(self, device: int, spans: Sequence[Span]) -> None:
        if spans:
            # by version: what was put in its place meanwhile stays
            gone = [DeleteOne({"_id": instant_key(device, span.start), "version": span.id}) for span in spans]
            self._at("chunk").bulk_write(gone, ordered=False)

    # -- rollups ----------------------------------------------------------------------------------------------------

    def insert_minutes(self, rows: Sequence[tuple[int, int, int, bytes]]) -> bool:
        return not add_missing(self._at("rollup_minute"), [_minute(row) for row in rows])

    def put_minutes(self, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
        put(self._at("rollup_minute"), [_minute(row) for row in rows])

    def delete_minutes(self, kind: str, devices: Sequence[int] | None, start: int, end: int) -> None:
        ranges = self._ranges(kind, devices, start, end)
        if ranges:
            self._at("rollup_minute").bulk_write([DeleteMany(one) for one in ranges], ordered=False)

    def put_hours(self, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
        put(
            self._at("rollup_hour"),
            [{"_id": day_key(device, metric, day), "day": day, "stats": stats} for device, metric, day, stats in rows],
        )

    def delete_hours(self, device: int, before: int) -> None:
        self._at("rollup_hour").delete_many(days_of(device) | {"day": {"$lt": before}})

    def add_marks(self, marks: Iterable[Mark]) -> None:
        add_missing(self._at("rollup_mark"), [mark._asdict() for mark in marks])

    def delete_marks(self, marks: Iterable[Mark]) -> None:
        gone = [DeleteOne(mark._asdict()) for mark in marks]
        if gone:
            self._at("rollup_mark").bulk_write(gone, ordered=False)

    def add_revisions(self, rows: Sequence[Revision]) -> None:
        if rows:
            given = numbers(self._link, "revision", len(rows))
            self._at("revision").insert_many([{"_id": number, **row._asdict()} for number, row in zip(given, rows, strict=True)])

    def delete_revisions(self, device: int, before: int) -> None:
        self._at("revision").delete_many({"device": device, "ts": {"$lt": before}})


def _document(names: Sequence[str], key: int, row: HotRow) -> Document:
    told = zip(names, (key, *row[2:]), strict=True)
    return {name: value for name, value in told if value is not None} if None in row else dict(told)


def _minute(row: tuple[int, int, int, bytes]) -> Document:
    ts, device, layout, stats = row
    return {"_id": instant_key(device, ts), "layout": layout, "stats": stats}
