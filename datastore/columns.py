"""`Columns` cut, joined and laid over each other. Pure numpy; nothing here knows a store."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from datastore.ports import Columns, Instants, Numbers
from plant.metrics import CATALOGUE
from plant.model import DAY, Window


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


def with_all(columns: Columns, metrics: Sequence[str]) -> Columns:
    """The same readings with a column for each of `metrics`, silent where there was none."""
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


def ascending(columns: Columns) -> Columns:
    """By time, each instant once (the later of equal ones wins)."""
    if len(columns.at) < 2 or bool((np.diff(columns.at) > 0).all()):
        return columns
    order = np.argsort(columns.at, kind="stable")
    last = np.r_[np.diff(columns.at[order]) != 0, True]
    return take(columns, order[last])
