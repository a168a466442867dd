"""The SQL of one foreign table: its metrics as expressions, its device's rows as a condition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datastore.backends.solarhub.connections import Connections, quoted
from datastore.backends.solarhub.mapping import Place, Table
from datastore.backends.solarhub.numbers import expression

Schema = Mapping[str, str]
"""Column in lower case → MySQL type; empty when there is no such table."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric as SQL: one expression a name of its place, NULL for a column the table does not have. In a narrow table all its rows
    have one expression, and `where` with `values` picks those that speak of it."""

    place: Place
    expressions: tuple[str, ...]
    where: str = ""
    values: tuple[str, ...] = ()

    @property
    def speaks(self) -> str:
        """SQL: whether a row says something of it."""
        return "(" + " OR ".join(f"{one} IS NOT NULL" for one in self.expressions if one != "NULL") + ")"


def frame_columns(table: Table) -> list[str]:
    """The columns without which the table cannot be read: time, keys, and name and value of a narrow one."""
    return list(dict.fromkeys([table.clock.column, *(column for column, _ in table.keys), *(table.narrow or ())]))


def cells_of(table: Table, schema: Schema, metrics: Sequence[str] | None = None) -> list[Cell]:
    """What can be asked of the table, of `metrics` (None = all); nothing when it cannot be read."""
    if not all(column.lower() in schema for column in frame_columns(table)):
        return []
    places = [place for place in table.places if metrics is None or place.metric in metrics]
    found = [_narrow_cell(place, table.narrow, schema) if table.narrow else _wide_cell(place, schema) for place in places]
    return [cell for cell in found if cell is not None]


def _narrow_cell(place: Place, narrow: tuple[str, str], schema: Schema) -> Cell:
    name, value = narrow
    marks = ", ".join(["%s"] * len(place.names))
    return Cell(place, (expression(place, value, schema[value.lower()]),), f"{quoted(name)} IN ({marks})", place.names)


def _wide_cell(place: Place, schema: Schema) -> Cell | None:
    kinds = [schema.get(name.lower()) for name in place.names]
    if not any(kinds):
        return None
    return Cell(place, tuple(expression(place, name, kind) if kind else "NULL" for name, kind in zip(place.names, kinds, strict=True)))


class Query:
    """Asks one table about one device. Everything raises Unavailable, or SchemaChanged."""

    def __init__(self, table: Table, connections: Connections) -> None:
        self.table = table
        self.time = quoted(table.clock.column)
        self.local = table.clock.local(self.time)
        """SQL: the time as whole milliseconds of the column's own clock."""
        self._connections = connections
        self._keys = tuple(value for _, value in table.keys)

    def where(self, *conditions: str) -> str:
        """SQL: this device's rows, and all of `conditions`."""
        keys = [f"{quoted(column)} = %s" for column, _ in self.table.keys]
        return " AND ".join([*keys, *(condition for condition in conditions if condition)]) or "1"

    def select(self, what: Sequence[str], where: str, end: str = "") -> str:
        """SQL: the whole question."""
        return f"SELECT {', '.join(what)} FROM {quoted(self.table.name)} WHERE {where} {end}"

    def within(self, start: int, end: int) -> str:
        """SQL: from `start` (inclusive) to `end` (exclusive) [epoch ms]."""
        return self.table.clock.within(self.time, start, end)

    def parts(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The answer to a `select` whose `where` began with the keys, as it comes."""
        return self._connections.parts(self.table.database, sql, (*self._keys, *values))

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The whole of a small answer."""
        return [row for part in self.parts(sql, values) for row in part]

    def schema(self) -> Schema:
        """The table's columns now."""
        sql = "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"
        found = self._connections.rows(self.table.database, sql, (self.table.name,))
        return {str(column).lower(): str(kind).lower() for column, kind in found}

    def indexes(self) -> list[list[str]]:
        """The columns of each of the table's indexes, in lower case."""
        sql = (
            "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s ORDER BY INDEX_NAME, SEQ_IN_INDEX"
        )
        found: dict[str, list[str]] = {}
        for name, column in self._connections.rows(self.table.database, sql, (self.table.name,)):
            found.setdefault(name, []).append(str(column).lower())
        return list(found.values())

    def utc(self, local: Any) -> int:
        """What `local` selects, as epoch ms."""
        return int(self.table.clock.to_utc(np.array([int(local)], dtype=np.int64))[0])
