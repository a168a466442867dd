"""Devices that wait for their next command (long poll), on the event loop: each costs a coroutine, none a thread.

A device is woken by the live topic `commands`. A command of another process without a shared Redis, or one whose poller died, is found by
one look a second into the store, for all who wait together, and only when something there has changed or is in somebody's hands.
"""

import asyncio
import logging
import weakref
from collections.abc import Callable, Iterable

from datastore.ports import Subscription
from datastore.store import Store
from plant.errors import PlantError, Unavailable
from plant.model import Command
from services.commands import DRAWER, TOPIC, Commands

log = logging.getLogger(__name__)

MOST = 5000
"""Devices that may wait at once."""
LOOK_EVERY_S = 1.0


class Lobby:
    """Where devices wait, on one event loop."""

    def __init__(self, store: Store, clock: Callable[[], int], loop: asyncio.AbstractEventLoop) -> None:
        self.store = store
        self._commands = Commands(store, clock)
        self._loop = weakref.ref(loop)
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._count = 0
        self._place: Subscription | None = None
        self._watch: asyncio.Task[None] | None = None

    async def next(self, device_id: str, seconds: float) -> Command | None:
        """The next command of a device as soon as there is one, None when none comes within `seconds`. Whoever is cancelled while
        waiting was handed nothing. Raises Unavailable."""
        if self._count >= MOST:
            raise Unavailable("Too many devices wait; try again later", retry_after=10)
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        bell = asyncio.Event()
        self._enter(device_id, bell, loop)
        try:
            while True:
                bell.clear()
                found = await loop.run_in_executor(None, self._commands.next_for, device_id)
                if found is not None:
                    return found
                try:
                    async with asyncio.timeout_at(until):
                        await bell.wait()
                except TimeoutError:
                    return None
        finally:
            self._leave(device_id, bell)

    def _enter(self, device_id: str, bell: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
        self._count += 1
        self._waiting.setdefault(device_id, set()).add(bell)
        if self._place is None:
            self._place = self.store.live.subscribe(TOPIC, self._heard)
        if self._watch is None or self._watch.done():
            self._watch = loop.create_task(self._look())

    def _leave(self, device_id: str, bell: asyncio.Event) -> None:
        self._count -= 1
        bells = self._waiting[device_id]
        bells.discard(bell)
        if not bells:
            del self._waiting[device_id]
        if not self._waiting:
            if self._place is not None:
                self._place.close()
                self._place = None
            if self._watch is not None:
                self._watch.cancel()
                self._watch = None

    def _heard(self, _: str, command: Command) -> None:
        """On the publisher's thread."""
        loop = self._loop()
        if command.status == "queued" and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._ring, (command.device_id,))

    def _ring(self, devices: Iterable[str]) -> None:
        for device in devices:
            for bell in self._waiting.get(device, ()):
                bell.set()

    async def _look(self) -> None:
        """While somebody waits: once a second, ring for those for whom the store holds something."""
        loop = asyncio.get_running_loop()
        seen: int | None = None
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                seen, ready = await loop.run_in_executor(None, self._deliverable, seen)
            except PlantError:  # who waits is told by their own next look
                continue
            except Exception:
                log.exception("queued commands cannot be looked up; it is tried again")
                continue
            self._ring(ready & self._waiting.keys())

    def _deliverable(self, seen: int | None) -> tuple[int | None, set[str]]:
        """The state of the store that needs no second look, and for whom it holds something."""
        version = self.store.records.entries_version(DRAWER)
        if version == seen:
            return seen, set()
        ready, in_hands = self._commands.deliverable()
        # what lies in somebody's hands comes free without a change: look again until it does
        return None if in_hands or ready else version, ready


_lobbies: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Lobby]" = weakref.WeakKeyDictionary()


def lobby_of(store: Store, clock: Callable[[], int]) -> Lobby:
    """The lobby of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _lobbies.get(loop)
    if found is None or found.store is not store:
        found = _lobbies[loop] = Lobby(store, clock, loop)
    return found
