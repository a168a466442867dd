"""What a person takes away from a panel, in a real browser."""

import csv
import hashlib
import io
import re
import time
import urllib.request

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_panel_is_taken_away_as_table_picture_and_receipt(desktop: Page, plant: str) -> None:
    end = int(time.time() // 3600) * 3_600_000 - 3_600_000  # an hour that is over: nothing comes in any more
    desktop.goto(f"{plant}/?from={end - 3_600_000}&to={end}&theme=light")
    card = desktop.locator('[data-card="overview-frequency"]')
    expect(card.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=15_000)
    button = card.locator(".vd-files summary")
    button.focus()
    desktop.keyboard.press("Enter")
    desktop.keyboard.press("ArrowDown")
    expect(card.get_by_role("link", name="CSV table")).to_be_focused()
    receipt_link = card.locator('[data-file="receipt"]').get_attribute("href")
    with desktop.expect_download() as table:
        desktop.keyboard.press("Enter")
    content = table.value.path().read_bytes()
    head, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    assert head[:3] == ["Time (Asia/Taipei)", "Time (UTC)", "Frequency (Hz)"] and len(rows) > 50
    assert re.search(r"_overview-frequency_\d{8}T\d{6}_\d{8}T\d{6}\.csv$", table.value.suggested_filename)
    with urllib.request.urlopen(plant + str(receipt_link)) as answer:
        assert hashlib.sha256(content).hexdigest() in answer.read().decode()  # of the same moment: the same bytes
    for kind, begins in (("png", b"\x89PNG"), ("svg", b"<svg")):
        button.click()
        with desktop.expect_download() as picture:
            card.locator(f'[data-file="{kind}"]').click()
        content = picture.value.path().read_bytes()
        assert content.startswith(begins) and len(content) > 5_000
        assert picture.value.suggested_filename.endswith(f".{kind}") and "_overview-frequency_" in picture.value.suggested_filename
    assert b"Grid frequency" in content and b"Asia/Taipei" in content
    assert b"#ffffff" in content.lower() or b"rgb(255, 255, 255)" in content  # on the paper of the theme that is shown


def test_a_table_has_no_picture_and_escape_closes_the_menu(phone: Page, plant: str) -> None:
    phone.goto(f"{plant}/bess")
    card = phone.locator('[data-card="bess-racks"]')
    expect(card.locator(".vd-sheet")).to_be_visible(timeout=15_000)
    card.locator(".vd-files summary").click()
    expect(card.locator('[data-file="xlsx"]')).to_be_visible()
    expect(card.locator('[data-file="png"]')).to_be_hidden()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.keyboard.press("Escape")
    expect(card.locator('[data-file="xlsx"]')).to_be_hidden()
    expect(card.locator(".vd-files summary")).to_be_focused()
