"""Rollups of the SQL store: minutes of hot time, hours of all time, and marks on those that must not be trusted yet.

A mark (kind, width, bucket, device, owner) is written in the same transaction as the readings that make it necessary:

* minute, device 0, owner = the writing process: the minute is open and that process accumulates it; when it closes, the
  accumulated rollup is written, unless another owner wrote into the minute too (or died): then it is computed from its rows;
* minute, a device: a late or changed reading; computed from its rows at the next `maintain`;
* hour, a device or 0 (all of the kind): to be computed from minutes (sealed time: from chunks) once the hour is over.

A reader takes a marked bucket from the next finer level, so answers never wait for `maintain` and a crash loses nothing.
Hours are packed 24 to a row: a year of one metric is read 20 times faster than from wide rows.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import orjson

from datastore import rollup
from datastore.backends.sql_chunks import Chunks, lay_over
from datastore.backends.sql_dialects import Connection, Database
from datastore.backends.sql_keys import Keys
from datastore.backends.sql_latest import Row
from datastore.backends.sql_live import OpenMinutes
from datastore.ports import Columns, Instants
from plant.metrics import scalars_of
from plant.model import DAY, HOUR, MINUTE

GRACE = 10_000
"""How long after its end a minute stays open for stragglers [ms]."""

_SLAB = 7 * DAY
_HOURS = 24
_BATCH = 200
_HOURS_A_COMMIT = 20
_PATIENCE_S = 0.02
"""How long one transaction of maintenance should keep readings waiting."""

Piece = tuple[Instants, Any]
"""Bucket starts [n] and their STATS [n, metrics]."""


def give_way() -> None:
    """Between two transactions of maintenance: a writer that waits comes first."""
    time.sleep(0.002)


class Rollups:
    """Keeps them, and answers from them."""

    def __init__(self, database: Database, keys: Keys, chunks: Chunks, clock: Callable[[], int]) -> None:
        self._database = database
        self._keys = keys
        self._chunks = chunks
        self._clock = clock
        self.owner = secrets.randbits(62) + 1
        self._open: dict[str, OpenMinutes] = {}
        self._marked: set[tuple[str, int]] = set()
        self._closed_before = 0
        self._layouts: dict[int, tuple[str, ...]] = {}

    # -- writing: inside the transaction of an append ---------------------------------------------------------------

    def floor(self) -> int:
        """Minutes that start before this instant are closed or due; ask under the write lock only. Never goes back."""
        self._closed_before = max(self._closed_before, self._due())
        return self._closed_before

    def _due(self) -> int:
        return (self._clock() - GRACE) // MINUTE * MINUTE

    def mark_new(self, connection: Connection, kind: str, rows: Sequence[Row], floor: int) -> int:
        """Marks for rows just kept, ascending by time; returns how many of them, from the front, belong to closed minutes."""
        late = 0
        if rows[0][1] < floor:
            late = next((i for i, row in enumerate(rows) if row[1] >= floor), len(rows))
            self.mark_late(connection, kind, {(row[0], row[1]) for row in rows[:late]})
        if late < len(rows):
            first, last = rows[late][1] // MINUTE, rows[-1][1] // MINUTE
            minutes = (first,) if first == last else {row[1] // MINUTE for row in rows[late:]}
            for minute in minutes:
                if (kind, minute) not in self._marked:
                    start = minute * MINUTE
                    self._mark(connection, [(kind, MINUTE, start, 0, self.owner), (kind, HOUR, start // HOUR * HOUR, 0, 0)])
        return late

    def mark_late(self, connection: Connection, kind: str, instants: Iterable[tuple[int, int]]) -> None:
        """Marks for (device, instant) pairs whose buckets must be computed again."""
        marks = set()
        for device, at in instants:
            if at >= self._split(connection, device):
                marks.add((kind, MINUTE, at // MINUTE * MINUTE, device, 0))
            marks.add((kind, HOUR, at // HOUR * HOUR, device, 0))
        self._mark(connection, sorted(marks))

    def mark_hours(self, connection: Connection, kind: str, device: int, starts: Iterable[int]) -> None:
        """Marks for whole hours of a device."""
        self._mark(connection, [(kind, HOUR, start, device, 0) for start in starts])

    def _mark(self, connection: Connection, marks: Sequence[tuple[str, int, int, int, int]]) -> None:
        connection.executemany("INSERT OR IGNORE INTO rollup_mark VALUES (?, ?, ?, ?, ?)", marks)

    def accumulate(self, kind: str, metrics: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Rows of open minutes, after their commit, still under the write lock; scalars only."""
        if rows:
            for minute in {rows[0][1] // MINUTE, rows[-1][1] // MINUTE}:
                self._marked.add((kind, minute))
            self._open.setdefault(kind, OpenMinutes(kind)).add(metrics, rows)

    def _split(self, connection: Connection, device: int) -> int:
        """Before this instant (a whole minute) minutes come from chunks, from it on from minute rollups."""
        return -(-self._chunks.sealed_until(connection, device) // MINUTE) * MINUTE

    # -- maintenance ------------------------------------------------------------------------------------------------

    def maintain(self) -> None:
        """Close due minutes, drain marks. Any process may do it at any time; small transactions."""
        self._close_minutes()
        self._drain_minutes()
        self._drain_hours()

    def _close_minutes(self) -> None:
        for live in list(self._open.values()):
            live.prepare(self._due())
        with self._database.write() as connection:
            floor = self.floor()
            mine = {(kind, minute): part for kind, live in self._open.items() for minute, part in live.take(floor).items()}
            self._marked = {(kind, minute) for kind, minute in self._marked if minute * MINUTE >= floor}
            owners: dict[tuple[str, int], set[int]] = {}
            for kind, ts, owner in connection.execute(
                "SELECT kind, ts, owner FROM rollup_mark WHERE width = ? AND device = 0 AND ts < ?", (MINUTE, floor)
            ):
                owners.setdefault((kind, ts), set()).add(owner)
            layouts = {kind: self._layout(connection, kind) for kind in {kind for kind, _ in owners}}
        for (kind, minute), who in owners.items():
            part = mine.get((kind, minute))
            whole = who == {self.owner} and part is not None and self._put_new(layouts[kind], minute, *part)
            with self._database.write() as connection:
                if not whole:
                    self._put_minutes(connection, kind, None, minute, minute + MINUTE)
                # a mark that came meanwhile is of a process whose clock is behind: that one stays for it
                connection.executemany(
                    "DELETE FROM rollup_mark WHERE kind = ? AND width = ? AND ts = ? AND device = 0 AND owner = ?",
                    [(kind, MINUTE, minute, owner) for owner in who],
                )

    def _put_new(self, layout: int, minute: int, devices: Instants, stats: Any) -> bool:
        """Write an accumulated minute in short transactions (its mark stays until all is there); False when some of it was there
        already, so that the rows must be asked."""
        rows = [(minute, device, layout, part.tobytes()) for device, part in zip(devices.tolist(), stats, strict=True)]
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            with self._database.write() as connection:
                if connection.executemany("INSERT OR IGNORE INTO rollup_minute VALUES (?, ?, ?, ?)", some).rowcount != len(some):
                    return False
            give_way()
        return True

    def _put_minutes(self, connection: Connection, kind: str, devices: Sequence[int] | None, start: int, end: int) -> None:
        """Compute the minutes start … end from their rows."""
        scalars = scalars_of(kind)
        layout = self._layout(connection, kind)
        bounds = np.arange(start, end + 1, MINUTE, dtype=np.int64)
        for device, columns in self._chunks.hot(connection, kind, scalars, devices, start, end).items():
            stats = rollup.reduce(columns.at, _matrix(columns, scalars), bounds)
            full = np.flatnonzero((stats["n"] > 0).any(axis=1))
            rows = [(int(bounds[i]), device, layout, stats[i].tobytes()) for i in full]
            connection.executemany("INSERT OR REPLACE INTO rollup_minute VALUES (?, ?, ?, ?)", rows)

    def _drain_minutes(self) -> None:
        """Late and changed readings: their minutes again, from the rows, as many at once as readings can wait for."""
        most = _BATCH
        while True:
            with self._database.write() as connection:
                begun = time.perf_counter()
                marks = connection.execute(
                    "SELECT kind, ts, device FROM rollup_mark WHERE width = ? AND device > 0 AND ts < ? ORDER BY kind, device, ts LIMIT ?",
                    (MINUTE, self.floor(), most),
                ).fetchall()
                if not marks:
                    return
                for kind, devices, start, end in _joint_runs(marks):
                    self._put_minutes(connection, kind, devices, start, end)
                connection.executemany(
                    "DELETE FROM rollup_mark WHERE kind = ? AND width = ? AND ts = ? AND device = ?",
                    [(kind, MINUTE, ts, device) for kind, ts, device in marks],
                )
                quick = time.perf_counter() - begun < _PATIENCE_S
            most = min(2 * most, 20 * _BATCH) if quick else max(most // 2, 1)
            give_way()

    def _drain_hours(self) -> None:
        with self._database.read() as connection:
            floor = self._due()
            marks = connection.execute(
                "SELECT kind, ts, device FROM rollup_mark WHERE width = ? AND ts <= ? ORDER BY kind, device, ts", (HOUR, floor - HOUR)
            ).fetchall()
            todo = [
                (kind, ts, device, mark) for kind, ts, mark in marks for device in ([mark] if mark else self._present(connection, kind, ts))
            ]
        for i in range(0, len(todo), _HOURS_A_COMMIT):
            with self._database.write() as connection:
                for kind, ts, device, _ in todo[i : i + _HOURS_A_COMMIT]:
                    self._put_hour(connection, kind, device, ts)
                # the mark of a whole kind goes with its last device
                done = {(kind, HOUR, ts, mark) for kind, ts, _, mark in todo[i : i + _HOURS_A_COMMIT]} - {
                    (kind, HOUR, ts, mark) for kind, ts, _, mark in todo[i + _HOURS_A_COMMIT :]
                }
                self._unmark(connection, done)
            give_way()
        empty = {(kind, HOUR, ts, mark) for kind, ts, mark in marks} - {(kind, HOUR, ts, mark) for kind, ts, _, mark in todo}
        if empty:
            with self._database.write() as connection:
                self._unmark(connection, empty)

    def _unmark(self, connection: Connection, marks: Iterable[tuple[str, int, int, int]]) -> None:
        connection.executemany("DELETE FROM rollup_mark WHERE kind = ? AND width = ? AND ts = ? AND device = ?", sorted(marks))

    def _present(self, connection: Connection, kind: str, hour: int) -> list[int]:
        """Devices of a kind that have something in this hour."""
        spoke = {
            device
            for (device,) in connection.execute("SELECT DISTINCT device FROM rollup_minute WHERE ts >= ? AND ts < ?", (hour, hour + HOUR))
        }
        devices = sorted(self._keys.all_of(kind))
        return [device for device in devices if device in spoke or self._chunks.spans(connection, device, hour, hour + HOUR)]

    def _put_hour(self, connection: Connection, kind: str, device: int, hour: int) -> None:
        scalars = scalars_of(kind)
        pieces = self._minutes(connection, device, kind, scalars, hour, hour + HOUR, np.array([hour, hour + HOUR]))
        self.put_hours(
            connection, device, scalars, np.array([hour], dtype=np.int64), _combined(pieces, np.array([hour, hour + HOUR]), len(scalars))
        )

    def put_hours(self, connection: Connection, device: int, metrics: Sequence[str], hours: Instants, stats: Any) -> None:
        """Write hour rollups: `hours` [n] starts, `stats` [n, metrics]; other hours of the same days stay as they are."""
        for day in np.unique(hours // DAY * DAY).tolist():
            which = np.flatnonzero(hours // DAY * DAY == day)
            places = ((hours[which] - day) // HOUR).astype(np.intp)
            told = [j for j in range(len(metrics)) if (stats["n"][which, j] > 0).any()]
            keys = [self._keys.metric[name] for name in metrics]
            wanted = f"SELECT metric, stats FROM rollup_hour WHERE device = ? AND day = ? AND metric IN ({', '.join('?' * len(keys))})"
            known = dict(connection.execute(wanted, (device, day, *keys)).fetchall())
            rows = []
            for j, name in enumerate(metrics):
                metric = self._keys.metric[name]
                if j not in told and metric not in known:
                    continue
                packed = np.frombuffer(known[metric], rollup.STATS).copy() if metric in known else rollup.empty(_HOURS, 1)[:, 0]
                packed[places] = stats[which, j]
                rows.append((device, metric, day, packed.tobytes()))
            connection.executemany("INSERT OR REPLACE INTO rollup_hour VALUES (?, ?, ?, ?)", rows)

    def _layout(self, connection: Connection, kind: str) -> int:
        names = orjson.dumps(scalars_of(kind)).decode()
        connection.execute("INSERT OR IGNORE INTO telemetry_layout (names) VALUES (?)", (names,))
        return int(connection.execute("SELECT id FROM telemetry_layout WHERE names = ?", (names,)).fetchone()[0])

    # -- reading ----------------------------------------------------------------------------------------------------

    def stats(self, connection: Connection, device: int, kind: str, metrics: Sequence[str], bounds: Instants, start: int, end: int) -> Any:
        """STATS [buckets, metrics] of the readings with start ≤ at < end, in the buckets of `bounds` [k + 1]."""
        steps = np.diff(bounds)
        narrowest = int(steps.min()) if len(steps) else MINUTE
        if narrowest >= HOUR:
            pieces = self._aligned(connection, device, kind, metrics, start, end, bounds, HOUR)
        elif narrowest >= MINUTE:
            pieces = self._aligned(connection, device, kind, metrics, start, end, bounds, MINUTE)
        else:
            pieces = self._raw(connection, device, kind, metrics, start, end, bounds)
        return _combined(pieces, bounds, len(metrics))

    def together(
        self, connection: Connection, devices: Sequence[int], kind: str, metrics: Sequence[str], bounds: Instants, start: int, end: int
    ) -> dict[int, Any]:
        """`stats` of many devices in buckets below a minute: hot rows lie by time, so one pass over them serves all devices."""
        pieces: dict[int, list[Piece]] = {device: [] for device in devices}
        for low in range(start, end, HOUR):
            high = min(low + HOUR, end)
            local = np.r_[low, bounds[(bounds > low) & (bounds < high)], high]
            hot = self._chunks.hot(connection, kind, metrics, devices, low, high)
            for device in devices:
                columns = self._chunks.sealed(connection, device, metrics, low, high)
                if device in hot:
                    columns = lay_over(columns, hot[device])
                if len(columns.at):
                    pieces[device].append((local[:-1], rollup.reduce(columns.at, _matrix(columns, metrics), local)))
        return {device: _combined(found, bounds, len(metrics)) for device, found in pieces.items()}

    def _aligned(
        self, connection: Connection, device: int, kind: str, metrics: Sequence[str], start: int, end: int, bounds: Instants, base: int
    ) -> list[Piece]:
        """Whole base buckets from rollups; those that a bound, `start` or `end` cuts in two from readings."""
        cuts = {
            int(x) // base * base for x in (start, end, *bounds[bounds % base != 0].tolist()) if x % base and start - base < x < end + base
        }
        level = self._hours if base == HOUR else self._minutes
        pieces: list[Piece] = []
        place = start
        for bucket in (*sorted(cuts), None):
            stop = end if bucket is None else max(place, min(bucket, end))
            if place < stop:
                pieces += level(connection, device, kind, metrics, place, stop, bounds)
            if bucket is not None:
                low, high = max(bucket, start), min(bucket + base, end)
                if low < high:
                    pieces += self._raw(connection, device, kind, metrics, low, high, bounds)
                place = max(place, min(bucket + base, end))
        return pieces

    def _hours(
        self, connection: Connection, device: int, kind: str, metrics: Sequence[str], start: int, end: int, bounds: Instants
    ) -> list[Piece]:
        marks = self._marks(connection, kind, HOUR, (0, device), start, end)
        pieces = [self._stored_hours(connection, device, metrics, start, end, marks)]
        for low, high in rollup.runs(marks, HOUR):
            pieces += self._minutes(connection, device, kind, metrics, max(low, start), min(high, end), bounds)
        return pieces

    def _stored_hours(
        self, connection: Connection, device: int, metrics: Sequence[str], start: int, end: int, marks: Sequence[int]
    ) -> Piece:
        keys = [self._keys.metric[name] for name in metrics]
        columns = []
        for key in keys:
            columns.append(
                connection.execute(
                    "SELECT day, stats FROM rollup_hour WHERE device = ? AND metric = ? AND day >= ? AND day < ?",
                    (device, key, start // DAY * DAY, end),
                ).fetchall()
            )
        days = sorted({day for column in columns for day, _ in column})
        at = (np.array(days, dtype=np.int64)[:, None] + np.arange(_HOURS) * HOUR).reshape(-1)
        stats = rollup.empty(len(at), len(metrics))
        for j, column in enumerate(columns):
            if len(column) == len(days):
                stats[:, j] = np.frombuffer(b"".join([blob for _, blob in column]), rollup.STATS)
                continue
            by_day = dict(column)
            for i, day in enumerate(days):
                if day in by_day:
                    stats[i * _HOURS : (i + 1) * _HOURS, j] = np.frombuffer(by_day[day], rollup.STATS)
        keep = (at >= start) & (at < end) & (stats["n"] > 0).any(axis=1)
        if marks:
            keep &= ~np.isin(at, marks)
        at, stats = at[keep], stats[keep]
        return at, rollup.spread(at, stats, HOUR)

    def _minutes(
        self, connection: Connection, device: int, kind: str, metrics: Sequence[str], start: int, end: int, bounds: Instants
    ) -> list[Piece]:
        split = min(max(self._split(connection, device), start), end)
        pieces: list[Piece] = []
        if start < split:
            pieces += self._raw(connection, device, kind, metrics, start, split, bounds)
        if split < end:
            marks = self._marks(connection, kind, MINUTE, (0, device), split, end)
            parts = [self._stored_minutes(connection, device, metrics, split, end, marks)]
            for low, high in rollup.runs(marks, MINUTE):
                parts += self._raw(connection, device, kind, metrics, low, high, np.arange(low, high + 1, MINUTE, dtype=np.int64))
            at = np.concatenate([part[0] for part in parts])
            stats = np.concatenate([part[1] for part in parts])
            order = np.argsort(at, kind="stable")
            pieces.append((at[order], rollup.spread(at[order], stats[order], MINUTE)))
        return pieces

    def _stored_minutes(
        self, connection: Connection, device: int, metrics: Sequence[str], start: int, end: int, marks: Sequence[int]
    ) -> Piece:
        # minutes lie by time, so that closing one writes in one place; a device's are found by their known instants
        first, past = max(start, self._first_minute(connection)), min(end, self._last_minute(connection) + MINUTE)
        if first >= past:
            return np.empty(0, dtype=np.int64), rollup.empty(0, len(metrics))
        rows = connection.execute(
            "WITH RECURSIVE grid (t) AS (SELECT ? UNION ALL SELECT t + ? FROM grid WHERE t + ? < ?) "
            "SELECT ts, layout, stats FROM grid CROSS JOIN rollup_minute ON ts = t AND device = ?",
            (first, MINUTE, MINUTE, past, device),
        ).fetchall()
        if marks:
            marked = set(marks)
            rows = [row for row in rows if row[0] not in marked]
        at = np.array([row[0] for row in rows], dtype=np.int64)
        stats = rollup.empty(len(rows), len(metrics))
        layouts = np.array([row[1] for row in rows], dtype=np.int64)
        for layout in np.unique(layouts).tolist():
            names = self._layout_names(connection, layout)
            which = np.flatnonzero(layouts == layout)
            packed = np.frombuffer(b"".join([rows[i][2] for i in which]), rollup.STATS).reshape(len(which), len(names))
            for j, name in enumerate(metrics):
                if name in names:
                    stats[which, j] = packed[:, names.index(name)]
        return at, stats

    def _first_minute(self, connection: Connection) -> int:
        return int(connection.execute("SELECT coalesce(min(ts), 0) FROM rollup_minute").fetchone()[0])

    def _last_minute(self, connection: Connection) -> int:
        return int(connection.execute("SELECT coalesce(max(ts), 0) FROM rollup_minute").fetchone()[0])

    def _layout_names(self, connection: Connection, layout: int) -> tuple[str, ...]:
        if layout not in self._layouts:
            (names,) = connection.execute("SELECT names FROM telemetry_layout WHERE id = ?", (layout,)).fetchone()
            self._layouts[layout] = tuple(orjson.loads(names))
        return self._layouts[layout]

    def _raw(
        self, connection: Connection, device: int, kind: str, metrics: Sequence[str], start: int, end: int, bounds: Instants
    ) -> list[Piece]:
        """Straight from the readings into the buckets of `bounds`, a week at a time to bound memory."""
        pieces = []
        for low in range(start, end, _SLAB):
            high = min(low + _SLAB, end)
            columns = self._chunks.read(connection, device, kind, metrics, low, high)
            if len(columns.at):
                inner = bounds[(bounds > low) & (bounds < high)]
                local = np.r_[low, inner, high]
                pieces.append((local[:-1], rollup.reduce(columns.at, _matrix(columns, metrics), local)))
        return pieces

    def _marks(self, connection: Connection, kind: str, width: int, devices: tuple[int, int], start: int, end: int) -> list[int]:
        """Marked buckets that touch start … end, ascending."""
        rows = connection.execute(
            "SELECT DISTINCT ts FROM rollup_mark WHERE kind = ? AND width = ? AND ts > ? AND ts < ? AND device IN (?, ?) ORDER BY ts",
            (kind, width, start - width, end, *devices),
        )
        return [ts for (ts,) in rows]


def _combined(pieces: Sequence[Piece], bounds: Instants, metrics: int) -> Any:
    pieces = [piece for piece in pieces if len(piece[0])]
    if not pieces:
        return rollup.empty(len(bounds) - 1, metrics)
    at = np.concatenate([piece[0] for piece in pieces])
    stats = np.concatenate([piece[1] for piece in pieces])
    order = np.argsort(at, kind="stable")
    return rollup.combine(at[order], stats[order], bounds)


def _matrix(columns: Columns, metrics: Sequence[str]) -> Any:
    return np.column_stack([columns.values[name] for name in metrics]) if metrics else np.empty((len(columns.at), 0))


def _joint_runs(marks: Sequence[tuple[str, int, int]]) -> list[tuple[str, list[int], int, int]]:
    """Marks (kind, minute, device) as few scans: [(kind, devices, start, end)], runs of minutes of at most an hour that devices share."""
    per_device: dict[tuple[str, int], list[int]] = {}
    for kind, ts, device in marks:
        per_device.setdefault((kind, device), []).append(ts)
    shared: dict[tuple[str, int, int], list[int]] = {}
    for (kind, device), minutes in per_device.items():
        for low, high in rollup.runs(minutes, MINUTE):
            for start in range(low, high, HOUR):
                shared.setdefault((kind, start, min(start + HOUR, high)), []).append(device)
    return [
        (kind, devices[i : i + _BATCH], start, end)
        for (kind, start, end), devices in shared.items()
        for i in range(0, len(devices), _BATCH)
    ]
