"""From panel and scope to what stands in the card, whatever happens on the way."""

import logging
import secrets
import threading
from collections.abc import Mapping
from typing import Any

import flask

from dashboard import cards
from dashboard.exports import Views
from dashboard.graph import graph
from dashboard.page import Panel, Scope, Table
from datastore.store import Store
from plant.errors import Unavailable

log = logging.getLogger(__name__)


class Shared:
    """Tables of the last second, so that viewers of the same panel in the same scope cost one load. Errors are not kept."""

    def __init__(self, store: Store, keep_ms: int = 1_000, most: int = 200) -> None:
        self._store, self._keep, self._most = store, keep_ms, most
        self._lock = threading.Lock()
        self._tables: dict[str, tuple[int, Table]] = {}
        self._loading: dict[str, threading.Lock] = {}
        self.views = Views(store)

    def table(self, panel: Panel, scope: Scope, version: str = "") -> Table:
        """What `panel` shows in `scope`, at most a second old; another `version` is never answered with this one's table."""
        key = f"{scope.topic(panel.id)} {version}"
        with self._lock:
            gate = self._loading.setdefault(key, threading.Lock())
        with gate:
            kept = self._tables.get(key)
            if kept is None or not 0 <= self._store.clock() - kept[0] < self._keep:
                kept = (self._store.clock(), panel.load(self._store, scope))
                self._put(key, kept)
        return kept[1]

    def now(self) -> int:
        """The store's clock, epoch ms UTC."""
        return self._store.clock()

    def _put(self, key: str, kept: tuple[int, Table]) -> None:
        """Keep this one; those that are too old to be handed out, or too many, go: tables can be large."""
        with self._lock:
            self._tables.pop(key, None)
            self._tables[key] = kept
            fresh = [name for name, (at, _) in self._tables.items() if 0 <= kept[0] - at < self._keep]
            self._tables = {name: self._tables[name] for name in fresh[-self._most :]}
            self._loading = {name: gate for name, gate in self._loading.items() if name in self._tables or gate.locked()}


def body(panel: Panel, shared: Shared, scope: Scope, version: str = "") -> Any:
    """The card's content: drawn, empty, or an error with the trace id under which the log says more."""
    try:
        paused = None if scope.live else shared.now()
        table = shared.table(panel, scope, version) if paused is None else shared.views.of(panel, scope, paused).table
        if table.is_empty and not panel.draws_empty:
            return cards.empty(panel, scope, table.more.get("kept"))
        drawn = panel.draw(cards.explained(panel, table), scope)
        return cards.filled(panel, scope, table, _component(panel, drawn, scope, paused or shared.now()), paused)
    except Exception as problem:  # one broken panel must not take the page with it
        trace = trace_id()
        if isinstance(problem, Unavailable):
            log.warning("panel %s has no answer, trace %s: %s", panel.id, trace, problem.message)
            return cards.error(panel, scope, trace, "panel.error.store")
        log.exception("panel %s failed, trace %s, scope %s", panel.id, trace, scope.query())
        return cards.error(panel, scope, trace, "panel.error")


def _component(panel: Panel, drawn: Any, scope: Scope, now: int) -> Any:
    if not isinstance(drawn, Mapping):
        return drawn
    span = scope.span(now)
    return graph(panel.id, drawn, panel.height, scope.theme, (scope.local(span.start), scope.local(span.end)))


def trace_id() -> str:
    """The id of the request being answered, when the server gave it one, else a new one."""
    given = flask.g.get("trace_id") if flask.has_request_context() else None
    return str(given or secrets.token_hex(6))
