"""Sums per stretch of time as columns, with figures of the same stretches as lines on a right axis."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, Numbers, number_format, padded, plain, times, value_axis
from dashboard.page import Table
from dashboard.scope import Scope
from plant.model import DAY, HOUR, QUARTER
from plant.timeline import moment

ROOM = 0.12
"""Share of a stretch left free between its columns."""
FEWEST = 4
"""Columns are as narrow as if there were so many at least."""
WHOLE = 99.5
"""Stretches observed for less than that [%] are drawn paler."""

TICKS, TICKED = tuple(k * QUARTER for k in (1, 2, 4, 8, 12, 24, 48, 96)), 7


@dataclass(frozen=True, slots=True)
class Bar:
    """One column of the table drawn as bars; `sign` −1 turns them down."""

    column: str
    name: str
    unit: str
    decimals: int
    meaning: str
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One column of the table drawn as a line with points."""

    column: str
    name: str
    unit: str
    decimals: int
    meaning: str
    dash: str = "solid"


@dataclass(frozen=True, slots=True)
class Columns:
    """`bars` share the left axis, `lines` the right one; `observed` is the sentence for the coverage, with {n}."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...] = ()
    observed: str = ""
    stacked: bool = False


def columns(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `at` (start of each stretch, epoch ms UTC), `hours` (its length), `coverage` [%], and float64 columns with NaN for
    what is not known: there no bar and no point stands. `table.more["columns"]` is the Columns."""
    spec: Columns = table.more["columns"]
    at, hours = np.asarray(table.columns["at"], np.float64), np.asarray(table.columns["hours"], np.float64)
    covered = np.asarray(table.columns["coverage"], np.float64)
    x, when = times(at + hours * HOUR / 2, scope), _when(at, hours, covered, spec, scope)
    shared = {"x": x, "hovertext": when}
    widest = float(at[-1] - at[0] + hours[-1] * HOUR) / FEWEST  # a lone day is a column, not a wall
    wide = (np.minimum(hours * HOUR * (1 - ROOM), widest) / (1 if spec.stacked else len(spec.bars))).tolist()
    data: list[Figure] = [
        {
            "type": "bar",
            **shared,
            "y": plain(bar.sign * np.asarray(table.columns[bar.column], np.float64), bar.decimals),
            "name": bar.name,
            "width": wide,
            "marker": {
                "color": theme.colour(bar.meaning, scope.theme),
                "opacity": [1.0 if share >= WHOLE else 0.6 for share in covered.tolist()],
                "line": {"width": 0},
            },
            "customdata": plain(table.columns[bar.column], bar.decimals),
            "hovertemplate": f"%{{hovertext}}: {bar.name} %{{customdata:{number_format(bar.decimals)}}} {bar.unit}".rstrip()
            + "<extra></extra>",
        }
        for bar in spec.bars
    ]
    data += [_line(line, table, shared, scope) for line in spec.lines]
    return {"data": data, "layout": _layout(spec, table, at, hours, scope)}


def _line(line: Line, table: Table, shared: Figure, scope: Scope) -> Figure:
    colour = theme.colour(line.meaning, scope.theme)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        **shared,
        "y": plain(table.columns[line.column], line.decimals),
        "name": line.name,
        "yaxis": "y2",
        "connectgaps": False,
        "line": {"color": colour, "width": 1.7, "dash": line.dash},
        "marker": {"color": colour, "size": 6},
        "hovertemplate": f"%{{hovertext}}: {line.name} %{{y:{number_format(line.decimals)}}} {line.unit}".rstrip() + "<extra></extra>",
    }


def _when(at: Numbers, hours: Numbers, covered: Numbers, spec: Columns, scope: Scope) -> list[str]:
    """`2026-11-21` or `2026-11-21 14:00–15:00`, and how much of it was observed unless all was."""
    zone, found = ZoneInfo(scope.zone), []
    for start, length, share in zip(at.tolist(), hours.tolist(), covered.tolist(), strict=True):
        first, last = moment(int(start), zone), moment(int(start + length * HOUR), zone)
        is_day = first.hour == first.minute == last.hour == last.minute == 0
        text = f"{first:%Y-%m-%d}" if is_day else f"{first:%Y-%m-%d %H:%M}–{last:%H:%M}"
        found.append(text if share >= WHOLE else f"{text} ({spec.observed.format(n=f'{share:.0f}')})")
    return found


def _layout(spec: Columns, table: Table, at: Numbers, hours: Numbers, scope: Scope) -> dict[str, Any]:
    first, last = times([at[0], at[-1] + hours[-1] * HOUR], scope)
    bar = spec.bars[0]
    layout: dict[str, Any] = {
        "barmode": "relative" if spec.stacked else "group",
        "bargap": 0,
        "hovermode": "closest",
        "showlegend": len(spec.bars) + len(spec.lines) > 1,
        "xaxis": {"type": "date", "range": [first, last], "nticks": 7, "showspikes": False},
        "yaxis": value_axis(bar.unit, bar.decimals, zeroline=True, zerolinecolor=theme.colour("faint", scope.theme)),
    }
    layout["xaxis"] |= _ticks(at, hours, scope)
    if spec.lines:
        line = spec.lines[0]
        span = padded([np.asarray(table.columns[one.column], np.float64) for one in spec.lines], 0.35, 1.0)
        right = value_axis(line.unit, line.decimals, overlaying="y", side="right", showgrid=False, fixedrange=True, tickmode="auto")
        if span:
            right["range"] = [max(0.0, span[0]), min(100.5, span[1]) if line.unit == "%" else span[1]]
        layout["yaxis2"] = right
    return layout


def _ticks(at: Numbers, hours: Numbers, scope: Scope) -> dict[str, Any]:
    """Days in the middle of their columns, hours where they begin: left to itself plotly puts ticks where columns stand."""
    zone = ZoneInfo(scope.zone)
    if hours.max() * HOUR > DAY / 2:
        step = -(-len(at) // 8)
        shown = at[::step]
        places = times(at + hours * HOUR / 2, scope)[::step]
        return {"tickmode": "array", "tickvals": places, "ticktext": [f"{moment(int(t), zone):%m-%d}" for t in shown]}
    length = float(at[-1] - at[0])
    step_ms = next((step for step in TICKS if length <= TICKED * step), TICKS[-1])
    offset = float(scope.local(at[0])) - at[0]  # [ms] of the zone: ticks stand on round hours of the site's clock
    rounded = [t for t in at.tolist() if not (t + offset) % step_ms]
    texts = [f"{moment(int(t), zone):%H:%M}" + (f"<br>{moment(int(t), zone):%m-%d}" if k == 0 else "") for k, t in enumerate(rounded)]
    return {"tickmode": "array", "tickvals": times(rounded, scope), "ticktext": texts}
