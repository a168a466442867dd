"""A heat map of things in rows and columns: racks of units, cells of modules, strings of MPPTs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, number_format, plain
from dashboard.page import Table
from dashboard.scope import Scope
from plant.quantity import DASH

FRAME = 0.42
"""Half the side of the frame around a marked element, of an element's: inside it, and clear of a number in its middle."""


@dataclass(frozen=True, slots=True)
class Heat:
    """How a table of one value per element becomes a picture: `rows` × `columns` names, quantity, colour scale, `low`…`high` of the scale
    (None = from the values, at least `least` wide). `column` names the table's value column; optional columns are `row`, `column` (places),
    `mark` (bool: worth a look), `note` (whom the pointer names), `href` (what a click opens).
    `numbers` writes the values into the fields with so many decimals; `lane` frames a whole column; `tail` ends the pointer's sentence."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    value: str
    unit: str
    decimals: int
    scale: str = "level"
    low: float | None = None
    high: float | None = None
    least: float = 0.0
    row_title: str = ""
    column_title: str = ""
    numbers: int | None = None
    selected: tuple[int, int] | None = None
    middle: float | None = None
    lane: int | None = None
    tail: str = ""


def heat(table: Table, scope: Scope) -> Figure:
    """`table.columns` are flat, one element each: `row`, `column` (0-based places) and `table.more["heat"].value`; NaN = silent, drawn as
    an empty field with a dash. Marked elements carry a frame inside, the selected one a frame around."""
    spec: Heat = table.more["heat"]
    places, shape, z = where(table), (len(spec.rows), len(spec.columns)), as_matrix(table)
    low, high = scale_range(z, spec)
    ramp = theme.RAMPS[scope.theme]
    trace: Figure = {
        "type": "heatmap",
        "z": grid(z, spec.decimals),
        "x": list(range(shape[1])),
        "y": list(range(shape[0])),
        "zmin": low,
        "zmax": high,
        "colorscale": theme.SCALES[scope.theme][spec.scale],
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
        "colorbar": {
            "outlinewidth": 0,
            "thickness": 9,
            "ticksuffix": f" {spec.unit}" if spec.unit else "",
            "len": 1,
            "y": 0.5,
            "xpad": 6,
            "nticks": 5,
            "tickfont": {"size": 10, "color": ramp["muted"]},
            "tickformat": number_format(_tick_decimals(low, high, spec.decimals)),
        },
        "text": texts(table, spec, places, shape),
        "hovertemplate": hover(spec),
    }
    if "href" in table.columns:
        trace["customdata"] = spread(table.columns["href"], places, shape, "")
    if spec.numbers is not None:
        trace["texttemplate"] = f"%{{z:{number_format(spec.numbers)}}}"
        trace["textfont"] = {"size": 10}
    return {"data": [trace, *_marks(table, places, scope)], "layout": _layout(spec, z, scope)}


def hover(spec: Heat) -> str:
    """What the pointer says of an element: who it is, its value, and what all have in common."""
    return f"%{{text}}: %{{z:{number_format(spec.decimals)}}} {spec.unit}".rstrip() + spec.tail + "<extra></extra>"


def where(table: Table) -> tuple[Any, Any]:
    """The places of the elements as index arrays."""
    return np.asarray(table.columns["row"], dtype=np.int64), np.asarray(table.columns["column"], dtype=np.int64)


def as_matrix(table: Table) -> Any:
    """The values in their places, float64 [rows, columns], NaN where nothing was said or no element is."""
    spec: Heat = table.more["heat"]
    z = np.full((len(spec.rows), len(spec.columns)), np.nan)
    z[where(table)] = np.asarray(table.columns[spec.value], dtype=np.float64)
    return z


def scale_range(z: Any, spec: Heat) -> tuple[float, float]:
    """Ends of the colour scale: as given, else of the values, symmetric around `middle` when there is one, at least `least` wide."""
    spoken = z[np.isfinite(z)]
    low = spec.low if spec.low is not None else float(spoken.min()) if spoken.size else 0.0
    high = spec.high if spec.high is not None else float(spoken.max()) if spoken.size else 1.0
    if spec.middle is not None:
        reach = max(abs(low - spec.middle), abs(high - spec.middle), spec.least / 2) or 1.0
        return spec.middle - reach, spec.middle + reach
    if high - low < spec.least:
        if spec.low is None:
            low = (low + high - spec.least) / 2 if spec.high is None else high - spec.least
        high = low + spec.least
    return low, high if high > low else low + 1.0


def grid(z: Any, decimals: int) -> list[list[float | None]]:
    """A matrix as plain lists."""
    return [plain(row, decimals) for row in z]


def spread(values: Any, places: tuple[Any, Any], shape: tuple[int, int], nothing: Any) -> list[list[Any]]:
    """Flat values put to their places in a matrix."""
    matrix: list[list[Any]] = [[nothing] * shape[1] for _ in range(shape[0])]
    for row, column, value in zip(places[0].tolist(), places[1].tolist(), values, strict=True):
        matrix[row][column] = value
    return matrix


def texts(table: Table, spec: Heat, places: tuple[Any, Any], shape: tuple[int, int]) -> list[list[str]]:
    """Whom the pointer names on each element: its note, else "row, column"."""
    if "note" in table.columns:
        return spread(table.columns["note"], places, shape, "")
    return [[f"{row}, {column}" for column in spec.columns] for row in spec.rows]


def _marks(table: Table, places: tuple[Any, Any], scope: Scope) -> list[Figure]:
    marks = np.asarray(table.columns.get("mark", ()), dtype=bool)
    if not marks.any():
        return []
    x: list[float | None] = []
    y: list[float | None] = []
    for row, column in zip(places[0][marks].tolist(), places[1][marks].tolist(), strict=True):
        x += [column + side for side in (-FRAME, FRAME, FRAME, -FRAME, -FRAME)] + [None]
        y += [row + side for side in (-FRAME, -FRAME, FRAME, FRAME, -FRAME)] + [None]
    shared = {"type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip", "showlegend": False}
    # on a dark ground, so that the frame stands out from every colour of the scale
    inks = ((theme.RAMPS[scope.theme]["surface"], 5), (theme.colour("warning", scope.theme), 2))
    return [{**shared, "line": {"color": colour, "width": width}} for colour, width in inks]


def _layout(spec: Heat, z: Any, scope: Scope) -> dict[str, Any]:
    silent = np.argwhere(~np.isfinite(z))
    ramp = theme.RAMPS[scope.theme]
    layout: dict[str, Any] = {
        "hovermode": "closest",
        "dragmode": False,
        "margin": {"l": 60, "t": 8, "r": 64, "b": 43},
        "xaxis": _names(spec.columns, spec.column_title) | {"fixedrange": True},
        "yaxis": _names(spec.rows, spec.row_title) | {"autorange": "reversed", "fixedrange": True, "showgrid": False},
        "annotations": []
        if len(silent) > 60
        else [
            {"x": int(c), "y": int(r), "text": DASH, "showarrow": False, "font": {"size": 11, "color": ramp["faint"]}} for r, c in silent
        ],
        "shapes": [],
    }
    if spec.selected is not None:
        row, column = spec.selected
        layout["shapes"].append(_frame((column, column), (row, row), ramp["text"]))
    if spec.lane is not None:
        layout["shapes"].append(_frame((spec.lane, spec.lane), (0, len(spec.rows) - 1), ramp["text"]))
    return layout


def _frame(columns: tuple[int, int], rows: tuple[int, int], colour: str) -> Figure:
    """A frame around elements, from the first to the last column and row."""
    return {
        "type": "rect",
        "layer": "above",
        "x0": columns[0] - 0.5,
        "x1": columns[1] + 0.5,
        "y0": rows[0] - 0.5,
        "y1": rows[1] + 0.5,
        "line": {"color": colour, "width": 2},
        "fillcolor": "rgba(0,0,0,0)",
    }


def _names(names: tuple[str, ...], title: str) -> dict[str, Any]:
    step = 1 if len(names) <= 16 else 2 if len(names) <= 24 else 4
    shown = range(0, len(names), step)
    axis: dict[str, Any] = {
        "tickmode": "array",
        "tickvals": list(shown),
        "ticktext": [names[i] for i in shown],
        "showspikes": False,
        "tickangle": 0,
        "zeroline": False,
    }
    return axis | {"title": {"text": title}} if title else axis


def _tick_decimals(low: float, high: float, decimals: int) -> int:
    return 0 if high - low >= 20 else decimals
