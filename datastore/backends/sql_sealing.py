"""Old hot rows into chunks, and old everything away: small transactions that move rows, so a kill loses and doubles nothing."""

from collections.abc import Sequence

import numpy as np

from datastore import rollup
from datastore.backends.sql_chunks import Chunks
from datastore.backends.sql_dialects import Connection, Database
from datastore.backends.sql_keys import Keys
from datastore.backends.sql_rollups import Rollups
from datastore.backends.sql_tables import readings, vectors
from datastore.ports import Columns
from plant.metrics import metrics_of, scalars_of, vectors_of
from plant.model import DAY, HOUR, MINUTE

_DEVICES_AT_ONCE = 6  # each step holds the write lock: ingest must not wait long for it
_ROWS_AT_ONCE = 100_000


class Sealer:
    """Moves rows of one kind, one hour (or one thin day) and some devices at a time."""

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
        touched: dict[int, set[int]] = {}
        while (slot := self._next_slot(kind, before)) is not None:
            start, end, devices = slot
            for i in range(0, len(devices), _DEVICES_AT_ONCE):
                total += self._seal_slot(kind, devices[i : i + _DEVICES_AT_ONCE], start, end)
            for device in devices:
                touched.setdefault(device, set()).add(start // DAY * DAY)
        # a day whose end has passed becomes one chunk per device
        for device, which in touched.items():
            for day in which | {max(which) - DAY}:
                if day + DAY <= before:
                    self._join_day(kind, device, day)
        return total

    def _next_slot(self, kind: str, before: int) -> tuple[int, int, list[int]] | None:
        """(start, end, devices) of the oldest hour with hot rows, or of its whole day when that is thin."""
        table = readings(kind)
        with self._database.read() as connection:
            (first,) = connection.execute(f"SELECT min(ts) FROM {table} WHERE ts < ?", (before,)).fetchone()
            if first is None:
                return None
            start, end = first // DAY * DAY, min(first // DAY * DAY + DAY, before)
            limit = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE ts >= ? AND ts < ? LIMIT {_ROWS_AT_ONCE})"
            if connection.execute(limit, (start, end)).fetchone()[0] >= _ROWS_AT_ONCE:
                start = first // HOUR * HOUR
                end = min(start + HOUR, before)
            devices = [
                device for (device,) in connection.execute(f"SELECT DISTINCT device FROM {table} WHERE ts >= ? AND ts < ?", (start, end))
            ]
        return start, end, sorted(devices)

    def _seal_slot(self, kind: str, devices: Sequence[int], start: int, end: int) -> int:
        """One transaction: the rows leave the hot table and stand in chunks."""
        every = [m.name for m in metrics_of(kind)]
        total = 0
        with self._database.turn:
            horizon = {}
            with self._database.write() as connection:
                for device, columns in self._chunks.hot(connection, kind, every, devices, start, end).items():
                    self._chunks.put(connection, device, kind, columns, start, end)
                    total += len(columns.at)
                    horizon[device] = int(columns.at[-1]) + 1
                self._delete_hot(connection, kind, devices, start, end)
                # sealed minutes are answered from chunks
                connection.execute(
                    f"DELETE FROM rollup_minute WHERE {_these(devices)}", (start // MINUTE * MINUTE, end // MINUTE * MINUTE, *devices)
                )
            for device, high in horizon.items():
                self._chunks.raise_horizon(device, high)
        return total

    def _delete_hot(self, connection: Connection, kind: str, devices: Sequence[int], start: int, end: int) -> int:
        which = _these(devices)
        if vectors_of(kind):
            connection.execute(f"DELETE FROM {vectors(kind)} WHERE {which}", (start, end, *devices))
        return connection.execute(f"DELETE FROM {readings(kind)} WHERE {which}", (start, end, *devices)).rowcount

    def _join_day(self, kind: str, device: int, day: int) -> None:
        with self._database.write() as connection:
            if len(self._chunks.spans(connection, device, day, day + DAY)) > 1:
                whole = self._chunks.sealed(connection, device, [m.name for m in metrics_of(kind)], day, day + DAY)
                self._chunks.put(connection, device, kind, whole, day, day + DAY)

    def forget(self, kind: str, before: int) -> int:
        """Drop all of a kind with ts < before; a chunk across the line is cut. Returns rows and chunks dropped."""
        dropped = 0
        every = [m.name for m in metrics_of(kind)]
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


def _these(devices: Sequence[int]) -> str:
    """WHERE start ≤ ts < end for these devices; bind (start, end, *devices)."""
    return f"ts >= ? AND ts < ? AND device IN ({', '.join('?' * len(devices))})"
