"""The one way a chart gets onto a page."""

from collections.abc import Mapping
from typing import Any

from dash import dcc

from dashboard import theme

CONFIG: Mapping[str, Any] = {
    "showSendToCloud": False,  # plotly.js offers to upload the chart by default
    "plotlyServerURL": "",
    "displaylogo": False,
    "displayModeBar": False,
    "responsive": True,
    "scrollZoom": False,
    "showTips": False,
    "doubleClick": False,  # a double click goes back to the window before the zoom, by live.js
    "locale": "en",
}

TIME_AXIS: Mapping[str, Any] = {
    "automargin": False,  # their labels always have room; measuring them draws them twice
    "tickangle": 0,
    "hoverformat": "%Y-%m-%d %H:%M:%S",
    "tickformatstops": [
        {"dtickrange": [None, 1_000], "value": "%H:%M:%S.%L"},
        {"dtickrange": [1_000, 60_000], "value": "%H:%M:%S\n%m-%d"},
        {"dtickrange": [60_000, 86_400_000], "value": "%H:%M\n%m-%d"},
        {"dtickrange": [86_400_000, "M1"], "value": "%m-%d\n%Y"},
        {"dtickrange": ["M1", None], "value": "%Y-%m"},
    ],
}
"""Dates as figures, the same in every language: month names would need a locale file each."""


def graph(panel_id: str, figure: Mapping[str, Any], height: int, look: str = "dark", span: tuple[float, float] | None = None) -> dcc.Graph:
    """A figure (dict with data and layout) as a component: template of the theme, our config, one id per panel. Time axes show
    `span` (epoch ms in site time) unless the figure says otherwise, and zoom by drag: the browser then asks for that window."""
    layout = {"template": theme.template(look), "height": height, "autosize": True, **figure.get("layout", {})}
    is_time = layout.get("xaxis", {}).get("type") == "date"
    if is_time:
        layout["xaxis"] = {**TIME_AXIS, **({"range": list(span)} if span else {}), **layout["xaxis"]}
    if layout.get("showlegend") is False:
        layout["margin"] = {"t": 26, **layout.get("margin", {})}
    zooms = is_time and layout.get("dragmode", "zoom") == "zoom"
    return dcc.Graph(
        id={"type": "graph", "id": panel_id},
        figure={"data": figure.get("data", []), "layout": layout, **({"frames": figure["frames"]} if "frames" in figure else {})},
        config=dict(CONFIG),
        className="vd-graph vd-zooms" if zooms else "vd-graph",
        style={"height": f"{height}px"},
        clear_on_unhover=True,
    )
