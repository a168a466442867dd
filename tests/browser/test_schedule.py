"""The schedule page under the pointer: a click on an hour looks closer, a what-if is a link."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_an_hour_clicked_in_the_calendar_becomes_the_window(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/schedule")
    calendar = desktop.locator('[data-card="schedule-week"] .js-plotly-plot .nsewdrag').first
    expect(calendar).to_be_visible(timeout=20_000)
    box = calendar.bounding_box()
    assert box
    desktop.mouse.click(box["x"] + box["width"] * 4.5 / 7, box["y"] + box["height"] * 9.5 / 24)  # yesterday, 09 to 10
    desktop.wait_for_url(re.compile(r"/schedule\?from=\d{4}-\d\d-\d\dT09%3A00&to=\d{4}-\d\d-\d\dT10%3A00"))
    expect(desktop.locator("#content .vd-error")).to_have_count(0)


def test_another_bid_is_a_link(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/schedule")
    panel = desktop.locator('[data-card="schedule-what-if"]')
    panel.scroll_into_view_if_needed()
    expect(panel.locator(".vd-sheet")).to_be_visible(timeout=20_000)
    panel.locator("input").first.fill("8")
    panel.locator("input").first.press("Enter")
    desktop.wait_for_url("**bid=8*")
    expect(panel.locator(".vd-sheet tbody tr").last).to_contain_text("8 MW", timeout=10_000)
