"""What is looked at, in a real browser: the calendar by keyboard, a walk that a link repeats, all pages on all screens, a phone's menu."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, Request, TimeoutError, expect

from tests.browser.test_smoke import AXE
from tests.browser.test_view_in_url import query

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/bess?unit=3&rack=7",
    "/pcs",
    "/inverter",
    "/schedule",
    "/analysis",
    "/vehicles",
    "/alarms",
    "/devices",
    "/explore",
    "/system",
]
SIZES = [(390, 844), (768, 1024), (1366, 768), (1920, 1080)]


def opened(chromium: Browser, address: str, width: int = 1366, height: int = 768) -> Page:
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.goto(address)
    expect(page.locator("#content .vd-filled").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    return page


def traces(page: Page, card: str) -> str:
    """What a chart draws, as text."""
    page.wait_for_function("card => document.querySelector(`[data-card=${card}] .js-plotly-plot`)?.data?.length", arg=card)
    found: str = page.evaluate(
        "card => JSON.stringify(document.querySelector(`[data-card=${card}] .js-plotly-plot`).data.map(t => [t.name, t.x, t.y]))", card
    )
    return found


def test_a_link_shows_another_person_the_same(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/?live=0")
    heat = page.locator("[data-card=overview-soc] .nsewdrag").first
    heat.evaluate("e => e.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = heat.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * (7.5 / 12), box["y"] + box["height"] * (2.5 / 12))
    page.wait_for_url("**/bess?unit=3&rack=8*")
    chart = page.locator("[data-card=bess-compare] .nsewdrag").first
    chart.evaluate("e => e.scrollIntoView({block: 'center', behavior: 'instant'})")
    traces(page, "bess-compare")
    box = chart.bounding_box()
    assert box
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.5, y, steps=6)
    page.mouse.up()
    page.wait_for_url("**from=**")
    zoomed = page.url
    page.go_back()
    page.wait_for_url(lambda url: "from=" not in url)
    page.go_forward()
    page.wait_for_url(zoomed)
    page.reload()
    mine = traces(page, "bess-compare")
    assert query(page)["unit"] == "3" and query(page)["rack"] == "8"
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    other = context.new_page()
    other.goto(zoomed)
    assert traces(other, "bess-compare") == mine
    context.close()
    page.close()


def test_the_calendar_works_by_keyboard(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/explore?live=0")
    page.get_by_label("Choose a range").focus()
    page.keyboard.press("Enter")
    month = page.get_by_role("group", name="Calendar")
    expect(month.locator("a.vd-today")).to_be_visible()
    today = month.locator("a.vd-today").get_attribute("data-day")
    page.evaluate(AXE)
    found = page.evaluate("axe.run('.vd-header', {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa']})")
    assert [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")] == []
    month.locator("a.vd-today").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url("**from=**")
    day = query(page)["from"][:10]
    assert today and day < today and query(page)["to"][:10] in (day, today)
    page.get_by_role("link", name="Previous period").click()
    page.wait_for_url(lambda url: day not in re.findall(r"from=([\d-]+)", url))
    page.get_by_role("link", name="Now", exact=True).click()
    page.wait_for_url(lambda url: "from=" not in url)
    page.get_by_label("Choose a range").click()
    page.keyboard.press("Escape")
    expect(page.locator("[data-calendar]")).not_to_have_attribute("open", "")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Choose a range"
    page.close()


def test_a_resolution_and_a_comparison_are_part_of_the_link(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/explore?live=0&window=1h")
    page.get_by_label("Choose a range").click()
    page.get_by_role("group", name="Resolution").get_by_text("1 min", exact=True).click()
    page.wait_for_url("**step=1m**")
    expect(page.locator("[data-card=explore-chart] [data-age-of]")).to_contain_text("1 min")
    page.locator("#page-head select").last.select_option("day")
    page.wait_for_url("**against=day**")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.js-plotly-plot')].some(p => (p.data || []).some(t => t.name === 'A day earlier'))"
    )
    page.close()


def test_a_phone_has_the_other_pages_behind_more(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/?live=0", 390, 844)
    bar = page.locator(".vd-nav-link:visible")
    expect(bar).to_have_count(5)
    clipped = "[...document.querySelectorAll('.vd-nav-link span')].filter(s => s.offsetParent && s.scrollWidth > s.clientWidth).length"
    assert page.evaluate(clipped) == 0
    page.get_by_role("button", name="More").click()
    expect(bar).to_have_count(13)
    assert page.evaluate(clipped) == 0
    page.keyboard.press("Escape")
    expect(bar).to_have_count(5)
    page.get_by_role("button", name="More").click()
    page.get_by_role("navigation").get_by_role("link", name="Analysis").click()
    expect(page.locator("h1")).to_have_text("Analysis")
    expect(bar).to_have_count(5)
    page.close()


def test_no_page_scrolls_sideways_on_any_screen(chromium: Browser, plant: str) -> None:
    page = chromium.new_page()
    wide: list[str] = []
    for path in PAGES:
        page.set_viewport_size({"width": 1920, "height": 1080})
        page.goto(f"{plant}{path}{'&' if '?' in path else '?'}live=0")
        expect(page.locator("#content > *").first).to_be_visible(timeout=20_000)
        page.wait_for_load_state("networkidle")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            try:  # charts take their new width a moment after the window
                page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth", timeout=5_000)
            except TimeoutError:
                wide.append(f"{path} at {width}: {page.evaluate('document.documentElement.scrollWidth')} px wide")
    assert wide == []
    page.close()


def test_a_bad_link_in_the_browser(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/bess?unit=99&rack=abc&from=2026-11-21&to=2020-01-01&theme=purple&device=%3Cscript%3Ealert(1)%3C/script%3E")
    expect(desktop.get_by_role("status").first).to_contain_text("unit=99", timeout=20_000)
    expect(desktop.locator("#content .vd-filled").first).to_be_visible()
    expect(desktop.locator("#content .vd-error")).to_have_count(0)


def test_a_zoomed_chart_asks_for_its_finer_view_at_once_and_only_once(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/?live=0")
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/_dash-update-component" in request.url:
            body = request.post_data_json
            what = body["inputs"][0]["id"]
            asked.append(what["id"] if isinstance(what, dict) else what)

    chart = page.locator("[data-card=overview-frequency] .nsewdrag").first
    chart.evaluate("e => e.scrollIntoView({block: 'center', behavior: 'instant'})")
    traces(page, "overview-frequency")
    page.wait_for_load_state("networkidle")
    box = chart.bounding_box()
    assert box
    page.on("request", note)
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.6, y, steps=6)
    page.mouse.up()
    expect(page).to_have_url(re.compile("from="))
    until = time.monotonic() + 20
    while "overview-balance" not in asked:
        assert time.monotonic() < until, asked
        page.wait_for_timeout(100)  # lets the events in
    page.wait_for_function("() => !document.querySelector('#content [data-dash-is-loading=true]')")
    assert set(asked[:2]) == {"url", "overview-frequency"}, asked  # beside the page's own request
    assert asked.count("overview-frequency") == 1, asked
    page.close()
