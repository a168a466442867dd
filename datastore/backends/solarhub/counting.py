"""How many readings a foreign table has of each metric. Counting reads the whole table once; afterwards only what is newer."""

from collections.abc import Sequence
from dataclasses import dataclass

from datastore.backends.solarhub.query import Cell, Query
from plant.model import DAY

_FOR_EVER = 100 * 365 * DAY


@dataclass(frozen=True, slots=True)
class Count:
    """Instants of the first and the last row [epoch ms], readings per metric."""

    first: int
    last: int
    rows: dict[str, int]


def count(query: Query, cells: Sequence[Cell], known: Count | None = None) -> Count | None:
    """The count, going on from `known`; None when there is nothing."""
    after = query.within(known.last + 1, known.last + _FOR_EVER) if known else ""
    found = (_narrow if query.table.narrow else _wide)(query, cells, after)
    if known is None or found is None:
        return found or known
    return Count(
        known.first, found.last, {name: known.rows.get(name, 0) + found.rows.get(name, 0) for name in {**known.rows, **found.rows}}
    )


def _wide(query: Query, cells: Sequence[Cell], after: str) -> Count | None:
    what = [f"MIN({query.local})", f"MAX({query.local})", *(f"SUM({cell.speaks})" for cell in cells)]
    ((first, last, *found),) = query.rows(query.select(what, query.where(after)))
    if first is None:
        return None
    return Count(query.utc(first), query.utc(last), {cell.place.metric: int(n) for cell, n in zip(cells, found, strict=True) if n})


def _narrow(query: Query, cells: Sequence[Cell], after: str) -> Count | None:
    what = [f"MIN({query.local})", f"MAX({query.local})", f"COUNT(DISTINCT {query.time})"]
    found = {}
    for cell in cells:
        ((first, last, n),) = query.rows(query.select(what, query.where(after, cell.where, cell.speaks)), cell.values)
        if n:
            found[cell.place.metric] = (query.utc(first), query.utc(last), int(n))
    if not found:
        return None
    firsts, lasts, _ = zip(*found.values(), strict=True)
    return Count(min(firsts), max(lasts), {metric: n for metric, (_, _, n) in found.items()})
