"""Nonsense in the address: whatever is written there, the shell answers, every panel is drawn, and it is said what was left out."""

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import flask
import pytest
from flask.testing import FlaskClient

import callbacks
from dashboard.book import discover
from dashboard.words import word
from datastore.open import open_store
from datastore.store import Store
from plant.model import Block, Device
from services.config import Config
from tests.dashboard.test_pages import MINUTES, NOW, fill
from tests.dashboard.test_shell import draw, show

SCRIPT = "<script>alert(1)</script>"
PAGES = [page for page in discover() if page.path != "/settings"]
LINKS = {
    "a unit that is not there": "unit=99",
    "a rack that is a word": "unit=1&rack=abc",
    "a window reversed": "from=2026-11-21&to=2026-11-19",
    "a hundred years": "from=2000-01-01&to=2099-12-31",
    "before time began": "from=0001-01-01&to=9999-12-31",
    "looks nobody knows": "theme=purple&lang=xx&live=maybe&window=2h&step=7m",
    "a script for a name": f"device={quote(SCRIPT)}&metric={quote(SCRIPT)}&product={quote(SCRIPT)}&kind={quote(SCRIPT)}",
    "compared with a script": f"against={quote(SCRIPT)}",
    "compared with a day that never was": "against=2026-02-30",
    "ten thousand characters": "device=" + "x" * 10_000,
    "bytes that are no text": "%ff%fe=%00&unit=%c3%28",
    "numbers out of bounds": "unit=99999999999999999999&rack=-1&alarm=0",
    "a query of equals signs": "&=&=&&==&unit",
}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    fill(store, MINUTES)
    yield store
    store.close()


@pytest.fixture(scope="module")
def client(store: Store) -> FlaskClient:
    server = flask.Flask("nonsense")
    callbacks.mount(server, store, Config())
    return server.test_client()


@pytest.mark.parametrize("link", LINKS.values(), ids=list(LINKS))
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_lives_on(client: FlaskClient, page: Any, link: str) -> None:
    shown = show(client, page.path, f"?{link}")
    assert "vd-card" in str(shown["content"]) or "vd-bare" in str(shown["content"])
    assert SCRIPT not in html.unescape(str(shown["scope"]["data"]["query"]))


@pytest.mark.parametrize("link", ["a hundred years", "a script for a name", "compared with a script", "a rack that is a word"])
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_panel_of_a_bad_link_is_drawn(client: FlaskClient, page: Any, link: str) -> None:
    query = show(client, page.path, f"?{LINKS[link]}")["scope"]["data"]["query"]
    for panel in (panel for panel in page.panels if not panel.needs):
        text = draw(client, panel.id, query)
        assert "could not be drawn" not in text and SCRIPT not in text, panel.id


@pytest.mark.parametrize(
    ("path", "link", "said"),
    [
        ("/bess", "unit=99", "unit=99"),
        ("/bess", "unit=2&rack=77", "rack=77"),
        ("/bess", "rack=abc", "rack"),
        ("/pcs", "unit=99", "unit=99"),
        ("/bess", "against=bess77", "against=bess77"),
        ("/explore", "device=bess01,nobody", "device=nobody"),
        ("/inverter", "device=nobody", "device=nobody"),
        ("/", "from=2026-11-21&to=2026-11-19", "from, to"),
        ("/", "theme=purple&lang=xx", "lang, theme"),
    ],
)
def test_what_was_left_out_is_said(client: FlaskClient, path: str, link: str, said: str) -> None:
    shown = show(client, path, f"?{link}")
    assert re.search(rf"was left out: [^']*{re.escape(said)}", str(shown["notes"]))


def test_the_nearest_view_is_shown_instead(client: FlaskClient) -> None:
    """Unit 99 is not there: the first is shown, as without a wish; of the devices named the one that is there."""
    assert show(client, "/bess", "?unit=99&window=7d")["scope"]["data"]["query"] == "window=7d"
    assert show(client, "/explore", "?device=bess01,nobody")["scope"]["data"]["query"] == "device=bess01"


@pytest.mark.parametrize("path", ["/nonsense", "/bess/99/77", "/" + quote(SCRIPT), "/" + "x" * 5_000, "/%00", "/..%2f..%2fetc%2fpasswd"])
def test_an_unknown_page_says_so_and_leads_back(client: FlaskClient, path: str) -> None:
    shown = show(client, path)
    assert "There is no such page" in str(shown["content"]) and "data-nav" in str(shown["nav"])


@pytest.mark.parametrize("token", ["broken", "a.b", "a.b.c", "%00", "x" * 10_000, quote(SCRIPT)])
def test_a_broken_link_token_shows_only_its_own_message(client: FlaskClient, token: str) -> None:
    answer = client.get(f"/kiosk/{token}", follow_redirects=True)
    assert answer.status_code == 404 or word("kiosk.ended") in answer.text
    assert SCRIPT not in answer.text and "bess01" not in answer.text


def test_a_second_in_a_year_is_never_lost(store: Store) -> None:
    """A year of quarter hours at 0 kW and one second of 4,711 kW: the year's chart shows it, and so does each closer look."""
    year, spike = 365 * 86_400_000, NOW - 200 * 86_400_000 + 123_000
    other = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    other.records.put_devices([Device("meter01", "site")])
    quiet = [("meter01", at, at, 0, 0.0) for at in range(NOW - year, NOW, 900_000)]
    other.telemetry.append([Block("site", ("active_power",), sorted([*quiet, ("meter01", spike, spike, 0, 4711.0)], key=lambda r: r[1]))])
    other.telemetry.maintain()
    server = flask.Flask("spike")
    callbacks.mount(server, other, Config())
    client = server.test_client()
    for half in (year // 2, 30 * 86_400_000, 86_400_000, 600_000, 30_000):
        query = f"device=meter01&metric=active_power&from={spike - half}&to={spike + half}"
        assert "4711" in draw(client, "explore-chart", query), half
    other.close()
