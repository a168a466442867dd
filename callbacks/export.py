"""Exactly what a panel shows, as files under links of their own, each with a receipt."""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import flask

from dashboard.book import Book
from dashboard.exports import View, Views, viewed
from dashboard.page import Panel
from dashboard.render import trace_id
from dashboard.scope import EARLIEST
from dashboard.site import asked
from dashboard.visitor import may_see, visitor
from datastore.store import Store
from plant.errors import PlantError, Unavailable
from plant.model import DAY
from services.cells import FORMS
from services.config import Config
from services.tables import MEDIA


def register(server: flask.Flask, book: Book, views: Views, store: Store, config: Config) -> None:
    """`GET /panels/<panel id>.csv|.xlsx|.parquet?<scope>` and `GET /panels/<panel id>.receipt.json?format=csv&<scope>`. `raw=1` leaves out
    the rounding, `at` [epoch ms UTC] is what the clock said when the view was seen."""

    def file(panel_id: str, form: str) -> flask.Response:
        found = _view(book.panels.get(panel_id), panel_id, store, views, config)
        if not isinstance(found, View):
            return found
        try:
            content = found.file(form)
        except PlantError as problem:
            return _refused(406, problem.message)
        response = flask.Response(content, mimetype=MEDIA[form].partition(";")[0])
        digest = hashlib.sha256(content).digest()
        response.headers.set("Content-Disposition", "attachment", filename=found.name(config.site_name, form))
        response.headers["Repr-Digest"] = f"sha-256=:{b64encode(digest).decode()}:"  # RFC 9530
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def receipt(panel_id: str) -> flask.Response:
        form = flask.request.args.get("format", "csv")
        if form not in FORMS:
            return _refused(422, f"format is one of {', '.join(FORMS)}")
        found = _view(book.panels.get(panel_id), panel_id, store, views, config)
        if not isinstance(found, View):
            return found
        site = {"id": config.site_id, "name": config.site_name, "zone": config.site_tz}
        made = found.receipt(form, site, *_addresses(book, found, form))
        response = flask.jsonify(made)
        name = f"{found.name(config.site_name, form)}.receipt.json"
        response.headers.set("Content-Disposition", "attachment", filename=name)
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    for form in FORMS:
        _serve(server, f"/panels/<panel_id>.{form}", f"panel_{form}", lambda panel_id, form=form: file(panel_id, form))
    _serve(server, "/panels/<panel_id>.receipt.json", "panel_receipt", receipt)


def _serve(server: flask.Flask, rule: str, endpoint: str, view: Callable[..., flask.Response]) -> None:
    view.permission = "export"  # type: ignore[attr-defined]  # read by the guard
    server.add_url_rule(rule, endpoint, view)


def _view(panel: Panel | None, panel_id: str, store: Store, views: Views, config: Config) -> View | flask.Response:
    """The view asked for, or why there is none."""
    if panel is None or not panel.files:
        return _refused(404, f"There is no panel '{panel_id[:80]}' with a table.")
    if not may_see(visitor(), panel):
        return _refused(403, f"This panel needs the permission '{panel.needs or 'panels'}'.")
    at = flask.request.args.get("at", "")
    now = store.clock()
    if at and not (at.isascii() and at.isdigit() and len(at) < 16 and EARLIEST <= int(at) <= now + DAY):
        return _refused(422, "at is an instant in epoch ms")
    try:
        scope, raw = asked(config.site_tz), flask.request.args.get("raw") == "1"
        return views.of(panel, scope, int(at), raw) if at else viewed(store, panel, scope, now, raw)
    except Unavailable as problem:
        return _refused(503, f"{problem.message} (trace {trace_id()})")


def _addresses(book: Book, found: View, form: str) -> tuple[str, str]:
    """Of the page with this view and of the file, both with the window as instants of their own."""
    home = flask.request.host_url.rstrip("/")
    scope, span = found.scope, found.scope.span(found.now)
    path = next((path for path, page in book.pages.items() if found.panel in page.panels), "/")
    query = scope.query(theme=None, live=None)
    is_named = found.panel.is_current or scope.is_fixed
    page = query if is_named else replace(scope, start=span.start, end=span.end).query(theme=None, live=None)
    more = urlencode({"at": found.now, **({"raw": "1"} if found.raw else {})})
    return f"{home}{path}?{page}".rstrip("?"), f"{home}/panels/{found.panel.id}.{form}?{f'{query}&' if query else ''}{more}"


def _refused(status: int, why: str) -> flask.Response:
    return flask.Response(f"{why}\n", status, mimetype="text/plain")
