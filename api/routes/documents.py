"""The API described: OpenAPI, Swagger UI, ReDoc and the page of error codes, every byte from this server."""

import html
from functools import lru_cache
from pathlib import Path

import orjson
from pydantic import BaseModel, Field

from api import openapi
from api.contract import PUBLIC, SERVICE, Answer, Context, Declared, Operation
from api.errors import FAULTS
from plant.errors import NotFound

_ASSETS = Path(__file__).parent.parent / "assets"
_FILES = {
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-start.js": ("swagger-start.js", "text/javascript; charset=utf-8"),
    "redoc.standalone.js": ("redoc/redoc.standalone.js", "text/javascript; charset=utf-8"),
    "redoc-start.js": ("redoc-start.js", "text/javascript; charset=utf-8"),
    "documents.css": ("documents.css", "text/css; charset=utf-8"),
}
HTML = "text/html; charset=utf-8"
# Both viewers write style elements, and ReDoc searches in a worker it makes from a blob; neither needs eval or an inline script.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_HEADERS = (("Content-Security-Policy", _POLICY), ("Cache-Control", "no-cache"))


class Asset(BaseModel):
    """A file of the documentation pages."""

    name: str = Field(description="file name", examples=["documents.css"])


_documents: dict[tuple[str, ...], bytes] = {}


def _document(operations: tuple[Declared, ...]) -> bytes:
    """Made once per set of operations: the declarations do not change while the server runs."""
    names = tuple(operation.name for operation in operations)
    if names not in _documents:
        _documents[names] = orjson.dumps(openapi.document(operations))
    return _documents[names]


def described(context: Context, params: None) -> Answer:
    """The OpenAPI 3.1 document, generated from the declarations that validate."""
    return Answer(_document(context.operations), headers=(("Cache-Control", "no-cache"),))


def swagger(context: Context, params: None) -> Answer:
    """Swagger UI."""
    return _page(
        "API",
        '<link rel="stylesheet" href="/docs/assets/swagger-ui.css">',
        '<div id="swagger-ui"></div>',
        ("swagger-ui-bundle.js", "swagger-start.js"),
    )


def redoc(context: Context, params: None) -> Answer:
    """ReDoc."""
    return _page("API reference", "", '<div id="redoc"></div>', ("redoc.standalone.js", "redoc-start.js"))


def codes(context: Context, params: None) -> Answer:
    """Every error code with its status, meaning and remedy; `documentation_url` of errors leads here."""
    rows = "".join(
        f'<tr id="{fault.code.lower().replace("_", "-")}"><td><code>{fault.code}</code></td><td>{fault.status}</td>'
        f"<td>{html.escape(fault.meaning)}</td><td>{html.escape(fault.advice)}</td></tr>"
        for fault in FAULTS.values()
    )
    body = (
        f"<main><h1>Error codes</h1><p>Every error carries its code, a sentence, details and the trace id that its log line has. "
        f'Invalid input answers 400 instead of 422 on the PulseBMS paths. <a href="/docs">API documentation</a></p>'
        f"<table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th><th>What to do</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></main>"
    )
    return _page("Error codes", '<link rel="stylesheet" href="/docs/assets/documents.css">', body, ())


def _page(title: str, head: str, body: str, scripts: tuple[str, ...]) -> Answer:
    tags = "".join(f'<script src="/docs/assets/{name}"></script>' for name in scripts)
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{SERVICE} · {title}</title>{head}</head><body>{body}{tags}</body></html>'
    )
    return Answer(text.encode(), media=HTML, headers=_HEADERS)


@lru_cache(maxsize=len(_FILES))
def _read(name: str) -> tuple[bytes, str]:
    file, media = _FILES[name]
    # ReDoc fetches its maker's logo from a CDN; a plant has no way out, so that picture stays empty.
    return (_ASSETS / file).read_bytes().replace(b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,"), media


def asset(context: Context, params: Asset) -> Answer:
    """A script or style sheet of the documentation pages."""
    if params.name not in _FILES:
        raise NotFound(f"There is no asset '{params.name[:80]}'")
    content, media = _read(params.name)
    return Answer(content, media=media, headers=(("Cache-Control", "public, max-age=86400"),))


OPERATIONS = (
    Operation(
        method="GET",
        path="/openapi.json",
        tag="documents",
        summary="This description",
        call=described,
        reply=dict,
        access=PUBLIC,
        quota="",
        tagged=True,
    ),
    Operation(
        method="GET", path="/docs", tag="documents", summary="Swagger UI", call=swagger, reply=str, media=(HTML,), access=PUBLIC, quota=""
    ),
    Operation(method="GET", path="/redoc", tag="documents", summary="ReDoc", call=redoc, reply=str, media=(HTML,), access=PUBLIC, quota=""),
    Operation(
        method="GET",
        path="/docs/errors",
        tag="documents",
        summary="Error codes",
        call=codes,
        reply=str,
        media=(HTML,),
        access=PUBLIC,
        quota="",
    ),
    Operation(
        method="GET",
        path="/docs/assets/{name}",
        tag="documents",
        summary="Scripts and styles of these pages",
        call=asset,
        params=Asset,
        reply=str,
        media=("text/css; charset=utf-8", "text/javascript; charset=utf-8"),
        access=PUBLIC,
        quota="",
        errors=(404,),
    ),
)
