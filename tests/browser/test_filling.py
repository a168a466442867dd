"""What is on the screen is filled first, what shows the present is not drawn again before the chart somebody zooms, and what a frame
brings is drawn, if not at once."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, WebSocketRoute, expect

pytestmark = pytest.mark.browser


def asked(page: Page) -> list[str]:
    """The panels the page asks for, in their order, while it lives."""
    found: list[str] = []

    def note(request: Request) -> None:
        if "/_dash-update-component" in request.url:
            output: Any = json.loads(request.post_data or "{}").get("outputs")
            key = output.get("id") if isinstance(output, dict) else None
            if isinstance(key, dict) and key.get("type") == "panel":
                found.append(key["id"])

    page.on("request", note)
    return found


def stands(page: Page) -> None:
    """Wait until every panel is filled."""
    expect(page.locator("#content [data-card]").first).to_be_attached(timeout=30_000)
    expect(page.locator("#content .vd-skeleton")).to_have_count(0, timeout=60_000)


def tops(page: Page) -> dict[str, float]:
    """Where each card begins, by panel [px from the top of the window]."""
    said = "() => [...document.querySelectorAll('#content [data-card]')].map((e) => [e.dataset.card, e.getBoundingClientRect().top])"
    return dict(page.evaluate(said))


def test_panels_on_the_screen_are_asked_for_before_those_below_it(chromium: Browser, plant: str) -> None:
    page = chromium.new_page(viewport={"width": 1366, "height": 768})
    order = asked(page)
    page.goto(f"{plant}/analysis")
    stands(page)
    where = tops(page)
    places = [where[panel] for panel in order if panel in where]
    near = [top < 768 + 300 for top in places]
    assert len(places) == len(where) and near == sorted(near, reverse=True), places
    page.close()


BUSY = """setInterval(() => {
  const content = document.getElementById('content');
  if (!content || document.getElementById('busy')) return;
  const mark = content.appendChild(document.createElement('span'));
  mark.id = 'busy';
  mark.dataset.dashIsLoading = 'true';
}, 5)"""
"""As if something on the page were always loading."""


def test_a_panel_that_is_scrolled_to_need_not_wait_for_its_turn(chromium: Browser, plant: str) -> None:
    page = chromium.new_page(viewport={"width": 1366, "height": 768})
    page.add_init_script(BUSY)
    page.goto(f"{plant}/analysis")
    cards = page.locator("#content [data-card]")
    expect(cards.first.locator(".vd-filled, .vd-state")).to_be_attached(timeout=30_000)
    page.wait_for_timeout(1_000)  # many of the looks that would ask for another if nothing were loading
    expect(cards.last.locator(".vd-skeleton")).to_be_attached()
    cards.last.evaluate("(card) => card.scrollIntoView()")
    expect(cards.last.locator(".vd-skeleton")).to_have_count(0, timeout=30_000)
    page.close()


def test_another_window_is_drawn_before_what_shows_the_present_anyhow(chromium: Browser, plant: str) -> None:
    page = chromium.new_page(viewport={"width": 1366, "height": 1400})
    order = asked(page)
    page.goto(plant)
    stands(page)
    order.clear()
    with page.expect_request(lambda request: '"overview-flow"' in (request.post_data or "")):  # its links lead to the new window
        page.get_by_role("group", name="Time window").get_by_text("1 h", exact=True).click()
    assert order.index("overview-balance") < order.index("overview-flow")
    assert order.index("overview-frequency") < order.index("overview-tiles")
    page.close()


def test_what_came_while_a_chart_stood_still_is_drawn_though_no_frame_brings_more(chromium: Browser, plant: str) -> None:
    page = chromium.new_page(viewport={"width": 1366, "height": 1400})
    lines: list[WebSocketRoute] = []
    page.route_web_socket("**/ws/**", lambda line: lines.append(line))  # we are the server
    page.goto(plant)
    stands(page)
    panel = page.locator('[data-panel="overview-soc"][data-topic]')
    topic, rows = (
        panel.get_attribute("data-topic"),
        panel.locator(".js-plotly-plot").evaluate("(plot) => plot.data[0].z.map((r) => r.length)"),
    )

    def say(soc: float) -> None:
        change = {"set": {"z": [[[soc] * count for count in rows]]}, "traces": [0]}
        lines[-1].send(json.dumps({"type": "frame", "topic": topic, "restyle": [change]}))

    said = panel.locator(".heatmap-label", has_text="23").first
    say(12.0)
    say(23.0)  # too soon after the other to be drawn
    for _ in range(40):
        if said.count():
            break
        page.wait_for_timeout(500)
        say(23.0)
    expect(said).to_be_attached()
    page.close()
