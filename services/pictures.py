"""Pictures of charts drawn by the server's own Chromium, for screens without scripts and for reports. Chromium and its driver live in the
calculation process, never in the web process."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from plant.errors import Unavailable

log = logging.getLogger(__name__)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PACKAGE = "chromium"
PATIENCE_S = 12
_driver: list[Any] = []


def browser(configured: str = "") -> str:
    """The Chromium of this machine: the one that is configured, else the search path's. Raises Unavailable, which names the package."""
    found = [configured] if Path(configured).is_file() else []
    if not configured:
        found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        missing = "BROWSER_PATH is no file" if configured else "no Chromium was found"
        raise Unavailable(f"Pictures on the server need the package '{PACKAGE}' (apt-get install {PACKAGE}): {missing}")
    return found[0]


def plain(figure: Mapping[str, Any]) -> bytes:
    """A figure as JSON that any process can read: arrays as lists, NaN as null. The same figure gives the same bytes."""
    return orjson.dumps(figure, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS)


def png(figure: bytes, width: int, height: int, scale: float, path: str, patience: float = PATIENCE_S) -> bytes:
    """In the calculation or job process: a figure (`plain`) as PNG of width × height [px] times `scale`, by the Chromium at `path`, which
    stays open for the next one and is given up after `patience` [s] (that of the first call)."""
    import kaleido

    if not _driver:
        kaleido.start_sync_server(n=1, timeout=patience, mathjax=False, path=path, silence_warnings=True)
        _driver.append(kaleido)
    drawn = orjson.loads(figure)
    picture: bytes = kaleido.calc_fig_sync(drawn, opts={"format": "png", "width": width, "height": height, "scale": scale})
    return picture


def close() -> None:
    """End the Chromium of this process; the next picture begins another."""
    while _driver:
        _driver.pop().stop_sync_server(silence_warnings=True)
