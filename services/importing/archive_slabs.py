"""The files of one device of a CSV archive, merged by time in bounded memory: slab after slab, each with all that the files say of it.

Files are taken as sorted by time. Rows out of order within what is in memory are sorted; a row older than the slabs handed out before
comes as *late*, so nothing is lost. A slab is a UTC day where that fits into `SLAB_NUMBERS`, else a part of one.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import numpy as np

from datastore.backends.csv_blocks import BAD_SHOWN, FORMS, BadLine, BlockFile, Place
from datastore.backends.csv_layout import MetricFile, Unit
from datastore.ports import Columns, Instants, Numbers
from plant.metrics import CATALOGUE
from plant.model import DAY

SLAB_NUMBERS = 1_500_000
TEXT_BYTES = 8 << 20
LEAST_BLOCK, MOST_BLOCK = 1 << 16, 1 << 20

_NEVER = -(2**62)
_LAST = 9


@dataclass(frozen=True, slots=True)
class Mark:
    """Where reading a file goes on: at byte `offset`, line `line`; rows before byte `seen` that are older than the slabs' end have been
    handed out. `rows` and `bad_lines` were counted until `seen`."""

    offset: int
    line: int
    form: int
    seen: int
    rows: int
    bad_lines: int


@dataclass(slots=True)
class _Block:
    """Rows of one read that have not been handed out, and where that read began."""

    begin: Place
    at: Instants
    values: Numbers
    oldest: int = field(init=False)

    def __post_init__(self) -> None:
        self.oldest = int(self.at.min())


class Feed:
    """One file: what has been read of it and not yet handed out. `fault` says why it ended early, empty when it did not."""

    def __init__(self, about: MetricFile, zone: tzinfo, block: int, mark: Mark | None = None, until: int = _NEVER) -> None:
        self.about = about
        self.rows, self.bad_lines = (mark.rows, mark.bad_lines) if mark else (0, 0)
        self.bad: list[BadLine] = []
        self.fault = ""
        self.size = about.path.stat().st_size
        self.ended = False
        self.newest = _NEVER
        self._file = BlockFile(about.path, about.delimiter, zone)
        self._block = block
        self._place = Place(mark.offset, mark.line, FORMS[mark.form]) if mark else Place(about.begin)
        self._seen, self._until = (mark.seen, until) if mark else (0, _NEVER)
        self._blocks: list[_Block] = []

    @property
    def numbers(self) -> int:
        return sum(len(block.at) for block in self._blocks)

    @property
    def oldest(self) -> int | None:
        """The oldest row in memory; None when there is none."""
        return min((block.oldest for block in self._blocks), default=None)

    @property
    def offset(self) -> int:
        """How many bytes of the file have been read."""
        if self.ended and not self.fault:
            return self.size
        return self._file.position if self.about.is_packed else self._place.offset

    def read(self) -> None:
        """Take one block of lines into memory."""
        begin = Place(self._place.offset, self._place.line, self._place.form)
        try:
            rows = self._file.read(self._place, self._block)
        except (OSError, EOFError, zlib.error) as error:
            self.fault = f"cannot be read on from line {self._place.line}: {getattr(error, 'strerror', None) or error}"
            rows = None
        if rows is None:
            self.ended = True
            self._file.close()
            return
        at, values = rows.at, rows.values
        if begin.offset < self._seen:  # read before the import was stopped
            fresh = (rows.offsets >= self._seen) | (at >= self._until)
            self.rows += int(np.count_nonzero(rows.offsets >= self._seen))
            at, values = at[fresh], values[fresh]
        else:
            self.rows += len(at)
            self.bad_lines += rows.bad_lines
            self.bad += rows.bad[: BAD_SHOWN - len(self.bad)]
        if len(at):
            # the middle one of the last few: a single clock that was wrong must not make the file look finished
            self.newest = int(np.sort(at[-_LAST:])[len(at[-_LAST:]) // 2])
            self._blocks.append(_Block(begin, at, values))

    def take(self, start: int, end: int) -> tuple[Instants, Numbers]:
        """The rows with start ≤ at < end, in the file's order; they leave memory."""
        taken: list[tuple[Instants, Numbers]] = []
        left: list[_Block] = []
        for block in self._blocks:
            inside = (block.at >= start) & (block.at < end) if block.oldest < end else np.zeros(len(block.at), dtype=bool)
            if not inside.any():
                left.append(block)
                continue
            taken.append((block.at[inside], block.values[inside]))
            if not inside.all():
                left.append(_Block(block.begin, block.at[~inside], block.values[~inside]))
        self._blocks = left
        if not taken:
            return np.empty(0, np.int64), np.empty(0)
        return np.concatenate([at for at, _ in taken]), np.concatenate([values for _, values in taken])

    def mark(self) -> Mark:
        """Where a later run goes on."""
        place = self._blocks[0].begin if self._blocks else self._place
        return Mark(place.offset, place.line, FORMS.index(place.form), max(self._seen, self._place.offset), self.rows, self.bad_lines)

    def close(self) -> None:
        """Release what is held open."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Slab:
    """What the files say of one stretch of time before `end`: `fresh` follows on the slab before; `late` are rows older than that and
    rows that say an instant once more, each file's for itself, in the file's order."""

    end: int
    fresh: Columns
    late: Sequence[Columns] = field(default_factory=tuple)


def feeds_of(unit: Unit, zone: tzinfo, marks: Sequence[Mark] | None = None, until: int = _NEVER) -> list[Feed]:
    """The files of a device, from their beginning or from where an earlier run stopped (`marks` in the order of the files)."""
    block = max(LEAST_BLOCK, min(MOST_BLOCK, TEXT_BYTES // len(unit.files)))
    return [Feed(about, zone, block, marks[i] if marks else None, until) for i, about in enumerate(unit.files)]


def slabs(unit: Unit, feeds: Sequence[Feed], until: int = _NEVER) -> Iterator[Slab]:
    """All rows of the files, oldest slab first. `until` is the end of the last slab of an earlier run."""
    while True:
        end = _reach(feeds, until)
        if end is None:
            return
        late = [_columns(unit, [(feed.about, *feed.take(_NEVER, until))]) for feed in feeds]
        taken = [(feed.about, *feed.take(until, end)) for feed in feeds]
        once, again = [], []
        for about, at, values in taken:
            first, rest = _once(at, values)
            once.append((about, *first))
            again.append(_columns(unit, [(about, *rest)]))
        yield Slab(end, _columns(unit, once), [part for part in (*late, *again) if len(part.at)])
        until = end


def _reach(feeds: Sequence[Feed], until: int) -> int | None:
    """Read until the next slab is complete; its end, None when all files have ended."""
    while True:
        for feed in feeds:
            while not feed.ended and not feed.numbers:
                feed.read()
        known = [oldest for feed in feeds if (oldest := feed.oldest) is not None]
        if not known:
            return None
        end = max(min(known), until) // DAY * DAY + DAY
        short = [feed for feed in feeds if not feed.ended and feed.newest < end]
        if not short:
            return end
        if sum(feed.numbers for feed in feeds) > SLAB_NUMBERS:
            # never before the oldest row in memory, so that each slab takes at least one; where that one is late, only the late ones go
            return max(min(max(feed.newest, feed.oldest or _NEVER) for feed in short) + 1, until)
        min(short, key=lambda feed: feed.newest).read()


def _once(at: Instants, values: Numbers) -> tuple[tuple[Instants, Numbers], tuple[Instants, Numbers]]:
    """(each instant once, as it was said first, ascending), (what was said of it after that, in the file's order)."""
    if len(at) < 2 or bool((at[1:] > at[:-1]).all()):
        return (at, values), (at[:0], values[:0])
    order = np.argsort(at, kind="stable")
    first = order[np.append(True, np.diff(at[order]) != 0)]
    rest = np.ones(len(at), dtype=bool)
    rest[first] = False
    return (at[first], values[first]), (at[rest], values[rest])


def _columns(unit: Unit, parts: Sequence[tuple[MetricFile, Instants, Numbers]]) -> Columns:
    """Files side by side on all their instants; times of receipt are still to be filled in. A single file may say an instant twice."""
    single = len(parts) == 1
    told = [at for _, at, _ in parts if len(at)]
    at = np.empty(0, np.int64) if not told else told[0] if single else np.unique(np.concatenate(told))
    values: dict[str, Numbers] = {}
    for about, instants, numbers in parts:
        if not len(instants):
            continue
        place: Any = slice(None) if single else np.searchsorted(at, instants)
        if about.metric not in values:
            width = unit.widths.get(about.metric, 0)
            values[about.metric] = np.full((len(at), width) if CATALOGUE[about.metric].is_vector else len(at), np.nan)
        if about.element < 0:
            values[about.metric][place] = numbers
        else:
            values[about.metric][place, about.element] = numbers
    nothing = np.zeros(len(at), np.int64)
    return Columns(at, nothing, nothing, values)
