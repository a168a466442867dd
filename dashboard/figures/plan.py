"""A plan against prices: price, power and charge of a day, one below the other."""

from typing import Any

from dash import html

from dashboard import theme
from dashboard.cards import icon
from dashboard.figures.axes import Figure, number_format, remark, time_axis, times, value_axis
from dashboard.figures.lines import Line
from dashboard.page import Table
from dashboard.scope import Scope
from dashboard.words import word

_ROWS = ((0.70, 1.0), (0.35, 0.64), (0.0, 0.29))
_CALL = """curl -X PUT <server>/api/v1/prices \\
  -H 'Authorization: Bearer <token>' -H 'Content-Type: application/json' \\
  -d '{"currency": "EUR", "prices": [{"start": "<day>T00:00:00+01:00", "price": 61.4},
       {"start": "<day>T01:00:00+01:00", "price": -4.2}]}'"""


def plan(table: Table, scope: Scope) -> Any:
    """`table` as `loads.planned.plan_table` makes it. Traces: price, then of a plan power and charge. Without prices how they come in."""
    if table.is_empty:
        return _how(table, scope)
    columns = table.columns
    price, power, soc = table.more["lines"][:3]
    start, end = table.more["window"]
    places = [place for place, value in enumerate(columns["power"]) if value is not None]
    data = [_steps(columns, price, scope)]
    if places:
        data += [_bars(columns, places, power, scope), _charge(table, places, soc, scope)]
    axes = {f"yaxis{place + 1 if place else ''}": _axis(line, place, bool(places)) for place, line in enumerate((price, power, soc))}
    layout = {
        "xaxis": {**time_axis(scope, start, end), "anchor": "y3" if places else "y"},
        **(axes if places else {"yaxis": axes["yaxis"]}),
        "annotations": remark(table.more["remark"]),
        "shapes": _awarded(table, places, scope),
        "showlegend": bool(places),
        "bargap": 0.08,
    }
    return {"data": data, "layout": layout}


def _how(table: Table, scope: Scope) -> html.Div:
    said = html.P(word("plan.no-prices", scope.lang, day=table.more["day"]))
    call = html.Pre(html.Code(_CALL.replace("<day>", table.more["day"])))
    return html.Div([icon("currency-exchange"), said, call], className="vd-state", role="status")


def _axis(line: Line, place: int, shared: bool) -> Figure:
    axis = value_axis(line.unit, line.decimals, zeroline=place < 2, nticks=4, exponentformat="none")
    if shared:
        axis |= {"domain": list(_ROWS[place]), "anchor": "x"}
    return axis | ({"rangemode": "tozero"} if place == 2 else {})


def _said(line: Line) -> str:
    return f"{line.name} %{{y:{number_format(line.decimals)}}} {line.unit}".rstrip()


def _steps(columns: Any, line: Line, scope: Scope) -> Figure:
    """The price holds over its interval."""
    at, values = list(columns["at"]), list(columns["price"])
    return {
        "type": "scatter",
        "mode": "lines",
        "x": times([*at, columns["end"][-1]], scope),
        "y": [*values, values[-1]],
        "name": line.name,
        "line": {"shape": "hv", "color": theme.colour(line.meaning, scope.theme), "width": 1.7},
        "customdata": [f" · {why}" if why else "" for why in (*columns["why"], "")],
        "hovertemplate": _said(line) + "%{customdata}<extra></extra>",
    }


def _awarded(table: Table, places: list[int], scope: Scope) -> list[Figure]:
    """A ground under the intervals that awards hold."""
    ground = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0}}
    ink, found = theme.RAMPS[scope.theme]["raised"], []
    for place, is_awarded in zip(places, table.more["awarded"], strict=False):
        if is_awarded:
            start, end = times([table.columns[name][place] for name in ("at", "end")], scope)
            found.append({**ground, "x0": start, "x1": end, "fillcolor": ink})
    return found


def _bars(columns: Any, places: list[int], line: Line, scope: Scope) -> Figure:
    """Each interval as wide as it lasts, with the reason under the pointer."""
    at, end = ([columns[name][place] for place in places] for name in ("at", "end"))
    values = [columns["power"][place] for place in places]
    return {
        "type": "bar",
        "x": times(at, scope),
        "y": values,
        "width": [stop - start for start, stop in zip(at, end, strict=True)],
        "offset": 0,
        "name": line.name,
        "yaxis": "y2",
        "marker": {"color": [theme.colour("charge" if value < 0 else "discharge", scope.theme) for value in values]},
        "customdata": [columns["why"][place] for place in places],
        "hovertemplate": _said(line) + " · %{customdata}<extra></extra>",
    }


def _charge(table: Table, places: list[int], line: Line, scope: Scope) -> Figure:
    at, first = table.more["start"]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": times([at, *(table.columns["end"][place] for place in places)], scope),
        "y": [first, *(table.columns["soc"][place] for place in places)],
        "name": line.name,
        "yaxis": "y3",
        "line": {"color": theme.colour(line.meaning, scope.theme), "width": 1.7},
        "hovertemplate": _said(line) + "<extra></extra>",
    }
