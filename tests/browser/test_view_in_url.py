"""The URL is the view, in a real browser: choosing, zooming, going back, sharing; numbers change without a reload."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

GRAPH = ".vd-zooms .js-plotly-plot .nsewdrag"


def query(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def opened(chromium: Browser, address: str, width: int = 1366, height: int = 768) -> Page:
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.goto(address)
    expect(page.locator("#content .vd-filled").first).to_be_visible()
    page.wait_for_load_state("networkidle")  # all panels have answered
    return page


def test_pages_and_windows_change_without_a_reload(chromium: Browser, plant: str) -> None:
    page = opened(chromium, plant)
    page.evaluate("window.stillHere = true")
    page.get_by_role("group", name="Time window").get_by_text("1 h", exact=True).click()
    page.get_by_role("navigation").get_by_text("BESS racks").click()
    expect(page.locator("h1")).to_have_text("BESS racks")
    assert query(page) == {"window": "1h"} and page.evaluate("window.stillHere")
    page.close()


def test_a_choice_is_a_link_and_the_back_button_undoes_it(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/bess")
    unit = page.locator("#page-head select").first
    unit.select_option("3")
    page.wait_for_url("**unit=3**")
    # the controls are laid out anew with the panels: only then can a person choose again
    expect(page.locator("#content [data-topic*='unit=3']").first).to_be_attached()
    unit.select_option("4")
    page.wait_for_url("**unit=4**")
    page.go_back()
    expect(unit).to_have_value("3")
    page.reload()
    expect(unit).to_have_value("3")
    page.close()


def test_a_drag_asks_for_the_window_and_a_double_click_goes_back(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/explore")
    chart = page.locator(GRAPH).first
    box = chart.bounding_box()
    assert box
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + box["width"] * 0.4, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.6, y, steps=6)
    page.mouse.up()
    page.wait_for_url("**from=**")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", query(page)["from"])
    expect(page.locator("#live-pill")).to_contain_text("Fixed range")
    page.mouse.dblclick(x + box["width"] / 2, y)
    page.wait_for_url(lambda url: "from=" not in url)
    page.close()


def test_numbers_change_in_place_and_stop_when_live_is_switched_off(chromium: Browser, plant: str) -> None:
    page = opened(chromium, plant)
    expect(page.locator(".vd-number")).to_have_count(12)
    page.evaluate("document.querySelectorAll('.vd-number').forEach(n => n.marked = true)")
    before = page.locator(".vd-number").all_inner_texts()
    changed = "was => [...document.querySelectorAll('.vd-number')].some((n, i) => n.marked && n.innerText !== was[i])"
    page.wait_for_function(changed, arg=before)
    expect(page.locator("#live-pill")).to_contain_text("Live")
    page.locator("#live-pill").click()
    expect(page.locator("#live-pill")).to_have_text("Paused")
    expect(page.locator("#content [data-topic]")).to_have_count(0)
    assert query(page) == {"live": "0"}
    page.close()


def test_language_and_theme_are_part_of_the_link(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/?lang=zh-TW&theme=light")
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dataset.bsTheme]") == ["zh-TW", "light"]
    expect(page.get_by_role("link", name="深色")).to_be_visible()
    page.get_by_role("link", name="深色").click()
    page.wait_for_function("() => document.documentElement.dataset.bsTheme === 'dark'")
    page.close()


def test_nonsense_in_the_link_is_said_and_the_rest_works(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/bess?unit=abc&window=2h&from=%00")
    expect(page.get_by_role("status").first).to_contain_text("unit, window, from, to")
    page.close()


def test_a_panel_fills_the_screen_and_comes_back(chromium: Browser, plant: str) -> None:
    page = opened(chromium, f"{plant}/explore")
    graph = page.locator(".vd-graph").first
    expect(graph.locator(".main-svg").first).to_be_visible()
    page.wait_for_function("() => { const e = document.querySelector('.vd-graph'); return e.clientHeight === parseInt(e.style.height) }")
    small = graph.evaluate("e => e.clientHeight")
    page.get_by_role("button", name=re.compile("Full screen")).first.click()
    page.wait_for_function("small => document.querySelector('.vd-graph').clientHeight > small", arg=small)
    page.keyboard.press("Escape")
    page.wait_for_function("small => document.querySelector('.vd-graph').clientHeight === small", arg=small)
    page.close()


def test_the_keyboard_reaches_the_content_first(chromium: Browser, plant: str) -> None:
    page = opened(chromium, plant)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "vd-skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.close()


@pytest.mark.parametrize("path", ["/", "/bess?unit=3&rack=7", "/explore"])
@pytest.mark.parametrize("width", [390, 768])
def test_nothing_scrolls_sideways(chromium: Browser, plant: str, path: str, width: int) -> None:
    page = opened(chromium, plant + path, width, 844)
    page.wait_for_timeout(800)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.close()
