"""Questions to MongoDB: the Reader of `datastore.kept`. Each is answered as of now; there are no snapshots."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from datastore.backends.mongo_collections import CHUNK_HEAD, counts_in, readings, vectors
from datastore.backends.mongo_keys import (
    LATEST,
    PER_DEVICE,
    Query,
    days,
    device_of,
    instant_key,
    instants,
    metric_and_day,
    ts_of,
)
from datastore.backends.mongo_link import Document, Link
from datastore.backends.mongo_turn import counters_of
from datastore.kept.engine import Counters, Figures, HotRow, Mark, Part, Revision, Span, VectorRow
from plant.metrics import vectors_of
from plant.model import DAY

_RANGES = 200
"""Ranges of `_id` that are asked for at once."""
_HEAD = {"_id": 1, "end": 1, "version": 1}


class MongoReader:
    """Implements `engine.Reader`. `metrics` are the integers of the names, which never change."""

    def __init__(self, link: Link, metrics: Mapping[str, int]) -> None:
        self._link = link
        self._metrics = metrics

    # -- names and counters -----------------------------------------------------------------------------------------

    def metric_keys(self) -> dict[str, int]:
        return dict(self._metrics)

    def device_keys(self) -> list[tuple[int, str, str]]:
        return [(row["_id"], row["device_id"], row["kind"]) for row in self._link["device_key"].find().sort("_id", 1)]

    def device_key(self, device_id: str, kind: str) -> int | None:
        row = self._link["device_key"].find_one({"kind": kind, "device_id": device_id})
        return row["_id"] if row else None

    def counters(self) -> Counters:
        return counters_of(self._link["state"].find_one({"_id": "turn"}))

    def newest(self) -> list[tuple[int, str]]:
        return [(row["_id"], row["state"]) for row in self._link["latest"].find()]

    def layout_names(self, layout: int) -> str:
        row = self._link["layout"].find_one({"_id": layout})
        if row is None:
            raise KeyError(f"no layout has the number {layout}")
        return str(row["names"])

    # -- hot readings -----------------------------------------------------------------------------------------------

    def hot_rows(
        self, kind: str, scalars: Sequence[str], devices: Sequence[int] | None, start: int, end: int, received_from: int | None = None
    ) -> list[HotRow]:
        more = {} if received_from is None else {"received": {"$gte": received_from}}
        shown = {"received": 1, "quality": 1} | dict.fromkeys(scalars, 1)
        rows = []
        for row in self._within(readings(kind), self._ranges(kind, devices, start, end), shown, more):
            key, told = row["_id"], row.get
            rows.append((key >> 43, key & LATEST, row["received"], row["quality"], *[told(name) for name in scalars]))
        rows.sort()
        return rows

    def hot_row(self, kind: str, scalars: Sequence[str], device: int, ts: int) -> HotRow | None:
        row = self._link[readings(kind)].find_one({"_id": instant_key(device, ts)})
        return (int(row["received"]), row["quality"], *[row.get(name) for name in scalars]) if row else None

    def hot_vectors(self, kind: str, metrics: Sequence[int], devices: Sequence[int] | None, start: int, end: int) -> Iterable[VectorRow]:
        names = self._vectors(kind)
        asked = [(vectors(kind, names[metric]), metric) for metric in metrics if metric in names]
        if not asked:
            return
        for condition in _any_of(self._ranges(kind, devices, start, end)):
            # all in one question: who merges reading by reading asks for one instant at a time
            told = [(name, [{"$match": condition}, {"$project": {"v": 1, "metric": {"$literal": metric}}}]) for name, metric in asked]
            (first, steps), *others = told
            steps = steps + [{"$unionWith": {"coll": name, "pipeline": more}} for name, more in others]
            for row in self._link[first].aggregate(steps):
                yield VectorRow(ts_of(row["_id"]), device_of(row["_id"]), row["metric"], row["v"])

    def first_hot(self, kind: str, device: int | None = None, start: int | None = None) -> int | None:
        return self._outermost(kind, 1, device, start or 0)

    def last_hot(self, kind: str) -> int | None:
        return self._outermost(kind, -1)

    def _outermost(self, kind: str, direction: int, device: int | None = None, start: int = 0) -> int | None:
        """The first (1) or last (-1) hot instant from `start` on: one seek per device, all in one question."""
        own = {"kind": kind} if device is None else {"_id": device}
        first = {"$multiply": ["$_id", PER_DEVICE]}
        bounds = {"low": {"$add": [first, min(max(start, 0), LATEST)]}, "high": {"$add": [first, LATEST]}}
        inside = {"$and": [{"$gte": ["$_id", "$$low"]}, {"$lte": ["$_id", "$$high"]}]}
        seek = [{"$match": {"$expr": inside}}, {"$sort": {"_id": direction}}, {"$limit": 1}, {"$project": {"_id": 1}}]
        looked_up = {"$lookup": {"from": readings(kind), "let": bounds, "pipeline": seek, "as": "found"}}
        found = self._link["device_key"].aggregate([{"$match": own}, looked_up, {"$unwind": "$found"}, {"$project": {"found": 1}}])
        told = [ts_of(row["found"]["_id"]) for row in found]
        return (min if direction > 0 else max)(told, default=None)

    def count_hot(self, kind: str, start: int, end: int, most: int) -> int:
        found = 0
        for condition in _any_of(self._ranges(kind, None, start, end)):
            if found >= most:
                break
            found += self._link[readings(kind)].count_documents(condition, limit=most - found)
        return found

    def count_vectors(self, kind: str, device: int, metric: int) -> int:
        name = self._vectors(kind).get(metric)
        return self._link[vectors(kind, name)].count_documents(instants(device)) if name else 0

    def _vectors(self, kind: str) -> dict[int, str]:
        return {self._metrics[name]: name for name in vectors_of(kind)}

    def _ranges(self, kind: str, devices: Sequence[int] | None, start: int, end: int) -> list[Query]:
        """The conditions on `_id` for a range of these devices, None = all of the kind."""
        if devices is None:
            devices = [row["_id"] for row in self._link["device_key"].find({"kind": kind}, {"_id": 1})]
        return [instants(device, start, end) for device in sorted(devices)]

    def _within(
        self, collection: str, ranges: Sequence[Query], shown: dict[str, int] | None = None, more: Query | None = None
    ) -> Iterator[Document]:
        """The documents in any of the ranges."""
        for condition in _any_of(ranges):
            yield from self._link[collection].find(condition | (more or {}), shown)

    # -- chunks -----------------------------------------------------------------------------------------------------

    def horizons(self) -> dict[int, int]:
        first = {"$subtract": ["$_id", {"$mod": ["$_id", PER_DEVICE]}]}
        steps: list[Document] = [{"$project": {"_id": 1, "end": 1}}, {"$group": {"_id": first, "end": {"$max": "$end"}}}]
        return {device_of(row["_id"]): row["end"] for row in self._link["chunk"].aggregate(steps, hint=CHUNK_HEAD)}

    def spans(self, device: int, start: int, end: int) -> list[Span]:
        return [_span(row) for row in self._link["chunk"].find(_touching(device, start, end), _HEAD, hint=CHUNK_HEAD).sort("_id", 1)]

    def last_span(self, device: int, until: int | None = None) -> Span | None:
        own = instants(device, end=PER_DEVICE if until is None else until + 1)
        row = next(iter(self._link["chunk"].find(own, _HEAD, hint=CHUNK_HEAD).sort("_id", -1).limit(1)), None)
        return _span(row) if row else None

    def parts(self, device: int, metrics: Sequence[int] | None, start: int, end: int) -> list[tuple[Span, list[Part]]]:
        columns = {"columns": 1} if metrics is None else {f"columns.{metric}": 1 for metric in metrics}
        found = self._link["chunk"].find(_touching(device, start, end), _HEAD | columns, hint=CHUNK_HEAD).sort("_id", 1)
        return [(_span(row), self._columns(row["columns"])) for row in found]

    def _columns(self, columns: Document) -> list[Part]:
        parts = [Part(int(key), column["n"], column["blob"]) for key, column in columns.items()]
        return sorted(parts, key=lambda part: (part.metric != self._metrics["@at"], part.metric))

    def sealed_bounds(self, device: int) -> tuple[int, int] | None:
        found = self.spans(device, 0, PER_DEVICE)
        return (found[0].start, max(span.end for span in found) - 1) if found else None

    def sealed_count(self, device: int, metric: int) -> int:
        heads = self._link["chunk"].find(instants(device), {"_id": 1, "counts": 1}, hint=CHUNK_HEAD)
        return sum(n for head in heads for key, n, _ in counts_in(head["counts"]) if key == metric)

    def figures(self, before: int | None = None) -> list[Figures]:
        found: dict[tuple[int, int], Figures] = {}
        heads = self._link["chunk"].find(
            {} if before is None else {"end": {"$lte": before}}, {"_id": 1, "end": 1, "counts": 1}, hint=CHUNK_HEAD
        )
        for head in heads:
            device, start, end = device_of(head["_id"]), ts_of(head["_id"]), int(head["end"])
            for metric, n, size in counts_in(head["counts"]):
                so_far = found.get((device, metric), Figures(device, metric, 0, 0, 0, start, end))
                sums = (so_far.chunks + 1, so_far.n + n, so_far.size + size)
                found[device, metric] = Figures(device, metric, *sums, min(so_far.start, start), max(so_far.end, end))
        return sorted(found.values())

    # -- rollups ----------------------------------------------------------------------------------------------------

    def minutes(self, device: int, start: int, end: int) -> list[tuple[int, int, bytes]]:
        found = self._link["rollup_minute"].find(instants(device, start, end)).sort("_id", 1)
        return [(ts_of(row["_id"]), row["layout"], row["stats"]) for row in found]

    def minute_devices(self, kind: str, start: int, end: int) -> set[int]:
        return {device_of(row["_id"]) for row in self._within("rollup_minute", self._ranges(kind, None, start, end), {"_id": 1})}

    def hours(self, device: int, metrics: Sequence[int], start: int, end: int) -> list[tuple[int, int, bytes]]:
        found = self._within("rollup_hour", [days(device, metric, start, end) for metric in metrics])
        return sorted((*metric_and_day(row["_id"]), row["stats"]) for row in found)

    def marked(self, kind: str, width: int, devices: Sequence[int], start: int, end: int) -> list[int]:
        wanted = {"width": width, "kind": kind, "device": {"$in": list(devices)}, "ts": {"$gt": start - width, "$lt": end}}
        return sorted({row["ts"] for row in self._link["rollup_mark"].find(wanted, {"_id": 0, "ts": 1})})

    def marks(self, width: int, before: int, whole: bool | None = None, most: int | None = None) -> list[Mark]:
        wanted: Query = {"width": width, "ts": {"$lt": before}}
        if whole is not None:
            wanted["device"] = 0 if whole else {"$gt": 0}
        found = self._link["rollup_mark"].find(wanted, {"_id": 0}).sort([("kind", 1), ("device", 1), ("ts", 1)]).limit(most or 0)
        return [Mark(**row) for row in found]

    def revisions(self, device: int, start: int, end: int, replaced_after: int) -> list[Revision]:
        wanted = {"device": device, "ts": {"$gte": start, "$lt": end}, "replaced": {"$gt": replaced_after}}
        newest_first = sorted(self._link["revision"].find(wanted), key=itemgetter("_id"), reverse=True)
        return [Revision(*[row[name] for name in Revision._fields]) for row in newest_first]


def _any_of(ranges: Sequence[Query]) -> Iterator[Query]:
    """As few conditions as a server takes well."""
    for i in range(0, len(ranges), _RANGES):
        some = ranges[i : i + _RANGES]
        yield dict(some[0]) if len(some) == 1 else {"$or": list(some)}


def _touching(device: int, start: int, end: int) -> Query:
    """Chunks span a day at most, so one that reaches into the range starts a day before it at the earliest."""
    return instants(device, start - DAY, end) | {"end": {"$gt": start}}


def _span(row: Document) -> Span:
    return Span(row["version"], ts_of(row["_id"]), row["end"])
