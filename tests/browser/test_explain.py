"""A figure is explained in a browser: by keyboard, with Escape, and from there to its inputs."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_figure_is_explained_and_the_card_closes_where_it_was_opened(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/?live=0")
    button = desktop.get_by_role("button", name="Explain: Energy out today")
    expect(button).to_be_visible(timeout=60_000)
    button.focus()
    desktop.keyboard.press("Enter")
    card = desktop.get_by_role("dialog", name="Energy out today")
    expect(card).to_contain_text("E_dis = Σ max(P̄, 0)·Δt = Σ E".replace("_", ""))
    expect(card).to_contain_text("Coverage")
    desktop.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    card.get_by_role("link", name="Explore the inputs").click()
    expect(desktop).to_have_url(re.compile(r"/explore\?.*metric=active_power"))
    expect(card).to_be_hidden()


def test_a_wall_shows_no_buttons(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/?kiosk=1")
    expect(desktop.locator(".vd-tile").first).to_be_visible(timeout=60_000)
    expect(desktop.locator(".vd-explain").first).to_be_hidden()


def test_the_head_of_a_column_opens_its_card_and_the_panel_lists_all(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/pcs?live=0")
    head = desktop.get_by_role("columnheader", name="Load (%)").get_by_role("button")
    expect(head).to_be_visible(timeout=60_000)
    head.focus()
    desktop.keyboard.press("Enter")
    card = desktop.get_by_role("dialog", name="Load (%)")
    expect(card).to_contain_text("nameplate in the register")
    expect(card).to_contain_text("newest readings")
    card.get_by_role("button", name="Efficiency (%)").click()
    expect(desktop.get_by_role("dialog", name="Efficiency (%)")).to_contain_text("Power that leaves the converter")
    desktop.keyboard.press("Escape")
    expect(head).to_be_focused()
    desktop.get_by_role("button", name="Explain: AC and DC power").click()
    expect(desktop.get_by_role("dialog", name="AC and DC power")).to_contain_text("Coverage")
