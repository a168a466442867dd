"""The dashboard as a server answers it: shell, routes, headers, login, CSV; several apps live side by side."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

import callbacks
from dashboard import header, shell
from dashboard.page import Control, Page, Panel, Scope, Table
from dashboard.words import word
from datastore.open import open_store
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import Alarm, Block
from services.config import Config

NOW = 1_795_276_800_000  # 2026-11-21 16:00 UTC: midnight of the 22nd in Taipei
ASSETS = Path(callbacks.__file__).parents[1] / "dashboard" / "assets"


def load(store: Store, scope: Scope) -> Table:
    latest = store.telemetry.latest()
    columns: dict[str, list[Any]] = {"at": [one.at for one in latest.values()], "device": [key[0] for key in latest]}
    return Table({**columns, "soc": [one.values.get("soc") for one in latest.values()]}, at=NOW)


def down(store: Store, scope: Scope) -> Table:
    raise Unavailable("the database does not answer")


PANEL = Panel("units", "Units", load, lambda table, scope: {"data": [], "layout": {}})
UNITS = Control("unit", "Unit", lambda store, scope: [("1", "BESS 1"), ("2", "BESS 2")], all_="all")
PAGES = (
    Page("/", "Overview", 1, "speedometer2", (PANEL,), controls=(UNITS,)),
    Page("/down", "Down", 2, "x", (Panel("down", "Down", down, PANEL.draw),)),
)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    store.intake.accept(
        [Block("bess", ("soc", "power"), [("=bess01", NOW - 1_500, NOW, 0, 55.5, 1.0), ("bess02", NOW, NOW, 0, None, 2.0)])]
    )
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return serve(store)


def serve(store: Store, **settings: Any) -> FlaskClient:
    server = flask.Flask("test")
    callbacks.mount(server, store, Config(**settings), PAGES)
    return server.test_client()


def show(client: FlaskClient, path: str = "/", search: str = "", shown: Any = None) -> dict[str, Any]:
    """What the browser gets when it asks for a URL: component id → properties."""
    outputs = ("nav.children", "header.children", "notes.children", "page-head.children", "content.children", "scope.data", "shown.data")
    given = {("url", "pathname"): path, ("url", "search"): search, ("again", "data"): None}
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": ".." + "...".join(outputs) + "..",
            "outputs": [dict(zip(("id", "property"), output.split("."), strict=True)) for output in outputs],
            "inputs": [{"id": id, "property": name, "value": value} for (id, name), value in given.items()],
            "state": [{"id": "shown", "property": "data", "value": shown}],
            "changedPropIds": ["url.pathname"],
        },
    )
    assert answer.status_code == 200, answer.text
    response: dict[str, Any] = answer.get_json()["response"]
    return response


def draw(client: FlaskClient, panel: str, query: str = "", redraw: Any = None) -> str:
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": '{"id":["MATCH"],"type":"panel"}.children',
            "outputs": {"id": {"id": panel, "type": "panel"}, "property": "children"},
            "inputs": [
                {"id": {"id": panel, "type": "scope"}, "property": "data", "value": {"query": query, "zone": "Asia/Taipei"}},
                {"id": {"id": panel, "type": "redraw"}, "property": "data", "value": redraw},
            ],
            "state": [{"id": {"id": panel, "type": "panel"}, "property": "id", "value": {"id": panel, "type": "panel"}}],
            "changedPropIds": ["scope.data"],
        },
    )
    assert answer.status_code == 200, answer.text
    return answer.text


def status(client: FlaskClient, link: str) -> int:
    """Of an asset; the file is closed again."""
    with client.get(link) as answer:
        return answer.status_code


class Scripts(HTMLParser):
    """Collects what a page loads and which scripts stand in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.root: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.root = dict(attrs)
        self.links += [value for name, value in attrs if name in ("src", "href") and value]


def test_the_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    links = Scripts(client.get("/").text).links
    assert links and all(link.startswith("/") and not link.startswith("//") for link in links)
    assert {status(client, link) for link in links if link.startswith("/assets/")} == {200}


def test_style_sheets_of_others_come_before_ours(client: FlaskClient) -> None:
    links = [link.split("?")[0] for link in Scripts(client.get("/").text).links if ".css" in link]
    assert links.index("/assets/vendor/bootstrap/bootstrap.min.css") < links.index("/assets/shell.css")
    assert sum("vendor" in link for link in links) == 3


def test_language_and_theme_are_right_before_the_first_script(client: FlaskClient) -> None:
    assert Scripts(client.get("/?lang=zh-TW&theme=light").text).root == {"lang": "zh-TW", "data-bs-theme": "light"}
    assert Scripts(client.get("/?lang=<script>").text).root == {"lang": "en", "data-bs-theme": "dark"}


def test_the_content_security_policy_allows_no_eval_and_no_foreign_frames(client: FlaskClient) -> None:
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "unsafe-eval" not in policy and "frame-ancestors 'self'" in policy
    assert re.search(r"script-src 'self'( 'sha256-[^']+')+;", policy)


def test_every_inline_script_is_covered_by_a_hash(client: FlaskClient) -> None:
    import base64
    import hashlib

    answer = client.get("/")
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", answer.text, re.DOTALL)
    inline = [text for attrs, text in scripts if text and "application/json" not in attrs]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    assert hashes and all(f"'sha256-{digest}'" in answer.headers["Content-Security-Policy"] for digest in hashes)


def test_frames_of_others_are_allowed_by_the_config(store: Store) -> None:
    policy = serve(store, embed_origins=("https://portal.example",)).get("/").headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://portal.example" in policy


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/down", 200), ("/nonsense", 404), ("/down/deeper", 404)])
def test_only_pages_answer_200(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")


def test_the_site_name_cannot_break_the_page(store: Store) -> None:
    assert "<title>A &lt;b&gt; &amp; B · Voltdeck</title>" in serve(store, site_name="A <b> & B").get("/").text


def test_two_apps_in_one_process_both_work(store: Store) -> None:
    first, second = serve(store, site_name="First"), serve(store, site_name="Second")
    for client, name in ((first, "First"), (second, "Second")):
        assert name in str(show(client)["header"]) and "units" in draw(client, "units")
    counts = [len(client.get("/_dash-dependencies").get_json()) for client in (first, second)]
    assert counts[0] == counts[1] > 0


def test_the_url_lays_out_its_page(client: FlaskClient) -> None:
    shown = show(client, search="?unit=2&lang=es&window=7d")
    assert shown["scope"]["data"]["query"] == "unit=2&window=7d&lang=es"
    assert "title-units" in str(shown["content"]) and "'aria-current': 'page'" in str(shown["nav"])
    assert word("window", "es") in str(shown["header"])


def test_the_same_page_is_not_laid_out_twice(client: FlaskClient) -> None:
    first = show(client)
    assert "content" not in show(client, search="?unit=2", shown=first["shown"]["data"])
    assert "content" in show(client, search="?lang=es", shown=first["shown"]["data"])


def test_a_header_that_says_the_same_is_not_sent_again(client: FlaskClient) -> None:
    first = show(client)
    other = show(client, "/down", shown=first["shown"]["data"])
    assert "header" not in other and "content" in other and "nav" in other
    assert "header" in show(client, "/down", search="?window=7d", shown=other["shown"]["data"])
    assert "header" in show(client, "/down", search="?lang=es", shown=other["shown"]["data"])


def test_the_header_links_to_views_of_whichever_page_is_open(client: FlaskClient) -> None:
    links = set(re.findall(r"'href': '([^']*)'", str(show(client, search="?unit=2")["header"])))
    assert "?unit=2&window=7d" in links and all(link.startswith(("?", "/login")) for link in links)
    back = set(re.findall(r"'href': '([^']*)'", str(show(client, search="?window=7d")["header"])))
    assert "?" in back, "the view without a query is a link, too"


def test_nonsense_in_the_url_is_noted_and_the_shell_lives(client: FlaskClient) -> None:
    shown = show(client, search="?unit=abc&window=2h&from=%00&%ff=1")
    assert "unit, window, from, to" in str(shown["notes"]) and "title-units" in str(shown["content"])


def test_an_unknown_path_has_a_way_back(client: FlaskClient) -> None:
    shown = show(client, "/nonsense", "?lang=es")
    assert word("missing.title", "es") in str(shown["content"]) and "'/?lang=es'" in str(shown["content"])


def test_an_empty_plant_says_how_to_send_the_first_reading() -> None:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    content = str(show(serve(store))["content"])
    assert "curl -X POST http://localhost/api/v1/readings" in content and "python app.py demo" in content
    store.close()


def test_panels_fail_alone(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    assert "The store does not answer" in draw(client, "down")
    assert "vd-filled" in draw(client, "units")


def test_the_bell_counts_alarms_and_names_the_worst_first(client: FlaskClient, store: Store) -> None:
    assert "No active alarms" in draw(client, "shell-alarms")
    store.records.put_alarm(Alarm("bess01", "bess", "A", "warning", "warm", NOW - 5))
    store.records.put_alarm(Alarm("bess02", "bess", "B", "protection", "hot", NOW - 9))
    text = draw(client, "shell-alarms", redraw="asked for anew")
    assert "2 active alarms" in text and text.index("hot") < text.index("warm")


def test_a_panel_as_csv_is_what_it_shows(client: FlaskClient) -> None:
    answer = client.get("/panels/units.csv?window=1h")
    assert answer.headers["Content-Disposition"] == "attachment; filename=Voltdeck-site_units_20261121T230000_20261122T000000.csv"
    assert answer.mimetype == "text/csv"
    assert list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))) == [
        ["Time (Asia/Taipei)", "Time (UTC)", "Device", "soc"],
        ["2026-11-21 23:59:58.500", "2026-11-21T15:59:58.500Z", "'=bess01", "55.5"],  # a spreadsheet must not run a name as a formula
        ["2026-11-22 00:00:00.000", "2026-11-21T16:00:00.000Z", "bess02", ""],
    ]


@pytest.mark.parametrize(("path", "status"), [("/panels/nobody.csv", 404), ("/panels/down.csv", 503)])
def test_a_csv_that_cannot_be_made_says_why(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (status, "text/plain") and answer.text.strip()


def test_downloads_need_the_right_to_export(client: FlaskClient) -> None:
    for form in ("csv", "xlsx", "parquet", "receipt"):
        assert client.application.view_functions[f"panel_{form}"].permission == "export"  # type: ignore[attr-defined]


def test_the_login_page_speaks_the_readers_language(client: FlaskClient) -> None:
    answer = client.get("/login?next=/bess", headers={"Accept-Language": "es-MX,es;q=0.9"})
    assert answer.status_code == 200 and word("login.user", "es") in answer.text and 'lang="es"' in answer.text
    assert "unsafe" not in answer.headers["Content-Security-Policy"].split("style-src")[0]
    assert [status(client, link) for link in Scripts(answer.text).links] == [200] * 6


def test_no_script_calls_out_or_evaluates() -> None:
    for path in ASSETS.rglob("*.js"):
        text = path.read_text()
        assert "vendor" in path.parts or not re.search(r"\beval\(|new Function|https?://(?!www\.w3\.org)", text), path


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-11-19", "2026-11-20", "2026-11-19 – 2026-11-20"),
        ("2026-11-19", "2026-11-19", "2026-11-19"),
        ("2026-11-21T15:03", "2026-11-21T15:21", "2026-11-21 15:03 – 15:21"),
        ("2026-11-20T23:00", "2026-11-21T01:00", "2026-11-20 23:00 – 2026-11-21 01:00"),
    ],
)
def test_a_range_is_said_shortly(start: str, end: str, text: str) -> None:
    from dashboard.scope import read

    assert header.range_text(read(f"from={start}&to={end}", "Asia/Taipei")[0]) == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [("Asia/Taipei", "Asia/Taipei (UTC+8)"), ("America/New_York", "America/New York (UTC−5)"), ("Asia/Kolkata", "Asia/Kolkata (UTC+5:30)")],
)
def test_the_header_names_the_zone_with_its_offset(zone: str, text: str) -> None:
    assert header.zone_text(zone, NOW) == text


def test_a_panel_that_is_not_shown_leaves_no_empty_corner() -> None:
    def spans(*given: int) -> list[int]:
        return [panel.span for panel in shell.in_full_rows([replace(PANEL, span=span) for span in given])]

    assert spans(12, 8, 4, 6, 6) == [12, 8, 4, 6, 6]
    assert spans(6, 12, 7) == [12, 12, 12]
    assert spans(4, 4, 6) == [4, 8, 12]


def _found(parts: Any, id: str) -> Any:
    return next(one for part in parts for one in part._traverse() if getattr(one, "id", None) == id)


def test_a_phone_keeps_four_pages_in_its_bar(client: FlaskClient) -> None:
    pages = [replace(PAGES[0], path=f"/{n}") for n in range(6)]
    nav = str(shell.nav(pages, "/5", Scope()))
    rest = str(_found(shell.nav(pages, "/5", Scope()), "nav-rest"))
    assert [f"'/{n}'" in rest for n in range(6)] == [False] * 4 + [True] * 2
    assert "data-here='1'" in nav and "data-here" not in str(shell.nav(pages, "/1", Scope()))
    assert "data-more" not in str(shell.nav(pages[:4], "/1", Scope()))


def test_the_period_before_a_running_window_moves_on_with_the_clock(client: FlaskClient) -> None:
    """Midnight of the 22nd in Taipei: the hour before the last one is from 22:00 to 23:00."""
    shown = str(show(client, search="?window=1h")["header"])
    assert "from=2026-11-21T22%3A00&to=2026-11-21T23%3A00" in shown and f"'data-made': '{NOW}'" in shown
    fixed = str(show(client, search="?window=1h&from=2026-11-20&to=2026-11-20")["header"])
    assert "from=2026-11-19T00%3A00" in fixed and "from=2026-11-21T00%3A00" in fixed and "data-made" not in fixed
