"""The balance of the site over time: what feeds it above zero, what it uses below, each hour adding up to the same height."""

from dataclasses import dataclass

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, number_format, plain, time_axis, times, value_axis
from dashboard.page import Table
from dashboard.scope import Scope


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of the balance: column of the table, name and sentence of the legend and pointer, colour, and its sign in the picture."""

    column: str
    name: str
    meaning: str
    sign: int


@dataclass(frozen=True, slots=True)
class Stack:
    """Layers over one window [epoch ms UTC] in buckets of `width` ms; `line` is a column drawn as a line on top (or "")."""

    layers: tuple[Layer, ...]
    start: int
    end: int
    width: int
    unit: str = "kW"
    decimals: int = 0


def stack(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `at` (start of each bucket, epoch ms UTC) and one float64 column per layer, not negative, NaN where nothing was
    said: there no bar stands, where an area would slide down to zero. Bars are centred on their bucket."""
    spec: Stack = table.more["stack"]
    x = times(np.asarray(table.columns["at"]) + spec.width // 2, scope)
    shape = number_format(spec.decimals)
    data = []
    for layer in spec.layers:
        numbers = np.asarray(table.columns[layer.column], dtype=np.float64)
        colour = theme.colour(layer.meaning, scope.theme)
        data.append(
            {
                "type": "bar",
                "x": x,
                "y": plain(layer.sign * numbers, spec.decimals),
                "name": layer.name,
                "width": spec.width,
                "marker": {"color": colour, "line": {"width": 0}},
                "hovertemplate": f"{layer.name} %{{y:{shape}}} {spec.unit}<extra></extra>",
            }
        )
    layout = {
        "barmode": "relative",
        "bargap": 0,
        "xaxis": time_axis(scope, spec.start, spec.end),
        "yaxis": value_axis(spec.unit, spec.decimals, zeroline=True, zerolinecolor=theme.colour("faint", scope.theme)),
    }
    return {"data": data, "layout": layout}
