"""Scope changes or a redraw is asked for → the panel's body, one callback for all panels of all pages."""

from collections.abc import Mapping
from typing import Any

from dash import MATCH, Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from dashboard.book import Book
from dashboard.render import Shared, body
from dashboard.scope import read


def wire(app: Dash, book: Book, shared: Shared) -> None:
    """Fill every card from the scope."""

    @app.callback(
        Output({"type": "panel", "id": MATCH}, "children"),
        Input("scope", "data"),
        Input({"type": "redraw", "id": MATCH}, "data"),
        State({"type": "panel", "id": MATCH}, "id"),
    )
    def draw(scope: Mapping[str, Any] | None, redraw: Any, key: Mapping[str, str]) -> Any:
        panel = book.panels.get(str(key.get("id")))
        if panel is None or not scope:
            raise PreventUpdate
        return body(panel, shared, read(str(scope["query"]), str(scope["zone"]))[0], str(redraw or "")[:64])
