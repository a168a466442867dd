"""The URL is the view: it says which page, and its query is the Scope."""

from collections.abc import Mapping
from typing import Any

import flask
from dash import Dash, Input, Output, State, no_update

from dashboard import shell
from dashboard.book import Book
from dashboard.scope import read
from datastore.store import Store
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
    def show(path: str | None, search: str | None, again: Any, shown: Mapping[str, Any] | None) -> tuple[Any, ...]:
        path = (path or "/").rstrip("/") or "/"
        scope, bad = read(search or "", config.site_tz)
        page, now = book.pages.get(path), store.clock()
        me = flask.g.get("identity")
        frame = (
            shell.nav(list(book.pages.values()), path, scope),
            shell.header(config.site_name, path, scope, now, getattr(me, "username", ""), may_login=True),
            shell.note(bad, scope),
        )
        state = {"query": scope.query(), "zone": scope.zone, "path": path, "theme": scope.theme, "lang": scope.lang}
        if page is None:
            return *frame, [], shell.missing(path, scope), state, None
        laid_out = {"path": path, "lang": scope.lang, "again": again}
        try:
            is_new_plant = not store.records.devices()
            head = shell.page_head(page, scope, store)
        except Exception:  # the store is down: the panels say so, each in its card
            is_new_plant, head = False, shell.page_head(page, scope, None)
        if is_new_plant:
            return (
                *frame,
                head,
                [shell.welcome(flask.request.host_url.rstrip("/"), scope, now, config.auth_mode == "protected")],
                state,
                None,
            )
        content = no_update if laid_out == shown else shell.content(page, scope)
        return *frame, head, content, state, laid_out
