"""The demo plant alive: one tick a second through the intake, exactly on from where history or the last run ended."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import numpy as np

from datastore.store import Store
from plant.errors import PlantError
from plant.model import DAY, HOUR, MINUTE, SECOND, Block, Quality, Window
from plant.simulation import Plant, State, faults, measure, rejoined
from plant.simulation.measure import Measured
from services.config import Config
from services.demo_apart import Done, history
from services.demo_devices import award, design_of, devices, names
from services.demo_history import unknown

log = logging.getLogger(__name__)

STATE = "demo_state"
"""Setting that holds the plant's state, saved once a minute; `settled` when nothing after it has been told yet."""
AHEAD = 2 * DAY
"""How far ahead awards are known [ms]."""
VECTORS_EVERY = 10
SAVE_EVERY = MINUTE
REPLAY = 60
"""Seconds after the saved state that may already have been told before the process died: they are told again alike."""
_OUTSTANDING = 30

Row = tuple[Any, ...]


def keep(state: State, settled: bool) -> dict[str, Any]:
    """What is kept under STATE."""
    return {**state.to_json(), "settled": settled}


class LivePlant:
    """A thread that ticks once a second. Missed time (at most `config.demo_days`) is made up first, on that same thread, by the minute."""

    def __init__(self, store: Store, config: Config, clock: Callable[[], int]) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._design = design_of(config)
        self._plant = Plant(self._design)
        self._names = names(self._design, config.site_id)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._pending: deque[Future[Any]] = deque()
        self._held: list[tuple[int, Block]] = []
        self._awarded_until = 0
        self._saved_at = 0
        self._settled = True
        self.ticks = 0

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread = threading.Thread(target=self._run, name="live-plant", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current tick and keep the state; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None

    def _run(self) -> None:
        try:
            state = self._resume()
            state = self._make_up(state)
            while not self._stop.is_set():
                due = int(state.at) * SECOND + SECOND
                wait = (due - self._clock()) / 1000
                if wait > 0 and self._stop.wait(min(wait, 1.0)):
                    break
                if self._clock() < due:
                    continue
                if self._clock() - due > 10 * MINUTE:  # the machine slept
                    state = self._make_up(state)
                    continue
                state = self.tick(state)
            if self._held:  # a gateway that is switched off says what it kept back
                self._submit(self._hold_back([], max(when for when, _ in self._held), np.zeros(self._design.units)))
            self._save(state, settled=True)
        except PlantError as error:
            log.error("the demo plant stopped: %s", error.message)
        except Exception:
            log.exception("the demo plant stopped")

    def _resume(self) -> State:
        """The state to go on from: the kept one, or a new plant one minute ago."""
        kept = self._store.records.setting(STATE)
        if kept is None:
            self._store.records.put_devices(devices(self._design, self._config))
            return self._plant.newborn((self._clock() // MINUTE * MINUTE - MINUTE) / 1000)
        state, self._settled = State.from_json(kept), bool(kept.get("settled"))
        return state

    def _make_up(self, state: State) -> State:
        """Bring `state` to the last full minute if it lies more than ten minutes back; shorter gaps are ticked through. No more than the
        demo's length is made up: before that, the plant is not known."""
        self._award()
        if self._clock() - state.at * 1000 <= 10 * MINUTE:
            return state
        for _ in range(0 if self._settled else REPLAY):
            if self._stop.is_set():
                return state
            state = self.tick(state)
        until = self._clock() // MINUTE * MINUTE
        oldest = (until - self._config.demo_days * DAY) / 1000
        if state.at < oldest:
            state = rejoined(state, self._design, oldest)
        with closing(history(self._design, state, until, self._config.site_id)) as missed:
            for message in missed:
                if self._stop.is_set():
                    return state  # what was loaded is made again alike from the saved state
                if isinstance(message, Done):
                    state = message.after
                    self._save(state, settled=True)
                    continue
                for part in unknown(self._store, [message]):
                    self._store.telemetry.load(part.device, part.kind, part.whole())
        return state

    def tick(self, state: State) -> State:
        """One second on: simulate, read the instruments, hand the rows to the intake."""
        state, trace = self._plant.run(state, 1, 1)
        at = int(state.at) * SECOND
        self._submit(self._blocks(measure(self._plant, trace), at, state))
        self.ticks, self._settled = self.ticks + 1, False
        if at - self._saved_at >= SAVE_EVERY:
            self._save(state, settled=False)
        if at + AHEAD - HOUR > self._awarded_until:
            self._award()
        return state

    def _blocks(self, heard: Measured, at: int, state: State) -> list[Block]:
        received, instant, d = max(self._clock(), at), np.array([at / 1000.0]), self._design
        silent = {
            "rack": faults.rack_silent(instant, d.seed, d.count)[0],
            "pcs": faults.pcs_silent(instant, state.born, d.seed, d.units)[0],
            "site": faults.site_silent(instant, d.seed),
        }
        blocks = []
        for kind, table in heard.scalars.items():
            values = np.stack([column[0] for column in table.values()], axis=1).tolist()
            rows = _rows(self._names[kind], at, received, values, silent.get(kind))
            blocks.append(Block(kind, tuple(table), rows))
        if at // SECOND % VECTORS_EVERY == 0:
            for kind, vectors in (("rack", heard.rack_vectors), ("inverter", heard.inverter_vectors)):
                values = list(zip(*(vector[0].tolist() for vector in vectors.values()), strict=True))
                blocks.append(Block(kind, tuple(vectors), _rows(self._names[kind], at, received, values, silent.get(kind))))
        return self._hold_back(blocks, at, faults.unit_held(instant, d.seed, d.units)[0])

    def _hold_back(self, blocks: list[Block], at: int, held: np.ndarray) -> list[Block]:
        """Take out the rows a gateway keeps back and add those whose time has come."""
        if held.any():
            late = {f"bess{u + 1:02d}-" for u in np.flatnonzero(held)}
            for k, block in enumerate(blocks):
                if block.kind != "rack":
                    continue
                kept = [row for row in block.rows if row[0][:7] in late]
                blocks[k] = Block("rack", block.metrics, [row for row in block.rows if row[0][:7] not in late])
                self._held.append((at + int(held.max() * 1000), Block("rack", block.metrics, kept)))
        due = [block for when, block in self._held if when <= at]
        if due:
            now, late_one = self._clock(), int(Quality.SIMULATED | Quality.LATE)
            self._held = [(when, block) for when, block in self._held if when > at]
            blocks += [Block(b.kind, b.metrics, [(*row[:2], now, late_one, *row[4:]) for row in b.rows]) for b in due]
        return [block for block in blocks if block.rows]

    def _submit(self, blocks: list[Block]) -> None:
        """Hand over without waiting, unless the store falls behind: then this plant slows down, as a real gateway would."""
        while self._pending and (self._pending[0].done() or len(self._pending) >= _OUTSTANDING):
            try:
                self._pending.popleft().result(timeout=60)
            except PlantError as error:
                log.warning("a demo tick was not kept: %s", error.message)
        self._pending.append(self._store.intake.submit(blocks))

    def _save(self, state: State, settled: bool) -> None:
        self._store.records.put_setting(STATE, keep(state, settled))
        self._saved_at = int(state.at) * SECOND

    def _award(self) -> None:
        now = self._clock() // HOUR * HOUR
        award(self._store.records, self._design, Window(now, now + AHEAD))
        self._awarded_until = now + AHEAD


def _rows(ids: list[str], at: int, received: int, values: list[Any], silent: Any) -> list[Row]:
    quality = int(Quality.SIMULATED)
    if silent is None or not silent.any():
        return [(device, at, received, quality, *row) for device, row in zip(ids, values, strict=True)]
    return [(device, at, received, quality, *row) for device, row, mute in zip(ids, values, silent, strict=True) if not mute]
