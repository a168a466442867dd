"""The topology and the alarm ticker: small pictures made of boxes and lines of text."""

from typing import Any

from dash import html

from dashboard.bell import alarm_lines
from dashboard.cards import icon
from dashboard.page import Scope, Table
from dashboard.words import word

ICONS = {
    "site": "geo-alt",
    "bess": "battery-full",
    "rack": "hdd-stack",
    "pcs": "arrow-left-right",
    "inverter": "sun",
    "meter": "speedometer2",
    "weather": "cloud-sun",
    "pack": "battery",
    "vehicle": "car-front",
    "home": "house",
    "server": "cpu",
    "store": "database",
}


def topology(table: Table, scope: Scope) -> html.Div:
    """`table.columns`: `node`, `group` (source, server, store), `state`, `detail`. Sources left, store right, every box with its state."""
    nodes = list(zip(*(table.columns[name] for name in ("node", "group", "state", "detail")), strict=True))
    groups = [[_box(*node, scope=scope) for node in nodes if node[1] == group] for group in ("source", "server", "store")]
    parts: list[Any] = []
    for boxes in groups:
        parts += [html.Div(className="vd-topology-link"), html.Div(boxes, className="vd-topology-column")]
    return html.Div(parts[1:], className="vd-topology")


def _box(node: str, group: str, state: str, detail: str, *, scope: Scope) -> html.Div:
    name = word(f"kind.{node}" if group == "source" else f"topology.{node}", scope.lang)
    text = html.Div([html.Strong(name), html.Span(detail, **{"data-live": node})])
    said = word(f"topology.state.{state}", scope.lang)
    return html.Div(
        [icon(ICONS.get(node, "box")), text, html.I(className="vd-dot", title=said, role="img", **{"aria-label": said})],
        className="vd-node",
        **{"data-state": state},
    )


def ticker(table: Table, scope: Scope) -> html.Div:
    """`table.more` has `alarms` and what is `said` of them, worst and newest first; none is good news and said so."""
    lines = alarm_lines(table, scope)
    if not lines:
        return html.Div([icon("check-circle"), html.Span(word("alarms.none", scope.lang))], className="vd-calm")
    return html.Div(lines, className="vd-ticker", tabIndex=0)
