"""An analyst's note in a browser: written on a chosen stretch, seen on the chart, changed and removed in place."""

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import Server, start_server, stop_server
from tests.browser.test_access import open_page, root

pytestmark = [pytest.mark.browser, pytest.mark.server]
CODE = "<img src=x onerror=alert(1)> Fan replaced"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A battery that spoke for ten minutes."""
    running = start_server(tmp_path_factory.mktemp("notes"), AUTH_MODE="open", AUTO_REGISTER="1")
    head, now = root(running), int(time.time() * 1000)
    rows = [
        {"device_id": "bess01", "timestamp": now - s * 10_000, "kind": "bess", "values": {"soc": 50.0 + s / 10}} for s in range(60, 0, -1)
    ]
    assert running.knock("POST", "/api/v1/readings", json.dumps(rows), **head).status == 200
    yield running
    stop_server(running)


@pytest.fixture
def seen(chromium: Browser, server: Server) -> Iterator[Page]:
    page, witness = open_page(chromium, server, 1366, 768)
    yield page
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not witness.complaints, witness.complaints
    page.context.close()


def until_bands(page: Page, count: int) -> None:
    page.wait_for_function(
        """count => { const plot = document.querySelector('[data-card=explore-chart] .js-plotly-plot');
                      const shapes = plot && plot.layout && plot.layout.shapes || [];
                      return plot && shapes.filter(s => s.legendgroup === 'notes').length === count; }""",
        arg=count,
    )


def test_a_note_is_written_stays_is_changed_and_removed(seen: Page, server: Server) -> None:
    seen.goto(f"http://127.0.0.1:{server.port}/explore?device=bess01&metric=soc&window=15m")
    until_bands(seen, 0)
    plot = seen.locator("[data-card=explore-chart] .nsewdrag").first
    box = plot.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    seen.mouse.click(box["x"] + box["width"] * 0.7, middle)  # an instant: the form opens with it
    desk = seen.locator("#note-body")
    start, end = desk.get_by_label("From"), desk.get_by_label("To (empty: an instant)")
    expect(start).to_be_visible()
    expect(end).to_have_value("")
    seen.mouse.move(box["x"] + box["width"] * 0.5, middle)
    seen.mouse.down()
    seen.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=4)
    seen.mouse.up()
    seen.wait_for_url("**from=*")  # a stretch: the form is filled with the window
    expect(end).not_to_have_value("")
    seen.locator("summary", has_text="Write a note").click()
    desk.get_by_label("Note", exact=True).fill(CODE)
    desk.get_by_label("Availability").select_option("planned-maintenance")
    seen.get_by_role("button", name="Keep the note").click()
    expect(seen.locator("#note-said")).to_have_text("The note is kept.")
    expect(desk.locator(".vd-note-text")).to_have_text(CODE)
    until_bands(seen, 1)
    expect(seen.locator("[data-card=explore-chart] .legendtext", has_text="Notes")).to_have_count(1)

    seen.reload()
    until_bands(seen, 1)
    row = desk.locator(".vd-note-row")
    expect(row).to_contain_text("Excused: planned maintenance")
    row.locator("summary").click()
    row.locator("textarea").fill("Fan and filter replaced")
    row.get_by_role("button", name="Save").click()
    expect(desk.locator(".vd-note-text")).to_have_text("Fan and filter replaced")

    row.locator("summary").click()
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    until_bands(seen, 0)
