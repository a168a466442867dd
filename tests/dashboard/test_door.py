"""Whatever a client sends to Dash's endpoint is answered 4xx, and scripts leave packed once and are kept for long."""

import copy
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import flask
import orjson
import pytest
from flask.testing import FlaskClient

import callbacks
from dashboard import packed
from dashboard.scope import read
from dashboard.site import plotly_address
from datastore.open import open_store
from services.config import Config

PATH = "/_dash-update-component"
OUTPUTS = ("nav.children", "header.children", "notes.children", "page-head.children", "content.children", "scope.data", "shown.data")
SHOW: dict[str, Any] = {
    "output": ".." + "...".join(OUTPUTS) + "..",
    "outputs": [dict(zip(("id", "property"), output.split("."), strict=True)) for output in OUTPUTS],
    "inputs": [
        {"id": "url", "property": "pathname", "value": "/"},
        {"id": "url", "property": "search", "value": ""},
        {"id": "again", "property": "data", "value": None},
    ],
    "state": [{"id": "shown", "property": "data", "value": None}],
    "changedPropIds": ["url.pathname"],
}
DRAW: dict[str, Any] = {
    "output": '{"id":["MATCH"],"type":"panel"}.children',
    "outputs": {"id": {"id": "overview-tiles", "type": "panel"}, "property": "children"},
    "inputs": [
        {"id": {"id": "overview-tiles", "type": "scope"}, "property": "data", "value": {"query": ""}},
        {"id": {"id": "overview-tiles", "type": "redraw"}, "property": "data", "value": None},
    ],
    "state": [{"id": {"id": "overview-tiles", "type": "panel"}, "property": "id", "value": {"id": "overview-tiles", "type": "panel"}}],
    "changedPropIds": ["scope.data"],
}


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    store = open_store("memory://", "Asia/Taipei")
    server = flask.Flask("test")
    callbacks.mount(server, store, Config())
    yield server.test_client()
    store.close()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a request."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def put(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    body = copy.deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return body


@pytest.mark.parametrize("body", [SHOW, DRAW], ids=["show", "draw"])
def test_what_the_renderer_sends_is_answered(client: FlaskClient, body: Any) -> None:
    assert client.post(PATH, json=body).status_code in (200, 204)


@pytest.mark.parametrize(
    "strange", [None, 7, -1.5, True, "", "x", "..", "a.b", [], [[]], {}, {"id": []}, "\x00", "%", "9" * 5000, [None] * 300]
)
@pytest.mark.parametrize("body", [SHOW, DRAW], ids=["show", "draw"])
def test_any_value_in_any_place_is_never_a_fault_of_the_server(client: FlaskClient, body: Any, strange: Any) -> None:
    for path in places(body):
        status = client.post(PATH, json=put(body, path, strange)).status_code
        assert status < 500, (path, strange)


@pytest.mark.parametrize("body", [SHOW, DRAW], ids=["show", "draw"])
def test_anything_left_out_is_never_a_fault_of_the_server(client: FlaskClient, body: Any) -> None:
    for path in places(body):
        if path:
            less = copy.deepcopy(body)
            inner = less
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
            assert client.post(PATH, json=less).status_code < 500, path


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"NaN", 400),
        (b'"\\ud800"', 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b"[" * 500 + b"]" * 500, 422),
        (b'{"output": "nothing.children"}', 422),
        (b'{"output": "applied.children", "inputs": [{"id": "scope", "property": "data"}]}', 422),
        (b'"' + b"x" * 300_000 + b'"', 413),
    ],
)
def test_what_is_no_request_is_refused(client: FlaskClient, raw: bytes, status: int) -> None:
    assert client.post(PATH, data=raw, content_type="application/json").status_code == status


def test_a_body_that_is_not_json_is_refused_by_its_type(client: FlaskClient) -> None:
    assert client.post(PATH, data=orjson.dumps(SHOW), content_type="text/plain").status_code == 415


def test_a_query_of_a_thousand_fields_is_a_view_with_a_note() -> None:
    assert read("&" * 1000)[1] == ("query",)


def test_plotly_is_packed_once_and_kept_for_a_year(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get(plotly_address(), headers={"Accept-Encoding": "gzip, br"})
    assert first.headers["Content-Encoding"] == "br" and first.headers["Cache-Control"] == packed.KEEP
    assert len(first.data) < 1_350_000
    plain = client.get(plotly_address())
    assert "Content-Encoding" not in plain.headers and brotli.decompress(first.data) == plain.data
    monkeypatch.setattr(packed, "PACKERS", (("br", lambda plain: pytest.fail("packed a second time")),))
    assert client.get(plotly_address(), headers={"Accept-Encoding": "br"}).data == first.data


def test_an_address_without_a_mark_is_asked_for_again_and_unchanged(client: FlaskClient) -> None:
    link = "/_dash-component-suites/plotly/package_data/plotly.min.js"
    first = client.get(link, headers={"Accept-Encoding": "gzip"})
    assert first.headers["Cache-Control"] == "no-cache" and gzip.decompress(first.data).startswith(b"/**")
    again = client.get(link, headers={"Accept-Encoding": "gzip", "If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and not again.data


def test_our_styles_carry_a_mark_and_change_with_the_file(client: FlaskClient, tmp_path: Path) -> None:
    page = client.get("/", headers={"Accept": "text/html"}).text
    assert "/assets/vendor/bootstrap/bootstrap.min.css?m=" in page
    shelf = packed.Shelf()
    assert [gzip.decompress(shelf.packed("/a", "gzip", tag, text)) for tag, text in (("1", b"one"), ("1", b"no"), ("2", b"two"))] == [
        b"one",
        b"one",
        b"two",
    ]
