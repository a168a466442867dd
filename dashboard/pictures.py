"""A panel's chart as a PNG from the server: for pages without scripts and programs that want a picture."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_type_hints

from dash.development.base_component import Component
from markupsafe import escape

from dashboard import theme
from dashboard.graph import graph
from dashboard.header import range_text, zone_text
from dashboard.page import Panel, Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.errors import PlantError, Unavailable
from services import pictures
from services.calculating import CALCULATOR

NARROW, WIDE, LOW, TALL = 200, 2000, 120, 1500
"""Bounds of a picture [px]."""
USUAL_WIDTH = 960
HEAD = 44
"""Room for the words over the chart [px]."""
FRESH_MS = 10_000
"""For so long the same picture is handed out without looking at its data."""
MOST = 60
WAITING = 3
"""So many requests may wait for Chromium at once; others are asked to come again."""
TIMEOUT_S = 30.0

Run = Callable[..., Any]


class NoPicture(PlantError):
    """The panel is a table, a form or tiles: there is no chart to draw. Status 415."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, when its data was looked at [epoch ms UTC], and what its figure is called (equal figures, equal tags)."""

    png: bytes
    at: int
    tag: str


class Pictures:
    """Draws panels through the calculation process, one at a time for all who ask; what was drawn is kept by panel, scope and data."""

    def __init__(self, store: Store, site: str, browser: str = "", run: Run = CALCULATOR.run) -> None:
        self._store, self._site, self._browser, self._run = store, site, browser, run
        self._room = threading.BoundedSemaphore(WAITING)
        self._gate = threading.Lock()
        self._kept: dict[tuple[str, str, int, int], Picture] = {}

    def of(self, panel: Panel, table: Callable[[], Table], scope: Scope, width: int, height: int) -> Picture:
        """The picture of `panel` showing `table()`. Raises NoPicture, Unavailable (no Chromium, too many wait, or the store is silent)."""
        key = (panel.id, scope.query(live=None), width, height)
        now = self._store.clock()
        kept = self._kept.get(key)
        if kept is not None and 0 <= now - kept.at < FRESH_MS:
            return kept
        path = pictures.browser(self._browser)
        figure = pictures.plain(drawing(panel, table(), scope, now, self._site, (width, height)))
        tag = hashlib.sha256(figure).hexdigest()[:20]
        if kept is None or kept.tag != tag:
            kept = Picture(self._drawn(figure, width, height, path), now, tag)
        else:
            kept = Picture(kept.png, now, tag)
        with self._gate:
            self._kept.pop(key, None)
            self._kept[key] = kept
            while len(self._kept) > MOST:
                self._kept.pop(next(iter(self._kept)))
        return kept

    def _drawn(self, figure: bytes, width: int, height: int, path: str) -> bytes:
        if not self._room.acquire(blocking=False):
            raise Unavailable("too many pictures are waiting to be drawn; try again", retry_after=10)
        try:
            arguments = {"figure": figure, "width": width, "height": height, "scale": 1.0, "path": path}
            png: bytes = self._run("services.pictures:png", arguments, TIMEOUT_S)
            return png
        finally:
            self._room.release()


def has_picture(panel: Panel) -> bool:
    """Whether the panel's `draw` says that it makes a figure (and not a component), without drawing it."""
    draw: Any = panel.draw
    while isinstance(draw, partial):
        draw = draw.func
    try:
        made = get_type_hints(draw).get("return")
    except (NameError, TypeError):
        return False
    return getattr(made, "__origin__", made) in (dict, Mapping)


def drawing(panel: Panel, table: Table, scope: Scope, now: int, site: str, size: tuple[int, int]) -> Mapping[str, Any]:
    """The figure with everything a picture has to say by itself: title, window, zone, site; an empty table says that it is empty."""
    width, height = size
    empty = table.is_empty and not panel.draws_empty
    drawn = {"data": [], "layout": _nothing(panel, scope)} if empty else panel.draw(table, scope)
    if isinstance(drawn, Component) or not isinstance(drawn, Mapping):
        raise NoPicture(f"Panel '{panel.id}' is no chart; there is no picture of it")
    span = scope.span(now)
    shown = graph(panel.id, drawn, height, scope.theme, (scope.local(span.start), scope.local(span.end))).figure
    layout, ramp = dict(shown["layout"]), theme.RAMPS[scope.theme]
    window = word("live", scope.lang) if panel.is_current else range_text(scope) or word(f"window.{scope.window}", scope.lang)
    facts = [window, zone_text(scope.zone, now), site, *([word("simulated", scope.lang)] if table.simulated else [])]
    said = f"<b>{escape(word(panel.title, scope.lang))}</b>  <span style='font-size:12px'>{escape(' · '.join(facts))}</span>"
    margin = {**layout["template"]["layout"]["margin"], **layout.get("margin", {})}
    layout |= {
        "width": width,
        "height": height,
        "autosize": False,
        "margin": {**margin, "t": margin["t"] + HEAD},
        "paper_bgcolor": ramp["surface"],
        "title": {
            "text": said,
            "x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "yref": "container", "xref": "container", "pad": {"l": 14, "t": 14},
            "font": {"size": 14, "color": ramp["text"]},
        },
    }  # fmt: skip
    return {"data": shown["data"], "layout": layout}


def _nothing(panel: Panel, scope: Scope) -> Mapping[str, Any]:
    said = word("panel.empty.now" if panel.is_current else "panel.empty", scope.lang)
    return {
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
        "annotations": [{"text": said, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False, "font": {"size": 14}}],
    }
