"""From what could have been to what came, one step a row: each bar begins where the one above it ended."""

from dataclasses import dataclass

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, value_axis
from dashboard.page import Table
from dashboard.scope import Scope
from plant.quantity import quantity

ROOM = 0.3
"""Share of the axis left free at its right end, for the numbers beside the bars."""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Rows from top to bottom: table columns `name`, `value` (a loss is positive), `is_total` (stands on zero) and `note` (the sentence
    under the pointer); `title` stands below the axis."""

    unit: str
    decimals: int
    title: str = ""


def waterfall(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `name`, `value` [n] float64, `is_total` [n] bool, `note` [n]. Gains, which are negative losses, go to the right."""
    spec: Waterfall = table.more["waterfall"]
    values = np.asarray(table.columns["value"], dtype=np.float64)
    totals = np.asarray(table.columns["is_total"], dtype=bool)
    names = [str(name) for name in table.columns["name"]]
    bases, lengths, inks, texts = [], [], [], []
    level = 0.0
    for value, is_total in zip(values.tolist(), totals.tolist(), strict=True):
        after = value if is_total else level - value
        base = 0.0 if is_total else min(level, after)
        bases.append(round(base, spec.decimals + 1))
        lengths.append(round(value if is_total else abs(value), spec.decimals + 1))
        inks.append("pv" if is_total and bases[1:] else "target" if is_total else "warning" if value > 0 else "good")
        texts.append(quantity(value, spec.unit, spec.decimals) if is_total else quantity(0.0 - value, spec.unit, spec.decimals))
        level = after
    most = max((base + length for base, length in zip(bases, lengths, strict=True)), default=1.0)
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": list(range(len(names))),
        "x": lengths,
        "base": bases,
        "marker": {"color": [theme.colour(ink, scope.theme) for ink in inks]},
        "text": texts,
        "textposition": ["auto" if is_total else "outside" for is_total in totals.tolist()],
        "insidetextanchor": "end",
        "insidetextfont": {"color": theme.RAMPS[scope.theme]["on-accent"]},
        "cliponaxis": False,
        "hovertext": [str(note) for note in table.columns["note"]],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    layout = {
        "hovermode": "closest",
        "bargap": 0.3,
        "showlegend": False,
        "dragmode": False,
        "xaxis": {
            **value_axis(spec.unit, 0),
            "range": [0, most * (1 + ROOM) or 1],
            "nticks": 5,
            "fixedrange": True,
            "title": {"text": spec.title},
        },
        "yaxis": {
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "autorange": False,
            "range": [len(names) - 0.4, -0.6],
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
    }
    return {"data": [trace], "layout": layout}
