"""Bars over names: MPPTs, cells, strings; marked ones stand out by an outline, not by colour alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, Limit, limit_marks, number_format, padded, plain, value_axis
from dashboard.page import Table
from dashboard.scope import Scope

WRITTEN = 12
"""Up to this many bars carry their value."""


@dataclass(frozen=True, slots=True)
class Group:
    """One row of bars: its column, name, unit and colour. `zoom` fits the axis to the values (voltages), else it starts at zero."""

    column: str
    name: str
    unit: str
    decimals: int
    meaning: str
    zoom: bool = False
    least: float = 0.0
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """Groups above each other over the same names (table column `name`); the optional bool columns `mark` and `second` single out bars
    worth a look and bars in another state (called `second_name`), `note` is the sentence under the pointer,
    `title` names the names."""

    groups: tuple[Group, ...]
    mark: str = ""
    second: str = ""
    second_meaning: str = "warning"
    second_name: str = ""
    title: str = ""


def bars(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `name` [n] and one float64 column per group, NaN = silent (no bar)."""
    spec: Bars = table.more["bars"]
    names = [str(name) for name in table.columns["name"]]
    data = []
    layout: dict[str, Any] = {
        "hovermode": "closest",
        "bargap": 0.18,
        "showlegend": len(spec.groups) > 1,
        "shapes": [],
        "annotations": [],
        "xaxis": _names(names, spec.title),
        "dragmode": False,
    }
    height = 1 / len(spec.groups)
    for place, group in enumerate(spec.groups):
        axis, anchor = ("yaxis", "y") if place == 0 else (f"yaxis{place + 1}", f"y{place + 1}")
        data.append(_trace(table, spec, group, names, anchor, scope))
        layout[axis], span = _axis(table, group)
        if len(spec.groups) > 1:
            layout[axis]["domain"] = [
                1 - (place + 1) * height + (0.03 if place + 1 < len(spec.groups) else 0),
                1 - place * height - (0.03 if place else 0),
            ]
        shapes, notes = limit_marks(group.limits, scope, span)
        for mark in (*shapes, *notes):
            mark["yref"] = anchor
        layout["shapes"] += shapes
        layout["annotations"] += notes
    if spec.second and spec.second_name:  # a key only: the bars themselves stay one trace, which live frames renew
        data.append(
            {
                "type": "bar",
                "x": [0],
                "y": [None],
                "name": spec.second_name,
                "marker": {"color": theme.colour(spec.second_meaning, scope.theme)},
            }
        )
        layout |= {"showlegend": True, "barmode": "overlay"}
    if len(spec.groups) > 1:
        layout["xaxis"]["anchor"] = f"y{len(spec.groups)}"
    return {"data": data, "layout": layout}


def _names(names: list[str], title: str) -> dict[str, Any]:
    """Places with their names as ticks: on a category axis plotly would take names that look like numbers for places."""
    step = 1 if len(names) <= 16 else -(-len(names) // 12)
    shown = range(0, len(names), step)
    return {
        "tickmode": "array",
        "tickvals": list(shown),
        "ticktext": [names[i] for i in shown],
        "range": [-0.6, len(names) - 0.4],
        "showspikes": False,
        "fixedrange": True,
        "tickangle": 0,
        "zeroline": False,
        "title": {"text": title},
    }


def _trace(table: Table, spec: Bars, group: Group, names: list[str], anchor: str, scope: Scope) -> Figure:
    colour = theme.colour(group.meaning, scope.theme)
    second = np.asarray(table.columns[spec.second], dtype=bool) if spec.second else np.zeros(len(names), dtype=bool)
    mark = np.asarray(table.columns[spec.mark], dtype=bool) if spec.mark else np.zeros(len(names), dtype=bool)
    other = theme.colour(spec.second_meaning, scope.theme)
    edge = theme.colour("alarm", scope.theme)
    trace: Figure = {
        "type": "bar",
        "x": list(range(len(names))),
        "y": plain(table.columns[group.column], group.decimals),
        "name": group.name,
        "yaxis": anchor,
        "marker": {
            "color": [other if is_second else colour for is_second in second] if second.any() else colour,
            "line": {"color": edge, "width": [2 if is_marked else 0 for is_marked in mark] if mark.any() else 0},
        },
        "hovertext": names,
        "hovertemplate": f"%{{hovertext}}: {group.name} %{{y:{number_format(group.decimals)}}} {group.unit}<extra></extra>",
    }
    if len(names) <= WRITTEN and len(spec.groups) == 1:
        trace |= {
            "texttemplate": f"%{{y:{number_format(group.decimals)}}}",
            "textposition": "inside",
            "insidetextanchor": "end",
            "insidetextfont": {"color": theme.RAMPS[scope.theme]["on-accent"]},
            "textangle": 0,
        }
    if "note" in table.columns and len(spec.groups) == 1:
        trace |= {"hovertext": [str(note) for note in table.columns["note"]], "hovertemplate": "%{hovertext}<extra></extra>"}
    return trace


def _axis(table: Table, group: Group) -> tuple[dict[str, Any], tuple[float, float] | None]:
    axis = value_axis(group.unit, group.decimals)
    values = np.asarray(table.columns[group.column], dtype=np.float64)
    span = padded([values], 0.15, group.least)
    if span is None:
        return axis, None
    if not group.zoom:
        span = (span[0] if np.nanmin(values) < 0 else 0.0, span[1])
    axis["range"] = list(span)
    return axis, span
