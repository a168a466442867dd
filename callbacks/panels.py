"""Scope changes or a redraw is asked for → the panel's body, one callback for all panels of all pages."""

from typing import Any

from dash import MATCH, Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from dashboard import door
from dashboard.book import Book
from dashboard.render import Shared, body
from dashboard.scope import read


def wire(app: Dash, book: Book, shared: Shared, zone: str) -> None:
    """Fill every card from the scope; `zone` is the site's."""

    @app.callback(
        Output({"type": "panel", "id": MATCH}, "children"),
        Input("scope", "data"),
        Input({"type": "redraw", "id": MATCH}, "data"),
        State({"type": "panel", "id": MATCH}, "id"),
    )
    def draw(scope: Any, redraw: Any, key: Any) -> Any:
        view, asked = door.fields(scope, "scope"), door.fields(key, "key") or {}
        panel = book.panels.get(door.text(asked.get("id"), "id"))
        if panel is None or not view:
            raise PreventUpdate
        return body(panel, shared, read(door.text(view.get("query"), "query"), zone)[0], str(redraw or "")[:64])
