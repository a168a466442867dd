"""Readings of one device out of sealed chunks and hot rows together, each exactly once; and columns into chunks.

A chunk row holds one column of one device for at most one UTC day; the columns that share a `start` make up one chunk,
`[start, end)` is from its first to just after its last instant, and chunks of one device never overlap. A hot row whose
instant also stands in a chunk lies over it: what the row says wins, what it leaves open shows through.
"""

import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from datastore.backends.sql_dialects import Connection
from datastore.backends.sql_keys import Keys
from datastore.backends.sql_tables import quoted, readings, vectors
from datastore.ports import Columns, Instants, Numbers
from datastore.seal import pack, pack_whole, stack, unpack, unpack_vector, unpack_whole
from plant.errors import Unavailable
from plant.metrics import CATALOGUE, metrics_of, vectors_of
from plant.model import DAY, HOUR, Window

_HEADS = ("@at", "@received", "@quality")
_CACHED = 96
_FEW = 4
_LOOK = 500
_DEVICES_AN_INSTANT = 25
"""From so many devices to an instant on, stepping over instants beats scanning all rows of the window."""


def nothing(metrics: Sequence[str]) -> Columns:
    """No readings, with a column for each metric."""
    none = np.empty(0, dtype=np.int64)
    return Columns(none, none, none, {name: np.empty((0, 0) if CATALOGUE[name].is_vector else 0) for name in metrics})


def take(columns: Columns, which: slice | np.ndarray[Any, Any]) -> Columns:
    """The rows that `which` (a slice, indices or a mask) picks."""
    return Columns(
        columns.at[which], columns.received[which], columns.quality[which], {name: column[which] for name, column in columns.values.items()}
    )


def cut(columns: Columns, start: int, end: int) -> Columns:
    """The rows with start ≤ at < end."""
    low, high = np.searchsorted(columns.at, (start, end))
    return columns if low == 0 and high == len(columns.at) else take(columns, slice(int(low), int(high)))


def same(one: Columns, other: Columns) -> bool:
    """Whether both hold the same readings, bit by bit."""
    pairs: list[tuple[Any, Any]] = [(one.at, other.at), (one.received, other.received), (one.quality, other.quality)]
    pairs += [(column, other.values[name]) for name, column in one.values.items()]
    return all(left.shape == right.shape and left.tobytes() == right.tobytes() for left, right in pairs)


def lay_over(under: Columns, over: Columns) -> Columns:
    """Both together, ascending; where both know an instant, `over` wins with what it says. The columns must have the same names."""
    if not len(under.at) or not len(over.at):
        return over if not len(under.at) else under
    if under.at[-1] < over.at[0]:
        return join([under, over])
    at = np.union1d(under.at, over.at)
    low, top = np.searchsorted(at, under.at), np.searchsorted(at, over.at)
    heads = []
    for below, above in ((under.received, over.received), (under.quality, over.quality)):
        head = np.empty(len(at), dtype=np.int64)
        head[low] = below
        head[top] = above
        heads.append(head)
    values = {name: _lay(len(at), under.values[name], low, over.values[name], top) for name in under.values}
    return Columns(at, heads[0], heads[1], values)


def _lay(length: int, under: Numbers, low: Instants, over: Numbers, top: Instants) -> Numbers:
    if under.ndim == 1:
        values = np.full(length, np.nan)
        values[low] = under
        spoken = ~np.isnan(over)
        values[top[spoken]] = over[spoken]
        return values
    matrix = np.full((length, max(under.shape[1], over.shape[1])), np.nan)
    matrix[low, : under.shape[1]] = under
    told = ~np.isnan(over).all(axis=1) if over.shape[1] else np.zeros(len(over), dtype=bool)
    matrix[top[told]] = np.nan
    matrix[top[told], : over.shape[1]] = over[told]
    return matrix


def join(parts: Sequence[Columns]) -> Columns:
    """Parts that follow each other in time, end to end; all with the same names."""
    if len(parts) == 1:
        return parts[0]
    values = {}
    for name in parts[0].values:
        columns = [part.values[name] for part in parts]
        values[name] = np.concatenate(columns) if columns[0].ndim == 1 else _join_vectors(columns)
    return Columns(
        np.concatenate([p.at for p in parts]),
        np.concatenate([p.received for p in parts]),
        np.concatenate([p.quality for p in parts]),
        values,
    )


def _join_vectors(columns: Sequence[Numbers]) -> Numbers:
    width = max(column.shape[1] for column in columns)
    matrix = np.full((sum(len(column) for column in columns), width), np.nan)
    row = 0
    for column in columns:
        matrix[row : row + len(column), : column.shape[1]] = column
        row += len(column)
    return matrix


def spoken(columns: Columns) -> Columns:
    """Only the rows in which at least one column speaks."""
    told = np.zeros(len(columns.at), dtype=bool)
    for column in columns.values.values():
        told |= ~np.isnan(column) if column.ndim == 1 else (~np.isnan(column)).any(axis=1)
        if told.all():
            return columns
    return take(columns, told)


@dataclass(frozen=True, slots=True)
class Span:
    """Where one chunk lies; `id` is that of its instants, never given out again."""

    id: int
    start: int
    end: int


class Chunks:
    """Raw readings of the SQL store.

    `horizon` maps device → just after its last sealed instant, `highest` is the farthest: for writers, who hold the lock.
    A reader asks `sealed_until` of its own snapshot.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.horizon: dict[int, int] = {}
        self.highest = 0
        self._decoded: OrderedDict[int, Numbers | Instants] = OrderedDict()
        self._shared: dict[int, tuple[Sequence[int], dict[tuple[Any, ...], dict[int, Columns]]]] = {}

    def refresh(self, connection: Connection) -> None:
        """Learn from the store how far each device is sealed."""
        at = self._keys.metric["@at"]
        self.horizon = dict(connection.execute('SELECT device, max("end") FROM chunk WHERE metric = ? GROUP BY device', (at,)).fetchall())
        self.highest = max(self.horizon.values(), default=0)

    def raise_horizon(self, device: int, end: int) -> None:
        self.horizon[device] = max(end, self.horizon.get(device, 0))
        self.highest = max(self.highest, end)

    def sealed_until(self, connection: Connection, device: int) -> int:
        """Just after the last sealed instant as this connection's snapshot has it, 0 when nothing is sealed."""
        row = connection.execute(
            'SELECT "end" FROM chunk WHERE device = ? AND metric = ? ORDER BY "start" DESC LIMIT 1', (device, self._keys.metric["@at"])
        ).fetchone()
        return row[0] if row else 0

    @contextmanager
    def for_all(self, connection: Connection, devices: Sequence[int]) -> Iterator[None]:
        """While this lasts, hot rows that the snapshot of `connection` is asked for one device after the other are read once for all
        of `devices`: they lie by time, so one pass costs hardly more than one device."""
        self._shared[id(connection)] = (devices, {})
        try:
            yield
        finally:
            del self._shared[id(connection)]

    def _hot_of(self, connection: Connection, kind: str, metrics: Sequence[str], device: int, start: int, end: int) -> Columns | None:
        devices, known = self._shared.get(id(connection), ((), {}))
        if device not in devices or end - start > HOUR:
            return self.hot(connection, kind, metrics, [device], start, end).get(device)
        question = (kind, *metrics, start, end)
        if question not in known:
            known[question] = self.hot(connection, kind, metrics, devices, start, end)
        return known[question].get(device)

    def read(self, connection: Connection, device: int, kind: str, metrics: Sequence[str], start: int, end: int) -> Columns:
        """All readings with start ≤ at < end; `metrics` are columns, rows without any of them stay in."""
        sealed = self.sealed(connection, device, metrics, start, end)
        hot = self._hot_of(connection, kind, metrics, device, start, end)
        return sealed if hot is None else lay_over(sealed, hot)

    def sealed(self, connection: Connection, device: int, metrics: Sequence[str], start: int, end: int) -> Columns:
        """What the chunks hold of start ≤ at < end."""
        keys = self._keys.metric
        names = {keys[name]: name for name in (*_HEADS, *metrics)}
        marks = ", ".join("?" * len(names))
        rows = connection.execute(
            f'SELECT metric, "start", blob FROM chunk WHERE device = ? AND metric IN ({marks}) '
            'AND "start" > ? AND "start" < ? AND "end" > ? ORDER BY "start", metric != ?',
            (device, *names, start - DAY, end, start, keys["@at"]),
        ).fetchall()
        parts = [
            cut(self._opened(device, first, {names[metric]: blob for metric, _, blob in group}, metrics), start, end)
            for first, group in groupby(rows, key=itemgetter(1))
        ]
        return join(parts) if parts else nothing(metrics)

    def _opened(self, device: int, start: int, blobs: Mapping[str, bytes], metrics: Sequence[str]) -> Columns:
        """A chunk as columns. Raises Unavailable, naming device, metric and day, for one that is damaged."""
        found: dict[str, Any] = {}
        for name, blob in blobs.items():
            found[name] = self._decode(device, start, name, blob, len(found["@at"]) if found else None)
        at = found["@at"]
        for name in metrics:
            if name not in found:
                found[name] = np.full((len(at), 0) if CATALOGUE[name].is_vector else len(at), np.nan)
        return Columns(at, at + found["@received"], found["@quality"], {name: found[name] for name in metrics})

    def _decode(self, device: int, start: int, name: str, blob: bytes, rows: int | None) -> Numbers | Instants:
        """One column of a chunk; `rows` is how many it must have."""
        try:
            found = unpack_whole(blob) if name in _HEADS else unpack(blob)
            if rows is not None and len(found) != rows:
                raise ValueError(f"it has {len(found)} rows instead of {rows}")
        except (ValueError, RuntimeError, struct.error, zlib.error) as error:
            device_id, kind = self._keys.name(device)
            day = datetime.fromtimestamp(start / 1000, UTC).date()
            what = f"The readings {name.lstrip('@')} of {device_id} ({kind}) of {day} are damaged"
            raise Unavailable(f"{what}: {error}", "DAMAGED", device_id=device_id, metric=name, day=str(day)) from error
        return found

    def hot(
        self, connection: Connection, kind: str, metrics: Sequence[str], devices: Sequence[int] | None, start: int, end: int
    ) -> dict[int, Columns]:
        """Hot rows with start ≤ at < end per device (None = all); devices without any are absent."""
        scalars = [name for name in metrics if not CATALOGUE[name].is_vector]
        arrays = [name for name in metrics if CATALOGUE[name].is_vector]
        rows = self._hot_rows(connection, kind, scalars, devices, start, end)
        if not rows:
            return {}
        heads = np.array([row[:4] for row in rows], dtype=np.int64)
        numbers = np.array([row[4:] for row in rows], dtype=np.float64).reshape(len(rows), len(scalars))
        told = self._hot_vectors(connection, kind, arrays, devices, start, end) if arrays else {}
        found = {}
        order = np.argsort(heads[:, 0], kind="stable")
        cuts = np.flatnonzero(np.diff(heads[order, 0])) + 1
        for mine in np.split(order, cuts):
            device = int(heads[mine[0], 0])
            at = heads[mine, 1]
            values = {name: numbers[mine, j] for j, name in enumerate(scalars)}
            for name in arrays:
                by_instant = told.get((device, name), {})
                values[name] = stack([by_instant.get(instant) for instant in at.tolist()]) if by_instant else np.empty((len(at), 0))
            found[device] = Columns(at, heads[mine, 2], heads[mine, 3], values)
        return found

    def _hot_rows(
        self, connection: Connection, kind: str, scalars: Sequence[str], devices: Sequence[int] | None, start: int, end: int
    ) -> list[tuple[Any, ...]]:
        """(device, ts, received, quality, scalars …) ascending by time.

        The key begins with the time, so the rows of one device lie scattered among those of all others. Where many devices
        share their instants, stepping from instant to instant looks at a hundredth of the rows that scanning the window would.
        """
        table = readings(kind)
        columns = f", {quoted(scalars)}" if scalars else ""
        if devices is not None and len(devices) <= _FEW and _share_instants(connection, table, start, end):
            steps = (
                f"WITH RECURSIVE step (t) AS (SELECT min(ts) FROM {table} WHERE ts >= ? AND ts < ? "
                f"UNION ALL SELECT (SELECT min(ts) FROM {table} WHERE ts > t AND ts < ?) FROM step WHERE t IS NOT NULL) "
            )
            marks = ", ".join("?" * len(devices))
            question = f"SELECT device, ts, received, quality{columns} FROM step CROSS JOIN {table} ON ts = t AND device IN ({marks})"
            return connection.execute(steps + question, (start, end, end, *devices)).fetchall()
        wanted, bound = _device_clause(devices)
        question = f"SELECT device, ts, received, quality{columns} FROM {table} WHERE ts >= ? AND ts < ?{wanted}"
        return connection.execute(question, (start, end, *bound)).fetchall()

    def _hot_vectors(
        self, connection: Connection, kind: str, metrics: Sequence[str], devices: Sequence[int] | None, start: int, end: int
    ) -> dict[tuple[int, str], dict[int, Numbers]]:
        names = {self._keys.metric[name]: name for name in metrics}
        wanted, bound = _device_clause(devices)
        marks = ", ".join("?" * len(names))
        found: dict[tuple[int, str], dict[int, Numbers]] = {}
        for device, ts, metric, elements in connection.execute(
            f"SELECT device, ts, metric, elements FROM {vectors(kind)} WHERE ts >= ? AND ts < ?{wanted} AND metric IN ({marks})",
            (start, end, *bound, *names),
        ):
            found.setdefault((device, names[metric]), {})[ts] = unpack_vector(elements)
        return found

    def sealed_row(self, connection: Connection, device: int, kind: str, at: int) -> tuple[int, int, dict[str, object]] | None:
        """(received, quality, metric → float or float64 array) of one sealed instant, None when no chunk has it.

        Decoded columns are cached: who sends a day again asks for one instant after the other.
        """
        if at >= self.horizon.get(device, 0):
            return None
        instants = self._keys.metric["@at"]
        row = connection.execute(
            'SELECT id, "start", blob FROM chunk WHERE device = ? AND metric = ? AND "start" <= ? ORDER BY "start" DESC LIMIT 1',
            (device, instants, at),
        ).fetchone()
        if row is None:
            return None
        times = self._cached(row[0], row[2], True)
        place = int(np.searchsorted(times, at))
        if place == len(times) or times[place] != at:
            return None
        whole = {self._keys.metric["@received"], self._keys.metric["@quality"], instants}
        names = {self._keys.metric[m.name]: m.name for m in metrics_of(kind)}
        values: dict[str, object] = {}
        heads = {}
        for chunk, metric, blob in connection.execute(
            'SELECT id, metric, blob FROM chunk WHERE device = ? AND "start" = ?', (device, row[1])
        ):
            column = self._cached(chunk, blob, metric in whole)
            if metric in whole:
                heads[metric] = int(column[place])
            elif metric in names and not np.isnan(column[place]).all():
                values[names[metric]] = column[place]
        return at + heads[self._keys.metric["@received"]], heads[self._keys.metric["@quality"]], values

    def _cached(self, chunk: int, blob: bytes, whole: bool) -> Numbers | Instants:
        found = self._decoded.get(chunk)
        if found is None:
            found = unpack_whole(blob) if whole else unpack(blob)
            self._decoded[chunk] = found
            while len(self._decoded) > _CACHED:
                self._decoded.popitem(last=False)
        return found

    def spans(self, connection: Connection, device: int, start: int, end: int) -> list[Span]:
        """Chunks of a device that touch start … end, ascending."""
        return [
            Span(*row)
            for row in connection.execute(
                'SELECT id, "start", "end" FROM chunk WHERE device = ? AND metric = ? '
                'AND "start" > ? AND "start" < ? AND "end" > ? ORDER BY "start"',
                (device, self._keys.metric["@at"], start - DAY, end, start),
            )
        ]

    def vector_rows(self, connection: Connection, device: int, kind: str) -> dict[str, int]:
        """How many readings speak of each vector metric of the kind."""
        found: dict[str, int] = {}
        for name in vectors_of(kind):
            key = self._keys.metric[name]
            (sealed,) = connection.execute(
                "SELECT coalesce(sum(n), 0) FROM chunk WHERE device = ? AND metric = ?", (device, key)
            ).fetchone()
            (hot,) = connection.execute(f"SELECT count(*) FROM {vectors(kind)} WHERE device = ? AND metric = ?", (device, key)).fetchone()
            if sealed + hot:
                found[name] = sealed + hot
        return found

    def put(self, connection: Connection, device: int, kind: str, over: Columns, start: int, end: int) -> Columns:
        """Merge `over` (within start … end, inside one UTC day, with all metrics that speak) into the chunks there; they become one.
        Returns what that chunk now holds."""
        spans = self.spans(connection, device, start, end)
        if spans:
            every = [m.name for m in metrics_of(kind)]
            under = self.sealed(connection, device, every, spans[0].start, spans[-1].end)
            over = lay_over(under, _with_all(over, every))
            self.drop(connection, device, spans)
        self.insert(connection, self.packed(device, over))
        return over

    def drop(self, connection: Connection, device: int, spans: Iterable[Span]) -> int:
        """Delete these chunks with all their columns."""
        return sum(
            connection.execute('DELETE FROM chunk WHERE device = ? AND "start" = ?', (device, span.start)).rowcount > 0 for span in spans
        )

    def packed(self, device: int, columns: Columns) -> list[tuple[Any, ...]]:
        """The rows of one chunk that holds `columns`."""
        if not len(columns.at):
            return []
        keys = self._keys.metric
        start, end, n = int(columns.at[0]), int(columns.at[-1]) + 1, len(columns.at)
        rows = [
            (device, keys["@at"], start, end, n, pack_whole(columns.at)),
            # a receive time is close to its instant; the distance packs to almost nothing
            (device, keys["@received"], start, end, n, pack_whole(columns.received - columns.at)),
            (device, keys["@quality"], start, end, n, pack_whole(columns.quality)),
        ]
        for name, column in columns.values.items():
            if column.ndim == 2 and not column.shape[1]:
                continue
            silent = np.isnan(column) if column.ndim == 1 else np.isnan(column).all(axis=1)
            told = n - int(np.count_nonzero(silent))
            if told:
                rows.append((device, keys[name], start, end, told, pack(column)))
        return rows

    def insert(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write what `packed` made."""
        connection.executemany('INSERT INTO chunk (device, metric, "start", "end", n, blob) VALUES (?, ?, ?, ?, ?, ?)', rows)


def _share_instants(connection: Connection, table: str, start: int, end: int) -> bool:
    """Whether the first rows of a window have many devices to an instant."""
    rows, instants = connection.execute(
        f"SELECT count(*), count(DISTINCT ts) FROM (SELECT ts FROM {table} WHERE ts >= ? AND ts < ? LIMIT {_LOOK})", (start, end)
    ).fetchone()
    return bool(rows == _LOOK and rows >= _DEVICES_AN_INSTANT * instants)


def _device_clause(devices: Sequence[int] | None) -> tuple[str, Sequence[int]]:
    if devices is None:
        return "", ()
    return (" AND device = ?", devices) if len(devices) == 1 else (f" AND device IN ({', '.join('?' * len(devices))})", devices)


def _with_all(columns: Columns, metrics: Sequence[str]) -> Columns:
    n = len(columns.at)
    values = {name: columns.values.get(name, np.full((n, 0) if CATALOGUE[name].is_vector else n, np.nan)) for name in metrics}
    return Columns(columns.at, columns.received, columns.quality, values)


def days(columns: Columns) -> Iterator[tuple[int, Columns]]:
    """(UTC midnight, readings of that day) for each day that has some; `at` ascending."""
    which = columns.at // DAY
    firsts = np.flatnonzero(np.diff(which)) + 1
    low = 0
    for high in (*firsts.tolist(), len(columns.at)):
        if high > low:
            yield int(which[low]) * DAY, take(columns, slice(low, high))
        low = high


def window_of(columns: Columns) -> Window:
    """From the first to just after the last instant."""
    return Window(int(columns.at[0]), int(columns.at[-1]) + 1)
