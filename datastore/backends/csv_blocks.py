"""The rows of a file with two columns, time and number, a block of bytes at a time: at memory speed where the lines are sound, line by
line where they are not, so that a broken line spoils only itself. Memory is bounded by the block, whatever the file.
"""

import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from pyarrow import csv

from datastore.arrow import pa
from datastore.ports import Instants, Numbers
from datastore.vetting import LARGEST
from plant import timeline
from plant.model import QUARTER

BLOCK = 1 << 20
LONGEST_LINE = 1 << 16
FEW_LINES = 64
BAD_SHOWN = 100
"""Of so many bad lines of a block the reasons are told; the others are counted."""

_NAIVE, _ZONED, _NUMBER = pa.timestamp("ns"), pa.timestamp("ns", "UTC"), pa.float64()
FORMS = (_NAIVE, _ZONED, _NUMBER)
_SILENT = ["", "NaN", "nan", "NULL", "null", "None", "N/A", "-"]
_EPOCH = datetime(1970, 1, 1)


class BadLine(NamedTuple):
    """A line that is not kept: its number in the file (the header is line 1) and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What a block of lines says, in the file's order: `at` int64 [n], `values` float64 [n] (finite), `offsets` int64 [n] the byte each
    row's line begins at, counted in the file. The block ends at byte `end`, of which `lines` lines were read; `bad` are the first of
    `bad_lines`."""

    at: Instants
    values: Numbers
    offsets: Instants
    end: int
    lines: int
    bad_lines: int = 0
    bad: list[BadLine] = field(default_factory=list)


@dataclass(slots=True)
class Place:
    """How far a file has been read: the byte and the line number (header = 1) that come next, and the form its times had."""

    offset: int
    line: int = 2
    form: Any = _NAIVE


class BlockFile:
    """One file of rows, read from wherever `place` stands. A packed file (gzip) can only be read on; going back begins anew."""

    def __init__(self, path: Path, delimiter: str = ",", zone: tzinfo = UTC) -> None:
        self.path = path
        self._delimiter = delimiter
        self._zone = zone
        self._stream: gzip.GzipFile | None = None

    def read(self, place: Place, size: int | None = None, end: int | None = None, finished: bool = True) -> Rows | None:
        """The next lines from `place` on, about `size` bytes of them (BLOCK by default) and none that begins at or after byte `end`;
        None at the end of the file. `place` moves on. A last line without line end is read only when the file is `finished`. Raises
        OSError; EOFError or zlib.error for a damaged packed file."""
        size = size or BLOCK
        if end is not None:
            size = min(size, end - place.offset)
        raw = self._bytes(place.offset, size, finished) if size > 0 else b""
        if not raw:
            return None
        rows = parsed(raw, place, self._delimiter, self._zone)
        place.offset, place.line = rows.end, place.line + rows.lines
        return rows

    def _bytes(self, offset: int, size: int, finished: bool) -> bytes:
        """Whole lines; a line that is far too long comes cut short."""
        with self._opened(offset) as file:
            raw = file.read(size)
            if raw and not raw.endswith(b"\n"):
                rest = file.readline(LONGEST_LINE)
                raw += rest
                if not raw.endswith(b"\n") and not finished:
                    raw = raw[: raw.rfind(b"\n") + 1]
        return raw

    def _opened(self, offset: int) -> BinaryIO:
        # plain files are opened for each block: an archive may have more files than a process may hold open
        if self.path.suffix != ".gz":
            file = self.path.open("rb")
            file.seek(offset)
            return file
        if self._stream is None or self._stream.closed or self._stream.tell() > offset:
            self.close()
            self._stream = gzip.GzipFile(self.path, "rb")
        self._stream.seek(offset)
        return cast(BinaryIO, _Kept(self._stream))

    @property
    def position(self) -> int:
        """How far a packed file has been read, in its own (packed) bytes."""
        return cast(BinaryIO, self._stream.fileobj).tell() if self._stream is not None and self._stream.fileobj is not None else 0

    def close(self) -> None:
        """Release what is held open."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class _Kept:
    """A stream that stays open when its `with` ends."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def __enter__(self) -> gzip.GzipFile:
        return self._stream

    def __exit__(self, *_: object) -> None:
        """Leave it open."""


def parsed(raw: bytes, place: Place, delimiter: str = ",", zone: tzinfo = UTC) -> Rows:
    """Lines that begin at `place` as rows. `place.form` learns how the times are written; the rest of it does not move."""
    ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == 10) + 1
    if not raw.endswith(b"\n"):
        ends = np.append(ends, len(raw))
    begins = np.concatenate([[0], ends[:-1]])
    found = _Found()
    _parse(_Lines(raw, begins, ends), 0, len(ends), place, delimiter, zone, found)
    empty = [np.empty(0, np.int64)]
    return Rows(
        np.concatenate(found.at or empty),
        np.concatenate(found.values or [np.empty(0)]),
        np.concatenate(found.offsets or empty) + place.offset,
        place.offset + len(raw),
        len(ends),
        found.bad_lines,
        found.bad,
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    raw: bytes
    begins: Instants
    ends: Instants

    def text(self, line: int) -> bytes:
        return self.raw[self.begins[line] : self.ends[line]].rstrip(b"\r\n")


@dataclass(slots=True)
class _Found:
    at: list[Instants] = field(default_factory=list)
    values: list[Numbers] = field(default_factory=list)
    offsets: list[Instants] = field(default_factory=list)
    bad_lines: int = 0
    bad: list[BadLine] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        self.bad_lines += 1
        if len(self.bad) < BAD_SHOWN:
            self.bad.append(BadLine(line, reason))


def _parse(lines: _Lines, low: int, high: int, place: Place, delimiter: str, zone: tzinfo, found: _Found) -> None:
    """Lines low … high: all at once, or else each half for itself, and at last line by line."""
    if high - low > FEW_LINES:
        rows = _at_once(lines, low, high, place, delimiter, zone)
        if rows is None:
            middle = (low + high) // 2
            _parse(lines, low, middle, place, delimiter, zone, found)
            _parse(lines, middle, high, place, delimiter, zone, found)
            return
        at, values, kept = rows
        for line in np.flatnonzero(~kept).tolist():
            _judge(lines, low + line, place.line, delimiter, zone, found)
        found.at.append(at[kept])
        found.values.append(values[kept])
        found.offsets.append(lines.begins[low:high][kept])
        return
    told = [(line, row) for line in range(low, high) if (row := _judge(lines, line, place.line, delimiter, zone, found)) is not None]
    found.at.append(np.array([at for _, (at, _) in told], dtype=np.int64))
    found.values.append(np.array([value for _, (_, value) in told], dtype=np.float64))
    found.offsets.append(lines.begins[[line for line, _ in told]])


def _at_once(
    lines: _Lines, low: int, high: int, place: Place, delimiter: str, zone: tzinfo
) -> tuple[Instants, Numbers, "np.ndarray[Any, np.dtype[np.bool_]]"] | None:
    """(instants, numbers, which lines may be kept) of lines that all have two columns of the expected form; None when some have not."""
    part = pa.py_buffer(lines.raw).slice(int(lines.begins[low]), int(lines.ends[high - 1] - lines.begins[low]))
    for form in dict.fromkeys((place.form, *FORMS)):
        try:
            table = csv.read_csv(
                pa.BufferReader(part),
                csv.ReadOptions(column_names=["at", "value"], use_threads=False, block_size=part.size + 1),
                csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
                csv.ConvertOptions(
                    column_types={"at": form, "value": pa.float64()}, timestamp_parsers=[csv.ISO8601], null_values=_SILENT, check_utf8=False
                ),
            )
        except pa.ArrowInvalid:
            continue
        if table.num_rows != high - low:
            return None
        place.form = form
        values = table["value"].to_numpy()
        times, known = table["at"].fill_null(0), table["at"].is_valid().to_numpy()
        at, known = _numbers(times.to_numpy(), known) if form is _NUMBER else (times.cast(pa.int64()).to_numpy() // 1_000_000, known)
        if form is _NAIVE and zone is not UTC:
            at = at - _shift(at, zone)
        return at, values, known & (np.abs(values) <= LARGEST)
    return None


def _numbers(said: Numbers, known: Any) -> tuple[Instants, Any]:
    """Epoch seconds or milliseconds, as `timeline.parse` tells them apart."""
    millis = np.where(np.abs(said) < timeline.SECONDS_END, said * 1000, said)
    known = known & (millis >= timeline.EARLIEST) & (millis <= timeline.LATEST)
    return np.rint(np.where(known, millis, 0)).astype(np.int64), known


def _shift(local: Instants, zone: tzinfo) -> Instants:
    """What local time is ahead of UTC [ms]; it only changes between quarter hours."""
    quarters, places = np.unique(local // QUARTER, return_inverse=True)
    return np.array([_offset(quarter, zone) for quarter in quarters.tolist()], dtype=np.int64)[places]


@lru_cache(maxsize=4096)
def _offset(quarter: int, zone: tzinfo) -> int:
    ahead = (_EPOCH + timedelta(milliseconds=quarter * QUARTER)).replace(tzinfo=zone).utcoffset() or timedelta()
    return ahead // timedelta(milliseconds=1)


def _judge(lines: _Lines, line: int, first: int, delimiter: str, zone: tzinfo, found: _Found) -> tuple[int, float] | None:
    """One line: (instant, number), or None with its fault noted; a blank line is no fault."""
    raw = lines.text(line)
    if not raw.strip():
        return None
    try:
        return _row(raw, delimiter, zone)
    except ValueError as error:
        found.reject(first + line, str(error))
        return None


def _row(raw: bytes, delimiter: str, zone: tzinfo) -> tuple[int, float]:
    if len(raw) >= LONGEST_LINE:
        raise ValueError(f"the line is longer than {LONGEST_LINE >> 10} KiB")
    try:
        cells = [cell.strip().strip('"').strip() for cell in raw.decode("utf-8").split(delimiter)]
    except UnicodeDecodeError:
        raise ValueError("the line is not UTF-8 text") from None
    while len(cells) > 2 and not cells[-1]:
        cells.pop()
    if len(cells) != 2:
        raise ValueError(f"the line has {len(cells)} column{'s' if len(cells) > 1 else ''} instead of 2")
    at = timeline.parse(cells[0], zone)
    if cells[1] in _SILENT:
        raise ValueError("the value is empty" if cells[1] == "" else f"the value is '{cells[1]}'")
    try:
        value = float(cells[1])
    except ValueError:
        raise ValueError(f"'{cells[1][:40]}' is not a number") from None
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise ValueError(f"'{cells[1][:40]}' is not a possible number")
    return at, value


def every_row(file: BlockFile, place: Place, size: int | None = None, end: int | None = None, finished: bool = True) -> Iterator[Rows]:
    """Block after block until `end` or the end of the file."""
    while (rows := file.read(place, size, end, finished)) is not None:
        yield rows
