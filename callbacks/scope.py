"""The URL is the view: it says which page, and its query is the Scope."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import flask
from dash import Dash, Input, Output, State, no_update

from dashboard import door, embed, shell, turns
from dashboard.book import Book
from dashboard.controls import sensible
from dashboard.markup import plainly
from dashboard.scope import read
from dashboard.visitor import is_shown, visitor
from datastore.store import Store
from plant.errors import Unavailable
from services.build import BUILD
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
    @plainly
    def show(pathname: Any, search: Any, again: Any, shown: Any) -> tuple[Any, ...]:
        path = door.text(pathname, "pathname").rstrip("/") or "/"
        query = door.text(search, "search")
        scope, bad = read(query, config.site_tz)
        me, now = visitor(), store.clock()
        open_to = [one.path for one in book.pages.values() if me.may_open(one.path)]
        plan = turns.asked(query, [one for one in open_to if one not in embed.APART])
        path = turns.first(plan, path)
        page, single = book.pages.get(path), embed.panel_at(book, path)
        strange: tuple[str, ...] = ()
        if page is not None and me.may_open(path):
            with suppress(Unavailable):  # the panels say so, each in its card
                scope, strange = sensible(page.controls, scope, store)
        is_screen = me.pages is not None
        titles = {one.path: one.title for one in book.pages.values()}
        wall = {"data-frozen": str(plan.frozen), "data-turns": turns.told(plan, path, titles, scope.lang), "data-build": BUILD}
        frame = (
            shell.nav([book.pages[one] for one in open_to if single is None], path, scope),
            shell.header(
                config.site_name,
                path,
                scope,
                now,
                "" if is_screen else me.username,
                not is_screen,
                alarms=me.may_see("shell-alarms"),
                wall=wall,
                compares=page is not None and any(one.field == "against" for one in page.controls),
            ),
            shell.note([*bad, *plan.bad, *strange], scope),
        )
        state = {"query": scope.query(), "path": path, "theme": scope.theme, "lang": scope.lang}
        if single is not None:
            if not embed.may_embed(me, single):
                return *frame, [], shell.withheld(scope, "wall.withheld"), state, None
            laid_out = {"path": path, "lang": scope.lang, "again": again}
            return *frame, [], no_update if laid_out == shown else embed.frame(single, scope), state, laid_out
        if page is None or not me.may_open(path):
            return *frame, [], shell.missing(path, scope) if page is None else shell.withheld(scope), state, None
        page = replace(page, panels=tuple(panel for panel in page.panels if is_shown(me, panel)))
        laid_out = {"path": path, "lang": scope.lang, "again": again, **({"turns": list(plan.pages)} if plan.seconds else {})}
        try:
            kind = shell.lacks(page, store)
            head = shell.page_head(page, scope, store if kind is None else None)
        except Unavailable:  # the panels say so, each in its card
            kind, head = None, shell.page_head(page, scope, None)
        if kind is not None:
            origin = flask.request.host_url.rstrip("/")
            return *frame, head, [shell.guide(kind, origin, scope, store, config.auth_mode == "protected")], state, None
        if laid_out == shown:
            return *frame, head, no_update, state, laid_out
        cards = shell.content(page, scope)
        return *frame, head, turns.places(cards) if plan.seconds else cards, state, laid_out
