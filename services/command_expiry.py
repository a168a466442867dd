"""Commands time out by the clock."""

import logging
import threading
from collections.abc import Callable

from datastore.store import Store
from plant.errors import Unavailable
from plant.model import Command
from services.commands import DRAWER, Commands

log = logging.getLogger(__name__)

EXPIRE_EVERY_S = 0.5


class Expiry:
    """Times commands out on a thread of its own. Several do no harm: the store lets one of them write."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._commands = Commands(store, clock)
        self._version: Callable[[], int] = lambda: store.records.entries_version(DRAWER)
        self._clock = clock
        self._seen: int | None = None
        self._due: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> "Expiry":
        """Begin; returns itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End; idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def step(self) -> list[Command]:
        """Look once; what timed out. The store is only searched when something changed or is due."""
        version = self._version()
        if version == self._seen and (self._due is None or self._clock() < self._due):
            return []
        ended, self._due = self._commands.expire()
        self._seen = version
        return ended

    def _run(self) -> None:
        silent = False
        while not self._stop.wait(EXPIRE_EVERY_S):
            try:
                self.step()
                silent = False
            except Unavailable as error:
                if not silent:
                    log.warning("commands are not timed out: %s", error.message)
                silent = True
            except Exception:
                log.exception("commands could not be timed out; it is tried again")
