"""Cells through time: a heat map with a slider and a button that plays it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, number_format, plain, times
from dashboard.page import Table
from dashboard.scope import Scope
from plant.model import DAY, MINUTE

PACE = 350
"""How long a picture stands while it plays [ms]."""


@dataclass(frozen=True, slots=True)
class Player:
    """`column` of the table (its name, unit, decimals), `count` elements, `across` in each module, which stand side by side when they are
    known; from `reach` on, either side of zero, a value has its full colour. `one` is an element, `title` names the modules."""

    column: str
    name: str
    unit: str
    decimals: int
    count: int
    across: int
    is_known: bool
    reach: float
    one: str
    title: str
    play: str
    pause: str


def player(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `at` (epoch ms UTC) and the value, `count` rows per instant, in order; NaN = silent. The last instant is shown."""
    spec: Player = table.more["player"]
    at = np.asarray(table.columns["at"])[:: spec.count]
    values = np.asarray(table.columns[spec.column], dtype=np.float64).reshape(len(at), spec.count)
    names = _names(at, scope)
    pictures = [_picture(row, spec) for row in values]
    lines = -(-spec.count // spec.across)
    shape = (spec.across, lines) if spec.is_known else (lines, spec.across)
    numbers = [[_number(r, c, spec) for c in range(shape[1])] for r in range(shape[0])]
    trace: Figure = {
        "type": "heatmap",
        "z": pictures[-1],
        "zmin": -spec.reach,
        "zmax": spec.reach,
        "colorscale": theme.SCALES[scope.theme]["diverging"],
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "text": numbers,
        "hovertemplate": f"%{{text}}: %{{z:+{number_format(spec.decimals)}}} {spec.unit}<extra></extra>",
        "colorbar": {"outlinewidth": 0, "thickness": 9, "ticksuffix": f" {spec.unit}", "len": 1, "y": 0.5, "nticks": 5},
    }
    frames = [{"name": name, "data": [{"z": z}]} for name, z in zip(names, pictures, strict=True)]
    return {"data": [trace], "layout": _layout(spec, names, shape, scope), "frames": frames}


def _names(at: Any, scope: Scope) -> list[str]:
    """The instants as the site's clock shows them."""
    wall = np.asarray(times(at, scope), dtype="datetime64[ms]")
    if len(at) > 1 and at[-1] - at[0] >= DAY:
        return [str(one)[5:16].replace("T", " ") for one in wall]
    is_fine = bool((np.asarray(at) % MINUTE).any())
    return [str(one)[11 : 19 if is_fine else 16] for one in wall]


def _number(row: int, column: int, spec: Player) -> str:
    place = column * spec.across + row if spec.is_known else row * spec.across + column
    return f"{spec.one} {place + 1}"


def _picture(row: Any, spec: Player) -> list[list[float | None]]:
    lines = -(-spec.count // spec.across)
    matrix = np.pad(row, (0, lines * spec.across - spec.count), constant_values=np.nan).reshape(lines, spec.across)
    return [plain(one, spec.decimals) for one in (matrix.T if spec.is_known else matrix)]


def _layout(spec: Player, names: list[str], shape: tuple[int, int], scope: Scope) -> Figure:
    ramp = theme.RAMPS[scope.theme]
    at_once = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    playing = {"fromcurrent": True, "frame": {"duration": PACE, "redraw": True}, "transition": {"duration": 0}}
    button = {"method": "animate", "visible": True}
    axis = {"tickmode": "array", "showspikes": False, "zeroline": False, "fixedrange": True, "showgrid": False}
    steps_x = range(0, shape[1], 1 if shape[1] <= 24 else 4)
    steps_y = range(0, shape[0], 1 if shape[0] <= 6 else 3)
    return {
        "hovermode": "closest",
        "dragmode": False,
        "margin": {"l": 28, "t": 8, "r": 86, "b": 118},
        "xaxis": {**axis, "tickvals": list(steps_x), "ticktext": [str(n + 1) for n in steps_x], "title": {"text": spec.title}},
        "yaxis": {**axis, "tickvals": list(steps_y), "ticktext": [str(n + 1) for n in steps_y], "autorange": "reversed"},
        "sliders": [
            {
                "active": len(names) - 1,
                "x": 0.28,
                "len": 0.72,
                "y": 0,
                "pad": {"t": 44, "b": 0},
                "currentvalue": {"visible": True, "xanchor": "left", "font": {"size": 12, "color": ramp["text"]}, "offset": 6},
                "font": {"size": 10, "color": ramp["muted"]},
                "bgcolor": ramp["raised"],
                "bordercolor": ramp["line"],
                "activebgcolor": ramp["accent"],
                "tickcolor": ramp["line"],
                "minorticklen": 0,
                "steps": [{"label": name, "method": "animate", "args": [[name], at_once]} for name in names],
            }
        ],
        "updatemenus": [
            {
                "type": "buttons",
                "direction": "left",
                "showactive": False,
                "x": 0,
                "xanchor": "left",
                "y": 0,
                "yanchor": "top",
                "pad": {"t": 56, "r": 8},
                "bgcolor": ramp["raised"],
                "bordercolor": ramp["line"],
                "font": {"size": 12, "color": ramp["text"]},
                "buttons": [
                    {**button, "label": spec.play, "args": [None, playing]},
                    {**button, "label": spec.pause, "args": [[None], at_once]},
                ],
            }
        ],
    }
