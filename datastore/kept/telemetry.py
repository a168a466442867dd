"""Telemetry in a database: hot rows, sealed chunks, rollups and a cache of the newest, put together."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np

from datastore import rollup
from datastore.backends.common import chosen_width, rows_of, scalar_pairs
from datastore.columns import ascending, days, join, nothing, spoken, take, window_of
from datastore.kept.chunks import Chunks
from datastore.kept.engine import NEVER, Counters, Engine, Reader, Writer
from datastore.kept.inspection import Inspection
from datastore.kept.keys import Keys
from datastore.kept.newest import LatestCache, Row
from datastore.kept.rollups import Rollups, give_way, late_ones
from datastore.kept.sealing import Sealing, count_late
from datastore.kept.writing import Kept, Run, Writing
from datastore.ports import Columns, Extent, Instants, Latest, Outcome, Series
from datastore.seal import unpack_vector
from datastore.slabs import series_by_slabs
from plant.errors import Unavailable
from plant.metrics import CATALOGUE, KINDS, metrics_of, scalars_of, vectors_of
from plant.metrics import metric as metric_of
from plant.model import DAY, HOUR, MINUTE, SECOND, Block, Window

log = logging.getLogger(__name__)

_REPLAY = 2 * MINUTE
_REPLAYED = 10 * MINUTE
_FEW_ROWS = 20_000
"""So much is read at once of what the newest values take in, more where there is little: a day of seconds of a large plant would be
gigabytes."""
_SAVE_EVERY = 30_000
_FORGOTTEN = "forgotten "
_LOADS_PER_COMMIT = 12
_SAVED_TOGETHER = 200
_NOTHING = Outcome()
_UNKNOWN: Counters = {("writes", -1): -1}
_CLOCKS_APART = 5 * SECOND
"""How far the clocks of two processes' machines may differ before one misses the other's newest readings for half a minute."""
_TRIES = 5
_Answer = TypeVar("_Answer")


class KeptTelemetry:
    """Implements `ports.Telemetry` on an engine, which it owns. `seal_after_ms` is what callers of `seal` usually subtract from now
    (kept in `.seal_after_ms`)."""

    def __init__(self, engine: Engine, clock: Callable[[], int], seal_after_ms: int = 6 * HOUR) -> None:
        self.seal_after_ms = seal_after_ms
        self._clock = clock
        self._engine = engine
        self._keys = Keys(engine)
        self._chunks = Chunks(self._keys)
        self._rollups = Rollups(engine, self._keys, self._chunks, clock)
        self._writing = Writing(self._keys, self._chunks)
        self._sealing = Sealing(engine, self._keys, self._chunks, self._rollups)
        self._latest = LatestCache()
        self._owner = self._rollups.owner
        self._others: Counters = {}  # writes of other processes that the newest values have taken in
        self._sealed = -1  # the count of changes to what is sealed that `_chunks` knows
        self._replayed: set[tuple[str, int, int]] = set()  # marks whose readings the newest values have taken in
        self._saved_at = 0
        self._caught_up = 0
        self._maintaining = threading.Lock()
        self._catching_up = threading.Lock()
        with engine.read() as tx:
            counters = tx.counters()
            self._notice_sealed(tx, counters)
            self._forgotten = _forgotten(counters)  # kind → before when, as the newest values have it
            self._restore_latest(tx, counters)

    @property
    def inspection(self) -> Inspection:
        """A look at what is kept."""
        return Inspection(self._engine, self._keys)

    @property
    def engine(self) -> Engine:
        """The database, for backup and restore."""
        return self._engine

    # -- in ---------------------------------------------------------------------------------------------------------

    def append(self, blocks: Sequence[Block]) -> list[Outcome]:
        runs = [(run, sorted(run.rows, key=itemgetter(1))) for run in self._writing.prepare(blocks)]
        outcomes = [_NOTHING] * len(blocks)
        with self._engine.turn:
            try:
                with self._engine.write() as tx:
                    counters = tx.count_write(self._owner)
                    self._notice_sealed(tx, counters)
                    floor = self._rollups.floor()
                    kept = [self._keep(tx, counters, floor, run, rows, blocks, outcomes) for run, rows in runs if rows]
            except BaseException:
                self._doubt(runs)
                raise
            for one in kept:
                self._remember(one, floor)
        return outcomes

    def _doubt(self, runs: Sequence[tuple[Run, Sequence[Row]]]) -> None:
        """The database may have kept rows that it did not acknowledge, and will call them duplicates when they come again: so memory
        is not to be trusted about them."""
        for run, rows in runs:
            self._rollups.doubt(run.kind, {row[1] // MINUTE * MINUTE for row in rows})
        self._others, self._replayed, self._caught_up = _UNKNOWN, set(), 0

    def _keep(
        self, tx: Writer, counters: Counters, floor: int, run: Run, rows: list[Row], blocks: Sequence[Block], outcomes: list[Outcome]
    ) -> Kept:
        count_late(tx, counters, self._owner, run.kind, rows[0][1], rows[-1][1])
        self._rollups.mark_new(tx, run.kind, rows, floor)
        kept = self._writing.write(tx, run, rows, blocks, outcomes)
        if kept.recount:
            self._rollups.mark_late(tx, run.kind, {(row[0], row[1]) for row in kept.recount})
        return kept

    def _remember(self, kept: Kept, floor: int) -> None:
        if kept.rows:
            self._latest.note(kept.metrics, kept.rows, self._accumulate(kept, floor))
        for row in kept.recount:
            self._latest.note(kept.metrics, [row])

    def _accumulate(self, kept: Kept, floor: int) -> bytes | None:
        """The rows as records when all went in and are complete scalars."""
        shape = self._writing.shape(kept.kind, kept.metrics)
        late = late_ones(kept.rows, floor)
        rows = kept.rows[late:] if late else kept.rows
        if shape.only_scalars is not None:
            rows = [shape.only_scalars(row) for row in rows]
        records = self._rollups.accumulate(kept.kind, shape.scalars, rows, None if late else kept.packed)
        return None if late or shape.only_scalars is not None else records

    def load(self, device_id: str, kind: str, columns: Columns) -> int:
        return self.load_many([(device_id, kind, columns)])

    def load_many(self, items: Iterable[tuple[str, str, Columns]]) -> int:
        """`load` for many devices with few commits; interrupted and repeated, it goes on where it was. Returns readings kept.

        A commit here need not wait for the disk: after a power cut the newest of them may be missing, the store is whole.
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
            self._engine.end_bulk()

    def _load(self, items: Sequence[tuple[str, str, Columns]]) -> int:
        """One transaction; readings at known instants take the road of `append` afterwards."""
        if not items:
            return 0
        known: list[Block] = []
        total = 0
        numbers = [self._keys.number(kind, [device_id])[device_id] for device_id, kind, _ in items]
        with self._engine.turn:
            with self._engine.write_bulk() as tx:
                counters = tx.count_write(self._owner)
                self._notice_sealed(tx, counters)
                for device, (device_id, kind, columns) in zip(numbers, items, strict=True):
                    for name in columns.values:
                        metric_of(name, kind)
                    columns = ascending(columns)
                    fresh, again = self._apart(tx, device, kind, columns)
                    if len(again.at):
                        names, rows = rows_of(device_id, again)
                        known.append(Block(kind, names, rows))
                    if len(fresh.at):
                        total += len(fresh.at)
                        count_late(tx, counters, self._owner, kind, int(fresh.at[0]), int(fresh.at[-1]))
                        self._load_new(tx, device, kind, fresh)
                tx.count_sealed()
            for device, (_, _, columns) in zip(numbers, items, strict=True):
                self._note_newest(device, columns)
            self._save_latest(self._engine.write_bulk)
        if known:
            total += sum(outcome.inserted for outcome in self.append(known))
        return total

    def _apart(self, tx: Reader, device: int, kind: str, columns: Columns) -> tuple[Columns, Columns]:
        """(new instants, instants already kept)."""
        if not len(columns.at):
            return columns, columns
        window = window_of(columns)
        kept = self._chunks.read(tx, device, kind, (), window.start, window.end).at
        if not len(kept):
            return columns, take(columns, slice(0, 0))
        doubled = np.isin(columns.at, kept)
        return take(columns, ~doubled), take(columns, doubled)

    def _load_new(self, tx: Writer, device: int, kind: str, columns: Columns) -> None:
        scalars = [name for name in columns.values if not CATALOGUE[name].is_vector]
        window = window_of(columns)
        low = window.start // HOUR * HOUR
        first = tx.first_hot(kind, device, low)
        hot = first is not None and first < window.end + HOUR
        for day, part in days(columns):
            before = tx.spans(device, day, day + DAY)
            hours = np.unique(part.at // HOUR) * HOUR
            # before the readings: what ends here and is loaded again finds nothing new, and no reason to compute hours
            self._rollups.mark_hours(tx, kind, device, hours.tolist())
            self._sealing.lay(tx, device, kind, part, day, day + DAY)
            if hot or before:
                continue
            bounds = np.arange(hours[0], hours[-1] + HOUR + 1, HOUR, dtype=np.int64)
            matrix = np.column_stack([part.values[name] for name in scalars]) if scalars else np.empty((len(part.at), 0))
            self._rollups.put_hours(tx, device, scalars, bounds[:-1], rollup.reduce(part.at, matrix, bounds))
            self._rollups.unmark_hours(tx, kind, device, hours.tolist())
        self._chunks.raise_horizon(device, window.end)

    def _note_newest(self, device: int, columns: Columns) -> None:
        """The newest value of each column into the cache."""
        if not len(columns.at):
            return
        columns = ascending(columns)
        last = {len(columns.at) - 1}
        for column in columns.values.values():
            told = np.flatnonzero(~np.isnan(column) if column.ndim == 1 else (~np.isnan(column)).any(axis=1))
            last.update(told[-1:].tolist())
        names, rows = rows_of("", take(columns, np.array(sorted(last))))
        self._latest.note(names, [(device, *row[1:]) for row in rows])

    # -- newest -----------------------------------------------------------------------------------------------------

    def latest(self, devices: Sequence[tuple[str, str]] | None = None) -> dict[tuple[str, str], Latest]:
        with self._engine.read() as tx:
            self._catch_up(tx)
        if devices is None:
            wanted = {self._keys.name(device): device for device in self._latest.devices()}
        else:
            wanted = {key: number for key in devices if (number := self._keys.find(*key)) is not None}
        found = {key: self._latest.get(number, key) for key, number in wanted.items()}
        return {key: latest for key, latest in found.items() if latest is not None}

    def _writes(self, counters: Counters) -> Counters:
        """The counts of writes of all but this process; owner 0 stands for processes that have ended."""
        return {(name, owner): value for (name, owner), value in counters.items() if name == "writes" and owner != self._owner}

    def _catch_up(self, tx: Reader) -> None:
        """Take over what other processes wrote since the last look. While one thread does, the others answer with what is known."""
        if not self._catching_up.acquire(blocking=False):
            return
        try:
            begun = self._clock()
            counters = tx.counters()
            writes = self._writes(counters)
            forgotten = _forgotten(counters)
            for kind, before in forgotten.items():
                if before != self._forgotten.get(kind):
                    self._forget_newest(kind, before)
            self._forgotten = forgotten
            if writes != self._others:
                self._latest.restore(tx.newest())
                # what is older than a few minutes when it comes is late, and left a mark
                since = max(_saved_until(counters), self._caught_up)
                self._replay(tx, since - _REPLAY, self._caught_up - _CLOCKS_APART if self._caught_up else None)
                self._replay_marked(tx)
                self._others = writes
            self._caught_up = begun
        finally:
            self._catching_up.release()

    def _notice_sealed(self, tx: Reader, counters: Counters) -> None:
        """Somebody may have sealed: then our picture of what is sealed is old."""
        sealed = counters.get(("sealed", 0), 0)
        if sealed != self._sealed:
            self._chunks.refresh(tx)
            self._sealed = sealed

    def _restore_latest(self, tx: Reader, counters: Counters) -> None:
        self._others = self._writes(counters)
        self._latest.restore(tx.newest())
        self._replay(tx, _saved_until(counters) - _REPLAY)
        self._replay_marked(tx)

    def _replay_marked(self, tx: Reader) -> None:
        """Late readings that the table of the newest may lack: they left marks, which are only drained after that table was saved.

        A mark is looked into once: what another process later adds to the same hour shows when that process saves its newest.
        """
        marks = {(mark.kind, mark.ts, mark.device) for mark in tx.marks(HOUR, NEVER, whole=False)}
        fresh, self._replayed = marks - self._replayed, marks
        for kind, ts, device in sorted(fresh):
            known = self._latest.get(device, self._keys.name(device))
            metrics = [metric.name for metric in metrics_of(kind)]
            if known is None or ts + HOUR > min(known.times.get(name, -NEVER) for name in metrics):
                try:
                    found = self._chunks.read(tx, device, kind, metrics, ts, ts + HOUR)
                except Unavailable as error:  # a damaged chunk must not keep the store from opening
                    log.error("%s", error.message)
                    continue
                self._note_newest(device, found)

    def _replay(self, tx: Reader, start: int, received_from: int | None = None) -> None:
        """Hot rows from `start` on into the cache of the newest."""
        for kind in KINDS:
            metrics = [metric.name for metric in metrics_of(kind)]
            last = tx.last_hot(kind)
            low = tx.first_hot(kind, start=start) if last is not None and last >= start else None
            piece = _REPLAYED
            while low is not None and last is not None:
                found = self._chunks.hot(tx, kind, metrics, None, low, low + piece, received_from)
                for device, columns in found.items():
                    self._note_newest(device, columns)
                # from one piece to the next that has rows: a clock that runs years ahead leaves years between them
                low = tx.first_hot(kind, start=low + piece) if low + piece <= last else None
                piece = min(2 * piece, DAY) if sum(len(columns.at) for columns in found.values()) < _FEW_ROWS else _REPLAYED

    def _save_latest(self, transaction: Callable[[], AbstractContextManager[Writer]] | None = None) -> None:
        """In short transactions, so that readings do not wait long; the time it is good for, whoever wrote until then, is when it began."""
        transaction = transaction or self._engine.write
        begun = self._clock()
        with self._engine.read() as tx:
            self._catch_up(tx)
        unsaved = self._latest.unsaved()
        for start in range(0, len(unsaved), _SAVED_TOGETHER):
            devices = unsaved[start : start + _SAVED_TOGETHER]
            with self._engine.turn:
                rows = self._latest.saved_form(devices)
                with transaction() as tx:
                    tx.save_newest(rows)
                self._latest.saved(devices)
            give_way()
        with transaction() as tx:
            tx.count_write(self._owner)
            tx.put_counter("latest", 0, begun)

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
        with self._engine.read() as tx:
            if limit is None:
                return self._columns(tx, device, kind, metrics, window.start, window.end, as_of)
            return self._first_rows(tx, device, kind, metrics, window, limit, as_of)

    def _columns(self, tx: Reader, device: int, kind: str, metrics: Sequence[str], start: int, end: int, as_of: int | None) -> Columns:
        found = self._chunks.read(tx, device, kind, metrics, start, end)
        if as_of is not None and len(found.at):
            found = self._as_known(tx, device, metrics, found, as_of)
        return spoken(found)

    def _first_rows(
        self, tx: Reader, device: int, kind: str, metrics: Sequence[str], window: Window, limit: int, as_of: int | None
    ) -> Columns:
        """The first `limit` rows, read in steps that grow while they find little."""
        found = nothing(metrics)
        extent = self._bounds(tx, device, kind)
        if extent is None:
            return found
        start, end, step = max(window.start, extent[0]), min(window.end, extent[1] + 1), HOUR
        while start < end and len(found.at) < limit:
            stop = min(start + step, end)
            found = _after(found, self._columns(tx, device, kind, metrics, start, stop, as_of))
            start, step = stop, min(2 * step, 7 * DAY)
        return take(found, slice(0, limit))

    def _as_known(self, tx: Reader, device: int, metrics: Sequence[str], found: Columns, as_of: int) -> Columns:
        """Undo what came after `as_of`, newest first; then leave out what had not come at all."""
        names = {self._keys.metric[name]: name for name in metrics}
        values = {name: column.copy() for name, column in found.values.items()}
        for _, ts, metric, _, _, blob in tx.revisions(device, int(found.at[0]), int(found.at[-1]) + 1, as_of):
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
        as_of: int | None = None,
    ) -> dict[tuple[str, str, str], Series]:
        if as_of is not None:
            return series_by_slabs(self, keys, metrics, window, points=points, resolution=resolution, zone=zone, as_of=as_of)
        width, may_be_raw = chosen_width(window, points, resolution)
        asked: dict[tuple[str, str], list[str]] = {}
        for device_id, kind, name in scalar_pairs(keys, metrics):
            asked.setdefault((device_id, kind), []).append(name)
        bounds = rollup.edges(window, width, zone) if width else np.empty(0, np.int64)

        def question(tx: Reader) -> dict[tuple[str, str, str], Series]:
            answer: dict[tuple[str, str, str], Series] = {}
            for key, stats in self._stats(tx, asked, window, bounds).items():
                answer |= self._series(tx, key, list(dict.fromkeys(asked[key])), window, width, bounds, stats, may_be_raw)
            return answer

        return self._steadily(question)

    def _steadily(self, question: Callable[[Reader], _Answer]) -> _Answer:
        """The answer to a question that looks at chunks, rows and rollups: where the engine has no snapshots it is asked again when
        sealing moved readings meanwhile."""
        for _ in range(_TRIES):
            with self._engine.read() as tx:
                if self._engine.has_snapshots:
                    return question(tx)
                before = tx.counters().get(("sealed", 0))
                answer = question(tx)
                if tx.counters().get(("sealed", 0)) == before:
                    return answer
        return answer

    def _stats(
        self, tx: Reader, asked: Mapping[tuple[str, str], list[str]], window: Window, bounds: Instants
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
                stats = self._rollups.together(tx, [numbers[key] for key in keys], kind, names, bounds, window.start, window.end)
                found.update({key: stats[numbers[key]] for key in keys})
                continue
            with self._chunks.for_all(tx, [numbers[key] for key in keys]):
                for key in keys:
                    found[key] = self._rollups.stats(tx, numbers[key], kind, names, bounds, window.start, window.end)
        return found

    def _series(
        self,
        tx: Reader,
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
            found = nothing(raw) if device is None else self._chunks.read(tx, device, kind, raw, window.start, window.end)
            answer |= {(*key, name): rollup.raw(device_id, name, found.at, found.values[name], window) for name in raw}
        return answer

    def extent(self, device_id: str, kind: str) -> Extent | None:
        device = self._keys.find(device_id, kind)
        if device is None:
            return None
        number = device

        def question(tx: Reader) -> Extent | None:
            bounds = self._bounds(tx, number, kind)
            if bounds is None:
                return None
            first, last = bounds
            scalars = scalars_of(kind)
            edges = np.array([first // HOUR * HOUR, (last // HOUR + 1) * HOUR], dtype=np.int64)
            stats = self._rollups.stats(tx, number, kind, scalars, edges, int(edges[0]), int(edges[1]))
            rows = {name: int(stats["n"][0, j]) for j, name in enumerate(scalars) if stats["n"][0, j]}
            return Extent(device_id, kind, first, last, rows | self._vector_rows(tx, number, kind))

        return self._steadily(question)

    def bounds(self, device_id: str, kind: str) -> tuple[int, int] | None:
        device = self._keys.find(device_id, kind)
        if device is None:
            return None
        with self._engine.read() as tx:
            return self._bounds(tx, device, kind)

    def _vector_rows(self, tx: Reader, device: int, kind: str) -> dict[str, int]:
        """How many readings speak of each vector metric of the kind."""
        keys = {name: self._keys.metric[name] for name in vectors_of(kind)}
        counts = {name: tx.sealed_count(device, key) + tx.count_vectors(kind, device, key) for name, key in keys.items()}
        for name, twice in self._vectors_twice(tx, device, kind).items():
            counts[name] -= twice
        return {name: count for name, count in counts.items() if count}

    def _vectors_twice(self, tx: Reader, device: int, kind: str) -> dict[str, int]:
        """How many instants of each vector metric stand hot and sealed at once: those that came late, or are just being sealed."""
        names = vectors_of(kind)
        counts = dict.fromkeys(names, 0)
        first, until = tx.first_hot(kind, device), self._chunks.sealed_until(tx, device)
        late = self._chunks.hot(tx, kind, names, [device], first, until).get(device) if names and first is not None else None
        for _, hot in days(late) if late else ():
            sealed = self._chunks.sealed(tx, device, names, int(hot.at[0]), int(hot.at[-1]) + 1)
            for name in names:
                counts[name] += len(np.intersect1d(_instants_of(name, hot), _instants_of(name, sealed), assume_unique=True))
        return counts

    def _bounds(self, tx: Reader, device: int, kind: str) -> tuple[int, int] | None:
        """First and last instant of a device."""
        self._catch_up(tx)
        sealed = tx.sealed_bounds(device)
        latest = self._latest.get(device, self._keys.name(device))
        if sealed is None and latest is None:
            return None
        hot = tx.first_hot(kind, device)
        firsts = [at for at in (sealed[0] if sealed else None, hot) if at is not None]
        lasts = [at for at in (sealed[1] if sealed else None, latest.at if latest else None) if at is not None]
        return (min(firsts), max(lasts)) if firsts else None

    # -- keeping house ----------------------------------------------------------------------------------------------

    def maintain(self) -> None:
        with self._maintaining:
            due = self._due_marks()
            if due or (self._latest.unsaved() and self._clock() - self._saved_at >= _SAVE_EVERY):
                # looked into once more: whoever wrote the last of them may have ended before it saved its newest
                self._replayed -= due
                with self._engine.read() as tx:
                    self._replay_marked(tx)
                self._save_latest()
                self._saved_at = self._clock()
            self._rollups.maintain()

    def _due_marks(self) -> set[tuple[str, int, int]]:
        """Marks of late readings that are about to be drained, that a restart would need to find the newest again."""
        with self._engine.read() as tx:
            return {(mark.kind, mark.ts, mark.device) for mark in tx.marks(HOUR, self._rollups.hours_due(), whole=False)}

    def seal(self, before: int) -> int:
        with self._maintaining:
            self._save_latest()  # the newest are found again from hot rows: before these move, the table must know them
            return self._sealing.seal(before)

    def forget(self, kind: str, before: int) -> int:
        with self._maintaining:
            self._save_latest()
            dropped = self._sealing.forget(kind, before)
            with self._engine.turn, self._engine.read() as tx:
                self._chunks.refresh(tx)
            gone = self._forget_newest(kind, before)
            with self._engine.write() as tx:
                for device in gone:
                    tx.drop_newest(device)
                tx.count_write(self._owner)
                tx.put_counter(f"{_FORGOTTEN}{kind}", 0, before)
            self._forgotten[kind] = before
            self._save_latest()
            return dropped

    def _forget_newest(self, kind: str, before: int) -> list[int]:
        """Take what is gone out of the newest values; the devices of which nothing is left."""
        gone = []
        for device in self._keys.all_of(kind):
            latest = self._latest.get(device, self._keys.name(device))
            if latest is None or min((latest.at, *latest.times.values())) >= before:
                continue
            self._latest.drop(device)
            if latest.at < before:
                gone.append(device)
                continue
            self._latest.note((), [(device, latest.at, latest.received, latest.quality)])
            for name, at in latest.times.items():
                if at >= before:
                    self._latest.note((name,), [(device, at, latest.received, latest.quality, latest.values[name])])
        return gone

    def ping(self) -> None:
        with self._engine.read() as tx:
            tx.counters()

    def close(self) -> None:
        """What is left unsaved when the store does not answer is found again as after a crash."""
        try:
            if self._engine.is_open:
                self._save_latest()
                with self._engine.write() as tx:
                    tx.end_owner(self._owner)
        except Unavailable as error:
            log.warning("the store went down before it was closed: %s", error.message)
        finally:
            self._engine.close()


def _saved_until(counters: Counters) -> int:
    """When the table of the newest was saved last, 0 for never."""
    return counters.get(("latest", 0), 0)


def _instants_of(name: str, columns: Columns) -> Instants:
    """When this vector metric speaks."""
    return columns.at[(~np.isnan(columns.values[name])).any(axis=1)]


def _forgotten(counters: Counters) -> dict[str, int]:
    """Kind → before when it was forgotten last."""
    return {name.removeprefix(_FORGOTTEN): before for (name, _), before in counters.items() if name.startswith(_FORGOTTEN)}


def _after(found: Columns, more: Columns) -> Columns:
    return join([part for part in (found, more) if len(part.at)] or [found])
