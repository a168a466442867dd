"""Scripts, styles and fonts, packed once per process instead of once per request, and kept by browsers for as long as their address says.

An address that carries a mark of its content (Dash's fingerprint in the file name, or our `?m=`) never changes what it means, so
its answer may be kept for a year without asking; all others are asked for again and answered 304 while they are the same.
"""

import gzip
import threading
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import flask
from dash.exceptions import DependencyException
from dash.fingerprint import check_fingerprint

SUITES = "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"
KEEP = "public, max-age=31536000, immutable"
ASK = "no-cache"
PACKED = ("text/css", "text/javascript", "application/javascript", "application/json", "image/svg+xml")
LEAST = 512
"""Below this many bytes packing gains nothing."""
MOST = 64
"""Files kept; there are some forty."""
PACKERS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("br", lambda plain: brotli.compress(plain, quality=5)),
    ("gzip", lambda plain: gzip.compress(plain, 6, mtime=0)),
)
"""In order of preference. At quality 5 plotly.js takes 0.1 s once (4.8 → 1.3 MB); 9 saves 4 % more for four times the time."""


class Shelf:
    """Packed answers by address and encoding. A file that changes on disk has another tag and is packed anew."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[str, bytes]] = {}

    def packed(self, path: str, encoding: str, tag: str, plain: bytes) -> bytes:
        """`plain` in `encoding`, packed by the first who asks."""
        with self._gate:
            kept = self._kept.get((path, encoding))
            if kept is None or kept[0] != tag:
                if len(self._kept) >= MOST:
                    self._kept.clear()
                kept = self._kept[path, encoding] = (tag, dict(PACKERS)[encoding](plain))
        return kept[1]


def install(server: flask.Flask) -> None:
    """Dress the views that Dash gave `server`: its component suites and our assets."""
    shelf = Shelf()
    for rule in server.url_map.iter_rules():
        if rule.rule == SUITES or rule.rule == "/assets/<path:filename>":
            server.view_functions[rule.endpoint] = _wrapped(server.view_functions[rule.endpoint], shelf)


def mark(file: Path) -> str:
    """What stands in the address of an asset for its content."""
    return sha1(file.read_bytes(), usedforsecurity=False).hexdigest()[:12]


def _wrapped(view: Callable[..., Any], shelf: Shelf) -> Callable[..., Any]:
    def packed(**asked: str) -> flask.Response:
        try:
            response: flask.Response = flask.current_app.make_response(view(**asked))
        except DependencyException:  # a script that Dash does not know
            flask.abort(404)
        is_marked = "m" in flask.request.args or check_fingerprint(asked.get("fingerprinted_path", ""))[1]
        response.headers["Cache-Control"] = KEEP if is_marked else ASK
        if response.status_code == 200 and response.mimetype in PACKED:
            _pack(response, shelf)
        return response

    return packed


def _pack(response: flask.Response, shelf: Shelf) -> None:
    request = flask.request
    response.headers["Vary"] = "Accept-Encoding"
    encoding = next((name for name, _ in PACKERS if request.accept_encodings[name] > 0), "")
    response.direct_passthrough = False  # files come as a stream
    plain = response.get_data()
    if not encoding or len(plain) < LEAST:
        return
    tag = response.get_etag()[0] or sha1(plain, usedforsecurity=False).hexdigest()
    response.set_data(shelf.packed(request.path, encoding, tag, plain))
    response.headers["Content-Encoding"] = encoding
    response.set_etag(tag, weak=True)  # another encoding of the same: equal in meaning, not in bytes
    response.make_conditional(request)
