"""One quantity over another: points by group with their median lines, the newest point, and a circle no point should leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, number_format, padded, plain
from dashboard.page import Table
from dashboard.scope import Scope


@dataclass(frozen=True, slots=True)
class Axis:
    """The column of one axis, its name, unit and decimals; `low`…`high` are values it shows at least."""

    column: str
    name: str
    unit: str
    decimals: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The points whose column `group` is `key`: their name and the meaning of their colour; `line` are (x, y) of a line through them."""

    key: str
    name: str
    meaning: str
    line: tuple[Sequence[float], Sequence[float]] = ((), ())


@dataclass(frozen=True, slots=True)
class Scatter:
    """`now` is the newest point (called `now_name`; None = not known), `radius` draws a circle around the origin (called `circle_name`) and
    makes both axes equally long per unit."""

    x: Axis
    y: Axis
    groups: tuple[Group, ...]
    now: tuple[float, float] | None = None
    now_name: str = ""
    radius: float | None = None
    circle_name: str = ""


def scatter(table: Table, scope: Scope) -> Figure:
    """`table.columns`: one float64 column per axis and `group`, all [n]; NaN = no point. Trace 0 is the newest point, which
    live frames move."""
    spec: Scatter = table.more["scatter"]
    data = [_now(spec, scope), *_circle(spec, scope)]
    for group in spec.groups:
        data += _points(table, spec, group, scope)
    x, y = _range(table, spec.x, spec), _range(table, spec.y, spec)
    layout: dict[str, Any] = {
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": _axis(spec.x, x) | {"showgrid": True, "showspikes": False, "gridcolor": theme.RAMPS[scope.theme]["grid"]},
        "yaxis": _axis(spec.y, y),
        "showlegend": True,
    }
    if spec.radius:
        layout["xaxis"] |= {"zeroline": True, "constrain": "domain"}
        layout["yaxis"] |= {"zeroline": True, "scaleanchor": "x", "scaleratio": 1, "constrain": "domain"}
    return {"data": data, "layout": layout}


def moved(spec: Scatter) -> dict[str, Any]:
    """The keys of a live frame that put the newest point to its place."""
    x, y = spec.now or (None, None)
    return {"restyle": [{"set": {"x": [[x]], "y": [[y]]}, "traces": [0]}]}


def _said(spec: Scatter) -> str:
    parts = (f"%{{{letter}:{number_format(axis.decimals)}}} {axis.unit}".rstrip() for letter, axis in (("y", spec.y), ("x", spec.x)))
    y, x = parts
    return f"{spec.y.name} {y}, {spec.x.name} {x}"


def _now(spec: Scatter, scope: Scope) -> Figure:
    x, y = spec.now or (None, None)
    ink = theme.RAMPS[scope.theme]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x],
        "y": [y],
        "name": spec.now_name,
        "zorder": 3,
        "marker": {"size": 11, "color": ink["accent"], "line": {"color": ink["text"], "width": 2}},
        "hovertemplate": f"{spec.now_name}: {_said(spec)}<extra></extra>",
    }


def _circle(spec: Scatter, scope: Scope) -> list[Figure]:
    if not spec.radius:
        return []
    angle = np.linspace(0, 2 * np.pi, 97)
    colour = theme.colour("limit", scope.theme)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": plain(spec.radius * np.cos(angle), spec.x.decimals),
            "y": plain(spec.radius * np.sin(angle), spec.y.decimals),
            "name": spec.circle_name,
            "line": {"color": colour, "width": 1.2, "dash": "dash"},
            "hoverinfo": "skip",
        }
    ]


def _points(table: Table, spec: Scatter, group: Group, scope: Scope) -> list[Figure]:
    mine = np.asarray(table.columns["group"]) == group.key
    x = np.asarray(table.columns[spec.x.column], dtype=np.float64)[mine]
    y = np.asarray(table.columns[spec.y.column], dtype=np.float64)[mine]
    told = np.isfinite(x) & np.isfinite(y)
    colour = theme.colour(group.meaning, scope.theme)
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": plain(x[told], spec.x.decimals),
        "y": plain(y[told], spec.y.decimals),
        "name": group.name,
        "marker": {"size": 6, "color": theme.tint(colour, 0.55)},
        "hovertemplate": f"{group.name}: {_said(spec)}<extra></extra>",
    }
    if not len(group.line[0]):
        return [points]
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": plain(np.asarray(group.line[0]), spec.x.decimals),
        "y": plain(np.asarray(group.line[1]), spec.y.decimals),
        "line": {"color": colour, "width": 2.2, "shape": "spline"},
        "showlegend": False,
        "hoverinfo": "skip",
        "zorder": 2,
    }
    return [points, line]


def _range(table: Table, axis: Axis, spec: Scatter) -> tuple[float, float] | None:
    if spec.radius:
        values = np.asarray(table.columns[axis.column], dtype=np.float64)
        reach = max(spec.radius, float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0)
        return -1.08 * reach, 1.08 * reach
    edges = np.array([edge for edge in (axis.low, axis.high, *_now_of(spec, axis)) if edge is not None], dtype=np.float64)
    return padded([np.asarray(table.columns[axis.column], dtype=np.float64), edges], 0.04, 10.0**-axis.decimals)


def _now_of(spec: Scatter, axis: Axis) -> tuple[float, ...]:
    return () if spec.now is None else (spec.now[0 if axis is spec.x else 1],)


def _axis(axis: Axis, span: tuple[float, float] | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "title": {"text": axis.name},
        "ticksuffix": f" {axis.unit}" if axis.unit else "",
        "separatethousands": True,
        "nticks": 5 if axis.high is None else 8,
        "tickangle": 0,
        "zeroline": False,
        "fixedrange": True,
    }
    return shown | ({"range": list(span)} if span else {})
