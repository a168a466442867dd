"""The Flask door: mounts declared operations on Flask, and gives every answer its trace id, its limits, its errors and its headers."""

import hashlib
import json
import logging
import random
import re
import time
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import flask
import orjson
from flask_compress import Compress
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoSuchPath
from werkzeug.http import parse_accept_header
from werkzeug.routing import Map

from api import errors
from api.contract import Answer, Context, Declared, Ingest, Operation, media_type, unpacked
from plant.errors import PlantError, Unavailable
from services.access import Identity

log = logging.getLogger("voltdeck.access")
failures = logging.getLogger("voltdeck.errors")

RESERVED = re.compile(
    r"/(?:(?:api|write|ping|grafana|bms|health|docs|redoc|metrics|ws|openapi\.json"
    r"|telemetry|simulate|coordinate|devices/register|fleet/status)(?:/|\Z)|(?:pcs|bess)/)"
)
"""Paths that belong to machines: always JSON, never the dashboard's catch-all."""
CATCH_ALL = "/<path:path>"
_TOKENS = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]*")
"""What names of methods and headers consist of (RFC 9110 §5.6.2): nothing else is said back."""
_TRACE = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")
_COMPRESSED = [
    "application/json",
    "text/html",
    "text/css",
    "text/plain",
    "text/csv",
    "application/javascript",
    "text/javascript",
    "image/svg+xml",
]


def trace_id(asked: str | None) -> str:
    """The id of this request: the caller's `X-Trace-Id` when it is a decent one, else a new one."""
    if asked and _TRACE.match(asked):
        return asked
    return f"trace_{random.getrandbits(64):016x}"


def cors(context: Context, origin: str) -> list[tuple[str, str]]:
    """The headers that let a page of another origin read the answer: CORS_ORIGINS (`*` = all, without their cookies), or all of them in
    development when there is no list."""
    allowed = context.config.cors_origins
    if origin in allowed:
        return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin"), ("Access-Control-Allow-Credentials", "true"), _EXPOSED]
    if "*" in allowed or (not allowed and context.config.app_env == "development"):
        return [("Access-Control-Allow-Origin", "*"), _EXPOSED]
    return []


_EXPOSED = ("Access-Control-Expose-Headers", "X-Trace-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, ETag")


def receive(app: flask.Flask, context: Context) -> None:
    """First of all hooks, before the guard: trace id and clock of the request, unknown paths, preflights, the JSON face of `/`."""
    app.config["MAX_CONTENT_LENGTH"] = context.config.max_body_mb << 20
    app.wsgi_app = _ended_by_the_server(app.wsgi_app)  # type: ignore[method-assign]
    known = _Known(app)
    face = next(op for op in context.operations if op.path == "/")
    assert isinstance(face, Operation)

    @app.before_request
    def open_request() -> flask.typing.ResponseReturnValue | None:
        request = flask.request
        flask.g.trace_id = trace_id(request.headers.get("X-Trace-Id"))
        flask.g.started = time.perf_counter()
        rule = request.url_rule
        if rule is None or (rule.rule == CATCH_ALL and RESERVED.match(f"/{request.path.lstrip('/')}")):
            known.check(request.path, request.method)
            return _without_slashes(request)
        if rule.arguments and request.path in known.plain and request.method != "OPTIONS":  # no parameter is called like a path of ours
            raise errors.MethodRefused(request.method, request.path, sorted(known.plain[request.path]))
        if request.method == "OPTIONS" and request.headers.get("Access-Control-Request-Method"):
            asked = {
                "Access-Control-Allow-Methods": request.headers["Access-Control-Request-Method"],
                "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
            }
            return "", 204, {name: text for name, text in asked.items() if _TOKENS.fullmatch(text)} | {"Access-Control-Max-Age": "600"}
        if request.path == "/" and request.method in ("GET", "HEAD") and not wants_page(request.headers.get("Accept", "")):
            return respond(face.call(context, None))
        return None

    @app.after_request
    def close_request(response: flask.Response) -> flask.Response:
        request = flask.request
        if request.method == "OPTIONS" and response.status_code == 200:
            response = _allowed(known.methods(request.path))
        elif response.status_code == 404 and response.mimetype == "text/html" and not wants_page(request.headers.get("Accept", "")):
            response = _refuse(context, errors.PathNotFound(request.path))  # the dashboard's page is for browsers
        return _dress(context, response)

    app.register_error_handler(PlantError, lambda error: _refuse(context, error))
    app.register_error_handler(HTTPException, lambda error: _refuse_http(context, error))
    app.register_error_handler(Exception, lambda error: _fail(context, error))


def _ended_by_the_server(inner: Any) -> Any:
    """Lets werkzeug read bodies that come in chunks: their length is unknown, and the server says where they end."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("HTTP_TRANSFER_ENCODING"):
            environ["wsgi.input_terminated"] = True
        return inner(environ, start_response)

    return call


def mount(app: flask.Flask, context: Context) -> None:
    """Every declared operation becomes a route; limits are counted after the guard knows who is calling."""
    quotas = {operation.name: operation.quota for operation in context.operations}

    @app.before_request
    def count() -> None:
        request = flask.request
        quota = quotas.get(request.endpoint or "", "api" if RESERVED.match(request.path) else "")
        taken = context.limiter.take(quota, _caller())
        flask.g.limit_headers = taken.headers()
        if taken.refused:
            raise taken.error(context.clock())

    for operation in context.operations:
        if operation.path != "/":
            view = _elsewhere(operation) if operation.native else _view(context, operation)
            app.add_url_rule(operation.flask_rule, endpoint=operation.name, view_func=view, methods=[operation.method])
    app.config.update(COMPRESS_MIMETYPES=_COMPRESSED, COMPRESS_ALGORITHM=["br", "gzip"], COMPRESS_BR_LEVEL=4, COMPRESS_LEVEL=1)
    Compress(app)


def _view(context: Context, operation: Declared) -> Any:
    def view(**path: str) -> flask.Response:
        request = flask.request
        query = request.args.items(multi=True)
        if isinstance(operation, Ingest):
            headers = {name.lower(): value for name, value in request.headers.items()}
            batch = operation.admit(context, headers, query, request.get_data(), path, who())
            outcomes = [] if batch.dry_run else context.store.intake.accept(batch.blocks)
            if batch.afterwards and batch.is_followed(outcomes):
                batch.afterwards()
            return respond(operation.answer(batch, outcomes))
        assert isinstance(operation, Operation)
        params = operation.read(path, query)
        more = {"who": who()} if operation.asks_who else {}
        if operation.body is None:
            response = respond(operation.call(context, params, **more))
            return _tagged(response) if operation.tagged else response
        media_type(request.headers.get("Content-Type", ""), (operation.body_media,))
        body = unpacked(request.get_data(), request.headers.get("Content-Encoding", ""), context.config.max_body_mb << 20)
        return respond(operation.call(context, params, operation.read_body(body), **more))

    view.__name__ = operation.name
    view.permission = operation.access  # type: ignore[attr-defined]  # the guard reads it
    # whose devices its rows name
    view.judges_rows = isinstance(operation, Ingest) or operation.judges_rows  # type: ignore[attr-defined]
    return view


def _elsewhere(operation: Declared) -> Any:
    """Stands for an operation that the event loop answers, so that routing, preflights and other methods know its path."""

    def view(**_path: str) -> flask.Response:
        if flask.request.method != operation.method:  # HEAD
            raise errors.MethodRefused(flask.request.method, flask.request.path, [operation.method, "OPTIONS"])
        raise Unavailable("This is answered by the ASGI server; start app:asgi")

    view.__name__ = operation.name
    view.permission = operation.access  # type: ignore[attr-defined]
    return view


class _Known:
    """What is there without the dashboard's catch-all, which would claim every path."""

    def __init__(self, app: flask.Flask) -> None:
        self._app = app

    @cached_property
    def _map(self) -> Map:
        return Map([rule.empty() for rule in self._app.url_map.iter_rules() if rule.rule != CATCH_ALL])

    def check(self, path: str, method: str) -> None:
        """Raises the 404 or 405 that holds without the catch-all; a path with slashes too many is taken for the one without."""
        if path in self.plain and method not in self.plain[path]:
            raise errors.MethodRefused(method, path, sorted(self.plain[path]))
        self._map.bind("localhost").match(path if path in self.plain else _slim(path), method)

    @cached_property
    def plain(self) -> dict[str, set[str]]:
        """The methods of every path that holds no parameter."""
        found: dict[str, set[str]] = {}
        for rule in self._map.iter_rules():
            if not rule.arguments:
                found.setdefault(rule.rule, set()).update(rule.methods or ())
        return found

    def methods(self, path: str) -> list[str]:
        """The methods this path answers; those of the dashboard's pages when it is none of ours."""
        if path in self.plain:
            return sorted(self.plain[path])
        return sorted(self._map.bind("localhost").allowed_methods(path)) or ["GET", "HEAD", "OPTIONS"]


def _slim(path: str) -> str:
    return "/" + re.sub(r"/{2,}", "/", path).strip("/")


def _without_slashes(request: flask.Request) -> flask.Response:
    """To the path without its slashes too many, with method, body and query (308), as the documents' own servers did."""
    query = request.query_string.decode("latin-1")
    target = quote(_slim(request.path)) + (f"?{query}" if query else "")
    return flask.Response(status=308, headers={"Location": target}, content_type="text/plain")


def _allowed(methods: list[str]) -> flask.Response:
    response = flask.Response(status=204, headers={"Allow": ", ".join(methods)})
    del response.headers["Content-Type"]
    return response


def wants_page(accept: str) -> bool:
    """Whether an Accept header names `text/html`, and not to refuse it.

    >>> wants_page("text/html,*/*;q=0.8"), wants_page("*/*"), wants_page("text/html;q=0"), wants_page("")
    (True, False, False, False)
    """
    return any(kind.lower() == "text/html" and quality > 0 for kind, quality in parse_accept_header(accept, MIMEAccept))


def respond(answer: Any) -> flask.Response:
    """A Flask response of an operation's answer."""
    if not isinstance(answer, Answer):
        answer = Answer(answer)
    if isinstance(answer.content, Path):
        # a part of a file must not be compressed, it would be a part of something else
        in_parts = answer.media.partition(";")[0] not in _COMPRESSED
        response = flask.send_file(answer.content, conditional=in_parts)
        response.headers["Content-Type"] = answer.media
    else:
        response = flask.Response(answer.payload, status=answer.status, content_type=answer.media)
        if answer.status == 204:
            del response.headers["Content-Type"]
    for name, value in answer.headers:
        response.headers[name] = value
    return response


def _tagged(response: flask.Response) -> flask.Response:
    """The answer with a tag of its content; 304 for whoever has it already."""
    if response.status_code != 200:
        return response
    tag = hashlib.blake2b(response.get_data(), digest_size=12).hexdigest()
    response.set_etag(tag, weak=True)  # compressed or not, it says the same
    if not flask.request.if_none_match.contains_weak(tag):
        return response
    known = flask.Response(status=304, headers={"ETag": response.headers["ETag"]})
    del known.headers["Content-Type"]
    return known


def who() -> Identity:
    """Who the guard says is calling; a stranger without rights where no guard stands."""
    identity: Identity = flask.g.get("identity") or Identity()
    return identity


def _caller() -> str:
    return who().username or flask.request.remote_addr or "unknown"


def _refuse(context: Context, error: PlantError) -> flask.Response:
    status = errors.status_of(error, flask.request.path)
    content = errors.body(error, status, _trace(), context.clock(), flask.request.path)
    payload = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS, default=str)
    response = flask.Response(payload, status=status, content_type="application/json")
    for name, value in errors.headers(error, status):
        response.headers[name] = value
    return response


def _refuse_http(context: Context, error: HTTPException) -> flask.typing.ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    if isinstance(error, NoSuchPath):
        response = _refuse(context, errors.PathNotFound(flask.request.path))
    elif isinstance(error, MethodNotAllowed):
        allowed = sorted(error.valid_methods or [])
        response = _refuse(context, errors.MethodRefused(flask.request.method, flask.request.path, allowed))
    elif status == 413:
        response = _refuse(context, errors.too_large(context.config.max_body_mb << 20))
    else:
        response = _refuse(context, errors.Refused(error.description or error.name, errors.code_of_status(status)))
        response.status_code = status
    return response


def _fail(context: Context, error: Exception) -> flask.Response:
    failures.exception("%s %s failed, trace %s", flask.request.method, flask.request.path, _trace(), exc_info=error)
    return _refuse(context, PlantError("The server failed; its log holds the reason under this trace id", "INTERNAL_ERROR"))


def _trace() -> str:
    trace: str = flask.g.get("trace_id", "")
    return trace


def _dress(context: Context, response: flask.Response) -> flask.Response:
    request = flask.request
    seconds = time.perf_counter() - flask.g.get("started", time.perf_counter())
    headers = response.headers
    headers["X-Trace-Id"] = _trace()
    headers.pop("Date", None)  # werkzeug sets it with an ETag; the server writes it, once
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if "limit_headers" not in flask.g and RESERVED.match(request.path):  # refused before anyone counted
        flask.g.limit_headers = context.limiter.take("api", _caller()).headers()
    for name, value in flask.g.get("limit_headers", ()):
        headers[name] = value
    if "Origin" in request.headers and RESERVED.match(request.path):
        for name, value in cors(context, request.headers["Origin"]):
            if name == "Vary":
                response.vary.add(value)  # beside Accept-Encoding
            else:
                headers[name] = value
    route = request.url_rule.rule.replace("<", "{").replace(">", "}") if request.url_rule else "(unknown)"
    context.gauges.observe(route, request.method, response.status_code, seconds)
    if log.isEnabledFor(logging.INFO):
        log_request(request.method, request.path, response.status_code, seconds, _trace(), request.remote_addr or "")
    return response


def log_request(method: str, path: str, status: int, seconds: float, trace: str, caller: str) -> None:
    """One compact JSON line; a kiosk link in the path is a secret."""
    path = "/kiosk/(link)" if path.startswith("/kiosk/") else path
    log.info(
        json.dumps({"method": method, "path": path, "status": status, "ms": round(seconds * 1000, 2), "trace_id": trace, "caller": caller})
    )
