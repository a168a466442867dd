"""An operator deals with an alarm and a device in a browser."""

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import Server, start_server, stop_server
from tests.browser.test_access import open_page, root

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A plant with a PCS that reports a fault, and a battery."""
    running = start_server(tmp_path_factory.mktemp("operate"), AUTH_MODE="protected", AUTO_REGISTER="1")
    head = root(running)
    at = int(time.time() * 1000)
    rows = [
        {"device_id": "bess01", "timestamp": at, "kind": "bess", "values": {"soc": 50.0, "power": 12.5}},
        {"device_id": "pcs01", "timestamp": at, "kind": "pcs", "values": {"fault_status1": 5, "active_power": 1.0}},
    ]
    assert running.knock("POST", "/api/v1/readings", json.dumps(rows), **head).status == 200
    yield running
    stop_server(running)


def log_in(page: Page, server: Server, path: str) -> None:
    page.goto(f"http://127.0.0.1:{server.port}{path}")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", "correct horse battery")
    page.click("button[type=submit]")


def press(page: Page, text: str) -> None:
    page.get_by_role("button", name=text, exact=True).click()


@pytest.fixture
def seen(chromium: Browser, server: Server) -> Iterator[Page]:
    page, witness = open_page(chromium, server, 1366, 768)
    yield page
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not witness.complaints, witness.complaints
    page.context.close()


def test_a_new_alarm_appears_by_itself_and_is_acknowledged(seen: Page, server: Server) -> None:
    log_in(seen, server, "/alarms")
    row = seen.locator(".ag-row", has_text="pcs01").first
    expect(row).to_be_visible(timeout=25_000)  # ten seconds on-delay from the first reading on
    row.locator(".ag-cell").first.focus()
    with seen.expect_response(lambda answer: "alarm-body" in (answer.request.post_data or "")):  # the form of the row chosen
        seen.keyboard.press("Enter")  # opens it, as a click does
    seen.wait_for_url("**/alarms?alarm=*")
    expect(seen.locator("[data-card=alarms-card]")).to_contain_text("bit 0, bit 2 (0x0005)")
    seen.get_by_label("Comment or reason").fill("looking into it")
    press(seen, "Acknowledge")
    expect(seen.locator(".vd-told")).to_contain_text("is acknowledged")
    expect(seen.locator("[data-card=alarms-card]")).to_contain_text("looking into it")
    expect(seen.locator(".ag-row").first).to_contain_text("Acknowledged")
    press(seen, "Shelve")
    expect(seen.locator(".vd-told")).to_contain_text("is shelved until")
    expect(seen.locator(".ag-row").first).to_contain_text("Shelved")


def test_maintenance_locks_a_device_and_an_emergency_takes_two_steps(seen: Page, server: Server) -> None:
    log_in(seen, server, "/devices?device=bess01")
    expect(seen.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=15_000)
    assert not seen.get_by_role("button", name="Yes, shut it down").is_visible()
    press(seen, "Put into maintenance")
    expect(seen.locator(".vd-told")).to_have_text("bess01 is in maintenance")
    press(seen, "Send")
    expect(seen.locator(".vd-told")).to_contain_text("is in maintenance")
    press(seen, "End maintenance")
    expect(seen.locator(".vd-told")).to_have_text("bess01 takes commands again")
    press(seen, "Send")
    expect(seen.locator("[data-card=devices-history]")).to_contain_text("Request status")
    seen.locator("summary", has_text="Emergency shutdown").click()
    press(seen, "Yes, shut it down")
    expect(seen.locator("[data-card=devices-history]")).to_contain_text("Emergency shutdown")
