"""A panel is to show a scope, or to be drawn anew → its body, one callback for all panels of all pages."""

from threading import BoundedSemaphore
from typing import Any

from dash import MATCH, Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from dashboard import door
from dashboard.book import Book
from dashboard.markup import plain
from dashboard.render import Shared, body
from dashboard.visitor import may_see, visitor

_turns = BoundedSemaphore(1)
PATIENCE_S = 0.15
"""Panels that are asked together are worked out one after the other, so that the browser draws the first while the next is made; side by
side all would be ready as late as the last. A slow one holds the others up no longer than this."""


def wire(app: Dash, book: Book, shared: Shared, zone: str) -> None:
    """Fill every card from the scope it was told to show (`assets/panels.js` tells those on the screen first); `zone` is the site's."""

    @app.callback(
        Output({"type": "panel", "id": MATCH}, "children"),
        Input({"type": "scope", "id": MATCH}, "data"),
        Input({"type": "redraw", "id": MATCH}, "data"),
        State({"type": "panel", "id": MATCH}, "id"),
        prevent_initial_call=True,
    )
    def draw(scope: Any, redraw: Any, key: Any) -> Any:
        view, asked = door.fields(scope, "scope"), door.fields(key, "key") or {}
        panel = book.panels.get(door.text(asked.get("id"), "id"))
        if panel is None or not view or not may_see(visitor(), panel):
            raise PreventUpdate
        has_turn = _turns.acquire(timeout=PATIENCE_S)
        try:
            return plain(body(panel, shared, door.seen(view, zone), str(redraw or "")[:64]))
        finally:
            if has_turn:
                _turns.release()
