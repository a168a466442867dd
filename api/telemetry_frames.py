"""S2's telemetry frames: readings as they come in, for each subscriber what it asked for, made once for all who asked the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import Any

import orjson

from api.roster import Roster
from plant.model import Alarm, Block, Quality
from plant.timeline import iso
from services.pack_metrics import Measured, measured

MOST_AT_ONCE = 1000
"""Of one delivery a subscriber gets the newest frames up to this number: somebody imports."""
FLAGS = "alarm_flags"
QUALITY = "communication_quality"

Row = tuple[Any, ...]
Told = Mapping[str, Sequence[tuple[Block, Row]]]
"""Device → its rows of one delivery, each with its block."""
Announced = Callable[[tuple[str, str], int], tuple[str, ...] | None]
"""(device, kind), instant → codes of the alarms that the message of that reading carried, None where nobody knows."""
Texts = dict[tuple[int, frozenset[str]], str]


@dataclass(eq=False, slots=True)
class Telemetry:
    """One subscriber's wish: `devices`, `metrics` (empty = all), `site` ("" = all), and at most one frame per device in `every` ms of the
    device's own time."""

    offer: Callable[[str], None]
    devices: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    site: str = ""
    every: float = 0.0
    _sent: dict[str, int] = field(default_factory=dict)

    def wants(self, told: Told, roster: Roster) -> list[tuple[Block, Row]]:
        """The rows this subscriber gets a frame of."""
        found = []
        for device in self.devices & told.keys() if self.devices else told:
            if not self.site or roster.site_of(device) == self.site:
                found += [one for one in told[device] if self._is_due(device, one[1][1])]
        return found[-MOST_AT_ONCE:]

    def _is_due(self, device: str, at: int) -> bool:
        if not self.every:
            return True
        if abs(at - self._sent.get(device, -(10**15))) < self.every:  # a clock that was set back must not silence its device
            return False
        self._sent[device] = at
        return True


class TelemetryDesk:
    """Makes the frames of one process's subscribers, on the event loop."""

    def __init__(self, roster: Roster, clock: Callable[[], int], announced: Announced = lambda key, at: None) -> None:
        self._roster, self._clock, self._announced = roster, clock, announced
        self.subscribers: set[Telemetry] = set()

    def hear(self, blocks: Sequence[Block]) -> None:
        """What the intake accepted."""
        told: dict[str, list[tuple[Block, Row]]] = {}
        for block in blocks:
            for row in block.rows:
                told.setdefault(row[0], []).append((block, row))
        self._roster.soon(told.keys(), lambda: self._tell(told))

    def note(self, alarm: Alarm) -> None:
        """An alarm changed: later frames carry its flag, or no longer."""
        self._roster.follow(alarm)

    def _tell(self, told: Told) -> None:
        texts: Texts = {}
        for subscriber in tuple(self.subscribers):
            for block, row in subscriber.wants(told, self._roster):
                key = (id(row), subscriber.metrics)
                text = texts.get(key)
                if text is None:
                    text = texts[key] = self._frame(block, row, subscriber.metrics)
                if text:
                    subscriber.offer(text)

    def _frame(self, block: Block, row: Row, wanted: frozenset[str]) -> str:
        """The frame; empty where the reading says nothing of what is wanted."""
        device, at, received, quality = row[:4]
        values = {name: _shown(row[i], unit) for name, i, unit in recipe(block.kind, tuple(block.metrics), wanted) if row[i] is not None}
        if not values:
            return ""
        now = self._clock()
        frame = {
            "type": "telemetry",
            "timestamp": iso(at),
            "site_id": self._roster.site_of(device),
            "device_id": device,
            "data": {**values, FLAGS: self._roster.flags_of(device, block.kind, self._announced((device, block.kind), at))},
            "metadata": {
                "latency_ms": max(0, now - (received if quality & Quality.CLOCK else at)),
                "data_quality": _quality(block, row),
                "simulated": bool(quality & Quality.SIMULATED),
                "quality": int(quality),
            },
        }
        return orjson.dumps(frame, option=orjson.OPT_SERIALIZE_NUMPY).decode()


@lru_cache(maxsize=512)
def recipe(kind: str, metrics: tuple[str, ...], wanted: frozenset[str]) -> tuple[tuple[str, int, Measured | None], ...]:
    """Which columns of a block of these `metrics` make the frame: (name, place in the row, S2's unit). What S2 has a word for goes by it
    and in its unit; a metric that goes by another name there stands under its own only where that is `wanted`."""
    named = {one.metric: one for one in measured(kind).values()}
    taken = {one.name for one in named.values()}
    found: list[tuple[str, int, Measured | None]] = []
    for place, metric in enumerate(metrics, 4):
        one = named.get(metric)
        if one is not None and (not wanted or one.name in wanted):
            found.append((one.name, place, one))
        if metric not in taken and (metric in wanted or (one is None and not wanted)):
            found.append((metric, place, None))
    return tuple(found)


def _shown(value: Any, unit: Measured | None) -> Any:
    return unit.shown(value) if unit is not None and unit.factor != 1.0 else value


def _quality(block: Block, row: Row) -> float | None:
    """What the device says of its line (0…1); None where it does not."""
    if QUALITY not in block.metrics:
        return None
    value = row[4 + list(block.metrics).index(QUALITY)]
    return float(value) if isinstance(value, (int, float)) and isfinite(value) else None
