"""A CSV archive of S0 (`BESS/<device>/<metric>.csv`) into the store: all files of a device merged by time, a day at a time, on the bulk
road. Memory is bounded whatever the size; progress is kept beside the records, so an import that was killed goes on where it was, and
one that is repeated finds everything known.

What the store has already is looked at before anything is written: a row that says nothing new is a duplicate, one that adds a metric
or changes a value takes the road of a late reading, and only instants of which nothing is kept are loaded.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from datastore.backends.common import rows_of
from datastore.backends.csv_layout import Unit, archive_folder, survey
from datastore.columns import days, take, window_of
from datastore.flagging import AHEAD, EPOCH_2000, LATE_AFTER
from datastore.ports import Columns, Numbers, Outcome
from datastore.sources import own
from datastore.store import Store
from datastore.vetting import SIGNED
from plant.errors import DeviceNotFound
from plant.metrics import CATALOGUE
from plant.model import Block, Quality
from services.importing.archive_report import ArchiveReport, FileReport, Progress, UnitReport
from services.importing.archive_slabs import Feed, Mark, Slab, feeds_of, slabs
from services.importing.formats import BadFile

NAME = "bms-archive"
REMEMBER_EVERY_S = 0.5
"""How much work a kill may undo; what is read again is found known."""


def is_archive(path: Path) -> bool:
    """Whether this is a folder that holds (or is) `BESS/`."""
    return archive_folder(path) is not None


def import_archive(
    store: Store, path: Path, zone: str | None = None, device: str | None = None, progress: Callable[[Progress], None] | None = None
) -> ArchiveReport:
    """Import the archive in `path`. `zone` (IANA, UTC by default) is that of times without one; `device` replaces the name of the only
    folder. Raises BadFile for what is no archive, Unavailable when the store stops answering: begun again, it goes on."""
    folder = archive_folder(path)
    if folder is None:
        raise BadFile(f"{path} is no archive: it holds no folder BESS")
    place = _zone(zone)
    try:
        units, skipped = survey(folder)
        report = ArchiveReport(folder, skipped=skipped)
        _import_all(store, folder, _renamed(units, device) if device else units, place, report, progress)
    except OSError as error:
        raise BadFile(f"{error.filename or folder} cannot be read: {error.strerror or error}") from None
    return report


def _import_all(
    store: Store, folder: Path, units: Sequence[Unit], zone: tzinfo, report: ArchiveReport, progress: Callable[[Progress], None] | None
) -> None:
    sizes = {file.path: file.path.stat().st_size for unit in units for file in unit.files}
    state = Progress(sum(sizes.values()))
    parts = [_Import(store, folder, unit, zone, state, progress) for unit in units]
    for unit, part in zip(units, parts, strict=True):
        before = state.done
        report.units.append(part.run())
        state.done = before + sum(sizes[file.path] for file in unit.files)
    for part in parts:
        part.done()
    store.telemetry.maintain()
    if progress:
        progress(state)


def _zone(name: str | None) -> tzinfo:
    if name in (None, "", "UTC"):
        return UTC
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadFile(f"'{name}' is not an IANA time zone such as Asia/Taipei") from None


def _renamed(units: Sequence[Unit], device: str) -> list[Unit]:
    folders = {unit.folder for unit in units}
    if len(folders) > 1:
        raise BadFile(f"--device is for an archive of one device; this one holds {len(folders)}")
    return [replace(unit, device_id=device + unit.device_id.removeprefix(unit.folder), folder=device) for unit in units]


class _Import:
    """One device on its way into the store."""

    def __init__(
        self, store: Store, folder: Path, unit: Unit, zone: tzinfo, state: Progress, progress: Callable[[Progress], None] | None
    ) -> None:
        self._store = store
        # the same archive may be read in place: what a source has is not kept
        self._telemetry = own(store.telemetry)
        self._unit = unit
        self._zone = zone
        self._state, self._progress = state, progress
        self._report = UnitReport(unit.device_id, unit.kind)
        name = hashlib.sha256(f"{folder.resolve()}\n{zone}\n{unit.device_id}\n{unit.kind}".encode()).hexdigest()[:24]
        self._setting = f"import:{NAME}:{name}"
        self._sign = 1

    def run(self) -> UnitReport:
        self._welcome()
        identity = [_identity(file.path) for file in self._unit.files]
        marks, until = self._resume(identity)
        feeds = feeds_of(self._unit, self._zone, marks, until)
        before, read_before = self._state.done, sum(feed.rows for feed in feeds)
        rows, remembered = self._state.rows, time.monotonic()
        self._state.device = f"{self._unit.device_id} ({self._unit.kind})"
        try:
            for slab in slabs(self._unit, feeds, until):
                self._keep(slab)
                until = slab.end
                if time.monotonic() - remembered >= REMEMBER_EVERY_S:
                    self._remember(identity, feeds, until)
                    remembered = time.monotonic()
                self._state.done = before + sum(feed.offset for feed in feeds)
                self._state.rows = rows + sum(feed.rows for feed in feeds) - read_before
                if self._progress:
                    self._progress(self._state)
            self._remember(identity, feeds, until)
        finally:
            for feed in feeds:
                feed.close()
        self._report.rows = sum(feed.rows for feed in feeds)
        self._report.files = [FileReport(f.about.path, f.rows, f.bad_lines, f.bad, f.fault) for f in feeds]
        return self._report

    def done(self) -> None:
        """The archive is imported: importing it once more begins at the beginning."""
        self._store.records.put_setting(self._setting, None)

    def _welcome(self) -> None:
        """The device becomes known; what somebody edited stays as it is."""
        records = self._store.records
        try:
            self._sign = records.device(*self._unit.key).sign
        except DeviceNotFound:
            records.put_devices([self._unit.device(NAME)])

    # -- going on ---------------------------------------------------------------------------------------------------

    def _resume(self, identity: Sequence[str]) -> tuple[list[Mark] | None, int]:
        """Where an earlier import of the same files stopped."""
        kept: Any = self._store.records.setting(self._setting)
        if not kept or kept.get("files") != list(identity):
            return None, -(2**62)
        for name, value in kept["counts"].items():
            setattr(self._report, name, value)
        self._report.resumed = kept["until"]
        return [Mark(**mark) for mark in kept["marks"]], kept["until"]

    def _remember(self, identity: Sequence[str], feeds: Sequence[Feed], until: int) -> None:
        """Durable once it returns: what was kept so far need not be read again."""
        counts = {name: getattr(self._report, name) for name in ("inserted", "merged", "revised", "duplicates", "first", "last")}
        marks = [asdict(feed.mark()) for feed in feeds]
        self._store.records.put_setting(self._setting, {"files": list(identity), "until": until, "marks": marks, "counts": counts})

    # -- keeping ----------------------------------------------------------------------------------------------------

    def _keep(self, slab: Slab) -> None:
        for _, part in days(slab.fresh):
            self._keep_new(self._judged(part))
        for late in slab.late:
            ordered = take(late, np.argsort(late.at, kind="stable"))
            for _, part in days(ordered):
                # one instant told several times: each telling is a reading of its own
                turn = _turns(part.at)
                for number in range(int(turn.max()) + 1):
                    self._keep_known(self._judged(take(part, turn == number)))

    def _judged(self, columns: Columns) -> Columns:
        """With signs as the product counts them, times of receipt and quality."""
        values = {name: 0.0 - v if self._sign < 0 and name in SIGNED else v for name, v in columns.values.items() if not np.isnan(v).all()}
        now = self._store.clock()
        received = np.full(len(columns.at), now, dtype=np.int64)
        astray = (columns.at < EPOCH_2000) | (columns.at > now + AHEAD)
        quality = np.where(astray, int(Quality.CLOCK), np.where(columns.at < now - LATE_AFTER, int(Quality.LATE), 0))
        for name, column in values.items():
            quality = np.where(_impossible(name, column), quality | int(Quality.OUT_OF_RANGE), quality)
        self._span(columns)
        return Columns(columns.at, received, quality.astype(np.int64), values)

    def _span(self, columns: Columns) -> None:
        first, last = int(columns.at.min()), int(columns.at.max())
        self._report.first = first if self._report.first is None else min(first, self._report.first)
        self._report.last = last if self._report.last is None else max(last, self._report.last)

    def _keep_new(self, columns: Columns) -> None:
        """Readings of one day, most of them of instants nothing is kept of: those are loaded."""
        kept = self._telemetry.columns(*self._unit.key, list(columns.values), window_of(columns))
        known = np.isin(columns.at, kept.at)
        fresh = take(columns, ~known)
        if len(fresh.at):
            loaded = self._telemetry.load(*self._unit.key, fresh)
            # an instant of which other metrics are kept is completed, not new
            self._report.count(Outcome(inserted=loaded, merged=len(fresh.at) - loaded))
        if known.any():
            self._compare(take(columns, known), take(kept, np.isin(kept.at, columns.at)))

    def _keep_known(self, columns: Columns) -> None:
        """Late readings: few, each instant once."""
        kept = self._telemetry.columns(*self._unit.key, list(columns.values), window_of(columns))
        known = np.isin(columns.at, kept.at)
        self._append(take(columns, ~known))
        self._compare(take(columns, known), take(kept, np.isin(kept.at, columns.at)))

    def _compare(self, columns: Columns, kept: Columns) -> None:
        """Rows of the same instants: those that say something new are appended; of a vector, what the row leaves open stays."""
        new = np.zeros(len(columns.at), dtype=bool)
        values: dict[str, Numbers] = {}
        for name, column in columns.values.items():
            column, old = _as_wide(column, kept.values[name])
            differs = ~np.isnan(column) & (column != old)
            new |= differs if column.ndim == 1 else differs.any(axis=1)
            values[name] = column if column.ndim == 1 else np.where(np.isnan(column), old, column)
        self._report.duplicates += int(np.count_nonzero(~new))
        self._append(take(Columns(columns.at, columns.received, columns.quality, values), new))

    def _append(self, columns: Columns) -> None:
        if len(columns.at):
            names, rows = rows_of(self._unit.device_id, columns)
            self._report.count(self._telemetry.append([Block(self._unit.kind, names, rows)])[0])


def _identity(path: Path) -> str:
    """Changes when the file does: name, size, time of change and a hash of its first bytes."""
    stat = path.stat()
    with path.open("rb") as file:
        head = hashlib.sha256(file.read(4096)).hexdigest()[:16]
    return f"{path.name} {stat.st_size} {stat.st_mtime_ns} {head}"


def _impossible(name: str, column: Numbers) -> Any:
    low, high = CATALOGUE[name].valid
    with np.errstate(invalid="ignore"):
        outside = (column < (-np.inf if low is None else low)) | (column > (np.inf if high is None else high))
    return outside if outside.ndim == 1 else outside.any(axis=1)


def _as_wide(column: Numbers, old: Numbers) -> tuple[Numbers, Numbers]:
    """Vectors brought to the width of the wider; scalars as they are."""
    if column.ndim == 1 or old.shape[1] == column.shape[1]:
        return column, old
    width = max(old.shape[1], column.shape[1])
    one, other = (np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=np.nan) for part in (column, old))
    return one, other


def _turns(at: Any) -> Any:
    """For ascending instants: the how-manieth time each is told, from 0."""
    begins = np.append(True, np.diff(at) != 0)
    places = np.arange(len(at))
    return places - np.maximum.accumulate(np.where(begins, places, 0))
