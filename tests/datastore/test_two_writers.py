"""Two processes write into one database while one of them seals and both keep house: every reading stands once, as it was told."""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from datastore.backends.memory import MemoryTelemetry
from datastore.kept.telemetry import KeptTelemetry
from datastore.open import open_engine
from plant.model import MINUTE, SECOND, Block
from tests.datastore.conftest import TELEMETRY
from tests.datastore.test_crash_points import MIDNIGHT, ZONE, agree, answers

START = MIDNIGHT - 6 * MINUTE
BATCHES = 40
EVERY = 20 * SECOND
LATEST = 4 * MINUTE
"""How late readings come: far into the time that is being sealed."""

pytestmark = pytest.mark.timeout(180)


class Clock:
    """Goes on with every batch of any writer."""

    def __init__(self) -> None:
        self.now = START
        self._lock = threading.Lock()

    def __call__(self) -> int:
        return self.now

    def tick(self) -> int:
        with self._lock:
            self.now += EVERY // 2
            return self.now


@dataclass
class Writer(threading.Thread):
    """Tells live and late readings of both devices, at instants of its own, and remembers what it told."""

    number: int
    store: KeptTelemetry
    clock: Clock
    told: list[Block] = field(default_factory=list)
    fault: BaseException | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._random = Random(self.number)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        try:
            for turn in range(BATCHES):
                now = self.clock.tick()
                blocks = [Block("rack", ("soc", "cell_voltages"), self._live(now, turn))]
                if turn % 2:
                    blocks.append(Block("rack", ("soc", "power", "cell_voltages"), self._late(now, turn)))
                self.store.append(blocks)
                self.told += blocks
                if turn % 5 == self.number:
                    self.store.maintain()
        except BaseException as error:
            self.fault = error

    def _live(self, now: int, turn: int) -> list[tuple[Any, ...]]:
        cells = [3.25, None, 3.0 + turn / 8] if turn % 3 else None
        instants = [now + i * SECOND + self.number for i in range(0, 8, 2)]
        return [(device, at, now + 300, 0, at // SECOND % 400 / 4, cells) for at in instants for device in ("r1", "r2")]

    def _late(self, now: int, turn: int) -> list[tuple[Any, ...]]:
        """Some new, some at instants that this writer told before: those change and grow."""
        known = [row[:2] for block in self.told for row in block.rows if row[1] >= now - LATEST]
        again = self._random.sample(known, min(5, len(known)))
        new = [(f"r{1 + i % 2}", (now - self._random.randrange(LATEST)) // 10 * 10 + 4 + self.number) for i in range(4)]
        return [(*key, now, 4, turn + 0.5, float(i), [turn / 4]) for i, key in enumerate(dict.fromkeys([*again, *new]))]


@pytest.mark.parametrize("backend", ["sqlite", "postgresql", "mongodb"])
def test_two_processes_write_while_one_seals(request: pytest.FixtureRequest, backend: str) -> None:
    url = TELEMETRY[backend](request)
    clock = Clock()
    opened: Callable[[], KeptTelemetry] = lambda: KeptTelemetry(open_engine(url), clock)  # noqa: E731
    with closing(opened()) as one, closing(opened()) as other:
        writers = [Writer(0, one, clock), Writer(1, other, clock)]
        for writer in writers:
            writer.start()
        sealed = 0
        while any(writer.is_alive() for writer in writers):
            sealed += one.seal(clock.now - MINUTE)
        for writer in writers:
            writer.join()
            assert writer.fault is None
        meant = MemoryTelemetry(ZONE, clock)
        for writer in writers:
            meant.append(writer.told)
        told = answers(meant)
        assert sealed > 0
        agree(answers(other), told)
        agree(answers(one), told)
        one.maintain()
        other.maintain()
        one.seal(clock.now - 10 * SECOND)
        for store in (one, other):
            agree(answers(store), told)
    with closing(opened()) as again:
        agree(answers(again), told)
