"""What people do on the settings page, and what a wall screen sees of a kiosk link, in a browser against a protected server."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import Server, start_server, stop_server
from tests.browser.conftest import Witness

pytestmark = [pytest.mark.browser, pytest.mark.server]

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("protected"), AUTH_MODE="protected", AUTO_REGISTER="1")
    row = {"device_id": "bess01", "timestamp": int(time.time() * 1000), "kind": "bess", "values": {"soc": 50.0, "power": 12.5}}
    assert running.knock("POST", "/api/v1/readings", json.dumps([row]), **root(running)).status == 200
    yield running
    stop_server(running)


def root(server: Server) -> dict[str, str]:
    body = json.dumps({"username": "admin", "password": PASSWORD})
    token = server.knock("POST", "/api/v1/auth/login/json", body, Content_Type="application/json").json["access_token"]
    return {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}


def open_page(chromium: Browser, server: Server, width: int, height: int) -> tuple[Page, Witness]:
    page = chromium.new_context(viewport={"width": width, "height": height}).new_page()
    witness = Witness(f"http://127.0.0.1:{server.port}")
    witness.watch(page)
    return page, witness


def log_in(page: Page, server: Server) -> None:
    page.goto(f"http://127.0.0.1:{server.port}/settings")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator(".vd-set-row").first).to_be_visible(timeout=15_000)


def field(form: str, name: str) -> str:
    return f"""[id='{{"field":"{name}@{form}","type":"settings-in"}}']"""


def fill(page: Page, form: str, opens: str, **values: str) -> None:
    page.locator("summary", has_text=opens).click()
    for name, value in values.items():
        page.fill(field(form, name), value)
    page.locator(".vd-form button", has_text=opens).click()


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844)])
def test_an_admin_adds_a_user_issues_and_revokes_a_key(chromium: Browser, server: Server, width: int, height: int) -> None:
    page, witness = open_page(chromium, server, width, height)
    log_in(page, server)
    fill(page, "user-add", "Add a user", username=f"ann{width}", password="battery staple")
    expect(page.locator(".vd-told")).to_have_text(f"ann{width} was added")
    fill(page, "key-add", "Issue a key", name=f"gateway{width}", devices="bess01")
    expect(page.locator(".vd-secret")).to_have_value(re.compile(r"vd_[0-9a-f]{12}_.{43}"))
    key = page.locator(".vd-secret").input_value()
    row = {"device_id": "bess01", "timestamp": 1_790_000_000_000 + width, "kind": "bess", "values": {"soc": 51.0}}
    send = {"Content_Type": "application/json", "X_API_Key": key}
    assert server.knock("POST", "/api/v1/readings", json.dumps([row]), **send).status == 200
    page.locator(".vd-set-row", has_text=f"gateway{width}").locator("button").click()
    expect(page.locator(".vd-told")).to_have_text(f"gateway{width} was revoked")
    expect(page.locator(".vd-secret")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not witness.complaints, witness.complaints
    page.context.close()


def test_a_new_password_keeps_this_session(chromium: Browser, server: Server) -> None:
    page, witness = open_page(chromium, server, 1280, 800)
    log_in(page, server)
    for old, new in ((PASSWORD, "battery staple horse"), ("battery staple horse", PASSWORD)):
        page.fill("input[name=old_password]", old)
        page.fill("input[name=new_password]", new)
        page.click("form[data-password] button")
        expect(page.locator("input[name=old_password]")).to_have_value("")
        expect(page.locator(".vd-form-said")).to_contain_text("The password was changed")
    page.reload()
    expect(page.locator(".vd-set-row").first).to_be_visible(timeout=15_000)
    assert not witness.complaints, witness.complaints
    page.context.close()


def test_on_an_open_server_a_session_outlives_its_access_token(chromium: Browser, tmp_path: Path) -> None:
    running = start_server(tmp_path, AUTH_MODE="open")
    page, witness = open_page(chromium, running, 1280, 800)
    page.goto(f"http://127.0.0.1:{running.port}/login?next=/settings")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("#header summary[title=admin]")).to_be_visible(timeout=15_000)
    page.context.clear_cookies(name="access_token_cookie")  # as the browser does when its time is over
    page.reload()
    expect(page.locator("#header a[href='/login']")).to_be_visible(timeout=15_000)
    expect(page.locator("#header summary[title=admin]")).to_be_visible(timeout=15_000)
    assert not witness.complaints, witness.complaints
    page.context.close()
    stop_server(running)


def test_a_wall_screen_shows_the_pages_of_its_link_until_that_is_revoked(chromium: Browser, server: Server) -> None:
    body = json.dumps({"name": "Lobby", "pages": ["/", "/bess"]})
    link = server.knock("POST", "/api/v1/kiosk-links", body, **root(server)).json
    page, witness = open_page(chromium, server, 1920, 1080)
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    page.goto(f"http://127.0.0.1:{server.port}{link['path']}")
    expect(page.locator(".vd-tile").first).to_be_visible(timeout=15_000)
    assert page.url.endswith("/?kiosk=1"), "the token leaves the address"
    assert page.locator(".vd-nav-link").count() == 2
    page.evaluate("voltdeckShell.go('/bess')")  # as a link on the page does: a wall has no navigation
    page.wait_for_url("**/bess?kiosk=1")
    page.reload()
    expect(page.locator("#content .vd-card").first).to_be_visible(timeout=15_000)
    assert page.url.endswith("/bess?kiosk=1"), "a screen that was reloaded comes back to its page"
    until = time.monotonic() + 15
    while not any('"frame"' in frame for frame in frames):
        assert time.monotonic() < until, frames
        page.wait_for_timeout(100)  # lets the events in
    assert not witness.complaints, witness.complaints
    server.knock("DELETE", f"/api/v1/kiosk-links/{link['id']}", **root(server))
    expect(page).to_have_url(re.compile(r"/kiosk\?ended=1$"), timeout=40_000)
    expect(page.locator("h1")).to_have_text("This link has ended")
    page.goto(f"http://127.0.0.1:{server.port}/bess?kiosk=1")
    expect(page.locator("h1")).to_have_text("This link has ended")
    page.context.close()
