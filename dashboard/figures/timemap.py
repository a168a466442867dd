"""Deviations of many like things over time: time across, things downwards, one colour on either side of what is expected."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, number_format, plain, time_axis, times
from dashboard.page import Table
from dashboard.scope import Scope


@dataclass(frozen=True, slots=True)
class TimeMap:
    """`column` of the table, its unit and decimals; `count` things; buckets of `width` ms in the window `start`…`end` [epoch ms UTC]; from
    twice `limit` on, either side of zero, a deviation has its full colour. `name` is one thing's, with `%{y}` for its number, `title`
    that of all."""

    column: str
    unit: str
    decimals: int
    count: int
    width: int
    start: int
    end: int
    limit: float
    name: str
    title: str


def timemap(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `at` (start of a bucket, epoch ms UTC), `string` (1…count) and the value, one row each; buckets nobody spoke in are
    left empty."""
    spec: TimeMap = table.more["map"]
    at = np.asarray(table.columns["at"], dtype=np.int64)
    starts = np.arange(spec.start, spec.end, spec.width)
    z = np.full((spec.count, len(starts)), np.nan)
    column = (at - spec.start) // spec.width
    inside = (column >= 0) & (column < len(starts))
    rows = np.asarray(table.columns["string"], dtype=np.int64) - 1
    z[rows[inside], column[inside]] = np.asarray(table.columns[spec.column], dtype=np.float64)[inside]
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": times(starts + spec.width // 2, scope),
        "y": list(range(1, spec.count + 1)),
        "z": [plain(row, spec.decimals) for row in z],
        "zmin": -2 * spec.limit,
        "zmax": 2 * spec.limit,
        "colorscale": theme.SCALES[scope.theme]["diverging"],
        "xgap": 0,
        "ygap": 1,
        "hoverongaps": False,
        "hovertemplate": f"{spec.name}, %{{x}}: %{{z:+{number_format(spec.decimals)}}} {spec.unit}<extra></extra>",
        "colorbar": {
            "outlinewidth": 0,
            "thickness": 9,
            "ticksuffix": f" {spec.unit}",
            "len": 1,
            "y": 0.5,
            "xpad": 6,
            "nticks": 5,
            "tickfont": {"size": 10, "color": theme.RAMPS[scope.theme]["muted"]},
        },
    }
    layout = {
        "hovermode": "closest",
        "margin": {"l": 60, "t": 8, "r": 64, "b": 43},
        "xaxis": time_axis(scope, spec.start, spec.end) | {"showspikes": False},
        "yaxis": {
            "autorange": "reversed",
            "fixedrange": True,
            "showgrid": False,
            "title": {"text": spec.title},
            "nticks": 9,
            "zeroline": False,
        },
    }
    return {"data": [trace], "layout": layout}
