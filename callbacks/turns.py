"""A wall screen prepares its next page: laid out in the place that is not shown, filled like any other (`callbacks/panels`)."""

from dataclasses import replace
from typing import Any

import flask
from dash import MATCH, Dash, Input, Output, State, html, no_update

from dashboard import door, embed, shell
from dashboard.book import Book
from dashboard.markup import plain
from dashboard.visitor import is_shown, visitor
from datastore.store import Store
from plant.errors import Unavailable
from services.config import Config


def wire(app: Dash, store: Store, config: Config, book: Book) -> None:
    """The page asked for into the place that asked, marked with the number of the request; an empty path empties it."""

    @app.callback(
        Output({"type": "turn", "id": MATCH}, "children"),
        Input({"type": "turn-ask", "id": MATCH}, "data"),
        State("scope", "data"),
        prevent_initial_call=True,
    )
    def lay_out(asked: Any, scope: Any) -> Any:
        wish = door.fields(asked, "asked") or {}
        path, number = door.text(wish.get("path"), "path"), wish.get("n")
        if not path:
            return []
        page, me = book.pages.get(path), visitor()
        if page is None or path in embed.APART or not me.may_open(path):
            return no_update
        view = door.seen(door.fields(scope, "scope") or {}, config.site_tz)
        try:
            kind = shell.lacks(page, store)
        except Unavailable:  # the panels say so, each in its card
            kind = None
        if kind is not None:
            origin = flask.request.host_url.rstrip("/")
            cards: list[Any] = [shell.guide(kind, origin, view, store, config.auth_mode == "protected")]
        else:
            cards = shell.content(replace(page, panels=tuple(panel for panel in page.panels if is_shown(me, panel))), view)
        mark = html.Span(hidden=True, **{"data-asked": str(number) if isinstance(number, int) else ""})
        return plain([mark, *cards])
