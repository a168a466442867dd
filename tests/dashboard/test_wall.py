"""Wall screens and panels alone as the server answers them: what an address asks for, what a link opens, pictures, pages without
scripts."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import flask
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

import callbacks
from dashboard import pictures, turns
from dashboard.book import bind, discover
from dashboard.page import Page, Panel, Scope, Table
from dashboard.pictures import NoPicture, Pictures, has_picture
from datastore.open import open_store
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import Block
from services.config import Config
from services.kiosk import Kiosk

NOW = 1_795_276_800_000  # 2026-11-21 16:00 UTC
KNOWN = ("/", "/bess", "/pcs")


# --- what the address asks for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "seconds", "pages", "bad"),
    [
        ("kiosk=1&rotate=30&pages=/,/bess,/pcs", 30, ("/", "/bess", "/pcs"), ()),
        ("kiosk=1&rotate=5&pages=/pcs,/", 5, ("/pcs", "/"), ()),
        ("kiosk=1&rotate=3600&pages=%2F%2C%2Fpcs%2F", 3600, ("/", "/pcs"), ()),
        ("kiosk=1&rotate=4&pages=/,/bess", 30, ("/", "/bess"), ("rotate",)),
        ("kiosk=1&rotate=3601&pages=/,/bess", 30, ("/", "/bess"), ("rotate",)),
        ("kiosk=1&rotate=soon&pages=/,/bess", 30, ("/", "/bess"), ("rotate",)),
        ("kiosk=1&pages=/,/bess", 30, ("/", "/bess"), ()),
        ("kiosk=1&rotate=60", 60, KNOWN, ()),
        ("kiosk=1&rotate=1", None, (), ("rotate",)),
        ("kiosk=1&rotate=30&pages=/,/settings,/nope,/bess", 30, ("/", "/bess"), ("pages",)),
        ("kiosk=1&rotate=30&pages=/nope", None, (), ("pages",)),
        ("kiosk=1&rotate=30&pages=/bess", None, ("/bess",), ()),
        ("kiosk=1&rotate=30&pages=/,/bess,/bess,/,/pcs,/", 30, ("/", "/bess", "/", "/pcs"), ()),
        ("kiosk=1", None, (), ()),
        ("rotate=30&pages=/,/bess", None, (), ()),
    ],
)
def test_order_and_seconds_are_read_and_nonsense_is_left_out(query: str, seconds: int | None, pages: Any, bad: Any) -> None:
    found = turns.asked(query, KNOWN)
    assert (found.seconds, found.pages, found.bad) == (seconds, pages, bad)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40), st.lists(st.sampled_from([*KNOWN, "/x", "", "//evil", "\0"]), max_size=40))
def test_whatever_the_address_says_no_page_follows_itself(rotate: str, pages: list[str]) -> None:
    found = turns.asked(urlencode({"kiosk": "1", "rotate": rotate, "pages": ",".join(pages)}), KNOWN)
    assert set(found.pages) <= set(KNOWN) and len(found.pages) <= turns.MOST
    if found.seconds is not None:
        assert turns.FASTEST <= found.seconds <= turns.SLOWEST
        assert all(one != after for one, after in zip(found.pages, [*found.pages[1:], found.pages[0]], strict=True))


@pytest.mark.parametrize(("text", "limit"), [("frozen=300", 300), ("frozen=9", 60), ("frozen=x", 60), ("", 60)])
def test_a_slow_plant_says_when_its_picture_is_frozen(text: str, limit: int) -> None:
    assert turns.asked(f"kiosk=1&{text}", KNOWN).frozen == limit


# --- the server -------------------------------------------------------------------------------------------------------


def load(store: Store, scope: Scope) -> Table:
    latest = store.telemetry.latest()
    return Table({"device": [key[0] for key in latest], "soc": [one.values["soc"] for one in latest.values()]}, at=NOW)


def chart(table: Table, scope: Scope) -> dict[str, Any]:
    return {"data": [{"type": "bar", "x": table.columns["device"], "y": table.columns["soc"]}], "layout": {}}


def words(table: Table, scope: Scope) -> Any:
    from dash import html

    return html.P("words")


CHART, WORDS, SECRET = Panel("chart", "Chart", load, chart), Panel("words", "Words", load, words), Panel("secret", "Secret", load, chart)
PAGES = (
    Page("/", "Overview", 1, "x", (CHART, WORDS)),
    Page("/two", "Second", 2, "x", (SECRET,)),
    Page("/settings", "Settings", 9, "x", ()),
)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    store.intake.accept([Block("bess", ("soc",), [("bess01", NOW, NOW, 0, 55.5)])])
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> FlaskClient:
    server = flask.Flask("test")
    callbacks.mount(server, store, Config(site_tz="Asia/Taipei", embed_origins=("https://portal.example",)), PAGES)
    return server.test_client()


SHOW = ("nav.children", "header.children", "notes.children", "page-head.children", "content.children", "scope.data", "shown.data")


def ask(client: FlaskClient, output: str, outputs: Any, inputs: Any, state: Any) -> Any:
    body = {"output": output, "outputs": outputs, "inputs": inputs, "state": state, "changedPropIds": []}
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code in (200, 204), answer.text
    return answer.json["response"] if answer.status_code == 200 else None


def show(client: FlaskClient, path: str, search: str = "") -> Any:
    outputs = [dict(zip(("id", "property"), one.split("."), strict=True)) for one in SHOW]
    given = [("url", "pathname", path), ("url", "search", search), ("again", "data", None)]
    inputs = [dict(zip(("id", "property", "value"), one, strict=True)) for one in given]
    return ask(client, f"..{'...'.join(SHOW)}..", outputs, inputs, [{"id": "shown", "property": "data", "value": None}])


def turn(client: FlaskClient, path: str) -> Any:
    id = {"id": "b", "type": "turn"}
    inputs = [{"id": {"id": "b", "type": "turn-ask"}, "property": "data", "value": {"path": path, "n": 1}}]
    state = [{"id": "scope", "property": "data", "value": {"query": "lang=es", "path": "/"}}]
    return ask(client, '{"id":["MATCH"],"type":"turn"}.children', {"id": id, "property": "children"}, inputs, state)


@pytest.mark.parametrize(("path", "start", "panel"), [("/", 1, "title-chart"), ("/two", 0, "title-secret"), ("/nope", 0, "title-secret")])
def test_a_rotation_begins_in_the_first_of_two_places(client: FlaskClient, path: str, start: int, panel: str) -> None:
    shown = show(client, path, "?kiosk=1&rotate=10&pages=/two,/&lang=es&window=1h")
    first, second, *asks = shown["content"]["children"]
    assert panel in json.dumps(first["props"]["children"])
    assert second["props"]["children"] == [] and len(asks) == 2
    (marks,) = re.findall(r'"data-turns": "((?:[^"\\]|\\.)*)"', json.dumps(shown["header"]))
    plan = json.loads(json.loads(f'"{marks}"'))
    assert plan == {"seconds": 10, "start": start, "pages": [["/two", "Second"], ["/", "Overview"]]}
    assert shown["scope"]["data"]["query"] == "window=1h&lang=es"


def test_the_next_page_is_laid_out_on_request_and_an_empty_path_clears(client: FlaskClient) -> None:
    assert "secret" in json.dumps(turn(client, "/two"))
    assert list(turn(client, "").values())[0]["children"] == []
    assert not turn(client, "/nope") and not turn(client, "/settings")


def test_a_panel_alone_has_no_buttons_and_fills_its_frame(client: FlaskClient) -> None:
    page = client.get("/embed/chart?lang=es&theme=light")
    assert page.status_code == 200 and '<html lang="es" data-bs-theme="light" data-embed="1">' in page.text
    assert "frame-ancestors 'self' https://portal.example" in page.headers["Content-Security-Policy"]
    said = json.dumps(show(client, "/embed/chart", "?lang=es")["content"])
    assert "vd-full" in said and "data-full" not in said and "data-files" not in said
    for path in ("/embed/nope", "/embed/shell", "/embed/"):
        assert client.get(path).status_code == 404, path


def test_a_browser_without_scripts_gets_pictures_and_comes_again(client: FlaskClient) -> None:
    text = client.get("/?lang=zh-TW&link=a%22b").text
    (unscripted,) = re.findall(r"<noscript>(<div.*?)</noscript>", text, re.S)
    assert re.search(r'<noscript><meta http-equiv="refresh" content="\d+"></noscript>', text)
    assert '<img src="/panels/chart.png?lang=zh-TW&amp;link=a%22b" alt="Chart">' in unscripted
    assert "words" not in unscripted and "secret" not in unscripted


def test_the_pages_of_the_product_have_pictures() -> None:
    panels = [panel for page in discover() for panel in page.panels]
    drawn = {panel.id for panel in panels if has_picture(panel)}
    assert {"overview-flow", "overview-balance", "overview-soc", "overview-frequency"} <= drawn
    assert not drawn & {"overview-tiles", "overview-alarms", "overview-topology", "settings"}
    assert bind(discover()).panels.keys() >= drawn


# --- pictures ---------------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n"


class Drawer:
    """Stands for the calculation process, which draws what it is given."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def run(self, function: str, arguments: dict[str, Any], timeout: float) -> bytes:
        assert function == "services.pictures:png"
        self.asked.append(arguments)
        return PNG


@pytest.fixture
def drawer(monkeypatch: pytest.MonkeyPatch) -> Drawer:
    monkeypatch.setattr(pictures.pictures, "browser", lambda configured: "/usr/bin/chromium")
    return Drawer()


def test_a_picture_is_drawn_again_only_when_its_data_is_other(drawer: Drawer) -> None:
    clock = [NOW]
    store = open_store("memory://", "UTC", clock=lambda: clock[0])
    album = Pictures(store, "Site & <Co>", run=drawer.run)
    value = [1.0]
    table = lambda: Table({"device": ["a"], "soc": [value[0]]}, at=clock[0])  # noqa: E731
    first = album.of(CHART, table, Scope(), 400, 300)
    assert first.png == PNG and len(drawer.asked) == 1
    figure = json.loads(drawer.asked[0]["figure"])
    assert figure["layout"]["title"]["text"].startswith("<b>Chart</b>") and "Site &amp; &lt;Co&gt;" in figure["layout"]["title"]["text"]
    value[0] = 2.0
    assert album.of(CHART, table, Scope(), 400, 300).tag == first.tag, "fresh enough to hand out again"
    clock[0] += pictures.FRESH_MS
    second = album.of(CHART, table, Scope(), 400, 300)
    assert second.tag != first.tag and len(drawer.asked) == 2
    clock[0] += pictures.FRESH_MS
    assert album.of(CHART, table, Scope(), 400, 300).tag == second.tag and len(drawer.asked) == 2, "the same data is the same picture"
    album.of(CHART, table, Scope(theme="light"), 400, 300)
    assert len(drawer.asked) == 3
    store.close()


def test_too_many_who_wait_are_asked_to_come_again(store: Store, drawer: Drawer) -> None:
    inside: list[str] = []

    def slow(function: str, arguments: dict[str, Any], timeout: float) -> bytes:
        if len(inside) < pictures.WAITING - 1:
            inside.append("x")
            album.of(Panel(f"p{len(inside)}", "P", load, chart), lambda: load(store, Scope()), Scope(), 400, 300)
        else:
            with pytest.raises(Unavailable, match="waiting"):
                album.of(Panel("one-more", "P", load, chart), lambda: load(store, Scope()), Scope(), 400, 300)
        return PNG

    album = Pictures(store, "Site", run=slow)
    assert album.of(CHART, lambda: load(store, Scope()), Scope(), 400, 300).png == PNG


def test_an_empty_panel_is_a_picture_that_says_so_and_words_are_none(store: Store) -> None:
    drawn = pictures.drawing(CHART, Table({}), Scope(lang="es"), NOW, "Site", (400, 300))
    assert "Sin datos" in drawn["layout"]["annotations"][0]["text"]
    with pytest.raises(NoPicture, match="no chart"):
        pictures.drawing(WORDS, load(store, Scope()), Scope(), NOW, "Site", (400, 300))


@pytest.mark.parametrize(
    ("path", "status"),
    [("words.png", 415), ("nope.png", 404), ("chart.png?width=9", 422), ("chart.png?height=x", 422), ("chart.png?width=99999", 422)],
)
def test_what_is_no_picture_is_said(client: FlaskClient, drawer: Drawer, path: str, status: int) -> None:
    answer = client.get(f"/panels/{path}")
    assert (answer.status_code, answer.mimetype) == (status, "text/plain") and answer.text.strip()


def test_without_chromium_the_answer_names_the_package(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.pictures.shutil.which", lambda name: None)
    answer = client.get("/panels/chart.png")
    assert answer.status_code == 503 and "apt-get install chromium" in answer.text and int(answer.headers["Retry-After"]) > 0


def test_a_link_for_one_panel_opens_it_alone(store: Store) -> None:
    links = Kiosk(store, "site", "s" * 40, lambda: {"/": ("chart", "words")}, lambda: 0.0)
    link, token = links.issue("ann", name="Portal", panels=["chart"])
    assert links.landing(link) == "/embed/chart"
    me = links.identity(token)
    assert me.may_see("chart") and not me.may_see("words")
