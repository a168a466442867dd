"""Frames: what changed, for every panel somebody looks at, computed once and shared by all who look.

A frame is JSON: `{"type": "frame", "topic", "at", "now", …}` with `at` the newest instant it speaks of and `now` the server's clock
(epoch ms), plus the keys a panel's `live` gives; `assets/live.js` understands:

- `tiles`: {key: {text, at, tone, note, share}}: rewrites KPI tiles in place
- `text`: {key: text}: rewrites elements marked `data-live="<key>"` inside the panel
- `extend`: {x: epoch ms in site time, y: [one value per trace or None], bucket: ms, traces: [indices]}: one more point per trace; a
  point in the bucket of the last one replaces it
- `restyle`: [{set: {attribute: value}, traces: [indices]}], `relayout`: {attribute: value}: as in plotly.js
- `rows`: [{id, …}]: AG Grid rows to update by their row id
- `redraw`: token: when it differs from the last one, the panel is asked for again
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from dashboard import shell
from dashboard.book import bind, discover
from dashboard.page import Panel, Scope
from dashboard.scope import read
from datastore.store import Store
from services.config import Config

log = logging.getLogger(__name__)

PREFIX = "panel:"


def split(topic: str, zone: str) -> tuple[str, Scope] | None:
    """`panel:<id>?<query>` → panel id and scope; None when the query makes no sense or is not the canonical one."""
    panel_id, _, query = topic.removeprefix(PREFIX).partition("?")
    scope, bad = read(query, zone)
    return None if bad or scope.topic(panel_id) != topic else (panel_id, scope)


def frame(topic: str, panel: Panel, store: Store, scope: Scope) -> bytes | None:
    """The frame of a panel now, serialised; None when it has nothing to say. NaN leaves as null."""
    body = panel.live(store, scope) if panel.live else None
    if body is None:
        return None
    now = store.clock()
    message: Mapping[str, Any] = {"type": "frame", "topic": topic, "at": now, "now": now, **body}
    return orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY)


class Frames:
    """Makes the frames of every wanted topic once a second, on one thread of its own."""

    def __init__(self, store: Store, panels: Mapping[str, Panel], period: float = 1.0) -> None:
        self._store, self._panels, self._period = store, panels, period
        self._failed: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="frames", daemon=True)

    def step(self) -> int:
        """One round; returns how many frames were published. A panel that fails costs only its own frame."""
        sent = 0
        for topic in self._store.live.topics(PREFIX):
            try:
                sent += self._send(topic)
            except Exception:  # a panel's defect must not stop the feed of the others
                self._complain(topic)
        return sent

    def start(self) -> "Frames":
        """Begin the rounds."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the rounds; returns when the running one is over."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _send(self, topic: str) -> int:
        found = split(topic, self._store.zone.key)
        panel = self._panels.get(found[0]) if found else None
        message = frame(topic, panel, self._store, found[1]) if panel and found else None
        if message is None:
            return 0
        self._store.live.publish(topic, message)
        return 1

    def _complain(self, topic: str) -> None:
        """Say it once a minute and topic: a defect at 1 Hz would flood the log."""
        if time.monotonic() - self._failed.get(topic, -60.0) >= 60.0:
            if len(self._failed) > 1_000:
                self._failed.clear()
            self._failed[topic] = time.monotonic()
            log.exception("no frame for %s", topic)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            self.step()
            due = max(due + self._period, time.monotonic())  # a late round is not caught up on


def start(store: Store, config: Config, panels: Iterable[Panel] | None = None) -> Frames:
    """Start making frames for all panels of all pages (or only for `panels`). Stop it with `.stop()`."""
    book = bind(discover(), shell.PANELS) if panels is None else bind((), panels)
    return Frames(store, book.panels).start()
