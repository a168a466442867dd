"""Telemetry in an SQL database: hot rows, sealed chunks, rollups and a cache of the newest, put together."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from datastore import rollup
from datastore.backends.common import chosen_width, rows_of, scalar_pairs
from datastore.backends.sql_chunks import Chunks, days, join, nothing, spoken, take, window_of
from datastore.backends.sql_dialects import Connection, Database
from datastore.backends.sql_keys import Keys
from datastore.backends.sql_latest import LatestCache
from datastore.backends.sql_rollups import Rollups, give_way
from datastore.backends.sql_sealing import Sealer
from datastore.backends.sql_tables import count_write, create_or_upgrade, readings
from datastore.backends.sql_write import Kept, Run, Writer, runs_of
from datastore.ports import Columns, Extent, Instants, Latest, Outcome, Series
from datastore.seal import unpack_vector
from plant.errors import Unavailable
from plant.metrics import CATALOGUE, KINDS, metrics_of, scalars_of
from plant.metrics import metric as metric_of
from plant.model import DAY, HOUR, MINUTE, Block, Window

log = logging.getLogger(__name__)

_REPLAY = 2 * MINUTE
_SAVE_EVERY = 30_000
_LOADS_PER_COMMIT = 12
_SAVED_TOGETHER = 200
_NOTHING = Outcome()


class SqlTelemetry:
    """Readings in one database file. `seal_after_ms` is what callers of `seal` usually subtract from now (kept in `.seal_after_ms`)."""

    def __init__(self, url_or_path: str | Path, zone: str, clock: Callable[[], int], seal_after_ms: int = 6 * HOUR) -> None:
        self.seal_after_ms = seal_after_ms
        self._clock = clock
        self._database = Database(str(url_or_path))
        with self._database.write() as connection:
            create_or_upgrade(connection)
        self._keys = Keys(self._database)
        self._chunks = Chunks(self._keys)
        self._rollups = Rollups(self._database, self._keys, self._chunks, clock)
        self._writer = Writer(self._keys, self._chunks)
        self._sealer = Sealer(self._database, self._keys, self._chunks, self._rollups)
        self._latest = LatestCache()
        self._owner = self._rollups.owner
        self._others: dict[int, int] = {}  # writes of other processes that the newest values have taken in
        self._chunks_as_of: dict[int, int] = {}  # the same for what is sealed
        self._replayed: set[tuple[str, int, int]] = set()  # marks whose readings the newest values have taken in
        self._saved_at = 0
        self._caught_up = 0
        self._maintaining = threading.Lock()
        self._catching_up = threading.Lock()
        with self._database.read() as connection:
            self._notice_others(connection)
            self._restore_latest(connection)

    # -- in ---------------------------------------------------------------------------------------------------------

    def append(self, blocks: Sequence[Block]) -> list[Outcome]:
        runs = [(run, self._writer.prepare(run.whole)) for run in runs_of(blocks)]
        outcomes = [_NOTHING] * len(blocks)
        with self._database.turn:
            with self._database.write() as connection:
                self._notice_others(connection)
                floor = self._rollups.floor()
                kept = [one for run, rows in runs for one in self._keep(connection, run, rows, blocks, outcomes)]
                for one in kept:
                    self._mark(connection, one, floor)
                count_write(connection, self._owner)
            for one in kept:
                self._remember(one)
        return outcomes

    def _keep(
        self, connection: Connection, run: Run, rows: list[tuple[int, ...]], blocks: Sequence[Block], outcomes: list[Outcome]
    ) -> list[Kept]:
        """Keep a run in one go when all of it is new, else block by block, so that each block has its own outcome."""
        kind, metrics = run.whole.kind, run.whole.metrics
        if len(run.places) > 1:
            together = self._writer.write_new(connection, kind, metrics, rows)
            if together is not None:
                for place in run.places:
                    outcomes[place] = Outcome(inserted=len(blocks[place].rows))
                return [together]
        kept = []
        for place in run.places:
            own = rows if len(run.places) == 1 else self._writer.prepare(blocks[place])
            kept.append(self._writer.write(connection, kind, metrics, own))
            outcomes[place] = kept[-1].outcome
        return kept

    def _mark(self, connection: Connection, kept: Kept, floor: int) -> None:
        if kept.rows:
            kept.late = self._rollups.mark_new(connection, kept.kind, kept.rows, floor)
        if kept.recount:
            self._rollups.mark_late(connection, kept.kind, {(row[0], row[1]) for row in kept.recount})

    def _remember(self, kept: Kept) -> None:
        if kept.rows:
            self._latest.note(kept.metrics, kept.rows)
            self._accumulate(kept)
        for row in kept.recount:
            self._latest.note(kept.metrics, [row])

    def _accumulate(self, kept: Kept) -> None:
        shape = self._writer.shape(kept.kind, kept.metrics)
        rows = kept.rows[kept.late :] if kept.late else kept.rows
        if shape.only_scalars is not None:
            rows = [shape.only_scalars(row) for row in rows]
        self._rollups.accumulate(kept.kind, shape.scalars, rows)

    def load(self, device_id: str, kind: str, columns: Columns) -> int:
        return self.load_many([(device_id, kind, columns)])

    def load_many(self, items: Iterable[tuple[str, str, Columns]]) -> int:
        """`load` for many devices with few commits; interrupted and repeated, it goes on where it was. Returns readings kept.

        A commit here does not wait for the disk: after a power cut the newest of them may be missing, the store is whole.
        """
        total = 0
        batch: list[tuple[str, str, Columns]] = []
        try:
            for item in items:
                batch.append(item)
                if len(batch) >= _LOADS_PER_COMMIT:
                    total += self._load(batch)
                    batch = []
            return total + self._load(batch)
        finally:
            self._database.end_bulk()

    def _load(self, items: Sequence[tuple[str, str, Columns]]) -> int:
        """One transaction; readings at known instants take the road of `append` afterwards."""
        if not items:
            return 0
        known: list[Block] = []
        total = 0
        numbers = [self._keys.number(kind, [device_id])[device_id] for device_id, kind, _ in items]
        with self._database.turn:
            with self._database.write_bulk() as connection:
                self._notice_others(connection)
                for device, (device_id, kind, columns) in zip(numbers, items, strict=True):
                    for name in columns.values:
                        metric_of(name, kind)
                    columns = _ascending(columns)
                    fresh, again = self._apart(connection, device, kind, columns)
                    if len(again.at):
                        names, rows = rows_of(device_id, again)
                        known.append(Block(kind, names, rows))
                    if len(fresh.at):
                        total += len(fresh.at)
                        self._load_new(connection, device, kind, fresh)
                count_write(connection, self._owner)
            for device, (_, _, columns) in zip(numbers, items, strict=True):
                self._note_newest(device, columns)
            self._save_latest(self._database.write_bulk)
        if known:
            total += sum(outcome.inserted for outcome in self.append(known))
        return total

    def _apart(self, connection: Connection, device: int, kind: str, columns: Columns) -> tuple[Columns, Columns]:
        """(new instants, instants already kept)."""
        if not len(columns.at):
            return columns, columns
        window = window_of(columns)
        kept = self._chunks.read(connection, device, kind, (), window.start, window.end).at
        if not len(kept):
            return columns, take(columns, slice(0, 0))
        doubled = np.isin(columns.at, kept)
        return take(columns, ~doubled), take(columns, doubled)

    def _load_new(self, connection: Connection, device: int, kind: str, columns: Columns) -> None:
        scalars = [name for name in columns.values if not CATALOGUE[name].is_vector]
        window = window_of(columns)
        hot = connection.execute(
            f"SELECT 1 FROM {readings(kind)} WHERE device = ? AND ts >= ? AND ts < ? LIMIT 1",
            (device, window.start // HOUR * HOUR, window.end + HOUR),
        ).fetchone()
        for day, part in days(columns):
            before = self._chunks.spans(connection, device, day, day + DAY)
            self._chunks.put(connection, device, kind, part, day, day + DAY)
            hours = np.unique(part.at // HOUR) * HOUR
            if hot or before:
                self._rollups.mark_hours(connection, kind, device, hours.tolist())
                continue
            bounds = np.arange(hours[0], hours[-1] + HOUR + 1, HOUR, dtype=np.int64)
            matrix = np.column_stack([part.values[name] for name in scalars]) if scalars else np.empty((len(part.at), 0))
            self._rollups.put_hours(connection, device, scalars, bounds[:-1], rollup.reduce(part.at, matrix, bounds))
        self._chunks.raise_horizon(device, window.end)

    def _note_newest(self, device: int, columns: Columns) -> None:
        """The newest value of each column into the cache."""
        if not len(columns.at):
            return
        columns = _ascending(columns)
        last = {len(columns.at) - 1}
        for column in columns.values.values():
            told = np.flatnonzero(~np.isnan(column) if column.ndim == 1 else (~np.isnan(column)).any(axis=1))
            last.update(told[-1:].tolist())
        names, rows = rows_of("", take(columns, np.array(sorted(last))))
        self._latest.note(names, [(device, *row[1:]) for row in rows])

    # -- newest -----------------------------------------------------------------------------------------------------

    def latest(self, devices: Sequence[tuple[str, str]] | None = None) -> dict[tuple[str, str], Latest]:
        with self._database.read() as connection:
            self._catch_up(connection)
        if devices is None:
            wanted = {self._keys.name(device): device for device in self._latest.devices()}
        else:
            wanted = {key: number for key in devices if (number := self._keys.find(*key)) is not None}
        found = {key: self._latest.get(number, key) for key, number in wanted.items()}
        return {key: latest for key, latest in found.items() if latest is not None}

    def _writes(self, connection: Connection) -> dict[int, int]:
        """Owner → writes, of all but this process; 0 stands for processes that have ended."""
        return dict(
            connection.execute("SELECT owner, value FROM telemetry_state WHERE name = 'writes' AND owner != ?", (self._owner,)).fetchall()
        )

    def _catch_up(self, connection: Connection) -> None:
        """Take over what other processes wrote since the last look. While one thread does, the others answer with what is known."""
        if not self._catching_up.acquire(blocking=False):
            return
        try:
            begun = self._clock()
            writes = self._writes(connection)
            if writes != self._others:
                self._latest.restore(connection.execute("SELECT device, state FROM latest"))
                # what is older than a few minutes when it comes is late, and left a mark
                self._replay(connection, max(self._saved_until(connection), self._caught_up) - _REPLAY)
                self._replay_marked(connection)
                self._others = writes
            self._caught_up = begun
        finally:
            self._catching_up.release()

    def _notice_others(self, connection: Connection) -> None:
        """Another process may have sealed: then our picture of what is sealed is old."""
        writes = self._writes(connection)
        if writes != self._chunks_as_of:
            self._chunks.refresh(connection)
            self._chunks_as_of = writes

    def _restore_latest(self, connection: Connection) -> None:
        self._others = self._writes(connection)
        self._latest.restore(connection.execute("SELECT device, state FROM latest"))
        self._replay(connection, self._saved_until(connection) - _REPLAY)
        self._replay_marked(connection)

    def _saved_until(self, connection: Connection) -> int:
        """When the table of the newest was saved last, 0 for never."""
        saved = connection.execute("SELECT value FROM telemetry_state WHERE name = 'latest' AND owner = 0").fetchone()
        return saved[0] if saved else 0

    def _replay_marked(self, connection: Connection) -> None:
        """Late readings that the table of the newest may lack: they left marks, which are only drained after that table was saved.

        A mark is looked into once: what another process later adds to the same hour shows when that process saves its newest.
        """
        marks = set(connection.execute("SELECT kind, ts, device FROM rollup_mark WHERE width = ? AND device > 0", (HOUR,)).fetchall())
        fresh, self._replayed = marks - self._replayed, marks
        for kind, ts, device in sorted(fresh):
            known = self._latest.get(device, self._keys.name(device))
            metrics = [metric.name for metric in metrics_of(kind)]
            if known is None or ts + HOUR > min(known.times.get(name, 0) for name in metrics):
                try:
                    found = self._chunks.read(connection, device, kind, metrics, ts, ts + HOUR)
                except Unavailable as error:  # a damaged chunk must not keep the store from opening
                    log.error("%s", error.message)
                    continue
                self._note_newest(device, found)

    def _replay(self, connection: Connection, start: int) -> None:
        """Hot rows from `start` on into the cache of the newest."""
        for kind in KINDS:
            metrics = [metric.name for metric in metrics_of(kind)]
            (last,) = connection.execute(f"SELECT max(ts) FROM {readings(kind)}").fetchone()
            for low in range(start // DAY * DAY if start > 0 else self._first(connection, kind), (last or -1) + 1, DAY):
                for device, columns in self._chunks.hot(connection, kind, metrics, None, max(low, start), low + DAY).items():
                    self._note_newest(device, columns)

    def _first(self, connection: Connection, kind: str) -> int:
        return int(connection.execute(f"SELECT coalesce(min(ts), 0) FROM {readings(kind)}").fetchone()[0])

    def _save_latest(self, transaction: Callable[[], AbstractContextManager[Connection]] | None = None) -> None:
        """In short transactions, so that readings do not wait long; the time it is good for, whoever wrote until then, is when it began."""
        transaction = transaction or self._database.write
        begun = self._clock()
        with self._database.read() as connection:
            self._catch_up(connection)
        unsaved = self._latest.unsaved()
        for start in range(0, len(unsaved), _SAVED_TOGETHER):
            devices = unsaved[start : start + _SAVED_TOGETHER]
            with self._database.turn:
                rows = self._latest.saved_form(devices)
                with transaction() as connection:
                    connection.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?)", rows)
                self._latest.saved(devices)
            give_way()
        with transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO telemetry_state VALUES ('latest', 0, ?)", (begun,))
            count_write(connection, self._owner)

    # -- out --------------------------------------------------------------------------------------------------------

    def columns(
        self, device_id: str, kind: str, metrics: Sequence[str], window: Window, limit: int | None = None, as_of: int | None = None
    ) -> Columns:
        for name in metrics:
            metric_of(name, kind)
        metrics = list(dict.fromkeys(metrics))
        device = self._keys.find(device_id, kind)
        if device is None or not metrics:
            return nothing(metrics)
        with self._database.read() as connection:
            if limit is None:
                return self._columns(connection, device, kind, metrics, window.start, window.end, as_of)
            return self._first_rows(connection, device, kind, metrics, window, limit, as_of)

    def _columns(
        self, connection: Connection, device: int, kind: str, metrics: Sequence[str], start: int, end: int, as_of: int | None
    ) -> Columns:
        found = self._chunks.read(connection, device, kind, metrics, start, end)
        if as_of is not None and len(found.at):
            found = self._as_known(connection, device, metrics, found, as_of)
        return spoken(found)

    def _first_rows(
        self, connection: Connection, device: int, kind: str, metrics: Sequence[str], window: Window, limit: int, as_of: int | None
    ) -> Columns:
        """The first `limit` rows, read in steps that grow while they find little."""
        found = nothing(metrics)
        extent = self._bounds(connection, device, kind)
        if extent is None:
            return found
        start, end, step = max(window.start, extent[0]), min(window.end, extent[1] + 1), HOUR
        while start < end and len(found.at) < limit:
            stop = min(start + step, end)
            found = _after(found, self._columns(connection, device, kind, metrics, start, stop, as_of))
            start, step = stop, min(2 * step, 7 * DAY)
        return take(found, slice(0, limit))

    def _as_known(self, connection: Connection, device: int, metrics: Sequence[str], found: Columns, as_of: int) -> Columns:
        """Undo what came after `as_of`, newest first; then leave out what had not come at all."""
        names = {self._keys.metric[name]: name for name in metrics}
        values = {name: column.copy() for name, column in found.values.items()}
        for ts, metric, blob in connection.execute(
            "SELECT ts, metric, value FROM revision WHERE device = ? AND ts >= ? AND ts <= ? AND replaced > ? ORDER BY id DESC",
            (device, int(found.at[0]), int(found.at[-1]), as_of),
        ):
            place = int(np.searchsorted(found.at, ts))
            if metric in names and place < len(found.at) and found.at[place] == ts:
                column = values[names[metric]]
                old = np.array([np.nan]) if blob is None else unpack_vector(blob)
                if column.ndim == 1:
                    column[place] = old[0]
                else:
                    width = max(column.shape[1], len(old))
                    column = np.pad(column, ((0, 0), (0, width - column.shape[1])), constant_values=np.nan)
                    column[place] = np.nan
                    column[place, : len(old)] = old
                    values[names[metric]] = column
        return take(Columns(found.at, found.received, found.quality, values), found.received <= as_of)

    def series(
        self,
        keys: Sequence[tuple[str, str]],
        metrics: Sequence[str],
        window: Window,
        *,
        points: int | None = None,
        resolution: int | None = None,
        zone: str = "UTC",
    ) -> dict[tuple[str, str, str], Series]:
        width, may_be_raw = chosen_width(window, points, resolution)
        asked: dict[tuple[str, str], list[str]] = {}
        for device_id, kind, name in scalar_pairs(keys, metrics):
            asked.setdefault((device_id, kind), []).append(name)
        bounds = rollup.edges(window, width, zone) if width else np.empty(0, np.int64)
        answer: dict[tuple[str, str, str], Series] = {}
        with self._database.read() as connection:
            for key, stats in self._stats(connection, asked, window, bounds).items():
                answer |= self._series(connection, key, list(dict.fromkeys(asked[key])), window, width, bounds, stats, may_be_raw)
        return answer

    def _stats(
        self, connection: Connection, asked: Mapping[tuple[str, str], list[str]], window: Window, bounds: Instants
    ) -> dict[tuple[str, str], Any]:
        """STATS [buckets, metrics] of each device; None where readings are asked for, or the device never spoke."""
        found: dict[tuple[str, str], Any] = dict.fromkeys(asked)
        if not len(bounds):
            return found
        numbers = {key: number for key in asked if (number := self._keys.find(*key)) is not None}
        shared: dict[tuple[str, tuple[str, ...]], list[tuple[str, str]]] = {}
        for key in numbers:
            shared.setdefault((key[1], tuple(dict.fromkeys(asked[key]))), []).append(key)
        for (kind, names), keys in shared.items():
            if len(keys) > 1 and bounds[1] - bounds[0] < MINUTE:
                stats = self._rollups.together(connection, [numbers[key] for key in keys], kind, names, bounds, window.start, window.end)
                found.update({key: stats[numbers[key]] for key in keys})
                continue
            with self._chunks.for_all(connection, [numbers[key] for key in keys]):
                for key in keys:
                    found[key] = self._rollups.stats(connection, numbers[key], kind, names, bounds, window.start, window.end)
        return found

    def _series(
        self,
        connection: Connection,
        key: tuple[str, str],
        names: list[str],
        window: Window,
        width: int,
        bounds: Instants,
        stats: Any,
        may_be_raw: int,
    ) -> dict[tuple[str, str, str], Series]:
        device_id, kind = key
        answer: dict[tuple[str, str, str], Series] = {}
        raw = list(names) if not width else []
        if width:
            if stats is None:
                stats = rollup.empty(len(bounds) - 1, len(names))
            for j, name in enumerate(names):
                if may_be_raw and int(stats["n"][:, j].sum()) <= may_be_raw:
                    raw.append(name)
                else:
                    answer[*key, name] = rollup.bucketed(device_id, name, width, bounds[:-1], stats, j, window)
        if raw:
            device = self._keys.find(device_id, kind)
            found = nothing(raw) if device is None else self._chunks.read(connection, device, kind, raw, window.start, window.end)
            answer |= {(*key, name): rollup.raw(device_id, name, found.at, found.values[name], window) for name in raw}
        return answer

    def extent(self, device_id: str, kind: str) -> Extent | None:
        device = self._keys.find(device_id, kind)
        if device is None:
            return None
        with self._database.read() as connection:
            bounds = self._bounds(connection, device, kind)
            if bounds is None:
                return None
            first, last = bounds
            scalars = scalars_of(kind)
            edges = np.array([first // HOUR * HOUR, (last // HOUR + 1) * HOUR], dtype=np.int64)
            stats = self._rollups.stats(connection, device, kind, scalars, edges, int(edges[0]), int(edges[1]))
            rows = {name: int(stats["n"][0, j]) for j, name in enumerate(scalars) if stats["n"][0, j]}
            rows |= self._chunks.vector_rows(connection, device, kind)
        return Extent(device_id, kind, first, last, rows)

    def _bounds(self, connection: Connection, device: int, kind: str) -> tuple[int, int] | None:
        """First and last instant of a device."""
        at = self._keys.metric["@at"]
        low, high = connection.execute(
            'SELECT min("start"), max("end") - 1 FROM chunk WHERE device = ? AND metric = ?', (device, at)
        ).fetchone()
        latest = self._latest.get(device, self._keys.name(device))
        if low is None and latest is None:
            return None
        early = connection.execute(
            f"SELECT ts FROM {readings(kind)} WHERE device = ?{'' if low is None else ' AND ts < ?'} ORDER BY ts LIMIT 1",
            (device,) if low is None else (device, low),
        ).fetchone()
        firsts = [x for x in (low, early[0] if early else None) if x is not None]
        lasts = [x for x in (high, latest.at if latest else None) if x is not None]
        return (min(firsts), max(lasts)) if firsts else None

    # -- keeping house ----------------------------------------------------------------------------------------------

    def maintain(self) -> None:
        with self._maintaining:
            if self._latest.unsaved() and (self._clock() - self._saved_at >= _SAVE_EVERY or self._marks_wait()):
                self._save_latest()
                self._saved_at = self._clock()
            self._rollups.maintain()

    def _marks_wait(self) -> bool:
        """Whether marks are about to be drained that a restart would need to find the newest again."""
        with self._database.read() as connection:
            return connection.execute("SELECT 1 FROM rollup_mark WHERE width = ? AND device > 0 LIMIT 1", (HOUR,)).fetchone() is not None

    def seal(self, before: int) -> int:
        with self._maintaining:
            self._save_latest()  # the newest are found again from hot rows: before these move, the table must know them
            sealed = self._sealer.seal(before)
            self._tell_others()
            return sealed

    def forget(self, kind: str, before: int) -> int:
        with self._maintaining:
            self._save_latest()
            dropped = self._sealer.forget(kind, before)
            self._forget_latest(kind, before)
            self._tell_others()
            return dropped

    def _tell_others(self) -> None:
        with self._database.write() as connection:
            count_write(connection, self._owner)

    def _forget_latest(self, kind: str, before: int) -> None:
        for device in self._keys.all_of(kind):
            latest = self._latest.get(device, self._keys.name(device))
            if latest is None or min((latest.at, *latest.times.values())) >= before:
                continue
            self._latest.drop(device)
            kept = {name: at for name, at in latest.times.items() if at >= before}
            if latest.at >= before:
                row = (device, latest.at, latest.received, latest.quality)
                self._latest.note((), [row])
                for name, at in kept.items():
                    self._latest.note((name,), [(device, at, latest.received, latest.quality, latest.values[name])])
            else:
                with self._database.write() as connection:
                    connection.execute("DELETE FROM latest WHERE device = ?", (device,))
        self._save_latest()

    def close(self) -> None:
        if self._database.is_open:
            self._save_latest()
            with self._database.write() as connection:
                # its own counter goes, so the common one must tell others that there was a process which wrote
                count_write(connection, 0)
                connection.execute("DELETE FROM telemetry_state WHERE name = 'writes' AND owner = ?", (self._owner,))
        self._database.close()


def _ascending(columns: Columns) -> Columns:
    """By time, each instant once (the later of equal ones wins)."""
    if len(columns.at) < 2 or bool((np.diff(columns.at) > 0).all()):
        return columns
    order = np.argsort(columns.at, kind="stable")
    last = np.r_[np.diff(columns.at[order]) != 0, True]
    return take(columns, order[last])


def _after(found: Columns, more: Columns) -> Columns:
    return join([part for part in (found, more) if len(part.at)] or [found])
