"""A calendar: months down, days across, one colour per day; days of the month nobody told anything of are pale fields."""

from calendar import monthrange

from dashboard import theme
from dashboard.figures.axes import Figure
from dashboard.figures.heat import Heat, heat
from dashboard.page import Table
from dashboard.scope import Scope


def calendar(table: Table, scope: Scope) -> Figure:
    """`table` as for `heat.heat`, its rows named `YYYY-MM`, its columns the days 1…31. Trace 0 is the ground, trace 1 the days."""
    spec: Heat = table.more["heat"]
    drawn = heat(table, scope)
    lengths = [monthrange(*map(int, row.split("-")))[1] for row in spec.rows]
    pale = theme.RAMPS[scope.theme]["raised"]
    ground = {
        "type": "heatmap",
        "x": list(range(31)),
        "y": list(range(len(spec.rows))),
        "z": [[0 if day < length else None for day in range(31)] for length in lengths],
        "colorscale": [[0, pale], [1, pale]],
        "showscale": False,
        "hoverinfo": "skip",
        "xgap": 2,
        "ygap": 2,
    }
    layout = drawn["layout"] | {"annotations": []}
    return {"data": [ground, *drawn["data"]], "layout": layout}
