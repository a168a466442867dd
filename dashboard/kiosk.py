"""Kiosk links at the dashboard's door: `/kiosk/<token>` opens the first page a link shows, `/kiosk` says that one has ended.

What else stands in the address (scope, rotation) goes along. The token travels in the page's address once; then the page keeps it and
sends it as a header (`assets/kiosk.js`). Under HTTPS it is a cookie too, one that browsers keep apart for each site that shows the page
in a frame.
"""

from urllib.parse import urlencode

import flask

from dashboard import theme
from dashboard.scope import LANGUAGES
from dashboard.site import asked, policy, vendored
from dashboard.words import word
from plant.errors import Unauthorized, Unavailable
from services.config import Config
from services.kiosk import COOKIE, Kiosk

RETRY_S = 10


def register(server: flask.Flask, config: Config, links: Kiosk) -> None:
    """Put both addresses and the cookie onto `server`."""

    def opened(token: str) -> flask.typing.ResponseReturnValue:
        try:
            link = links.link(token)
        except Unauthorized:
            return flask.redirect("/kiosk?ended=1", 303)
        except Unavailable:
            return _message(config, "kiosk.down", 503)
        view = urlencode([(name, value) for name, value in flask.request.args.items(multi=True) if name not in ("kiosk", "link", "next")])
        return flask.redirect(f"{links.landing(link)}?kiosk=1&link={token}{f'&{view}' if view else ''}", 303)

    def ended() -> flask.Response:
        response = _message(config, "kiosk.ended", 200)
        if "ended" in flask.request.args:
            response.delete_cookie(COOKIE, secure=True, samesite="None", httponly=True, partitioned=True)
        return response

    @server.after_request
    def keep(response: flask.Response) -> flask.Response:
        request = flask.request
        token = request.args.get("link", "")
        is_theirs = token and flask.g.get("identity") and flask.g.identity.pages is not None
        if is_theirs and request.is_secure and response.status_code == 200:
            response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="None", partitioned=True)
        return response

    server.add_url_rule("/kiosk/<token>", "kiosk_link", opened)
    server.add_url_rule("/kiosk", "kiosk_ended", ended)


def _message(config: Config, key: str, status: int) -> flask.Response:
    scope = asked(config.site_tz)
    lang = scope.lang if "lang" in flask.request.args else flask.request.accept_languages.best_match(LANGUAGES, "en") or "en"
    page = flask.render_template(
        "kiosk.html",
        title=word(key, lang),
        lead=word(f"{key}.lead", lang),
        lang=lang,
        theme=scope.theme,
        site=config.site_name,
        retry=RETRY_S if status == 503 else 0,
        tokens=theme.css(),
        vendored=vendored(),
    )
    headers = {
        "Content-Security-Policy": policy((), config.embed_origins),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return flask.Response(page, status, mimetype="text/html", headers=headers)
