"""S2's fleet status frames: computed once per site and interval on a thread, for all who subscribed."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from api.contract import Context
from plant.errors import PlantError
from services.fleet import fleet_summary, summary_frame

REUSE_S = 0.4
"""A summary this young serves other intervals of its site, too [s]."""

Offer = Callable[[str], None]
failures = logging.getLogger("voltdeck.errors")


@dataclass(slots=True)
class _Beat:
    """Those who want one site at one interval."""

    offers: set[Offer] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class Fleets:
    """The fleet status subscriptions of one process, on the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._beats: dict[tuple[str, int], _Beat] = {}
        self._kept: dict[str, tuple[float, str]] = {}
        self._asking: dict[str, asyncio.Task[str]] = {}

    async def join(self, site: str, interval_ms: int, offer: Offer) -> None:
        """Send `offer` a frame now and one each interval. Raises NotFound for an unknown site, Unavailable."""
        text = await self._frame(site)
        beat = self._beats.setdefault((site, interval_ms), _Beat())
        beat.offers.add(offer)
        if beat.task is None:
            beat.task = asyncio.get_running_loop().create_task(self._run(site, interval_ms, beat))
        offer(text)

    def leave(self, site: str, interval_ms: int, offer: Offer) -> None:
        """The opposite; with the last one the work ends."""
        beat = self._beats.get((site, interval_ms))
        if beat is None:
            return
        beat.offers.discard(offer)
        if not beat.offers:
            del self._beats[site, interval_ms]
            if beat.task is not None:
                beat.task.cancel()
            if not any(other == site for other, _ in self._beats):
                self._kept.pop(site, None)

    async def _run(self, site: str, interval_ms: int, beat: _Beat) -> None:
        loop = asyncio.get_running_loop()
        due, told = loop.time(), ""
        while True:
            due = max(due + interval_ms / 1000, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                text, told = await self._frame(site), ""
            except Exception as error:  # said once, not each interval
                if not isinstance(error, PlantError):
                    failures.exception("the fleet of %s cannot be summed up", site)
                    error = PlantError("The server failed; its log holds the reason", "INTERNAL_ERROR")
                if error.code == told:
                    continue
                text, told = orjson.dumps({"type": "error", "code": error.code, "message": error.message}).decode(), error.code
            for offer in tuple(beat.offers):
                offer(text)

    async def _frame(self, site: str) -> str:
        """The frame of a site; whoever asks while it is being made waits for the same one."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(site)
        if kept is not None and loop.time() - kept[0] < REUSE_S:
            return kept[1]
        task = self._asking.get(site)
        if task is None:
            task = self._asking[site] = loop.create_task(self._make(site))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever asked may have left
        return await asyncio.shield(task)

    async def _make(self, site: str) -> str:
        loop = asyncio.get_running_loop()
        try:
            text = await loop.run_in_executor(None, self._look, site)
            self._kept[site] = (loop.time(), text)
            return text
        finally:
            del self._asking[site]

    def _look(self, site: str) -> str:
        context = self._context
        summary = fleet_summary(context.store, site, context.clock(), also=(context.config.site_id,))
        return orjson.dumps(summary_frame(summary), option=orjson.OPT_SERIALIZE_NUMPY).decode()
