"""Lines over time: a mean with its min–max band, gaps left open, limits of the catalogue, one axis row per unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard import theme
from dashboard.figures.axes import (
    Figure,
    Limit,
    Numbers,
    differing,
    limit_marks,
    number_format,
    padded,
    plain,
    remark,
    time_axis,
    times,
    value_axis,
)
from dashboard.figures.gaps import stretches, unbroken
from dashboard.figures.notes import noted
from dashboard.page import Table
from dashboard.scope import Scope
from plant.quantity import quantity

ROW_GAP = 0.06
LABELLED = 4
"""Up to this many lines carry their last value at the right edge; more would cover each other."""
LABEL_STEP = 0.075
"""Least distance of two last-value labels, as a share of the axis."""


@dataclass(frozen=True, slots=True)
class Line:
    """How one column of the table is drawn: its name and unit, the columns with its bucket extremes (or ""), the meaning of its colour,
    the width of its buckets [ms] (0 = raw): points stand in the middle of theirs. `of` is the column this one is compared with: the
    pointer then tells by how much that one is higher."""

    column: str
    name: str
    unit: str
    decimals: int
    meaning: str = ""
    low: str = ""
    high: str = ""
    dash: str = "solid"
    faint: bool = False
    width: int = 0
    of: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """What lines share: window [epoch ms UTC], limits by unit, `overlay` puts a second unit on a right axis instead of a row of its own,
    `floor` are (lowest, highest) values each unit's axis shows at least, `band` is the word for the min–max band,
    `remark` a sentence at the top right."""

    lines: tuple[Line, ...]
    start: int
    end: int
    limits: tuple[tuple[str, Limit], ...] = ()
    overlay: bool = False
    floor: tuple[tuple[str, float | None, float | None], ...] = ()
    band: str = "min–max"
    bars: tuple[str, ...] = ()
    remark: str = ""


def lines(table: Table, scope: Scope) -> Figure:
    """`table.columns` has `at` (epoch ms UTC) and float64 columns with NaN for gaps; `table.more["plot"]` is the Plot. The traces of the
    lines come first, in the order of the plot, so that live frames may extend them by index; bands follow, then notes."""
    plot: Plot = table.more["plot"]
    at = np.asarray(table.columns["at"], dtype=np.float64)
    units = list(dict.fromkeys(line.unit for line in plot.lines))
    means = [_mean(table, line, at, units, number, scope, plot) for number, line in enumerate(plot.lines)]
    bands = [_band(table, line, at, units, number, scope, plot) for number, line in enumerate(plot.lines) if line.low]
    for band in bands[:1]:
        band["showlegend"] = True
    layout, notes = _layout(table, plot, units, scope)
    if sum(not line.of for line in plot.lines) <= LABELLED:
        notes = _labels(table, plot, units, layout, scope) + notes
    layout["annotations"] = [*notes, *remark(plot.remark)]
    layout["showlegend"] = len(plot.lines) > 1 or bool(bands)
    return noted({"data": means + bands, "layout": layout}, table, scope, plot.start, plot.end)


def ink(line: Line, number: int, look: str) -> str:
    """The colour of a line: of its meaning, else the next of the series."""
    series = theme.SERIES[look]
    return theme.colour(line.meaning, look) if line.meaning else series[number % len(series)]


def _axis(units: Sequence[str], unit: str) -> str:
    place = units.index(unit)
    return "y" if place == 0 else f"y{place + 1}"


def _mean(table: Table, line: Line, at: Numbers, units: Sequence[str], number: int, scope: Scope, plot: Plot) -> Figure:
    said = f"{line.name} %{{y:{number_format(line.decimals)}}} {line.unit}".rstrip() + "<extra></extra>"
    colour = ink(line, number, scope.theme)
    instants, y, alone = unbroken(at, np.asarray(table.columns[line.column], dtype=np.float64))
    shared = {
        "x": times(centred(instants, line, plot), scope),
        "y": plain(y, line.decimals),
        "name": line.name,
        "yaxis": _axis(units, line.unit),
        "hovertemplate": said,
    }
    if line.of in table.columns:
        told = differences(at, np.asarray(table.columns[line.of], dtype=np.float64), instants)
        apart = differing(told - y, line.unit, line.decimals)
        shared |= {"hovertext": apart, "hovertemplate": said.replace("<extra>", "%{hovertext}<extra>")}
    if line.column in plot.bars:
        return {"type": "bar", **shared, "marker": {"color": colour}}
    style = {"color": colour, "width": 1.0 if line.faint else 1.7, "dash": line.dash}
    trace = {"type": "scatter", "mode": "lines", **shared, "connectgaps": False, "line": style}
    if line.faint:
        trace["opacity"] = 0.45
    elif any(other.faint for other in plot.lines):
        trace["zorder"] = 1  # above its faint neighbours, wherever it stands in their order
    if alone:
        trace |= {"mode": "lines+markers", "marker": {"size": [5 if i in alone else 0 for i in range(len(y))], "color": colour}}
    return trace


def differences(at: Numbers, values: Numbers, instants: Numbers) -> Numbers:
    """What a series (`at` ascending, `values` with NaN) says at `instants`, between its points where its own rhythm allows, else NaN."""
    spoken = np.isfinite(values)
    at, values = at[spoken], values[spoken]
    if len(at) < 2:
        return np.array([values[0] if len(at) and instant == at[0] else np.nan for instant in instants])
    place = np.clip(np.searchsorted(at, instants), 1, len(at) - 1)
    reach = np.minimum(np.abs(instants - at[place - 1]), np.abs(at[place] - instants))
    return np.where(reach <= 2 * np.median(np.diff(at)), np.interp(instants, at, values), np.nan)


def centred(at: Numbers, line: Line, plot: Plot) -> Numbers:
    """Bucket starts → where their points stand: in the middle, but never later than the window's end."""
    found: Numbers = np.minimum(at + line.width / 2, plot.end)
    return found


def _band(table: Table, line: Line, at: Numbers, units: Sequence[str], number: int, scope: Scope, plot: Plot) -> Figure:
    """The min–max band as closed shapes, one per stretch without a gap: a plain fill between two traces would bridge the gaps."""
    instants, low, _ = unbroken(at, np.asarray(table.columns[line.low], dtype=np.float64))
    _, high, _ = unbroken(at, np.asarray(table.columns[line.high], dtype=np.float64))
    x = times(centred(instants, line, plot), scope)
    outline_x: list[int | None] = []
    outline_y: list[float | None] = []
    for first, last_ in stretches(np.isfinite(low)):
        outline_x += [*x[first:last_], *reversed(x[first:last_]), None]
        outline_y += [*plain(high[first:last_], line.decimals), *reversed(plain(low[first:last_], line.decimals)), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": outline_x,
        "y": outline_y,
        "fill": "toself",
        "line": {"width": 0},
        "fillcolor": theme.tint(ink(line, number, scope.theme), 0.22),
        "hoverinfo": "skip",
        "name": plot.band,
        "showlegend": False,
        "yaxis": _axis(units, line.unit),
    }


def _numbers(table: Table, plot: Plot, unit: str) -> list[Numbers]:
    names = [name for line in plot.lines if line.unit == unit for name in (line.column, line.low, line.high) if name]
    return [np.asarray(table.columns[name], dtype=np.float64) for name in names]


def _layout(table: Table, plot: Plot, units: Sequence[str], scope: Scope) -> tuple[dict[str, Any], list[Figure]]:
    layout: dict[str, Any] = {"xaxis": time_axis(scope, plot.start, plot.end), "shapes": []}
    notes: list[Figure] = []
    overlay = plot.overlay and len(units) == 2
    rows = 1 if overlay else max(1, len(units))
    for place, unit in enumerate(units):
        key = "yaxis" if place == 0 else f"yaxis{place + 1}"
        decimals = min(line.decimals for line in plot.lines if line.unit == unit)
        axis = value_axis(unit, decimals)
        floor = next((f for f in plot.floor if f[0] == unit), (unit, None, None))
        edges = [np.array([edge for edge in floor[1:] if edge is not None])]
        span = padded([*_numbers(table, plot, unit), *edges], least=3 * 10.0**-decimals)
        has_bars = any(line.column in plot.bars for line in plot.lines if line.unit == unit)
        if span and not has_bars:
            span = _floored(span, floor[1], table, plot, unit)
            axis["autorangeoptions"] = {"include": list(span)} | ({} if floor[1] is None else {"clipmin": span[0]})
        if overlay and place == 1:
            axis |= {"overlaying": "y", "side": "right", "showgrid": False, "tickmode": "auto"}
        elif rows > 1:
            height = (1 - ROW_GAP * (rows - 1)) / rows
            top = 1 - place * (height + ROW_GAP)
            axis["domain"] = [max(0.0, top - height), top]
        layout[key] = axis
        shapes, texts = limit_marks([limit for of, limit in plot.limits if of == unit], scope, span)
        for mark in (*shapes, *texts):
            mark["yref"] = _axis(units, unit)
        layout["shapes"] += shapes
        notes += texts
    if rows > 1:
        layout["xaxis"] |= {"anchor": _axis(units, units[-1])}
    return layout, notes


def _floored(span: tuple[float, float], lowest: float | None, table: Table, plot: Plot, unit: str) -> tuple[float, float]:
    """An axis that shall show a lowest value begins exactly there, or at what lies below it."""
    if lowest is None:
        return span
    spoken = [float(np.nanmin(numbers)) for numbers in _numbers(table, plot, unit) if np.isfinite(numbers).any()]
    return min([lowest, *spoken]), span[1]


def _labels(table: Table, plot: Plot, units: Sequence[str], layout: dict[str, Any], scope: Scope) -> list[Figure]:
    """The last value of each line at the right edge, pushed apart where they would cover each other. They come before all other
    annotations, so that a live frame finds that of a lone line at place 0."""
    if plot.bars or (plot.overlay and len(units) == 2):
        return []
    labels: list[Figure] = []
    for unit in units:
        key = "yaxis" + ("" if units.index(unit) == 0 else str(units.index(unit) + 1))
        low, high = layout[key].get("autorangeoptions", {}).get("include", (0.0, 1.0))
        ends = []
        for number, line in enumerate(plot.lines):
            if line.unit == unit and not line.faint and not line.of and (end := last(table.columns[line.column])) is not None:
                ends.append((end, line, ink(line, number, scope.theme)))
        step = (high - low) * LABEL_STEP
        below = -np.inf
        places: dict[str, float] = {}
        for end, line, _ in sorted(ends, key=lambda e: e[0]):
            below = places[line.column] = max(end, below + step)
        for end, line, colour in ends:
            labels.append(
                {
                    "xref": "paper",
                    "x": 1,
                    "xanchor": "left",
                    "xshift": 4,
                    "y": places[line.column],
                    "yref": _axis(units, unit),
                    "yanchor": "middle",
                    "text": quantity(end, line.unit, line.decimals),
                    "font": {"size": 11, "color": colour},
                    "showarrow": False,
                }
            )
    if labels:
        layout["margin"] = {"r": 16 + 7 * max(len(label["text"]) for label in labels)}
    return labels


def last(numbers: Any) -> float | None:
    """The last finite value; None when there is none."""
    column = np.asarray(numbers, dtype=np.float64)
    spoken = np.flatnonzero(np.isfinite(column))
    return float(column[spoken[-1]]) if spoken.size else None
