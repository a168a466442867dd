"""Buckets cut by the database: one GROUP BY a table, and a look at the last value of each bucket."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from datastore import rollup
from datastore.backends.solarhub.clocks import bucket_key, first_key
from datastore.backends.solarhub.mapping import Place
from datastore.backends.solarhub.numbers import scaled
from datastore.backends.solarhub.query import Cell, Query
from datastore.ports import Instants
from plant.model import Window

SAMPLE = 1000
"""So many gaps between readings tell the typical one, which coverage is counted with."""
LOOKED_UP = 500

Last = dict[Any, list[tuple[str, int]]]
"""Moment, as the table has it → metrics and buckets whose last value is from then."""


def buckets(query: Query, cells: Sequence[Cell], window: Window, until: int, width: int, zone: str) -> Mapping[str, rollup.Stats]:
    """Metric → STATS [buckets, 1] between `rollup.edges(window, width, zone)` of what was made before `until` [epoch ms]. What is held
    is the buckets, however many rows there are."""
    if query.table.narrow:
        return {cell.place.metric: _grouped(query, [cell], window, until, width, zone)[cell.place.metric] for cell in cells}
    return _grouped(query, cells, window, until, width, zone) if cells else {}


def _grouped(query: Query, cells: Sequence[Cell], window: Window, until: int, width: int, zone: str) -> Mapping[str, rollup.Stats]:
    bounds = rollup.edges(window, width, zone)
    stats = {cell.place.metric: rollup.empty(len(bounds) - 1, 1) for cell in cells}
    within = query.within(window.start, min(window.end, until))
    where, values = query.where(within, cells[0].where), cells[0].values
    last = _put_sums(query, cells, stats, window, width, zone, where)
    _put_last(query, cells, stats, last, where, values)
    gaps: dict[bytes, float] = {}
    for cell in cells:
        found = stats[cell.place.metric]
        alike = found["n"].tobytes()  # metrics that speak alike share their typical gap
        if alike not in gaps:
            gaps[alike] = _typical_gap(query, cell, within)
        _finish(cell.place, found, bounds, gaps[alike])
    return stats


def _put_sums(
    query: Query, cells: Sequence[Cell], stats: Mapping[str, rollup.Stats], window: Window, width: int, zone: str, where: str
) -> Last:
    """n, min, max and sum of each bucket, unscaled, in place. Returns where the last values are from."""
    utc = query.table.clock.utc(query.time, window.start, window.end)
    what = [f"{bucket_key(utc, width, zone, window.start, window.end)} AS k"]
    for cell in cells:
        (one,) = cell.expressions
        what += [f"COUNT({one})", f"MIN({one})", f"MAX({one})", f"SUM({one})", f"MAX(CASE WHEN {one} IS NOT NULL THEN {query.time} END)"]
    base, count = first_key(width, zone, window.start), len(stats[cells[0].place.metric])
    last: Last = {}
    for part in query.parts(query.select(what, where, "GROUP BY k ORDER BY NULL"), cells[0].values):
        for row in part:
            bucket = int(row[0]) - base
            if not 0 <= bucket < count:
                continue  # an hour that the clocks leave out
            for number, cell in enumerate(cells):
                n, low, high, total, moment = row[1 + 5 * number : 6 + 5 * number]
                if n:
                    stats[cell.place.metric][bucket, 0] = (n, 0.0, low, high, np.nan, total)
                    last.setdefault(moment, []).append((cell.place.metric, bucket))
    return last


def _put_last(
    query: Query, cells: Sequence[Cell], stats: Mapping[str, rollup.Stats], last: Last, where: str, values: Sequence[Any]
) -> None:
    """The last value of each bucket, looked up at the moment it is from, in place."""
    names = [cell.place.metric for cell in cells]
    moments = sorted(last)
    what = [query.time, *(cell.expressions[0] for cell in cells)]
    for start in range(0, len(moments), LOOKED_UP):
        asked = moments[start : start + LOOKED_UP]
        chosen = f"{query.time} BETWEEN %s AND %s AND {query.time} IN ({', '.join(['%s'] * len(asked))})"
        for row in query.rows(query.select(what, f"{where} AND {chosen}"), (*values, asked[0], asked[-1], *asked)):
            spoken = dict(zip(names, row[1:], strict=True))
            for metric, bucket in last.get(row[0], ()):
                if spoken[metric] is not None:
                    stats[metric]["last"][bucket, 0] = spoken[metric]


def _typical_gap(query: Query, cell: Cell, within: str) -> float:
    """Median distance of the first readings of a window [ms]; 0 for fewer than two. All gaps count where there are at most SAMPLE."""
    where = query.where(within, cell.where, cell.speaks)
    sql = query.select([query.local], where, f"ORDER BY {query.time} LIMIT {SAMPLE + 1}")
    at = np.array([row[0] for row in query.rows(sql, cell.values)], dtype=np.int64)
    return float(np.median(np.diff(query.table.clock.to_utc(at)))) if len(at) > 1 else 0.0


def _finish(place: Place, stats: rollup.Stats, bounds: Instants, gap: float) -> None:
    """Coverage, scale and offset, in place; `gap` is the typical distance of readings [ms], 0 = unknown."""
    n, widths = stats["n"][:, 0].astype(np.float64), np.diff(bounds)
    covered = np.fmin(n * gap, widths) if gap else widths
    stats["coverage"][:, 0] = np.where(n > 0, covered, 0) / 1000
    ends = [scaled(place, stats[name][:, 0].copy()) for name in ("min", "max")]
    stats["min"][:, 0], stats["max"][:, 0] = np.fmin(*ends), np.fmax(*ends)
    stats["last"][:, 0] = scaled(place, stats["last"][:, 0].copy())
    total = scaled(replace(place, offset=0.0), stats["sum"][:, 0].copy())
    stats["sum"][:, 0] = total + n * place.offset
