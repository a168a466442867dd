"""A screen says the site's time, wherever the one who looks at it is."""

import pytest
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser

CHART = ".vd-zooms .js-plotly-plot"
APART = """plot => Math.abs(
    Date.parse(plot._fullLayout.xaxis.range[1].replace(" ", "T") + "Z")
    - Date.parse(new Date(Date.now()).toLocaleString("sv-SE", {timeZone: "Asia/Taipei"}).replace(" ", "T") + "Z")
) / 1000"""


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kathmandu"])
def test_a_chart_ends_now_by_the_clock_of_the_site_in_every_zone(chromium: Browser, plant: str, zone: str) -> None:
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, timezone_id=zone)
    page = context.new_page()
    page.goto(plant + "/?window=1h&live=0")
    expect(page.locator(f"{CHART} .xtick text").first).to_be_visible(timeout=30_000)
    page.wait_for_load_state("networkidle")
    assert page.locator(CHART).first.evaluate(APART) < 180
    context.close()
