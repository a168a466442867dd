"""Rows of a foreign table as columns: wide rows as they are, narrow ones put side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datastore.backends.solarhub.clocks import Clock
from datastore.backends.solarhub.connections import quoted
from datastore.backends.solarhub.numbers import scaled
from datastore.backends.solarhub.query import Cell, Query
from datastore.columns import lay_over, nothing, spoken, take
from datastore.ports import Columns, Instants, Numbers
from plant.model import Window


def columns(query: Query, cells: Sequence[Cell], window: Window, limit: int | None = None) -> Columns:
    """The readings of the window in which one of `cells` speaks, the first `limit` of them."""
    if not cells:
        return nothing([])
    found = (_narrow if query.table.narrow else _wide)(query, cells, window, limit)
    return found if limit is None or len(found.at) <= limit else take(found, slice(0, limit))


def newest(query: Query, cells: Sequence[Cell], window: Window) -> Columns:
    """Readings of the window among which is the newest one of each of `cells`."""
    if query.table.narrow:
        name, names = quoted(query.table.narrow[0]), _names(cells)
        which = query.select([f"MAX({query.time})"], _narrow_where(query, names, window), f"GROUP BY {name}")
        moments = sorted({row[0] for row in query.rows(which, names)})
        return _narrow(query, cells, window, None, moments) if moments else nothing([])
    last = [f"MAX(CASE WHEN {cell.speaks} THEN {query.time} END)" for cell in cells]
    (found,) = query.rows(query.select(last, query.where(query.within(window.start, window.end))))
    moments = sorted({moment for moment in found if moment is not None})
    return _wide(query, cells, window, None, moments) if moments else nothing([])


def _wide(query: Query, cells: Sequence[Cell], window: Window, limit: int | None, moments: Sequence[Any] = ()) -> Columns:
    any_speaks = "(" + " OR ".join(cell.speaks for cell in cells) + ")"
    where = query.where(query.within(window.start, window.end), any_speaks, _one_of(query, moments))
    what = [query.local, *(one for cell in cells for one in cell.expressions)]
    end = f"ORDER BY {query.time}" + (f" LIMIT {int(limit)}" if limit is not None else "")
    parts = [np.array(part, dtype=np.float64) for part in query.parts(query.select(what, where, end), moments)]
    found = np.concatenate(parts) if parts else np.empty((0, len(what)))
    values, start = {}, 1
    for cell in cells:
        width = len(cell.expressions)
        numbers = found[:, start : start + width] if cell.place.is_vector else found[:, start]
        values[cell.place.metric] = scaled(cell.place, np.ascontiguousarray(numbers))
        start += width
    return _reading(query.table.clock, found[:, 0].astype(np.int64), values, window)


def _narrow(query: Query, cells: Sequence[Cell], window: Window, limit: int | None, moments: Sequence[Any] = ()) -> Columns:
    assert query.table.narrow is not None
    names = _names(cells)
    where, values = _narrow_where(query, names, window), [*names]
    if limit is not None:
        first = query.select([f"DISTINCT {query.time}"], where, f"ORDER BY {query.time} LIMIT {int(limit)}")
        instants = [row[0] for row in query.rows(first, values)]
        where, values = (f"{where} AND {query.time} <= %s", [*values, instants[-1]]) if instants else (where, values)
    if moments:
        where, values = f"{where} AND {_one_of(query, moments)}", [*values, *moments]
    # two metrics may read the same text differently: a column of numbers for each way
    ways = list(dict.fromkeys(cell.expressions[0] for cell in cells))
    what = [query.local, quoted(query.table.narrow[0]), *ways]
    at, texts, numbers = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=object)], [np.empty((0, len(ways)))]
    for part in query.parts(query.select(what, where, f"ORDER BY {query.time}"), values):
        read = np.array([(row[0], *row[2:]) for row in part], dtype=np.float64)
        at.append(read[:, 0].astype(np.int64))
        numbers.append(read[:, 1:])
        texts.append(np.array([str(row[1]) for row in part], dtype=object))
    instants_, rows = np.unique(np.concatenate(at), return_inverse=True)
    said, found = np.concatenate(texts), np.concatenate(numbers)
    told = {cell.place.metric: _pivoted(cell, said, found[:, ways.index(cell.expressions[0])], rows, len(instants_)) for cell in cells}
    return _reading(query.table.clock, instants_, told, window)


def _pivoted(cell: Cell, said: Any, numbers: Numbers, rows: Instants, height: int) -> Numbers:
    """Each name of a cell as a column of its own; of rows at one instant the later counts."""
    matrix = np.full((height, len(cell.place.names)), np.nan)
    for column, name in enumerate(cell.place.names):
        mine = np.flatnonzero((said == name) & ~np.isnan(numbers))
        matrix[rows[mine], column] = numbers[mine]
    return scaled(cell.place, matrix if cell.place.is_vector else matrix[:, 0])


def _names(cells: Sequence[Cell]) -> list[str]:
    return [name for cell in cells for name in cell.place.names]


def _narrow_where(query: Query, names: Sequence[str], window: Window) -> str:
    assert query.table.narrow is not None
    spelled = f"{quoted(query.table.narrow[0])} IN ({', '.join(['%s'] * len(names))})"
    return query.where(query.within(window.start, window.end), spelled)


def _one_of(query: Query, moments: Sequence[Any]) -> str:
    return f"{query.time} IN ({', '.join(['%s'] * len(moments))})" if moments else ""


def _reading(clock: Clock, local: Instants, values: Mapping[str, Numbers], window: Window) -> Columns:
    """As the port hands it out: UTC, ascending, each instant once, within the window, no row silent."""
    at = clock.to_utc(local)
    found = Columns(at, at, np.zeros(len(at), dtype=np.int64), values)
    if len(at) and (at.min() < window.start or at.max() >= window.end or not (np.diff(at) > 0).all()):
        order = np.argsort(at, kind="stable")
        found = _merged(take(found, order[(at[order] >= window.start) & (at[order] < window.end)]))
    return spoken(found)


def _merged(found: Columns) -> Columns:
    """Ascending rows with each instant once; of equal ones the later wins with what it says."""
    again = np.r_[False, np.diff(found.at) == 0] if len(found.at) else np.empty(0, dtype=bool)
    return lay_over(take(found, ~again), _merged(take(found, again))) if again.any() else found
