"""Cycles by depth and mean state of charge, as a field in which only what happened carries a number."""

from dashboard.figures.axes import Figure
from dashboard.figures.heat import as_matrix, heat
from dashboard.page import Table
from dashboard.scope import Scope
from plant.quantity import number


def rainflow(table: Table, scope: Scope) -> Figure:
    """As `heat`, of cycles: a class in which nothing cycled is an empty field."""
    figure = heat(table, scope)
    said = [[number(cell, 1 if cell >= 0.1 else 2) if cell > 0 else "" for cell in row] for row in as_matrix(table).tolist()]
    trace = figure["data"][0]
    trace |= {"hovertext": trace["text"], "text": said, "texttemplate": "%{text}", "textfont": {"size": 11}}
    trace["hovertemplate"] = trace["hovertemplate"].replace("%{text}", "%{hovertext}")
    return figure
