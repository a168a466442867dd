"""The screens in a real browser: first paint, page changes, zoom, what a live page costs the browser, and 200 dashboards the server.

`python -m bench screens` makes a demo plant of its own · `--data DIR` uses one that exists · `--minutes 30` watches the memory of the live
page for as long as the issue asks; a shorter watch is extrapolated and said with its uncertainty (two standard errors of the slope).
Instants are taken inside the page (`performance.now()`, looked at in every animation frame), processor time is what the operating system
charges the browser's processes. The zoom looks at a year of 1-minute data, on a store of its own.
"""

import argparse
import asyncio
import base64
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from bench import servers
from bench.latest_series import YEAR, ZONE, seed
from bench.measure import calibrate, keep, machine, median, table, verdict
from bench.stream import masked, read_frame
from datastore.open import open_store
from plant.model import DAY, MINUTE

CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1920, "height": 1080}
PAGES = ("/bess", "/pcs", "/inverter", "/schedule", "/analysis", "/alarms")
ROUNDS = 5
DASHBOARDS = 200
WARM_MS, COLD_MS, CHANGE_MS, ZOOM_MS = 1500.0, 3000.0, 500.0, 250.0
FIRST_MB, LATER_KB, BROWSER, SERVER = 2.6, 150.0, 0.15, 0.10
WATCH_MIN = 30.0

STANDS = """
window.standing = function (all) {
  const near = (e) => { const b = e.getBoundingClientRect(); return all || (b.top < innerHeight && b.bottom > 0); };
  const cards = [...document.querySelectorAll('#content .vd-body')].filter(near);
  return cards.length > 0 && cards.every((card) => !card.querySelector('.vd-skeleton') &&
    [...card.querySelectorAll('.dash-graph')].every((graph) => !near(graph) || graph.querySelector('.main-svg')));
};
window.when = function (is) {
  return new Promise((done) => { (function look() { is() ? done(performance.now()) : requestAnimationFrame(look); })(); });
};
"""
"""`standing()`: every panel on the screen is there and drawn. `when(is)`: the instant from which `is()` holds."""
PAINT = """async () => [
  await when(() => document.querySelector('[data-tile^="overview-tiles:"] .vd-number')), await when(() => standing(false))]"""
CHANGE = """async (path) => {
  const since = performance.now(), head = document.querySelector('#page-head h1');
  document.querySelector(`nav a[data-nav][href^="${path}"]`).click();
  return await when(() => location.pathname === path && !(head && head.isConnected) && standing(false)) - since; }"""
ZOOM = """async ([from, to]) => {
  const card = document.querySelector('[data-card="overview-frequency"]'), plot = card.querySelector('.js-plotly-plot');
  const since = performance.now(), before = plot.data;
  window.Plotly.relayout(plot, {'xaxis.range[0]': from, 'xaxis.range[1]': to});
  return await when(() => { const now = card.querySelector('.js-plotly-plot');
    return now && now.data && now.data !== before && now.querySelector('.main-svg'); }) - since; }"""
TOPICS = "() => [...new Set([...document.querySelectorAll('[data-topic]')].map((one) => one.dataset.topic))]"


def growth(minutes: Sequence[float], used: Sequence[float]) -> tuple[float, float]:
    """Least-squares growth over WATCH_MIN minutes and twice its standard error, in the unit of `used`; needs three samples."""
    at, value = np.asarray(minutes, dtype=float), np.asarray(used, dtype=float)
    spread = at - at.mean()
    slope = float(spread @ value / (spread @ spread))
    rest = value - value.mean() - slope * spread
    error = float(np.sqrt(rest @ rest / (len(at) - 2) / (spread @ spread)))
    return WATCH_MIN * slope, 2 * WATCH_MIN * error


@contextmanager
def fresh(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor who was never here."""
    context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
    context.add_init_script(STANDS)
    try:
        yield context
    finally:
        context.close()


class Wire:
    """Bytes as they came over the wire, headers and all, without what the browser had kept."""

    def __init__(self, page: Page) -> None:
        self._taken = 0.0
        session = page.context.new_cdp_session(page)
        session.on("Network.loadingFinished", self._add)
        session.send("Network.enable")

    def _add(self, event: dict[str, Any]) -> None:
        self._taken += event["encodedDataLength"]

    def taken(self) -> float:
        """Bytes since the last call."""
        taken, self._taken = self._taken, 0.0
        return taken


def paints(browser: Browser, base: str) -> dict[str, Any]:
    """Overview for somebody new and for somebody who comes back: tiles, then every panel on the screen [ms]; first bytes."""
    figures: dict[str, list[list[float]]] = {"cold": [], "warm": []}
    wires = []
    for _ in range(ROUNDS):
        with fresh(browser) as context:
            page = context.new_page()
            wire = Wire(page)
            page.goto(base, wait_until="commit")
            figures["cold"].append(page.evaluate(PAINT))
            page.wait_for_load_state("networkidle")
            wires.append(wire.taken())
            page.reload(wait_until="commit")
            figures["warm"].append(page.evaluate(PAINT))
    found = {name: [median(column) for column in zip(*rows, strict=True)] for name, rows in figures.items()}
    return {**found, "first_mb": median(wires) / 1e6}


def changes(browser: Browser, base: str) -> list[dict[str, Any]]:
    """From Overview to each page by its link: the first visit, the median of the others [ms], and the bytes of the first."""
    results = []
    for path in PAGES:
        with fresh(browser) as context:
            page = context.new_page()
            wire = Wire(page)
            page.goto(base)
            page.evaluate("() => when(() => standing(false))")
            page.wait_for_timeout(6000)  # what later pages need comes while nothing else does
            wire.taken()
            taken = [page.evaluate(CHANGE, path)]
            page.wait_for_load_state("networkidle")
            size = wire.taken()
            for _ in range(ROUNDS):
                page.evaluate(CHANGE, "/")
                taken.append(page.evaluate(CHANGE, path))
        results.append({"path": path, "first_ms": taken[0], "ms": median(taken[1:]), "kb": size / 1e3})
    return results


def zooms(browser: Browser, folder: Path) -> list[float]:
    """From a zoom into a year of minutes to the redrawn chart [ms]: a month, then ever others."""
    end = int(time.time() * 1000) // MINUTE * MINUTE
    folder.mkdir(parents=True)
    store = open_store(f"sqlite:///{folder / 'voltdeck.db'}", ZONE)
    seed(store, end)
    store.close()
    at = [time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime((end - age + 8 * 3_600_000) / 1000)) for age in (YEAR, 0)]  # ZONE is 8 h ahead
    taken = []
    with servers.ours(folder, port=servers.OURS_PORT + 7, SITE_TZ=ZONE, STUDIES="0") as server, fresh(browser) as context:
        page = context.new_page()
        for index in range(ROUNDS + 1):
            page.goto(f"http://127.0.0.1:{server.port}/?from={at[0]}&to={at[1]}")
            page.evaluate("() => when(() => standing(true))")
            days = [(end - (300 - 20 * index - step) * DAY + 8 * 3_600_000) / 1000 for step in (0, 30)]
            taken.append(page.evaluate(ZOOM, [time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(day)) for day in days]))
    return taken[1:]


def charged(session: CDPSession) -> dict[str, float]:
    """Processor seconds of the browser's processes so far, by their sort."""
    found: dict[str, float] = {}
    for one in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        found[one["type"]] = found.get(one["type"], 0.0) + one["cpuTime"]
    return found


def living(browser: Browser, base: str, seconds: float, minutes: float) -> dict[str, Any]:
    """Overview live at 1 Hz: share of a core in the renderer and in all processes, the heap after collections, topics it hears."""
    with fresh(browser) as context:
        page = context.new_page()
        page.goto(base)
        page.evaluate("() => when(() => standing(false))")
        page.wait_for_timeout(8000)  # what is fetched ahead is there
        topics = page.evaluate(TOPICS)
        whole, own = browser.new_browser_cdp_session(), context.new_cdp_session(page)
        before, since = charged(whole), time.perf_counter()
        page.wait_for_timeout(1000 * seconds)
        length = time.perf_counter() - since
        after = charged(whole)
        shares = {name: (after[name] - before.get(name, 0.0)) / length for name in after}
        at, used, begin = [], [], time.perf_counter()
        while time.perf_counter() - begin < 60 * minutes or len(at) < 3:
            own.send("HeapProfiler.collectGarbage")
            at.append((time.perf_counter() - begin) / 60)
            used.append(own.send("Runtime.getHeapUsage")["usedSize"] / 1e6)
            page.wait_for_timeout(max(2000, 1000 * minutes))
    more, doubt = growth(at, used)
    result = {"renderer": shares.get("renderer", 0.0), "all": sum(shares.values()), "heap_mb": used[-1]}
    return result | {"growth_mb": more, "doubt_mb": doubt, "watched_min": at[-1], "topics": topics}


async def dashboards(port: int, number: int, topics: Sequence[str], seconds: float, server: servers.Server) -> tuple[float, int]:
    """Cores the server used while so many dashboards heard `topics`, and the frames they heard."""
    heard = 0

    async def tab(place: int) -> None:
        nonlocal heard
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write((f"GET /ws/screen-{place} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())  # fmt: skip
        if b" 101 " not in (await reader.readuntil(b"\r\n\r\n"))[:20]:
            raise RuntimeError(f"dashboard {place} was refused")
        for topic in topics:
            writer.write(masked(json.dumps({"type": "subscribe", "topic": topic}).encode()))
        while True:
            _, payload = await read_frame(reader)
            heard += b'"type":"frame"' in payload

    tasks = []
    for place in range(number):
        tasks.append(asyncio.create_task(tab(place)))
        await asyncio.sleep(0.005)
    await asyncio.sleep(3)
    heard, used, since = 0, server.cpu_s(), time.perf_counter()
    await asyncio.sleep(seconds)
    cores = (server.cpu_s() - used) / (time.perf_counter() - since)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    if broken := [end for end in ends if isinstance(end, Exception)]:
        raise RuntimeError(f"{len(broken)} dashboards were lost: {broken[0]!r}")
    return cores, heard


def crowd(server: servers.Server, topics: Sequence[str], seconds: float) -> dict[str, Any]:
    """What the first dashboard of a view costs the server (its frames are made), and 200 of the same view [cores]."""
    with ThreadPoolExecutor(1) as apart:  # Playwright keeps a loop of its own in this thread
        asked = [apart.submit(asyncio.run, dashboards(server.port, number, topics, seconds, server)) for number in (0, 1, DASHBOARDS)]
        (none, _), (one, _), (many, heard) = [one.result() for one in asked]
    return {"quiet": none, "one": one - none, "many": many - none, "frames_s": heard / seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench screens", description="the screens in a browser")
    parser.add_argument("--data", default="", help="DATA_DIR of a demo plant that exists; empty = make one")
    parser.add_argument("--days", default="30", help="days of history when one is made")
    parser.add_argument("--seconds", type=float, default=20, help="for the processor time of a live page and of the crowd")
    parser.add_argument("--minutes", type=float, default=2, help="for the memory of a live page; the issue speaks of 30")
    given = parser.parse_args(arguments)
    calibration = calibrate()
    print(f"Screens in Chromium; {machine()}, load {os.getloadavg()[0]:.1f}\n{calibration}")
    with tempfile.TemporaryDirectory(prefix="bench-screens-") as scratch, sync_playwright() as play:
        folder = Path(given.data).resolve() if given.data else Path(scratch) / "demo"
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        settings = {"verb": "demo", "patience": 400, "DEMO_DAYS": given.days, "STUDIES": "0"}
        with servers.ours(folder, port=servers.OURS_PORT + 6, **settings) as server:  # type: ignore[arg-type]
            base = f"http://127.0.0.1:{server.port}/"
            first, later = paints(browser, base), changes(browser, base)
            live = living(browser, base, given.seconds, given.minutes)
            many = crowd(server, live.pop("topics"), given.seconds)
            memory = server.rss_mb()
        zoom = zooms(browser, Path(scratch) / "year")
        browser.close()
    show(first, later, live, many, zoom, memory)
    results = {"paint": first, "change": later, "live": live, "crowd": many, "zoom_ms": zoom, "server_mb": memory}
    keep("screens", calibration, results)


Figures = dict[str, Any]


def show(first: Figures, later: list[Figures], live: Figures, many: Figures, zoom: list[float], memory: float) -> None:
    """All figures beside their bars."""
    rows = [[name, *(f"{figure:.0f}" for figure in first[name]), verdict(first[name][0], bar)]
            for name, bar in (("cold", COLD_MS), ("warm", WARM_MS))]  # fmt: skip
    print(table(["overview", "tiles stand ms", "whole screen ms", "bar of the tiles"], rows))
    print(f"first load {first['first_mb']:.2f} MB on the wire {verdict(first['first_mb'], FIRST_MB)}\n")
    rows = [[one["path"], f"{one['first_ms']:.0f}", f"{one['ms']:.0f}", verdict(one["ms"], CHANGE_MS), f"{one['kb']:.0f}",
             verdict(one["kb"], LATER_KB)] for one in later]  # fmt: skip
    print(table(["page", "first visit ms", "page change ms", "bar", "KB on the wire", "bar of KB"], rows))
    print(f"\nzoom in a year of minutes to redraw {median(zoom):.0f} ms {verdict(median(zoom), ZOOM_MS)}")
    share = live["renderer"]
    print(f"live page: renderer {share:.3f} of a core {verdict(share, BROWSER)}, all of the browser {live['all']:.3f}")
    least = live["growth_mb"] - live["doubt_mb"]
    print(f"its heap {live['heap_mb']:.1f} MB, growth in {WATCH_MIN:g} min {live['growth_mb']:+.1f} ± {live['doubt_mb']:.1f} MB "
          f"(seen for {live['watched_min']:.1f} min): {'ok, none to be told from nothing' if least <= 0 else 'MISSED'}")  # fmt: skip
    print(f"server: {many['quiet']:.3f} cores for the plant, {many['one']:+.3f} for a first dashboard, {many['many']:+.3f} for "
          f"{DASHBOARDS} of the same view ({many['frames_s']:.0f} frames/s) {verdict(many['many'], SERVER)}")  # fmt: skip
    print(f"resident memory of the server {memory:.0f} MB")


if __name__ == "__main__":
    main()
