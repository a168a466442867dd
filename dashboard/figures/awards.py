"""The pictures of the schedule page: calendar of awards, scores with the seconds that counted, fees with rates, what-if."""

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from dashboard import theme
from dashboard.cards import icon
from dashboard.figures.axes import Figure, number_format, plain, times, value_axis
from dashboard.figures.heat import FRAME
from dashboard.figures.lines import last, lines
from dashboard.figures.sheet import sheet
from dashboard.page import Table
from dashboard.scope import Scope
from dashboard.words import word
from plant.quantity import number

SOLID = ("settled", "running")
GREY = {"lost": "line", "interrupted": "line", "unrecorded": "line", "none": "raised"}
"""States without a product's colour."""
FEE_COLOURS = {"capacity": "info", "performance": "good", "energy": "pv"}
AWARD = """[{"mode": "dreg", "quote_code": "DREG05", "power": 5.0, "price": 0,
  "time_start": "2026-01-01T14:00:00", "time_end": "2026-01-01T15:00:00"}]"""


def week(table: Table, scope: Scope) -> Any:
    """Hours × days; the colour is the product, paler when still ahead, grey when not won or not recorded; frames mark rates below 95 %."""
    if table.is_empty:
        return _how(scope)
    columns = table.columns
    paint = _paints(columns, scope)
    shape = (max(columns["row"]) + 1, len(table.more["days"]))
    inks = list(dict.fromkeys(paint))
    step = max(1, len(inks) - 1)
    scale = [[i / step, ink] for i, ink in enumerate(inks)] if len(inks) > 1 else [[0, inks[0]], [1, inks[0]]]
    trace: Figure = {
        "type": "heatmap",
        "z": _matrix(columns, shape, [inks.index(ink) for ink in paint], None),
        "x": list(range(shape[1])),
        "y": list(range(shape[0])),
        "zmin": 0,
        "zmax": step,
        "colorscale": scale,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "text": _matrix(columns, shape, _labels(columns, scope), ""),
        "texttemplate": "%{text}",
        "textfont": {"size": 10},
        "customdata": _matrix(columns, shape, list(zip(columns["href"], columns["note"], strict=True)), ("", "")),
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "showlegend": False,
    }
    return {"data": [trace, *_keys(columns, scope), *_low(columns, scope)], "layout": _calendar(table, shape, scope)}


def _how(scope: Scope) -> html.Div:
    """No award in these days: how they come in."""
    body = AWARD.replace("2026-01-01", "<date>")
    call = (
        "curl -X POST <server>/api/v1/schedule/events \\\n"
        "  -H 'Authorization: Bearer <token>' -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}'"
    )
    return html.Div(
        [icon("calendar3"), html.P(word("week.how", scope.lang)), html.Pre(html.Code(call))], className="vd-state", role="status"
    )


def _matrix(columns: Any, shape: tuple[int, int], values: Sequence[Any], nothing: Any) -> list[list[Any]]:
    found = [[nothing] * shape[1] for _ in range(shape[0])]
    for row, column, value in zip(columns["row"], columns["column"], values, strict=True):
        found[row][column] = value
    return found


def _labels(columns: Any, scope: Scope) -> list[str]:
    """What is written in each field, in the ink its ground asks for: plotly's own choice is too pale on some."""
    ramp = theme.RAMPS[scope.theme]
    inks = [ramp["on-accent"] if state in SOLID else ramp["text"] for state in columns["state"]]
    said = zip(inks, columns["label"], strict=True)
    return [f'<span style="color:{ink}">{label}</span>' if label else "" for ink, label in said]


def _paints(columns: Any, scope: Scope) -> list[str]:
    """The colour of each field."""
    inks = products(columns, scope)
    paper = theme.RAMPS[scope.theme]
    found = []
    for name, state in zip(columns["product"], columns["state"], strict=True):
        grey = GREY.get(state)
        found.append(paper[grey] if grey else inks[name] if state in SOLID else mixed(inks[name], paper["surface"], 0.45))
    return found


def products(columns: Any, scope: Scope) -> dict[str, str]:
    """Product → its colour, the same on every screen that shows the same products."""
    held = {name for name, state in zip(columns["product"], columns["state"], strict=True) if name and state not in GREY}
    names = sorted(held, key=str.lower)
    series = theme.SERIES[scope.theme]
    return {name: series[i % len(series)] for i, name in enumerate(names)}


def mixed(ink: str, paper: str, share: float) -> str:
    """`share` of one colour on another, both `#rrggbb`: colour scales mix badly with transparency."""
    pairs = ((int(ink[i : i + 2], 16), int(paper[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def _keys(columns: Any, scope: Scope) -> list[Figure]:
    """The legend: products, and the states that are there."""
    lang, paper = scope.lang, theme.RAMPS[scope.theme]
    inks = products(columns, scope)
    states = set(columns["state"])
    keys = list(inks.items())
    if "ahead" in states and inks:
        keys.append((word("state.ahead", lang), mixed(next(iter(inks.values())), paper["surface"], 0.45)))
    greys = (("lost", "–"), ("interrupted", "×"), ("unrecorded", "?"))
    keys += [(f"{sign} {word(f'state.{state}', lang)}", paper["line"]) for state, sign in greys if state in states]
    shared = {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "hoverinfo": "skip"}
    return [{**shared, "name": name, "marker": {"symbol": "square", "size": 11, "color": ink}} for name, ink in keys]


def _low(columns: Any, scope: Scope) -> list[Figure]:
    """Frames around hours below 95 %, on a dark ground so that they stand out from every colour."""
    marked = [(r, c) for r, c, mark in zip(columns["row"], columns["column"], columns["mark"], strict=True) if mark]
    if not marked:
        return []
    x: list[float | None] = []
    y: list[float | None] = []
    for row, column in marked:
        x += [column + side * FRAME for side in (-1, 1, 1, -1, -1)] + [None]
        y += [row + side * FRAME for side in (-1, -1, 1, 1, -1)] + [None]
    shared = {"type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip"}
    ink = theme.colour("warning", scope.theme)
    return [
        {**shared, "showlegend": False, "line": {"color": theme.RAMPS[scope.theme]["surface"], "width": 5}},
        {**shared, "name": word("week.low", scope.lang), "line": {"color": ink, "width": 2}},
    ]


def _calendar(table: Table, shape: tuple[int, int], scope: Scope) -> dict[str, Any]:
    axis: dict[str, Any] = {"tickmode": "array", "showspikes": False, "fixedrange": True, "zeroline": False, "showgrid": False}
    hours = range(0, shape[0] + 1, 3)
    days = {"tickvals": list(range(shape[1])), "ticktext": below(table.more["days"]), "tickangle": 0}
    layout: dict[str, Any] = {
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": True,
        "xaxis": {**axis, **days, "range": [-0.5, shape[1] - 0.5]},
        "yaxis": {
            **axis,
            "tickvals": [hour - 0.5 for hour in hours],
            "ticktext": [f"{hour:02d}:00" for hour in hours],
            "range": [shape[0] - 0.5, -0.5],
        },
        "shapes": [],
    }
    if table.more["selected"] is not None:
        row, column = table.more["selected"]
        edge = {"color": theme.RAMPS[scope.theme]["text"], "width": 2}
        box = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        layout["shapes"].append({"type": "rect", "layer": "above", **box, "line": edge, "fillcolor": "rgba(0,0,0,0)"})
    return layout


def below(days: Sequence[str]) -> list[str]:
    """`Tue 11-17` → weekday over date, the month only with the first day shown and the first of a month: a phone has room for no more.

    >>> below(["Sat 11-29", "Sun 11-30", "Mon 12-01"])
    ['Sat<br>11-29', 'Sun<br>30', 'Mon<br>12-01']
    """
    parts = [day.rpartition(" ") for day in days]
    return [f"{name}<br>{date if not place or date.endswith('-01') else date[3:]}" for place, (name, _, date) in enumerate(parts)]


# -- the hour -----------------------------------------------------------------------------------------------------------------


def hour(table: Table, scope: Scope) -> Figure:
    """Scores, rolling rate and the rate they come to; the seconds that set it are marked."""
    figure = lines(table, scope)
    at, values = table.more["marks"]
    if at:
        figure["data"].append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": times(at, scope),
                "y": plain(values, 0),
                "name": table.more["mark"],
                "marker": {"symbol": "diamond", "size": 8, "color": theme.colour("alarm", scope.theme)},
                "hovertemplate": table.more["mark"] + " %{y:.0f} %<extra></extra>",
            }
        )
    # of the last values at the right edge only that of the rate: those of single seconds say nothing
    figure["layout"]["annotations"] = figure["layout"]["annotations"][1:]
    for label in figure["layout"]["annotations"][:1]:
        label["y"] = last(list(table.columns.values())[3])
    return figure


# -- fees ----------------------------------------------------------------------------------------------------------------------


def fees(table: Table, scope: Scope) -> Figure:
    """Execution rates above, fees stacked below, hour by hour or day by day."""
    names, unit = table.columns["name"], table.more["unit"]
    places = list(range(len(names)))
    data: list[Figure] = [_rates(table, places, names, scope)]
    for fee, title in table.more["fees"].items():
        data.append(
            {
                "type": "bar",
                "x": places,
                "y": [None if value is None else round(value, 2) for value in table.columns[fee]],
                "name": title,
                "yaxis": "y",
                "marker": {"color": theme.colour(FEE_COLOURS[fee], scope.theme)},
                "hovertemplate": f"{title} {unit} %{{y:{number_format(0)}}}<extra></extra>",
            }
        )
    step = 1 if len(names) <= 16 else 3
    axis = {"tickmode": "array", "tickvals": places[::step], "ticktext": list(names[::step]), "range": [-0.6, len(names) - 0.4]}
    money = value_axis("", 0, domain=[0, 0.68], zeroline=True, zerolinecolor=theme.colour("faint", scope.theme), tickprefix=f"{unit} ")
    low = min([95.0, *(rate for rate in table.columns["rate"] if rate is not None)])
    room = 0.2 * (100.0 - low)  # for the marks at both ends
    layout: dict[str, Any] = {
        "barmode": "relative",
        "bargap": 0.2,
        "dragmode": False,
        "xaxis": {
            **axis,
            "showspikes": False,
            "fixedrange": True,
            "tickangle": 0,
            "zeroline": False,
            "title": {"text": table.more["title"]},
        },
        "yaxis": money,
        "yaxis2": value_axis("%", 0, domain=[0.76, 1], range=[low - room, 100.0 + room], nticks=3, fixedrange=True),
        "shapes": [_line(95.0, scope)],
    }
    if table.more["hidden"]:
        note = {"xref": "paper", "x": 0, "yref": "paper", "y": 0.7, "xanchor": "left", "yanchor": "middle", "text": table.more["hidden"]}
        layout["annotations"] = [{**note, "showarrow": False, "font": {"size": 11, "color": theme.colour("warning", scope.theme)}}]
    return {"data": data, "layout": layout}


def _rates(table: Table, places: list[int], names: Sequence[str], scope: Scope) -> Figure:
    rates = table.columns["rate"]
    inks = [theme.colour("good" if rate is None or rate >= 95 else "warning" if rate >= 70 else "alarm", scope.theme) for rate in rates]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": places,
        "y": [None if rate is None else round(rate, 1) for rate in rates],
        "name": table.more["rate"],
        "yaxis": "y2",
        "marker": {"size": 7, "color": inks},
        "hovertemplate": f"{table.more['rate']} %{{y:.1f}} %<extra></extra>",
    }


def _line(value: float, scope: Scope) -> Figure:
    ink = {"color": theme.colour("warning", scope.theme), "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": value, "y1": value, "layer": "below", "line": ink}


# -- what if ---------------------------------------------------------------------------------------------------------------------


def what_if(table: Table, scope: Scope) -> html.Div:
    """What to ask for, and what would have come of it. The fields set the scope, as the controls in a page's head do."""
    if table.is_empty:
        return html.Div(html.P(word("whatif.none", scope.lang)), className="vd-state", role="status")
    lang = scope.lang
    known = [("*", word("whatif.auto", lang, product=table.more["auto"])), *table.more["products"]]
    chosen = scope.product or "*"
    if chosen not in dict(known):
        known.append((chosen, chosen))
    product = dbc.Select(
        id=_field("product"), options=[{"value": value, "label": label} for value, label in known], value=chosen, size="sm"
    )
    methods = [{"value": name, "label": word(f"method.{name}", lang)} for name in table.more["methods"]]
    method = dbc.Select(id=_field("method"), options=methods, value=table.more["method"], size="sm")
    fields = [
        ("whatif.product", product),
        ("whatif.bid", dbc.Input(id=_field("bid"), type="number", min=0, step="any", debounce=True, value=scope.bid, size="sm")),
        ("whatif.price", dbc.Input(id=_field("price"), type="number", step="any", debounce=True, value=scope.price, size="sm")),
        ("whatif.racks", dbc.Input(id=_field("racks"), type="number", min=0, step=1, debounce=True, value=scope.racks, size="sm")),
        ("whatif.limit", dbc.Input(id=_field("limit"), type="number", min=0, step="any", debounce=True, value=scope.limit, size="sm")),
        ("whatif.charge", dbc.Input(id=_field("charge"), type="text", debounce=True, value=scope.charge, placeholder="10-90", size="sm")),
        ("whatif.method", method),
    ]
    form = html.Div([html.Label([html.Span(word(key, lang)), field]) for key, field in fields], className="vd-form")
    lead = word("whatif.lead", lang, method=word(f"method.{table.more['method']}", lang), rules=table.more["names"])
    said = [html.P([html.Strong(word("whatif.simulated", lang)), " ", lead, " ", word(f"method.{table.more['method']}.note", lang)])]
    if table.more["limited"]:
        said.append(html.P(word("whatif.touched", lang, n=number(table.more["touched"], 0)), className="vd-faint"))
    if table.more["limited"] and table.more["installed"]:
        said.append(html.P(word("whatif.installed", lang, n=number(table.more["installed"], 0)), className="vd-faint"))
    said += [html.P(word(f"whatif.{one}", lang), className="vd-faint") for one in table.more["missing"]]
    if table.more["cut"]:
        said.append(html.P(word("whatif.cut", lang, n=table.more["days"]), className="vd-faint"))
    return html.Div([form, *said, sheet(table, scope)])


def trials(table: Table, scope: Scope) -> Any:
    """Verdicts on capability tests; how one comes in when there is none."""
    if table.is_empty:
        return html.Div([icon("clipboard-check"), html.P(word("trial.none", scope.lang))], className="vd-state", role="status")
    return sheet(table, scope)


def _field(name: str) -> dict[str, str]:
    return {"type": "control", "id": name}
