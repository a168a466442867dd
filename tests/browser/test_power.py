"""The PCS page in a real browser: a unit clicked in the table is the one below it, and its words can be read."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_unit_clicked_in_the_table_is_shown_below(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/pcs")
    expect(desktop.locator("[data-card=pcs-units] tr.vd-chosen")).to_contain_text("PCS 1", timeout=15_000)
    desktop.locator("[data-card=pcs-units]").get_by_role("link", name="PCS 4", exact=True).click()
    expect(desktop.locator("[data-card=pcs-units] tr.vd-chosen")).to_contain_text("PCS 4")
    expect(desktop.locator(".vd-control select").first).to_have_value("4")
    assert "unit=4" in desktop.url
    words = desktop.locator("[data-card=pcs-words]")
    expect(words.locator(".vd-word:not(.vd-word-head)")).to_have_count(7)
    expect(words.locator(".vd-bit")).to_have_count(7 * 16)
    expect(words).to_contain_text("ready")
    desktop.go_back()
    expect(desktop.locator("[data-card=pcs-units] tr.vd-chosen")).to_contain_text("PCS 1")
