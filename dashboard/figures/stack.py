"""The balance of the site over time: what feeds it above zero, what it uses below, each hour adding up to the same height."""

from dataclasses import dataclass

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, differing, number_format, plain, remark, time_axis, times, value_axis
from dashboard.figures.notes import noted
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
    """Layers over one window [epoch ms UTC] in buckets of `width` ms; `then` is drawn as a dashed line: what all that feeds came to in the
    period it is compared with, called `total`. `remark` is a sentence at the top right."""

    layers: tuple[Layer, ...]
    start: int
    end: int
    width: int
    unit: str = "kW"
    decimals: int = 0
    then: Layer | None = None
    remark: str = ""
    total: str = ""


def stack(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `at` (start of each bucket, epoch ms UTC) and one float64 column per layer, not negative, NaN where nothing was
    said. Steps centred on their buckets, nothing where one is silent; each layer is one shape, where bars would be a thousand."""
    spec: Stack = table.more["stack"]
    at = np.asarray(table.columns["at"])
    # a step ends halfway to the next point: silent ones around make the outer steps whole, but behind the newest new ones will come
    ends = (1, int(not scope.follows)) if len(at) else (0, 0)
    x = times(np.r_[at[:1][: ends[0]] - spec.width, at, at[-1:][: ends[1]] + spec.width] + spec.width // 2, scope)
    shape = number_format(spec.decimals)
    data = []
    for layer in spec.layers:
        numbers = np.asarray(table.columns[layer.column], dtype=np.float64)
        colour = theme.colour(layer.meaning, scope.theme)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": plain(layer.sign * np.pad(numbers, ends, constant_values=np.nan), spec.decimals),
                "name": layer.name,
                "stackgroup": "feeds" if layer.sign > 0 else "uses",
                "fillcolor": colour,
                "line": {"width": 0, "shape": "hvh", "color": colour},
                "hovertemplate": f"{layer.name} %{{y:{shape}}} {spec.unit}<extra></extra>",
            }
        )
    if spec.then:
        data.append(_then(table, spec, spec.then, times(at + spec.width // 2, scope), scope))
    layout = {
        "annotations": remark(spec.remark),
        "legend": {"traceorder": "normal"},
        "xaxis": time_axis(scope, spec.start, spec.end),
        "yaxis": value_axis(spec.unit, spec.decimals, zeroline=True, zerolinecolor=theme.colour("faint", scope.theme)),
    }
    return noted({"data": data, "layout": layout}, table, scope, spec.start, spec.end)


def _then(table: Table, spec: Stack, line: Layer, x: list[int], scope: Scope) -> Figure:
    """The dashed line, and under the pointer how much more feeds the site now."""
    y = np.asarray(table.columns[line.column], dtype=np.float64)
    fed = np.array([np.asarray(table.columns[layer.column], dtype=np.float64) for layer in spec.layers if layer.sign > 0])
    style = {"color": theme.colour(line.meaning, scope.theme), "width": 1.7, "dash": "dash"}
    said = f"{spec.total} · {line.name} %{{y:{number_format(spec.decimals)}}} {spec.unit}%{{hovertext}}<extra></extra>"
    apart = differing(fed.sum(axis=0) - y, spec.unit, spec.decimals)
    shared = {"x": x, "y": plain(y, spec.decimals), "name": line.name, "hovertext": apart, "hovertemplate": said}
    return {"type": "scatter", "mode": "lines", **shared, "connectgaps": False, "line": style}
