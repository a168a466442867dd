"""The way around a store that does not answer: readings go to the spool, and from there to the store once it answers again.

While the detour is open, all readings take it, so what is kept keeps its order: the writer of the intake puts them in at the
back, one thread here takes them out at the front. It closes when nothing waits any more; only then do readings go straight again.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread

from datastore.spool import Batch, Spool
from datastore.vetting import Row
from plant.errors import Damaged, PlantError, Unavailable
from plant.model import Block

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
"""Between two attempts to reach the store; doubled each time."""
ROWS_PER_COMMIT = 20_000
ADOPT_EVERY_S = 30.0
"""How often to look for what dead processes have left behind."""
TURN_S = 1.0
"""How long those who bring readings wait for those who take them away, once the store answers again."""
CLOSE_WITHIN_S = 5.0
SUSPICIOUS = 16
"""So many readings refused in a row for reasons nobody foresaw, and none kept: the store is broken, not the readings."""

Keep = Callable[[list[Block]], None]
"""Keeps blocks in the store. Raises Unavailable or OSError when the store does not answer, anything else when it refuses them."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the detour stands, in readings: `spooled`, `drained`, `refused` since start, `waiting` now. `bytes` on disk of `limit_bytes`;
    `damaged` places of the files could not be read; `cause` says why the store was left, empty while it answers."""

    spooled: int = 0
    drained: int = 0
    refused: int = 0
    waiting: int = 0
    bytes: int = 0
    limit_bytes: int = 0
    damaged: int = 0
    cause: str = ""


class Detour:
    """Open from the first commit the store does not answer until the spool is empty again."""

    def __init__(self, spool: Spool, keep: Keep, clock: Callable[[], int]) -> None:
        self._spool = spool
        self._keep = keep
        self._clock = clock
        self._turn = Condition()
        self._closing = False
        self._close_by = float("inf")
        self._cause = ""
        self._spooled = self._drained = 0
        self._draining = False  # the last attempt succeeded: those who bring readings let the others keep pace
        self._ahead = self._allowed = 0
        self.is_open = not spool.is_empty
        self._thread = Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> Backlog:
        """How it stands now; never waits."""
        spool = self._spool
        return Backlog(
            spooled=self._spooled,
            drained=self._drained,
            refused=spool.refused,
            waiting=spool.rows,
            bytes=spool.size,
            limit_bytes=spool.limit_bytes,
            damaged=spool.damaged,
            cause=self._cause,
        )

    def oldest(self) -> int | None:
        """When the oldest of what waits was put in [epoch ms]; None when nothing waits."""
        return self._spool.oldest()

    def put(self, submits: Sequence[Sequence[Block]], cause: str = "") -> bool:
        """Keep the submits in the spool; False, and nothing kept, when the detour is closed and there is no `cause` to open it.
        Raises Unavailable when the spool cannot take them."""
        rows = sum(len(block.rows) for blocks in submits for block in blocks)
        with self._turn:
            if self._draining:
                self._turn.wait_for(lambda: not self._draining or self._ahead + rows <= self._allowed, TURN_S)
            if not self.is_open and not cause:
                return False
            self._spool.append(submits, self._clock())
            self._ahead += rows
            self._spooled += rows
            if not self.is_open:
                log.error("the store does not answer (%s): readings go to the spool", cause)
                self.is_open, self._cause = True, cause
                self._turn.notify_all()
        return True

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing is left in the spool; whether that is so."""
        with self._turn:
            return self._turn.wait_for(lambda: not self.is_open, timeout_s)

    def close(self) -> None:
        """Drain what goes without hanging, leave the rest on disk; idempotent."""
        with self._turn:
            if not self._closing:
                self._closing, self._close_by = True, time.monotonic() + CLOSE_WITHIN_S
                self._turn.notify_all()
        self._thread.join(2 * CLOSE_WITHIN_S)
        self._spool.close()

    def _run(self) -> None:
        pause = 0.0
        while self._rest(pause):
            failed = self._attempt()
            pause = longer(pause) if failed else 0.0
            if self._closing and (failed or time.monotonic() > self._close_by):
                return

    def _rest(self, pause: float) -> bool:
        """Wait so long, then until something waits; False when nothing does and the process ends."""
        with self._turn:
            self._turn.wait_for(lambda: self._closing, pause)
            while not (self.is_open or self._closing):
                if self._turn.wait_for(lambda: self.is_open or self._closing, ADOPT_EVERY_S):
                    self._turn.wait_for(lambda: self._closing, FIRST_PAUSE_S)
                else:
                    self._adopt()
            return self.is_open

    def _adopt(self) -> None:
        try:
            self.is_open = self._spool.adopt()
        except Unavailable as error:
            log.error("%s", error.message)

    def _attempt(self) -> bool:
        """Bring the oldest batch to the store; whether that failed."""
        try:
            batch = self._spool.head(ROWS_PER_COMMIT)
            refused = self._place(batch.blocks) if batch else 0
            self._passed(batch, refused)
        except Exception as error:
            down = store_down(error)
            if down is None:
                log.exception("the spool cannot be drained; it is tried again")
            with self._turn:
                self._cause = down.message if down else f"{type(error).__name__}: {error}"
                self._draining = False
                self._turn.notify_all()
            return True
        return False

    def _passed(self, batch: Batch | None, refused: int) -> None:
        """The batch is in the store, but for what it `refused`; with nothing left the detour ends."""
        with self._turn:
            rows = 0
            if batch is not None:
                rows = batch.rows
                self._spool.advance(batch)
            self._drained += rows - refused
            self._draining, self._ahead, self._allowed = True, 0, rows // 2
            if self._spool.is_empty:
                self.is_open = self._draining = False
                self._cause = ""
                log.warning("the store has taken over what was in the spool (%d readings since the start)", self._drained)
            self._turn.notify_all()

    def _place(self, blocks: list[Block]) -> int:
        """Keep all readings the store can take and set the others aside; how many those are. Raises what says that the store is down."""
        refused: dict[tuple[str, tuple[str, ...], str], list[Row]] = {}
        kept, faults = False, 0
        pieces = [blocks]
        while pieces:
            piece = pieces.pop()
            try:
                self._keep(piece)
                kept = True
            except Exception as error:
                if store_down(error):
                    raise
                halves = _halves(piece)
                pieces += halves
                if not halves:
                    refused.setdefault((piece[0].kind, piece[0].metrics, _reason(error)), []).extend(piece[0].rows)
                    faults += not isinstance(error, PlantError)
                    if faults >= SUSPICIOUS and not kept:
                        raise Unavailable(f"the store refuses everything: {_reason(error)}") from error
        for (kind, metrics, reason), rows in refused.items():
            self._spool.refuse(Block(kind, metrics, rows), reason)
        return sum(map(len, refused.values()))


def longer(pause_s: float) -> float:
    """The pause after the one that was of no use.

    >>> longer(0.0), longer(0.5), longer(8.0), longer(15.0)
    (0.5, 1.0, 15.0, 15.0)
    """
    return min(2 * pause_s or FIRST_PAUSE_S, LONGEST_PAUSE_S)


def store_down(error: Exception) -> Unavailable | None:
    """The error as Unavailable when the store itself is at fault, None when the readings (or a damaged chunk they belong to) are."""
    if isinstance(error, Unavailable):
        return None if isinstance(error, Damaged) else error
    if isinstance(error, OSError):
        return Unavailable(f"the store cannot be written: {error.strerror or error}")
    return None


def _halves(blocks: list[Block]) -> list[list[Block]]:
    """Two halves, the one to be kept first at the end; none of a single reading."""
    if len(blocks) > 1:
        middle = len(blocks) // 2
        return [blocks[middle:], blocks[:middle]]
    kind, metrics, rows = blocks[0].kind, blocks[0].metrics, blocks[0].rows
    middle = len(rows) // 2
    return [[Block(kind, metrics, rows[middle:])], [Block(kind, metrics, rows[:middle])]] if middle else []


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, PlantError) else f"{type(error).__name__}: {error}"
