"""Where the power goes now: sun, battery and grid around the site's bus, arrows in the direction of flow, width by power."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard import theme
from dashboard.figures.axes import Figure
from dashboard.page import Table
from dashboard.scope import Scope
from dashboard.words import word
from plant.quantity import DASH, quantity

NODES = ("pv", "battery", "grid", "aux")
PLACES: Mapping[str, tuple[float, float]] = {"pv": (-0.7, 0.5), "battery": (-0.7, -0.5), "grid": (0.7, 0.5), "aux": (0.7, -0.5)}
ICONS: Mapping[str, str] = {"pv": "\uf5a1", "battery": "\uf187", "grid": "\uf46c", "aux": "\uf670"}
"""Glyphs of bootstrap-icons: sun-fill, battery-half, lightning-charge-fill, fan."""
INTO_BUS: Mapping[str, int] = {"pv": 1, "battery": 1, "grid": -1, "aux": -1}
"""Which way a positive number flows: discharge and sun feed the bus, export and consumption leave it."""
IDLE = 1.0
"""Below this power [kW] nothing flows that a picture should show."""
THIN, THICK = 2.0, 9.0
LINKS, ARROWS, VALUES, POINTS = (0, 1, 2, 3), 4, 7, 6


def flow(table: Table, scope: Scope) -> Figure:
    """`table.columns`: `node` (of NODES), `power` [kW; stored sign, None = not known], `note` (a second line, may be ""), `stale`
    (bool). Every node is drawn, known or not."""
    nodes = rows(table)
    ramp = theme.RAMPS[scope.theme]
    data = [_link(node, nodes[node], nodes, scope) for node in NODES]
    data += [_arrows(nodes, scope), _bus(ramp), _points(nodes, scope), _texts(nodes, scope), _names(nodes, scope), _icons(nodes, scope)]
    layout = {
        "xaxis": {"visible": False, "range": [-1.08, 1.08], "fixedrange": True},
        "yaxis": {"visible": False, "range": [-1.12, 0.92], "fixedrange": True},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "margin": {"l": 0, "r": 0, "t": 4, "b": 4},
    }
    return {"data": data, "layout": layout}


def frame(table: Table, scope: Scope) -> dict[str, Any]:
    """The live frame: numbers and widths in place; when a direction changes, colours do too and the picture is asked for again."""
    nodes = rows(table)
    return {
        "restyle": [
            {"set": {"line.width": [width(nodes[node], nodes) for node in NODES]}, "traces": list(LINKS)},
            {"set": {"text": [[value_text(nodes[node]) for node in NODES]]}, "traces": [VALUES]},
            {"set": {"hovertext": [[sentence(node, nodes[node], scope.lang) for node in NODES]]}, "traces": [POINTS]},
        ],
        "redraw": "".join(f"{direction(node, nodes[node])}{int(nodes[node]['stale'])}" for node in NODES),
    }


def rows(table: Table) -> dict[str, dict[str, Any]]:
    """node → its row; nodes the table does not name are not known."""
    names = list(table.columns)
    found = {row[names.index("node")]: dict(zip(names, row, strict=True)) for row in zip(*table.columns.values(), strict=True)}
    return {node: found.get(node, {"node": node, "power": None, "note": "", "stale": False}) for node in NODES}


def direction(node: str, row: Mapping[str, Any]) -> int:
    """+1 into the bus, -1 out of it, 0 nothing flows, or nobody knows."""
    power = row["power"]
    if power is None or abs(power) < IDLE:
        return 0
    return INTO_BUS[node] * (1 if power > 0 else -1)


def state(node: str, row: Mapping[str, Any]) -> str:
    """The word key of what the node does: `flow.battery.charging` and the like."""
    if row["power"] is None:
        return "flow.unknown"
    return f"flow.{node}.{ {1: 'in', -1: 'out', 0: 'idle'}[direction(node, row)] }"


def sentence(node: str, row: Mapping[str, Any], lang: str) -> str:
    """What the pointer reads."""
    text = f"{word(f'flow.{node}', lang)}: {word(state(node, row), lang)}"
    return f"{text} {value_text(row)}" if direction(node, row) else text


def value_text(row: Mapping[str, Any]) -> str:
    """The power without sign, as the arrow says where it goes."""
    power = row["power"]
    return DASH if power is None else quantity(abs(power), "kW", 0)


def width(row: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> float:
    """Line width [px], in proportion to the largest flow of now."""
    largest = max((abs(other["power"]) for other in nodes.values() if other["power"] is not None), default=0.0)
    if row["power"] is None or largest < IDLE:
        return THIN
    return round(THIN + (THICK - THIN) * abs(row["power"]) / largest, 2)


def ink(node: str, row: Mapping[str, Any], look: str) -> str:
    """The colour of what the node does now."""
    if row["power"] is None or row["stale"]:
        return theme.colour("stale", look)
    if node == "battery":
        return theme.colour({1: "discharge", -1: "charge", 0: "stale"}[direction(node, row)], look)
    return theme.colour({"pv": "pv", "grid": "grid", "aux": "load"}[node], look)


def _link(node: str, row: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]], scope: Scope) -> Figure:
    x, y = PLACES[node]
    known = row["power"] is not None
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x, 0],
        "y": [y, y],
        "hoverinfo": "skip",
        "line": {
            "color": theme.tint(ink(node, row, scope.theme), 1 if direction(node, row) else 0.4),
            "width": width(row, nodes),
            "dash": "solid" if known else "dot",
        },
    }


def _arrows(nodes: Mapping[str, Mapping[str, Any]], scope: Scope) -> Figure:
    x: list[float] = []
    y: list[float] = []
    symbols: list[str] = []
    colours: list[str] = []
    for node in NODES:
        way = direction(node, nodes[node])
        if way:
            to_right = way * (1 if PLACES[node][0] < 0 else -1) > 0
            x.append(PLACES[node][0] * 0.38)
            y.append(PLACES[node][1])
            symbols.append("triangle-right" if to_right else "triangle-left")
            colours.append(ink(node, nodes[node], scope.theme))
    edge = theme.RAMPS[scope.theme]["surface"]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "hoverinfo": "skip",
        "marker": {"symbol": symbols, "size": 19, "color": colours, "opacity": 1, "line": {"color": edge, "width": 2}},
    }


def _bus(ramp: Mapping[str, str]) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 0],
        "y": [-0.66, 0.66],
        "hoverinfo": "skip",
        "line": {"color": ramp["faint"], "width": 5},
    }


def _points(nodes: Mapping[str, Mapping[str, Any]], scope: Scope) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [PLACES[n][0] for n in NODES],
        "y": [PLACES[n][1] for n in NODES],
        "marker": {
            "size": 48,
            "color": theme.RAMPS[scope.theme]["raised"],
            "opacity": 1,
            "line": {"color": [ink(node, nodes[node], scope.theme) for node in NODES], "width": 2},
        },
        "hovertext": [sentence(n, nodes[n], scope.lang) for n in NODES],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _icons(nodes: Mapping[str, Mapping[str, Any]], scope: Scope) -> Figure:
    return {
        "type": "scatter",
        "mode": "text",
        "x": [PLACES[n][0] for n in NODES],
        "y": [PLACES[n][1] - 0.022 for n in NODES],  # the glyphs stand on a baseline, not around their middle
        "text": [ICONS[n] for n in NODES],
        "textposition": "middle center",
        "hoverinfo": "skip",
        "textfont": {"family": "bootstrap-icons", "size": 20, "color": [ink(node, nodes[node], scope.theme) for node in NODES]},
    }


def _texts(nodes: Mapping[str, Mapping[str, Any]], scope: Scope) -> Figure:
    ramp = theme.RAMPS[scope.theme]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [0.38 * PLACES[n][0] for n in NODES],
        "y": [PLACES[n][1] + 0.14 for n in NODES],
        "text": [value_text(nodes[n]) for n in NODES],
        "textposition": "top center",
        "hoverinfo": "skip",
        "textfont": {
            "size": 17,
            "color": [ramp["faint"] if nodes[n]["stale"] or nodes[n]["power"] is None else ramp["text"] for n in NODES],
        },
    }


def _names(nodes: Mapping[str, Mapping[str, Any]], scope: Scope) -> Figure:
    ramp = theme.RAMPS[scope.theme]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [PLACES[n][0] for n in NODES],
        "y": [PLACES[n][1] - 0.26 for n in NODES],
        "hoverinfo": "skip",
        "text": [_caption(n, nodes[n], scope.lang) for n in NODES],
        "textposition": "bottom center",
        "textfont": {"size": 12, "color": ramp["muted"]},
    }


def _caption(node: str, row: Mapping[str, Any], lang: str) -> str:
    parts: Sequence[str] = [word(f"flow.{node}", lang), word(state(node, row), lang)]
    return "<br>".join([f"<b>{parts[0]}</b>", parts[1], *([row["note"]] if row["note"] else [])])
