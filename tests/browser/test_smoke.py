"""Every page on the demo plant in a real browser: it draws, it moves, nothing complains, nothing leaves the host."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

PAGES = ["/", "/bess?unit=3&rack=8", "/pcs?unit=3", "/schedule", "/inverter", "/vehicles", "/devices", "/explore"]
DASH_OWN = "dash-options-list-option"
"""Dash 4 lays the box of each option of its checklists into an element with the role of an option."""
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")


def shown(page: Page, address: str) -> None:
    page.goto(address)
    if urlsplit(address).path == "/vehicles":  # the demo plant has none: the page says how they come in
        guide = page.locator("#content [data-welcome]")
        expect(guide.get_by_role("heading")).to_have_text("No vehicle has reported yet")
        expect(guide).to_contain_text("/api/telemetry")
        expect(guide).to_contain_text("python app.py import")
    else:
        expect(page.locator("#content .vd-filled").first).to_be_visible(timeout=15_000)
    expect(page.locator("#content .vd-error")).to_have_count(0)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_page_draws_without_a_complaint_and_has_no_serious_accessibility_fault(desktop: Page, plant: str, path: str, theme: str) -> None:
    shown(desktop, plant + path if theme == "dark" else f"{plant}{path}{'&' if '?' in path else '?'}theme={theme}")  # dark by itself
    assert desktop.evaluate("document.documentElement.dataset.bsTheme") == theme
    assert desktop.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desktop.evaluate(AXE)
    found = desktop.evaluate("axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa']})")
    serious = [
        f"{v['id']}: {v['nodes'][0]['html'][:120]} (+{len(v['nodes']) - 1})"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical") and not (v["id"] == "nested-interactive" and DASH_OWN in v["nodes"][0]["html"])
    ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_in_the_light(phone: Page, plant: str, path: str) -> None:
    shown(phone, f"{plant}{path}{'&' if '?' in path else '?'}theme=light")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_overview_is_live_within_seconds(desktop: Page, plant: str) -> None:
    shown(desktop, plant)
    expect(desktop.locator("#live-pill")).to_contain_text("Live")
    before = desktop.locator(".vd-number").all_inner_texts()
    desktop.wait_for_function(
        "was => [...document.querySelectorAll('.vd-number')].some((n, i) => n.innerText !== was[i])", arg=before, timeout=10_000
    )


def test_one_websocket_carries_the_whole_page(desktop: Page, plant: str) -> None:
    sockets: list[str] = []
    desktop.on("websocket", lambda socket: sockets.append(socket.url))
    shown(desktop, plant)
    expect(desktop.locator("#live-pill")).to_contain_text("Live")
    assert len(sockets) == 1


def test_a_rack_clicked_in_the_heat_map_opens_its_cells(desktop: Page, plant: str) -> None:
    shown(desktop, plant)
    heat = desktop.locator("#content .js-plotly-plot:has(.heatmaplayer .hm) .nsewdrag").first
    heat.scroll_into_view_if_needed()
    box = heat.bounding_box()
    assert box
    desktop.mouse.click(box["x"] + box["width"] * (7.5 / 12), box["y"] + box["height"] * (2.5 / 12))
    desktop.wait_for_url("**/bess?unit=3&rack=8*")
    expect(desktop.locator("h1")).to_have_text("BESS racks")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/errors"])
def test_the_documentation_opens_without_another_host(desktop: Page, plant: str, path: str) -> None:
    desktop.goto(plant + path)
    expect(desktop.locator("body")).to_contain_text("telemetry" if path != "/docs/errors" else "VALIDATION_ERROR", timeout=20_000)
