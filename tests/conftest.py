"""What all tests share: which run together, and which parts of the machine they need."""

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


def pytest_report_header() -> list[str]:
    found = CHROMIUM or "MISSING: browser tests " + ("fail" if os.environ.get("CI") else "are skipped")
    return [f"chromium: {found}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One runner per file, and one for all browser tests: they share a demo plant that takes seconds to start."""
    for item in items:
        browser = item.get_closest_marker("browser") is not None
        item.add_marker(pytest.mark.xdist_group("browser" if browser else str(Path(item.fspath))))
        if browser and CHROMIUM is None and not os.environ.get("CI"):
            item.add_marker(pytest.mark.skip(reason="Chromium is missing: apt-get install chromium"))
