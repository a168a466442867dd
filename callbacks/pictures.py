"""`GET /panels/<panel id>.png?<scope>&width=&height=`: a panel's chart as the server draws it."""

import flask

from dashboard.book import Book
from dashboard.pictures import HEAD, LOW, NARROW, TALL, USUAL_WIDTH, WIDE, NoPicture, Pictures
from dashboard.render import Shared, trace_id
from dashboard.site import asked
from dashboard.visitor import may_see, visitor
from datastore.store import Store
from plant.errors import Unavailable
from services.config import Config


def register(server: flask.Flask, book: Book, shared: Shared, store: Store, config: Config) -> None:
    """Put the address onto `server`. Whoever sees the panel may have its picture, a kiosk link too (`?link=`)."""
    pictures = Pictures(store, config.site_name, config.browser_path)

    def picture(panel_id: str) -> flask.Response:
        panel = book.panels.get(panel_id)
        if panel is None:
            return _refused(404, f"There is no panel '{panel_id[:80]}'.")
        if not may_see(visitor(), panel):
            return _refused(403, "You do not see this panel.")
        width = _pixels("width", USUAL_WIDTH, NARROW, WIDE)
        height = _pixels("height", min(panel.height + HEAD, TALL), LOW, TALL)
        if width is None or height is None:
            return _refused(422, f"width is {NARROW} to {WIDE} and height {LOW} to {TALL} pixels")
        scope = asked(config.site_tz)
        try:
            found = pictures.of(panel, lambda: shared.table(panel, scope), scope, width, height)
        except NoPicture as problem:
            return _refused(415, problem.message)
        except Unavailable as problem:
            refusal = _refused(503, f"{problem.message} (trace {trace_id()})")
            refusal.headers["Retry-After"] = str(problem.details.get("retry_after", 30))
            return refusal
        response = flask.Response(found.png, mimetype="image/png")
        response.set_etag(found.tag)
        response.headers["Cache-Control"] = "private, no-cache"
        response.make_conditional(flask.request)
        return response

    picture.permission = "panels"  # type: ignore[attr-defined]  # read by the guard
    server.add_url_rule("/panels/<panel_id>.png", "panel_png", picture)


def _pixels(name: str, usual: int, least: int, most: int) -> int | None:
    text = flask.request.args.get(name, "")
    if not text:
        return max(least, usual)
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return value if least <= value <= most else None


def _refused(status: int, why: str) -> flask.Response:
    return flask.Response(f"{why}\n", status, mimetype="text/plain")
