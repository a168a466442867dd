"""The S0 streams: a device's readings as server-sent events, live as they come, or its archive over and over."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson
from pydantic import BaseModel, Field, ValidationError

from api.contract import Context, field_error
from api.errors import invalid
from datastore.ports import Latest, Telemetry
from plant.errors import Unavailable
from plant.model import SECOND, Window
from plant.timeline import iso
from services.unit_readings import UnitReadings, unit

HEARTBEAT_S = 15.0
HEARTBEAT = b": waiting\n\n"
LIVE_WITHIN_MS = 300_000
"""A device whose newest reading is older than this only has an archive: its stream replays that and starts over at the end."""
PAGE_ROWS = 1000
GATHER_S = 0.02
"""Streams that ask for newest values within this time are answered together: hundreds of them are fifty questions a second."""

Key = tuple[str, str]

_STREAM = re.compile(r"/(bms|pcs|bess)/([^/]+)/stream\Z")


class StreamParams(BaseModel):
    """How often a stream speaks."""

    interval: float = Field(2.0, ge=0.1, le=10, description="seconds between readings")


class NewestValues:
    """The newest values for many streams: whoever asks while a question is under way shares the next one, on a thread."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._waiting: list[tuple[Sequence[Key], asyncio.Future[Mapping[Key, Latest]]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def of(self, keys: Sequence[Key]) -> Mapping[Key, Latest]:
        """Newest values of these devices; none while the store does not answer: a client whose stream ended would find a 503 and not
        come back by itself."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Mapping[Key, Latest]] = loop.create_future()
        self._waiting.append((keys, told))
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._ask())
        return await told

    async def _ask(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, []
            keys = list(dict.fromkeys(key for some, _ in asked for key in some))
            found: Mapping[Key, Latest] = {}
            fault: Exception | None = None
            try:
                found = await asyncio.get_running_loop().run_in_executor(None, self._telemetry.latest, keys)
            except Unavailable:
                pass
            except Exception as error:  # of all who asked: each stream ends with it
                fault = error
            for _, told in asked:
                if not told.done():
                    told.set_exception(fault) if fault else told.set_result(found)
            await asyncio.sleep(GATHER_S)


@dataclass(slots=True)
class DeviceStream:
    """The stream of one device: its newest reading each interval; an archived device is replayed."""

    context: Context
    values: NewestValues
    family: str
    device_id: str
    access: str = "read"
    _readings: UnitReadings = field(init=False)
    _interrupted: bool = field(init=False, default=False)

    @property
    def route(self) -> str:
        """The declared path."""
        return f"/{self.family}/{{device_id}}/stream"

    async def open(self, query: dict[str, str], last_event_id: str) -> AsyncIterator[bytes]:
        """The events, as bytes ready to send. Raises Invalid for a bad interval, DeviceNotFound."""
        try:
            params = StreamParams.model_validate(query)
        except ValidationError as error:
            raise invalid([field_error(e, "query") for e in error.errors(include_url=False)]) from None
        loop, store = asyncio.get_running_loop(), self.context.store
        found = await loop.run_in_executor(None, unit, store.records, self.family, self.device_id)
        self._readings = UnitReadings(store.telemetry, found, self.context.config.align_tolerance_s * SECOND)
        after = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 15 else None
        return self._events(params.interval, after)

    async def _events(self, interval: float, after: int | None) -> AsyncIterator[bytes]:
        yield f"retry: {max(1000, int(interval * 1000))}\n\n".encode()
        loop = asyncio.get_running_loop()
        beat = due = loop.time()
        resumed = after is not None
        while True:
            newest = await self._newest()
            if newest is not None and self._is_archived(newest[0]):
                async for at, event in self._replay(interval, after if resumed else None):
                    yield event
                    after = at
                resumed, beat = self._interrupted, loop.time()
                continue
            if resumed and after is not None and newest is not None:
                async for at, event in self._pages(after + 1, newest[0]):
                    yield event
                    after = at
                newest, resumed = await self._newest(), False  # what was missed may have taken its time
            if newest is not None and newest[0] != after:
                after, beat = newest[0], loop.time()
                yield self._event(*newest)
            elif loop.time() - beat >= HEARTBEAT_S:
                yield HEARTBEAT
                beat = loop.time()
            due = max(due + interval, loop.time())  # on a beat of its own: work does not add up to readings that are passed over
            await asyncio.sleep(due - loop.time())

    async def _newest(self) -> tuple[int, dict[str, Any]] | None:
        known = await self.values.of([side.key for side in self._readings.unit.sides])
        return self._readings.newest(known)

    def _is_archived(self, at: int) -> bool:
        return self.context.clock() - at > LIVE_WITHIN_MS

    async def _replay(self, interval: float, after: int | None) -> AsyncIterator[tuple[int, bytes]]:
        """(instant, event) of everything kept, once, from the reading behind `after` on, one each interval; ends early when the device
        wakes up, and when the store goes away."""
        try:
            span = await asyncio.get_running_loop().run_in_executor(None, self._readings.extent)
        except Unavailable:
            span = None
        count = 0
        if span is not None:
            async for told in self._pages(span.start if after is None else after + 1, span.end - 1):
                yield told
                count += 1
                await asyncio.sleep(interval)
                if count % PAGE_ROWS == 0 and (newest := await self._newest()) is not None and not self._is_archived(newest[0]):
                    return
        if not count:
            await asyncio.sleep(interval)

    async def _pages(self, start: int, last: int) -> AsyncIterator[tuple[int, bytes]]:
        """(instant, event) of each reading from `start` to `last` inclusive [epoch ms]; a page is in memory. It ends when the store goes
        away, and says so in `_interrupted`."""
        loop = asyncio.get_running_loop()
        self._interrupted = False
        try:
            base = await loop.run_in_executor(None, self._readings.base, Window(start, last + 1)) if start <= last else None
            while base is not None and start <= last:
                page = await loop.run_in_executor(None, self._readings.after, Window(start, last + 1), PAGE_ROWS, base)
                for at, values in page.rows(self._readings.unit.fields):
                    yield at, self._event(at, values)
                    start = at + 1
                if len(page.at) < PAGE_ROWS:
                    return
        except Unavailable:
            self._interrupted = True

    def _event(self, at: int, values: Mapping[str, Any]) -> bytes:
        reading = {"timestamp": iso(at)} | {name: values.get(name) for name in self._readings.unit.fields}
        return b"id: %d\ndata: %s\n\n" % (at, orjson.dumps(reading))  # orjson writes NaN, the silent element, as null


def stream_at(context: Context, values: NewestValues, path: str) -> DeviceStream | None:
    """The stream that lives at this path; None where none does."""
    match = _STREAM.match(path)
    return DeviceStream(context, values, match[1], unquote(match[2])) if match else None
