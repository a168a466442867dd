"""Rollups: minutes of hot time, hours of all time, and marks on those that must not be trusted yet.

A mark (kind, width, bucket, device, owner) is written in the same transaction as the readings that make it necessary:

* minute, device 0, owner = the writing process: the minute is open and that process accumulates it; when it closes, the
  accumulated rollup is written, unless another owner wrote into the minute too (or died): then it is computed from its rows;
* minute, a device: a late or changed reading; computed from its rows at the next `maintain`;
* hour, a device or 0 (all of the kind): to be computed from minutes (sealed time: from chunks) once the hour is over.

A reader takes a marked bucket from the next finer level, so answers never wait for `maintain` and a crash loses nothing.
Hours are packed 24 to a row (see `hours`): a year of one metric is read 20 times faster than from wide rows.
"""

import logging
import secrets
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from datastore import rollup
from datastore.kept.chunks import Chunks
from datastore.kept.engine import Engine, Mark, Reader, Writer
from datastore.kept.hours import HOURS, UNREADABLE, pack_hours, unpack_hours
from datastore.kept.keys import Keys
from datastore.kept.minutes import OpenMinutes
from datastore.kept.newest import Row
from datastore.kept.packing import Packed
from datastore.ports import Columns, Instants
from plant.metrics import scalars_of
from plant.model import DAY, HOUR, MINUTE
from plant.timeline import day_of

log = logging.getLogger(__name__)

GRACE = 10_000
"""How long after its end a minute stays open for stragglers [ms]."""

_SLAB = 7 * DAY
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

    def __init__(self, engine: Engine, keys: Keys, chunks: Chunks, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._keys = keys
        self._chunks = chunks
        self._clock = clock
        self.owner = secrets.randbits(62) + 1
        self._open: dict[str, OpenMinutes] = {}
        self._marked: set[tuple[str, int]] = set()
        self._doubted: set[tuple[str, int]] = set()
        self._closed_before = 0
        self._layouts: dict[int, tuple[str, ...]] = {}

    # -- writing: inside the transaction of an append ---------------------------------------------------------------

    def floor(self) -> int:
        """Minutes that start before this instant are closed or due; ask under the write lock only. Never goes back."""
        self._closed_before = max(self._closed_before, self._due())
        return self._closed_before

    def _due(self) -> int:
        return (self._clock() - GRACE) // MINUTE * MINUTE

    def hours_due(self) -> int:
        """Hours that start before this instant are over."""
        return self._due() - HOUR + 1

    def mark_new(self, tx: Writer, kind: str, rows: Sequence[Row], floor: int) -> None:
        """Marks for rows about to be kept, ascending by time. They come before the rows: what ends between the two loses nothing."""
        late = late_ones(rows, floor)
        if late:
            self.mark_late(tx, kind, {(row[0], row[1]) for row in rows[:late]})
        if late < len(rows):
            first, last = rows[late][1] // MINUTE, rows[-1][1] // MINUTE
            minutes = (first,) if first == last else {row[1] // MINUTE for row in rows[late:]}
            for minute in minutes:
                if (kind, minute) not in self._marked:
                    start = minute * MINUTE
                    tx.add_marks([Mark(kind, MINUTE, start, 0, self.owner), Mark(kind, HOUR, start // HOUR * HOUR, 0, 0)])

    def mark_late(self, tx: Writer, kind: str, instants: Iterable[tuple[int, int]]) -> None:
        """Marks for (device, instant) pairs whose buckets must be computed again."""
        marks = set()
        for device, at in instants:
            if at >= _whole_minute(self._chunks.horizon.get(device, 0)):
                marks.add(Mark(kind, MINUTE, at // MINUTE * MINUTE, device, 0))
            marks.add(Mark(kind, HOUR, at // HOUR * HOUR, device, 0))
        tx.add_marks(sorted(marks))

    def mark_hours(self, tx: Writer, kind: str, device: int, starts: Iterable[int]) -> None:
        """Marks for whole hours of a device."""
        tx.add_marks([Mark(kind, HOUR, start, device, 0) for start in starts])

    def unmark_hours(self, tx: Writer, kind: str, device: int, starts: Iterable[int]) -> None:
        """These hours of a device have been written."""
        tx.delete_marks([Mark(kind, HOUR, start, device, 0) for start in starts])

    def accumulate(self, kind: str, metrics: tuple[str, ...], rows: Sequence[Row], known: Packed | None = None) -> bytes | None:
        """Rows of open minutes, after their commit, still under the write lock; scalars only, `known` are the same packed. Returns them
        as records, None when some value is silent or there are none."""
        if not rows:
            return None
        for minute in {rows[0][1] // MINUTE, rows[-1][1] // MINUTE}:
            self._marked.add((kind, minute))
        live = self._open.get(kind) or self._open.setdefault(kind, OpenMinutes(kind))
        return live.add(metrics, rows, known)

    def doubt(self, kind: str, minutes: Iterable[int]) -> None:
        """These minutes (their starts) may have rows that were not accumulated: they are to be computed from their rows."""
        self._doubted |= {(kind, minute) for minute in minutes}

    def _split(self, tx: Reader, device: int) -> int:
        """Before this instant (a whole minute) minutes come from chunks, from it on from minute rollups."""
        return _whole_minute(self._chunks.sealed_until(tx, device))

    # -- maintenance ------------------------------------------------------------------------------------------------

    def maintain(self) -> None:
        """Close due minutes, drain marks. Any process may do it at any time; small transactions."""
        self._close_minutes()
        self._drain_minutes()
        self._drain_hours()

    def _close_minutes(self) -> None:
        for live in list(self._open.values()):
            live.prepare(self._due())
        with self._engine.write() as tx:
            floor = self.floor()
            mine = {(kind, minute): part for kind, live in self._open.items() for minute, part in live.take(floor).items()}
            self._marked = {(kind, minute) for kind, minute in self._marked if minute * MINUTE >= floor}
            owners: dict[tuple[str, int], set[int]] = {}
            for mark in tx.marks(MINUTE, floor, whole=True):
                owners.setdefault((mark.kind, mark.ts), set()).add(mark.owner)
            layouts = {kind: self._layout(tx, kind) for kind in {kind for kind, _ in owners}}
        for (kind, minute), who in owners.items():
            part = mine.get((kind, minute))
            mine_alone = who == {self.owner} and (kind, minute) not in self._doubted
            whole = mine_alone and part is not None and self._put_new(layouts[kind], minute, *part)
            with self._engine.write() as tx:
                if not whole:
                    self._put_minutes(tx, kind, None, minute, minute + MINUTE)
                # a mark that came meanwhile is of a process whose clock is behind: that one stays for it
                tx.delete_marks([Mark(kind, MINUTE, minute, 0, owner) for owner in sorted(who)])
        self._doubted = {(kind, minute) for kind, minute in self._doubted if minute >= floor}

    def _put_new(self, layout: int, minute: int, devices: Instants, stats: Any) -> bool:
        """Write an accumulated minute in short transactions (its mark stays until all is there); False when some of it was there
        already, so that the rows must be asked."""
        rows = [(minute, device, layout, part.tobytes()) for device, part in zip(devices.tolist(), stats, strict=True)]
        for start in range(0, len(rows), _BATCH):
            with self._engine.write() as tx:
                if not tx.insert_minutes(rows[start : start + _BATCH]):
                    return False
            give_way()
        return True

    def _put_minutes(self, tx: Writer, kind: str, devices: Sequence[int] | None, start: int, end: int) -> None:
        """Compute the minutes start … end from their rows."""
        scalars = scalars_of(kind)
        layout = self._layout(tx, kind)
        bounds = np.arange(start, end + 1, MINUTE, dtype=np.int64)
        for device, columns in self._chunks.hot(tx, kind, scalars, devices, start, end).items():
            stats = rollup.reduce(columns.at, _matrix(columns, scalars), bounds)
            full = np.flatnonzero((stats["n"] > 0).any(axis=1))
            tx.put_minutes([(int(bounds[i]), device, layout, stats[i].tobytes()) for i in full])

    def _drain_minutes(self) -> None:
        """Late and changed readings: their minutes again, from the rows, as many at once as readings can wait for."""
        most = _BATCH
        while True:
            with self._engine.write() as tx:
                begun = time.perf_counter()
                marks = tx.marks(MINUTE, self.floor(), whole=False, most=most)
                if not marks:
                    return
                for kind, devices, start, end in _joint_runs(marks):
                    self._put_minutes(tx, kind, devices, start, end)
                tx.delete_marks(marks)
                quick = time.perf_counter() - begun < _PATIENCE_S
            most = min(2 * most, 20 * _BATCH) if quick else max(most // 2, 1)
            give_way()

    def _drain_hours(self) -> None:
        """Each hour over is computed for every device that a mark is about; the mark goes with the last of them."""
        with self._engine.read() as tx:
            marks = tx.marks(HOUR, self.hours_due())
            todo = [(mark, device) for mark in marks for device in self._meant(tx, mark)]
        for i in range(0, len(todo), _HOURS_A_COMMIT):
            some, left = todo[i : i + _HOURS_A_COMMIT], todo[i + _HOURS_A_COMMIT :]
            with self._engine.write() as tx:
                for mark, device in some:
                    self._put_hour(tx, mark.kind, device, mark.ts)
                tx.delete_marks({mark for mark, _ in some} - {mark for mark, _ in left[:1]})
            give_way()
        empty = set(marks) - {mark for mark, _ in todo}
        if empty:
            with self._engine.write() as tx:
                tx.delete_marks(empty)

    def _meant(self, tx: Reader, mark: Mark) -> list[int]:
        """The device of a mark, or all of its kind that have something in its hour."""
        if mark.device:
            return [mark.device]
        spoke = tx.minute_devices(mark.kind, mark.ts, mark.ts + HOUR)
        return [device for device in sorted(self._keys.all_of(mark.kind)) if device in spoke or tx.spans(device, mark.ts, mark.ts + HOUR)]

    def _put_hour(self, tx: Writer, kind: str, device: int, hour: int) -> None:
        scalars = scalars_of(kind)
        hours = np.array([hour, hour + HOUR], dtype=np.int64)
        pieces = self._minutes(tx, device, kind, scalars, hour, hour + HOUR, hours)
        self.put_hours(tx, device, scalars, hours[:1], _combined(pieces, hours, len(scalars)))

    def put_hours(self, tx: Writer, device: int, metrics: Sequence[str], hours: Instants, stats: Any) -> None:
        """Write hour rollups: `hours` [n] starts, `stats` [n, metrics]; other hours of the same days stay as they are."""
        keys = [self._keys.metric[name] for name in metrics]
        rows = []
        for day in np.unique(hours // DAY * DAY).tolist():
            which = np.flatnonzero(hours // DAY * DAY == day)
            places = ((hours[which] - day) // HOUR).astype(np.intp)
            told = (stats["n"][which] > 0).any(axis=0)
            sound, stored, damaged = self._sound(device, tx.hours(device, keys, day, day + DAY))
            if damaged:  # what cannot be read is made anew, hour by hour
                tx.add_marks([Mark(self._keys.name(device)[1], HOUR, day + i * HOUR, device, 0) for i in range(HOURS)])
            known = {metric: row for (metric, _, _), row in zip(sound, stored, strict=True)}
            columns = [j for j, metric in enumerate(keys) if told[j] or metric in known]
            whole = rollup.empty(len(columns), HOURS)
            for i, j in enumerate(columns):
                if keys[j] in known:
                    whole[i] = known[keys[j]]
            whole[:, places] = stats[which][:, columns].T
            rows += [(device, keys[j], day, packed) for j, packed in zip(columns, pack_hours(whole), strict=True)]
        tx.put_hours(rows)

    def _layout(self, tx: Writer, kind: str) -> int:
        return tx.layout(orjson.dumps(scalars_of(kind)).decode())

    # -- reading ----------------------------------------------------------------------------------------------------

    def stats(self, tx: Reader, device: int, kind: str, metrics: Sequence[str], bounds: Instants, start: int, end: int) -> Any:
        """STATS [buckets, metrics] of the readings with start ≤ at < end, in the buckets of `bounds` [k + 1]."""
        steps = np.diff(bounds)
        narrowest = int(steps.min()) if len(steps) else MINUTE
        if narrowest >= HOUR:
            pieces = self._aligned(tx, device, kind, metrics, start, end, bounds, HOUR)
        elif narrowest >= MINUTE:
            pieces = self._aligned(tx, device, kind, metrics, start, end, bounds, MINUTE)
        else:
            pieces = self._raw(tx, device, kind, metrics, start, end, bounds)
        return _combined(pieces, bounds, len(metrics))

    def together(
        self, tx: Reader, devices: Sequence[int], kind: str, metrics: Sequence[str], bounds: Instants, start: int, end: int
    ) -> dict[int, Any]:
        """`stats` of many devices in buckets below a minute: hot rows lie by time, so one pass over them serves all devices."""
        pieces: dict[int, list[Piece]] = {device: [] for device in devices}
        for low in range(start, end, HOUR):
            high = min(low + HOUR, end)
            local = np.r_[low, bounds[(bounds > low) & (bounds < high)], high]
            hot = self._chunks.hot(tx, kind, metrics, devices, low, high)
            for device in devices:
                at, values = self._chunks.over(tx, device, metrics, low, high, hot.get(device))
                if len(at):
                    pieces[device].append((local[:-1], rollup.reduce(at, values, local)))
        return {device: _combined(found, bounds, len(metrics)) for device, found in pieces.items()}

    def _aligned(
        self, tx: Reader, device: int, kind: str, metrics: Sequence[str], start: int, end: int, bounds: Instants, base: int
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
                pieces += level(tx, device, kind, metrics, place, stop, bounds)
            if bucket is not None:
                low, high = max(bucket, start), min(bucket + base, end)
                if low < high:
                    pieces += self._raw(tx, device, kind, metrics, low, high, bounds)
                place = max(place, min(bucket + base, end))
        return pieces

    def _hours(self, tx: Reader, device: int, kind: str, metrics: Sequence[str], start: int, end: int, bounds: Instants) -> list[Piece]:
        marks = tx.marked(kind, HOUR, (0, device), start, end)
        column = {self._keys.metric[name]: j for j, name in enumerate(metrics)}
        rows, stored, damaged = self._sound(device, tx.hours(device, list(column), start // DAY * DAY, end))
        if damaged:  # as if marked: made from readings
            hours = {day + i * HOUR for day in damaged for i in range(HOURS)}
            marks = sorted({*marks, *(hour for hour in hours if start - HOUR < hour < end)})
        pieces = [_stored_hours(rows, stored, column, start, end, marks)]
        for low, high in rollup.runs(marks, HOUR):
            pieces += self._minutes(tx, device, kind, metrics, max(low, start), min(high, end), bounds)
        return pieces

    def _sound(self, device: int, rows: Sequence[tuple[int, int, bytes]]) -> tuple[Sequence[tuple[int, int, bytes]], Any, set[int]]:
        """Those of the rows (metric, day, packed) that can be read, their STATS [rows, 24], and the days of the others."""
        try:
            return rows, unpack_hours([packed for _, _, packed in rows]), set()
        except UNREADABLE:
            sound = [row for row in rows if self._is_sound(device, *row)]
            damaged = {row[1] for row in rows if row not in sound}
            return sound, unpack_hours([packed for _, _, packed in sound]), damaged

    def _is_sound(self, device: int, metric: int, day: int, packed: bytes) -> bool:
        try:
            unpack_hours([packed])
        except UNREADABLE as error:
            device_id, kind = self._keys.name(device)
            name = self._keys.metric_name.get(metric, str(metric))
            log.error(
                "the hours of %s of %s (%s) of %s are damaged: %s",
                name,
                device_id,
                kind,
                day_of(day, UTC),
                error,
            )
            return False
        return True

    def _minutes(self, tx: Reader, device: int, kind: str, metrics: Sequence[str], start: int, end: int, bounds: Instants) -> list[Piece]:
        split = min(max(self._split(tx, device), start), end)
        pieces: list[Piece] = []
        if start < split:
            pieces += self._raw(tx, device, kind, metrics, start, split, bounds)
        if split < end:
            marks = tx.marked(kind, MINUTE, (0, device), split, end)
            parts = [self._stored_minutes(tx, device, metrics, split, end, marks)]
            for low, high in rollup.runs(marks, MINUTE):
                parts += self._raw(tx, device, kind, metrics, low, high, np.arange(low, high + 1, MINUTE, dtype=np.int64))
            at = np.concatenate([part[0] for part in parts])
            stats = np.concatenate([part[1] for part in parts])
            order = np.argsort(at, kind="stable")
            pieces.append((at[order], rollup.spread(at[order], stats[order], MINUTE)))
        return pieces

    def _stored_minutes(self, tx: Reader, device: int, metrics: Sequence[str], start: int, end: int, marks: Sequence[int]) -> Piece:
        rows = tx.minutes(device, start, end)
        if marks:
            marked = set(marks)
            rows = [row for row in rows if row[0] not in marked]
        at = np.array([row[0] for row in rows], dtype=np.int64)
        stats = rollup.empty(len(rows), len(metrics))
        layouts = np.array([row[1] for row in rows], dtype=np.int64)
        for layout in np.unique(layouts).tolist():
            names = self._layout_names(tx, layout)
            which = np.flatnonzero(layouts == layout)
            packed = np.frombuffer(b"".join([rows[i][2] for i in which]), rollup.STATS).reshape(len(which), len(names))
            for j, name in enumerate(metrics):
                if name in names:
                    stats[which, j] = packed[:, names.index(name)]
        return at, stats

    def _layout_names(self, tx: Reader, layout: int) -> tuple[str, ...]:
        if layout not in self._layouts:
            self._layouts[layout] = tuple(orjson.loads(tx.layout_names(layout)))
        return self._layouts[layout]

    def _raw(self, tx: Reader, device: int, kind: str, metrics: Sequence[str], start: int, end: int, bounds: Instants) -> list[Piece]:
        """Straight from the readings into the buckets of `bounds`, a week at a time to bound memory."""
        pieces = []
        for low in range(start, end, _SLAB):
            high = min(low + _SLAB, end)
            at, values = self._chunks.numbers(tx, device, kind, metrics, low, high)
            if len(at):
                inner = bounds[(bounds > low) & (bounds < high)]
                # up to the next bound, or the last reading would cover no more than what is left of the stretch
                local = np.r_[low, inner, bounds[bounds >= high][:1] if bounds[-1] >= high else high]
                pieces.append((local[:-1], rollup.reduce(at, values, local)))
        return pieces


def late_ones(rows: Sequence[Row], floor: int) -> int:
    """How many of `rows`, ascending by time, belong to minutes before `floor`."""
    return bisect_left(rows, floor, key=itemgetter(1)) if rows and rows[0][1] < floor else 0


def _whole_minute(at: int) -> int:
    """`at` or the next whole minute."""
    return -(-at // MINUTE) * MINUTE


def _stored_hours(
    rows: Sequence[tuple[int, int, bytes]], stored: Any, column: Mapping[int, int], start: int, end: int, marks: Sequence[int]
) -> Piece:
    """Stored hours with start ≤ at < end that are not marked: `stored` [rows, 24] of `rows` (metric, day, …); `column` says where each
    metric goes."""
    days, place = np.unique(np.array([day for _, day, _ in rows], dtype=np.int64), return_inverse=True)
    at = (days[:, None] + np.arange(HOURS) * HOUR).reshape(-1)
    whole = rollup.empty(len(days), HOURS * len(column)).reshape(len(days), HOURS, len(column))
    whole[place, :, [column[metric] for metric, _, _ in rows]] = stored
    stats = whole.reshape(len(at), len(column))
    keep = (at >= start) & (at < end) & (stats["n"] > 0).any(axis=1)
    if marks:
        keep &= ~np.isin(at, marks)
    at, stats = at[keep], stats[keep]
    return at, rollup.spread(at, stats, HOUR)


def _combined(pieces: Sequence[Piece], bounds: Instants, metrics: int) -> Any:
    pieces = [piece for piece in pieces if len(piece[0])]
    if not pieces:
        return rollup.empty(len(bounds) - 1, metrics)
    if len(pieces) == 1:
        at, stats = pieces[0]
        if len(at) == len(bounds) - 1 and (at >= bounds[:-1]).all() and (at < bounds[1:]).all():  # the buckets themselves
            stats["coverage"] = np.fmin(stats["coverage"], np.diff(bounds)[:, None] / 1000)
            return stats
        return rollup.combine(at, stats, bounds)
    at = np.concatenate([piece[0] for piece in pieces])
    stats = np.concatenate([piece[1] for piece in pieces])
    order = np.argsort(at, kind="stable")
    return rollup.combine(at[order], stats[order], bounds)


def _matrix(columns: Columns, metrics: Sequence[str]) -> Any:
    return np.column_stack([columns.values[name] for name in metrics]) if metrics else np.empty((len(columns.at), 0))


def _joint_runs(marks: Sequence[Mark]) -> list[tuple[str, list[int], int, int]]:
    """Marks of minutes as few scans: [(kind, devices, start, end)], runs of minutes of at most an hour that devices share."""
    per_device: dict[tuple[str, int], list[int]] = {}
    for mark in marks:
        per_device.setdefault((mark.kind, mark.device), []).append(mark.ts)
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
