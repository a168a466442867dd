"""Notes on a chart over time: a neutral band for a stretch, a dotted line for an instant, its words under the pointer."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from dashboard import theme
from dashboard.figures.axes import Figure, times
from dashboard.page import Table
from dashboard.scope import Scope
from dashboard.words import word

AXIS = "yaxis99"
"""An axis of their own from 0 to 1 over the topmost one: notes have no value."""
HEIGHT = 0.965
STEPS = 60
"""A band answers the pointer at so many places of the window."""
LINE, ROWS = 60, 6
"""Characters and rows of a note under the pointer; all of it stands in the list on the Explore page."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One note: from `start` to `end` [epoch ms UTC] inclusive, equal for an instant, and what it says, as plain text."""

    id: str
    start: int
    end: int
    device: str
    metric: str
    text: str
    author: str
    tags: tuple[str, ...]


def noted(figure: Figure, table: Table, scope: Scope, start: int, end: int) -> Figure:
    """The figure with the marks of `table.more["notes"]` over its window `start`…`end` [epoch ms UTC], their traces behind all others, so
    that live frames find theirs; the same figure when there are none."""
    marks: Sequence[Mark] = table.more.get("notes", ())
    if not marks:
        return figure
    colour = theme.colour("muted", scope.theme)
    traces = [_trace(mark, colour, start, end, scope, is_first=place == 0) for place, mark in enumerate(marks)]
    shapes = [_shape(mark, colour, scope) for mark in marks]
    layout: Mapping[str, Any] = figure["layout"]
    axis = {"overlaying": "y", "range": [0, 1], "fixedrange": True, "visible": False}
    more = {AXIS: axis, "shapes": [*layout.get("shapes", ()), *shapes], "showlegend": True}
    return {**figure, "data": [*figure["data"], *traces], "layout": {**layout, **more}}


def _trace(mark: Mark, colour: str, start: int, end: int, scope: Scope, *, is_first: bool) -> Figure:
    """A small mark in the middle of what is seen of the note, and bare places along it that say the same under the pointer."""
    low, high = max(mark.start, start), min(mark.end, end)
    count = max(1, min(STEPS, (high - low) * STEPS // max(1, end - start)))
    places = [low + (high - low) * (2 * i + 1) // (2 * count) for i in range(count)]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": times(places, scope),
        "y": [HEIGHT] * count,
        "yaxis": AXIS.replace("axis", ""),
        "name": word("notes.legend", scope.lang),
        "legendgroup": "notes",
        "showlegend": is_first,
        "marker": {"symbol": "triangle-down", "color": colour, "size": [9 if i == count // 2 else 0 for i in range(count)]},
        "hovertext": [said(mark)] * count,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _shape(mark: Mark, colour: str, scope: Scope) -> Figure:
    low, high = times([mark.start, mark.end], scope)
    shared = {"xref": "x", "yref": "paper", "x0": low, "x1": high, "y0": 0, "y1": 1, "layer": "below", "legendgroup": "notes"}
    if low == high:
        return {"type": "line", **shared, "line": {"color": colour, "width": 1.2, "dash": "dot"}}
    return {"type": "rect", **shared, "line": {"width": 0}, "fillcolor": theme.tint(colour, 0.14)}


def said(mark: Mark) -> str:
    """What stands under the pointer: plotly reads a few tags of HTML, so what people wrote is escaped."""
    rows = [row for part in mark.text.splitlines() for row in textwrap.wrap(part, LINE)]
    rows = [*rows[: ROWS - 1], f"{rows[ROWS - 1]} …"] if len(rows) > ROWS else rows
    facts = " · ".join(fact for fact in (mark.author, mark.device, *mark.tags) if fact)
    return "<br>".join(escape(row, quote=False) for row in (*rows, *textwrap.wrap(facts, LINE)))
