"""Alarms over time: bars of how many were raised, and a line of bars per alarm of when it stood, the first of each event marked."""

from typing import Any

import numpy as np

from dashboard import theme
from dashboard.figures.axes import Figure, Limit, limit_marks, time_axis, times, value_axis
from dashboard.page import Scope, Table
from dashboard.words import word
from plant.analysis.alarm_figures import ACCEPTABLE, FLOOD, INTERVAL
from plant.analysis.alarms import SEVERITIES

LONGEST_NAME = 20


def rate_figure(table: Table, scope: Scope) -> Figure:
    """Stacked bars of alarms raised per interval, with the rate a person can take and that of a flood."""
    width, lang = table.more["width"], scope.lang
    x = times(np.asarray(table.columns["at"]) + width // 2, scope)
    total = np.sum([np.asarray(table.columns[name]) for name in SEVERITIES], axis=0)
    top = max(float(total.max(initial=0)) * 1.15, 3.0)
    times_of = width // INTERVAL
    limits = [
        Limit(ACCEPTABLE * times_of, "warning", word("alarm.rate.acceptable", lang)),
        Limit(float(FLOOD * times_of), "alarm", word("alarm.rate.flood", lang)),
    ]
    shapes, notes = limit_marks(limits, scope, (0.0, top))
    minutes = width // 60_000
    data = [
        {
            "type": "bar",
            "x": x,
            "y": np.asarray(table.columns[name]).tolist(),
            "name": word(f"severity.{name}", lang),
            "width": width * 0.86,
            "marker": {"color": theme.colour(name, scope.theme)},
            "hovertemplate": f"%{{y}} × {word(f'severity.{name}', lang)}<extra></extra>",
        }
        for name in SEVERITIES
        if np.any(table.columns[name])
    ]
    axis = value_axis("", 0, range=[0, top], title={"text": word("alarm.rate.axis", lang, n=minutes)})
    return {
        "data": data or [{"type": "bar", "x": x, "y": total.tolist(), "showlegend": False, "hoverinfo": "skip"}],
        "layout": {
            "barmode": "stack",
            "showlegend": bool(data),
            "xaxis": time_axis(scope, *table.more["span"]),
            "yaxis": axis,
            "shapes": shapes,
            "annotations": notes,
        },
    }


def timeline_figure(table: Table, scope: Scope) -> Figure:
    """One line per tag, newest on top; a bar from raised to cleared, at least a hair wide; a mark where an event began.
    A click opens the alarm."""
    lines = table.more["lines"]
    place = {name: i for i, name in enumerate(reversed(lines))}
    columns = {name: list(values) for name, values in table.columns.items()}
    data = [trace for severity in SEVERITIES if (trace := _bars(columns, severity, place, scope))]
    marks = [i for i, first in enumerate(columns["first"]) if first]
    if marks:
        data.append(_marks(columns, marks, place, scope))
    return {
        "data": data,
        "layout": {
            "barmode": "overlay",
            "hovermode": "closest",
            "bargap": 0.35,
            "xaxis": {**time_axis(scope, *table.more["span"]), "showspikes": False, "showgrid": True},
            "yaxis": {
                "tickmode": "array",
                "tickvals": list(place.values()),
                "ticktext": [_short(name) for name in place],
                "range": [-0.6, max(len(lines), 4) - 0.4],
                "tickfont": {"size": 10},
                "zeroline": False,
            },
        },
    }


def _bars(columns: dict[str, list[Any]], severity: str, place: dict[str, int], scope: Scope) -> Figure | None:
    mine = [i for i, one in enumerate(columns["severity"]) if one == severity]
    if not mine:
        return None
    colour = theme.colour(severity, scope.theme)
    starts = times([columns["at"][i] for i in mine], scope)
    ends = times([columns["end"][i] for i in mine], scope)
    return {
        "type": "bar",
        "orientation": "h",
        "base": starts,
        "x": [end - start for start, end in zip(starts, ends, strict=True)],
        "y": [place[columns["tag"][i]] for i in mine],
        "name": word(f"severity.{severity}", scope.lang),
        "width": 0.5,
        "marker": {"color": colour, "line": {"color": colour, "width": 2}},
        "customdata": [columns["href"][i] for i in mine],
        "hovertext": [_told(columns, i, scope) for i in mine],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _marks(columns: dict[str, list[Any]], mine: list[int], place: dict[str, int], scope: Scope) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": times([columns["at"][i] for i in mine], scope),
        "y": [place[columns["tag"][i]] for i in mine],
        "name": word("alarm.first", scope.lang),
        "marker": {
            "symbol": "triangle-right",
            "size": 12,
            "color": theme.colour("text", scope.theme),
            "line": {"color": theme.colour("surface", scope.theme), "width": 1},
        },
        "customdata": [columns["href"][i] for i in mine],
        "hovertext": [f"{word('alarm.first.told', scope.lang)}<br>{_told(columns, i, scope)}" for i in mine],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _told(columns: dict[str, list[Any]], place: int, scope: Scope) -> str:
    minutes = (columns["end"][place] - columns["at"][place]) / 60_000
    key = "alarm.told.open" if columns["is_open"][place] else "alarm.told"
    said = str(columns["said"][place]).replace("<", "&lt;")
    return f"{columns['device'][place]}: {said}<br>" + word(key, scope.lang, n=f"{minutes:,.1f}")


def _short(name: str) -> str:
    """The device over the code, so that the names leave room for the bars on a phone too."""
    return "<br>".join(part if len(part) <= LONGEST_NAME else part[: LONGEST_NAME - 1] + "…" for part in name.split(" · "))
