"""The Dash app as it is served: one HTML page with our theme, a Content-Security-Policy, 404 for paths nobody claims."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import flask
import plotly
from dash import Dash
from dash.fingerprint import build_fingerprint
from markupsafe import escape

from dashboard import door, embed, packed, theme
from dashboard.book import Book
from dashboard.page import Panel
from dashboard.pictures import has_picture
from dashboard.scope import Scope, read
from dashboard.shell import skeleton
from dashboard.visitor import is_shown, may_see, visitor
from dashboard.words import word
from services.config import Config

REFRESH_S = 60
"""How often a browser without scripts loads the page again."""
HERE = Path(__file__).parent
VENDORED = ("bootstrap/bootstrap.min.css", "bootstrap-icons/bootstrap-icons.min.css", "inter/inter.css")

INDEX = """<!DOCTYPE html>
<html lang="{lang}" data-bs-theme="{theme}"{marks}>
<head>
{metas}
<title>{title}</title>
<noscript><meta http-equiv="refresh" content="{refresh}"></noscript>
<link rel="icon" type="image/svg+xml" href="/assets/icon.svg">
{ahead}
{vendored}
<style>{tokens}</style>
{css}
</head>
<body>
{app_entry}
<noscript>{unscripted}</noscript>
<footer>{config}{scripts}{renderer}</footer>
</body>
</html>"""


class Site(Dash):
    """Dash with our HTML around it: language and theme are right before the first script runs."""

    zone = "UTC"
    book = Book({}, {})

    def _config(self) -> dict[str, Any]:
        """What the renderer is told: also where plotly.js is, under an address that browsers may keep."""
        # of "locally" the renderer only makes an address without a fingerprint
        return {**super()._config(), "serve_locally": False, "plotlyjs_url": plotly_address()}

    def interpolate_index(self, **parts: Any) -> str:
        scope = asked(self.zone)
        charts = charted(self.book)
        return INDEX.format(
            lang=scope.lang,
            theme=scope.theme,
            title=escape(self.title),
            vendored=vendored(),
            ahead=ahead() if charts else "",
            tokens=theme.css(),
            marks=marks(),
            refresh=REFRESH_S,
            unscripted=unscripted(charts, scope),
            **{name: parts[name] for name in ("metas", "css", "app_entry", "config", "scripts", "renderer")},
        )


def marks() -> str:
    """What the style of a wall screen and of a frame hangs on, there before any script."""
    request = flask.request
    is_wall = request.args.get("kiosk") == "1" or "link" in request.args
    is_alone = request.path.startswith(embed.PREFIX)
    return ' data-kiosk="1"' * is_wall + ' data-embed="1"' * is_alone


def charted(book: Book) -> list[Panel]:
    """The panels with charts of the page that is asked for, as far as the visitor may see them."""
    request, me = flask.request, visitor()
    single = embed.panel_at(book, request.path)
    page = book.pages.get(request.path)
    panels = [single] if single else page.panels if page and me.may_open(page.path) else []
    return [panel for panel in panels if may_see(me, panel) and is_shown(me, panel) and has_picture(panel)]


def unscripted(shown: Sequence[Panel], scope: Scope) -> str:
    """What a browser without scripts shows of a page: pictures of its charts, which the server draws (`dashboard.pictures`)."""
    if not shown:
        return f"<p>{escape(word('wall.script.none', scope.lang))}</p>"
    request = flask.request
    link = {"link": request.args["link"]} if "link" in request.args else {}
    query = "&".join(filter(None, (scope.query(live=None), urlencode(link))))
    pictures = [
        f'<img src="/panels/{escape(panel.id)}.png?{escape(query)}" alt="{escape(word(panel.title, scope.lang))}">' for panel in shown
    ]
    return f"<div class='vd-unscripted'><p>{escape(word('wall.script', scope.lang))}</p>{''.join(pictures)}</div>"


@cache
def plotly_address() -> str:
    """Where plotly.js is on this server; another version has another address."""
    file = "package_data/plotly.min.js"
    stamp = packed.mark(Path(plotly.__file__).parent / file)
    return f"/_dash-component-suites/plotly/{build_fingerprint(file, plotly.__version__, stamp)}"


@cache
def ahead() -> str:
    """On a page with charts, what draws them is fetched with all the rest, not only when the first one is there."""
    scripts = (plotly_address(), "/_dash-component-suites/dash/dcc/async-graph.js")
    return "\n".join(f'<link rel="preload" as="script" href="{script}">' for script in scripts)


def asked(zone: str) -> Scope:
    """The scope of the request being answered."""
    return read(flask.request.query_string.decode("utf-8", "replace"), zone)[0]


@cache
def vendored() -> str:
    """Links to the style sheets of others, which come before ours."""
    marks = {name: packed.mark(HERE / "assets" / "vendor" / name) for name in VENDORED}
    return "\n".join(f'<link rel="stylesheet" href="/assets/vendor/{quote(name)}?m={marks[name]}">' for name in VENDORED)


def policy(hashes: tuple[str, ...], embed_origins: tuple[str, ...]) -> str:
    """The Content-Security-Policy of our pages: nothing from elsewhere, no eval, frames only where the config allows."""
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(("'self'", *hashes)),
        "style-src": "'self' 'unsafe-inline'",  # plotly and AG Grid write style elements
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": " ".join(("'self'", *embed_origins)),
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _seen_by_screens(view: Any) -> Any:
    """The frame of all pages, which knows nothing of the plant: whoever may see a panel may have it."""

    def index(**path: str) -> Any:
        return view(**path)

    index.permission = "panels"  # type: ignore[attr-defined]  # read by the guard
    return index


def create(server: flask.Flask, config: Config, book: Book) -> Site:
    """Dash on `server`, everything served from here, nothing registered process-wide: several may live side by side."""
    app = Site(
        __name__,
        server=server,
        title=f"{config.site_name} · Voltdeck",
        update_title="",
        routes_pathname_prefix="/",
        assets_folder=str(HERE / "assets"),
        assets_path_ignore=["vendor", "plain"],
        pages_folder="",
        use_pages=False,
        serve_locally=True,
        external_stylesheets=[],
        external_scripts=[],
        suppress_callback_exceptions=True,
        add_log_handler=False,
        enable_mcp=False,
        csrf_token_name="csrf_access_token",
        csrf_header_name="X-CSRF-TOKEN",
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1, viewport-fit=cover"}],
    )
    app.zone, app.book = config.site_tz, book
    app.layout = skeleton
    packed.install(server)
    door.install(server, app)
    index_endpoints = {rule.endpoint for rule in server.url_map.iter_rules() if rule.rule in ("/", "/<path:path>")}
    for endpoint in index_endpoints:
        server.view_functions[endpoint] = _seen_by_screens(server.view_functions[endpoint])

    @server.after_request
    def dress(response: flask.Response) -> flask.Response:
        if flask.request.endpoint in index_endpoints and response.mimetype == "text/html":
            response.headers.setdefault("Content-Security-Policy", policy(tuple(app.csp_hashes()), config.embed_origins))
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
            response.headers.setdefault("Referrer-Policy", "same-origin")
            response.headers["Cache-Control"] = "no-store"
            if response.status_code == 200 and flask.request.path not in book.pages and not embed.panel_at(book, flask.request.path):
                response.status_code = 404
        return response

    return app
