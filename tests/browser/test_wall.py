"""Wall screens and panels in frames of foreign pages, in a browser against a protected server: they turn, they say when they stand
still, and they come back by themselves."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import Server, start_server, stop_server
from tests.browser.conftest import Witness, free_port
from tests.browser.test_access import root

pytestmark = [pytest.mark.browser, pytest.mark.server]

KINDS = {"bess01": ("bess", {"soc": 50.0, "power": 12.5}), "pcs01": ("pcs", {"active_power": 12.5, "dc_power": 13.0})}


def post(server: Server, age_s: float = 0.0) -> None:
    at = int((time.time() - age_s) * 1000)
    rows = [{"device_id": device, "timestamp": at, "kind": kind, "values": values} for device, (kind, values) in KINDS.items()]
    assert server.knock("POST", "/api/v1/readings", json.dumps(rows), **root(server)).status == 200


class Portal:
    """A page of another site (`localhost` is another one than `127.0.0.1`) that shows what it is told in a frame."""

    def __init__(self) -> None:
        portal = self
        self.html = ""

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(portal.html.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.origin = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal
    portal.server.shutdown()
    portal.server.server_close()


@pytest.fixture(scope="module")
def port() -> str:
    return str(free_port())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wall")


def begin(folder: Path, port: str, portal: Portal) -> Server:
    """On the same store and port as before."""
    store = {"DATABASE_URL": f"sqlite:///{folder / 'wall.db'}", "PORT": port, "EMBED_ORIGINS": portal.origin}
    return start_server(folder, AUTH_MODE="protected", AUTO_REGISTER="1", **store)


@pytest.fixture
def server(folder: Path, port: str, portal: Portal) -> Iterator[Server]:
    running = begin(folder, port, portal)
    post(running)
    yield running
    stop_server(running)


def link(server: Server, **shows: object) -> str:
    answer = server.knock("POST", "/api/v1/kiosk-links", json.dumps({"name": "Wall", **shows}), **root(server))
    return str(answer.json["path"])


def test_pages_take_turns_and_the_picture_says_when_it_stands_still(chromium: Browser, server: Server) -> None:
    page = chromium.new_context(viewport={"width": 1280, "height": 720}).new_page()
    witness = Witness(f"http://127.0.0.1:{server.port}")
    witness.watch(page)
    address = link(server, pages=["/", "/pcs"])
    page.goto(f"http://127.0.0.1:{server.port}{address}?rotate=5&pages=/,/pcs,/bess&lang=es&theme=light&frozen=10&screen=hall")
    expect(page.locator(".vd-wall-bar strong")).to_have_text("Resumen", timeout=60_000)
    expect(page.locator(".vd-turn[data-turn=a] .vd-filled").first).to_be_visible(timeout=60_000)
    assert "link=" not in page.url and "rotate=5" in page.url
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    for hidden in (".vd-nav", ".vd-header", ".vd-files"):
        expect(page.locator(hidden).first).to_be_hidden()
    unseen = "!document.querySelector('.vd-turn[data-turn=b]').checkVisibility({visibilityProperty: true})"  # while it is prepared
    page.wait_for_function(f"() => voltdeckWall.state().next === 1 && {unseen}", timeout=60_000)
    expect(page.locator(".vd-wall-bar strong")).to_have_text("PCS", timeout=60_000)
    expect(page.locator(".vd-turn[data-turn=b] .vd-card").first).to_be_visible()
    expect(page.locator(".vd-turn[data-turn=a] > *")).to_have_count(0)  # what was shown is let go
    page.wait_for_function("() => voltdeckWall.state().at === 0", timeout=60_000)  # /bess is not of this link
    expect(page.locator(".vd-wall-stamp strong")).to_have_text("CONGELADO", timeout=60_000)
    post(server)
    expect(page.locator(".vd-wall-stamp")).to_be_hidden(timeout=60_000)
    page.evaluate("voltdeckWall.report()")
    screens = server.knock("GET", "/api/v1/screens", **root(server)).json["screens"]
    assert [(one["screen"], one["who"], one["width"], one["build"] != "") for one in screens] == [("hall", "kiosk:Wall", 1280, True)]
    assert not witness.complaints, witness.complaints
    page.context.close()


def test_a_screen_outlives_a_restart_of_the_server(chromium: Browser, folder: Path, port: str, portal: Portal) -> None:
    server = begin(folder, port, portal)
    post(server)
    page = chromium.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.goto(f"http://127.0.0.1:{port}{link(server, pages=['/pcs'])}")
    expect(page.locator("#content .vd-filled").first).to_be_visible(timeout=60_000)
    page.wait_for_function("() => voltdeckLive().at > 0", timeout=60_000)
    page.evaluate("window.isTheSame = true")
    stop_server(server)
    expect(page.locator(".vd-wall-state")).to_contain_text("no connection since", timeout=60_000)
    expect(page.locator("#content .vd-filled").first).to_be_visible()  # the last picture stays
    server = begin(folder, port, portal)
    post(server)
    expect(page.locator(".vd-wall-state")).to_contain_text("Live", timeout=60_000)
    assert page.evaluate("window.isTheSame") is True
    stop_server(server)
    page.context.close()


def framed(page: Page, portal: Portal, source: str) -> None:
    portal.html = f"<!doctype html><title>Portal</title><iframe src='{source}' width=900 height=420></iframe>"
    page.goto(portal.origin)


def test_a_panel_lives_in_a_frame_of_another_site_until_its_link_is_revoked(chromium: Browser, server: Server, portal: Portal) -> None:
    home = f"http://127.0.0.1:{server.port}"
    page = chromium.new_context(viewport={"width": 1000, "height": 600}).new_page()
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    answer = server.knock("POST", "/api/v1/kiosk-links", json.dumps({"name": "Portal", "panels": ["overview-tiles"]}), **root(server)).json
    token = answer["token"]
    framed(page, portal, f"{home}/embed/overview-tiles?link={token}&theme=light&lang=zh-TW")
    frame = page.frame_locator("iframe")
    expect(frame.locator(".vd-tile").first).to_be_visible(timeout=60_000)
    expect(frame.locator(".vd-nav-link, .vd-tool")).to_have_count(0)
    assert frame.locator("html").get_attribute("lang") == "zh-TW"
    until = time.monotonic() + 60
    while not any('"frame"' in one and "overview-tiles" in one for one in frames):
        assert time.monotonic() < until, frames
        page.wait_for_timeout(100)  # lets the events in
    framed(page, portal, f"{home}/embed/overview-flow?kiosk=1&link={token}")
    expect(frame.locator("h1")).to_have_text("This link does not show that panel", timeout=60_000)
    expect(frame.locator(".vd-card, .vd-tile")).to_have_count(0)
    server.knock("DELETE", f"/api/v1/kiosk-links/{answer['id']}", **root(server))
    framed(page, portal, f"{home}/embed/overview-tiles?kiosk=1&link={token}")
    expect(frame.locator("h1")).to_have_text("This link has ended", timeout=60_000)
    stranger = {"X_Kiosk_Link": token}
    assert server.knock("GET", "/panels/overview-flow.png", **stranger).status == 401
    page.context.close()


def test_without_scripts_a_page_is_pictures(chromium: Browser, server: Server) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}{link(server, pages=['/pcs'])}", timeout=60_000)
    pictures = page.locator(".vd-unscripted img")
    assert pictures.count() > 1
    assert page.request.get(f"http://127.0.0.1:{server.port}{pictures.first.get_attribute('src')}", timeout=90_000).body()[:4] == b"\x89PNG"
    context.close()
