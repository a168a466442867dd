"""Files into the store: line by line, in blocks, through the one way in."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from datastore.ports import Outcome
from datastore.store import Store
from datastore.vetting import id_fault
from plant import timeline
from plant.errors import DeviceNotFound
from plant.model import Block, Reading
from services.importing.formats import BadCell, BadFile, Format, Opened, Source
from services.importing.lines import Line, read_lines
from services.importing.registry import choose

BLOCK_ROWS = 500
SAMPLE_LINES = 200
IN_FLIGHT = 4
BAD_KEPT, BAD_SHOWN = 1_000, 10
PATIENCE_S = 60.0

Progress = Callable[[float, str], None]
"""(share done of all files, 0…1, what is being read)."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that was not kept: its number in the file (the header is line 1), the column at fault ("" = the line itself), why."""

    line: int
    column: str
    reason: str


@dataclass(slots=True)
class Report:
    """What became of one file. `rows` are its data lines; readings are counted as inserted, merged, revised or duplicates (one line
    may carry readings of several devices). `bad` holds the first thousand of `bad_rows`. `error` says why the file stopped, empty
    when it did not."""

    path: Path
    format: str = ""
    rows: int = 0
    inserted: int = 0
    merged: int = 0
    revised: int = 0
    duplicates: int = 0
    bad_rows: int = 0
    bad: list[BadRow] = field(default_factory=list)
    devices: list[tuple[str, str]] = field(default_factory=list)
    first: int | None = None
    last: int | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether every line was kept."""
        return not self.error and not self.bad_rows

    def reject(self, line: int, column: str, reason: str) -> None:
        """Count a line that is not kept."""
        self.bad_rows += 1
        if len(self.bad) < BAD_KEPT:
            self.bad.append(BadRow(line, column, reason))

    def __str__(self) -> str:
        """What became of the file, for a person: some lines of text."""
        if self.error:
            return f"{self.path}: {self.error}"
        known = ", ".join(f"{device_id} ({kind})" for device_id, kind in self.devices) or "no device"
        lines = [
            f"{self.path}: {self.format}, {self.rows} lines → {known}",
            f"  readings: {self.inserted} new, {self.merged} completed, {self.revised} corrected, {self.duplicates} known already;"
            f" {self.bad_rows} bad lines",
        ]
        if self.first is not None and self.last is not None:
            lines.append(f"  from {timeline.iso(self.first)} to {timeline.iso(self.last)}")
        lines += [f"  line {bad.line}{f', column {bad.column}' if bad.column else ''}: {bad.reason}" for bad in self.bad[:BAD_SHOWN]]
        if self.bad_rows > BAD_SHOWN:
            lines.append(f"  … and {self.bad_rows - BAD_SHOWN} more bad lines")
        return "\n".join(lines)

    def span(self, at: int) -> None:
        """Widen the time the file covers."""
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Add what became of some blocks."""
        for outcome in outcomes:
            self.inserted += outcome.inserted
            self.merged += outcome.merged
            self.revised += outcome.revised
            self.duplicates += outcome.duplicates


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asks for: a format, a zone for times without one, a device id; None = as the file and its format say."""

    fmt: str | None = None
    zone: str | None = None
    device: str | None = None


def import_files(
    store: Store,
    paths: Sequence[Path | str],
    fmt: str | None = None,
    zone: str | None = None,
    progress: Progress | None = None,
    device: str | None = None,
) -> list[Report]:
    """Import each file; one report per file, in order. `fmt` names a format when its header is not to be trusted, `zone` (IANA) is for
    times without one, `device` replaces the device id the file gives. A file that cannot be read or does not fit says so in its
    report; the others go on. Raises Unavailable when the store stops answering."""
    wish = Wish(fmt, zone, device)
    files = [Path(path) for path in paths]
    sizes = [_size(file) for file in files]
    total = sum(sizes) or 1
    reports = []
    for number, file in enumerate(files):
        before = sum(sizes[:number])
        reports.append(_import(store, file, wish, _share(progress, file.name, before, total)))
        if progress:
            progress((before + sizes[number]) / total, file.name)
    return reports


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _share(progress: Progress | None, name: str, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress((before + done) / total, name) if progress else None


def _import(store: Store, path: Path, wish: Wish, progress: Callable[[int], None]) -> Report:
    report = Report(path)
    try:
        with path.open("rb") as file:
            _read(store, file, report, wish, progress)
    except OSError as error:
        report.error = f"cannot be read: {error.strerror or error}"
    except BadFile as error:
        report.error = str(error)
    return report


def _read(store: Store, file: BinaryIO, report: Report, wish: Wish, progress: Callable[[int], None]) -> None:
    lines = read_lines(file)
    header = next(lines, None)
    if header is None:
        raise BadFile("the file is empty")
    if header.fault:
        raise BadFile(f"the header cannot be read: {header.fault}")
    form = choose(header.cells, wish.fmt)
    report.format = form.name
    sample = list(islice(lines, SAMPLE_LINES))
    opened = form.open(_source(store, report.path.stem, form, wish, header.cells, sample))
    sender = _Sender(store, opened, report)
    for line in _chained(sample, lines):
        report.rows += 1
        _take(line, len(header.cells), opened, sender, report)
        if sender.full:
            sender.send()
            progress(line.end)
    sender.send()
    sender.finish()


def _source(store: Store, stem: str, form: Format, wish: Wish, header: Sequence[str], sample: Sequence[Line]) -> Source:
    kinds: dict[str, list[str]] = {}
    for known in store.records.devices():
        kinds.setdefault(known.device_id, []).append(known.kind)
    try:
        place = ZoneInfo(wish.zone or form.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadFile(f"'{wish.zone}' is not an IANA time zone such as US/Mountain") from None
    return Source(stem, place, wish.device, kinds, header, [line.cells for line in sample if len(line.cells) == len(header)])


def _chained(first: Iterable[Line], rest: Iterator[Line]) -> Iterator[Line]:
    yield from first
    yield from rest


def _take(line: Line, width: int, opened: Opened, sender: "_Sender", report: Report) -> None:
    if line.fault:
        report.reject(line.number, "", line.fault)
        return
    cells = line.cells
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) != width:
        report.reject(line.number, "", f"the line has {len(cells)} columns, the header {width}")
        return
    try:
        readings = opened.decode(cells)
    except BadCell as bad:
        report.reject(line.number, bad.column, bad.reason)
        return
    for reading in readings:
        if reading.values:
            sender.add(line.number, reading)


class _Sender:
    """Collects readings into blocks and hands them to the intake, a few commits ahead of the oldest unanswered one."""

    def __init__(self, store: Store, opened: Opened, report: Report) -> None:
        self._store = store
        self._describe = opened.describe
        self._report = report
        self._known: set[tuple[str, str]] = set()
        self._blocks: dict[tuple[str, tuple[str, ...]], tuple[Block, list[int]]] = {}
        self._waiting: deque[Future[list[Outcome]]] = deque()
        self._rows = 0

    @property
    def full(self) -> bool:
        return self._rows >= BLOCK_ROWS

    def add(self, line: int, reading: Reading) -> None:
        """Put a reading into the block of its shape."""
        kind, names = str(reading.kind), tuple(reading.values)
        if (reading.device_id, kind) not in self._known and not self._welcome(line, reading.device_id, kind):
            return
        block, lines = self._blocks.setdefault((kind, names), (Block(kind, names, []), []))
        self._report.span(reading.at)
        block.rows.append((reading.device_id, reading.at, self._store.clock(), 0, *reading.values.values()))
        lines.append(line)
        self._rows += 1

    def send(self) -> None:
        """Submit what was collected; lines the intake refuses go to the report."""
        if not self._rows:
            return
        blocks = [block for block, _ in self._blocks.values()]
        lines = [line for _, numbers in self._blocks.values() for line in numbers]
        future, rejected = self._store.intake.offer(blocks, PATIENCE_S)
        for refusal in rejected:
            self._report.reject(lines[refusal.index], refusal.field, refusal.reason)
        self._waiting.append(future)
        self._blocks, self._rows = {}, 0
        while len(self._waiting) > IN_FLIGHT:
            self._report.count(self._waiting.popleft().result())

    def finish(self) -> None:
        """Wait until everything is durable."""
        while self._waiting:
            self._report.count(self._waiting.popleft().result())

    def _welcome(self, line: int, device_id: str, kind: str) -> bool:
        """Whether this may be a device. One the store does not know gets its name and source; what somebody edited stays as it is."""
        fault = id_fault(device_id)
        if fault:
            self._report.reject(line, "device_id", fault)
            return False
        try:
            self._store.records.device(device_id, kind)
        except DeviceNotFound:
            self._store.records.put_devices([self._describe(device_id, kind)])
        self._known.add((device_id, kind))
        self._report.devices.append((device_id, kind))
        return True
