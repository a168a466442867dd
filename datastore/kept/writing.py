"""Blocks into hot rows: all at once what is new, row by row what adds to or changes a known instant."""

import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np

from datastore.kept.chunks import Chunks
from datastore.kept.engine import Reader, Revision, VectorRow, Writer
from datastore.kept.keys import Keys
from datastore.kept.newest import Row
from datastore.kept.packing import Packed, packed
from datastore.ports import Outcome
from datastore.seal import elements, pack_vector, unpack_vector
from plant.metrics import metric as metric_of
from plant.metrics import scalars_of, vectors_of
from plant.model import Block, Value

_READ_MORE = 4
"""Known instants are read together when there are at most so many hot rows to each of them."""


@dataclass(frozen=True, slots=True)
class Run:
    """Blocks of one kind and one set of metrics, none of another set of the same kind between them: they can be written together.
    `places` are theirs in the append; `rows` are of all, in order, with the device as integer."""

    kind: str
    metrics: tuple[str, ...]
    places: Sequence[int]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Shape:
    """Which places of a row are scalars and which vectors, for one set of metrics of one kind."""

    scalars: tuple[str, ...]
    arrays: tuple[tuple[int, int], ...]  # place in the row, metric key
    only_scalars: Callable[[Row], Row] | None  # None when the row is as a hot row already


@dataclass(slots=True)
class Kept:
    """What a run left behind: for the caches, after the commit."""

    kind: str
    metrics: tuple[str, ...]
    rows: list[Row]  # all that told something new, ascending; (received, quality) as stored
    packed: Packed | None = None  # the same as records, where they are that already
    recount: list[Row] = field(default_factory=list)  # rows that only changed what was known


class Writing:
    """Works inside the transaction of an append; keeps no state but shapes."""

    def __init__(self, keys: Keys, chunks: Chunks) -> None:
        self._keys = keys
        self._chunks = chunks
        self._shapes: dict[tuple[str, tuple[str, ...]], Shape] = {}

    def prepare(self, blocks: Sequence[Block]) -> list[Run]:
        """The blocks as few runs. Raises MetricNotFound. Numbers unknown devices, in a transaction of their own.

        Blocks of different kinds never meet in a table, so their order among each other does not matter.
        """
        joint: list[list[int]] = []
        newest: dict[str, list[int]] = {}
        for place, block in enumerate(blocks):
            places = newest.get(block.kind)
            if places is None or blocks[places[0]].metrics != block.metrics:
                places = newest[block.kind] = []
                joint.append(places)
            places.append(place)
        return [self._run(blocks, places) for places in joint]

    def _run(self, blocks: Sequence[Block], places: Sequence[int]) -> Run:
        kind, metrics = blocks[places[0]].kind, blocks[places[0]].metrics
        self.shape(kind, metrics)
        numbers: Mapping[str, int] = self._keys.of_kind(kind)
        try:
            rows = [(numbers[row[0]],) + row[1:] for place in places for row in blocks[place].rows]  # noqa: RUF005, a quarter faster
        except KeyError:
            numbers = self._keys.number(kind, (row[0] for place in places for row in blocks[place].rows))
            rows = [(numbers[row[0]], *row[1:]) for place in places for row in blocks[place].rows]
        return Run(kind, metrics, places, rows)

    def shape(self, kind: str, metrics: tuple[str, ...]) -> Shape:
        """Made once per set of metrics. Raises MetricNotFound for one that the kind does not have."""
        found = self._shapes.get((kind, metrics))
        if found is None:
            places = [(i + 4, metric_of(name, kind)) for i, name in enumerate(metrics)]
            scalars = tuple(m.name for _, m in places if not m.is_vector)
            arrays = tuple((i, self._keys.metric[m.name]) for i, m in places if m.is_vector)
            picked = (0, 1, 2, 3, *(i for i, m in places if not m.is_vector))
            found = self._shapes[kind, metrics] = Shape(scalars, arrays, itemgetter(*picked) if arrays else None)
        return found

    def write(self, tx: Writer, run: Run, ascending: list[Row], blocks: Sequence[Block], outcomes: list[Outcome]) -> Kept:
        """Keep the rows of a run (`ascending` are the same by time) and set the outcome of each of its blocks."""
        horizon = self._chunks.horizon
        if ascending[0][1] >= self._chunks.highest:
            fresh, known = ascending, []
        else:
            fresh = [row for row in ascending if row[1] >= horizon.get(row[0], 0)]
            known = [row for row in ascending if row[1] < horizon.get(row[0], 0)]
        packing = None
        if fresh:
            if self.shape(run.kind, run.metrics).only_scalars is None:
                with suppress(struct.error):  # a row that cannot be: the database says of which kind, and the others go on
                    packing = packed(fresh, len(run.metrics))
            there = self._insert(tx, run, fresh, packing)
            if there:
                known += [fresh[place] for place in there]
                skipped = set(there)
                fresh = [row for place, row in enumerate(fresh) if place not in skipped]
        if not known:
            for place in run.places:
                outcomes[place] = Outcome(inserted=len(blocks[place].rows))
            return Kept(run.kind, run.metrics, fresh, packing)
        kept = Kept(run.kind, run.metrics, fresh)
        became = self._one_by_one(tx, kept, run, known)
        self._settle(run, became, blocks, outcomes)
        return kept

    def _settle(self, run: Run, became: Mapping[int, str], blocks: Sequence[Block], outcomes: list[Outcome]) -> None:
        """The outcome of each block; `became` says by row identity what the rows are that were not simply new."""
        start = 0
        for place in run.places:
            end = start + len(blocks[place].rows)
            counts = {"inserted": 0, "merged": 0, "revised": 0, "duplicates": 0}
            for row in run.rows[start:end]:
                counts[became.get(id(row), "inserted")] += 1
            outcomes[place] = Outcome(**counts)
            start = end

    def _insert(self, tx: Writer, run: Run, rows: Sequence[Row], packing: Packed | None = None) -> list[int]:
        """Insert what is new; the places of rows whose instant is known."""
        shape = self.shape(run.kind, run.metrics)
        hot = rows if shape.only_scalars is None else list(map(shape.only_scalars, rows))
        there = tx.insert_new(run.kind, shape.scalars, hot, packing)
        if shape.arrays:
            skipped = set(there)
            new = [row for place, row in enumerate(rows) if place not in skipped] if there else rows
            for place, key in shape.arrays:
                tx.put_vectors(run.kind, [VectorRow(row[1], row[0], key, pack_vector(row[place])) for row in new if row[place] is not None])
        return there

    def _one_by_one(self, tx: Writer, kept: Kept, run: Run, rows: Sequence[Row]) -> dict[int, str]:
        """Rows of instants that may be known; what each became, by identity."""
        became: dict[int, str] = {}
        rows = sorted(rows, key=itemgetter(1))
        standing = _Standing(tx, self._keys, run.kind, rows)
        for row in rows:
            told = {name: value for name, value in zip(run.metrics, row[4:], strict=True) if value is not None}
            known = self._known(tx, standing, run.kind, row[0], row[1])
            if known is None:
                self._insert(tx, run, [row])
                standing.changed(row[0], row[1])
                kept.rows.append(row)
                continue
            what, received, quality, news = self._merge(tx, run.kind, row, told, known)
            became[id(row)] = what
            if what != "duplicates":
                standing.changed(row[0], row[1])
                line = (row[0], row[1], received, quality, *[news.get(name) for name in run.metrics])
                (kept.rows if what == "merged" else kept.recount).append(line)
        kept.rows.sort(key=itemgetter(1))
        return became

    def _known(self, tx: Reader, standing: "_Standing", kind: str, device: int, at: int) -> "_Known | None":
        hot = standing.at(device, at)
        sealed = self._chunks.sealed_row(tx, device, kind, at)
        if hot is None and sealed is None:
            return None
        values: dict[str, Any] = dict(sealed[2]) if sealed else {}
        received, quality = (hot[0], hot[1]) if hot else (sealed[0], sealed[1]) if sealed else (0, 0)
        return _Known(received, quality, values | (hot[2] if hot else {}), hot is not None)

    def _merge(
        self, tx: Writer, kind: str, row: Row, told: Mapping[str, Value], known: "_Known"
    ) -> tuple[str, int, int, Mapping[str, Value]]:
        """Returns what the row was, (received, quality) as stored now, and what it told that was new."""
        device, at, received, quality = row[:4]
        fresh = {name: value for name, value in told.items() if name not in known.values}
        changed = {name: value for name, value in told.items() if name in known.values and not _same(known.values[name], value)}
        news = fresh | changed
        if not news:
            return "duplicates", known.received, known.quality, news
        if changed:
            self._revise(tx, device, at, received, known, changed)
        if received > known.received:
            self._revise(tx, device, at, received, known, fresh)
        settled = quality if changed else known.quality | quality
        if not known.hot:
            tx.insert_new(kind, (), [(device, at, known.received, settled)])
        scalars = {name: float(value) for name, value in news.items() if isinstance(value, int | float)}
        tx.update_row(kind, device, at, settled, scalars)
        vectors = [
            VectorRow(at, device, self._keys.metric[name], pack_vector(value))
            for name, value in news.items()
            if not isinstance(value, int | float)
        ]
        if vectors:
            tx.put_vectors(kind, vectors)
        return "revised" if changed else "merged", known.received, settled, news

    def _revise(self, tx: Writer, device: int, at: int, replaced: int, known: "_Known", news: Mapping[str, Value]) -> None:
        """Remember what stood there (None: nothing) until receive time `replaced`."""
        rows = []
        for name in news:
            old = known.values.get(name)
            blob = None if old is None else pack_vector([old] if isinstance(old, float) else list(old))
            rows.append(Revision(device, at, self._keys.metric[name], known.received, replaced, blob))
        if rows:
            tx.add_revisions(rows)


_Hot = tuple[int, int, dict[str, Any]]
"""(received, quality, metric → float or float64 array) of a hot instant."""


class _Standing:
    """What stands hot at the instants of `rows` (ascending): read at once where they lie close together, else when it is asked for."""

    def __init__(self, tx: Reader, keys: Keys, kind: str, rows: Sequence[Row]) -> None:
        self._tx = tx
        self._kind = kind
        self._scalars = scalars_of(kind)
        self._arrays = {keys.metric[name]: name for name in vectors_of(kind)}
        self._changed: set[tuple[int, int]] = set()
        self._read: dict[tuple[int, int], _Hot] | None = None
        first, past, most = rows[0][1], rows[-1][1] + 1, _READ_MORE * len(rows)
        if len(rows) > 1 and tx.count_hot(kind, first, past, most) < most:
            self._read = self._between(sorted({row[0] for row in rows}), first, past)

    def _between(self, devices: Sequence[int], start: int, end: int) -> dict[tuple[int, int], _Hot]:
        found: dict[tuple[int, int], _Hot] = {}
        for device, ts, received, quality, *numbers in self._tx.hot_rows(self._kind, self._scalars, devices, start, end):
            told = {name: value for name, value in zip(self._scalars, numbers, strict=True) if value is not None}
            found[device, ts] = (received, quality, told)
        if self._arrays and found:
            for row in self._tx.hot_vectors(self._kind, list(self._arrays), devices, start, end):
                if (row.device, row.ts) in found:
                    found[row.device, row.ts][2][self._arrays[row.metric]] = unpack_vector(row.elements)
        return found

    def at(self, device: int, ts: int) -> _Hot | None:
        """What stands there now, None for nothing."""
        if self._read is not None and (device, ts) not in self._changed:
            return self._read.get((device, ts))
        row = self._tx.hot_row(self._kind, self._scalars, device, ts)
        if row is None:
            return None
        told = {name: value for name, value in zip(self._scalars, row[2:], strict=True) if value is not None}
        for vector in self._tx.hot_vectors(self._kind, list(self._arrays), [device], ts, ts + 1) if self._arrays else ():
            told[self._arrays[vector.metric]] = unpack_vector(vector.elements)
        return row[0], row[1], told

    def changed(self, device: int, ts: int) -> None:
        """Somebody has written there."""
        self._changed.add((device, ts))


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store has of one instant: metric → float or float64 array; `hot` = a hot row exists."""

    received: int
    quality: int
    values: Mapping[str, Any]
    hot: bool


def _same(known: Any, told: Value) -> bool:
    if isinstance(told, int | float):
        return bool(np.ndim(known) == 0 and float(known) == float(told))
    return bool(np.ndim(known) == 1) and elements(known) == elements(np.array(told, dtype=np.float64))
