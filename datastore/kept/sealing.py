"""Old hot rows into chunks, and old everything away. Reading and packing happen outside the writers' turn; what holds writers up is
short, and a kill between any two steps loses and doubles nothing.

A slot (a stretch of time of one kind) is sealed in four steps: say which time is being sealed (`sealing`); read the rows and pack
them; put the chunks in place of those that were there; delete the hot rows piece by piece. Who meanwhile writes into that time
counts it (`count_late`): then the step is not carried out, and the rows stay for the next round. Rows that stand hot and sealed at
once are read once, so a round that ends anywhere leaves a whole picture.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from datastore import rollup
from datastore.columns import join, lay_over, with_all
from datastore.kept.chunks import HEADS, Chunks
from datastore.kept.engine import BEGINNING, Chunk, Counters, Engine, Reader, Span, Writer
from datastore.kept.keys import Keys
from datastore.kept.rollups import Rollups, give_way
from datastore.ports import Columns
from plant.errors import Damaged
from plant.metrics import metrics_of, scalars_of, vectors_of
from plant.model import DAY, HOUR, MINUTE

log = logging.getLogger(__name__)

_VALUES_A_SLOT = 4_000_000
"""About how many numbers are read and packed together (32 MB)."""
_ROWS_READ = 20_000
"""Rows fetched at once: as Python objects they are twenty times as large as in columns."""
_ROWS_DELETED = 10_000
"""Rows a transaction deletes: it holds writers up."""
_BYTES_PUT = 2 << 20
"""Bytes of chunks a transaction writes, about; one chunk at least."""
_BYTES_AN_ELEMENT = 2
"""Of a packed vector, usually."""
_MOST_BYTES = 8 << 20
"""A chunk does not grow beyond this by joining."""
_TRIES = 3
_SLOTS = (DAY, HOUR, 10 * MINUTE, MINUTE)


def _all_of(kind: str) -> list[str]:
    return [metric.name for metric in metrics_of(kind)]


def count_late(tx: Writer, counters: Counters, owner: int, kind: str, first: int, last: int) -> None:
    """To be called before rows of instants `first` … `last` are written: counts it when this time is being sealed."""
    if first < counters.get(("sealing until", 0), BEGINNING) and last >= counters.get(("sealing from", 0), BEGINNING):
        tx.put_counter(f"late {kind}", owner, counters.get((f"late {kind}", owner), 0) + 1)


def _late_writes(counters: Counters, kind: str) -> dict[int, int]:
    """Owner → how often it wrote into time of this kind that was being sealed."""
    return {owner: value for (name, owner), value in counters.items() if name == f"late {kind}"}


@dataclass(slots=True)
class _Slot:
    """What was found in a stretch of time: rows per device as read, chunks that touch it, and the packed union of both."""

    kind: str
    start: int
    end: int
    late: Mapping[int, int]
    whole: bool = True  # whether all that was read can be sealed
    devices: list[int] = field(default_factory=list)
    put: list["Replacement"] = field(default_factory=list)
    cleared: int = 0  # rows that left the hot table


@dataclass(frozen=True, slots=True)
class Replacement:
    """Chunks of a device (ascending) that stand for those it had."""

    device: int
    chunks: Sequence[Chunk]
    spans: Sequence[Span]

    def carry_out(self, tx: Writer) -> None:
        """New ones first, each instead of one with its start; the others go with the last."""
        starts = {chunk.start for chunk in self.chunks}
        others = [span for span in self.spans if span.start not in starts]
        for chunk in self.chunks:
            last = chunk is self.chunks[-1]
            tx.put_chunk(chunk, [span for span in self.spans if span.start == chunk.start] + (others if last else []))


class Sealing:
    """Moves the rows of one kind slot by slot. A slot is a day where rows are few, down to a minute where they are many, and has all
    devices. What the slots of an hour and of a day left is joined when these are over."""

    def __init__(self, engine: Engine, keys: Keys, chunks: Chunks, rollups: Rollups) -> None:
        self._engine = engine
        self._keys = keys
        self._chunks = chunks
        self._rollups = rollups

    def seal(self, before: int) -> int:
        """Seal all hot rows with ts < before. Returns how many."""
        with self._engine.read() as tx:
            kinds = sorted({kind for _, _, kind in tx.device_keys()})
        try:
            return sum(self._seal_kind(kind, before) for kind in kinds)
        finally:
            self._announce(BEGINNING, BEGINNING)

    def _announce(self, start: int, end: int) -> Counters:
        """Say which time is being sealed; the counters as they were."""
        with self._engine.write() as tx:
            counters = tx.count_write(self._rollups.owner)
            tx.put_counter("sealing from", 0, start)
            tx.put_counter("sealing until", 0, end)
        return counters

    def _seal_kind(self, kind: str, before: int) -> int:
        total = 0
        start = BEGINNING
        days: set[tuple[int, int]] = set()
        while (slot := self._next_slot(kind, start, before)) is not None:
            start = slot[1]
            devices, cleared = self._seal_slot(kind, *slot)
            total += cleared
            days |= {(device, slot[0] // DAY * DAY) for device in devices}
            give_way()
        for device, day in sorted(days):
            for hour in range(day, day + DAY, HOUR):
                if hour + HOUR <= before < day + DAY:
                    self._join(kind, device, hour, hour + HOUR)
        yesterdays = {(device, day - DAY) for device, day in days}
        for device, day in sorted(days | yesterdays):
            if day + DAY <= before:
                self._join(kind, device, day, day + DAY)
        return total

    def _next_slot(self, kind: str, start: int, before: int) -> tuple[int, int] | None:
        """(start, end) of the oldest hot rows from `start` on: the longest slot that has not too many of them."""
        with self._engine.read() as tx:
            first = tx.first_hot(kind, start=start)
            if first is None or first >= before:
                return None
            most = int(_VALUES_A_SLOT // (len(scalars_of(kind)) + 4 + self._elements(tx, kind, first)))
            for width in _SLOTS:
                low, high = max(start, first // width * width), min(first // width * width + width, before)
                if tx.count_hot(kind, low, high, most + 1) <= most:
                    break
        return low, high

    def _elements(self, tx: Reader, kind: str, at: int) -> float:
        """About how many elements of vectors a row has, as in the minute after `at`."""
        keys = [self._keys.metric[name] for name in vectors_of(kind)]
        size = sum(len(row.elements) for row in tx.hot_vectors(kind, keys, None, at, at + MINUTE)) if keys else 0
        return size / _BYTES_AN_ELEMENT / max(tx.count_hot(kind, at, at + MINUTE, _VALUES_A_SLOT), 1)

    def _seal_slot(self, kind: str, start: int, end: int) -> tuple[set[int], int]:
        """The rows leave the hot table and stand in chunks. Returns the devices that have some of them now, and how many rows left
        here: whoever deletes a row counts it, so that two processes which seal at once count none twice and none never."""
        devices: set[int] = set()
        cleared = 0
        for _ in range(_TRIES):
            late = _late_writes(self._announce(start, end), kind)
            with self._engine.read() as tx:
                slot = self._read(tx, kind, start, end, late)
            if all(self._put(slot, some) for some in _by_size(slot.put)):
                devices |= set(slot.devices)
                whole = self._clear(slot)
                cleared += slot.cleared
                if whole:
                    return devices, cleared
        log.info("readings of %s kept arriving for time that is being sealed; they are left for the next round", kind)
        return devices, cleared

    def _read(self, tx: Reader, kind: str, start: int, end: int, late: Mapping[int, int]) -> _Slot:
        slot = _Slot(kind, start, end, late)
        every = _all_of(kind)
        pieces: dict[int, list[Columns]] = {}
        for low, high in self._steps(tx, kind, start, end):
            for device, columns in self._chunks.hot(tx, kind, every, None, low, high).items():
                pieces.setdefault(device, []).append(columns)
        for device in sorted(pieces):
            columns = join(pieces.pop(device))
            spans = tx.spans(device, start, end)
            try:
                whole = self._merged(tx, device, every, columns, spans)
            except Damaged as error:
                log.error("%s; what came later for that time stays beside it", error.message)
                slot.whole = False
                continue
            slot.put.append(Replacement(device, self._chunks.packed(device, whole), spans))
            slot.devices.append(device)
        return slot

    def _merged(self, tx: Reader, device: int, every: Sequence[str], columns: Columns, spans: Sequence[Span]) -> Columns:
        if not spans:
            return columns
        under = self._chunks.sealed(tx, device, every, spans[0].start, max(span.end for span in spans))
        return lay_over(under, with_all(columns, every))

    def _steps(self, tx: Reader, kind: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The slot in pieces of about `_ROWS_READ` rows."""
        count = tx.count_hot(kind, start, end, _VALUES_A_SLOT)
        first = tx.first_hot(kind, start=start)
        low = start if first is None else max(start, first)
        step = max((end - low) * _ROWS_READ // max(count, _ROWS_READ), 1)
        return ((at, min(at + step, end)) for at in range(low, end, step))

    def _put(self, slot: _Slot, some: Sequence[Replacement]) -> bool:
        """Chunks in place of those they were made of; False, and nothing done, when these or the rows are not what was read."""
        with self._engine.turn:
            with self._engine.write() as tx:
                if not self._untouched(tx, slot):
                    return False
                if any(tx.spans(one.device, slot.start, slot.end) != list(one.spans) for one in some):
                    return False
                for one in some:
                    one.carry_out(tx)
                tx.count_sealed()
            for one in some:
                self._chunks.raise_horizon(one.device, one.chunks[-1].end)
        return True

    def _untouched(self, tx: Writer, slot: _Slot) -> bool:
        counters = tx.count_write(self._rollups.owner)
        mine = counters.get(("sealing from", 0)) == slot.start and counters.get(("sealing until", 0)) == slot.end
        return mine and _late_writes(counters, slot.kind) == slot.late

    def _clear(self, slot: _Slot) -> bool:
        """Delete the hot rows that are sealed now, and the stored minutes: sealed time is answered from chunks. False when it had
        to stop; the rest is harmless and goes with the next round."""
        devices = None if slot.whole else slot.devices
        with self._engine.read() as tx:
            steps = list(self._steps(tx, slot.kind, slot.start, slot.end))
        pieces = max(_ROWS_READ // _ROWS_DELETED, 1)
        for low, high in steps:
            width = max((high - low) // pieces, 1)
            for at in range(low, high, width):
                with self._engine.write() as tx:
                    if not self._untouched(tx, slot):
                        return False
                    gone = tx.delete_hot(slot.kind, devices, at, min(at + width, high))
                slot.cleared += gone
                give_way()
        with self._engine.write() as tx:
            tx.delete_minutes(slot.kind, devices, slot.start // MINUTE * MINUTE, slot.end // MINUTE * MINUTE)
        return True

    def _join(self, kind: str, device: int, start: int, end: int) -> None:
        """The chunks within start … end become one; a chunk never changes under its id, so the same ids hold the same readings."""
        with self._engine.read() as tx:
            spans = [span for span in tx.spans(device, start, end) if start <= span.start and span.end <= end]
            if len(spans) < 2:
                return
            keys = [self._keys.metric[name] for name in (*HEADS, *_all_of(kind))]
            parts = tx.parts(device, keys, spans[0].start, spans[-1].end)
            if sum(len(part.blob) for _, found in parts for part in found) > _MOST_BYTES:
                return
            try:
                whole = self._chunks.sealed(tx, device, _all_of(kind), spans[0].start, spans[-1].end)
            except Damaged as error:
                log.error("%s; these chunks stay as they are", error.message)
                return
        joined = Replacement(device, self._chunks.packed(device, whole), spans)
        if len(joined.chunks) < len(spans):
            with self._engine.write() as tx:
                if tx.spans(device, spans[0].start, spans[-1].end) == spans:
                    joined.carry_out(tx)
        give_way()

    # -- loading and forgetting ---------------------------------------------------------------------------------------

    def lay(self, tx: Writer, device: int, kind: str, columns: Columns, start: int, end: int) -> None:
        """Merge readings (within start … end, inside one UTC day) into the chunks there; they become one."""
        spans = tx.spans(device, start, end)
        whole = self._merged(tx, device, _all_of(kind), columns, spans)
        Replacement(device, self._chunks.packed(device, whole), spans).carry_out(tx)

    def forget(self, kind: str, before: int) -> int:
        """Drop all of a kind with ts < before; a chunk across the line is cut. Returns rows and chunks dropped."""
        dropped = 0
        with self._engine.read() as tx:
            devices = [device for device, _, its_kind in tx.device_keys() if its_kind == kind]
        for device in devices:
            with self._engine.write() as tx:
                dropped += self._forget_device(tx, kind, device, before)
                tx.count_sealed()
        with self._engine.write() as tx:
            dropped += tx.delete_hot(kind, None, BEGINNING, before)
            tx.delete_minutes(kind, None, BEGINNING, before // MINUTE * MINUTE)
            if before % MINUTE:
                self._rollups.mark_late(tx, kind, [(device, before) for device in devices])
        return dropped

    def _forget_device(self, tx: Writer, kind: str, device: int, before: int) -> int:
        spans = tx.spans(device, BEGINNING, before)
        whole = [span for span in spans if span.end <= before]
        for span in spans:
            if span.end > before:
                rest = self._chunks.sealed(tx, device, _all_of(kind), before, span.end)
                Replacement(device, self._chunks.packed(device, rest), [span]).carry_out(tx)
        tx.drop_chunks(device, whole)
        tx.delete_hours(device, before // DAY * DAY)
        tx.delete_revisions(device, before)
        scalars = scalars_of(kind)
        hour = before // HOUR * HOUR
        stale = np.arange(before // DAY * DAY, before, HOUR, dtype=np.int64)
        self._rollups.put_hours(tx, device, scalars, stale, rollup.empty(len(stale), len(scalars)))
        if before % HOUR:
            self._rollups.mark_hours(tx, kind, device, [hour])
        return len(whole)


def _by_size(put: Sequence[Replacement]) -> Iterator[list[Replacement]]:
    """In groups of about `_BYTES_PUT`."""
    group: list[Replacement] = []
    size = 0
    for one in put:
        group.append(one)
        size += sum(len(part.blob) for chunk in one.chunks for part in chunk.parts)
        if size >= _BYTES_PUT:
            yield group
            group, size = [], 0
    if group:
        yield group
