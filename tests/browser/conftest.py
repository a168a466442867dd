"""A demo plant in its own process and a Chromium that notes everything a customer should never see."""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.conftest import CHROMIUM

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=20_000)  # what is waited for comes; on a machine that does other work too, later
QUIET = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def until_it_answers(address: str) -> None:
    """The address is printed a moment before the port answers."""
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(f"{address}/health/ready", timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, f"{address} does not answer"
            threading.Event().wait(0.1)


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a demo plant that has its history. Of several runners one makes it, and each copies it."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    folder = (tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent) / "history"
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = tmp_path_factory.mktemp("making")
            subprocess.run([sys.executable, "-c", FILL], cwd=ROOT, env=demo_settings(making), check=True, capture_output=True, timeout=300)
            making.rename(folder)
    return folder


FILL = "import app; from services.config import Config; app.fill(Config.from_env(app.environment()))"


def demo_settings(folder: Path) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": str(folder), "PORT": str(free_port()), "DEMO_DAYS": "2", "RATE_LIMIT": "0", "STUDIES": "0"}


@pytest.fixture(scope="session")
def plant(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo plant with two days of history of this runner's own, started the way a person starts it."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    shutil.copytree(history, folder)
    process = subprocess.Popen(
        [sys.executable, "-u", "app.py", "demo"],
        cwd=ROOT,
        env=demo_settings(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    with process.stdout:
        try:
            seen = []
            for line in process.stdout:
                seen.append(line)
                if match := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            else:
                raise AssertionError("the demo plant did not start:\n" + "".join(seen))
            with open(folder / "server.log", "w") as log, subprocess.Popen(["cat"], stdin=process.stdout, stdout=log):
                until_it_answers(match.group())
                yield match.group()
                process.terminate()
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@dataclass
class Witness:
    """What went wrong on a page: console errors, failed requests, requests to another host."""

    home: str
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", lambda r: self.complaints.append(f"{r.status} {r.url}") if r.status >= 400 else None)

    def _console(self, message: ConsoleMessage) -> None:
        cut_short = "WebSocket is closed before the connection is established" in message.text  # the page was left at once
        if message.type in ("error", "warning") and not cut_short:
            self.complaints.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        host = urlsplit(request.url).netloc
        if not request.url.startswith(("data:", "blob:", "about:")) and host != urlsplit(self.home).netloc:
            self.complaints.append(f"foreign request: {request.url}")

    def _failed(self, request: Request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # the page moved on before the answer came
            self.complaints.append(f"failed request: {request.url} {request.failure}")


@pytest.fixture
def witness(plant: str) -> Iterator[Witness]:
    """Fails the test at its end when the browser had anything to complain about."""
    seen = Witness(plant)
    yield seen
    assert not seen.complaints, "\n".join(dict.fromkeys(seen.complaints))


Screens = dict[tuple[int, int], BrowserContext]


@pytest.fixture(scope="session")
def screens(chromium: Browser) -> Iterator[Screens]:
    """One context for each size, with what it has loaded already: a person does not fetch the scripts anew for every page either."""
    kept: Screens = {}
    yield kept
    for context in kept.values():
        context.close()


@pytest.fixture
def desktop(chromium: Browser, screens: Screens, witness: Witness) -> Iterator[Page]:
    """A 1920×1080 page."""
    yield from _page(chromium, screens, witness, 1920, 1080)


@pytest.fixture
def phone(chromium: Browser, screens: Screens, witness: Witness) -> Iterator[Page]:
    """A 390×844 page."""
    yield from _page(chromium, screens, witness, 390, 844)


def _page(chromium: Browser, screens: Screens, witness: Witness, width: int, height: int) -> Iterator[Page]:
    if (width, height) not in screens:
        screens[width, height] = chromium.new_context(viewport={"width": width, "height": height})
    context = screens[width, height]
    page = context.new_page()
    witness.watch(page)
    yield page
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear()")  # no test finds what another left
    page.close()
    context.clear_cookies()
