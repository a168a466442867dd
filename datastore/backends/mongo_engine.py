"""MongoDB as an engine of `datastore.kept`: every call is carried out at once, the callers' order of writing keeps it whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock

import pymongo

from datastore.backends.mongo_collections import LAYOUT_VERSION, prepare, readings, vectors
from datastore.backends.mongo_link import Link, answering
from datastore.backends.mongo_reading import MongoReader
from datastore.backends.mongo_turn import Turn
from datastore.backends.mongo_writing import MongoWriter
from plant.errors import Unavailable
from plant.metrics import KINDS, vectors_of

_VALIDATING_S = 3600
"""How long a server may look through all of its pages for faults."""


class MongoEngine:
    """Implements `engine.Engine` on one database of a single node, a replica set or a sharded cluster."""

    has_snapshots = False

    def __init__(self, url: str, database: str = "") -> None:
        """Connects and makes what is missing; `database` overrides that of the URL. Raises ValueError for a URL that makes no sense
        or a store of a newer release, Unavailable when nobody answers."""
        self.turn = RLock()
        self._link = Link(url, database)
        self._open = True
        self._metrics: Mapping[str, int] = {}
        try:
            with answering():
                self._turn = Turn(self._link)
                with self.write() as tx:
                    found = tx.counters().get(("layout", 0), 0)
                    if found > LAYOUT_VERSION:
                        raise ValueError(
                            f"the store has telemetry layout {found}, this release knows {LAYOUT_VERSION}: use the newer release"
                        )
                    self._metrics = prepare(self._link)
                    if found < LAYOUT_VERSION:
                        tx.put_counter("layout", 0, LAYOUT_VERSION)
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        return self._open

    @contextmanager
    def read(self) -> Iterator[MongoReader]:
        self._check_open()
        with answering():
            yield MongoReader(self._link, self._metrics)  # each look its own: `kept` keeps things by it

    @contextmanager
    def write(self) -> Iterator[MongoWriter]:
        with self._writing(disk=True) as writer:
            yield writer

    @contextmanager
    def write_bulk(self) -> Iterator[MongoWriter]:
        with self._writing(disk=False) as writer:
            yield writer

    @contextmanager
    def _writing(self, disk: bool) -> Iterator[MongoWriter]:
        with self.turn, answering():
            self._check_open()
            with self._turn.taken():
                yield MongoWriter(self._link, self._metrics, self._turn, disk)

    def end_bulk(self) -> None:
        """Wait until the disk has what bulk loading wrote: the journal keeps the order, so one durable write is enough."""
        if self._open:
            with answering():
                self._link.database["state"].update_one({"_id": "bulk"}, {"$inc": {"loads": 1}}, upsert=True)

    def sizes(self) -> Iterator[tuple[str, str, int, int]]:
        kinds = {readings(kind): ("readings", kind) for kind in KINDS}
        kinds |= {vectors(kind, name): ("vectors", kind) for kind in KINDS for name in vectors_of(kind)}
        found = dict.fromkeys(kinds.values(), (0, 0))
        with self.read():
            for name in sorted(self._link.database.list_collection_names()):
                told = self._link.database.command("collStats", name)
                part = kinds.get(name, (name, ""))
                size, rows = found.get(part, (0, 0))
                found[part] = (size + int(told["storageSize"]) + int(told["totalIndexSize"]), rows + int(told["count"]))
        for (what, kind), (size, rows) in found.items():
            yield what, kind, size, rows

    def faults(self) -> list[str]:
        found = []
        with self.read(), pymongo.timeout(_VALIDATING_S):
            for name in sorted(self._link.database.list_collection_names()):
                told = self._link.database.command("validate", name)
                if not told["valid"]:
                    found.append(f"{name}: {'; '.join(told['errors']) or 'not valid'}")
        return found

    def close(self) -> None:
        self._open = False
        self._link.close()

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable("the store is closed")
