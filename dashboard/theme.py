"""Colours and type, once: a neutral ramp and one accent for dark and light, and colours that mean a thing in every chart."""

from collections.abc import Mapping
from functools import cache
from typing import Any

FONT = "Inter, 'Noto Sans TC', 'Noto Sans CJK TC', 'PingFang TC', 'Microsoft JhengHei', system-ui, sans-serif"

RAMPS: Mapping[str, Mapping[str, str]] = {
    "dark": {
        "bg": "#0d1117",
        "surface": "#141a22",
        "raised": "#1b232d",
        "line": "#28313d",
        "grid": "#212a35",
        "text": "#e8edf3",
        "muted": "#a3afbd",
        "faint": "#8390a0",
        "accent": "#58a6ff",
        "accent-soft": "#16293f",
        "on-accent": "#08131f",
    },
    "light": {
        "bg": "#f5f6f8",
        "surface": "#ffffff",
        "raised": "#eef1f4",
        "line": "#dbe0e6",
        "grid": "#e8ebef",
        "text": "#17202b",
        "muted": "#4d5968",
        "faint": "#626e7d",
        "accent": "#0b5fcc",
        "accent-soft": "#e3edfb",
        "on-accent": "#ffffff",
    },
}
"""Neutral ramp and accent. `text`, `muted` and `faint` keep 4.5:1 on `bg` and `surface` (WCAG AA)."""

COLOURS: Mapping[str, Mapping[str, str]] = {
    "dark": {
        "charge": "#5fd6bd",
        "discharge": "#4b93f0",
        "pv": "#f2c94c",
        "grid": "#b493e6",
        "import": "#8b5fd6",
        "export": "#c9aff2",
        "load": "#e394b8",
        "soc": "#7cc4ff",
        "frequency": "#c9d3de",
        "target": "#98a5b4",
        "limit": "#ff9d73",
        "good": "#5fd6bd",
        "info": "#7cb8f5",
        "warning": "#f5b041",
        "alarm": "#ff7b6b",
        "protection": "#ff5fa2",
        "stale": "#8390a0",
    },
    "light": {
        "charge": "#087461",
        "discharge": "#1759b8",
        "pv": "#b07d00",
        "grid": "#7a4fc2",
        "import": "#a884dd",
        "export": "#5d33a6",
        "load": "#b8457f",
        "soc": "#1676c4",
        "frequency": "#3f4b59",
        "target": "#6b7785",
        "limit": "#c2491d",
        "good": "#086150",
        "info": "#1a66b8",
        "warning": "#8f5f00",
        "alarm": "#c22f20",
        "protection": "#b3125f",
        "stale": "#626e7d",
    },
}
"""Colour → meaning; hues and lightness differ so that red-green blind readers tell them apart, and never without a word or an icon."""

SERIES: Mapping[str, tuple[str, ...]] = {
    "dark": ("#58a6ff", "#f2c94c", "#5fd6bd", "#e394b8", "#b493e6", "#ff9d73", "#9fb3c8", "#c5e478"),
    "light": ("#1759b8", "#b07d00", "#087461", "#b8457f", "#7a4fc2", "#c2491d", "#53657a", "#5d7a00"),
}
"""For series without a meaning of their own (units, racks, strings), in this order."""

SCALES: Mapping[str, Mapping[str, list[list[float | str]]]] = {
    "dark": {
        "level": [[0, "#11263d"], [0.25, "#1a4a72"], [0.5, "#2a76b0"], [0.75, "#58a6e8"], [1, "#c4e2ff"]],
        "heat": [[0, "#1b2733"], [0.35, "#5a3d5c"], [0.65, "#c4586a"], [0.85, "#f59a5b"], [1, "#fde6a4"]],
        "diverging": [[0, "#4b93f0"], [0.5, "#1d2630"], [1, "#f2a65a"]],
    },
    "light": {
        "level": [[0, "#eaf3fc"], [0.25, "#b9d8f5"], [0.5, "#74b0e6"], [0.75, "#2f7cc4"], [1, "#0d4480"]],
        "heat": [[0, "#f3f4f6"], [0.35, "#f6d9b8"], [0.65, "#ee9a6b"], [0.85, "#c9435a"], [1, "#7a1450"]],
        "diverging": [[0, "#1759b8"], [0.5, "#f2f4f6"], [1, "#c2691d"]],
    },
}
"""Colour scales: `level` for how full, `heat` for how bad or hot (both monotonic in lightness), `diverging` around an expected value."""


def colour(meaning: str, look: str = "dark") -> str:
    """The colour of a meaning, severity or ramp step. Raises KeyError for a meaning nobody gave a colour."""
    return COLOURS[look].get(meaning) or RAMPS[look][meaning]


def tint(value: str, alpha: float) -> str:
    """`#rrggbb` → `rgba(…)`, for fills and bands."""
    red, green, blue = (int(value[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


@cache
def template(look: str = "dark") -> dict[str, Any]:
    """The plotly template of a theme: transparent paper, hairline grid, legend on top left, no title (cards have titles)."""
    ramp = RAMPS[look]
    axis = {
        "gridcolor": ramp["grid"],
        "zerolinecolor": ramp["line"],
        "zerolinewidth": 1,
        "linecolor": ramp["line"],
        "showline": False,
        "ticks": "",
        "tickfont": {"size": 11, "color": ramp["muted"]},
        "title": {"font": {"size": 11, "color": ramp["muted"]}, "standoff": 8},
        "automargin": True,
        "fixedrange": False,
    }
    return {
        "layout": {
            "font": {"family": FONT, "size": 12, "color": ramp["muted"]},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(SERIES[look]),
            # room for usual labels and the legend: where plotly.js has to widen a margin, it draws the chart a second time
            "margin": {"l": 66, "r": 14, "t": 47, "b": 47, "pad": 4},
            "xaxis": {
                **axis,
                "showgrid": False,
                "showspikes": True,
                "spikethickness": 1,
                "spikedash": "solid",
                "spikecolor": ramp["faint"],
                "spikemode": "across",
                "spikesnap": "cursor",
            },
            "yaxis": {**axis, "fixedrange": True},
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
                "font": {"size": 12, "color": ramp["muted"]},
                "bgcolor": "rgba(0,0,0,0)",
                "itemwidth": 30,
            },
            "hovermode": "x unified",
            "hoverlabel": {
                "bgcolor": ramp["raised"],
                "bordercolor": ramp["line"],
                "font": {"family": FONT, "size": 12, "color": ramp["text"]},
                "align": "left",
            },
            "dragmode": "zoom",
            "separators": ".,",
            "coloraxis": {"colorbar": {"outlinewidth": 0, "thickness": 10, "tickfont": {"size": 11, "color": ramp["muted"]}}},
            "annotationdefaults": {"font": {"size": 11, "color": ramp["muted"]}, "showarrow": False},
            "newshape": {"line": {"color": ramp["accent"]}},
        },
        "data": {
            "heatmap": [
                {
                    "type": "heatmap",
                    "xgap": 2,
                    "ygap": 2,
                    "colorbar": {"outlinewidth": 0, "thickness": 10, "tickfont": {"size": 11, "color": ramp["muted"]}},
                }
            ],
            "scatter": [{"type": "scatter", "line": {"width": 1.6}, "connectgaps": False}],
            "bar": [{"type": "bar", "marker": {"line": {"width": 0}}}],
        },
    }


def css() -> str:
    """The tokens of both themes as CSS custom properties (`--vd-…`), so that style sheets and charts share one source."""
    blocks = []
    for look in RAMPS:
        tokens = {**{f"c-{name}": value for name, value in COLOURS[look].items()}, **RAMPS[look]}
        body = "".join(f"--vd-{name}:{value};" for name, value in tokens.items())
        blocks.append(f'[data-bs-theme="{look}"]{{color-scheme:{look};{body}}}')
    return "".join(blocks)
