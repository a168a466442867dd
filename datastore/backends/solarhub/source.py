"""A SolarHub installation as a source of readings and of schedule events. It writes nothing."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from datastore import rollup
from datastore.backends.common import chosen_width, scalar_pairs
from datastore.backends.solarhub import awards
from datastore.backends.solarhub.caches import CacheReader
from datastore.backends.solarhub.connections import Connections
from datastore.backends.solarhub.installation import Installation
from datastore.backends.solarhub.mapping import Hash, Layout, Thing, read
from datastore.backends.solarhub.tables import Spoken, TableReader
from datastore.columns import lay_over, nothing, take, with_all
from datastore.ports import Columns, Extent, Latest, Series
from plant.errors import Unavailable
from plant.model import Device, ScheduleEvent, Value, Window

Key = tuple[str, str]

FRESH_S = 1.0
"""For so long the newest values of a device are not asked for again."""
COUNT_S = 60.0
_NEVER = -math.inf


@dataclass(slots=True)
class _Part:
    """One device: its tables, its hashes, and what was newest when it was last asked."""

    thing: Thing
    tables: list[TableReader]
    hashes: list[tuple[CacheReader, Hash]]
    asked: float = _NEVER
    heard: tuple[Spoken | None, Unavailable | None] = (None, None)
    """What is newest, None while nobody answers, and who does not."""
    counted: float = _NEVER
    extent: Extent | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class SolarHub:
    """An installation, read in place: a `Source`. A database that does not answer takes down the devices that lie in it, no others."""

    name = "SolarHub"

    def __init__(self, installation: Installation, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Reads and checks the mapping; nothing is connected before it is needed. Raises MappingError."""
        self.installation = installation
        self.layout: Layout = read(installation.mapping, installation)
        self.servers = {label: Connections(server, monotonic) for label, server in installation.servers.items()}
        self.caches = {
            label: CacheReader(cache, [one for one in self.layout.hashes if one.server == label], monotonic)
            for label, cache in installation.caches.items()
        }
        self.readers = [TableReader(table, self.servers[table.server], monotonic) for table in self.layout.tables]
        self._monotonic = monotonic
        self._parts: dict[Key, _Part] = {}
        for reader in self.readers:
            self._part(reader.table.thing).tables.append(reader)
        for one in self.layout.hashes:
            self._part(one.thing).hashes.append((self.caches[one.server], one))

    def _part(self, thing: Thing) -> _Part:
        return self._parts.setdefault((thing.device_id, thing.kind), _Part(thing, [], []))

    # -- what there is ----------------------------------------------------------------------------------------------

    def devices(self) -> list[Device]:
        """All devices the mapping speaks of: those the settings count, those that have rows, and those whose database does not answer
        now. Ordered by (device_id, kind). Raises Unavailable when no database answers."""
        self._ask(list(self._parts))
        parts = [part for _, part in sorted(self._parts.items())]
        troubles = [trouble for _, trouble in (part.heard for part in parts) if trouble]
        if troubles and all(part.heard[0] is None for part in parts):
            raise troubles[0]
        return [self._device(part) for part in parts if part.thing.counted or any(part.heard)]

    def _device(self, part: _Part) -> Device:
        thing, lies = part.thing, [f"{table.server} {table.database}.{table.name}" for table in (reader.table for reader in part.tables)]
        info = {"source": self.name, "tables": lies}
        name, site = thing.name or thing.device_id, self.installation.site_id
        return Device(thing.device_id, thing.kind, name, site, thing.parent, thing.interval_s, info=info)

    # -- newest -----------------------------------------------------------------------------------------------------

    def latest(self, devices: Sequence[Key] | None = None) -> dict[Key, Latest]:
        """As `Telemetry.latest`. Devices whose database does not answer are absent; raises Unavailable when that leaves none."""
        keys = [key for key in (self._parts if devices is None else dict.fromkeys(devices)) if key in self._parts]
        self._ask(keys)
        found, troubles, answered = {}, [], False
        for key in keys:
            newest, trouble = self._parts[key].heard
            if newest is None and trouble:
                troubles.append(trouble)
                continue
            answered = True
            if newest:
                values = {metric: value for metric, (_, value) in newest.items()}
                times = {metric: at for metric, (at, _) in newest.items()}
                at = max(times.values())
                found[key] = Latest(*key, at, at, 0, values, times)
        if troubles and not answered:
            raise troubles[0]
        return found

    def _ask(self, keys: Sequence[Key]) -> None:
        """Put what is newest now into the parts that are due. What another thread is asking for already is not asked for again; it is
        waited for only when nothing is known yet."""
        now = self._monotonic()
        due = [part for part in (self._parts[key] for key in keys) if now - part.asked >= FRESH_S]
        mine = [part for part in due if part.lock.acquire(blocking=False)]
        try:
            self._refresh(mine, now)
        finally:
            for part in mine:
                part.lock.release()
        for part in due:
            if part.asked == _NEVER:
                with part.lock:
                    pass

    def _refresh(self, parts: Sequence[_Part], now: float) -> None:
        """Redis is asked for all at once, the tables one after the other."""
        hashes = [one for part in parts for _, one in part.hashes]
        hot = {label: cache.newest([one for one in hashes if one.server == label]) for label, cache in self.caches.items()}
        for part in parts:
            found: dict[str, tuple[int, Value]] = {}
            answered, trouble = False, None
            for reader in part.tables:
                try:
                    _put_newer(found, reader.newest())
                    answered = True
                except Unavailable as error:
                    trouble = error
            for cache, one in part.hashes:
                said = hot[cache.cache.label].get(one.key, {})
                _put_newer(found, said)
                answered |= bool(said)
            part.heard = (found if answered else None, trouble)
            part.asked = now

    # -- history ----------------------------------------------------------------------------------------------------

    def columns(
        self, device_id: str, kind: str, metrics: Sequence[str], window: Window, limit: int | None = None, as_of: int | None = None
    ) -> Columns:
        """As `Telemetry.columns`; a reading was received when it was made, so `as_of` ends the window. Raises Unavailable when a
        database that has one of `metrics` does not answer."""
        end = window.end if as_of is None else min(window.end, as_of + 1)
        found = nothing(metrics)
        if end <= window.start:
            return found
        for reader in self._readers((device_id, kind), metrics):
            part = reader.columns(metrics, Window(window.start, end), limit)
            if len(part.at):
                found = lay_over(found, with_all(part, metrics))
        return found if limit is None or len(found.at) <= limit else take(found, slice(0, limit))

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
        """As `Telemetry.series`; the databases cut the window into buckets. Coverage is counted with the typical interval of the
        first thousand readings of the window."""
        width, may_be_raw = chosen_width(window, points, resolution)
        until = window.end if as_of is None else as_of + 1
        asked: dict[Key, list[str]] = {}
        for device_id, kind, name in scalar_pairs(keys, metrics):
            asked.setdefault((device_id, kind), []).append(name)
        answer: dict[tuple[str, str, str], Series] = {}
        for key, names in asked.items():
            found = self._bucketed(key, names, window, until, width, zone) if width else {}
            raw = [name for name in names if not width or (may_be_raw and found[name].n.sum() <= may_be_raw)]
            kept = self.columns(*key, raw, window, as_of=as_of) if raw else nothing([])
            for name in names:
                series = rollup.raw(key[0], name, kept.at, kept.values[name], window) if name in raw else found[name]
                answer[*key, name] = series
        return answer

    def _bucketed(self, key: Key, names: Sequence[str], window: Window, until: int, width: int, zone: str) -> Mapping[str, Series]:
        starts = rollup.edges(window, width, zone)[:-1]
        stats = {name: rollup.empty(len(starts), 1) for name in names}
        for reader in self._readers(key, names) if until > window.start else ():
            stats |= reader.buckets(names, window, until, width, zone)
        return {name: rollup.bucketed(key[0], name, width, starts, found, 0, window) for name, found in stats.items()}

    def _readers(self, key: Key, metrics: Iterable[str]) -> list[TableReader]:
        """The tables that have one of `metrics` of this device."""
        part, wanted = self._parts.get(key), set(metrics)
        if part is None:
            return []
        return [reader for reader in part.tables if any(place.metric in wanted for place in reader.table.places)]

    def extent(self, device_id: str, kind: str) -> Extent | None:
        """As `Telemetry.extent`; what is new is counted once a minute at most."""
        part = self._parts.get((device_id, kind))
        if part is None:
            return None
        if self._monotonic() - part.counted >= COUNT_S:
            counts = [count for reader in part.tables if (count := reader.count()) is not None]
            rows = {name: n for count in counts for name, n in count.rows.items()}
            first, last = min((count.first for count in counts), default=0), max((count.last for count in counts), default=0)
            part.extent = Extent(device_id, kind, first, last, rows) if counts else None
            part.counted = self._monotonic()
        return part.extent

    def events(self, window: Window, mode: str | None = None) -> list[ScheduleEvent]:
        """As `Records.events`: what the installation's schedule database has; nothing when the mapping names no such table."""
        table = self.layout.awards
        return [] if table is None else awards.events(table, self.servers[table.server], window, mode)

    # -- health -----------------------------------------------------------------------------------------------------

    def connections(self) -> dict[str, bool]:
        """Who answers now: databases by the names of the document (ess, schedule, meter, …, bess1), with `gtr:` before those of the
        second host; `redis:main`, `redis:gtr`."""
        places = {(reader.table.server, reader.table.setting, reader.table.database) for reader in self.readers}
        if self.layout.awards:
            places.add((self.layout.awards.server, self.layout.awards.setting, self.layout.awards.database))
        databases = {}
        for server, setting, database in sorted(places):
            label = setting.removeprefix("DB_NAME_").lower()
            databases[label if server == "main" else f"{server}:{label}"] = self._answers(server, database)
        return databases | {f"redis:{label}": cache.ping() for label, cache in self.caches.items()}

    def _answers(self, server: str, database: str) -> bool:
        try:
            self.servers[server].ping(database)
        except Unavailable:
            return False
        return True

    def ping(self) -> None:
        """Raises Unavailable when no database of the installation answers."""
        trouble: Unavailable | None = None
        for server, database in dict.fromkeys((reader.table.server, reader.table.database) for reader in self.readers):
            try:
                return self.servers[server].ping(database)
            except Unavailable as error:
                trouble = trouble or error
        if trouble:
            raise trouble
        return None

    def close(self) -> None:
        """Release all connections; idempotent."""
        for server in self.servers.values():
            server.close()
        for cache in self.caches.values():
            cache.close()


def _put_newer(found: dict[str, tuple[int, Value]], said: Spoken) -> None:
    """Take over what is newer, in place."""
    for metric, (at, value) in said.items():
        if metric not in found or at > found[metric][0]:
            found[metric] = (at, value)
