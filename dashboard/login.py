"""The login page: plain HTML from the server, works before any script of the dashboard is allowed."""

import flask

from dashboard import theme
from dashboard.scope import LANGUAGES
from dashboard.site import asked, policy, vendored
from dashboard.words import word
from services.config import Config


def register(server: flask.Flask, config: Config) -> None:
    """`GET /login?next=/path`: a form that posts to the API and then opens `next`."""
    pages = flask.Blueprint("voltdeck_login", __name__, template_folder="templates")

    @pages.get("/login")
    def login() -> flask.Response:
        scope = asked(config.site_tz)
        lang = scope.lang if "lang" in flask.request.args else flask.request.accept_languages.best_match(LANGUAGES, "en") or "en"
        page = flask.render_template(
            "login.html",
            word=lambda key: word(key, lang),
            lang=lang,
            theme=scope.theme,
            site=config.site_name,
            tokens=theme.css(),
            vendored=vendored(),
        )
        headers = {
            "Content-Security-Policy": policy((), config.embed_origins),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return flask.Response(page, mimetype="text/html", headers=headers)

    server.register_blueprint(pages)
