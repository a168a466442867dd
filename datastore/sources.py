"""Readings that lie elsewhere and are read where they lie, beside the store's own; together they answer as one Telemetry.

A `Source` never changes: nothing is written to it. What the store itself keeps of a device lies over what a source has of it: at
an instant both know, the store wins with what it says and what it leaves open shows through. Of several sources that have the same
(device_id, kind), the first one counts.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from datastore import rollup
from datastore.backends.common import chosen_width, scalar_pairs
from datastore.columns import lay_over, take
from datastore.ports import Columns, Extent, Instants, Latest, Outcome, Series, Telemetry
from datastore.slabs import Key, Reader, series_by_slabs, slabs
from plant.errors import Unavailable
from plant.model import Block, Device, Window

log = logging.getLogger(__name__)

_ASK_AGAIN_S = 30.0


class Source(Reader, Protocol):
    """Readings of a foreign place, read only, with the meaning of the methods of `ports.Telemetry` of the same name.

    Values are in the catalogue's units and signs. Where the place keeps no time of receipt, a reading was received when it was made.
    Every method raises Unavailable, with a sentence that names the source and repeats no password, while the place does not answer.
    """

    name: str
    """What people call it: stands in `Device.info["source"]`, in health and in errors. Not empty."""

    def devices(self) -> list[Device]:
        """All it has readings of, as they should be registered: with `info={"source": name, …}`. Ordered by (device_id, kind)."""

    def latest(self, devices: Sequence[Key] | None = None) -> dict[Key, Latest]:
        """As `Telemetry.latest`; asked often, so it must be cheap. Devices it does not know are absent."""

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
        """As `Telemetry.series`; a source without rollups of its own calls `series_by_slabs(self, …)`."""

    def ping(self) -> None:
        """Raises Unavailable when it does not answer."""

    def connections(self) -> dict[str, bool]:
        """What it is made of (databases, folders) by name, and whether each answers now."""

    def close(self) -> None:
        """Release everything; idempotent."""


class Federated:
    """A store's own telemetry and read-only sources as one Telemetry. Whatever writes, packs or deletes concerns the own one only.

    A source that does not answer takes down only questions about its own devices; from `latest` its devices are absent meanwhile.
    """

    def __init__(self, main: Telemetry, sources: Sequence[Source]) -> None:
        self.main = main
        self.sources = tuple(sources)
        self._owners: dict[Key, Source] = {}
        self._silent = set(range(len(self.sources)))
        self._ask_at = 0.0
        self._doubles: dict[Key, tuple[Extent, Extent, dict[str, int]]] = {}
        self._asked = False
        self._surveying = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        """What the own telemetry can do beyond the port (`load_many`, doctor, backup, …)."""
        if name == "main":
            raise AttributeError(name)
        return getattr(self.main, name)

    def owner(self, key: Key) -> Source | None:
        """The source that has readings of this device; None when none has, or none that has answered yet."""
        # all wait for the first survey; later ones are made by one caller while the others go on with what is known
        if self._silent and time.monotonic() >= self._ask_at and self._surveying.acquire(blocking=not self._asked):
            try:
                if time.monotonic() >= self._ask_at:
                    self._survey()
            finally:
                self._surveying.release()
        return self._owners.get(key)

    def _survey(self) -> None:
        """Ask the sources that have not answered yet what they have."""
        owners = dict(self._owners)
        for place in sorted(self._silent):
            try:
                found = self.sources[place].devices()
            except Unavailable as error:
                log.warning("source %s: %s", self.sources[place].name, error.message)
                continue
            self._silent.discard(place)
            for device in found:
                key = (device.device_id, device.kind)
                rival = owners.get(key)
                if rival is None or self.sources.index(rival) > place:
                    owners[key] = self.sources[place]
        self._owners = owners
        self._asked = True
        self._ask_at = time.monotonic() + _ASK_AGAIN_S

    # -- in: the own store ------------------------------------------------------------------------------------------

    def append(self, blocks: Sequence[Block]) -> list[Outcome]:
        return self.main.append(blocks)

    def load(self, device_id: str, kind: str, columns: Columns) -> int:
        return self.main.load(device_id, kind, columns)

    def forget(self, kind: str, before: int) -> int:
        return self.main.forget(kind, before)

    def seal(self, before: int) -> int:
        return self.main.seal(before)

    def maintain(self) -> None:
        self.main.maintain()

    def ping(self) -> None:
        self.main.ping()

    def connections(self) -> dict[str, bool]:
        """What the sources are made of, by name, and whether each part answers now."""
        return {part: answers for source in self.sources for part, answers in source.connections().items()}

    def close(self) -> None:
        """Close the sources, then the own store."""
        for source in self.sources:
            source.close()
        self.main.close()

    # -- out --------------------------------------------------------------------------------------------------------

    def latest(self, devices: Sequence[Key] | None = None) -> dict[Key, Latest]:
        own = self.main.latest(devices)
        wanted: dict[int, list[Key]] = {}
        self.owner(("", ""))  # the moment to ask those that were silent
        owners = self._owners
        for key in owners if devices is None else devices:
            if key in owners:
                wanted.setdefault(self.sources.index(owners[key]), []).append(key)
        for place, keys in wanted.items():
            try:
                found = self.sources[place].latest(keys)
            except Unavailable as error:
                log.warning("source %s: %s", self.sources[place].name, error.message)
                continue
            for key, theirs in found.items():
                own[key] = _newest(theirs, own[key]) if key in own else theirs
        return own if devices is None else {key: own[key] for key in devices if key in own}

    def columns(
        self, device_id: str, kind: str, metrics: Sequence[str], window: Window, limit: int | None = None, as_of: int | None = None
    ) -> Columns:
        own = self.main.columns(device_id, kind, metrics, window, limit, as_of)
        source = self.owner((device_id, kind))
        if source is None:
            return own
        return _together(source.columns(device_id, kind, metrics, window, limit, as_of), own, limit)

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
        asked: dict[int, tuple[Any, list[Key]]] = {}
        for key in dict.fromkeys(keys):
            teller = self._teller(key, metrics, window)
            asked.setdefault(id(teller), (teller, []))[1].append(key)
        found: dict[tuple[str, str, str], Series] = {}
        for teller, mine in asked.values():
            found |= teller.series(mine, metrics, window, points=points, resolution=resolution, zone=zone, as_of=as_of)
        return {(*key, name): found[*key, name] for key in keys for name in metrics if (*key, name) in found}

    def _teller(self, key: Key, metrics: Sequence[str], window: Window) -> Any:
        """Who answers for this device in this window: the own store, a source, or both together."""
        source = self.owner(key)
        if source is None:
            return self.main
        names = [name for _, _, name in scalar_pairs([key], metrics)]
        own = self.main.columns(*key, names, window, limit=1).at if names else np.empty(0, np.int64)
        if not len(own):
            return source
        theirs = source.extent(*key)
        if theirs is None or theirs.last < window.start or theirs.first >= window.end:
            return self.main
        return _Both(self.main, source, int(own[0]))

    def extent(self, device_id: str, kind: str) -> Extent | None:
        own, source = self.main.extent(device_id, kind), self.owner((device_id, kind))
        theirs = source.extent(device_id, kind) if source else None
        if own is None or theirs is None or source is None:
            return own or theirs
        doubles = self._doubles_of(source, own, theirs)
        rows = {name: own.rows.get(name, 0) + theirs.rows.get(name, 0) - doubles.get(name, 0) for name in {**own.rows, **theirs.rows}}
        return Extent(device_id, kind, min(own.first, theirs.first), max(own.last, theirs.last), rows)

    def bounds(self, device_id: str, kind: str) -> tuple[int, int] | None:
        own, source = self.main.bounds(device_id, kind), self.owner((device_id, kind))
        theirs = source.extent(device_id, kind) if source else None
        if theirs is None:
            return own
        return (theirs.first, theirs.last) if own is None else (min(own[0], theirs.first), max(own[1], theirs.last))

    def _doubles_of(self, source: Source, own: Extent, theirs: Extent) -> dict[str, int]:
        """Readings per metric that both have; counted a day at a time, and again only when something has changed."""
        key = (own.device_id, own.kind)
        known = self._doubles.get(key)
        if known and known[:2] == (own, theirs):
            return known[2]
        names = [name for name in own.rows if name in theirs.rows]
        doubles = dict.fromkeys(names, 0)
        end = min(own.last, theirs.last)
        for part in slabs(Window(own.first, own.last + 1), theirs.first, end) if names else ():
            one, other = source.columns(*key, names, part), self.main.columns(*key, names, part)
            _, left, right = np.intersect1d(one.at, other.at, assume_unique=True, return_indices=True)
            for name in names:
                doubles[name] += int(np.count_nonzero(_told(one.values[name][left]) & _told(other.values[name][right])))
        self._doubles[key] = (own, theirs, doubles)
        return doubles


def own(telemetry: Telemetry) -> Telemetry:
    """The store's own telemetry, without what is read elsewhere: for whoever asks what is still to be written."""
    return telemetry.main if isinstance(telemetry, Federated) else telemetry


class _Both:
    """One device of which the own store speaks from the instant `seam` on (within the window asked for), and a source too."""

    def __init__(self, main: Telemetry, source: Source, seam: int) -> None:
        self._main, self._source, self._seam = main, source, seam

    def columns(
        self, device_id: str, kind: str, metrics: Sequence[str], window: Window, limit: int | None = None, as_of: int | None = None
    ) -> Columns:
        own = self._main.columns(device_id, kind, metrics, window, limit, as_of)
        return _together(self._source.columns(device_id, kind, metrics, window, limit, as_of), own, limit)

    def extent(self, device_id: str, kind: str) -> Extent | None:
        own, theirs = self._main.extent(device_id, kind), self._source.extent(device_id, kind)
        if own is None or theirs is None:
            return own or theirs
        return Extent(device_id, kind, min(own.first, theirs.first), max(own.last, theirs.last))

    def series(
        self,
        keys: Sequence[Key],
        metrics: Sequence[str],
        window: Window,
        *,
        points: int | None,
        resolution: int | None,
        zone: str,
        as_of: int | None,
    ) -> dict[tuple[str, str, str], Series]:
        """Of one device. When all of the source's readings are older than the own ones, each answers for its side of the seam from
        its rollups; else the readings are laid over each other and counted."""
        key = keys[0]
        theirs = self._source.extent(*key)
        width, may_be_raw = chosen_width(window, points, resolution)
        if theirs is None or theirs.last >= self._seam or not width or as_of is not None:
            return series_by_slabs(self, keys, metrics, window, points=points, resolution=resolution, zone=zone, as_of=as_of)
        answer: dict[tuple[str, str, str], Series] = {}
        names = [name for _, _, name in scalar_pairs(keys, metrics)]
        bucketed = []
        for name in names:
            found = self.columns(*key, [name], window, limit=may_be_raw + 1) if may_be_raw else None
            if found is not None and len(found.at) <= may_be_raw:
                answer[*key, name] = rollup.raw(key[0], name, found.at, found.values[name], window)
            else:
                bucketed.append(name)
        before, after = Window(window.start, self._seam), Window(self._seam, window.end)
        older = self._source.series(keys, bucketed, before, resolution=width, zone=zone) if bucketed else {}
        newer = self._main.series(keys, bucketed, after, resolution=width, zone=zone) if bucketed else {}
        starts = rollup.edges(window, width, zone)[:-1] if bucketed else np.empty(0, np.int64)
        for name in bucketed:
            answer[*key, name] = _end_to_end(older[*key, name], newer[*key, name], starts, before.length, after.length)
        return {(*key, name): answer[*key, name] for name in names}


def _end_to_end(older: Series, newer: Series, starts: Instants, before: int, after: int) -> Series:
    """Buckets of two neighbouring windows of `before` and `after` [ms] as those of both; one bucket may be in both."""
    stats = rollup.empty(len(starts), 2)
    for column, part in enumerate((older, newer)):
        place = np.searchsorted(starts, part.at)
        for name in ("n", "min", "max", "last", "sum"):
            stats[name][place, column] = getattr(part, name)
    n = stats["n"].sum(axis=1).astype(np.float64)
    total = np.where(n > 0, np.nansum(stats["sum"], axis=1), np.nan)
    low, high = np.fmin(*stats["min"].T), np.fmax(*stats["max"].T)
    last = np.where(np.isnan(stats["last"][:, 1]), stats["last"][:, 0], stats["last"][:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.fmin(np.fmax(total / n, low), high)
    coverage = (older.coverage * before + newer.coverage * after) / (before + after)
    return replace(newer, at=starts, mean=mean, min=low, max=high, last=last, sum=total, n=n, coverage=coverage)


def _newest(theirs: Latest, own: Latest) -> Latest:
    """The newest of both, metric by metric; of equal age, the own."""
    head = theirs if theirs.at > own.at else own
    newer = {name for name, at in theirs.times.items() if at > own.times.get(name, at - 1)}
    values = {**own.values, **{name: theirs.values[name] for name in newer}}
    times = {**own.times, **{name: theirs.times[name] for name in newer}}
    return replace(head, values=values, times=times)


def _together(under: Columns, over: Columns, limit: int | None) -> Columns:
    found = lay_over(under, over)
    return found if limit is None or len(found.at) <= limit else take(found, slice(0, limit))


def _told(column: Any) -> Any:
    return ~np.isnan(column) if column.ndim == 1 else (~np.isnan(column)).any(axis=1)
