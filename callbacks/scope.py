"""The URL is the view: it says which page, and its query is the Scope."""

from typing import Any

import flask
from dash import Dash, Input, Output, State, no_update

from dashboard import door, shell
from dashboard.book import Book
from dashboard.scope import read
from datastore.store import Store
from plant.errors import Unavailable
from services.config import Config


def wire(app: Dash, store: Store, config: Config, book: Book) -> None:
    """URL → navigation, header, page and scope. Cards are laid out anew only for another page, language or selection of controls."""

    @app.callback(
        Output("nav", "children"),
        Output("header", "children"),
        Output("notes", "children"),
        Output("page-head", "children"),
        Output("content", "children"),
        Output("scope", "data"),
        Output("shown", "data"),
        Input("url", "pathname"),
        Input("url", "search"),
        Input("again", "data"),
        State("shown", "data"),
    )
    def show(pathname: Any, search: Any, again: Any, shown: Any) -> tuple[Any, ...]:
        path = door.text(pathname, "pathname").rstrip("/") or "/"
        scope, bad = read(door.text(search, "search"), config.site_tz)
        page, now = book.pages.get(path), store.clock()
        me = flask.g.get("identity")
        frame = (
            shell.nav(list(book.pages.values()), path, scope),
            shell.header(config.site_name, path, scope, now, getattr(me, "username", ""), may_login=True),
            shell.note(bad, scope),
        )
        state = {"query": scope.query(), "path": path, "theme": scope.theme, "lang": scope.lang}
        if page is None:
            return *frame, [], shell.missing(path, scope), state, None
        laid_out = {"path": path, "lang": scope.lang, "again": again}
        try:
            kind = shell.lacks(page, store)
            head = shell.page_head(page, scope, store if kind is None else None)
        except Unavailable:  # the panels say so, each in its card
            kind, head = None, shell.page_head(page, scope, None)
        if kind is not None:
            origin = flask.request.host_url.rstrip("/")
            return *frame, head, [shell.guide(kind, origin, scope, store, config.auth_mode == "protected")], state, None
        content = no_update if laid_out == shown else shell.content(page, scope)
        return *frame, head, content, state, laid_out
