"""The URL is the view: it says which page, and its query is the Scope."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from zlib import crc32

import flask
import orjson
from dash import Dash, Input, Output, State, no_update

from dashboard import door, embed, shell, turns
from dashboard.book import Book
from dashboard.controls import sensible
from dashboard.header import local_day
from dashboard.markup import plainly
from dashboard.page import Page, Scope
from dashboard.scope import read
from dashboard.visitor import is_shown, visitor
from datastore.store import Store
from plant.errors import Unavailable
from services.access import Identity
from services.build import BUILD
from services.config import Config


def wire(app: Dash, store: Store, config: Config, book: Book) -> None:
    """URL → navigation, header, page and scope. Cards are laid out anew only for another page or language, the
    header only where it says something else."""

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
        told, mark = _told(shown), _mark(me, scope, wall, page, now)
        header = (
            no_update
            if told.get("header") == mark
            else shell.header(
                config.site_name,
                scope,
                now,
                "" if is_screen else me.username,
                not is_screen,
                alarms=me.may_see("shell-alarms"),
                wall=wall,
                compares=_compares(page),
            )
        )
        frame = (
            shell.nav([book.pages[one] for one in open_to if single is None], path, scope),
            header,
            shell.note([*bad, *plan.bad, *strange], scope),
        )
        state = {"query": scope.query(), "path": path, "theme": scope.theme, "lang": scope.lang}
        if single is not None:
            if not embed.may_embed(me, single):
                return *frame, [], shell.withheld(scope, "wall.withheld"), state, {"header": mark}
            laid_out = {"path": path, "lang": scope.lang, "again": again}
            content = no_update if laid_out == told.get("page") else embed.frame(single, scope)
            return *frame, [], content, state, {"header": mark, "page": laid_out}
        if page is None or not me.may_open(path):
            return *frame, [], shell.missing(path, scope) if page is None else shell.withheld(scope), state, {"header": mark}
        page = replace(page, panels=tuple(panel for panel in page.panels if is_shown(me, panel)))
        laid_out = {"path": path, "lang": scope.lang, "again": again, **({"turns": list(plan.pages)} if plan.seconds else {})}
        try:
            kind = shell.lacks(page, store)
            head = shell.page_head(page, scope, store if kind is None else None)
        except Unavailable:  # the panels say so, each in its card
            kind, head = None, shell.page_head(page, scope, None)
        if kind is not None:
            origin = flask.request.host_url.rstrip("/")
            return *frame, head, [shell.guide(kind, origin, scope, store, config.auth_mode == "protected")], state, {"header": mark}
        content = no_update if laid_out == told.get("page") else shell.content(page, scope)
        if plan.seconds and content is not no_update:
            content = turns.places(content)
        return *frame, head, content, state, {"header": mark, "page": laid_out}


def _told(shown: Any) -> Mapping[str, Any]:
    """What the browser shows: the mark of its `header`, and which `page` is laid out how."""
    return door.fields(shown, "shown") or {}


def _compares(page: Page | None) -> bool:
    return page is not None and any(one.field == "against" for one in page.controls)


def _mark(me: Identity, scope: Scope, wall: Mapping[str, str], page: Page | None, now: int) -> str:
    """Of all a header says: one with the same mark need not be sent again. The day is in it for the calendar's quick choices."""
    day = local_day(now, scope.zone)
    said = [
        scope.query(),
        me.username,
        sorted(me.permissions),
        me.pages is None,
        me.may_see("shell-alarms"),
        dict(wall),
        _compares(page),
        day,
    ]
    return f"{crc32(orjson.dumps(said)):08x}"
