"""One file of a CSV archive that is read in place, with its index."""

import logging
import threading
import time
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from datastore.backends.csv_blocks import BlockFile, Place, every_row
from datastore.backends.csv_index import STILL_S, Index, Shelf, in_order, indexed, read_between
from datastore.backends.csv_layout import MetricFile
from datastore.ports import Instants, Numbers
from plant.errors import Unavailable

log = logging.getLogger(__name__)

_TAIL = 1 << 16
_STAT_S = 1.0
_KEEP_AFTER = 1 << 20
"""An index is put on the shelf again when its file has grown by so many bytes."""


def gone(path: Path, error: OSError) -> Unavailable:
    """The error for a part of the archive that cannot be read."""
    return Unavailable(f"the archive {path} cannot be read: {error.strerror or error}", path=str(path))


class ArchiveFile:
    """One file of the archive with its index, which is made on first use."""

    def __init__(self, about: MetricFile, zone: ZoneInfo, shelf: Shelf) -> None:
        self.about = about
        self._file = BlockFile(about.path, about.delimiter, UTC if zone.key == "UTC" else zone)
        self._shelf = shelf
        self._index: Index | None = None
        self._kept_size = -1
        self._looked = -_STAT_S
        self._tail: tuple[int, int, tuple[int, float] | None] | None = None
        self._lock, self._tail_lock = threading.Lock(), threading.Lock()

    def index(self) -> Index:
        """As the file is now, give or take a second."""
        with self._lock:
            if self._index is not None and time.monotonic() - self._looked < _STAT_S:
                return self._index
            if self._index is None:
                self._index = self._shelf.get(self.about.path)
                self._kept_size = self._index.size if self._index else -1
            try:
                found = indexed(self._file, self.about.begin, self._index)
            except OSError as error:
                raise gone(self.about.path, error) from error
            if found.disordered and not (self._index and self._index.disordered):
                log.warning("archive: %s is not read: its rows are not in order of time; import it", self.about.path)
            self._index, self._looked = found, time.monotonic()
            if found.size - self._kept_size > _KEEP_AFTER or self._kept_size < 0 or found.size < self._kept_size:
                self._keep()
            return found

    def keep(self) -> None:
        """Put the index on the shelf when it has changed since."""
        with self._lock:
            self._keep()

    def _keep(self) -> None:
        if self._index is not None and self._index.size != self._kept_size:
            self._shelf.put(self.about.path, self._index)
            self._kept_size = self._index.size

    def between(self, index: Index, start: int, end: int) -> tuple[Instants, Numbers]:
        """As `read_between`. Raises Unavailable."""
        try:
            return read_between(self._file, index, start, end)
        except OSError as error:
            raise gone(self.about.path, error) from error

    def run(self, begin: int, stop: int) -> tuple[Instants, Numbers]:
        """The rows in these bytes, in the file's order. Raises Unavailable."""
        try:
            parts = list(every_row(self._file, Place(begin), end=stop))
        except OSError as error:
            raise gone(self.about.path, error) from error
        if not parts:
            return np.empty(0, np.int64), np.empty(0)
        return np.concatenate([rows.at for rows in parts]), np.concatenate([rows.values for rows in parts])

    def newest(self) -> tuple[int, float] | None:
        """(instant, number) of the newest of the last rows of the file; None when it has none. Raises Unavailable."""
        try:
            stat = self.about.path.stat()
            # apart from the index: its first making takes long, and who asks for the newest shall not wait for it
            with self._tail_lock:
                if self._tail is None or self._tail[:2] != (stat.st_size, stat.st_mtime_ns):
                    finished = time.time() - stat.st_mtime > STILL_S
                    self._tail = (stat.st_size, stat.st_mtime_ns, self._newest(stat.st_size, finished))
                return self._tail[2]
        except OSError as error:
            raise gone(self.about.path, error) from error

    def _newest(self, size: int, finished: bool) -> tuple[int, float] | None:
        length = _TAIL
        while True:
            begin = self._line_from(size - length)
            newest: tuple[int, float] | None = None
            for rows in every_row(self._file, Place(begin), end=size, finished=finished):
                if len(rows.at):
                    at, values = in_order(rows.at, rows.values)
                    newest = (int(at[-1]), float(values[-1])) if newest is None or at[-1] >= newest[0] else newest
            if newest or begin <= self.about.begin:
                return newest
            length *= 8

    def _line_from(self, offset: int) -> int:
        """Where the first line begins that does so at this byte or after it."""
        if offset <= self.about.begin:
            return self.about.begin
        with self.about.path.open("rb") as file:
            file.seek(offset - 1)
            file.readline()
            return file.tell()
