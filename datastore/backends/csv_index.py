"""What is in one file of an archive and where, a quarter of an hour at a time, so that reading a day does not mean reading a year.

`runs` says at which bytes the rows of a quarter hour lie; `quarters` holds what they come to, so a long window in few buckets is
answered without reading any row. The index is made in one pass over the file on first use, kept beside the store, and carried on
where it ended when the file has grown; a file that was changed otherwise is indexed anew.

Files are taken as sorted by time. Rows out of order are found all the same, as long as they are few; of rows with equal times the
last one in the file counts.
"""

import hashlib
import json
import logging
import os
import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from datastore.backends.csv_blocks import FORMS, BlockFile, Place, Rows, every_row
from datastore.ports import Instants, Numbers
from plant.model import QUARTER

log = logging.getLogger(__name__)

RUN = np.dtype([("quarter", "<i8"), ("offset", "<i8"), ("end", "<i8")])
"""Neighbouring rows of one quarter hour: its start [epoch ms] and the bytes they lie in. In the file's order."""
STATS = ("min", "max", "last", "sum")
SUM = np.dtype([("quarter", "<i8"), ("first", "<i8"), ("until", "<i8"), ("n", "<u4"), *((name, "<f8") for name in STATS)])
"""All readings of one quarter hour, each instant once: the first and last instant and what they come to. Ascending."""

Array = np.ndarray[Any, np.dtype[np.void]]

_VERSION = 1
_PRINT = 4096
STILL_S = 10.0
_JUMPS_ALLOWED, _ROWS_A_JUMP = 64, 16


@dataclass(frozen=True, slots=True)
class Index:
    """One file: `size`, `mtime` [ns] and `print` (a hash of its first and last bytes before byte `end`) tell whether it is still the
    same; at `end`, `line` and with `form` reading goes on; `torn` = its last line had no end; `born` [ns] changes when the file
    was indexed anew. `jumps` rows are older than their predecessor."""

    size: int
    mtime: int
    print: str
    end: int
    line: int
    form: int
    torn: bool = False
    born: int = 0
    rows: int = 0
    jumps: int = 0
    bad_lines: int = 0
    runs: Array = field(default_factory=lambda: np.empty(0, RUN))
    quarters: Array = field(default_factory=lambda: np.empty(0, SUM))

    @property
    def disordered(self) -> bool:
        """Whether so many rows are out of order that the file cannot be read in place."""
        return self.jumps > _JUMPS_ALLOWED + self.rows // _ROWS_A_JUMP

    def ranges(self, start: int, end: int) -> list[tuple[int, int]]:
        """Bytes [from, to) that hold all rows with start ≤ at < end, neighbouring ones joined; in the file's order."""
        quarter = self.runs["quarter"]
        found: list[tuple[int, int]] = []
        for begin, stop in self.runs[(quarter > start - QUARTER) & (quarter < end)][["offset", "end"]].tolist():
            if found and found[-1][1] == begin:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((begin, stop))
        return found

    def within(self, start: int, end: int) -> Array:
        """The sums of the quarters that begin in start ≤ … < end."""
        low, high = np.searchsorted(self.quarters["quarter"], (start, end))
        return self.quarters[low:high]


def read_between(file: BlockFile, index: Index, start: int, end: int) -> tuple[Instants, Numbers]:
    """The rows with start ≤ at < end: ascending instants, each once, and their numbers. Raises OSError."""
    parts = [
        (rows.at, rows.values)
        for begin, stop in index.ranges(start, end)
        for rows in every_row(file, Place(begin, form=FORMS[index.form]), end=stop)
    ]
    if not parts:
        return np.empty(0, np.int64), np.empty(0)
    at = np.concatenate([at for at, _ in parts])
    values = np.concatenate([values for _, values in parts])
    inside = (at >= start) & (at < end)
    return in_order(at[inside], values[inside])


def in_order(at: Instants, values: Numbers) -> tuple[Instants, Numbers]:
    """Sorted by time; of equal times the last one stays."""
    if len(at) > 1 and not (at[1:] > at[:-1]).all():
        order = np.argsort(at, kind="stable")
        at, values = at[order], values[order]
        kept = np.append(at[1:] != at[:-1], True)
        at, values = at[kept], values[kept]
    return at, values


def indexed(file: BlockFile, begin: int, known: Index | None) -> Index:
    """The index of a file whose rows begin at byte `begin`; `known` itself when it still holds, carried on when the file has grown.
    Raises OSError."""
    stat = file.path.stat()
    if known and (known.size, known.mtime) == (stat.st_size, stat.st_mtime_ns):
        return known
    old = known if known and not known.torn and _goes_on(file.path, known, stat.st_size) else None
    build = _Build(file, old, begin)
    # a line still being written has no end yet; one that was left so long ago will not get it
    build.read(stat.st_size, finished=time.time() - stat.st_mtime > STILL_S)
    found = build.index()
    return replace(found, size=stat.st_size, mtime=stat.st_mtime_ns, print=_print(file.path, found.end), torn=_torn(file.path, found.end))


def _goes_on(path: Path, known: Index, size: int) -> bool:
    return size >= known.end and _print(path, known.end) == known.print


def _print(path: Path, end: int) -> str:
    with path.open("rb") as file:
        first = file.read(min(_PRINT, end))
        file.seek(max(0, end - _PRINT))
        return hashlib.sha256(first + file.read(min(_PRINT, end))).hexdigest()


def _torn(path: Path, end: int) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, end - 1))
        return end > 0 and file.read(1) != b"\n"


class _Build:
    """An index in the making: one pass over the rows, then a second look at the quarters whose rows were out of order."""

    def __init__(self, file: BlockFile, old: Index | None, begin: int) -> None:
        self._file = file
        self._place = Place(old.end, old.line, FORMS[old.form]) if old else Place(begin)
        self._born = old.born if old else time.time_ns()
        self._rows, self._jumps, self._bad = (old.rows, old.jumps, old.bad_lines) if old else (0, 0, 0)
        self._runs = [old.runs] if old and len(old.runs) else []
        self._sums = [old.quarters] if old and len(old.quarters) else []
        self._unsettled: set[int] = set()
        self._newest = -(2**62)
        if old and len(old.runs):
            same = old.quarters[old.quarters["quarter"] == old.runs[-1]["quarter"]]
            self._newest = int(same["until"][0])

    def read(self, size: int, finished: bool) -> None:
        for rows in every_row(self._file, self._place, end=size, finished=finished):
            self._bad += rows.bad_lines
            if len(rows.at):
                self._take(rows)
            if self._disordered:
                return

    @property
    def _disordered(self) -> bool:
        return self._jumps > _JUMPS_ALLOWED + self._rows // _ROWS_A_JUMP

    def _take(self, rows: Rows) -> None:
        at, values = rows.at, rows.values
        quarter = at // QUARTER * QUARTER
        steps = np.diff(at, prepend=self._newest)
        starts = np.flatnonzero(np.diff(quarter, prepend=quarter[0] - 1))
        stops = np.append(starts[1:], len(at))
        self._rows += len(at)
        self._jumps += int(np.count_nonzero(steps < 0))
        self._newest = int(at[-1])
        standing = np.flatnonzero(steps <= 0)
        self._unsettled.update(np.unique(quarter[standing]).tolist())
        runs = np.empty(len(starts), RUN)
        runs["quarter"], runs["offset"] = quarter[starts], rows.offsets[starts]
        runs["end"] = np.append(rows.offsets[starts[1:]], rows.end)
        sums = np.empty(len(starts), SUM)
        sums["quarter"], sums["first"], sums["until"], sums["n"] = quarter[starts], at[starts], at[stops - 1], stops - starts
        sums["min"], sums["max"] = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        sums["last"], sums["sum"] = values[stops - 1], np.add.reduceat(values, starts)
        self._join(runs, sums)

    def _join(self, runs: Array, sums: Array) -> None:
        """Add the runs of a block; the first one may go on with the last one of the block before."""
        if self._runs and self._runs[-1][-1]["quarter"] == runs[0]["quarter"] == self._sums[-1][-1]["quarter"]:
            self._runs[-1], self._sums[-1] = self._runs[-1].copy(), self._sums[-1].copy()
            self._runs[-1][-1]["end"] = runs[0]["end"]
            one, more = self._sums[-1][-1], sums[0]
            one["until"], one["last"] = more["until"], more["last"]
            one["n"] += more["n"]
            one["sum"] += more["sum"]
            one["min"], one["max"] = min(one["min"], more["min"]), max(one["max"], more["max"])
            runs, sums = runs[1:], sums[1:]
        if len(runs):
            if self._runs:
                self._runs[-1][-1]["end"] = runs[0]["offset"]
            self._runs.append(runs)
            self._sums.append(sums)

    def index(self) -> Index:
        """What was found. Of a disordered file only that it is."""
        head = (self._place.offset, self._place.line, FORMS.index(self._place.form), False, self._born, self._rows, self._jumps, self._bad)
        if self._disordered or not self._runs:
            return Index(0, 0, "", *head)
        found = Index(0, 0, "", *head, runs=np.concatenate(self._runs))
        sums = np.concatenate(self._sums)
        known, times = np.unique(sums["quarter"], return_counts=True)
        again = sorted(self._unsettled.union(known[times > 1].tolist()))
        settled = [self._settled(found, quarter) for quarter in again]
        sums = np.concatenate([sums[~np.isin(sums["quarter"], again)], *settled])
        return replace(found, quarters=sums[np.argsort(sums["quarter"])])

    def _settled(self, found: Index, quarter: int) -> Array:
        at, values = read_between(self._file, found, quarter, quarter + QUARTER)
        told = (quarter, at[0], at[-1], len(at), values.min(), values.max(), values[-1], values.sum())
        return np.array([told], dtype=SUM)


class Shelf:
    """Where indexes are kept: one small file each in `folder`, named after the file and the zone its times are in. A shelf that cannot
    be written costs time at the next start, nothing else."""

    def __init__(self, folder: Path, zone: str) -> None:
        self._folder = folder
        self._zone = zone

    def _place(self, path: Path) -> Path:
        return self._folder / (hashlib.sha256(f"{path.resolve()}\n{self._zone}".encode()).hexdigest()[:32] + ".index")

    def get(self, path: Path) -> Index | None:
        """What was kept of this file; None when nothing, or nothing that can be read."""
        try:
            head, _, body = self._place(path).read_bytes().partition(b"\n")
            told = json.loads(head)
            if told.pop("version") != _VERSION or told.pop("check") != hashlib.sha256(body).hexdigest():
                return None
            cut = told.pop("runs") * RUN.itemsize
            return Index(**told, runs=np.frombuffer(body[:cut], RUN), quarters=np.frombuffer(body[cut:], SUM))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, path: Path, index: Index) -> None:
        """Keep it, all or nothing."""
        body = index.runs.tobytes() + index.quarters.tobytes()
        head = {f.name: getattr(index, f.name) for f in fields(index) if f.name not in ("runs", "quarters")}
        head |= {"version": _VERSION, "check": hashlib.sha256(body).hexdigest(), "runs": len(index.runs)}
        place = self._place(path)
        draft = place.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(json.dumps(head).encode() + b"\n" + body)
            draft.replace(place)
        except OSError as error:
            log.warning("the index of %s cannot be kept: %s", path, error.strerror or error)
            draft.unlink(missing_ok=True)
