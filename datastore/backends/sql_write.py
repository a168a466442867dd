"""Blocks into hot rows: a bulk insert when all rows are new, else row by row with the question what each row adds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from datastore.backends.sql_chunks import Chunks
from datastore.backends.sql_dialects import Connection
from datastore.backends.sql_keys import Keys
from datastore.backends.sql_latest import Row
from datastore.backends.sql_tables import quoted, readings, vectors
from datastore.ports import Outcome
from datastore.seal import elements, pack_vector, unpack_vector
from plant.metrics import metric as metric_of
from plant.metrics import scalars_of, vectors_of
from plant.model import Block, Value

_ROWS_A_STATEMENT = 50
_PARAMETERS_A_STATEMENT = 30_000  # SQLite takes 32,766


@dataclass(slots=True)
class Kept:
    """What a block left behind: for the caches, after the commit."""

    kind: str
    metrics: tuple[str, ...]
    outcome: Outcome = field(default_factory=Outcome)
    rows: list[Row] = field(default_factory=list)  # all that told something new, ascending; (received, quality) as stored
    late: int = 0  # how many of them, from the front, belong to closed minutes
    recount: list[Row] = field(default_factory=list)  # rows that only changed what was known


@dataclass(slots=True)
class Run:
    """Blocks of one kind and one set of metrics, none of another set of the same kind between them: what is new in them can be
    written together. `places` are theirs in the append, `whole` holds the rows of all."""

    whole: Block
    places: list[int]


def runs_of(blocks: Sequence[Block]) -> list[Run]:
    """The blocks as few runs. Blocks of different kinds never meet in a table, so their order among each other does not matter."""
    runs: list[Run] = []
    newest: dict[str, Run] = {}
    for place, block in enumerate(blocks):
        run = newest.get(block.kind)
        if run is None or run.whole.metrics != block.metrics:
            run = newest[block.kind] = Run(block, [place])
            runs.append(run)
            continue
        if len(run.places) == 1:
            run.whole = Block(block.kind, block.metrics, list(run.whole.rows))
        run.whole.rows.extend(block.rows)
        run.places.append(place)
    return runs


@dataclass(frozen=True, slots=True)
class Shape:
    """Statements and places for one set of metrics of one kind, made once."""

    scalars: tuple[str, ...]
    arrays: tuple[tuple[int, str, int], ...]  # place in the row, name, metric key
    insert: str  # of one row
    insert_many: str  # of `many` rows: a third cheaper a row, and other threads run meanwhile
    many: int
    only_scalars: Callable[[Row], Row] | None  # None when the row is as the table wants it


class Writer:
    """Runs inside the transaction of an append; keeps no state but prepared statements."""

    def __init__(self, keys: Keys, chunks: Chunks) -> None:
        self._keys = keys
        self._chunks = chunks
        self._shapes: dict[tuple[str, tuple[str, ...]], Shape] = {}

    def prepare(self, block: Block) -> list[Row]:
        """The rows with the device as integer, ascending by time. Raises MetricNotFound. Numbers unknown devices."""
        self.shape(block.kind, block.metrics)
        numbers = self._keys.of_kind(block.kind)
        try:
            rows = [(numbers[row[0]], *row[1:]) for row in block.rows]
        except KeyError:
            numbers = self._keys.number(block.kind, (row[0] for row in block.rows))
            rows = [(numbers[row[0]], *row[1:]) for row in block.rows]
        rows.sort(key=itemgetter(1))
        return rows

    def shape(self, kind: str, metrics: tuple[str, ...]) -> Shape:
        found = self._shapes.get((kind, metrics))
        if found is None:
            found = self._shapes[kind, metrics] = self._new_shape(kind, metrics)
        return found

    def _new_shape(self, kind: str, metrics: tuple[str, ...]) -> Shape:
        places = [(i + 4, metric_of(name, kind)) for i, name in enumerate(metrics)]
        scalars = tuple(m.name for _, m in places if not m.is_vector)
        arrays = tuple((i, m.name, self._keys.metric[m.name]) for i, m in places if m.is_vector)
        picked = (0, 1, 2, 3, *(i for i, m in places if not m.is_vector))
        columns = quoted(("device", "ts", "received", "quality", *scalars))
        places_of_one = f"({', '.join('?' * len(picked))})"
        many = min(_ROWS_A_STATEMENT, _PARAMETERS_A_STATEMENT // len(picked))
        insert = f"INSERT OR IGNORE INTO {readings(kind)} ({columns}) VALUES "
        insert_many = insert + ", ".join([places_of_one] * many)
        return Shape(scalars, arrays, insert + places_of_one, insert_many, many, itemgetter(*picked) if arrays else None)

    def write_new(self, connection: Connection, kind: str, metrics: tuple[str, ...], rows: list[Row]) -> Kept | None:
        """Keep the rows (ascending) if every one of them is new and its time not sealed; None, and nothing kept, when not."""
        if rows[0][1] < self._chunks.highest or not self._insert_all(connection, kind, metrics, rows):
            return None
        return Kept(kind, metrics, Outcome(inserted=len(rows)), rows)

    def write(self, connection: Connection, kind: str, metrics: tuple[str, ...], rows: list[Row]) -> Kept:
        """Keep the rows (ascending); says what came of them."""
        kept = Kept(kind, metrics)
        horizon = self._chunks.horizon
        if not rows:
            return kept
        if rows[0][1] >= self._chunks.highest:
            fresh, sealed = rows, []
        else:
            fresh = [row for row in rows if row[1] >= horizon.get(row[0], 0)]
            sealed = [row for row in rows if row[1] < horizon.get(row[0], 0)]
        if fresh and self._insert_all(connection, kind, metrics, fresh):
            kept.rows = fresh
            kept.outcome = Outcome(inserted=len(fresh))
            fresh = []
        if fresh or sealed:
            self._one_by_one(connection, kept, sealed + fresh)
        return kept

    def _insert_all(self, connection: Connection, kind: str, metrics: tuple[str, ...], rows: Sequence[Row]) -> bool:
        """All or nothing: False when some instant was known already."""
        shape = self.shape(kind, metrics)
        connection.execute("SAVEPOINT bulk")
        plain = rows if shape.only_scalars is None else [shape.only_scalars(row) for row in rows]
        if _inserted(connection, shape, plain) != len(rows):
            connection.execute("ROLLBACK TO bulk")
            connection.execute("RELEASE bulk")
            return False
        for place, _, key in shape.arrays:
            packed = [(row[1], row[0], key, pack_vector(row[place])) for row in rows if row[place] is not None]
            connection.executemany(f"INSERT INTO {vectors(kind)} VALUES (?, ?, ?, ?)", packed)
        connection.execute("RELEASE bulk")
        return True

    def _one_by_one(self, connection: Connection, kept: Kept, rows: Sequence[Row]) -> None:
        counts = {"inserted": kept.outcome.inserted, "merged": 0, "revised": 0, "duplicates": 0}
        for row in rows:
            told = {name: value for name, value in zip(kept.metrics, row[4:], strict=True) if value is not None}
            known = self._known(connection, kept.kind, row[0], row[1])
            if known is None:
                self._insert_all(connection, kept.kind, kept.metrics, [row])
                kept.rows.append(row)
                counts["inserted"] += 1
                continue
            what, stored = self._merge(connection, kept.kind, row, told, known)
            counts[what] += 1
            if what != "duplicates":
                news = stored[2]
                line = (row[0], row[1], stored[0], stored[1], *[news.get(name) for name in kept.metrics])
                (kept.rows if what == "merged" else kept.recount).append(line)
        kept.rows.sort(key=itemgetter(1))
        kept.outcome = Outcome(**counts)

    def _known(self, connection: Connection, kind: str, device: int, at: int) -> "_Known | None":
        scalars = scalars_of(kind)
        row = connection.execute(
            f"SELECT {quoted(('received', 'quality', *scalars))} FROM {readings(kind)} WHERE ts = ? AND device = ?",
            (at, device),
        ).fetchone()
        sealed = self._chunks.sealed_row(connection, device, kind, at)
        if row is None and sealed is None:
            return None
        values: dict[str, Any] = dict(sealed[2]) if sealed else {}
        received, quality = (sealed[0], sealed[1]) if sealed else (0, 0)
        if row is not None:
            received, quality = row[0], row[1]
            values.update({name: value for name, value in zip(scalars, row[2:], strict=True) if value is not None})
            if vectors_of(kind):
                names = {self._keys.metric[name]: name for name in vectors_of(kind)}
                for metric, blob in connection.execute(
                    f"SELECT metric, elements FROM {vectors(kind)} WHERE ts = ? AND device = ?", (at, device)
                ):
                    values[names[metric]] = unpack_vector(blob)
        return _Known(received, quality, values, row is not None)

    def _merge(
        self, connection: Connection, kind: str, row: Row, told: Mapping[str, Value], known: "_Known"
    ) -> tuple[str, tuple[int, int, Mapping[str, Value]]]:
        """Returns what the row was and (received, quality, what it told that was new) as stored now."""
        device, at, received, quality = row[:4]
        fresh = {name: value for name, value in told.items() if name not in known.values}
        changed = {name: value for name, value in told.items() if name in known.values and not _same(known.values[name], value)}
        news = fresh | changed
        if not news:
            return "duplicates", (known.received, known.quality, news)
        if changed:
            self._revise(connection, device, at, received, known, changed)
        if received > known.received:
            self._revise(connection, device, at, received, known, fresh)
        settled = quality if changed else known.quality | quality
        scalars = [name for name in news if not metric_of(name).is_vector]
        if not known.hot:
            connection.execute(
                f"INSERT INTO {readings(kind)} (device, ts, received, quality) VALUES (?, ?, ?, ?)", (device, at, known.received, settled)
            )
        setters = "".join(f", {quoted((name,))} = ?" for name in scalars)
        connection.execute(
            f"UPDATE {readings(kind)} SET quality = ?{setters} WHERE ts = ? AND device = ?",
            (settled, *[news[name] for name in scalars], at, device),
        )
        for name in news:
            value = news[name]
            if not isinstance(value, int | float):
                connection.execute(
                    f"INSERT OR REPLACE INTO {vectors(kind)} VALUES (?, ?, ?, ?)", (at, device, self._keys.metric[name], pack_vector(value))
                )
        return "revised" if changed else "merged", (known.received, settled, news)

    def _revise(self, connection: Connection, device: int, at: int, replaced: int, known: "_Known", news: Mapping[str, Value]) -> None:
        """Remember what stood there (NULL: nothing) until receive time `replaced`."""
        rows = []
        for name in news:
            old = known.values.get(name)
            blob = None if old is None else pack_vector([old] if isinstance(old, float) else list(old))
            rows.append((device, at, self._keys.metric[name], known.received, replaced, blob))
        connection.executemany("INSERT INTO revision (device, ts, metric, received, replaced, value) VALUES (?, ?, ?, ?, ?, ?)", rows)


def _inserted(connection: Connection, shape: Shape, rows: Sequence[Row]) -> int:
    """Insert what is not there yet; how many that were."""
    whole = len(rows) - len(rows) % shape.many
    count = 0
    for start in range(0, whole, shape.many):
        flat = tuple(chain.from_iterable(rows[start : start + shape.many]))
        count += connection.execute(shape.insert_many, flat).rowcount
    if whole < len(rows):
        count += connection.executemany(shape.insert, rows[whole:]).rowcount
    return count


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
