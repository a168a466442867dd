"""The CSV archive of S0 read where it lies: `BESS/<device>/<metric>.csv` as a source, without importing.

Nothing is loaded: an index beside the store (`csv_index`) says where each quarter hour lies and what it comes to, so a year in a
thousand points is answered from the index and the rows at the edges of the window, and a page of readings by jumping to it. What was
said and when it was received are the same here: an archive keeps no time of receipt, so `as_of` answers what had been measured then.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from datastore import rollup
from datastore.backends.common import chosen_width, scalar_pairs
from datastore.backends.csv_file import ArchiveFile, gone
from datastore.backends.csv_index import Array, Index, Shelf, in_order
from datastore.backends.csv_layout import MetricFile, Unit, archive_folder, survey
from datastore.columns import join, nothing, take
from datastore.ports import Columns, Extent, Instants, Latest, Numbers, Series
from datastore.seal import elements
from datastore.slabs import Key, series_by_slabs
from plant.errors import Unavailable
from plant.metrics import CATALOGUE
from plant.metrics import metric as metric_of
from plant.model import QUARTER, SECOND, Device, Value, Window

log = logging.getLogger(__name__)

NAME = "archive"
_SURVEY_S = 10.0
_CACHED = 512
_FEW_BYTES = 1 << 20


class CsvArchive:
    """An archive as a `datastore.sources.Source`. `folder` holds `BESS/`; `kept` is where indexes are put (they may be deleted at any
    time). Times without a zone are of `zone` (IANA). Currents keep the sign they have in the files. Raises Unavailable when the
    folder is no archive, ValueError for a zone that is none."""

    name = NAME

    def __init__(self, folder: Path, kept: Path, zone: str = "UTC") -> None:
        found = archive_folder(folder)
        if found is None:
            raise Unavailable(f"the archive {folder} cannot be read: it holds no folder BESS")
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone!r} is not an IANA time zone such as Asia/Taipei") from None
        self._folder = found
        self._shelf = Shelf(kept, zone)
        self._units: dict[Key, Unit] = {}
        self._seen: tuple[tuple[str, int], ...] = ()
        self._surveyed = -_SURVEY_S
        self._files: dict[Path, ArchiveFile] = {}
        self._decoded: OrderedDict[tuple[Path, int, int, int], tuple[Instants, Numbers]] = OrderedDict()
        self._lock = threading.Lock()

    # -- what there is ----------------------------------------------------------------------------------------------

    def devices(self) -> list[Device]:
        return [unit.device(NAME) for unit in self._known().values()]

    def _known(self) -> dict[Key, Unit]:
        """The units, looked for again when a folder has changed."""
        with self._lock:
            if time.monotonic() - self._surveyed >= _SURVEY_S:
                try:
                    seen = _changes(self._folder)
                    if seen != self._seen:
                        self._units, self._seen = self._survey(), seen
                except OSError as error:
                    raise gone(self._folder, error) from error
                self._surveyed = time.monotonic()
            return self._units

    def _survey(self) -> dict[Key, Unit]:
        units, skipped = survey(self._folder)
        for one in skipped:
            log.warning("archive: %s is not read: %s", one.path, one.reason)
        found = {}
        for unit in units:
            plain = tuple(file for file in unit.files if not file.is_packed)
            if len(plain) < len(unit.files):
                log.warning("archive: packed files of %s are not read in place; import them, or unpack them", unit.folder)
            if plain:
                found[unit.key] = Unit(unit.device_id, unit.kind, unit.folder, plain, unit.widths)
        return found

    def _file(self, about: MetricFile) -> ArchiveFile:
        with self._lock:
            if about.path not in self._files:
                self._files[about.path] = ArchiveFile(about, self._zone, self._shelf)
            return self._files[about.path]

    def _files_of(self, key: Key, metrics: Collection[str]) -> list[ArchiveFile]:
        unit = self._known().get(key)
        return [self._file(about) for about in unit.files if about.metric in metrics] if unit else []

    # -- reading ----------------------------------------------------------------------------------------------------

    def latest(self, devices: Sequence[Key] | None = None) -> dict[Key, Latest]:
        """From the ends of the files, whatever the index knows."""
        known = self._known()
        keys = known if devices is None else [key for key in devices if key in known]
        return {key: newest for key in keys if (newest := self._latest(known[key])) is not None}

    def _latest(self, unit: Unit) -> Latest | None:
        told: dict[str, list[tuple[int, int, float]]] = {}
        for about in unit.files:
            newest = self._file(about).newest()
            if newest is not None:
                told.setdefault(about.metric, []).append((newest[0], about.element, newest[1]))
        if not told:
            return None
        times = {name: max(at for at, _, _ in said) for name, said in told.items()}
        values = {name: self._value(unit, name, [one for one in said if one[0] == times[name]]) for name, said in told.items()}
        at = max(times.values())
        return Latest(unit.device_id, unit.kind, at, at, 0, values, times)

    def _value(self, unit: Unit, name: str, said: Sequence[tuple[int, int, float]]) -> Value:
        if name not in unit.widths:
            return said[0][2]
        row = np.full(unit.widths[name], np.nan)
        for _, element, value in said:
            row[element] = value
        return elements(row)

    def columns(
        self, device_id: str, kind: str, metrics: Sequence[str], window: Window, limit: int | None = None, as_of: int | None = None
    ) -> Columns:
        for name in metrics:
            metric_of(name, kind)
        names = list(dict.fromkeys(metrics))
        unit = self._known().get((device_id, kind))
        end = window.end if as_of is None else min(window.end, as_of + 1)
        if unit is None or end <= window.start:
            return nothing(names)
        files = self._files_of(unit.key, names)
        if limit is None:
            return self._read(unit, files, names, window.start, end)
        found, start = nothing(names), window.start
        while start < end and len(found.at) < limit:
            stop = min(end, _reach([file.index() for file in files], start, end, limit - len(found.at)))
            part = self._read(unit, files, names, start, stop)
            found, start = join([found, part]) if len(found.at) else part, stop
        return take(found, slice(0, limit))

    def _read(self, unit: Unit, files: Sequence[ArchiveFile], names: Sequence[str], start: int, end: int) -> Columns:
        """What the files say of start ≤ at < end, on all the instants at which one of them speaks."""
        parts = [(file.about, *self._rows(file, start, end)) for file in files]
        at = np.unique(np.concatenate([at for _, at, _ in parts])) if parts else np.empty(0, np.int64)
        values = {name: np.full((len(at), unit.widths.get(name, 0)) if CATALOGUE[name].is_vector else len(at), np.nan) for name in names}
        for about, told, numbers in parts:
            place = np.searchsorted(at, told)
            if about.element < 0:
                values[about.metric][place] = numbers
            else:
                values[about.metric][place, about.element] = numbers
        return Columns(at, at.copy(), np.zeros(len(at), np.int64), values)

    def _rows(self, file: ArchiveFile, start: int, end: int) -> tuple[Instants, Numbers]:
        """Rows of one file; a short window is kept decoded, because who reads page by page comes back to the same quarter hours."""
        index = file.index()
        ranges = index.ranges(start, end)
        if sum(stop - begin for begin, stop in ranges) > _FEW_BYTES:
            return file.between(index, start, end)
        quarter = index.runs["quarter"]
        near = index.runs[(quarter > start - QUARTER) & (quarter < end)]
        parts = [self._decode(file, index, begin, stop) for begin, stop in near[["offset", "end"]].tolist()]
        if not parts:
            return np.empty(0, np.int64), np.empty(0)
        at, values = np.concatenate([at for at, _ in parts]), np.concatenate([values for _, values in parts])
        inside = (at >= start) & (at < end)
        return in_order(at[inside], values[inside])

    def _decode(self, file: ArchiveFile, index: Index, begin: int, stop: int) -> tuple[Instants, Numbers]:
        key = (file.about.path, index.born, begin, stop)
        with self._lock:
            if key in self._decoded:
                self._decoded.move_to_end(key)
                return self._decoded[key]
        rows = file.run(begin, stop)
        with self._lock:
            self._decoded[key] = rows
            while len(self._decoded) > _CACHED:
                self._decoded.popitem(last=False)
        return rows

    def series(
        self,
        keys: Sequence[Key],
        metrics: Sequence[str],
        window: Window,
        *,
        points: int | None = None,
        resolution: int | None = None,
        zone: str = "UTC",
        as_of: int | None = None,
    ) -> dict[tuple[str, str, str], Series]:
        """Buckets that are made of whole quarter hours come from the index, finer ones from the rows."""
        width, may_be_raw = chosen_width(window, points, resolution)
        bounds = rollup.edges(window, width, zone) if width else np.empty(0, np.int64)
        if not width or (bounds % QUARTER).any() or as_of is not None:
            return series_by_slabs(self, keys, metrics, window, points=points, resolution=resolution, zone=zone, as_of=as_of)
        answer = {}
        for device_id, kind, name in scalar_pairs(keys, metrics):
            files = self._files_of((device_id, kind), [name])
            at, fine, interval = self._pieces(files[0], window) if files else (np.empty(0, np.int64), rollup.empty(0, 1), np.nan)
            count = int(fine["n"].sum())
            if may_be_raw and count <= may_be_raw:
                found = self.columns(device_id, kind, [name], window)
                answer[device_id, kind, name] = rollup.raw(device_id, name, found.at, found.values[name], window)
                continue
            stats = rollup.combine(at, fine, bounds)
            widths = np.diff(bounds)[:, None]
            heard = np.fmin(stats["n"] * np.where(np.isnan(interval), widths, interval), widths) / SECOND
            stats["coverage"] = np.where(stats["n"] > 0, heard, 0.0)
            answer[device_id, kind, name] = rollup.bucketed(device_id, name, width, bounds[:-1], stats, 0, window)
        return answer

    def _pieces(self, file: ArchiveFile, window: Window) -> tuple[Instants, rollup.Stats, float]:
        """(starts, STATS [pieces, 1], typical interval [ms]) of the window: its whole quarters out of the index, its edges read."""
        low = min(-(-window.start // QUARTER) * QUARTER, window.end)
        high = max(window.end // QUARTER * QUARTER, low)
        sums = file.index().within(low, high)
        inner = rollup.empty(len(sums), 1)
        for name in ("n", "min", "max", "last", "sum"):
            inner[name][:, 0] = sums[name]
        head, tail = self._edge(file, window.start, low), self._edge(file, high, window.end)
        starts, parts = zip(head, (sums["quarter"], inner), tail, strict=True)
        return np.concatenate(starts), np.concatenate(parts), _interval(sums)

    def _edge(self, file: ArchiveFile, start: int, end: int) -> tuple[Instants, rollup.Stats]:
        """The rows with start ≤ at < end as one piece, or none when that is no time."""
        if start >= end:
            return np.empty(0, np.int64), rollup.empty(0, 1)
        at, values = self._rows(file, start, end)
        return np.array([start], np.int64), rollup.reduce(at, values[:, None], np.array([start, end], np.int64))

    def extent(self, device_id: str, kind: str) -> Extent | None:
        """Of a vector, the rows are those of the element that speaks most."""
        unit = self._known().get((device_id, kind))
        told = [(about.metric, self._file(about).index().quarters) for about in (unit.files if unit else ())]
        told = [(metric, quarters) for metric, quarters in told if len(quarters)]
        if not told:
            return None
        rows: dict[str, int] = {}
        for metric, quarters in told:
            rows[metric] = max(rows.get(metric, 0), int(quarters["n"].sum()))
        first, last = min(int(q["first"][0]) for _, q in told), max(int(q["until"][-1]) for _, q in told)
        return Extent(device_id, kind, first, last, rows)

    def ping(self) -> None:
        try:
            next(self._folder.iterdir(), None)
        except OSError as error:
            raise gone(self._folder, error) from error

    def connections(self) -> dict[str, bool]:
        return {self.name: self._folder.is_dir()}

    def close(self) -> None:
        """Keep the indexes as they are now."""
        with self._lock:
            for file in self._files.values():
                file.keep()


def _changes(folder: Path) -> tuple[tuple[str, int], ...]:
    """Changes when a file comes or goes."""
    return tuple((place.name, place.stat().st_mtime_ns) for place in (folder, *sorted(folder.iterdir())))


def _reach(indexes: Sequence[Index], start: int, end: int, wanted: int) -> int:
    """How far one must read from `start` on to find about `wanted` instants: the end of the quarter in which the densest file has them."""
    found = end
    for index in indexes:
        quarters = index.within(start - QUARTER + 1, end)
        place = int(np.searchsorted(np.cumsum(quarters["n"]), wanted))
        if place < len(quarters):
            found = min(found, int(quarters["quarter"][place]) + QUARTER)
    return found


def _interval(sums: Array) -> float:
    """How far apart the readings of these quarters typically are [ms]; NaN for fewer than two."""
    several = sums[sums["n"] > 1]
    if len(several) * 2 >= len(sums) and len(several):
        return float(np.median((several["until"] - several["first"]) / (several["n"] - 1)))
    return float(np.median(np.diff(sums["first"]))) if len(sums) > 1 else np.nan
