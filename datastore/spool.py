"""The spool: where readings wait on disk while the store does not answer. Bounded, fsynced, in order.

    FOLDER/<slot>/lock                       held by the process whose slot this is
                  <number>-<offset>.spool    records, oldest file first; those before the offset (hexadecimal) are in the store
                  <number>-<offset>.damaged  bytes that were no record any more, set aside
                  readings.refused           readings the store would not take, one JSON object a line, with the reason

Each process has a slot of its own; the files of a slot whose process has died are taken over by the next that looks. Nothing is
made on disk before there is something to keep.
"""

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

import orjson

from datastore.spool_file import HEAD, Gap, Record, framed, records, written_at
from datastore.spool_folder import append_durably, claim, filled, name_of, place_of, read, segments_of, sync_folder, try_lock
from plant.errors import Unavailable
from plant.model import Block

log = logging.getLogger(__name__)

SEGMENT_BYTES = 8 << 20
"""A file takes no more records once it is this large."""
RETRY_AFTER_S = 15


@dataclass(slots=True)
class _Segment:
    """A file: `start` is the first byte that is not in the store yet, `size` the end of what was acknowledged, `rows` are between."""

    number: int
    start: int
    size: int
    rows: int

    @property
    def name(self) -> str:
        return name_of(self.number, self.start)


@dataclass(frozen=True, slots=True)
class Batch:
    """The oldest readings, to be kept together; `end` is where they end in file `number`. No instant of a device has two values of
    one metric in it (unless one request brought both): a batch that is kept a second time changes nothing."""

    blocks: list[Block]
    rows: int
    number: int
    end: int


class Spool:
    """The spool of one process below `folder`; safe to use from any thread. Raises Unavailable when the folder cannot be used.

    Files together never grow beyond `limit_bytes`: then `append` refuses, and what is acknowledged stays.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._lock = RLock()
        self._segments: list[_Segment] = []  # copied at once where it is read without the lock
        self._active: int | None = None  # file descriptor of the newest segment while it takes records
        self._slot: Path | None = None
        self._slot_lock = -1
        self._closed = False
        self.damaged = self.refused = 0
        if folder.is_dir():
            self.adopt()

    # -- what is in it ----------------------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Readings that wait."""
        return sum(segment.rows for segment in list(self._segments))

    @property
    def size(self) -> int:
        """Bytes on disk, all files of readings together."""
        return sum(segment.size for segment in list(self._segments))

    @property
    def limit_bytes(self) -> int:
        """What `size` never exceeds."""
        return self._limit

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._segments

    def oldest(self) -> int | None:
        """When the oldest record was written [epoch ms]; None when nothing waits."""
        with self._lock:
            if not self._segments or self._slot is None:
                return None
            first = self._segments[0]
            try:
                return written_at(read(self._slot / first.name, first.start, first.start + HEAD))
            except OSError:
                return None

    # -- in ---------------------------------------------------------------------------------------------------------

    def append(self, submits: Sequence[Sequence[Block]], at: int) -> None:
        """Keep the submits, one record each, durably and behind everything that waits: all or none. `at` is now [epoch ms].
        Raises Unavailable when there is no room or the disk refuses."""
        parts = [framed(blocks, at) for blocks in submits]
        rows = sum(len(block.rows) for blocks in submits for block in blocks)
        more = b"".join(parts)
        with self._lock:
            if self._closed:
                raise Unavailable("the spool is closed: this process is shutting down")
            if self.size + len(more) > self._limit:
                raise Unavailable(
                    f"the store does not answer and the spool is full ({self._limit >> 20} MiB, SPOOL_MB); send again later",
                    retry_after=RETRY_AFTER_S,
                )
            try:
                segment = self._open_segment()
                self._write(segment, more)
            except OSError as error:
                raise Unavailable(
                    f"the store does not answer and the spool {self._folder} cannot be written: {error.strerror or error}",
                    retry_after=RETRY_AFTER_S,
                ) from error
            segment.size += len(more)
            segment.rows += rows

    def _open_segment(self) -> _Segment:
        """The segment that takes the next record; a new one when there is none, it is full, or it failed."""
        slot = self._own_slot()
        newest = self._segments[-1] if self._segments else None
        if self._active is not None and newest and newest.size < SEGMENT_BYTES and os.fstat(self._active).st_nlink:
            return newest
        self._end_segment()
        segment = _Segment(self._next_number(), 0, 0, 0)
        self._active = os.open(slot / segment.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            sync_folder(slot)
        except OSError:
            self._end_segment()
            with suppress(OSError):
                os.unlink(slot / segment.name)
            raise
        self._segments.append(segment)
        return segment

    def _write(self, segment: _Segment, more: bytes) -> None:
        assert self._active is not None
        try:
            left = memoryview(more)
            while left:
                left = left[os.write(self._active, left) :]
            os.fdatasync(self._active)
        except OSError:
            # What the disk holds now is unknown: this file takes nothing more, and what nobody was told of goes.
            with suppress(OSError):
                os.ftruncate(self._active, segment.size)
            self._end_segment()
            if not segment.size:
                with suppress(OSError):
                    self._drop(segment)
            raise

    def _end_segment(self) -> None:
        if self._active is not None:
            os.close(self._active)
            self._active = None

    def _next_number(self) -> int:
        """Greater than any that is there, also of a file that is no longer ours to fill."""
        taken = [segment.number for segment in self._segments]
        if self._slot is not None:
            taken += [found[0] for path in self._slot.iterdir() if (found := place_of(path)) is not None]
        return 1 + max(taken, default=0)

    # -- out --------------------------------------------------------------------------------------------------------

    def head(self, most_rows: int) -> Batch | None:
        """The oldest records, at least one and not many more than `most_rows` readings; None when nothing waits. Raises OSError."""
        while True:
            with self._lock:
                if not self._segments or self._slot is None:
                    return None
                segment = self._segments[0]
                path, start, size = self._slot / segment.name, segment.start, segment.size
            try:
                data = read(path, start, size)
            except FileNotFoundError:
                self._lost(segment)
                continue
            batch = self._batch(segment.number, data, start, most_rows)
            if batch.blocks:
                return batch
            self.advance(batch)  # nothing but damage

    def _batch(self, number: int, data: bytes, offset: int, most_rows: int) -> Batch:
        blocks: list[Block] = []
        rows = end = 0
        told: dict[tuple[str, tuple[str, ...]], set[tuple[str, int]]] = {}
        for found in records(data):
            more = self._sound(number, data, found, offset)
            if blocks and (rows + sum(map(len, more)) > most_rows or _contradicts(told, more)):
                break
            for block in more:
                told.setdefault((block.kind, block.metrics), set()).update(row[:2] for row in block.rows)
            blocks += more
            rows += sum(map(len, more))
            end = found.end
        return Batch(blocks, rows, number, offset + end)

    def _sound(self, number: int, data: bytes, found: Record | Gap, offset: int) -> list[Block]:
        """The blocks of a record; none, and the bytes set aside, when it cannot be read."""
        if isinstance(found, Record):
            try:
                return found.blocks()
            except ValueError:
                pass
        self._set_aside(number, data, found, offset)
        return []

    def advance(self, batch: Batch) -> None:
        """The batch is in the store: remember that durably. Raises OSError."""
        with self._lock:
            segment = self._segments[0]
            assert self._slot is not None and segment.number == batch.number
            if batch.end >= segment.size:
                if len(self._segments) == 1:
                    self._end_segment()
                self._drop(segment)
                return
            before = segment.name
            after = _Segment(segment.number, batch.end, segment.size, max(0, segment.rows - batch.rows))
            os.rename(self._slot / before, self._slot / after.name)
            segment.start, segment.rows = after.start, after.rows
            sync_folder(self._slot)

    def _drop(self, segment: _Segment) -> None:
        assert self._slot is not None
        self._segments.remove(segment)
        os.unlink(self._slot / segment.name)
        sync_folder(self._slot)

    def _lost(self, segment: _Segment) -> None:
        """Somebody removed the file under us: go on with the next."""
        with self._lock:
            log.error("the spool file %s with %d readings was removed from outside", segment.name, segment.rows)
            self.damaged += 1
            self._segments.remove(segment)
            if not self._segments:
                self._end_segment()

    def refuse(self, block: Block, reason: str) -> None:
        """Set readings aside that the store will never take, in a form that can be sent again. Raises OSError."""
        lines = [orjson.dumps(_told(block, row) | {"reason": reason}) + b"\n" for row in block.rows]
        with self._lock:
            append_durably(self._own_slot() / "readings.refused", b"".join(lines))
            self.refused += len(lines)
        log.error("%d readings of %s are refused by the store and set aside in readings.refused: %s", len(lines), block.kind, reason)

    # -- slots ------------------------------------------------------------------------------------------------------

    def adopt(self) -> bool:
        """Take over what processes that have died left behind; whether there was something. Raises Unavailable."""
        with self._lock:
            if self._closed or not self._folder.is_dir():
                return False
            before = len(self._segments)
            try:
                for slot in filled(self._folder):
                    if slot != self._slot:
                        self._adopt(slot)
            except OSError as error:
                raise Unavailable(f"the spool {self._folder} cannot be read: {error.strerror or error}") from error
            return len(self._segments) > before

    def _adopt(self, slot: Path) -> None:
        taken = try_lock(slot)
        if taken is None:
            return
        if self._slot is None:
            self._slot, self._slot_lock = slot, taken
            for path in segments_of(slot):
                self._take_in(path)
            return
        try:
            self._end_segment()  # what comes from now on comes behind
            for path in segments_of(slot):
                moved = self._slot / f"{self._next_number():08d}-{path.name.partition('-')[2]}"
                os.rename(path, moved)
                self._take_in(moved)
            sync_folder(self._slot)
            sync_folder(slot)
        finally:
            os.close(taken)

    def _take_in(self, path: Path) -> None:
        """A file of an earlier process: a torn end is cut off, damage set aside, the rest counted."""
        parsed = place_of(path)
        assert parsed is not None
        number, start = parsed
        data = read(path, 0, None)
        segment = _Segment(number, start, len(data), 0)
        for found in records(data, start):
            if isinstance(found, Record):
                segment.rows += found.rows
            elif found.torn:
                log.warning("%s ends in the middle of a write: %d bytes nobody was told of are cut off", path, found.end - found.start)
                segment.size = found.start
                os.truncate(path, found.start)
            else:
                self._set_aside(number, data, found, 0)
        self._segments.append(segment)
        if not segment.rows:
            self._drop(segment)

    def _set_aside(self, number: int, data: bytes, found: Record | Gap, offset: int) -> None:
        assert self._slot is not None
        path = self._slot / f"{number:08d}-{offset + found.start:x}.damaged"
        if path.exists():
            return
        append_durably(path, data[found.start : found.end])
        self.damaged += 1
        log.error("%d bytes of the spool are damaged and set aside as %s; the rest goes on", found.end - found.start, path.name)

    def _own_slot(self) -> Path:
        """This process's folder, made and locked when it is first needed. Raises OSError."""
        if self._slot is None:
            self._slot, self._slot_lock = claim(self._folder)
            for path in segments_of(self._slot):
                self._take_in(path)
        return self._slot

    def close(self) -> None:
        """Release the slot; what waits stays on disk for the next start. Idempotent."""
        with self._lock:
            self._closed = True
            self._end_segment()
            if self._slot_lock >= 0:
                os.close(self._slot_lock)
                self._slot_lock = -1


def _contradicts(told: dict[tuple[str, tuple[str, ...]], set[tuple[str, int]]], more: Sequence[Block]) -> bool:
    """Whether `more` speaks again of a metric at an instant that was told already: of the two the later must win, also when the
    first of them is kept once more after a kill."""
    return any(
        kind == block.kind and not instants.isdisjoint(row[:2] for row in block.rows) and not set(metrics).isdisjoint(block.metrics)
        for block in more
        for (kind, metrics), instants in told.items()
    )


def _told(block: Block, row: tuple[object, ...]) -> dict[str, object]:
    """A row as `POST /api/v1/readings` reads it."""
    values = {name: value for name, value in zip(block.metrics, row[4:], strict=True) if value is not None}
    return {"device_id": row[0], "timestamp": row[1], "kind": block.kind, "values": values, "received": row[2], "quality": row[3]}
