"""Screenshots of every page of a running demo plant, dark and light, desk and phone, into docs/screens.

make run            # in one terminal
make screens        # in another; ADDRESS=http://127.0.0.1:8000 by default
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ADDRESS = os.environ.get("ADDRESS", "http://127.0.0.1:8000")
TARGET = Path(os.environ.get("TARGET", Path(__file__).parents[1] / "docs" / "screens"))
PAGES = {
    "overview": "/",
    "bess": "/bess?unit=3&rack=7",
    "pcs": "/pcs?unit=3",
    "inverter": "/inverter",
    "schedule": "/schedule",
    "analysis": "/analysis?window=7d",
    "alarms": "/alarms",
    "explore": "/explore",
    "vehicles": "/vehicles",
    "devices": "/devices",
    "system": "/system",
    "settings": "/settings",
}
STANDS = """() => !document.querySelector('#content .vd-skeleton') &&
  [...document.querySelectorAll('#content .vd-graph')].every((graph) => graph.querySelector('.main-svg'))"""
"""Every panel is filled and every chart drawn, also those below the screen."""
SIZES = {"desk": (1920, 1080), "phone": (390, 844)}


def main() -> None:
    """Take the pictures named on the command line (all when none)."""
    wanted = sys.argv[1:] or list(PAGES)
    TARGET.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
        )
        for size, (width, height) in SIZES.items():
            for theme in ("dark", "light"):
                page = browser.new_page(viewport={"width": width, "height": height})
                for name in wanted:
                    path = PAGES[name]
                    page.goto(f"{ADDRESS}{path}{'&' if '?' in path else '?'}theme={theme}")
                    page.wait_for_selector("#content .vd-filled, #content .vd-welcome", timeout=30_000)
                    page.wait_for_function(STANDS, timeout=60_000)
                    page.wait_for_timeout(1_000)  # the last charts are painted
                    page.screenshot(path=TARGET / f"{name}-{size}-{theme}.png")
                    print(f"{name}-{size}-{theme}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
