"""One device's rows in one foreign table: what is there, the newest values, columns, buckets, counts."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from datastore import rollup
from datastore.backends.solarhub import buckets, counting, rows
from datastore.backends.solarhub.connections import Connections, SchemaChanged
from datastore.backends.solarhub.counting import Count
from datastore.backends.solarhub.mapping import Table
from datastore.backends.solarhub.numbers import told
from datastore.backends.solarhub.query import Cell, Query, Schema, cells_of, frame_columns
from datastore.ports import Columns
from plant.errors import Unavailable
from plant.model import HOUR, Value, Window

Answer = TypeVar("Answer")

Spoken = Mapping[str, tuple[int, Value]]
"""Metric → instant [epoch ms] and value."""

SCHEMA_S = 300.0
LOOK_BACK = 24 * HOUR
"""How far before the newest row the newest value of a metric that is silent there is looked for [ms]."""
LOOK_BACK_S = 60.0
"""How often."""
VECTORS_S = 10.0
"""How often the newest vectors are read: a rack's row has hundreds of their columns."""
RECOUNT_S = 6 * 3600.0


class TableReader:
    """One table of the mapping. Every question raises Unavailable while its database does not answer; a table or column that is not
    there is silent. Threads may share it."""

    def __init__(self, table: Table, connections: Connections, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.table = table
        self._query = Query(table, connections)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._schema: tuple[float, Schema] | None = None
        self._spoken: dict[str, tuple[int, Value]] = {}
        self._newest_at = 0
        self._looked = self._vectors_asked = self._recounted = -math.inf
        self._count: Count | None = None

    # -- what is there ----------------------------------------------------------------------------------------------

    def schema(self) -> Schema:
        """The table's columns, looked up every SCHEMA_S."""
        known, now = self._schema, self._monotonic()
        if known is None or now - known[0] > SCHEMA_S:
            known = self._schema = (now, self._query.schema())
        return known[1]

    def missing(self) -> list[str]:
        """Columns the mapping names and the table does not have."""
        named = frame_columns(self.table) + ([] if self.table.narrow else [name for place in self.table.places for name in place.names])
        schema = self.schema()
        return [column for column in dict.fromkeys(named) if column.lower() not in schema]

    def is_readable(self) -> bool:
        """Whether the table is there, with its time and key columns."""
        return all(column.lower() in self.schema() for column in frame_columns(self.table))

    def is_indexed(self) -> bool:
        """Whether an index serves the newest row and a window: one that has the time column behind key columns only, or first."""
        keys, clock = {column.lower() for column, _ in self.table.keys}, self.table.clock.column.lower()
        return any(clock in columns and set(columns[: columns.index(clock)]) <= keys for columns in self._query.indexes())

    def span(self) -> tuple[int, int, int] | None:
        """Rows, and the instants of the first and the last [epoch ms]; None for none."""
        query = self._query
        sql = query.select(["COUNT(*)", f"MIN({query.local})", f"MAX({query.local})"], query.where(f"{query.time} IS NOT NULL"))
        ((n, first, last),) = self._fresh(lambda: query.rows(sql))
        return (int(n), query.utc(first), query.utc(last)) if n else None

    def _cells(self, metrics: Sequence[str] | None = None) -> list[Cell]:
        return cells_of(self.table, self.schema(), metrics)

    def _fresh(self, ask: Callable[[], Answer]) -> Answer:
        """Ask; when the table has changed since its columns were looked up, look again, once."""
        try:
            return ask()
        except SchemaChanged:
            self._schema = None
        try:
            return ask()
        except SchemaChanged as error:
            raise Unavailable(str(error)) from None

    # -- history ----------------------------------------------------------------------------------------------------

    def columns(self, metrics: Sequence[str], window: Window, limit: int | None = None) -> Columns:
        """The readings of the window in which one of `metrics` speaks, with the columns of those this table has."""
        return self._fresh(lambda: rows.columns(self._query, self._cells(metrics), window, limit))

    def buckets(self, metrics: Sequence[str], window: Window, until: int, width: int, zone: str) -> Mapping[str, rollup.Stats]:
        """Metric → STATS [buckets, 1] between `rollup.edges(window, width, zone)` of what was made before `until` [epoch ms]; metrics
        this table does not have are absent."""
        return self._fresh(lambda: buckets.buckets(self._query, self._cells(metrics), window, until, width, zone))

    def count(self) -> Count | None:
        """Readings per metric; None for none. Only what is newer than at the last count is counted, and everything every RECOUNT_S."""
        with self._lock:
            now = self._monotonic()
            known = self._count if now - self._recounted < RECOUNT_S else None
            self._recounted = self._recounted if known else now
            self._count = self._fresh(lambda: counting.count(self._query, cells, known) if (cells := self._cells()) else None)
            return self._count

    # -- newest -----------------------------------------------------------------------------------------------------

    def newest(self) -> Spoken:
        """The newest value of each metric and its instant: of the newest row, and what is silent there, of the day before it."""
        with self._lock:
            return self._fresh(self._newest)

    def _newest(self) -> Spoken:
        query, cells, now = self._query, self._cells(), self._monotonic()
        if not self.table.narrow and now - self._vectors_asked < VECTORS_S:
            cells = [cell for cell in cells if not cell.place.is_vector]
        if not self.is_readable():
            return {}
        wide = [] if self.table.narrow else [one for cell in cells for one in cell.expressions]
        end = f"ORDER BY {query.time} DESC LIMIT 1"
        found = query.rows(query.select([query.local, *wide], query.where(f"{query.time} IS NOT NULL"), end))
        if not found:
            return {}
        newest, since = query.utc(found[0][0]), self._newest_at
        if wide:
            self._hear(cells, newest, found[0][1:])
        if any(cell.place.is_vector for cell in cells):
            self._vectors_asked = now
        silent = [cell for cell in cells if self._spoken.get(cell.place.metric, (0,))[0] < newest]
        if now - self._looked >= LOOK_BACK_S:
            self._looked, since = now, newest - LOOK_BACK
        self._newest_at = newest
        if silent and since < newest:
            self._look_back(silent, Window(max(since, newest - LOOK_BACK), newest + 1))
        return dict(self._spoken)

    def _hear(self, cells: Sequence[Cell], at: int, values: Sequence[Any]) -> None:
        start = 0
        for cell in cells:
            value = told(cell.place, values[start : start + len(cell.expressions)])
            start += len(cell.expressions)
            if value is not None:
                self._spoken[cell.place.metric] = (at, value)

    def _look_back(self, cells: Sequence[Cell], window: Window) -> None:
        found = rows.newest(self._query, cells, window)
        for metric, column in found.values.items():
            spoken = np.flatnonzero(~np.isnan(column) if column.ndim == 1 else (~np.isnan(column)).any(axis=1))
            if len(spoken):
                row = column[spoken[-1]]
                value = [None if np.isnan(one) else float(one) for one in row] if column.ndim == 2 else float(row)
                self._spoken[metric] = (int(found.at[spoken[-1]]), value)
