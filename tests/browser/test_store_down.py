"""A screen opened while the database is gone says so, and draws by itself once it is back."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.api.conftest import Server, start_server, stop_server

pytestmark = [pytest.mark.browser, pytest.mark.server]

BACK_S = 30
"""Panels are asked for again every 10 s."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = start_server(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'plant.db'}")
    yield running
    stop_server(running)


def send(server: Server, soc: float) -> int:
    row = {"device_id": "bess01", "timestamp": int(time.time() * 1000), "kind": "bess", "values": {"soc": soc, "power": 12.5}}
    return server.knock("POST", "/api/v1/readings", json.dumps([row]), Content_Type="application/json").status


def test_panels_say_that_the_store_is_silent_and_come_back_by_themselves(server: Server, tmp_path: Path, chromium: Browser) -> None:
    assert send(server, 50.0) == 200
    files = [file for file in tmp_path.glob("plant.db*") if not file.name.endswith(".lock")]
    page = chromium.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    expect(page.locator("#content .vd-filled").first).to_be_visible(timeout=15_000)
    for file in files:
        os.rename(file, file.with_name(f"away-{file.name}"))
    page.goto(f"http://127.0.0.1:{server.port}/?window=7d")  # nobody has looked at this window: it has to be asked for
    silent = page.locator("#content .vd-error", has_text="The store does not answer")
    expect(silent.first).to_be_visible(timeout=15_000)
    assert send(server, 51.0) == 202
    for file in files:
        os.rename(file.with_name(f"away-{file.name}"), file)
    expect(page.locator(".vd-error")).to_have_count(0, timeout=1000 * BACK_S)
    expect(page.locator("#content .vd-filled").first).to_be_visible()
    page.close()
