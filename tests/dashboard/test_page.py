"""Panels in every state, tiles, pages in a book, and the one way charts get onto a page."""

import ast
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboard import cards, theme
from dashboard.book import bind, discover
from dashboard.graph import graph
from dashboard.page import Page, Panel, Scope, Table, Tile
from dashboard.render import Shared, body
from dashboard.shell import PANELS
from datastore.open import open_store
from datastore.store import Store
from plant.errors import Unavailable

NOW = 1_795_276_800_000
ROOT = Path(__file__).parents[2]
SCOPE = Scope(zone="Asia/Taipei")


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    yield store
    store.close()


def panel(**changes: Any) -> Panel:
    one = Panel(
        "p",
        "A panel",
        load=lambda store, scope: Table({"at": [NOW], "power": [1.0]}, at=NOW),
        draw=lambda table, scope: {"data": [{"x": [NOW], "y": table.columns["power"]}], "layout": {"xaxis": {"type": "date"}}},
    )
    return replace(one, **changes)


def drawn(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_a_panel_is_drawn_over_the_window_on_the_wall_clock(store: Store) -> None:
    text = drawn(body(panel(), Shared(store), replace(SCOPE, window="1h")))
    ends = (NOW + 8 * 3_600_000 - 3_600_000, NOW + 8 * 3_600_000)
    assert json.loads(text)["props"]["children"]["props"]["figure"]["layout"]["xaxis"]["range"] == list(ends)
    assert f'"data-at": "{NOW}"' in text


def test_an_empty_table_is_said_to_be_empty(store: Store) -> None:
    empty = panel(load=lambda store, scope: Table({"at": [], "power": []}), draw=lambda table, scope: pytest.fail("drawn"))
    assert "No data in this window" in drawn(body(empty, Shared(store), SCOPE))


def test_a_failing_panel_names_the_trace_the_log_has(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        text = drawn(body(panel(load=lambda store, scope: 1 / 0), Shared(store), SCOPE))
    assert "data-retry" not in text, "a defect does not go away by asking"
    trace = caplog.records[0].args[1]  # type: ignore[index]
    assert "could not be drawn" in text and f"Trace {trace}" in text and '"role": "alert"' in text


def test_a_store_that_is_down_is_named(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def load(store: Store, scope: Scope) -> Table:
        raise Unavailable("no connection")

    with caplog.at_level(logging.CRITICAL):
        text = drawn(body(panel(load=load), Shared(store), SCOPE))
        assert "The store does not answer" in text
        assert '"data-retry": "p"' in text, "asked for again by itself"


@pytest.mark.parametrize(
    ("scope", "current", "subscribes"),
    [
        (SCOPE, False, True),
        (replace(SCOPE, live=False), False, False),
        (replace(SCOPE, start=NOW - 10_000, end=NOW), False, False),
        (replace(SCOPE, start=NOW - 10_000, end=NOW), True, True),
        (replace(SCOPE, live=False), True, False),
    ],
    ids=["live", "switched off", "a past range", "what is now, beside a past range", "what is now, switched off"],
)
def test_a_panel_asks_for_frames_only_while_they_belong_in_it(store: Store, scope: Scope, current: bool, subscribes: bool) -> None:
    text = drawn(body(panel(live=lambda store, scope: {}, is_current=current), Shared(store), scope))
    assert ("data-topic" in text) is subscribes


def test_the_files_of_a_paused_screen_hold_what_it_shows_although_the_values_of_now_go_on(store: Store) -> None:
    told = iter(range(10))
    newest = panel(load=lambda store, scope: Table({"at": [NOW], "power": [next(told)]}, at=NOW), is_current=True)
    shared, paused = Shared(store), replace(SCOPE, live=False)
    shown = body(newest, shared, paused)
    assert list(shown.children.figure["data"][0]["y"]) == [0]
    at = int(getattr(shown, "data-paused"))
    assert shared.views.of(newest, replace(paused, theme="light", live=True), at).table.columns["power"] == [0]
    assert "data-paused" not in drawn(body(newest, shared, SCOPE))


def test_simulated_data_says_so(store: Store) -> None:
    simulated = panel(load=lambda store, scope: Table({"at": [NOW], "power": [1.0]}, simulated=True))
    assert '"data-simulated": "Simulated"' in drawn(body(simulated, Shared(store), SCOPE))


def test_equal_views_are_loaded_once_a_second() -> None:
    now = [NOW]
    store = open_store("memory://", "UTC", clock=lambda: now[0])
    shared, calls = Shared(store), []
    counted = panel(load=lambda store, scope: calls.append(1) or Table({"at": [1]}))
    for scope in (Scope(), Scope(theme="light"), Scope(live=False)):
        shared.table(counted, scope)
    assert len(calls) == 1
    shared.table(counted, Scope(unit=2))
    assert len(calls) == 2
    now[0] += 1_000
    shared.table(counted, Scope())
    assert len(calls) == 3
    assert len(shared._tables) == 1  # what is too old to be handed out is not kept
    store.close()


def test_shared_tables_stay_few(store: Store) -> None:
    shared = Shared(store, most=10)
    for unit in range(1, 100):
        shared.table(panel(), Scope(unit=unit))
    assert len(shared._tables) == 10 and len(shared._loading) == 10


TILES = (Tile("soc", "State of charge", 55.04, "%", at=NOW, share=0.55), Tile("pv", "PV", None, "kW"), Tile("mode", "Mode", "Standby"))


def test_tiles_are_loaded_drawn_exported_and_kept_live_from_one_function(store: Store) -> None:
    tiles = cards.tiles_panel("k", "Key figures", lambda store, scope: TILES)
    table = tiles.load(store, SCOPE)
    assert list(table.columns["value"]) == [55.04, None, "Standby"]
    text = drawn(tiles.draw(table, SCOPE))
    assert '"data-tile": "k:soc"' in text and '"55.0"' in text and '"—"' in text
    assert tiles.live
    frame = tiles.live(store, SCOPE)
    assert frame
    assert [t["text"] for t in frame["tiles"].values()] == ["55.0", "—", "Standby"]


@pytest.mark.parametrize(("count", "most", "columns"), [(8, 8, 8), (8, 6, 4), (14, 8, 7), (12, 8, 6), (1, 8, 1), (0, 8, 1), (9, 4, 3)])
def test_rows_of_tiles_are_full_or_nearly(count: int, most: int, columns: int) -> None:
    assert cards._columns(count, most) == columns


def test_a_chart_never_offers_to_leave_the_house() -> None:
    config = graph("p", {"data": [], "layout": {}}, 200).config
    assert config["showSendToCloud"] is False and config["displaylogo"] is False and config["plotlyServerURL"] == ""


@pytest.mark.parametrize("folder", ["dashboard", "pages", "callbacks"])
def test_every_chart_goes_through_the_one_helper(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        if path.name != "graph.py":
            calls = [
                n.func.attr for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
            ]
            assert "Graph" not in calls, path


def test_a_figures_own_axis_range_wins() -> None:
    layout = {"xaxis": {"type": "date", "range": [1, 2]}}
    assert graph("p", {"data": [], "layout": layout}, 200, span=(3.0, 4.0)).figure["layout"]["xaxis"]["range"] == [1, 2]


def test_pages_come_in_their_order() -> None:
    book = bind([Page("/b", "B", 2, "x", ()), Page("/a", "A", 1, "x", (panel(),))])
    assert list(book.pages) == ["/a", "/b"] and list(book.panels) == ["p"]


def test_two_claims_to_one_path_stop_the_start() -> None:
    with pytest.raises(ValueError, match="two pages claim the path /a"):
        bind([Page("/a", "A", 1, "x", ()), Page("/a", "B", 2, "x", ())])


def test_two_claims_to_one_panel_id_stop_the_start() -> None:
    with pytest.raises(ValueError, match="two panels claim the id p"):
        bind([Page("/a", "A", 1, "x", (panel(),)), Page("/b", "B", 2, "x", (panel(),))])


def test_the_pages_of_the_project_bind() -> None:
    assert bind(discover(), PANELS).panels["shell"]


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("look", theme.RAMPS)
@pytest.mark.parametrize("ground", ["bg", "surface", "raised"])
@pytest.mark.parametrize("text", ["text", "muted", "faint", "accent"])
def test_text_keeps_the_contrast_of_wcag_aa(look: str, ground: str, text: str) -> None:
    assert contrast(theme.RAMPS[look][text], theme.RAMPS[look][ground]) >= 4.5


@pytest.mark.parametrize("look", theme.RAMPS)
@pytest.mark.parametrize("severity", ["info", "warning", "alarm", "protection", "good"])
def test_severities_can_be_read_as_text(look: str, severity: str) -> None:
    assert contrast(theme.COLOURS[look][severity], theme.RAMPS[look]["surface"]) >= 4.5


@pytest.mark.parametrize("look", theme.RAMPS)
@pytest.mark.parametrize("meaning", ["charge", "discharge", "pv", "grid", "load", "soc", "frequency", "target", "limit"])
def test_lines_stand_out_from_the_ground(look: str, meaning: str) -> None:
    """WCAG 1.4.11: graphics need 3:1."""
    assert contrast(theme.COLOURS[look][meaning], theme.RAMPS[look]["surface"]) >= 3


def deuteranope(colour: str) -> tuple[float, ...]:
    """As a green-blind reader sees it, in linear RGB (Viénot, Brettel & Mollon 1999, sRGB matrix)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return (0.29275 * red + 0.70725 * green, 0.29275 * red + 0.70725 * green, -0.02234 * red + 0.02234 * green + blue)


@pytest.mark.parametrize("look", theme.RAMPS)
@pytest.mark.parametrize(
    ("one", "other"), [("charge", "discharge"), ("pv", "charge"), ("pv", "grid"), ("good", "alarm"), ("good", "warning")]
)
def test_green_blind_readers_tell_pairs_apart(look: str, one: str, other: str) -> None:
    a, b = deuteranope(theme.COLOURS[look][one]), deuteranope(theme.COLOURS[look][other])
    assert sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5 > 0.1
