"""Old hot rows into chunks, and old everything away: small transactions that move rows, so a kill loses and doubles nothing."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from datastore import rollup
from datastore.backends.sql_chunks import Chunks, same
from datastore.backends.sql_dialects import Connection, Database
from datastore.backends.sql_keys import Keys
from datastore.backends.sql_rollups import Rollups, give_way
from datastore.backends.sql_tables import count_write, readings, vectors
from datastore.ports import Columns
from plant.errors import Unavailable
from plant.metrics import metrics_of, scalars_of, vectors_of
from plant.model import DAY, HOUR, MINUTE

log = logging.getLogger(__name__)

_ROWS_AT_ONCE = 10_000
"""About how many rows one transaction moves: it holds the write lock, and ingest must not wait long for it."""
_SLOTS = (DAY, HOUR, 10 * MINUTE, MINUTE)
_MERGED_AT_ONCE = 4
"""Devices whose chunks one transaction rewrites."""


def _all_of(kind: str) -> list[str]:
    return [metric.name for metric in metrics_of(kind)]


class Sealer:
    """Moves the rows of one kind slot by slot. A slot is a day where rows are few, down to a minute where they are many, and has
    all devices: hot rows lie by time, so a slot is read and deleted in one place. What the slots of an hour and of a day left is
    joined when these are over."""

    def __init__(self, database: Database, keys: Keys, chunks: Chunks, rollups: Rollups) -> None:
        self._database = database
        self._keys = keys
        self._chunks = chunks
        self._rollups = rollups

    def seal(self, before: int) -> int:
        """Seal all hot rows with ts < before. Returns how many."""
        return sum(self._seal_kind(kind, before) for kind in self._kinds())

    def _kinds(self) -> list[str]:
        with self._database.read() as connection:
            return [kind for (kind,) in connection.execute("SELECT DISTINCT kind FROM device_key ORDER BY kind")]

    def _seal_kind(self, kind: str, before: int) -> int:
        total = 0
        hours: set[tuple[int, int]] = set()
        days: set[tuple[int, int]] = set()
        while (slot := self._next_slot(kind, before)) is not None:
            start, end = slot
            sealed = self._seal_slot(kind, start, end)
            total += sum(sealed.values())
            hours |= {(device, start // HOUR * HOUR) for device in sealed if end - start < HOUR}
            days |= {(device, start // DAY * DAY - back) for device in sealed for back in (0, DAY)}
            give_way()
        for device, hour in sorted(hours):
            if hour + HOUR <= before:
                self._join(kind, device, hour, hour + HOUR)
        for device, day in sorted(days):
            if day + DAY <= before:
                self._join(kind, device, day, day + DAY)
        return total

    def _next_slot(self, kind: str, before: int) -> tuple[int, int] | None:
        """(start, end) of the oldest hot rows: the longest slot that has not too many of them."""
        table = readings(kind)
        few = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE ts >= ? AND ts < ? LIMIT {_ROWS_AT_ONCE + 1})"
        with self._database.read() as connection:
            (first,) = connection.execute(f"SELECT min(ts) FROM {table} WHERE ts < ?", (before,)).fetchone()
            if first is None:
                return None
            for width in _SLOTS:
                start, end = first // width * width, min(first // width * width + width, before)
                if connection.execute(few, (start, end)).fetchone()[0] <= _ROWS_AT_ONCE:
                    break
        return start, end

    def _seal_slot(self, kind: str, start: int, end: int) -> dict[int, int]:
        """The rows leave the hot table and stand in chunks. Returns device → rows.

        Devices that have chunks there already are merged a few at a time, as that is slow under the lock; all others go in one
        transaction: packed beforehand, and packed again under the lock for devices whose rows have changed meanwhile.
        """
        with self._database.read() as connection:
            seen = self._chunks.hot(connection, kind, _all_of(kind), None, start, end)
            merged = [device for device in seen if self._chunks.spans(connection, device, start, end)]
        sealed: dict[int, int] = {}
        for place in range(0, len(merged), _MERGED_AT_ONCE):
            sealed |= self._move(kind, merged[place : place + _MERGED_AT_ONCE], start, end, {})
            give_way()
        return sealed | self._move(kind, None, start, end, {device: seen[device] for device in seen if device not in merged})

    def _move(self, kind: str, devices: Sequence[int] | None, start: int, end: int, seen: Mapping[int, Columns]) -> dict[int, int]:
        """One transaction that moves the rows of these devices (None = all); `seen` are rows looked at before."""
        ready = {device: self._chunks.packed(device, columns) for device, columns in seen.items()}
        with self._database.turn:
            with self._database.write() as connection:
                moved = self._chunks.hot(connection, kind, _all_of(kind), devices, start, end)
                for device, columns in moved.items():
                    if device in seen and same(columns, seen[device]) and not self._chunks.spans(connection, device, start, end):
                        self._chunks.insert(connection, ready[device])
                    else:
                        self._chunks.put(connection, device, kind, columns, start, end)
                self._delete_hot(connection, kind, devices, start, end)
                count_write(connection, self._rollups.owner)
            for device, columns in moved.items():
                self._chunks.raise_horizon(device, int(columns.at[-1]) + 1)
        return {device: len(columns.at) for device, columns in moved.items()}

    def _delete_hot(self, connection: Connection, kind: str, devices: Sequence[int] | None, start: int, end: int) -> None:
        """The rows, and the stored minutes: sealed ones are answered from chunks."""
        own = "SELECT id FROM device_key WHERE kind = ?" if devices is None else ", ".join("?" * len(devices))
        who = [kind] if devices is None else list(devices)
        for table in (vectors(kind), readings(kind)) if vectors_of(kind) else (readings(kind),):
            if devices is None:
                connection.execute(f"DELETE FROM {table} WHERE ts >= ? AND ts < ?", (start, end))
            else:
                connection.execute(f"DELETE FROM {table} WHERE ts >= ? AND ts < ? AND device IN ({own})", (start, end, *who))
        connection.execute(
            f"DELETE FROM rollup_minute WHERE ts >= ? AND ts < ? AND device IN ({own})",
            (start // MINUTE * MINUTE, end // MINUTE * MINUTE, *who),
        )

    def _join(self, kind: str, device: int, start: int, end: int) -> None:
        """The chunks within start … end become one. Packed beforehand, so that the lock is held for the exchange only: a chunk never
        changes under its id, so the same ids hold the same readings."""
        try:
            self._join_whole(kind, device, start, end)
        except Unavailable as error:
            if error.code != "DAMAGED":
                raise
            log.error("%s; these chunks stay as they are", error.message)

    def _join_whole(self, kind: str, device: int, start: int, end: int) -> None:
        with self._database.read() as connection:
            spans = [span for span in self._chunks.spans(connection, device, start, end) if start <= span.start and span.end <= end]
            if len(spans) < 2:
                return
            whole = self._chunks.sealed(connection, device, _all_of(kind), spans[0].start, spans[-1].end)
        rows = self._chunks.packed(device, whole)
        with self._database.write() as connection:
            found = self._chunks.spans(connection, device, spans[0].start, spans[-1].end)
            if found == spans:
                self._chunks.drop(connection, device, spans)
                self._chunks.insert(connection, rows)
        give_way()

    def forget(self, kind: str, before: int) -> int:
        """Drop all of a kind with ts < before; a chunk across the line is cut. Returns rows and chunks dropped."""
        dropped = 0
        every = _all_of(kind)
        with self._database.read() as connection:
            devices = [device for (device,) in connection.execute("SELECT id FROM device_key WHERE kind = ?", (kind,))]
        for device in devices:
            with self._database.write() as connection:
                dropped += self._forget_device(connection, kind, device, every, before)
        with self._database.write() as connection:
            if vectors_of(kind):
                connection.execute(f"DELETE FROM {vectors(kind)} WHERE ts < ?", (before,))
            dropped += connection.execute(f"DELETE FROM {readings(kind)} WHERE ts < ?", (before,)).rowcount
            connection.execute(
                "DELETE FROM rollup_minute WHERE ts < ? AND device IN (SELECT id FROM device_key WHERE kind = ?)",
                (before // MINUTE * MINUTE, kind),
            )
            if before % MINUTE:
                self._rollups.mark_late(connection, kind, [(device, before) for device in devices])
        return dropped

    def _forget_device(self, connection: Connection, kind: str, device: int, every: Sequence[str], before: int) -> int:
        hour = before // HOUR * HOUR
        spans = self._chunks.spans(connection, device, 0, before)
        for span in spans:
            if span.end > before:
                rest: Columns = self._chunks.sealed(connection, device, every, before, span.end)
                self._chunks.drop(connection, device, [span])
                self._chunks.put(connection, device, kind, rest, before, span.end)
                spans = [other for other in spans if other is not span]
        dropped = self._chunks.drop(connection, device, spans)
        connection.execute("DELETE FROM rollup_hour WHERE device = ? AND day < ?", (device, before // DAY * DAY))
        connection.execute("DELETE FROM revision WHERE device = ? AND ts < ?", (device, before))
        scalars = scalars_of(kind)
        stale = np.arange(before // DAY * DAY, hour + 1, HOUR, dtype=np.int64)
        self._rollups.put_hours(connection, device, scalars, stale, rollup.empty(len(stale), len(scalars)))
        if before % HOUR:
            self._rollups.mark_hours(connection, kind, device, [hour])
        return dropped
