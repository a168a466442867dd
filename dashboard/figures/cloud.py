"""Where the plant stood: seconds by frequency and power as a field of colour, the permitted band around it."""

from dataclasses import dataclass

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure
from dashboard.page import Table
from dashboard.scope import Scope

MOST = 12_000
"""More classes than this in the picture would only weigh; the table has them all."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """`unit` of the power (% or kW), widths of the classes, corners of the band (none without an award), its name, what is counted, the
    verdict in a sentence, and the titles of the axes."""

    unit: str
    hz_step: float
    power_step: float
    hz: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    name: str
    counted: str
    verdict: str
    hz_title: str
    power_title: str


def cloud(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `frequency` [Hz], `power`, `seconds`, one row per class; `table.more["envelope"]` is the Envelope. Colour grows with
    the logarithm: a class of a single second shall be seen beside one of an hour."""
    spec: Envelope = table.more["envelope"]
    hz, power = np.asarray(table.columns["frequency"], np.float64), np.asarray(table.columns["power"], np.float64)
    seconds = np.asarray(table.columns["seconds"], np.float64)
    x, y, z = _field(hz, power, seconds, spec)
    ramp = theme.RAMPS[scope.theme]
    most = max(1.0, float(np.log10(seconds.max())))
    marks = [10**k for k in range(int(most) + 1)]
    heat: Figure = {
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": [[None if not cell else round(float(np.log10(cell)), 3) for cell in row] for row in z.tolist()],
        "customdata": [[int(cell) for cell in row] for row in z.tolist()],
        "zmin": -0.6,  # the palest step of the scale is the ground: one second has to differ from it
        "zmax": most,
        "colorscale": theme.SCALES[scope.theme]["level"],
        "xgap": 0,
        "ygap": 0,
        "hoverongaps": False,
        "showlegend": False,
        "name": spec.counted,
        "hovertemplate": f"%{{x:.4f}} Hz, %{{y:,.0f}} {spec.unit}: %{{customdata:,d}} {spec.counted}<extra></extra>",
        "colorbar": {
            "outlinewidth": 0,
            "thickness": 9,
            "xpad": 6,
            "tickvals": [float(np.log10(mark)) for mark in marks],
            "ticktext": [f"{mark:,} s" if spec.unit == "%" else f"{mark:,}" for mark in marks],
            "tickfont": {"size": 10, "color": ramp["muted"]},
        },
    }
    return {"data": [heat, *_band(spec, scope)], "layout": _layout(spec, hz, power, scope)}


def _field(hz: object, power: object, seconds: object, spec: Envelope) -> tuple[list[float], list[float], np.ndarray]:
    """Class middles and the counts [power, frequency] between the outermost classes that have any."""
    across, up = np.asarray(hz), np.asarray(power)
    column = np.rint((across - across.min()) / spec.hz_step).astype(np.int64)
    row = np.rint((up - up.min()) / spec.power_step).astype(np.int64)
    shape = int(row.max()) + 1, int(column.max()) + 1
    fold = max(1, -(-shape[0] * shape[1] // MOST))
    z = np.zeros((-(-shape[0] // fold), shape[1]))
    np.add.at(z, (row // fold, column), np.asarray(seconds))
    x = [round(float(across.min() + k * spec.hz_step), 5) for k in range(z.shape[1])]
    y = [round(float(up.min() + (k * fold + (fold - 1) / 2) * spec.power_step), 3) for k in range(z.shape[0])]
    return x, y, z


def _band(spec: Envelope, scope: Scope) -> list[Figure]:
    if not spec.hz:
        return []
    colour = theme.colour("limit", scope.theme)
    edge = {"type": "scatter", "mode": "lines", "x": list(spec.hz), "hoverinfo": "skip", "line": {"color": colour, "width": 1.4}}
    return [
        {**edge, "y": list(spec.upper), "name": spec.name},
        {**edge, "y": list(spec.lower), "name": spec.name, "showlegend": False, "fill": "tonexty", "fillcolor": theme.tint(colour, 0.10)},
    ]


def _layout(spec: Envelope, hz: np.ndarray, power: np.ndarray, scope: Scope) -> dict[str, object]:
    width, reach = float(np.ptp(hz)), float(np.ptp(power))
    room, air = max(0.02, 0.08 * width), max(2 * spec.power_step, 0.12 * reach)
    return {
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "margin": {"t": 18 + 16 * (1 + spec.verdict.count("<br>"))},
        "xaxis": {
            "range": [float(hz.min()) - room, float(hz.max()) + room],
            "nticks": 5,
            "tickangle": 0,
            "showspikes": False,
            "fixedrange": True,
            "title": {"text": spec.hz_title},
        },
        "yaxis": {
            "range": [float(power.min()) - air, float(power.max()) + air],
            "ticksuffix": f" {spec.unit}",
            "separatethousands": True,
            "nticks": 6,
            "fixedrange": True,
            "title": {"text": spec.power_title},
        },
        "annotations": [
            {
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": 1.02,
                "xanchor": "left",
                "yanchor": "bottom",
                "align": "left",
                "text": spec.verdict,
                "font": {"size": 12, "color": theme.RAMPS[scope.theme]["text"]},
                "showarrow": False,
            }
        ],
    }
